/* Which of a kernel's versions this CPU may run.
 *
 * The kernels' headers have this in common. bt_x_run does the work at a level that this CPU has, in the
 * calling thread's OpenMP pool: it allocates nothing and cannot fail. A kernel that needs scratch says how
 * many bytes (bt_x_scratch_bytes), which the caller aligns to BT_CACHE_LINE. bt_x_reference computes the same
 * in double throughout, with one thread and no scratch, into doubles with nothing between: it is what the
 * others are checked against. Activations are channels_last, floats, BF16 or bytes (value-type.h), at any
 * alignment. */
#ifndef BT_KERNELS_CPU_H
#define BT_KERNELS_CPU_H

#include "kernels/value-type.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Each level has all that stands before it. */
typedef enum bt_cpu_level {
    BT_CPU_PORTABLE, /* plain C, any machine */
    BT_CPU_AVX2,     /* with FMA */
    BT_CPU_AVX512,   /* F, BW, DQ, VL */
    BT_CPU_AVX512_BF16,
    BT_CPU_LEVEL_COUNT
} bt_cpu_level;

/* The highest level that CPU and system have; $BATCHTUNE_CPU ("portable", "avx2", "avx512", "avx512-bf16")
 * lowers it, never raises it. Looked up once; any thread. */
bt_cpu_level bt_cpu_best_level(void);

/* The largest weight that this CPU multiplies bytes by at a level without a sum that overflows on its way: 127
 * where it has an instruction that sums four products in 32 bits (VNNI), else 63, since two products of 255 and
 * 64 no longer fit in 16. */
int bt_cpu_byte_weight_most(bt_cpu_level level);

/* "portable", "avx2", "avx512", "avx512-bf16"; never NULL. */
const char *bt_cpu_level_name(bt_cpu_level level);

#ifdef __cplusplus
}
#endif
#endif
