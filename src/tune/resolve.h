/* What is to be tuned: settings as somebody gave them become models, sizes and a device that can be measured.
 *
 * All that can be refused before anything is measured is refused here, by the flag that is wrong; what follows
 * reads resolved settings and the record's models, and asks no file again. */
#ifndef BT_TUNE_RESOLVE_H
#define BT_TUNE_RESOLVE_H

#include "backend/resolved-model.h"
#include "backend/session-precision.h"
#include "base/error.h"
#include "base/log.h"
#include "record/sweep-record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Checks what can be checked before anything is measured (known models, model files that are what they should
 * be, sizes that they take, a backend specification that parses) and fills in what "auto" stands for on
 * `machine`: the device and the image size; and the models, where only model files are given. Where a model
 * file brings a size of its own over a profile's, the profile's counts as the default. `models` becomes what
 * each of the settings' models is. `images` becomes what a report says of the pictures, which are all decoded
 * for that, and whose notes go to `log`. BT_INVALID or BT_PARSE names the flag. */
BT_MUST_USE bt_status bt_resolve_settings(bt_settings *settings, bt_option_sources *sources,
                                          const bt_machine *machine, bt_resolved_model models[BT_NAMES_MAX],
                                          char images[BT_TEXT_SIZE], bt_log *log, bt_error *error);

/* Whether the networks would really run on a CPU: asked for, or by "auto" on a machine without a GPU. Settings as
 * given. */
bool bt_resolve_on_cpu(const bt_settings *settings, const bt_machine *machine);

/* Who runs a model's batches; of resolved settings. */
bt_runs_on bt_resolve_runs_on(const bt_settings *settings, const bt_resolved_model *model);

/* "production" on a GPU, "cpu-demo" on a CPU, "simulated" for a simulated backend; of resolved settings. */
const char *bt_resolve_workload(const bt_settings *settings);

/* Fills in, from the record's resolved settings, what is known of its models before they are opened: name, title,
 * image size, file, and where their weights come from. Warnings go to `log`. */
BT_MUST_USE bt_status bt_resolve_models(bt_record *record, const bt_resolved_model *models, bt_log *log,
                                        bt_error *error);

typedef struct bt_resolved_sizes {
    bt_sizes batches;      /* to try; count 0: search */
    bool fixed_image_size; /* the model takes images of its own size alone */
    bt_image_output output;
} bt_resolved_sizes;

/* What a model's file leaves of the batch sizes to try. `only_batch_size` is what its session told (0: any). */
BT_MUST_USE bt_status bt_resolve_sizes(bt_resolved_sizes *out, const bt_settings *settings,
                                       const bt_resolved_model *model, int only_batch_size, bt_log *log,
                                       bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
