/* What the values of a tensor are stored as. */
#ifndef BT_KERNELS_VALUE_TYPE_H
#define BT_KERNELS_VALUE_TYPE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_value_type {
    BT_F32,
    BT_BF16,
    /* Bytes 0 ... 255 that stand for (byte - zero) * unit, with a unit for each channel and a zero that is 0
     * where values have no sign and 128 where they have one. The bytes know neither: who reads or writes them
     * is told. */
    BT_U8,
    BT_VALUE_TYPE_COUNT,         /* of the kernels of a CPU */
    BT_F16 = BT_VALUE_TYPE_COUNT /* of a GPU's alone */
} bt_value_type;

/* Bytes of one value. */
static inline size_t bt_value_bytes(bt_value_type type) {
    return type == BT_U8 ? 1 : type == BT_F32 ? 4 : 2;
}

/* "f32", "bf16", "f16", "u8"; never NULL. */
static inline const char *bt_value_type_name(bt_value_type type) {
    return type == BT_U8 ? "u8" : type == BT_BF16 ? "bf16" : type == BT_F16 ? "f16" : "f32";
}

#ifdef __cplusplus
}
#endif
#endif
