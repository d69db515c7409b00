/* What the border of a convolution's result lacks where its input's zero is no 0.
 *
 * Bytes with a sign stand for byte - zero. A convolution that takes them as they are adds weight * zero for
 * each tap, a constant for each output channel, which a norm takes away again, or a bias does. Beyond the edge
 * it reads 0 where it should read `zero`, so that pixels at the border lack that tap's part of the constant.
 * This adds it.
 *
 *     out[p][c] += lacking[taps that lie beyond, for p][c]
 *
 * A 3 x 3 convolution with a padding of 1 has sixteen kinds of pixels: those that miss the first row of taps
 * (1), the last (2), both (3) or none (0), times four, and likewise for columns. */
#ifndef BT_KERNELS_BORDER_H
#define BT_KERNELS_BORDER_H

#include "kernels/cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_BORDER_KINDS 16

typedef struct bt_border {
    void *out;            /* batch x height x width x channels, float or BF16 */
    const float *lacking; /* [4 * rows missed + columns missed] x channels; nothing is read of [0] */
    int batch, channels, height, width;
    int in_height, in_width, stride; /* of the convolution's input, and its stride */
    bt_value_type type;
} bt_border;

/* Which taps along one side lie beyond the edge for place `i`: 1 the first, 2 the last, 3 both. */
static inline int bt_border_missed(int i, int stride, int in_size) {
    return (i * stride == 0) + 2 * (i * stride + 1 >= in_size);
}

/* One thread: a border is thin. */
void bt_border_run(const bt_border *border, bt_cpu_level level);
void bt_border_reference(const bt_border *border, double *out);

#ifdef __cplusplus
}
#endif
#endif
