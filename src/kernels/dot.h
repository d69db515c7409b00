/* A 1 x 1 convolution to a single channel: a dot product for each pixel. Convolution libraries are made for
 * many output channels; with one of them this only reads x, at the memory's speed.
 *
 *     out[p] = bias + sum over c of x[p][c] * weight[c] */
#ifndef BT_KERNELS_DOT_H
#define BT_KERNELS_DOT_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_dot {
    float *out;          /* pixels */
    const void *x;       /* pixels x channels, float or BF16 */
    const float *weight; /* channels */
    float bias;
    int64_t pixels; /* of the whole batch */
    int channels;
    bt_value_type type;
    int threads; /* OpenMP's, at most */
} bt_dot;

void bt_dot_run(const bt_dot *dot, bt_cpu_level level);
void bt_dot_reference(const bt_dot *dot, double *out);

#ifdef __cplusplus
}
#endif
#endif
