#include "export/entry.h"

bt_status bt_export_entry(json_t **out, const bt_config *config, const bt_config_model *model,
                          bt_error *error) {
    json_t *all = json_object_get(config->json, "configurations"), *entry = json_object_get(all, model->name);
    *out = json_copy(config->json);
    if (*out && json_object_set_new(*out, "configurations", json_pack("{s:O}", model->name, entry)) == 0)
        return BT_OK;
    json_decref(*out);
    *out = NULL;
    return bt_no_memory(error, "a config");
}

int bt_export_instances(const bt_config_model *model) {
    return model->instance_count > 0 ? model->instance_count : 1;
}

bt_status bt_export_check(const bt_config_model *model, bt_error *error) {
    if (!model->unmeasurable) return BT_OK;
    return bt_fail(error, BT_INVALID, "%s was not measured (%s)", model->name, model->reason);
}
