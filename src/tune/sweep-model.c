#include "tune/sweep-model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "tune/around-runs.h"
#include "tune/resolve.h"
#include "tune/sweep.h"

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
    model->classes = info->classes;
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

bt_status bt_sweep_model_open(bt_sweep **out, const bt_tuning *t, int instances, const bt_worker_facts *facts,
                              double time_budget_s, bt_error *error) {
    bt_resolved_sizes sizes;
    *out = NULL;
    bt_status status = bt_resolve_sizes(&sizes, t->options->settings, t->resolved,
                                        facts->info.only_batch_size, t->options->log, error);
    if (status != BT_OK) return status;
    fill_session(t->model, instances, facts);
    warn(t, t->model->precision_note);
    warn(t, t->model->path_note);
    warn(t, facts->info.weights_note);
    warn(t, facts->info.found_note);
    const bt_sweep_options options = sweep_options(t, &sizes, time_budget_s);
    return bt_sweep_open(out, &options, t->model, error);
}

bt_status bt_sweep_model(const bt_tuning *t, bt_probe *probe, int instances, const bt_worker_facts *facts,
                         double time_budget_s, bt_error *error) {
    bt_sweep *sweep;
    bt_status status = bt_sweep_model_open(&sweep, t, instances, facts, time_budget_s, error);
    if (status == BT_OK) status = run_sweep(t, probe, sweep, error);
    bt_sweep_close(&sweep);
    return status == BT_OK ? bt_time_around_runs(t, probe, time_budget_s, error) : status;
}
