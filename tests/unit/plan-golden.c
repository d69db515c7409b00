/* The compiled plan computes what the reference did, needs no libtorch for it, and gives the same numbers
 * whenever and in whatever order its batch sizes run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "compare.h"
#include "demo-session.h"
#include "golden.h"
#include "kernels/cpu.h"
#include "made-up-network.h"
#include "plan/plan.h"

enum { HEIGHT = 64, WIDTH = 96, PIXELS = HEIGHT * WIDTH, BATCH = 3 };

static float images[BATCH * 3 * PIXELS], one_by_one[BATCH * PIXELS], together[BATCH * PIXELS],
    again[BATCH * PIXELS];

static bool is_possible(void) {
    return bt_cpu_best_level() >= BT_CPU_AVX2;
}

static void in_fp32(golden_case *one) {
    golden_within_fp32(one, "plan", BT_PATH_PRODUCTION, true);
}

static void fp32_agrees_with_the_reference(void **state) {
    (void)state;
    if (!is_possible()) skip();
    golden_each(in_fp32);
}

static bt_session *open_plan(const char *model, bool use_amp) {
    bt_session_options options = demo_session("plan", model, BT_PATH_PRODUCTION, HEIGHT);
    options.width = WIDTH;
    options.threads = 1;
    options.use_amp = use_amp;
    options.use_channels_last = true;
    return open_session(options);
}

static void run(bt_session *session, int batch, const float *from, float *to) {
    bt_error error;
    memset(to, 0xff, (size_t)batch * PIXELS * sizeof *to); /* NaN, so that an unwritten one shows */
    if (bt_session_run(session, batch, from, to, &error) != BT_OK) fail_msg("%s", error.message);
}

static void check_batches(const char *model, bool use_amp) {
    bt_session *session = open_plan(model, use_amp);
    bt_random random = bt_random_stream(1, "images");
    for (size_t i = 0; i < sizeof images / sizeof *images; i++)
        images[i] = (float)bt_random_normal(&random);
    for (int i = 0; i < BATCH; i++)
        run(session, 1, images + (size_t)i * 3 * PIXELS, one_by_one + (size_t)i * PIXELS);
    run(session, BATCH, images, together);
    double error = compare_relative_error(together, one_by_one, (size_t)BATCH * PIXELS);
    if (!(error <= 1e-4))
        fail_msg("%s: a batch of %d is %g off what its images give alone", model, BATCH, error);
    /* the arena has moved since its first run, and other sizes have used it */
    run(session, 1, images, again);
    assert_memory_equal(again, one_by_one, PIXELS * sizeof *again);
    run(session, BATCH, images, again);
    assert_memory_equal(again, together, sizeof again);
    bt_session_close(&session);
}

static void images_of_a_batch_do_not_see_each_other(void **state) {
    (void)state;
    if (!is_possible()) skip();
    check_batches("hrnet", false);
    check_batches("cbam_resunet", false);
}

static bt_status open_odd(bt_plan **plan, const bt_network *network, bt_value_type type, bt_error *error) {
    bt_weights *weights;
    assert_int_equal(bt_weights_open(&weights, network, "counter:7", error), BT_OK);
    const bt_plan_options options = {.network = network,
                                     .weights = weights,
                                     .height = 16,
                                     .width = 24,
                                     .threads = 1,
                                     .type = type,
                                     .level = bt_cpu_best_level()};
    bt_status status = bt_plan_open(plan, &options, error);
    bt_weights_close(&weights);
    return status;
}

static void any_network_of_these_operations_compiles(void **state) {
    (void)state;
    if (!is_possible()) skip();
    bt_network *network = made_up_network(describe_every_operation);
    bt_plan *fp32, *bf16 = NULL;
    bt_error error;
    float in[2 * 3 * 16 * 24], exact[2 * 16 * 24], near[2 * 16 * 24];
    bt_random random = bt_random_stream(2, "images");
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        in[i] = (float)bt_random_normal(&random);
    if (open_odd(&fp32, network, BT_F32, &error) != BT_OK) fail_msg("%s", error.message);
    assert_int_equal(bt_plan_run(fp32, 2, in, exact, &error), BT_OK);
    if (bt_cpu_best_level() >= BT_CPU_AVX512_BF16) {
        if (open_odd(&bf16, network, BT_BF16, &error) != BT_OK) fail_msg("%s", error.message);
        assert_int_equal(bt_plan_run(bf16, 2, in, near, &error), BT_OK);
        assert_true(compare_relative_error(near, exact, 2 * 16 * 24) < 0.1);
    }
    bt_plan_close(&fp32);
    bt_plan_close(&bf16);
    bt_network_close(&network);
}

/* What the plan cannot do it says at open, so that libtorch's operators can take over. */
static int describe_one_map(bt_builder *b) {
    int map = bt_build_convolution(b, 0, (bt_convolution){.channels = 1, .kernel = 1}, "a");
    return bt_build_convolution(b, map, (bt_convolution){.channels = 4, .kernel = 3}, "b");
}

static void what_it_cannot_do_is_said_at_open(void **state) {
    (void)state;
    if (!is_possible()) skip();
    bt_network *network = made_up_network(describe_one_map);
    bt_plan *plan;
    bt_error error;
    assert_int_equal(open_odd(&plan, network, BT_BF16, &error), BT_UNSUPPORTED);
    assert_string_equal(error.message,
                        "odd: the compiled plan does not know this form of operation: convolution");
    assert_null(plan);
    bt_network_close(&network);
}

static void steps_can_be_read(void **state) {
    (void)state;
    if (!is_possible()) skip();
    bt_network *network = made_up_network(describe_every_operation);
    bt_plan *plan;
    bt_error error;
    char text[128];
    if (open_odd(&plan, network, false, &error) != BT_OK) fail_msg("%s", error.message);
    assert_true(bt_plan_step_count(plan, 1) > network->operation_count / 2);
    assert_int_equal(bt_plan_step_count(plan, 5), 0);
    bt_plan_step_text(plan, 1, 0, text, sizeof text);
    assert_string_equal(text, "interleave to 3x16x24");
    bt_plan_step_text(plan, 1, 1, text, sizeof text);
    assert_non_null(strstr(text, "conv 3x3/1 3>10 16x24 "));
    bt_plan_close(&plan);
    bt_network_close(&network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fp32_agrees_with_the_reference),
        cmocka_unit_test(images_of_a_batch_do_not_see_each_other),
        cmocka_unit_test(any_network_of_these_operations_compiles),
        cmocka_unit_test(what_it_cannot_do_is_said_at_open),
        cmocka_unit_test(steps_can_be_read),
    };
    return cmocka_run_group_tests_name("plan/golden", tests, NULL, NULL);
}
