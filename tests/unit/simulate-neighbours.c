/* What the simulator says of models that run side by side: a run goes on slower while another model's is under way on
 * another device, as fast as before once that has ended, and takes longer where the last run on its device was the
 * other's. All by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "simulated-service.h"

#define MS(x)    ((int64_t)((x)*BT_NS_PER_MS))
#define COUNT(a) ((int64_t)(sizeof(a) / sizeof((a)[0])))

static simulated_service one, other; /* too large for the stack */

/* Each takes 10 ms alone. */
static void open_both(const bt_neighbour *of_one, const bt_neighbour *of_other) {
    simulated_service_open(&one, (int[]){1, 0}, (double[]){10});
    simulated_service_open(&other, (int[]){1, 0}, (double[]){10});
    one.model.neighbours = of_one;
    one.model.neighbour_count = of_one != NULL;
    other.model.neighbours = of_other;
    other.model.neighbour_count = of_other != NULL;
}

static void send_at(simulated_service *service, const int64_t *arrivals_ns, int64_t count) {
    service->model.arrivals_ns = arrivals_ns;
    service->model.arrival_count = count;
}

static bt_simulation *both(bool one_device) {
    return simulated((bt_simulation_model[]){one.model, other.model}, 2, one_device, 1);
}

static void assert_latency(const bt_simulated *got, int64_t request, double expected_ms) {
    if (fabs(got->latency_ms[request] - expected_ms) > 1e-5)
        fail_msg("request %lld: %g ms, by hand %g", (long long)request, got->latency_ms[request],
                 expected_ms);
}

/* The first has half of its run left when the second begins at 5; that goes at half its speed, until 15. By then the
 * second has done 10 / 1.6 of its own, and does the rest alone. */
static void a_run_goes_on_slower_while_the_neighbour_runs(void **state) {
    (void)state;
    static const int64_t first_ns[] = {MS(0), MS(40)}, second_ns[] = {MS(5)};
    open_both(&(bt_neighbour){.model = 1, .slowdown = 2, .beside = 1},
              &(bt_neighbour){.model = 0, .slowdown = 1.6, .beside = 1});
    send_at(&one, first_ns, 2);
    send_at(&other, second_ns, 1);
    bt_simulation *simulation = both(false);
    assert_latency(&simulation->models[0], 0, 15);
    assert_latency(&simulation->models[0], 1, 10);
    assert_latency(&simulation->models[1], 0, 10 + 10 - 10 / 1.6);
    assert_true(fabs(simulation->models[0].mean_run_ms - (15 + 10) / 2.0) < 1e-5);
    bt_simulation_close(&simulation);
}

/* One that speeds up the other, as cores that both leave half of do, is no fault either. */
static void always_busy_neighbours_serve_at_their_rates_over_their_slowdowns(void **state) {
    (void)state;
    static const double slowdowns[] = {1, 1.25, 1.6, 3, 0.8};
    for (int i = 0; i < COUNT(slowdowns); i++) {
        open_both(&(bt_neighbour){.model = 1, .slowdown = slowdowns[i], .beside = 1},
                  &(bt_neighbour){.model = 0, .slowdown = slowdowns[i], .beside = 1});
        one.model.arrival_count = other.model.arrival_count = 1000;
        one.model.clients = other.model.clients = 2;
        bt_simulation *simulation = both(false);
        for (int model = 0; model < 2; model++) {
            const bt_simulated *got = &simulation->models[model];
            assert_true(fabs(got->throughput_rps - 100 / slowdowns[i]) < 1e-3);
            assert_true(fabs(got->utilisation - 1) < 1e-6);
        }
        bt_simulation_close(&simulation);
    }
}

/* Each by what it measured itself: the one that ends last is by then alone. */
static void slowdowns_are_each_models_own(void **state) {
    (void)state;
    open_both(&(bt_neighbour){.model = 1, .slowdown = 2, .beside = 1}, NULL);
    one.model.arrival_count = 1000;
    other.model.arrival_count = 3000;
    one.model.clients = other.model.clients = 1;
    bt_simulation *simulation = both(false);
    assert_true(fabs(simulation->models[0].throughput_rps - 50) < 1e-3);
    assert_true(fabs(simulation->models[1].throughput_rps - 100) < 1e-3);
    bt_simulation_close(&simulation);
}

/* Two of the other's at a time double it; one of them takes half of that, and a third adds nothing. */
static void fewer_at_a_time_slow_in_proportion(void **state) {
    (void)state;
    static const int64_t at_once_ns[] = {0, 0, 0};
    static const double expected_ms[] = {10, 15, 20, 20};
    for (int running = 0; running <= 3; running++) {
        const bt_batcher_instance instances[] = {{0, 0}, {1, 1}, {1, 2}, {1, 3}};
        bt_simulation *simulation;
        open_both(&(bt_neighbour){.model = 1, .slowdown = 2, .beside = 2}, NULL);
        other.fixed_ms[0] = 100;
        send_at(&one, at_once_ns, 1);
        send_at(&other, at_once_ns, running);
        const bt_simulation_options options = {.models = (bt_simulation_model[]){one.model, other.model},
                                               .model_count = 2,
                                               .instances = instances,
                                               .instance_count = 4,
                                               .seed = 1};
        assert_int_equal(bt_simulate(&simulation, &options, NULL), BT_OK);
        assert_latency(&simulation->models[0], 0, expected_ms[running]);
        bt_simulation_close(&simulation);
    }
}

/* On one device runs never come together, however much they would slow each other. A run after the other model's takes
 * longer; one after its own model's does not. */
static void models_that_take_turns_pay_for_the_change(void **state) {
    (void)state;
    static const int64_t first_ns[] = {MS(0), MS(1), MS(30)}, second_ns[] = {MS(2)};
    open_both(&(bt_neighbour){.model = 1, .slowdown = 5, .beside = 1, .switch_ms = 3},
              &(bt_neighbour){.model = 0, .slowdown = 5, .beside = 1, .switch_ms = 1});
    send_at(&one, first_ns, 3);
    send_at(&other, second_ns, 1);
    bt_simulation *simulation = both(true);
    assert_latency(&simulation->models[0], 0, 10);
    assert_latency(&simulation->models[0], 1, 19);
    assert_latency(&simulation->models[1], 0, 29);
    assert_latency(&simulation->models[0], 2, 14);
    bt_simulation_close(&simulation);
}

/* The caches are as cold after a pause as after another's run: that is paid once. */
static void a_pause_and_a_change_cost_no_more_than_the_dearer(void **state) {
    (void)state;
    static const int64_t first_ns[] = {MS(100)}, second_ns[] = {MS(0)};
    static const double gap_ms[] = {0, 20}, extra_ms[] = {0, 2};
    open_both(&(bt_neighbour){.model = 1, .slowdown = 1, .beside = 1, .switch_ms = 3}, NULL);
    one.model.idle = (bt_idle_cost){gap_ms, extra_ms, 2};
    send_at(&one, first_ns, 1);
    send_at(&other, second_ns, 1);
    bt_simulation *simulation = both(true);
    assert_latency(&simulation->models[0], 0, 13);
    bt_simulation_close(&simulation);
}

/* What is not known of neighbours changes nothing, and a neighbour that slows nothing neither. */
static void neighbours_that_slow_nothing_leave_every_request_as_it_was(void **state) {
    (void)state;
    int64_t *arrivals_ns = simulated_poisson(3, 80, 2000);
    double *before_ms = malloc(2000 * sizeof *before_ms);
    assert_non_null(before_ms);
    for (int known = 0; known < 2; known++) {
        const bt_neighbour of_one = {.model = 1, .slowdown = 1, .beside = 1};
        open_both(known ? &of_one : NULL, NULL);
        send_at(&one, arrivals_ns, 2000);
        send_at(&other, arrivals_ns, 2000);
        bt_simulation *simulation = both(false);
        if (!known) memcpy(before_ms, simulation->models[0].latency_ms, 2000 * sizeof *before_ms);
        assert_memory_equal(simulation->models[0].latency_ms, before_ms, 2000 * sizeof *before_ms);
        bt_simulation_close(&simulation);
    }
    free(before_ms);
    free(arrivals_ns);
}

static void wrong_neighbours_are_refused(void **state) {
    (void)state;
    static const bt_neighbour wrong[] = {
        {.model = 0, .slowdown = 1, .beside = 1},
        {.model = 2, .slowdown = 1, .beside = 1},
        {.model = -1, .slowdown = 1, .beside = 1},
        {.model = 1, .slowdown = 0, .beside = 1},
        {.model = 1, .slowdown = NAN, .beside = 1},
        {.model = 1, .slowdown = 1001, .beside = 1},
        {.model = 1, .slowdown = 1, .beside = 0},
        {.model = 1, .slowdown = 1, .beside = 1, .switch_ms = -1},
        {.model = 1, .slowdown = 1, .beside = 1, .switch_ms = NAN},
    };
    for (int i = 0; i < COUNT(wrong); i++) {
        bt_simulation *simulation;
        bt_error error = {BT_OK, ""};
        open_both(&wrong[i], NULL);
        const bt_simulation_options options = {.models = (bt_simulation_model[]){one.model, other.model},
                                               .model_count = 2,
                                               .instances = (bt_batcher_instance[]){{0, 0}, {1, 1}},
                                               .instance_count = 2};
        assert_int_equal(bt_simulate(&simulation, &options, &error), BT_INVALID);
        assert_null(simulation);
        assert_non_null(strstr(error.message, "slows it"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_goes_on_slower_while_the_neighbour_runs),
        cmocka_unit_test(always_busy_neighbours_serve_at_their_rates_over_their_slowdowns),
        cmocka_unit_test(slowdowns_are_each_models_own),
        cmocka_unit_test(fewer_at_a_time_slow_in_proportion),
        cmocka_unit_test(models_that_take_turns_pay_for_the_change),
        cmocka_unit_test(a_pause_and_a_change_cost_no_more_than_the_dearer),
        cmocka_unit_test(neighbours_that_slow_nothing_leave_every_request_as_it_was),
        cmocka_unit_test(wrong_neighbours_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
