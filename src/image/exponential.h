/* e^x as plain arithmetic, which a compiler makes vectors of: the C library's is a call for each number. Code to be compiled
 * into loops, once for any CPU and once for AVX2. */
#ifndef BT_IMAGE_EXPONENTIAL_H
#define BT_IMAGE_EXPONENTIAL_H

#include <stdint.h>

/* To 2e-7, of x in -87 ... 87, as what lies beyond counts: 2^t as a whole power of two, through the exponent's bits, times
 * Taylor's series of the rest. Of NaN some number. */
static inline __attribute__((always_inline)) float bt_exponential(float x) {
    const float round = 12582912.0f; /* 1.5 * 2^23: adding it leaves no bits for a fraction */
    float t = 1.44269504f * x;
    t = t < -126.0f ? -126.0f : t > 126.0f ? 126.0f : t;
    const union {
        float value;
        uint32_t bits;
    } rounded = {.value = t + round}; /* the whole number in its lowest bits; of NaN some bits */
    const float rest = 0.693147181f * (t - (rounded.value - round));
    float power = 1 + rest * (1 / 7.0f);
    power = 1 + rest * (1 / 6.0f) * power;
    power = 1 + rest * (1 / 5.0f) * power;
    power = 1 + rest * (1 / 4.0f) * power;
    power = 1 + rest * (1 / 3.0f) * power;
    power = 1 + rest * (1 / 2.0f) * power;
    power = 1 + rest * power;
    const union {
        uint32_t bits;
        float value;
    } scale = {.bits = (rounded.bits + 127) << 23};
    return power * scale.value;
}

#endif
