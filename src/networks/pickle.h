/* A pickle, read as data: what torch.save writes around its tensors, and nothing that could be run.
 *
 * Python's pickle is a program for a stack machine that may call anything. This reader runs the machine
 * (pickle-machine.h), of every protocol from 0 to 5, and makes no call: what would be called, and with what,
 * is written down as a node (pickle-build.h), so that whoever reads the tree may understand the few calls
 * that stand for tensors and pass over all others. Names that would run a command or a file are refused at
 * once (pickle-names.h): a checkpoint that holds one is no checkpoint. The instructions are a table in
 * pickle.c, after Python's Lib/pickletools.py. */
#ifndef BT_NETWORKS_PICKLE_H
#define BT_NETWORKS_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_NO_NODE (-1)

typedef enum bt_node_kind {
    BT_NODE_NONE,
    BT_NODE_BOOLEAN,
    BT_NODE_INTEGER,
    BT_NODE_NUMBER, /* an integer of more than 64 bits, or a real: no tensor needs its value */
    BT_NODE_TEXT,
    BT_NODE_BYTES,
    BT_NODE_LIST,   /* and tuples and sets */
    BT_NODE_DICT,   /* children by turns a key and its value */
    BT_NODE_GLOBAL, /* a name; children: its module and itself, both BT_NODE_TEXT */
    /* Children, as torch's persistent_id has them: "storage", type, key, place, elements, ... */
    BT_NODE_STORAGE,
    /* Children: what would be called, its arguments (a list), then states that it would be given; `items` is
     * what would be put into the result. */
    BT_NODE_CALL,
    BT_NODE_OTHER /* a persistent id that is not torch's */
} bt_node_kind;

typedef struct bt_node {
    bt_node_kind kind;
    uint32_t length; /* of the text */
    union {
        int64_t integer;
        const char *text; /* within the bytes that were read; not terminated */
        int items;        /* a BT_NODE_DICT or BT_NODE_LIST; BT_NO_NODE where there are none */
    };
    int first, last, count; /* links of its children: BT_NO_NODE where there are none */
} bt_node;

/* A child in a list of children. */
typedef struct bt_link {
    int node, next;
} bt_link;

typedef struct bt_pickle {
    bt_node *nodes; /* in the order in which they were made */
    bt_link *links;
    int node_count, link_count;
    size_t node_room, link_room;
    int root;
    size_t size;    /* bytes that it took: another may follow */
    bool cut_short; /* refused since the bytes end too early */
} bt_pickle;

/* Reads the pickle that `bytes` begin with; they must outlive it. `name` begins every message. BT_PARSE for
 * what is broken or refused, BT_NO_MEMORY; *out is there even then, to be closed, with nothing but `size` and
 * `cut_short` to be read (NULL only where memory is short). Takes memory in proportion to `size`. */
BT_MUST_USE bt_status bt_pickle_open(bt_pickle **out, const void *bytes, size_t size, const char *name,
                                     bt_error *error);
void bt_pickle_close(bt_pickle **pickle);

/* ---- the tree ---- */

/* Child number `index`; BT_NO_NODE past the last, or of BT_NO_NODE. */
int bt_pickle_child(const bt_pickle *pickle, int node, int index);

/* The value of a text key in a dictionary; BT_NO_NODE where there is none, or no dictionary. */
int bt_pickle_find(const bt_pickle *pickle, int dict, const char *key);

/* Whether there is a node, of that kind. */
bool bt_pickle_is(const bt_pickle *pickle, int node, bt_node_kind kind);

/* Whether a node is that text. */
bool bt_pickle_says(const bt_pickle *pickle, int node, const char *text);

/* A text for people, as much as fits: what is no visible ASCII becomes '?'. */
void bt_pickle_show(const bt_node *text, char *out, size_t size);

/* Whether a node is the name `name` of a module. `module` may end in '*': any that begins so. */
bool bt_pickle_names(const bt_pickle *pickle, int node, const char *module, const char *name);

#ifdef __cplusplus
}
#endif
#endif
