/* The gate's files: what is written is what is read, what is broken is refused by file and key, and the
 * shipped rules are what their schema says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "record/gate-record.h"
#include "record/gate-rules.h"
#include "record/gate-verdict.h"
#include "scratch.h"

#define RULES  "configs/perf-gate.json"
#define SCHEMA "configs/schema/perf-gate.schema.json"

static void must(bt_status status, const bt_error *error) {
    if (status) fail_msg("%s", error->message);
}

static const char path[] = "gate.json";

static void put_file(const char *text) {
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

static bt_gate_record *a_record(void) {
    const double first[] = {1.5, 2.5, 0.1}, second[] = {3};
    bt_gate_record *record;
    bt_error error;
    must(bt_gate_record_open(&record, &error), &error);
    strcpy(record->started_at, "2026-01-31T12:00:00Z");
    strcpy(record->settings, "hrnet: plan, fp32");
    strcpy(record->machine.cpu, "made up");
    bt_machine_seal(&record->machine);
    bt_gate_series *series = bt_gate_series_add(record, "core/batcher", "ns", "20 requests", 0.5);
    must(bt_gate_samples_add(series, first, 3, true, &error), &error);
    must(bt_gate_samples_add(series, second, 1, true, &error), &error);
    series = bt_gate_series_add(record, "hrnet/sustained/p95", "ms", "poisson", 0.95);
    must(bt_gate_samples_add(series, first, 3, false, &error), &error);
    must(bt_gate_promise_add(record, "hrnet/sustained", "met", &error), &error);
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
    assert_int_equal(again->series_count, 2);
    const bt_gate_series *turned = bt_gate_series_find(again, "core/batcher");
    assert_int_equal(turned->turn_count, 2);
    assert_int_equal(turned->turns[0], 3);
    assert_memory_equal(turned->samples, record->series[0].samples, 4 * sizeof(double));
    assert_int_equal(again->series[1].turn_count, 0);
    assert_true(again->series[1].quantile == 0.95);
    assert_string_equal(again->promises[0].word, "met");
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
    bt_gate_record_close(&record);
    bt_gate_record_close(&turn);
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
}

static void a_verdict_reads_back(void **state) {
    (void)state;
    bt_error error;
    bt_gate_verdict *verdict, *again;
    const bt_gate_kept kept = {"hrnet/sla", "met", "broken", true};
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
    must(bt_gate_verdict_save(verdict, path, &error), &error);
    must(bt_gate_verdict_load(&again, path, &error), &error);
    assert_int_equal(again->verdict, BT_GATE_SLOWER);
    assert_int_equal(again->verdict_code, 3);
    assert_int_equal(again->pairs, 27);
    row = bt_gate_row_find(again, "core/batcher");
    assert_int_equal(row->verdict, BT_GATE_DECLARED);
    assert_true(row->slowdown_percent == 3.25 && row->now_values[0] == 11 && row->paired);
    assert_true(isnan(row->lower_percent));
    assert_true(again->promises[0].newly_broken);
    bt_gate_verdict_close(&verdict);
    bt_gate_verdict_close(&again);
    put_file("{\"schema_version\": 1, \"kind\": \"gate-verdict\", \"verdict\": \"splendid\"}");
    assert_int_equal(bt_gate_verdict_load(&again, path, &error), BT_PARSE);
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
        cmocka_unit_test_setup_teardown(a_broken_record_is_refused_by_key, bt_scratch_enter,
                                        bt_scratch_leave),
        cmocka_unit_test_setup_teardown(a_verdict_reads_back, bt_scratch_enter, bt_scratch_leave),
        cmocka_unit_test_setup_teardown(broken_rules_are_refused_by_key, bt_scratch_enter, bt_scratch_leave),
        cmocka_unit_test(the_shipped_rules_are_as_their_schema_says),
    };
    return cmocka_run_group_tests_name("record-gate", tests, NULL, NULL);
}
