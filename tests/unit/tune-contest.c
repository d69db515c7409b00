/* Ways of sharing the cores, compared by turns: what they cost at most, whatever the machine does, and that
 * what was measured is known at any moment. */
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
#include "tune/contest.h"
#include "tune/divisions.h"

#define DIVISIONS 3
#define TURNS_MAX 64

/* Every division's batch of one, in ms, and what goes wrong; zero stands for "does not happen". */
typedef struct arena {
    double ms[DIVISIONS], noise;
    double open_s;       /* before a division's first turn */
    double slow;         /* times as long */
    int stall_at;        /* a turn (from 1) from which on nothing is heard */
    int fails_at, fails; /* the turn at which division `fails` fails */
    bool disturbed;
    bt_random random;
    /* what was seen */
    bool opened[DIVISIONS];
    int turns, of[DIVISIONS], order[TURNS_MAX];
    double spent_s;
} arena;

static bt_step_result answer(arena *a, const bt_contest_turn *turn) {
    bt_step_result result = bt_step_result_empty();
    double pace = a->slow > 0 ? a->slow : 1;
    a->turns++;
    if (a->turns == a->fails_at && turn->division == a->fails) {
        result.status = BT_OUT_OF_DEVICE_MEMORY;
        return result;
    }
    if (!a->opened[turn->division]) result.elapsed_s += pace * a->open_s;
    a->opened[turn->division] = true;
    for (int i = 0; i < turn->step.runs; i++) {
        double noise = a->noise * fabs(bt_random_normal(&a->random));
        result.samples_ms[result.sample_count++] = pace * a->ms[turn->division] * (1 + noise);
        result.elapsed_s += result.samples_ms[i] / 1e3;
    }
    result.disturbed = a->disturbed;
    if (result.elapsed_s <= turn->within_s && (a->stall_at == 0 || a->turns < a->stall_at)) return result;
    result.status = BT_TIMEOUT; /* who measures gives up then */
    result.sample_count = 0;
    result.elapsed_s = turn->within_s;
    return result;
}

static void divide(bt_division divisions[DIVISIONS]) {
    for (int i = 0; i < DIVISIONS; i++)
        divisions[i] = (bt_division){
            .instances = 1 << i, .threads = i ? 4 >> i : 0, .median_ms = NAN, .throughput_imgs_per_sec = NAN};
}

static void hold(arena *a, bt_division divisions[DIVISIONS], double budget_s) {
    bt_contest *contest;
    bt_contest_turn turn;
    bt_error error;
    char text[96];
    double before = 0;
    divide(divisions);
    assert_int_equal(bt_contest_open(&contest, divisions, DIVISIONS, budget_s, &error), BT_OK);
    while (bt_contest_next(contest, &turn)) {
        assert_true(a->turns < TURNS_MAX);
        assert_true(turn.step.batch_size == 1 && turn.step.runs <= BT_MAX_TURN_SAMPLES);
        a->order[a->turns] = turn.division;
        a->of[turn.division]++;
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

static arena calm(void) {
    return (arena){.ms = {20, 25, 60}, .noise = 0.01, .random = bt_random_stream(1, "contest")};
}

static void turns_go_round_and_every_division_is_measured(void **state) {
    (void)state;
    bt_division divisions[DIVISIONS];
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
    bt_division divisions[DIVISIONS];
    arena a = calm();
    hold(&a, divisions, 1e9);
    assert_int_equal(a.turns, 3 * DIVISIONS); /* 50, 80 and 67 images a second; 20, 25 and 60 ms */
}

static void it_costs_its_budget_at_most_whatever_the_machine_does(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        bt_random random = bt_random_stream(seed, "arena");
        bt_division divisions[DIVISIONS];
        double budget_s = bt_random_between(&random, 0, 20);
        arena a = {.noise = bt_random_between(&random, 0, 2),
                   .open_s = bt_random_between(&random, 0, 5),
                   .slow = bt_random_between(&random, 1, 4),
                   .stall_at = bt_random_uniform(&random) < 0.3 ? 1 + (int)bt_random_below(&random, 10) : 0,
                   .fails_at = bt_random_uniform(&random) < 0.3 ? 1 + (int)bt_random_below(&random, 10) : 0,
                   .fails = (int)bt_random_below(&random, DIVISIONS),
                   .disturbed = bt_random_uniform(&random) < 0.3,
                   .random = bt_random_stream(seed, "contest")};
        for (int i = 0; i < DIVISIONS; i++)
            a.ms[i] = bt_random_between(&random, 1, 300);
        hold(&a, divisions, budget_s);
        if (a.spent_s > budget_s + 1e-9)
            fail_msg("seed %llu: %.3f s of %.3f", (unsigned long long)seed, a.spent_s, budget_s);
    }
}

static void no_turn_begins_that_would_not_end_in_time(void **state) {
    (void)state;
    bt_division divisions[DIVISIONS];
    arena a = calm();
    hold(&a, divisions, 2); /* turns of 0.08, 0.2 and 0.96 s: the third one's second does not fit */
    assert_int_equal(a.turns, 5);
    assert_true(a.spent_s < 1.7);
}

static void a_stall_keeps_what_was_measured(void **state) {
    (void)state;
    bt_division divisions[DIVISIONS];
    arena a = calm();
    a.stall_at = 5; /* the second division's second turn */
    hold(&a, divisions, 10);
    assert_int_equal(a.turns, 5);
    for (int i = 0; i < DIVISIONS; i++)
        assert_true(fabs(divisions[i].median_ms / a.ms[i] - 1) < 0.05);
}

static void one_that_fails_is_left_out(void **state) {
    (void)state;
    bt_division divisions[DIVISIONS];
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
    bt_division divisions[DIVISIONS];
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
    bt_division divisions[DIVISIONS];
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
        assert_true(divisions[turn.division].median_ms > 0); /* noted as it is heard */
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
    };
    return cmocka_run_group_tests_name("tune: the contest of instances", tests, NULL, NULL);
}
