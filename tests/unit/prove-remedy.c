/* A setting is proposed only where the simulator knows the cause: it breaks the promise at these settings,
 * and keeps it at others. What failed underneath is told as that. */
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
#include "expect.h"
#include "prove/failures.h"
#include "prove/judge.h"
#include "prove/predict.h"
#include "simulate/tuned-model.h"

static void is_silent_of(const char *text, const char *phrase) {
    if (strstr(text, phrase)) fail_msg("'%s' says '%s'", text, phrase);
}

/* ---- what the simulator says would help ---- */

/* Batches of one take 10 ms, of two 12, of four 16. */
static double times_ms[3][2] = {{10, 10}, {12, 12}, {16, 16}};
static bt_config_point points[3];
static bt_config_model entry;

static const char *remedy_of(bt_schedule_options load, double queue_delay_ms, double sla_ms) {
    static char remedy[BT_TEXT_SIZE];
    bt_error error = {BT_OK, ""};
    bt_tuned_model tuned;
    bt_schedule schedule;
    for (int i = 0; i < 3; i++)
        points[i] = (bt_config_point){.batch_size = 1 << i,
                                      .outcome = BT_OUTCOME_MEASURED,
                                      .p50_ms = times_ms[i][0],
                                      .p95_ms = times_ms[i][0],
                                      .service_ms_quantiles = times_ms[i],
                                      .quantile_count = 2};
    entry = (bt_config_model){.name = "model", .optimal_batch_size = 4, .points = points, .point_count = 3};
    if (bt_tuned_model_open(&tuned, &entry, 4, &error)) fail_msg("%s", error.message);
    tuned.batcher.max_queue_delay_ns = (int64_t)(queue_delay_ms * BT_NS_PER_MS);
    tuned.batcher.max_queue_size = 100;
    const bt_predict_model model = {.config = &entry, .batcher = tuned.batcher};
    const bt_batcher_instance instance = {0};
    const bt_predict_options options = {
        .models = &model, .model_count = 1, .instances = &instance, .instance_count = 1, .seed = 1};
    static bt_plan_scenario scenario;
    scenario = (bt_plan_scenario){.duration_ns = 10 * BT_NS_PER_S, .part_count = 1};
    load.duration_ns = scenario.duration_ns;
    load.seed = 1;
    scenario.parts[0].schedule = load;
    if (bt_schedule_open(&schedule, &scenario.parts[0].schedule, &error) ||
        bt_predict_remedy(remedy, sizeof remedy, &options, &scenario, &schedule, 0, sla_ms, &error))
        fail_msg("%s", error.message);
    bt_schedule_close(&schedule);
    bt_tuned_model_close(&tuned);
    return remedy;
}

static const char *remedy_at(double rate_rps, double queue_delay_ms, double sla_ms) {
    return remedy_of((bt_schedule_options){.rate_rps = rate_rps}, queue_delay_ms, sla_ms);
}

/* Others were proposed, too, until b02af75. */
static void a_setting_is_proposed_only_where_the_present_ones_break_the_simulation(void **state) {
    (void)state;
    says(remedy_at(20, 100, 50), "try --max-queue-delay-ms 5 (predicted P95");
    assert_string_equal(remedy_at(20, 100, 500),
                        ""); /* a shorter delay would keep it as well: kept already */
    says(remedy_at(600, 5, 200), "try --rate");
    assert_string_equal(remedy_at(20, 5, 200), "");
    assert_string_equal(remedy_at(20, 5, 5), ""); /* nothing helps */
}

/* A share of what --rate was, which of a ramp is its end. */
static void a_lower_rate_is_proposed_for_bursty_arrivals_and_ramps_too(void **state) {
    (void)state;
    double rate_rps = 0;
    const char *remedy =
        remedy_of((bt_schedule_options){.shape = BT_SHAPE_GAMMA, .rate_rps = 600, .burstiness = 2}, 5, 200);
    says(remedy, "try --rate");
    remedy = remedy_of((bt_schedule_options){.shape = BT_SHAPE_RAMP, .rate_rps = 240, .end_rate_rps = 600}, 5,
                       200);
    assert_int_equal(sscanf(remedy, "try --rate %lf", &rate_rps), 1);
    if (rate_rps != 360 && rate_rps != 240) fail_msg("%g is no share of the end", rate_rps);
    const bt_schedule_options burst = {
        .shape = BT_SHAPE_BURST, .burst_size = 90, .burst_interval_ns = BT_NS_PER_S / 10};
    assert_string_equal(remedy_of(burst, 5, 200), ""); /* on which --rate has no say */
}

/* ---- failures in words ---- */

static const char *words_of(bt_failures f, bool failover, int64_t fallback, int64_t failed) {
    static char words[BT_FAILURES_WORDS_SIZE];
    bt_failures_words(&f, failover, fallback, failed, words);
    return words;
}

static void failures_name_instance_error_and_failover(void **state) {
    (void)state;
    char words[BT_FAILURES_WORDS_SIZE] = "x";
    bt_failures_words(NULL, true, 9, 9, words);
    assert_string_equal(words, "");
    assert_string_equal(words_of((bt_failures){0}, true, 9, 9), "");
    assert_string_equal(
        words_of((bt_failures){.exceptions = 37, .production_last = "instance 1 (cuda:1): out of paper"},
                 false, 0, 37),
        "37 runs failed, the last on instance 1 (cuda:1): out of paper; failover is off");
    assert_string_equal(
        words_of((bt_failures){.exceptions = 1, .production_last = "instance 0 (cpu): no"}, true, 4, 0),
        "1 run failed, the last on instance 0 (cpu): no; the standard path served 4 requests instead");
    assert_string_equal(
        words_of((bt_failures){.non_finite = 2, .out_of_memory = 1, .timeouts = 3}, true, 1, 0),
        "2 runs gave NaN or infinity, 1 run ran out of the device's memory, 3 runs took longer "
        "than the watchdog lets them; the standard path served 1 request instead");
    assert_string_equal(
        words_of((bt_failures){.exceptions = 2,
                               .standard = 2,
                               .production_last = "instance 0 (cpu): a",
                               .standard_last = "instance 0 (cpu): b"},
                 true, 0, 2),
        "2 runs failed, the last on instance 0 (cpu): a; 2 runs on the standard path failed, the "
        "last on instance 0 (cpu): b");
}

/* A breaker that opened, or an instance that hangs, is felt by requests of which no run failed. */
static void what_failed_before_counts_where_it_is_still_felt(void **state) {
    (void)state;
    const bt_failures before = {.earlier = 3, .production_last = "instance 0 (cpu): a"};
    assert_string_equal(words_of(before, true, 0, 0), "");
    assert_string_equal(words_of(before, true, 50, 0),
                        "3 runs failed before, the last on instance 0 (cpu): a; the "
                        "standard path served 50 requests instead");
    says(words_of((bt_failures){.earlier = 1, .earlier_timeouts = 1}, false, 0, 80),
         "longer than the watchdog lets");
    bt_failures sum = {0};
    bt_failures_add(&sum, &before);
    bt_failures_add(&sum,
                    &(bt_failures){.exceptions = 2, .earlier = 9, .production_last = "instance 0 (cpu): b"});
    bt_failures_add(&sum, &(bt_failures){.exceptions = 1, .earlier = 11});
    assert_int_equal(sum.earlier, 3);
    assert_string_equal(words_of(sum, true, 0, 0), "3 runs failed, the last on instance 0 (cpu): b");
}

/* ---- causes and remedies ---- */

static const bt_judge_facts facts = {.p95_sla_ms = 100,
                                     .max_queue_delay_ms = 5,
                                     .batch_size = 4,
                                     .lone_p95_ms = 10,
                                     .batch_p95_ms = 20,
                                     .failover = true,
                                     .simulated = true,
                                     .simulated_p95_ms = 30};

static bt_load_part late_part(void) {
    bt_load_part part = {
        .sent = 200, .ok = 200, .service_mean_ms = 50, .service_p95_ms = 21, .queue_mean_ms = 10};
    part.latency = (bt_load_latency){.mean_ms = 60, .p95_ms = 150, .p95_lower_ms = 140, .p95_upper_ms = 160};
    return part;
}

static bt_load_part judged(bt_load_part part, bt_judge_facts about, const char *disturbed) {
    bt_load_scenario scenario = {.judged = true, .parts = &part, .part_count = 1};
    snprintf(scenario.disturbed, sizeof scenario.disturbed, "%s", disturbed);
    bt_judge_part(&part, &scenario, &about);
    bt_judge_remedy(&part, &scenario, &about);
    return part;
}

/* None of the flags that change how the service or the load is set. */
static void proposes_no_setting(const bt_load_part *part) {
    static const char *const settings[] = {"--rate",       "--max-queue", "--batch-size", "--instances",
                                           "--p95-sla-ms", "--timeout",   "--duration"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        is_silent_of(part->remedy, settings[i]);
}

static void losses_by_the_backend_are_told_as_that(void **state) {
    (void)state;
    bt_load_part part = late_part();
    bt_judge_facts about = facts;
    const bt_failures failures = {.exceptions = 20, .production_last = "instance 0 (cuda:0): CUDA error 700"};
    about.failures = &failures;
    about.failover = false;
    part.ok = 163;
    part.failed = 37;
    bt_load_part told = judged(part, about, "");
    assert_int_equal(told.verdict, BT_LOAD_BROKEN);
    says(told.cause,
         "37 of 200 requests got no result: 37 failed; 20 runs failed, the last on instance 0 (cuda:0): "
         "CUDA error 700; failover is off");
    says(told.remedy, "failover on");
    says(told.remedy, "log.txt");
    proposes_no_setting(&told);
    about.failover = true;
    told = judged(part, about, "");
    says(told.remedy, "both paths fail");
    proposes_no_setting(&told);
    told = judged(part, about, "other programs used the cores"); /* which makes no run fail */
    assert_int_equal(told.verdict, BT_LOAD_NOT_SHOWN);
    says(told.cause,
         "other programs used the cores; 37 of 200 requests got no result: 37 failed; 20 runs failed");
    says(told.remedy, "both paths fail");
    const bt_failures memory = {.out_of_memory = 20};
    about.failures = &memory;
    says(judged(part, about, "").remedy, "--memory-reserve-percent");
    part.failed = 0;
    part.lost = 37;
    about.failures = NULL;
    told = judged(part, about, "");
    says(told.remedy, "does not come back");
    proposes_no_setting(&told);
}

static void late_requests_of_the_standard_path_are_no_settings_affair(void **state) {
    (void)state;
    bt_load_part part = late_part();
    bt_judge_facts about = facts;
    const bt_failures failures = {.non_finite = 9};
    about.failures = &failures;
    part.fallback = 9;
    bt_load_part told = judged(part, about, "");
    says(told.cause, "9 runs gave NaN or infinity; the standard path served 9 requests instead");
    says(told.remedy, "first mend what makes runs fail");
    says(told.remedy, "keeps the SLA at these settings (P95 30.0 ms)");
    proposes_no_setting(&told);
}

static void late_requests_that_the_simulator_does_not_know_are_no_settings_affair(void **state) {
    (void)state;
    bt_load_part part = late_part(), told = judged(part, facts, "");
    says(told.remedy, "the simulation keeps the SLA at these settings (P95 30.0 ms), so none is proposed");
    says(told.remedy, "when the queue grew");
    proposes_no_setting(&told);
    part.service_p95_ms = 90;
    told = judged(part, facts, "");
    says(told.remedy, "runs took 90.0 ms at P95 where the config says 20.0");
    says(told.remedy, "tune again");
    proposes_no_setting(&told);
    bt_judge_facts about = facts;
    about.failing_neighbour = "HRNet";
    says(judged(part, about, "").remedy, "runs of HRNet failed meanwhile");
    part.ok = 150; /* as are losses, by deadlines that stalls made pass */
    part.expired = 50;
    told = judged(part, facts, "");
    says(told.remedy, "so none is proposed");
    proposes_no_setting(&told);
    about = facts;
    about.simulated = false;
    about.simulated_p95_ms = NAN;
    about.lone_p95_ms = about.batch_p95_ms = NAN;
    told = judged(part, about, "");
    says(told.remedy, "tune it first");
    proposes_no_setting(&told);
}

static void what_the_simulator_breaks_too_gets_what_fits_the_loss(void **state) {
    (void)state;
    bt_load_part part = late_part();
    bt_judge_facts about = facts;
    about.simulated_p95_ms = 140;
    says(judged(part, about, "").remedy, "a lower --rate, more --instances, or a higher --p95-sla-ms");
    about.simulated_p95_ms = 30;
    about.simulated_lost = 12;
    part.ok = 180;
    part.rejected_full = 20;
    says(judged(part, about, "").remedy, "a larger --max-queue-size");
    part.rejected_full = 0;
    part.rejected_deadline = 20;
    bt_load_part told = judged(part, about, "");
    says(told.remedy, "a longer --timeout-ms");
    is_silent_of(told.remedy, "--max-queue-size");
}

static void a_late_generator_is_not_other_programs_doing(void **state) {
    (void)state;
    bt_load_part part = late_part();
    bt_load_scenario scenario = {.judged = true, .parts = &part, .part_count = 1, .generator_p99_us = 5000};
    bt_judge_scenario(&scenario, 100, 0.25);
    bt_judge_part(&part, &scenario, &facts);
    bt_judge_remedy(&part, &scenario, &facts);
    says(part.cause, "the load generator itself sent 5.00 ms late");
    says(part.remedy, "a core of its own");
    part = judged(late_part(), facts, "other programs used the cores");
    says(part.remedy, "close other programs");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_setting_is_proposed_only_where_the_present_ones_break_the_simulation),
        cmocka_unit_test(a_lower_rate_is_proposed_for_bursty_arrivals_and_ramps_too),
        cmocka_unit_test(failures_name_instance_error_and_failover),
        cmocka_unit_test(what_failed_before_counts_where_it_is_still_felt),
        cmocka_unit_test(losses_by_the_backend_are_told_as_that),
        cmocka_unit_test(late_requests_of_the_standard_path_are_no_settings_affair),
        cmocka_unit_test(late_requests_that_the_simulator_does_not_know_are_no_settings_affair),
        cmocka_unit_test(what_the_simulator_breaks_too_gets_what_fits_the_loss),
        cmocka_unit_test(a_late_generator_is_not_other_programs_doing),
    };
    return cmocka_run_group_tests_name("prove-remedy", tests, NULL, NULL);
}
