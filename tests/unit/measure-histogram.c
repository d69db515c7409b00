/* The histogram against the sorted array that it stands for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "measure/histogram.h"
#include "measure/quantile.h"

enum { VALUES = 20000, SEEDS = 12 };
static const double QUANTILES[] = {0, 0.001, 0.05, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 1};
enum { QUANTILE_COUNT = sizeof QUANTILES / sizeof *QUANTILES };

static bt_histogram *open_or_fail(int64_t lowest, int64_t highest) {
    bt_histogram *histogram;
    bt_error error;
    if (bt_histogram_open(&histogram, &(bt_histogram_options){lowest, highest}, &error))
        fail_msg("%s", error.message);
    return histogram;
}

/* Spread evenly over the orders of magnitude of the range, so that every doubling is met. */
static int64_t draw(bt_random *random, int64_t lowest, int64_t highest) {
    double value = exp(bt_random_between(random, log((double)lowest), log((double)highest)));
    return value < (double)lowest ? lowest : value > (double)highest ? highest : (int64_t)value;
}

static int ascending(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static void check_against_sorted(uint64_t seed, int64_t lowest, int64_t highest) {
    bt_histogram *histogram = open_or_fail(lowest, highest);
    bt_random random = bt_random_stream(seed, "histogram test");
    int64_t *values = malloc(VALUES * sizeof *values);
    double sum = 0;
    for (int i = 0; i < VALUES; i++) {
        values[i] = draw(&random, lowest, highest);
        sum += (double)values[i];
        bt_histogram_record(histogram, values[i]);
    }
    qsort(values, VALUES, sizeof *values, ascending);
    for (int i = 0; i < QUANTILE_COUNT; i++) {
        int64_t truth = values[bt_quantile_rank(QUANTILES[i], VALUES) - 1];
        int64_t answer = bt_histogram_quantile(histogram, QUANTILES[i]);
        if (answer < truth || (double)(answer - truth) > 1e-3 * (double)truth)
            fail_msg("seed %llu, range %lld..%lld, quantile %g: %lld, sorted %lld", (unsigned long long)seed,
                     (long long)lowest, (long long)highest, QUANTILES[i], (long long)answer,
                     (long long)truth);
    }
    assert_int_equal(bt_histogram_count(histogram), VALUES);
    assert_int_equal(bt_histogram_min(histogram), values[0]);
    assert_int_equal(bt_histogram_max(histogram), values[VALUES - 1]);
    assert_int_equal(bt_histogram_saturated(histogram), 0);
    assert_true(fabs(bt_histogram_mean(histogram) - sum / VALUES) <= 1e-9 * sum / VALUES);
    free(values);
    bt_histogram_close(&histogram);
}

static void quantiles_are_within_a_thousandth_of_the_sorted_array(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        check_against_sorted(seed, 1, INT64_MAX);
        check_against_sorted(seed, 1000, 3600000000000LL);
        check_against_sorted(seed, 1000000, 60000000000LL);
        check_against_sorted(seed, 1, 5000);
    }
}

/* Walks every value around every boundary: each value alone must come back within a thousandth of itself. */
static void every_bucket_edge_keeps_three_digits(void **state) {
    (void)state;
    static const int64_t LOWEST[] = {1, 1000, 2048, 5000000};
    for (size_t range = 0; range < sizeof LOWEST / sizeof *LOWEST; range++) {
        bt_histogram *histogram = open_or_fail(LOWEST[range], INT64_MAX);
        for (int bit = 0; bit < 63; bit++)
            for (int64_t step = -3; step <= 3; step++) {
                int64_t value = (int64_t)((UINT64_C(1) << bit) + (uint64_t)step);
                if (value < LOWEST[range]) continue;
                bt_histogram_reset(histogram);
                bt_histogram_record(histogram, INT64_MAX); /* else the largest value hides the bucket's end */
                bt_histogram_record(histogram, value);
                int64_t answer = bt_histogram_quantile(histogram, 0.5);
                if (answer < value || (double)(answer - value) > 1e-3 * (double)value)
                    fail_msg("value %lld came back as %lld", (long long)value, (long long)answer);
            }
        bt_histogram_close(&histogram);
    }
}

static void assert_same(const bt_histogram *left, const bt_histogram *right) {
    bt_histogram_cursor a = {0}, b = {0};
    for (;;) {
        bool more = bt_histogram_next(left, &a);
        assert_int_equal(more, bt_histogram_next(right, &b));
        if (!more) break;
        assert_memory_equal(&a, &b, sizeof a);
    }
    assert_int_equal(bt_histogram_count(left), bt_histogram_count(right));
    assert_int_equal(bt_histogram_min(left), bt_histogram_min(right));
    assert_int_equal(bt_histogram_max(left), bt_histogram_max(right));
    assert_int_equal(bt_histogram_saturated(left), bt_histogram_saturated(right));
    assert_true(bt_histogram_mean(left) == bt_histogram_mean(right));
}

static void merging_equals_recording_the_union(void **state) {
    (void)state;
    bt_error error;
    bt_histogram *whole = open_or_fail(1000, 1000000000), *merged = open_or_fail(1000, 1000000000);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        bt_histogram *part = open_or_fail(1000, 1000000000);
        bt_random random = bt_random_stream(seed, "merge test");
        for (int i = 0; i < 500; i++) {
            int64_t value = draw(&random, 1, 3000000000LL);
            uint64_t times = 1 + bt_random_below(&random, 3);
            bt_histogram_record_times(part, value, times);
            while (times--)
                bt_histogram_record(whole, value);
        }
        assert_int_equal(bt_histogram_merge(merged, part, &error), BT_OK);
        bt_histogram_close(&part);
    }
    assert_true(bt_histogram_saturated(whole) > 0);
    assert_same(whole, merged);
    bt_histogram *nothing = open_or_fail(1000, 1000000000);
    assert_int_equal(bt_histogram_merge(merged, nothing, &error), BT_OK);
    assert_same(whole, merged);
    bt_histogram_close(&nothing);
    bt_histogram_close(&whole);
    bt_histogram_close(&merged);
}

static void unlike_ranges_do_not_merge(void **state) {
    (void)state;
    bt_error error;
    bt_histogram *left = open_or_fail(1000, 1000000), *right = open_or_fail(1000, 2000000);
    bt_histogram_record(right, 5000);
    assert_int_equal(bt_histogram_merge(left, right, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "1000..2000000"));
    assert_int_equal(bt_histogram_count(left), 0);
    bt_histogram_close(&right);
    right = open_or_fail(2000, 1000000);
    assert_int_equal(bt_histogram_merge(left, right, &error), BT_INVALID);
    bt_histogram_close(&left);
    bt_histogram_close(&right);
    bt_histogram_close(&right); /* closed already */
}

static void no_times_are_no_value(void **state) {
    (void)state;
    bt_histogram *h = open_or_fail(1000, 1000000);
    bt_histogram_record_times(h, 5000, 0);
    assert_int_equal(bt_histogram_count(h), 0);
    assert_int_equal(bt_histogram_max(h), 0);
    bt_histogram_record(h, 2000000); /* saturated: counted, and above all that fits */
    assert_int_equal(bt_histogram_count_above(h, 1500000), 1);
    assert_int_equal(bt_histogram_count_above(h, 2000000), 0);
    bt_histogram_close(&h);
}

static void values_out_of_range_are_counted_and_said(void **state) {
    (void)state;
    bt_histogram *histogram = open_or_fail(1000, 1000000);
    bt_histogram_record(histogram, 1000000);
    bt_histogram_record(histogram, -5);
    assert_int_equal(bt_histogram_saturated(histogram), 0);
    assert_int_equal(bt_histogram_min(histogram), 0);
    bt_histogram_record(histogram, 1000001);
    bt_histogram_record_times(histogram, INT64_MAX, 2);
    assert_int_equal(bt_histogram_count(histogram), 5);
    assert_int_equal(bt_histogram_saturated(histogram), 3);
    assert_int_equal(bt_histogram_quantile(histogram, 0.4), 1000000);
    assert_int_equal(bt_histogram_quantile(histogram, 0.5), INT64_MAX);
    assert_int_equal(bt_histogram_count_above(histogram, 1000000), 3);
    assert_int_equal(bt_histogram_count_above(histogram, INT64_MAX), 0);
    bt_histogram_close(&histogram);
}

static void counts_above_a_value_are_those_of_the_sorted_array(void **state) {
    (void)state;
    bt_histogram *histogram = open_or_fail(1, 2000);
    for (int value = 1; value <= 2000; value++)
        bt_histogram_record_times(histogram, value, 3);
    for (int value = -1; value <= 2100; value++) {
        int above = value < 1 ? 6000 : value >= 2000 ? 0 : 3 * (2000 - value);
        assert_int_equal(bt_histogram_count_above(histogram, value), above);
    }
    bt_histogram_close(&histogram);
}

static void the_cursor_visits_each_filled_bucket_once_in_order(void **state) {
    (void)state;
    bt_histogram *histogram = open_or_fail(1000, 1000000000);
    bt_random random = bt_random_stream(3, "cursor test");
    for (int i = 0; i < 1000; i++)
        bt_histogram_record(histogram, draw(&random, 1000, 2000000000));
    bt_histogram_cursor cursor = {0};
    uint64_t total = 0;
    int64_t last = -1;
    while (bt_histogram_next(histogram, &cursor)) {
        assert_true(cursor.lowest > last && cursor.highest >= cursor.lowest && cursor.count > 0);
        last = cursor.highest;
        total += cursor.count;
        assert_int_equal(cursor.count_to_here, total);
    }
    assert_int_equal(total, 1000);
    assert_int_equal(last, bt_histogram_max(histogram));
    bt_histogram_close(&histogram);
}

static void an_empty_or_reset_histogram_says_nothing(void **state) {
    (void)state;
    bt_histogram *histogram = open_or_fail(1000, 1000000);
    for (int round = 0; round < 2; round++) {
        bt_histogram_cursor cursor = {0};
        assert_int_equal(bt_histogram_count(histogram), 0);
        assert_int_equal(bt_histogram_saturated(histogram), 0);
        assert_int_equal(bt_histogram_min(histogram), 0);
        assert_int_equal(bt_histogram_max(histogram), 0);
        assert_int_equal(bt_histogram_quantile(histogram, 0.95), 0);
        assert_int_equal(bt_histogram_count_above(histogram, -1), 0);
        assert_true(isnan(bt_histogram_mean(histogram)));
        assert_false(bt_histogram_next(histogram, &cursor));
        bt_histogram_record(histogram, 5000);
        bt_histogram_record(histogram, 2000000);
        bt_histogram_reset(histogram);
    }
    bt_histogram_close(&histogram);
    assert_null(histogram);
    bt_histogram_close(&histogram);
    bt_histogram_close(NULL);
}

static void a_range_that_makes_no_sense_is_refused(void **state) {
    (void)state;
    static const bt_histogram_options BAD[] = {
        {0, 100}, {-5, 100}, {100, 199}, {100, -1}, {INT64_MAX, INT64_MAX}};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        bt_error error;
        bt_histogram *histogram;
        assert_int_equal(bt_histogram_open(&histogram, &BAD[i], &error), BT_INVALID);
        assert_null(histogram);
        assert_non_null(strstr(error.message, "range"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_within_a_thousandth_of_the_sorted_array),
        cmocka_unit_test(every_bucket_edge_keeps_three_digits),
        cmocka_unit_test(merging_equals_recording_the_union),
        cmocka_unit_test(unlike_ranges_do_not_merge),
        cmocka_unit_test(no_times_are_no_value),
        cmocka_unit_test(values_out_of_range_are_counted_and_said),
        cmocka_unit_test(counts_above_a_value_are_those_of_the_sorted_array),
        cmocka_unit_test(the_cursor_visits_each_filled_bucket_once_in_order),
        cmocka_unit_test(an_empty_or_reset_histogram_says_nothing),
        cmocka_unit_test(a_range_that_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests_name("measure-histogram", tests, NULL, NULL);
}
