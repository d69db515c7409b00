/* The gate's files: what is written is what is read, what is broken is refused by file and key, and the
 * shipped rules are what their schema says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "expect.h"
#include "record/gate-record.h"
#include "record/gate-rules.h"
#include "record/gate-verdict.h"
#include "scratch.h"

#define RULES  "configs/perf-gate.json"
#define SCHEMA "configs/schema/perf-gate.schema.json"

static const char path[] = "gate.json";

static void put_file(const char *text) {
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

static bt_gate_record *a_record(void) {
    const double first[] = {1.5, 2.5, 0.1}, second[] = {3};
    const bt_gate_promise promise = {"hrnet/sustained", BT_GATE_MET, 250, "poisson", "drawn pictures"};
    bt_gate_record *record;
    bt_error error;
    must(bt_gate_record_open(&record, &error), &error);
    strcpy(record->started_at, "2026-01-31T12:00:00Z");
    strcpy(record->settings, "hrnet: plan, fp32");
    strcpy(record->machine.cpu, "made up");
    record->throttling = (bt_throttling){.quota_cpus = 1, .quota_periods = 9, .throttled_periods = 4};
    bt_machine_seal(&record->machine);
    bt_gate_series *series = bt_gate_series_add(record, "core/batcher", "ns", "20 requests", 0.5);
    strcpy(series->conditions, "1 thread");
    must(bt_gate_samples_add(series, first, 3, true, &error), &error);
    must(bt_gate_samples_add(series, second, 1, true, &error), &error);
    series = bt_gate_series_add(record, "hrnet/sustained/p95", "ms", "poisson", 0.95);
    must(bt_gate_samples_add(series, first, 3, false, &error), &error);
    must(bt_gate_promise_add(record, &promise, &error), &error);
    return record;
}

static void a_record_reads_back(void **state) {
    (void)state;
    bt_error error;
    bt_gate_record *record = a_record(), *again;
    must(bt_gate_record_save(record, path, &error), &error);
    must(bt_gate_record_load(&again, path, &error), &error);
    assert_string_equal(again->machine.fingerprint, record->machine.fingerprint);
    assert_string_equal(again->settings, record->settings);
    assert_memory_equal(&again->throttling, &record->throttling, sizeof(bt_throttling));
    assert_int_equal(again->series_count, 2);
    const bt_gate_series *turned = bt_gate_series_find(again, "core/batcher");
    assert_int_equal(turned->turn_count, 2);
    assert_int_equal(turned->turns[0], 3);
    assert_memory_equal(turned->samples, record->series[0].samples, 4 * sizeof(double));
    assert_int_equal(again->series[1].turn_count, 0);
    assert_true(again->series[1].quantile == 0.95);
    assert_string_equal(again->promises[0].word, "met");
    assert_true(again->promises[0].sla_ms == 250);
    assert_string_equal(again->promises[0].work, "poisson");
    assert_string_equal(again->promises[0].conditions, "drawn pictures");
    assert_string_equal(turned->conditions, "1 thread");
    bt_gate_record_close(&record);
    bt_gate_record_close(&again);
}

static void turns_of_unlike_work_are_not_merged(void **state) {
    (void)state;
    bt_error error;
    bt_gate_record *record = a_record(), *turn = a_record();
    must(bt_gate_record_merge(record, turn, &error), &error);
    assert_int_equal(record->series[0].turn_count, 3);
    assert_int_equal(record->series[0].sample_count, 8);
    strcpy(turn->series[0].work, "40 requests");
    assert_int_equal(bt_gate_record_merge(record, turn, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "40 requests"));
    strcpy(turn->series[0].work, record->series[0].work);
    strcpy(turn->series[0].unit, "s");
    assert_int_equal(bt_gate_record_merge(record, turn, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "now is s of 20 requests"));
    assert_int_equal(record->series[0].turn_count, 3); /* nothing was added */
    bt_gate_record_close(&record);
    bt_gate_record_close(&turn);
}

static void a_record_holds_so_many_metrics_and_samples(void **state) {
    (void)state;
    const double sample = 1;
    char name[32];
    bt_error error;
    json_t *json, *added;
    bt_gate_record *record = a_record(), *again;
    assert_int_equal(bt_gate_samples_add(&record->series[0], &sample, 10000001, true, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "core/batcher: more than 10000000 samples"));
    assert_int_equal(record->series[0].sample_count, 4);
    must(bt_gate_samples_add(&record->series[0], NULL, 0, true, &error), &error); /* a turn of none is none */
    assert_int_equal(record->series[0].turn_count, 2);
    for (int i = record->series_count; i < BT_METRICS_MAX; i++) {
        snprintf(name, sizeof name, "metric %d", i);
        bt_gate_series *series = bt_gate_series_add(record, name, "ns", "", 0.5);
        assert_non_null(series);
        must(bt_gate_samples_add(series, &sample, 1, false, &error), &error);
    }
    assert_null(bt_gate_series_add(record, "one more", "ns", "", 0.5));
    assert_ptr_equal(bt_gate_series_add(record, name, "ns", "", 0.5), &record->series[BT_METRICS_MAX - 1]);
    must(bt_gate_record_to_json(record, &json, &error), &error);
    added = json_deep_copy(json_array_get(json_object_get(json, "metrics"), 0));
    json_object_set_new(added, "metric", json_string("one more"));
    json_array_append_new(json_object_get(json, "metrics"), added);
    assert_int_equal(bt_gate_record_from_json(&again, json, "a.json", &error), BT_PARSE);
    assert_non_null(strstr(error.message, "a.json: metrics[256]: more than 256 metrics"));
    assert_null(again);
    json_decref(json);
    bt_gate_record_close(&record);
    bt_gate_record_close(&record);
    bt_gate_record_close(NULL);
}

/* A record's text with one part replaced, which must be refused with `message`. */
static void expect_refused(const char *from, const char *to, const char *message) {
    bt_error error;
    bt_gate_record *record = a_record(), *again;
    json_t *json;
    must(bt_gate_record_to_json(record, &json, &error), &error);
    char *text = json_dumps(json, JSON_COMPACT), *at = strstr(text, from), broken[8192];
    if (!at) fail_msg("%s is not in %s", from, text);
    snprintf(broken, sizeof broken, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    put_file(broken);
    if (bt_gate_record_load(&again, path, &error) == BT_OK) fail_msg("%s was taken", to);
    if (!strstr(error.message, message)) fail_msg("\"%s\" does not say %s", error.message, message);
    assert_null(again);
    free(text);
    json_decref(json);
    bt_gate_record_close(&record);
}

static void a_broken_record_is_refused_by_key(void **state) {
    (void)state;
    expect_refused("\"gate\"", "\"load\"", "a load test's record");
    expect_refused("\"schema_version\":1", "\"schema_version\":9", "newer");
    expect_refused("[[1.5", "[[-1.5", "metrics[0]: turns[0]");
    expect_refused("[[1.5", "[7,[1.5", "metrics[0]");
    expect_refused("\"quantile\":0.5", "\"quantile\":5", "quantile");
    expect_refused("\"quantile\":0.5", "\"quantile\":null", "quantile");
    expect_refused("hrnet/sustained/p95", "core/batcher", "second metric");
    expect_refused("\"metric\":\"core/batcher\"", "\"metric\":\"\"", "empty");
    expect_refused("\"samples\":[", "\"sampled\":[", "samples");
    expect_refused("\"word\":\"met\"", "\"word\":3", "promises[0]");
    expect_refused("\"machine\":{", "\"machines\":{", "machine");
    expect_refused("\"turns\":[[1.5,2.5,0.10000000000000001],[3.0]]", "\"turns\":7", "turns is no array");
}

static void a_file_that_is_not_there_is_named(void **state) {
    (void)state;
    bt_gate_record *record;
    bt_gate_verdict *verdict;
    bt_gate_rules rules;
    bt_error error;
    assert_int_equal(bt_gate_record_load(&record, "absent.json", &error), BT_IO);
    assert_non_null(strstr(error.message, "absent.json"));
    assert_null(record);
    assert_int_equal(bt_gate_verdict_load(&verdict, "absent.json", &error), BT_IO);
    assert_non_null(strstr(error.message, "absent.json"));
    assert_null(verdict);
    assert_int_equal(bt_gate_rules_load(&rules, "absent.json", &error), BT_IO);
    assert_non_null(strstr(error.message, "absent.json"));
}

/* One row with a value a side, and one promise. */
static bt_gate_verdict *a_verdict(void) {
    bt_error error;
    bt_gate_verdict *verdict;
    const bt_gate_kept kept = {"hrnet/sla", "met", "broken", 250, NAN, BT_GATE_INCOMPARABLE, "why"};
    must(bt_gate_verdict_open(&verdict, &error), &error);
    bt_gate_row *row = bt_gate_row_add(verdict, "core/batcher", "ns", "20 requests", 0.5);
    row->verdict = BT_GATE_DECLARED;
    row->slowdown_percent = 3.25;
    row->like = row->paired = true;
    must(bt_gate_row_value(row, false, 10, &error), &error);
    must(bt_gate_row_value(row, true, 11, &error), &error);
    must(bt_gate_kept_add(verdict, &kept, &error), &error);
    verdict->verdict = BT_GATE_SLOWER;
    verdict->verdict_code = 3;
    verdict->pairs = 27;
    return verdict;
}

static void a_verdict_reads_back(void **state) {
    (void)state;
    bt_error error;
    bt_gate_verdict *verdict = a_verdict(), *again;
    must(bt_gate_verdict_save(verdict, path, &error), &error);
    must(bt_gate_verdict_load(&again, path, &error), &error);
    assert_int_equal(again->verdict, BT_GATE_SLOWER);
    assert_int_equal(again->verdict_code, 3);
    assert_int_equal(again->pairs, 27);
    assert_null(bt_gate_row_find(again, "core/batchers"));
    const bt_gate_row *row = bt_gate_row_find(again, "core/batcher");
    assert_int_equal(row->verdict, BT_GATE_DECLARED);
    assert_true(row->slowdown_percent == 3.25 && row->now_values[0] == 11 && row->paired);
    assert_true(isnan(row->lower_percent));
    assert_int_equal(again->promises[0].verdict, BT_GATE_INCOMPARABLE);
    assert_true(again->promises[0].before_sla_ms == 250 && isnan(again->promises[0].now_sla_ms));
    assert_string_equal(again->promises[0].why, "why");
    bt_gate_verdict_close(&verdict);
    bt_gate_verdict_close(&again);
    bt_gate_verdict_close(&again);
    bt_gate_verdict_close(NULL);
    put_file("{\"schema_version\": 1, \"kind\": \"gate-verdict\", \"verdict\": \"splendid\"}");
    assert_int_equal(bt_gate_verdict_load(&again, path, &error), BT_PARSE);
    assert_string_equal(bt_gate_word_name(BT_GATE_NEW), "new");
    assert_string_equal(bt_gate_word_name((bt_gate_word)99), "unknown");
}

static void an_older_verdict_says_only_whether_an_sla_is_newly_broken(void **state) {
    (void)state;
    for (int broken = 0; broken < 2; broken++) {
        bt_error error;
        bt_gate_verdict *verdict = a_verdict(), *again;
        json_t *json, *older = json_pack("{s:s, s:s, s:s, s:b}", "name", "hrnet/sla", "before", "met", "now",
                                         broken ? "broken" : "met", "newly_broken", broken);
        must(bt_gate_verdict_to_json(verdict, &json, &error), &error);
        json_array_set_new(json_object_get(json, "promises"), 0, older);
        must(bt_json_save(json, path, false, &error), &error);
        must(bt_gate_verdict_load(&again, path, &error), &error);
        assert_int_equal(again->promises[0].verdict, broken ? BT_GATE_SLOWER : BT_GATE_SAME);
        assert_true(isnan(again->promises[0].before_sla_ms));
        json_decref(json);
        bt_gate_verdict_close(&verdict);
        bt_gate_verdict_close(&again);
    }
}

/* The verdict's document with `key` of `object` ("", "metrics" or "promises": of the first there) set to
 * `value` (taken), or without it where that is NULL, is refused with `message`. */
static void expect_verdict_refused(const char *object, const char *key, json_t *value, const char *message) {
    bt_error error = {BT_OK, ""};
    bt_gate_verdict *verdict = a_verdict(), *again;
    json_t *json;
    must(bt_gate_verdict_to_json(verdict, &json, &error), &error);
    json_t *changed = object[0] ? json_array_get(json_object_get(json, object), 0) : json;
    if (value)
        json_object_set_new(changed, key, value);
    else
        json_object_del(changed, key);
    must(bt_json_save(json, path, false, &error), &error);
    assert_int_equal(bt_gate_verdict_load(&again, path, &error), BT_PARSE);
    assert_null(again);
    if (!strstr(error.message, message)) fail_msg("\"%s\" does not say %s", error.message, message);
    json_decref(json);
    bt_gate_verdict_close(&verdict);
}

static void a_broken_verdict_is_refused_by_key(void **state) {
    (void)state;
    expect_verdict_refused("", "kind", json_string("gate"), "gate.json");
    expect_verdict_refused("", "pairs", json_string("many"), "pairs is text");
    expect_verdict_refused("", "verdict", json_string("splendid"), "verdict is \"splendid\", which is none");
    expect_verdict_refused("", "verdict", NULL, "verdict is missing");
    expect_verdict_refused("", "promises", NULL, "promises is missing");
    expect_verdict_refused("", "metrics", NULL, "metrics is missing");
    expect_verdict_refused("promises", "now", json_integer(3), "promises[0]: now");
    expect_verdict_refused("promises", "verdict", json_string("splendid"), "promises[0]: verdict");
    expect_verdict_refused("promises", "verdict", NULL, "promises[0]: newly_broken is missing");
    expect_verdict_refused("metrics", "p_slower", json_integer(2), "metrics[0]: p_slower");
    expect_verdict_refused("metrics", "verdict", json_string("splendid"), "metrics[0]: verdict");
    expect_verdict_refused("metrics", "before_values", json_integer(1), "metrics[0]: before_values");
    expect_verdict_refused("metrics", "now_values", json_pack("[s]", "x"), "now_values[0]");
}

static void expect_rules_refused(const char *text, const char *message) {
    bt_gate_rules rules;
    bt_error error;
    put_file(text);
    if (bt_gate_rules_load(&rules, path, &error) == BT_OK) fail_msg("%s was taken", text);
    if (!strstr(error.message, message)) fail_msg("\"%s\" does not say %s", error.message, message);
}

#define HEAD "{\"schema_version\": 1, \"error_percent\": 5, "

static void broken_rules_are_refused_by_key(void **state) {
    (void)state;
    expect_rules_refused(HEAD "\"metrics\": [], \"profiles\": {}}", "declared");
    expect_rules_refused(HEAD "\"metric\": [], \"profiles\": {}, \"declared\": []}",
                         "did you mean \"metrics\"");
    expect_rules_refused(HEAD
                         "\"metrics\": [{\"metric\": \"*\", \"unit\": \"ms\", \"tolerance_percent\": 5}], "
                         "\"profiles\": {}, \"declared\": []}",
                         "metrics[0]");
    expect_rules_refused(HEAD "\"metrics\": [], \"profiles\": {\"a\": {\"time_percent\": -1, "
                              "\"instructions_percent\": 1}}, \"declared\": []}",
                         "profiles.a");
    expect_rules_refused(HEAD
                         "\"metrics\": [], \"profiles\": {\"a\": {\"time_percent\": 1, "
                         "\"instructions_percent\": 1, \"on_inconclusive\": \"cry\"}}, \"declared\": []}",
                         "fail, pass or retry");
    expect_rules_refused(HEAD "\"metrics\": [], \"profiles\": {}, \"declared\": [{\"metric\": \"*\", "
                              "\"up_to_percent\": 5, \"reason\": \"\"}]}",
                         "reason");
    expect_rules_refused(HEAD "\"metrics\": [], \"profiles\": {}, \"declared\": [{\"metric\": \"*\", "
                              "\"up_to_percent\": null, \"reason\": \"x\"}]}",
                         "up_to_percent");
    expect_rules_refused("{\"schema_version\": 2, \"error_percent\": 5, \"metrics\": []}", "newer");
    expect_rules_refused("{\"schema_version\": 1, \"error_percent\": 0, \"metrics\": []}", "error_percent");
    expect_rules_refused("{\"schema_version\": 1, \"error_percent\": null, \"metrics\": []}",
                         "error_percent is null");
    expect_rules_refused("{\"error_percent\": 5, \"metrics\": []}", "schema_version is missing");
    expect_rules_refused(HEAD "\"metrics\": {}, \"profiles\": {}, \"declared\": []}", "metrics");
    expect_rules_refused(HEAD "\"metrics\": [], \"profiles\": [], \"declared\": []}", "profiles");
    expect_rules_refused(HEAD "\"metrics\": [{\"metrik\": \"*\"}], \"profiles\": {}, \"declared\": []}",
                         "did you mean \"metric\"");
    expect_rules_refused(HEAD
                         "\"metrics\": [], \"profiles\": {\"a name that has more letters than there is room "
                         "for in a name, whatever it may mean\": {}}, \"declared\": []}",
                         "is too long a name");
}

static void lists_of_rules_have_an_end(void **state) {
    (void)state;
    static const char *const lists[] = {"metrics", "declared"};
    for (size_t i = 0; i < 2; i++) {
        char message[64];
        json_t *json = json_pack("{s:i, s:i, s:[], s:{}, s:[]}", "schema_version", 1, "error_percent", 5,
                                 "metrics", "profiles", "declared");
        for (int k = 0; k <= BT_GATE_RULES_MAX; k++)
            json_array_append_new(json_object_get(json, lists[i]), json_object());
        char *text = json_dumps(json, JSON_COMPACT);
        snprintf(message, sizeof message, "%s: more than 64", lists[i]);
        expect_rules_refused(text, message);
        free(text);
        json_decref(json);
    }
}

static void the_first_declaration_that_fits_counts(void **state) {
    (void)state;
    bt_gate_rules rules;
    bt_gate_profile profile;
    bt_error error;
    put_file(HEAD "\"metrics\": [], \"profiles\": {}, \"declared\": ["
                  "{\"metric\": \"x\", \"up_to_percent\": 1, \"reason\": \"another\"},"
                  "{\"metric\": \"hrnet/*\", \"up_to_percent\": 7, \"reason\": \"better masks\"},"
                  "{\"metric\": \"*\", \"up_to_percent\": 9, \"reason\": \"all\"}]}");
    must(bt_gate_rules_load(&rules, path, &error), &error);
    must(bt_gate_rules_choose(&rules, "", &profile, &error), &error);
    bt_gate_limit limit = bt_gate_limit_of(&rules, &profile, "hrnet/batch-4", "ms");
    assert_string_equal(limit.declared->reason, "better masks");
    assert_true(limit.declared->up_to_percent == 7 && limit.percent == 5);
    assert_string_equal(bt_gate_limit_of(&rules, &profile, "core/batcher", "ms").declared->reason, "all");
}

static void an_unknown_profile_is_refused_with_what_there_is(void **state) {
    (void)state;
    static bt_gate_rules rules;
    bt_gate_profile chosen;
    bt_error error;
    bt_gate_rules_default(&rules);
    assert_int_equal(bt_gate_rules_choose(&rules, "shared", &chosen, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "called \"shared\"; there is none"));
    strcpy(rules.profiles[0].name, "quiet");
    strcpy(rules.profiles[1].name, "loud");
    rules.profile_count = 2;
    assert_int_equal(bt_gate_rules_choose(&rules, "shared", &chosen, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "there are quiet, loud"));
}

/* Every object of the shipped rules has exactly the keys that its schema requires, and no schema key is
 * unused by the reader: it refuses what it does not know. */
static void compare_keys(json_t *object, json_t *schema, const char *what) {
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(schema, "properties"), key,
                        value) if (key[0] != '$' && !json_object_get(object, key))
        fail_msg("%s lacks \"%s\"", what, key);
    json_object_foreach(object, key, value) if (!json_object_get(json_object_get(schema, "properties"), key))
        fail_msg("%s: the schema does not know \"%s\"", what, key);
    assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
}

static void the_shipped_rules_are_as_their_schema_says(void **state) {
    (void)state;
    bt_gate_rules rules;
    bt_gate_profile shared;
    bt_error error;
    json_t *file, *schema;
    must(bt_gate_rules_load(&rules, RULES, &error), &error);
    must(bt_gate_rules_choose(&rules, "stored", &shared, &error), &error);
    must(bt_gate_rules_choose(&rules, "shared", &shared, &error), &error);
    assert_true(shared.time_percent == 10 && shared.instructions_percent == 3);
    must(bt_json_load(&file, RULES, &error), &error);
    must(bt_json_load(&schema, SCHEMA, &error), &error);
    json_t *properties = json_object_get(schema, "properties");
    json_t *metric = json_object_get(json_object_get(properties, "metrics"), "items");
    json_t *profile = json_object_get(json_object_get(properties, "profiles"), "additionalProperties");
    json_t *declared = json_object_get(json_object_get(properties, "declared"), "items");
    compare_keys(file, schema, RULES);
    compare_keys(json_array_get(json_object_get(file, "metrics"), 0), metric, "metrics");
    compare_keys(json_object_get(json_object_get(file, "profiles"), "shared"), profile, "profiles");
    assert_int_equal(json_object_size(json_object_get(declared, "properties")), 3);
    json_decref(file);
    json_decref(schema);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_reads_back, bt_scratch_enter, bt_scratch_leave),
        cmocka_unit_test(turns_of_unlike_work_are_not_merged),
        cmocka_unit_test(a_record_holds_so_many_metrics_and_samples),
        cmocka_unit_test_setup_teardown(a_broken_record_is_refused_by_key, bt_scratch_enter,
                                        bt_scratch_leave),
        cmocka_unit_test_setup_teardown(a_file_that_is_not_there_is_named, bt_scratch_enter,
                                        bt_scratch_leave),
        cmocka_unit_test_setup_teardown(a_verdict_reads_back, bt_scratch_enter, bt_scratch_leave),
        cmocka_unit_test_setup_teardown(an_older_verdict_says_only_whether_an_sla_is_newly_broken,
                                        bt_scratch_enter, bt_scratch_leave),
        cmocka_unit_test_setup_teardown(a_broken_verdict_is_refused_by_key, bt_scratch_enter,
                                        bt_scratch_leave),
        cmocka_unit_test_setup_teardown(broken_rules_are_refused_by_key, bt_scratch_enter, bt_scratch_leave),
        cmocka_unit_test_setup_teardown(lists_of_rules_have_an_end, bt_scratch_enter, bt_scratch_leave),
        cmocka_unit_test_setup_teardown(the_first_declaration_that_fits_counts, bt_scratch_enter,
                                        bt_scratch_leave),
        cmocka_unit_test(an_unknown_profile_is_refused_with_what_there_is),
        cmocka_unit_test(the_shipped_rules_are_as_their_schema_says),
    };
    return cmocka_run_group_tests_name("record-gate", tests, NULL, NULL);
}
