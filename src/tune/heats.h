/* Ways of running a model at larger batches: what the contest at a batch of one (tune/contest.h) cannot tell.
 *
 * Which precision is the faster, and how many instances serve the most, changes with the batch: what a launch costs
 * counts once a batch, and instances share what one batch would fill. So those that were not far behind at a batch of
 * one meet again at larger ones, as long as a larger one may be better by the objective and keeps the SLA. A way whose
 * service times, continued in a straight line, would stay behind is not measured further.
 *
 * A pure state machine like the contest, and it costs at most its budget. What it finds is each contender's
 * `promise`. Memory is taken on the way up; a size that would take more than there is, is not tried. */
#ifndef BT_TUNE_HEATS_H
#define BT_TUNE_HEATS_H

#include "tune/contest.h"
#include "tune/objective.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Each heat's batch is so many times the last one's. Less tells better how times go between, and costs more heats. */
#define BT_HEATS_FACTOR 4

/* Of the time for comparing that the contest left: the rest is for comparing masks. Higher: near ways are told apart at
 * larger batches; lower: more pictures' masks are compared. */
#define BT_HEATS_SHARE 0.6

typedef struct bt_heats_options {
    bt_objective objective;
    double p95_sla_ms;
    int largest_batch;             /* 1: no heats */
    double memory_reserve_percent; /* of the device's, that stay free */
    double budget_s;
} bt_heats_options;

typedef struct bt_heats bt_heats;

/* After the contest of these contenders, which are the caller's and must outlive the heats. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_heats_open(bt_heats **out, bt_contender *contenders, int count,
                                    const bt_heats_options *options, bt_error *error);
void bt_heats_close(bt_heats **heats);

/* The next turn, the same until bt_heats_done() has its result; false where the heats are over. */
bool bt_heats_next(const bt_heats *heats, bt_contest_turn *out);

/* Takes in what came of a turn. A contender that fails at a larger batch keeps what it had. */
void bt_heats_done(bt_heats *heats, const bt_step_result *result);

#ifdef __cplusplus
}
#endif
#endif
