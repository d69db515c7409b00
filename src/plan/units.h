/* Which tensors of a network a plan keeps as bytes, and what a byte of each channel is worth there.
 *
 * A convolution that multiplies bytes is twice as fast as one of BF16, and four times one of FP32. It needs
 * its input as bytes; so a tensor becomes bytes where a convolution reads it, directly or through something
 * that hands bytes on (pooling, attention, a gate, a concatenation), and where a calibration says how large
 * it gets. What no convolution reads stays in floats: terms of sums, residuals of another width, the maps that
 * become the mask. The image does, since it has signs and three channels.
 *
 * Each channel has its own unit: its range, 255 units long. That costs nothing, since units of what a
 * convolution reads go into its weights, and units of what a norm writes into its factors. A tensor whose
 * values have signs (a transposed convolution's) has its zero at 128 (kernels/border.h), and is bytes only where that
 * convolution reads bytes. */
#ifndef BT_PLAN_UNITS_H
#define BT_PLAN_UNITS_H

#include <stdbool.h>

#include "base/error.h"
#include "networks/network.h"
#include "record/calibration.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of one tensor. */
typedef struct bt_units {
    bool bytes;      /* else floats, and nothing below is set */
    float *unit;     /* channels: what a byte is worth; owned */
    float *per_unit; /* channels: 1 / unit; in unit's memory, as the next one */
    float *zero;     /* channels: the byte that stands for 0: 0 or 128 */
    /* channels: what a byte of the first input of the operation that writes this one is worth in bytes of
     * this one; means nothing where that input is floats */
    float *ratio;
} bt_units;

/* Decides on every tensor, into *out[tensor_count]: bt_units_close. `shapes` are the tensors' (only which are
 * of one size matters), `calibration` is read here only. BT_INVALID where the calibration does not
 * fit the network's tensors; BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_units_open(bt_units **out, const bt_network *network, const bt_shape *shapes,
                                    const bt_calibration *calibration, bt_error *error);
void bt_units_close(bt_units **units, const bt_network *network);

/* Which tensors can be bytes only together: *out[tensor] is the lowest number among them, for every tensor;
 * negative where it stays in floats whatever a calibration says. The caller frees it. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_units_groups(int **out, const bt_network *network, const bt_shape *shapes,
                                      bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
