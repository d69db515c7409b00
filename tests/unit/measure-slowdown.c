/* A slowdown is told with an error that is kept: over few values, over looks, over metrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "measure/slowdown.h"
#include "measure/student.h"
#include "statistics.h"

enum { MOST = 200, ROUNDS = 1000 };

/* Quantiles as tables print them, and one that is exact: with 1 degree it is Cauchy's. */
static void student_is_as_tables_have_it(void **state) {
    (void)state;
    static const struct {
        double above, degrees, t;
    } table[] = {{0.05, 1, 6.3138},  {0.025, 4, 2.7764},  {0.05, 10, 1.8125},
                 {0.001, 7, 4.7853}, {0.005, 30, 2.7500}, {0.0005, 120, 3.3735}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_between(bt_student_quantile(table[i].above, table[i].degrees), table[i].t - 6e-5,
                       table[i].t + 6e-5);
        assert_between(bt_student_above(table[i].t, table[i].degrees) / table[i].above, 0.9995, 1.0005);
        assert_between(bt_student_above(-table[i].t, table[i].degrees), 1 - table[i].above - 1e-5,
                       1 - table[i].above + 1e-5);
    }
    assert_between(bt_student_above(12.5, 1), 0.5 - atan(12.5) / M_PI - 1e-12,
                   0.5 - atan(12.5) / M_PI + 1e-12);
    assert_between(bt_student_above(0, 3.5), 0.5, 0.5);
    assert_between(bt_student_quantile(0.5, 8), -1e-9, 1e-9);
    assert_between(bt_student_quantile(0.9, 8), -1.3969, -1.3967);
}

static void draw_pairs(bt_random *random, size_t count, double slowdown, double correlation, double *before,
                       double *now) {
    double level = 0, noise = bt_random_normal(random);
    for (size_t i = 0; i < count; i++) {
        level = 0.9 * level + 0.1 * bt_random_normal(random);
        noise = correlation * noise + sqrt(1 - correlation * correlation) * bt_random_normal(random);
        before[i] = 10 * exp(level);
        now[i] = 10 * exp(level + log1p(slowdown) + 0.03 * noise);
    }
}

/* How often a true slowdown of 2 % is called surely above 2 %, at an error of 5 %. */
static double false_share(size_t count, double correlation) {
    bt_random random = bt_random_stream(31, "slowdown test");
    double before[MOST], now[MOST];
    int wrong = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        bt_slowdown slowdown;
        draw_pairs(&random, count, 0.02, correlation, before, now);
        assert_int_equal(bt_slowdown_of_pairs(before, now, count, round, &slowdown, NULL), BT_OK);
        wrong += bt_slowdown_p_above(&slowdown, log1p(0.02)) <= 0.05;
    }
    return (double)wrong / ROUNDS;
}

/* 5 % of 1000 rounds, within four standard deviations; a little more where neighbours are alike. */
static void a_pair_error_is_kept(void **state) {
    (void)state;
    assert_between(false_share(8, 0), 0.01, 0.078);
    assert_between(false_share(25, 0), 0.02, 0.078);
    assert_between(false_share(100, 0), 0.02, 0.078);
    assert_between(false_share(60, 0.3), 0.02, 0.10);
}

static void a_bound_and_its_p_value_agree(void **state) {
    (void)state;
    const bt_slowdown slowdown = {0.05, 0.01, 9};
    double lower = slowdown.log_ratio - bt_slowdown_margin(&slowdown, 0.01);
    assert_between(bt_slowdown_p_above(&slowdown, lower), 0.0099, 0.0101);
    assert_between(bt_slowdown_p_below(&slowdown, 2 * slowdown.log_ratio - lower), 0.0099, 0.0101);
    assert_between(bt_slowdown_p_above(&slowdown, 0.05), 0.499, 0.501);
}

/* Medians of skewed series; P95 too. 5 % each way. */
static void stored_series_are_covered(void **state) {
    (void)state;
    bt_random random = bt_random_stream(32, "slowdown series");
    double before[MOST], now[MOST];
    int outside[2] = {0};
    for (uint64_t round = 0; round < ROUNDS / 2; round++)
        for (int p95 = 0; p95 < 2; p95++) {
            bt_slowdown slowdown;
            for (int i = 0; i < MOST; i++) {
                before[i] = 10 + bt_random_exponential(&random);
                now[i] = 1.1 * (10 + bt_random_exponential(&random));
            }
            assert_int_equal(
                bt_slowdown_of_series(before, MOST, now, MOST / 2, p95 ? 0.95 : 0.5, round, &slowdown, NULL),
                BT_OK);
            outside[p95] += bt_slowdown_p_above(&slowdown, log(1.1)) <= 0.05 ||
                            bt_slowdown_p_below(&slowdown, log(1.1)) <= 0.05;
        }
    assert_between((double)outside[0] / (ROUNDS / 2), 0.03, 0.16);
    assert_between((double)outside[1] / (ROUNDS / 2), 0.01, 0.18);
}

static void a_spike_moves_little(void **state) {
    (void)state;
    double before[30], now[30];
    bt_slowdown quiet, spiked;
    bt_random random = bt_random_stream(33, "spike");
    draw_pairs(&random, 30, 0.05, 0, before, now);
    assert_int_equal(bt_slowdown_of_pairs(before, now, 30, 1, &quiet, NULL), BT_OK);
    now[7] *= 3;
    assert_int_equal(bt_slowdown_of_pairs(before, now, 30, 1, &spiked, NULL), BT_OK);
    assert_between(spiked.log_ratio - quiet.log_ratio, -0.01, 0.01);
    assert_true(spiked.deviation < 2 * quiet.deviation);
}

static void the_looks_of_a_course_share_one_error(void **state) {
    (void)state;
    static const double looks[] = {0.1, 0.15, 0.3, 0.55, 1};
    double before = 0, sum = 0;
    for (size_t i = 0; i < 5; i++) {
        double share = bt_look_share(before, looks[i]);
        assert_true(share > 0);
        sum += share;
        before = looks[i];
    }
    assert_between(sum, 1 - 1e-12, 1 + 1e-12);
    assert_true(bt_look_share(0, 0.5) < bt_look_share(0.5, 1));
}

/* The example that is computed by hand: 0.01 <= 0.05 / 4, 0.015 <= 0.05 / 3, but 0.03 > 0.05 / 2. */
static void holm_stops_at_the_first_that_stands(void **state) {
    (void)state;
    bool rejected[4];
    const double p_values[4] = {0.03, 0.01, 0.04, 0.015};
    bt_holm(p_values, 4, 0.05, rejected);
    assert_true(rejected[1] && rejected[3]);
    assert_false(rejected[0] || rejected[2]);
    const double all[3] = {0.001, 0.002, 0.049};
    bt_holm(all, 3, 0.05, rejected);
    assert_true(rejected[0] && rejected[1] && rejected[2]);
    bt_holm(NULL, 0, 0.05, rejected);
}

static void what_never_varies_is_certain(void **state) {
    (void)state;
    const double before[5] = {1, 1, 1, 1, 1}, now[5] = {1.1, 1.1, 1.1, 1.1, 1.1};
    bt_slowdown slowdown;
    assert_int_equal(bt_slowdown_of_pairs(before, now, 5, 1, &slowdown, NULL), BT_OK);
    assert_true(bt_slowdown_p_above(&slowdown, log(1.05)) < 1e-6);
    assert_true(bt_slowdown_p_below(&slowdown, log(1.05)) > 0.999);
}

static void nonsense_is_refused(void **state) {
    (void)state;
    double good[6] = {1, 2, 3, 4, 5, 6}, bad[6] = {1, 2, 0, 4, 5, 6};
    bt_slowdown slowdown;
    bt_error error;
    assert_int_equal(bt_slowdown_of_pairs(good, good, 4, 1, &slowdown, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "4 values"));
    assert_int_equal(bt_slowdown_of_pairs(good, bad, 6, 1, &slowdown, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "value 2"));
    bad[2] = NAN;
    assert_int_equal(bt_slowdown_of_series(bad, 6, good, 6, 0.5, 1, &slowdown, &error), BT_INVALID);
    bad[2] = INFINITY;
    assert_int_equal(bt_slowdown_of_pairs(bad, good, 6, 1, &slowdown, &error), BT_INVALID);
    assert_int_equal(bt_slowdown_of_series(good, 6, good, 2, 0.5, 1, &slowdown, &error), BT_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(student_is_as_tables_have_it),
        cmocka_unit_test(a_pair_error_is_kept),
        cmocka_unit_test(a_bound_and_its_p_value_agree),
        cmocka_unit_test(stored_series_are_covered),
        cmocka_unit_test(a_spike_moves_little),
        cmocka_unit_test(the_looks_of_a_course_share_one_error),
        cmocka_unit_test(holm_stops_at_the_first_that_stands),
        cmocka_unit_test(what_never_varies_is_certain),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests_name("measure-slowdown", tests, NULL, NULL);
}
