#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/canary.h"
#include "base/clock.h"

/* Scheduling may stretch a run without bound, so only the lower side is promised: the work is really done. */
static void a_run_does_work_that_takes_time(void **state) {
    (void)state;
    assert_true(bt_canary_run_ns() > 100 * BT_NS_PER_US);
}

static void a_summary_is_in_order_and_counts_the_least_runs(void **state) {
    (void)state;
    bt_canary_summary seen;
    bt_error error;
    assert_int_equal(bt_canary_watch(&seen, 0, &error), BT_OK);
    assert_int_equal(seen.count, BT_CANARY_RUNS_MIN);
    assert_true(seen.median_ns > 0);
    assert_true(seen.median_ns <= seen.p95_ns);
    assert_true(seen.p95_ns <= seen.maximum_ns);
    assert_true(seen.spread_percent >= 0);
}

static void it_goes_on_until_the_time_is_over(void **state) {
    (void)state;
    bt_canary_summary seen;
    bt_error error;
    int64_t start_ns = bt_clock_now_ns();
    assert_int_equal(bt_canary_watch(&seen, 300 * BT_NS_PER_MS, &error), BT_OK);
    assert_true(bt_clock_now_ns() - start_ns >= 300 * BT_NS_PER_MS);
    assert_true(seen.median_ns * (seen.count / 2) <= 2 * (bt_clock_now_ns() - start_ns));
}

static void a_negative_duration_is_refused(void **state) {
    (void)state;
    bt_canary_summary seen;
    bt_error error;
    assert_int_equal(bt_canary_watch(&seen, -1, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "-1 ns"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_does_work_that_takes_time),
        cmocka_unit_test(a_summary_is_in_order_and_counts_the_least_runs),
        cmocka_unit_test(it_goes_on_until_the_time_is_over),
        cmocka_unit_test(a_negative_duration_is_refused),
    };
    return cmocka_run_group_tests_name("base-canary", tests, NULL, NULL);
}
