/* One model's part of a config, for engines that are given a model at a time. */
#ifndef BT_EXPORT_ENTRY_H
#define BT_EXPORT_ENTRY_H

#include <jansson.h>

#include "base/error.h"
#include "record/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How every export calls the config that it writes: what the programs that read it look for. */
#define BT_EXPORT_CONFIG "production_batch_config.json"

/* The document as it was read, of this model alone: a new reference. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_export_entry(json_t **out, const bt_config *config, const bt_config_model *model,
                                      bt_error *error);

/* Has the model's GPUs counted from 0, as whoever is given so many of a machine's finds them. `config` is bt_export_entry's,
 * copied with all that is in it. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_export_renumber_gpus(json_t *config, const bt_config_model *model, bt_error *error);

/* Copies of the model in a service: at least one. */
int bt_export_instances(const bt_config_model *model);

/* BT_INVALID for a model that was not measured, with the reason. */
BT_MUST_USE bt_status bt_export_check(const bt_config_model *model, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
