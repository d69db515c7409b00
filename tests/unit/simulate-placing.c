/* Which models go on which devices: what is plain by hand, and that no placement at all holds much more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "placing-family.h"
#include "simulated-service.h"

#define A 1u
#define B 2u
#define C 4u

static placing_family family;

static bt_placing place(void) {
    bt_placing found;
    bt_error error = {BT_OK, ""};
    if (bt_placing_find(&found, &family.problem, &error) != BT_OK) fail_msg("%s", error.message);
    return found;
}

static void assert_on(const bt_placing *found, const uint32_t *expected) {
    for (int d = 0; d < family.problem.device_count; d++)
        if (found->on[d] != expected[d])
            fail_msg("device %d has models %#x, not %#x", d, (unsigned)found->on[d], (unsigned)expected[d]);
}

/* ---- against all placements ---- */

#define SEEDS    120
#define REQUESTS 400
#define NEAR     0.03

static void draw(uint64_t seed) {
    placing_family_draw(&family, seed, seed % 3 ? 2 : 3, seed % 2 ? 2 : 3 + seed % 5 / 3, seed % 4 < 2);
    family.problem.requests = REQUESTS;
}

/* By other schedules, and ten times as long. */
static double long_factor(const uint32_t *on) {
    bt_placing_problem problem = family.problem;
    bt_error error = {BT_OK, ""};
    double factor;
    problem.requests = 10 * REQUESTS;
    problem.seed++;
    if (bt_placing_factor(&factor, &problem, on, &error) != BT_OK) fail_msg("%s", error.message);
    return factor;
}

/* What seems to hold more than the found one by more than that share of it is asked at length: a few hundred requests have
 * their luck. */
static void look_for_better(uint64_t seed, const bt_placing *found) {
    bt_error error = {BT_OK, ""};
    uint32_t on[BT_PLACING_DEVICES_MAX] = {0};
    while (placing_next(&family.problem, on)) {
        bool holds;
        if (bt_placing_holds(&holds, &family.problem, on, found->factor * (1 + NEAR), &error) != BT_OK)
            fail_msg("seed %llu: %s", (unsigned long long)seed, error.message);
        if (!holds) continue;
        const double there = long_factor(on), here = long_factor(found->on);
        if (there > here * (1 + NEAR))
            fail_msg("seed %llu: models %#x %#x %#x %#x hold %g, those found (%#x %#x %#x %#x) %g",
                     (unsigned long long)seed, (unsigned)on[0], (unsigned)on[1], (unsigned)on[2],
                     (unsigned)on[3], there, (unsigned)found->on[0], (unsigned)found->on[1],
                     (unsigned)found->on[2], (unsigned)found->on[3], here);
    }
}

static void no_placement_holds_three_percent_more(void **state) {
    (void)state;
    int compared = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        bt_placing found;
        bt_error error = {BT_OK, ""};
        draw(seed);
        if (bt_placing_find(&found, &family.problem, &error) != BT_OK) {
            uint32_t on[BT_PLACING_DEVICES_MAX] = {0};
            if (placing_next(&family.problem, on))
                fail_msg("seed %llu: \"%s\", but %#x %#x %#x fits", (unsigned long long)seed, error.message,
                         (unsigned)on[0], (unsigned)on[1], (unsigned)on[2]);
            continue;
        }
        assert_true(bt_placing_fits(&family.problem, found.on));
        if (found.factor == 0 || found.hopeless) continue;
        look_for_better(seed, &found);
        compared++;
    }
    assert_true(compared >= 100);
}

static void a_placement_holds_what_is_said_of_it(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        bt_error error = {BT_OK, ""};
        double factor;
        draw(seed);
        family.problem.requests = 0;
        const bt_placing found = place();
        assert_int_equal(bt_placing_factor(&factor, &family.problem, found.on, &error), BT_OK);
        if (!(fabs(factor - found.factor) <= 0.02 * factor))
            fail_msg("seed %llu: %g and %g", (unsigned long long)seed, found.factor, factor);
    }
}

static void the_same_problem_has_the_same_placement(void **state) {
    (void)state;
    draw(6);
    const bt_placing one = place(), other = place();
    assert_memory_equal(&one, &other, sizeof one);
}

/* ---- by hand ---- */

/* Three at once on two instances: the first is twice as fast, and takes the third too. */
static void a_device_of_twice_the_speed_takes_half_of_the_time(void **state) {
    (void)state;
    static simulated_service service;
    static const int64_t arrivals_ns[] = {0, 0, 0};
    bt_simulation *simulation;
    simulated_service_open(&service, (int[]){1, 0}, (double[]){10});
    service.model.arrivals_ns = arrivals_ns;
    service.model.arrival_count = 3;
    bt_simulation_options options = {.models = &service.model,
                                     .model_count = 1,
                                     .instances = (bt_batcher_instance[]){{0, 0}, {0, 1}},
                                     .instance_count = 2,
                                     .speeds = (double[]){2, 0.5}};
    assert_int_equal(bt_simulate(&simulation, &options, NULL), BT_OK);
    assert_true(fabs(simulation->models[0].latency_ms[0] - 5) < 1e-5);
    assert_true(fabs(simulation->models[0].latency_ms[1] - 20) < 1e-5);
    assert_true(fabs(simulation->models[0].latency_ms[2] - 10) < 1e-5);
    bt_simulation_close(&simulation);
    options.speeds = (double[]){1, 0};
    assert_int_equal(bt_simulate(&simulation, &options, NULL), BT_INVALID);
}

/* A request of the first would wait for a run of the second, longer than it may. */
static void who_cannot_wait_for_another_has_its_own_device(void **state) {
    (void)state;
    placing_family_open(&family, 2, 2);
    family.models[0].p95_sla_ms = 25;
    placing_times_open(&family.times[1], 1, 50, 50, 0, 0);
    family.models[1].p95_sla_ms = 1000;
    const bt_placing found = place();
    assert_on(&found, (uint32_t[]){A, B});
    assert_true(found.factor > 0);
}

/* Half of the requests in a hundredth of the time: one device is more than enough. */
static void an_instance_that_adds_nothing_is_left_out(void **state) {
    (void)state;
    placing_family_open(&family, 2, 4);
    placing_times_open(&family.times[1], 1, 0.05, 0.05, 0, 0);
    const bt_placing found = place();
    int of_second = 0;
    for (int d = 0; d < 4; d++) {
        assert_true(found.on[d] & A);
        of_second += (found.on[d] & B) != 0;
    }
    assert_int_equal(of_second, 1);
    assert_on(&found, (uint32_t[]){A | B, A, A, A});
}

/* Slices of a CPU: four of them, and memory for three instances in all. */
static void devices_may_draw_on_one_memory(void **state) {
    (void)state;
    placing_family_open(&family, 2, 4);
    for (int d = 0; d < 4; d++)
        family.devices[d].pool = 0;
    family.problem.pool_count = 1;
    family.pools_mb[0] = 35;
    family.models[0].rate_rps = 2;
    const bt_placing found = place();
    int of_first = 0, of_second = 0;
    for (int d = 0; d < 4; d++) {
        of_first += (found.on[d] & A) != 0;
        of_second += (found.on[d] & B) != 0;
    }
    assert_int_equal(of_first, 2);
    assert_int_equal(of_second, 1);
    assert_on(&found, (uint32_t[]){A, A, B, 0});
}

/* A lone request takes 10 ms on the fast one and 50 on the slow, and has 40. */
static void nothing_is_placed_where_it_is_too_slow(void **state) {
    (void)state;
    placing_family_open(&family, 1, 2);
    family.models[0].p95_sla_ms = 40;
    family.devices[0].speed = 0.2;
    const bt_placing found = place();
    assert_on(&found, (uint32_t[]){0, A});
}

/* Alone on a device, a model holds what the capacity search says. */
static void one_model_on_equal_devices_is_on_all_of_them(void **state) {
    (void)state;
    placing_family_open(&family, 1, 3);
    const bt_placing found = place();
    assert_on(&found, (uint32_t[]){A, A, A});
    assert_true(found.factor > 200 && found.factor < 300); /* a second each takes 10 ms */
}

static void what_cannot_be_promised_is_placed_all_the_same(void **state) {
    (void)state;
    placing_family_open(&family, 2, 2);
    family.models[1].p95_sla_ms = 5; /* a run takes 10 */
    const bt_placing found = place();
    assert_int_equal(found.hopeless, B);
    assert_int_equal((found.on[0] | found.on[1]), A | B);
    assert_true(found.factor > 0);
}

/* ---- what cannot be ---- */

static void assert_refused(const char *message) {
    bt_placing found;
    bt_error error = {BT_OK, ""};
    assert_int_equal(bt_placing_find(&found, &family.problem, &error), BT_INVALID);
    assert_string_equal(error.message, message);
}

static void who_fits_nowhere_is_named(void **state) {
    (void)state;
    placing_family_open(&family, 2, 2);
    family.pools_mb[1] = 1200;
    family.models[1].memory_mb = 1500;
    assert_refused(
        "b needs 1500 MiB and fits on no device: cuda:1 has the most, 1200 MiB: 300 MiB are missing");
}

static void who_does_not_fit_beside_the_others_is_named(void **state) {
    (void)state;
    placing_family_open(&family, 3, 2);
    for (int m = 0; m < 3; m++)
        family.models[m].memory_mb = 600;
    assert_refused("the models do not fit on the devices together: c needs 600 MiB, and beside the others "
                   "cuda:0, which has the most left, has 400: 200 MiB are missing");
}

/* Only one way fits: 600 + 400 and 500 + 500. */
static void what_fits_in_one_way_only_is_found(void **state) {
    (void)state;
    static const double memory_mb[] = {500, 400, 600, 500};
    placing_family_open(&family, 4, 2);
    for (int m = 0; m < 4; m++)
        family.models[m].memory_mb = memory_mb[m];
    const bt_placing found = place();
    assert_on(&found, (uint32_t[]){A | 8u, B | C});
}

static void wrong_problems_are_told(void **state) {
    (void)state;
    placing_family_open(&family, 2, 2);
    family.devices[1].speed = 0;
    assert_refused("cuda:1: a speed of 0, memory number 1 of 2");
    placing_family_open(&family, 2, 2);
    family.models[0].rate_rps = 0;
    assert_refused("a: a share of 0, P95 within 100 ms");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_placement_holds_three_percent_more),
        cmocka_unit_test(a_placement_holds_what_is_said_of_it),
        cmocka_unit_test(the_same_problem_has_the_same_placement),
        cmocka_unit_test(a_device_of_twice_the_speed_takes_half_of_the_time),
        cmocka_unit_test(who_cannot_wait_for_another_has_its_own_device),
        cmocka_unit_test(an_instance_that_adds_nothing_is_left_out),
        cmocka_unit_test(devices_may_draw_on_one_memory),
        cmocka_unit_test(nothing_is_placed_where_it_is_too_slow),
        cmocka_unit_test(one_model_on_equal_devices_is_on_all_of_them),
        cmocka_unit_test(what_cannot_be_promised_is_placed_all_the_same),
        cmocka_unit_test(who_fits_nowhere_is_named),
        cmocka_unit_test(who_does_not_fit_beside_the_others_is_named),
        cmocka_unit_test(what_fits_in_one_way_only_is_found),
        cmocka_unit_test(wrong_problems_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
