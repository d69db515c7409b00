/* Two models in one process, as a service has them: how long the runs of one take while the other's go on beside them,
 * or right after one of the other's.
 *
 * Which of the two happens is the service's doing: instances on hardware of their own run side by side, those that
 * share it take turns (settings/placement.h numbers them). */
#ifndef BT_TUNE_BENCH_NEIGHBOURS_H
#define BT_TUNE_BENCH_NEIGHBOURS_H

#include "tune/bench.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Carries out BT_STEP_BESIDE or BT_STEP_TURNS on `bench`, at the step's batch size and the neighbour's own. No samples where that never happens
 * with these two, and none of a simulation that nothing slows. BT_INVALID without a neighbour, or what running fails
 * with. */
BT_MUST_USE bt_status bt_bench_run_neighbours(bt_bench *bench, bt_bench *neighbour, const bt_step *step,
                                              bt_step_result *result, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
