#include "kernels/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bt_cpu_level best;

const char *bt_cpu_level_name(bt_cpu_level level) {
    static const char *const names[BT_CPU_LEVEL_COUNT] = {
        [BT_CPU_PORTABLE] = "portable",
        [BT_CPU_AVX2] = "avx2",
        [BT_CPU_AVX512] = "avx512",
        [BT_CPU_AVX512_BF16] = "avx512-bf16",
    };
    return level >= 0 && level < BT_CPU_LEVEL_COUNT ? names[level] : "unknown";
}

static bt_cpu_level detect(void) {
#if defined(__x86_64__)
    __builtin_cpu_init(); /* asks the system too whether it keeps the registers */
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return BT_CPU_PORTABLE;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return BT_CPU_AVX2;
    return __builtin_cpu_supports("avx512bf16") ? BT_CPU_AVX512_BF16 : BT_CPU_AVX512;
#else
    return BT_CPU_PORTABLE;
#endif
}

/* AVX2's own form of VNNI, of client CPUs without AVX-512. */
static bool has_avx_vnni(void) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
#else
    return false;
#endif
}

int bt_cpu_byte_weight_most(bt_cpu_level level) {
    bool sums_four = false;
#if defined(__x86_64__)
    __builtin_cpu_init();
    sums_four = level >= BT_CPU_AVX512 ? __builtin_cpu_supports("avx512vnni") != 0
                                       : level == BT_CPU_AVX2 && has_avx_vnni();
#endif
    return sums_four ? 127 : 63;
}

static void choose_level(void) {
    const char *wanted = getenv("BATCHTUNE_CPU");
    best = detect();
    for (int level = 0; wanted && level < (int)best; level++)
        if (strcmp(wanted, bt_cpu_level_name((bt_cpu_level)level)) == 0) best = (bt_cpu_level)level;
}

bt_cpu_level bt_cpu_best_level(void) {
    pthread_once(&once, choose_level);
    return best;
}
