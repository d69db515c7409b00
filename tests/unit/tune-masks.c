/* What a contender's masks are compared with: those that FP32 was seen to give, or the standard path's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/files.h"
#include "demo-session.h"
#include "expect.h"
#include "kernels/cpu.h"
#include "scratch.h"
#include "tune/bench.h"

enum { SIDE = 64, PICTURES = 2, VALUES = PICTURES * SIDE * SIDE };

static const char path[] = "reference.f32";

static bt_bench *open_bench(void) {
    static bt_open_order order;
    bt_session_options session = demo_session("plan", "cbam_resunet", BT_PATH_PRODUCTION, SIDE);
    bt_bench *bench;
    bt_error error;
    session.threads = 1;
    session.precision = BT_PRECISION_FP32;
    must(bt_open_order_make(&order, &session, 1, &error), &error);
    snprintf(order.reference, sizeof order.reference, "%s", path);
    must(bt_bench_open(&bench, &order, &error), &error);
    return bench;
}

static bt_step_result take(bt_bench *bench, bt_step_kind kind) {
    const bt_step step = {kind, 1, PICTURES};
    bt_step_result result = bt_step_result_empty();
    bt_error error;
    must(bt_bench_run(bench, &step, &result, &error), &error);
    return result;
}

/* By another bench, as another process would. */
static double compared_iou(void) {
    bt_bench *bench = open_bench();
    const bt_step_result result = take(bench, BT_STEP_MASKS);
    bt_bench_close(&bench);
    return result.mask_iou;
}

static void masks_are_compared_with_what_was_computed_for_it(void **state) {
    (void)state;
    if (bt_cpu_best_level() < BT_CPU_AVX2) skip();
    bt_error error;
    char *bytes;
    size_t size;
    bt_bench *bench = open_bench();
    take(bench, BT_STEP_REFERENCE);
    bt_bench_close(&bench);
    must(bt_file_read(path, VALUES * sizeof(float), &bytes, &size, &error), &error);
    assert_int_equal(size, VALUES * sizeof(float));
    assert_true(compared_iou() == 1);
    float *logits = (float *)(void *)bytes;
    for (int i = 0; i < VALUES; i++)
        logits[i] = -logits[i];
    must(bt_file_replace(path, bytes, size, false, &error), &error);
    assert_true(compared_iou() < 0.1);
    must(bt_file_replace(path, bytes, size / 2, false, &error),
         &error); /* of one picture, and two are asked for */
    assert_true(compared_iou() > 0.99);
    free(bytes);
}

static void without_a_file_they_are_compared_with_the_standard_path(void **state) {
    (void)state;
    if (bt_cpu_best_level() < BT_CPU_AVX2) skip();
    assert_false(bt_file_exists(path));
    assert_true(compared_iou() > 0.99);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_they_are_compared_with_the_standard_path),
        cmocka_unit_test(masks_are_compared_with_what_was_computed_for_it),
    };
    return cmocka_run_group_tests_name("tune: masks to compare with", tests, bt_scratch_enter,
                                       bt_scratch_leave);
}
