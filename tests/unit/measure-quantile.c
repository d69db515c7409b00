/* Quantiles and their bounds: by hand where the numbers are small, by coverage where they are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "measure/quantile.h"

#define assert_close(value, expected, relative)                                                              \
    do {                                                                                                     \
        double got = (value), want = (expected);                                                             \
        if (!(fabs(got - want) <= (relative)*fabs(want)))                                                    \
            fail_msg("%s is %.17g, expected %.17g", #value, got, want);                                      \
    } while (0)

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

/* Expected values from sums of exact integers and 60-digit decimals. */
/* What never happens, and what always does. */
static void binomial_tails_are_certain_at_the_ends(void **state) {
    (void)state;
    assert_close(bt_binomial_at_most(0, 10, 0), 1, 0);
    assert_close(bt_binomial_at_least(1, 10, 0), 0, 0);
    assert_close(bt_binomial_at_most(9, 10, 1), 0, 0);
    assert_close(bt_binomial_at_least(10, 10, 1), 1, 0);
}

static void without_samples_there_are_no_bounds(void **state) {
    (void)state;
    const double one = 1;
    assert_true(isnan(bt_quantile_bounds(NULL, 0, 0.95, 0.95, 0).upper));
    assert_true(isnan(bt_quantile_bounds(&one, 1, 0.95, 0.95, 0.5).lower)); /* not even one that counts */
    assert_true(isnan(bt_quantile_bounds(&one, 1, 0.95, 0.95, NAN).lower));
}

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

static bt_bounds p95_bounds_of_first(int count, double effective_count) {
    double samples[1000];
    for (int i = 0; i < count; i++)
        samples[i] = i + 1;
    return bt_quantile_bounds(samples, (size_t)count, 0.95, 0.95, effective_count);
}

static void p95_has_an_upper_bound_from_59_samples_on(void **state) {
    (void)state;
    for (int count = 1; count < 59; count++)
        assert_true(isnan(p95_bounds_of_first(count, count).upper));
    assert_true(p95_bounds_of_first(59, 59).upper == 59); /* 0.95^59 = 0.0485 */
    assert_true(p95_bounds_of_first(92, 92).upper == 92); /* the second largest does from 93: 0.0500 at 92 */
    assert_true(p95_bounds_of_first(93, 93).upper == 92);
    assert_true(p95_bounds_of_first(124, 124).upper == 122);
}

static void a_lower_bound_needs_few_samples(void **state) {
    (void)state;
    assert_true(p95_bounds_of_first(1, 1).lower == 1); /* one sample is below P95 in exactly 95 % */
    assert_true(p95_bounds_of_first(59, 59).lower == 53);
    double samples[4] = {1, 2, 3, 4};
    assert_true(isnan(bt_quantile_bounds(samples, 4, 0.5, 0.95, 4).lower)); /* 0.5^4 > 0.05 */
    assert_true(isnan(bt_quantile_bounds(samples, 4, 0.5, 0.95, 4).upper));
    assert_true(isnan(bt_quantile_bounds(samples, 0, 0.5, 0.95, 0).upper));
}

static void bounds_are_the_tightest_order_statistics_that_hold(void **state) {
    (void)state;
    for (int count = 1; count <= 1000; count += 7) {
        bt_bounds bounds = p95_bounds_of_first(count, count);
        int upper = isnan(bounds.upper) ? count + 1 : (int)bounds.upper, lower = (int)bounds.lower;
        assert_true(upper > count || bt_binomial_at_most(upper - 1, count, 0.95) >= 0.95);
        assert_true(bt_binomial_at_most(upper - 2, count, 0.95) < 0.95);
        assert_true(bt_binomial_at_most(lower - 1, count, 0.95) <= 0.05 + 1e-9);
        assert_true(bt_binomial_at_most(lower, count, 0.95) > 0.05);
    }
}

static void correlated_samples_bound_less(void **state) {
    (void)state;
    assert_true(isnan(p95_bounds_of_first(100, 58.9).upper));
    assert_true(p95_bounds_of_first(100, 59).upper == 100);
    for (int count = 10; count <= 1000; count += 45)
        for (double share = 0.1; share < 1; share += 0.1) {
            bt_bounds all = p95_bounds_of_first(count, count),
                      fewer = p95_bounds_of_first(count, count * share);
            assert_false(fewer.upper < all.upper);
            assert_false(fewer.lower > all.lower);
        }
    bt_bounds capped = p95_bounds_of_first(100, 1e9), full = p95_bounds_of_first(100, 100);
    assert_true(capped.upper == full.upper && capped.lower == full.lower);
}

static double exponential(bt_random *random) {
    return bt_random_exponential(random);
}

static double lognormal(bt_random *random) {
    return exp(bt_random_normal(random));
}

/* Two narrow peaks with nothing between them; 8 % in the slow one, uniform so that P95 is known. */
static double bimodal(bt_random *random) {
    return bt_random_uniform(random) < 0.08 ? bt_random_between(random, 2, 2.2)
                                            : bt_random_between(random, 1, 1.1);
}

/* How often a bound fails, at its worst, is the promise; a discrete bound may do better. */
static void check_coverage(const char *name, double (*draw)(bt_random *), double true_p95, size_t count) {
    enum { ROUNDS = 4000 };
    const uint64_t seed = 20240607;
    bt_random random = bt_random_stream(seed, name);
    double samples[500];
    int upper_failed = 0, lower_failed = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < count; i++)
            samples[i] = draw(&random);
        bt_sort(samples, count);
        bt_bounds bounds = bt_quantile_bounds(samples, count, 0.95, 0.95, (double)count);
        upper_failed += bounds.upper < true_p95;
        lower_failed += bounds.lower > true_p95;
    }
    /* 0.05 and three standard deviations of 4000 rounds; and never so rare that the bound is idle. */
    const int most = (int)(ROUNDS * (0.05 + 3 * sqrt(0.05 * 0.95 / ROUNDS))), least = ROUNDS / 100;
    if (upper_failed > most || lower_failed > most || upper_failed < least || lower_failed < least)
        fail_msg("%s, n = %zu, seed %llu: upper failed in %.4f, lower in %.4f", name, count,
                 (unsigned long long)seed, (double)upper_failed / ROUNDS, (double)lower_failed / ROUNDS);
}

static void bounds_cover_the_true_p95_as_often_as_they_say(void **state) {
    (void)state;
    static const size_t COUNTS[] = {59, 100, 257, 500};
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
        check_coverage("exponential", exponential, -log(0.05), COUNTS[i]);
        check_coverage("lognormal", lognormal, exp(bt_normal_quantile(0.95)), COUNTS[i]);
        check_coverage("bimodal", bimodal, 2 + 0.2 * 3 / 8, COUNTS[i]);
    }
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

static void normal_quantiles_invert_the_normal(void **state) {
    (void)state;
    assert_close(bt_normal_quantile(0.975), 1.9599639845400545, 1e-12);
    assert_close(bt_normal_quantile(1e-9), -5.9978070150076865, 1e-10);
    assert_true(fabs(bt_normal_quantile(0.5)) < 1e-12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binomial_tails_are_the_sums_they_stand_for),
        cmocka_unit_test(binomial_tails_stay_accurate_for_a_million_trials),
        cmocka_unit_test(binomial_tails_are_certain_at_the_ends),
        cmocka_unit_test(without_samples_there_are_no_bounds),
        cmocka_unit_test(binomial_tails_know_their_ends),
        cmocka_unit_test(a_quantile_is_the_sample_of_nearest_rank),
        cmocka_unit_test(p95_has_an_upper_bound_from_59_samples_on),
        cmocka_unit_test(a_lower_bound_needs_few_samples),
        cmocka_unit_test(bounds_are_the_tightest_order_statistics_that_hold),
        cmocka_unit_test(correlated_samples_bound_less),
        cmocka_unit_test(bounds_cover_the_true_p95_as_often_as_they_say),
        cmocka_unit_test(sorting_sorts),
        cmocka_unit_test(normal_quantiles_invert_the_normal),
    };
    return cmocka_run_group_tests_name("measure-quantile", tests, NULL, NULL);
}
