#include "tune/contest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/quantile.h"
#include "tune/divisions.h"

/* Runs of each instance in a turn. More make each turn surer and leave fewer rounds in the budget, so that a slow
 * spell falls on one division alone. */
#define RUNS 4

/* The contest ends after CLEAR_ROUNDS where the best has CLEAR times the next best's throughput, and its
 * speed. A higher ratio, or more rounds, spends the sweep's time on what is decided; a lower one may end on a
 * spell. */
#define CLEAR_ROUNDS 3
#define CLEAR        1.15

typedef struct contender {
    bt_division *division;
    bool out, again; /* again: its turn of this round was disturbed, and comes once more */
    double samples_ms[BT_CONTEST_ROUNDS * BT_MAX_TURN_SAMPLES];
    int count;
    double turn_s; /* what its last turn took; 0 before the first */
} contender;

struct bt_contest {
    contender contenders[BT_DIVISIONS_MAX];
    int count, round, at; /* round: from 0 */
    double budget_s, elapsed_s;
    bool over;
};

bt_status bt_contest_open(bt_contest **out, bt_division *divisions, int count, double budget_s,
                          bt_error *error) {
    bt_contest *contest = *out = calloc(1, sizeof *contest);
    if (!contest) return bt_no_memory(error, "a contest");
    contest->budget_s = budget_s;
    contest->count = count;
    for (int i = 0; i < count; i++)
        contest->contenders[i].division = &divisions[i];
    contest->over = count < 2 || !(budget_s > 0);
    return BT_OK;
}

void bt_contest_close(bt_contest **contest) {
    free(*contest);
    *contest = NULL;
}

/* ---- what follows from the turns so far ---- */

static int left_in(const bt_contest *contest) {
    int left = 0;
    for (int i = 0; i < contest->count; i++)
        left += !contest->contenders[i].out;
    return left;
}

/* How many times the next best the best is worth; `speed`: by the time of a batch instead of the
 * throughput. */
static double lead_of(const bt_contest *contest, bool speed) {
    double best = 0, second = 0;
    for (int i = 0; i < contest->count; i++) {
        const bt_division *division = contest->contenders[i].division;
        if (contest->contenders[i].out) continue;
        double worth = speed ? 1 / division->median_ms : division->throughput_imgs_per_sec;
        second = fmax(second, fmin(worth, best));
        best = fmax(best, worth);
    }
    return second > 0 ? best / second : INFINITY;
}

static bool is_clear(const bt_contest *contest) {
    return lead_of(contest, false) > CLEAR && lead_of(contest, true) > CLEAR;
}

/* Goes to the next division that is in; ends the contest where no further turn is wanted. */
static void advance(bt_contest *contest) {
    do {
        if (++contest->at < contest->count) continue;
        contest->at = 0;
        contest->round++;
        if (contest->round >= BT_CONTEST_ROUNDS || (contest->round >= CLEAR_ROUNDS && is_clear(contest)))
            contest->over = true;
    } while (!contest->over && contest->contenders[contest->at].out);
}

static void note(contender *c) {
    double sorted_ms[BT_CONTEST_ROUNDS * BT_MAX_TURN_SAMPLES];
    memcpy(sorted_ms, c->samples_ms, (size_t)c->count * sizeof *sorted_ms);
    bt_sort(sorted_ms, (size_t)c->count);
    bt_division_note(c->division, bt_quantile(sorted_ms, (size_t)c->count, 0.5));
}

/* The single instance is what all are compared with; that it fails is the sweep's to find out. */
static void leave_out(bt_contest *contest, contender *c) {
    c->out = true;
    c->count = 0;
    c->division->median_ms = c->division->throughput_imgs_per_sec = NAN;
    contest->over = c->division->instances == 1 || left_in(contest) < 2;
}

/* A disturbed turn's samples make way for those of the one that comes in its place. */
static void take(contender *c, const bt_step_result *result) {
    if (c->again) c->count -= result->sample_count; /* turns of one division are alike */
    for (int i = 0; i < result->sample_count; i++)
        c->samples_ms[c->count++] = result->samples_ms[i];
    if (c->count > 0) note(c);
}

/* ---- the interface ---- */

bool bt_contest_next(const bt_contest *contest, bt_contest_turn *out) {
    const contender *c = &contest->contenders[contest->at];
    double left_s = contest->budget_s - contest->elapsed_s;
    if (contest->over || left_s <= c->turn_s) return false;
    const int runs = RUNS * c->division->instances;
    *out = (bt_contest_turn){
        .division = contest->at,
        .round = contest->round + 1,
        .step = {BT_STEP_MEASURE, 1, runs < BT_MAX_TURN_SAMPLES ? runs : BT_MAX_TURN_SAMPLES},
        .within_s = left_s};
    return true;
}

void bt_contest_done(bt_contest *contest, const bt_step_result *result) {
    contender *c = &contest->contenders[contest->at];
    contest->elapsed_s += result->elapsed_s;
    c->turn_s = result->elapsed_s;
    if (result->status == BT_TIMEOUT) {
        contest->over = true;
        return;
    }
    if (result->status != BT_OK) {
        leave_out(contest, c);
    } else {
        bool second = c->again;
        take(c, result);
        c->again = !second && result->disturbed && contest->elapsed_s < contest->budget_s / 2;
        if (c->again) return;
    }
    if (!contest->over) advance(contest);
}

double bt_contest_progress(const bt_contest *contest, char *text, size_t size) {
    bt_contest_turn turn;
    if (!bt_contest_next(contest, &turn)) {
        snprintf(text, size, "done");
        return 1;
    }
    const bt_division *division = contest->contenders[turn.division].division;
    char threads[32] = "all threads";
    if (division->threads > 0)
        snprintf(threads, sizeof threads, "%d thread%s", division->threads,
                 division->threads == 1 ? "" : "s");
    snprintf(text, size, "round %d of %d, %d x %s", turn.round, BT_CONTEST_ROUNDS, division->instances,
             threads);
    return (double)(contest->round * contest->count + contest->at) / (BT_CONTEST_ROUNDS * contest->count);
}
