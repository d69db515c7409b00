/* bench-load: how exactly the load generator sends, and how much, to a target that costs nothing and to the
 * service around a backend that takes no time. Prints figures and judges none: they are the machine's as much
 * as the program's. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "live-service.h"
#include "load/generator.h"
#include "load/target-service.h"
#include "measure/quantile.h"

static void fail(const bt_error *error) {
    fprintf(stderr, "bench-load: %s\n", error->message);
    exit(1);
}

static double latency_us(const bt_request_log *log, double quantile) {
    double *us = malloc((size_t)log->count * sizeof *us);
    size_t n = 0;
    for (int64_t i = 0; i < log->count; i++)
        if (log->requests[i].status == BT_OK)
            us[n++] = (double)(log->requests[i].answered_ns - log->requests[i].intended_ns) / 1e3;
    bt_sort(us, n);
    double result = n > 0 ? bt_quantile(us, n, quantile) : NAN;
    free(us);
    return result;
}

static void run(const char *what, bt_target target, double rate_rps, double seconds) {
    bt_schedule schedule;
    bt_request_log *log;
    bt_error error;
    const bt_schedule_options options = {
        .shape = BT_SHAPE_POISSON, .rate_rps = rate_rps, .duration_ns = (int64_t)(seconds * 1e9), .seed = 1};
    if (bt_schedule_open(&schedule, &options, &error) != BT_OK) fail(&error);
    const bt_stream stream = {.schedule = &schedule, .input_count = 1};
    const bt_load_options load = {
        .target = target, .streams = &stream, .stream_count = 1, .drain_ns = BT_NS_PER_S};
    if (bt_load_run(&log, &load, &error) != BT_OK) fail(&error);
    bt_send_delay late = bt_load_send_delay(log);
    int64_t failed = 0;
    for (int64_t i = 0; i < log->count; i++)
        failed += log->requests[i].status != BT_OK;
    printf("%-9s %8.0f/s  sent late P50 %7.2f P99 %8.2f max %8.1f us   latency P50 %8.2f P99 %9.2f us  of "
           "%lld, %lld "
           "failed\n",
           what, rate_rps, late.p50_us, late.p99_us, late.max_us, latency_us(log, 0.5), latency_us(log, 0.99),
           (long long)log->count, (long long)failed);
    bt_request_log_close(&log);
    bt_schedule_close(&schedule);
}

int main(void) {
    static const double rates[] = {100, 1000, 10000, 100000, 400000, 1000000};
    bt_error error;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        run("null", bt_target_null(), rates[i], 2);
    bt_service *service =
        live_service_start(&(live_service){.backend = "sim:tau0_ms=0,alpha_ms=0,noise=0",
                                           .batch_size = 64,
                                           .image_size = 1,
                                           .model_count = 1,
                                           .settings = "max_queue_size=65536,admission=false"});
    const bt_load_images stream = {.model = "hrnet", .inputs = {{1, 1, NULL}}, .input_count = 1};
    bt_service_target *target;
    if (bt_service_target_open(&target, service, &stream, 1, 0, 1, &error) != BT_OK) fail(&error);
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        run("service", bt_service_target_of(target), rates[i], 2);
    bt_service_target_close(&target);
    live_service_end(service);
    return 0;
}
