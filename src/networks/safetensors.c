/* safetensors: eight bytes of length, that much JSON, then the numbers. The JSON names each tensor's type,
 * shape, and first and last byte behind it (the format's description, huggingface/safetensors). */
#include "networks/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"

#define HEADER_MAX (100 << 20) /* as the format's own reader */
#define PIECE      (1 << 16)   /* elements converted at a time */

typedef struct safetensors {
    int file;
    uint64_t size, data; /* bytes: of the file, before the numbers */
} safetensors;

static void close_file(void *inside) {
    safetensors *s = inside;
    if (s->file >= 0) close(s->file);
    free(s);
}

/* All of [from, from + bytes); the caller has checked that the file is that long. */
static bt_status read_at(const char *path, int file, void *out, uint64_t from, uint64_t bytes,
                         bt_error *error) {
    char *to = out;
    while (bytes > 0) {
        ssize_t got = pread(file, to, bytes < (1u << 30) ? bytes : 1u << 30, (off_t)from);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            return bt_fail(error, BT_IO, "%s: cannot be read: %s", path, bt_text_system_error(errno));
        if (got == 0) return bt_fail(error, BT_IO, "%s: became shorter while it was read", path);
        to += got;
        from += (uint64_t)got;
        bytes -= (uint64_t)got;
    }
    return BT_OK;
}

static bt_status read_tensor(const bt_checkpoint *checkpoint, const bt_stored_tensor *tensor, float *out,
                             bt_error *error) {
    const safetensors *s = checkpoint->inside;
    const size_t size = bt_stored_size(tensor->type);
    if (tensor->type == BT_STORED_F32)
        return read_at(checkpoint->path, s->file, out, tensor->first, tensor->count * size, error);
    char *piece = malloc(PIECE * size);
    bt_status status =
        piece ? BT_OK : bt_fail(error, BT_NO_MEMORY, "out of memory reading %s", checkpoint->path);
    for (uint64_t at = 0; at < tensor->count && status == BT_OK; at += PIECE) {
        const uint64_t count = tensor->count - at < PIECE ? tensor->count - at : PIECE;
        status = read_at(checkpoint->path, s->file, piece, tensor->first + at * size, count * size, error);
        if (status == BT_OK) bt_stored_convert(out + at, piece, tensor->type, count);
    }
    free(piece);
    return status;
}

static const bt_checkpoint_format format = {.read = read_tensor, .close = close_file};

/* ---- the header ---- */

/* Bytes of an element of any of the format's types; 0 for an unknown one. */
static size_t element_bytes(const char *name, bt_stored_type *type) {
    static const struct {
        const char *name;
        bt_stored_type type;
        size_t bytes;
    } types[] = {
        {"F32", BT_STORED_F32, 4},    {"F16", BT_STORED_F16, 2},       {"BF16", BT_STORED_BF16, 2},
        {"F64", BT_STORED_F64, 8},    {"I64", BT_STORED_OTHER, 8},     {"I32", BT_STORED_OTHER, 4},
        {"I16", BT_STORED_OTHER, 2},  {"I8", BT_STORED_OTHER, 1},      {"U64", BT_STORED_OTHER, 8},
        {"U32", BT_STORED_OTHER, 4},  {"U16", BT_STORED_OTHER, 2},     {"U8", BT_STORED_OTHER, 1},
        {"BOOL", BT_STORED_OTHER, 1}, {"F8_E4M3", BT_STORED_OTHER, 1}, {"F8_E5M2", BT_STORED_OTHER, 1}};
    for (size_t i = 0; name && i < sizeof types / sizeof *types; i++)
        if (strcmp(name, types[i].name) == 0) {
            *type = types[i].type;
            return types[i].bytes;
        }
    return 0;
}

static bt_status broken(const bt_checkpoint *checkpoint, const char *name, const char *what,
                        bt_error *error) {
    return bt_fail(error, BT_PARSE, "%s: tensor \"%.80s\": %s", checkpoint->path, name, what);
}

/* The shape, and how many elements it has. */
static bool read_shape(bt_stored_tensor *tensor, const json_t *shape) {
    if (!json_is_array(shape) || json_array_size(shape) > BT_STORED_RANK_MAX) return false;
    tensor->rank = (int)json_array_size(shape);
    tensor->count = 1;
    for (int i = 0; i < tensor->rank; i++) {
        const json_t *dim = json_array_get(shape, (size_t)i);
        tensor->dims[i] = json_is_integer(dim) ? json_integer_value(dim) : -1;
        if (tensor->dims[i] < 0 ||
            __builtin_mul_overflow(tensor->count, (uint64_t)tensor->dims[i], &tensor->count))
            return false;
    }
    return true;
}

static bt_status read_entry(bt_checkpoint *checkpoint, const char *name, const json_t *entry,
                            bt_error *error) {
    const safetensors *s = checkpoint->inside;
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *from = json_array_get(offsets, 0), *to = json_array_get(offsets, 1);
    bt_stored_tensor *tensor = bt_checkpoint_add(checkpoint, name, strlen(name));
    uint64_t bytes;
    if (!tensor) return bt_fail(error, BT_NO_MEMORY, "out of memory reading %s", checkpoint->path);
    const size_t size = element_bytes(json_string_value(json_object_get(entry, "dtype")), &tensor->type);
    if (size == 0) return broken(checkpoint, name, "its type is unknown", error);
    if (!read_shape(tensor, json_object_get(entry, "shape")))
        return broken(checkpoint, name, "its shape is not a list of at most 8 sizes", error);
    if (json_array_size(offsets) != 2 || !json_is_integer(from) || !json_is_integer(to) ||
        json_integer_value(from) < 0 || json_integer_value(to) < json_integer_value(from) ||
        (uint64_t)json_integer_value(to) > s->size - s->data)
        return broken(checkpoint, name, "its data_offsets lie outside the file", error);
    if (__builtin_mul_overflow(tensor->count, size, &bytes) ||
        bytes != (uint64_t)(json_integer_value(to) - json_integer_value(from)))
        return broken(checkpoint, name, "its data_offsets do not fit its shape and type", error);
    tensor->first = s->data + (uint64_t)json_integer_value(from);
    return BT_OK;
}

static bt_status read_header(bt_checkpoint *checkpoint, uint64_t length, bt_error *error) {
    const safetensors *s = checkpoint->inside;
    json_t *header = NULL;
    json_error_t why;
    const char *name;
    json_t *entry;
    char *text = malloc(length);
    if (!text) return bt_fail(error, BT_NO_MEMORY, "out of memory reading %s", checkpoint->path);
    bt_status status = read_at(checkpoint->path, s->file, text, 8, length, error);
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

bt_status bt_safetensors_open(bt_checkpoint *checkpoint, bt_error *error) {
    safetensors *s = calloc(1, sizeof *s);
    struct stat about;
    uint64_t length;
    if (!s) return bt_fail(error, BT_NO_MEMORY, "out of memory reading %s", checkpoint->path);
    checkpoint->inside = s;
    checkpoint->format = &format;
    s->file = open(checkpoint->path, O_RDONLY | O_CLOEXEC);
    if (s->file < 0 || fstat(s->file, &about) != 0)
        return bt_fail(error, BT_IO, "%s: cannot be read: %s", checkpoint->path, bt_text_system_error(errno));
    s->size = (uint64_t)about.st_size;
    if (s->size < 8) return bt_fail(error, BT_PARSE, "%s: is cut short", checkpoint->path);
    bt_status status = read_at(checkpoint->path, s->file, &length, 0, 8, error);
    if (status != BT_OK) return status;
    if (length > HEADER_MAX || length > s->size - 8)
        return bt_fail(error, BT_PARSE, "%s: its header would end outside the file", checkpoint->path);
    s->data = 8 + length;
    return read_header(checkpoint, length, error);
}
