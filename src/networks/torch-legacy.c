/* What torch.save wrote before 1.6, and writes still where it is asked to: five pickles one behind the other
 * (a magic number, a version, facts of the machine, what was saved, the storages' keys), then the storages in
 * the order of the keys: eight bytes of a number of elements, and the elements.
 *
 * The machine's facts have a byte order, which is not heeded, here as in torch: the storages are written with
 * the lowest byte first by every machine. How long an element is stands with the tensors; where it is not
 * known, no storage behind that one can be found. */
#include "networks/checkpoint-formats.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "networks/pickle.h"
#include "networks/torch-state.h"
#include "networks/torch-tensor.h"

/* Bytes of the file that are read to find the pickles, first and at the most; each time four times as many. A
 * smaller first reads them over again more often, a larger one reads more of the numbers for nothing. A higher
 * most lets a broken file take more memory, a lower one refuses checkpoints of very large networks. */
#define FIRST_BYTES (1 << 20)
#define PICKLES_MAX (512 << 20)

#define VERSION 1001

typedef struct legacy {
    int file;
    uint64_t size; /* of the file */
    char *bytes;   /* its beginning, where the pickles are */
    size_t count;
    bt_pickle *saved, *keys;
    uint64_t storages; /* where they begin */
} legacy;

/* A storage, and where its elements lie. */
typedef struct storage {
    bt_torch_storage said;
    int order; /* in which the pickle names them: the first time counts */
    bool found;
    uint64_t first; /* byte in the file */
} storage;

static void close_legacy(void *inside) {
    legacy *l = inside;
    bt_pickle_close(&l->saved);
    bt_pickle_close(&l->keys);
    free(l->bytes);
    if (l->file >= 0) close(l->file);
    free(l);
}

static bt_status read_tensor(const bt_checkpoint *checkpoint, const bt_stored_tensor *tensor, float *out,
                             bt_error *error) {
    const legacy *l = checkpoint->inside;
    return bt_stored_read_file(tensor, l->file, out, checkpoint->path, error);
}

/* ---- the pickles ---- */

/* As torch has it: protocols 0 and 1 write it in digits; from 4 on a frame stands in front. */
static bool has_magic(const char *bytes, size_t size) {
    static const char binary[] = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.",
                      digits[] = "L119547037146038801333356L\n.";
    const size_t protocol = size > 2 && (unsigned char)bytes[0] == 0x80 ? 2 : 0;
    const size_t frame = protocol && size > 11 && (unsigned char)bytes[2] == 0x95 ? 9 : 0;
    bytes += protocol + frame;
    size -= protocol + frame;
    return (size >= sizeof binary - 1 && memcmp(bytes, binary, sizeof binary - 1) == 0) ||
           (size >= sizeof digits - 1 && memcmp(bytes, digits, sizeof digits - 1) == 0);
}

/* One pickle from *at on, which is moved behind it. *more: it is longer than what there is. */
static bt_status next_pickle(const bt_checkpoint *checkpoint, size_t *at, bt_pickle **out, bool *more,
                             bt_error *error) {
    const legacy *l = checkpoint->inside;
    bt_status status = bt_pickle_open(out, l->bytes + *at, l->count - *at, checkpoint->path, error);
    if (*out) {
        *at += (*out)->size;
        *more = (*out)->cut_short && l->count < l->size;
    }
    if (status != BT_OK) bt_pickle_close(out);
    return status;
}

/* All five, of the bytes that are there. */
static bt_status read_pickles(const bt_checkpoint *checkpoint, bool *more, bt_error *error) {
    legacy *l = checkpoint->inside;
    bt_pickle *pickles[5] = {NULL};
    size_t at = 0;
    bt_status status = BT_OK;
    *more = false;
    for (int i = 0; i < 5 && status == BT_OK; i++)
        status = next_pickle(checkpoint, &at, &pickles[i], more, error);
    const bt_pickle *version = pickles[1];
    if (status == BT_OK && (!bt_pickle_is(version, version->root, BT_NODE_INTEGER) ||
                            version->nodes[version->root].integer != VERSION))
        status = bt_fail(error, BT_UNSUPPORTED, "%s: of a version of torch.save's format that is not known",
                         checkpoint->path);
    l->storages = at;
    for (int i = 0; i < 5; i++)
        if (status != BT_OK || i < 3) bt_pickle_close(&pickles[i]);
    l->saved = pickles[3];
    l->keys = pickles[4];
    return status;
}

/* The beginning of the file, as much as it takes. */
static bt_status read_beginning(const bt_checkpoint *checkpoint, bt_error *error) {
    legacy *l = checkpoint->inside;
    bool more = true;
    bt_status status = BT_OK;
    for (uint64_t wanted = FIRST_BYTES; more; wanted *= 4) {
        if (wanted > PICKLES_MAX)
            return bt_fail(error, BT_PARSE, "%s: its pickles do not end: save model.state_dict() alone",
                           checkpoint->path);
        const uint64_t count = wanted < l->size ? wanted : l->size;
        char *room = bt_array_grow(l->bytes, count, 1, NULL, 1);
        if (!room) return bt_no_memory(error, "reading %s", checkpoint->path);
        l->bytes = room;
        status =
            bt_stored_read_at(l->file, room + l->count, l->count, count - l->count, checkpoint->path, error);
        if (status != BT_OK) return status;
        l->count = count;
        if (!has_magic(room, count))
            return bt_fail(error, BT_UNSUPPORTED,
                           "%s: a pickle, but torch.save did not write it: save "
                           "model.state_dict() with torch.save",
                           checkpoint->path);
        status = read_pickles(checkpoint, &more, error);
    }
    return status;
}

/* ---- where the storages lie ---- */

static int compare_keys(const bt_torch_storage *a, const bt_torch_storage *b) {
    const size_t shorter = a->key_length < b->key_length ? a->key_length : b->key_length;
    const int order = memcmp(a->key, b->key, shorter);
    return order ? order : (a->key_length > b->key_length) - (a->key_length < b->key_length);
}

static int compare_storages(const void *a, const void *b) {
    const storage *one = a, *other = b;
    const int order = compare_keys(&one->said, &other->said);
    return order ? order : one->order - other->order;
}

static storage *find(storage *storages, int count, const char *key, size_t length) {
    const bt_torch_storage wanted = {.key = key, .key_length = length};
    int low = 0, high = count;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (compare_keys(&storages[middle].said, &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && compare_keys(&storages[low].said, &wanted) == 0 ? &storages[low] : NULL;
}

/* Every storage that the pickle names, sorted by key. NULL where memory is short. */
static storage *list_storages(const bt_pickle *pickle, int *count) {
    int wanted = 0;
    *count = 0;
    for (int i = 0; i < pickle->node_count; i++)
        wanted += pickle->nodes[i].kind == BT_NODE_STORAGE;
    storage *storages = calloc((size_t)wanted + 1, sizeof *storages);
    for (int i = 0; storages && i < pickle->node_count; i++)
        if (bt_torch_storage_read(&storages[*count].said, pickle, i)) {
            storages[*count].order = *count;
            (*count)++;
        }
    if (storages) qsort(storages, (size_t)*count, sizeof *storages, compare_storages);
    return storages;
}

/* Goes through the file from storage to storage. What cannot be found is not found: it is refused where it is
 * needed. BT_PARSE where the file ends before its storages do. */
static bt_status find_storages(const bt_checkpoint *checkpoint, storage *storages, int count,
                               bt_error *error) {
    const legacy *l = checkpoint->inside;
    const bt_pickle *keys = l->keys;
    uint64_t at = l->storages, elements, bytes;
    if (!bt_pickle_is(keys, keys->root, BT_NODE_LIST))
        return bt_fail(error, BT_PARSE, "%s: has no list of storages", checkpoint->path);
    for (int link = keys->nodes[keys->root].first; link != BT_NO_NODE; link = keys->links[link].next) {
        const bt_node *key = &keys->nodes[keys->links[link].node];
        storage *found = key->kind == BT_NODE_TEXT ? find(storages, count, key->text, key->length) : NULL;
        if (!found || found->said.element_bytes == 0) return BT_OK;
        if (l->size - at < sizeof elements)
            return bt_fail(error, BT_PARSE, "%s: is cut short", checkpoint->path);
        bt_status status =
            bt_stored_read_at(l->file, &elements, at, sizeof elements, checkpoint->path, error);
        if (status != BT_OK) return status;
        at += sizeof elements;
        if (elements != found->said.elements)
            return bt_fail(error, BT_PARSE, "%s: a storage has another size than its tensors say",
                           checkpoint->path);
        if (__builtin_mul_overflow(elements, found->said.element_bytes, &bytes) || bytes > l->size - at)
            return bt_fail(error, BT_PARSE, "%s: is cut short", checkpoint->path);
        found->found = true;
        found->first = at;
        at += bytes;
    }
    return BT_OK;
}

/* From a place in a storage to one in the file. */
static bt_status place_tensors(bt_checkpoint *checkpoint, storage *storages, int count, bt_error *error) {
    for (int i = 0; i < checkpoint->tensor_count; i++) {
        bt_stored_tensor *tensor = &checkpoint->tensors[i];
        if (tensor->unreadable) continue;
        const storage *s =
            tensor->storage ? find(storages, count, tensor->storage, strlen(tensor->storage)) : NULL;
        bool had_memory = true;
        if (!s || !s->found)
            had_memory = bt_stored_refuse(tensor, "has a storage that cannot be found in the file");
        else if (tensor->first + bt_stored_span(tensor) > s->said.elements * s->said.element_bytes)
            had_memory = bt_stored_refuse(tensor, "does not lie within its storage");
        else
            tensor->first += s->first;
        if (!had_memory) return bt_no_memory(error, "reading %s", checkpoint->path);
    }
    return BT_OK;
}

static bt_status locate(bt_checkpoint *checkpoint, bt_error *error) {
    const legacy *l = checkpoint->inside;
    int count;
    storage *storages = list_storages(l->saved, &count);
    if (!storages) return bt_no_memory(error, "reading %s", checkpoint->path);
    bt_status status = find_storages(checkpoint, storages, count, error);
    if (status == BT_OK) status = place_tensors(checkpoint, storages, count, error);
    free(storages);
    return status;
}

/* What the pickles take is given back before any number is read. */
static void forget_pickles(legacy *l) {
    bt_pickle_close(&l->saved);
    bt_pickle_close(&l->keys);
    free(l->bytes);
    l->bytes = NULL;
}

static bt_status open_legacy(bt_checkpoint *checkpoint, bt_error *error) {
    legacy *l = calloc(1, sizeof *l);
    if (!l) return bt_no_memory(error, "reading %s", checkpoint->path);
    checkpoint->inside = l;
    bt_status status = bt_stored_open_file(&l->file, &l->size, checkpoint->file, checkpoint->path, error);
    if (status == BT_OK) status = read_beginning(checkpoint, error);
    if (status == BT_OK) status = bt_torch_state_read(checkpoint, l->saved, error);
    if (status == BT_OK) status = locate(checkpoint, error);
    forget_pickles(l);
    return status;
}

/* A pickle of one of the protocols, or in digits the magic number that these files begin with. */
static bool recognises(const bt_checkpoint_start *start) {
    static const char digits[] = "L11954703714603880133335";
    const unsigned char *bytes = start->bytes;
    return (start->count >= 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5) ||
           (start->count >= sizeof digits && memcmp(bytes, digits, sizeof digits - 1) == 0);
}

const bt_checkpoint_format bt_checkpoint_torch_legacy = {
    .recognises = recognises, .open = open_legacy, .read = read_tensor, .close = close_legacy};
