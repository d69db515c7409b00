#include "networks/checkpoint-open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "networks/checkpoint-formats.h"

/* The first that recognises the file's start reads it; a start that two would take does not exist. */
static const bt_checkpoint_format *const formats[] = {&bt_checkpoint_torch_archive,
                                                      &bt_checkpoint_safetensors, &bt_checkpoint_torch_legacy,
                                                      &bt_checkpoint_shards};

/* ---- which format it is ---- */

static bool is_tar(const bt_checkpoint_start *start) {
    return start->count > 262 && memcmp(start->bytes + 257, "ustar", 5) == 0;
}

static bt_status fail_unknown(const char *path, const bt_checkpoint_start *start, bt_error *error) {
    if (is_tar(start))
        return bt_fail(
            error, BT_UNSUPPORTED,
            "%s: a tar archive, which torch.save wrote before 0.1.10: torch.load(..., weights_only="
            "False) it and save its state_dict() again",
            path);
    return bt_fail(error, BT_UNSUPPORTED,
                   "%s: neither safetensors nor a file of torch.save: no checkpoint that can be read", path);
}

/* A pipe would be waited for without end, and cannot be read from where a tensor lies. */
static bt_status read_start(bt_checkpoint_start *start, const bt_checkpoint *checkpoint, bt_error *error) {
    const size_t most = sizeof start->bytes - 1;
    const char *kind = bt_file_kind(checkpoint->file);
    int file;
    *start = (bt_checkpoint_start){.count = 0};
    if (kind) return bt_fail(error, BT_IO, "%s: is %s, not a file", checkpoint->path, kind);
    bt_status status =
        bt_stored_open_file(&file, &start->file_bytes, checkpoint->file, checkpoint->path, error);
    if (status != BT_OK) return status;
    start->count = start->file_bytes < most ? (size_t)start->file_bytes : most;
    status = bt_stored_read_at(file, start->bytes, 0, start->count, checkpoint->path, error);
    close(file);
    return status;
}

static bt_status open_by_content(bt_checkpoint *checkpoint, bt_error *error) {
    bt_checkpoint_start start;
    bt_status status = read_start(&start, checkpoint, error);
    if (status != BT_OK) return status;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (!formats[i]->recognises(&start)) continue;
        checkpoint->format = formats[i];
        return formats[i]->open(checkpoint, error);
    }
    return fail_unknown(checkpoint->path, &start, error);
}

/* ---- opening ---- */

/* A message has room for the words only where the path leaves some. */
static bt_status set_path(bt_checkpoint *checkpoint, const char *path, bt_error *error) {
    const size_t length = strlen(path), room = sizeof checkpoint->path - 1;
    if (length >= sizeof checkpoint->file)
        return bt_fail(error, BT_INVALID, "%.60s...: the path is too long", path);
    memcpy(checkpoint->file, path, length + 1);
    if (length <= room)
        memcpy(checkpoint->path, path, length + 1);
    else
        snprintf(checkpoint->path, sizeof checkpoint->path, "...%s", path + length - (room - 3));
    return BT_OK;
}

static bt_status open_checkpoint(bt_checkpoint **out, const char *path,
                                 bt_status (*open_part)(bt_checkpoint **, const char *, bt_error *),
                                 bt_error *error) {
    bt_checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    *out = NULL;
    if (!checkpoint) return bt_no_memory(error, "reading %s", path);
    checkpoint->open_part = open_part;
    bt_status status = set_path(checkpoint, path, error);
    if (status == BT_OK) status = open_by_content(checkpoint, error);
    if (status != BT_OK)
        bt_checkpoint_close(&checkpoint);
    else
        *out = checkpoint;
    return status;
}

/* Parts have no parts: files that name one another would be opened without end. */
static bt_status open_part(bt_checkpoint **out, const char *path, bt_error *error) {
    return open_checkpoint(out, path, NULL, error);
}

bt_status bt_checkpoint_open(bt_checkpoint **out, const char *path, bt_error *error) {
    return open_checkpoint(out, path, open_part, error);
}
