/* Order in a series: seen where it was planted, and seldom where it was not. All draws are seeded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "measure/series.h"
#include "statistics.h"

enum { MOST = 400, ROUNDS = 2000 };

static void add_trend(double *samples, size_t count, double over_the_series) {
    for (size_t i = 0; i < count; i++)
        samples[i] *= 1 + over_the_series * (double)i / (double)(count - 1);
}

/* The share of rounds in which drift was flagged. */
static double drift_rate(double correlation, double deviation, double trend, size_t count) {
    bt_random random = bt_random_stream(11, "drift test");
    double samples[MOST], scratch[2 * MOST];
    int flagged = 0;
    for (int round = 0; round < ROUNDS; round++) {
        statistics_draw_series(&random, correlation, deviation, count, samples);
        add_trend(samples, count, trend);
        flagged += bt_drift_test(samples, count, BT_DRIFT_TOLERANCE, scratch).drifting;
    }
    return (double)flagged / ROUNDS;
}

static void white_noise_is_seldom_called_drift(void **state) {
    (void)state;
    static const size_t COUNTS[] = {12, 25, 60, 100, 400};
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++)
        assert_between(drift_rate(0, 0.05, 0, COUNTS[i]), 0, 0.01 + 3 * sqrt(0.01 * 0.99 / ROUNDS));
}

static void a_planted_drift_of_5_percent_is_found(void **state) {
    (void)state;
    assert_between(drift_rate(0, 0.02, 0.05, 50), 0.95, 1);
    assert_between(drift_rate(0, 0.02, -0.05, 50), 0.95, 1);
    assert_between(drift_rate(0, 0.05, 0.05, 400), 0.95, 1);
    assert_between(drift_rate(0.3, 0.02, 0.05, 100), 0.95, 1);
}

static void a_sure_but_tiny_drift_is_not_flagged(void **state) {
    (void)state;
    double samples[MOST], scratch[2 * MOST];
    bt_random random = bt_random_stream(12, "tiny drift");
    statistics_draw_series(&random, 0, 0.001, MOST, samples);
    add_trend(samples, MOST, 0.005);
    bt_drift drift = bt_drift_test(samples, MOST, BT_DRIFT_TOLERANCE, scratch);
    assert_between(drift.p_value, 0, 1e-6);
    assert_between(drift.relative_shift, 0.002, 0.003);
    assert_false(drift.drifting);
    assert_true(bt_drift_test(samples, MOST, 0.001, scratch).drifting);
}

/* Uncorrected, Mann and Kendall's test calls this series drifting in about one of eight. */
static void slow_spells_are_seldom_called_drift(void **state) {
    (void)state;
    assert_between(drift_rate(0.5, 0.05, 0, 200), 0, 0.03);
    assert_between(drift_rate(0.5, 0.05, 0, 400), 0, 0.025);
}

/* Every rank statistic of these can be counted by hand. */
static void mann_kendall_agrees_with_hand_counts(void **state) {
    (void)state;
    double scratch[64];
    double rising[10], equal[10] = {3, 3, 3, 3, 3, 3, 3, 3, 3, 3};
    for (int i = 0; i < 10; i++)
        rising[i] = i;
    /* S = 45, variance 10 * 9 * 25 / 18 = 125, z = 44 / sqrt(125). */
    assert_between(bt_drift_test(rising, 10, 0.01, scratch).p_value, erfc(44 / sqrt(250)) * 0.999999,
                   erfc(44 / sqrt(250)) * 1.000001);
    assert_true(bt_drift_test(equal, 10, 0.01, scratch).p_value == 1);
    /* Four pairs of ties: S = 24, variance (8 * 7 * 21 - 4 * 2 * 1 * 9) / 18 = 61.33. */
    double pairs[8] = {1, 1, 2, 2, 3, 3, 4, 4};
    double expected = erfc(23 / sqrt(2 * (8 * 7 * 21 - 4 * 18) / 18.0));
    assert_between(bt_drift_test(pairs, 8, 0.01, scratch).p_value, expected * 0.999999, expected * 1.000001);
    assert_true(bt_drift_test(pairs, 7, 0.01, scratch).p_value == 1);
    assert_true(isnan(bt_drift_test(pairs, 1, 0.01, scratch).relative_shift));
}

static double mean_effective_share(double correlation, size_t count, double *kept_all) {
    bt_random random = bt_random_stream(13, "effective count");
    double samples[MOST], scratch[2 * MOST], sum = 0;
    *kept_all = 0;
    for (int round = 0; round < ROUNDS; round++) {
        statistics_draw_series(&random, correlation, 0.05, count, samples);
        double effective = bt_effective_count(samples, count, scratch);
        assert_between(effective, 1, (double)count);
        *kept_all += effective == (double)count;
        sum += effective / (double)count;
    }
    *kept_all /= ROUNDS;
    return sum / ROUNDS;
}

static void independent_samples_keep_their_worth(void **state) {
    (void)state;
    double kept_all;
    static const size_t COUNTS[] = {12, 59, 100, 400};
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
        assert_between(mean_effective_share(0, COUNTS[i], &kept_all), 0.95, 1);
        assert_between(kept_all, 0.93, 1);
    }
}

/* An autoregressive series is worth (1 - correlation) / (1 + correlation) of its samples; short ones read
 * high. */
static void correlated_samples_lose_worth(void **state) {
    (void)state;
    double kept_all;
    assert_between(mean_effective_share(0.5, 400, &kept_all), 0.9 / 3, 1.15 / 3);
    assert_between(mean_effective_share(0.8, 400, &kept_all), 0.9 / 9, 1.25 / 9);
    assert_between(mean_effective_share(0.5, 100, &kept_all), 0.9 / 3, 1.3 / 3);
    assert_between(mean_effective_share(-0.5, 100, &kept_all), 0.99, 1);
}

/* One slow spell of eight in a hundred: the ranks hardly show it, the highest tenth does. */
static void rare_spells_lower_the_effective_count(void **state) {
    (void)state;
    bt_random random = bt_random_stream(14, "spell");
    double samples[100], scratch[200];
    for (int i = 0; i < 100; i++)
        samples[i] = (i >= 50 && i < 58 ? 1.5 : 1) * (1 + 0.03 * bt_random_normal(&random));
    assert_between(bt_effective_count(samples, 100, scratch), 1, 40);
}

static void outliers_do_not_hide_correlation(void **state) {
    (void)state;
    bt_random random = bt_random_stream(15, "outliers");
    double samples[MOST], scratch[2 * MOST];
    statistics_draw_series(&random, 0.8, 0.05, MOST, samples);
    for (int i = 7; i < MOST; i += 101)
        samples[i] = 1000;
    assert_between(bt_effective_count(samples, MOST, scratch), 1, 0.3 * MOST);
}

static void short_and_constant_series_keep_their_count(void **state) {
    (void)state;
    double samples[50], scratch[100];
    for (int i = 0; i < 50; i++)
        samples[i] = 4.5;
    assert_true(bt_effective_count(samples, 50, scratch) == 50);
    assert_true(bt_effective_count(samples, 9, scratch) == 9);
    assert_true(bt_effective_count(samples, 0, scratch) == 0);
}

/* The share of rounds in which a warm-up of this shape was cut within [first, last]. */
static double steady_rate(double (*level)(size_t index), double deviation, size_t count, size_t first,
                          size_t last) {
    bt_random random = bt_random_stream(16, "steady test");
    double samples[MOST], scratch[2 * MOST];
    int within = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < count; i++)
            samples[i] = level(i) * (1 + deviation * bt_random_normal(&random));
        size_t from = bt_steady_from(samples, count, 8, 0.02, scratch);
        within += from >= first && from <= last;
    }
    return (double)within / ROUNDS;
}

static double flat(size_t index) {
    (void)index;
    return 1;
}

static double slow_first(size_t index) {
    return index == 0 ? 8 : index == 1 ? 1.6 : 1;
}

static double slow_ten(size_t index) {
    return index < 10 ? 1.2 : 1;
}

static double decaying(size_t index) {
    return 1 + 2 * exp(-(double)index / 3);
}

static double slower_at_the_end(size_t index) {
    return index < 33 ? 1 : 1.3;
}

static double always_falling(size_t index) {
    return 1 - 0.02 * (double)index;
}

static void a_steady_series_is_steady_from_the_start(void **state) {
    (void)state;
    assert_between(steady_rate(flat, 0.03, 12, 0, 0), 0.95, 1);
    assert_between(steady_rate(flat, 0.03, 40, 0, 0), 0.95, 1);
    assert_between(steady_rate(flat, 0.03, 200, 0, 0), 0.95, 1);
}

static void a_warm_up_is_cut_where_it_ends(void **state) {
    (void)state;
    /* 5 % of false alarms on what follows the warm-up are the tests' own. */
    assert_between(steady_rate(slow_first, 0.03, 12, 2, 3), 0.9, 1);
    assert_between(steady_rate(slow_first, 0.03, 40, 2, 3), 0.92, 1);
    assert_between(steady_rate(slow_ten, 0.03, 40, 9, 12), 0.92, 1);
    assert_between(steady_rate(decaying, 0.03, 40, 6, 20), 0.95, 1);
}

static void a_tail_that_still_changes_is_not_steady(void **state) {
    (void)state;
    assert_between(steady_rate(slower_at_the_end, 0.03, 40, BT_NOT_STEADY, BT_NOT_STEADY), 0.85, 1);
    assert_between(steady_rate(always_falling, 0.005, 16, BT_NOT_STEADY, BT_NOT_STEADY), 0.9, 1);
    double samples[7] = {1, 1, 1, 1, 1, 1, 1}, scratch[14];
    assert_true(bt_steady_from(samples, 7, 8, 0.02, scratch) == BT_NOT_STEADY);
    assert_true(bt_steady_from(samples, 7, 7, 0.02, scratch) == 0);
    assert_true(bt_steady_from(samples, 0, 0, 0.02, scratch) == BT_NOT_STEADY);
}

static void medians_by_hand(void **state) {
    (void)state;
    double samples[5] = {9, 1, 4, 2, 30}, scratch[5];
    assert_true(bt_median(samples, 5, scratch) == 4);
    assert_true(bt_median(samples, 4, scratch) == 3);
    assert_true(bt_median_absolute_deviation(samples, 5, scratch) == 3); /* of 5 3 0 2 26 */
    assert_true(isnan(bt_median(samples, 0, scratch)));
    assert_true(samples[0] == 9 && samples[4] == 30);
}

/* 150 durations of 6 ms with a microsecond's jitter that hangs together. */
static void jitter_below_the_resolution_costs_no_samples(void **state) {
    (void)state;
    enum { COUNT = 150 };
    double samples[COUNT], scratch[3 * COUNT], jitter = 0;
    bt_random random = bt_random_stream(3, "jitter");
    for (int i = 0; i < COUNT; i++) {
        jitter = 0.95 * jitter + 1e-3 * bt_random_normal(&random);
        samples[i] = 6 + jitter;
    }
    assert_true(bt_effective_count_at(samples, COUNT, 0, scratch) < COUNT / 2);
    assert_true(bt_effective_count_at(samples, COUNT, 0.01 * 6, scratch) == COUNT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_noise_is_seldom_called_drift),
        cmocka_unit_test(a_planted_drift_of_5_percent_is_found),
        cmocka_unit_test(a_sure_but_tiny_drift_is_not_flagged),
        cmocka_unit_test(slow_spells_are_seldom_called_drift),
        cmocka_unit_test(mann_kendall_agrees_with_hand_counts),
        cmocka_unit_test(independent_samples_keep_their_worth),
        cmocka_unit_test(correlated_samples_lose_worth),
        cmocka_unit_test(rare_spells_lower_the_effective_count),
        cmocka_unit_test(outliers_do_not_hide_correlation),
        cmocka_unit_test(short_and_constant_series_keep_their_count),
        cmocka_unit_test(a_steady_series_is_steady_from_the_start),
        cmocka_unit_test(a_warm_up_is_cut_where_it_ends),
        cmocka_unit_test(a_tail_that_still_changes_is_not_steady),
        cmocka_unit_test(medians_by_hand),
        cmocka_unit_test(jitter_below_the_resolution_costs_no_samples),
    };
    return cmocka_run_group_tests_name("measure-series", tests, NULL, NULL);
}
