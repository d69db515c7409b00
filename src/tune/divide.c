#include "tune/divide.h"

#include <string.h>

#include "base/cores.h"
#include "tune/divisions.h"
#include "tune/replay.h"
#include "tune/resolve.h"

/* ---- the contest ---- */

/* Tells how the contest stands, and of a turn that failed why. */
static void report_turn(const bt_tuning *t, const bt_contest *contest, const bt_contest_turn *turn,
                        const bt_step_result *result) {
    char doing[96];
    int instances = t->model->divisions[turn->division].instances;
    double fraction = bt_contest_progress(contest, doing, sizeof doing);
    if (result->status != BT_OK)
        bt_log_write(t->options->log, BT_LOG_WARNING, "%s: %d instance%s left out: %s", t->model->title,
                     instances, instances == 1 ? " is" : "s are", result->message);
    bt_log_write(t->options->log, BT_LOG_DETAIL,
                 "%s: comparing instances: round %d of %d, %d of them, took %.2f s", t->model->title,
                 turn->round, BT_CONTEST_ROUNDS, instances, result->elapsed_s);
    bt_tuning_progress(t, fraction, "comparing instances: ", doing);
}

static bt_status run_contest(const bt_tuning *t, bt_contest *contest, bt_probe *const *probes,
                             double *spent_s, bt_error *error) {
    bt_contest_turn turn;
    while (!bt_tuning_stopped(t->options) && bt_contest_next(contest, &turn)) {
        bt_step_result result;
        bt_status status = bt_replay_turn(t, probes[turn.division], &turn, &result, error);
        if (status != BT_OK || bt_tuning_stopped(t->options)) return status;
        *spent_s += result.elapsed_s;
        bt_contest_done(contest, &result);
        report_turn(t, contest, &turn, &result);
    }
    return BT_OK;
}

/* A model's ways of sharing the cores, compared within `budget_s`. */
static bt_status compare_divisions(const bt_tuning *t, double budget_s, double *spent_s, bt_error *error) {
    bt_model_record *model = t->model;
    bt_probe *probes[BT_DIVISIONS_MAX] = {0};
    bt_contest *contest;
    bt_status status = bt_contest_open(&contest, model->divisions, model->division_count, budget_s, error);
    for (int i = 0; i < model->division_count && status == BT_OK; i++)
        status = bt_tuning_open_probe(&probes[i], t, &model->divisions[i], error);
    if (status == BT_OK) status = run_contest(t, contest, probes, spent_s, error);
    for (int i = 0; i < model->division_count; i++)
        bt_probe_close(&probes[i]);
    bt_contest_close(&contest);
    return status;
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

bt_status bt_divide_cores(const bt_optimize_options *options, bt_record *record, double budget_s,
                          bt_division *out, bt_error *error) {
    const bt_division *of[BT_NAMES_MAX];
    const bt_cores cores = bt_cores_read();
    bt_status status = BT_OK;
    for (int i = 0; i < record->model_count && status == BT_OK; i++) {
        bt_model_record *model = &record->models[i];
        bt_tuning t;
        double share_s = (BT_CONTEST_SHARE * budget_s - record->measuring_s) / (record->model_count - i);
        of[i] = model->divisions;
        status =
            bt_divisions_list(options->settings, &cores, model->divisions, &model->division_count, error);
        if (status == BT_OK && i == 0) log_cores(options, &cores, &model->divisions[0]);
        if (status == BT_OK) status = bt_tuning_init(&t, options, record, i, 0, BT_CONTEST_SHARE, error);
        if (status == BT_OK && model->division_count > 1 && !bt_tuning_stopped(options))
            status = compare_divisions(&t, share_s, &record->measuring_s, error);
    }
    if (status != BT_OK) return status;
    const int count = record->models[0].division_count;
    *out = of[0][bt_divisions_choose(of, record->model_count, count, options->settings)];
    for (int i = 0; i < record->model_count && count == 1; i++)
        record->models[i].division_count = 0; /* nothing was compared */
    return BT_OK;
}
