/* In which numbers a session computes: what was asked for, or one line that says what would do; and where it is left
 * to the session, what a measurement says, never a flag alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "backend/session-precision.h"
#include "demo-session.h"
#include "kernels/cpu.h"
#include "plan/pays.h"

static bool has_bf16(void) {
    return bt_cpu_best_level() >= BT_CPU_AVX512_BF16;
}

typedef struct wish {
    bt_path path;
    bool use_amp;
    bt_precision precision;
    bt_runs_on where;
} wish;

static bt_status choose(wish w, bt_precision *out, char note[160], bt_error *error) {
    const bt_session_options options = {.path = w.path, .use_amp = w.use_amp, .precision = w.precision};
    return bt_session_precision(out, note, &options, w.where, error);
}

static void assert_takes(wish w, bt_precision wanted) {
    bt_precision got;
    char note[160];
    bt_error error;
    if (choose(w, &got, note, &error) != BT_OK) fail_msg("%s", error.message);
    assert_string_equal(bt_precision_name(got), bt_precision_name(wanted));
    assert_string_equal(note, "");
}

static void assert_refuses(wish w, const char *remedy) {
    bt_precision got;
    char note[160];
    bt_error error;
    assert_int_equal(choose(w, &got, note, &error), BT_INVALID);
    if (!strstr(error.message, remedy)) fail_msg("\"%s\" does not say %s", error.message, remedy);
}

static void the_standard_path_is_fp32_whatever_is_asked_for(void **state) {
    (void)state;
    for (int p = 0; p < BT_PRECISION_COUNT; p++)
        for (int where = BT_RUNS_PLANNED; where <= BT_RUNS_ON_CUDA; where++)
            assert_takes((wish){BT_PATH_STANDARD, true, (bt_precision)p, (bt_runs_on)where},
                         BT_PRECISION_FP32);
}

static void without_amp_what_is_left_open_is_fp32(void **state) {
    (void)state;
    assert_takes((wish){BT_PATH_PRODUCTION, false, BT_PRECISION_AUTO, BT_RUNS_PLANNED}, BT_PRECISION_FP32);
    assert_takes((wish){BT_PATH_PLAIN, false, BT_PRECISION_AUTO_INT8, BT_RUNS_ON_CUDA}, BT_PRECISION_FP32);
}

static void a_forced_precision_is_taken_whatever_amp_says(void **state) {
    (void)state;
    for (int amp = 0; amp < 2; amp++) {
        assert_takes((wish){BT_PATH_PRODUCTION, amp, BT_PRECISION_FP32, BT_RUNS_PLANNED}, BT_PRECISION_FP32);
        assert_takes((wish){BT_PATH_PRODUCTION, amp, BT_PRECISION_INT8, BT_RUNS_PLANNED}, BT_PRECISION_INT8);
        assert_takes((wish){BT_PATH_PRODUCTION, amp, BT_PRECISION_FP16, BT_RUNS_ON_CUDA}, BT_PRECISION_FP16);
        assert_takes((wish){BT_PATH_PLAIN, amp, BT_PRECISION_BF16, BT_RUNS_ON_CUDA}, BT_PRECISION_BF16);
        if (!has_bf16()) continue;
        assert_takes((wish){BT_PATH_PRODUCTION, amp, BT_PRECISION_BF16, BT_RUNS_PLANNED}, BT_PRECISION_BF16);
        assert_takes((wish){BT_PATH_PLAIN, amp, BT_PRECISION_BF16, BT_RUNS_ON_CPU}, BT_PRECISION_BF16);
    }
}

static void what_cannot_be_had_is_refused_with_what_would_do(void **state) {
    (void)state;
    assert_refuses((wish){BT_PATH_PRODUCTION, true, BT_PRECISION_FP16, BT_RUNS_PLANNED}, "--precision bf16");
    assert_refuses((wish){BT_PATH_PLAIN, true, BT_PRECISION_FP16, BT_RUNS_ON_CPU}, "a GPU's");
    assert_refuses((wish){BT_PATH_PLAIN, true, BT_PRECISION_INT8, BT_RUNS_ON_CPU}, "libtorch runs this");
    assert_refuses((wish){BT_PATH_PRODUCTION, true, BT_PRECISION_INT8, BT_RUNS_ON_CUDA}, "runs on a CPU");
    if (!has_bf16())
        assert_refuses((wish){BT_PATH_PRODUCTION, true, BT_PRECISION_BF16, BT_RUNS_PLANNED}, "AVX512-BF16");
}

static void a_gpu_left_to_itself_takes_fp16(void **state) {
    (void)state;
    assert_takes((wish){BT_PATH_PRODUCTION, true, BT_PRECISION_AUTO, BT_RUNS_ON_CUDA}, BT_PRECISION_FP16);
}

/* Whichever it is on this machine, the same again, and FP32 never without a reason. */
static void a_cpu_left_to_itself_takes_what_the_measurement_says(void **state) {
    (void)state;
    const wish w = {BT_PATH_PRODUCTION, true, BT_PRECISION_AUTO, BT_RUNS_PLANNED};
    bt_precision got, again;
    char note[160];
    bt_error error;
    assert_int_equal(choose(w, &again, note, &error), BT_OK);
    assert_int_equal(choose(w, &got, note, &error), BT_OK);
    assert_int_equal(got, again);
    assert_true(got == BT_PRECISION_FP32 || (got == BT_PRECISION_BF16 && has_bf16()));
    assert_int_equal(note[0] == '\0', got == BT_PRECISION_BF16);
    if (!has_bf16()) return;
    double speed;
    if (bt_bf16_speed(&speed, &error) != BT_OK) return; /* no oneDNN: the note says so */
    assert_true(speed > 0);
    assert_int_equal(got == BT_PRECISION_BF16, speed >= 1.05);
}

/* The same of a session of the plan, as far as it can be opened here. */
static void a_session_of_the_plan_is_in_what_was_asked_for(void **state) {
    (void)state;
    if (bt_cpu_best_level() < BT_CPU_AVX2) skip();
    bt_session_options options = demo_session("plan", "hrnet", BT_PATH_PRODUCTION, 32);
    options.threads = 1;
    options.use_amp = options.use_channels_last = true;
    options.precision = BT_PRECISION_FP32;
    bt_session *session = open_session(options);
    assert_string_equal(bt_session_describe(session)->precision, "fp32");
    assert_string_equal(bt_session_describe(session)->precision_note, "");
    bt_session_close(&session);
    options.use_amp = false;
    options.precision = BT_PRECISION_BF16;
    bt_error error;
    const bt_status status = bt_session_open(&session, &options, &error);
    assert_int_equal(status, has_bf16() ? BT_OK : BT_INVALID);
    if (session) assert_string_equal(bt_session_describe(session)->precision, "bf16");
    bt_session_close(&session);
    options.precision = BT_PRECISION_FP16;
    assert_int_equal(bt_session_open(&session, &options, &error), BT_INVALID);
    assert_null(session);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standard_path_is_fp32_whatever_is_asked_for),
        cmocka_unit_test(without_amp_what_is_left_open_is_fp32),
        cmocka_unit_test(a_forced_precision_is_taken_whatever_amp_says),
        cmocka_unit_test(what_cannot_be_had_is_refused_with_what_would_do),
        cmocka_unit_test(a_gpu_left_to_itself_takes_fp16),
        cmocka_unit_test(a_cpu_left_to_itself_takes_what_the_measurement_says),
        cmocka_unit_test(a_session_of_the_plan_is_in_what_was_asked_for),
    };
    return cmocka_run_group_tests_name("backend/precision", tests, NULL, NULL);
}
