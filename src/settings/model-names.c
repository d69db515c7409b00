#include "settings/model-names.h"

#include "settings/by-model.h"
#include "settings/model-file.h"
#include "settings/weights.h"

const char *bt_weights_label(bt_setting_label label) {
    return label == BT_LABEL_FLAGS ? "--weights" : "weights";
}

const char *bt_model_file_label(bt_setting_label label) {
    return label == BT_LABEL_FLAGS ? "--model-file" : "model_file";
}

bt_status bt_model_names_default(bt_names *models, bool by_default, const char *model_file, bt_error *error) {
    char ignored[BT_OPTION_TEXT_SIZE];
    bt_names named;
    bt_status status = bt_model_file_of(ignored, model_file, "", error);
    if (status == BT_OK) status = bt_by_model_names(&named, model_file, error);
    if (status != BT_OK) return bt_fail_at(error, status, "%s", bt_model_file_label(BT_LABEL_FLAGS));
    if (named.count > 0 && by_default) *models = named;
    return BT_OK;
}

bt_status bt_model_names_check(const char *const *models, int model_count, const char *weights,
                               const char *model_file, bt_setting_label label, bt_error *error) {
    bt_status status = bt_weights_check_names(weights, models, model_count, error);
    if (status != BT_OK) return bt_fail_at(error, status, "%s", bt_weights_label(label));
    status = bt_by_model_check_names(model_file, models, model_count, error);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "%s", bt_model_file_label(label));
}

bt_status bt_model_names_check_list(const bt_names *models, const char *weights, const char *model_file,
                                    bt_error *error) {
    const char *names[BT_NAMES_MAX];
    for (int i = 0; i < models->count; i++)
        names[i] = models->names[i];
    return bt_model_names_check(names, models->count, weights, model_file, BT_LABEL_FLAGS, error);
}
