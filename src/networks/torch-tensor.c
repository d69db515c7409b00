#include "networks/torch-tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX     64 /* bytes of a storage's key: a number, mostly */
#define NESTING_MAX 8  /* parameters around subclasses around tensors */
#define FLAGS_MAX   16 /* keys and values; torch has two flags */
#define STATES_MAX  4  /* that one tensor was given */
#define TORCH_UTILS "torch._utils"
#define NUMPY_ARRAY "is a numpy array: save tensors, model.state_dict()"

/* ---- types ---- */

static const struct {
    const char *storage, *dtype;
    bt_stored_type type;
    size_t bytes;
} types[] = {
    {"FloatStorage", "float32", BT_STORED_F32, 4},
    {"HalfStorage", "float16", BT_STORED_F16, 2},
    {"BFloat16Storage", "bfloat16", BT_STORED_BF16, 2},
    {"DoubleStorage", "float64", BT_STORED_F64, 8},
    {"LongStorage", "int64", BT_STORED_OTHER, 8},
    {"IntStorage", "int32", BT_STORED_OTHER, 4},
    {"ShortStorage", "int16", BT_STORED_OTHER, 2},
    {"CharStorage", "int8", BT_STORED_OTHER, 1},
    {"ByteStorage", "uint8", BT_STORED_OTHER, 1},
    {"BoolStorage", "bool", BT_STORED_OTHER, 1},
    {"ComplexFloatStorage", "complex64", BT_STORED_OTHER, 8},
    {"ComplexDoubleStorage", "complex128", BT_STORED_OTHER, 16},
    {"QInt8Storage", "qint8", BT_STORED_OTHER, 1},
    {"QUInt8Storage", "quint8", BT_STORED_OTHER, 1},
    {"QInt32Storage", "qint32", BT_STORED_OTHER, 4},
    {"QUInt4x2Storage", "quint4x2", BT_STORED_OTHER, 1},
    {"QUInt2x4Storage", "quint2x4", BT_STORED_OTHER, 1},
    {"UntypedStorage", "uint8", BT_STORED_OTHER, 1},
};
#define TYPE_COUNT (sizeof types / sizeof *types)

static const bt_node *name_of(const bt_pickle *pickle, int global) {
    return &pickle->nodes[bt_pickle_child(pickle, global, 1)];
}

/* By the class's name alone, as torch itself looks it up: torch.cuda has the same ones. */
static bool read_storage_type(bt_torch_storage *out, const bt_pickle *pickle, int global) {
    if (!bt_pickle_is(pickle, global, BT_NODE_GLOBAL)) return false;
    const int name = bt_pickle_child(pickle, global, 1);
    bt_pickle_show(name_of(pickle, global), out->dtype, sizeof out->dtype);
    out->type = BT_STORED_OTHER;
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (bt_pickle_says(pickle, name, types[i].storage)) {
            snprintf(out->dtype, sizeof out->dtype, "%s", types[i].dtype);
            out->type = types[i].type;
            out->element_bytes = types[i].bytes;
        }
    return true;
}

/* A dtype, torch.float8_e5m2 say, in place of the storage's own. */
static bool read_dtype(bt_torch_storage *out, const bt_pickle *pickle, int global) {
    if (!bt_pickle_is(pickle, global, BT_NODE_GLOBAL)) return false;
    out->type = BT_STORED_OTHER;
    bt_pickle_show(name_of(pickle, global), out->dtype, sizeof out->dtype);
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (strcmp(out->dtype, types[i].dtype) == 0) out->type = types[i].type;
    return true;
}

/* ---- storages ---- */

static bool is_count(const bt_pickle *pickle, int node, uint64_t *out) {
    if (!bt_pickle_is(pickle, node, BT_NODE_INTEGER) || pickle->nodes[node].integer < 0 ||
        (uint64_t)pickle->nodes[node].integer > BT_STORED_MAX)
        return false;
    *out = (uint64_t)pickle->nodes[node].integer;
    return true;
}

/* (key, first, count): torch before 0.4 had views of storages. */
static bool read_view(bt_torch_storage *out, const bt_pickle *pickle, int view) {
    out->first = 0;
    out->count = out->elements;
    if (view == BT_NO_NODE || pickle->nodes[view].kind == BT_NODE_NONE) return true;
    return pickle->nodes[view].kind == BT_NODE_LIST &&
           is_count(pickle, bt_pickle_child(pickle, view, 1), &out->first) &&
           is_count(pickle, bt_pickle_child(pickle, view, 2), &out->count) &&
           out->first + out->count <= out->elements;
}

bool bt_torch_storage_read(bt_torch_storage *out, const bt_pickle *pickle, int node) {
    *out = (bt_torch_storage){.key = NULL};
    if (!bt_pickle_is(pickle, node, BT_NODE_STORAGE)) return false;
    const int key = bt_pickle_child(pickle, node, 2);
    if (!read_storage_type(out, pickle, bt_pickle_child(pickle, node, 1)) ||
        !bt_pickle_is(pickle, key, BT_NODE_TEXT) ||
        !is_count(pickle, bt_pickle_child(pickle, node, 4), &out->elements) ||
        !read_view(out, pickle, bt_pickle_child(pickle, node, 5)))
        return false;
    out->key = pickle->nodes[key].text;
    out->key_length = pickle->nodes[key].length;
    out->no_numbers = bt_pickle_says(pickle, bt_pickle_child(pickle, node, 3), "meta");
    return out->key_length > 0 && out->key_length <= KEY_MAX && !memchr(out->key, '\0', out->key_length);
}

/* ---- which call it is ---- */

typedef enum call_kind {
    CALL_NONE,
    CALL_PLAIN, /* storage, offset, sizes, strides */
    CALL_V2,    /* the same, requires_grad, hooks, flags */
    CALL_V3,    /* the same, requires_grad, hooks, dtype, flags */
    CALL_INNER, /* a tensor with something around it */
    CALL_CLASS, /* a parameter by its class */
    CALL_AS,    /* another call, its result as a subclass: call, class, arguments, state */
    CALL_MOVED, /* a tensor, its dtype, the device it came from */
    CALL_UNREADABLE
} call_kind;

static const struct {
    const char *module, *name;
    call_kind kind;
    const char *why;
} calls[] = {
    {TORCH_UTILS, "_rebuild_tensor", CALL_PLAIN, NULL},
    {TORCH_UTILS, "_rebuild_tensor_v2", CALL_V2, NULL},
    {TORCH_UTILS, "_rebuild_tensor_v3", CALL_V3, NULL},
    {TORCH_UTILS, "_rebuild_parameter", CALL_INNER, NULL},
    {TORCH_UTILS, "_rebuild_parameter_with_state", CALL_INNER, NULL},
    {"torch._tensor", "_rebuild_from_type", CALL_AS, NULL},
    {"torch._tensor", "_rebuild_from_type_v2", CALL_AS, NULL},
    {"torch.tensor", "_rebuild_from_type", CALL_AS, NULL},
    {TORCH_UTILS, "_rebuild_device_tensor_from_cpu_tensor", CALL_MOVED, NULL},
    {"torch.nn.parameter", "Parameter", CALL_CLASS, NULL},
    {"torch.nn.parameter", "Buffer", CALL_CLASS, NULL},
    {"torch.nn", "Parameter", CALL_CLASS, NULL},
    {"torch.autograd.variable", "Variable", CALL_CLASS, NULL},
    {"torch.nn.parameter", "UninitializedParameter", CALL_UNREADABLE,
     "has no numbers: it was never initialised"},
    {"torch.nn.parameter", "UninitializedBuffer", CALL_UNREADABLE,
     "has no numbers: it was never initialised"},
    {TORCH_UTILS, "_rebuild_meta_tensor_no_storage", CALL_UNREADABLE,
     "has no numbers: it was saved from the meta device"},
    {TORCH_UTILS, "_rebuild_qtensor", CALL_UNREADABLE, "is quantised: save it after dequantize()"},
    {TORCH_UTILS, "_rebuild_sparse_tensor", CALL_UNREADABLE, "is sparse: save it after to_dense()"},
    {TORCH_UTILS, "_rebuild_sparse_csr_tensor", CALL_UNREADABLE, "is sparse: save it after to_dense()"},
    {TORCH_UTILS, "_rebuild_nested_tensor", CALL_UNREADABLE, "is a nested tensor: save a plain one"},
    {TORCH_UTILS, "_rebuild_device_tensor_from_numpy", CALL_UNREADABLE,
     "is of a device of its own: save model.cpu().state_dict()"},
    {TORCH_UTILS, "_rebuild_xla_tensor", CALL_UNREADABLE,
     "is of a device of its own: save model.cpu().state_dict()"},
    {TORCH_UTILS, "_rebuild_wrapper_subclass", CALL_UNREADABLE,
     "is of a class that keeps its numbers elsewhere (a sharded or quantised one): save plain tensors"},
    {"numpy*", "_reconstruct", CALL_UNREADABLE, NUMPY_ARRAY},
    {"numpy*", "_frombuffer", CALL_UNREADABLE, NUMPY_ARRAY},
};
#define CALL_COUNT (sizeof calls / sizeof *calls)

/* Any other of torch's _rebuild_... is a tensor that a torch of tomorrow writes. */
static bool is_unknown_rebuild(const bt_pickle *pickle, int function) {
    static const char start[] = "_rebuild_";
    const bt_node *name;
    if (!bt_pickle_is(pickle, function, BT_NODE_GLOBAL) ||
        !bt_pickle_says(pickle, bt_pickle_child(pickle, function, 0), TORCH_UTILS))
        return false;
    name = name_of(pickle, function);
    return name->length >= sizeof start - 1 && memcmp(name->text, start, sizeof start - 1) == 0;
}

static call_kind kind_of(const bt_pickle *pickle, int function, const char **why) {
    *why = NULL;
    for (size_t i = 0; i < CALL_COUNT; i++)
        if (bt_pickle_names(pickle, function, calls[i].module, calls[i].name)) {
            *why = calls[i].why;
            return calls[i].kind;
        }
    if (!is_unknown_rebuild(pickle, function)) return CALL_NONE;
    *why = "is of a kind that is not known: save plain tensors";
    return CALL_UNREADABLE;
}

bool bt_torch_is_array(const bt_pickle *pickle, int node) {
    const char *why;
    return bt_pickle_is(pickle, node, BT_NODE_CALL) &&
           kind_of(pickle, bt_pickle_child(pickle, node, 0), &why) == CALL_UNREADABLE &&
           strcmp(why, NUMPY_ARRAY) == 0;
}

bool bt_torch_is_tensor(const bt_pickle *pickle, int node) {
    const char *why;
    if (!bt_pickle_is(pickle, node, BT_NODE_CALL)) return false;
    return kind_of(pickle, bt_pickle_child(pickle, node, 0), &why) != CALL_NONE;
}

/* ---- what it says ---- */

static bool integers(const bt_pickle *pickle, int list, int64_t out[BT_STORED_RANK_MAX], int *count) {
    uint64_t value;
    if (!bt_pickle_is(pickle, list, BT_NODE_LIST) || pickle->nodes[list].count > BT_STORED_RANK_MAX)
        return false;
    *count = pickle->nodes[list].count;
    for (int i = 0; i < *count; i++) {
        if (!is_count(pickle, bt_pickle_child(pickle, list, i), &value)) return false;
        out[i] = (int64_t)value;
    }
    return true;
}

/* Sizes and strides, and how far they reach; false where no tensor has such. */
static bool read_shape(bt_stored_tensor *out, const bt_pickle *pickle, int sizes, int strides) {
    int stride_count = 0;
    uint64_t span = 1;
    if (!integers(pickle, sizes, out->dims, &out->rank) ||
        !integers(pickle, strides, out->strides, &stride_count) || stride_count != out->rank)
        return false;
    out->count = 1;
    for (int i = 0; i < out->rank; i++) {
        uint64_t reach;
        if (__builtin_mul_overflow(out->count, (uint64_t)out->dims[i], &out->count) ||
            __builtin_mul_overflow((uint64_t)out->dims[i], (uint64_t)out->strides[i], &reach) ||
            __builtin_add_overflow(span, reach, &span) || span > BT_STORED_MAX || out->count > BT_STORED_MAX)
            return false;
    }
    return true;
}

static bool is_true(const bt_pickle *pickle, int node) {
    const bt_node *value = &pickle->nodes[node];
    if (value->kind == BT_NODE_BOOLEAN || value->kind == BT_NODE_INTEGER) return value->integer != 0;
    return value->kind != BT_NODE_NONE;
}

/* {"neg": True}: the numbers are kept, their sign is not. Others are unknown, and might mean as much. */
static bool read_flags(bt_stored_tensor *out, const bt_pickle *pickle, int flags) {
    if (flags == BT_NO_NODE || pickle->nodes[flags].kind == BT_NODE_NONE) return true;
    if (pickle->nodes[flags].kind != BT_NODE_DICT || pickle->nodes[flags].count > FLAGS_MAX)
        return bt_stored_refuse(out, "has flags that are not known");
    for (int link = pickle->nodes[flags].first; link != BT_NO_NODE;) {
        const int key = pickle->links[link].node;
        link = pickle->links[link].next;
        const bool set = is_true(pickle, pickle->links[link].node);
        link = pickle->links[link].next;
        if (bt_pickle_says(pickle, key, "neg"))
            out->negated = set;
        else if (set && !bt_stored_refuse(out, "has a flag that is not known: save it after resolve_conj()"))
            return false;
    }
    return true;
}

/* Where in its storage it lies: byte offsets, and that they are within. */
static bool place(bt_stored_tensor *out, const bt_torch_storage *storage, uint64_t offset) {
    const size_t size = bt_stored_size(out->type);
    out->first = storage->first * storage->element_bytes + offset * size;
    out->room =
        storage->element_bytes > 0 ? (storage->first + storage->count) * storage->element_bytes : UINT64_MAX;
    if (out->first + bt_stored_span(out) <= out->room) return true;
    return bt_stored_refuse(out, "does not lie within its storage");
}

/* A call's arguments as a list; false where memory is short. */
static bool read_plain(bt_stored_tensor *out, const bt_pickle *pickle, call_kind kind, int list) {
    bt_torch_storage storage;
    uint64_t offset;
    if (bt_pickle_is(pickle, bt_pickle_child(pickle, list, 0), BT_NODE_OTHER))
        return bt_stored_refuse(
            out, "was saved by pickle protocol 0, which loses its numbers: save it by another");
    if (!bt_torch_storage_read(&storage, pickle, bt_pickle_child(pickle, list, 0)))
        return bt_stored_refuse(out, "has no storage that is described");
    if (kind == CALL_V3 && !read_dtype(&storage, pickle, bt_pickle_child(pickle, list, 6)))
        return bt_stored_refuse(out, "has no type that is described");
    out->type = storage.type;
    out->storage = strndup(storage.key, storage.key_length);
    if (!out->storage) return false;
    if (!is_count(pickle, bt_pickle_child(pickle, list, 1), &offset) ||
        !read_shape(out, pickle, bt_pickle_child(pickle, list, 2), bt_pickle_child(pickle, list, 3)))
        return bt_stored_refuse(out, "has no shape that can be read");
    if (out->type == BT_STORED_OTHER) return bt_stored_refuse_type(out, storage.dtype);
    if (storage.no_numbers) return bt_stored_refuse(out, "has no numbers: it was saved from the meta device");
    if (kind != CALL_PLAIN &&
        !read_flags(out, pickle, bt_pickle_child(pickle, list, kind == CALL_V2 ? 6 : 7)))
        return false;
    return place(out, &storage, offset);
}

/* Old torch set a tensor's numbers by a state of four or five; three are what it says of its gradient. */
static bool check_states(bt_stored_tensor *out, const bt_pickle *pickle, int node) {
    bool known = pickle->nodes[node].count <= 2 + STATES_MAX;
    for (int i = 2, state; known && (state = bt_pickle_child(pickle, node, i)) != BT_NO_NODE; i++) {
        const bt_node *s = &pickle->nodes[state];
        known =
            s->kind == BT_NODE_DICT || s->kind == BT_NODE_NONE || (s->kind == BT_NODE_LIST && s->count <= 3);
    }
    return known || bt_stored_refuse(out, "is of a torch before 0.4: load it there and save it again");
}

static bool read_call(bt_stored_tensor *out, const bt_pickle *pickle, int function, int list, int depth);

/* A tensor that is an argument of another call. */
static bool read_inner(bt_stored_tensor *out, const bt_pickle *pickle, int node, int depth) {
    if (depth == NESTING_MAX || !bt_torch_is_tensor(pickle, node))
        return bt_stored_refuse(out, "is not described as torch does");
    return read_call(out, pickle, bt_pickle_child(pickle, node, 0), bt_pickle_child(pickle, node, 1),
                     depth + 1) &&
           check_states(out, pickle, node);
}

/* Brought to the CPU to be saved; where its type was changed too, numbers would be rounded anew. */
static bool read_moved(bt_stored_tensor *out, const bt_pickle *pickle, int list, int depth) {
    bt_torch_storage as = {.type = BT_STORED_OTHER};
    if (!read_inner(out, pickle, bt_pickle_child(pickle, list, 0), depth)) return false;
    if (!read_dtype(&as, pickle, bt_pickle_child(pickle, list, 1)) || as.type != out->type)
        return bt_stored_refuse(out, "is of a device with types of its own: save model.cpu().state_dict()");
    return true;
}

static bool read_call(bt_stored_tensor *out, const bt_pickle *pickle, int function, int list, int depth) {
    const char *why;
    const call_kind kind = kind_of(pickle, function, &why);
    if (!bt_pickle_is(pickle, list, BT_NODE_LIST))
        return bt_stored_refuse(out, "is not described as torch does");
    switch (kind) {
    case CALL_PLAIN:
    case CALL_V2:
    case CALL_V3:
        return read_plain(out, pickle, kind, list);
    case CALL_INNER:
    case CALL_CLASS:
        return read_inner(out, pickle, bt_pickle_child(pickle, list, 0), depth);
    case CALL_AS:
        if (depth == NESTING_MAX) break;
        return read_call(out, pickle, bt_pickle_child(pickle, list, 0), bt_pickle_child(pickle, list, 2),
                         depth + 1);
    case CALL_MOVED:
        return read_moved(out, pickle, list, depth);
    case CALL_UNREADABLE:
        return bt_stored_refuse(out, why);
    case CALL_NONE:
        break;
    }
    return bt_stored_refuse(out, "is not described as torch does");
}

bt_status bt_torch_tensor_read(bt_stored_tensor *out, const bt_pickle *pickle, int node, bt_error *error) {
    out->type = BT_STORED_OTHER;
    const bool had_memory =
        read_call(out, pickle, bt_pickle_child(pickle, node, 0), bt_pickle_child(pickle, node, 1), 0) &&
        check_states(out, pickle, node);
    if (!had_memory) return bt_no_memory(error, "describing tensors");
    return BT_OK;
}
