#include "tune/contest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/quantile.h"
#include "tune/contenders.h"

/* Runs of each instance in a turn. More make each turn surer and leave fewer rounds in the budget, so that a slow
 * spell falls on one contender alone. */
#define RUNS 4

/* The contest ends after CLEAR_ROUNDS where the best has CLEAR times the next best's throughput, and its
 * speed. A higher ratio, or more rounds, spends the sweep's time on what is decided; a lower one may end on a
 * spell. */
#define CLEAR_ROUNDS 3
#define CLEAR        1.15

/* Rounds in which the kinds meet alone, at most, and the turns of one that is only to be told. More are surer; fewer
 * keep the comparison short. A kind whose fastest run takes FAR times the best kind's median is out after one. */
#define KIND_ROUNDS 2
#define FAR         1.5

#define ROUNDS_MAX (2 * KIND_ROUNDS + BT_CONTEST_ROUNDS)

typedef struct entrant {
    bt_contender *contender;
    bool first;      /* on the first division of the cores */
    bool out, again; /* again: its turn of this round was disturbed, and comes once more */
    bool calm;       /* its newest turn was not disturbed */
    double samples_ms[ROUNDS_MAX * BT_MAX_TURN_SAMPLES];
    int count;
    double turn_s; /* what its last turn took; 0 before the first */
} entrant;

struct bt_contest {
    entrant entrants[BT_CONTENDERS_MAX];
    int count, round, at;         /* round: from 0 */
    const entrant *told, *beside; /* that alone take part, after the others were compared; NULL before */
    int told_until;               /* the round */
    int joined;                   /* the round from which all divisions take part; -1: not yet */
    double budget_s, elapsed_s;
    bool over;
};

/* ---- who takes part ---- */

static bool takes_part(const bt_contest *contest, const entrant *e) {
    if (e->out) return false;
    if (contest->told) return e == contest->told || e == contest->beside;
    if (!e->contender->may_win) return contest->round < KIND_ROUNDS;
    return e->first || contest->joined >= 0;
}

static int taking_part(const bt_contest *contest) {
    int count = 0;
    for (int i = 0; i < contest->count; i++)
        count += takes_part(contest, &contest->entrants[i]);
    return count;
}

/* Of those that may win: kinds that are in, each of which has one entrant on the first division. */
static int kinds_left(const bt_contest *contest) {
    int kinds = 0;
    for (int i = 0; i < contest->count; i++) {
        const entrant *e = &contest->entrants[i];
        kinds += e->first && e->contender->may_win && !e->out;
    }
    return kinds;
}

bt_status bt_contest_open(bt_contest **out, bt_contender *contenders, int count, double budget_s,
                          bt_error *error) {
    bt_contest *contest = *out = calloc(1, sizeof *contest);
    if (!contest) return bt_no_memory(error, "a contest");
    contest->budget_s = budget_s;
    contest->count = count;
    bool one_division = true;
    for (int i = 0; i < count; i++) {
        entrant *e = &contest->entrants[i];
        e->contender = &contenders[i];
        e->first = bt_contender_same_division(&contenders[i], &contenders[0]);
        e->out = contenders[i].why[0] != '\0';
        one_division = one_division && e->first;
    }
    contest->joined = one_division || kinds_left(contest) < 2 ? 0 : -1;
    while (contest->at < count - 1 && !takes_part(contest, &contest->entrants[contest->at]))
        contest->at++;
    contest->over = taking_part(contest) < 2 || !(budget_s > 0);
    return BT_OK;
}

void bt_contest_tell(bt_contest *contest, bt_contender *told, int beside, double budget_s) {
    entrant *e = &contest->entrants[contest->count++];
    e->contender = told;
    e->first = true;
    contest->told = e;
    contest->beside = &contest->entrants[beside];
    contest->told_until = contest->round + KIND_ROUNDS;
    contest->budget_s = contest->elapsed_s + budget_s;
    contest->at = beside;
    contest->over = contest->beside->out || !(budget_s > 0);
}

void bt_contest_close(bt_contest **contest) {
    free(*contest);
    *contest = NULL;
}

/* ---- what follows from the turns so far ---- */

/* How many times the next best the best is worth; `speed`: by the time of a batch instead of the
 * throughput. */
static double lead_of(const bt_contest *contest, bool speed) {
    double best = 0, second = 0;
    for (int i = 0; i < contest->count; i++) {
        const bt_contender *c = contest->entrants[i].contender;
        if (contest->entrants[i].out || !c->may_win) continue;
        double worth = speed ? 1 / c->median_ms : c->throughput_imgs_per_sec;
        second = fmax(second, fmin(worth, best));
        best = fmax(best, worth);
    }
    return second > 0 ? best / second : INFINITY;
}

static bool is_clear(const bt_contest *contest) {
    return lead_of(contest, false) > CLEAR && lead_of(contest, true) > CLEAR;
}

static double fastest_ms(const entrant *e) {
    double least = INFINITY;
    for (int i = 0; i < e->count; i++)
        least = fmin(least, e->samples_ms[i]);
    return least;
}

static void leave_out_kind(bt_contest *contest, const bt_contender *kind) {
    for (int i = 0; i < contest->count; i++)
        if (bt_contender_same_kind(contest->entrants[i].contender, kind)) contest->entrants[i].out = true;
}

/* Kinds that are clearly behind on the first division are so on the others. One that was disturbed stays: it may have
 * lost to a neighbour. */
static void leave_out_slow_kinds(bt_contest *contest) {
    double best_ms = INFINITY;
    for (int i = 0; i < contest->count; i++) {
        const entrant *e = &contest->entrants[i];
        if (e->first && e->contender->may_win && !e->out) best_ms = fmin(best_ms, e->contender->median_ms);
    }
    for (int i = 0; i < contest->count; i++) {
        const entrant *e = &contest->entrants[i];
        if (!e->first || !e->contender->may_win || e->out || !e->calm) continue;
        const bool far = fastest_ms(e) > FAR * best_ms;
        const bool behind = contest->round >= KIND_ROUNDS && e->contender->median_ms > CLEAR * best_ms;
        if (far || behind) leave_out_kind(contest, e->contender);
    }
}

/* A round is over: who stays, who joins, and whether there is another. */
static void end_round(bt_contest *contest) {
    contest->at = 0;
    contest->round++;
    if (contest->told) {
        contest->over = contest->round >= contest->told_until;
        return;
    }
    leave_out_slow_kinds(contest);
    if (contest->joined < 0 && (kinds_left(contest) < 2 || contest->round >= KIND_ROUNDS))
        contest->joined = contest->round;
    const int together = contest->joined < 0 ? 0 : contest->round - contest->joined;
    if (together >= BT_CONTEST_ROUNDS || (together >= CLEAR_ROUNDS && is_clear(contest)) ||
        taking_part(contest) < 2)
        contest->over = true;
}

/* Goes to the next contender that takes part; ends the contest where no further turn is wanted. */
static void advance(bt_contest *contest) {
    do {
        if (++contest->at >= contest->count) end_round(contest);
    } while (!contest->over && !takes_part(contest, &contest->entrants[contest->at]));
}

static void note(entrant *e) {
    double sorted_ms[ROUNDS_MAX * BT_MAX_TURN_SAMPLES];
    memcpy(sorted_ms, e->samples_ms, (size_t)e->count * sizeof *sorted_ms);
    bt_sort(sorted_ms, (size_t)e->count);
    bt_contender_note(e->contender, bt_quantile(sorted_ms, (size_t)e->count, 0.5));
}

/* A kind that fails on the first division would fail on the others; that none is left is the sweep's to find out. */
static void leave_out(bt_contest *contest, entrant *e, const char *message) {
    e->count = 0;
    bt_contender_note(e->contender, NAN);
    for (int i = 0; i < contest->count; i++) {
        entrant *other = &contest->entrants[i];
        if (other != e && !(e->first && bt_contender_same_kind(other->contender, e->contender))) continue;
        other->out = true;
        snprintf(other->contender->why, sizeof other->contender->why, "%.159s",
                 message[0] ? message : "failed");
    }
    if (contest->joined < 0 && kinds_left(contest) < 2) contest->joined = contest->round;
    contest->over = kinds_left(contest) == 0 || taking_part(contest) < 2;
}

/* A disturbed turn's samples make way for those of the one that comes in its place. */
static void take(entrant *e, const bt_step_result *result) {
    if (e->again) e->count -= result->sample_count; /* turns of one contender are alike */
    for (int i = 0; i < result->sample_count; i++)
        e->samples_ms[e->count++] = result->samples_ms[i];
    if (e->count > 0) note(e);
}

/* ---- the interface ---- */

bool bt_contest_next(const bt_contest *contest, bt_contest_turn *out) {
    const entrant *e = &contest->entrants[contest->at];
    double left_s = contest->budget_s - contest->elapsed_s;
    if (contest->over || left_s <= e->turn_s) return false;
    const int runs = RUNS * e->contender->instances;
    *out = (bt_contest_turn){
        .contender = contest->at,
        .round = contest->round + 1,
        .step = {BT_STEP_MEASURE, 1, runs < BT_MAX_TURN_SAMPLES ? runs : BT_MAX_TURN_SAMPLES},
        .within_s = left_s};
    return true;
}

void bt_contest_done(bt_contest *contest, const bt_step_result *result) {
    entrant *e = &contest->entrants[contest->at];
    contest->elapsed_s += result->elapsed_s;
    e->turn_s = result->elapsed_s;
    if (result->status == BT_TIMEOUT) {
        contest->over = true;
        return;
    }
    if (result->status != BT_OK) {
        leave_out(contest, e, result->message);
    } else {
        bool second = e->again;
        take(e, result);
        e->calm = !result->disturbed;
        e->again = !second && result->disturbed && contest->elapsed_s < contest->budget_s / 2;
        if (e->again) return;
    }
    if (!contest->over) advance(contest);
}

/* Rounds, as far as can be told now. */
static int rounds(const bt_contest *contest) {
    return (contest->joined < 0 ? KIND_ROUNDS : contest->joined) + BT_CONTEST_ROUNDS;
}

double bt_contest_progress(const bt_contest *contest, char *text, size_t size) {
    bt_contest_turn turn;
    if (contest->told || !bt_contest_next(contest, &turn)) {
        snprintf(text, size, "%s", contest->told ? "what is told" : "done");
        return 1;
    }
    const bt_contender *c = contest->entrants[turn.contender].contender;
    char title[32], threads[32] = "all threads";
    bool several = false;
    for (int i = 0; i < contest->count; i++)
        several = several || !bt_contender_same_kind(contest->entrants[i].contender, c);
    bt_contender_title(c, false, title, sizeof title);
    if (c->threads > 0)
        snprintf(threads, sizeof threads, "%d thread%s", c->threads, c->threads == 1 ? "" : "s");
    snprintf(text, size, "round %d of %d, %s%s%d x %s", turn.round, rounds(contest), several ? title : "",
             several ? ", " : "", c->instances, threads);
    return (double)(contest->round * contest->count + contest->at) / (ROUNDS_MAX * contest->count);
}
