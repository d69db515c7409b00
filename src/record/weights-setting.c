#include "record/weights-setting.h"

#include <stdio.h>

#include "record/by-model.h"

bt_status bt_weights_of(char out[BT_OPTION_TEXT_SIZE], const char *setting, const char *model,
                        bt_error *error) {
    bt_status status = bt_by_model_find(out, "weights", setting, model, error);
    if (status != BT_OK || out[0] != '\0') return status;
    snprintf(out, BT_OPTION_TEXT_SIZE, "%s", bt_by_model_is_map(setting) ? "demo" : setting);
    return BT_OK;
}

bt_status bt_weights_check_names(const char *setting, const char *const *models, int model_count,
                                 bt_error *error) {
    return bt_by_model_check_names("weights", setting, models, model_count, error);
}
