/* A pickle, read as data: what torch.save writes around its tensors, and nothing that could be run.
 *
 * Python's pickle is a program for a stack machine that may call anything. This reader knows the
 * instructions that build dictionaries, lists, texts and numbers, and three calls, which it does not make but
 * writes down: an OrderedDict, a tensor over a storage, a parameter around a tensor. Any other instruction or
 * name is refused by name. (The instructions: Python's Lib/pickletools.py.)
 */
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
    BT_NODE_REAL,
    BT_NODE_TEXT,
    BT_NODE_LIST,    /* and tuples and sets */
    BT_NODE_DICT,    /* children by turns a key and its value */
    BT_NODE_GLOBAL,  /* one of the known names; `integer` says which */
    BT_NODE_STORAGE, /* children: as torch's persistent_id has them: "storage", type, key, place, elements */
    BT_NODE_TENSOR   /* children: storage, offset, sizes, strides, ... */
} bt_node_kind;

/* Which of the names that are known a BT_NODE_GLOBAL is. */
typedef enum bt_pickle_global {
    BT_GLOBAL_ORDERED_DICT,
    BT_GLOBAL_REBUILD_TENSOR,
    BT_GLOBAL_REBUILD_PARAMETER,
    BT_GLOBAL_SIZE,
    BT_GLOBAL_FLOAT_STORAGE, /* the storages, in this order */
    BT_GLOBAL_HALF_STORAGE,
    BT_GLOBAL_BFLOAT16_STORAGE,
    BT_GLOBAL_DOUBLE_STORAGE,
    BT_GLOBAL_OTHER_STORAGE
} bt_pickle_global;

typedef struct bt_node {
    bt_node_kind kind;
    int64_t integer;
    double real;
    const char *text; /* within the bytes that were read; not terminated */
    uint32_t length;
    int first, last, count; /* links of its children: BT_NO_NODE where there are none */
} bt_node;

/* A child in a list of children. */
typedef struct bt_link {
    int node, next;
} bt_link;

typedef struct bt_pickle {
    bt_node *nodes;
    bt_link *links;
    int node_count, node_room, link_count, link_room;
    int root;
} bt_pickle;

/* Reads one pickle; `bytes` must outlive it. `name` begins every message. BT_PARSE for what is broken or
 * refused, BT_NO_MEMORY. Takes memory in proportion to `size`. */
BT_MUST_USE bt_status bt_pickle_open(bt_pickle **out, const void *bytes, size_t size, const char *name,
                                     bt_error *error);
void bt_pickle_close(bt_pickle **pickle);

/* Child number `index` of a list, dictionary, storage or tensor; BT_NO_NODE past the last. */
int bt_pickle_child(const bt_pickle *pickle, int node, int index);

/* The value of a text key in a dictionary; BT_NO_NODE where there is none, or no dictionary. */
int bt_pickle_find(const bt_pickle *pickle, int dict, const char *key);

#ifdef __cplusplus
}
#endif
#endif
