/* One model's tuning under way: what the files that run it share (choose.c, replay.c, optimize.c). Nobody else
 * includes this. */
#ifndef BT_TUNE_TUNING_H
#define BT_TUNE_TUNING_H

#include "base/files.h"
#include "tune/optimize.h"
#include "tune/probe.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How much of the time budget the comparison of ways may take, at most, and of the progress that is shown.
 * Higher: each way of running gets more turns, and near ones are told apart; the proofs of the batch
 * sizes have that much less, and stay undecided sooner. Lower: the choice rests on a turn or two, and a slow
 * spell decides it. */
#define BT_CONTEST_SHARE 0.3

typedef struct bt_tuning {
    const bt_optimize_options *options;
    const bt_resolved_model *resolved;
    bt_model_record *model;
    char worker_log[BT_PATH_SIZE];
    char calibration
        [BT_PATH_SIZE]; /* where INT8's is, or comes: in the run's folder, named as beside the config */
    char reference[BT_PATH_SIZE];         /* FP32's logits while ways are compared, in the run's folder */
    double progress_from, progress_share; /* of the whole run's progress */
} bt_tuning;

/* The tuning of the record's model `index`; all of them have `share` of the progress, after `before`. */
BT_MUST_USE bt_status bt_tuning_init(bt_tuning *out, const bt_optimize_options *options, bt_record *record,
                                     int index, double before, double share, bt_error *error);

/* A record of the options' models, resolved, of which nothing is measured yet: the caller's. BT_NO_MEMORY, or what
 * bt_resolve_models fails with. */
BT_MUST_USE bt_status bt_tuning_record(bt_record **out, const bt_optimize_options *options, bt_error *error);

/* What a probe of the model as that contender runs it is opened with; it borrows from both. */
bt_probe_options bt_tuning_probe(const bt_tuning *tuning, const bt_contender *contender);

/* A probe of the model as that contender runs it; `tuning` must outlive it. */
BT_MUST_USE bt_status bt_tuning_open_probe(bt_probe **out, const bt_tuning *tuning,
                                           const bt_contender *contender, bt_error *error);

/* Whether somebody interrupted the run. */
bool bt_tuning_stopped(const bt_optimize_options *options);

/* Shows how far the model is, 0..1, and what is under way: `what` and `doing` in one text. */
void bt_tuning_progress(const bt_tuning *tuning, double fraction, const char *what, const char *doing);

#ifdef __cplusplus
}
#endif
#endif
