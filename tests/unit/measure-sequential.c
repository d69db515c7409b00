/* The sequential rule errs as seldom, and costs as few samples, as DESIGN section 6 says: exactly, and by
 * simulation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "measure/quantile.h"
#include "measure/sequential.h"

#define assert_about(value, expected, tolerance)                                                             \
    do {                                                                                                     \
        double got = (value), want = (expected);                                                             \
        if (!(fabs(got - want) <= (tolerance))) fail_msg("%s is %.6f, expected %.6f", #value, got, want);    \
    } while (0)

static bt_sequential_rule made(double accept_confidence, double reject_confidence) {
    bt_sequential_rule rule;
    bt_error error;
    if (bt_sequential_rule_make(&rule, 0.05, accept_confidence, reject_confidence, 400, &error))
        fail_msg("%s", error.message);
    return rule;
}

static bt_sequential_rule p95_rule(void) {
    bt_sequential_rule rule;
    bt_sequential_rule_p95(&rule);
    return rule;
}

/* Counts one independent sample and judges. */
static bt_sequential_verdict add(const bt_sequential_rule *rule, bt_sequential *seen, bool late) {
    seen->samples++;
    seen->late += late;
    return bt_sequential_judge(rule, *seen, 1);
}

/* Plays one sequence to its verdict or the limit; adds the samples it took. */
static bt_sequential_verdict play(const bt_sequential_rule *rule, double late_fraction, bt_random *random,
                                  double *samples) {
    bt_sequential state = {0};
    bt_sequential_verdict verdict = BT_SEQUENTIAL_UNDECIDED;
    while (state.samples < rule->limit && verdict == BT_SEQUENTIAL_UNDECIDED)
        verdict = add(rule, &state, bt_random_uniform(random) < late_fraction);
    *samples += state.samples;
    return verdict;
}

static bt_sequential_chances simulate(const bt_sequential_rule *rule, double late_fraction, int rounds) {
    bt_random random = bt_random_stream(5, "sequential test");
    bt_sequential_chances seen = {0};
    for (int round = 0; round < rounds; round++) {
        bt_sequential_verdict verdict = play(rule, late_fraction, &random, &seen.expected_samples);
        seen.accept += verdict == BT_SEQUENTIAL_ACCEPT;
        seen.reject += verdict == BT_SEQUENTIAL_REJECT;
        seen.undecided += verdict == BT_SEQUENTIAL_UNDECIDED;
    }
    seen.accept /= rounds;
    seen.reject /= rounds;
    seen.undecided /= rounds;
    seen.expected_samples /= rounds;
    return seen;
}

static void the_tables_are_the_rule(void **state) {
    (void)state;
    bt_sequential_rule rule = p95_rule();
    for (int n = 1; n <= 400; n++)
        for (int t = 0; t <= n; t++) {
            bool accept = bt_binomial_at_most(t, n, 0.05) <= 1 - 0.987;
            bool reject = bt_binomial_at_least(t, n, 0.05) <= 1 - 0.9998;
            assert_int_equal(accept, t <= rule.accept_at_most[n]);
            assert_int_equal(reject, t >= rule.reject_at_least[n]);
            assert_false(accept && reject);
        }
}

static void the_first_verdicts_come_after_3_and_85_samples(void **state) {
    (void)state;
    bt_sequential_rule rule = p95_rule();
    bt_sequential late = {0}, good = {0};
    assert_int_equal(add(&rule, &late, true), BT_SEQUENTIAL_UNDECIDED);
    assert_int_equal(add(&rule, &late, true), BT_SEQUENTIAL_UNDECIDED);
    assert_int_equal(add(&rule, &late, true), BT_SEQUENTIAL_REJECT);
    for (int n = 1; n < 85; n++)
        assert_int_equal(add(&rule, &good, false), BT_SEQUENTIAL_UNDECIDED);
    assert_int_equal(add(&rule, &good, false), BT_SEQUENTIAL_ACCEPT);
}

static void errors_by_recursion_are_those_of_the_design(void **state) {
    (void)state;
    bt_sequential_rule rule = p95_rule(), naive = made(0.95, 0.9998);
    assert_about(bt_sequential_error(&rule, 0.05).accept, 0.049, 0.0005);
    assert_about(bt_sequential_error(&rule, 0.05).reject, 0.002, 0.0002);
    assert_about(bt_sequential_error(&rule, 0.04).reject, 0.0004, 0.0001);
    assert_about(bt_sequential_error(&naive, 0.05).accept, 0.168, 0.0005);
    assert_about(bt_sequential_error(&rule, 0.01).expected_samples, 132, 0.5);
    assert_about(bt_sequential_error(&rule, 0.02).expected_samples, 216, 0.5);
    assert_about(bt_sequential_error(&rule, 0.20).expected_samples, 49, 0.5);
    assert_about(bt_sequential_error(&rule, 1.00).expected_samples, 3, 1e-9);
    assert_about(bt_sequential_error(&rule, 0.00).expected_samples, 85, 1e-9);
}

static void check_simulated(const bt_sequential_rule *rule, double late_fraction) {
    enum { ROUNDS = 10000 };
    bt_sequential_chances seen = simulate(rule, late_fraction, ROUNDS),
                          exact = bt_sequential_error(rule, late_fraction);
    assert_about(exact.accept + exact.reject + exact.undecided, 1, 1e-12);
    const double accept_noise = 4 * sqrt(exact.accept * (1 - exact.accept) / ROUNDS) + 1e-9;
    const double reject_noise = 4 * sqrt(exact.reject * (1 - exact.reject) / ROUNDS) + 1e-9;
    assert_about(seen.accept, exact.accept, accept_noise);
    assert_about(seen.reject, exact.reject, reject_noise);
    assert_about(seen.expected_samples, exact.expected_samples,
                 4 * 200 / sqrt(ROUNDS)); /* their deviation is below 200 */
}

static void simulation_agrees_with_the_recursion(void **state) {
    (void)state;
    bt_sequential_rule rule = p95_rule(), naive = made(0.95, 0.9998);
    static const double FRACTIONS[] = {0.01, 0.02, 0.04, 0.05, 0.10, 0.20};
    for (size_t i = 0; i < sizeof FRACTIONS / sizeof *FRACTIONS; i++)
        check_simulated(&rule, FRACTIONS[i]);
    check_simulated(&naive, 0.05);
}

static void wrong_verdicts_are_as_rare_as_promised_by_simulation(void **state) {
    (void)state;
    bt_sequential_rule rule = p95_rule();
    /* Of 40000 sequences, 0.049 +- 4 standard deviations; and 0.002 at most where 4 % are late. */
    assert_about(simulate(&rule, 0.05, 40000).accept, 0.049, 0.0045);
    assert_about(simulate(&rule, 0.05, 40000).reject, 0.002, 0.0011);
    assert_true(simulate(&rule, 0.04, 40000).reject <= 0.002);
}

static void the_constants_follow_from_the_errors(void **state) {
    (void)state;
    bt_sequential_rule rule, stricter;
    bt_error error;
    assert_int_equal(bt_sequential_solve(&rule, 0.05, 0.05, 0.05, 0.0022, 400, &error), BT_OK);
    assert_about(rule.accept_confidence, BT_SEQUENTIAL_ACCEPT_CONFIDENCE, 0.0005);
    assert_about(rule.reject_confidence, BT_SEQUENTIAL_REJECT_CONFIDENCE, 0.00002);
    assert_true(bt_sequential_error(&rule, 0.05).accept <= 0.05);
    assert_true(bt_sequential_error(&rule, 0.05).reject <= 0.0022);
    /* The smallest that will do: a little less confidence errs more than was allowed. */
    bt_sequential_rule looser = made(rule.accept_confidence - 2e-6, 1);
    assert_true(bt_sequential_error(&looser, 0.05).accept > 0.05);
    assert_int_equal(bt_sequential_solve(&stricter, 0.05, 0.01, 0.04, 0.0001, 400, &error), BT_OK);
    assert_true(stricter.accept_confidence > rule.accept_confidence);
    assert_true(bt_sequential_error(&stricter, 0.05).accept <= 0.01);
    assert_true(bt_sequential_error(&stricter, 0.04).reject <= 0.0001);
}

static void correlation_discounts_both_verdicts(void **state) {
    (void)state;
    bt_sequential_rule rule = p95_rule();
    bt_sequential three_late = {3, 3}, six_late = {6, 6}, clean = {169, 0}, cleaner = {170, 0};
    assert_int_equal(bt_sequential_judge(&rule, three_late, 1), BT_SEQUENTIAL_REJECT);
    assert_int_equal(bt_sequential_judge(&rule, three_late, 0.5), BT_SEQUENTIAL_UNDECIDED);
    assert_int_equal(bt_sequential_judge(&rule, six_late, 0.5), BT_SEQUENTIAL_REJECT);
    assert_int_equal(bt_sequential_judge(&rule, clean, 0.5), BT_SEQUENTIAL_UNDECIDED);
    assert_int_equal(bt_sequential_judge(&rule, cleaner, 0.5), BT_SEQUENTIAL_ACCEPT);
    assert_int_equal(bt_sequential_judge(&rule, cleaner, 0), BT_SEQUENTIAL_UNDECIDED);
    assert_int_equal(bt_sequential_judge(&rule, (bt_sequential){0, 0}, 1), BT_SEQUENTIAL_UNDECIDED);
    for (int n = 1; n <= 400; n++)
        for (int t = 0; t <= n && t <= 40; t++)
            for (double ratio = 0.1; ratio < 1; ratio += 0.1) {
                bt_sequential_verdict full = bt_sequential_judge(&rule, (bt_sequential){n, t}, 1);
                bt_sequential_verdict less = bt_sequential_judge(&rule, (bt_sequential){n, t}, ratio);
                assert_true(less == full || less == BT_SEQUENTIAL_UNDECIDED);
            }
}

/* Each outcome of the independent sequence comes twice: half the samples are evidence, and the ratio says
 * so. */
static void doubled_samples_err_no_more_at_half_weight(void **state) {
    (void)state;
    enum { ROUNDS = 10000 };
    bt_sequential_rule rule = p95_rule();
    bt_random random = bt_random_stream(9, "doubled");
    int at_half = 0, ignored = 0;
    for (int round = 0; round < ROUNDS; round++) {
        bt_sequential seen = {0};
        bool half_done = false, full_done = false, late = false;
        while (seen.samples < 400) {
            if (seen.samples % 2 == 0) late = bt_random_uniform(&random) < 0.05;
            bt_sequential_verdict full = add(&rule, &seen, late);
            bt_sequential_verdict half = bt_sequential_judge(&rule, seen, 0.5);
            if (!full_done && full) full_done = true, ignored += full == BT_SEQUENTIAL_ACCEPT;
            if (!half_done && half) half_done = true, at_half += half == BT_SEQUENTIAL_ACCEPT;
        }
    }
    assert_true(at_half <= ROUNDS * 0.05);
    assert_true(ignored > ROUNDS * 0.06); /* without the discount the promise is broken */
}

static void nonsense_is_refused(void **state) {
    (void)state;
    bt_sequential_rule rule;
    bt_error error;
    assert_int_equal(bt_sequential_rule_make(&rule, 0, 0.9, 0.9, 400, &error), BT_INVALID);
    assert_int_equal(bt_sequential_rule_make(&rule, 0.05, NAN, 0.9, 400, &error), BT_INVALID);
    assert_int_equal(bt_sequential_rule_make(&rule, 0.05, 0.9, 1.1, 400, &error), BT_INVALID);
    assert_int_equal(bt_sequential_rule_make(&rule, 0.05, 0.9, 0.9, 1001, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "1001"));
    assert_int_equal(bt_sequential_solve(&rule, 0.05, 0, 0.04, 0.1, 400, &error), BT_INVALID);
    assert_int_equal(bt_sequential_solve(&rule, 0.05, 0.1, 0.06, 0.1, 400, &error), BT_INVALID);
    static const double outside[][3] = {
        {1, 0.9, 0.9}, {NAN, 0.9, 0.9}, {0.05, 0, 0.9}, {0.05, 1.1, 0.9}, {0.05, 0.9, 0}};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        assert_int_equal(
            bt_sequential_rule_make(&rule, outside[i][0], outside[i][1], outside[i][2], 400, &error),
            BT_INVALID);
    assert_int_equal(bt_sequential_rule_make(&rule, 0.05, 0.9, 0.9, 0, &error), BT_INVALID);
    static const double errors[][3] = {
        {1, 0.04, 0.1}, {0.1, 0.04, 0}, {0.1, 0.04, 1}, {0.1, 0, 0.1}, {0.1, NAN, 0.1}};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        assert_int_equal(
            bt_sequential_solve(&rule, 0.05, errors[i][0], errors[i][1], errors[i][2], 400, &error),
            BT_INVALID);
    assert_int_equal(bt_sequential_solve(&rule, 0.05, 0.1, 0.04, 0.1, 0, &error), BT_INVALID);
}

/* Beyond its limit a rule knows no verdict: whoever goes on sampling learns nothing more. */
static void past_the_limit_nothing_is_decided(void **state) {
    (void)state;
    bt_sequential_rule rule;
    bt_sequential counted = {0};
    assert_int_equal(bt_sequential_rule_make(&rule, 0.5, 1, 1, 3, NULL),
                     BT_OK); /* certainty is never reached */
    for (int i = 0; i < 6; i++)
        assert_int_equal(add(&rule, &counted, i % 2 == 0), BT_SEQUENTIAL_UNDECIDED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_are_the_rule),
        cmocka_unit_test(the_first_verdicts_come_after_3_and_85_samples),
        cmocka_unit_test(errors_by_recursion_are_those_of_the_design),
        cmocka_unit_test(simulation_agrees_with_the_recursion),
        cmocka_unit_test(wrong_verdicts_are_as_rare_as_promised_by_simulation),
        cmocka_unit_test(the_constants_follow_from_the_errors),
        cmocka_unit_test(correlation_discounts_both_verdicts),
        cmocka_unit_test(doubled_samples_err_no_more_at_half_weight),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(past_the_limit_nothing_is_decided),
    };
    return cmocka_run_group_tests_name("measure-sequential", tests, NULL, NULL);
}
