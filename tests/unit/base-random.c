/* The generators that weights, inputs and schedules come from: other programs must agree on every number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>

#include "base/random.h"

/* The published outputs for the states 0 and 1234567. */
static void splitmix64_gives_its_known_numbers(void **state) {
    (void)state;
    bt_random zero = {.state = 0}, other = {.state = 1234567};
    assert_true(bt_random_next(&zero) == 0xe220a8397b1dcdafULL);
    assert_true(bt_random_next(&zero) == 0x6e789e6aa1b965f4ULL);
    assert_true(bt_random_next(&zero) == 0x06c45d188009454fULL);
    assert_true(bt_random_next(&other) == 6457827717110365317ULL);
    assert_true(bt_random_next(&other) == 3203168211198807973ULL);
    assert_true(bt_random_next(&other) == 9817491932198370423ULL);
    assert_true(bt_random_next(&other) == 4593380528125082431ULL);
    assert_true(bt_random_next(&other) == 16408922859458223821ULL);
}

/* The vectors of the FNV specification. */
static void fnv1a_gives_its_known_hashes(void **state) {
    (void)state;
    assert_true(bt_fnv1a64(BT_FNV_START, "", 0) == 0xcbf29ce484222325ULL);
    assert_true(bt_fnv1a64(BT_FNV_START, "a", 1) == 0xaf63dc4c8601ec8cULL);
    assert_true(bt_fnv1a64(BT_FNV_START, "foobar", 6) == 0x85944171f73967e8ULL);
    assert_true(bt_fnv1a64(bt_fnv1a64(BT_FNV_START, "foo", 3), "bar", 3) == 0x85944171f73967e8ULL);
}

/* Computed apart, in Python's integers, from the formula of the header. */
static void counter_elements_come_without_their_predecessors(void **state) {
    (void)state;
    uint64_t key = bt_counter_key("stem.0.weight", 42);
    assert_true(bt_counter_uniform(key, 1000000) == 0.7925267056252945);
    assert_true(bt_counter_uniform(key, 0) == 0.7563644115901399);
    assert_true(bt_counter_uniform(key, 1) == 0.9021304900275243);
    assert_true(bt_counter_key("stem.0.weight", 43) != key);
}

static void filling_takes_the_elements_in_turn(void **state) {
    (void)state;
    const uint64_t key = bt_counter_key("stem.0.weight", 42);
    float values[100];
    bt_counter_fill(values, 100, key, 0.5, 3);
    for (uint64_t i = 0; i < 100; i++)
        assert_true(values[i] == (float)(3 + 0.5 * (2 * bt_counter_uniform(key, i) - 1)));
}

static void a_seed_and_a_purpose_repeat_a_stream(void **state) {
    (void)state;
    bt_random one = bt_random_stream(5, "noise"), again = bt_random_stream(5, "noise");
    for (int i = 0; i < 100; i++)
        assert_true(bt_random_next(&one) == bt_random_next(&again));
}

#define DRAWS 100000

/* Four standard errors: a generator that is right fails this once in 16,000 seeds, and the seed is fixed. */
static const double leeway = 4;

static double correlation(bt_random one, bt_random other) {
    double sum = 0;
    for (int i = 0; i < DRAWS; i++)
        sum += (bt_random_uniform(&one) - 0.5) * (bt_random_uniform(&other) - 0.5);
    return sum / DRAWS * 12;
}

static void streams_of_other_purposes_and_seeds_are_unrelated(void **state) {
    (void)state;
    const double bound = leeway / sqrt(DRAWS);
    bt_random noise = bt_random_stream(1, "noise");
    assert_true(fabs(correlation(noise, bt_random_stream(1, "schedule"))) < bound);
    assert_true(fabs(correlation(noise, bt_random_stream(2, "noise"))) < bound);
    assert_true(fabs(correlation(bt_random_stream(0, "a"), bt_random_stream(0, "b"))) < bound);
    assert_true(correlation(noise, noise) > 0.9); /* or the three above could not fail */
    bt_random ahead = noise;
    bt_random_next(&ahead);
    assert_true(fabs(correlation(noise, ahead)) < bound);
}

static void uniform_numbers_fill_their_range_evenly(void **state) {
    (void)state;
    enum { BINS = 16 };
    int counts[BINS] = {0};
    double squares = 0;
    bt_random random = bt_random_stream(3, "bins");
    for (int i = 0; i < DRAWS; i++) {
        double value = bt_random_uniform(&random);
        assert_true(value >= 0 && value < 1);
        counts[(int)(value * BINS)]++;
    }
    for (int i = 0; i < BINS; i++) {
        double off = counts[i] - DRAWS / (double)BINS;
        squares += off * off / (DRAWS / (double)BINS);
    }
    assert_true(squares < 15 + leeway * sqrt(30)); /* chi-squared of 15 degrees: mean 15, variance 30 */
    for (int i = 0; i < 1000; i++) {
        double value = bt_random_between(&random, -2, 3);
        assert_true(value >= -2 && value < 3);
    }
}

static void bounded_integers_have_no_bias(void **state) {
    (void)state;
    bt_random random = bt_random_stream(4, "below");
    int counts[3] = {0}, high = 0;
    for (int i = 0; i < DRAWS; i++)
        counts[bt_random_below(&random, 3)]++;
    for (int i = 0; i < 3; i++)
        assert_true(fabs(counts[i] - DRAWS / 3.0) < leeway * sqrt(DRAWS * 2 / 9.0));
    assert_int_equal(bt_random_below(&random, 1), 0);
    /* A bare modulo of this bound would give the lower half two times of three. */
    const uint64_t bound = 3ULL << 62;
    for (int i = 0; i < DRAWS; i++)
        high += bt_random_below(&random, bound) >= bound / 2;
    assert_true(fabs(high - DRAWS / 2.0) < leeway * sqrt(DRAWS / 4.0));
}

static void normal_and_exponential_have_their_moments(void **state) {
    (void)state;
    bt_random random = bt_random_stream(6, "moments");
    double normal = 0, squares = 0, exponential = 0, late = 0;
    for (int i = 0; i < DRAWS; i++) {
        double value = bt_random_normal(&random), wait = bt_random_exponential(&random);
        assert_true(isfinite(value) && isfinite(wait) && wait >= 0);
        normal += value / DRAWS;
        squares += value * value / DRAWS;
        exponential += wait / DRAWS;
        late += (wait > 2) / (double)DRAWS;
    }
    const double error = leeway / sqrt(DRAWS);
    assert_true(fabs(normal) < error);
    assert_true(fabs(squares - 1) < error * sqrt(2));
    assert_true(fabs(exponential - 1) < error);
    assert_true(fabs(late - exp(-2)) < error * sqrt(exp(-2)));
}

static double below_of_half(double x) { /* half a normal's square */
    return erf(sqrt(x));
}

static double below_of_one(double x) {
    return -expm1(-x);
}

static double below_of_three(double x) {
    return 1 - exp(-x) * (1 + x + x * x / 2);
}

/* Its moments, and where its distribution is known in other ways, how many values are below the mean. */
static void gamma_has_its_moments_and_its_distribution(void **state) {
    (void)state;
    static const struct {
        double shape;
        double (*below)(double x);
    } gammas[] = {{0.01, NULL},      {0.25, NULL},        {0.5, below_of_half},
                  {1, below_of_one}, {3, below_of_three}, {100, NULL}};
    for (size_t g = 0; g < sizeof gammas / sizeof *gammas; g++) {
        const double shape = gammas[g].shape, kurtosis = 3 + 6 / shape;
        bt_random random = bt_random_stream(7, "gamma");
        double mean = 0, variance = 0, below = 0;
        for (int i = 0; i < DRAWS; i++) {
            double value = bt_random_gamma(&random, shape);
            assert_true(isfinite(value) && value >= 0);
            mean += value / DRAWS;
            variance += (value - shape) * (value - shape) / DRAWS;
            below += (value < shape) / (double)DRAWS;
        }
        print_message("shape %g, seed 7: mean %.5f, variance %.5f\n", shape, mean, variance);
        assert_true(fabs(mean - shape) < leeway * sqrt(shape / DRAWS));
        assert_true(fabs(variance - shape) < leeway * shape * sqrt((kurtosis - 1) / DRAWS));
        if (!gammas[g].below) continue;
        const double share = gammas[g].below(shape);
        assert_true(fabs(below - share) < leeway * sqrt(share * (1 - share) / DRAWS));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splitmix64_gives_its_known_numbers),
        cmocka_unit_test(fnv1a_gives_its_known_hashes),
        cmocka_unit_test(counter_elements_come_without_their_predecessors),
        cmocka_unit_test(filling_takes_the_elements_in_turn),
        cmocka_unit_test(a_seed_and_a_purpose_repeat_a_stream),
        cmocka_unit_test(streams_of_other_purposes_and_seeds_are_unrelated),
        cmocka_unit_test(uniform_numbers_fill_their_range_evenly),
        cmocka_unit_test(bounded_integers_have_no_bias),
        cmocka_unit_test(normal_and_exponential_have_their_moments),
        cmocka_unit_test(gamma_has_its_moments_and_its_distribution),
    };
    return cmocka_run_group_tests_name("base-random", tests, NULL, NULL);
}
