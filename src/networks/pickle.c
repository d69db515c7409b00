#include "networks/pickle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

#define NODES_MAX (1 << 23) /* 256 MiB of them */
#define MEMO_MAX  (1 << 23)
#define SAVE_THIS "save model.state_dict() alone, with torch.save(..., pickle_protocol=2)"

/* The instructions that are known, by their byte. */
enum {
    OP_MARK = '(',
    OP_EMPTY_TUPLE = ')',
    OP_STOP = '.',
    OP_POP = '0',
    OP_POP_MARK = '1',
    OP_DUP = '2',
    OP_BYTES = 'B',
    OP_SHORT_BYTES = 'C',
    OP_REAL_LINE = 'F',
    OP_REAL = 'G',
    OP_INT_LINE = 'I',
    OP_INT = 'J',
    OP_INT1 = 'K',
    OP_LONG_LINE = 'L',
    OP_INT2 = 'M',
    OP_NONE = 'N',
    OP_PERSISTENT_LINE = 'P',
    OP_PERSISTENT = 'Q',
    OP_REDUCE = 'R',
    OP_STRING_LINE = 'S',
    OP_STRING = 'T',
    OP_SHORT_STRING = 'U',
    OP_TEXT_LINE = 'V',
    OP_TEXT = 'X',
    OP_EMPTY_LIST = ']',
    OP_APPEND = 'a',
    OP_BUILD = 'b',
    OP_GLOBAL = 'c',
    OP_DICT = 'd',
    OP_APPENDS = 'e',
    OP_GET_LINE = 'g',
    OP_GET = 'h',
    OP_INSTANCE = 'i',
    OP_LONG_GET = 'j',
    OP_LIST = 'l',
    OP_OBJECT = 'o',
    OP_PUT_LINE = 'p',
    OP_PUT = 'q',
    OP_LONG_PUT = 'r',
    OP_SETITEM = 's',
    OP_TUPLE = 't',
    OP_SETITEMS = 'u',
    OP_EMPTY_DICT = '}',
    OP_PROTOCOL = 0x80,
    OP_NEW,
    OP_EXTENSION1,
    OP_EXTENSION2,
    OP_EXTENSION4,
    OP_TUPLE1,
    OP_TUPLE2,
    OP_TUPLE3,
    OP_TRUE,
    OP_FALSE,
    OP_LONG1,
    OP_LONG4,
    OP_SHORT_TEXT,
    OP_TEXT8,
    OP_BYTES8,
    OP_EMPTY_SET,
    OP_ADD_ITEMS,
    OP_FROZEN_SET,
    OP_NEW_KEYWORDS,
    OP_STACK_GLOBAL,
    OP_MEMOIZE,
    OP_FRAME,
    OP_BYTE_ARRAY8,
    OP_NEXT_BUFFER,
    OP_READONLY_BUFFER
};

/* The machine. A failure sticks: `status` is looked at after each instruction. */
typedef struct machine {
    bt_pickle *pickle;
    const unsigned char *at, *end;
    int *stack, *memo, *marks;
    int stack_count, memo_count, mark_count;
    size_t stack_room, memo_room, mark_room;
    size_t size, copied; /* bytes of the pickle, pairs of lists */
    const char *name;
    bt_status status;
    bt_error *error;
} machine;

static void fail(machine *m, const char *what) {
    if (m->status == BT_OK)
        m->status = bt_fail(m->error, BT_PARSE, "%s: its pickle is broken: %s", m->name, what);
}

static void fail_short(machine *m) {
    m->pickle->cut_short = m->status == BT_OK;
    fail(m, "it is cut short");
}

static void no_memory(machine *m) {
    if (m->status == BT_OK) m->status = bt_no_memory(m->error, "reading %s", m->name);
}

/* ---- memory ---- */

/* The array with room for one more item; NULL after a failure. */
static void *with_room(machine *m, void *array, int count, size_t *room, size_t size) {
    if (count == 4 * NODES_MAX) {
        fail(m, "it holds more than a checkpoint does");
        return NULL;
    }
    void *grown = bt_array_grow(array, (size_t)count, 1, room, size);
    if (!grown) no_memory(m);
    return grown;
}

static int add_node(machine *m, bt_node_kind kind) {
    bt_pickle *p = m->pickle;
    if (p->node_count == NODES_MAX) fail(m, "it holds more things than any checkpoint");
    bt_node *room = with_room(m, p->nodes, p->node_count, &p->node_room, sizeof *room);
    if (!room) return 0;
    p->nodes = room;
    room[p->node_count] = (bt_node){.kind = kind, .first = BT_NO_NODE, .last = BT_NO_NODE};
    return p->node_count++;
}

static void add_child(machine *m, int parent, int child) {
    bt_pickle *p = m->pickle;
    if (m->status != BT_OK) return;
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
    if (m->status != BT_OK) return;
    int *room = with_room(m, m->stack, m->stack_count, &m->stack_room, sizeof *room);
    if (!room) return;
    m->stack = room;
    room[m->stack_count++] = node;
}

static bt_node *node_of(machine *m, int node) {
    return &m->pickle->nodes[node];
}

static void push_new(machine *m, bt_node_kind kind) {
    push(m, add_node(m, kind));
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
    if (m->status == BT_OK && bytes > (uint64_t)(m->end - m->at)) fail_short(m);
    if (m->status != BT_OK) return NULL;
    const unsigned char *from = m->at;
    m->at += bytes;
    return from;
}

/* Up to the end of the line, which is taken too. */
static const unsigned char *take_line(machine *m, size_t *length) {
    const unsigned char *from = m->at, *end = memchr(from, '\n', (size_t)(m->end - from));
    *length = 0;
    if (!end) {
        fail_short(m);
        return NULL;
    }
    *length = (size_t)(end - from);
    m->at = end + 1;
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

static void push_integer(machine *m, bt_node_kind kind, int64_t value) {
    int node = add_node(m, kind);
    if (m->status != BT_OK) return;
    node_of(m, node)->integer = value;
    push(m, node);
}

/* Longer than a node can say no pickle is that is read at all. */
static void push_text_at(machine *m, bt_node_kind kind, const unsigned char *from, uint64_t length) {
    int node = add_node(m, kind);
    if (m->status != BT_OK) return;
    node_of(m, node)->text = (const char *)from;
    node_of(m, node)->length = (uint32_t)length;
    push(m, node);
}

static void push_text(machine *m, bt_node_kind kind, uint64_t length) {
    const unsigned char *from = take(m, length);
    push_text_at(m, kind, from, length);
}

/* What Python 2 wrote in quotes; escapes stay as they are: no network's name has any. */
static void push_quoted(machine *m) {
    size_t length;
    const unsigned char *from = take_line(m, &length);
    const bool quoted = length >= 2 && from[0] == from[length - 1] && (from[0] == '\'' || from[0] == '"');
    push_text_at(m, BT_NODE_TEXT, quoted ? from + 1 : from, quoted ? length - 2 : length);
}

static void push_text_line(machine *m) {
    size_t length;
    const unsigned char *from = take_line(m, &length);
    push_text_at(m, BT_NODE_TEXT, from, length);
}

/* Two's complement, the lowest byte first, of any length. */
static void push_long(machine *m, uint64_t bytes) {
    const unsigned char *from = take(m, bytes);
    if (!from) return;
    if (bytes > 8) {
        push_new(m, BT_NODE_NUMBER);
        return;
    }
    uint64_t value = bytes > 0 && from[bytes - 1] >= 0x80 ? UINT64_MAX : 0;
    for (uint64_t i = 0; i < bytes; i++)
        value = (value & ~((uint64_t)0xff << (8 * i))) | (uint64_t)from[i] << (8 * i);
    push_integer(m, BT_NODE_INTEGER, (int64_t)value);
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

/* "12", "12L"; of an OP_INT_LINE "00" and "01" are False and True. */
static void push_digits(machine *m, bool booleans) {
    size_t length;
    int64_t value;
    const unsigned char *from = take_line(m, &length);
    if (!from) return;
    if (length > 0 && from[length - 1] == 'L') length--;
    if (!read_digits(from, length, &value))
        push_new(m, BT_NODE_NUMBER);
    else
        push_integer(m, booleans && length == 2 && *from == '0' ? BT_NODE_BOOLEAN : BT_NODE_INTEGER, value);
}

/* ---- names ---- */

/* What runs commands, programs or files. Nothing here would run it; in Python it would have run, and somebody
 * meant it to. By name, since modules of the same names (a project's own folder "code") have harmless ones.
 */
static const struct {
    const char *modules, *names;
} running[] = {
    {" os posix nt ",
     " system popen popen2 popen3 popen4 startfile execl execle execlp execlpe execv execve execvp "
     "execvpe spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe posix_spawn "
     "posix_spawnp fork forkpty kill killpg remove unlink rmdir removedirs rename renames replace "
     "truncate chmod chown link symlink mkfifo putenv open _exit abort "},
    {" subprocess ", " Popen run call check_call check_output getoutput getstatusoutput "},
    {" commands ", " getoutput getstatusoutput "},
    {" _posixsubprocess ", " fork_exec "},
    {" builtins __builtin__ ",
     " eval exec execfile compile open input raw_input file __import__ breakpoint "},
    {" io _io codecs ", " open open_code FileIO "},
    {" importlib ", " import_module reload __import__ "},
    {" runpy ", " run_module run_path _run_code _run_module_code "},
    {" pty ", " spawn fork "},
    {" shutil ", " rmtree move copy copy2 copyfile copytree unpack_archive chown "},
    {" socket _socket ", " socket create_connection create_server "},
    {" ctypes _ctypes ", " CDLL PyDLL WinDLL OleDLL LibraryLoader cdll pydll windll oledll dlopen "},
    {" webbrowser ", " open open_new open_new_tab get "},
    {" pdb bdb ", " run runeval runcall set_trace Pdb Bdb "},
    {" code ", " interact InteractiveInterpreter InteractiveConsole "},
    {" timeit ", " timeit repeat "},
    {" pip pip._internal ", " main "},
};

/* Whether a list has a word, with a space before and behind each. */
static bool is_listed(const char *list, const char *word, size_t length) {
    for (const char *at = list; length > 0 && (at = memmem(at, strlen(at), word, length)); at++)
        if (at > list && at[-1] == ' ' && at[length] == ' ' && !memchr(word, ' ', length)) return true;
    return false;
}

/* Python looks a name up part by part: of "eval.x" it would take "eval". */
static size_t first_part(const bt_node *name) {
    const char *dot = memchr(name->text, '.', name->length);
    return dot ? (size_t)(dot - name->text) : name->length;
}

static void refuse_running(machine *m, const bt_node *module, const bt_node *name) {
    char where[BT_TEXT_QUOTE_SIZE], what[BT_TEXT_QUOTE_SIZE];
    for (size_t i = 0; i < sizeof running / sizeof *running; i++) {
        if (!is_listed(running[i].modules, module->text, module->length) ||
            !is_listed(running[i].names, name->text, first_part(name)))
            continue;
        bt_pickle_show(module, where, sizeof where);
        bt_pickle_show(name, what, sizeof what);
        m->status =
            bt_fail(m->error, BT_PARSE,
                    "%s: holds a Python object, %s.%s, that could run anything: nothing was run; trust "
                    "no such file, or save model.state_dict() alone",
                    m->name, where, what);
        return;
    }
}

/* Module and name are on the stack. */
static void make_global(machine *m) {
    const int name = pop(m), module = pop(m);
    if (m->status != BT_OK) return;
    if (node_of(m, name)->kind != BT_NODE_TEXT || node_of(m, module)->kind != BT_NODE_TEXT) {
        fail(m, "a name that is no text");
        return;
    }
    refuse_running(m, node_of(m, module), node_of(m, name));
    int node = add_node(m, BT_NODE_GLOBAL);
    add_child(m, node, module);
    add_child(m, node, name);
    push(m, node);
}

static void read_global(machine *m) {
    push_text_line(m);
    push_text_line(m);
    make_global(m);
}

/* ---- building ---- */

static void set_mark(machine *m) {
    int *room = with_room(m, m->marks, m->mark_count, &m->mark_room, sizeof *room);
    if (!room) return;
    m->marks = room;
    room[m->mark_count++] = m->stack_count;
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

/* A list or dictionary of what lies from `from` on. */
static void push_made_of(machine *m, bt_node_kind kind, int from) {
    if (m->status != BT_OK) return;
    if (from < floor_of(m) || (kind == BT_NODE_DICT && (m->stack_count - from) % 2 != 0)) {
        fail(m, "it takes what is not on its stack");
        return;
    }
    int node = add_node(m, kind);
    if (m->status != BT_OK) return;
    adopt(m, node, from);
    push(m, node);
}

/* Items above `from` go into the list or dictionary below them, or into what a call would have given. */
static void extend(machine *m, int from, bt_node_kind kind) {
    const int count = m->stack_count - from;
    if (m->status != BT_OK) return;
    if (from - 1 < floor_of(m)) {
        fail(m, "items without a container");
        return;
    }
    int container = m->stack[from - 1];
    if (node_of(m, container)->kind == BT_NODE_CALL) {
        if (node_of(m, container)->items == BT_NO_NODE) {
            const int items = add_node(m, kind);
            if (m->status != BT_OK) return;
            node_of(m, container)->items = items;
        }
        container = node_of(m, container)->items;
    }
    if (node_of(m, container)->kind != kind || (kind == BT_NODE_DICT && count % 2 != 0))
        fail(m, "items that do not fit their container");
    else
        adopt(m, container, from);
}

static void push_call(machine *m, int function, int arguments) {
    int node = add_node(m, BT_NODE_CALL);
    if (m->status != BT_OK) return;
    node_of(m, node)->items = BT_NO_NODE;
    add_child(m, node, function);
    add_child(m, node, arguments);
    push(m, node);
}

/* dict() or OrderedDict() of nothing, or, as Python 2 had it, of a list of pairs; false for anything else. */
static bool push_dictionary(machine *m, int arguments) {
    const bt_pickle *p = m->pickle;
    const int pairs = bt_pickle_child(p, arguments, 0);
    if (p->nodes[arguments].count > 1 || (pairs != BT_NO_NODE && p->nodes[pairs].kind != BT_NODE_LIST))
        return false;
    for (int l = pairs == BT_NO_NODE ? BT_NO_NODE : p->nodes[pairs].first; l != BT_NO_NODE;
         l = p->links[l].next)
        if (!bt_pickle_is(p, p->links[l].node, BT_NODE_LIST) || p->nodes[p->links[l].node].count != 2)
            return false;
    /* each list of pairs is meant for one dictionary: the same list for many would take memory without end */
    m->copied += pairs == BT_NO_NODE ? 0 : (size_t)p->nodes[pairs].count;
    if (m->copied > m->size) fail(m, "its dictionaries are of the same items too often");
    const int dict = add_node(m, BT_NODE_DICT);
    for (int l = pairs == BT_NO_NODE ? BT_NO_NODE : p->nodes[pairs].first;
         m->status == BT_OK && l != BT_NO_NODE; l = p->links[l].next)
        for (int i = 0; i < 2; i++)
            add_child(m, dict, bt_pickle_child(p, p->links[l].node, i));
    push(m, dict);
    return true;
}

/* Writes a call down in place of making it; but for dictionaries, and torch.Size, which is a tuple. */
static void reduce(machine *m) {
    const int arguments = pop(m), function = pop(m);
    if (m->status != BT_OK) return;
    const bt_pickle *p = m->pickle;
    const bool list = p->nodes[arguments].kind == BT_NODE_LIST;
    const bool dictionary = bt_pickle_names(p, function, "collections", "OrderedDict") ||
                            bt_pickle_names(p, function, "builtins", "dict") ||
                            bt_pickle_names(p, function, "__builtin__", "dict");
    if (list && dictionary && push_dictionary(m, arguments)) return;
    if (list && p->nodes[arguments].count == 1 && bt_pickle_names(p, function, "torch", "Size"))
        push(m, bt_pickle_child(p, arguments, 0));
    else
        push_call(m, function, arguments);
}

/* cls.__new__(*args, **keywords): keywords are kept as a state is. */
static void make_new(machine *m, bool keywords) {
    const int named = keywords ? pop(m) : BT_NO_NODE, arguments = pop(m), type = pop(m);
    push_call(m, type, arguments);
    if (m->status == BT_OK && keywords) add_child(m, top(m), named);
}

/* What lies above the mark are the arguments of a class, which was named by the instruction or lies first. */
static void make_instance(machine *m, bool named) {
    if (named) {
        read_global(m);
        const int type = pop(m);
        push_made_of(m, BT_NODE_LIST, take_mark(m));
        const int arguments = pop(m);
        push_call(m, type, arguments);
        return;
    }
    const int from = take_mark(m);
    if (m->status == BT_OK && from >= m->stack_count) fail(m, "an object of no class");
    if (m->status != BT_OK) return;
    const int type = m->stack[from];
    push_made_of(m, BT_NODE_LIST, from + 1);
    const int arguments = pop(m);
    m->stack_count = from;
    push_call(m, type, arguments);
}

/* torch's ids are ("storage", ...) and, from old versions, ("module", class, file, source): the class. */
static void persistent(machine *m) {
    const int id = pop(m);
    if (m->status != BT_OK) return;
    const int kind = node_of(m, id)->kind == BT_NODE_LIST ? bt_pickle_child(m->pickle, id, 0) : BT_NO_NODE;
    const int type = kind == BT_NO_NODE ? BT_NO_NODE : bt_pickle_child(m->pickle, id, 1);
    if (type != BT_NO_NODE && bt_pickle_says(m->pickle, kind, "module")) {
        push(m, type);
    } else if (bt_pickle_says(m->pickle, kind, "storage")) {
        node_of(m, id)->kind = BT_NODE_STORAGE;
        push(m, id);
    } else {
        push_new(m, BT_NODE_OTHER);
    }
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

/* A place written in digits. */
static uint64_t place_line(machine *m) {
    size_t length;
    int64_t place;
    const unsigned char *from = take_line(m, &length);
    if (from && (!read_digits(from, length, &place) || place < 0))
        fail(m, "a place in its memory is no number");
    return m->status == BT_OK ? (uint64_t)place : 0;
}

/* A state: what a call gave would have it set, or be called with it. An OrderedDict's (`_metadata`) says
 * nothing of its tensors. */
static void build(machine *m) {
    const int state = pop(m), node = top(m);
    if (m->status == BT_OK && node_of(m, node)->kind == BT_NODE_CALL) add_child(m, node, state);
}

/* ---- the loop ---- */

static void refuse(machine *m, int op) {
    static const char *const names[] = {[OP_EXTENSION1 - OP_PROTOCOL] = "EXT1",
                                        [OP_EXTENSION2 - OP_PROTOCOL] = "EXT2",
                                        [OP_EXTENSION4 - OP_PROTOCOL] = "EXT4",
                                        [OP_NEXT_BUFFER - OP_PROTOCOL] = "NEXT_BUFFER",
                                        [OP_READONLY_BUFFER - OP_PROTOCOL] = "READONLY_BUFFER"};
    const size_t index = (size_t)op - OP_PROTOCOL;
    const char *name = op >= OP_PROTOCOL && index < sizeof names / sizeof *names ? names[index] : NULL;
    if (m->status != BT_OK) return;
    if (name)
        m->status = bt_fail(m->error, BT_PARSE,
                            "%s: its pickle refers to what is not in the file (instruction %s): " SAVE_THIS,
                            m->name, name);
    else
        m->status =
            bt_fail(m->error, BT_PARSE, "%s: its pickle is broken: byte 0x%02x is no instruction of a pickle",
                    m->name, op);
}

static void step_object(machine *m, int op) {
    switch (op) {
    case OP_GLOBAL:
        read_global(m);
        return;
    case OP_STACK_GLOBAL:
        make_global(m);
        return;
    case OP_REDUCE:
        reduce(m);
        return;
    case OP_NEW:
    case OP_NEW_KEYWORDS:
        make_new(m, op == OP_NEW_KEYWORDS);
        return;
    case OP_INSTANCE:
    case OP_OBJECT:
        make_instance(m, op == OP_INSTANCE);
        return;
    case OP_BUILD:
        build(m);
        return;
    case OP_PERSISTENT:
        persistent(m);
        return;
    case OP_PERSISTENT_LINE: {
        size_t length;
        take_line(m, &length);
        push_new(m, BT_NODE_OTHER);
        return;
    }
    default:
        refuse(m, op);
    }
}

static void step_container(machine *m, int op) {
    switch (op) {
    case OP_EMPTY_TUPLE:
    case OP_EMPTY_LIST:
    case OP_EMPTY_SET:
        push_new(m, BT_NODE_LIST);
        return;
    case OP_EMPTY_DICT:
        push_new(m, BT_NODE_DICT);
        return;
    case OP_TUPLE1:
    case OP_TUPLE2:
    case OP_TUPLE3:
        push_made_of(m, BT_NODE_LIST, m->stack_count - (op - OP_TUPLE1 + 1));
        return;
    case OP_TUPLE:
    case OP_LIST:
    case OP_FROZEN_SET:
        push_made_of(m, BT_NODE_LIST, take_mark(m));
        return;
    case OP_DICT:
        push_made_of(m, BT_NODE_DICT, take_mark(m));
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
        step_object(m, op);
    }
}

static void step_number(machine *m, int op) {
    switch (op) {
    case OP_NONE:
        push_new(m, BT_NODE_NONE);
        return;
    case OP_TRUE:
    case OP_FALSE:
        push_integer(m, BT_NODE_BOOLEAN, op == OP_TRUE);
        return;
    case OP_INT:
        push_integer(m, BT_NODE_INTEGER, (int32_t)number(m, 4));
        return;
    case OP_INT1:
    case OP_INT2:
        push_integer(m, BT_NODE_INTEGER, (int64_t)number(m, op == OP_INT1 ? 1 : 2));
        return;
    case OP_LONG1:
    case OP_LONG4:
        push_long(m, number(m, op == OP_LONG1 ? 1 : 4));
        return;
    case OP_INT_LINE:
    case OP_LONG_LINE:
        push_digits(m, op == OP_INT_LINE);
        return;
    case OP_REAL:
        take(m, 8);
        push_new(m, BT_NODE_NUMBER);
        return;
    case OP_REAL_LINE: {
        size_t length;
        take_line(m, &length);
        push_new(m, BT_NODE_NUMBER);
        return;
    }
    default:
        step_container(m, op);
    }
}

/* Python 2's strings are texts: names of tensors, mostly. */
static void step_text(machine *m, int op) {
    switch (op) {
    case OP_TEXT:
    case OP_STRING:
        push_text(m, BT_NODE_TEXT, number(m, 4));
        return;
    case OP_SHORT_TEXT:
    case OP_SHORT_STRING:
        push_text(m, BT_NODE_TEXT, number(m, 1));
        return;
    case OP_TEXT8:
        push_text(m, BT_NODE_TEXT, number(m, 8));
        return;
    case OP_TEXT_LINE:
        push_text_line(m);
        return;
    case OP_STRING_LINE:
        push_quoted(m);
        return;
    case OP_BYTES:
        push_text(m, BT_NODE_BYTES, number(m, 4));
        return;
    case OP_SHORT_BYTES:
        push_text(m, BT_NODE_BYTES, number(m, 1));
        return;
    case OP_BYTES8:
    case OP_BYTE_ARRAY8:
        push_text(m, BT_NODE_BYTES, number(m, 8));
        return;
    default:
        step_number(m, op);
    }
}

static void pop_any(machine *m) {
    if (m->mark_count > 0 && m->stack_count == floor_of(m))
        take_mark(m);
    else
        pop(m);
}

static void step(machine *m, int op) {
    switch (op) {
    case OP_PROTOCOL:
        number(m, 1);
        return;
    case OP_FRAME:
        number(m, 8);
        return;
    case OP_MARK:
        set_mark(m);
        return;
    case OP_POP:
        pop_any(m);
        return;
    case OP_POP_MARK:
        m->stack_count = take_mark(m);
        return;
    case OP_DUP:
        push(m, top(m));
        return;
    case OP_PUT:
    case OP_LONG_PUT:
        remember(m, number(m, op == OP_PUT ? 1 : 4));
        return;
    case OP_PUT_LINE:
        remember(m, place_line(m));
        return;
    case OP_MEMOIZE:
        remember(m, (uint64_t)m->memo_count);
        return;
    case OP_GET:
    case OP_LONG_GET:
        recall(m, number(m, op == OP_GET ? 1 : 4));
        return;
    case OP_GET_LINE:
        recall(m, place_line(m));
        return;
    default:
        step_text(m, op);
    }
}

bt_status bt_pickle_open(bt_pickle **out, const void *bytes, size_t size, const char *name, bt_error *error) {
    machine m = {.pickle = calloc(1, sizeof *m.pickle),
                 .at = bytes,
                 .end = (const unsigned char *)bytes + size,
                 .size = size,
                 .name = name,
                 .error = error};
    *out = m.pickle;
    if (!m.pickle) return bt_no_memory(error, "reading %s", name);
    while (m.status == BT_OK) {
        const unsigned char *next = take(&m, 1);
        if (!next || *next == OP_STOP) break;
        step(&m, *next);
    }
    m.mark_count = 0; /* as Python: what lies on top is the answer */
    if (m.status == BT_OK) m.pickle->root = pop(&m);
    m.pickle->size = (size_t)(m.at - (const unsigned char *)bytes);
    free(m.stack);
    free(m.memo);
    free(m.marks);
    return m.status;
}

void bt_pickle_close(bt_pickle **pickle) {
    if (!pickle || !*pickle) return;
    free((*pickle)->nodes);
    free((*pickle)->links);
    free(*pickle);
    *pickle = NULL;
}

/* ---- looking ---- */

int bt_pickle_child(const bt_pickle *pickle, int node, int index) {
    int link = node == BT_NO_NODE ? BT_NO_NODE : pickle->nodes[node].first;
    while (link != BT_NO_NODE && index-- > 0)
        link = pickle->links[link].next;
    return link == BT_NO_NODE ? BT_NO_NODE : pickle->links[link].node;
}

bool bt_pickle_is(const bt_pickle *pickle, int node, bt_node_kind kind) {
    return node != BT_NO_NODE && pickle->nodes[node].kind == kind;
}

void bt_pickle_show(const bt_node *text, char *out, size_t size) {
    size_t i = 0;
    for (; i < text->length && i < size - 1; i++)
        out[i] = text->text[i] > ' ' && text->text[i] < 127 ? text->text[i] : '?';
    out[i] = '\0';
}

/* Old files have the kind of a persistent id in bytes. */
bool bt_pickle_says(const bt_pickle *pickle, int node, const char *text) {
    if (!bt_pickle_is(pickle, node, BT_NODE_TEXT) && !bt_pickle_is(pickle, node, BT_NODE_BYTES)) return false;
    const bt_node *said = &pickle->nodes[node];
    return strlen(text) == said->length && memcmp(said->text, text, said->length) == 0;
}

bool bt_pickle_names(const bt_pickle *pickle, int node, const char *module, const char *name) {
    if (!bt_pickle_is(pickle, node, BT_NODE_GLOBAL) ||
        !bt_pickle_says(pickle, bt_pickle_child(pickle, node, 1), name))
        return false;
    const int where = bt_pickle_child(pickle, node, 0);
    const size_t length = strlen(module);
    if (module[length - 1] != '*') return bt_pickle_says(pickle, where, module);
    const bt_node *text = &pickle->nodes[where];
    return text->length >= length - 1 && memcmp(text->text, module, length - 1) == 0;
}

int bt_pickle_find(const bt_pickle *pickle, int dict, const char *key) {
    if (!bt_pickle_is(pickle, dict, BT_NODE_DICT)) return BT_NO_NODE;
    int found = BT_NO_NODE; /* the last, as in Python */
    for (int link = pickle->nodes[dict].first; link != BT_NO_NODE;) {
        const int name = pickle->links[link].node, value = pickle->links[link].next;
        if (bt_pickle_says(pickle, name, key)) found = pickle->links[value].node;
        link = pickle->links[value].next;
    }
    return found;
}
