/* One value of a tensor, whatever its type: for references and first values, not for loops that must be
 * fast. */
#ifndef BT_KERNELS_ELEMENT_H
#define BT_KERNELS_ELEMENT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/value-type.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Value `place` of a tensor at any alignment; of bytes, the byte. */
static inline float bt_element(const void *values, bt_value_type type, size_t place) {
    const char *at = (const char *)values + bt_value_bytes(type) * place;
    float value;
    if (type == BT_U8) return (float)(uint8_t)*at;
    if (type == BT_BF16) {
        uint16_t half;
        memcpy(&half, at, sizeof half);
        uint32_t bits = (uint32_t)half << 16;
        memcpy(&value, &bits, sizeof value);
    } else {
        memcpy(&value, at, sizeof value);
    }
    return value;
}

/* Writes one, rounded to nearest: to BF16, ties to even; to a byte, ties up, and what lies beyond 0 ... 255
 * to the end that is nearer. */
static inline void bt_element_put(void *values, bt_value_type type, size_t place, float value) {
    char *at = (char *)values + bt_value_bytes(type) * place;
    if (type == BT_U8) {
        *(uint8_t *)at = value >= 255 ? 255 : value > 0 ? (uint8_t)(value + 0.5F) : 0;
    } else if (type == BT_BF16) {
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        uint16_t half = value != value ? 0x7fc0 : (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
        memcpy(at, &half, sizeof half);
    } else {
        memcpy(at, &value, sizeof value);
    }
}

#ifdef __cplusplus
}
#endif
#endif
