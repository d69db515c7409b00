/* Weighing: a tensor times a factor for each channel, for each pixel, or both. A gate, and the last step of
 * attention.
 *
 *     out = x * channel[n][c] * pixel[n][p]
 *
 * Of bytes, times ratio[c]: what one of x's is worth in out's.
 * Channels_last; out may be x itself, or a slice of the channels of a wider tensor. */
#ifndef BT_KERNELS_SCALE_H
#define BT_KERNELS_SCALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_scale {
    void *out;            /* batch x pixels of `channels` values, of x's type */
    size_t out_stride;    /* values from one pixel of out to the next */
    const void *x;        /* batch x pixels x channels, of `type` */
    const float *channel; /* batch x channels; NULL: 1 */
    const float *pixel;   /* batch x pixels; NULL: 1 */
    const float *ratio;   /* channels; NULL: 1 */
    int batch, channels;
    int64_t pixels; /* of an image */
    bt_value_type type;
    int threads; /* OpenMP's, at most */
} bt_scale;

size_t bt_scale_scratch_bytes(const bt_scale *scale);
void bt_scale_run(const bt_scale *scale, bt_cpu_level level, void *scratch);
void bt_scale_reference(const bt_scale *scale, double *out);

/* values = 1 / (1 + exp(-values)), in place, one thread. */
void bt_sigmoid_run(float *values, size_t count, bt_cpu_level level);

#ifdef __cplusplus
}
#endif
#endif
