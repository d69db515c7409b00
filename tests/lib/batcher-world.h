/* Worlds from seeds: models, devices, traffic, faults, cancellations, changes and an ending, as a trace. The same
 * seed gives the same trace on every machine. */
#ifndef BT_TESTS_BATCHER_WORLD_H
#define BT_TESTS_BATCHER_WORLD_H

#include "batcher-trace.h"

/* `t` becomes the world of `seed`, in which so many requests come. */
void world_make(trace *t, uint64_t seed, int requests);

#endif
