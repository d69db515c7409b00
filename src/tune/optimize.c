#include "tune/optimize.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cuda.h"
#include "base/clock.h"
#include "tune/choose.h"
#include "tune/crew.h"
#include "tune/forecast.h"
#include "tune/joint-memory.h"
#include "tune/neighbours.h"
#include "tune/replay.h"
#include "tune/resolve.h"
#include "tune/score.h"
#include "tune/sweep-model.h"

/* ---- one model ---- */

static void warn_of_quota(const bt_tuning *t) {
    char words[BT_THROTTLING_WORDS_SIZE], note[BT_THROTTLING_WORDS_SIZE + 64];
    if (!bt_throttling_matters(&t->model->throttling)) return;
    bt_throttling_words(&t->model->throttling, words);
    snprintf(note, sizeof note, "%s: the figures hold for a service under this quota", words);
    bt_log_write(t->options->log, BT_LOG_WARNING, "%s: %s", t->model->title, note);
}

/* Tunes one model within `time_budget_s`; adds what it took to the record's. */
static bt_status tune_model(const bt_optimize_options *options, bt_record *record, int index,
                            const bt_contender *way, double time_budget_s, bt_error *error) {
    bt_model_record *model = &record->models[index];
    const double before = model->contender_count > 0 ? BT_CONTEST_SHARE : 0;
    bt_tuning t;
    bt_probe *probe = NULL;
    bt_worker_facts facts;
    double opening_s = 0;
    bt_status status = bt_tuning_init(&t, options, record, index, before, 1 - before, error);
    if (status == BT_OK && !bt_tuning_stopped(options)) status = bt_tuning_open_probe(&probe, &t, way, error);
    if (status == BT_OK && !bt_tuning_stopped(options))
        status = bt_replay_facts(&t, probe, &facts, &opening_s, error);
    if (bt_tuning_stopped(options)) {
        model->interrupted = true;
        status = BT_OK;
    } else if (status == BT_OK && !model->reason[0]) {
        status = bt_sweep_model(&t, probe, way->instances, &facts, time_budget_s - opening_s, error);
    }
    warn_of_quota(&t);
    model->measuring_s += opening_s;
    record->measuring_s += model->measuring_s;
    bt_probe_close(&probe);
    return status;
}

/* ---- all models ---- */

/* Each model has its share of what comparing ways of running may leave: none eats another's. What one does not need
 * is for those after it. */
static bt_status tune_models(const bt_optimize_options *options, bt_record *record,
                             bt_contender ways[BT_NAMES_MAX], bt_error *error) {
    const bt_settings *settings = options->settings;
    const int models = record->model_count;
    const double budget_s = bt_ms(settings->time_budget_ns) / 1e3;
    record->measuring_s = 0;
    for (int i = 0; i < models; i++)
        record->models[i].measuring_s = 0;
    bt_status status = bt_choose_ways(options, record, budget_s, ways, error);
    if (status == BT_OK && options->crew && !bt_tuning_stopped(options))
        status =
            bt_crew_measure(options->crew, options, ways, (budget_s - record->measuring_s) / models, error);
    for (int i = 0; i < models && status == BT_OK; i++) {
        double reserved_s = (1 - BT_CONTEST_SHARE) * budget_s / models;
        double share_s = fmax((budget_s - record->measuring_s) / (models - i), reserved_s);
        status = tune_model(options, record, i, &ways[i], share_s, error);
        if (status == BT_OK) status = bt_score_model(&record->models[i], settings, error);
    }
    return status;
}

static void fill_subject(bt_record *record) {
    bt_subject_read(&record->subject);
    const bt_model_record *model = &record->models[0];
    for (int i = 1; i < record->model_count && model->backend[0] == '\0'; i++)
        model = &record->models[i]; /* the first may not have opened */
    snprintf(record->subject.runtime, sizeof record->subject.runtime, "%s", model->backend);
    snprintf(record->subject.runtime_detail, sizeof record->subject.runtime_detail, "%s",
             model->backend_detail);
    bt_cuda_fill_driver(record->subject.gpu_driver, sizeof record->subject.gpu_driver);
}

/* What is known of a run before anything is measured. */
static void fill_run(bt_record *record, const bt_optimize_options *options) {
    bt_clock_utc(record->started_at);
    snprintf(record->run_id, sizeof record->run_id, "%s", bt_run_id(options->run));
    snprintf(record->command, sizeof record->command, "%s", options->command);
    snprintf(record->workload, sizeof record->workload, "%s", bt_resolve_workload(options->settings));
    record->machine = *options->machine;
    record->settings = *options->settings;
    record->sources = *options->sources;
    snprintf(record->images, sizeof record->images, "%s", options->images);
}

bt_status bt_optimize(bt_record **out, const bt_optimize_options *options, bt_error *error) {
    bt_record *record;
    bt_contender ways[BT_NAMES_MAX];
    *out = NULL;
    bt_status status = bt_record_open(&record, options->settings->models.count, error);
    if (status != BT_OK) return status;
    fill_run(record, options);
    status = bt_resolve_models(record, options->models, options->log, error);
    if (status == BT_OK) status = tune_models(options, record, ways, error);
    if (status == BT_OK) status = bt_capacities_find(record, error);
    if (status == BT_OK) {
        bt_fit_joint_memory(record);
        status = bt_time_neighbours(options, record, ways, error);
    }
    if (status == BT_OK && !bt_tuning_stopped(options))
        bt_log_progress(options->log, bt_clock_now_ns(), 1, "done");
    if (status == BT_OK) status = bt_forecast(record, error);
    if (status != BT_OK) {
        bt_record_close(&record);
        return status;
    }
    fill_subject(record);
    bt_clock_utc(record->finished_at);
    *out = record;
    return BT_OK;
}
