/* Every kernel in plain C (the flags are in the Makefile). */
#define LANES    4
#define VERSIONS bt_versions_portable
#include "kernels/lanes.inc"

#include "kernels/attention-lanes.inc"
#include "kernels/norm-lanes.inc"
#include "kernels/pixel-lanes.inc"
#include "kernels/sum-lanes.inc"
#include "kernels/tile-lanes.inc"
#include "kernels/versions.inc"
