/* What each CPU level brings: every kernel's inner loops, compiled once a level from the same text.
 *
 * For the kernels' own files alone. A kernel (norm.c, sum.c, ...) cuts the work into pieces, shares them out
 * among threads and calls these for the pieces; the loops know no threads and hold no state. There is a table
 * of them for each level and each type of activations: floats, BF16, and of bytes what needs no units (NULL
 * elsewhere). Pointers to activations may have any alignment. */
#ifndef BT_KERNELS_LOOPS_H
#define BT_KERNELS_LOOPS_H

#include "kernels/norm.h"
#include "kernels/sum.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where place i of a fine row reads in a coarse one: between values `low` and `high` (of the first channel),
 * at `share` of the way. */
typedef struct bt_reading {
    int low, high;
    float share;
} bt_reading;

/* One row of a sum's input: as it is (`at` NULL, of the activations' type), or between the pixels of a row of
 * floats. */
typedef struct bt_sum_term {
    const void *row;
    const bt_reading *at; /* one for each pixel of the output */
    const float *unit;    /* of bytes, what one is worth in each channel */
} bt_sum_term;

/* One row of `width` pixels, `stride` values from one to the next: `direct` terms of the activations' type,
 * then `bytes` terms of bytes, then `between` blended ones. */
typedef struct bt_sum_row {
    void *out;
    size_t stride;
    const bt_sum_term *terms;
    int direct, bytes, between, width, channels;
    bool relu;
    const float *per_unit; /* of each channel, bytes that make one; NULL: the output is no bytes */
} bt_sum_row;

typedef enum bt_norm_residual { BT_RESIDUAL_NONE, BT_RESIDUAL_SAME, BT_RESIDUAL_BYTES } bt_norm_residual;

/* out = (x - shift) * gain + bias + residual * residual_gain, for pixels [from, to) of one image; ReLU. */
typedef struct bt_norm_step {
    const void *x, *residual;
    void *out;
    const float *shift, *gain, *bias, *residual_gain;
    bt_norm_residual residual_kind;
    bt_value_type out_type;
    bool relu;
    int channels;
    int64_t from, to;
} bt_norm_step;

typedef struct bt_loops {
    /* Adds to sums[c] and squares[c] what pixels [from, to) of one image have of (x - shift). */
    void (*norm_gather)(const bt_norm *norm, const void *image, const float *shift, int64_t from, int64_t to,
                        double *sums, double *squares);
    /* y = (x - shift) * gain + bias, residual, ReLU, for pixels [from, to) of one image. */
    void (*norm_apply)(const bt_norm *norm, void *image, const void *residual, const float *shift,
                       const float *gain, const float *bias, int64_t from, int64_t to);

    /* Likewise where bytes are written, or read as the residual. */
    void (*norm_apply_bytes)(const bt_norm_step *step);

    /* Blends `count` values of two rows into floats: a + (b - a) * share. */
    void (*blend_rows)(float *out, const void *a, const void *b, float share, size_t count);
    /* One row of `width` pixels, `stride` values from one to the next: the sum of the terms, `direct` of them
     * as they are and then `between` of the others, then ReLU. */
    void (*sum_row)(void *out, size_t stride, const bt_sum_term *terms, int direct, int between, int width,
                    int channels, bool relu);

    void (*sum_row_bytes)(const bt_sum_row *row);

    /* Adds `what` to the channels of one pixel. */
    void (*add_to_pixel)(void *pixel, const float *what, int channels);

    /* out = x * channel[c] * pixel[p] over `count` pixels; out's lie `stride` values apart. */
    void (*scale_pixels)(void *out, size_t stride, const void *x, const float *channel, const float *pixel,
                         size_t count, int channels);
    /* Adds to sums[c] and raises largest[c] by `count` pixels. */
    void (*gather_channels)(const void *x, size_t count, int channels, double *sums, float *largest);
    /* Mean and largest over the channels of x * channel[c], for each of `count` pixels. */
    void (*gather_pixels)(const void *x, const float *channel, size_t count, int channels, float *mean,
                          float *largest);
    /* out[p] = bias + sum over channels of x * weight, for `count` pixels. */
    void (*dot_pixels)(float *out, const void *x, const float *weight, float bias, size_t count,
                       int channels);
    /* The largest of `size` x `size` pixels at each of `width` places of a row; rows lie `row` values
     * apart. */
    void (*pool_row)(void *out, const void *x, size_t row, int size, int width, int channels);
    /* Pixels' `channels` planes, `plane` floats apart, to channels_last; in BF16 rounded. */
    void (*interleave)(void *out, const float *planes, size_t plane, int channels, size_t count);

    /* One tile's 16 pixels of `channels` values to its 16 places, `plane` values apart. */
    void (*tile_in)(void *tiles, size_t plane, const void *const pixels[16], int channels);
    /* The 16 places of one tile's products, `plane` floats apart, to its four pixels, or added to them, then ReLU;
     * NULL for a pixel beyond the edge. */
    void (*tile_out)(void *const pixels[4], const float *products, size_t plane, const float *bias,
                     int channels, bool adds, bool relu);

    /* Likewise 36 pixels to 36 places, and those of products to 16 pixels; of floats in every table. */
    void (*wide_tile_in)(void *tiles, size_t plane, const void *const pixels[36], int channels);
    void (*wide_tile_out)(void *const pixels[16], const float *products, size_t plane, const float *bias,
                          int channels, bool adds, bool relu);

    /* Of floats in either table: values = 1 / (1 + exp(-values)). */
    void (*sigmoid)(float *values, size_t count);
    /* Likewise: adds to out[0 ... width) what one row of a kernel of `size` taps sees from `in`, which has
     * size - 1 values more. */
    void (*slide)(float *out, const float *in, const float *taps, int size, int width);
} bt_loops;

/* Of a level that this machine was built for; any other gives the portable one. Never NULL. */
const bt_loops *bt_loops_of(bt_cpu_level level, bt_value_type type);

#ifdef __cplusplus
}
#endif
#endif
