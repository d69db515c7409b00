/* Journals, runs and sweeps: memory that runs out at any moment is one clear error, and nothing is lost. The
 * n-th allocation fails, for every n. */
#include <jansson.h>

#include "fault-documents.h"
#include "made-up-machine.h"
#include "tune/journal.h"
#include "tune/score.h"
#include "tune/sweep.h"

static bt_status append_journal(bt_error *error) {
    bt_journal *journal = NULL;
    bt_status status = bt_journal_open(&journal, "appended.jsonl", error);
    if (status == BT_OK) status = bt_journal_append(journal, json_pack("{s:s}", "a", "b"), error);
    bt_journal_close(&journal);
    return status;
}

static bt_status load_journal(bt_error *error) {
    json_t *lines = NULL;
    bt_status status = bt_journal_load(&lines, "journal.jsonl", error);
    json_decref(lines);
    return status;
}

static bt_status sweep_whole(bt_error *error) {
    machine m = machine_quiet();
    bt_record *swept = NULL;
    bt_sweep *sweep = NULL;
    static const bt_sweep_options options = {.batches = {.sizes = {1, 2, 4}, .count = 3},
                                             .p95_sla_ms = 100,
                                             .memory_limit_mb = 1000,
                                             .min_mask_iou = 0.99,
                                             .standard_path = true,
                                             .time_budget_s = 60};
    bt_status status = bt_record_open(&swept, 1, error);
    if (status == BT_OK) status = bt_sweep_open(&sweep, &options, &swept->models[0], error);
    while (status == BT_OK) {
        bt_step step = bt_sweep_next(sweep);
        if (step.kind == BT_STEP_DONE) break;
        bt_step_result result = machine_answer(&m, &step);
        status = bt_sweep_done(sweep, &step, &result, error);
    }
    bt_sweep_close(&sweep);
    if (status == BT_OK) status = bt_score_model(&swept->models[0], &made.record->settings, error);
    bt_record_close(&swept);
    return status;
}

static const fault_case cases[] = {
    {"append to a journal", .run = append_journal, .document = true},
    {"load a journal", .run = load_journal},
    {"begin a run", .run = fault_begin_run, .document = true},
    {"resume a run", .run = fault_resume_run},
    {"sweep", .run = sweep_whole},
};

int main(void) {
    return faults_memory_main("faults: memory, tune", cases, sizeof cases / sizeof *cases);
}
