#include "kernels/check.h"

#include <pthread.h>

#include "kernels/trial.h"

static const struct {
    const char *name;
    void (*try)(bt_trial *t);
} kernels[] = {
    {"norm", bt_try_norm},
    {"sum", bt_try_sum},
    {"scale", bt_try_scale},
    {"sigmoid", bt_try_sigmoid},
    {"channel_attention", bt_try_channel_attention},
    {"spatial_attention", bt_try_spatial_attention},
    {"dot", bt_try_dot},
    {"pool", bt_try_pool},
    {"interleave", bt_try_interleave},
    {"unfold", bt_try_unfold},
    {"winograd_read", bt_try_winograd_read},
    {"winograd_write", bt_try_winograd_write},
};

#define KERNEL_COUNT ((int)(sizeof kernels / sizeof *kernels))

const char *bt_kernel_name(int kernel) {
    return kernel >= 0 && kernel < KERNEL_COUNT ? kernels[kernel].name : NULL;
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
        for (int i = 0; i < 2 * CHECK_SEEDS; i++) {
            const bt_kernel_case one = {
                .seed = 1 + (uint64_t)i / 2, .type = i % 2 ? BT_BF16 : BT_F32, .threads = 1};
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
