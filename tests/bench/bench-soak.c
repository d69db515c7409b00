/* bench-soak: a service under steady random load for as long as one likes, while its backend fails, runs out
 * of memory, answers with no numbers and hangs now and then. Its memory must stay flat, every request must
 * get its result, and P95 must not creep. `bench-soak 30` takes 30 minutes; ends as the programs do: 0 good,
 * 3 broken, 4 inconclusive. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/command.h"
#include "base/log.h"
#include "base/memory.h"
#include "live-service.h"
#include "load/generator.h"
#include "load/target-service.h"
#include "measure/bootstrap.h"
#include "measure/quantile.h"

#define RATE_RPS            200.0
#define SLICES_MIN          40 /* the load comes in slices, each with a memory and a P95 of its own */
#define SLICE_MOST_S        10.0
#define WARM_UP_SHARE       0.2 /* of the slices, and at least WARM_UP_S: arenas and the metrics' minute fill */
#define WARM_UP_S           120.0
#define GROWTH_MIB_PER_HOUR 1.0
#define CREEP               0.10 /* of P95, from one half of the run to the other */

static const live_service about = {.backend = "sim:tau0_ms=2,alpha_ms=0.5,noise=0.05,standard_ms=3,"
                                              "faults=fail%97+nan%211+oom%307+stall%1999:300",
                                   .batch_size = 8,
                                   .image_size = 8,
                                   .max_queue_delay_ms = 2,
                                   .model_count = 1,
                                   .settings = "watchdog_ms=150,max_queue_size=10000"};

/* What one slice was like. */
typedef struct slice {
    double at_h, memory_mib, p95_ms;
} slice;

typedef struct soak {
    slice *slices;
    int count, room, warm; /* warm: the first that counts */
    int64_t sent, ok, without_result, lost;
} soak;

static void must(bt_status status, const bt_error *error) {
    if (status == BT_OK) return;
    fprintf(stderr, "bench-soak: %s\n", error->message);
    exit(BT_EXIT_FAILED);
}

/* ---- the load ---------------------------------------------------------------- */

static double p95_ms(const bt_request_log *log) {
    double *values = malloc((size_t)(log->count + 1) * sizeof *values), p95 = NAN;
    size_t n = 0;
    for (int64_t i = 0; values && i < log->count; i++)
        if (log->requests[i].status == BT_OK)
            values[n++] = bt_ms(log->requests[i].answered_ns - log->requests[i].intended_ns);
    if (n > 0) {
        bt_sort(values, n);
        p95 = bt_quantile(values, n, 0.95);
    }
    free(values);
    return p95;
}

/* Sends one slice, and notes what came of it once everything of it is given back. */
static void send_slice(soak *s, bt_service *service, double seconds, int64_t start_ns) {
    const bt_load_images sent = {.model = "hrnet", .inputs = {{8, 8, NULL}}, .input_count = 1};
    const bt_schedule_options random = {.shape = BT_SHAPE_POISSON,
                                        .rate_rps = RATE_RPS,
                                        .duration_ns = (int64_t)(seconds * 1e9),
                                        .seed = (uint64_t)s->count};
    bt_service_target *target;
    bt_schedule schedule;
    bt_request_log *log;
    bt_error error;
    must(bt_service_target_open(&target, service, &sent, 1, 16, 1, &error), &error);
    must(bt_schedule_open(&schedule, &random, &error), &error);
    const bt_stream stream = {.schedule = &schedule, .input_count = 1};
    const bt_load_options load = {.target = bt_service_target_of(target),
                                  .streams = &stream,
                                  .stream_count = 1,
                                  .drain_ns = 30 * BT_NS_PER_S};
    must(bt_load_run(&log, &load, &error), &error);
    slice *here = &s->slices[s->count++];
    here->p95_ms = p95_ms(log);
    s->sent += log->count;
    s->lost += log->lost;
    for (int64_t i = 0; i < log->count; i++)
        s->ok += log->requests[i].status == BT_OK;
    s->without_result = s->sent - s->ok;
    bt_request_log_close(&log);
    bt_schedule_close(&schedule);
    bt_service_target_close(&target);
    here->at_h = (double)(bt_clock_now_ns() - start_ns) / 3.6e12;
    here->memory_mib = (double)bt_memory_resident_bytes() / 1048576;
}

/* ---- what came of it ----------------------------------------------------------- */

/* The middle of what each slice of the first half says together with its counterpart in the second (Theil's
 * incomplete method): of memory MiB an hour, of P95 the logarithm of the ratio. */
static bt_interval trend(const soak *s, bool memory) {
    int first = s->warm, half = (s->count - first) / 2;
    double *changes = malloc((size_t)(half + 1) * sizeof *changes);
    bt_interval found = {.estimate = NAN, .lower = NAN, .upper = NAN};
    bt_error error;
    for (int i = 0; changes && i < half; i++) {
        const slice *a = &s->slices[first + i], *b = &s->slices[first + half + i];
        changes[i] =
            memory ? (b->memory_mib - a->memory_mib) / (b->at_h - a->at_h) : log(b->p95_ms / a->p95_ms);
    }
    const bt_bootstrap_options options = {.statistic = bt_statistic_median, .confidence = 0.9, .seed = 1};
    if (changes) must(bt_bootstrap(changes, (size_t)half, &options, &found, &error), &error);
    free(changes);
    return found;
}

/* By what is surely above the limit, or surely not. */
static int judge(const bt_interval *found, double limit) {
    return found->upper <= limit  ? BT_EXIT_GOOD
           : found->lower > limit ? BT_EXIT_BROKEN
                                  : BT_EXIT_INCONCLUSIVE;
}

static const char *word(int code) {
    return code == BT_EXIT_GOOD ? "good" : code == BT_EXIT_BROKEN ? "broken" : "not sure";
}

/* The service's own account, and that what was planted came: a soak without faults proves nothing. */
static int judge_requests(const soak *s, const bt_metrics *m) {
    uint64_t answered = m->ok + m->rejected_full + m->rejected_deadline + m->rejected_closed + m->expired +
                        m->cancelled + m->failed;
    printf(
        "requests   %lld sent, %lld without a result, %lld never answered; the service counts %llu in, %llu "
        "out\n",
        (long long)s->sent, (long long)s->without_result, (long long)s->lost,
        (unsigned long long)m->submitted, (unsigned long long)answered);
    printf(
        "faults     %llu exceptions, %llu without numbers, %llu out of memory, %llu hung; %llu served by the "
        "standard path, breaker opened %llu times\n",
        (unsigned long long)m->run_exceptions, (unsigned long long)m->run_non_finite,
        (unsigned long long)m->run_out_of_memory, (unsigned long long)m->run_timeouts,
        (unsigned long long)m->fallback, (unsigned long long)m->breaker_opened);
    if (s->without_result > 0 || s->lost > 0 || answered != m->submitted) return BT_EXIT_BROKEN;
    bool planted = m->run_exceptions && m->run_non_finite && m->run_out_of_memory && m->fallback;
    return planted && s->ok > 0 ? BT_EXIT_GOOD : BT_EXIT_INCONCLUSIVE;
}

static int tell(const soak *s, const bt_metrics *m) {
    bt_interval memory = trend(s, true), p95 = trend(s, false);
    int requests = judge_requests(s, m), flat = judge(&memory, GROWTH_MIB_PER_HOUR),
        steady = judge(&p95, log1p(CREEP));
    const slice *first = &s->slices[s->warm], *last = &s->slices[s->count - 1];
    printf("memory     %.2f MiB after warming up, %.2f at the end; %+.3f MiB an hour (%+.3f to %+.3f), at "
           "most %g: %s\n",
           first->memory_mib, last->memory_mib, memory.estimate, memory.lower, memory.upper,
           GROWTH_MIB_PER_HOUR, word(flat));
    printf("P95        %.2f ms after warming up, %.2f at the end; %+.1f %% from half to half (%+.1f to "
           "%+.1f), at "
           "most %+.0f: %s\n",
           first->p95_ms, last->p95_ms, 100 * expm1(p95.estimate), 100 * expm1(p95.lower),
           100 * expm1(p95.upper), 100 * CREEP, word(steady));
    const int codes[] = {requests, flat, steady};
    int code = BT_EXIT_GOOD;
    for (int i = 0; i < 3; i++)
        if (codes[i] == BT_EXIT_BROKEN || (codes[i] == BT_EXIT_INCONCLUSIVE && code == BT_EXIT_GOOD))
            code = codes[i];
    printf("verdict: %s (%d)\n", bt_exit_name(code), code);
    return code;
}

int main(int argc, char **argv) {
    double minutes = argc > 1 ? atof(argv[1]) : 30;
    if (!(minutes >= 3 && minutes <= 100000)) {
        fprintf(stderr, "bench-soak: \"%s\" is no number of minutes, at least 3\n", argv[1]);
        return BT_EXIT_USAGE;
    }
    double slice_s = fmin(SLICE_MOST_S, minutes * 60 / SLICES_MIN);
    soak s = {.room = (int)(minutes * 60 / slice_s + 1)};
    s.warm = (int)fmax(s.room * WARM_UP_SHARE, WARM_UP_S / slice_s);
    s.slices = calloc((size_t)s.room, sizeof *s.slices);
    if (!s.slices) return BT_EXIT_FAILED;
    memset(s.slices, 1, (size_t)s.room * sizeof *s.slices); /* its pages count from the beginning */
    bt_service *service = live_service_start(&about);
    int64_t start_ns = bt_clock_now_ns();
    printf("%g minutes of %g requests a second, in slices of %g s\n", minutes, RATE_RPS, slice_s);
    fflush(stdout);
    bt_metrics metrics;
    bt_error error;
    bt_log *log;
    must(bt_log_open(&log, stderr, BT_LOG_INFO, NULL, &error), &error);
    while (s.count < s.room - 1) {
        send_slice(&s, service, slice_s, start_ns);
        const slice *now = &s.slices[s.count - 1];
        bt_log_progress(log, bt_clock_now_ns(), (double)s.count / (s.room - 1),
                        "P95 %.2f ms, %.2f MiB, %lld sent", now->p95_ms, now->memory_mib, (long long)s.sent);
    }
    bt_log_close(&log);
    must(bt_service_metrics(service, "hrnet", &metrics, &error), &error);
    live_service_end(service);
    int code = tell(&s, &metrics);
    free(s.slices);
    return code;
}
