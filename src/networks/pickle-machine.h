/* The machine that a pickle is a program for: the bytes still to come, a stack of nodes with marks on it, and
 * a memo of nodes by number. What the instructions are stands in pickle.c, what they make of the stack in
 * pickle-build.h; both work through these few functions. Internal to pickle*.c.
 *
 * A failure sticks: the first one is kept, and what is called after it changes nothing that anybody will see.
 * So an instruction may call one function after another and leaves the checking to the loop; only who would
 * use a node that was never made, or an index from an empty stack, asks for the status itself. */
#ifndef BT_NETWORKS_PICKLE_MACHINE_H
#define BT_NETWORKS_PICKLE_MACHINE_H

#include "networks/pickle.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_pickle_machine {
    bt_pickle *pickle; /* what is made */
    const unsigned char *at, *end;
    int *stack, *memo, *marks; /* nodes; nodes or BT_NO_NODE; places on the stack */
    size_t stack_room, memo_room, mark_room;
    int stack_count, memo_count, mark_count;
    size_t size;      /* bytes of the pickle */
    size_t copied;    /* pairs of lists that became dictionaries */
    const char *name; /* begins every message */
    bt_status status;
    bt_error *error;
} bt_pickle_machine;

/* BT_PARSE: "NAME: its pickle is broken: WHAT". */
void bt_pickle_fail(bt_pickle_machine *m, const char *what);

/* ---- bytes ---- */

/* The next `bytes`; NULL where there are fewer, or after a failure. */
const unsigned char *bt_pickle_take(bt_pickle_machine *m, uint64_t bytes);

/* Up to the end of the line, which is taken too; NULL and a length of 0 where none ends. */
const unsigned char *bt_pickle_take_line(bt_pickle_machine *m, size_t *length);

/* ---- nodes ---- */

/* A new node without children; 0 after a failure. */
int bt_pickle_add_node(bt_pickle_machine *m, bt_node_kind kind);
void bt_pickle_add_child(bt_pickle_machine *m, int parent, int child);

static inline bt_node *bt_pickle_node(const bt_pickle_machine *m, int node) {
    return &m->pickle->nodes[node];
}

/* ---- the stack ---- */

void bt_pickle_push(bt_pickle_machine *m, int node);
void bt_pickle_push_new(bt_pickle_machine *m, bt_node_kind kind);

/* A new node with a text, `length` bytes of the pickle from `from` on. */
void bt_pickle_push_text(bt_pickle_machine *m, bt_node_kind kind, const unsigned char *from, uint64_t length);

/* The topmost node above the last mark, taken off or left; fails, and is 0, where there is none. */
int bt_pickle_pop(bt_pickle_machine *m);
int bt_pickle_top(bt_pickle_machine *m);

/* The lowest place on the stack that belongs to what is being built: the last mark's. */
int bt_pickle_floor(const bt_pickle_machine *m);

void bt_pickle_set_mark(bt_pickle_machine *m);

/* Takes the last mark away; what was put above it begins at the place that this returns. */
int bt_pickle_take_mark(bt_pickle_machine *m);

/* ---- the memo ---- */

/* Notes the topmost node under a number, and pushes the one that was noted under it. */
void bt_pickle_remember(bt_pickle_machine *m, uint64_t number);
void bt_pickle_recall(bt_pickle_machine *m, uint64_t number);

#ifdef __cplusplus
}
#endif
#endif
