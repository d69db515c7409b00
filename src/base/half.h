/* FP16, IEEE 754's half precision, and BF16, as bits: for files and devices that have them. */
#ifndef BT_BASE_HALF_H
#define BT_BASE_HALF_H

#include <math.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The value of FP16 bits, subnormals, infinities and NaN included. Exact. */
static inline float bt_half_value(uint16_t bits) {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float size;
    if (exponent == 31)
        size = fraction ? NAN : INFINITY;
    else
        size = exponent == 0 ? ldexpf((float)fraction, -24) : ldexpf((float)(1024 + fraction), exponent - 25);
    return bits >> 15 ? -size : size;
}

/* The nearest FP16, even where two are as near; infinite beyond 65504, and NaN stays NaN. */
static inline uint16_t bt_half_bits(float value) {
    union {
        float value;
        uint32_t bits;
    } word = {.value = value};
    const uint32_t sign = word.bits >> 16 & 0x8000, size = word.bits & 0x7fffffff;
    if (size > 0x7f800000) return (uint16_t)(sign | 0x7e00);
    if (size >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* from half a step beyond the largest on */
    if (size < 0x38800000) {
        /* Subnormal: adding 1/2 leaves the wanted bits at the end of its fraction, rounded. */
        word.bits = size;
        word.value += 0.5f;
        return (uint16_t)(sign | (word.bits - 0x3f000000));
    }
    return (uint16_t)(sign | ((size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13));
}

/* The value of BF16 bits. Exact. */
static inline float bt_bfloat_value(uint16_t bits) {
    union {
        uint32_t bits;
        float value;
    } word = {.bits = (uint32_t)bits << 16};
    return word.value;
}

/* The nearest BF16, FP32's upper half, even where two are as near; NaN stays NaN. */
static inline uint16_t bt_bfloat_bits(float value) {
    union {
        float value;
        uint32_t bits;
    } word = {.value = value};
    if ((word.bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(word.bits >> 16 | 0x40);
    return (uint16_t)((word.bits + 0x7fff + (word.bits >> 16 & 1)) >> 16);
}

#ifdef __cplusplus
}
#endif
#endif
