/* The summary says what its parts say, and warns where it should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "measure/summary.h"

static bt_summary summary_of(const double *samples, size_t count) {
    bt_summary summary;
    bt_error error;
    if (bt_summarize(samples, count, &summary, &error)) fail_msg("%s", error.message);
    return summary;
}

/* 1..100, the high ones far apart. */
static void spread(double samples[100]) {
    for (int i = 0; i < 100; i++)
        samples[i] = 1 + i * 37 % 100;
}

/* 1..count, shuffled. */
static void shuffled(uint64_t seed, double *samples, size_t count) {
    bt_random random = bt_random_stream(seed, "shuffle");
    for (size_t i = 0; i < count; i++) {
        size_t j = bt_random_below(&random, i + 1);
        samples[i] = samples[j];
        samples[j] = (double)(i + 1);
    }
}

static void a_hundred_samples_by_hand(void **state) {
    (void)state;
    double samples[100];
    spread(samples);
    bt_summary summary = summary_of(samples, 100);
    assert_int_equal(summary.count, 100);
    assert_true(summary.min == 1 && summary.max == 100);
    assert_true(summary.mean == 50.5 && summary.median == 50.5);
    assert_true(summary.p90 == 90 && summary.p95 == 95 && summary.p99 == 99);
    assert_true(summary.deviation == 25);
    assert_true(summary.effective_count == 100);
    assert_true(summary.p95_lower == 91 &&
                summary.p95_upper == 99); /* Bin(100, 0.95): 0.028 at 90, 0.963 at 98 */
    assert_false(summary.drift.drifting);
}

static void few_samples_have_no_upper_bound(void **state) {
    (void)state;
    double samples[59];
    shuffled(2, samples, 59);
    assert_true(isnan(summary_of(samples, 58).p95_upper));
    assert_true(summary_of(samples, 59).p95_upper == 59);
    bt_summary one = summary_of(samples, 1);
    assert_true(one.p95 == samples[0] && one.p95_lower == samples[0] && isnan(one.p95_upper));
    assert_true(isnan(one.drift.relative_shift) && !one.drift.drifting && one.effective_count == 1);
}

static void a_rising_series_is_flagged(void **state) {
    (void)state;
    double samples[100];
    for (int i = 0; i < 100; i++)
        samples[i] = 10 + 0.02 * i;
    bt_summary summary = summary_of(samples, 100);
    assert_true(summary.drift.drifting && summary.drift.relative_shift > 0.09);
    assert_true(summary.effective_count < 59);
}

/* Eight in a row are one event: of what is above P95 nothing is known but that it came once. */
static void late_ones_in_a_spell_bound_with_less(void **state) {
    (void)state;
    double samples[100], apart_upper;
    spread(samples);
    apart_upper = summary_of(samples, 100).p95_upper;
    for (int i = 0; i < 100; i++)
        samples[i] = i >= 40 && i < 48 ? 93 + i - 40 : 1 + i % 40;
    bt_summary summary = summary_of(samples, 100);
    assert_true(summary.p95_upper > apart_upper);
    assert_true(summary.p95_lower < 91);
}

static void a_constant_series_is_fully_known(void **state) {
    (void)state;
    double samples[60];
    for (int i = 0; i < 60; i++)
        samples[i] = 8;
    bt_summary summary = summary_of(samples, 60);
    assert_true(summary.p95 == 8 && summary.p95_lower == 8 && summary.p95_upper == 8 &&
                summary.deviation == 0);
    assert_true(summary.drift.p_value == 1 && !summary.drift.drifting);
}

static void what_cannot_be_summed_up_is_refused(void **state) {
    (void)state;
    double samples[3] = {1, 2, INFINITY};
    bt_summary summary;
    bt_error error;
    assert_int_equal(bt_summarize(samples, 0, &summary, &error), BT_INVALID);
    assert_int_equal(bt_summarize(samples, 3, &summary, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "sample 2"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_samples_by_hand),
        cmocka_unit_test(few_samples_have_no_upper_bound),
        cmocka_unit_test(a_rising_series_is_flagged),
        cmocka_unit_test(late_ones_in_a_spell_bound_with_less),
        cmocka_unit_test(a_constant_series_is_fully_known),
        cmocka_unit_test(what_cannot_be_summed_up_is_refused),
    };
    return cmocka_run_group_tests_name("measure-summary", tests, NULL, NULL);
}
