/* Every kernel with AVX-512 (the flags are in the Makefile). */
#define LANES              16
#define VERSION_OF(kernel) bt_##kernel##_avx512
#include "kernels/lanes.inc"

#include "kernels/norm-lanes.inc"
#include "kernels/upsample-lanes.inc"
