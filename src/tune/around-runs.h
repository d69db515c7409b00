/* What a service meets beside the runs that a sweep times: what its lanes do around a run, and what a run takes longer
 * after a pause. Timed once the sizes are decided, into the model's record, for predictions. */
#ifndef BT_TUNE_AROUND_RUNS_H
#define BT_TUNE_AROUND_RUNS_H

#include "tune/replay.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The steps that are timed, where so much time is budgeted for the model; of a record that is swept. Returns how many. */
#define BT_AROUND_RUNS_STEPS 4
int bt_around_runs_steps(const bt_model_record *model, double time_budget_s,
                         bt_step out[BT_AROUND_RUNS_STEPS]);

/* A model that cannot be asked any more has what it has. BT_NO_MEMORY, or what bt_replay_step fails with. */
BT_MUST_USE bt_status bt_time_around_runs(const bt_tuning *t, bt_probe *probe, double time_budget_s,
                                          bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
