#include "settings/weights.h"

#include <stdio.h>

#include "settings/by-model.h"
#include "settings/weights-source.h"

/* Whether it says something of each model. A file may well be called like that: epoch=3-val=0.1.ckpt. */
static bool is_map(const char *setting) {
    return bt_by_model_is_map(setting) && !bt_by_model_is_file(setting);
}

bt_status bt_weights_of(char out[BT_OPTION_TEXT_SIZE], const char *setting, const char *model,
                        bt_error *error) {
    if (!is_map(setting)) {
        snprintf(out, BT_OPTION_TEXT_SIZE, "%s", setting);
        return BT_OK;
    }
    bt_status status = bt_by_model_find(out, setting, model, error);
    if (status == BT_OK && out[0] == '\0') snprintf(out, BT_OPTION_TEXT_SIZE, BT_WEIGHTS_DEMO);
    return status;
}

bt_status bt_weights_narrow(char setting[BT_OPTION_TEXT_SIZE], const char *model, bt_error *error) {
    return is_map(setting) ? bt_by_model_narrow(setting, model, error) : BT_OK;
}

bt_status bt_weights_check_names(const char *setting, const char *const *models, int model_count,
                                 bt_error *error) {
    return is_map(setting) ? bt_by_model_check_names(setting, models, model_count, error) : BT_OK;
}
