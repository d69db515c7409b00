/* What would change it: one change of the config's entry at a time, simulated, the most promising first. */
#ifndef BT_EXPLAIN_CHANGES_H
#define BT_EXPLAIN_CHANGES_H

#include "record/config.h"
#include "record/explanation.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fills the changes of an entry whose sizes, capacity and load are filled. Only those that the simulation finds worth
 * it; a looser SLA comes last, since it promises less. BT_INVALID as bt_what_if, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_explain_changes(bt_explained_model *out, const bt_config_model *model,
                                         bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
