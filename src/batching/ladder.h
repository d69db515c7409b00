/* The batch sizes that are warm, what each takes, and how a batch of any other size is best run.
 *
 * A runtime tunes itself for the shapes it has seen, so only the sizes of this ladder ever run. A batch in
 * between is padded up to the next size or split into smaller ones, whichever the service times say is
 * cheaper. Pure; a ladder is a value that may be copied. */
#ifndef BT_BATCHING_LADDER_H
#define BT_BATCHING_LADDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_LADDER_SIZES_MAX 64
#define BT_LADDER_BATCH_MAX 1024           /* the largest batch that a service forms */
#define BT_LADDER_NS_MAX    86400000000000 /* a day: no service time is longer, so that sums of them fit */

typedef struct bt_ladder {
    int size_count;
    int sizes[BT_LADDER_SIZES_MAX];          /* ascending, from 1 */
    int64_t service_ns[BT_LADDER_SIZES_MAX]; /* typical (median), of each on the production path */
    int64_t standard_ns;                     /* of one image on the standard path; 0 where unknown */
    /* For every batch of n requests, 1 to the largest size: how many of them run first, and on which size.
     * Filled by bt_ladder_plan. */
    int16_t take[BT_LADDER_BATCH_MAX + 1], run_size[BT_LADDER_BATCH_MAX + 1];
    int64_t cost_ns[BT_LADDER_BATCH_MAX + 1]; /* of all n, one run after another */
} bt_ladder;

static inline int bt_ladder_largest(const bt_ladder *ladder) {
    return ladder->sizes[ladder->size_count - 1];
}

/* Checks sizes and times and fills the plan: for each n the cheapest sequence of runs, where a run of size r
 * >= the requests it takes costs service_ns of r; among equals the fewest runs, the largest run first.
 * BT_INVALID where the sizes do not ascend from 1, are too many or too large, or a time is not positive (0 is
 * allowed for all: a backend that takes no time) or longer than a day. */
BT_MUST_USE bt_status bt_ladder_plan(bt_ladder *ladder, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
