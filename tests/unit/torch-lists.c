/* A network that is a file of operations is computed alike by libtorch's operators and by the compiled plan: each
 * operation in each of its forms, several classes, U-Net, and what else ships as a list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/random.h"
#include "compare.h"
#include "expect.h"
#include "kernels/cpu.h"

enum { BATCH = 2, HEIGHT = 64, WIDTH = 96, PIXELS = HEIGHT * WIDTH, CLASSES_MOST = 19 };

static float images[BATCH * 3 * PIXELS], wanted[BATCH * CLASSES_MOST * PIXELS],
    got[BATCH * CLASSES_MOST * PIXELS];

static int draw(void **state) {
    (void)state;
    bt_random random = bt_random_stream(3, "images");
    for (size_t i = 0; i < sizeof images / sizeof *images; i++)
        images[i] = (float)bt_random_normal(&random);
    return 0;
}

static bt_session_info forward(const char *file, const char *backend, bt_path path, bool amp, float *logits) {
    bt_session *session;
    bt_error error;
    const bt_session_options options = {.backend = backend,
                                        .model = "mine",
                                        .model_file = file,
                                        .weights = "counter:7",
                                        .device = "cpu",
                                        .path = path,
                                        .height = HEIGHT,
                                        .width = WIDTH,
                                        .threads = 1,
                                        .use_amp = amp,
                                        .use_channels_last = path != BT_PATH_STANDARD};
    must(bt_session_open(&session, &options, &error), &error);
    const bt_session_info info = *bt_session_describe(session);
    memset(logits, 0xff, (size_t)(BATCH * info.classes * PIXELS) * sizeof *logits);
    must(bt_session_run(session, BATCH, images, logits, &error), &error);
    bt_session_close(&session);
    return info;
}

static void check(const char *file, int classes, double fp32, double bf16) {
    const size_t count = (size_t)(BATCH * classes * PIXELS);
    assert_int_equal(forward(file, "torch", BT_PATH_STANDARD, false, wanted).classes, classes);
    assert_int_equal(forward(file, "torch", BT_PATH_PLAIN, false, got).classes, classes);
    assert_true(compare_relative_error(got, wanted, count) <= fp32);
    if (bt_cpu_best_level() < BT_CPU_AVX2) return;
    const bt_session_info info = forward(file, "torch", BT_PATH_PRODUCTION, false, got);
    assert_memory_equal(info.backend, "plan", 4);
    assert_int_equal(info.classes, classes);
    const double error = compare_relative_error(got, wanted, count);
    if (!(error <= fp32)) fail_msg("%s: the plan is %g off, at most %g is right", file, error, fp32);
    if (bt_cpu_best_level() < BT_CPU_AVX512_BF16) return;
    forward(file, "plan", BT_PATH_PRODUCTION, true, got);
    const double rounded = compare_relative_error(got, wanted, count);
    if (!(rounded <= bf16))
        fail_msg("%s: the plan in BF16 is %g off, at most %g is right", file, rounded, bf16);
}

static void every_operation_of_a_list_is_computed_alike(void **state) {
    (void)state;
    check("tests/lists/every.list", 3, 1e-5, 0.1);
}

static void what_cannot_be_taken_apart_lies_joined(void **state) {
    (void)state;
    check("tests/lists/joined.list", 1, 1e-5, 0.1);
}

static void unet_is_computed_alike(void **state) {
    (void)state;
    check("configs/networks/unet_bn.list", 1, 1e-4, 0.25);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_of_a_list_is_computed_alike),
        cmocka_unit_test(what_cannot_be_taken_apart_lies_joined),
        cmocka_unit_test(unet_is_computed_alike),
    };
    return cmocka_run_group_tests_name("torch/lists", tests, draw, NULL);
}
