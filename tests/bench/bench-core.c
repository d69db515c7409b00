/* bench-core: what batchtune's own code costs, beside what it measures. Prints figures and judges none:
 * compare them as ratios on one machine. */
#include <stdio.h>
#include <stdlib.h>

#include "backend/backend.h"
#include "base/clock.h"
#include "base/random.h"
#include "measure/histogram.h"
#include "measure/summary.h"
#include "spread.h"
#include "tune/team.h"

#define ROUNDS       200
#define ROUND_RUNS   1000
#define RECORDS      4000000
#define SUMMARY_SIZE 400

/* The worker's timing loop around a backend that takes no time: clock, dispatch and bookkeeping are what is
 * left. */
static bt_status bench_probe(bt_error *error) {
    bt_team *team;
    static double samples_ms[ROUND_RUNS], all_us[ROUNDS * ROUND_RUNS], whole_us[ROUNDS];
    bt_session_options options = {.backend = "sim:tau0_ms=0,alpha_ms=0,noise=0",
                                  .model = "hrnet",
                                  .weights = "demo",
                                  .device = "cpu",
                                  .path = BT_PATH_PRODUCTION,
                                  .height = 64,
                                  .width = 64};
    bt_status status = bt_team_open(&team, &options, 1, error);
    if (status != BT_OK) return status;
    float *images = calloc(4 * 64 * 64, sizeof *images);
    float *logits = images ? images + 3 * 64 * 64 : NULL;
    if (!images) status = bt_no_memory(error, "a batch");
    if (status == BT_OK) status = bt_team_prepare(team, 1, 64 * 64, error);
    for (int round = 0; round < ROUNDS && status == BT_OK; round++) {
        int64_t start_ns = bt_clock_now_ns();
        status = bt_team_time(team, 1, ROUND_RUNS, images, logits, samples_ms, error);
        whole_us[round] = (double)(bt_clock_now_ns() - start_ns) / 1e3 / ROUND_RUNS;
        for (int i = 0; i < ROUND_RUNS; i++)
            all_us[round * ROUND_RUNS + i] = samples_ms[i] * 1e3;
    }
    if (status == BT_OK) {
        print_spread("probe, zero-time batch: what the sample says", all_us, ROUNDS * ROUND_RUNS, "us");
        print_spread("probe, zero-time batch: what the loop takes", whole_us, ROUNDS, "us a batch");
    }
    free(images);
    bt_team_close(&team);
    return status;
}

static bt_status bench_histogram(bt_error *error) {
    bt_histogram *histogram;
    static int64_t values[4096];
    double record_ns[ROUNDS];
    bt_status status = bt_histogram_open(&histogram, &BT_HISTOGRAM_LATENCY, error);
    if (status != BT_OK) return status;
    bt_random random = bt_random_stream(1, "bench");
    for (int i = 0; i < 4096; i++)
        values[i] = (int64_t)(1e6 * bt_random_exponential(&random));
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start_ns = bt_clock_now_ns();
        for (int i = 0; i < RECORDS / ROUNDS; i++)
            bt_histogram_record(histogram, values[i % 4096]);
        record_ns[round] = (double)(bt_clock_now_ns() - start_ns) / (RECORDS / ROUNDS);
    }
    print_spread("histogram, one record", record_ns, ROUNDS, "ns");
    bt_histogram_close(&histogram);
    return BT_OK;
}

static bt_status bench_summary(bt_error *error) {
    double samples[SUMMARY_SIZE], took_us[ROUNDS];
    bt_summary summary;
    bt_random random = bt_random_stream(2, "bench");
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < SUMMARY_SIZE; i++)
            samples[i] = 10 + bt_random_exponential(&random);
        int64_t start_ns = bt_clock_now_ns();
        bt_status status = bt_summarize(samples, SUMMARY_SIZE, &summary, error);
        if (status != BT_OK) return status;
        took_us[round] = (double)(bt_clock_now_ns() - start_ns) / 1e3;
    }
    print_spread("summary of 400 samples (bounds, drift, ...)", took_us, ROUNDS, "us");
    return BT_OK;
}

int main(void) {
    bt_error error = {BT_OK, ""};
    if (bench_probe(&error) != BT_OK || bench_histogram(&error) != BT_OK || bench_summary(&error) != BT_OK) {
        fprintf(stderr, "bench-core: %s\n", error.message);
        return 1;
    }
    return 0;
}
