/* The tuned config as a model repository for NVIDIA's Triton.
 *
 * For each model a folder with config.pbtxt, the backend (libtriton_batchtune.so, so that the server needs no other
 * folder of them), and as version 1 the config of this model alone with what it names: its checkpoint or model file, and
 * the calibration of INT8. What config.pbtxt says of batching is what Triton does well with, not all that it takes: no
 * preferred sizes and no queue policy (docs/scale.md tells why). */
#ifndef BT_EXPORT_TRITON_H
#define BT_EXPORT_TRITON_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "base/options.h"
#include "export/entry.h"
#include "record/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the backend finds in a version's folder, and the parameters of config.pbtxt that it reads. */
#define BT_TRITON_CONFIG     BT_EXPORT_CONFIG
#define BT_TRITON_MODEL      "model"      /* its name in that config */
#define BT_TRITON_WEIGHTS    "weights"    /* a file there, FILE:PLACE likewise; none: what the config says */
#define BT_TRITON_MODEL_FILE "model_file" /* likewise, "{batch}" in it included */
#define BT_TRITON_BACKEND    "libtriton_batchtune.so"

/* A folder for each of the config's models that `names` has (none: all), as bt_triton_export_model makes it, the backend
 * included where that is wanted and found as bt_library_find does. A line for each, for people, to `out` (may be NULL).
 * BT_INVALID where the config has none of a name, or nothing was measured; BT_UNSUPPORTED without a backend. */
BT_MUST_USE bt_status bt_triton_export(const bt_config *config, const bt_names *names, const char *folder,
                                       bool with_backend, FILE *out, bt_error *error);

/* One model's folder under `folder`, which is made where it is not there. `backend` is the path of
 * libtriton_batchtune.so; NULL: it is left out. Files of an export before are replaced, others stay. BT_INVALID for a model
 * that was not measured, BT_IO for a file that is gone or cannot be written, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_triton_export_model(const bt_config *config, const bt_config_model *model,
                                             const char *folder, const char *backend, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
