/* Batches for tests of networks: N x 3 x H x W float32. */
#ifndef BT_TESTS_INPUTS_H
#define BT_TESTS_INPUTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Element i of the input called `name`, in [0, 1): what the golden cases were computed on. */
void input_counter(float *images, size_t count, const char *name, uint64_t seed);

/* Images 0 to count - 1 of `seed`, drawn and normalised. `masks` (count x H x W bytes) may be NULL. */
BT_MUST_USE bt_status input_spheroids(float *images, uint8_t *masks, uint64_t seed, int count, int height,
                                      int width, bt_error *error);

#endif
