/* What the gate says of figures whose truth is known: it does not cry wolf, it sees one, and doubt is called
 * doubt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "gate/judge.h"
#include "simulated-gate.h"

#define SEED 7

/* ---- courses ---- */

static void no_change_is_not_called_slower(void **state) {
    (void)state;
    simulated_gate about = simulated_noise;
    int same = 0;
    about.metrics = 8;
    about.pairs = 60;
    about.tolerance_percent = 3;
    for (uint64_t seed = SEED; seed < SEED + 30; seed++) {
        simulated_outcome out = simulated_course(&about, seed);
        if (out.false_alarms) fail_msg("seed %llu: a false alarm", (unsigned long long)seed);
        same += out.verdict == BT_GATE_SAME || out.verdict == BT_GATE_FASTER;
    }
    assert_in_range(same, 24, 30);
}

static void a_slowdown_is_found(void **state) {
    (void)state;
    simulated_gate about = simulated_noise;
    int caught = 0;
    double pairs = 0;
    about.metrics = about.slowed = 1;
    about.pairs = 60;
    about.tolerance_percent = 1;
    about.slowdown_percent = 5;
    for (uint64_t seed = SEED; seed < SEED + 40; seed++) {
        simulated_outcome out = simulated_course(&about, seed);
        caught += out.slowed_caught;
        pairs += out.pairs / 40.0;
        if (out.slowed_caught) assert_int_equal(out.verdict_code, 3);
    }
    if (caught < 38) fail_msg("from seed %d: %d of 40 found", SEED, caught);
    assert_true(pairs < 40); /* it ends when it is sure */
}

static void a_speed_up_is_called_faster(void **state) {
    (void)state;
    simulated_gate about = simulated_noise;
    about.metrics = about.slowed = 1;
    about.pairs = 60;
    about.tolerance_percent = 1;
    about.slowdown_percent = -8;
    simulated_outcome out = simulated_course(&about, SEED);
    assert_int_equal(out.verdict, BT_GATE_FASTER);
    assert_int_equal(out.verdict_code, 0);
}

static void noise_beyond_the_budget_is_inconclusive(void **state) {
    (void)state;
    simulated_gate about = simulated_noise;
    about.metrics = 2;
    about.pairs = 12;
    about.tolerance_percent = 1;
    about.spread_percent = 20;
    simulated_outcome out = simulated_course(&about, SEED);
    assert_int_equal(out.verdict, BT_GATE_INCONCLUSIVE);
    assert_int_equal(out.verdict_code, 4);
    assert_int_equal(out.pairs, 12);
}

/* Each look has bounds of its own; what is shown is what they leave together. Two metrics, so that looks
 * follow after the one that decided. */
static void bounds_and_words_agree(void **state) {
    (void)state;
    static const double slowdowns[] = {0, 1.5, 4};
    simulated_gate about = simulated_noise;
    int words[BT_GATE_WORD_COUNT] = {0};
    about.metrics = 2;
    about.slowed = 1;
    about.pairs = 90;
    about.tolerance_percent = 1.5;
    for (uint64_t seed = SEED; seed < SEED + 90; seed++) {
        about.slowdown_percent = slowdowns[seed % 3];
        simulated_outcome out = simulated_course(&about, seed);
        for (int i = 0; i < BT_GATE_WORD_COUNT; i++)
            words[i] += out.of[i];
        if (out.contradictions)
            fail_msg("seed %llu, %g %% slower: %s, but its bounds say otherwise", (unsigned long long)seed,
                     about.slowdown_percent, bt_gate_word_name(out.verdict));
    }
    assert_true(words[BT_GATE_SLOWER] > 9 && words[BT_GATE_SAME] > 9 && words[BT_GATE_INCONCLUSIVE] > 9);
}

static void the_same_figures_and_seed_say_the_same(void **state) {
    (void)state;
    simulated_gate about = simulated_noise;
    about.metrics = 4;
    about.pairs = 27;
    about.tolerance_percent = 2;
    simulated_outcome one = simulated_course(&about, SEED), other = simulated_course(&about, SEED);
    assert_memory_equal(&one, &other, sizeof one);
}

/* ---- single comparisons ---- */

/* A record of one metric with 20 values around `ms`. */
static bt_gate_record *record_of(const char *metric, const char *unit, const char *work, double ms) {
    bt_gate_record *record;
    bt_error error;
    must(bt_gate_record_open(&record, &error), &error);
    bt_gate_series *series = bt_gate_series_add(record, metric, unit, work, 0.5);
    assert_non_null(series);
    for (int i = 0; i < 20; i++) {
        double value = ms * (1 + 0.002 * ((i * 7) % 5 - 2));
        must(bt_gate_samples_add(series, &value, 1, false, &error), &error);
    }
    return record;
}

/* The verdict on the two records, which it closes. */
static bt_gate_verdict *judge(const bt_gate_rules *rules, bt_gate_record *before, bt_gate_record *now,
                              bt_on_inconclusive policy) {
    bt_gate_verdict *verdict;
    bt_error error;
    const bt_judge how = {.rules = rules, .seed = 1};
    must(bt_gate_verdict_open(&verdict, &error), &error);
    must(bt_judge_rows(&how, verdict, before, now, false, &error), &error);
    must(bt_judge_look(&how, verdict, 1, &error), &error);
    bt_judge_whole(verdict, policy);
    bt_gate_record_close(&before);
    bt_gate_record_close(&now);
    return verdict;
}

static void expect(bt_gate_verdict *verdict, bt_gate_word row, bt_gate_word whole, int code) {
    assert_string_equal(bt_gate_word_name(verdict->rows[0].verdict), bt_gate_word_name(row));
    assert_string_equal(bt_gate_word_name(verdict->verdict), bt_gate_word_name(whole));
    assert_int_equal(verdict->verdict_code, code);
    bt_gate_verdict_close(&verdict);
}

static bt_gate_rules usual(void) {
    bt_gate_rules rules;
    bt_gate_rules_default(&rules);
    return rules;
}

static void both_tolerances_must_be_exceeded(void **state) {
    (void)state;
    bt_gate_rules rules = usual();
    rules.metrics[0] = (bt_gate_rule){"*", "ms", 2, 0.5};
    rules.metric_count = 1;
    expect(judge(&rules, record_of("a", "ms", "", 10), record_of("a", "ms", "", 11), BT_ON_INCONCLUSIVE_FAIL),
           BT_GATE_SLOWER, BT_GATE_SLOWER, 3);
    expect(judge(&rules, record_of("a", "ms", "", 1), record_of("a", "ms", "", 1.1), BT_ON_INCONCLUSIVE_FAIL),
           BT_GATE_SAME, BT_GATE_SAME, 0); /* 10 %, but a tenth of a millisecond */
    expect(
        judge(&rules, record_of("a", "ms", "", 100), record_of("a", "ms", "", 101), BT_ON_INCONCLUSIVE_FAIL),
        BT_GATE_SAME, BT_GATE_SAME, 0); /* a millisecond, but 1 % */
}

static void a_declared_slowdown_is_told_and_passes_up_to_its_bound(void **state) {
    (void)state;
    bt_gate_rules rules = usual();
    rules.declared[0] = (bt_gate_declared){"a/*", 12, "checks every result"};
    rules.declared_count = 1;
    bt_gate_verdict *verdict = judge(&rules, record_of("a/b", "ms", "", 10), record_of("a/b", "ms", "", 11),
                                     BT_ON_INCONCLUSIVE_FAIL);
    assert_non_null(strstr(verdict->rows[0].why, "checks every result"));
    expect(verdict, BT_GATE_DECLARED, BT_GATE_SAME, 0);
    expect(judge(&rules, record_of("a/b", "ms", "", 10), record_of("a/b", "ms", "", 13),
                 BT_ON_INCONCLUSIVE_FAIL),
           BT_GATE_SLOWER, BT_GATE_SLOWER, 3);
    expect(judge(&rules, record_of("b", "ms", "", 10), record_of("b", "ms", "", 11), BT_ON_INCONCLUSIVE_FAIL),
           BT_GATE_SLOWER, BT_GATE_SLOWER, 3);
}

static void what_one_side_lacks_is_not_passed_over(void **state) {
    (void)state;
    bt_gate_rules rules = usual();
    expect(
        judge(&rules, record_of("old", "ms", "", 1), record_of("new", "ms", "", 1), BT_ON_INCONCLUSIVE_FAIL),
        BT_GATE_NEW, BT_GATE_INCOMPARABLE, 4);
    expect(judge(&rules, record_of("a", "ms", "64 px", 1), record_of("a", "ms", "128 px", 1),
                 BT_ON_INCONCLUSIVE_FAIL),
           BT_GATE_INCOMPARABLE, BT_GATE_INCOMPARABLE, 4);
    expect(judge(&rules, record_of("a", "ms", "64 px", 1), record_of("a", "ms", "128 px", 1),
                 BT_ON_INCONCLUSIVE_PASS),
           BT_GATE_INCOMPARABLE, BT_GATE_INCOMPARABLE, 0);
    expect(judge(&rules, record_of("a", "ms", "", 1), record_of("a", "ns", "", 1), BT_ON_INCONCLUSIVE_FAIL),
           BT_GATE_INCOMPARABLE, BT_GATE_INCOMPARABLE, 4);
    rules.declared[0] = (bt_gate_declared){"old", 0, "measured as new from now on"};
    rules.declared_count = 1;
    expect(
        judge(&rules, record_of("old", "ms", "", 1), record_of("new", "ms", "", 1), BT_ON_INCONCLUSIVE_PASS),
        BT_GATE_NEW, BT_GATE_INCONCLUSIVE, 4); /* declared, but then nothing was compared */
}

static void nothing_measured_never_passes(void **state) {
    (void)state;
    bt_gate_rules rules = usual();
    bt_gate_record *before, *now;
    bt_error error;
    must(bt_gate_record_open(&before, &error), &error);
    must(bt_gate_record_open(&now, &error), &error);
    bt_gate_verdict *verdict = judge(&rules, before, now, BT_ON_INCONCLUSIVE_PASS);
    assert_int_equal(verdict->verdict, BT_GATE_INCONCLUSIVE);
    assert_int_equal(verdict->verdict_code, 4);
    assert_non_null(strstr(verdict->why, "nothing was measured"));
    bt_gate_verdict_close(&verdict);
}

static void too_few_values_are_inconclusive(void **state) {
    (void)state;
    bt_gate_rules rules = usual();
    bt_gate_record *now = record_of("a", "ms", "", 10);
    now->series[0].sample_count = 3;
    bt_gate_verdict *verdict = judge(&rules, record_of("a", "ms", "", 10), now, BT_ON_INCONCLUSIVE_FAIL);
    assert_non_null(strstr(verdict->rows[0].why, "too few"));
    expect(verdict, BT_GATE_INCONCLUSIVE, BT_GATE_INCONCLUSIVE, 4);
}

static void p95_wants_more_samples_than_a_median(void **state) {
    (void)state;
    bt_gate_rules rules = usual();
    bt_gate_record *before = record_of("a", "ms", "", 10), *now = record_of("a", "ms", "", 10);
    before->series[0].quantile = now->series[0].quantile = 0.95;
    bt_gate_verdict *verdict = judge(&rules, before, now, BT_ON_INCONCLUSIVE_FAIL);
    assert_non_null(strstr(verdict->rows[0].why, "P95"));
    expect(verdict, BT_GATE_INCONCLUSIVE, BT_GATE_INCONCLUSIVE, 4);
}

static void a_minor_metric_counts_only_where_it_is_surely_slower(void **state) {
    (void)state;
    bt_gate_rules rules = usual();
    static const struct {
        double ms;
        bt_gate_word whole;
    } cases[] = {{10, BT_GATE_SAME}, {12, BT_GATE_SLOWER}};
    for (int i = 0; i < 2; i++) {
        bt_error error;
        bt_gate_record *before = record_of("a", "ms", "", 10), *now = record_of("a", "ms", "", 10);
        bt_gate_record *more[] = {record_of("b", "ms", "", 10), record_of("b", "ms", "", cases[i].ms)};
        bt_gate_record *few[] = {record_of("c", "ms", "", 10), record_of("c", "ms", "", 10)};
        few[1]->series[0].sample_count = 3; /* inconclusive */
        for (int side = 0; side < 2; side++) {
            bt_gate_record *into = side ? now : before;
            must(bt_gate_record_merge(into, more[side], &error), &error);
            must(bt_gate_record_merge(into, few[side], &error), &error);
            free(into->series[1].turns), free(into->series[2].turns);
            into->series[1].turns = into->series[2].turns = NULL;
            into->series[1].turn_count = into->series[2].turn_count = 0;
            into->series[1].minor = into->series[2].minor = true;
            bt_gate_record_close(&more[side]);
            bt_gate_record_close(&few[side]);
        }
        assert_non_null(bt_gate_series_add(before, "gone", "ms", "", 0.5));
        before->series[3].minor = true;
        bt_gate_verdict *verdict = judge(&rules, before, now, BT_ON_INCONCLUSIVE_FAIL);
        assert_int_equal(verdict->verdict, cases[i].whole);
        assert_int_equal(bt_gate_row_find(verdict, "c")->verdict, BT_GATE_INCONCLUSIVE);
        assert_null(bt_gate_row_find(verdict, "gone"));
        bt_gate_verdict_close(&verdict);
    }
}

static void counts_need_no_statistics(void **state) {
    (void)state;
    bt_gate_rules rules = usual();
    bt_gate_record *before = record_of("i", BT_UNIT_INSTRUCTIONS, "", 1000);
    bt_gate_record *now = record_of("i", BT_UNIT_INSTRUCTIONS, "", 1060);
    before->series[0].sample_count = now->series[0].sample_count = 1;
    expect(judge(&rules, before, now, BT_ON_INCONCLUSIVE_FAIL), BT_GATE_SLOWER, BT_GATE_SLOWER, 3);
    before = record_of("i", BT_UNIT_INSTRUCTIONS, "", 1000);
    now = record_of("i", BT_UNIT_INSTRUCTIONS, "", 1040);
    before->series[0].sample_count = now->series[0].sample_count = 1;
    expect(judge(&rules, before, now, BT_ON_INCONCLUSIVE_FAIL), BT_GATE_SAME, BT_GATE_SAME, 0);
}

static void a_profile_is_a_floor(void **state) {
    (void)state;
    bt_gate_rules rules = usual();
    bt_gate_profile shared, none;
    bt_error error;
    rules.profiles[0] = (bt_gate_profile){"shared", 10, 3, "pass"};
    rules.profile_count = 1;
    rules.metrics[0] = (bt_gate_rule){"x", "ms", 20, 1};
    rules.metric_count = 1;
    must(bt_gate_rules_choose(&rules, "shared", &shared, &error), &error);
    must(bt_gate_rules_choose(&rules, "", &none, &error), &error);
    assert_true(bt_gate_limit_of(&rules, &shared, "a", "ms").percent == 10);
    assert_true(bt_gate_limit_of(&rules, &shared, "a", BT_UNIT_INSTRUCTIONS).percent == 5);
    assert_true(bt_gate_limit_of(&rules, &shared, "x", "ms").percent == 20);
    assert_true(bt_gate_limit_of(&rules, &none, "a", "ms").percent == 5);
    assert_int_equal(bt_gate_rules_choose(&rules, "quiet", &none, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "shared"));
}

static void unlike_machines_and_broken_promises_decide(void **state) {
    (void)state;
    bt_gate_verdict *verdict;
    bt_error error;
    const bt_gate_kept kept = {"hrnet/sla", "met", "broken", 250, 250, BT_GATE_SLOWER, "newly broken"};
    must(bt_gate_verdict_open(&verdict, &error), &error);
    must(bt_gate_kept_add(verdict, &kept, &error), &error);
    bt_judge_whole(verdict, BT_ON_INCONCLUSIVE_PASS);
    assert_int_equal(verdict->verdict, BT_GATE_SLOWER);
    assert_int_equal(verdict->verdict_code, 3);
    strcpy(verdict->machine_differs, "cores: 8, here 2");
    bt_judge_whole(verdict, BT_ON_INCONCLUSIVE_FAIL);
    assert_int_equal(verdict->verdict, BT_GATE_INCOMPARABLE);
    assert_int_equal(verdict->verdict_code, 4);
    bt_gate_verdict_close(&verdict);
    must(bt_gate_verdict_open(&verdict, &error), &error);
    verdict->identical = true;
    bt_judge_whole(verdict, BT_ON_INCONCLUSIVE_FAIL);
    assert_int_equal(verdict->verdict, BT_GATE_SAME);
    bt_gate_verdict_close(&verdict);
}

int main(void) {
    printf("# seeds from %d\n", SEED);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_change_is_not_called_slower),
        cmocka_unit_test(a_slowdown_is_found),
        cmocka_unit_test(a_speed_up_is_called_faster),
        cmocka_unit_test(noise_beyond_the_budget_is_inconclusive),
        cmocka_unit_test(bounds_and_words_agree),
        cmocka_unit_test(the_same_figures_and_seed_say_the_same),
        cmocka_unit_test(both_tolerances_must_be_exceeded),
        cmocka_unit_test(a_declared_slowdown_is_told_and_passes_up_to_its_bound),
        cmocka_unit_test(what_one_side_lacks_is_not_passed_over),
        cmocka_unit_test(nothing_measured_never_passes),
        cmocka_unit_test(too_few_values_are_inconclusive),
        cmocka_unit_test(p95_wants_more_samples_than_a_median),
        cmocka_unit_test(a_minor_metric_counts_only_where_it_is_surely_slower),
        cmocka_unit_test(counts_need_no_statistics),
        cmocka_unit_test(a_profile_is_a_floor),
        cmocka_unit_test(unlike_machines_and_broken_promises_decide),
    };
    return cmocka_run_group_tests_name("gate-decisions", tests, NULL, NULL);
}
