/* Names that run commands, programs or files where Python unpickles them. Nothing here would run one; in
 * Python it would have run, and somebody meant it to: a checkpoint that holds one is no checkpoint. */
#ifndef BT_NETWORKS_PICKLE_NAMES_H
#define BT_NETWORKS_PICKLE_NAMES_H

#include "networks/pickle.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether a module's name is such a one; both are texts. Others of the module are harmless: a project's own
 * folder may be called "code" too. */
bool bt_pickle_name_runs(const bt_node *module, const bt_node *name);

#ifdef __cplusplus
}
#endif
#endif
