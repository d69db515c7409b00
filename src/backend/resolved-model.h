/* A model as it will be run: what settings said of it, found out once and handed down.
 *
 * A program's door has texts: a name, "NAME=FILE,..." for model files, "NAME=SOURCE,..." for weights, a
 * backend's specification. Here they become one model's file, description and weights, and whether anything
 * will run it. Who gets a bt_resolved_model parses nothing, asks no file again, and compares no backend's
 * name: two that did could differ. It lies above networks/ (what a model is) and in backend/ (what runs it),
 * below everybody that runs one. */
#ifndef BT_BACKEND_RESOLVED_MODEL_H
#define BT_BACKEND_RESOLVED_MODEL_H

#include <stdbool.h>

#include "base/error.h"
#include "base/options.h"
#include "networks/model.h"
#include "settings/model-names.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is known of a model at the door. Strings may be NULL, which is "". */
typedef struct bt_model_request {
    const char *name;
    const char *backend;       /* its specification */
    const char *model_file;    /* the setting, of all models: "NAME=FILE,..." */
    const char *weights;       /* the setting, of all models: one source, or "NAME=SOURCE,..." */
    const char *usual_file;    /* a path: taken where the setting names no file of this model */
    const char *usual_weights; /* one source: taken where there is no setting */
    /* Of a simulation the title is enough: no file is read, and any name will do, since a config may have
     * it. */
    bool only_named_if_simulated;
    bt_setting_label label; /* what messages call the settings */
} bt_model_request;

typedef struct bt_resolved_model {
    bt_model model; /* name, title, file, batches, input size, normalisation, output */
    char weights
        [BT_OPTION_TEXT_SIZE]; /* "demo", "counter:SEED", a checkpoint; "" of a file, which has its own */
    bool simulated;            /* nothing will run it */
} bt_resolved_model;

/* Resolves one model. Its files are checked, unless nothing will run them; its weights are not
 * (bt_resolved_model_check_weights). Errors as bt_model_describe and bt_model_check_files, and BT_INVALID for
 * a setting that cannot be understood. */
BT_MUST_USE bt_status bt_model_resolve(bt_resolved_model *out, const bt_model_request *request,
                                       bt_error *error);

/* Whether a built-in network's weights could be loaded, as far as names and shapes tell; BT_OK of a
 * simulation or a file. Errors as bt_weights_check, with the setting's label. */
BT_MUST_USE bt_status bt_resolved_model_check_weights(const bt_resolved_model *model, bt_setting_label label,
                                                      bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
