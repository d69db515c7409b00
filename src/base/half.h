/* FP16, IEEE 754's half precision, as bits: for files and devices that have it. */
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

#ifdef __cplusplus
}
#endif
#endif
