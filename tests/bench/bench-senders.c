/* bench-senders: the highest rate at which all processes that mpirun started send one schedule on time, to a target that
 * costs nothing. On time is a P99 of at most 100 us, 1 % of a promise of 10 ms. Prints what it finds and judges nothing:
 * `make bench-senders` runs it with one process and with two. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/cores.h"
#include "load/spread.h"

#define ON_TIME_US 100
#define RUNS       3 /* at each rate; the median counts, since a machine has its moments */

static void fail(const bt_error *error) {
    fprintf(stderr, "bench-senders: %s\n", error->message);
    exit(1);
}

/* ---- another rank ---- */

static bt_status begin(void *self, bt_error *error) {
    (void)self, (void)error;
    return BT_OK;
}

static bt_status open_null(void *self, const bt_share *share, bt_stream *streams, bt_target *out,
                           bt_error *error) {
    (void)self, (void)error;
    for (int i = 0; i < share->stream_count; i++)
        streams[i].input_count = 1;
    *out = bt_target_null();
    return BT_OK;
}

static void close_null(void *self, const bt_request_log *log) {
    (void)self, (void)log;
}

static bool serve(bt_ranks *ranks) {
    const bt_spread_host host = {.begin = begin, .open = open_null, .close = close_null};
    bool all_alive;
    bt_error error;
    if (bt_spread_serve(ranks, &host, NULL, &all_alive, &error) != BT_OK) fail(&error);
    return all_alive;
}

/* ---- rank 0 ---- */

/* P99 of how late requests were sent; the clocks' bound. */
static double run_once(bt_spread *spread, double rate_rps, double seconds, uint64_t seed, double *bound_us) {
    bt_schedule schedule;
    bt_request_log *log;
    bt_load_senders senders;
    bt_error error;
    const bt_schedule_options options = {.shape = BT_SHAPE_POISSON,
                                         .rate_rps = rate_rps,
                                         .duration_ns = (int64_t)(seconds * 1e9),
                                         .seed = seed};
    if (bt_schedule_open(&schedule, &options, &error) != BT_OK) fail(&error);
    const bt_stream stream = {.schedule = &schedule, .input_count = 1};
    const bt_load_options load = {
        .target = bt_target_null(), .streams = &stream, .stream_count = 1, .drain_ns = BT_NS_PER_S};
    const int32_t subject = 0;
    if (bt_spread_run(&log, spread, &load, &subject, &senders, &error) != BT_OK) fail(&error);
    const double late_us = bt_load_send_delay(log).p99_us;
    if (log->count != schedule.count) {
        fprintf(stderr, "bench-senders: %lld of %lld requests were sent\n", (long long)log->count,
                (long long)schedule.count);
        exit(1);
    }
    *bound_us = bt_load_senders_bound_us(&senders);
    bt_request_log_close(&log);
    bt_schedule_close(&schedule);
    return late_us;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool is_on_time(bt_spread *spread, double rate_rps, double seconds) {
    double late_us[RUNS], bound_us = 0;
    for (int i = 0; i < RUNS; i++)
        late_us[i] = run_once(spread, rate_rps, seconds, (uint64_t)i + 1, &bound_us);
    qsort(late_us, RUNS, sizeof *late_us, ascending);
    printf("%10.0f/s  sent late P99 %10.2f us (%.2f to %.2f)  clocks within %.1f us\n", rate_rps,
           late_us[RUNS / 2], late_us[0], late_us[RUNS - 1], bound_us);
    fflush(stdout);
    return late_us[RUNS / 2] <= ON_TIME_US;
}

/* By doubling, then by halving the gap to 5 %. */
static double find_highest(bt_spread *spread, double seconds) {
    double on_time = 0, late = 0;
    for (double rate = 50000; late == 0 && rate < 2e7; rate *= 2)
        *(is_on_time(spread, rate, seconds) ? &on_time : &late) = rate;
    while (on_time > 0 && late > 1.05 * on_time) {
        const double middle = (on_time + late) / 2;
        *(is_on_time(spread, middle, seconds) ? &on_time : &late) = middle;
    }
    return on_time;
}

int main(int argc, char **argv) {
    const double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.5;
    bt_ranks *ranks;
    bt_spread *spread;
    bt_error error;
    bool all_alive;
    if (bt_ranks_open(&ranks, &error) != BT_OK) fail(&error);
    if (bt_ranks_own(ranks) > 0) {
        all_alive = serve(ranks);
    } else {
        if (bt_spread_open(&spread, ranks, &error) != BT_OK) fail(&error);
        const double highest = find_highest(spread, seconds);
        printf("%d %s on %d cores: on time up to %.0f requests/s\n", bt_ranks_count(ranks),
               bt_ranks_count(ranks) == 1 ? "sender" : "senders", bt_cores_count(), highest);
        all_alive = bt_spread_close(&spread);
    }
    bt_ranks_close(&ranks, all_alive);
    return 0;
}
