/* Every kernel in plain C (the flags are in the Makefile). */
#define LANES 4
#define LOOPS bt_loops_portable
#include "kernels/level.inc"
