/* What torch.save writes since 1.6: a zip archive with a pickle that describes the tensors (NAME/data.pkl)
 * and one entry for each storage (NAME/data/KEY). The archive is libzip's to read, the pickle is pickle.c's.
 */
#include "networks/checkpoint.h"
#include "networks/pickle.h"

#ifndef BT_WITHOUT_FILE_LIBRARIES

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zip.h>

#define PICKLE_MAX  (16 << 20)
#define STORAGE_MAX ((uint64_t)1 << 34) /* bytes */
#define PIECE       (1 << 18)           /* bytes read at a time where they are converted */
#define ENTRY_SIZE  512

typedef struct archive {
    zip_t *zip;
    char prefix[256]; /* "NAME/" */
} archive;

static void close_archive(void *inside) {
    archive *a = inside;
    if (a->zip) zip_discard(a->zip);
    free(a);
}

static bt_status broken(const bt_checkpoint *checkpoint, const char *name, const char *what,
                        bt_error *error) {
    return bt_fail(error, BT_PARSE, "%s: tensor \"%.80s\": %s", checkpoint->path, name, what);
}

/* ---- numbers ---- */

/* Opens a storage's entry where the tensor's first number lies; BT_PARSE where it does not reach `bytes`.
 * Torch stores the numbers as they are: what is compressed could be far longer than the file, and is refused.
 */
static bt_status open_storage(const bt_checkpoint *checkpoint, const bt_stored_tensor *tensor, uint64_t first,
                              uint64_t bytes, zip_file_t **out, bt_error *error) {
    const archive *a = checkpoint->inside;
    const zip_uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
    char entry[ENTRY_SIZE];
    zip_stat_t about;
    snprintf(entry, sizeof entry, "%sdata/%s", a->prefix, tensor->storage);
    if (zip_stat(a->zip, entry, 0, &about) != 0 || (about.valid & wanted) != wanted)
        return broken(checkpoint, tensor->name, "its storage is not in the archive", error);
    if (about.comp_method != ZIP_CM_STORE)
        return broken(checkpoint, tensor->name, "its storage is compressed, as torch.save never does", error);
    if (about.size < bytes || bytes > STORAGE_MAX)
        return broken(checkpoint, tensor->name, "it does not lie within its storage", error);
    *out = zip_fopen(a->zip, entry, 0);
    if (!*out) return broken(checkpoint, tensor->name, "its storage cannot be opened", error);
    if (first == 0 || zip_fseek(*out, (zip_int64_t)first, SEEK_SET) == 0) return BT_OK;
    zip_fclose(*out);
    return broken(checkpoint, tensor->name, "its storage cannot be read from where it lies", error);
}

static bool read_all(zip_file_t *file, char *to, uint64_t bytes) {
    while (bytes > 0) {
        zip_int64_t got = zip_fread(file, to, bytes);
        if (got <= 0) return false;
        to += got;
        bytes -= (uint64_t)got;
    }
    return true;
}

/* `count` elements in a row from where the file stands. */
static bool read_row(zip_file_t *file, char *piece, bt_stored_type type, float *out, uint64_t count) {
    const size_t size = bt_stored_size(type);
    if (type == BT_STORED_F32) return read_all(file, (char *)out, count * size);
    for (uint64_t at = 0, part; at < count; at += part) {
        part = count - at < PIECE / size ? count - at : PIECE / size;
        if (!read_all(file, piece, part * size)) return false;
        bt_stored_convert(out + at, piece, type, part);
    }
    return true;
}

static bool is_row_major(const bt_stored_tensor *tensor) {
    uint64_t stride = 1; /* may wrap where a tensor is empty */
    for (int i = tensor->rank - 1; i >= 0; i--) {
        if (tensor->dims[i] != 1 && (uint64_t)tensor->strides[i] != stride) return false;
        stride *= (uint64_t)tensor->dims[i];
    }
    return true;
}

/* Elements from the first that the tensor touches to the last. */
static uint64_t span_of(const bt_stored_tensor *tensor) {
    uint64_t span = 1;
    for (int i = 0; i < tensor->rank; i++)
        span += (uint64_t)(tensor->dims[i] - 1) * (uint64_t)tensor->strides[i];
    return tensor->count > 0 ? span : 0;
}

/* Few tensors lie apart in their storage, and none far: memory is taken for what is read between. */
static bool is_compact(const bt_stored_tensor *tensor) {
    return span_of(tensor) / 16 <= tensor->count;
}

/* Row-major order out of any strides. */
static void gather(const bt_stored_tensor *tensor, const float *span, float *out) {
    int64_t place[BT_STORED_RANK_MAX] = {0};
    uint64_t at = 0;
    for (uint64_t i = 0; i < tensor->count; i++) {
        out[i] = span[at];
        for (int d = tensor->rank - 1; d >= 0; d--) {
            at += (uint64_t)tensor->strides[d];
            if (++place[d] < tensor->dims[d]) break;
            at -= (uint64_t)tensor->strides[d] * (uint64_t)tensor->dims[d];
            place[d] = 0;
        }
    }
}

static bt_status read_tensor(const bt_checkpoint *checkpoint, const bt_stored_tensor *tensor, float *out,
                             bt_error *error) {
    const size_t size = bt_stored_size(tensor->type);
    const uint64_t span = span_of(tensor);
    const bool direct = is_row_major(tensor);
    zip_file_t *file = NULL;
    if (!is_compact(tensor)) return broken(checkpoint, tensor->name, "its numbers lie too far apart", error);
    bt_status status =
        open_storage(checkpoint, tensor, tensor->first * size, (tensor->first + span) * size, &file, error);
    if (status != BT_OK) return status;
    char *piece = malloc(PIECE);
    float *values = direct ? out : malloc((span + 1) * sizeof *values);
    if (!piece || !values)
        status = bt_fail(error, BT_NO_MEMORY, "out of memory reading %s", checkpoint->path);
    else if (!read_row(file, piece, tensor->type, values, span))
        status = broken(checkpoint, tensor->name, "its storage is cut short or damaged", error);
    else if (!direct)
        gather(tensor, values, out);
    free(piece);
    if (!direct) free(values);
    zip_fclose(file);
    return status;
}

static const bt_checkpoint_format format = {.read = read_tensor, .close = close_archive};

/* ---- the description ---- */

static bool integers(const bt_pickle *pickle, int list, int64_t out[BT_STORED_RANK_MAX], int *count) {
    if (list == BT_NO_NODE || pickle->nodes[list].kind != BT_NODE_LIST ||
        pickle->nodes[list].count > BT_STORED_RANK_MAX)
        return false;
    *count = pickle->nodes[list].count;
    for (int i = 0; i < *count; i++) {
        const bt_node *node = &pickle->nodes[bt_pickle_child(pickle, list, i)];
        if (node->kind != BT_NODE_INTEGER || node->integer < 0 || node->integer > (int64_t)1 << 40)
            return false;
        out[i] = node->integer;
    }
    return true;
}

static bt_stored_type type_of(int64_t global) {
    switch ((bt_pickle_global)global) {
    case BT_GLOBAL_FLOAT_STORAGE:
        return BT_STORED_F32;
    case BT_GLOBAL_HALF_STORAGE:
        return BT_STORED_F16;
    case BT_GLOBAL_BFLOAT16_STORAGE:
        return BT_STORED_BF16;
    case BT_GLOBAL_DOUBLE_STORAGE:
        return BT_STORED_F64;
    default:
        return BT_STORED_OTHER;
    }
}

/* Type and entry of a storage: ("storage", type, key, place, elements). The entry stays NULL where memory is
 * short. */
static bool read_storage(const bt_pickle *pickle, int storage, bt_stored_tensor *tensor) {
    if (storage == BT_NO_NODE || pickle->nodes[storage].kind != BT_NODE_STORAGE ||
        pickle->nodes[storage].count < 5)
        return false;
    const bt_node *type = &pickle->nodes[bt_pickle_child(pickle, storage, 1)],
                  *key = &pickle->nodes[bt_pickle_child(pickle, storage, 2)];
    if (type->kind != BT_NODE_GLOBAL || type->integer < BT_GLOBAL_FLOAT_STORAGE ||
        key->kind != BT_NODE_TEXT || key->length == 0 || key->length > 64 ||
        memchr(key->text, '\0', key->length))
        return false;
    tensor->type = type_of(type->integer);
    tensor->storage = strndup(key->text, key->length);
    return true;
}

/* (storage, offset, sizes, strides, ...) */
static bt_status read_description(bt_checkpoint *checkpoint, const bt_pickle *pickle, int node,
                                  bt_stored_tensor *tensor, bt_error *error) {
    int strides = 0;
    uint64_t span = 1;
    const int offset = bt_pickle_child(pickle, node, 1);
    if (!read_storage(pickle, bt_pickle_child(pickle, node, 0), tensor))
        return broken(checkpoint, tensor->name, "its storage is not described", error);
    if (!tensor->storage) return bt_fail(error, BT_NO_MEMORY, "%s: memory ran out", checkpoint->path);
    if (offset == BT_NO_NODE || pickle->nodes[offset].kind != BT_NODE_INTEGER ||
        pickle->nodes[offset].integer < 0 || pickle->nodes[offset].integer > (int64_t)STORAGE_MAX ||
        !integers(pickle, bt_pickle_child(pickle, node, 2), tensor->dims, &tensor->rank) ||
        !integers(pickle, bt_pickle_child(pickle, node, 3), tensor->strides, &strides) ||
        strides != tensor->rank)
        return broken(checkpoint, tensor->name, "its shape is not described", error);
    tensor->first = (uint64_t)pickle->nodes[offset].integer;
    tensor->count = 1;
    for (int i = 0; i < tensor->rank; i++) {
        uint64_t reach;
        if (__builtin_mul_overflow(tensor->count, (uint64_t)tensor->dims[i], &tensor->count) ||
            __builtin_mul_overflow((uint64_t)tensor->dims[i], (uint64_t)tensor->strides[i], &reach) ||
            __builtin_add_overflow(span, reach, &span) || span > STORAGE_MAX || tensor->count > STORAGE_MAX)
            return broken(checkpoint, tensor->name, "its shape is absurd", error);
    }
    return BT_OK;
}

/* The dictionary of tensors: the whole, or what lies under one of the customary names. */
static int state_of(const bt_pickle *pickle) {
    static const char *const names[] = {"model_state_dict", "state_dict", "model"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const int under = bt_pickle_find(pickle, pickle->root, names[i]);
        if (under != BT_NO_NODE && pickle->nodes[under].kind == BT_NODE_DICT) return under;
    }
    return pickle->root;
}

static bt_status take_tensors(bt_checkpoint *checkpoint, const bt_pickle *pickle, bt_error *error) {
    const int state = state_of(pickle);
    bt_status status = BT_OK;
    if (pickle->nodes[state].kind != BT_NODE_DICT)
        return bt_fail(error, BT_PARSE, "%s: holds no dictionary of tensors: save model.state_dict()",
                       checkpoint->path);
    for (int link = pickle->nodes[state].first; link != BT_NO_NODE && status == BT_OK;) {
        const bt_node *name = &pickle->nodes[pickle->links[link].node];
        link = pickle->links[link].next;
        const int value = pickle->links[link].node;
        link = pickle->links[link].next;
        if (name->kind != BT_NODE_TEXT || pickle->nodes[value].kind != BT_NODE_TENSOR) continue;
        bt_stored_tensor *tensor = bt_checkpoint_add(checkpoint, name->text, name->length);
        if (!tensor) return bt_fail(error, BT_NO_MEMORY, "out of memory reading %s", checkpoint->path);
        status = read_description(checkpoint, pickle, value, tensor, error);
    }
    return status;
}

/* ---- the archive ---- */

/* Reads a whole small entry; NUL-terminated, the caller's. */
static bt_status read_entry(const bt_checkpoint *checkpoint, const char *entry, char **out, size_t *size,
                            bt_error *error) {
    const archive *a = checkpoint->inside;
    zip_stat_t about;
    zip_file_t *file = NULL;
    *out = NULL;
    if (zip_stat(a->zip, entry, 0, &about) != 0 || !(about.valid & ZIP_STAT_SIZE) ||
        about.size > PICKLE_MAX || !(file = zip_fopen(a->zip, entry, 0)))
        return bt_fail(error, BT_PARSE, "%s: %.100s in it cannot be read", checkpoint->path, entry);
    bt_status status = BT_OK;
    *size = about.size;
    *out = malloc(about.size + 1);
    if (!*out)
        status = bt_fail(error, BT_NO_MEMORY, "out of memory reading %s", checkpoint->path);
    else if (!read_all(file, *out, about.size))
        status =
            bt_fail(error, BT_PARSE, "%s: %.100s in it is cut short or damaged", checkpoint->path, entry);
    else
        (*out)[about.size] = '\0';
    zip_fclose(file);
    if (status != BT_OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* Which folder of the archive is torch's, and that it is a checkpoint rather than a program. */
static bt_status find_prefix(bt_checkpoint *checkpoint, bt_error *error) {
    archive *a = checkpoint->inside;
    const zip_int64_t entries = zip_get_num_entries(a->zip, 0);
    for (zip_int64_t i = 0; i < entries; i++) {
        const char *name = zip_get_name(a->zip, (zip_uint64_t)i, 0);
        const size_t length = name ? strlen(name) : 0;
        if (!name || !ends_with(name, "/data.pkl") || length - 8 >= sizeof a->prefix) continue;
        memcpy(a->prefix, name, length - 8);
        a->prefix[length - 8] = '\0';
        break;
    }
    if (!*a->prefix)
        return bt_fail(error, BT_PARSE, "%s: a zip archive, but torch.save did not write it",
                       checkpoint->path);
    char entry[ENTRY_SIZE];
    snprintf(entry, sizeof entry, "%sconstants.pkl", a->prefix);
    if (zip_name_locate(a->zip, entry, 0) >= 0)
        return bt_fail(error, BT_PARSE,
                       "%s: a TorchScript program, not a state dictionary: save "
                       "model.state_dict()",
                       checkpoint->path);
    return BT_OK;
}

static bt_status check_byte_order(const bt_checkpoint *checkpoint, bt_error *error) {
    const archive *a = checkpoint->inside;
    char entry[ENTRY_SIZE], *order;
    size_t size;
    snprintf(entry, sizeof entry, "%sbyteorder", a->prefix);
    if (zip_name_locate(a->zip, entry, 0) < 0) return BT_OK; /* before 2.1 always little */
    bt_status status = read_entry(checkpoint, entry, &order, &size, error);
    if (status == BT_OK && strcmp(order, "little") != 0)
        status =
            bt_fail(error, BT_UNSUPPORTED, "%s: its numbers have their highest byte first", checkpoint->path);
    free(order);
    return status;
}

bt_status bt_torch_archive_open(bt_checkpoint *checkpoint, bt_error *error) {
    archive *a = calloc(1, sizeof *a);
    int why = 0;
    char entry[ENTRY_SIZE], *bytes = NULL;
    size_t size = 0;
    bt_pickle *pickle = NULL;
    if (!a) return bt_fail(error, BT_NO_MEMORY, "out of memory reading %s", checkpoint->path);
    checkpoint->inside = a;
    checkpoint->format = &format;
    a->zip = zip_open(checkpoint->path, ZIP_RDONLY | ZIP_CHECKCONS, &why);
    if (!a->zip)
        return bt_fail(error, BT_PARSE, "%s: a zip archive that is broken or cut short", checkpoint->path);
    bt_status status = find_prefix(checkpoint, error);
    if (status == BT_OK) status = check_byte_order(checkpoint, error);
    snprintf(entry, sizeof entry, "%sdata.pkl", a->prefix);
    if (status == BT_OK) status = read_entry(checkpoint, entry, &bytes, &size, error);
    if (status == BT_OK) status = bt_pickle_open(&pickle, bytes, size, checkpoint->path, error);
    if (status == BT_OK) status = take_tensors(checkpoint, pickle, error);
    bt_pickle_close(&pickle);
    free(bytes);
    return status;
}

#else

bt_status bt_torch_archive_open(bt_checkpoint *checkpoint, bt_error *error) {
    return bt_fail(error, BT_UNSUPPORTED,
                   "%s: built without libzip, which reads such files: give safetensors", checkpoint->path);
}

#endif
