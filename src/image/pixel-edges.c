/* Every run has two upright sides of a pixel's height. The ends of all sides are nodes, linked into closed
 * rings so that the region is on the right of who walks along. Between two rows, what turns is linked by
 * pairs from the left: a level edge begins and ends there. What goes straight on is linked too, and left out
 * when the line is written. */
#include "image/pixel-edges.h"

#include <stdlib.h>

/* A node's number is 4 x run + 2 x side + end: each row's sides, at 2 x run + side, come from the left. */
enum { BEGIN = 0, END = 2, TOP = 0, BOTTOM = 1 };

#define NODES_OF_RUN 4
#define NONE         UINT32_MAX

typedef struct node {
    bt_pixel at;
    uint32_t next;
    bool seen;
} node;

typedef struct edges {
    const bt_pixel_run *runs;
    uint32_t run_count;
    node *nodes;
    uint32_t node_count; /* those of the runs, then those of cuts */
} edges;

static uint32_t node_of(uint32_t run, uint32_t side, uint32_t end) {
    return NODES_OF_RUN * run + side + end;
}

/* ---- rings ---- */

/* Who walks with the region on the right goes up where a run begins and down where it ends. */
static void add_sides(edges *e, uint32_t run) {
    const bt_pixel_run *r = &e->runs[run];
    node *n = e->nodes + node_of(run, 0, 0);
    n[BEGIN + TOP].at = (bt_pixel){r->begin, r->y};
    n[BEGIN + BOTTOM] = (node){.at = {r->begin, r->y + 1}, .next = node_of(run, BEGIN, TOP)};
    n[END + TOP] = (node){.at = {r->end, r->y}, .next = node_of(run, END, BOTTOM)};
    n[END + BOTTOM].at = (bt_pixel){r->end, r->y + 1};
}

/* Whether one leaves a side at this node: where a run begins, at the top. */
static bool leaves(uint32_t n) {
    return (n & END) == 0 ? (n & BOTTOM) == 0 : (n & BOTTOM) != 0;
}

static void connect(edges *e, uint32_t a, uint32_t b) {
    if (leaves(a))
        e->nodes[a].next = b;
    else
        e->nodes[b].next = a;
}

/* Where a side stands in a row. Where a run begins in one row and another ends in the next, two pixels touch
 * by a corner; that the beginning comes first has the line pass between the two without parting them. */
static int64_t place_of(const edges *e, uint32_t side) {
    return 2 * (int64_t)e->nodes[2 * side].at.x + (side & 1);
}

/* Links the sides above a line (from `upper` on) to those below it (from `lower` to `end`). */
static void join_rows(edges *e, uint32_t upper, uint32_t lower, uint32_t end) {
    uint32_t above = upper, below = lower, corner = NONE;
    while (above < lower || below < end) {
        int64_t a = above < lower ? place_of(e, above) : INT64_MAX;
        int64_t b = below < end ? place_of(e, below) : INT64_MAX;
        if (a == b) {
            connect(e, 2 * above++ + BOTTOM, 2 * below++ + TOP);
            continue;
        }
        uint32_t here = a < b ? 2 * above++ + BOTTOM : 2 * below++ + TOP;
        if (corner == NONE) {
            corner = here;
        } else {
            connect(e, corner, here);
            corner = NONE;
        }
    }
}

static bool make_rings(edges *e, const bt_polygon *p) {
    *e = (edges){.runs = p->runs, .run_count = (uint32_t)p->run_count};
    e->node_count = NODES_OF_RUN * e->run_count;
    e->nodes = calloc((size_t)e->node_count + 2 * (size_t)e->run_count, sizeof *e->nodes); /* see tie_holes */
    if (!e->nodes) return false;
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

static void follow(edges *e, uint32_t first) {
    for (uint32_t i = first; !e->nodes[i].seen; i = e->nodes[i].next)
        e->nodes[i].seen = true;
}

/* The line leaves at `from`, walks around the hole, and comes back the same way. */
static void tie(edges *e, uint32_t from, uint32_t hole) {
    node *nodes = e->nodes;
    uint32_t there = e->node_count++, back = e->node_count++;
    nodes[there] = (node){.at = nodes[hole].at, .next = nodes[hole].next};
    nodes[back] = (node){.at = nodes[from].at, .next = nodes[from].next};
    nodes[hole].next = back;
    nodes[from].next = there;
}

/* Ties each hole to what is left of its topmost corner, on the line above it: the runs beside and above the
 * corner both cover the way there. That is a ring which was met before, the outline's or a hole's. No two
 * holes have their corner at the same run, so there are no more of them than runs. */
static void tie_holes(edges *e) {
    const bt_pixel_run *runs = e->runs;
    uint32_t above = 0;
    follow(e, node_of(0, BEGIN, TOP));
    for (uint32_t i = 0; i < e->run_count; i++) {
        const uint32_t corner = node_of(i, END, TOP);
        if (e->nodes[corner].seen) continue;
        follow(e, corner);
        while (runs[above].y < runs[i].y - 1 || (runs[above].y < runs[i].y && runs[above].end <= runs[i].end))
            above++;
        tie(e, runs[i].begin >= runs[above].begin ? node_of(i, BEGIN, TOP) : node_of(above, BEGIN, BOTTOM),
            corner);
    }
}

/* From the outline's first corner on; what a side passes by going straight is left out. */
static int write_line(const edges *e, bt_pixel *points) {
    int count = 0;
    uint32_t i = node_of(0, BEGIN, TOP);
    bt_pixel before = e->nodes[i].at;
    do {
        bt_pixel at = e->nodes[i].at;
        i = e->nodes[i].next;
        if (at.x != before.x || at.x != e->nodes[i].at.x) points[count++] = at;
        before = at;
    } while (i != node_of(0, BEGIN, TOP));
    return count;
}

bool bt_edges_line(bt_ring *out, const bt_polygon *polygon) {
    edges e;
    *out = (bt_ring){0};
    if (!make_rings(&e, polygon)) return false;
    tie_holes(&e);
    bt_pixel *points = malloc(e.node_count * sizeof *points);
    if (points) *out = (bt_ring){points, write_line(&e, points)};
    free(e.nodes);
    return points != NULL;
}

/* ---- down the columns ---- */

/* The columns that lie along the level edge that leaves a node, from `begin` to before `end`; none where it
 * goes straight up or down. */
static void span_of(const edges *e, uint32_t n, int *begin, int *end) {
    int from = e->nodes[n].at.x, to = e->nodes[e->nodes[n].next].at.x;
    *begin = from < to ? from : to;
    *end = from < to ? to : from;
}

/* Where the region begins or ends as one goes down the columns, in no order. */
static uint32_t *find_changes(const edges *e, int height, size_t *count_out) {
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
    edges e;
    size_t count = 0;
    *out = (bt_column_runs){0};
    if (!make_rings(&e, polygon)) return false;
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
