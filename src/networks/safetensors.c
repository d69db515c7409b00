/* safetensors: eight bytes of length, that much JSON, then the numbers. The JSON names each tensor's type,
 * shape, and first and last byte behind it (the format's description, huggingface/safetensors). */
#include "networks/checkpoint-formats.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"

#define LENGTH_BYTES 8
#define HEADER_MAX   (100 << 20) /* as the format's own reader */

typedef struct safetensors {
    int file;
    uint64_t size, data; /* bytes: of the file, before the numbers */
} safetensors;

static void close_file(void *inside) {
    safetensors *s = inside;
    if (s->file >= 0) close(s->file);
    free(s);
}

static bt_status read_tensor(const bt_checkpoint *checkpoint, const bt_stored_tensor *tensor, float *out,
                             bt_error *error) {
    const safetensors *s = checkpoint->inside;
    return bt_stored_read_file(tensor, s->file, out, checkpoint->path, error);
}

/* ---- the header ---- */

/* Bytes of an element; 0 for a type whose size is not known here, or not whole bytes (F4, F6_E2M3). */
static size_t element_bytes(const char *name, bt_stored_type *type) {
    static const struct {
        const char *name;
        bt_stored_type type;
        size_t bytes;
    } types[] = {{"F32", BT_STORED_F32, 4},    {"F16", BT_STORED_F16, 2},   {"BF16", BT_STORED_BF16, 2},
                 {"F64", BT_STORED_F64, 8},    {"I64", BT_STORED_OTHER, 8}, {"I32", BT_STORED_OTHER, 4},
                 {"I16", BT_STORED_OTHER, 2},  {"I8", BT_STORED_OTHER, 1},  {"U64", BT_STORED_OTHER, 8},
                 {"U32", BT_STORED_OTHER, 4},  {"U16", BT_STORED_OTHER, 2}, {"U8", BT_STORED_OTHER, 1},
                 {"BOOL", BT_STORED_OTHER, 1}, {"C64", BT_STORED_OTHER, 8}};
    *type = BT_STORED_OTHER;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(name, types[i].name) == 0) {
            *type = types[i].type;
            return types[i].bytes;
        }
    return strncmp(name, "F8_", 3) == 0 ? 1 : 0;
}

/* The shape, and how many elements it has; false where it is none. */
static bool read_shape(bt_stored_tensor *tensor, const json_t *shape) {
    if (!json_is_array(shape) || json_array_size(shape) > BT_STORED_RANK_MAX) return false;
    tensor->rank = (int)json_array_size(shape);
    for (int i = 0; i < tensor->rank; i++) {
        const json_t *dim = json_array_get(shape, (size_t)i);
        tensor->dims[i] = json_is_integer(dim) ? json_integer_value(dim) : -1;
    }
    return bt_stored_lay_out(tensor);
}

/* Two numbers, from and to, within the file. */
static bool read_offsets(uint64_t out[2], const json_t *offsets, uint64_t room) {
    for (size_t i = 0; i < 2; i++) {
        const json_t *offset = json_array_get(offsets, i);
        if (!json_is_integer(offset) || json_integer_value(offset) < 0) return false;
        out[i] = (uint64_t)json_integer_value(offset);
    }
    return json_array_size(offsets) == 2 && out[0] <= out[1] && out[1] <= room;
}

/* Where the numbers lie is checked of every tensor, since a file that is cut short shows there; what they are
 * only of those that are needed. */
static bt_status read_entry(bt_checkpoint *checkpoint, const char *name, const json_t *entry,
                            bt_error *error) {
    const safetensors *s = checkpoint->inside;
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    bt_stored_tensor *tensor = bt_checkpoint_add(checkpoint, name, strlen(name));
    uint64_t offsets[2], bytes;
    bool had_memory = true;
    if (!tensor) return bt_no_memory(error, "reading %s", checkpoint->path);
    bt_checkpoint_note(checkpoint, name, "a tensor", 1);
    if (!type) return bt_stored_fail(tensor, checkpoint->path, "has no type", error);
    const size_t size = element_bytes(type, &tensor->type);
    if (!read_offsets(offsets, json_object_get(entry, "data_offsets"), s->size - s->data))
        return bt_stored_fail(tensor, checkpoint->path, "has data_offsets that lie outside the file", error);
    if (!read_shape(tensor, json_object_get(entry, "shape")))
        had_memory = bt_stored_refuse(tensor, "has a shape that is not a list of at most 8 sizes");
    else if (size > 0 &&
             (__builtin_mul_overflow(tensor->count, size, &bytes) || bytes != offsets[1] - offsets[0]))
        return bt_stored_fail(tensor, checkpoint->path, "has data_offsets that do not fit its shape and type",
                              error);
    else if (tensor->type == BT_STORED_OTHER)
        had_memory = bt_stored_refuse_type(tensor, type);
    tensor->first = s->data + offsets[0];
    return had_memory ? BT_OK : bt_no_memory(error, "reading %s", checkpoint->path);
}

static bt_status read_header(bt_checkpoint *checkpoint, uint64_t length, bt_error *error) {
    const safetensors *s = checkpoint->inside;
    json_t *header = NULL;
    json_error_t why;
    const char *name;
    json_t *entry;
    char *text = malloc(length);
    if (!text) return bt_no_memory(error, "reading %s", checkpoint->path);
    bt_status status = bt_stored_read_at(s->file, text, LENGTH_BYTES, length, checkpoint->path, error);
    if (status == BT_OK && !(header = bt_json_parse(text, length, &why)))
        status = bt_fail(error, BT_PARSE, "%s: its header is no JSON: %s", checkpoint->path, why.text);
    if (status == BT_OK && !json_is_object(header))
        status = bt_fail(error, BT_PARSE, "%s: its header is no JSON object", checkpoint->path);
    if (status == BT_OK) json_object_foreach(header, name, entry) {
            if (strcmp(name, "__metadata__") == 0) continue;
            status = read_entry(checkpoint, name, entry, error);
            if (status != BT_OK) break;
        }
    json_decref(header);
    free(text);
    return status;
}

static bt_status open_tensors(bt_checkpoint *checkpoint, bt_error *error) {
    safetensors *s = calloc(1, sizeof *s);
    uint64_t length;
    if (!s) return bt_no_memory(error, "reading %s", checkpoint->path);
    checkpoint->inside = s;
    bt_status status = bt_stored_open_file(&s->file, &s->size, checkpoint->file, checkpoint->path, error);
    if (status != BT_OK) return status;
    if (s->size < LENGTH_BYTES) return bt_fail(error, BT_PARSE, "%s: is cut short", checkpoint->path);
    status = bt_stored_read_at(s->file, &length, 0, LENGTH_BYTES, checkpoint->path, error);
    if (status != BT_OK) return status;
    if (length > HEADER_MAX || length > s->size - LENGTH_BYTES)
        return bt_fail(error, BT_PARSE, "%s: its header would end outside the file", checkpoint->path);
    s->data = LENGTH_BYTES + length;
    return read_header(checkpoint, length, error);
}

/* Eight bytes of a header's length, and JSON within it. */
static bool recognises(const bt_checkpoint_start *start) {
    uint64_t length;
    memcpy(&length, start->bytes, sizeof length);
    return start->count > sizeof length && start->bytes[sizeof length] == '{' && length <= start->file_bytes;
}

const bt_checkpoint_format bt_checkpoint_safetensors = {
    .recognises = recognises, .open = open_tensors, .read = read_tensor, .close = close_file};
