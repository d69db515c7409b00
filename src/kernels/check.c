#include "kernels/check.h"

#include <pthread.h>

#include "kernels/trial.h"

static const struct {
    const char *name;
    void (*try)(bt_trial *t);
    bool bytes; /* it takes bytes as well */
} kernels[] = {
    {"norm", bt_try_norm, true},
    {"sum", bt_try_sum, true},
    {"scale", bt_try_scale, true},
    {"sigmoid", bt_try_sigmoid, false},
    {"channel_attention", bt_try_channel_attention, true},
    {"spatial_attention", bt_try_spatial_attention, true},
    {"dot", bt_try_dot, false},
    {"pool", bt_try_pool, true},
    {"interleave", bt_try_interleave, false},
    {"unfold", bt_try_unfold, true},
    {"planes", bt_try_planes, false},
    {"border", bt_try_border, false},
    {"winograd_read", bt_try_winograd_read, false},
    {"winograd_write", bt_try_winograd_write, false},
};

#define KERNEL_COUNT ((int)(sizeof kernels / sizeof *kernels))

const char *bt_kernel_name(int kernel) {
    return kernel >= 0 && kernel < KERNEL_COUNT ? kernels[kernel].name : NULL;
}

bool bt_kernel_takes(int kernel, bt_value_type type) {
    return type != BT_U8 || kernels[kernel].bytes;
}

bt_status bt_kernel_try(int kernel, const bt_kernel_case *one, bt_cpu_level level, bt_kernel_result *result,
                        bt_error *error) {
    bt_trial t = {.given = one,
                  .level = level,
                  .random = bt_random_stream(one->seed, kernels[kernel].name),
                  .result = result};
    *result = (bt_kernel_result){0};
    kernels[kernel].try(&t);
    bt_trial_close(&t);
    return t.no_memory ? bt_no_memory(error, "checking the kernels") : BT_OK;
}

/* Cases of each kernel and type at start. More leave fewer of the ways out that sizes take through vectors,
 * pairs and tails; every program that opens a plan waits for them. */
#define CHECK_SEEDS 4

static bt_status check_all(bt_cpu_level level, bt_error *error) {
    for (int kernel = 0; kernel < KERNEL_COUNT; kernel++)
        for (int i = 0; i < BT_VALUE_TYPE_COUNT * CHECK_SEEDS; i++) {
            const bt_value_type type = (bt_value_type)(i % BT_VALUE_TYPE_COUNT);
            const bt_kernel_case one = {
                .seed = 1 + (uint64_t)i / BT_VALUE_TYPE_COUNT, .type = type, .threads = 1};
            if (!bt_kernel_takes(kernel, type)) continue;
            bt_kernel_result result;
            bt_status status = bt_kernel_try(kernel, &one, level, &result, error);
            if (status != BT_OK) return status;
            if (result.overrun || !(result.error <= result.limit))
                return bt_fail(error, BT_UNSUPPORTED,
                               "the kernel '%s' for %s computes wrong on this machine (%s: off by %.2g)",
                               kernels[kernel].name, bt_cpu_level_name(level), result.text, result.error);
        }
    return BT_OK;
}

bt_status bt_kernels_check(bt_cpu_level level, bt_error *error) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static bool right[BT_CPU_LEVEL_COUNT];
    pthread_mutex_lock(&lock);
    bt_status status = right[level] ? BT_OK : check_all(level, error);
    right[level] = status == BT_OK;
    pthread_mutex_unlock(&lock);
    return status;
}
