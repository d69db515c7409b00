#include "kernels/loops.h"

extern const bt_loops *const bt_loops_portable[BT_VALUE_TYPE_COUNT],
    *const bt_loops_avx2[BT_VALUE_TYPE_COUNT], *const bt_loops_avx512[BT_VALUE_TYPE_COUNT],
                                                   *const bt_loops_avx512_bf16[BT_VALUE_TYPE_COUNT];

const bt_loops *bt_loops_of(bt_cpu_level level, bt_value_type type) {
#if defined(__x86_64__)
    static const bt_loops *const *const levels[BT_CPU_LEVEL_COUNT] = {bt_loops_portable, bt_loops_avx2,
                                                                      bt_loops_avx512, bt_loops_avx512_bf16};
    if (level >= 0 && level < BT_CPU_LEVEL_COUNT) return levels[level][type];
#else
    (void)level;
#endif
    return bt_loops_portable[type];
}
