/* Records of tuning and of load tests as sides of a comparison. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "fixture-load-record.h"
#include "fixture-record.h"
#include "gate/collect.h"
#include "gate/compare.h"
#include "scratch.h"

static void must(bt_status status, const bt_error *error) {
    if (status) fail_msg("%s", error->message);
}

static void a_sweep_gives_a_metric_each_batch_size(void **state) {
    (void)state;
    bt_error error;
    bt_record *record = fixture_record();
    bt_gate_record *side;
    must(bt_gate_collect_sweep(&side, record, &error), &error);
    const bt_point *point = &record->models[0].points[0];
    const bt_gate_series *series = bt_gate_series_find(side, "hrnet/batch-1");
    assert_non_null(series);
    assert_string_equal(series->unit, "ms");
    assert_non_null(strstr(series->work, "px"));
    assert_int_equal(series->sample_count, point->sample_count);
    assert_memory_equal(series->samples, point->samples_ms, (size_t)point->sample_count * sizeof(double));
    for (int i = 0; i < record->models[0].point_count; i++) /* a size that never ran is no metric */
        if (record->models[0].points[i].sample_count == 0) {
            char name[64];
            snprintf(name, sizeof name, "hrnet/batch-%d", record->models[0].points[i].batch_size);
            assert_null(bt_gate_series_find(side, name));
        }
    for (int i = 0; i < record->models[0].point_count; i++) { /* what is served counts, the rest is minor */
        char name[64];
        snprintf(name, sizeof name, "hrnet/batch-%d", record->models[0].points[i].batch_size);
        series = bt_gate_series_find(side, name);
        if (series) assert_true(series->minor == (i != record->models[0].chosen));
    }

    assert_string_equal(side->machine.fingerprint, record->machine.fingerprint);
    assert_int_equal(side->promise_count, 2);
    bt_gate_record_close(&side);
    bt_record_close(&record);
}

static void a_load_test_gives_p50_p95_and_promises(void **state) {
    (void)state;
    bt_error error;
    bt_load_record *record = fixture_load_record();
    bt_gate_record *side;
    must(bt_gate_collect_load(&side, record, &error), &error);
    const bt_gate_series *p95 = bt_gate_series_find(side, "hrnet/sustained/p95");
    assert_non_null(p95);
    assert_true(p95->quantile == 0.95);
    assert_true(p95->sample_count <= 4000);
    assert_non_null(strstr(p95->work, "/s"));
    assert_true(bt_gate_series_find(side, "hrnet/sustained/p50")->quantile == 0.5);
    assert_null(bt_gate_series_find(side, "hrnet/largest-burst/p95")); /* judged nowhere, compared nowhere */
    bool broken = false;
    for (int i = 0; i < side->promise_count; i++)
        broken |= strcmp(side->promises[i].name, "hrnet/sustained") == 0 &&
                  strcmp(side->promises[i].word, "broken") == 0;
    assert_true(broken);
    bt_gate_record_close(&side);
    bt_load_record_close(&record);
}

/* The verdict of a sweep against itself with its times multiplied. */
static bt_gate_verdict *against_itself(double factor, bool breaks_sla, const char *cpu) {
    bt_error error;
    bt_gate_rules rules;
    bt_gate_verdict *verdict;
    bt_gate_record *before, *now;
    bt_record *record = fixture_record();
    bt_gate_rules_default(&rules);
    const bt_judge judge = {.rules = &rules, .seed = 1};
    record->models[0].meets_sla = true;
    must(bt_gate_collect_sweep(&before, record, &error), &error);
    for (int i = 0; i < record->models[0].point_count; i++)
        for (int j = 0; j < record->models[0].points[i].sample_count; j++)
            record->models[0].points[i].samples_ms[j] *= factor;
    if (breaks_sla) record->models[0].meets_sla = false;
    if (cpu) strcpy(record->machine.cpu, cpu);
    strcpy(record->subject.runtime, "torch 2.99");
    must(bt_gate_collect_sweep(&now, record, &error), &error);
    must(bt_gate_verdict_open(&verdict, &error), &error);
    must(bt_compare_records(verdict, &judge, before, now, &error), &error);
    bt_judge_whole(verdict, BT_ON_INCONCLUSIVE_FAIL);
    bt_gate_record_close(&before);
    bt_gate_record_close(&now);
    bt_record_close(&record);
    return verdict;
}

static void a_slower_model_is_found_and_what_changed_is_told(void **state) {
    (void)state;
    bt_gate_verdict *verdict = against_itself(1.3, false, NULL);
    assert_int_equal(verdict->verdict, BT_GATE_SLOWER);
    assert_int_equal(verdict->verdict_code, 3);
    assert_non_null(strstr(verdict->subject_differs, "torch 2.99"));
    bt_gate_row *row = bt_gate_row_find(verdict, "hrnet/batch-1");
    assert_int_equal(row->verdict, BT_GATE_SLOWER);
    assert_true(row->slowdown_percent > 29.9 && row->slowdown_percent < 30.1);
    assert_int_not_equal(bt_gate_row_find(verdict, "cbam_resunet/batch-1")->verdict, BT_GATE_SLOWER);
    bt_gate_verdict_close(&verdict);
}

static void a_newly_broken_sla_is_slower_whatever_the_times(void **state) {
    (void)state;
    bt_gate_verdict *verdict = against_itself(1, true, NULL);
    assert_int_equal(verdict->verdict, BT_GATE_SLOWER);
    assert_non_null(strstr(verdict->why, "1 SLA newly broken"));
    bt_gate_verdict_close(&verdict);
}

static void unlike_machines_are_not_judged(void **state) {
    (void)state;
    bt_gate_verdict *verdict = against_itself(1.3, true, "another CPU");
    assert_int_equal(verdict->verdict, BT_GATE_INCOMPARABLE);
    assert_int_equal(verdict->verdict_code, 4);
    assert_int_equal(verdict->row_count, 0);
    assert_non_null(strstr(verdict->why, "another CPU"));
    bt_gate_verdict_close(&verdict);
}

static void files_of_each_kind_are_known_by_what_they_say(void **state) {
    (void)state;
    bt_error error;
    bt_record *sweep = fixture_record();
    bt_load_record *load = fixture_load_record();
    bt_gate_record *side;
    must(bt_record_save(sweep, "sweep.json", &error), &error);
    must(bt_load_record_save(load, "load.json", &error), &error);
    must(bt_gate_collect(&side, "sweep.json", &error), &error);
    assert_non_null(bt_gate_series_find(side, "hrnet/batch-1"));
    must(bt_gate_record_save(side, "gate.json", &error), &error);
    bt_gate_record_close(&side);
    must(bt_gate_collect(&side, "load.json", &error), &error);
    assert_non_null(bt_gate_series_find(side, "hrnet/single/p50"));
    bt_gate_record_close(&side);
    must(bt_gate_collect(&side, "gate.json", &error), &error);
    assert_non_null(bt_gate_series_find(side, "hrnet/batch-1"));
    bt_gate_record_close(&side);
    assert_int_equal(bt_gate_collect(&side, "absent.json", &error), BT_IO);
    assert_null(side);
    bt_record_close(&sweep);
    bt_load_record_close(&load);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sweep_gives_a_metric_each_batch_size),
        cmocka_unit_test(a_load_test_gives_p50_p95_and_promises),
        cmocka_unit_test(a_slower_model_is_found_and_what_changed_is_told),
        cmocka_unit_test(a_newly_broken_sla_is_slower_whatever_the_times),
        cmocka_unit_test(unlike_machines_are_not_judged),
        cmocka_unit_test_setup_teardown(files_of_each_kind_are_known_by_what_they_say, bt_scratch_enter,
                                        bt_scratch_leave),
    };
    return cmocka_run_group_tests_name("gate-collect", tests, NULL, NULL);
}
