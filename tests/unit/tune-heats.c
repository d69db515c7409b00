/* Ways of running a model at larger batches: who wins there, what it costs at most, and what is not tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tune/contenders.h"
#include "tune/heats.h"

#define WAYS      2
#define TURNS_MAX 64

/* tau0 + alpha b of two precisions, and what goes wrong; zero stands for "does not happen". */
typedef struct arena {
    double tau0_ms[WAYS], alpha_ms[WAYS];
    int out_of_memory_at; /* of the second */
    double image_mb, device_mb;
    /* what was seen */
    int turns, largest[WAYS];
    double spent_s;
} arena;

static bt_contender ways[WAYS];

static double service_ms(const arena *a, int way, int b) {
    return a->tau0_ms[way] + a->alpha_ms[way] * b;
}

static bt_step_result answer(arena *a, const bt_contest_turn *turn) {
    const int way = turn->contender, b = turn->step.batch_size;
    bt_step_result result = bt_step_result_empty();
    result.elapsed_s = turn->step.runs * service_ms(a, way, b) / 1e3;
    if (way == 1 && a->out_of_memory_at > 0 && b >= a->out_of_memory_at) {
        result.status = BT_OUT_OF_DEVICE_MEMORY;
        return result;
    }
    if (b > a->largest[way]) a->largest[way] = b;
    result.memory_mb = a->image_mb * b;
    result.memory_total_used_mb = 0;
    for (int i = 0; i < WAYS; i++)
        result.memory_total_used_mb += a->image_mb * a->largest[i];
    result.memory_device_mb = a->device_mb > 0 ? a->device_mb : 1e9;
    for (int i = 0; turn->step.kind == BT_STEP_MEASURE && i < turn->step.runs; i++)
        result.samples_ms[result.sample_count++] = service_ms(a, way, b);
    return result;
}

/* After a contest at a batch of one. */
static void list(const arena *a) {
    for (int i = 0; i < WAYS; i++) {
        ways[i] = (bt_contender){.instances = 1, .may_win = true, .mask_iou = NAN};
        snprintf(ways[i].precision, sizeof ways[i].precision, "%s", i == 0 ? "fp32" : "bf16");
        bt_contender_note(&ways[i], service_ms(a, i, 1));
    }
}

static bt_heats_options usual(bt_objective objective) {
    return (bt_heats_options){
        .objective = objective, .p95_sla_ms = 1000, .largest_batch = 256, .budget_s = 1e9};
}

static void hold(arena *a, const bt_heats_options *options) {
    bt_heats *heats;
    bt_contest_turn turn;
    bt_error error;
    list(a);
    assert_int_equal(bt_heats_open(&heats, ways, WAYS, options, &error), BT_OK);
    for (; bt_heats_next(heats, &turn); a->turns++) {
        assert_in_range(a->turns, 0, TURNS_MAX);
        assert_in_range(turn.step.batch_size, 2, options->largest_batch);
        const bt_step_result result = answer(a, &turn);
        a->spent_s += result.elapsed_s;
        bt_heats_done(heats, &result);
    }
    bt_heats_close(&heats);
    assert_null(heats);
}

static const char *taken(void) {
    const bt_division division = {.instances = 1};
    return bt_contenders_best(ways, WAYS, &division)->precision;
}

/* 30 ms and 38 at one image, 4 and 2 for each further one: equal at five. */
static arena crossing(void) {
    return (arena){.tau0_ms = {26, 36}, .alpha_ms = {4, 2}};
}

static void who_loses_at_one_image_wins_at_many(void **state) {
    (void)state;
    arena a = crossing();
    list(&a);
    assert_string_equal(taken(), "fp32"); /* by a batch of one alone */
    for (int objective = BT_OBJECTIVE_EFFICIENCY; objective <= BT_OBJECTIVE_THROUGHPUT; objective++) {
        const bt_heats_options options = usual((bt_objective)objective);
        a = crossing();
        hold(&a, &options);
        assert_string_equal(taken(), "bf16");
        assert_true(ways[1].promise > ways[0].promise && ways[1].largest_batch >= 16);
    }
}

static void the_promise_is_the_best_score_in_time(void **state) {
    (void)state;
    arena a = crossing();
    bt_heats_options options = usual(BT_OBJECTIVE_THROUGHPUT);
    options.p95_sla_ms = 100;
    hold(&a, &options);
    const int last = (int)((0.95 * 100 - 36) / 2); /* the median is to lie within the SLA, which is on P95 */
    const double best = bt_score_of(BT_OBJECTIVE_THROUGHPUT, last, service_ms(&a, 1, last));
    assert_true(ways[1].promise > 0.95 * best && ways[1].promise < 1.001 * best);
    for (int i = 0; i < WAYS; i++)
        assert_true(service_ms(&a, i, a.largest[i]) <= 200); /* nothing was run that is late beyond doubt */
}

static void nothing_is_asked_where_a_batch_of_one_decides(void **state) {
    (void)state;
    arena a = crossing();
    bt_heats_options options = usual(BT_OBJECTIVE_LATENCY);
    hold(&a, &options);
    assert_int_equal(a.turns, 0);
    options = usual(BT_OBJECTIVE_THROUGHPUT);
    options.largest_batch = 1;
    hold(&a, &options);
    assert_int_equal(a.turns, 0);
    options.largest_batch = 256;
    options.p95_sla_ms = 20; /* late at one image already */
    hold(&a, &options);
    assert_int_equal(a.turns, 0);
}

static void one_that_is_far_behind_has_no_heat(void **state) {
    (void)state;
    arena a = crossing();
    a.tau0_ms[1] = 80;
    const bt_heats_options options = usual(BT_OBJECTIVE_THROUGHPUT);
    hold(&a, &options);
    assert_int_equal(a.largest[1], 0);
}

static void out_of_memory_keeps_what_was_measured(void **state) {
    (void)state;
    arena a = crossing();
    a.out_of_memory_at = 10;
    const bt_heats_options options = usual(BT_OBJECTIVE_THROUGHPUT);
    hold(&a, &options);
    assert_int_equal(a.largest[1], 4);
    assert_int_equal(ways[1].largest_batch, 4);
    assert_true(bt_contender_is_eligible(&ways[1]));
    assert_string_equal(taken(), "fp32"); /* which goes on to sizes at which it serves more */
}

static void no_size_is_tried_that_memory_would_not_do_for(void **state) {
    (void)state;
    arena a = crossing();
    a.image_mb = 100;
    a.device_mb = 5000;
    bt_heats_options options = usual(BT_OBJECTIVE_THROUGHPUT);
    options.memory_reserve_percent = 10;
    hold(&a, &options);
    assert_true(a.image_mb * (a.largest[0] + a.largest[1]) <= 4500);
    assert_true(a.largest[0] >= 16 && a.largest[1] >= 16);
}

static void it_costs_its_budget_at_most(void **state) {
    (void)state;
    for (double budget_s = 0.1; budget_s < 20; budget_s *= 1.3) {
        arena a = crossing();
        bt_heats_options options = usual(BT_OBJECTIVE_THROUGHPUT);
        options.budget_s = budget_s;
        hold(&a, &options);
        if (a.spent_s > budget_s) fail_msg("%.2f s of %.2f", a.spent_s, budget_s);
    }
}

/* The first in the list has the first turns: that is no reason to take it. */
static void time_that_ends_between_turns_prefers_nobody(void **state) {
    (void)state;
    for (double budget_s = 0.1; budget_s < 20; budget_s *= 1.1) {
        arena a = {.tau0_ms = {30, 28}, .alpha_ms = {4, 3}}; /* the second is the faster at any size */
        bt_heats_options options = usual(BT_OBJECTIVE_THROUGHPUT);
        options.budget_s = budget_s;
        hold(&a, &options);
        if (strcmp(taken(), "bf16") != 0)
            fail_msg("%.2f s: sizes up to %d and %d", budget_s, a.largest[0], a.largest[1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_loses_at_one_image_wins_at_many),
        cmocka_unit_test(the_promise_is_the_best_score_in_time),
        cmocka_unit_test(nothing_is_asked_where_a_batch_of_one_decides),
        cmocka_unit_test(one_that_is_far_behind_has_no_heat),
        cmocka_unit_test(out_of_memory_keeps_what_was_measured),
        cmocka_unit_test(no_size_is_tried_that_memory_would_not_do_for),
        cmocka_unit_test(it_costs_its_budget_at_most),
        cmocka_unit_test(time_that_ends_between_turns_prefers_nobody),
    };
    return cmocka_run_group_tests_name("tune: the heats", tests, NULL, NULL);
}
