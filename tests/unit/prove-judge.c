/* Verdicts of a load test: as sure as the samples, and never a slow machine's fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "prove/judge.h"

static const bt_judge_facts facts = {
    .p95_sla_ms = 100, .max_queue_delay_ms = 5, .batch_size = 4, .lone_p95_ms = 40};

static bt_load_part part_of(double p95_ms, double lower_ms) {
    bt_load_part part = {.sent = 200, .ok = 200};
    part.latency =
        (bt_load_latency){.mean_ms = 60, .p95_ms = p95_ms, .p95_lower_ms = lower_ms, .p95_upper_ms = NAN};
    part.queue_mean_ms = 10;
    part.queue_p95_ms = 20;
    part.service_mean_ms = 50;
    part.service_p95_ms = 70;
    part.predicted_p95_ms = 80;
    return part;
}

static bt_load_part judged(bt_load_part part, const char *disturbed, bool generator_late) {
    bt_load_scenario scenario = {.judged = true, .parts = &part, .part_count = 1};
    snprintf(scenario.disturbed, sizeof scenario.disturbed, "%s", disturbed);
    bt_judge_part(&part, &scenario, &facts, generator_late);
    bt_judge_remedy(&part, &facts);
    return part;
}

static void says(const char *text, const char *phrase) {
    if (!strstr(text, phrase)) fail_msg("'%s' does not say '%s'", text, phrase);
}

static void met_where_p95_is_within_the_sla(void **state) {
    (void)state;
    bt_load_part part = judged(part_of(100, 90), "", false);
    assert_int_equal(part.verdict, BT_LOAD_MET);
    assert_string_equal(part.cause, "");
    assert_string_equal(part.remedy, "");
}

static void broken_only_beyond_the_bound(void **state) {
    (void)state;
    assert_int_equal(judged(part_of(110, 100.1), "", false).verdict, BT_LOAD_BROKEN);
    bt_load_part unsure = judged(part_of(110, 99.9), "", false);
    assert_int_equal(unsure.verdict, BT_LOAD_UNSURE);
    says(unsure.remedy, "--duration");
    assert_int_equal(judged(part_of(110, NAN), "", false).verdict, BT_LOAD_UNSURE);
}

static void a_lost_request_breaks_the_promise(void **state) {
    (void)state;
    bt_load_part part = part_of(50, 45);
    part.ok = 195;
    part.rejected_full = 3;
    part.lost = 2;
    part = judged(part, "", false);
    assert_int_equal(part.verdict, BT_LOAD_BROKEN);
    says(part.cause, "5 of 200 requests got no result: 3 refused by a full queue, 2 never answered");
}

static void nothing_sent_is_nothing_proved(void **state) {
    (void)state;
    bt_load_part part = {0};
    assert_int_equal(judged(part, "", false).verdict, BT_LOAD_NOT_RUN);
}

static void a_disturbed_machine_is_not_blamed_on_the_service(void **state) {
    (void)state;
    bt_load_part part = judged(part_of(150, 140), "other programs used the cores", false);
    assert_int_equal(part.verdict, BT_LOAD_UNTRUSTED);
    says(part.cause, "other programs");
    says(part.remedy, "close other programs");
    assert_int_equal(judged(part_of(80, 70), "other programs used the cores", false).verdict, BT_LOAD_MET);
}

static void a_late_generator_proves_nothing_either_way(void **state) {
    (void)state;
    bt_load_scenario scenario = {.judged = true, .generator_p99_us = 1001};
    assert_true(bt_judge_scenario(&scenario, 100, 0.25));
    says(scenario.disturbed, "generator");
    assert_int_equal(judged(part_of(80, 70), scenario.disturbed, true).verdict, BT_LOAD_UNTRUSTED);
    scenario.generator_p99_us = 999;
    assert_false(bt_judge_scenario(&scenario, 100, 0.25));
    assert_string_equal(scenario.disturbed, "");
    scenario.generator_p99_us = NAN; /* a closed loop has none */
    assert_false(bt_judge_scenario(&scenario, 100, 0.25));
}

static void others_at_work_are_seen_by_the_seconds(void **state) {
    (void)state;
    bt_load_bin bins[20] = {0};
    bt_load_part part = {.bins = bins, .bin_count = 20};
    bt_load_scenario scenario = {.judged = true, .parts = &part, .part_count = 1, .others_cores = 0.1};
    bins[0].others_cores = bins[1].others_cores = 1;
    bt_judge_scenario(&scenario, 100, 0.25);
    assert_string_equal(scenario.disturbed, ""); /* a tenth is let pass */
    bins[2].others_cores = 1;
    bt_judge_scenario(&scenario, 100, 0.25);
    says(scenario.disturbed, "15 % of its seconds");
    bt_judge_scenario(&scenario, 100, 1); /* as much was said to be all right */
    assert_string_equal(scenario.disturbed, "");
}

static void only_what_could_change_is_tried_again(void **state) {
    (void)state;
    bt_load_part parts[2] = {{.verdict = BT_LOAD_MET}, {.verdict = BT_LOAD_UNTRUSTED}};
    bt_load_scenario scenario = {.judged = true, .parts = parts, .part_count = 2, .disturbed = "by others"};
    assert_true(bt_judge_again(&scenario));
    parts[1].verdict = BT_LOAD_MET;
    assert_false(bt_judge_again(&scenario));
    parts[1].verdict = BT_LOAD_BROKEN;
    scenario.disturbed[0] = '\0';
    assert_false(bt_judge_again(&scenario));
}

static void the_cause_is_whose_the_time_is(void **state) {
    (void)state;
    bt_load_part part = part_of(150, 140);
    part.queue_mean_ms = 36.6;
    says(judged(part, "", false).cause, "queue wait is 61 % of the latency");
    part = part_of(150, 140);
    part.service_p95_ms = 120;
    says(judged(part, "", false).cause, "service time alone is 120.0 ms at P95 (batches of up to 4)");
    part.predicted_p95_ms = 130;
    says(judged(part, "", false).cause, "; predicted was 130.0 ms");
}

/* A record of two parts, judged as said. */
static int code_of(bt_load_verdict first, bt_load_verdict second, bool second_is_judged, char *advice) {
    bt_load_part a = {.verdict = first, .model = "hrnet"}, b = {.verdict = second, .model = "hrnet"};
    bt_load_scenario scenarios[2] = {
        {.title = "Burst Load", .judged = true, .parts = &a, .part_count = 1},
        {.title = "Largest Burst", .judged = second_is_judged, .parts = &b, .part_count = 1}};
    static bt_load_record record;
    memset(&record, 0, sizeof record);
    record.settings.service.p95_sla_ms = 100;
    record.scenarios = scenarios;
    record.scenario_count = 2;
    bt_judge_record(&record, false);
    if (advice) snprintf(advice, BT_TEXT_SIZE, "%s", record.advice);
    return record.verdict_code;
}

static void the_exit_code_is_the_worst_that_is_sure(void **state) {
    (void)state;
    char advice[BT_TEXT_SIZE];
    assert_int_equal(code_of(BT_LOAD_MET, BT_LOAD_MET, true, advice), 0);
    says(advice, "held in all 2 tests");
    assert_int_equal(code_of(BT_LOAD_UNTRUSTED, BT_LOAD_BROKEN, true, NULL), 3);
    assert_int_equal(code_of(BT_LOAD_MET, BT_LOAD_UNSURE, true, NULL), 4);
    assert_int_equal(code_of(BT_LOAD_UNTRUSTED, BT_LOAD_MET, true, NULL), 4);
    assert_int_equal(code_of(BT_LOAD_NOT_RUN, BT_LOAD_MET, true, NULL), 4);
    assert_int_equal(code_of(BT_LOAD_MET, BT_LOAD_BROKEN, false, NULL), 0); /* not judged */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(met_where_p95_is_within_the_sla),
        cmocka_unit_test(broken_only_beyond_the_bound),
        cmocka_unit_test(a_lost_request_breaks_the_promise),
        cmocka_unit_test(nothing_sent_is_nothing_proved),
        cmocka_unit_test(a_disturbed_machine_is_not_blamed_on_the_service),
        cmocka_unit_test(a_late_generator_proves_nothing_either_way),
        cmocka_unit_test(others_at_work_are_seen_by_the_seconds),
        cmocka_unit_test(only_what_could_change_is_tried_again),
        cmocka_unit_test(the_cause_is_whose_the_time_is),
        cmocka_unit_test(the_exit_code_is_the_worst_that_is_sure),
    };
    return cmocka_run_group_tests_name("prove-judge", tests, NULL, NULL);
}
