#include "tune/choose.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/calibrate.h"
#include "base/cores.h"
#include "tune/contenders.h"
#include "tune/divisions.h"
#include "tune/race.h"
#include "tune/resolve.h"

/* ---- what there is ---- */

static bool can_be_calibrated(const bt_tuning *t) {
    const bt_session_options session = {.model = t->model->model,
                                        .model_file = t->model->model_file,
                                        .device = t->options->settings->device,
                                        .path = (bt_path)t->options->settings->path};
    return bt_calibrate_check(&session, NULL) == BT_OK;
}

static bt_ways ways_of(const bt_tuning *t) {
    const bt_settings *settings = t->options->settings;
    const bt_model *model = &t->resolved->model;
    const bt_runs_on where = bt_resolve_runs_on(settings, t->resolved);
    const bool fused = where == BT_RUNS_ON_CUDA && settings->path == BT_PATH_PRODUCTION &&
                       model->kind == BT_MODEL_NETWORK; /* its kernels take NHWC alone, as the plan does */
    bt_ways ways = {
        .divisions = t->model->divisions,
        .division_count = t->model->division_count,
        .asked = (bt_precision)settings->precision,
        .use_amp = settings->use_amp,
        .fixed =
            t->resolved->simulated || settings->path == BT_PATH_STANDARD || bt_model_has_own_precision(model),
        .channels_last = settings->use_channels_last,
        .both_layouts = settings->use_channels_last && where != BT_RUNS_PLANNED && !fused,
    };
    for (int p = BT_PRECISION_FP32; p < BT_PRECISION_INT8; p++)
        ways.can[p] = bt_session_precision_exists((bt_precision)p, where);
    ways.can[BT_PRECISION_INT8] = where == BT_RUNS_PLANNED && can_be_calibrated(t);
    ways.can[ways.asked] = true; /* the session says what is wrong with it */
    return ways;
}

/* ---- their comparison ---- */

/* What it would bring, once it is decided what is taken without it. */
static bt_status tell_int8(bt_race *r, bt_error *error) {
    bt_status status = bt_race_calibrate(r, error);
    if (!bt_race_is_over(r, status)) status = bt_race_tell_int8(r, error);
    if (!bt_race_is_over(r, status)) status = bt_race_check_masks(r, error);
    return status;
}

/* A model's ways of running, compared within `budget_s`. */
static bt_status compare_ways(const bt_tuning *t, double budget_s, double *spent_s, bt_error *error) {
    bt_model_record *model = t->model;
    bt_race r = {.t = t, .budget_s = budget_s};
    const bool late = bt_race_int8_is_late(&r);
    bt_status status = BT_OK;
    for (int i = 0; i < model->contender_count && status == BT_OK; i++)
        status = bt_tuning_open_probe(&r.probes[i], t, &model->contenders[i], error);
    if (status == BT_OK && !late) status = bt_race_calibrate(&r, error);
    if (status == BT_OK) status = bt_race_hold(&r, error);
    if (status == BT_OK) status = bt_race_hold_heats(&r, error);
    if (status == BT_OK) status = bt_race_check_masks(&r, error);
    if (status == BT_OK && late && !bt_tuning_stopped(t->options)) status = tell_int8(&r, error);
    if (r.contest) bt_contest_close(&r.contest);
    for (int i = 0; i < model->contender_count; i++)
        bt_probe_close(&r.probes[i]);
    (void)remove(t->reference); /* where there is one */
    model->contest_s = r.spent_s;
    *spent_s += r.spent_s;
    return status;
}

/* ---- what is taken ---- */

/* Whether each kind that may win was measured, or failed: else there is nothing to prefer one by. */
static bool is_decided(const bt_model_record *model) {
    for (int i = 0; i < model->contender_count; i++) {
        const bt_contender *c = &model->contenders[i];
        const bool first = bt_contender_same_division(c, &model->contenders[0]);
        if (first && bt_contender_is_eligible(c) && !(c->median_ms > 0)) return false;
    }
    return true;
}

static void take_way(const bt_optimize_options *options, bt_model_record *model, int division,
                     bt_contender *out) {
    const bt_settings *settings = options->settings;
    bt_contender *best =
        bt_contenders_best(model->contenders, model->contender_count, &model->divisions[division]);
    *out = *best;
    if (is_decided(model)) {
        bt_contenders_take(model->contenders, model->contender_count, best);
        bt_contenders_reason(model->contenders, model->contender_count, (bt_precision)settings->precision,
                             model->precision_reason);
    } else if (bt_race_has_rivals(model)) { /* the session takes what it knows to be fast here */
        snprintf(out->precision, sizeof out->precision, "%.7s",
                 bt_precision_name((bt_precision)settings->precision));
        out->channels_last = settings->use_channels_last;
    }
    if (model->precision_reason[0])
        bt_log_write(options->log, BT_LOG_INFO, "%s: %s", model->title, model->precision_reason);
    if (model->contender_count == 1) model->contender_count = 0; /* nothing was compared */
    if (model->division_count == 1) model->division_count = 0;
}

/* ---- all models ---- */

/* What a quota leaves of the CPUs, and whether more was asked for than there is. */
static void log_cores(const bt_optimize_options *options, const bt_cores *cores, const bt_division *first) {
    char words[BT_CORES_WORDS_SIZE], excess[BT_CORES_EXCESS_SIZE];
    const int threads = first->threads > 0 ? first->threads : cores->count;
    if (bt_backend_simulates(options->settings->backend) || strcmp(options->settings->device, "cpu") != 0)
        return;
    bt_cores_words(cores, words);
    bt_cores_excess(cores, first->instances * threads, excess);
    if (excess[0])
        bt_log_write(options->log, BT_LOG_WARNING, "%s", excess);
    else if (cores->quota > 0)
        bt_log_write(options->log, BT_LOG_INFO, "%s", words);
}

/* Model `index` by itself: what there is, and what its ways took. */
static bt_status compare_model(const bt_optimize_options *options, bt_record *record, int index,
                               double budget_s, bt_error *error) {
    bt_model_record *model = &record->models[index];
    const bt_cores cores = bt_cores_read();
    const double share_s =
        (BT_CONTEST_SHARE * budget_s - record->measuring_s) / (record->model_count - index);
    bt_tuning t;
    bt_status status =
        bt_divisions_list(options->settings, &cores, model->divisions, &model->division_count, error);
    if (status == BT_OK && index == 0) log_cores(options, &cores, &model->divisions[0]);
    if (status == BT_OK) status = bt_tuning_init(&t, options, record, index, 0, BT_CONTEST_SHARE, error);
    if (status != BT_OK) return status;
    const bt_ways ways = ways_of(&t);
    model->contender_count = bt_contenders_list(&ways, model->contenders);
    if (model->contender_count > 1 && !bt_tuning_stopped(options))
        status = compare_ways(&t, share_s, &record->measuring_s, error);
    bt_contenders_divide(model->contenders, model->contender_count, model->divisions, model->division_count);
    return status;
}

bt_status bt_choose_ways(const bt_optimize_options *options, bt_record *record, double budget_s,
                         bt_contender ways[BT_NAMES_MAX], bt_error *error) {
    const bt_division *of[BT_NAMES_MAX];
    bt_status status = BT_OK;
    for (int i = 0; i < record->model_count && status == BT_OK; i++) {
        of[i] = record->models[i].divisions;
        status = compare_model(options, record, i, budget_s, error);
    }
    if (status != BT_OK) return status;
    const int division =
        bt_divisions_choose(of, record->model_count, record->models[0].division_count, options->settings);
    for (int i = 0; i < record->model_count; i++)
        take_way(options, &record->models[i], division, &ways[i]);
    return BT_OK;
}
