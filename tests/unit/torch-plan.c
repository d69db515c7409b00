/* The production path on a CPU is the compiled plan, and it is as right as libtorch's own operators: in BF16
 * no further from FP32 than plain autocast, with masks that agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "backend/backend.h"
#include "compare.h"
#include "demo-session.h"
#include "expect.h"
#include "inputs.h"
#include "kernels/cpu.h"

enum { SIDE = 128, BATCH = 4, PIXELS = BATCH * SIDE * SIDE };

#define HELD_OUT_SEED 3 /* training draws from 1000 and above */

static float images[3 * PIXELS], standard[PIXELS], plain[PIXELS], production[PIXELS];

static int draw_images(void **state) {
    (void)state;
    bt_error error;
    return input_spheroids(images, NULL, HELD_OUT_SEED, BATCH, SIDE, SIDE, &error) == BT_OK ? 0 : -1;
}

static bt_session_info forward(const char *model, bt_path path, bool channels_last, float *logits) {
    bt_session_options options = demo_session("torch", model, path, SIDE);
    options.use_amp = true;
    options.use_channels_last = channels_last;
    bt_session *session = open_session(options);
    bt_error error;
    const bt_session_info info = *bt_session_describe(session);
    must(bt_session_run(session, BATCH, images, logits, &error), &error);
    bt_session_close(&session);
    return info;
}

static void check_model(const char *model) {
    forward(model, BT_PATH_STANDARD, false, standard);
    forward(model, BT_PATH_PLAIN, true, plain);
    bt_session_info info = forward(model, BT_PATH_PRODUCTION, true, production);
    double of_plain = compare_relative_error(plain, standard, PIXELS),
           of_production = compare_relative_error(production, standard, PIXELS),
           iou = compare_iou(production, standard, PIXELS);
    print_message("# %s, %s on %s: error %.4f (plain AMP %.4f), mask IoU %.4f\n", model, info.precision,
                  info.backend, of_production, of_plain, iou);
    assert_true(of_production <= 1.1 * of_plain || of_production <= 1e-4);
    assert_true(iou >= 0.99);
}

static void hrnet_is_as_right_as_plain_amp(void **state) {
    (void)state;
    check_model("hrnet");
}

static void cbam_resunet_is_as_right_as_plain_amp(void **state) {
    (void)state;
    check_model("cbam_resunet");
}

/* Which of the two runs, and that a session says so. */
static void the_plan_runs_where_it_can(void **state) {
    (void)state;
    bt_session_info info = forward("hrnet", BT_PATH_PRODUCTION, true, production);
    if (bt_cpu_best_level() >= BT_CPU_AVX2) {
        assert_memory_equal(info.backend, "plan, oneDNN ", strlen("plan, oneDNN "));
        assert_string_equal(info.path_note, "");
    } else {
        assert_memory_equal(info.backend, "torch ", strlen("torch "));
        assert_non_null(strstr(info.path_note, "plain operations in place of the compiled plan: this CPU"));
    }
    info = forward("hrnet", BT_PATH_PRODUCTION, false, production);
    assert_memory_equal(info.backend, "torch ", strlen("torch "));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hrnet_is_as_right_as_plain_amp),
        cmocka_unit_test(cbam_resunet_is_as_right_as_plain_amp),
        cmocka_unit_test(the_plan_runs_where_it_can),
    };
    return cmocka_run_group_tests_name("torch/plan", tests, draw_images, NULL);
}
