/* Makes a trace that breaks a promise short: what it does not need is left out, and what is left becomes plain,
 * as long as the very same check fails. What remains is read in a minute, and kept in tests/traces/. */
#ifndef BT_TESTS_BATCHER_SHRINK_H
#define BT_TESTS_BATCHER_SHRINK_H

#include "batcher-player.h"

/* Shrinks `t`, which breaks a promise with this driver, and returns how its playing fails in the end. Its
 * expectations go: they were of the long one. */
playing shrink(player *p, trace *t, const player_driver *driver);

/* Shrinks it, writes it to a file of the build folder, prints it, the seed and how to play both, and ends the
 * test. */
void shrink_and_fail(player *p, trace *t, uint64_t seed, const player_driver *driver);

#endif
