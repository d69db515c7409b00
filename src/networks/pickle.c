#include "networks/pickle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64 /* marks within marks */
#define MEMO_MAX  (1 << 24)

/* The instructions that are known, by their byte. */
enum {
    OP_MARK = '(',
    OP_STOP = '.',
    OP_POP = '0',
    OP_FLOAT = 'G', /* binary */
    OP_INT = 'J',
    OP_INT1 = 'K',
    OP_INT2 = 'M',
    OP_NONE = 'N',
    OP_PERSISTENT = 'Q',
    OP_REDUCE = 'R',
    OP_TEXT = 'X',
    OP_APPEND = 'a',
    OP_BUILD = 'b',
    OP_GLOBAL = 'c',
    OP_APPENDS = 'e',
    OP_GET = 'h',
    OP_LONG_GET = 'j',
    OP_LIST = 'l',
    OP_PUT = 'q',
    OP_LONG_PUT = 'r',
    OP_SETITEM = 's',
    OP_TUPLE = 't',
    OP_SETITEMS = 'u',
    OP_EMPTY_TUPLE = ')',
    OP_EMPTY_LIST = ']',
    OP_EMPTY_DICT = '}',
    OP_PROTOCOL = 0x80,
    OP_TUPLE1 = 0x85,
    OP_TUPLE2,
    OP_TUPLE3,
    OP_TRUE = 0x88,
    OP_FALSE,
    OP_LONG1,
    OP_SHORT_TEXT = 0x8c,
    OP_EMPTY_SET = 0x8f,
    OP_ADD_ITEMS = 0x90,
    OP_STACK_GLOBAL = 0x93,
    OP_MEMOIZE,
    OP_FRAME
};

/* The machine. A failure sticks: `status` is looked at after each instruction. */
typedef struct machine {
    bt_pickle *pickle;
    const unsigned char *at, *end;
    int *stack, *memo;
    int stack_count, stack_room, memo_count, memo_room;
    int marks[DEPTH_MAX], mark_count;
    const char *name;
    bt_status status;
    bt_error *error;
} machine;

static void fail(machine *m, const char *what) {
    if (m->status == BT_OK)
        m->status = bt_fail(m->error, BT_PARSE, "%s: its pickle is broken: %s", m->name, what);
}

static void no_memory(machine *m) {
    if (m->status == BT_OK) m->status = bt_fail(m->error, BT_NO_MEMORY, "out of memory reading %s", m->name);
}

/* ---- memory ---- */

static void *with_room(machine *m, void *array, int count, int *room, size_t size) {
    if (count < *room) return array;
    const int wanted = *room > 0 ? 2 * *room : 256;
    void *grown = wanted > 0 ? realloc(array, (size_t)wanted * size) : NULL;
    if (!grown) {
        no_memory(m);
        return NULL;
    }
    *room = wanted;
    return grown;
}

static int add_node(machine *m, bt_node_kind kind) {
    bt_pickle *p = m->pickle;
    bt_node *room = with_room(m, p->nodes, p->node_count, &p->node_room, sizeof *room);
    if (!room) return 0;
    p->nodes = room;
    room[p->node_count] = (bt_node){.kind = kind, .first = BT_NO_NODE, .last = BT_NO_NODE};
    return p->node_count++;
}

static void add_child(machine *m, int parent, int child) {
    bt_pickle *p = m->pickle;
    bt_link *room = with_room(m, p->links, p->link_count, &p->link_room, sizeof *room);
    if (!room) return;
    p->links = room;
    room[p->link_count] = (bt_link){child, BT_NO_NODE};
    bt_node *node = &p->nodes[parent];
    if (node->last == BT_NO_NODE)
        node->first = p->link_count;
    else
        p->links[node->last].next = p->link_count;
    node->last = p->link_count++;
    node->count++;
}

static void push(machine *m, int node) {
    int *room = with_room(m, m->stack, m->stack_count, &m->stack_room, sizeof *room);
    if (!room) return;
    m->stack = room;
    room[m->stack_count++] = node;
}

/* The lowest place on the stack that belongs to what is being built. */
static int floor_of(const machine *m) {
    return m->mark_count > 0 ? m->marks[m->mark_count - 1] : 0;
}

static int pop(machine *m) {
    if (m->stack_count <= floor_of(m)) {
        fail(m, "it takes from an empty stack");
        return 0;
    }
    return m->stack[--m->stack_count];
}

static int top(machine *m) {
    if (m->stack_count <= floor_of(m)) {
        fail(m, "it looks at an empty stack");
        return 0;
    }
    return m->stack[m->stack_count - 1];
}

/* ---- reading ---- */

static const unsigned char *take(machine *m, uint64_t bytes) {
    if (bytes > (uint64_t)(m->end - m->at)) {
        fail(m, "it is cut short");
        return NULL;
    }
    const unsigned char *from = m->at;
    m->at += bytes;
    return from;
}

/* A little-endian number of up to eight bytes. */
static uint64_t number(machine *m, int bytes) {
    const unsigned char *from = take(m, (uint64_t)bytes);
    uint64_t value = 0;
    for (int i = 0; from && i < bytes; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

static bt_node *node_of(machine *m, int node) {
    return &m->pickle->nodes[node];
}

static void push_integer(machine *m, bt_node_kind kind, int64_t value) {
    int node = add_node(m, kind);
    if (m->status != BT_OK) return;
    node_of(m, node)->integer = value;
    push(m, node);
}

static void push_text(machine *m, uint64_t length) {
    const unsigned char *from = take(m, length);
    int node = add_node(m, BT_NODE_TEXT);
    if (m->status != BT_OK) return;
    node_of(m, node)->text = (const char *)from;
    node_of(m, node)->length = (uint32_t)length;
    push(m, node);
}

/* Eight bytes, the highest first. */
static void push_real(machine *m) {
    const unsigned char *from = take(m, 8);
    int node = add_node(m, BT_NODE_REAL);
    uint64_t bits = 0;
    for (int i = 0; from && i < 8; i++)
        bits = bits << 8 | from[i];
    if (m->status != BT_OK) return;
    memcpy(&node_of(m, node)->real, &bits, sizeof bits);
    push(m, node);
}

static void push_long(machine *m) {
    const int bytes = (int)number(m, 1);
    const unsigned char *from = take(m, (uint64_t)bytes);
    uint64_t value = from && bytes > 0 && from[bytes - 1] >= 0x80 ? UINT64_MAX : 0;
    if (bytes > 8) fail(m, "it has a number of more than 64 bits");
    for (int i = 0; m->status == BT_OK && i < bytes; i++)
        value = (value & ~((uint64_t)0xff << (8 * i))) | (uint64_t)from[i] << (8 * i);
    push_integer(m, BT_NODE_INTEGER, (int64_t)value);
}

/* ---- names ---- */

static const struct {
    const char *module, *name;
    bt_pickle_global global;
} known[] = {
    {"collections", "OrderedDict", BT_GLOBAL_ORDERED_DICT},
    {"torch._utils", "_rebuild_tensor_v2", BT_GLOBAL_REBUILD_TENSOR},
    {"torch._utils", "_rebuild_parameter", BT_GLOBAL_REBUILD_PARAMETER},
    {"torch", "Size", BT_GLOBAL_SIZE},
    {"torch", "FloatStorage", BT_GLOBAL_FLOAT_STORAGE},
    {"torch", "HalfStorage", BT_GLOBAL_HALF_STORAGE},
    {"torch", "BFloat16Storage", BT_GLOBAL_BFLOAT16_STORAGE},
    {"torch", "DoubleStorage", BT_GLOBAL_DOUBLE_STORAGE},
    {"torch", "LongStorage", BT_GLOBAL_OTHER_STORAGE},
    {"torch", "IntStorage", BT_GLOBAL_OTHER_STORAGE},
    {"torch", "ShortStorage", BT_GLOBAL_OTHER_STORAGE},
    {"torch", "CharStorage", BT_GLOBAL_OTHER_STORAGE},
    {"torch", "ByteStorage", BT_GLOBAL_OTHER_STORAGE},
    {"torch", "BoolStorage", BT_GLOBAL_OTHER_STORAGE},
};

static bool same(const char *text, size_t length, const char *wanted) {
    return strlen(wanted) == length && memcmp(text, wanted, length) == 0;
}

/* Text of a stranger, fit to be shown. */
static void show(char out[64], const char *text, size_t length) {
    size_t i = 0;
    for (; i < length && i < 63; i++)
        out[i] = text[i] > ' ' && text[i] < 127 ? text[i] : '?';
    out[i] = '\0';
}

static void push_global(machine *m, const char *module, size_t module_length, const char *name,
                        size_t length) {
    char where[64], what[64];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (same(module, module_length, known[i].module) && same(name, length, known[i].name)) {
            push_integer(m, BT_NODE_GLOBAL, known[i].global);
            return;
        }
    show(where, module, module_length);
    show(what, name, length);
    if (m->status == BT_OK)
        m->status = bt_fail(m->error, BT_PARSE,
                            "%s: holds a Python object, %s.%s, and none but plain tensors are read: save "
                            "model.state_dict() alone",
                            m->name, where, what);
}

/* Two lines. */
static void read_global(machine *m) {
    const char *lines[2];
    size_t lengths[2];
    for (int i = 0; i < 2; i++) {
        const unsigned char *end = memchr(m->at, '\n', (size_t)(m->end - m->at));
        if (!end) {
            fail(m, "it is cut short");
            return;
        }
        lines[i] = (const char *)m->at;
        lengths[i] = (size_t)(end - m->at);
        m->at = end + 1;
    }
    push_global(m, lines[0], lengths[0], lines[1], lengths[1]);
}

static void read_stack_global(machine *m) {
    int name = pop(m), module = pop(m);
    if (m->status != BT_OK) return;
    const bt_node *a = node_of(m, module), *b = node_of(m, name);
    if (a->kind != BT_NODE_TEXT || b->kind != BT_NODE_TEXT)
        fail(m, "a name that is no text");
    else
        push_global(m, a->text, a->length, b->text, b->length);
}

/* ---- building ---- */

static void set_mark(machine *m) {
    if (m->mark_count == DEPTH_MAX)
        fail(m, "it nests too deeply");
    else
        m->marks[m->mark_count++] = m->stack_count;
}

/* Takes the mark away; what was put above it begins there. */
static int take_mark(machine *m) {
    if (m->mark_count == 0) {
        fail(m, "a mark is missing");
        return m->stack_count;
    }
    return m->marks[--m->mark_count];
}

/* What lies on the stack from `from` on becomes the children of `node`. */
static void adopt(machine *m, int node, int from) {
    for (int i = from; i < m->stack_count && m->status == BT_OK; i++)
        add_child(m, node, m->stack[i]);
    m->stack_count = from;
}

static void push_list(machine *m, bt_node_kind kind, int from) {
    if (m->status != BT_OK) return;
    if (from < floor_of(m)) {
        fail(m, "it takes from an empty stack");
        return;
    }
    int node = add_node(m, kind);
    adopt(m, node, from);
    push(m, node);
}

/* Items above `from` go into the list or dictionary below them. */
static void extend(machine *m, int from, bt_node_kind kind) {
    const int count = m->stack_count - from;
    if (m->status != BT_OK) return;
    if (from - 1 < floor_of(m)) {
        fail(m, "items without a container");
        return;
    }
    const int container = m->stack[from - 1];
    if (node_of(m, container)->kind != kind || (kind == BT_NODE_DICT && count % 2 != 0))
        fail(m, "items that do not fit their container");
    else
        adopt(m, container, from);
}

/* Writes a known call down in place of making it. */
static void reduce(machine *m) {
    const int arguments = pop(m), function = pop(m);
    if (m->status != BT_OK) return;
    const bt_node *what = node_of(m, function);
    if (what->kind != BT_NODE_GLOBAL || node_of(m, arguments)->kind != BT_NODE_LIST) {
        fail(m, "a call of something that cannot be called");
        return;
    }
    switch ((bt_pickle_global)what->integer) {
    case BT_GLOBAL_ORDERED_DICT:
        if (node_of(m, arguments)->count > 0) fail(m, "an OrderedDict that is not filled item by item");
        push(m, add_node(m, BT_NODE_DICT));
        return;
    case BT_GLOBAL_REBUILD_TENSOR:
        node_of(m, arguments)->kind = BT_NODE_TENSOR;
        push(m, arguments);
        return;
    case BT_GLOBAL_REBUILD_PARAMETER:
    case BT_GLOBAL_SIZE: {
        const int first = bt_pickle_child(m->pickle, arguments, 0);
        if (first == BT_NO_NODE)
            fail(m, "a call without arguments");
        else
            push(m, first);
        return;
    }
    default:
        fail(m, "a call of something that cannot be called");
    }
}

static void persistent(machine *m) {
    const int id = pop(m);
    if (m->status != BT_OK) return;
    if (node_of(m, id)->kind != BT_NODE_LIST) {
        fail(m, "a storage that is none");
        return;
    }
    node_of(m, id)->kind = BT_NODE_STORAGE;
    push(m, id);
}

static void remember(machine *m, uint64_t place) {
    const int node = top(m);
    if (m->status != BT_OK) return;
    if (place >= MEMO_MAX || place > (uint64_t)m->memo_count + 65536) {
        fail(m, "it remembers in a place out of bounds");
        return;
    }
    while ((uint64_t)m->memo_count <= place) {
        int *room = with_room(m, m->memo, m->memo_count, &m->memo_room, sizeof *room);
        if (!room) return;
        m->memo = room;
        room[m->memo_count++] = BT_NO_NODE;
    }
    m->memo[place] = node;
}

static void recall(machine *m, uint64_t place) {
    if (m->status != BT_OK) return;
    if (place >= (uint64_t)m->memo_count || m->memo[place] == BT_NO_NODE)
        fail(m, "it recalls what was never remembered");
    else
        push(m, m->memo[place]);
}

/* An object's attributes: an OrderedDict may have some (`_metadata`), which say nothing about its tensors. */
static void build(machine *m) {
    pop(m);
    const int node = top(m);
    if (m->status == BT_OK && node_of(m, node)->kind != BT_NODE_DICT) fail(m, "attributes of what has none");
}

/* ---- the loop ---- */

static void refuse(machine *m, int op) {
    if (m->status == BT_OK)
        m->status = bt_fail(m->error, BT_PARSE,
                            "%s: its pickle has an instruction that is not read from checkpoints (0x%02x)",
                            m->name, op);
}

static void step_container(machine *m, int op) {
    switch (op) {
    case OP_MARK:
        set_mark(m);
        return;
    case OP_EMPTY_TUPLE:
    case OP_EMPTY_LIST:
    case OP_EMPTY_SET:
        push(m, add_node(m, BT_NODE_LIST));
        return;
    case OP_EMPTY_DICT:
        push(m, add_node(m, BT_NODE_DICT));
        return;
    case OP_TUPLE1:
    case OP_TUPLE2:
    case OP_TUPLE3:
        push_list(m, BT_NODE_LIST, m->stack_count - (op - OP_TUPLE1 + 1));
        return;
    case OP_TUPLE:
    case OP_LIST:
        push_list(m, BT_NODE_LIST, take_mark(m));
        return;
    case OP_APPEND:
        extend(m, m->stack_count - 1, BT_NODE_LIST);
        return;
    case OP_APPENDS:
    case OP_ADD_ITEMS:
        extend(m, take_mark(m), BT_NODE_LIST);
        return;
    case OP_SETITEM:
        extend(m, m->stack_count - 2, BT_NODE_DICT);
        return;
    case OP_SETITEMS:
        extend(m, take_mark(m), BT_NODE_DICT);
        return;
    default:
        refuse(m, op);
    }
}

static void step_value(machine *m, int op) {
    switch (op) {
    case OP_NONE:
        push(m, add_node(m, BT_NODE_NONE));
        return;
    case OP_TRUE:
    case OP_FALSE:
        push_integer(m, BT_NODE_BOOLEAN, op == OP_TRUE);
        return;
    case OP_INT:
        push_integer(m, BT_NODE_INTEGER, (int32_t)number(m, 4));
        return;
    case OP_INT1:
        push_integer(m, BT_NODE_INTEGER, (int64_t)number(m, 1));
        return;
    case OP_INT2:
        push_integer(m, BT_NODE_INTEGER, (int64_t)number(m, 2));
        return;
    case OP_LONG1:
        push_long(m);
        return;
    case OP_FLOAT:
        push_real(m);
        return;
    case OP_TEXT:
        push_text(m, number(m, 4));
        return;
    case OP_SHORT_TEXT:
        push_text(m, number(m, 1));
        return;
    default:
        step_container(m, op);
    }
}

static void step(machine *m, int op) {
    switch (op) {
    case OP_PROTOCOL:
        number(m, 1);
        return;
    case OP_FRAME:
        number(m, 8);
        return;
    case OP_GLOBAL:
        read_global(m);
        return;
    case OP_STACK_GLOBAL:
        read_stack_global(m);
        return;
    case OP_REDUCE:
        reduce(m);
        return;
    case OP_BUILD:
        build(m);
        return;
    case OP_PERSISTENT:
        persistent(m);
        return;
    case OP_POP:
        pop(m);
        return;
    case OP_PUT:
        remember(m, number(m, 1));
        return;
    case OP_LONG_PUT:
        remember(m, number(m, 4));
        return;
    case OP_MEMOIZE:
        remember(m, (uint64_t)m->memo_count);
        return;
    case OP_GET:
        recall(m, number(m, 1));
        return;
    case OP_LONG_GET:
        recall(m, number(m, 4));
        return;
    default:
        step_value(m, op);
    }
}

bt_status bt_pickle_open(bt_pickle **out, const void *bytes, size_t size, const char *name, bt_error *error) {
    machine m = {.pickle = calloc(1, sizeof *m.pickle),
                 .at = bytes,
                 .end = (const unsigned char *)bytes + size,
                 .name = name,
                 .error = error};
    *out = NULL;
    if (!m.pickle) return bt_fail(error, BT_NO_MEMORY, "out of memory reading %s", name);
    int op = 0;
    while (m.status == BT_OK) {
        const unsigned char *next = take(&m, 1);
        if (!next) break;
        op = *next;
        if (op == OP_STOP) break;
        step(&m, op);
    }
    m.pickle->root = m.status == BT_OK ? pop(&m) : 0;
    free(m.stack);
    free(m.memo);
    if (m.status != BT_OK)
        bt_pickle_close(&m.pickle);
    else
        *out = m.pickle;
    return m.status;
}

void bt_pickle_close(bt_pickle **pickle) {
    if (!pickle || !*pickle) return;
    free((*pickle)->nodes);
    free((*pickle)->links);
    free(*pickle);
    *pickle = NULL;
}

int bt_pickle_child(const bt_pickle *pickle, int node, int index) {
    int link = pickle->nodes[node].first;
    while (link != BT_NO_NODE && index-- > 0)
        link = pickle->links[link].next;
    return link == BT_NO_NODE ? BT_NO_NODE : pickle->links[link].node;
}

int bt_pickle_find(const bt_pickle *pickle, int dict, const char *key) {
    if (pickle->nodes[dict].kind != BT_NODE_DICT) return BT_NO_NODE;
    int found = BT_NO_NODE; /* the last, as in Python */
    for (int link = pickle->nodes[dict].first; link != BT_NO_NODE;) {
        const bt_node *name = &pickle->nodes[pickle->links[link].node];
        const int value = pickle->links[link].next;
        if (name->kind == BT_NODE_TEXT && same(name->text, name->length, key))
            found = pickle->links[value].node;
        link = pickle->links[value].next;
    }
    return found;
}
