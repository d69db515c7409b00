#include "image/tensor.h"

#include <stdint.h>
#include <string.h>

#include "base/half.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Of a float, without its sign. */
static inline uint32_t magnitude(uint32_t bits) {
    return bits & 0x7fffffffu;
}
#define MAGNITUDE_MAX 0x477fe000u /* BT_TENSOR_VALUE_MAX; NaN and infinity are above it, too */

/* Without a branch, so that it vectorises: looking at them costs nothing beside the memory. */
static bool copy_floats(float *restrict out, const char *restrict values, size_t count) {
    uint32_t wild = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, values + 4 * i, sizeof bits);
        memcpy(out + i, &bits, sizeof bits);
        wild |= magnitude(bits) > MAGNITUDE_MAX;
    }
    return !wild;
}

static bool copy_halves(float *restrict out, const char *restrict values, size_t count) {
    uint32_t wild = 0;
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, values + 2 * i, sizeof half);
        out[i] = bt_half_value(half);
        wild |= (half & 0x7c00u) == 0x7c00u;
    }
    return !wild;
}

#if defined(__x86_64__)
__attribute__((target("avx,f16c"))) static bool copy_halves_f16c(float *restrict out,
                                                                 const char *restrict values, size_t count) {
    const __m128i exponent = _mm_set1_epi16(0x7c00);
    __m128i wild = _mm_setzero_si128();
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        const __m128i halves = _mm_loadu_si128((const __m128i *)(const void *)(values + 2 * i));
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(halves));
        wild = _mm_or_si128(wild, _mm_cmpeq_epi16(_mm_and_si128(halves, exponent), exponent));
    }
    const bool tame = copy_halves(out + i, values + 2 * i, count - i);
    return tame && _mm_testz_si128(wild, wild);
}
#endif

bool bt_tensor_copy(float *out, const void *values, bt_tensor_type type, size_t count) {
    if (type == BT_TENSOR_FP32) return copy_floats(out, values, count);
#if defined(__x86_64__)
    /* who has AVX2 has F16C, for which clang 14 has no word */
    if (__builtin_cpu_supports("avx2")) return copy_halves_f16c(out, values, count);
#endif
    return copy_halves(out, values, count);
}
