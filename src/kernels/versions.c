#include "kernels/versions.h"

extern const bt_versions bt_versions_portable, bt_versions_avx2, bt_versions_avx512, bt_versions_avx512_bf16;

const bt_versions *bt_versions_of(bt_cpu_level level) {
#if defined(__x86_64__)
    static const bt_versions *const all[BT_CPU_LEVEL_COUNT] = {&bt_versions_portable, &bt_versions_avx2,
                                                               &bt_versions_avx512, &bt_versions_avx512_bf16};
    if (level >= 0 && level < BT_CPU_LEVEL_COUNT) return all[level];
#else
    (void)level;
#endif
    return &bt_versions_portable;
}
