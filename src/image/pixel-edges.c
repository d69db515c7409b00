/* Every run has two upright sides of a pixel's height. The ends of all sides are nodes, linked into closed
 * rings so that the region is on the right of who walks along. Between two rows, what turns is linked by
 * pairs from the left: a level edge begins and ends there. What goes straight on is linked too, and left out
 * when the line is written. */
#include "image/pixel-edges.h"

#include <stdlib.h>

#include "image/edge-nodes.h"

/* ---- rings ---- */

/* Who walks with the region on the right goes up where a run begins and down where it ends. */
static void add_sides(bt_edge_nodes *e, uint32_t run) {
    const bt_pixel_run *r = &e->runs[run];
    bt_edge_node *n = e->nodes + bt_edge_node_of(run, 0, 0);
    n[BT_EDGE_BEGIN + BT_EDGE_TOP].at = (bt_pixel){r->begin, r->y};
    n[BT_EDGE_BEGIN + BT_EDGE_BOTTOM] =
        (bt_edge_node){.at = {r->begin, r->y + 1}, .next = bt_edge_node_of(run, BT_EDGE_BEGIN, BT_EDGE_TOP)};
    n[BT_EDGE_END + BT_EDGE_TOP] =
        (bt_edge_node){.at = {r->end, r->y}, .next = bt_edge_node_of(run, BT_EDGE_END, BT_EDGE_BOTTOM)};
    n[BT_EDGE_END + BT_EDGE_BOTTOM].at = (bt_pixel){r->end, r->y + 1};
}

/* Whether one leaves a side at this node: where a run begins, at the top. */
static bool leaves(uint32_t n) {
    return (n & BT_EDGE_END) == 0 ? (n & BT_EDGE_BOTTOM) == 0 : (n & BT_EDGE_BOTTOM) != 0;
}

static void connect(bt_edge_nodes *e, uint32_t a, uint32_t b) {
    if (leaves(a))
        e->nodes[a].next = b;
    else
        e->nodes[b].next = a;
}

/* Where a side stands in a row. Where a run begins in one row and another ends in the next, two pixels touch
 * by a corner; that the beginning comes first has the line pass between the two without parting them, and that the end
 * comes first has it part them. */
static int64_t place_of(const bt_edge_nodes *e, uint32_t side) {
    return 2 * (int64_t)e->nodes[2 * side].at.x + ((side & 1) ^ (e->twins != NULL));
}

static void make_twins(bt_edge_nodes *e, uint32_t a, uint32_t b) {
    e->twins[a] = b;
    e->twins[b] = a;
}

/* Links the sides above a line (from `upper` on) to those below it (from `lower` to `end`). */
static void join_rows(bt_edge_nodes *e, uint32_t upper, uint32_t lower, uint32_t end) {
    uint32_t above = upper, below = lower, corner = BT_EDGE_NONE;
    while (above < lower || below < end) {
        int64_t a = above < lower ? place_of(e, above) : INT64_MAX;
        int64_t b = below < end ? place_of(e, below) : INT64_MAX;
        if (a == b) {
            connect(e, 2 * above++ + BT_EDGE_BOTTOM, 2 * below++ + BT_EDGE_TOP);
            continue;
        }
        if (e->twins && a / 2 == b / 2) make_twins(e, 2 * above + BT_EDGE_BOTTOM, 2 * below + BT_EDGE_TOP);
        uint32_t here = a < b ? 2 * above++ + BT_EDGE_BOTTOM : 2 * below++ + BT_EDGE_TOP;
        if (corner == BT_EDGE_NONE) {
            corner = here;
        } else {
            connect(e, corner, here);
            corner = BT_EDGE_NONE;
        }
    }
}

bool bt_edge_nodes_make(bt_edge_nodes *e, const bt_polygon *p, uint32_t *twins) {
    *e = (bt_edge_nodes){.runs = p->runs, .run_count = (uint32_t)p->run_count, .twins = twins};
    e->node_count = BT_EDGE_NODES_OF_RUN * e->run_count;
    e->nodes = calloc((size_t)e->node_count + 2 * (size_t)e->run_count, sizeof *e->nodes); /* see tie_holes */
    if (!e->nodes) return false;
    for (uint32_t i = 0; twins && i < e->node_count; i++)
        twins[i] = BT_EDGE_NONE;
    for (uint32_t i = 0; i < e->run_count; i++)
        add_sides(e, i);
    uint32_t upper = 0, lower = 0, end = 0;
    do {
        while (end < e->run_count && e->runs[end].y == e->runs[lower].y)
            end++;
        join_rows(e, 2 * upper, 2 * lower, 2 * end);
        upper = lower;
        lower = end;
    } while (upper < e->run_count);
    return true;
}

/* ---- one line ---- */

static void follow(bt_edge_nodes *e, uint32_t first) {
    for (uint32_t i = first; !e->nodes[i].seen; i = e->nodes[i].next)
        e->nodes[i].seen = true;
}

/* The line leaves at `from`, walks around the hole, and comes back the same way. */
static void tie(bt_edge_nodes *e, uint32_t from, uint32_t hole) {
    bt_edge_node *nodes = e->nodes;
    uint32_t there = e->node_count++, back = e->node_count++;
    nodes[there] = (bt_edge_node){.at = nodes[hole].at, .next = nodes[hole].next};
    nodes[back] = (bt_edge_node){.at = nodes[from].at, .next = nodes[from].next};
    nodes[hole].next = back;
    nodes[from].next = there;
}

/* Ties each hole to what is left of its topmost corner, on the line above it: the runs beside and above the
 * corner both cover the way there. That is a ring which was met before, the outline's or a hole's. No two
 * holes have their corner at the same run, so there are no more of them than runs. */
static void tie_holes(bt_edge_nodes *e) {
    const bt_pixel_run *runs = e->runs;
    uint32_t above = 0;
    follow(e, bt_edge_node_of(0, BT_EDGE_BEGIN, BT_EDGE_TOP));
    for (uint32_t i = 0; i < e->run_count; i++) {
        const uint32_t corner = bt_edge_node_of(i, BT_EDGE_END, BT_EDGE_TOP);
        if (e->nodes[corner].seen) continue;
        follow(e, corner);
        while (runs[above].y < runs[i].y - 1 || (runs[above].y < runs[i].y && runs[above].end <= runs[i].end))
            above++;
        tie(e,
            runs[i].begin >= runs[above].begin ? bt_edge_node_of(i, BT_EDGE_BEGIN, BT_EDGE_TOP)
                                               : bt_edge_node_of(above, BT_EDGE_BEGIN, BT_EDGE_BOTTOM),
            corner);
    }
}

/* From the outline's first corner on; what a side passes by going straight is left out. */
static int write_line(const bt_edge_nodes *e, bt_pixel *points) {
    int count = 0;
    uint32_t i = bt_edge_node_of(0, BT_EDGE_BEGIN, BT_EDGE_TOP);
    bt_pixel before = e->nodes[i].at;
    do {
        bt_pixel at = e->nodes[i].at;
        i = e->nodes[i].next;
        if (at.x != before.x || at.x != e->nodes[i].at.x) points[count++] = at;
        before = at;
    } while (i != bt_edge_node_of(0, BT_EDGE_BEGIN, BT_EDGE_TOP));
    return count;
}

bool bt_edges_line(bt_ring *out, const bt_polygon *polygon) {
    bt_edge_nodes e;
    *out = (bt_ring){0};
    if (!bt_edge_nodes_make(&e, polygon, NULL)) return false;
    tie_holes(&e);
    bt_pixel *points = malloc(e.node_count * sizeof *points);
    if (points) *out = (bt_ring){points, write_line(&e, points)};
    free(e.nodes);
    return points != NULL;
}

/* ---- down the columns ---- */

/* The columns that lie along the level edge that leaves a node, from `begin` to before `end`; none where it
 * goes straight up or down. */
static void span_of(const bt_edge_nodes *e, uint32_t n, int *begin, int *end) {
    int from = e->nodes[n].at.x, to = e->nodes[e->nodes[n].next].at.x;
    *begin = from < to ? from : to;
    *end = from < to ? to : from;
}

/* Where the region begins or ends as one goes down the columns, in no order. */
static uint32_t *find_changes(const bt_edge_nodes *e, int height, size_t *count_out) {
    size_t count = 0;
    int begin, end;
    for (uint32_t i = 0; i < e->node_count; i++) {
        span_of(e, i, &begin, &end);
        count += (size_t)(end - begin);
    }
    uint32_t *changes = malloc((count + 1) * sizeof *changes);
    if (!changes) return NULL;
    *count_out = 0;
    for (uint32_t i = 0; i < e->node_count; i++) {
        span_of(e, i, &begin, &end);
        for (int x = begin; x < end; x++)
            changes[(*count_out)++] = (uint32_t)x * (uint32_t)height + (uint32_t)e->nodes[i].at.y;
    }
    return changes;
}

static int by_number(const void *a, const void *b) {
    const uint32_t *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

bool bt_edges_column_runs(bt_column_runs *out, const bt_polygon *polygon, int height, int width) {
    bt_edge_nodes e;
    size_t count = 0;
    *out = (bt_column_runs){0};
    if (!bt_edge_nodes_make(&e, polygon, NULL)) return false;
    uint32_t *changes = find_changes(&e, height, &count), before = 0;
    free(e.nodes);
    if (!changes) return false;
    qsort(changes, count, sizeof *changes, by_number);
    out->counts = changes; /* never longer than what was read of them */
    for (size_t i = 0; i < count; i++) {
        const uint32_t change = changes[i];
        if (i + 1 < count && changes[i + 1] == change) {
            i++; /* a column's foot and the next one's head */
            continue;
        }
        out->counts[out->count++] = change - before;
        before = change;
    }
    const uint32_t pixels = (uint32_t)height * (uint32_t)width;
    if (before < pixels) out->counts[out->count++] = pixels - before;
    return true;
}
