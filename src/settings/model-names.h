/* Which models a run is of, where its settings say something of each: "NAME=FILE,..." and "NAME=SOURCE,..."
 * may name models, and then each of those must be one that is run. */
#ifndef BT_SETTINGS_MODEL_NAMES_H
#define BT_SETTINGS_MODEL_NAMES_H

#include <stdbool.h>

#include "base/error.h"
#include "base/options.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What messages call a setting: by its flag where a person gave it to a program, by its key where one gave it
 * to the library. */
typedef enum bt_setting_label { BT_LABEL_FLAGS, BT_LABEL_KEYS } bt_setting_label;

/* "--weights" or "weights", "--model-file" or "model_file". */
const char *bt_weights_label(bt_setting_label label);
const char *bt_model_file_label(bt_setting_label label);

/* Where nobody said which models are run (`by_default`), those that `model_file` names, if it names any.
 * BT_INVALID names the flag. */
BT_MUST_USE bt_status bt_model_names_default(bt_names *models, bool by_default, const char *model_file,
                                             bt_error *error);

/* BT_INVALID, with its label, for a setting that names a model that is none of these. */
BT_MUST_USE bt_status bt_model_names_check(const char *const *models, int model_count, const char *weights,
                                           const char *model_file, bt_setting_label label, bt_error *error);

/* The same for a list of names that were given as flags. */
BT_MUST_USE bt_status bt_model_names_check_list(const bt_names *models, const char *weights,
                                                const char *model_file, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
