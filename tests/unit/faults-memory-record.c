/* Records, configs and what the gate keeps: memory that runs out at any moment is one clear error, and
 * nothing is lost. The n-th allocation fails, for every n. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>

#include "fault-documents.h"
#include "record/config-check.h"
#include "report/config.h"

static bt_status save_record(bt_error *error) {
    return bt_record_save(made.record, "copy.json", error);
}

static bt_status load_record(bt_error *error) {
    bt_record *copy;
    bt_status status = bt_record_load(&copy, "record.json", error);
    if (status != BT_OK && copy) fail_msg("a record that failed to load is there");
    bt_record_close(&copy);
    return status;
}

static bt_status save_load_record(bt_error *error) {
    return bt_load_record_save(made.load, "copy.json", error);
}

static bt_status load_load_record(bt_error *error) {
    bt_load_record *copy;
    bt_status status = bt_load_record_load(&copy, "load.json", error);
    if (status != BT_OK && copy) fail_msg("a record that failed to load is there");
    bt_load_record_close(&copy);
    return status;
}

static bt_status load_config(bt_error *error) {
    bt_config *copy = NULL;
    bt_status status = bt_config_load(&copy, "config.json", error);
    bt_config_close(&copy);
    return status;
}

static bt_status untuned_config(bt_error *error) {
    bt_config *untuned = NULL;
    bt_status status = bt_config_untuned(&untuned, "hrnet", error);
    bt_config_close(&untuned);
    return status;
}

static bt_status make_config(bt_error *error) {
    json_t *json = NULL;
    bt_status status = bt_config_from_record(&json, made.record, made.config, error);
    if (status == BT_OK) status = bt_config_save(json, "copy.json", error);
    json_decref(json);
    return status;
}

static bt_status make_config_model(bt_error *error) {
    bt_config_model model;
    bt_status status = bt_config_model_open(&model, made.record, &made.record->models[0], error);
    if (status == BT_OK) bt_config_model_close(&model);
    return status;
}

/* Checked, advised and told in both forms. */
static bt_status check_config(bt_error *error) {
    bt_config_check *check = NULL;
    static bt_config_here here;
    FILE *out = fopen("/dev/null", "w");
    bt_config_here_read(&here, "absent");
    bt_status status = bt_config_check_open(&check, made.config, &here, true, error);
    if (status == BT_OK) status = bt_report_config_table(made.config, check, "config.json", out, error);
    if (status == BT_OK) status = bt_report_config_json(made.config, check, "config.json", out, error);
    bt_config_check_close(&check);
    fclose(out);
    return status;
}

static bt_status save_gate(bt_error *error) {
    return bt_gate_record_save(made.gate, "copy.json", error);
}

static bt_status load_gate(bt_error *error) {
    bt_gate_record *copy;
    bt_status status = bt_gate_record_load(&copy, "gate.json", error);
    if (status != BT_OK && copy) fail_msg("a record that failed to load is there");
    bt_gate_record_close(&copy);
    return status;
}

static bt_status merge_gate(bt_error *error) {
    bt_gate_record *sum;
    bt_status status = bt_gate_record_open(&sum, error);
    for (int turn = 0; turn < 2 && status == BT_OK; turn++)
        status = bt_gate_record_merge(sum, made.gate, error);
    bt_gate_record_close(&sum);
    return status;
}

static bt_status save_verdict(bt_error *error) {
    return bt_gate_verdict_save(made.verdict, "copy.json", error);
}

static bt_status load_verdict(bt_error *error) {
    bt_gate_verdict *copy;
    bt_status status = bt_gate_verdict_load(&copy, "verdict.json", error);
    if (status != BT_OK && copy) fail_msg("a verdict that failed to load is there");
    bt_gate_verdict_close(&copy);
    return status;
}

static bt_status save_calibration(bt_error *error) {
    return bt_calibration_save(made.calibration, "copy.json", error);
}

static bt_status load_calibration(bt_error *error) {
    bt_calibration *copy;
    bt_status status = bt_calibration_load(&copy, "calibration.json", error);
    if (status != BT_OK && copy) fail_msg("a calibration that failed to load is there");
    bt_calibration_close(&copy);
    return status;
}

/* What was added before stays. */
static bt_status make_calibration(bt_error *error) {
    static const float ranges[] = {1, 2, 3};
    bt_calibration *calibration;
    bt_status status = bt_calibration_open(&calibration, error);
    for (int i = 0; i < 20 && status == BT_OK; i++) {
        status = bt_calibration_add(calibration, i, ranges, 3, error);
        assert_int_equal(calibration->tensor_count, status == BT_OK ? i + 1 : i);
    }
    bt_calibration_close(&calibration);
    return status;
}

static const fault_case cases[] = {
    {"save a record", .run = save_record, .document = true},
    {"load a record", .run = load_record},
    {"save a load record", .run = save_load_record, .document = true},
    {"load a load record", .run = load_load_record},
    {"load a config", .run = load_config},
    {"an untuned model's config", .run = untuned_config},
    {"make a config", .run = make_config, .document = true},
    {"make a config's model", .run = make_config_model},
    {"check a config", .run = check_config, .document = true},
    {"save a gate's record", .run = save_gate, .document = true},
    {"load a gate's record", .run = load_gate},
    {"merge a gate's turns", .run = merge_gate},
    {"save a gate's verdict", .run = save_verdict, .document = true},
    {"load a gate's verdict", .run = load_verdict},
    {"save a calibration", .run = save_calibration, .document = true},
    {"load a calibration", .run = load_calibration},
    {"make a calibration", .run = make_calibration},
};

int main(void) {
    return faults_memory_main("faults: memory, records", cases, sizeof cases / sizeof *cases);
}
