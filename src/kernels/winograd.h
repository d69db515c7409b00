/* A 3 x 3 convolution of stride 1 and padding 1 by Winograd's minimal filtering: F(2 x 2, 3 x 3), 16
 * multiplications where 36 were, or F(4 x 4, 3 x 3), 36 where 144 were.
 *
 * The input is cut into tiles of 4 x 4 pixels, two apart, or of 6 x 6, four apart; each gives a square of 2 x 2 or
 * 4 x 4 pixels of the output, `side` of them along an edge:
 *
 *     Y = A' [ (G g G') . (B' d B) ] A
 *
 * (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, section 4) with "." for each of the
 * 16 or 36 places by itself. Over all channels and tiles that is as many products of matrices, tiles x channels by
 * channels x out_channels, which a matrix library does; this file does what lies around them.
 *
 * Of a side of two, B and A hold only 0, 1 and -1, so that BF16 loses half a bit in the tiles and as much in the
 * weights, and nothing in the products, which are FP32. A side of four is for FP32 alone: its matrices interpolate at
 * 0, +-sqrt(1/2), +-sqrt(2) and infinity (by Cook and Toom's construction), whose powers stay nearer to one than
 * those of 0, +-1, +-2, and with them what rounding loses.
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

#define BT_WINOGRAD_PLACES_MOST 36

typedef struct bt_winograd {
    const void *x;     /* batch x height x width x channels, float or BF16 */
    void *out;         /* batch x height x width x out_channels, as x; does not overlap it */
    const float *bias; /* out_channels, or NULL */
    void *tiles;       /* places x pitch x channels, as x: what read makes of it */
    float *products;   /* places x pitch x out_channels: what write starts from */
    void *zeros;       /* a pixel beyond the edge */
    int batch, height, width, channels, out_channels;
    int side;  /* of the square of outputs that a tile gives: 2, or of FP32 4 */
    int group; /* tiles */
    /* Tiles from one place's to the next one's, at least group. An odd number keeps places from falling into the
     * same sets of a cache. */
    int pitch;
    bool adds; /* to what out holds */
    bool relu; /* of the sum */
    bt_value_type type;
    int threads; /* OpenMP's, at most */
} bt_winograd;

/* Of one tile: (side + 2)^2. */
int bt_winograd_places(int side);
/* Of the whole batch: a square of the output each, less of it where the edge cuts it off. */
int64_t bt_winograd_tiles(const bt_winograd *winograd);

/* Lays tiles, products and zeros out in `room`, 64-byte aligned; returns the bytes that they take, with NULL
 * too. */
size_t bt_winograd_lay_out(bt_winograd *winograd, void *room);

/* Tiles [first, first + group), as far as there are any, to winograd->tiles; those past the last stay what
 * they are. */
void bt_winograd_read(const bt_winograd *winograd, int64_t first, bt_cpu_level level);

/* The same tiles' products to the output. */
void bt_winograd_write(const bt_winograd *winograd, int64_t first, bt_cpu_level level);

/* A convolution's weights (out_channels x channels x 3 x 3) as the matrices (places of channels x out_channels) that
 * tiles of that side meet; by at most `threads` of OpenMP's. */
void bt_winograd_weights(float *matrices, const float *weights, int out_channels, int channels, int side,
                         int threads);

/* What read and write make of a group, in double, one thread: places x pitch x channels; batch x height x width x
 * out_channels, of which only the group's pixels are written. */
void bt_winograd_read_reference(const bt_winograd *winograd, int64_t first, double *tiles);
void bt_winograd_write_reference(const bt_winograd *winograd, int64_t first, double *out);

#ifdef __cplusplus
}
#endif
#endif
