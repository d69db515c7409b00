/* Records of tuning and of load tests as sides of a comparison. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "expect.h"
#include "fixture-load-record.h"
#include "fixture-record.h"
#include "gate/collect.h"
#include "gate/compare.h"
#include "scratch.h"

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
    record->models[0].p95_sla_ms = 90;
    record->models[1].p95_sla_ms = 600;
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
    for (int i = 0; i < side->promise_count; i++) /* each model's own */
        assert_true(side->promises[i].sla_ms == (side->promises[i].name[0] == 'h' ? 90 : 600));
    bt_gate_record_close(&side);
    bt_load_record_close(&record);
}

/* Bursts of other sizes are other work, though their rate is the same. */
static void the_work_of_a_load_test_tells_its_arrivals(void **state) {
    (void)state;
    bt_error error;
    bt_load_record *record = fixture_load_record();
    bt_gate_record *side;
    for (int i = 0; i < record->scenario_count; i++)
        if (strcmp(record->scenarios[i].name, "sustained") == 0)
            record->scenarios[i].burstiness = 2.5;
        else if (strcmp(record->scenarios[i].name, "mixed") == 0)
            record->scenarios[i].ramp_from = 0.2;
    must(bt_gate_collect_load(&side, record, &error), &error);
    assert_non_null(
        strstr(bt_gate_series_find(side, "hrnet/sustained/p95")->work, " at 20/s, burstiness 2.5"));
    assert_non_null(strstr(bt_gate_series_find(side, "hrnet/mixed/p95")->work, " at 20/s, from 0.2 of that"));
    bt_gate_record_close(&side);
    bt_load_record_close(&record);
}

/* The verdict on two sides, which it takes. */
static bt_gate_verdict *compared(bt_gate_record *before, bt_gate_record *now, const bt_gate_rules *rules) {
    bt_error error;
    bt_gate_verdict *verdict;
    const bt_judge judge = {.rules = rules, .seed = 1};
    must(bt_gate_verdict_open(&verdict, &error), &error);
    must(bt_compare_records(verdict, &judge, before, now, &error), &error);
    bt_judge_whole(verdict, BT_ON_INCONCLUSIVE_FAIL);
    bt_gate_record_close(&before);
    bt_gate_record_close(&now);
    return verdict;
}

/* Each size is shown to be late. */
static void break_sla(bt_model_record *model) {
    model->meets_sla = false;
    for (int i = 0; i < model->point_count; i++)
        model->points[i].outcome = BT_OUTCOME_OVER_SLA;
}

/* Another precision is what a change may be about: it is compared, and told. */
static void another_precision_is_compared_and_told(void **state) {
    (void)state;
    bt_error error;
    bt_gate_rules rules;
    bt_gate_record *before, *now;
    bt_record *record = fixture_record();
    bt_gate_rules_default(&rules);
    must(bt_gate_collect_sweep(&before, record, &error), &error);
    strcpy(record->models[0].precision, "int8");
    must(bt_gate_collect_sweep(&now, record, &error), &error);
    bt_record_close(&record);
    bt_gate_verdict *verdict = compared(before, now, &rules);
    says(verdict->subject_differs, "hrnet: torch on cpu, bf16, weights demo");
    says(verdict->subject_differs, "hrnet: torch on cpu, int8, weights demo");
    for (int i = 0; i < verdict->row_count; i++)
        assert_int_not_equal(verdict->rows[i].verdict, BT_GATE_INCOMPARABLE);
    bt_gate_verdict_close(&verdict);
}

/* The verdict of a sweep against itself with its times multiplied. */
static bt_gate_verdict *against_itself(double factor, bool breaks_sla, const char *cpu) {
    bt_error error;
    bt_gate_rules rules;
    bt_gate_record *before, *now;
    bt_record *record = fixture_record();
    bt_gate_rules_default(&rules);
    record->models[0].meets_sla = true;
    must(bt_gate_collect_sweep(&before, record, &error), &error);
    for (int i = 0; i < record->models[0].point_count; i++)
        for (int j = 0; j < record->models[0].points[i].sample_count; j++)
            record->models[0].points[i].samples_ms[j] *= factor;
    if (breaks_sla) break_sla(&record->models[0]);
    if (cpu) strcpy(record->machine.cpu, cpu);
    strcpy(record->subject.runtime, "torch 2.99");
    must(bt_gate_collect_sweep(&now, record, &error), &error);
    bt_record_close(&record);
    return compared(before, now, &rules);
}

/* Times under a quota that stops the program are long, and say so. */
static void a_side_that_a_quota_stopped_is_noted(void **state) {
    (void)state;
    bt_error error;
    bt_gate_rules rules;
    bt_gate_record *sides[2];
    bt_record *record = fixture_record();
    bt_load_record *load = fixture_load_record();
    const bt_throttling stops = {.quota_cpus = 2, .quota_periods = 100, .throttled_periods = 30};
    bt_gate_rules_default(&rules);
    must(bt_gate_collect_sweep(&sides[0], record, &error), &error);
    record->models[0].throttling = record->models[1].throttling = stops;
    must(bt_gate_collect_sweep(&sides[1], record, &error), &error);
    bt_gate_verdict *verdict = compared(sides[0], sides[1], &rules);
    assert_string_equal(verdict->note, "now: the CPU quota of 2 throttled 60 of 200 periods");
    bt_gate_verdict_close(&verdict);
    load->scenarios[0].throttling = stops;
    must(bt_gate_collect_load(&sides[0], load, &error), &error);
    load->scenarios[0].throttling.throttled_periods = 3; /* too few to matter */
    must(bt_gate_collect_load(&sides[1], load, &error), &error);
    verdict = compared(sides[0], sides[1], &rules);
    assert_string_equal(verdict->note, "before: the CPU quota of 2 throttled 30 of 100 periods");
    bt_gate_verdict_close(&verdict);
    bt_record_close(&record);
    bt_load_record_close(&load);
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

/* The word of a sweep's promise where all its sizes came out alike. */
static const char *promise_where_all_are(bt_outcome outcome) {
    bt_error error;
    bt_gate_record *side;
    bt_record *record = fixture_record();
    static char word[16];
    record->models[0].meets_sla = false;
    record->models[0].chosen = outcome == BT_OUTCOME_CRASHED ? -1 : 0;
    for (int i = 0; i < record->models[0].point_count; i++)
        record->models[0].points[i].outcome = outcome;
    must(bt_gate_collect_sweep(&side, record, &error), &error);
    assert_string_equal(side->promises[0].name, "hrnet/sla");
    assert_true(side->promises[0].sla_ms == record->settings.p95_sla_ms);
    snprintf(word, sizeof word, "%s", side->promises[0].word);
    bt_gate_record_close(&side);
    bt_record_close(&record);
    return word;
}

static void a_sweep_breaks_its_sla_only_where_that_is_shown(void **state) {
    (void)state;
    assert_string_equal(promise_where_all_are(BT_OUTCOME_OVER_SLA), "broken");
    assert_string_equal(promise_where_all_are(BT_OUTCOME_UNDECIDED), "not shown");
    assert_string_equal(promise_where_all_are(BT_OUTCOME_MASK_DISAGREES), "not shown");
    assert_string_equal(promise_where_all_are(BT_OUTCOME_OVER_MEMORY), "not shown");
    assert_string_equal(promise_where_all_are(BT_OUTCOME_CRASHED), "not shown");
}

/* Two records that hold nothing but a promise each ("": none). */
static bt_gate_verdict *promises_compared(const char *before, double before_sla_ms, const char *now,
                                          double now_sla_ms, const bt_gate_rules *rules) {
    bt_error error;
    bt_gate_record *sides[2];
    for (int i = 0; i < 2; i++) {
        const char *word = i ? now : before;
        must(bt_gate_record_open(&sides[i], &error), &error);
        bt_gate_promise promise = {.name = "hrnet/sla", .sla_ms = i ? now_sla_ms : before_sla_ms};
        snprintf(promise.word, sizeof promise.word, "%s", word);
        if (word[0]) must(bt_gate_promise_add(sides[i], &promise, &error), &error);
    }
    return compared(sides[0], sides[1], rules);
}

/* Over all that either side may say: met before and broken now, under one SLA, is slower, and nothing else.
 * Mended by af4ef64. */
static void only_a_kept_promise_can_be_broken(void **state) {
    (void)state;
    static const char *const words[] = {"met", "broken", "not shown", "untrusted", ""};
    static const double slas[] = {250, 1500, NAN};
    bt_gate_rules rules;
    bt_gate_rules_default(&rules);
    for (int i = 0; i < 5 * 5 * 3 * 3; i++) {
        const char *before = words[i % 5], *now = words[i / 5 % 5];
        double before_ms = slas[i / 25 % 3], now_ms = slas[i / 75];
        bt_gate_verdict *verdict = promises_compared(before, before_ms, now, now_ms, &rules);
        bt_gate_word word = verdict->promise_count ? verdict->promises[0].verdict : BT_GATE_NEW;
        bool alike = before[0] && now[0] && before_ms == now_ms;
        bool slower = alike && strcmp(before, "met") == 0 && strcmp(now, "broken") == 0;
        bool both_known = alike && strlen(before) <= 6 && strlen(now) <= 6;
        if ((word == BT_GATE_SLOWER) != slower || (verdict->verdict == BT_GATE_SLOWER) != slower)
            fail_msg("%s under %g, then %s under %g: %s", before, before_ms, now, now_ms,
                     bt_gate_word_name(word));
        if (both_known) assert_true(word != BT_GATE_INCOMPARABLE && word != BT_GATE_INCONCLUSIVE);
        if (before[0] && now[0] && !alike) assert_int_equal(word, BT_GATE_INCOMPARABLE);
        if (!before[0] && strcmp(now, "met") != 0 && now[0]) assert_int_equal(word, BT_GATE_INCOMPARABLE);
        if (before[0] && !now[0]) assert_int_equal(word, BT_GATE_INCOMPARABLE);
        if (alike && strlen(now) > 6) assert_int_equal(word, BT_GATE_INCONCLUSIVE);
        if (alike && strlen(before) > 6 && strcmp(now, "broken") == 0)
            assert_int_equal(word, BT_GATE_INCONCLUSIVE);
        bt_gate_verdict_close(&verdict);
    }
}

static void a_change_of_question_can_be_declared(void **state) {
    (void)state;
    bt_gate_rules rules;
    bt_gate_rules_default(&rules);
    rules.declared[rules.declared_count++] =
        (bt_gate_declared){"hrnet/sla", 0, "1500 ms is what we promise now"};
    bt_gate_verdict *verdict = promises_compared("met", 250, "met", 1500, &rules);
    assert_int_equal(verdict->promises[0].verdict, BT_GATE_DECLARED);
    assert_string_equal(verdict->promises[0].why, "1500 ms is what we promise now");
    bt_gate_verdict_close(&verdict);
    verdict = promises_compared("met", 250, "broken", 250, &rules);
    assert_int_equal(verdict->verdict, BT_GATE_SLOWER); /* a broken promise is no change of question */
    bt_gate_verdict_close(&verdict);
}

/* Fewer threads an instance, other pictures: times of another thing. The standard path has all cores anyway. */
static void unlike_conditions_are_another_question(void **state) {
    (void)state;
    bt_error error;
    bt_gate_rules rules;
    bt_gate_record *before, *now;
    bt_record *record = fixture_record();
    bt_gate_rules_default(&rules);
    record->models[0].instances = 1;
    record->models[0].threads = 2;
    must(bt_gate_collect_sweep(&before, record, &error), &error);
    record->models[0].instances = 2;
    record->models[0].threads = 1;
    for (int i = 0; i < record->models[0].points[0].sample_count; i++)
        record->models[0].points[0].samples_ms[i] *= 2;
    must(bt_gate_collect_sweep(&now, record, &error), &error);
    bt_gate_verdict *verdict = compared(before, now, &rules);
    const bt_gate_row *row = bt_gate_row_find(verdict, "hrnet/batch-1");
    assert_int_equal(row->verdict, BT_GATE_INCOMPARABLE);
    assert_string_equal(row->why,
                        "the conditions differ: before 1 instance of 2 threads, now 2 instances of 1 thread");
    row = bt_gate_row_find(verdict, "hrnet/standard");
    if (row) assert_int_not_equal(row->verdict, BT_GATE_INCOMPARABLE);
    assert_int_equal(verdict->verdict, BT_GATE_INCOMPARABLE);
    bt_gate_verdict_close(&verdict);
    bt_record_close(&record);
}

/* Whether `metric` of the load test against itself can still be compared once `change` was made. */
static bt_gate_row *row_of(bt_gate_verdict **out, void change(bt_load_record *), const char *metric) {
    bt_error error;
    static bt_gate_rules rules;
    bt_gate_record *before, *now;
    bt_load_record *record = fixture_load_record();
    bt_gate_rules_default(&rules);
    must(bt_gate_collect_load(&before, record, &error), &error);
    change(record);
    must(bt_gate_collect_load(&now, record, &error), &error);
    bt_load_record_close(&record);
    *out = compared(before, now, &rules);
    return bt_gate_row_find(*out, metric);
}

static void other_pictures(bt_load_record *record) {
    strcpy(record->images, "other pictures");
}

static void pictures_not_told(bt_load_record *record) {
    record->images[0] = '\0';
}

static void another_rate(bt_load_record *record) {
    for (int i = 0; i < record->scenario_count; i++)
        record->scenarios[i].parts[0].rate_rps *= 2;
}

static void another_size(bt_load_record *record) {
    record->models[0].image_size *= 2;
}

static void a_longer_run(bt_load_record *record) {
    for (int i = 0; i < record->scenario_count; i++)
        record->scenarios[i].duration_s *= 2;
}

static void other_weights(bt_load_record *record) {
    strcpy(record->models[0].weights, "best.pth");
}

static const bt_gate_kept *kept_of(const bt_gate_verdict *verdict, const char *name) {
    for (int i = 0; i < verdict->promise_count; i++)
        if (strcmp(verdict->promises[i].name, name) == 0) return &verdict->promises[i];
    fail_msg("no promise is called %s", name);
    return NULL;
}

static void what_is_asked_and_what_is_tested_are_told_apart(void **state) {
    (void)state;
    static const struct {
        void (*change)(bt_load_record *);
        bool other_question;
        const char *says; /* in the row's why, or in what differs */
    } cases[] = {{other_pictures, true, "now other pictures"},
                 {another_rate, true, "/s"},
                 {another_size, true, "px"},
                 {pictures_not_told, false, NULL},
                 {a_longer_run, false, NULL},
                 {other_weights, false, "best.pth"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bt_gate_verdict *verdict;
        const bt_gate_row *row = row_of(&verdict, cases[i].change, "hrnet/sustained/p50");
        assert_int_equal(row->verdict == BT_GATE_INCOMPARABLE, cases[i].other_question);
        assert_int_equal(kept_of(verdict, "hrnet/sustained")->verdict == BT_GATE_INCOMPARABLE,
                         cases[i].other_question);
        const char *said = cases[i].other_question ? row->why : verdict->subject_differs;
        if (cases[i].says && !strstr(said, cases[i].says)) fail_msg("%s: %s", cases[i].says, said);
        bt_gate_verdict_close(&verdict);
    }
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
        cmocka_unit_test(another_precision_is_compared_and_told),
        cmocka_unit_test(a_sweep_gives_a_metric_each_batch_size),
        cmocka_unit_test(a_load_test_gives_p50_p95_and_promises),
        cmocka_unit_test(the_work_of_a_load_test_tells_its_arrivals),
        cmocka_unit_test(a_side_that_a_quota_stopped_is_noted),
        cmocka_unit_test(a_slower_model_is_found_and_what_changed_is_told),
        cmocka_unit_test(a_newly_broken_sla_is_slower_whatever_the_times),
        cmocka_unit_test(a_sweep_breaks_its_sla_only_where_that_is_shown),
        cmocka_unit_test(only_a_kept_promise_can_be_broken),
        cmocka_unit_test(a_change_of_question_can_be_declared),
        cmocka_unit_test(unlike_conditions_are_another_question),
        cmocka_unit_test(what_is_asked_and_what_is_tested_are_told_apart),
        cmocka_unit_test(unlike_machines_are_not_judged),
        cmocka_unit_test_setup_teardown(files_of_each_kind_are_known_by_what_they_say, bt_scratch_enter,
                                        bt_scratch_leave),
    };
    return cmocka_run_group_tests_name("gate-collect", tests, NULL, NULL);
}
