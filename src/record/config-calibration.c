/* The calibrations that lie beside a config. */
#include "record/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "record/config-fields.h"

#define CALIBRATION_BYTES_MAX ((size_t)64 << 20)

/* Of the folder that a file lies in, with its slash; 0 where it is the current one. */
static int folder_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (int)(slash - path + 1) : 0;
}

void bt_config_calibration_name(char out[BT_CALIBRATION_NAME_SIZE], const char *path, const char *model) {
    const char *name = path + folder_length(path), *end = strstr(name, ".json");
    const int length = end && end[strlen(".json")] == '\0' ? (int)(end - name) : (int)strlen(name);
    snprintf(out, BT_CALIBRATION_NAME_SIZE, "%.*s.%.64s.calibration.json", length < 128 ? length : 128, name,
             model);
}

bt_status bt_config_calibration_path(char out[BT_PATH_SIZE], const char *path, const bt_config_model *model,
                                     bt_error *error) {
    out[0] = '\0';
    if (!model->calibration[0]) return BT_OK;
    return bt_path_join(out, error, "%.*s%s", folder_length(path), path, model->calibration);
}

static bt_status keep(const bt_model_record *model, const char *folder, const char *path, bt_error *error) {
    char from[BT_PATH_SIZE], to[BT_PATH_SIZE], *bytes = NULL;
    size_t size;
    bt_status status = bt_path_join(from, error, "%s/%s", folder, model->calibration);
    if (status == BT_OK)
        status = bt_path_join(to, error, "%.*s%s", folder_length(path), path, model->calibration);
    if (status == BT_OK) status = bt_file_read(from, CALIBRATION_BYTES_MAX, &bytes, &size, error);
    if (status == BT_OK) status = bt_file_replace(to, bytes, size, false, error);
    free(bytes);
    return status;
}

bt_status bt_config_keep_calibrations(const bt_record *record, const char *folder, const char *path,
                                      bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < record->model_count && status == BT_OK; i++) {
        const bt_model_record *model = &record->models[i];
        if (bt_config_choice(model) && bt_config_needs_calibration(model))
            status = keep(model, folder, path, error);
    }
    return status;
}
