/* Every kernel with AVX-512 (the flags are in the Makefile). */
#include "kernels/store-u8-avx512.inc"

#define LANES 16
#define LOOPS bt_loops_avx512
#include "kernels/level.inc"
