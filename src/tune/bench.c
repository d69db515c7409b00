#include "tune/bench.h"

#include <stdlib.h>
#include <string.h>

#include "backend/calibrate.h"
#include "backend/resolved-model.h"
#include "base/busy.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/throttle.h"
#include "measure/series.h"
#include "record/sweep-record.h"
#include "tune/agreement.h"
#include "tune/bench-handling.h"
#include "tune/bench-pictures.h"

#define IMAGES BT_BENCH_IMAGES

/* The warm-up of a size ends when WARM_UP_STEADY runs in a row are on one level, within WARM_UP_TOLERANCE, and at
 * the latest after WARM_UP_RUNS runs or WARM_UP_S seconds. More of any of them costs each size that much of the
 * time budget; fewer leaves runs that pay for caches, allocators and tuning among the first that are timed. A
 * wider tolerance ends it sooner, and on a machine that still speeds up. */
#define WARM_UP_RUNS      12
#define WARM_UP_S         2.0
#define WARM_UP_STEADY    4
#define WARM_UP_TOLERANCE 0.1

struct bt_bench {
    bt_open_order order;
    bt_session_options session; /* its strings are the order's; its threads are each instance's */
    bt_resolved_model model;
    bt_team *team;
    bt_session *standard;   /* opens when it is first needed, with the threads of all instances */
    float *images, *logits; /* capacity images of the model's size */
    int capacity;
    float *reference; /* the standard path's logits of the first `referred` images */
    int referred;
    bool prepared[BT_BATCH_MAX + 1];
    int last_batch; /* of the last production run: another size is run once untimed first */
};

static size_t pixels(const bt_bench *b) {
    return (size_t)b->session.height * (size_t)b->session.width;
}

/* What a run gives for an image. */
static size_t values(const bt_bench *b) {
    return (size_t)bt_team_session(b->team)->info.classes * pixels(b);
}

static float *image_at(const bt_bench *b, int index) {
    return b->images + (size_t)index * 3 * pixels(b);
}

/* Images [from, to): the distinct ones first, then the same in turn. */
static bt_status fill_images(bt_bench *b, int from, int to, bt_error *error) {
    bt_status status = BT_OK;
    if (from == 0) status = bt_bench_pictures(b->images, &b->order, &b->model.model.norm, 0, IMAGES, error);
    for (int i = from < IMAGES ? IMAGES : from; i < to && status == BT_OK; i++)
        memcpy(image_at(b, i), image_at(b, i % IMAGES), 3 * pixels(b) * sizeof(float));
    return status;
}

static bt_status make_room(bt_bench *b, int batch_size, bt_error *error) {
    float *images = realloc(b->images, (size_t)batch_size * 3 * pixels(b) * sizeof *images);
    if (images) b->images = images;
    float *logits = realloc(b->logits, (size_t)batch_size * values(b) * sizeof *logits);
    if (logits) b->logits = logits;
    if (!images || !logits) return bt_no_memory(error, "a batch of %d images", batch_size);
    b->capacity = batch_size;
    return BT_OK;
}

/* Room and images for `batch_size`, and at least the distinct ones. */
static bt_status ensure_images(bt_bench *b, int batch_size, bt_error *error) {
    const int from = b->capacity;
    if (batch_size < IMAGES) batch_size = IMAGES;
    if (batch_size <= from) return BT_OK;
    bt_status status = make_room(b, batch_size, error);
    if (status != BT_OK) return status;
    if (bt_team_session(b->team)->info.computes_masks) return fill_images(b, from, batch_size, error);
    memset(image_at(b, from), 0, (size_t)(batch_size - from) * 3 * pixels(b) * sizeof(float));
    return BT_OK;
}

/* ---- timing ---- */

/* `runs` of the team's, all instances at a time. */
static bt_status time_team(bt_bench *b, int batch_size, int runs, double *samples_ms, bt_error *error) {
    return bt_team_time(b->team, batch_size, runs, b->images, b->logits, samples_ms, error);
}

static bt_status warm_up(bt_bench *b, int batch_size, bt_error *error) {
    double samples_ms[WARM_UP_RUNS], scratch[4 * WARM_UP_RUNS];
    int64_t start_ns = bt_clock_now_ns();
    for (int runs = 1; runs <= WARM_UP_RUNS; runs++) {
        bt_status status = time_team(b, batch_size, 1, &samples_ms[runs - 1], error);
        if (status != BT_OK) return status;
        bool steady = runs > WARM_UP_STEADY && bt_steady_from(samples_ms, (size_t)runs, WARM_UP_STEADY,
                                                              WARM_UP_TOLERANCE, scratch) != BT_NOT_STEADY;
        if (steady || bt_ms(bt_clock_now_ns() - start_ns) > 1e3 * WARM_UP_S) break;
    }
    b->last_batch = batch_size;
    return BT_OK;
}

static bt_status ensure_prepared(bt_bench *b, int batch_size, bt_error *error) {
    bt_status status = ensure_images(b, batch_size, error);
    if (status != BT_OK || b->prepared[batch_size]) return status;
    status = bt_team_prepare(b->team, batch_size, values(b), error);
    if (status == BT_OK) status = warm_up(b, batch_size, error);
    b->prepared[batch_size] = status == BT_OK;
    return status;
}

/* ---- steps ---- */

static bt_status step_memory(bt_bench *b, const bt_step *step, bt_step_result *result, bt_error *error) {
    bt_memory memory;
    bt_status status =
        ensure_images(b, step->batch_size, error); /* decoding takes memory that is not the model's */
    if (status == BT_OK) status = bt_session_memory_reset(bt_team_session(b->team), error);
    if (status == BT_OK) status = ensure_prepared(b, step->batch_size, error);
    if (status == BT_OK) status = bt_session_memory(bt_team_session(b->team), &memory, error);
    if (status != BT_OK) return status;
    result->memory_mb = (double)(memory.used_peak_bytes - memory.before_bytes) / BT_MIB;
    result->memory_total_used_mb = (double)memory.used_peak_bytes / BT_MIB;
    result->memory_device_mb = (double)memory.total_bytes / BT_MIB;
    return BT_OK;
}

/* Another size's run leaves the caches and the allocator as this size would not find them in service. */
static bt_status run_untimed(bt_bench *b, int batch_size, bt_error *error) {
    if (b->last_batch == batch_size) return BT_OK;
    b->last_batch = batch_size;
    double ignored_ms;
    return time_team(b, batch_size, 1, &ignored_ms, error);
}

/* One turn of timed runs. Where others used the cores meanwhile, the result says so. */
static bt_status step_measure(bt_bench *b, const bt_step *step, bt_step_result *result, bt_error *error) {
    bool on_cores =
        !bt_team_session(b->team)->info.device_memory; /* else neighbours on the cores matter little */
    bt_status status = ensure_prepared(b, step->batch_size, error);
    if (status == BT_OK) status = run_untimed(b, step->batch_size, error);
    const bt_busy before = bt_busy_now();
    const bt_throttle_mark mark = bt_throttle_now();
    if (status == BT_OK) status = time_team(b, step->batch_size, step->runs, result->samples_ms, error);
    result->disturbed = on_cores && bt_busy_others_since(&before) > BT_BENCH_OTHERS_CORES;
    result->throttling = bt_throttle_since(&mark);
    if (status == BT_OK) result->sample_count = step->runs;
    return status;
}

/* A worker of that size runs nothing else: one image is drawn. */
static bt_status step_full_size(bt_bench *b, bt_step_result *result, bt_error *error) {
    bt_status status = b->capacity ? BT_OK : make_room(b, 1, error);
    if (status == BT_OK) status = bt_bench_pictures(b->images, &b->order, &b->model.model.norm, 0, 1, error);
    if (status == BT_OK) status = bt_team_prepare(b->team, 1, values(b), error);
    if (status == BT_OK) status = time_team(b, 1, 1, result->samples_ms, error);
    if (status == BT_OK) result->sample_count = 1;
    return status;
}

static bt_status ensure_standard(bt_bench *b, bt_error *error) {
    if (b->standard) return BT_OK;
    bt_session_options options = b->session;
    options.path = BT_PATH_STANDARD;
    options.threads *= b->order.instances; /* 0 stays 0: all */
    bt_status status = bt_session_open(&b->standard, &options, error);
    if (status == BT_OK && b->standard->info.classes != bt_team_session(b->team)->info.classes)
        status = bt_fail(error, BT_INVALID, "its file gives other classes than before: it has changed");
    if (status == BT_OK) status = bt_session_prepare(b->standard, 1, error);
    if (status != BT_OK) bt_session_close(&b->standard);
    return status;
}

/* Runs of the standard path, one image each; what it needed of the cores is given back to a team. */
static bt_status time_standard(bt_bench *b, int runs, double *samples_ms, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < runs && status == BT_OK; i++) {
        int64_t start_ns = bt_clock_now_ns();
        status = bt_session_run(b->standard, 1, b->images, b->logits, error);
        samples_ms[i] = bt_ms(bt_clock_now_ns() - start_ns);
    }
    if (b->order.instances > 1) bt_session_release_threads(b->standard);
    return status;
}

static bt_status step_standard(bt_bench *b, const bt_step *step, bt_step_result *result, bt_error *error) {
    double ignored_ms;
    bt_status status = ensure_images(b, 1, error);
    if (status == BT_OK) status = ensure_standard(b, error);
    if (status == BT_OK) status = time_standard(b, 1, &ignored_ms, error);
    const bt_throttle_mark mark = bt_throttle_now();
    if (status == BT_OK) status = time_standard(b, step->runs, result->samples_ms, error);
    result->throttling = bt_throttle_since(&mark);
    if (status == BT_OK) result->sample_count = step->runs;
    b->last_batch = 0;
    return status;
}

/* The standard path's logits of the first `count` images at least. */
static bt_status ensure_reference(bt_bench *b, int count, bt_error *error) {
    bt_status status = ensure_standard(b, error);
    if (status == BT_OK && !b->reference) b->reference = malloc(IMAGES * values(b) * sizeof *b->reference);
    if (status == BT_OK && !b->reference) return bt_no_memory(error, "the reference logits");
    while (b->referred < count && status == BT_OK) {
        status = bt_session_run(b->standard, 1, image_at(b, b->referred),
                                b->reference + (size_t)b->referred * values(b), error);
        b->referred += status == BT_OK;
    }
    return status;
}

/* What was computed of the first `count` images, against the reference's `referred` ones. */
static bt_status compare(const bt_bench *b, const float *reference, int referred, int count,
                         bt_step_result *result, bt_error *error) {
    const bt_agreement agreement = {.output = b->model.model.output,
                                    .pixels = pixels(b),
                                    .classes = bt_team_session(b->team)->info.classes,
                                    .map = &b->model.model.map,
                                    .reference = reference,
                                    .reference_count = referred,
                                    .logits = b->logits,
                                    .count = count};
    return bt_agreement_compare(&agreement, result, error);
}

static bt_status step_agreement(bt_bench *b, const bt_step *step, bt_step_result *result, bt_error *error) {
    bt_status status = ensure_prepared(b, step->batch_size, error);
    if (status == BT_OK) status = ensure_reference(b, IMAGES, error);
    if (status == BT_OK) status = bt_team_run(b->team, step->batch_size, b->images, b->logits, error);
    b->last_batch = 0;
    return status == BT_OK ? compare(b, b->reference, b->referred, step->batch_size, result, error) : status;
}

/* The first `count` images, one at a time, into `logits`. */
static bt_status run_images(bt_bench *b, int count, bt_error *error) {
    bt_status status = ensure_prepared(b, 1, error);
    for (int i = 0; i < count && status == BT_OK; i++)
        status = bt_team_run(b->team, 1, image_at(b, i), b->logits + (size_t)i * values(b), error);
    b->last_batch = 0;
    return status;
}

static bt_status step_reference(bt_bench *b, const bt_step *step, bt_error *error) {
    const int count = step->runs < IMAGES ? step->runs : IMAGES;
    if (!bt_team_session(b->team)->info.trained_weights)
        return BT_OK; /* masks of random numbers say nothing */
    bt_status status = run_images(b, count, error);
    if (status != BT_OK) return status;
    return bt_file_replace(b->order.reference, b->logits, (size_t)count * values(b) * sizeof *b->logits,
                           false, error);
}

/* With what FP32 was seen to give, or else with the standard path. */
static bt_status step_masks(bt_bench *b, const bt_step *step, bt_step_result *result, bt_error *error) {
    const int count = step->runs < IMAGES ? step->runs : IMAGES;
    if (!bt_team_session(b->team)->info.trained_weights) return BT_OK;
    float *given = bt_bench_logits(b->order.reference, (size_t)count * values(b), IMAGES * values(b));
    bt_status status = run_images(b, count, error);
    if (status == BT_OK && !given) status = ensure_reference(b, count, error);
    if (status == BT_OK)
        status = compare(b, given ? given : b->reference, given ? count : b->referred, count, result, error);
    free(given);
    return status;
}

/* On pictures after those that are compared, so that what they agree on was not fitted to them. */
static bt_status step_calibrate(bt_bench *b, const bt_step *step, bt_error *error) {
    float *images = malloc((size_t)step->runs * 3 * pixels(b) * sizeof *images);
    if (!images) return bt_no_memory(error, "%d pictures", step->runs);
    const bt_calibrate_options options = {
        .session = &b->session,
        .images = images,
        .count = step->runs,
        .source = b->order.images[0] ? b->order.images : "synthetic",
        .wanted_iou = bt_team_session(b->team)->info.trained_weights ? b->order.min_mask_iou : 0};
    bt_status status = bt_bench_pictures(images, &b->order, &b->model.model.norm, IMAGES, step->runs, error);
    if (status == BT_OK) status = bt_calibrate(NULL, b->order.calibration, &options, error);
    b->last_batch = 0;
    free(images);
    return status;
}

static bt_status step_handling(bt_bench *b, const bt_step *step, bt_step_result *result, bt_error *error) {
    bt_status status = ensure_prepared(b, 1, error);
    if (status != BT_OK) return status;
    const bt_handling handling = {.order = &b->order,
                                  .team = b->team,
                                  .model = &b->model.model,
                                  .images = b->images,
                                  .slots = IMAGES,
                                  .logits = b->logits};
    const int runs = step->runs < BT_MAX_TURN_SAMPLES ? step->runs : BT_MAX_TURN_SAMPLES;
    b->last_batch = 0;
    status = step->kind == BT_STEP_IDLE ? bt_idle_time(b->team, b->images, b->logits, runs,
                                                       result->samples_ms, &result->sample_count, error)
                                        : bt_handling_time(&handling, step->kind, runs, result->samples_ms,
                                                           &result->sample_count, error);
    if (status != BT_OK) result->sample_count = 0;
    return status;
}

bt_status bt_bench_run(bt_bench *bench, const bt_step *step, bt_step_result *result, bt_error *error) {
    if (step->batch_size < 1 || step->batch_size > BT_BATCH_MAX)
        return bt_fail(error, BT_INVALID, "%d is no batch size", step->batch_size);
    switch (step->kind) {
    case BT_STEP_MEMORY:
    case BT_STEP_FRESH_MEMORY:
    case BT_STEP_STANDARD_MEMORY:
        return step_memory(bench, step, result, error);
    case BT_STEP_MEASURE:
        return step_measure(bench, step, result, error);
    case BT_STEP_AGREEMENT:
        return step_agreement(bench, step, result, error);
    case BT_STEP_STANDARD:
        return step_standard(bench, step, result, error);
    case BT_STEP_FULL_SIZE:
        return step_full_size(bench, result, error);
    case BT_STEP_CALIBRATE:
        return step_calibrate(bench, step, error);
    case BT_STEP_REFERENCE:
        return step_reference(bench, step, error);
    case BT_STEP_MASKS:
        return step_masks(bench, step, result, error);
    case BT_STEP_PREPARE:
    case BT_STEP_DELIVER:
    case BT_STEP_IDLE:
        return step_handling(bench, step, result, error);
    case BT_STEP_BESIDE:
    case BT_STEP_TURNS: /* of two benches */
    case BT_STEP_DONE:
        break;
    }
    return bt_fail(error, BT_INVALID, "nothing to do");
}

/* ---- opening ---- */

/* A worker's door: what crossed to it are names. Of a simulation only the default normalisation is needed. */
static bt_status resolve_model(bt_bench *b, bt_error *error) {
    const bt_model_request request = {.name = b->order.model,
                                      .backend = b->order.backend,
                                      .usual_file = b->order.model_file,
                                      .usual_weights = b->order.weights,
                                      .only_named_if_simulated = true,
                                      .label = BT_LABEL_KEYS};
    bt_status status = bt_model_resolve(&b->model, &request, error);
    b->session.resolved = &b->model.model;
    return status;
}

bt_status bt_bench_open(bt_bench **out, const bt_open_order *order, bt_error *error) {
    bt_bench *b = *out = calloc(1, sizeof *b);
    if (!b) return bt_no_memory(error, "a worker");
    b->order = *order;
    b->session = bt_open_order_session(&b->order);
    bt_status status = resolve_model(b, error);
    if (status == BT_OK)
        status = (order->neighbour_batch_size > 0 ? bt_team_open_apart : bt_team_open)(
            &b->team, &b->session, order->instances, error);
    if (status != BT_OK) bt_bench_close(out);
    return status;
}

void bt_bench_close(bt_bench **bench) {
    bt_bench *b = *bench;
    if (!b) return;
    bt_team_close(&b->team);
    bt_session_close(&b->standard);
    free(b->images);
    free(b->logits);
    free(b->reference);
    free(b);
    *bench = NULL;
}

bt_status bt_bench_ready(bt_bench *bench, int batch_size, bt_bench_view *out, bt_error *error) {
    bt_status status = ensure_prepared(bench, batch_size, error);
    *out = (bt_bench_view){bench->team, bench->images, bench->logits, batch_size};
    bench->last_batch = 0;
    return status;
}

int bt_bench_neighbour_batch(const bt_bench *bench) {
    return bench->order.neighbour_batch_size;
}

bt_status bt_bench_describe(const bt_bench *bench, bt_worker_facts *facts, bt_error *error) {
    bt_session *session = bt_team_session(bench->team);
    bt_memory memory = {0};
    bt_status status = bt_session_memory(session, &memory, error);
    if (status != BT_OK) return status;
    *facts =
        (bt_worker_facts){.info = *bt_session_describe(session), .total_memory_bytes = memory.total_bytes};
    return BT_OK;
}
