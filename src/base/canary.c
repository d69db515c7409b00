#include "base/canary.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"

/* 16 KiB: within the first-level data cache of every processor in use. More would make other cores' traffic
 * count as a slower core, which is not what the canary is for. */
#define CELLS 2048

/* About 5 ms. Longer runs average short disturbances away and delay whoever measures; shorter ones show a
 * single interrupt as a slow machine. */
#define ROUNDS 1500

/* Where results go, so that the compiler cannot leave the work out. */
static volatile double sink;

/* Every round depends on the one before, integer and floating point alike: a chain of latencies, which
 * neither wider vectors nor a better compiler shortens much. */
static double compute(void) {
    double cells[CELLS];
    uint64_t state = 1;
    double carried = 0.5;
    for (int i = 0; i < CELLS; i++)
        cells[i] = (double)i / CELLS;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CELLS; i++) {
            state = state * 6364136223846793005ULL + 1442695040888963407ULL;
            carried = carried * 0.999 + cells[state >> 53] * 0.001;
            cells[i] = carried;
        }
    }
    return carried;
}

int64_t bt_canary_run_ns(void) {
    int64_t start_ns = bt_clock_now_ns();
    sink = compute();
    return bt_clock_now_ns() - start_ns;
}

static int ascending(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static int64_t nearest_rank(const int64_t *sorted, int count, double fraction) {
    int rank = (int)ceil(fraction * count);
    return sorted[rank > 0 ? rank - 1 : 0];
}

bt_status bt_canary_watch(bt_canary_summary *out, int64_t duration_ns, bt_error *error) {
    if (duration_ns < 0)
        return bt_fail(error, BT_INVALID, "the canary cannot run for %lld ns: give 0 or more",
                       (long long)duration_ns);
    int64_t *runs_ns = malloc(BT_CANARY_RUNS_MAX * sizeof *runs_ns);
    if (!runs_ns) return bt_no_memory(error, "%d canary runs", BT_CANARY_RUNS_MAX);
    int64_t end_ns = bt_clock_now_ns() + duration_ns;
    int count = 0;
    while (count < BT_CANARY_RUNS_MAX && (count < BT_CANARY_RUNS_MIN || bt_clock_now_ns() < end_ns))
        runs_ns[count++] = bt_canary_run_ns();
    qsort(runs_ns, (size_t)count, sizeof *runs_ns, ascending);
    *out = (bt_canary_summary){
        .count = count,
        .median_ns = nearest_rank(runs_ns, count, 0.5),
        .p95_ns = nearest_rank(runs_ns, count, 0.95),
        .maximum_ns = runs_ns[count - 1],
    };
    out->spread_percent =
        100.0 * (double)(out->p95_ns - nearest_rank(runs_ns, count, 0.05)) / (double)out->median_ns;
    free(runs_ns);
    return BT_OK;
}
