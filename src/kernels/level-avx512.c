/* Every kernel with AVX-512 (the flags are in the Makefile). */
#define LANES    16
#define VERSIONS bt_versions_avx512
#include "kernels/lanes.inc"

#include "kernels/attention-lanes.inc"
#include "kernels/norm-lanes.inc"
#include "kernels/pixel-lanes.inc"
#include "kernels/sum-lanes.inc"
#include "kernels/tile-lanes.inc"
#include "kernels/versions.inc"
