/* The two halves of a convolutional block attention module (Woo et al., "CBAM", 2018), as factors: which
 * channels matter, and which pixels. What weighs the tensor by them is kernels/scale.h.
 *
 *     channel[n][c] = sigmoid(mlp(mean over pixels of x) + mlp(largest over pixels of x))
 *                     with mlp(v) = expand max(0, squeeze v)
 *     pixel[n][p]   = sigmoid(convolution of (mean over channels, largest over channels) of x * channel)
 *
 * Neither writes the weighed tensor in between: the second reads x with the first one's factors. */
#ifndef BT_KERNELS_ATTENTION_H
#define BT_KERNELS_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_channel_attention {
    const void *x;        /* batch x height * width x channels, of `type` */
    const float *unit;    /* of bytes: what one is worth, channels; NULL: 1 */
    float *factors;       /* batch x channels, written */
    const float *squeeze; /* hidden x channels */
    const float *expand;  /* channels x hidden */
    int batch, channels, hidden, height, width;
    bt_value_type type;
    int threads; /* OpenMP's, at most */
} bt_channel_attention;

typedef struct bt_spatial_attention {
    const void *x;                              /* batch x height x width x channels, of `type` */
    const float *channel;                       /* batch x channels; NULL: 1 */
    const float *unit;                          /* of bytes: what one is worth, channels; NULL: 1 */
    float *factors;                             /* batch x height x width, written */
    const float *weight;                        /* 2 x kernel x kernel: for the means, then for the largest */
    int batch, channels, height, width, kernel; /* kernel odd; the border counts as 0 */
    bt_value_type type;
    int threads;
} bt_spatial_attention;

size_t bt_channel_attention_scratch_bytes(const bt_channel_attention *attention);
size_t bt_spatial_attention_scratch_bytes(const bt_spatial_attention *attention);
void bt_channel_attention_run(const bt_channel_attention *attention, bt_cpu_level level, void *scratch);
void bt_spatial_attention_run(const bt_spatial_attention *attention, bt_cpu_level level, void *scratch);
void bt_channel_attention_reference(const bt_channel_attention *attention, double *out);
void bt_spatial_attention_reference(const bt_spatial_attention *attention, double *out);

#ifdef __cplusplus
}
#endif
#endif
