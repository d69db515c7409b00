#include "networks/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/half.h"
#include "base/text.h"

bt_stored_tensor *bt_checkpoint_add(bt_checkpoint *checkpoint, const char *name, size_t length) {
    const int count = checkpoint->tensor_count;
    if (count % 64 == 0) {
        bt_stored_tensor *room =
            realloc(checkpoint->tensors, ((size_t)count + 64) * sizeof *checkpoint->tensors);
        if (!room) return NULL;
        checkpoint->tensors = room;
    }
    bt_stored_tensor *tensor = &checkpoint->tensors[count];
    *tensor = (bt_stored_tensor){.name = strndup(name, length)};
    if (!tensor->name) return NULL;
    checkpoint->tensor_count++;
    return tensor;
}

size_t bt_stored_size(bt_stored_type type) {
    static const size_t sizes[] = {[BT_STORED_F32] = 4,
                                   [BT_STORED_F16] = 2,
                                   [BT_STORED_BF16] = 2,
                                   [BT_STORED_F64] = 8,
                                   [BT_STORED_OTHER] = 0};
    return sizes[type];
}

static float one(const char *from, bt_stored_type type) {
    uint16_t half;
    uint32_t bits;
    float value;
    double wide;
    switch (type) {
    case BT_STORED_F64:
        memcpy(&wide, from, sizeof wide);
        return (float)wide;
    case BT_STORED_F16:
        memcpy(&half, from, sizeof half);
        return bt_half_value(half);
    case BT_STORED_BF16:
        memcpy(&half, from, sizeof half);
        bits = (uint32_t)half << 16;
        memcpy(&value, &bits, sizeof value);
        return value;
    default:
        memcpy(&value, from, sizeof value);
        return value;
    }
}

void bt_stored_convert(float *out, const void *from, bt_stored_type type, uint64_t count) {
    const size_t size = bt_stored_size(type);
    if (type == BT_STORED_F32) {
        memmove(out, from, count * sizeof *out);
        return;
    }
    for (uint64_t i = 0; i < count; i++)
        out[i] = one((const char *)from + i * size, type);
}

/* By its first bytes: a zip archive, or a length and JSON. */
static bt_status open_by_content(bt_checkpoint *checkpoint, bt_error *error) {
    unsigned char start[9] = {0};
    FILE *file = fopen(checkpoint->path, "rbe");
    if (!file)
        return bt_fail(error, BT_IO, "%s: cannot be read: %s", checkpoint->path, bt_text_system_error(errno));
    errno = 0;
    const size_t got = fread(start, 1, sizeof start, file);
    const int why = ferror(file) ? errno : 0;
    fclose(file);
    if (why)
        return bt_fail(error, BT_IO, "%s: cannot be read: %s", checkpoint->path, bt_text_system_error(why));
    if (got >= 4 && memcmp(start, "PK\3\4", 4) == 0) return bt_torch_archive_open(checkpoint, error);
    if (got == sizeof start && start[8] == '{') return bt_safetensors_open(checkpoint, error);
    if (got >= 2 && start[0] == 0x80 && start[1] <= 5)
        return bt_fail(error, BT_UNSUPPORTED,
                       "%s: written by torch.save before 1.6: load it there and save it again",
                       checkpoint->path);
    return bt_fail(error, BT_UNSUPPORTED,
                   "%s: neither safetensors nor a file of torch.save: no checkpoint that can be read",
                   checkpoint->path);
}

bt_status bt_checkpoint_open(bt_checkpoint **out, const char *path, bt_error *error) {
    bt_checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    *out = NULL;
    if (!checkpoint) return bt_fail(error, BT_NO_MEMORY, "out of memory reading %s", path);
    bt_status status = BT_OK;
    if (strlen(path) >= sizeof checkpoint->path)
        status = bt_fail(error, BT_INVALID, "%.60s...: the path is too long", path);
    else
        memcpy(checkpoint->path, path, strlen(path) + 1);
    if (status == BT_OK) status = bt_file_check_regular(path, error);
    if (status == BT_OK) status = open_by_content(checkpoint, error);
    if (status != BT_OK)
        bt_checkpoint_close(&checkpoint);
    else
        *out = checkpoint;
    return status;
}

void bt_checkpoint_close(bt_checkpoint **checkpoint) {
    if (!checkpoint || !*checkpoint) return;
    bt_checkpoint *c = *checkpoint;
    if (c->format) c->format->close(c->inside);
    for (int i = 0; i < c->tensor_count; i++) {
        free(c->tensors[i].name);
        free(c->tensors[i].storage);
    }
    free(c->tensors);
    free(c);
    *checkpoint = NULL;
}

bt_status bt_checkpoint_read(const bt_checkpoint *checkpoint, const bt_stored_tensor *tensor, float *out,
                             bt_error *error) {
    if (tensor->type == BT_STORED_OTHER)
        return bt_fail(error, BT_PARSE, "%s: tensor \"%.100s\" holds no floating-point numbers",
                       checkpoint->path, tensor->name);
    return checkpoint->format->read(checkpoint, tensor, out, error);
}
