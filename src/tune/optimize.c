#include "tune/optimize.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cuda.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/version.h"
#include "tune/capacities.h"
#include "tune/choose.h"
#include "tune/forecast.h"
#include "tune/joint-memory.h"
#include "tune/replay.h"
#include "tune/resolve.h"
#include "tune/score.h"
#include "tune/sweep.h"

#define JOURNAL_FORMAT 4 /* of what stands in the journal's lines */

bt_status bt_optimize_open_run(bt_run **out, const bt_settings *settings, const bt_machine *machine,
                               bt_error *error) {
    *out = NULL;
    json_t *header = bt_options_write_json(bt_settings_table, bt_settings_count, settings);
    if (!header || json_object_set_new(header, "journal_format", json_integer(JOURNAL_FORMAT)) != 0 ||
        json_object_set_new(header, "machine", json_string(machine->fingerprint)) != 0 ||
        json_object_set_new(header, "tool_version", json_string(bt_version())) != 0) {
        json_decref(header);
        return bt_no_memory(error, "the run's header");
    }
    bt_status status = bt_run_open(out, settings->results, "optimize-batch", header, settings->resume, error);
    json_decref(header);
    return status;
}

/* ---- one model ---- */

static void warn(const bt_tuning *t, const char *note) {
    if (note[0]) bt_log_write(t->options->log, BT_LOG_WARNING, "%s: %s", t->model->title, note);
}

/* What the session told, into the record. */
static void fill_session(bt_model_record *model, int instances, const bt_worker_facts *facts) {
    const bt_session_info *info = &facts->info;
    snprintf(model->backend, sizeof model->backend, "%s", info->backend);
    snprintf(model->backend_detail, sizeof model->backend_detail, "%s", info->backend_detail);
    snprintf(model->device, sizeof model->device, "%s", info->device);
    snprintf(model->precision, sizeof model->precision, "%s", info->precision);
    snprintf(model->precision_note, sizeof model->precision_note, "%s", info->precision_note);
    snprintf(model->path_note, sizeof model->path_note, "%s", info->path_note);
    snprintf(model->weights_source, sizeof model->weights_source, "%s", info->weights);
    model->weights_hash = info->weights_hash;
    model->instances = instances;
    model->threads = info->threads;
    model->trained_weights = info->trained_weights;
    model->computes_masks = info->computes_masks;
    model->device_memory = info->device_memory;
    model->memory_total_mb = (double)facts->total_memory_bytes / BT_MIB;
}

static bt_sweep_options sweep_options(const bt_tuning *t, const bt_resolved_sizes *sizes,
                                      double time_budget_s) {
    const bt_settings *settings = t->options->settings;
    const bt_model_record *model = t->model;
    const bool demo = strcmp(bt_resolve_workload(settings), "cpu-demo") == 0;
    const bool other_size = demo && !sizes->fixed_image_size && model->image_size != BT_FULL_IMAGE_SIZE;
    return (bt_sweep_options){
        .batches = sizes->batches,
        .p95_sla_ms = settings->p95_sla_ms,
        .memory_limit_mb = model->memory_total_mb * (1 - settings->memory_reserve_percent / 100),
        .objective = settings->objective,
        .min_mask_iou = settings->min_mask_iou,
        .output = sizes->output,
        .computes_masks = model->computes_masks,
        .trained_weights = model->trained_weights,
        .standard_path = model->computes_masks,
        .full_size = other_size ? BT_FULL_IMAGE_SIZE : 0,
        .time_budget_s = time_budget_s,
    };
}

/* Says beforehand how long a proof takes, once for each batch size. */
static void announce_proof(const bt_tuning *t, const bt_sweep *sweep, int *announced) {
    bt_sweep_proof proof;
    char more[96] = "";
    if (!bt_sweep_proof_under_way(sweep, &proof) || proof.batch_size == *announced) return;
    *announced = proof.batch_size;
    if (proof.missing_s > proof.left_s)
        bt_text_format(more, sizeof more, ", more than the %.0f s that are left of the time budget",
                       fmax(proof.left_s, 0));
    bt_log_write(t->options->log, more[0] ? BT_LOG_WARNING : BT_LOG_INFO,
                 "%s: proof of batch %d takes about %d more runs, %.1f s%s", t->model->title,
                 proof.batch_size, proof.runs_missing, proof.missing_s, more);
}

static void report_step(const bt_tuning *t, bt_sweep *sweep, const bt_step *step,
                        const bt_step_result *result) {
    char doing[96];
    if (result->status != BT_OK)
        bt_log_write(t->options->log, BT_LOG_WARNING, "%s: %s batch %d: %s", t->model->title,
                     bt_step_name(step->kind), step->batch_size, result->message);
    else
        bt_log_write(t->options->log, BT_LOG_DETAIL, "%s: %s batch %d took %.2f s%s", t->model->title,
                     bt_step_name(step->kind), step->batch_size, result->elapsed_s,
                     result->disturbed ? ", disturbed" : "");
    const double fraction = bt_sweep_progress(sweep, doing, sizeof doing);
    bt_tuning_progress(t, fraction, "", doing);
}

static bt_status run_sweep(const bt_tuning *t, bt_probe *probe, bt_sweep *sweep, bt_error *error) {
    const bt_model_record *model = t->model;
    int announced = 0;
    for (;;) {
        const bt_step step = bt_sweep_next(sweep);
        if (step.kind == BT_STEP_DONE) return BT_OK;
        bt_step_result result;
        char why[BT_TEXT_SIZE] = "";
        bt_status status = BT_CLOSED;
        announce_proof(t, sweep, &announced);
        if (!bt_tuning_stopped(t->options)) status = bt_replay_step(t, probe, &step, &result, why, error);
        if (bt_tuning_stopped(t->options)) return bt_sweep_stop(sweep, NULL, error);
        if (status == BT_OK && why[0]) return bt_sweep_stop(sweep, why, error);
        const bool was_odd = model->output_note[0] != '\0';
        if (status == BT_OK) status = bt_sweep_done(sweep, &step, &result, error);
        if (status != BT_OK) return status;
        if (!was_odd) warn(t, model->output_note);
        report_step(t, sweep, &step, &result);
    }
}

/* One of the two; a model that cannot be asked any more has what it has. */
static bt_status time_handling(const bt_tuning *t, bt_probe *probe, bt_step_kind kind, double **samples_ms,
                               int *count, bt_error *error) {
    const bt_step step = {kind, 1, BT_MAX_TURN_SAMPLES};
    bt_step_result result;
    char why[BT_TEXT_SIZE];
    if (bt_tuning_stopped(t->options) || t->model->interrupted || t->model->reason[0]) return BT_OK;
    bt_status status = bt_replay_step(t, probe, &step, &result, why, error);
    t->model->interrupted = bt_tuning_stopped(t->options);
    if (t->model->interrupted || (status == BT_OK && why[0])) return BT_OK;
    if (status != BT_OK) return status;
    t->model->measuring_s += result.elapsed_s;
    if (result.status != BT_OK) warn(t, result.message);
    if (result.sample_count == 0) return BT_OK;
    *samples_ms = malloc((size_t)result.sample_count * sizeof **samples_ms);
    if (!*samples_ms) return bt_no_memory(error, "samples");
    memcpy(*samples_ms, result.samples_ms, (size_t)result.sample_count * sizeof **samples_ms);
    *count = result.sample_count;
    return BT_OK;
}

/* What a lane does around its runs, once the sizes are decided: it is the same for all of them. */
static bt_status time_both(const bt_tuning *t, bt_probe *probe, bt_error *error) {
    bt_model_record *model = t->model;
    bt_status status = time_handling(t, probe, BT_STEP_PREPARE, &model->prepare_samples_ms,
                                     &model->prepare_sample_count, error);
    return status == BT_OK ? time_handling(t, probe, BT_STEP_DELIVER, &model->deliver_samples_ms,
                                           &model->deliver_sample_count, error)
                           : status;
}

/* Sweeps a model whose session is known. */
static bt_status sweep_model(const bt_tuning *t, bt_probe *probe, int instances, const bt_worker_facts *facts,
                             double time_budget_s, bt_error *error) {
    bt_resolved_sizes sizes;
    bt_sweep *sweep = NULL;
    bt_status status = bt_resolve_sizes(&sizes, t->options->settings, t->resolved,
                                        facts->info.only_batch_size, t->options->log, error);
    if (status != BT_OK) return status;
    fill_session(t->model, instances, facts);
    warn(t, t->model->precision_note);
    warn(t, t->model->path_note);
    warn(t, facts->info.weights_note);
    const bt_sweep_options options = sweep_options(t, &sizes, time_budget_s);
    status = bt_sweep_open(&sweep, &options, t->model, error);
    if (status == BT_OK) status = run_sweep(t, probe, sweep, error);
    bt_sweep_close(&sweep);
    return status == BT_OK ? time_both(t, probe, error) : status;
}

static void warn_of_quota(const bt_tuning *t) {
    char words[BT_THROTTLING_WORDS_SIZE], note[BT_THROTTLING_WORDS_SIZE + 64];
    if (!bt_throttling_matters(&t->model->throttling)) return;
    bt_throttling_words(&t->model->throttling, words);
    snprintf(note, sizeof note, "%s: the figures hold for a service under this quota", words);
    warn(t, note);
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
        status = sweep_model(&t, probe, way->instances, &facts, time_budget_s - opening_s, error);
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
static bt_status tune_models(const bt_optimize_options *options, bt_record *record, bt_error *error) {
    const bt_settings *settings = options->settings;
    const int models = record->model_count;
    const double budget_s = bt_ms(settings->time_budget_ns) / 1e3;
    bt_contender ways[BT_NAMES_MAX];
    record->measuring_s = 0;
    for (int i = 0; i < models; i++)
        record->models[i].measuring_s = 0;
    bt_status status = bt_choose_ways(options, record, budget_s, ways, error);
    for (int i = 0; i < models && status == BT_OK; i++) {
        double reserved_s = (1 - BT_CONTEST_SHARE) * budget_s / models;
        double share_s = fmax((budget_s - record->measuring_s) / (models - i), reserved_s);
        status = tune_model(options, record, i, &ways[i], share_s, error);
        if (status == BT_OK) status = bt_score_model(&record->models[i], settings, error);
    }
    if (status == BT_OK && !bt_tuning_stopped(options))
        bt_log_progress(options->log, bt_clock_now_ns(), 1, "done");
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
    *out = NULL;
    bt_status status = bt_record_open(&record, options->settings->models.count, error);
    if (status != BT_OK) return status;
    fill_run(record, options);
    status = bt_resolve_models(record, options->models, options->log, error);
    if (status == BT_OK) status = tune_models(options, record, error);
    if (status == BT_OK) status = bt_capacities_find(record, error);
    if (status == BT_OK) {
        bt_fit_joint_memory(record);
        status = bt_forecast(record, error);
    }
    if (status != BT_OK) {
        bt_record_close(&record);
        return status;
    }
    fill_subject(record);
    bt_clock_utc(record->finished_at);
    *out = record;
    return BT_OK;
}
