/* InstanceNorm over channels_last activations, fused with what follows it: the affine step, a residual, ReLU.
 *
 * libtorch's own leaves channels_last: it copies to NCHW and back around every norm, which is half of what a
 * network of these takes. This one reads each value twice and writes it once, in place, or as bytes elsewhere.
 *
 * For each image and channel, over its pixels (Ulyanov et al., "Instance Normalization", 2016; the variance
 * is the biased one):
 *
 *     y = (x - mean) / sqrt(variance + epsilon) * scale + offset, then + residual, then max(0, y)
 *
 * Where bytes are written, out = y * per_unit, rounded and held within 0 ... 255: units of that tensor, chosen
 * by whoever calibrated it.
 *
 * Statistics are of x less the channel's first value, in FP32 over short stretches and in double beyond: a
 * mean that is large against the deviation loses nothing. */
#ifndef BT_KERNELS_NORM_H
#define BT_KERNELS_NORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_norm {
    void *x;              /* batch x pixels x channels, float or BF16; in place, unless bytes are written */
    void *out;            /* of bytes, apart from x; unused where out_type is x's */
    const void *residual; /* of the same shape, apart from x and out; NULL: none */
    const float *scale, *offset; /* channels each */
    const float *per_unit;       /* of bytes written: how many make one, channels */
    const float *residual_unit;  /* of a residual of bytes: what one is worth, channels */
    int batch, channels;
    int64_t pixels; /* of an image */
    float epsilon;
    bt_value_type type, out_type, residual_type; /* each x's, or bytes */
    bool relu;                                   /* true where bytes are written */
    /* Of bytes written, batch: set for an image whose y is no number, which a byte cannot say; NULL: nobody
     * asks. */
    bool *broken;
    int threads; /* OpenMP's, at most; small tensors take fewer */
} bt_norm;

size_t bt_norm_scratch_bytes(const bt_norm *norm);
/* One tensor in one call at a time. */
void bt_norm_run(const bt_norm *norm, bt_cpu_level level, void *scratch);
/* x stays as it is. */
void bt_norm_reference(const bt_norm *norm, double *out);

#ifdef __cplusplus
}
#endif
#endif
