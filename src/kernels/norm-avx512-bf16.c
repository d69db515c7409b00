/* The fused norm with AVX-512 and its rounding to BF16. */
#include <immintrin.h>

#define STORE_BF16(to, value)                                                                                \
    do {                                                                                                     \
        __m256bh rounded_ = _mm512_cvtneps_pbh((__m512)(value));                                             \
        memcpy(to, &rounded_, sizeof rounded_);                                                              \
    } while (0)
#define LANES   16
#define VERSION bt_norm_avx512_bf16
#include "kernels/norm-lanes.inc"
