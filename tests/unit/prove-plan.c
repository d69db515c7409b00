/* The plan of a load test: which scenarios, at what rates, from what seeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "prove/looks.h"
#include "prove/plan.h"

static bt_plan plan; /* large */

static bt_load_settings settings_of(const char *scenarios) {
    bt_load_settings settings = {.seed = 1, .rate = "auto"};
    char names[256];
    snprintf(names, sizeof names, "%s", scenarios);
    for (char *name = strtok(names, ","); name; name = strtok(NULL, ","))
        snprintf(settings.scenarios.names[settings.scenarios.count++], BT_NAME_SIZE, "%s", name);
    return settings;
}

static const bt_plan_model two[] = {
    {.name = "hrnet",
     .batch_size = 4,
     .instances = 1,
     .batch_ns = 200 * BT_NS_PER_MS,
     .recommended_rps = 9,
     .throughput_rps = 20,
     .largest_spike = 10},
    {.name = "cbam_resunet",
     .batch_size = 2,
     .instances = 2,
     .batch_ns = 300 * BT_NS_PER_MS,
     .recommended_rps = NAN,
     .throughput_rps = 6,
     .largest_spike = 2},
};

static void make(const bt_load_settings *settings, int models) {
    bt_error error = {BT_OK, ""};
    if (bt_plan_make(&plan, settings, two, models, false, &error) != BT_OK) fail_msg("%s", error.message);
}

static void refused(bt_load_settings settings, const char *says) {
    bt_error error = {BT_OK, ""};
    assert_int_equal(bt_plan_make(&plan, &settings, two, 1, false, &error), BT_INVALID);
    if (!strstr(error.message, says)) fail_msg("'%s' does not say '%s'", error.message, says);
}

static void scenarios_come_in_the_order_asked_for(void **state) {
    (void)state;
    static const char *const expected[] = {"sustained", "sustained",     "single", "single",
                                           "burst",     "largest-burst", "burst",  "mixed"};
    bt_load_settings settings = settings_of("sustained,single,burst,mixed");
    make(&settings, 2);
    assert_int_equal(plan.scenario_count, 8);
    for (int i = 0; i < 8; i++)
        assert_string_equal(plan.scenarios[i].name, expected[i]);
    assert_int_equal(plan.scenarios[1].parts[0].model, 1);
    assert_int_equal(plan.scenarios[7].part_count, 2);
    assert_false(plan.scenarios[5].judged);
}

static void two_models_take_about_three_minutes(void **state) {
    (void)state;
    bt_load_settings settings = settings_of("single,burst,sustained,mixed");
    snprintf(settings.rate, sizeof settings.rate, "9");
    make(&settings, 2);
    assert_in_range(plan.duration_ns, 120 * BT_NS_PER_S, 180 * BT_NS_PER_S);
}

static void a_slow_model_is_tested_until_a_first_look_can_decide(void **state) {
    (void)state;
    bt_load_settings settings = settings_of("sustained");
    make(&settings, 2);
    assert_int_equal(plan.scenarios[0].duration_ns, 30 * BT_NS_PER_S); /* at 9/s that is enough */
    const bt_plan_scenario *slow = &plan.scenarios[1];                 /* at 3/s it is not */
    assert_true(slow->duration_ns > 30 * BT_NS_PER_S);
    assert_true(slow->requests >= bt_looks_fewest(slow->lengthen));
    assert_int_equal(slow->parts[0].schedule.duration_ns, slow->duration_ns);
    assert_float_equal(slow->least_s, 59 / 3.0, 1e-9);
    snprintf(settings.rate, sizeof settings.rate, "0.1");
    make(&settings, 1);
    assert_int_equal(plan.scenarios[0].duration_ns, 120 * BT_NS_PER_S); /* within bounds */
}

/* What somebody asks for is what he gets, and he is told what it is worth. */
static void a_duration_that_was_given_stands(void **state) {
    (void)state;
    bt_load_settings settings = settings_of("single,sustained,soak");
    settings.duration_ns = BT_NS_PER_S;
    make(&settings, 1);
    for (int i = 0; i < plan.scenario_count; i++) {
        assert_int_equal(plan.scenarios[i].duration_ns, BT_NS_PER_S);
        assert_int_equal(plan.scenarios[i].lengthen, 1);
    }
    assert_float_equal(plan.scenarios[1].requests, 9, 1e-9);
    assert_true(plan.scenarios[1].least_s > 6);
    settings.lengthen = 4;
    make(&settings, 1);
    assert_int_equal(plan.scenarios[1].lengthen, 4);
    assert_int_equal(plan.scenarios[2].lengthen, 1); /* a soak is long enough */
}

/* It makes its runs itself, each model's by itself, from where the plan says that it begins. */
static void a_capacity_is_searched_for_by_each_model(void **state) {
    (void)state;
    bt_load_settings settings = settings_of("capacity");
    settings.arrivals = BT_ARRIVALS_GAMMA;
    make(&settings, 2);
    assert_int_equal(plan.scenario_count, 2);
    for (int i = 0; i < 2; i++) {
        const bt_plan_scenario *scenario = &plan.scenarios[i];
        assert_true(scenario->searches && scenario->judged && scenario->lengthen == 1);
        assert_int_equal(scenario->part_count, 1);
        assert_int_equal(scenario->parts[0].model, i);
        assert_int_equal(scenario->parts[0].schedule.shape, BT_SHAPE_GAMMA);
    }
    assert_float_equal(plan.scenarios[0].parts[0].schedule.rate_rps, 9, 1e-9);
    assert_float_equal(plan.scenarios[1].parts[0].schedule.rate_rps, 3, 1e-9);
    assert_int_equal(plan.duration_ns, plan.scenarios[0].duration_ns + plan.scenarios[1].duration_ns);
    const int64_t usual_ns = plan.duration_ns;
    settings.duration_ns = BT_NS_PER_S; /* of each run */
    make(&settings, 2);
    assert_in_range(plan.duration_ns, 2 * BT_NS_PER_S, usual_ns);
    settings.arrivals = BT_ARRIVALS_RAMP;
    refused(settings, "a capacity is of an even rate");
    settings.arrivals = BT_ARRIVALS_POISSON;
    snprintf(settings.trace, sizeof settings.trace, "trace.txt");
    refused(settings, "a capacity is of an even rate");
    settings.trace[0] = '\0';
    snprintf(settings.rate, sizeof settings.rate, "1e-9"); /* a request in thirty years */
    refused(settings, "--rate: ");
}

static void going_on_adds_up_to_the_looks_lengths(void **state) {
    (void)state;
    bt_load_settings settings = settings_of("sustained");
    make(&settings, 1);
    const bt_plan_scenario *scenario = &plan.scenarios[0];
    int64_t sent_ns = 0;
    uint64_t seed = 0;
    for (int look = 0; look < bt_looks_count(scenario->lengthen); look++) {
        bt_plan_scenario segment = bt_plan_segment(scenario, look);
        assert_int_equal(segment.parts[0].schedule.duration_ns, segment.duration_ns);
        assert_true(segment.parts[0].schedule.seed != seed); /* arrivals of its own */
        seed = segment.parts[0].schedule.seed;
        sent_ns += segment.duration_ns;
        assert_int_equal(sent_ns, bt_looks_at(look, scenario->lengthen).lengths * scenario->duration_ns);
    }
}

static void rates_are_the_recommended_ones_and_shared_when_mixed(void **state) {
    (void)state;
    bt_load_settings settings = settings_of("sustained,mixed");
    make(&settings, 2);
    assert_float_equal(plan.scenarios[0].parts[0].schedule.rate_rps, 9, 1e-9);
    assert_float_equal(plan.scenarios[1].parts[0].schedule.rate_rps, 3,
                       1e-9); /* unknown: half the throughput */
    assert_float_equal(plan.scenarios[2].parts[0].schedule.rate_rps, 4.5, 1e-9);
    assert_float_equal(plan.scenarios[2].parts[1].schedule.rate_rps, 1.5, 1e-9);
    snprintf(settings.rate, sizeof settings.rate, "12.5");
    make(&settings, 2);
    for (int i = 0; i < 3; i++)
        assert_float_equal(plan.scenarios[i].parts[0].schedule.rate_rps, 12.5, 1e-9);
}

/* An even rate's, in place of which they come: bursts and the closed loop stay as they are. */
static void gamma_arrivals_are_those_of_the_steady_scenarios(void **state) {
    (void)state;
    bt_load_settings settings = settings_of("single,burst,sustained,mixed,soak");
    settings.arrivals = BT_ARRIVALS_GAMMA;
    make(&settings, 2);
    for (int i = 0; i < plan.scenario_count; i++) {
        const bt_plan_scenario *scenario = &plan.scenarios[i];
        const bt_plan_part *last = &scenario->parts[scenario->part_count - 1];
        if (strstr("sustained mixed soak", scenario->name)) {
            assert_int_equal(last->schedule.shape, BT_SHAPE_GAMMA);
            assert_float_equal(last->schedule.burstiness, 2, 1e-9);
        } else {
            assert_true(last->clients > 0 || last->schedule.shape == BT_SHAPE_BURST);
        }
    }
    settings = settings_of("sustained");
    settings.arrivals = BT_ARRIVALS_GAMMA;
    settings.burstiness = 3.5;
    make(&settings, 1);
    assert_float_equal(plan.scenarios[0].parts[0].schedule.burstiness, 3.5, 1e-9);
    assert_float_equal(plan.scenarios[0].parts[0].schedule.rate_rps, 9, 1e-9); /* auto, as with Poisson */
    assert_float_equal(bt_plan_asked_rps(&plan.scenarios[0].parts[0]), 9, 1e-9);
}

/* How many arrive scatters by so many times as much. */
static void burstier_arrivals_are_given_longer_for_a_first_look(void **state) {
    (void)state;
    bt_load_settings settings = settings_of("sustained");
    double requests[3];
    for (int i = 0; i < 3; i++) {
        settings.arrivals = i == 0 ? BT_ARRIVALS_POISSON : BT_ARRIVALS_GAMMA;
        settings.burstiness = i;
        snprintf(settings.rate, sizeof settings.rate, "2");
        make(&settings, 1);
        requests[i] = plan.scenarios[0].requests;
    }
    assert_float_equal(requests[1], requests[0], 1e-9);
    assert_true(requests[2] > 1.2 * requests[0]);
}

static void a_ramp_ends_at_the_rate_and_is_repeated_when_it_goes_on(void **state) {
    (void)state;
    bt_load_settings settings = settings_of("sustained");
    settings.arrivals = BT_ARRIVALS_RAMP;
    make(&settings, 1);
    const bt_plan_scenario *scenario = &plan.scenarios[0];
    const bt_schedule_options *ramp = &scenario->parts[0].schedule;
    assert_int_equal(ramp->shape, BT_SHAPE_RAMP);
    assert_float_equal(ramp->rate_rps, 1.8, 1e-9);
    assert_float_equal(ramp->end_rate_rps, 9, 1e-9);
    assert_float_equal(bt_plan_asked_rps(&scenario->parts[0]), 9, 1e-9);
    assert_float_equal(scenario->requests, 5.4 * (double)scenario->duration_ns / 1e9, 1e-6);
    for (int look = 0; look < bt_looks_count(scenario->lengthen); look++) {
        bt_plan_scenario segment = bt_plan_segment(scenario, look);
        assert_int_equal(segment.parts[0].schedule.ramp_ns, scenario->duration_ns);
        assert_int_equal(segment.duration_ns % scenario->duration_ns, 0); /* whole ramps */
    }
    settings.ramp_from = 0.5;
    make(&settings, 1);
    assert_float_equal(plan.scenarios[0].parts[0].schedule.rate_rps, 4.5, 1e-9);
}

static void spikes_leave_time_to_be_served(void **state) {
    (void)state;
    bt_load_settings settings = settings_of("burst");
    make(&settings, 2);
    const bt_schedule_options *burst = &plan.scenarios[0].parts[0].schedule;
    const bt_schedule_options *largest = &plan.scenarios[1].parts[0].schedule;
    assert_int_equal(burst->shape, BT_SHAPE_BURST);
    assert_int_equal(burst->burst_size, 4);
    assert_in_range(burst->burst_interval_ns, 200 * BT_NS_PER_MS, 400 * BT_NS_PER_MS);
    assert_int_equal(largest->burst_size, 10);
    assert_in_range(largest->burst_interval_ns, 600 * BT_NS_PER_MS, 1200 * BT_NS_PER_MS); /* three batches */
    settings.burst_size = 16;
    make(&settings, 1);
    assert_int_equal(plan.scenario_count, 1); /* the largest spike is not larger */
    assert_int_equal(plan.scenarios[0].parts[0].schedule.burst_size, 16);
}

/* A change of what is asked for leaves the other scenarios' loads as they were. */
static void seeds_follow_the_scenario_and_the_model(void **state) {
    (void)state;
    bt_load_settings all = settings_of("single,burst,sustained,mixed"), one = settings_of("sustained");
    make(&one, 2);
    uint64_t first = plan.scenarios[0].parts[0].schedule.seed,
             second = plan.scenarios[1].parts[0].schedule.seed;
    assert_true(first != second);
    make(&all, 2);
    for (int i = 0; i < plan.scenario_count; i++)
        if (strcmp(plan.scenarios[i].name, "sustained") == 0)
            assert_true(plan.scenarios[i].parts[0].schedule.seed ==
                        (plan.scenarios[i].parts[0].model == 0 ? first : second));
    one.seed = 2;
    make(&one, 2);
    assert_true(plan.scenarios[0].parts[0].schedule.seed != first);
}

static void wrong_settings_are_named(void **state) {
    (void)state;
    refused(settings_of("single,stress"), "\"stress\" is none of single");
    refused(settings_of("single,single"), "twice");
    refused(settings_of("mixed"), "two models");
    bt_load_settings settings = settings_of("sustained");
    snprintf(settings.rate, sizeof settings.rate, "fast");
    refused(settings, "--rate: \"fast\"");
    snprintf(settings.rate, sizeof settings.rate, "-3");
    refused(settings, "--rate");
    snprintf(settings.rate, sizeof settings.rate, "inf");
    refused(settings, "--rate");
    settings = settings_of("sustained");
    settings.burstiness = 3;
    refused(settings, "--burstiness is for --arrivals gamma");
    settings.arrivals = BT_ARRIVALS_RAMP;
    refused(settings, "--burstiness is for --arrivals gamma");
    settings.burstiness = 0;
    snprintf(settings.trace, sizeof settings.trace, "trace.txt");
    refused(settings, "--arrivals: a --trace has");
    settings = settings_of("sustained");
    settings.ramp_from = 0.5;
    refused(settings, "--ramp-from is for --arrivals ramp");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scenarios_come_in_the_order_asked_for),
        cmocka_unit_test(two_models_take_about_three_minutes),
        cmocka_unit_test(a_slow_model_is_tested_until_a_first_look_can_decide),
        cmocka_unit_test(a_duration_that_was_given_stands),
        cmocka_unit_test(going_on_adds_up_to_the_looks_lengths),
        cmocka_unit_test(rates_are_the_recommended_ones_and_shared_when_mixed),
        cmocka_unit_test(gamma_arrivals_are_those_of_the_steady_scenarios),
        cmocka_unit_test(burstier_arrivals_are_given_longer_for_a_first_look),
        cmocka_unit_test(a_ramp_ends_at_the_rate_and_is_repeated_when_it_goes_on),
        cmocka_unit_test(spikes_leave_time_to_be_served),
        cmocka_unit_test(seeds_follow_the_scenario_and_the_model),
        cmocka_unit_test(a_capacity_is_searched_for_by_each_model),
        cmocka_unit_test(wrong_settings_are_named),
    };
    return cmocka_run_group_tests_name("prove-plan", tests, NULL, NULL);
}
