#include "gate/work.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "batching/batcher.h"
#include "load/generator.h"
#include "measure/histogram.h"
#include "measure/summary.h"
#include "simulate/simulate.h"

#define REQUESTS  20000
#define BURST     16 /* requests that arrive together */
#define RECORDS   200000
#define VALUES    4096
#define ARRIVALS  50000
#define SIMULATED 5000
#define SAMPLES   400
#define SENT      20000
#define SEED      1
#define RATE_RPS  1000.0
#define MOST_RPS  2e7 /* more than can be sent: what is measured is the sending itself */

/* ---- the batcher: submit, next, done ---- */

static bt_status plan_ladder(bt_ladder *ladder, bt_error *error) {
    *ladder = (bt_ladder){.size_count = 5, .sizes = {1, 2, 4, 8, 16}, .standard_ns = 4000000};
    for (int i = 0; i < 5; i++)
        ladder->service_ns[i] = 3000000 + 1000000 * (int64_t)ladder->sizes[i];
    return bt_ladder_plan(ladder, error);
}

static bt_status make_model(bt_batcher_model *model, bt_error *error) {
    *model = (bt_batcher_model){.max_batch_size = 16,
                                .max_queue_size = 100,
                                .max_queue_delay_ns = 5000000,
                                .admission = true,
                                .failover = true,
                                .breaker = BT_BREAKER_DEFAULT};
    return plan_ladder(&model->ladder, error);
}

typedef struct batching {
    bt_batcher *batcher;
    int64_t now_ns; /* the job's own time */
} batching;

static bt_status open_batcher(void **state, bt_error *error) {
    static const bt_batcher_instance instances[] = {{0, 0}, {0, 1}};
    bt_batcher_model model;
    batching *b = calloc(1, sizeof *b);
    if (!b) return bt_no_memory(error, "the gate's work");
    bt_status status = make_model(&model, error);
    const bt_batcher_options options = {&model, 1, instances, 2};
    if (status == BT_OK) status = bt_batcher_open(&b->batcher, &options, error);
    if (status != BT_OK) free(b);
    *state = b;
    return status;
}

static void close_batcher(void *state) {
    batching *b = state;
    bt_batcher_close(&b->batcher);
    free(b);
}

/* Does what is to be done until nothing is left; every run takes 10 ms. Returns the answers. */
static int serve_all(batching *b) {
    uint64_t runs[2];
    int answers = 0, running;
    bt_action action;
    do {
        for (running = 0; bt_batcher_next(b->batcher, b->now_ns, &action);)
            if (action.kind == BT_ACTION_RUN && running < 2)
                runs[running++] = action.run;
            else
                answers++;
        b->now_ns += 10 * BT_NS_PER_MS;
        for (int i = 0; i < running; i++)
            (void)bt_batcher_done(b->batcher, b->now_ns, runs[i], BT_RUN_GOOD);
    } while (running > 0);
    return answers;
}

static bt_status run_batcher(void *state, int64_t *spent_ns, bt_error *error) {
    batching *b = state;
    uint64_t ticket;
    int answers = 0;
    (void)spent_ns;
    for (int sent = 0; sent < REQUESTS;) {
        for (int i = 0; i < BURST && sent < REQUESTS; i++, sent++) {
            const bt_submission submission = {.deadline_ns = b->now_ns + 100 * BT_NS_PER_MS,
                                              .tag = (uint64_t)sent};
            if (bt_batcher_submit(b->batcher, b->now_ns, &submission, &ticket) != BT_OK)
                return bt_fail(error, BT_BACKEND, "the batcher refused request %d", sent);
        }
        answers += serve_all(b);
    }
    return answers == REQUESTS ? BT_OK
                               : bt_fail(error, BT_BACKEND, "%d of %d answers came", answers, REQUESTS);
}

/* ---- the histogram ---- */

typedef struct recording {
    bt_histogram *histogram;
    int64_t values[VALUES];
} recording;

static void close_histogram(void *state) {
    recording *r = state;
    bt_histogram_close(&r->histogram);
    free(r);
}

static bt_status open_histogram(void **state, bt_error *error) {
    recording *r = calloc(1, sizeof *r);
    if (!r) return bt_no_memory(error, "the gate's work");
    *state = r;
    bt_random random = bt_random_stream(SEED, "gate histogram");
    for (int i = 0; i < VALUES; i++)
        r->values[i] = (int64_t)(1e6 * bt_random_exponential(&random));
    bt_status status = bt_histogram_open(&r->histogram, &BT_HISTOGRAM_LATENCY, error);
    if (status != BT_OK) free(r);
    return status;
}

static bt_status run_histogram(void *state, int64_t *spent_ns, bt_error *error) {
    recording *r = state;
    (void)spent_ns, (void)error;
    for (int i = 0; i < RECORDS; i++)
        bt_histogram_record(r->histogram, r->values[i % VALUES]);
    return BT_OK;
}

/* ---- arrival schedules ---- */

static bt_status open_nothing(void **state, bt_error *error) {
    (void)error;
    *state = NULL;
    return BT_OK;
}

static void close_nothing(void *state) {
    (void)state;
}

static bt_status run_schedule(void *state, int64_t *spent_ns, bt_error *error) {
    bt_schedule schedule;
    const bt_schedule_options options = {.shape = BT_SHAPE_POISSON,
                                         .rate_rps = RATE_RPS,
                                         .duration_ns = (int64_t)(ARRIVALS / RATE_RPS * 1e9),
                                         .seed = SEED};
    (void)state, (void)spent_ns;
    bt_status status = bt_schedule_open(&schedule, &options, error);
    if (status == BT_OK) bt_schedule_close(&schedule);
    return status;
}

/* ---- the simulator ---- */

typedef struct simulating {
    bt_simulation_model model;
    bt_service_times times[5];
    double quantiles_ms[5][3];
    bt_schedule schedule;
} simulating;

static void close_simulator(void *state) {
    simulating *s = state;
    bt_schedule_close(&s->schedule);
    free(s);
}

static bt_status open_simulator(void **state, bt_error *error) {
    simulating *s = calloc(1, sizeof *s);
    if (!s) return bt_no_memory(error, "the gate's work");
    bt_status status = make_model(&s->model.batcher, error);
    for (int i = 0; i < 5; i++) {
        double typical_ms = bt_ms(s->model.batcher.ladder.service_ns[i]);
        for (int q = 0; q < 3; q++)
            s->quantiles_ms[i][q] = typical_ms * (0.9 + 0.1 * q);
        s->times[i] = (bt_service_times){s->model.batcher.ladder.sizes[i], s->quantiles_ms[i], 3};
    }
    const bt_schedule_options options = {.shape = BT_SHAPE_POISSON,
                                         .rate_rps = 600,
                                         .duration_ns = (int64_t)(SIMULATED / 600.0 * 1e9),
                                         .seed = SEED};
    if (status == BT_OK) status = bt_schedule_open(&s->schedule, &options, error);
    if (status != BT_OK) {
        free(s);
        return status;
    }
    s->model.times = s->times;
    s->model.times_count = 5;
    s->model.arrivals_ns = s->schedule.arrivals_ns;
    s->model.arrival_count = s->schedule.count;
    *state = s;
    return BT_OK;
}

static bt_status run_simulator(void *state, int64_t *spent_ns, bt_error *error) {
    static const bt_batcher_instance instance = {0, 0};
    simulating *s = state;
    bt_simulation *simulation;
    const bt_simulation_options options = {
        .models = &s->model, .model_count = 1, .instances = &instance, .instance_count = 1, .seed = SEED};
    (void)spent_ns;
    bt_status status = bt_simulate(&simulation, &options, error);
    if (status == BT_OK) bt_simulation_close(&simulation);
    return status;
}

/* ---- the summary of a point ---- */

static bt_status open_summary(void **state, bt_error *error) {
    double *samples = malloc(SAMPLES * sizeof *samples);
    if (!samples) return bt_no_memory(error, "the gate's work");
    bt_random random = bt_random_stream(SEED, "gate summary");
    for (int i = 0; i < SAMPLES; i++)
        samples[i] = 10 + bt_random_exponential(&random);
    *state = samples;
    return BT_OK;
}

static bt_status run_summary(void *state, int64_t *spent_ns, bt_error *error) {
    bt_summary summary;
    (void)spent_ns;
    return bt_summarize(state, SAMPLES, &summary, error);
}

/* ---- the load generator ---- */

/* Its clock starts when the first request was due: what comes before is waiting. */
static bt_status run_generator(void *state, int64_t *spent_ns, bt_error *error) {
    bt_schedule schedule;
    bt_request_log *log;
    const bt_schedule_options options = {
        .shape = BT_SHAPE_CONSTANT, .rate_rps = MOST_RPS, .duration_ns = (int64_t)(SENT / MOST_RPS * 1e9)};
    (void)state;
    bt_status status = bt_schedule_open(&schedule, &options, error);
    if (status != BT_OK) return status;
    const bt_stream stream = {.schedule = &schedule, .input_count = 1};
    const bt_load_options load = {
        .target = bt_target_null(), .streams = &stream, .stream_count = 1, .drain_ns = BT_NS_PER_S};
    status = bt_load_run(&log, &load, error);
    if (status == BT_OK) {
        *spent_ns = log->end_ns - log->start_ns;
        bt_request_log_close(&log);
    }
    bt_schedule_close(&schedule);
    return status;
}

/* ---- all of them ---- */

const bt_work bt_works[] = {
    {"batcher", "20000 requests, bursts of 16, two instances", REQUESTS, true, open_batcher, run_batcher,
     close_batcher},
    {"histogram", "200000 records of 4096 latencies", RECORDS, true, open_histogram, run_histogram,
     close_histogram},
    {"schedule", "50000 Poisson arrivals", ARRIVALS, true, open_nothing, run_schedule, close_nothing},
    {"simulator", "5000 requests at 600/s", SIMULATED, true, open_simulator, run_simulator, close_simulator},
    {"summary", "400 samples", 1, true, open_summary, run_summary, free},
    {"generator", "20000 requests to a target that takes no time", SENT, false, open_nothing, run_generator,
     close_nothing},
};
const int bt_works_count = sizeof bt_works / sizeof *bt_works;

const bt_work *bt_work_find(const char *name) {
    for (int i = 0; i < bt_works_count; i++)
        if (strcmp(bt_works[i].name, name) == 0) return &bt_works[i];
    return NULL;
}
