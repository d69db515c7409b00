/* How much arithmetic a network is, which turns its times into a share of what the machine could do. */
#ifndef BT_TESTS_MULTIPLY_ADDS_H
#define BT_TESTS_MULTIPLY_ADDS_H

#include <stdint.h>

#include "networks/network.h"

/* Multiplications of one image's convolutions, each with its addition: the transposed ones, and attention's,
 * among them. They are counted as the list has them, whatever tiles or fusing make of them. Norms, sums and
 * attention's layers, of which there is one pixel, are less than a hundredth of it and left out. Errors as
 * bt_network_shapes; BT_NO_MEMORY. */
BT_MUST_USE bt_status multiply_adds(int64_t *out, const bt_network *network, int height, int width,
                                    bt_error *error);

#endif
