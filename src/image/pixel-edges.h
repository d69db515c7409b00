/* The edges between a region's pixels and all others, for those who read a region back by asking which
 * pixels' centres lie inside its outline. A line along the edges has just the region's pixels inside; a
 * bt_polygon's outline, which runs through the border's pixels, would lose about half of these, and of a thin
 * region all. */
#ifndef BT_IMAGE_PIXEL_EDGES_H
#define BT_IMAGE_PIXEL_EDGES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All edges of `polygon`'s pixels as one closed line; its points, four at least, are the caller's to free.
 * Points are pixels' corners: the pixel x, y lies between x, y and x + 1, y + 1. The line goes around the
 * region clockwise (y is down) and around its holes the other way, each hole tied to what is left of it by a
 * level cut of no width, which is walked there and back; where the region touches itself at a corner, the
 * line touches itself and does not cross. So both the even-odd and the nonzero rule fill the region's pixels
 * and no others, and the signed area is their number. False when memory is short. */
bool bt_edges_line(bt_ring *out, const bt_polygon *polygon);

/* The same edges as simple rings, none of which visits a corner twice, for readers that take nothing else (GeoJSON's). A
 * region whose pixels touch by corners alone is several parts there; a part is what hangs together by sides, with one
 * outline and any number of holes. Rings may touch each other at corners. */
typedef struct bt_edge_ring {
    bt_ring line; /* an outline goes clockwise (y is down), a hole the other way */
    int part;     /* from 0 on, by its first pixel */
    bool hole;
} bt_edge_ring;

typedef struct bt_edge_rings {
    bt_edge_ring *items; /* by parts, of each its outline first */
    int count;
    bt_pixel *points; /* of all of them */
} bt_edge_rings;

/* False when memory is short. The caller closes it. */
bool bt_edges_rings(bt_edge_rings *out, const bt_polygon *polygon);
void bt_edges_rings_close(bt_edge_rings *rings);

/* How many pixels of a picture are outside, then inside, then outside the region, and so on, down the columns
 * from the left one. The first count may be 0, no other is, and together they are height x width. */
typedef struct bt_column_runs {
    uint32_t *counts; /* the caller's to free */
    size_t count;
} bt_column_runs;

/* False when memory is short. */
bool bt_edges_column_runs(bt_column_runs *out, const bt_polygon *polygon, int height, int width);

#ifdef __cplusplus
}
#endif
#endif
