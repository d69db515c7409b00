/* A load of several models at once is predicted with what each costs the others, as the config has it from tuning; a
 * config of before has them change each other's waiting only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "prove/predict.h"

/* Batches of one take 10 ms. */
static double times_ms[] = {10, 10};
static bt_config_point point = {
    .batch_size = 1, .outcome = BT_OUTCOME_MEASURED, .service_ms_quantiles = times_ms, .quantile_count = 2};
static bt_config_model entries[2];

static void open_entries(void) {
    static const char *const names[] = {"hrnet", "cbam_resunet"};
    for (int i = 0; i < 2; i++) {
        entries[i] = (bt_config_model){.optimal_batch_size = 1, .points = &point, .point_count = 1};
        strcpy(entries[i].name, names[i]);
        entries[i].settings.max_queue_size = 100;
    }
}

static void add_neighbour(int model, int other, int beside, double slowdown, double switch_ms) {
    bt_neighbour_cost *cost = &entries[model].neighbours[entries[model].neighbour_count++];
    *cost = bt_neighbour_cost_of(entries[other].name);
    cost->beside = beside;
    cost->slowdown = slowdown;
    cost->switch_ms = switch_ms;
}

/* One client of each model in a closed loop, in this order of the scenario's parts. */
static void predict(bt_prediction out[2], const int order[2], bool one_device) {
    bt_error error = {BT_OK, ""};
    bt_predict_model models[2];
    bt_tuned_model tuned;
    static bt_plan_scenario scenario;
    scenario = (bt_plan_scenario){.part_count = 2};
    for (int i = 0; i < 2; i++) {
        if (bt_tuned_model_open(&tuned, &entries[i], 1, &error)) fail_msg("%s", error.message);
        models[i] = (bt_predict_model){.config = &entries[i], .batcher = tuned.batcher};
        bt_tuned_model_close(&tuned);
        scenario.parts[i].model = order[i];
        scenario.parts[i].clients = 1;
    }
    const bt_batcher_instance instances[] = {{0, 0}, {1, one_device ? 0 : 1}};
    const bt_predict_options options = {
        .models = models, .model_count = 2, .instances = instances, .instance_count = 2, .seed = 1};
    if (bt_predict(out, &options, &scenario, NULL, &error)) fail_msg("%s", error.message);
}

static void assert_near(double value, double expected) {
    if (!(fabs(value - expected) < 1e-3)) fail_msg("%g is not %g", value, expected);
}

static void runs_side_by_side_are_predicted_slower(void **state) {
    (void)state;
    bt_prediction got[2];
    open_entries();
    add_neighbour(0, 1, 1, 1.5, NAN);
    add_neighbour(1, 0, 1, 1.5, NAN);
    predict(got, (int[]){0, 1}, false);
    for (int part = 0; part < 2; part++) {
        assert_near(got[part].throughput_rps, 100 / 1.5);
        assert_near(got[part].p95_ms, 15);
    }
}

/* The parts of a scenario may come in any order, and each model is slowed by what it measured itself. */
static void each_part_has_its_own_models_slowdown(void **state) {
    (void)state;
    bt_prediction got[2];
    open_entries();
    add_neighbour(0, 1, 1, 2, NAN);
    predict(got, (int[]){1, 0}, false);
    assert_near(got[0].p95_ms, 10);
    assert_near(got[1].p95_ms, 20);
}

static void turns_are_predicted_with_what_a_change_costs(void **state) {
    (void)state;
    bt_prediction got[2];
    open_entries();
    add_neighbour(0, 1, 0, NAN, 4);
    add_neighbour(1, 0, 0, NAN, 0);
    predict(got, (int[]){0, 1}, true);
    for (int part = 0; part < 2; part++)
        assert_near(got[part].p50_ms, 10 + 4 + 10);
}

static void an_entry_of_before_predicts_as_before(void **state) {
    (void)state;
    bt_prediction got[2];
    open_entries();
    predict(got, (int[]){0, 1}, false);
    for (int part = 0; part < 2; part++)
        assert_near(got[part].p95_ms, 10);
    predict(got, (int[]){0, 1}, true);
    for (int part = 0; part < 2; part++)
        assert_near(got[part].p50_ms, 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_side_by_side_are_predicted_slower),
        cmocka_unit_test(each_part_has_its_own_models_slowdown),
        cmocka_unit_test(turns_are_predicted_with_what_a_change_costs),
        cmocka_unit_test(an_entry_of_before_predicts_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
