/* One value of a tensor, whatever its type: for references and first values, not for loops that must be
 * fast. */
#ifndef BT_KERNELS_ELEMENT_H
#define BT_KERNELS_ELEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Value `place` of floats or BF16 halves at any alignment. */
static inline float bt_element(const void *values, bool bf16, size_t place) {
    float value;
    if (bf16) {
        uint16_t half;
        memcpy(&half, (const char *)values + 2 * place, sizeof half);
        uint32_t bits = (uint32_t)half << 16;
        memcpy(&value, &bits, sizeof value);
    } else {
        memcpy(&value, (const char *)values + 4 * place, sizeof value);
    }
    return value;
}

/* Writes one; to BF16 rounded to nearest, ties to even. */
static inline void bt_element_put(void *values, bool bf16, size_t place, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t half = value != value ? 0x7fc0 : (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    if (bf16)
        memcpy((char *)values + 2 * place, &half, sizeof half);
    else
        memcpy((char *)values + 4 * place, &value, sizeof value);
}

#ifdef __cplusplus
}
#endif
#endif
