/* Every kernel with AVX2 and FMA (the flags are in the Makefile). */
#define LANES              8
#define VERSION_OF(kernel) bt_##kernel##_avx2
#include "kernels/lanes.inc"

#include "kernels/norm-lanes.inc"
#include "kernels/upsample-lanes.inc"
