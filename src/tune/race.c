#include "tune/race.h"

#include <stdio.h>
#include <string.h>

#include "tune/contenders.h"
#include "tune/heats.h"
#include "tune/replay.h"
#include "tune/search.h"

bool bt_race_is_in(const bt_contender *c, bt_precision precision) {
    return strcmp(c->precision, bt_precision_name(precision)) == 0;
}

int bt_race_exact_one(const bt_model_record *model) {
    for (int i = 0; i < model->contender_count; i++) {
        const bt_contender *c = &model->contenders[i];
        if (bt_contender_same_division(c, &model->contenders[0]) && bt_race_is_in(c, BT_PRECISION_FP32))
            return i;
    }
    return -1;
}

void bt_race_warn(const bt_race *r, int index, const bt_step_result *result) {
    const bt_contender *c = &r->t->model->contenders[index];
    char title[32];
    if (result->status == BT_TIMEOUT) {
        bt_log_write(
            r->t->options->log, BT_LOG_INFO,
            "%s: the time for comparing ways to run is over; what was not compared is not chosen by it",
            r->t->model->title);
        return;
    }
    bt_contender_title(c, false, title, sizeof title);
    bt_log_write(r->t->options->log, c->may_win ? BT_LOG_WARNING : BT_LOG_INFO,
                 "%s: %s with %d instance%s is left out: %s", r->t->model->title, title, c->instances,
                 c->instances == 1 ? "" : "s", result->message);
}

/* Tells how the contest stands, and of a turn that failed why. */
static void report_turn(const bt_race *r, const bt_contest *contest, const bt_contest_turn *turn,
                        const bt_step_result *result) {
    char doing[96];
    const bt_contender *c = &r->t->model->contenders[turn->contender];
    double fraction = bt_contest_progress(contest, doing, sizeof doing);
    if (result->status != BT_OK) bt_race_warn(r, turn->contender, result);
    bt_log_write(r->t->options->log, BT_LOG_DETAIL, "%s: comparing: round %d, %s, %d of them, took %.2f s",
                 r->t->model->title, turn->round, c->precision, c->instances, result->elapsed_s);
    bt_tuning_progress(r->t, fraction, "comparing ways to run: ", doing);
}

bt_status bt_race_turn(bt_race *r, const bt_contest_turn *turn, bt_step_result *result, bt_error *error) {
    bt_status status = bt_replay_turn(r->t, r->probes[turn->contender], turn, result, error);
    if (status == BT_OK && !bt_tuning_stopped(r->t->options)) r->spent_s += result->elapsed_s;
    return status;
}

bool bt_race_is_over(const bt_race *r, bt_status status) {
    return status != BT_OK || bt_tuning_stopped(r->t->options);
}

static bt_status take_turns(bt_race *r, bt_error *error) {
    bt_contest_turn turn;
    bt_status status = BT_OK;
    while (bt_contest_next(r->contest, &turn)) {
        bt_step_result result;
        status = bt_race_turn(r, &turn, &result, error);
        if (bt_race_is_over(r, status)) break;
        bt_contest_done(r->contest, &result);
        report_turn(r, r->contest, &turn, &result);
    }
    return status;
}

bt_status bt_race_hold(bt_race *r, bt_error *error) {
    bt_model_record *model = r->t->model;
    const int count = model->contender_count - bt_race_int8_is_late(r);
    bt_status status =
        bt_contest_open(&r->contest, model->contenders, count, r->budget_s - r->spent_s, error);
    return status == BT_OK ? take_turns(r, error) : status;
}

/* The largest batch that may be asked for; 1 where only some sizes can be run. */
static int largest_batch(const bt_tuning *t) {
    const bt_sizes *asked = &t->options->settings->batches;
    if (t->resolved->model.kind == BT_MODEL_PACKAGES || t->resolved->model.batches.count > 0) return 1;
    return asked->count > 0 ? asked->sizes[asked->count - 1] : BT_SEARCH_MAX_BATCH;
}

/* Tells how the heats stand, and of a turn that failed why. */
static void report_heat(const bt_race *r, const bt_contest_turn *turn, const bt_step_result *result) {
    const bt_contender *c = &r->t->model->contenders[turn->contender];
    char doing[96], title[32];
    bt_contender_title(c, false, title, sizeof title);
    snprintf(doing, sizeof doing, "batch %d, %s, %d of them", turn->step.batch_size, title, c->instances);
    if (result->status != BT_OK)
        bt_log_write(r->t->options->log, BT_LOG_INFO, "%s: comparing: %s: no larger batch of it: %s",
                     r->t->model->title, doing, result->message);
    else
        bt_log_write(r->t->options->log, BT_LOG_DETAIL, "%s: comparing: %s, took %.2f s", r->t->model->title,
                     doing, result->elapsed_s);
    bt_tuning_progress(r->t, 1, "comparing ways to run: ", doing);
}

bt_status bt_race_hold_heats(bt_race *r, bt_error *error) {
    bt_model_record *model = r->t->model;
    const bt_settings *settings = r->t->options->settings;
    const bt_heats_options options = {.objective = (bt_objective)settings->objective,
                                      .p95_sla_ms = settings->p95_sla_ms,
                                      .largest_batch = largest_batch(r->t),
                                      .memory_reserve_percent = settings->memory_reserve_percent,
                                      .budget_s = BT_HEATS_SHARE * (r->budget_s - r->spent_s)};
    const int count = model->contender_count - bt_race_int8_is_late(r);
    bt_heats *heats;
    bt_contest_turn turn;
    bt_status status = bt_heats_open(&heats, model->contenders, count, &options, error);
    while (status == BT_OK && !bt_tuning_stopped(r->t->options) && bt_heats_next(heats, &turn)) {
        bt_step_result result;
        status = bt_race_turn(r, &turn, &result, error);
        if (bt_race_is_over(r, status)) break;
        bt_heats_done(heats, &result);
        report_heat(r, &turn, &result);
    }
    if (heats) bt_heats_close(&heats);
    return status;
}

bt_status bt_race_tell_int8(bt_race *r, bt_error *error) {
    bt_model_record *model = r->t->model;
    bt_contender *late = &model->contenders[model->contender_count - 1];
    const bt_division first = {.instances = late->instances, .threads = late->threads};
    const bt_contender *best = bt_contenders_best(model->contenders, model->contender_count, &first);
    if (late->why[0]) return BT_OK;
    bt_contest_tell(r->contest, late, (int)(best - model->contenders), r->budget_s - r->spent_s);
    return take_turns(r, error);
}
