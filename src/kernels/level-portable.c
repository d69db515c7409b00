/* Every kernel in plain C (the flags are in the Makefile). */
#define LANES              4
#define VERSION_OF(kernel) bt_##kernel##_portable
#include "kernels/lanes.inc"

#include "kernels/norm-lanes.inc"
#include "kernels/upsample-lanes.inc"
