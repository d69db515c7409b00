/* Block bootstrap intervals hold the truth about as often as they say, for neighbours that are alike too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "measure/bootstrap.h"
#include "statistics.h"

enum { MOST = 400, ROUNDS = 400 };

static bt_interval interval_of(const double *samples, size_t count, bt_bootstrap_options options) {
    bt_interval interval;
    bt_error error;
    if (bt_bootstrap(samples, count, &options, &interval, &error)) fail_msg("%s", error.message);
    return interval;
}

static double coverage(double correlation, size_t count, bt_statistic *statistic, size_t block_length) {
    bt_random random = bt_random_stream(21, "bootstrap test");
    double samples[MOST];
    int held = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        statistics_draw_series(&random, correlation, 0.05, count, samples);
        bt_interval interval = interval_of(samples, count,
                                           (bt_bootstrap_options){.statistic = statistic,
                                                                  .confidence = 0.95,
                                                                  .resamples = 400,
                                                                  .block_length = block_length,
                                                                  .seed = round});
        held += interval.lower <= 1 && interval.upper >= 1;
    }
    return (double)held / ROUNDS;
}

/* 95 % within four standard deviations of 400 rounds. */
static void independent_samples_are_covered(void **state) {
    (void)state;
    assert_between(coverage(0, 25, bt_statistic_mean, 0), 0.915, 0.99);
    assert_between(coverage(0, 25, bt_statistic_median, 0), 0.915, 0.99);
    assert_between(coverage(0, 100, bt_statistic_mean, 0), 0.915, 0.985);
}

/* Known to fall a little short of 95 % at these lengths; single-sample draws fall far short. */
static void correlated_samples_are_covered_by_blocks_alone(void **state) {
    (void)state;
    assert_between(coverage(0.5, 200, bt_statistic_mean, 0), 0.88, 0.98);
    assert_between(coverage(0.5, 200, bt_statistic_median, 0), 0.88, 0.98);
    assert_between(coverage(0.8, 400, bt_statistic_mean, 0), 0.87, 0.98);
    assert_between(coverage(0.8, 400, bt_statistic_mean, 1), 0.3, 0.7);
}

static void block_length_follows_the_correlation(void **state) {
    (void)state;
    bt_random random = bt_random_stream(22, "block length");
    static const double CORRELATIONS[] = {0, 0.5, 0.8};
    double mean_length[3] = {0}, samples[MOST];
    for (int i = 0; i < 3; i++)
        for (int round = 0; round < 200; round++) {
            statistics_draw_series(&random, CORRELATIONS[i], 0.05, MOST, samples);
            size_t length = bt_block_length(samples, MOST);
            assert_in_range(length, 1, 60); /* at most 3 sqrt(400) */
            mean_length[i] += (double)length / 200;
        }
    assert_between(mean_length[0], 1, 2);
    assert_between(mean_length[1], 6,
                   12); /* in the limit (6 * (4/3)^2 * ...)^(1/3): about 10 for this series */
    assert_between(mean_length[2], 14, 30);
}

static void the_same_seed_gives_the_same_interval(void **state) {
    (void)state;
    bt_random random = bt_random_stream(23, "seed");
    double samples[50], before[50];
    statistics_draw_series(&random, 0.3, 0.05, 50, samples);
    memcpy(before, samples, sizeof before);
    bt_interval first = interval_of(samples, 50, (bt_bootstrap_options){.seed = 4});
    bt_interval again = interval_of(samples, 50, (bt_bootstrap_options){.seed = 4});
    bt_interval other = interval_of(samples, 50, (bt_bootstrap_options){.seed = 5});
    assert_true(first.lower == again.lower && first.upper == again.upper);
    assert_true(first.lower != other.lower || first.upper != other.upper);
    assert_true(first.lower < first.estimate && first.estimate < first.upper);
    assert_memory_equal(samples, before, sizeof before);
}

static double range_of(double *values, size_t count, void *context) {
    double least = values[0], most = values[0];
    for (size_t i = 1; i < count; i++) {
        least = fmin(least, values[i]);
        most = fmax(most, values[i]);
    }
    *(int *)context += 1;
    return most - least;
}

static void any_statistic_may_be_asked_for(void **state) {
    (void)state;
    double samples[20], quantile = 0.95;
    for (int i = 0; i < 20; i++)
        samples[i] = i;
    int calls = 0;
    bt_interval range = interval_of(
        samples, 20, (bt_bootstrap_options){.statistic = range_of, .context = &calls, .resamples = 300});
    assert_int_equal(calls, 301);
    assert_true(range.estimate == 19 && range.upper == 19 && range.lower < 19);
    bt_interval p95 = interval_of(
        samples, 20, (bt_bootstrap_options){.statistic = bt_statistic_quantile, .context = &quantile});
    assert_true(p95.estimate == 18);
    /* A single block holds every sample once, wherever it starts: nothing varies. */
    bt_interval whole = interval_of(samples, 20, (bt_bootstrap_options){.block_length = 1000});
    assert_int_equal(whole.block_length, 20);
    assert_between(whole.upper - whole.lower, 0, 1e-12);
}

static void more_confidence_is_wider(void **state) {
    (void)state;
    bt_random random = bt_random_stream(24, "confidence");
    double samples[60];
    statistics_draw_series(&random, 0, 0.05, 60, samples);
    bt_interval half = interval_of(samples, 60, (bt_bootstrap_options){.confidence = 0.5});
    bt_interval most = interval_of(samples, 60, (bt_bootstrap_options){.confidence = 0.99});
    assert_true(most.lower < half.lower && half.upper < most.upper);
}

static void nonsense_is_refused(void **state) {
    (void)state;
    double samples[6] = {1, 2, 3, 4, 5, NAN};
    bt_interval interval;
    bt_error error;
    bt_bootstrap_options usual = {0}, certain = {.confidence = 1}, few = {.resamples = 99};
    assert_int_equal(bt_bootstrap(samples, 4, &usual, &interval, &error), BT_INVALID);
    assert_int_equal(bt_bootstrap(samples, 5, &certain, &interval, &error), BT_INVALID);
    assert_int_equal(bt_bootstrap(samples, 5, &few, &interval, &error), BT_INVALID);
    assert_int_equal(bt_bootstrap(samples, 6, &usual, &interval, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "sample 5"));
    assert_int_equal(bt_bootstrap(samples, 5, &usual, &interval, &error), BT_OK);
    usual.confidence = -0.5;
    assert_int_equal(bt_bootstrap(samples, 5, &usual, &interval, &error), BT_INVALID);
    usual.confidence = NAN;
    assert_int_equal(bt_bootstrap(samples, 5, &usual, &interval, &error), BT_INVALID);
    assert_int_equal(bt_block_length(samples, 4), 1); /* too few to tell */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(independent_samples_are_covered),
        cmocka_unit_test(correlated_samples_are_covered_by_blocks_alone),
        cmocka_unit_test(block_length_follows_the_correlation),
        cmocka_unit_test(the_same_seed_gives_the_same_interval),
        cmocka_unit_test(any_statistic_may_be_asked_for),
        cmocka_unit_test(more_confidence_is_wider),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests_name("measure-bootstrap", tests, NULL, NULL);
}
