/* Every kernel against its reference in double: every version that this CPU has, both types, any size and
 * alignment, nothing written outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "kernels/check.h"
#include "kernels/sum.h"

#define SEEDS 120
/* OpenMP's barriers are futexes of its own that ThreadSanitizer cannot see. */
#if defined(__SANITIZE_THREAD__)
#define THREADS_MOST 1
#else
#define THREADS_MOST 3
#endif

static void every_version_agrees_with_the_reference(void **state) {
    (void)state;
    for (int kernel = 0; bt_kernel_name(kernel); kernel++)
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
            for (bt_cpu_level level = BT_CPU_PORTABLE; level <= bt_cpu_best_level(); level++)
                for (bt_value_type type = BT_F32; type < BT_VALUE_TYPE_COUNT; type++) {
                    if (!bt_kernel_takes(kernel, type)) continue;
                    bt_error error;
                    bt_kernel_result result;
                    const bt_kernel_case one = {seed, type, 1 + (int)(seed % THREADS_MOST)};
                    assert_int_equal(bt_kernel_try(kernel, &one, level, &result, &error), BT_OK);
                    if (result.overrun || !(result.error <= result.limit))
                        fail_msg("%s, seed %llu, %s, %s, %d threads: %s: off by %g (%g allowed)%s",
                                 bt_kernel_name(kernel), (unsigned long long)seed, bt_cpu_level_name(level),
                                 bt_value_type_name(type), one.threads, result.text, result.error,
                                 result.limit, result.overrun ? ", and wrote outside" : "");
                }
}

static void the_check_at_start_passes(void **state) {
    (void)state;
    bt_error error;
    for (bt_cpu_level level = BT_CPU_PORTABLE; level <= bt_cpu_best_level(); level++)
        assert_int_equal(bt_kernels_check(level, &error), BT_OK);
}

/* By hand: corners keep their values, the middle of three is between two. */
static void resizing_aligns_corners(void **state) {
    (void)state;
    float out[9], scratch[256];
    const float coarse[4] = {1, 3, 5, 9};
    static const float wanted[9] = {1, 2, 3, 3, 4.5f, 6, 5, 7, 9};
    const bt_sum sum = {.out = out,
                        .out_stride = 1,
                        .inputs = {{coarse, 2, 2}},
                        .input_count = 1,
                        .batch = 1,
                        .channels = 1,
                        .height = 3,
                        .width = 3,
                        .threads = 1};
    assert_true(bt_sum_scratch_bytes(&sum) <= sizeof scratch);
    bt_sum_run(&sum, bt_cpu_best_level(), scratch);
    assert_memory_equal(out, wanted, sizeof out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_agrees_with_the_reference),
        cmocka_unit_test(the_check_at_start_passes),
        cmocka_unit_test(resizing_aligns_corners),
    };
    return cmocka_run_group_tests_name("kernels/check", tests, NULL, NULL);
}
