/* The words for what was decided: why each batch size won or lost, why none is admissible, and what to do.
 *
 * Every sentence is of one record alone, so that a report made again from a file says the same. Nothing is decided
 * here; tune/score.h does that. */
#ifndef BT_TUNE_EXPLAIN_H
#define BT_TUNE_EXPLAIN_H

#include "record/sweep-record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fills each point's `why` (what the sweep refused keeps its own), the model's `reason` where none is admissible
 * (one that the sweep told stays), and its `advice`. Winners and the choice are made. */
void bt_explain_model(bt_model_record *model, const bt_settings *settings);

#ifdef __cplusplus
}
#endif
#endif
