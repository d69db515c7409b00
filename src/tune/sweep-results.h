/* What came of a step, into what the sweep knows and into the model's record. Nobody but the sweep includes this. */
#ifndef BT_TUNE_SWEEP_RESULTS_H
#define BT_TUNE_SWEEP_RESULTS_H

#include "tune/sweep.h"

/* Takes a result; a failed step's too. BT_NO_MEMORY only. */
BT_MUST_USE bt_status bt_sweep_take(bt_sweep *sweep, const bt_step *step, const bt_step_result *result,
                                    bt_error *error);

/* At the end: a size of which nothing but a disturbed turn is known is shown with that. BT_NO_MEMORY only. */
BT_MUST_USE bt_status bt_sweep_use_discarded(bt_sweep *sweep, bt_error *error);

#endif
