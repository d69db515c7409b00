#include "gate/turns.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "gate/race.h"

typedef struct course {
    const bt_turns *turns;
    bt_gate_record *record;
    int64_t start_ns;
    int taken, planned;
} course;

static bt_status take_one(course *c, bt_error *error) {
    bt_gate_record *turn;
    bt_status status =
        bt_gauge_child(&turn, c->turns->program, c->turns->settings_text, c->turns->stop, error);
    if (status != BT_OK) return status;
    if (c->taken == 0) {
        c->record->machine = turn->machine;
        memcpy(c->record->settings, turn->settings, sizeof turn->settings);
    }
    status = bt_gate_record_merge(c->record, turn, error);
    bt_gate_record_close(&turn);
    if (status == BT_OK) c->taken++;
    return status;
}

static int64_t spent_ns(const course *c) {
    return bt_clock_now_ns() - c->start_ns;
}

/* The first turn tells how many the budget holds. From then on the number stands, so that progress has a
 * total. */
static void plan(course *c) {
    const bt_turns *t = c->turns;
    double turn_ns = fmax((double)spent_ns(c), 1);
    double fit = t->time_budget_ns ? fmax(1, floor((double)t->time_budget_ns / turn_ns)) : (double)t->wanted;
    c->planned = (int)fmin(fit, (double)t->wanted);
    bt_log_write(t->log, BT_LOG_INFO, "a turn takes %.1f s: %d turn%s in about %.0f s%s", turn_ns / 1e9,
                 c->planned, c->planned == 1 ? "" : "s", ceil(c->planned * turn_ns / 1e9),
                 c->planned < t->wanted ? ", which is what the time budget holds" : "");
}

/* Whether another turn like those so far would end beyond the budget. */
static bool out_of_time(const course *c) {
    if (!c->turns->time_budget_ns || c->taken == 0) return false;
    int64_t spent = spent_ns(c);
    return spent + spent / c->taken > c->turns->time_budget_ns;
}

static void show_progress(const course *c) {
    bt_log_progress(c->turns->log, bt_clock_now_ns(), (double)c->taken / c->planned, "turn %d of %d",
                    c->taken + 1, c->planned);
}

bt_status bt_turns_take(bt_gate_record *record, const bt_turns *turns, bt_error *error) {
    course c = {
        .turns = turns, .record = record, .start_ns = bt_clock_now_ns(), .planned = (int)turns->wanted};
    const bt_throttle_mark mark = bt_throttle_now();
    bt_status status = BT_OK;
    bool stopped = false;
    bt_log_write(
        turns->log, BT_LOG_INFO,
        "%d turns, each a fresh process; the first tells how long they take; Ctrl-C keeps what there is",
        c.planned);
    while (status == BT_OK && c.taken < c.planned && !out_of_time(&c)) {
        if (c.taken > 0) show_progress(&c);
        status = take_one(&c, error);
        if (status == BT_OK && c.taken == 1) plan(&c);
        stopped = turns->stop && *turns->stop;
        if (stopped) break;
    }
    record->throttling = bt_throttle_since(&mark);
    if (stopped && c.taken > 0 && c.taken < turns->wanted) {
        snprintf(record->partial, sizeof record->partial, "interrupted after %d of %d turns", c.taken,
                 (int)turns->wanted);
        return BT_OK;
    }
    if (status != BT_OK) return status;
    if (c.taken < turns->wanted)
        snprintf(record->partial, sizeof record->partial, "the time budget held %d of %d turns", c.taken,
                 (int)turns->wanted);
    bt_log_progress(turns->log, bt_clock_now_ns(), 1, "%d turns", c.taken);
    return BT_OK;
}
