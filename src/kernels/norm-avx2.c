/* The fused norm with AVX2 and FMA (flags: see the Makefile). */
#define LANES   8
#define VERSION bt_norm_avx2
#include "kernels/norm-lanes.inc"
