/* Tables, pages and plots: memory that runs out at any moment is one clear error, and nothing is lost. The
 * n-th allocation fails, for every n. */
#include <stdio.h>

#include "explain/explain.h"
#include "fault-documents.h"
#include "report/explanation.h"
#include "report/load.h"
#include "report/sweep-publish.h"

static bt_status publish_sweep(const void *format, bt_error *error) {
    FILE *out = fopen("/dev/null", "w");
    bt_status status =
        bt_sweep_publish(made.record, *(const bt_format *)format, NULL, "./report.html", out, error);
    fclose(out);
    return status;
}

static bt_status publish_load(const void *format, bt_error *error) {
    FILE *out = fopen("/dev/null", "w");
    bt_status status = bt_load_publish(made.load, *(const bt_load_format *)format, NULL, NULL, out, error);
    fclose(out);
    return status;
}

static bt_status explain_load(const void *format, bt_error *error) {
    const bt_explain_options options = {.path = "load.json"};
    bt_explanation *explanation;
    FILE *out = fopen("/dev/null", "w");
    bt_status status = bt_explain_load(&explanation, made.load, &options, error);
    if (status == BT_OK)
        status = bt_report_explanation(explanation, *(const bt_explanation_format *)format, out, error);
    fclose(out);
    bt_explanation_close(&explanation);
    return status;
}

static const fault_case cases[] = {
    {"a table", .run_with = publish_sweep, .argument = &(bt_format){BT_FORMAT_TABLE}},
    {"JSON", .run_with = publish_sweep, .argument = &(bt_format){BT_FORMAT_JSON}, .document = true},
    {"CSV", .run_with = publish_sweep, .argument = &(bt_format){BT_FORMAT_CSV}},
    {"Markdown", .run_with = publish_sweep, .argument = &(bt_format){BT_FORMAT_MARKDOWN}},
    {"a page", .run_with = publish_sweep, .argument = &(bt_format){BT_FORMAT_HTML}},
    {"a load test's table", .run_with = publish_load, .argument = &(bt_load_format){BT_LOAD_FORMAT_TABLE}},
    {"a load test's JSON", .run_with = publish_load, .argument = &(bt_load_format){BT_LOAD_FORMAT_JSON},
     .document = true},
    {"a load test's Markdown", .run_with = publish_load,
     .argument = &(bt_load_format){BT_LOAD_FORMAT_MARKDOWN}},
    {"a load test's page", .run_with = publish_load, .argument = &(bt_load_format){BT_LOAD_FORMAT_HTML}},
    {"JUnit XML", .run_with = publish_load, .argument = &(bt_load_format){BT_LOAD_FORMAT_JUNIT}},
    {"an explanation", .run_with = explain_load, .argument = &(bt_explanation_format){BT_EXPLANATION_TABLE}},
    {"an explanation's JSON", .run_with = explain_load,
     .argument = &(bt_explanation_format){BT_EXPLANATION_JSON}, .document = true},
    {"an explanation's Markdown", .run_with = explain_load,
     .argument = &(bt_explanation_format){BT_EXPLANATION_MARKDOWN}},
    {"plots and reports", .run = fault_publish_files, .allowed = FAULT_SURVIVED},
    {"a page over all runs", .run = fault_index_runs, .allowed = FAULT_SURVIVED},
};

int main(void) {
    return faults_memory_main("faults: memory, report", cases, sizeof cases / sizeof *cases);
}
