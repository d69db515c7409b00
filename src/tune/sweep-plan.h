/* Which step next? Everything that decides it, from what the sweep knows. Nobody but the sweep includes this. */
#ifndef BT_TUNE_SWEEP_PLAN_H
#define BT_TUNE_SWEEP_PLAN_H

#include "tune/sweep.h"

/* Decides the sweep's next step, adding sizes where one is worth trying. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_sweep_plan(bt_sweep *sweep, bt_error *error);

#endif
