/* A fixed small computation, timed: tells a slow machine from a slow program.
 *
 * The work never changes, fits a core's own caches and mixes integer and floating-point arithmetic, so that
 * when its duration moves, the machine has moved: clocks, a neighbour, a hypervisor, a cgroup quota. It says
 * nothing about how fast a machine is; compare it only with itself. */
#ifndef BT_BASE_CANARY_H
#define BT_BASE_CANARY_H

#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Does the computation once, on the calling thread, and returns how long it took: around 5 ms on a core of
 * 2020s. Allocates nothing; any thread, any number at once. */
int64_t bt_canary_run_ns(void);

typedef struct bt_canary_summary {
    int count;
    int64_t median_ns, p95_ns, maximum_ns;
    double spread_percent; /* (95th - 5th percentile) / median x 100: 1-3 on a quiet machine */
} bt_canary_summary;

/* Runs the canary back to back until `duration_ns` has passed (at least BT_CANARY_RUNS_MIN times, at most
 * BT_CANARY_RUNS_MAX) and sums up what it saw; percentiles by nearest rank. Blocks. BT_INVALID for a negative
 * duration, BT_NO_MEMORY. */
#define BT_CANARY_RUNS_MIN 20
#define BT_CANARY_RUNS_MAX 100000
BT_MUST_USE bt_status bt_canary_watch(bt_canary_summary *out, int64_t duration_ns, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
