/* A setting of one text that says something of each model: "hrnet=a.pth,mine=b.pth".
 *
 * The weights' and the model files' settings are read here, so that both are written alike. A comma ends a
 * part only where another NAME= follows: paths may have commas. A semicolon does the same, for texts in which
 * a comma means something else already (the library's `settings`). A file that is there goes before any other
 * reading of its name: "a=x,b=3.pth" is one part where there is a file x,b=3.pth. */
#ifndef BT_SETTINGS_BY_MODEL_H
#define BT_SETTINGS_BY_MODEL_H

#include <stdbool.h>

#include "base/error.h"
#include "base/options.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether the text names models, rather than meaning all of them. */
bool bt_by_model_is_map(const char *setting);

/* Whether the whole text is the name of a file that is there, whatever characters it has. */
bool bt_by_model_is_file(const char *setting);

/* What a map says of one model, into `out`; "" where it does not name it. No message says which setting it
 * is: the caller knows what it is called where it was given. BT_INVALID where a part has no value or a model
 * is named twice. */
BT_MUST_USE bt_status bt_by_model_find(char out[BT_OPTION_TEXT_SIZE], const char *setting, const char *model,
                                       bt_error *error);

/* Leaves of a map what it says of one model, still as a map, for who deals with that model alone; "" where it
 * does not name it. A setting that is no map stays. Errors as bt_by_model_find. */
BT_MUST_USE bt_status bt_by_model_narrow(char setting[BT_OPTION_TEXT_SIZE], const char *model,
                                         bt_error *error);

/* The names in a map, in its order. BT_INVALID where one is too long, or there are more than BT_NAMES_MAX. */
BT_MUST_USE bt_status bt_by_model_names(bt_names *out, const char *setting, bt_error *error);

/* BT_INVALID for a name in a map that is none of `models`; the message lists them. */
BT_MUST_USE bt_status bt_by_model_check_names(const char *setting, const char *const *models, int model_count,
                                              bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
