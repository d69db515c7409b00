/* Ways of running, compared by turns: what they cost at most, whatever the machine does, that what was measured is
 * known at any moment, and which are not worth another session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "tune/contenders.h"
#include "tune/contest.h"

#define WAYS      6 /* at most */
#define TURNS_MAX 64

/* Every way's batch of one, in ms, and what goes wrong; zero stands for "does not happen". */
typedef struct arena {
    double ms[WAYS], noise;
    double open_s;       /* before a way's first turn */
    double slow;         /* times as long */
    int stall_at;        /* a turn (from 1) from which on nothing is heard */
    int fails_at, fails; /* the turn at which way `fails` fails */
    bool disturbed;
    bt_random random;
    /* what was seen */
    bool opened[WAYS];
    int turns, of[WAYS], order[TURNS_MAX];
    double spent_s;
} arena;

static bt_step_result answer(arena *a, const bt_contest_turn *turn) {
    bt_step_result result = bt_step_result_empty();
    double pace = a->slow > 0 ? a->slow : 1;
    a->turns++;
    if (a->turns == a->fails_at && turn->contender == a->fails) {
        result.status = BT_OUT_OF_DEVICE_MEMORY;
        return result;
    }
    if (!a->opened[turn->contender]) result.elapsed_s += pace * a->open_s;
    a->opened[turn->contender] = true;
    for (int i = 0; i < turn->step.runs; i++) {
        double noise = a->noise * fabs(bt_random_normal(&a->random));
        result.samples_ms[result.sample_count++] = pace * a->ms[turn->contender] * (1 + noise);
        result.elapsed_s += result.samples_ms[i] / 1e3;
    }
    result.disturbed = a->disturbed;
    if (result.elapsed_s <= turn->within_s && (a->stall_at == 0 || a->turns < a->stall_at)) return result;
    result.status = BT_TIMEOUT; /* who measures gives up then */
    result.sample_count = 0;
    result.elapsed_s = turn->within_s;
    return result;
}

/* One, two and four instances in one precision. */
enum { DIVISIONS = 3 };

static bt_contender way(const char *precision, int instances, bool may_win) {
    bt_contender c = {.instances = instances,
                      .threads = instances > 1 ? 4 / instances : 0,
                      .median_ms = NAN,
                      .throughput_imgs_per_sec = NAN,
                      .mask_iou = NAN,
                      .may_win = may_win};
    snprintf(c.precision, sizeof c.precision, "%s", precision);
    return c;
}

static void divide(bt_contender divisions[DIVISIONS]) {
    for (int i = 0; i < DIVISIONS; i++)
        divisions[i] = way("fp32", 1 << i, true);
}

static void hold_all(arena *a, bt_contender *ways, int count, double budget_s) {
    bt_contest *contest;
    bt_contest_turn turn;
    bt_error error;
    char text[96];
    double before = 0;
    assert_int_equal(bt_contest_open(&contest, ways, count, budget_s, &error), BT_OK);
    while (bt_contest_next(contest, &turn)) {
        assert_true(a->turns < TURNS_MAX);
        assert_true(turn.step.batch_size == 1 && turn.step.runs <= BT_MAX_TURN_SAMPLES);
        a->order[a->turns] = turn.contender;
        a->of[turn.contender]++;
        bt_step_result result = answer(a, &turn);
        a->spent_s += result.elapsed_s;
        bt_contest_done(contest, &result);
        double progress = bt_contest_progress(contest, text, sizeof text);
        assert_true(progress >= before && progress <= 1);
        before = progress;
    }
    assert_true(before == 1);
    bt_contest_close(&contest);
    assert_null(contest);
}

static void hold(arena *a, bt_contender divisions[DIVISIONS], double budget_s) {
    divide(divisions);
    hold_all(a, divisions, DIVISIONS, budget_s);
}

static arena calm(void) {
    return (arena){.ms = {20, 25, 60}, .noise = 0.01, .random = bt_random_stream(1, "contest")};
}

static void turns_go_round_and_every_division_is_measured(void **state) {
    (void)state;
    bt_contender divisions[DIVISIONS];
    arena a = calm();
    a.ms[1] = 28; /* 71 images a second and 67: too near to stop early */
    hold(&a, divisions, 1e9);
    assert_int_equal(a.turns, BT_CONTEST_ROUNDS * DIVISIONS);
    for (int i = 0; i < a.turns; i++)
        assert_int_equal(a.order[i], i % DIVISIONS);
    for (int i = 0; i < DIVISIONS; i++) {
        assert_true(fabs(divisions[i].median_ms / a.ms[i] - 1) < 0.02);
        assert_true(divisions[i].throughput_imgs_per_sec > 0);
    }
}

static void a_clear_lead_ends_it_after_three_rounds(void **state) {
    (void)state;
    bt_contender divisions[DIVISIONS];
    arena a = calm();
    hold(&a, divisions, 1e9);
    assert_int_equal(a.turns, 3 * DIVISIONS); /* 50, 80 and 67 images a second; 20, 25 and 60 ms */
}

/* ---- precisions ---- */

/* FP32 and BF16 by one and two instances, and INT8 that is only to be told. */
enum { FP32_1, BF16_1, FP32_2, BF16_2, INT8_1, PRECISIONS };

static bt_contender precisions[PRECISIONS];

static void hold_precisions(arena *a, double budget_s) {
    precisions[FP32_1] = way("fp32", 1, true);
    precisions[BF16_1] = way("bf16", 1, true);
    precisions[FP32_2] = way("fp32", 2, true);
    precisions[BF16_2] = way("bf16", 2, true);
    precisions[INT8_1] = way("int8", 1, false);
    hold_all(a, precisions, PRECISIONS, budget_s);
}

static arena of_precisions(double fp32_ms, double bf16_ms) {
    return (arena){.ms = {[FP32_1] = fp32_ms,
                          [BF16_1] = bf16_ms,
                          [FP32_2] = 1.6 * fp32_ms,
                          [BF16_2] = 1.6 * bf16_ms,
                          [INT8_1] = fp32_ms / 3},
                   .noise = 0.01,
                   .random = bt_random_stream(1, "precisions")};
}

/* A session costs more than all turns together: one that has lost opens no other. */
static void a_precision_that_is_far_behind_sees_one_division_and_one_turn(void **state) {
    (void)state;
    arena a = of_precisions(20, 36);
    hold_precisions(&a, 1e9);
    assert_int_equal(a.of[BF16_1], 1);
    assert_int_equal(a.of[BF16_2], 0);
    assert_true(a.of[FP32_1] >= 3 && a.of[FP32_2] >= 3);
    assert_int_equal(a.of[INT8_1], 2); /* enough to tell of it */
    assert_true(fabs(precisions[BF16_1].median_ms / 36 - 1) < 0.05);
    assert_true(isnan(precisions[BF16_2].median_ms));
    a = of_precisions(36, 20); /* and the other way round: nothing prefers FP32 */
    hold_precisions(&a, 1e9);
    assert_int_equal(a.of[FP32_1], 1);
    assert_int_equal(a.of[FP32_2], 0);
    assert_true(a.of[BF16_2] >= 3);
}

static void one_that_is_behind_has_two_turns(void **state) {
    (void)state;
    arena a = of_precisions(20, 26);
    hold_precisions(&a, 1e9);
    assert_int_equal(a.of[BF16_1], 2);
    assert_int_equal(a.of[BF16_2], 0);
}

static void near_ones_meet_on_every_division(void **state) {
    (void)state;
    arena a = of_precisions(20, 21);
    hold_precisions(&a, 1e9);
    for (int i = 0; i < INT8_1; i++)
        assert_true(a.of[i] >= BT_CONTEST_ROUNDS);
}

/* A single slow run, or three of four, is no reason to give a precision up. */
static void a_spell_that_spares_one_run_drops_nobody(void **state) {
    (void)state;
    bt_contest *contest;
    bt_contest_turn turn;
    bt_error error;
    bt_contender two[2] = {way("fp32", 1, true), way("bf16", 1, true)};
    arena a = of_precisions(20, 19);
    assert_int_equal(bt_contest_open(&contest, two, 2, 1e9, &error), BT_OK);
    for (int i = 0; i < 2; i++) {
        assert_true(bt_contest_next(contest, &turn));
        bt_step_result result = answer(&a, &turn);
        for (int run = 1; i == 1 && run < result.sample_count; run++)
            result.samples_ms[run] *= 3;
        bt_contest_done(contest, &result);
    }
    assert_true(bt_contest_next(contest, &turn)); /* another round */
    assert_int_equal(turn.round, 2);
    bt_contest_close(&contest);
}

/* What lost while others used the cores may have lost to them. */
static void a_precision_that_was_disturbed_is_not_given_up(void **state) {
    (void)state;
    arena a = of_precisions(20, 60);
    a.disturbed = true;
    hold_precisions(&a, 1e9);
    assert_true(a.of[BF16_1] > 2 && a.of[BF16_2] > 0);
}

static void a_precision_that_fails_is_out_on_all_divisions(void **state) {
    (void)state;
    arena a = of_precisions(20, 20);
    a.fails_at = 2;
    a.fails = BF16_1;
    hold_precisions(&a, 1e9);
    assert_int_equal(a.of[BF16_1], 1);
    assert_int_equal(a.of[BF16_2], 0);
    assert_string_not_equal(precisions[BF16_1].why, "");
    assert_string_equal(precisions[BF16_2].why, precisions[BF16_1].why);
    assert_true(a.of[FP32_2] >= 3); /* the others go on */
    a = of_precisions(20, 20);
    a.fails_at = 1;
    a.fails = FP32_1;
    hold_precisions(&a, 1e9);
    assert_int_equal(a.of[FP32_2], 0);
    assert_true(a.of[BF16_2] >= 3);
}

/* What is known to be of no use has no turn, the first one as well. */
static void one_that_is_out_beforehand_has_no_turn(void **state) {
    (void)state;
    arena a = of_precisions(20, 20);
    bt_contender three[3] = {way("fp32", 1, true), way("bf16", 1, true), way("int8", 1, false)};
    strcpy(three[0].why, "no room");
    hold_all(&a, three, 3, 1e9);
    assert_int_equal(a.of[0], 0);
    assert_true(a.of[1] > 0 && a.of[2] > 0);
    strcpy(three[2].why, "not calibrated"); /* which leaves one */
    bt_contest *contest;
    bt_contest_turn turn;
    assert_int_equal(bt_contest_open(&contest, three, 3, 1e9, NULL), BT_OK);
    assert_false(bt_contest_next(contest, &turn));
    bt_contest_close(&contest);
}

static void what_is_told_does_not_decide_when_it_ends(void **state) {
    (void)state;
    arena a = of_precisions(20, 60);
    bt_contender two[2] = {way("fp32", 1, true), way("bf16", 1, false)};
    a.noise = 0;
    hold_all(&a, two, 2, 1e9);
    assert_int_equal(a.turns, 4); /* two of each, and then one is left */
    assert_true(two[0].median_ms == 20 && two[1].median_ms == 60);
}

/* Takes turns until none is left. */
static void go_on(bt_contest *contest, arena *a) {
    bt_contest_turn turn;
    while (bt_contest_next(contest, &turn)) {
        assert_true(a->turns < TURNS_MAX);
        a->order[a->turns] = turn.contender;
        a->of[turn.contender]++;
        const bt_step_result result = answer(a, &turn);
        a->spent_s += result.elapsed_s;
        bt_contest_done(contest, &result);
    }
}

/* FP32 and BF16, and INT8 that joins after they were compared, with so much time. */
static void tell_late(arena *a, bt_contender three[3], double budget_s) {
    bt_contest *contest;
    three[0] = way("fp32", 1, true);
    three[1] = way("bf16", 1, true);
    three[2] = way("int8", 1, false);
    assert_int_equal(bt_contest_open(&contest, three, 2, 1e9, NULL), BT_OK);
    go_on(contest, a);
    a->turns = 0;
    a->spent_s = 0;
    memset(a->of, 0, sizeof a->of);
    bt_contest_tell(contest, &three[2], 1, budget_s);
    go_on(contest, a);
    bt_contest_close(&contest);
}

static arena of_three(void) {
    return (arena){.ms = {36, 20, 10}, .noise = 0.01, .random = bt_random_stream(1, "late")};
}

/* Two turns of each, so that a slow spell falls on both. */
static void one_that_comes_late_is_timed_in_turns_with_another(void **state) {
    (void)state;
    static const int order[] = {1, 2, 1, 2};
    bt_contender three[3];
    arena a = of_three();
    tell_late(&a, three, 1e9);
    assert_int_equal(a.turns, 4);
    assert_memory_equal(a.order, order, sizeof order);
    assert_true(fabs(three[2].median_ms / 10 - 1) < 0.05 && fabs(three[1].median_ms / 20 - 1) < 0.05);
    assert_true(fabs(three[0].median_ms / 36 - 1) < 0.05); /* as it was */
}

static void one_that_comes_late_costs_its_time_at_most(void **state) {
    (void)state;
    bt_contender three[3];
    arena a = of_three();
    tell_late(&a, three, 0.15); /* 0.08 and 0.04 s, and no more */
    assert_int_equal(a.turns, 2);
    a = of_three();
    tell_late(&a, three, 0);
    assert_int_equal(a.turns, 0);
    assert_true(isnan(three[2].median_ms));
}

static void it_costs_its_budget_at_most_whatever_the_machine_does(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        bt_random random = bt_random_stream(seed, "arena");
        bt_contender divisions[DIVISIONS];
        double budget_s = bt_random_between(&random, 0, 20);
        arena a = {.noise = bt_random_between(&random, 0, 2),
                   .open_s = bt_random_between(&random, 0, 5),
                   .slow = bt_random_between(&random, 1, 4),
                   .stall_at = bt_random_uniform(&random) < 0.3 ? 1 + (int)bt_random_below(&random, 10) : 0,
                   .fails_at = bt_random_uniform(&random) < 0.3 ? 1 + (int)bt_random_below(&random, 10) : 0,
                   .fails = (int)bt_random_below(&random, DIVISIONS),
                   .disturbed = bt_random_uniform(&random) < 0.3,
                   .random = bt_random_stream(seed, "contest")};
        for (int i = 0; i < WAYS; i++)
            a.ms[i] = bt_random_between(&random, 1, 300);
        if (seed % 2)
            hold(&a, divisions, budget_s);
        else
            hold_precisions(&a, budget_s);
        if (a.spent_s > budget_s + 1e-9)
            fail_msg("seed %llu: %.3f s of %.3f", (unsigned long long)seed, a.spent_s, budget_s);
    }
}

static void no_turn_begins_that_would_not_end_in_time(void **state) {
    (void)state;
    bt_contender divisions[DIVISIONS];
    arena a = calm();
    hold(&a, divisions, 2); /* turns of 0.08, 0.2 and 0.96 s: the third one's second does not fit */
    assert_int_equal(a.turns, 5);
    assert_true(a.spent_s < 1.7);
}

static void a_stall_keeps_what_was_measured(void **state) {
    (void)state;
    bt_contender divisions[DIVISIONS];
    arena a = calm();
    a.stall_at = 5; /* the second division's second turn */
    hold(&a, divisions, 10);
    assert_int_equal(a.turns, 5);
    for (int i = 0; i < DIVISIONS; i++)
        assert_true(fabs(divisions[i].median_ms / a.ms[i] - 1) < 0.05);
}

static void one_that_fails_is_left_out(void **state) {
    (void)state;
    bt_contender divisions[DIVISIONS];
    arena a = calm();
    a.fails_at = 6;
    a.fails = 2;
    hold(&a, divisions, 1e9);
    assert_true(isnan(divisions[2].median_ms) && isnan(divisions[2].throughput_imgs_per_sec));
    assert_int_equal(a.of[2], 2);
    assert_true(divisions[1].median_ms > 0);
    a = calm();
    a.fails_at = 1; /* the single one: there is nothing to compare with */
    hold(&a, divisions, 1e9);
    assert_int_equal(a.turns, 1);
}

static void a_disturbed_turn_comes_once_more_and_does_not_count_twice(void **state) {
    (void)state;
    bt_contender divisions[DIVISIONS];
    arena a = calm();
    a.disturbed = true;
    hold(&a, divisions, 1e9);
    assert_int_equal(a.turns, 2 * 3 * DIVISIONS);
    assert_int_equal(a.order[1], 0);
    assert_true(fabs(divisions[0].median_ms / 20 - 1) < 0.05);
    double unhurried_s = a.spent_s;
    a = calm();
    a.disturbed = true;
    hold(&a, divisions, unhurried_s / 2); /* half of that is for turns that come again */
    assert_true(a.turns < 2 * 3 * DIVISIONS);
    assert_true(a.of[0] >= 1 && a.of[1] >= 1 && a.of[2] >= 1);
}

static void a_round_says_what_it_is_at(void **state) {
    (void)state;
    bt_contender divisions[DIVISIONS];
    bt_contest *contest;
    bt_contest_turn turn;
    bt_error error;
    char text[96];
    arena a = calm();
    divide(divisions);
    assert_int_equal(bt_contest_open(&contest, divisions, DIVISIONS, 1e9, &error), BT_OK);
    static const char *const words[] = {"round 1 of 5, 1 x all threads", "round 1 of 5, 2 x 2 threads",
                                        "round 1 of 5, 4 x 1 thread", "round 2 of 5, 1 x all threads"};
    for (int i = 0; i < 4; i++) {
        bt_contest_progress(contest, text, sizeof text);
        assert_string_equal(text, words[i]);
        assert_true(bt_contest_next(contest, &turn));
        bt_step_result result = answer(&a, &turn);
        bt_contest_done(contest, &result);
        assert_true(divisions[turn.contender].median_ms > 0); /* noted as it is heard */
    }
    bt_contest_close(&contest);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_go_round_and_every_division_is_measured),
        cmocka_unit_test(a_clear_lead_ends_it_after_three_rounds),
        cmocka_unit_test(it_costs_its_budget_at_most_whatever_the_machine_does),
        cmocka_unit_test(no_turn_begins_that_would_not_end_in_time),
        cmocka_unit_test(a_stall_keeps_what_was_measured),
        cmocka_unit_test(one_that_fails_is_left_out),
        cmocka_unit_test(a_disturbed_turn_comes_once_more_and_does_not_count_twice),
        cmocka_unit_test(a_round_says_what_it_is_at),
        cmocka_unit_test(a_precision_that_is_far_behind_sees_one_division_and_one_turn),
        cmocka_unit_test(one_that_is_behind_has_two_turns),
        cmocka_unit_test(near_ones_meet_on_every_division),
        cmocka_unit_test(a_spell_that_spares_one_run_drops_nobody),
        cmocka_unit_test(a_precision_that_was_disturbed_is_not_given_up),
        cmocka_unit_test(a_precision_that_fails_is_out_on_all_divisions),
        cmocka_unit_test(one_that_is_out_beforehand_has_no_turn),
        cmocka_unit_test(what_is_told_does_not_decide_when_it_ends),
        cmocka_unit_test(one_that_comes_late_is_timed_in_turns_with_another),
        cmocka_unit_test(one_that_comes_late_costs_its_time_at_most),
    };
    return cmocka_run_group_tests_name("tune: the contest of ways", tests, NULL, NULL);
}
