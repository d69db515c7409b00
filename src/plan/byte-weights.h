/* A convolution's weights as bytes with a sign, and what goes with them.
 *
 * A convolution of bytes sums weight * byte in whole numbers, exactly. What such a sum is worth differs by
 * output channel: `scales`, which oneDNN multiplies by. The units of what it reads (plan/units.h) are within
 * the weights: w * unit of the input channel, then a scale for each output channel, so that the largest
 * becomes 127. The error of that rounding is the only one that a convolution of bytes makes. */
#ifndef BT_PLAN_BYTE_WEIGHTS_H
#define BT_PLAN_BYTE_WEIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "plan/onednn.h"
#include "plan/units.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Kept as long as the plan, since every batch size's primitive is made with them. Owned. */
typedef struct bt_byte_weights {
    float *scales;  /* out_channels: what a sum of products is worth in the output */
    float *bias;    /* out_channels, in units of a sum; NULL: none */
    float *lacking; /* BT_BORDER_KINDS x out_channels (kernels/border.h); NULL: nothing is lacking */
} bt_byte_weights;

/* What they are made of. */
typedef struct bt_byte_source {
    const float *weights;   /* out x in x kernel x kernel */
    const float *bias;      /* out; NULL: none */
    const bt_units *input;  /* of bytes, and their channels are the shape's */
    const bt_units *output; /* NULL: floats; else unit o % output_channels is that of channel o */
    int output_channels;
    int largest; /* weight: 127, or what the CPU multiplies without overflow */
} bt_byte_source;

/* Fills `out`, and `values` (room for out x in x kernel x kernel). BT_NO_MEMORY; BT_INVALID for weights that
 * are no numbers. */
BT_MUST_USE bt_status bt_byte_weights_open(bt_byte_weights *out, int8_t *values, const bt_conv_shape *shape,
                                           const bt_byte_source *source, bt_error *error);
void bt_byte_weights_close(bt_byte_weights *weights);

#ifdef __cplusplus
}
#endif
#endif
