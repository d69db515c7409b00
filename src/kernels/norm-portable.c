/* The fused norm in plain C. */
#define LANES   4
#define VERSION bt_norm_portable
#include "kernels/norm-lanes.inc"
