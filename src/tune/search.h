/* Which batch sizes are worth trying? Doubling first, then between the best neighbours. Pure.
 *
 * Service time over batch size is a staircase more than a line, and the best size is seldom a power of two;
 * but scores do not jump about, so the best of the doubled sizes brackets the best of all. */
#ifndef BT_TUNE_SEARCH_H
#define BT_TUNE_SEARCH_H

#include <stdbool.h>

#include "tune/objective.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Doubling ends at the largest batch, and where three doublings in a row gained less throughput than the share. A
 * higher share ends it sooner, before a step of the staircase that would still pay; a lower one measures sizes
 * that only cost latency. */
#define BT_SEARCH_MAX_BATCH    256
#define BT_SEARCH_PLATEAU_GAIN 0.03

/* Whether doubling goes on after `last` (throughputs of the sizes so far, ascending; at least one). It ends
 * at BT_SEARCH_MAX_BATCH, and where three doublings in a row gained no throughput: a device may take a slow algorithm
 * for two sizes and a faster one for the next, as NVIDIA's U-Net does on an A100. */
bool bt_search_goes_on(const double *throughputs, int count, int last_batch);

/* What is known of a size when the search goes on. */
typedef struct bt_search_point {
    int batch_size;
    double service_ms; /* mean; INFINITY where it was never run */
    bool refused;      /* cannot win: late, out of memory, broken */
} bt_search_point;

/* Sizes between the doubled ones, at most; and a gap that cannot beat the best by more than the share is left alone.
 * More tries, or a smaller share, come nearer to the best of all sizes (tests/unit/tune-search.c says how near), at
 * a turn of timed runs for each. */
#define BT_SEARCH_TRIES      10
#define BT_SEARCH_WORTHWHILE 0.02

/* The size to try next between those that were measured (ascending), or 0 when none is worth it.
 *
 * Every gap has a best conceivable score: service times rise with the batch size, so no size in it can be
 * faster than its lower end; where all measured times lie on one line, none is expected far below that line
 * either. The gap that promises most is halved. On a staircase this is a binary search for the edge, and the
 * sizes just before an edge are the best. */
int bt_search_refine(bt_objective objective, const bt_search_point *points, int count);

#ifdef __cplusplus
}
#endif
#endif
