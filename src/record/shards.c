#include "record/shards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

bool bt_shards_is_index(const char *path) {
    FILE *file = fopen(path, "rbe");
    const int first = file ? fgetc(file) : EOF;
    bt_shards *shards = NULL;
    if (file) fclose(file);
    const bool is = first == '{' && bt_shards_read(&shards, path, NULL) == BT_OK;
    bt_shards_close(&shards);
    return is;
}

/* A file beside the index: no path, and neither of the folder's two names for folders. */
static bool is_plain_name(const char *name) {
    return name && *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Which of the names it is; their count where it is none yet. */
static int find_name(const bt_shards *shards, const char *name) {
    int i = 0;
    while (i < shards->count && strcmp(shards->names[i], name) != 0)
        i++;
    return i;
}

static bt_status take_names(bt_shards *shards, const char *path, bt_error *error) {
    const char *tensor;
    json_t *file;
    char quoted[BT_TEXT_QUOTE_SIZE];
    json_object_foreach((json_t *)shards->files, tensor, file) {
        const char *name = json_string_value(file);
        if (!is_plain_name(name)) {
            bt_text_quote(name ? name : tensor, quoted);
            return bt_fail(error, BT_PARSE, "%.100s: weight_map has %s, which is no file beside it", path,
                           quoted);
        }
        const int place = find_name(shards, name);
        if (place < shards->count) continue;
        if (place == BT_SHARDS_MAX)
            return bt_fail(error, BT_PARSE, "%.100s: names more than %d files", path, BT_SHARDS_MAX);
        shards->names[shards->count++] = name;
    }
    if (shards->count > 0) return BT_OK;
    return bt_fail(error, BT_PARSE, "%.100s: weight_map has no tensors", path);
}

bt_status bt_shards_read(bt_shards **out, const char *path, bt_error *error) {
    bt_shards *shards = calloc(1, sizeof *shards);
    *out = NULL;
    if (!shards) return bt_no_memory(error, "reading %s", path);
    bt_status status = bt_json_load_with_reals(&shards->index, path, error);
    shards->files = status == BT_OK ? json_object_get(shards->index, "weight_map") : NULL;
    if (status == BT_OK && !json_is_object(shards->files))
        status = bt_fail(error, BT_PARSE, "%.100s: JSON, but no index of a checkpoint: it has no weight_map",
                         path);
    if (status == BT_OK) status = take_names(shards, path, error);
    if (status != BT_OK)
        bt_shards_close(&shards);
    else
        *out = shards;
    return status;
}

void bt_shards_close(bt_shards **shards) {
    if (!shards || !*shards) return;
    json_decref((*shards)->index);
    free(*shards);
    *shards = NULL;
}

bt_status bt_shards_path(char out[BT_PATH_SIZE], const char *index_path, const char *name, bt_error *error) {
    const char *slash = strrchr(index_path, '/');
    return bt_path_join(out, error, "%.*s%s", slash ? (int)(slash + 1 - index_path) : 0, index_path, name);
}
