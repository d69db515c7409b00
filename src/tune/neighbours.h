/* What the models of a run cost each other: their tuned batch sizes in one process, as a service has them, each model's
 * runs beside the other's and by turns with them.
 *
 * Asked once all sizes are decided, of every two models, some seconds for each; a run of one model has none to ask. What
 * it finds goes into the models' records, for predictions. */
#ifndef BT_TUNE_NEIGHBOURS_H
#define BT_TUNE_NEIGHBOURS_H

#include "tune/replay.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `ways` are the models', as they were swept. Models without a choice have no neighbours and are none; what cannot be
 * measured is told and left out. BT_NO_MEMORY, or what bt_replay_pair fails with. */
BT_MUST_USE bt_status bt_time_neighbours(const bt_optimize_options *options, bt_record *record,
                                         const bt_contender ways[BT_NAMES_MAX], bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
