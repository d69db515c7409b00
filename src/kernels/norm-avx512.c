/* The fused norm with AVX-512. */
#define LANES   16
#define VERSION bt_norm_avx512
#include "kernels/norm-lanes.inc"
