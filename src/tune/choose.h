/* How each model is swept: the ways of running it (tune/contenders.h) are timed against each other (tune/contest.h)
 * before any batch size is, and the fastest whose masks agree is taken. */
#ifndef BT_TUNE_CHOOSE_H
#define BT_TUNE_CHOOSE_H

#include "tune/tuning.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Decides it for all models of the record, which share the cores out alike; notes in each what that stands on, and
 * adds what it took to the record's time. Spread evenly over the models, within BT_CONTEST_SHARE of the budget.
 * ways[i] is model i's: its precision is "auto" where that was not compared. */
BT_MUST_USE bt_status bt_choose_ways(const bt_optimize_options *options, bt_record *record, double budget_s,
                                     bt_contender ways[BT_NAMES_MAX], bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
