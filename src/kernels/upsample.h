/* Bilinear upsampling added to what is there: how a network's fuse layers bring a coarse branch to a fine
 * one.
 *
 * Corners align, as HRNet's do: place i of n reads place i * (m - 1) / (n - 1) of m (0 where n is 1), between
 * its two neighbours. Both are channels_last. The upsampled tensor is never written anywhere: each row of the
 * fine one blends two coarse rows into a scratch that stays in cache, and adds from there.
 */
#ifndef BT_KERNELS_UPSAMPLE_H
#define BT_KERNELS_UPSAMPLE_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_upsample {
    void *fine;         /* batch x fine_height x fine_width x channels, float or BF16; in place */
    const void *coarse; /* batch x coarse_height x coarse_width x channels, of the same type */
    int batch, channels, fine_height, fine_width, coarse_height, coarse_width;
    bool bf16, relu; /* relu: after adding */
    int threads;     /* OpenMP's, at most; small tensors take fewer */
} bt_upsample;

/* Bytes of scratch that bt_upsample_run wants for this; aligned to 64 by the caller. */
size_t bt_upsample_scratch_bytes(const bt_upsample *upsample);

/* fine = fine + upsampled coarse, then max(0, fine) where asked. No allocation, no failure. The threads are
 * the calling thread's OpenMP pool. */
void bt_upsample_run(const bt_upsample *upsample, bt_cpu_level level, void *scratch);

/* The same in double, one thread: `out` is of fine's shape; fine stays as it is. */
void bt_upsample_reference(const bt_upsample *upsample, double *out);

/* ---- for upsample.c alone: one version's share of the work ---- */

/* Blends `count` values of two rows into floats: a + (b - a) * share. */
typedef void (*bt_blend_rows)(float *out, const void *a, const void *b, float share, size_t count);
/* One pixel: at = at + a + (b - a) * share for its channels, then ReLU. */
typedef void (*bt_add_pixel)(void *at, const float *a, const float *b, float share, int channels, bool relu);

typedef struct bt_upsample_version {
    bt_blend_rows blend_f32, blend_bf16;
    bt_add_pixel add_f32, add_bf16;
} bt_upsample_version;

extern const bt_upsample_version bt_upsample_portable, bt_upsample_avx2, bt_upsample_avx512,
    bt_upsample_avx512_bf16;

#ifdef __cplusplus
}
#endif
#endif
