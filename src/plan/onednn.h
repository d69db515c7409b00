/* oneDNN's convolutions and matrix products, as a plan wants them: made once, weights packed once, run
 * without further ado.
 *
 * oneDNN is loaded when a plan is first opened, so that everything else runs without it. Activations are
 * channels_last and contiguous, scratch memory is the caller's, and the implementation is the one that oneDNN
 * likes best for the shape (on AVX512-BF16: brgconv). The API is that of oneDNN 2.x. */
#ifndef BT_PLAN_ONEDNN_H
#define BT_PLAN_ONEDNN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernels/cpu.h"
#include "networks/network.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Loads oneDNN, any thread, once; later calls cost nothing. `level` limits its instructions too, for the
 * process, and only the first call's does. BT_UNSUPPORTED with the remedy where it is missing, too old or too
 * new. */
BT_MUST_USE bt_status bt_onednn_load(bt_cpu_level level, bt_error *error);

/* "2.6.3"; "" before bt_onednn_load. */
const char *bt_onednn_version(void);

/* Weights in the layout that a shape's implementation wants. The library's own struct lies within. */
typedef struct bt_packed bt_packed;

/* What a convolution is, for all sizes of input. Of bytes: 0 ... 255 times -127 ... 127. */
typedef struct bt_conv_shape {
    int batch, channels, height, width; /* of the input */
    int out_channels, kernel, stride, padding;
    int dilation, groups; /* 0 means 1 */
    bool adds;            /* to what its output holds, of type out_type */
    bt_activation activation;
    float slope;                  /* of BT_ACTIVATION_LEAKY */
    bt_value_type type, out_type; /* of what is multiplied; of the output, which may be bytes after bytes */
    bool bias;                    /* FP32 */
    /* Of bytes: what a sum of products is worth in each output channel, read when the primitive is made. A
     * bias is in units of such a sum. */
    const float *scales;
} bt_conv_shape;

static inline int bt_conv_groups(const bt_conv_shape *shape) {
    return shape->groups > 1 ? shape->groups : 1;
}

static inline int bt_conv_dilation(const bt_conv_shape *shape) {
    return shape->dilation > 1 ? shape->dilation : 1;
}

/* Height or width of the output, of an input's. */
static inline int bt_conv_out_size(int size, const bt_conv_shape *shape) {
    return (size + 2 * shape->padding - bt_conv_dilation(shape) * (shape->kernel - 1) - 1) / shape->stride +
           1;
}

/* An activation of `count` values by itself, in place. */
typedef struct bt_activation_shape {
    int64_t count;
    bt_activation activation; /* not none */
    float slope;
    bt_value_type type; /* floats or BF16 */
} bt_activation_shape;

/* `count` products of matrices: rows x inner by inner x columns. */
typedef struct bt_product_shape {
    int count, rows, inner, columns;
    bt_value_type type; /* of what is multiplied; the products are FP32 */
} bt_product_shape;

/* Any of them, ready to run. */
typedef struct bt_primitive bt_primitive;

/* Makes the primitive, for as many threads as omp_get_max_threads() says now. `packed` is what an earlier
 * shape of the same weights left, or NULL; `weights` (out x in x kernel x kernel for a convolution, in FP32 or,
 * to multiply bytes, int8_t; count x inner x columns for a product, in FP32) may be NULL then. Where the layouts match, *packed stays, else it is
 * packed anew and the old one kept for whoever uses it: `*fresh` becomes the new one (the caller's,
 * bt_packed_close), NULL where there is none. BT_BACKEND, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_conv_open(bt_primitive **out, const bt_conv_shape *shape, const void *weights,
                                   bt_packed *packed, bt_packed **fresh, bt_error *error);
BT_MUST_USE bt_status bt_product_open(bt_primitive **out, const bt_product_shape *shape, const float *weights,
                                      bt_packed *packed, bt_packed **fresh, bt_error *error);
BT_MUST_USE bt_status bt_activation_open(bt_primitive **out, const bt_activation_shape *shape,
                                         bt_error *error);
void bt_primitive_close(bt_primitive **primitive);
void bt_packed_close(bt_packed **packed);
size_t bt_packed_bytes(const bt_packed *packed);

/* Bytes of scratch that a run wants; 64-byte aligned. */
size_t bt_primitive_scratch_bytes(const bt_primitive *primitive);

/* "brgconv:avx512_core_bf16": the implementation chosen. */
const char *bt_primitive_name(const bt_primitive *primitive);

/* Where it reads and writes from now on. The memory is the caller's; x and out do not overlap. `bias` is read
 * by a convolution that has one. */
void bt_primitive_bind(bt_primitive *primitive, void *x, const float *bias, void *out, void *scratch);

/* Runs it in the calling thread's OpenMP pool; BT_BACKEND where oneDNN fails. */
BT_MUST_USE bt_status bt_primitive_run(const bt_primitive *primitive, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
