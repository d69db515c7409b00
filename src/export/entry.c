#include "export/entry.h"

#include <string.h>

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

static bool is_gpu(const char *device) {
    return device && strncmp(device, "cuda:", strlen("cuda:")) == 0;
}

/* The number of an instance's GPU among those that the model has, as they come. */
static int number_of(const bt_config_model *model, int index) {
    int number = 0;
    for (int i = 0; i < index; i++) {
        if (strcmp(model->instances[i].device, model->instances[index].device) == 0)
            return number_of(model, i);
        bool again = !is_gpu(model->instances[i].device);
        for (int j = 0; j < i && !again; j++)
            again = strcmp(model->instances[i].device, model->instances[j].device) == 0;
        number += !again;
    }
    return number;
}

static int renumber(json_t *object, int number) {
    if (!is_gpu(json_string_value(json_object_get(object, "device")))) return 0;
    return json_object_set_new(object, "device", json_sprintf("cuda:%d", number));
}

bt_status bt_export_renumber_gpus(json_t *config, const bt_config_model *model, bt_error *error) {
    json_t *entry = json_object_get(json_object_get(config, "configurations"), model->name);
    json_t *instances = json_object_get(entry, "instances");
    int failed =
        renumber(json_object_get(config, "settings"), 0) | renumber(json_object_get(entry, "settings"), 0);
    for (int i = 0; i < model->instance_count; i++)
        failed |= renumber(json_array_get(instances, (size_t)i), number_of(model, i));
    return failed ? bt_no_memory(error, "a config") : BT_OK;
}

int bt_export_instances(const bt_config_model *model) {
    return model->instance_count > 0 ? model->instance_count : 1;
}

bt_status bt_export_check(const bt_config_model *model, bt_error *error) {
    if (!model->unmeasurable) return BT_OK;
    return bt_fail(error, BT_INVALID, "%s was not measured (%s)", model->name, model->reason);
}
