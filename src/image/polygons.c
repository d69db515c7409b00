/* What is said of each region: its outline and holes, which OpenCV follows, its area, confidence, box and pixels. Which
 * pixels make a region, and which regions count, is decided in regions.c. */
#include "image/polygons.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/contours.h"
#include "image/regions.h"
#include "image/resize.h"

/* All that one call works with. */
typedef struct search {
    bt_region_map map;
    bt_regions found;
    uint8_t *mask;       /* the regions of one class that count */
    bt_borders *borders; /* of each class */
    int border_count;
} search;

/* ---- borders ---- */

static const bt_region *region_of(const search *s, const bt_region_run *run) {
    return &s->found.items[run->region];
}

/* What is too small is left out here: its borders would be followed for nothing. Returns whether anything is there. */
static bool fill_mask(search *s, int class_number, uint8_t value) {
    bool any = false;
    for (size_t i = 0; i < s->found.run_count; i++) {
        const bt_region_run *r = &s->found.runs[i];
        if (region_of(s, r)->index < 0 || region_of(s, r)->class_number != class_number) continue;
        memset(s->mask + (size_t)r->row * (size_t)s->map.width + r->begin, value,
               (size_t)(r->end - r->begin));
        any = true;
    }
    return any;
}

/* The room for polygons rests on it. */
static bt_status check_borders(const search *s, bt_error *error) {
    int outlines = 0;
    for (int c = 0; c < s->map.class_count; c++)
        for (int i = 0; i < s->borders[c].count; i++)
            outlines += s->borders[c].items[i].parent < 0;
    if (outlines == s->found.kept) return BT_OK;
    return bt_fail(error, BT_BACKEND, "OpenCV has %d outlines of %d regions", outlines, s->found.kept);
}

/* Class by class: regions of two may touch. OpenCV is asked once at least, so that where it is missing that is said
 * whatever a picture shows. */
static bt_status find_borders(search *s, bt_error *error) {
    s->mask = calloc((size_t)s->map.height, (size_t)s->map.width);
    s->borders = calloc((size_t)s->map.class_count, sizeof *s->borders);
    if (!s->mask || !s->borders) return bt_regions_fail_memory(&s->map, error);
    for (int c = 0; c < s->map.class_count; c++) {
        if (!fill_mask(s, c, 1) && (s->border_count > 0 || c < s->map.class_count - 1)) continue;
        bt_status status = bt_borders_find(&s->borders[c], s->mask, s->map.height, s->map.width, error);
        if (status != BT_OK) return status;
        s->border_count += s->borders[c].count;
        fill_mask(s, c, 0);
    }
    return check_borders(s, error);
}

/* ---- polygons ---- */

/* The polygon that a border belongs to: that of the run in which its first point lies. */
static int polygon_at(const search *s, bt_pixel at) {
    size_t low = s->found.rows[at.y], high = s->found.rows[at.y + 1];
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (s->found.runs[middle].begin <= at.x)
            low = middle;
        else
            high = middle;
    }
    return region_of(s, &s->found.runs[low])->index;
}

/* The polygons, then their holes, then all points, then all runs, in one block. */
typedef struct layout {
    bt_polygons polygons;
    bt_polygon items[];
} layout;

static size_t count_points(const search *s) {
    size_t count = 0;
    for (int c = 0; c < s->map.class_count; c++)
        for (int i = 0; i < s->borders[c].count; i++)
            count += (size_t)s->borders[c].items[i].ring.count;
    return count;
}

static layout *lay_out(const search *s, bt_ring **holes, bt_pixel **points, bt_pixel_run **runs) {
    const size_t kept = (size_t)s->found.kept, hole_count = (size_t)s->border_count - kept;
    const size_t point_count = count_points(s);
    layout *out = calloc(1, sizeof *out + kept * sizeof *out->items + hole_count * sizeof **holes +
                                point_count * sizeof **points + s->found.kept_runs * sizeof **runs);
    if (!out) return NULL;
    *holes = (bt_ring *)(out->items + kept);
    *points = (bt_pixel *)(*holes + hole_count);
    *runs = (bt_pixel_run *)(*points + point_count);
    out->polygons = (bt_polygons){s->map.height, s->map.width, s->found.kept, out->items};
    return out;
}

static void describe(const search *s, bt_polygon *items) {
    for (uint32_t i = 0; i < s->found.count; i++) {
        const bt_region *r = &s->found.items[i];
        if (r->index < 0) continue;
        bt_polygon *p = &items[r->index];
        p->area_px = (double)r->pixels;
        p->confidence = fmin(r->sum / (double)r->pixels, 1);
        p->x = r->left;
        p->y = r->top;
        p->width = r->right - r->left;
        p->height = r->bottom - r->top;
        p->class_number = r->class_number;
    }
}

static bt_ring copy_ring(bt_ring from, bt_pixel **points) {
    bt_ring ring = {*points, from.count};
    memcpy(*points, from.points, (size_t)from.count * sizeof **points);
    *points += from.count;
    return ring;
}

static int by_first_point(const void *a, const void *b) {
    const bt_pixel *p = ((const bt_ring *)a)->points, *q = ((const bt_ring *)b)->points;
    return p->y != q->y ? (p->y > q->y) - (p->y < q->y) : (p->x > q->x) - (p->x < q->x);
}

/* Outlines go to their polygons; holes are counted there, so that each polygon's may stand together. */
static void hand_out_outlines(const search *s, const bt_borders *borders, bt_polygon *items,
                              bt_pixel **points) {
    for (int i = 0; i < borders->count; i++) {
        const bt_border *border = &borders->items[i];
        bt_polygon *p = &items[polygon_at(s, border->ring.points[0])];
        if (border->parent < 0)
            p->outline = copy_ring(border->ring, points);
        else
            p->hole_count++;
    }
}

static void hand_out_holes(const search *s, const bt_borders *borders, bt_polygon *items, bt_ring *holes,
                           bt_pixel **points) {
    for (int i = 0; i < borders->count; i++) {
        const bt_border *border = &borders->items[i];
        if (border->parent < 0) continue;
        bt_polygon *p = &items[polygon_at(s, border->ring.points[0])];
        holes[p->holes - holes + p->hole_count++] = copy_ring(border->ring, points);
    }
}

/* Hands every border to its polygon. */
static void hand_out(const search *s, bt_polygon *items, bt_ring *holes, bt_pixel *points) {
    for (int c = 0; c < s->map.class_count; c++)
        hand_out_outlines(s, &s->borders[c], items, &points);
    bt_ring *next = holes;
    for (int i = 0; i < s->found.kept; i++) {
        items[i].holes = next;
        next += items[i].hole_count;
        items[i].hole_count = 0;
    }
    for (int c = 0; c < s->map.class_count; c++)
        hand_out_holes(s, &s->borders[c], items, holes, &points);
    for (int i = 0; i < s->found.kept; i++)
        qsort(holes + (items[i].holes - holes), (size_t)items[i].hole_count, sizeof *holes, by_first_point);
}

/* Each polygon's stand together; regions are numbered as their polygons are. */
static void hand_out_runs(const search *s, bt_polygon *items, bt_pixel_run *runs) {
    const bt_pixel_run *next = runs;
    for (uint32_t i = 0; i < s->found.count; i++) {
        if (s->found.items[i].index < 0) continue;
        items[s->found.items[i].index].runs = next;
        next += s->found.items[i].run_count;
    }
    for (size_t i = 0; i < s->found.run_count; i++) {
        const bt_region_run *r = &s->found.runs[i];
        if (region_of(s, r)->index < 0) continue;
        bt_polygon *p = &items[region_of(s, r)->index];
        runs[p->runs - runs + p->run_count++] = (bt_pixel_run){r->row, r->begin, r->end};
    }
}

static bt_status make_polygons(const search *s, bt_polygons **out, bt_error *error) {
    bt_ring *holes;
    bt_pixel *points;
    bt_pixel_run *runs;
    layout *made = lay_out(s, &holes, &points, &runs);
    if (!made) return bt_regions_fail_memory(&s->map, error);
    describe(s, made->items);
    hand_out(s, made->items, holes, points);
    hand_out_runs(s, made->items, runs);
    *out = &made->polygons;
    return BT_OK;
}

/* ---- in and out ---- */

static bt_status check_size(const bt_region_map *map, bt_error *error) {
    if (map->height < 1 || map->width < 1 || map->height > BT_IMAGE_SIDE_MAX ||
        map->width > BT_IMAGE_SIDE_MAX)
        return bt_fail(error, BT_INVALID, "a map of %d x %d pixels: each side is 1 to %d", map->height,
                       map->width, BT_IMAGE_SIDE_MAX);
    if (!(map->min_area_px >= 0))
        return bt_fail(error, BT_INVALID, "a least area of %g pixels: give 0 or more", map->min_area_px);
    return BT_OK;
}

static bt_status find(bt_polygons **out, search *s, bt_error *error) {
    bt_status status = bt_regions_find(&s->found, &s->map, error);
    if (status == BT_OK) status = find_borders(s, error);
    if (status == BT_OK) status = make_polygons(s, out, error);
    for (int c = 0; s->borders && c < s->map.class_count; c++)
        bt_borders_close(&s->borders[c]);
    free(s->borders);
    free(s->mask);
    bt_regions_close(&s->found);
    return status;
}

bt_status bt_polygons_find(bt_polygons **out, const float *probabilities, int height, int width,
                           float threshold, double min_area_px, bt_error *error) {
    search s = {.map = {.height = height,
                        .width = width,
                        .min_area_px = min_area_px,
                        .probabilities = probabilities,
                        .threshold = threshold == 0 ? BT_POLYGONS_THRESHOLD : threshold,
                        .class_count = 1}};
    if (!out) return bt_fail(error, BT_INVALID, "there is no place for the polygons");
    *out = NULL;
    if (!probabilities) return bt_fail(error, BT_INVALID, "there are no probabilities");
    if (!(s.map.threshold > 0 && s.map.threshold < 1))
        return bt_fail(error, BT_INVALID, "a threshold of %g: give one between 0 and 1",
                       (double)s.map.threshold);
    bt_status status = check_size(&s.map, error);
    return status == BT_OK ? find(out, &s, error) : status;
}

bt_status bt_polygons_find_classes(bt_polygons **out, const uint8_t *labels, const float *class_probabilities,
                                   const bt_class *classes, int class_count, int height, int width,
                                   double min_area_px, bt_error *error) {
    search s = {.map = {.height = height,
                        .width = width,
                        .min_area_px = min_area_px,
                        .probabilities = class_probabilities,
                        .labels = labels,
                        .class_count = class_count}};
    if (!out) return bt_fail(error, BT_INVALID, "there is no place for the polygons");
    *out = NULL;
    if (!labels) return bt_fail(error, BT_INVALID, "there are no labels");
    if (class_count < 1 || class_count > BT_CLASSES_MAX)
        return bt_fail(error, BT_INVALID, "%d classes: labels tell 1 to %d apart", class_count,
                       BT_CLASSES_MAX);
    for (int c = 0; c < class_count; c++)
        s.map.wanted[c] = classes ? !classes[c].left_out : c > 0;
    bt_status status = check_size(&s.map, error);
    return status == BT_OK ? find(out, &s, error) : status;
}

/* They are this file's own, and the head of a layout. */
void bt_polygons_set_class(bt_polygons *polygons, int class_number) {
    bt_polygon *items = ((layout *)polygons)->items;
    for (int i = 0; i < polygons->count; i++)
        items[i].class_number = class_number;
}

void bt_polygons_close(bt_polygons **polygons) {
    if (!polygons) return;
    free(*polygons); /* the head of its block */
    *polygons = NULL;
}
