/* Which step next? Everything that decides it, from what the sweep knows. Nobody but the sweep includes this. */
#ifndef BT_TUNE_SWEEP_PLAN_H
#define BT_TUNE_SWEEP_PLAN_H

#include "tune/sweep.h"

/* Decides the sweep's next step, adding sizes where one is worth trying. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_sweep_plan(bt_sweep *sweep, bt_error *error);

/* Runs of a size's next turn, in its proof and while it is screened. */
int bt_sweep_proof_runs(const bt_sweep *sweep, int index);
int bt_sweep_screening_runs(const bt_sweep *sweep, int index);

/* Samples that a size still lacks to be screened beside the leader; 0 where it is not worth them. */
int bt_sweep_screening_missing(const bt_sweep *sweep, int index, int lead);

#endif
