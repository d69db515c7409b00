#include "fault-documents.h"
#include "expect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture-calibration.h"
#include "fixture-load-record.h"
#include "fixture-record.h"
#include "load/schedule.h"
#include "report/load.h"
#include "report/results-index.h"
#include "report/sweep-plots.h"
#include "report/sweep-publish.h"
#include "scratch.h"
#include "tune/run.h"

fault_documents made;

static void write_bytes(const char *path, const void *bytes, size_t size) {
    bt_error error;
    must(bt_file_replace(path, bytes, size, false, &error), &error);
}

/* The shortest of safetensors: one tensor of two numbers. */
static void write_safetensors(void) {
    static const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    char file[8 + sizeof header - 1 + 8] = {sizeof header - 1};
    memcpy(file + 8, header, sizeof header - 1);
    write_bytes("a.safetensors", file, sizeof file);
}

/* y = Relu(x), x of any x 3 x 8 x 8. */
void fault_write_onnx(void) {
    static const char network[] =
        "\x08\x08\x3a\x33\x0a\x0c\x0a\x01x\x12\x01y\x22\x04Relu\x5a\x1c\x0a\x01x\x12\x17\x0a\x15\x08\x01"
        "\x12\x11\x0a\x03\x12\x01n\x0a\x02\x08\x03\x0a\x02\x08\x08\x0a\x02\x08\x08\x62\x05\x0a\x01y\x12\x00";
    write_bytes("a.onnx", network, sizeof network - 1);
}

/* Two turns of one metric, another's one run, a promise; and what was decided of them. */
static void make_gate(void) {
    static const double samples[] = {3, 1, 2};
    static const bt_gate_promise promise = {"hrnet/sla", BT_GATE_MET, 250, "128 px", "1 thread"};
    static const bt_gate_kept kept = {"hrnet/sla", "met", "broken", 250, 250, BT_GATE_SLOWER, "newly broken"};
    bt_error error;
    must(bt_gate_record_open(&made.gate, &error), &error);
    bt_gate_series *series = bt_gate_series_add(made.gate, "a", "ns", "x", 0.5);
    must(bt_gate_samples_add(series, samples, 3, true, &error), &error);
    must(bt_gate_samples_add(series, samples, 2, true, &error), &error);
    series = bt_gate_series_add(made.gate, "b", "ms", "y", 0.95);
    must(bt_gate_samples_add(series, samples, 3, false, &error), &error);
    must(bt_gate_promise_add(made.gate, &promise, &error), &error);
    must(bt_gate_record_save(made.gate, "gate.json", &error), &error);
    must(bt_gate_verdict_open(&made.verdict, &error), &error);
    bt_gate_row *row = bt_gate_row_add(made.verdict, "a", "ns", "x", 0.5);
    must(bt_gate_row_value(row, false, 3, &error), &error);
    must(bt_gate_row_value(row, true, 2, &error), &error);
    must(bt_gate_kept_add(made.verdict, &kept, &error), &error);
    must(bt_gate_verdict_save(made.verdict, "verdict.json", &error), &error);
}

/* A run with a bit of everything that a file holds. */
static void make_record(void) {
    made.record = fixture_record();
    made.record->models[0].divisions[made.record->models[0].division_count++] =
        (bt_division){2, 1, 3.5, 7, 7};
    made.record->sources.of[0] = BT_SOURCE_PROFILE;
    strcpy(made.record->images, "caf\xe9"); /* no UTF-8: it is written from a copy */
}

int fault_documents_make(void **state) {
    bt_error error;
    json_t *json;
    if (!getcwd(made.root, sizeof made.root) || bt_scratch_enter(state)) return -1;
    make_record();
    make_gate();
    made.load = fixture_load_record();
    made.calibration = fixture_calibration();
    must(bt_calibration_save(made.calibration, "calibration.json", &error), &error);
    must(bt_record_save(made.record, "record.json", &error), &error);
    must(bt_load_record_save(made.load, "load.json", &error), &error);
    must(bt_config_from_record(&json, made.record, NULL, &error), &error);
    must(bt_config_save(json, "config.json", &error), &error);
    json_decref(json);
    must(bt_config_load(&made.config, "config.json", &error), &error);
    json_object_set_new(made.config->json, "_note", json_string("kept"));
    made.hrnet = bt_config_find(made.config, "hrnet");
    put("journal.jsonl", "{\"run\":{\"device\":\"cpu\"}}\n{\"n\":1}\n{\"n\":2}\n{\"n\":");
    put("settings.json", "{\"p95_sla_ms\": 50, \"batches\": [1, 2], \"models\": \"hrnet\"}");
    put("trace.txt", "0\n0.5\n0.75\n");
    write_safetensors();
    fault_write_onnx();
    return 0;
}

int fault_documents_remove(void **state) {
    bt_config_close(&made.config);
    bt_record_close(&made.record);
    bt_load_record_close(&made.load);
    bt_gate_record_close(&made.gate);
    bt_gate_verdict_close(&made.verdict);
    bt_calibration_close(&made.calibration);
    print_message("# %ld failures planted\n", faults_struck());
    return bt_scratch_leave(state);
}

/* ---- cases of several tests ---- */

static bt_status open_run(bool resume, bt_error *error) {
    bt_run *run = NULL;
    json_t *header = json_pack("{s:s}", "device", "cpu");
    if (!header) return bt_fail(error, BT_NO_MEMORY, "no header");
    bt_status status = bt_run_open(&run, "results", "try", header, resume, error);
    if (status == BT_OK) status = bt_run_append(run, json_pack("{s:i}", "n", 1), error);
    json_decref(header);
    bt_run_close(&run);
    return status;
}

bt_status fault_begin_run(bt_error *error) {
    return open_run(false, error);
}

bt_status fault_resume_run(bt_error *error) {
    return open_run(true, error);
}

bt_status fault_read_trace(bt_error *error) {
    bt_schedule schedule = {0};
    bt_status status = bt_schedule_open(
        &schedule, &(bt_schedule_options){.shape = BT_SHAPE_TRACE, .trace = "trace.txt"}, error);
    if (status == BT_OK) bt_schedule_close(&schedule);
    return status;
}

bt_status fault_publish_files(bt_error *error) {
    bt_status status = bt_sweep_plots_write(made.record, "plots", error);
    if (status == BT_OK)
        status = bt_sweep_publish_file(made.record, BT_FORMAT_MARKDOWN, "plots", "report.md", error);
    if (status == BT_OK) status = bt_load_plots_write(made.load, "plots", error);
    if (status == BT_OK)
        status = bt_load_publish_file(made.load, BT_LOAD_FORMAT_HTML, "plots", "report.html", error);
    return status;
}

bt_status fault_index_runs(bt_error *error) {
    bt_status status = bt_folder_make("runs/one", error);
    if (status == BT_OK) status = bt_load_record_save(made.load, "runs/one/record.json", error);
    return status == BT_OK ? bt_results_index_write("runs", error) : status;
}

/* ---- a layer's test ---- */

typedef struct case_table {
    const fault_case *cases;
    size_t count;
} case_table;

static void memory_runs_out(void **state) {
    const case_table *table = *state;
    faults_all(table->cases, table->count, &(fault){.calls = FAULT_MEMORY}, BT_NO_MEMORY);
}

static void a_document_runs_out_of_memory(void **state) {
    const case_table *table = *state;
    for (size_t i = 0; i < table->count; i++)
        if (table->cases[i].document)
            faults_all(&table->cases[i], 1, &(fault){.calls = FAULT_JSON}, BT_NO_MEMORY);
}

static bool has_documents(const case_table *table) {
    for (size_t i = 0; i < table->count; i++)
        if (table->cases[i].document) return true;
    return false;
}

int faults_memory_main(const char *layer, const fault_case *cases, size_t count) {
    case_table table = {cases, count};
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(memory_runs_out, &table),
                                       cmocka_unit_test_prestate(a_document_runs_out_of_memory, &table)};
    const char *only = getenv("BATCHTUNE_ONLY");
    if (only) cmocka_set_test_filter(only);
    return _cmocka_run_group_tests(layer, tests, has_documents(&table) ? 2 : 1, fault_documents_make,
                                   fault_documents_remove);
}
