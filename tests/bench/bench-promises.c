/* bench-promises: what a running service promises whoever waits for it, measured live: the queue delay is
 * obeyed, a stall shows at its true length, and under twice what it can serve it serves as much as ever and
 * refuses the rest at once. Prints figures and judges none. `bench-promises 5` overloads for 5 s, not 30. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "live-service.h"
#include "load/generator.h"
#include "load/target-service.h"
#include "measure/quantile.h"

#define PEAK_S   5.0
#define STALL_AT 400
#define CLIENTS  32

static void must(bt_status status, const bt_error *error) {
    if (status == BT_OK) return;
    fprintf(stderr, "bench-promises: %s\n", error->message);
    exit(1);
}

/* ---- sending ---- */

/* One stream to the service; the caller closes the log. */
static bt_request_log *send(bt_service *service, const bt_schedule_options *schedule_options, int clients,
                            double seconds) {
    const bt_load_images sent = {.model = "hrnet", .inputs = {{1, 1, NULL}}, .input_count = 1};
    bt_service_target *target;
    bt_schedule schedule;
    bt_request_log *log;
    bt_error error;
    bt_stream stream = {.clients = clients, .input_count = 1};
    must(bt_service_target_open(&target, service, &sent, 1, 0, 1, &error), &error);
    if (schedule_options) {
        must(bt_schedule_open(&schedule, schedule_options, &error), &error);
        stream.schedule = &schedule;
    }
    const bt_load_options load = {.target = bt_service_target_of(target),
                                  .streams = &stream,
                                  .stream_count = 1,
                                  .duration_ns = (int64_t)(seconds * 1e9),
                                  .drain_ns = 10 * BT_NS_PER_S};
    must(bt_load_run(&log, &load, &error), &error);
    if (schedule_options) bt_schedule_close(&schedule);
    bt_service_target_close(&target);
    return log;
}

static bt_request_log *send_steadily(bt_service *service, double rate_rps, double seconds) {
    const bt_schedule_options steady = {
        .shape = BT_SHAPE_CONSTANT, .rate_rps = rate_rps, .duration_ns = (int64_t)(seconds * 1e9)};
    return send(service, &steady, 0, 0);
}

/* ---- what came of it ---- */

typedef double (*figure_of)(const bt_sent_request *request);

static double latency_ms(const bt_sent_request *request) {
    return request->status == BT_OK ? bt_ms(request->answered_ns - request->intended_ns) : NAN;
}
static double queue_ms(const bt_sent_request *request) {
    return request->status == BT_OK ? bt_ms(request->queue_ns) : NAN;
}
static double refusal_ms(const bt_sent_request *request) {
    return request->refused ? bt_ms(request->answered_ns - request->sent_ns) : NAN;
}

/* Percentiles of one figure over the requests that have it; NaN where none does. */
static void percentiles(const bt_request_log *log, figure_of figure, double *p50, double *p99, double *most) {
    double *values = malloc((size_t)(log->count + 1) * sizeof *values);
    size_t n = 0;
    for (int64_t i = 0; i < log->count && values; i++) {
        double value = figure(&log->requests[i]);
        if (!isnan(value)) values[n++] = value;
    }
    *p50 = *p99 = *most = NAN;
    if (n > 0) {
        bt_sort(values, n);
        *p50 = bt_quantile(values, n, 0.5);
        *p99 = bt_quantile(values, n, 0.99);
        *most = values[n - 1];
    }
    free(values);
}

static int64_t count_ok(const bt_request_log *log) {
    int64_t ok = 0;
    for (int64_t i = 0; i < log->count; i++)
        ok += log->requests[i].status == BT_OK;
    return ok;
}

/* Answers a second between two moments of a run. */
static double throughput(const bt_request_log *log, double from_s, double to_s) {
    int64_t from_ns = log->start_ns + (int64_t)(from_s * 1e9), to_ns = log->start_ns + (int64_t)(to_s * 1e9),
            n = 0;
    for (int64_t i = 0; i < log->count; i++) {
        const bt_sent_request *request = &log->requests[i];
        n += request->status == BT_OK && request->answered_ns >= from_ns && request->answered_ns < to_ns;
    }
    return (double)n / (to_s - from_s);
}

/* ---- the promises ---- */

/* One model whose requests wait at most 5 ms for others. */
static bt_service *start(const char *backend, int batch_size) {
    const live_service about = {.backend = backend,
                                .batch_size = batch_size,
                                .image_size = 1,
                                .max_queue_delay_ms = 5,
                                .model_count = 1};
    return live_service_start(&about);
}

static void bench_queue_delay(void) {
    double p50, p99, most;
    bt_service *service = start("sim:tau0_ms=2,alpha_ms=1,noise=0", 8);
    bt_request_log *log = send_steadily(service, 40, 10);
    percentiles(log, queue_ms, &p50, &p99, &most);
    printf("a lone request, queue delay of 5 ms: it waits P50 %.3f, P99 %.3f, most %.3f ms  (of %lld)\n", p50,
           p99, most, (long long)count_ok(log));
    bt_request_log_close(&log);
    live_service_end(service);
}

/* The same stall seen by a random stream and by one client that waits for its answer. */
static void bench_stall(void) {
    char backend[96];
    double p50, p99, most;
    snprintf(backend, sizeof backend, "sim:tau0_ms=1,alpha_ms=0.2,noise=0,faults=stall@%d:200", STALL_AT);
    const live_service about = {.backend = backend,
                                .batch_size = 8,
                                .image_size = 1,
                                .model_count = 1,
                                .settings = "watchdog_ms=5000"};
    for (int closed = 0; closed < 2; closed++) {
        bt_service *service = live_service_start(&about);
        bt_request_log *log = closed ? send(service, NULL, 1, 10) : send_steadily(service, 100, 10);
        percentiles(log, latency_ms, &p50, &p99, &most);
        printf("a stall of 200 ms, %s: latency P50 %.2f, P99 %.2f, most %.2f ms  (of %lld)\n",
               closed ? "one client in a closed loop" : "100 requests/s in an open loop", p50, p99, most,
               (long long)count_ok(log));
        bt_request_log_close(&log);
        live_service_end(service);
    }
}

static void bench_overload(double seconds) {
    double p50, p99, most;
    bt_service *service = start("sim:tau0_ms=4,alpha_ms=2,noise=0", 16);
    bt_request_log *full = send(service, NULL, CLIENTS, PEAK_S);
    double peak = throughput(full, 1, PEAK_S);
    bt_request_log_close(&full);
    const double before_mib = (double)bt_memory_resident_bytes() / 1048576;
    bt_request_log *log = send_steadily(service, 2 * peak, seconds);
    const double after_mib = (double)bt_memory_resident_bytes() / 1048576;
    percentiles(log, refusal_ms, &p50, &p99, &most);
    printf("twice the peak of %.1f/s for %.0f s: %.1f/s served, %.2f %% of the peak; %lld of %lld refused, "
           "told so "
           "within P99 %.4f, most %.4f ms; %lld lost\n",
           peak, seconds, throughput(log, 1, seconds), 100 * throughput(log, 1, seconds) / peak,
           (long long)(log->count - count_ok(log)), (long long)log->count, p99, most, (long long)log->lost);
    percentiles(log, latency_ms, &p50, &p99, &most);
    printf("  those served: latency P50 %.1f, P99 %.1f, most %.1f ms; memory %.1f MiB before, %.1f after "
           "(the log "
           "of what was sent is %.1f of it)\n",
           p50, p99, most, before_mib, after_mib,
           (double)log->count * (double)sizeof(bt_sent_request) / 1048576);
    bt_request_log_close(&log);
    live_service_end(service);
}

int main(int argc, char **argv) {
    double seconds = argc > 1 ? atof(argv[1]) : 30;
    bench_queue_delay();
    bench_stall();
    bench_overload(seconds >= 2 ? seconds : 30);
    return 0;
}
