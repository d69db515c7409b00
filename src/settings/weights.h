/* The setting `weights`: one source for every model ("demo", "counter:7", a file, or a place within one:
 * weights-source.h), or one each: "hrnet=hrnet.safetensors,cbam_resunet=best.pth:ema". A model that is not
 * named has the demonstration weights. Where the whole text is the name of a file that is there it is that
 * file, though it may look like NAME=. */
#ifndef BT_SETTINGS_WEIGHTS_H
#define BT_SETTINGS_WEIGHTS_H

#include "base/error.h"
#include "base/options.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One model's source, into `out`. BT_INVALID where a part has no source or a model is named twice. */
BT_MUST_USE bt_status bt_weights_of(char out[BT_OPTION_TEXT_SIZE], const char *setting, const char *model,
                                    bt_error *error);

/* Leaves of the setting what it says of one model, for who deals with that model alone. Errors as
 * bt_weights_of. */
BT_MUST_USE bt_status bt_weights_narrow(char setting[BT_OPTION_TEXT_SIZE], const char *model,
                                        bt_error *error);

/* BT_INVALID for a name that is none of `models`; the message lists them. */
BT_MUST_USE bt_status bt_weights_check_names(const char *setting, const char *const *models, int model_count,
                                             bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
