/* Every kernel with AVX-512 and its rounding to BF16 (the flags are in the Makefile). */
#include <immintrin.h>
#include <string.h>

#include "kernels/store-u8-avx512.inc"

static inline void store_halves(void *to, __m512 value) {
    __m256bh rounded = _mm512_cvtneps_pbh(value);
    memcpy(to, &rounded, sizeof rounded);
}

/* Two vectors to one of 32 halves, `even` below; then they take turns. */
static inline void store_both(void *to, __m512 even, __m512 odd) {
    const __m512i turns = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23,
                                           7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    __m512i both = (__m512i)_mm512_cvtne2ps_pbh(odd, even);
    both = _mm512_permutexvar_epi16(turns, both);
    memcpy(to, &both, sizeof both);
}

#define STORE_BF16(to, value)     store_halves(to, (__m512)(value))
#define STORE_PAIR(to, even, odd) store_both(to, (__m512)(even), (__m512)(odd))

#define LANES 16
#define LOOPS bt_loops_avx512_bf16
#include "kernels/level.inc"
