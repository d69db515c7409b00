#include "networks/onnx-file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "image/resize.h"

#define NAME_MAX_BYTES 256 /* of an operation's or a type's name that is compared */

/* Fields of onnx.proto, and their numbers there. */
enum { MODEL_IR_VERSION = 1, MODEL_GRAPH = 7, MODEL_LAST = 63 };
enum { GRAPH_NODE = 1, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { NODE_OP_TYPE = 4 };
enum { TENSOR_DIMS = 1, TENSOR_DATA_TYPE = 2, TENSOR_EXTERNAL_DATA = 13 };
enum { ENTRY_KEY = 1, ENTRY_VALUE = 2 };
enum { VALUE_TYPE = 2, TYPE_TENSOR = 1, TENSOR_TYPE_SHAPE = 2, SHAPE_DIM = 1, DIM_VALUE = 1 };
enum { TYPE_FLOAT = 1, TYPE_FLOAT16 = 10, TYPE_BFLOAT16 = 16 };

typedef enum wire { VARINT = 0, EIGHT_BYTES = 1, LENGTH = 2, FOUR_BYTES = 5 } wire;

typedef struct reader {
    FILE *file;
    const char *path;
    int64_t size;
    bt_onnx_facts *facts;
    bool beyond; /* something reaches beyond the end of what it is in: the file is none, or cut short */
    int nodes, inputs, outputs;
    bool version;
} reader;

/* One field of a message. Of one with a length, it lies at [start, end) of the file. */
typedef struct field {
    uint64_t number, value;
    wire wire;
    int64_t start, end;
} field;

/* ---- protocol buffers ---- */

static bool read_varint(reader *r, int64_t end, uint64_t *out) {
    *out = 0;
    for (unsigned shift = 0; shift < 64 && ftello(r->file) < end; shift += 7) {
        const int byte = getc(r->file);
        if (byte == EOF) return false;
        *out |= (uint64_t)(byte & 127) << shift;
        if (!(byte & 128)) return true;
    }
    return false;
}

/* The next field of what ends at `end`; false at the end, and with r->beyond where it is no field. A field that is not read
 * is passed over. */
static bool next(reader *r, int64_t *at, int64_t end, field *f) {
    uint64_t tag;
    if (*at >= end || r->beyond) return false;
    r->beyond = fseeko(r->file, *at, SEEK_SET) != 0 || !read_varint(r, end, &tag);
    if (r->beyond) return false;
    *f = (field){.number = tag >> 3, .wire = (wire)(tag & 7)};
    uint64_t length = f->wire == EIGHT_BYTES ? 8 : 4;
    if (f->wire == VARINT || f->wire == LENGTH) {
        r->beyond = !read_varint(r, end, &f->value);
        length = f->wire == LENGTH ? f->value : 0;
    } else if (f->wire != EIGHT_BYTES && f->wire != FOUR_BYTES) {
        r->beyond = true;
    }
    f->start = ftello(r->file);
    r->beyond |= f->number == 0 || length > (uint64_t)(end - f->start);
    f->end = *at = r->beyond ? end : f->start + (int64_t)length;
    return !r->beyond;
}

static bool is_message(const field *f, uint64_t number) {
    return f->number == number && f->wire == LENGTH;
}

/* A field's text, cut where it is longer. */
static void read_text(reader *r, const field *f, char *out, size_t size) {
    const size_t length = (uint64_t)(f->end - f->start) < size ? (size_t)(f->end - f->start) : size - 1;
    const size_t got = fseeko(r->file, f->start, SEEK_SET) == 0 ? fread(out, 1, length, r->file) : 0;
    out[got] = '\0';
}

/* ---- what is in it ---- */

static void read_node(reader *r, const field *node) {
    char name[NAME_MAX_BYTES];
    int64_t at = node->start;
    r->nodes++;
    for (field f; next(r, &at, node->end, &f);)
        if (is_message(&f, NODE_OP_TYPE)) {
            read_text(r, &f, name, sizeof name);
            r->facts->quantised |= strstr(name, "uantizeLinear") || strncmp(name, "QLinear", 7) == 0 ||
                                   strstr(name, "Integer") != NULL;
        }
}

bt_status bt_onnx_file_beside(char out[BT_PATH_SIZE], const char *path, const char *name, bt_error *error) {
    const char *slash = strrchr(path, '/');
    return bt_path_join(out, error, "%.*s%s", (int)(slash ? slash + 1 - path : 0), path, name);
}

/* {"location": "net.onnx.data"} of a weight that lies beside the file; the other keys say where in it. */
static void read_external(reader *r, const field *entry) {
    char key[NAME_MAX_BYTES] = "", value[BT_PATH_SIZE] = "", beside[BT_PATH_SIZE];
    int64_t at = entry->start;
    bt_error ignored;
    for (field f; next(r, &at, entry->end, &f);) {
        if (is_message(&f, ENTRY_KEY)) read_text(r, &f, key, sizeof key);
        if (is_message(&f, ENTRY_VALUE)) read_text(r, &f, value, sizeof value);
    }
    if (strcmp(key, "location") != 0 || strcmp(value, r->facts->external) == 0) return;
    r->facts->scattered |= r->facts->external[0] != '\0';
    if (r->facts->external[0] == '\0') snprintf(r->facts->external, sizeof r->facts->external, "%s", value);
    const bool joined = bt_onnx_file_beside(beside, r->path, value, &ignored) == BT_OK;
    if (r->facts->missing[0] == '\0' && !(joined && bt_file_exists(beside)))
        snprintf(r->facts->missing, sizeof r->facts->missing, "%s", value);
}

/* Multiplies a tensor's numbers by a dimension, as far as that can be counted. */
static void multiply(int64_t *count, uint64_t dim) {
    if (dim > INT32_MAX || __builtin_mul_overflow(*count, (int64_t)dim, count)) *count = 0;
}

static void read_dims(reader *r, const field *f, int64_t *count) {
    uint64_t dim;
    if (f->wire == VARINT) multiply(count, f->value);
    if (f->wire != LENGTH || fseeko(r->file, f->start, SEEK_SET) != 0) return;
    while (ftello(r->file) < f->end && read_varint(r, f->end, &dim))
        multiply(count, dim);
}

static void read_weight(reader *r, const field *tensor) {
    bt_onnx_facts *facts = r->facts;
    int64_t at = tensor->start, count = 1;
    uint64_t type = 0;
    for (field f; next(r, &at, tensor->end, &f);) {
        if (f.number == TENSOR_DIMS) read_dims(r, &f, &count);
        if (f.number == TENSOR_DATA_TYPE && f.wire == VARINT) type = f.value;
        if (is_message(&f, TENSOR_EXTERNAL_DATA)) read_external(r, &f);
    }
    int64_t *of_type = type == TYPE_FLOAT      ? &facts->floats
                       : type == TYPE_FLOAT16  ? &facts->halves
                       : type == TYPE_BFLOAT16 ? &facts->bfloats
                                               : &facts->others;
    if (__builtin_add_overflow(*of_type, count, of_type)) *of_type = INT64_MAX;
}

/* A dimension's number; 0 where it has a name or nothing. */
static int read_dim(reader *r, const field *dim) {
    int64_t at = dim->start;
    int value = 0;
    for (field f; next(r, &at, dim->end, &f);)
        if (f.number == DIM_VALUE && f.wire == VARINT)
            value = f.value <= BT_IMAGE_SIDE_MAX ? (int)f.value : 0;
    return value;
}

static void read_shape(reader *r, const field *shape) {
    bt_onnx_facts *facts = r->facts;
    int dims[4] = {0}, rank = 0;
    int64_t at = shape->start;
    for (field f; next(r, &at, shape->end, &f);)
        if (is_message(&f, SHAPE_DIM)) {
            const int value = read_dim(r, &f);
            if (rank < 4) dims[rank] = value;
            rank++;
        }
    if (rank != 4) return;
    facts->batch = dims[0];
    facts->channels = dims[1];
    facts->height = dims[2];
    facts->width = dims[3];
}

/* The message of that number in `outer`, whose contents `inner` reads. */
static void descend(reader *r, const field *outer, uint64_t number,
                    void (*inner)(reader *r, const field *f)) {
    int64_t at = outer->start;
    for (field f; next(r, &at, outer->end, &f);)
        if (is_message(&f, number)) inner(r, &f);
}

static void read_tensor_type(reader *r, const field *type) {
    descend(r, type, TENSOR_TYPE_SHAPE, read_shape);
}

static void read_type(reader *r, const field *type) {
    descend(r, type, TYPE_TENSOR, read_tensor_type);
}

static void read_graph(reader *r, const field *graph) {
    int64_t at = graph->start;
    for (field f; next(r, &at, graph->end, &f);) {
        if (is_message(&f, GRAPH_NODE)) read_node(r, &f);
        if (is_message(&f, GRAPH_INITIALIZER)) read_weight(r, &f);
        if (is_message(&f, GRAPH_INPUT) && r->inputs++ == 0) descend(r, &f, VALUE_TYPE, read_type);
        r->outputs += is_message(&f, GRAPH_OUTPUT);
    }
}

static void read_model(reader *r) {
    int64_t at = 0;
    for (field f; next(r, &at, r->size, &f);) {
        r->version |= f.number == MODEL_IR_VERSION && f.wire == VARINT;
        r->beyond |= f.number > MODEL_LAST;
        if (is_message(&f, MODEL_GRAPH)) read_graph(r, &f);
    }
}

/* ---- what it is ---- */

static bt_status judge(const reader *r, const char start[4], bt_error *error) {
    if (memcmp(start, "PK\3\4", 4) == 0)
        return bt_fail(error, BT_PARSE,
                       "%.120s: an archive, not ONNX: the name of a TorchScript file must end in .pt, a "
                       "package's in .pt2",
                       r->path);
    const bool network = r->version && r->nodes > 0;
    if (!r->beyond && network && r->inputs > 0 && r->outputs > 0) return BT_OK;
    if (r->version && r->beyond)
        return bt_fail(error, BT_PARSE, "%.150s: an ONNX file that is broken or cut short", r->path);
    if (r->version)
        return bt_fail(error, BT_PARSE, "%.150s: no ONNX network: it has %s", r->path,
                       r->nodes == 0 ? "no operations" : "no inputs or no outputs");
    return bt_fail(error, BT_PARSE, "%.150s: is no ONNX file", r->path);
}

bt_status bt_onnx_file_read(bt_onnx_facts *out, const char *path, bt_error *error) {
    char start[4] = {0};
    reader r = {.path = path, .facts = out};
    *out = (bt_onnx_facts){0};
    bt_status status = bt_file_check_regular(path, error);
    if (status != BT_OK) return status;
    r.file = fopen(path, "rbe");
    if (!r.file)
        return bt_fail(error, BT_IO, "%.150s: cannot be read: %s", path, bt_text_system_error(errno));
    (void)!fread(start, 1, sizeof start, r.file);
    const bool sized = fseeko(r.file, 0, SEEK_END) == 0 && (r.size = ftello(r.file)) >= 0;
    if (sized) read_model(&r);
    if (!sized || ferror(r.file))
        status = bt_fail(error, BT_IO, "%.150s: cannot be read", path);
    else
        status = judge(&r, start, error);
    fclose(r.file);
    return status;
}

bt_status bt_onnx_file_check(const char *path, bt_error *error) {
    bt_onnx_facts facts;
    bt_status status = bt_onnx_file_read(&facts, path, error);
    if (status == BT_OK && facts.missing[0])
        status = bt_fail(error, BT_PARSE, "%.100s: its weights lie in \"%.60s\", which is not beside it",
                         path, facts.missing);
    if (status == BT_OK && facts.scattered)
        status = bt_fail(error, BT_PARSE,
                         "%.100s: its weights lie in several files: save them in one (onnx.save_model, "
                         "all_tensors_to_one_file=True)",
                         path);
    return status;
}

const char *bt_onnx_file_numbers(const bt_onnx_facts *facts) {
    const bool halves = facts->halves > facts->floats, bfloats = facts->bfloats > facts->floats;
    if (facts->quantised) return halves ? "INT8 and FP16 (quantised)" : "INT8 and FP32 (quantised)";
    return halves ? "FP16" : bfloats ? "BF16" : "FP32";
}
