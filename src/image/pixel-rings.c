/* Simple rings. The edges are linked so that a ring stays with its part: it turns back where another one touches by a
 * corner. A ring may still come to a corner twice, where its own part touches itself there: what was walked between is
 * then a ring of its own, a hole that touches its outline. */
#include <stdlib.h>

#include "image/edge-nodes.h"
#include "image/pixel-edges.h"

/* Rings as they are found: where their points lie, and what each is. */
typedef struct ring_mark {
    uint32_t first, count, part;
    bool hole;
} ring_mark;

typedef struct finder {
    bt_edge_nodes edges;
    uint32_t *parts; /* of each run */
    /* the walk so far: its corners and their nodes; and of each node where it stands in the walk */
    bt_pixel *walk;
    uint32_t *nodes, *places, depth;
    /* what was found */
    bt_pixel *points;
    uint32_t point_count;
    ring_mark *marks;
    int mark_count;
} finder;

/* ---- parts ---- */

static uint32_t first_of(uint32_t *parts, uint32_t run) {
    while (parts[run] != run)
        run = parts[run] = parts[parts[run]];
    return run;
}

/* A part is known by its first run. */
static void unite(uint32_t *parts, uint32_t a, uint32_t b) {
    const uint32_t first = first_of(parts, a), second = first_of(parts, b);
    if (first < second)
        parts[second] = first;
    else
        parts[first] = second;
}

/* Runs that lie above each other hang together by sides. Parts are numbered by their first run. */
static void number_parts(uint32_t *parts, const bt_pixel_run *runs, uint32_t count) {
    uint32_t above = 0, numbers = 0;
    for (uint32_t i = 0; i < count; i++)
        parts[i] = i;
    for (uint32_t i = 0; i < count; i++) {
        const bt_pixel_run *r = &runs[i];
        while (runs[above].y < r->y - 1 || (runs[above].y < r->y && runs[above].end <= r->begin))
            above++;
        for (uint32_t k = above; runs[k].y < r->y && runs[k].begin < r->end; k++)
            unite(parts, i, k);
    }
    for (uint32_t i = 0; i < count; i++)
        parts[i] = first_of(parts, i);
    for (uint32_t i = 0; i < count; i++) /* a first run comes before all others of its part */
        parts[i] = parts[i] == i ? numbers++ : parts[parts[i]];
}

/* ---- rings ---- */

static int64_t twice_the_area(const bt_pixel *points, uint32_t count) {
    int64_t area = 0;
    for (uint32_t i = 0, before = count - 1; i < count; before = i++)
        area += (int64_t)points[before].x * points[i].y - (int64_t)points[i].x * points[before].y;
    return area;
}

/* What was walked from `place` on is a ring. */
static void cut_off(finder *f, uint32_t place, uint32_t part) {
    const uint32_t count = f->depth - place, first = f->point_count;
    for (uint32_t i = 0; i < count; i++) {
        f->points[f->point_count++] = f->walk[place + i];
        f->places[f->nodes[place + i]] = BT_EDGE_NONE;
    }
    f->marks[f->mark_count++] = (ring_mark){first, count, part, twice_the_area(f->points + first, count) < 0};
    f->depth = place;
}

static void visit(finder *f, uint32_t node, uint32_t part) {
    const uint32_t twin = f->edges.twins[node];
    if (twin != BT_EDGE_NONE && f->places[twin] != BT_EDGE_NONE) cut_off(f, f->places[twin], part);
    f->places[node] = f->depth;
    f->nodes[f->depth] = node;
    f->walk[f->depth++] = f->edges.nodes[node].at;
}

/* What a side passes by going straight is no corner. */
static bool turns(const bt_edge_node *before, const bt_edge_node *here, const bt_edge_node *after) {
    return (before->at.x == here->at.x) != (here->at.x == after->at.x);
}

/* From a ring's first node on, the leftmost of its topmost ones, which is a corner. */
static void walk(finder *f, uint32_t first) {
    bt_edge_node *nodes = f->edges.nodes;
    const uint32_t part = f->parts[first / BT_EDGE_NODES_OF_RUN];
    uint32_t before = first, here = first;
    f->depth = 0;
    do {
        const uint32_t after = nodes[here].next;
        nodes[here].seen = true;
        if (here == first || turns(&nodes[before], &nodes[here], &nodes[after])) visit(f, here, part);
        before = here;
        here = after;
    } while (!nodes[here].seen);
    cut_off(f, 0, part);
}

static bool make_room(finder *f, const bt_polygon *polygon) {
    const size_t runs = (size_t)polygon->run_count, count = runs * BT_EDGE_NODES_OF_RUN;
    uint32_t *twins = malloc(count * sizeof *twins);
    f->parts = malloc(runs * sizeof *f->parts);
    f->walk = malloc(count * sizeof *f->walk);
    f->nodes = malloc(count * sizeof *f->nodes);
    f->places = malloc(count * sizeof *f->places);
    f->points = malloc(count * sizeof *f->points);
    f->marks = malloc(count / 4 * sizeof *f->marks); /* a ring has four corners at the least */
    f->edges.twins = twins;
    return twins && f->parts && f->walk && f->nodes && f->places && f->points && f->marks &&
           bt_edge_nodes_make(&f->edges, polygon, twins);
}

static void close_finder(finder *f) {
    free(f->edges.nodes);
    free(f->edges.twins);
    free(f->parts);
    free(f->walk);
    free(f->nodes);
    free(f->places);
    free(f->points);
    free(f->marks);
}

static void find_rings(finder *f) {
    const bt_edge_nodes *e = &f->edges;
    number_parts(f->parts, e->runs, e->run_count);
    for (uint32_t i = 0; i < e->node_count; i++)
        f->places[i] = BT_EDGE_NONE;
    for (uint32_t i = 0; i < e->node_count; i++)
        if (!e->nodes[i].seen) walk(f, i);
}

/* ---- in order ---- */

static int by_part(const void *a, const void *b) {
    const ring_mark *p = a, *q = b;
    if (p->part != q->part) return p->part < q->part ? -1 : 1;
    if (p->hole != q->hole) return p->hole ? 1 : -1;
    return (p->first > q->first) - (p->first < q->first);
}

static bool hand_out(bt_edge_rings *out, finder *f) {
    qsort(f->marks, (size_t)f->mark_count, sizeof *f->marks, by_part);
    out->items = malloc((size_t)f->mark_count * sizeof *out->items);
    if (!out->items) return false;
    out->points = f->points;
    out->count = f->mark_count;
    f->points = NULL;
    for (int i = 0; i < out->count; i++) {
        const ring_mark *mark = &f->marks[i];
        out->items[i] =
            (bt_edge_ring){{out->points + mark->first, (int)mark->count}, (int)mark->part, mark->hole};
    }
    return true;
}

bool bt_edges_rings(bt_edge_rings *out, const bt_polygon *polygon) {
    finder f = {.depth = 0};
    *out = (bt_edge_rings){0};
    bool good = make_room(&f, polygon);
    if (good) find_rings(&f);
    if (good) good = hand_out(out, &f);
    close_finder(&f);
    return good;
}

void bt_edges_rings_close(bt_edge_rings *rings) {
    free(rings->items);
    free(rings->points);
    *rings = (bt_edge_rings){0};
}
