/* Moving values without computing: an image into channels_last, a transposed convolution's result into its
 * place, and logits of several classes into planes.
 *
 * A 2 x 2 transposed convolution of stride 2 is a 1 x 1 convolution to four times the channels, since no two
 * of its squares overlap; each pixel then holds a square of four, (row, column, channel), which bt_unfold_run
 * lays out. */
#ifndef BT_KERNELS_REARRANGE_H
#define BT_KERNELS_REARRANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_interleave {
    void *out;           /* batch x pixels x out_channels, float or BF16 */
    const float *planes; /* batch x channels x pixels */
    int batch, channels;
    int out_channels; /* channels; on a GPU perhaps more, those past them 0, so that reads are aligned */
    int64_t pixels;   /* of an image */
    bt_value_type type;
    int threads; /* OpenMP's, at most */
} bt_interleave;

typedef struct bt_unfold {
    void *out;            /* batch x height * size x width * size x channels, of x's type */
    void *second_out;     /* the same once more, as a slice of the channels of a wider tensor; NULL: not */
    size_t second_stride; /* values from one pixel of second_out to the next */
    const void *x;        /* batch x height x width x (size x size x channels), float or BF16 */
    const float *bias;    /* channels, added to both, on a GPU; NULL: nothing */
    int batch, channels, height, width, size;
    bt_value_type type;
    int threads;
} bt_unfold;

typedef struct bt_planes {
    float *planes; /* batch x channels x pixels */
    const void *x; /* batch x pixels of `channels` values, float or BF16 */
    size_t stride; /* values from one pixel of x to the next */
    int batch, channels;
    int64_t pixels; /* of an image */
    bt_value_type type;
    int threads;
} bt_planes;

void bt_interleave_run(const bt_interleave *interleave, bt_cpu_level level);
void bt_unfold_run(const bt_unfold *unfold, bt_cpu_level level);
void bt_planes_run(const bt_planes *planes);

#ifdef __cplusplus
}
#endif
#endif
