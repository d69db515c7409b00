/* The edges of a region's runs of pixels as nodes that are linked into closed rings: what pixel-edges.c and pixel-rings.c
 * follow. Internal to image/. */
#ifndef BT_IMAGE_EDGE_NODES_H
#define BT_IMAGE_EDGE_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include "batchtune.h"

/* A node's number is 4 x run + 2 x side + end: each row's sides, at 2 x run + side, come from the left. */
enum { BT_EDGE_BEGIN = 0, BT_EDGE_END = 2, BT_EDGE_TOP = 0, BT_EDGE_BOTTOM = 1 };

#define BT_EDGE_NODES_OF_RUN 4
#define BT_EDGE_NONE         UINT32_MAX

typedef struct bt_edge_node {
    bt_pixel at;
    uint32_t next;
    bool seen;
} bt_edge_node;

typedef struct bt_edge_nodes {
    const bt_pixel_run *runs;
    uint32_t run_count;
    bt_edge_node *nodes; /* to be freed; with room for two more of each run */
    uint32_t node_count; /* those of the runs, then those of cuts */
    uint32_t *twins;     /* see bt_edge_nodes_make */
} bt_edge_nodes;

static inline uint32_t bt_edge_node_of(uint32_t run, uint32_t side, uint32_t end) {
    return BT_EDGE_NODES_OF_RUN * run + side + end;
}

/* Links all edges. Where two pixels touch by a corner alone, rings go on from one to the other; but with `twins`, room
 * for a number of each node, they turn back, and each of the two nodes there gets the other's number (other nodes:
 * BT_EDGE_NONE). False when memory is short. */
bool bt_edge_nodes_make(bt_edge_nodes *out, const bt_polygon *polygon, uint32_t *twins);

#endif
