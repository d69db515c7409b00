/* Every kernel with AVX-512 (the flags are in the Makefile). */
#define LANES 16
#define LOOPS bt_loops_avx512
#include "kernels/level.inc"
