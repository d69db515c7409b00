/* libtorch runs the operation lists as the reference did: the standard path to FP32's rounding, the plain
 * path with and without AMP close to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "golden.h"

static void check_standard(golden_case *one) {
    golden_within_fp32(one, "torch", BT_PATH_STANDARD, false);
}

static void check_plain_fp32(golden_case *one) {
    golden_within_fp32(one, "torch", BT_PATH_PLAIN, false);
    golden_within_fp32(one, "torch", BT_PATH_PRODUCTION, true);
}

/* Untrained networks blow BF16's rounding up: HRNet's relative error is about 0.4 under every runtime, and 1
 * would be that of logits which have nothing to do with the right ones. Agreement is judged with trained
 * weights. */
static void check_plain_amp(golden_case *one) {
    double error = golden_run(one, "torch", BT_PATH_PLAIN, true, true);
    double limit = strcmp(one->model, "hrnet") == 0 ? 0.7 : 0.25;
    if (!(error <= limit))
        fail_msg("%s %s: relative error %g, at most %g is right", one->model, one->input_name, error, limit);
}

static void standard_path_agrees(void **state) {
    (void)state;
    golden_each(check_standard);
}

static void plain_path_in_fp32_agrees(void **state) {
    (void)state;
    golden_each(check_plain_fp32);
}

static void plain_path_with_amp_is_near(void **state) {
    (void)state;
    golden_each(check_plain_amp);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standard_path_agrees),
        cmocka_unit_test(plain_path_in_fp32_agrees),
        cmocka_unit_test(plain_path_with_amp_is_near),
    };
    return cmocka_run_group_tests_name("torch/golden", tests, NULL, NULL);
}
