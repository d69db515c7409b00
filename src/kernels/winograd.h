/* A 3 x 3 convolution of stride 1 and padding 1 by Winograd's minimal filtering F(2 x 2, 3 x 3): 16
 * multiplications where 36 were.
 *
 * The input is cut into tiles of 4 x 4 pixels, two apart; each gives 2 x 2 pixels of the output:
 *
 *     Y = A' [ (G g G') . (B' d B) ] A
 *
 * (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, section 4.1) with "." for each
 * of the 16 places by itself. Over all channels and tiles that is 16 products of matrices, tiles x channels
 * by channels x out_channels, which a matrix library does; this file does what lies around them. B and A hold
 * only 0, 1 and -1, so that BF16 loses half a bit in the tiles and as much in the weights, and nothing in the
 * products, which are FP32.
 *
 * Tiles go in groups: their memory is one group's, and it can stay in a cache. For each group: read, then the
 * products, then write. */
#ifndef BT_KERNELS_WINOGRAD_H
#define BT_KERNELS_WINOGRAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_WINOGRAD_PLACES 16

typedef struct bt_winograd {
    const void *x;     /* batch x height x width x channels, float or BF16 */
    void *out;         /* batch x height x width x out_channels, as x; does not overlap it */
    const float *bias; /* out_channels, or NULL */
    void *tiles;       /* 16 x pitch x channels, as x: what read makes of it */
    float *products;   /* 16 x pitch x out_channels: what write starts from */
    void *zeros;       /* a pixel beyond the edge */
    int batch, height, width, channels, out_channels;
    int group; /* tiles */
    /* Tiles from one place's to the next one's, at least group. An odd number keeps the 16 from falling into
     * the same sets of a cache. */
    int pitch;
    bool adds; /* to what out holds */
    bool relu; /* of the sum */
    bt_value_type type;
    int threads; /* OpenMP's, at most */
} bt_winograd;

/* Of the whole batch: 2 x 2 pixels of the output each, fewer at an odd edge. */
int64_t bt_winograd_tiles(const bt_winograd *winograd);

/* Lays tiles, products and zeros out in `room`, 64-byte aligned; returns the bytes that they take, with NULL
 * too. */
size_t bt_winograd_lay_out(bt_winograd *winograd, void *room);

/* Tiles [first, first + group), as far as there are any, to winograd->tiles; those past the last stay what
 * they are. */
void bt_winograd_read(const bt_winograd *winograd, int64_t first, bt_cpu_level level);

/* The same tiles' products to the output. */
void bt_winograd_write(const bt_winograd *winograd, int64_t first, bt_cpu_level level);

/* A convolution's weights (out_channels x channels x 3 x 3) as the 16 matrices (channels x out_channels) that
 * the tiles meet; by at most `threads` of OpenMP's. */
void bt_winograd_weights(float *matrices, const float *weights, int out_channels, int channels, int threads);

/* What read and write make of a group, in double, one thread: 16 x pitch x channels; batch x height x width x
 * out_channels, of which only the group's pixels are written. */
void bt_winograd_read_reference(const bt_winograd *winograd, int64_t first, double *tiles);
void bt_winograd_write_reference(const bt_winograd *winograd, int64_t first, double *out);

#ifdef __cplusplus
}
#endif
#endif
