#include "networks/pickle-machine.h"

#include <string.h>

#include "base/array.h"

/* Nodes take 32 bytes each: 256 MiB of them. Raising it lets a broken file take more memory before it is
 * refused, lowering it would refuse optimizers of very large networks. */
#define NODES_MAX (1 << 23)

/* Links, and places on the stack and for marks: a node may be the child of several. */
#define PLACES_MAX (4 * NODES_MAX)

/* Numbers of the memo. Python counts them up by one: a number far beyond the last is damage, and would take
 * memory for all those between. */
#define MEMO_MAX      (1 << 23)
#define MEMO_LEAP_MAX 65536

/* ---- failing ---- */

void bt_pickle_fail(bt_pickle_machine *m, const char *what) {
    if (m->status == BT_OK)
        m->status = bt_fail(m->error, BT_PARSE, "%s: its pickle is broken: %s", m->name, what);
}

static void fail_short(bt_pickle_machine *m) {
    m->pickle->cut_short = m->status == BT_OK;
    bt_pickle_fail(m, "it is cut short");
}

/* The array with room for one more; NULL after a failure. */
static void *with_room(bt_pickle_machine *m, void *array, int count, size_t *room, size_t size) {
    if (count == PLACES_MAX) {
        bt_pickle_fail(m, "it holds more than a checkpoint does");
        return NULL;
    }
    void *grown = bt_array_grow(array, (size_t)count, 1, room, size);
    if (!grown && m->status == BT_OK) m->status = bt_no_memory(m->error, "reading %s", m->name);
    return grown;
}

/* ---- bytes ---- */

const unsigned char *bt_pickle_take(bt_pickle_machine *m, uint64_t bytes) {
    if (m->status == BT_OK && bytes > (uint64_t)(m->end - m->at)) fail_short(m);
    if (m->status != BT_OK) return NULL;
    const unsigned char *from = m->at;
    m->at += bytes;
    return from;
}

const unsigned char *bt_pickle_take_line(bt_pickle_machine *m, size_t *length) {
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

/* ---- nodes ---- */

int bt_pickle_add_node(bt_pickle_machine *m, bt_node_kind kind) {
    bt_pickle *p = m->pickle;
    if (p->node_count == NODES_MAX) {
        bt_pickle_fail(m, "it holds more things than any checkpoint");
        return 0;
    }
    bt_node *room = with_room(m, p->nodes, p->node_count, &p->node_room, sizeof *room);
    if (!room) return 0;
    p->nodes = room;
    room[p->node_count] = (bt_node){.kind = kind, .first = BT_NO_NODE, .last = BT_NO_NODE};
    return p->node_count++;
}

void bt_pickle_add_child(bt_pickle_machine *m, int parent, int child) {
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

/* ---- the stack ---- */

void bt_pickle_push(bt_pickle_machine *m, int node) {
    if (m->status != BT_OK) return;
    int *room = with_room(m, m->stack, m->stack_count, &m->stack_room, sizeof *room);
    if (!room) return;
    m->stack = room;
    room[m->stack_count++] = node;
}

void bt_pickle_push_new(bt_pickle_machine *m, bt_node_kind kind) {
    bt_pickle_push(m, bt_pickle_add_node(m, kind));
}

/* Longer than a node can say no pickle is that is read at all. */
void bt_pickle_push_text(bt_pickle_machine *m, bt_node_kind kind, const unsigned char *from,
                         uint64_t length) {
    const int node = bt_pickle_add_node(m, kind);
    if (m->status != BT_OK) return;
    bt_pickle_node(m, node)->text = (const char *)from;
    bt_pickle_node(m, node)->length = (uint32_t)length;
    bt_pickle_push(m, node);
}

int bt_pickle_floor(const bt_pickle_machine *m) {
    return m->mark_count > 0 ? m->marks[m->mark_count - 1] : 0;
}

int bt_pickle_pop(bt_pickle_machine *m) {
    if (m->stack_count <= bt_pickle_floor(m)) {
        bt_pickle_fail(m, "it takes from an empty stack");
        return 0;
    }
    return m->stack[--m->stack_count];
}

int bt_pickle_top(bt_pickle_machine *m) {
    if (m->stack_count <= bt_pickle_floor(m)) {
        bt_pickle_fail(m, "it reads the top of an empty stack");
        return 0;
    }
    return m->stack[m->stack_count - 1];
}

void bt_pickle_set_mark(bt_pickle_machine *m) {
    int *room = with_room(m, m->marks, m->mark_count, &m->mark_room, sizeof *room);
    if (!room) return;
    m->marks = room;
    room[m->mark_count++] = m->stack_count;
}

int bt_pickle_take_mark(bt_pickle_machine *m) {
    if (m->mark_count == 0) {
        bt_pickle_fail(m, "a mark is missing");
        return m->stack_count;
    }
    return m->marks[--m->mark_count];
}

/* ---- the memo ---- */

void bt_pickle_remember(bt_pickle_machine *m, uint64_t number) {
    const int node = bt_pickle_top(m);
    if (m->status != BT_OK) return;
    if (number >= MEMO_MAX || number > (uint64_t)m->memo_count + MEMO_LEAP_MAX) {
        bt_pickle_fail(m, "it remembers in a place out of bounds");
        return;
    }
    while ((uint64_t)m->memo_count <= number) {
        int *room = with_room(m, m->memo, m->memo_count, &m->memo_room, sizeof *room);
        if (!room) return;
        m->memo = room;
        room[m->memo_count++] = BT_NO_NODE;
    }
    m->memo[number] = node;
}

void bt_pickle_recall(bt_pickle_machine *m, uint64_t number) {
    if (m->status != BT_OK) return;
    if (number >= (uint64_t)m->memo_count || m->memo[number] == BT_NO_NODE)
        bt_pickle_fail(m, "it recalls what was never remembered");
    else
        bt_pickle_push(m, m->memo[number]);
}
