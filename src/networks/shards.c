/* A checkpoint in several files: an index of names, and a checkpoint of any kind for each file. */
#include "networks/checkpoint-formats.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "record/shards.h"

typedef struct parts {
    bt_checkpoint *files[BT_SHARDS_MAX];
    int count;
} parts;

static void close_parts(void *inside) {
    parts *p = inside;
    for (int i = 0; i < p->count; i++)
        bt_checkpoint_close(&p->files[i]);
    free(p);
}

/* The tensor in its own file, whose numbers they are. */
static bt_status read_tensor(const bt_checkpoint *checkpoint, const bt_stored_tensor *tensor, float *out,
                             bt_error *error) {
    const parts *p = checkpoint->inside;
    return bt_checkpoint_read(p->files[tensor->shard], tensor, out, error);
}

static bt_status open_files(bt_checkpoint *checkpoint, const bt_shards *shards, bt_error *error) {
    parts *p = checkpoint->inside;
    char path[BT_PATH_SIZE];
    bt_status status = BT_OK;
    for (int i = 0; i < shards->count && status == BT_OK; i++) {
        char name[BT_TEXT_QUOTE_SIZE];
        status = bt_shards_path(path, checkpoint->file, shards->names[i], error);
        if (status != BT_OK) break;
        bt_text_quote(shards->names[i], name);
        if (!bt_file_exists(path))
            return bt_fail(error, BT_INVALID, "%s: its part %s is missing: put it into the same folder",
                           checkpoint->path, name);
        status = checkpoint->open_part(&p->files[i], path, error);
        p->count = i + 1;
    }
    return status;
}

/* A copy that belongs to the whole. */
static bt_status take(bt_checkpoint *checkpoint, const bt_stored_tensor *from, int shard, bt_error *error) {
    bt_stored_tensor *tensor = bt_checkpoint_add(checkpoint, from->name, strlen(from->name));
    if (!tensor) return bt_no_memory(error, "reading %s", checkpoint->path);
    char *name = tensor->name;
    *tensor = *from;
    tensor->name = name;
    tensor->group = 0;
    tensor->shard = shard;
    tensor->storage = from->storage ? strdup(from->storage) : NULL;
    tensor->unreadable = from->unreadable ? strdup(from->unreadable) : NULL;
    bt_checkpoint_note(checkpoint, name, "a tensor", 1);
    if (!tensor->storage == !from->storage && !tensor->unreadable == !from->unreadable) return BT_OK;
    return bt_no_memory(error, "reading %s", checkpoint->path);
}

static int compare_names(const void *a, const void *b) {
    const bt_stored_tensor *const *one = a, *const *other = b;
    return strcmp((*one)->name, (*other)->name);
}

static const bt_stored_tensor **sort_by_name(const bt_checkpoint *file) {
    const bt_stored_tensor **sorted = malloc(((size_t)file->tensor_count + 1) * sizeof *sorted);
    for (int i = 0; sorted && i < file->tensor_count; i++)
        sorted[i] = &file->tensors[i];
    if (sorted) qsort(sorted, (size_t)file->tensor_count, sizeof *sorted, compare_names);
    return sorted;
}

/* Of one file, those that the index says lie in it. */
static bt_status take_tensors(bt_checkpoint *checkpoint, const bt_shards *shards, int shard,
                              bt_error *error) {
    const parts *p = checkpoint->inside;
    const bt_stored_tensor **sorted = sort_by_name(p->files[shard]);
    const char *name;
    json_t *file;
    bt_status status = sorted ? BT_OK : bt_no_memory(error, "reading %s", checkpoint->path);
    json_object_foreach((json_t *)shards->files, name, file) {
        const bt_stored_tensor wanted = {.name = (char *)name}, *key = &wanted;
        char quoted[BT_TEXT_QUOTE_SIZE];
        if (status != BT_OK) break;
        if (strcmp(json_string_value(file), shards->names[shard]) != 0) continue;
        const bt_stored_tensor **found =
            bsearch(&key, sorted, (size_t)p->files[shard]->tensor_count, sizeof *sorted, compare_names);
        bt_text_quote(name, quoted);
        status = found ? take(checkpoint, *found, shard, error)
                       : bt_fail(error, BT_PARSE, "%s: tensor %s is not in %.60s, as it says",
                                 checkpoint->path, quoted, shards->names[shard]);
    }
    free(sorted);
    return status;
}

static bt_status open_parts(bt_checkpoint *checkpoint, bt_error *error) {
    bt_shards *shards;
    if (!checkpoint->open_part)
        return bt_fail(error, BT_PARSE, "%s: JSON in place of a file with tensors", checkpoint->path);
    checkpoint->inside = calloc(1, sizeof(parts));
    if (!checkpoint->inside) return bt_no_memory(error, "reading %s", checkpoint->path);
    bt_status status = bt_shards_read(&shards, checkpoint->file, error);
    if (status != BT_OK) return status;
    status = open_files(checkpoint, shards, error);
    for (int i = 0; i < shards->count && status == BT_OK; i++)
        status = take_tensors(checkpoint, shards, i, error);
    bt_shards_close(&shards);
    return status;
}

/* JSON: the index. */
static bool recognises(const bt_checkpoint_start *start) {
    return start->bytes[strspn((const char *)start->bytes, " \t\r\n")] == '{';
}

const bt_checkpoint_format bt_checkpoint_shards = {
    .recognises = recognises, .open = open_parts, .read = read_tensor, .close = close_parts};
