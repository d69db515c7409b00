/* gate-selftest: does the gate cry wolf, and does it see one? Simulated courses on a made-up machine whose
 * truth is known (tests/lib/simulated-gate.h). Fails where a promise is not kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "measure/quantile.h"
#include "simulated-gate.h"

#define RUNS    300
#define METRICS 12
#define PAIRS   120

typedef struct figures {
    int alarms, caught, same, inconclusive, empty;
    double pairs_mean;
} figures;

static figures run(const simulated_gate *about, int runs, uint64_t seed) {
    figures f = {0};
    for (int i = 0; i < runs; i++) {
        simulated_outcome out = simulated_course(about, seed + (uint64_t)i);
        f.alarms += out.false_alarms > 0;
        if (out.false_alarms > 0)
            printf("false alarm after %d pairs: seed %llu\n", out.pairs, (unsigned long long)seed + i);
        f.caught += about->slowed > 0 && out.slowed_caught == about->slowed;
        f.same += out.verdict == BT_GATE_SAME || out.verdict == BT_GATE_FASTER;
        f.inconclusive += out.verdict == BT_GATE_INCONCLUSIVE;
        f.empty += out.pairs == 0;
        f.pairs_mean += (double)out.pairs / runs;
    }
    return f;
}

/* The most that the true chance of what was seen `count` times of `runs` may be, at 95 %. */
static double at_most_percent(int count, int runs) {
    double low = 0, high = 1;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (bt_binomial_at_most(count, runs, middle) > 0.05)
            low = middle;
        else
            high = middle;
    }
    return 100 * high;
}

static int no_change(uint64_t seed, double tolerance_percent) {
    simulated_gate about = simulated_noise;
    about.metrics = METRICS;
    about.pairs = PAIRS;
    about.tolerance_percent = tolerance_percent;
    figures f = run(&about, RUNS, seed);
    printf("no change, tolerance %3g %%: %d false alarms in %d runs of %d metrics (the chance is at most "
           "%.1f %%); "
           "same %d, inconclusive %d; %.0f pairs on average\n",
           tolerance_percent, f.alarms, RUNS, METRICS, at_most_percent(f.alarms, RUNS), f.same,
           f.inconclusive, f.pairs_mean);
    return f.alarms > 0 || f.empty > 0;
}

/* The worst that is still allowed: every metric slower by just the tolerance. */
static int at_the_edge(uint64_t seed) {
    simulated_gate about = simulated_noise;
    about.metrics = METRICS;
    about.pairs = PAIRS;
    about.tolerance_percent = 1;
    about.slowed = METRICS;
    about.slowdown_percent = 1;
    int alarms = 0;
    for (int i = 0; i < RUNS; i++)
        alarms += simulated_course(&about, seed + (uint64_t)i).slowed_caught > 0;
    printf("slower by just the tolerance in all %d metrics: called slower in %d of %d runs (%.1f %%; the "
           "error is "
           "5 %%)\n",
           METRICS, alarms, RUNS, 100.0 * alarms / RUNS);
    return bt_binomial_at_least(alarms, RUNS, 0.05) < 0.001; /* surely more than 5 % */
}

/* Noise as textbooks have it: nothing but independent normal spread. */
static void textbook(uint64_t seed) {
    const simulated_gate about = {.metrics = 1,
                                  .slowed = 1,
                                  .slowdown_percent = 3,
                                  .tolerance_percent = 1,
                                  .pairs = 60,
                                  .spread_percent = 3};
    figures f = run(&about, RUNS, seed);
    printf("the same by independent noise alone, 1 metric, at most %d pairs: caught in %5.1f %%, after %.0f "
           "pairs on "
           "average (no promise)\n",
           about.pairs, 100.0 * f.caught / RUNS, f.pairs_mean);
}

static int planted(uint64_t seed, int metrics, int pairs, double spread_percent, int least_percent) {
    simulated_gate about = simulated_noise;
    about.metrics = metrics;
    about.pairs = pairs;
    about.tolerance_percent = 1;
    about.slowed = 1;
    about.slowdown_percent = 3;
    about.spread_percent = spread_percent;
    figures f = run(&about, RUNS, seed);
    printf("3 %% slower in 1 of %2d, tolerance 1 %%, spread %.1f %%, at most %2d pairs: caught in %5.1f %% "
           "of %d runs, "
           "after %.0f pairs on average%s\n",
           metrics, spread_percent, pairs, 100.0 * f.caught / RUNS, RUNS, f.pairs_mean,
           least_percent ? "" : " (no promise)");
    return least_percent && 100 * f.caught < least_percent * RUNS;
}

int main(int argc, char **argv) {
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    int broken = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("seed %llu\n", (unsigned long long)seed);
    broken += no_change(seed, 1);
    broken += no_change(seed + 1000, 3);
    broken += at_the_edge(seed + 2000);
    broken += planted(seed + 3000, METRICS, PAIRS, 3, 95);
    broken += planted(seed + 4000, 1, 80, 3, 95);
    (void)planted(seed + 5000, 1, 25, 3, 0);
    (void)planted(seed + 6000, METRICS, PAIRS, 4.2, 0);
    textbook(seed + 7000);
    printf("gate-selftest: %s\n", broken ? "a promise is broken" : "all promises are kept");
    return broken > 0;
}
