/* How many instances the models are swept with: the ways of sharing the cores out (tune/divisions.h) are timed
 * against each other (tune/contest.h) before any batch size is. */
#ifndef BT_TUNE_DIVIDE_H
#define BT_TUNE_DIVIDE_H

#include "tune/tuning.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Decides it for all models of the record together, notes in each what that stands on, and adds what it took to
 * the record's time. Spread evenly over the models, within BT_CONTEST_SHARE of the budget. */
BT_MUST_USE bt_status bt_divide_cores(const bt_optimize_options *options, bt_record *record, double budget_s,
                                      bt_division *out, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
