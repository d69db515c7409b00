/* Quantiles, and the binomial tails that bounds are made of: by hand where the numbers are small, by exact sums
 * where they are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "measure/quantile.h"

static void check_close(const char *what, double got, double expected, double relative) {
    if (!(fabs(got - expected) <= relative * fabs(expected)))
        fail_msg("%s is %.17g, expected %.17g", what, got, expected);
}

#define assert_close(value, expected, relative) check_close(#value, value, expected, relative)

/* The definition, term by term. */
static double summed_binomial(int from, int to, int trials, double probability) {
    double sum = 0;
    for (int k = from; k <= to; k++) {
        double term = 1;
        for (int i = 0; i < k; i++)
            term *= (double)(trials - i) / (k - i) * probability;
        sum += term * pow(1 - probability, trials - k);
    }
    return sum;
}

static void binomial_tails_are_the_sums_they_stand_for(void **state) {
    (void)state;
    static const double PROBABILITIES[] = {0.001, 0.05, 0.3, 0.5, 0.95, 0.999};
    for (size_t i = 0; i < sizeof PROBABILITIES / sizeof *PROBABILITIES; i++)
        for (int trials = 1; trials <= 60; trials++)
            for (int k = 0; k <= trials; k++) {
                double p = PROBABILITIES[i];
                assert_close(bt_binomial_at_most(k, trials, p), summed_binomial(0, k, trials, p), 1e-11);
                assert_close(bt_binomial_at_least(k, trials, p), summed_binomial(k, trials, trials, p),
                             1e-11);
            }
}

/* What never happens, and what always does. */
static void binomial_tails_are_certain_at_the_ends(void **state) {
    (void)state;
    assert_close(bt_binomial_at_most(0, 10, 0), 1, 0);
    assert_close(bt_binomial_at_least(1, 10, 0), 0, 0);
    assert_close(bt_binomial_at_most(9, 10, 1), 0, 0);
    assert_close(bt_binomial_at_least(10, 10, 1), 1, 0);
}

/* Expected values from sums of exact integers and 60-digit decimals. */
static void binomial_tails_stay_accurate_for_a_million_trials(void **state) {
    (void)state;
    assert_close(bt_binomial_at_most(49500, 1000000, 0.05), 1.0872176589645384e-02, 1e-11);
    assert_close(bt_binomial_at_most(49000, 1000000, 0.05), 2.1131824147903485e-06, 1e-11);
    assert_close(bt_binomial_at_most(45000, 1000000, 0.05), 1.4922070272305863e-120, 1e-11);
    assert_close(bt_binomial_at_most(9000, 20000, 0.5), 9.7704138529144813e-46, 1e-11);
    assert_close(bt_binomial_at_most(940, 1000, 0.95), 8.6732178384860956e-02, 1e-11);
    assert_close(bt_binomial_at_least(50500, 1000000, 0.05), 1.1041122391130958e-02, 1e-11);
    assert_close(bt_binomial_at_least(52000, 1000000, 0.05), 3.8244991621015020e-20, 1e-11);
    assert_close(bt_binomial_at_least(990, 1000, 0.95), 2.7977985614856666e-12, 1e-11);
}

static void binomial_tails_know_their_ends(void **state) {
    (void)state;
    assert_true(bt_binomial_at_most(-1, 10, 0.5) == 0 && bt_binomial_at_most(10, 10, 0.5) == 1);
    assert_true(bt_binomial_at_least(0, 10, 0.5) == 1 && bt_binomial_at_least(11, 10, 0.5) == 0);
    assert_true(bt_binomial_at_most(0, 10, 0) == 1 && bt_binomial_at_least(1, 10, 0) == 0);
    assert_true(bt_binomial_at_most(9, 10, 1) == 0 && bt_binomial_at_least(10, 10, 1) == 1);
    assert_true(bt_binomial_at_most(0, 0, 0.5) == 1);
}

static void a_quantile_is_the_sample_of_nearest_rank(void **state) {
    (void)state;
    double samples[100];
    for (int i = 0; i < 100; i++)
        samples[i] = i + 1;
    for (int percent = 1; percent <= 100; percent++)
        assert_true(bt_quantile(samples, 100, percent / 100.0) == percent);
    assert_true(bt_quantile(samples, 100, 0) == 1);
    assert_true(bt_quantile(samples, 100, 0.951) == 96);
    assert_true(bt_quantile(samples, 19, 0.95) == 19);
    assert_true(bt_quantile(samples, 20, 0.95) == 19);
    assert_true(isnan(bt_quantile(samples, 0, 0.95)));
}

static void sorting_sorts(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        bt_random random = bt_random_stream(seed, "sort");
        double samples[64], sum_before = 0, sum_after = 0;
        size_t count = bt_random_below(&random, 65);
        for (size_t i = 0; i < count; i++)
            sum_before += samples[i] = (double)bt_random_below(&random, 20);
        bt_sort(samples, count);
        for (size_t i = 0; i < count; i++) {
            sum_after += samples[i];
            if (i && samples[i - 1] > samples[i])
                fail_msg("seed %llu: not ascending", (unsigned long long)seed);
        }
        assert_true(sum_before == sum_after);
    }
}

static void the_normal_is_below_its_quantiles_as_often_as_they_say(void **state) {
    (void)state;
    assert_close(bt_normal_below(1.9599639845400545), 0.975, 1e-12);
    assert_close(bt_normal_below(-5.9978070150076865), 1e-9, 1e-10);
    assert_close(bt_normal_below(0), 0.5, 1e-12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binomial_tails_are_the_sums_they_stand_for),
        cmocka_unit_test(binomial_tails_stay_accurate_for_a_million_trials),
        cmocka_unit_test(binomial_tails_are_certain_at_the_ends),
        cmocka_unit_test(binomial_tails_know_their_ends),
        cmocka_unit_test(a_quantile_is_the_sample_of_nearest_rank),
        cmocka_unit_test(sorting_sorts),
        cmocka_unit_test(the_normal_is_below_its_quantiles_as_often_as_they_say),
    };
    return cmocka_run_group_tests_name("measure-quantile", tests, NULL, NULL);
}
