/* Every kernel with AVX-512 and its rounding to BF16 (the flags are in the Makefile). */
#include <immintrin.h>
#include <string.h>

#define STORE_BF16(to, value)                                                                                \
    do {                                                                                                     \
        __m256bh rounded_ = _mm512_cvtneps_pbh((__m512)(value));                                             \
        memcpy(to, &rounded_, sizeof rounded_);                                                              \
    } while (0)
/* Two vectors to one of 32 halves, the second argument's below; then they take turns. */
#define STORE_PAIR(to, even, odd)                                                                            \
    do {                                                                                                     \
        __m512i both_ = (__m512i)_mm512_cvtne2ps_pbh((__m512)(odd), (__m512)(even));                         \
        both_ = _mm512_permutexvar_epi16(turns(), both_);                                                    \
        memcpy(to, &both_, sizeof both_);                                                                    \
    } while (0)

static inline __m512i turns(void) {
    return _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5,
                            20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
}

#define LANES    16
#define VERSIONS bt_versions_avx512_bf16
#include "kernels/lanes.inc"

#include "kernels/attention-lanes.inc"
#include "kernels/norm-lanes.inc"
#include "kernels/pixel-lanes.inc"
#include "kernels/sum-lanes.inc"
#include "kernels/tile-lanes.inc"
#include "kernels/versions.inc"
