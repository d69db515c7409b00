#include "tune/race.h"

#include <stdio.h>
#include <string.h>

#include "tune/contenders.h"
#include "tune/replay.h"

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

bt_status bt_race_tell_int8(bt_race *r, bt_error *error) {
    bt_model_record *model = r->t->model;
    bt_contender *late = &model->contenders[model->contender_count - 1];
    const bt_division first = {.instances = late->instances, .threads = late->threads};
    const bt_contender *best = bt_contenders_best(model->contenders, model->contender_count, &first);
    if (late->why[0]) return BT_OK;
    bt_contest_tell(r->contest, late, (int)(best - model->contenders), r->budget_s - r->spent_s);
    return take_turns(r, error);
}
