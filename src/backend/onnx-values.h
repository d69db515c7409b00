/* Between the numbers that everyone hands over, N x 3 x H x W normalised floats in and planes of floats out, and those that
 * an ONNX network takes and gives: one channel, halves, bytes; halves, doubles, smaller maps. */
#ifndef BT_BACKEND_ONNX_VALUES_H
#define BT_BACKEND_ONNX_VALUES_H

#include <stddef.h>

#include "backend/onnx-api.h"
#include "image/normalize.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of one; 0 of a type that is not converted. */
size_t bt_onnx_value_bytes(bt_onnx_type type);

/* `count` images of 3 x `pixels` to `channels` (3, or 1: their mean) of a type: float, halves, or bytes, for which the
 * normalisation `norm` is taken back. `out` is of that type, and not `images`. */
void bt_onnx_put_images(void *out, bt_onnx_type type, int channels, const float *images, size_t count,
                        size_t pixels, const bt_image_norm *norm);

/* `count` numbers of a type as floats. */
void bt_onnx_take_values(float *out, const void *values, bt_onnx_type type, size_t count);

#ifdef __cplusplus
}
#endif
#endif
