/* Tensors that come ready: a network's input, prepared and normalised by whoever sends it. */
#ifndef BT_IMAGE_TENSOR_H
#define BT_IMAGE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>

#include "batchtune.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a value. */
static inline size_t bt_tensor_value_bytes(bt_tensor_type type) {
    return type == BT_TENSOR_FP16 ? 2 : 4;
}

/* The largest number that a value of a ready picture may have, FP16's largest. Beyond it the production path,
 * which may compute in FP16, need not give numbers. */
#define BT_TENSOR_VALUE_MAX 65504.0f

/* `count` values, at any address, as floats. False where one is no picture's: NaN, infinite or beyond
 * BT_TENSOR_VALUE_MAX. It is copied like the others. */
bool bt_tensor_copy(float *out, const void *values, bt_tensor_type type, size_t count);

#ifdef __cplusplus
}
#endif
#endif
