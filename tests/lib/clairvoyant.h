/* The best that any rule of batching could have done, by whoever knew all arrivals beforehand: what a study of
 * such rules measures them by.
 *
 * One device runs batches one after another, of b requests in s(b), known exactly. A request is in time that
 * is answered within `sla_ns` of its arrival. Since all have the same time, there is a best schedule that
 * serves those it serves in the order of their arrival, in batches of neighbours: between a request that is
 * served out of turn and one that is not, places can be changed. So a search over "the first i are dealt
 * with, m of them missed, and the device is free at t" finds it, keeping for each i and m the least t. */
#ifndef BT_TESTS_CLAIRVOYANT_H
#define BT_TESTS_CLAIRVOYANT_H

#include <stdbool.h>
#include <stdint.h>

#include "batching/ladder.h"

/* How many of `count` arrivals (ascending) can be in time at most, in batches of up to `largest`; -1 where
 * memory runs out. `all`: all are answered, in their order, the late ones too; else whom it pleases is left
 * out, and no schedule of any kind does better. */
int clairvoyant_in_time(const bt_ladder *ladder, int largest, const int64_t *arrivals_ns, int count,
                        int64_t sla_ns, bool all);

#endif
