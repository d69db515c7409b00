#include "networks/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/files.h"
#include "base/text.h"

#define START_BYTES 512 /* of which a file's kind is told: a tar archive's is known by its 257th */

/* A name may be any bytes; what is no text goes into no message, and is no network's. */
static char *copy_name(const char *name, size_t length) {
    char *copy = strndup(name, length);
    if (copy) bt_stored_make_text(copy);
    return copy;
}

bt_stored_tensor *bt_checkpoint_add(bt_checkpoint *checkpoint, const char *name, size_t length) {
    const size_t count = (size_t)checkpoint->tensor_count;
    bt_stored_tensor *grown =
        bt_array_grow(checkpoint->tensors, count, 1, &checkpoint->tensor_room, sizeof *grown);
    if (!grown) return NULL;
    checkpoint->tensors = grown;
    bt_stored_tensor *tensor = &grown[count];
    *tensor = (bt_stored_tensor){.name = copy_name(name, length), .room = UINT64_MAX};
    if (!tensor->name) return NULL;
    checkpoint->tensor_count++;
    return tensor;
}

/* ---- what the top holds ---- */

void bt_checkpoint_note(bt_checkpoint *checkpoint, const char *name, const char *kind, int tensors) {
    const size_t part = strcspn(name, ".");
    const size_t length = part < sizeof checkpoint->entries->key ? part : sizeof checkpoint->entries->key - 1;
    for (int i = 0; i < checkpoint->entry_count; i++) {
        bt_checkpoint_entry *entry = &checkpoint->entries[i];
        if (strncmp(entry->key, name, length) != 0 || entry->key[length] != '\0') continue;
        entry->tensors += tensors;
        return;
    }
    if (checkpoint->entry_count == BT_ENTRIES_MAX) {
        checkpoint->entries_left_out++;
        return;
    }
    bt_checkpoint_entry *entry = &checkpoint->entries[checkpoint->entry_count++];
    snprintf(entry->key, sizeof entry->key, "%.*s", (int)length, name);
    bt_stored_make_text(entry->key); /* it may be cut within a character */
    snprintf(entry->kind, sizeof entry->kind, "%s", kind);
    entry->tensors = tensors;
}

/* Those with tensors first: they are what somebody looks for. */
void bt_checkpoint_describe(const bt_checkpoint *checkpoint, char *out, size_t size) {
    size_t used = 0;
    int left = checkpoint->entries_left_out;
    out[0] = '\0';
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < checkpoint->entry_count; i++) {
            const bt_checkpoint_entry *entry = &checkpoint->entries[i];
            char key[BT_TEXT_QUOTE_SIZE], words[sizeof key + BT_ENTRY_KIND_SIZE + 32];
            if ((entry->tensors > 0) != (round == 0)) continue;
            bt_text_quote(entry->key, key);
            if (entry->tensors > 0)
                snprintf(words, sizeof words, "%s (%d tensor%s)", key, entry->tensors,
                         entry->tensors == 1 ? "" : "s");
            else
                snprintf(words, sizeof words, "%s (%s)", key, entry->kind);
            if (used + strlen(words) + 20 > size) {
                left++;
                continue;
            }
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", words);
        }
    if (left > 0) snprintf(out + used, size - used, "%sand %d more", used ? " " : "", left);
}

/* ---- which kind it is ---- */

/* Eight bytes of a header's length, and JSON within it. */
static bool is_safetensors(const unsigned char *start, size_t got, uint64_t file_bytes) {
    uint64_t length;
    memcpy(&length, start, sizeof length);
    return got > sizeof length && start[sizeof length] == '{' && length <= file_bytes;
}

/* torch.save's oldest formats begin with its magic number, as a pickle of one of the protocols has it. */
static bool is_pickle(const unsigned char *start, size_t got) {
    static const char digits[] = "L11954703714603880133335";
    return (got >= 2 && start[0] == 0x80 && start[1] >= 2 && start[1] <= 5) ||
           (got >= sizeof digits && memcmp(start, digits, sizeof digits - 1) == 0);
}

static bt_status open_by_content(bt_checkpoint *checkpoint, const unsigned char *start, size_t got,
                                 uint64_t file_bytes, bt_error *error) {
    if (got >= 4 && memcmp(start, "PK\3\4", 4) == 0) return bt_torch_archive_open(checkpoint, error);
    if (is_safetensors(start, got, file_bytes)) return bt_safetensors_open(checkpoint, error);
    if (is_pickle(start, got)) return bt_torch_legacy_open(checkpoint, error);
    if (start[strspn((const char *)start, " \t\r\n")] == '{') {
        if (!checkpoint->is_part) return bt_shards_open(checkpoint, error);
        return bt_fail(error, BT_PARSE, "%s: JSON in place of a file with tensors", checkpoint->path);
    }
    if (got > 262 && memcmp(start + 257, "ustar", 5) == 0)
        return bt_fail(
            error, BT_UNSUPPORTED,
            "%s: a tar archive, which torch.save wrote before 0.1.10: torch.load(..., weights_only="
            "False) it and save its state_dict() again",
            checkpoint->path);
    return bt_fail(error, BT_UNSUPPORTED,
                   "%s: neither safetensors nor a file of torch.save: no checkpoint that can be read",
                   checkpoint->path);
}

/* A pipe would be waited for without end, and cannot be read from where a tensor lies. */
static bt_status open_file(bt_checkpoint *checkpoint, bt_error *error) {
    unsigned char start[START_BYTES + 1] = {0};
    struct stat about;
    if (stat(checkpoint->file, &about) != 0)
        return bt_fail(error, BT_IO, "%s: cannot be read: %s", checkpoint->path, bt_text_system_error(errno));
    const char *kind = bt_file_kind(checkpoint->file);
    if (kind) return bt_fail(error, BT_IO, "%s: is %s, not a file", checkpoint->path, kind);
    const int file = open(checkpoint->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return bt_fail(error, BT_IO, "%s: cannot be read: %s", checkpoint->path, bt_text_system_error(errno));
    const uint64_t size = (uint64_t)about.st_size, wanted = size < START_BYTES ? size : START_BYTES;
    bt_status status = bt_stored_read_at(file, start, 0, wanted, checkpoint->path, error);
    close(file);
    return status == BT_OK ? open_by_content(checkpoint, start, (size_t)wanted, size, error) : status;
}

/* A message has room for the words only where the path leaves some. */
static void name(bt_checkpoint *checkpoint, const char *path) {
    const size_t length = strlen(path), room = sizeof checkpoint->path - 1;
    memcpy(checkpoint->file, path, length + 1);
    if (length <= room)
        memcpy(checkpoint->path, path, length + 1);
    else
        snprintf(checkpoint->path, sizeof checkpoint->path, "...%s", path + length - (room - 3));
}

static bt_status open_checkpoint(bt_checkpoint **out, const char *path, bool is_part, bt_error *error) {
    bt_checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    *out = NULL;
    if (!checkpoint) return bt_no_memory(error, "reading %s", path);
    bt_status status = BT_OK;
    checkpoint->is_part = is_part;
    if (strlen(path) >= sizeof checkpoint->file)
        status = bt_fail(error, BT_INVALID, "%.60s...: the path is too long", path);
    else
        name(checkpoint, path);
    if (status == BT_OK) status = open_file(checkpoint, error);
    if (status != BT_OK)
        bt_checkpoint_close(&checkpoint);
    else
        *out = checkpoint;
    return status;
}

bt_status bt_checkpoint_open(bt_checkpoint **out, const char *path, bt_error *error) {
    return open_checkpoint(out, path, false, error);
}

bt_status bt_checkpoint_open_part(bt_checkpoint **out, const char *path, bt_error *error) {
    return open_checkpoint(out, path, true, error);
}

void bt_checkpoint_close(bt_checkpoint **checkpoint) {
    if (!checkpoint || !*checkpoint) return;
    bt_checkpoint *c = *checkpoint;
    if (c->format) c->format->close(c->inside);
    for (int i = 0; i < c->tensor_count; i++) {
        free(c->tensors[i].name);
        free(c->tensors[i].unreadable);
        free(c->tensors[i].storage);
    }
    free(c->tensors);
    free(c);
    *checkpoint = NULL;
}

bt_status bt_checkpoint_check(const bt_checkpoint *checkpoint, const bt_stored_tensor *tensor,
                              bt_error *error) {
    if (!tensor->unreadable) return BT_OK;
    return bt_stored_fail(tensor, checkpoint->path, tensor->unreadable, error);
}

bt_status bt_checkpoint_read(const bt_checkpoint *checkpoint, const bt_stored_tensor *tensor, float *out,
                             bt_error *error) {
    bt_status status = bt_checkpoint_check(checkpoint, tensor, error);
    return status == BT_OK ? checkpoint->format->read(checkpoint, tensor, out, error) : status;
}
