/* The sum of tensors of which some are coarser: how a network's fuse layers bring its branches together.
 *
 *     out = activation(x0 + x1 + ...), each xi brought to out's size where it has another
 *
 * between its two neighbours, or from the nearest, as bt_resize says (with corners aligned, as HRNet does, place 0
 * where n is 1). With one input it resizes, or copies. Everything is
 * channels_last; out may be a slice of the channels of a wider tensor, which is how a concatenation is
 * written. A resized tensor is never written anywhere: each row of the output blends two rows of a coarse
 * input into a scratch that stays in cache, and adds from there. Inputs may be bytes, and out may be: sums times
 * per_unit, rounded and held within 0 ... 255. */
#ifndef BT_KERNELS_SUM_H
#define BT_KERNELS_SUM_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/cpu.h"
#include "networks/network.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_SUM_MOST 4

typedef struct bt_sum_input {
    const void *x; /* batch x height x width x channels */
    int height, width;
    bt_value_type type; /* the sum's, or bytes where it has the output's size */
    const float *unit;  /* of bytes: what one is worth, channels */
} bt_sum_input;

typedef struct bt_sum {
    void *out;         /* batch x height x width pixels of `channels` values; may be an input of its size */
    size_t out_stride; /* values from one pixel of out to the next; channels where nothing lies between */
    bt_sum_input inputs[BT_SUM_MOST];
    int input_count;
    int batch, channels, height, width;
    bt_resize resize;       /* how inputs of another size are read */
    bt_value_type type;     /* floats or BF16 */
    bt_value_type out_type; /* the same, or bytes */
    const float *per_unit;  /* of bytes written: how many make one, channels */
    bool relu;              /* true where bytes are written */
    int threads;            /* OpenMP's, at most; small tensors take fewer */
} bt_sum;

size_t bt_sum_scratch_bytes(const bt_sum *sum);
void bt_sum_run(const bt_sum *sum, bt_cpu_level level, void *scratch);
void bt_sum_reference(const bt_sum *sum, double *out);

#ifdef __cplusplus
}
#endif
#endif
