#include "settings/model-file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "settings/by-model.h"

#define BT_LIST_ENDING ".list"
#define PLACE_BYTES    (sizeof BT_BATCH_PLACE - 1)

bt_status bt_model_file_of(char out[BT_OPTION_TEXT_SIZE], const char *setting, const char *model,
                           bt_error *error) {
    if (*setting && !bt_by_model_is_map(setting))
        return bt_fail(error, BT_INVALID, "\"%.150s\" names no model; write NAME=FILE", setting);
    return bt_by_model_find(out, setting, model, error);
}

const char *bt_model_file_name(const char *file) {
    const char *slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

/* The folder, with its slash; "./" where the path has none. */
static bt_status folder_of(char out[BT_PATH_SIZE], const char *file, bt_error *error) {
    const int length = (int)(bt_model_file_name(file) - file);
    return length > 0 ? bt_path_join(out, error, "%.*s", length, file) : bt_path_join(out, error, "./");
}

bool bt_model_file_is_onnx(const char *file) {
    return bt_text_ends_with(file, ".onnx");
}

bool bt_model_file_is_list(const char *file) {
    return bt_text_ends_with(file, BT_LIST_ENDING);
}

bool bt_model_file_is_pattern(const char *file) {
    return strstr(file, BT_BATCH_PLACE) != NULL;
}

bt_status bt_model_file_path(char out[BT_PATH_SIZE], const char *file, int batch_size, bt_error *error) {
    const char *place = strstr(file, BT_BATCH_PLACE);
    if (!place) return bt_path_join(out, error, "%s", file);
    return bt_path_join(out, error, "%.*s%d%s", (int)(place - file), file, batch_size, place + PLACE_BYTES);
}

static int ascending(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

/* The number that stands in `name` where `pattern` has its place; 0 where `name` is something else. A number
 * with zeros before it would be found, but not opened: it is something else. */
static int number_in(const char *name, const char *pattern) {
    const char *place = strstr(pattern, BT_BATCH_PLACE);
    const size_t before = (size_t)(place - pattern);
    if (strncmp(name, pattern, before) != 0 || name[before] < '1' || name[before] > '9') return 0;
    char *end;
    const long number = strtol(name + before, &end, 10);
    return number <= BT_BATCH_MAX && strcmp(end, place + PLACE_BYTES) == 0 ? (int)number : 0;
}

/* Adds a size to the ascending list; where that is full, the largest goes. */
static void add(bt_sizes *sizes, int size) {
    if (sizes->count < BT_SIZES_MAX)
        sizes->sizes[sizes->count++] = size;
    else if (size < sizes->sizes[BT_SIZES_MAX - 1])
        sizes->sizes[BT_SIZES_MAX - 1] = size;
    qsort(sizes->sizes, (size_t)sizes->count, sizeof sizes->sizes[0], ascending);
}

bt_status bt_model_file_batches(bt_sizes *out, const char *file, bt_error *error) {
    char folder[BT_PATH_SIZE];
    const char *pattern = bt_model_file_name(file), *place = strstr(file, BT_BATCH_PLACE);
    out->count = 0;
    if (!place) return BT_OK;
    if (place < pattern || strstr(place + 1, BT_BATCH_PLACE))
        return bt_fail(error, BT_INVALID, "\"%.150s\": {batch} may stand once, in the last part", file);
    bt_status status = folder_of(folder, file, error);
    if (status != BT_OK) return status;
    DIR *entries = opendir(folder);
    if (!entries) return bt_fail(error, BT_IO, "%.150s: %s", folder, bt_text_system_error(errno));
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        const int size = number_in(entry->d_name, pattern);
        if (size > 0) add(out, size);
    }
    closedir(entries);
    return BT_OK;
}

bt_status bt_model_file_input(char out[BT_PATH_SIZE], const char *file, const char *model, bt_error *error) {
    return bt_path_join(out, error, "%.*s%s.json", (int)(bt_model_file_name(file) - file), file, model);
}

static bool parts_words(char c) {
    return c == '-' || c == '_' || c == '.';
}

bt_status bt_model_file_stem_input(char out[BT_PATH_SIZE], const char *file, bt_error *error) {
    const char *name = bt_model_file_name(file), *place = strstr(name, BT_BATCH_PLACE),
               *dot = strrchr(name, '.');
    const char *end = dot && dot > name ? dot : name + strlen(name), *before = end, *after = end;
    out[0] = '\0';
    if (place && place < end) {
        before = place;
        after = place + PLACE_BYTES;
        if (before > name && parts_words(before[-1]))
            before--;
        else if (before == name && after < end && parts_words(*after))
            after++;
    }
    if (before == name && after == end) return BT_OK;
    return bt_path_join(out, error, "%.*s%.*s.json", (int)(before - file), file, (int)(end - after), after);
}

bt_status bt_model_file_absolute(char out[BT_MODEL_FILE_SIZE], const char *file, bt_error *error) {
    char folder[BT_PATH_SIZE];
    bt_status status = folder_of(folder, file, error);
    if (status != BT_OK) return status;
    char *real = realpath(folder, NULL);
    if (!real) return bt_fail(error, BT_IO, "%.150s: %s", folder, bt_text_system_error(errno));
    const int length = snprintf(out, BT_MODEL_FILE_SIZE, "%s/%s", strcmp(real, "/") == 0 ? "" : real,
                                bt_model_file_name(file));
    free(real);
    if (length < BT_MODEL_FILE_SIZE) return BT_OK;
    return bt_fail(error, BT_INVALID, "model_file: %.60s...: the path is too long", out);
}
