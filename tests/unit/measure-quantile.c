/* Quantiles, and the binomial tails that bounds are made of: by hand where the numbers are small, by exact sums
 * where they are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
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

#define MOST 3000

/* Orders that sorting meets, and those that mislead a quicksort: few values, ascending, descending, up and down, and
 * in sawteeth. */
#define ORDERS 7

static double sample_of(int order, size_t i, size_t count, bt_random *random) {
    switch (order) {
    case 0:
        return bt_random_normal(random);
    case 1:
        return (double)bt_random_below(random, 20);
    case 2:
        return 7;
    case 3:
        return (double)i;
    case 4:
        return -(double)i;
    case 5:
        return (double)(i < count / 2 ? i : count - i);
    default:
        return (double)(i % 17);
    }
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The samples of a seed, and the same in order by the C library. */
static size_t draw_samples(uint64_t seed, double samples[MOST], double sorted[MOST]) {
    bt_random random = bt_random_stream(seed, "sorting");
    size_t count = 1 + bt_random_below(&random, seed % 8 ? 130 : MOST);
    for (size_t i = 0; i < count; i++)
        sorted[i] = samples[i] = sample_of((int)(seed % ORDERS), i, count, &random);
    qsort(sorted, count, sizeof *sorted, ascending);
    return count;
}

static void sorting_sorts(void **state) {
    (void)state;
    static double samples[MOST], sorted[MOST];
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        size_t count = draw_samples(seed, samples, sorted);
        bt_sort(samples, count);
        if (memcmp(samples, sorted, count * sizeof *samples) != 0)
            fail_msg("seed %llu: %zu samples are not in order", (unsigned long long)seed, count);
    }
    bt_sort(samples, 0);
}

static void selecting_gives_the_sample_of_a_rank_and_parts_the_others(void **state) {
    (void)state;
    static double samples[MOST], sorted[MOST];
    for (uint64_t seed = 1; seed <= 4000; seed++) {
        size_t count = draw_samples(seed, samples, sorted);
        bt_random random = bt_random_stream(seed, "ranks");
        const size_t rank = 1 + bt_random_below(&random, count);
        const double got = bt_select(samples, count, rank);
        if (got != sorted[rank - 1] || samples[rank - 1] != got)
            fail_msg("seed %llu: rank %zu of %zu", (unsigned long long)seed, rank, count);
        for (size_t i = 0; i < count; i++)
            if (i < rank ? samples[i] > got : samples[i] < got)
                fail_msg("seed %llu: sample %zu is on the wrong side", (unsigned long long)seed, i);
        bt_sort(samples, count);
        assert_memory_equal(samples, sorted, count * sizeof *samples); /* none is lost */
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
        cmocka_unit_test(selecting_gives_the_sample_of_a_rank_and_parts_the_others),
        cmocka_unit_test(the_normal_is_below_its_quantiles_as_often_as_they_say),
    };
    return cmocka_run_group_tests_name("measure-quantile", tests, NULL, NULL);
}
