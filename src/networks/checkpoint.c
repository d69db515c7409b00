#include "networks/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

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

/* ---- its tensors ---- */

void bt_checkpoint_close(bt_checkpoint **checkpoint) {
    if (!checkpoint || !*checkpoint) return;
    bt_checkpoint *c = *checkpoint;
    if (c->inside) c->format->close(c->inside);
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
