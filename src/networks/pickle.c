/* The instructions of a pickle: which there are, what follows each in the bytes, and the loop that runs
 * them. */
#include "networks/pickle.h"

#include <stdlib.h>

#include "networks/pickle-build.h"
#include "networks/pickle-machine.h"

#define STOP '.'

/* One row of the table below. */
typedef struct instruction {
    const char *name;                  /* in Python's Lib/pickletools.py */
    void (*act)(bt_pickle_machine *m); /* what it does, or, by what the row says besides: */
    void (*run)(bt_pickle_machine *m, const struct instruction *self);
    int count; /* bytes of the number or value that follows it, or nodes that it takes off the stack */
    bt_node_kind kind; /* of the node that it makes, or of the container that it adds to */
} instruction;

/* ---- what follows in the bytes ---- */

/* A little-endian number of up to eight bytes. */
static uint64_t read_number(bt_pickle_machine *m, int bytes) {
    const unsigned char *from = bt_pickle_take(m, (uint64_t)bytes);
    uint64_t value = 0;
    for (int i = 0; from && i < bytes; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

/* The decimal digits of a line; false where they are none, or more than an int64_t holds. */
static bool read_digits(const unsigned char *from, size_t length, int64_t *out) {
    const bool negative = length > 0 && *from == '-';
    size_t i = negative;
    *out = 0;
    for (; i < length && from[i] >= '0' && from[i] <= '9'; i++)
        if (__builtin_mul_overflow(*out, 10, out) || __builtin_sub_overflow(*out, from[i] - '0', out))
            return false; /* summed below zero, where one more fits */
    if (i == (size_t)negative || i < length) return false;
    return negative || !__builtin_sub_overflow(0, *out, out);
}

/* A number of the memo, written in digits. */
static uint64_t read_memo_line(bt_pickle_machine *m) {
    size_t length;
    int64_t number;
    const unsigned char *from = bt_pickle_take_line(m, &length);
    if (from && (!read_digits(from, length, &number) || number < 0))
        bt_pickle_fail(m, "a place in its memory is no number");
    return m->status == BT_OK ? (uint64_t)number : 0;
}

static void skip(bt_pickle_machine *m, const instruction *self) {
    read_number(m, self->count);
}

/* ---- values ---- */

static void push_integer(bt_pickle_machine *m, bt_node_kind kind, int64_t value) {
    const int node = bt_pickle_add_node(m, kind);
    if (m->status != BT_OK) return;
    bt_pickle_node(m, node)->integer = value;
    bt_pickle_push(m, node);
}

static void make_empty(bt_pickle_machine *m, const instruction *self) {
    bt_pickle_push_new(m, self->kind);
}

static void make_true(bt_pickle_machine *m, const instruction *self) {
    push_integer(m, self->kind, 1);
}

static void make_false(bt_pickle_machine *m, const instruction *self) {
    push_integer(m, self->kind, 0);
}

/* Only the one of four bytes may be negative. */
static void make_integer(bt_pickle_machine *m, const instruction *self) {
    const uint64_t value = read_number(m, self->count);
    push_integer(m, self->kind, self->count == 4 ? (int32_t)value : (int64_t)value);
}

/* Two's complement, the lowest byte first, of any length. */
static void make_long(bt_pickle_machine *m, const instruction *self) {
    const uint64_t bytes = read_number(m, self->count);
    const unsigned char *from = bt_pickle_take(m, bytes);
    if (!from) return;
    if (bytes > 8) {
        bt_pickle_push_new(m, BT_NODE_NUMBER);
        return;
    }
    uint64_t value = bytes > 0 && from[bytes - 1] >= 0x80 ? UINT64_MAX : 0;
    for (uint64_t i = 0; i < bytes; i++)
        value = (value & ~((uint64_t)0xff << (8 * i))) | (uint64_t)from[i] << (8 * i);
    push_integer(m, self->kind, (int64_t)value);
}

/* "12", "12L"; where it may be a boolean "00" and "01" are False and True. */
static void make_digits(bt_pickle_machine *m, const instruction *self) {
    size_t length;
    int64_t value;
    const unsigned char *from = bt_pickle_take_line(m, &length);
    if (!from) return;
    if (length > 0 && from[length - 1] == 'L') length--;
    if (!read_digits(from, length, &value))
        bt_pickle_push_new(m, BT_NODE_NUMBER);
    else
        push_integer(m, length == 2 && *from == '0' ? self->kind : BT_NODE_INTEGER, value);
}

/* No tensor needs what these say. */
static void make_of_ignored_bytes(bt_pickle_machine *m, const instruction *self) {
    skip(m, self);
    bt_pickle_push_new(m, self->kind);
}

static void make_of_ignored_line(bt_pickle_machine *m, const instruction *self) {
    size_t length;
    bt_pickle_take_line(m, &length);
    bt_pickle_push_new(m, self->kind);
}

/* Python 2's strings are texts: names of tensors, mostly. */
static void make_text(bt_pickle_machine *m, const instruction *self) {
    const uint64_t length = read_number(m, self->count);
    bt_pickle_push_text(m, self->kind, bt_pickle_take(m, length), length);
}

static void push_text_line(bt_pickle_machine *m) {
    size_t length;
    const unsigned char *from = bt_pickle_take_line(m, &length);
    bt_pickle_push_text(m, BT_NODE_TEXT, from, length);
}

/* What Python 2 wrote in quotes; escapes stay as they are: no network's name has any. */
static void make_quoted_line(bt_pickle_machine *m, const instruction *self) {
    size_t length;
    const unsigned char *from = bt_pickle_take_line(m, &length);
    const bool quoted = length >= 2 && from[0] == from[length - 1] && (from[0] == '\'' || from[0] == '"');
    bt_pickle_push_text(m, self->kind, quoted ? from + 1 : from, quoted ? length - 2 : length);
}

/* ---- stack and memo ---- */

/* A mark counts as something to take off. */
static void drop(bt_pickle_machine *m) {
    if (m->mark_count > 0 && m->stack_count == bt_pickle_floor(m))
        bt_pickle_take_mark(m);
    else
        bt_pickle_pop(m);
}

static void drop_to_mark(bt_pickle_machine *m) {
    m->stack_count = bt_pickle_take_mark(m);
}

static void duplicate(bt_pickle_machine *m) {
    bt_pickle_push(m, bt_pickle_top(m));
}

static void remember(bt_pickle_machine *m, const instruction *self) {
    bt_pickle_remember(m, read_number(m, self->count));
}

static void remember_line(bt_pickle_machine *m) {
    bt_pickle_remember(m, read_memo_line(m));
}

static void remember_next(bt_pickle_machine *m) {
    bt_pickle_remember(m, (uint64_t)m->memo_count);
}

static void recall(bt_pickle_machine *m, const instruction *self) {
    bt_pickle_recall(m, read_number(m, self->count));
}

static void recall_line(bt_pickle_machine *m) {
    bt_pickle_recall(m, read_memo_line(m));
}

/* ---- containers, names and calls ---- */

static void collect(bt_pickle_machine *m, const instruction *self) {
    bt_pickle_collect(m, self->kind, m->stack_count - self->count);
}

static void collect_from_mark(bt_pickle_machine *m, const instruction *self) {
    bt_pickle_collect(m, self->kind, bt_pickle_take_mark(m));
}

static void extend(bt_pickle_machine *m, const instruction *self) {
    bt_pickle_extend(m, self->kind, m->stack_count - self->count);
}

static void extend_from_mark(bt_pickle_machine *m, const instruction *self) {
    bt_pickle_extend(m, self->kind, bt_pickle_take_mark(m));
}

static void make_global_of_lines(bt_pickle_machine *m) {
    push_text_line(m);
    push_text_line(m);
    bt_pickle_make_global(m);
}

static void make_new(bt_pickle_machine *m, const instruction *self) {
    bt_pickle_make_new(m, self->count == 3);
}

static void make_object(bt_pickle_machine *m) {
    bt_pickle_make_instance(m, false);
}

static void make_instance_of_lines(bt_pickle_machine *m) {
    make_global_of_lines(m);
    bt_pickle_make_instance(m, true);
}

/* What lies outside the file: a registry of classes, buffers beside it. */
static void refuse(bt_pickle_machine *m, const instruction *self) {
    m->status =
        bt_fail(m->error, BT_PARSE,
                "%s: its pickle refers to what is not in the file (instruction %s): save model.state_dict() "
                "alone, with torch.save(..., pickle_protocol=2)",
                m->name, self->name);
}

/* ---- the instructions ---- */

/* Those that are known, by their byte. Tuples and sets are lists here. */
static const instruction instructions[256] = {
    /* numbers and words */
    ['N'] = {"NONE", .run = make_empty, .kind = BT_NODE_NONE},
    [0x88] = {"NEWTRUE", .run = make_true, .kind = BT_NODE_BOOLEAN},
    [0x89] = {"NEWFALSE", .run = make_false, .kind = BT_NODE_BOOLEAN},
    ['I'] = {"INT", .run = make_digits, .kind = BT_NODE_BOOLEAN},
    ['J'] = {"BININT", .run = make_integer, .count = 4, .kind = BT_NODE_INTEGER},
    ['K'] = {"BININT1", .run = make_integer, .count = 1, .kind = BT_NODE_INTEGER},
    ['M'] = {"BININT2", .run = make_integer, .count = 2, .kind = BT_NODE_INTEGER},
    ['L'] = {"LONG", .run = make_digits, .kind = BT_NODE_INTEGER},
    [0x8a] = {"LONG1", .run = make_long, .count = 1, .kind = BT_NODE_INTEGER},
    [0x8b] = {"LONG4", .run = make_long, .count = 4, .kind = BT_NODE_INTEGER},
    ['F'] = {"FLOAT", .run = make_of_ignored_line, .kind = BT_NODE_NUMBER},
    ['G'] = {"BINFLOAT", .run = make_of_ignored_bytes, .count = 8, .kind = BT_NODE_NUMBER},
    /* texts and bytes */
    ['S'] = {"STRING", .run = make_quoted_line, .kind = BT_NODE_TEXT},
    ['T'] = {"BINSTRING", .run = make_text, .count = 4, .kind = BT_NODE_TEXT},
    ['U'] = {"SHORT_BINSTRING", .run = make_text, .count = 1, .kind = BT_NODE_TEXT},
    ['V'] = {"UNICODE", .act = push_text_line},
    [0x8c] = {"SHORT_BINUNICODE", .run = make_text, .count = 1, .kind = BT_NODE_TEXT},
    ['X'] = {"BINUNICODE", .run = make_text, .count = 4, .kind = BT_NODE_TEXT},
    [0x8d] = {"BINUNICODE8", .run = make_text, .count = 8, .kind = BT_NODE_TEXT},
    ['C'] = {"SHORT_BINBYTES", .run = make_text, .count = 1, .kind = BT_NODE_BYTES},
    ['B'] = {"BINBYTES", .run = make_text, .count = 4, .kind = BT_NODE_BYTES},
    [0x8e] = {"BINBYTES8", .run = make_text, .count = 8, .kind = BT_NODE_BYTES},
    [0x96] = {"BYTEARRAY8", .run = make_text, .count = 8, .kind = BT_NODE_BYTES},
    /* containers */
    [')'] = {"EMPTY_TUPLE", .run = make_empty, .kind = BT_NODE_LIST},
    [0x85] = {"TUPLE1", .run = collect, .count = 1, .kind = BT_NODE_LIST},
    [0x86] = {"TUPLE2", .run = collect, .count = 2, .kind = BT_NODE_LIST},
    [0x87] = {"TUPLE3", .run = collect, .count = 3, .kind = BT_NODE_LIST},
    ['t'] = {"TUPLE", .run = collect_from_mark, .kind = BT_NODE_LIST},
    [']'] = {"EMPTY_LIST", .run = make_empty, .kind = BT_NODE_LIST},
    ['l'] = {"LIST", .run = collect_from_mark, .kind = BT_NODE_LIST},
    ['a'] = {"APPEND", .run = extend, .count = 1, .kind = BT_NODE_LIST},
    ['e'] = {"APPENDS", .run = extend_from_mark, .kind = BT_NODE_LIST},
    ['}'] = {"EMPTY_DICT", .run = make_empty, .kind = BT_NODE_DICT},
    ['d'] = {"DICT", .run = collect_from_mark, .kind = BT_NODE_DICT},
    ['s'] = {"SETITEM", .run = extend, .count = 2, .kind = BT_NODE_DICT},
    ['u'] = {"SETITEMS", .run = extend_from_mark, .kind = BT_NODE_DICT},
    [0x8f] = {"EMPTY_SET", .run = make_empty, .kind = BT_NODE_LIST},
    [0x90] = {"ADDITEMS", .run = extend_from_mark, .kind = BT_NODE_LIST},
    [0x91] = {"FROZENSET", .run = collect_from_mark, .kind = BT_NODE_LIST},
    /* the stack and the memo */
    ['('] = {"MARK", .act = bt_pickle_set_mark},
    ['0'] = {"POP", .act = drop},
    ['1'] = {"POP_MARK", .act = drop_to_mark},
    ['2'] = {"DUP", .act = duplicate},
    ['p'] = {"PUT", .act = remember_line},
    ['q'] = {"BINPUT", .run = remember, .count = 1},
    ['r'] = {"LONG_BINPUT", .run = remember, .count = 4},
    [0x94] = {"MEMOIZE", .act = remember_next},
    ['g'] = {"GET", .act = recall_line},
    ['h'] = {"BINGET", .run = recall, .count = 1},
    ['j'] = {"LONG_BINGET", .run = recall, .count = 4},
    /* names and calls */
    ['c'] = {"GLOBAL", .act = make_global_of_lines},
    [0x93] = {"STACK_GLOBAL", .act = bt_pickle_make_global},
    ['R'] = {"REDUCE", .act = bt_pickle_reduce},
    [0x81] = {"NEWOBJ", .run = make_new, .count = 2},
    [0x92] = {"NEWOBJ_EX", .run = make_new, .count = 3},
    ['i'] = {"INST", .act = make_instance_of_lines},
    ['o'] = {"OBJ", .act = make_object},
    ['b'] = {"BUILD", .act = bt_pickle_set_state},
    ['Q'] = {"BINPERSID", .act = bt_pickle_make_persistent},
    ['P'] = {"PERSID", .run = make_of_ignored_line, .kind = BT_NODE_OTHER},
    /* what says nothing here, or what no file may need */
    [0x80] = {"PROTO", .run = skip, .count = 1},
    [0x95] = {"FRAME", .run = skip, .count = 8},
    [0x82] = {"EXT1", .run = refuse},
    [0x83] = {"EXT2", .run = refuse},
    [0x84] = {"EXT4", .run = refuse},
    [0x97] = {"NEXT_BUFFER", .run = refuse},
    [0x98] = {"READONLY_BUFFER", .run = refuse},
};

static void step(bt_pickle_machine *m, unsigned char byte) {
    const instruction *next = &instructions[byte];
    if (next->act)
        next->act(m);
    else if (next->run)
        next->run(m, next);
    else
        m->status =
            bt_fail(m->error, BT_PARSE, "%s: its pickle is broken: byte 0x%02x is no instruction of a pickle",
                    m->name, byte);
}

bt_status bt_pickle_open(bt_pickle **out, const void *bytes, size_t size, const char *name, bt_error *error) {
    bt_pickle_machine m = {.pickle = calloc(1, sizeof *m.pickle),
                           .at = bytes,
                           .end = (const unsigned char *)bytes + size,
                           .size = size,
                           .name = name,
                           .error = error};
    *out = m.pickle;
    if (!m.pickle) return bt_no_memory(error, "reading %s", name);
    while (m.status == BT_OK) {
        const unsigned char *next = bt_pickle_take(&m, 1);
        if (!next || *next == STOP) break;
        step(&m, *next);
    }
    m.mark_count = 0; /* as Python: what lies on top is the answer */
    if (m.status == BT_OK) m.pickle->root = bt_pickle_pop(&m);
    m.pickle->size = (size_t)(m.at - (const unsigned char *)bytes);
    free(m.stack);
    free(m.memo);
    free(m.marks);
    return m.status;
}
