/* Stands in for CUDA's header of that name: FP16 as a type to store, whose arithmetic is done in FP32. */
#ifndef BT_TESTS_CUDA_ON_CPU_CUDA_FP16_H
#define BT_TESTS_CUDA_ON_CPU_CUDA_FP16_H

#include "cuda_runtime.h"

struct __half {
    uint16_t bits;
};
struct __align__(4) __half2 {
    __half x, y;
};
using half2 = __half2;

inline float __half2float(__half value) {
    const uint32_t sign = (value.bits & 0x8000u) << 16, exponent = value.bits >> 10 & 31,
                   fraction = value.bits & 0x3ffu;
    if (exponent == 31) return __uint_as_float(sign | 0x7f800000 | fraction << 13);
    if (exponent > 0) return __uint_as_float(sign | (exponent + 112) << 23 | fraction << 13);
    const float small = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -small : small;
}

/* To the nearest, ties to even, as a device does; a NaN becomes the one that a device writes. */
inline __half __float2half_rn(float value) {
    const uint32_t bits = __float_as_uint(value), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    uint32_t rest;
    if (size > 0x7f800000)
        return {0x7fff};
    else if (size >= 0x477ff000) /* halfway from the largest to the one there is not */
        rest = 0x7c00;
    else if (size >= 0x38800000)
        rest = (size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13;
    else /* a sum whose last place is worth what a subnormal's is */
        rest = __float_as_uint(__uint_as_float(size) + 0.5f) - 0x3f000000;
    return {static_cast<uint16_t>(sign | rest)};
}

inline __half __float2half(float value) {
    return __float2half_rn(value);
}
inline float __low2float(__half2 pair) {
    return __half2float(pair.x);
}
inline float __high2float(__half2 pair) {
    return __half2float(pair.y);
}
inline float2 __half22float2(__half2 pair) {
    return {__half2float(pair.x), __half2float(pair.y)};
}
inline __half2 __floats2half2_rn(float x, float y) {
    return {__float2half_rn(x), __float2half_rn(y)};
}
inline __half2 __float22half2_rn(float2 pair) {
    return __floats2half2_rn(pair.x, pair.y);
}
inline __half2 __halves2half2(__half x, __half y) {
    return {x, y};
}
inline __half __ushort_as_half(unsigned short bits) {
    return {bits};
}
inline unsigned short __half_as_ushort(__half value) {
    return value.bits;
}
#endif
