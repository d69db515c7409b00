/* What the gate collects, judges and prints: memory that runs out at any moment is one clear error, and
 * nothing is lost. The n-th allocation fails, for every n. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "fault-documents.h"
#include "gate/collect.h"
#include "gate/compare.h"
#include "gate/judge.h"
#include "report/gate.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const double times_before[] = {10, 11, 10.5, 10.2, 10.9, 10.1, 10.4, 10.3},
                    times_now[] = {10.2, 11.1, 10.4, 10.6, 10.8, 10.7, 10.3, 10.5};

static bt_status collect_sweep(bt_error *error) {
    bt_gate_record *collected = NULL;
    bt_status status = bt_gate_collect_sweep(&collected, made.record, error);
    bt_gate_record_close(&collected);
    return status;
}

static bt_status collect_load(bt_error *error) {
    bt_gate_record *collected = NULL;
    bt_status status = bt_gate_collect_load(&collected, made.load, error);
    bt_gate_record_close(&collected);
    return status;
}

/* Two sides of enough values that something is computed. */
static bt_status judge(bt_error *error) {
    bt_gate_rules rules;
    bt_gate_record *sides[2] = {NULL, NULL};
    bt_gate_verdict *judged = NULL;
    const bt_judge how = {.rules = &rules, .seed = 1};
    bt_gate_rules_default(&rules);
    bt_status status = bt_gate_verdict_open(&judged, error);
    for (int i = 0; i < 2 && status == BT_OK; i++) {
        status = bt_gate_record_open(&sides[i], error);
        bt_gate_series *series =
            status == BT_OK ? bt_gate_series_add(sides[i], "hrnet/batch-1", "ms", "32 px", 0.5) : NULL;
        if (status == BT_OK && !series) status = bt_fail(error, BT_NO_MEMORY, "no series");
        if (status == BT_OK)
            status =
                bt_gate_samples_add(series, i ? times_now : times_before, COUNT(times_now), false, error);
    }
    if (status == BT_OK) status = bt_compare_records(judged, &how, sides[0], sides[1], error);
    if (status == BT_OK) bt_judge_whole(judged, BT_ON_INCONCLUSIVE_FAIL);
    if (status == BT_OK)
        assert_true(isfinite(judged->rows[0].before) && isfinite(judged->rows[0].lower_percent));
    bt_gate_record_close(&sides[0]);
    bt_gate_record_close(&sides[1]);
    bt_gate_verdict_close(&judged);
    return status;
}

static bt_status publish(const void *format, bt_error *error) {
    FILE *out = fopen("/dev/null", "w");
    bt_status status = bt_gate_publish(made.verdict, *(const bt_gate_format *)format, out, error);
    fclose(out);
    return status;
}

static const fault_case cases[] = {
    {"a sweep's figures", .run = collect_sweep},
    {"a load test's figures", .run = collect_load},
    {"judge two records", .run = judge},
    {"a verdict's table", .run_with = publish, .argument = &(bt_gate_format){BT_GATE_FORMAT_TABLE}},
    {"a verdict's JSON", .run_with = publish, .argument = &(bt_gate_format){BT_GATE_FORMAT_JSON}},
    {"a verdict's Markdown", .run_with = publish, .argument = &(bt_gate_format){BT_GATE_FORMAT_MARKDOWN}},
    {"a verdict's JUnit XML", .run_with = publish, .argument = &(bt_gate_format){BT_GATE_FORMAT_JUNIT}},
};

int main(void) {
    return faults_memory_main("faults: memory, gate", cases, sizeof cases / sizeof *cases);
}
