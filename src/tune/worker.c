#include "tune/worker.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/busy.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "base/throttle.h"
#include "image/folder.h"
#include "image/normalize.h"
#include "image/resize.h"
#include "image/spheroids.h"
#include "measure/series.h"
#include "networks/model.h"
#include "record/config.h"
#include "tune/step.h"
#include "tune/team.h"

#define IMAGES            BT_WORKER_IMAGES
#define WARM_UP_RUNS      12 /* at most */
#define WARM_UP_S         2.0
#define WARM_UP_STEADY    4 /* runs without a change of level end the warm-up */
#define WARM_UP_TOLERANCE 0.1
#define OTHERS_CORES      0.25 /* more than this used by others disturbs a turn */
#define MIB               1048576.0
#define SIZES_MAX         65536

/* What an open order says, as it crosses: its strings live here, the session's options point to them. */
typedef struct order {
    char backend[BT_OPTION_TEXT_SIZE], weights[BT_OPTION_TEXT_SIZE], device[BT_OPTION_TEXT_SIZE];
    char images[BT_OPTION_TEXT_SIZE]; /* a folder; "": drawn ones */
    bt_picture_wishes wishes;
    char model_file[BT_OPTION_TEXT_SIZE];
    char model[BT_NAME_SIZE];
    bt_session_options session; /* its threads are each instance's */
    int instances;
    int64_t seed;
} order;

typedef struct worker {
    order order;
    bt_image_norm norm; /* of the model's images */
    bt_image_output output;
    bt_team *team;
    bt_session *standard;   /* opens when it is first needed, with the threads of all instances */
    float *images, *logits; /* capacity images of the model's size */
    int capacity;
    float *reference; /* the standard path's logits of the IMAGES images; NULL until computed */
    bool prepared[SIZES_MAX + 1];
    int last_batch; /* of the last production run: another size is run once untimed first */
} worker;

static size_t pixels(const worker *w) {
    return (size_t)w->order.session.height * (size_t)w->order.session.width;
}

/* ---- images ------------------------------------------------------------------ */

static float *image_at(const worker *w, int index) {
    return w->images + (size_t)index * 3 * pixels(w);
}

static bt_status draw_images(worker *w, bt_error *error) {
    int height = w->order.session.height, width = w->order.session.width;
    uint8_t *rgb = malloc(3 * pixels(w));
    if (!rgb) return bt_no_memory(error, "an image");
    bt_status status = BT_OK;
    for (int i = 0; i < IMAGES && status == BT_OK; i++) {
        status = bt_spheroids_draw((uint64_t)w->order.seed, (uint64_t)i, height, width, rgb, NULL, error);
        if (status == BT_OK) bt_image_normalize(rgb, height, width, &w->norm, image_at(w, i));
    }
    free(rgb);
    return status;
}

/* A folder's pictures, one at a time; where there are fewer, they come again. */
static bt_status load_images(worker *w, bt_error *error) {
    int height = w->order.session.height, width = w->order.session.width;
    bt_picture_folder *folder;
    bt_status status = bt_picture_folder_open(&folder, w->order.images, IMAGES, error);
    if (status != BT_OK) return status;
    void *scratch = malloc(bt_image_scratch_bytes(BT_IMAGE_SIDE_MAX, height, width));
    if (!scratch) status = bt_no_memory(error, "an image");
    for (int i = 0; i < IMAGES && status == BT_OK; i++) {
        bt_picture picture;
        status = bt_picture_folder_load(folder, i % folder->count, &w->order.wishes, &picture, error);
        if (status == BT_OK)
            bt_image_prepare(picture.rgb, picture.height, picture.width, &w->norm, image_at(w, i), height,
                             width, 1, scratch);
        bt_picture_close(&picture);
    }
    free(scratch);
    bt_picture_folder_close(&folder);
    return status;
}

/* Images [from, to): the distinct ones first, then the same in turn. */
static bt_status fill_images(worker *w, int from, int to, bt_error *error) {
    bt_status status = BT_OK;
    if (from == 0) status = w->order.images[0] ? load_images(w, error) : draw_images(w, error);
    for (int i = from < IMAGES ? IMAGES : from; i < to && status == BT_OK; i++)
        memcpy(image_at(w, i), image_at(w, i % IMAGES), 3 * pixels(w) * sizeof(float));
    return status;
}

/* Room and images for `batch_size`, and at least the distinct ones. */
static bt_status ensure_images(worker *w, int batch_size, bt_error *error) {
    if (batch_size < IMAGES) batch_size = IMAGES;
    if (batch_size <= w->capacity) return BT_OK;
    float *images = realloc(w->images, (size_t)batch_size * 3 * pixels(w) * sizeof *images);
    if (images) w->images = images;
    float *logits = realloc(w->logits, (size_t)batch_size * pixels(w) * sizeof *logits);
    if (logits) w->logits = logits;
    if (!images || !logits) return bt_no_memory(error, "a batch of %d images", batch_size);
    int from = w->capacity;
    w->capacity = batch_size;
    if (bt_team_session(w->team)->info.computes_masks) return fill_images(w, from, batch_size, error);
    memset(images + (size_t)from * 3 * pixels(w), 0,
           (size_t)(batch_size - from) * 3 * pixels(w) * sizeof *images);
    return BT_OK;
}

/* ---- timing ------------------------------------------------------------------ */

/* `runs` of the team's, all instances at a time. */
static bt_status time_team(worker *w, int batch_size, int runs, double *samples_ms, bt_error *error) {
    return bt_team_time(w->team, batch_size, runs, w->images, w->logits, samples_ms, error);
}

static bt_status warm_up(worker *w, int batch_size, bt_error *error) {
    double samples_ms[WARM_UP_RUNS], scratch[4 * WARM_UP_RUNS];
    int64_t start_ns = bt_clock_now_ns();
    for (int runs = 1; runs <= WARM_UP_RUNS; runs++) {
        bt_status status = time_team(w, batch_size, 1, &samples_ms[runs - 1], error);
        if (status != BT_OK) return status;
        bool steady = runs > WARM_UP_STEADY && bt_steady_from(samples_ms, (size_t)runs, WARM_UP_STEADY,
                                                              WARM_UP_TOLERANCE, scratch) != BT_NOT_STEADY;
        if (steady || bt_ms(bt_clock_now_ns() - start_ns) > 1e3 * WARM_UP_S) break;
    }
    w->last_batch = batch_size;
    return BT_OK;
}

static bt_status ensure_prepared(worker *w, int batch_size, bt_error *error) {
    bt_status status = ensure_images(w, batch_size, error);
    if (status != BT_OK || w->prepared[batch_size]) return status;
    status = bt_team_prepare(w->team, batch_size, pixels(w), error);
    if (status == BT_OK) status = warm_up(w, batch_size, error);
    w->prepared[batch_size] = status == BT_OK;
    return status;
}

/* ---- steps ------------------------------------------------------------------- */

static bt_status step_memory(worker *w, const bt_step *step, bt_step_result *result, bt_error *error) {
    bt_memory memory;
    bt_status status =
        ensure_images(w, step->batch_size, error); /* decoding takes memory that is not the model's */
    if (status == BT_OK) status = bt_session_memory_reset(bt_team_session(w->team), error);
    if (status == BT_OK) status = ensure_prepared(w, step->batch_size, error);
    if (status == BT_OK) status = bt_session_memory(bt_team_session(w->team), &memory, error);
    if (status != BT_OK) return status;
    result->memory_mb = (double)(memory.used_peak_bytes - memory.before_bytes) / MIB;
    result->memory_total_used_mb = (double)memory.used_peak_bytes / MIB;
    return BT_OK;
}

/* Another size's run leaves the caches and the allocator as this size would not find them in service. */
static bt_status run_untimed(worker *w, int batch_size, bt_error *error) {
    if (w->last_batch == batch_size) return BT_OK;
    w->last_batch = batch_size;
    double ignored_ms;
    return time_team(w, batch_size, 1, &ignored_ms, error);
}

/* One turn of timed runs. Where others used the cores meanwhile, the result says so. */
static bt_status step_measure(worker *w, const bt_step *step, bt_step_result *result, bt_error *error) {
    bool on_cores =
        !bt_team_session(w->team)->info.device_memory; /* else neighbours on the cores matter little */
    bt_status status = ensure_prepared(w, step->batch_size, error);
    if (status == BT_OK) status = run_untimed(w, step->batch_size, error);
    const bt_busy before = bt_busy_now();
    const bt_throttle_mark mark = bt_throttle_now();
    if (status == BT_OK) status = time_team(w, step->batch_size, step->runs, result->samples_ms, error);
    result->disturbed = on_cores && bt_busy_others_since(&before) > OTHERS_CORES;
    result->throttling = bt_throttle_since(&mark);
    if (status == BT_OK) result->sample_count = step->runs;
    return status;
}

static bt_status step_full_size(worker *w, bt_step_result *result, bt_error *error) {
    bt_status status = ensure_images(w, 1, error);
    if (status == BT_OK) status = bt_team_prepare(w->team, 1, pixels(w), error);
    if (status == BT_OK) status = time_team(w, 1, 1, result->samples_ms, error);
    if (status == BT_OK) result->sample_count = 1;
    return status;
}

static bt_status ensure_standard(worker *w, bt_error *error) {
    if (w->standard) return BT_OK;
    bt_session_options options = w->order.session;
    options.path = BT_PATH_STANDARD;
    options.threads *= w->order.instances; /* 0 stays 0: all */
    bt_status status = bt_session_open(&w->standard, &options, error);
    if (status == BT_OK) status = bt_session_prepare(w->standard, 1, error);
    if (status != BT_OK) bt_session_close(&w->standard);
    return status;
}

/* Runs of the standard path, one image each; what it needed of the cores is given back to a team. */
static bt_status time_standard(worker *w, int runs, double *samples_ms, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < runs && status == BT_OK; i++) {
        int64_t start_ns = bt_clock_now_ns();
        status = bt_session_run(w->standard, 1, w->images, w->logits, error);
        samples_ms[i] = bt_ms(bt_clock_now_ns() - start_ns);
    }
    if (w->order.instances > 1) bt_session_release_threads(w->standard);
    return status;
}

static bt_status step_standard(worker *w, const bt_step *step, bt_step_result *result, bt_error *error) {
    double ignored_ms;
    bt_status status = ensure_images(w, 1, error);
    if (status == BT_OK) status = ensure_standard(w, error);
    if (status == BT_OK) status = time_standard(w, 1, &ignored_ms, error);
    const bt_throttle_mark mark = bt_throttle_now();
    if (status == BT_OK) status = time_standard(w, step->runs, result->samples_ms, error);
    result->throttling = bt_throttle_since(&mark);
    if (status == BT_OK) result->sample_count = step->runs;
    w->last_batch = 0;
    return status;
}

static bt_status ensure_reference(worker *w, bt_error *error) {
    if (w->reference) return BT_OK;
    bt_status status = ensure_standard(w, error);
    if (status != BT_OK) return status;
    float *reference = malloc(IMAGES * pixels(w) * sizeof *reference);
    if (!reference) return bt_no_memory(error, "the reference logits");
    for (size_t i = 0; i < IMAGES && status == BT_OK; i++)
        status =
            bt_session_run(w->standard, 1, w->images + i * 3 * pixels(w), reference + i * pixels(w), error);
    if (status != BT_OK) {
        free(reference);
        return status;
    }
    w->reference = reference;
    return BT_OK;
}

/* Relative L2 error of the centred outputs, and intersection over union of the masks (probability > 0.5),
 * over all images of a batch together. Two empty masks agree. */
static void compare(const worker *w, int batch_size, bt_step_result *result) {
    const double threshold = bt_model_threshold(w->output);
    const bt_output_range range = bt_model_range(w->output, w->reference, IMAGES * pixels(w));
    double mean = 0, difference = 0, norm = 0;
    size_t both = 0, either = 0, count = (size_t)batch_size * pixels(w);
    for (size_t i = 0; i < count; i++)
        mean += w->reference[i % (IMAGES * pixels(w))] / (double)count;
    for (size_t i = 0; i < count; i++) {
        double expected = w->reference[i % (IMAGES * pixels(w))], got = w->logits[i];
        difference += (got - expected) * (got - expected);
        norm += (expected - mean) * (expected - mean);
        both += expected > threshold && got > threshold;
        either += expected > threshold || got > threshold;
    }
    result->logit_error = difference == 0 ? 0 : sqrt(difference / norm);
    result->mask_iou = either ? (double)both / (double)either : 1;
    result->output_least = range.least;
    result->output_most = range.most;
    result->mask_share = range.mask_share;
}

static bt_status step_agreement(worker *w, const bt_step *step, bt_step_result *result, bt_error *error) {
    bt_status status = ensure_prepared(w, step->batch_size, error);
    if (status == BT_OK) status = ensure_reference(w, error);
    if (status == BT_OK) status = bt_team_run(w->team, step->batch_size, w->images, w->logits, error);
    w->last_batch = 0;
    if (status == BT_OK) compare(w, step->batch_size, result);
    if (status == BT_OK && !isfinite(result->logit_error))
        status = bt_fail(error, BT_BACKEND, "batch %d gives logits that are not finite", step->batch_size);
    return status;
}

static bt_status run_step(worker *w, const bt_step *step, bt_step_result *result, bt_error *error) {
    if (step->batch_size < 1 || step->batch_size > SIZES_MAX)
        return bt_fail(error, BT_INVALID, "%d is no batch size", step->batch_size);
    switch (step->kind) {
    case BT_STEP_MEMORY:
    case BT_STEP_FRESH_MEMORY:
    case BT_STEP_STANDARD_MEMORY:
        return step_memory(w, step, result, error);
    case BT_STEP_MEASURE:
        return step_measure(w, step, result, error);
    case BT_STEP_AGREEMENT:
        return step_agreement(w, step, result, error);
    case BT_STEP_STANDARD:
        return step_standard(w, step, result, error);
    case BT_STEP_FULL_SIZE:
        return step_full_size(w, result, error);
    case BT_STEP_DONE:
        break;
    }
    return bt_fail(error, BT_INVALID, "nothing to do");
}

/* ---- the conversation -------------------------------------------------------- */

json_t *bt_worker_open_order(const bt_session_options *options, int instances, const char *images,
                             const bt_picture_wishes *wishes, int64_t seed) {
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:b, s:b, s:b, s:s, s:f, s:i, s:I}", "order",
        "open", "backend", options->backend, "model", options->model, "model_file",
        options->model_file ? options->model_file : "", "weights", options->weights, "device",
        options->device, "path", (int)options->path, "height", options->height, "width", options->width,
        "threads", options->threads, "instances", instances, "use_amp", options->use_amp, "use_channels_last",
        options->use_channels_last, "use_cudnn_benchmark", options->use_cudnn_benchmark, "images",
        images ? images : "", "white", wishes->white, "page", wishes->page, "seed", (json_int_t)seed);
}

static bt_status read_open_order(const json_t *json, order *o, bt_error *error) {
    static const char where[] = "open order";
    int64_t path = 0, height = 0, width = 0, threads = 0, instances = 1, page = 0;
    bt_status status = bt_json_text(json, "backend", o->backend, sizeof o->backend, where, error);
    if (status == BT_OK) status = bt_json_text(json, "model", o->model, sizeof o->model, where, error);
    if (status == BT_OK)
        status = bt_json_text(json, "model_file", o->model_file, sizeof o->model_file, where, error);
    if (status == BT_OK) status = bt_json_text(json, "weights", o->weights, sizeof o->weights, where, error);
    if (status == BT_OK) status = bt_json_text(json, "device", o->device, sizeof o->device, where, error);
    if (status == BT_OK) status = bt_json_text(json, "images", o->images, sizeof o->images, where, error);
    if (status == BT_OK)
        status = bt_json_integer(json, "path", BT_PATH_STANDARD, BT_PATH_PRODUCTION, &path, where, error);
    if (status == BT_OK) status = bt_json_integer(json, "height", 1, 16384, &height, where, error);
    if (status == BT_OK) status = bt_json_integer(json, "width", 1, 16384, &width, where, error);
    if (status == BT_OK) status = bt_json_integer(json, "threads", 0, 1024, &threads, where, error);
    if (status == BT_OK)
        status = bt_json_integer(json, "instances", 1, BT_CONFIG_INSTANCES_MAX, &instances, where, error);
    if (status == BT_OK) status = bt_json_boolean(json, "use_amp", &o->session.use_amp, where, error);
    if (status == BT_OK)
        status = bt_json_boolean(json, "use_channels_last", &o->session.use_channels_last, where, error);
    if (status == BT_OK)
        status = bt_json_boolean(json, "use_cudnn_benchmark", &o->session.use_cudnn_benchmark, where, error);
    if (status == BT_OK) status = bt_json_number(json, "white", 0, 65535, &o->wishes.white, where, error);
    if (status == BT_OK) status = bt_json_integer(json, "page", 0, INT_MAX, &page, where, error);
    if (status == BT_OK) status = bt_json_integer(json, "seed", 0, INT64_MAX, &o->seed, where, error);
    if (status != BT_OK) return status;
    o->session.backend = o->backend;
    o->session.model = o->model;
    o->session.model_file = o->model_file;
    o->session.weights = o->weights;
    o->session.device = o->device;
    o->session.path = (bt_path)path;
    o->session.height = (int)height;
    o->session.width = (int)width;
    o->session.threads = (int)threads;
    o->instances = (int)instances;
    o->wishes.page = (int)page;
    return BT_OK;
}

json_t *bt_worker_info_to_json(const bt_session_info *info, int64_t total_memory_bytes) {
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:i, s:i, s:b, s:b, s:b, s:I}", "backend",
                     info->backend, "backend_detail", info->backend_detail, "device", info->device,
                     "precision", info->precision, "precision_note", info->precision_note, "path_note",
                     info->path_note, "weights", info->weights, "weights_note", info->weights_note,
                     "weights_hash", (json_int_t)info->weights_hash, "threads", info->threads,
                     "only_batch_size", info->only_batch_size, "trained_weights", info->trained_weights,
                     "computes_masks", info->computes_masks, "device_memory", info->device_memory,
                     "total_memory_bytes", (json_int_t)total_memory_bytes);
}

bt_status bt_worker_read_info(const json_t *json, bt_session_info *info, int64_t *total_memory_bytes,
                              bt_error *error) {
    static const char where[] = "worker's session";
    int64_t hash = 0, threads = 0, only = 0;
    bt_status status = bt_json_text(json, "backend", info->backend, sizeof info->backend, where, error);
    if (status == BT_OK)
        status = bt_json_text(json, "backend_detail", info->backend_detail, sizeof info->backend_detail,
                              where, error);
    if (status == BT_OK)
        status = bt_json_text(json, "device", info->device, sizeof info->device, where, error);
    if (status == BT_OK)
        status = bt_json_text(json, "precision", info->precision, sizeof info->precision, where, error);
    if (status == BT_OK)
        status = bt_json_text(json, "precision_note", info->precision_note, sizeof info->precision_note,
                              where, error);
    if (status == BT_OK)
        status = bt_json_text(json, "path_note", info->path_note, sizeof info->path_note, where, error);
    if (status == BT_OK)
        status = bt_json_text(json, "weights", info->weights, sizeof info->weights, where, error);
    if (status == BT_OK)
        status = bt_json_optional_text(json, "weights_note", "", info->weights_note,
                                       sizeof info->weights_note, where, error);
    if (status == BT_OK)
        status = bt_json_integer(json, "weights_hash", INT64_MIN, INT64_MAX, &hash, where, error);
    if (status == BT_OK) status = bt_json_integer(json, "threads", 0, 65536, &threads, where, error);
    if (status == BT_OK) status = bt_json_integer(json, "only_batch_size", 0, SIZES_MAX, &only, where, error);
    if (status == BT_OK)
        status = bt_json_boolean(json, "trained_weights", &info->trained_weights, where, error);
    if (status == BT_OK)
        status = bt_json_boolean(json, "computes_masks", &info->computes_masks, where, error);
    if (status == BT_OK) status = bt_json_boolean(json, "device_memory", &info->device_memory, where, error);
    if (status == BT_OK)
        status = bt_json_integer(json, "total_memory_bytes", 0, INT64_MAX, total_memory_bytes, where, error);
    info->weights_hash = (uint64_t)hash;
    info->threads = (int)threads;
    info->only_batch_size = (int)only;
    return status;
}

static json_t *failure(const bt_error *error) {
    return json_pack("{s:i, s:s}", "status", (int)error->status, "message", error->message);
}

/* How a model's images are normalised, and what it gives; a built-in or simulated one's as ever. */
static bt_status learn_model(worker *w, bt_error *error) {
    bt_model model;
    w->norm = bt_image_imagenet;
    w->output = BT_OUTPUT_LOGITS;
    if (w->order.model_file[0] == '\0') return BT_OK;
    bt_status status = bt_model_describe(&model, w->order.model, w->order.model_file, error);
    if (status == BT_OK) {
        w->norm = model.norm;
        w->output = model.output;
    }
    return status;
}

static json_t *answer_open(worker *w, const json_t *json) {
    bt_error error = {BT_OK, ""};
    bt_memory memory = {0};
    if (w->team) return failure(&(bt_error){BT_INVALID, "a session is open already"});
    bt_status status = read_open_order(json, &w->order, &error);
    if (status == BT_OK) status = learn_model(w, &error);
    if (status == BT_OK) status = bt_team_open(&w->team, &w->order.session, w->order.instances, &error);
    if (status == BT_OK) status = bt_session_memory(bt_team_session(w->team), &memory, &error);
    if (status != BT_OK) return failure(&error);
    json_t *answer =
        bt_worker_info_to_json(bt_session_describe(bt_team_session(w->team)), memory.total_bytes);
    if (answer) json_object_set_new(answer, "status", json_integer(BT_OK));
    return answer;
}

static json_t *answer_step(worker *w, const json_t *json) {
    bt_error error = {BT_OK, ""};
    bt_step step;
    bt_step_result result = bt_step_result_empty();
    bt_status status = w->team ? bt_step_from_json(json, &step, "order", &error)
                               : bt_fail(&error, BT_INVALID, "no session is open");
    if (status == BT_OK) status = run_step(w, &step, &result, &error);
    result.status = status;
    if (status != BT_OK) snprintf(result.message, sizeof result.message, "%s", error.message);
    return bt_step_result_to_json(&result);
}

static bt_status write_answer(int fd, json_t *answer, bt_error *error) {
    char *text = answer ? bt_json_dump(answer, JSON_COMPACT) : NULL;
    json_decref(answer);
    if (!text) return bt_no_memory(error, "an answer");
    bt_status status = BT_OK;
    size_t size = strlen(text) + 1;
    text[size - 1] = '\n';
    for (size_t done = 0; done < size && status == BT_OK;) {
        ssize_t written = write(fd, text + done, size - done);
        if (written > 0)
            done += (size_t)written;
        else if (written == 0 || errno != EINTR)
            status = bt_fail(error, BT_IO, "cannot answer: %s", bt_text_system_error(errno));
    }
    free(text);
    return status;
}

static void close_worker(worker *w) {
    bt_team_close(&w->team);
    bt_session_close(&w->standard);
    free(w->images);
    free(w->logits);
    free(w->reference);
    free(w);
}

bt_status bt_worker_serve(int orders_fd, int answers_fd, bt_error *error) {
    FILE *orders = fdopen(orders_fd, "r");
    if (!orders) return bt_fail(error, BT_IO, "cannot read orders: %s", bt_text_system_error(errno));
    bt_status status = BT_OK;
    char *line = NULL;
    size_t capacity = 0;
    worker *w = calloc(1, sizeof *w);
    if (!w) status = bt_no_memory(error, "a worker");
    while (status == BT_OK && getline(&line, &capacity, orders) > 0) {
        json_error_t at;
        json_t *json = bt_json_parse(line, strlen(line), &at);
        const char *kind = json_string_value(json_object_get(json, "order"));
        if (!kind)
            status = bt_fail(error, BT_PARSE, "not an order: %s", at.text);
        else
            status = write_answer(
                answers_fd, strcmp(kind, "open") == 0 ? answer_open(w, json) : answer_step(w, json), error);
        json_decref(json);
    }
    if (w) close_worker(w);
    free(line);
    fclose(orders);
    return status;
}
