/* Every kernel with AVX2 and FMA (the flags are in the Makefile). */
#define LANES 8
#define LOOPS bt_loops_avx2
#include "kernels/level.inc"
