/* A user's model in words: what NAME.json beside its file says of what goes in and what comes out. Internal to
 * networks/; model.h says what may stand in it. */
#ifndef BT_NETWORKS_MODEL_JSON_H
#define BT_NETWORKS_MODEL_JSON_H

#include <jansson.h>

#include "networks/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What may stand in it, NULL-ended. */
extern const char *const bt_model_json_keys[];

/* Sets what the object says; the rest stays. `where` is the file. BT_PARSE names the key and what would be right. */
BT_MUST_USE bt_status bt_model_json_read(bt_model *model, const json_t *json, const char *where,
                                         bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
