/* Which batch sizes are worth trying: doubling, its end, and the sizes between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>

#include "base/random.h"
#include "made-up-machine.h"
#include "tune/search.h"

#define POINTS_MAX 64

/* ---- scores ---- */

static void a_score_is_what_its_objective_says(void **state) {
    (void)state;
    assert_float_equal(bt_score_of(BT_OBJECTIVE_THROUGHPUT, 4, 20), 200, 1e-9);
    assert_float_equal(bt_score_of(BT_OBJECTIVE_EFFICIENCY, 4, 20), 100, 1e-9);
    assert_float_equal(bt_score_of(BT_OBJECTIVE_LATENCY, 4, 20), 50, 1e-9);
    for (int objective = 0; objective < BT_OBJECTIVE_COUNT; objective++) {
        assert_true(bt_score_of((bt_objective)objective, 4, 19) >
                    bt_score_of((bt_objective)objective, 4, 20));
        assert_float_equal(bt_score_of((bt_objective)objective, 4, INFINITY), 0, 0);
    }
}

/* ---- doubling ---- */

static void doubling_goes_on_while_it_gains(void **state) {
    (void)state;
    assert_true(bt_search_goes_on((double[]){10}, 1, 1));
    assert_true(bt_search_goes_on((double[]){10, 9, 9}, 3, 4)); /* two doublings are no plateau */
    assert_true(bt_search_goes_on((double[]){10, 12, 14, 16}, 4, 8));
    assert_true(bt_search_goes_on((double[]){283, 189, 204, 413}, 4, 8)); /* an A100's U-Net: two bad ones */
    assert_true(bt_search_goes_on((double[]){10, 10.31, 10.31, 10.31}, 4, 8)); /* just enough gained */
    assert_true(bt_search_goes_on((double[]){10, 10, 10, 11, 11, 12}, 6, 32)); /* only the last three count */
}

static void three_doublings_without_gain_end_it(void **state) {
    (void)state;
    assert_false(bt_search_goes_on((double[]){10, 10.2, 10.2, 10.2}, 4, 8));
    assert_false(bt_search_goes_on((double[]){10, 10, 10, 10}, 4, 8));
    assert_false(bt_search_goes_on((double[]){10, 9, 8, 7}, 4, 8));
    assert_false(bt_search_goes_on((double[]){5, 10, 10.1, 10.2, 10.2}, 5, 16));
}

static void doubling_ends_at_the_largest_batch(void **state) {
    (void)state;
    const double rising[] = {1, 2, 4, 8};
    assert_true(bt_search_goes_on(rising, 4, BT_SEARCH_MAX_BATCH / 2));
    assert_false(bt_search_goes_on(rising, 4, BT_SEARCH_MAX_BATCH / 2 + 1));
    assert_false(bt_search_goes_on(rising, 4, BT_SEARCH_MAX_BATCH));
}

/* ---- between the doubled sizes ---- */

/* The doubled sizes up to `last`, as a machine runs them. */
static int doubled(const machine *m, int last, bt_search_point *points) {
    int count = 0;
    for (int b = 1; b <= last; b *= 2)
        points[count++] = (bt_search_point){.batch_size = b, .service_ms = machine_service_ms(m, b)};
    return count;
}

static void insert(bt_search_point *points, int *count, bt_search_point point) {
    int at = (*count)++;
    for (; at > 0 && points[at - 1].batch_size > point.batch_size; at--)
        points[at] = points[at - 1];
    points[at] = point;
}

static bool holds(const bt_search_point *points, int count, int batch_size) {
    for (int i = 0; i < count; i++)
        if (points[i].batch_size == batch_size) return true;
    return false;
}

/* Refines until nothing is worth trying any more; returns the number of tries. Each must be a new size
 * between two that were measured. */
static int refine_on(const machine *m, bt_objective objective, bt_search_point *points, int *count) {
    int tries = 0;
    for (int next; (next = bt_search_refine(objective, points, *count)) != 0; tries++) {
        assert_in_range(*count, 1, POINTS_MAX - 1);
        assert_false(holds(points, *count, next));
        assert_in_range(next, points[0].batch_size + 1, points[*count - 1].batch_size - 1);
        insert(points, count,
               (bt_search_point){.batch_size = next, .service_ms = machine_service_ms(m, next)});
    }
    return tries;
}

static double best_of(bt_objective objective, const bt_search_point *points, int count) {
    double best = 0;
    for (int i = 0; i < count; i++)
        best = fmax(best, bt_score_of(objective, points[i].batch_size, points[i].service_ms));
    return best;
}

/* On a line the best size can be computed, and the doubled sizes come within 6 % of it: few tries are due. */
static void a_line_needs_few_tries(void **state) {
    (void)state;
    for (int knee = 1; knee <= 64; knee++) {
        machine m = {.tau0_ms = knee, .alpha_ms = 1}; /* efficiency is best at tau0 / alpha */
        bt_search_point points[POINTS_MAX];
        int count = doubled(&m, 128, points);
        int tries = refine_on(&m, BT_OBJECTIVE_EFFICIENCY, points, &count);
        double best = bt_score_of(BT_OBJECTIVE_EFFICIENCY, knee, machine_service_ms(&m, knee));
        if (tries > 4 || best_of(BT_OBJECTIVE_EFFICIENCY, points, count) < 0.97 * best)
            fail_msg("knee %d: %d tries, %.4f of the best", knee, tries,
                     best_of(BT_OBJECTIVE_EFFICIENCY, points, count) / best);
    }
}

/* A knee at a doubled size is seen to be the best: nothing between can beat it by what is worthwhile. */
static void a_line_whose_knee_was_measured_is_left_alone(void **state) {
    (void)state;
    for (int knee = 1; knee <= 32; knee *= 2) {
        machine m = {.tau0_ms = knee, .alpha_ms = 1};
        bt_search_point points[POINTS_MAX];
        int count = doubled(&m, 128, points);
        assert_int_equal(bt_search_refine(BT_OBJECTIVE_EFFICIENCY, points, count), 0);
    }
}

/* The best size of a staircase is the last of a step. */
static void a_staircase_is_searched_to_its_edge(void **state) {
    (void)state;
    for (int step = 3; step <= 12; step++) {
        machine m = {.shape = MACHINE_STAIRCASE, .tau0_ms = 2.0 * step, .alpha_ms = 1, .step = step};
        bt_search_point points[POINTS_MAX];
        int count = doubled(&m, 64, points);
        int tries = refine_on(&m, BT_OBJECTIVE_EFFICIENCY, points, &count);
        double best = 0;
        for (int b = 1; b <= 64; b++)
            best = fmax(best, bt_score_of(BT_OBJECTIVE_EFFICIENCY, b, machine_service_ms(&m, b)));
        double found = best_of(BT_OBJECTIVE_EFFICIENCY, points, count);
        if (found * (1 + BT_SEARCH_WORTHWHILE) < best || tries > 12)
            fail_msg("steps of %d: %d tries, %.4f of the best", step, tries, found / best);
    }
}

/* No line fits: only rising times are counted on, and that is enough never to miss more than is
 * worthwhile. */
static void whatever_rises_is_searched_to_within_what_is_worthwhile(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        bt_random random = bt_random_stream(seed, "test search");
        bt_objective objective = (bt_objective)bt_random_below(&random, BT_OBJECTIVE_COUNT);
        double service_ms[65] = {0, bt_random_between(&random, 1, 20)}, best = 0;
        for (int b = 2; b <= 64; b++) /* now flat, now a jump: far from any line */
            service_ms[b] =
                service_ms[b - 1] + (bt_random_uniform(&random) < 0.2 ? bt_random_between(&random, 0, 20)
                                                                      : bt_random_between(&random, 0, 0.1));
        bt_search_point points[POINTS_MAX];
        int count = 0;
        for (int b = 1; b <= 64; b *= 2)
            points[count++] = (bt_search_point){.batch_size = b, .service_ms = service_ms[b]};
        for (int next; (next = bt_search_refine(objective, points, count)) != 0;)
            insert(points, &count, (bt_search_point){.batch_size = next, .service_ms = service_ms[next]});
        for (int b = 1; b <= 64; b++)
            best = fmax(best, bt_score_of(objective, b, service_ms[b]));
        /* Where they happen to lie on a line after all, a size may hide 3 % under it. */
        if (best_of(objective, points, count) < 0.95 * best)
            fail_msg("seed %llu: %.4f of the best", (unsigned long long)seed,
                     best_of(objective, points, count) / best);
    }
}

static void latency_is_never_refined(void **state) {
    (void)state;
    machine m = {.shape = MACHINE_STAIRCASE, .tau0_ms = 10, .alpha_ms = 3, .step = 5};
    bt_search_point points[POINTS_MAX];
    int count = doubled(&m, 64, points);
    assert_int_equal(bt_search_refine(BT_OBJECTIVE_LATENCY, points, count), 0); /* one image is the fastest */
}

static void neighbours_leave_nothing_between(void **state) {
    (void)state;
    const bt_search_point points[] = {{1, 10, false}, {2, 10, false}, {3, 10, false}, {4, 10, false}};
    for (int count = 0; count <= 4; count++)
        for (int objective = 0; objective < BT_OBJECTIVE_COUNT; objective++)
            assert_int_equal(bt_search_refine((bt_objective)objective, points, count), 0);
}

/* ---- sizes that cannot win ---- */

static void nothing_is_tried_above_a_dead_size(void **state) {
    (void)state;
    const bt_search_point points[] = {{4, 10, false}, {8, 11, true}, {16, 12, true}};
    int next = bt_search_refine(BT_OBJECTIVE_THROUGHPUT, points, 3);
    assert_int_equal(next, 6); /* up to it, but not from it on */
    const bt_search_point all_dead[] = {{4, 10, true}, {8, 11, true}, {16, 12, true}};
    assert_int_equal(bt_search_refine(BT_OBJECTIVE_THROUGHPUT, all_dead, 3), 0);
}

static void a_dead_size_is_not_the_one_to_beat(void **state) {
    (void)state;
    const bt_search_point points[] = {{4, 10, false}, {8, 1, true}}; /* eight would be the best by far */
    assert_int_equal(bt_search_refine(BT_OBJECTIVE_THROUGHPUT, points, 2), 6);
}

static void a_size_that_never_ran_bounds_a_gap(void **state) {
    (void)state;
    const bt_search_point points[] = {{8, 10, false}, {16, INFINITY, true}, {32, INFINITY, true}};
    int next = bt_search_refine(BT_OBJECTIVE_EFFICIENCY, points, 3);
    assert_int_equal(next, 12);
    const bt_search_point never[] = {{8, INFINITY, false}, {16, INFINITY, false}};
    assert_int_equal(bt_search_refine(BT_OBJECTIVE_EFFICIENCY, never, 2), 0);
}

/* The last size before the SLA or the memory ends is found by halving. */
static void the_edge_of_what_is_admissible_is_found(void **state) {
    (void)state;
    for (int edge = 16; edge < 32; edge++) {
        bt_search_point points[POINTS_MAX];
        int count = 0;
        machine m = {.tau0_ms = 100, .alpha_ms = 1};
        for (int b = 1; b <= 32; b *= 2)
            points[count++] = (bt_search_point){b, machine_service_ms(&m, b), b > edge};
        for (int next; (next = bt_search_refine(BT_OBJECTIVE_THROUGHPUT, points, count)) != 0;)
            insert(points, &count, (bt_search_point){next, machine_service_ms(&m, next), next > edge});
        double best = 0;
        for (int i = 0; i < count; i++)
            if (!points[i].refused)
                best = fmax(best,
                            bt_score_of(BT_OBJECTIVE_THROUGHPUT, points[i].batch_size, points[i].service_ms));
        double most = bt_score_of(BT_OBJECTIVE_THROUGHPUT, edge, machine_service_ms(&m, edge));
        if (best * (1 + BT_SEARCH_WORTHWHILE) < most)
            fail_msg("edge %d: %.4f of the best", edge, best / most);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_score_is_what_its_objective_says),
        cmocka_unit_test(doubling_goes_on_while_it_gains),
        cmocka_unit_test(three_doublings_without_gain_end_it),
        cmocka_unit_test(doubling_ends_at_the_largest_batch),
        cmocka_unit_test(a_line_needs_few_tries),
        cmocka_unit_test(a_line_whose_knee_was_measured_is_left_alone),
        cmocka_unit_test(a_staircase_is_searched_to_its_edge),
        cmocka_unit_test(whatever_rises_is_searched_to_within_what_is_worthwhile),
        cmocka_unit_test(latency_is_never_refined),
        cmocka_unit_test(neighbours_leave_nothing_between),
        cmocka_unit_test(nothing_is_tried_above_a_dead_size),
        cmocka_unit_test(a_dead_size_is_not_the_one_to_beat),
        cmocka_unit_test(a_size_that_never_ran_bounds_a_gap),
        cmocka_unit_test(the_edge_of_what_is_admissible_is_found),
    };
    return cmocka_run_group_tests_name("tune: the search", tests, NULL, NULL);
}
