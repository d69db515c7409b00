#include "report/whole-file.h"

#include <stdlib.h>

#include "base/files.h"
#include "base/json.h"

bt_status bt_whole_file_open(bt_whole_file *file, const char *what, bt_error *error) {
    *file = (bt_whole_file){.what = what};
    file->out = open_memstream(&file->text, &file->size);
    return file->out ? BT_OK : bt_no_memory(error, "%s", what);
}

bt_status bt_whole_file_close(bt_whole_file *file, bt_status status, const char *path, bt_error *error) {
    if (file->out && fclose(file->out) != 0 && status == BT_OK)
        status = bt_no_memory(error, "%s", file->what);
    if (status == BT_OK) status = bt_file_replace(path, file->text, file->size, false, error);
    free(file->text);
    return status;
}

bt_status bt_whole_json(bt_status status, json_t *json, FILE *out, bt_error *error) {
    if (status != BT_OK) return status;
    status = bt_json_write(json, JSON_INDENT(2) | JSON_REAL_PRECISION(17), out, error);
    json_decref(json);
    return status;
}
