/* Which batch sizes are tried: upwards, between the doubled ones, and what was left out. What is done with
 * them is sweep-plan.c's. Nobody but the sweep includes this. */
#ifndef BT_TUNE_SWEEP_SIZES_H
#define BT_TUNE_SWEEP_SIZES_H

#include "tune/sweep.h"

/* Adds larger sizes until one is worth trying or the ascent has ended. BT_NO_MEMORY, as the others. */
BT_MUST_USE bt_status bt_sweep_ascend(bt_sweep *sweep, bt_error *error);

/* Adds a size between the doubled ones, or ends the refining. */
BT_MUST_USE bt_status bt_sweep_refine(bt_sweep *sweep, bt_error *error);

/* Adds the next size that the ascent left out. In a process that has run others since, its memory would not be its
 * own: it is taken like that of a size that the search came upon late. */
BT_MUST_USE bt_status bt_sweep_add_left_out(bt_sweep *sweep, bt_error *error);

#endif
