/* Which pixels make a region, which regions count, and what is said of each. OpenCV only follows the borders
 * of what was decided here.
 *
 * A region is a set of runs, the rows' unbroken pieces above the threshold: runs that touch are joined by
 * union-find. That takes memory by what there is to see, not by the pixel. */
#include "image/polygons.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "image/contours.h"
#include "image/resize.h"

#define PROBABILITY_SLACK 1e-3f /* resizing rounds: a little over 1 is still 1 */

typedef struct run {
    int row, begin, end;
    uint32_t region; /* another run of its region, never a later one; in the end the region's number */
} run;

typedef struct region {
    int64_t pixels;
    double sum;                   /* of probabilities */
    int left, top, right, bottom; /* the last two past the end */
    int run_count;
    int index; /* of its polygon, or -1: too small */
} region;

/* All that one call works with. */
typedef struct search {
    const float *probabilities;
    int height, width;
    float threshold;
    double min_area_px;
    run *runs;
    size_t run_count, run_room;
    size_t *rows; /* height + 1: where each row's runs begin */
    region *regions;
    uint32_t region_count;
    uint8_t *mask; /* the regions that count */
    int kept;
    size_t kept_runs;
    bt_borders borders;
} search;

/* ---- runs ---- */

static bt_status fail_memory(const search *s, bt_error *error) {
    return bt_no_memory(error, "the regions of %d x %d pixels", s->height, s->width);
}

static bt_status add_run(search *s, int row, int begin, int end, bt_error *error) {
    run *runs = bt_array_grow(s->runs, s->run_count, 1, &s->run_room, sizeof *runs);
    if (!runs) return fail_memory(s, error);
    s->runs = runs;
    s->runs[s->run_count] = (run){row, begin, end, (uint32_t)s->run_count};
    s->run_count++;
    return BT_OK;
}

static bool is_probability(float value) {
    return value >= -PROBABILITY_SLACK && value <= 1 + PROBABILITY_SLACK;
}

static bt_status find_runs_of_row(search *s, int y, bt_error *error) {
    const float *row = s->probabilities + (size_t)y * s->width;
    bt_status status = BT_OK;
    int begin = -1;
    for (int x = 0; x < s->width && status == BT_OK; x++) {
        if (!is_probability(row[x]))
            return bt_fail(error, BT_INVALID, "the value %g at x %d, y %d is no probability", (double)row[x],
                           x, y);
        bool inside = row[x] > s->threshold;
        if (inside && begin < 0) begin = x;
        if (inside || begin < 0) continue;
        status = add_run(s, y, begin, x, error);
        begin = -1;
    }
    if (status == BT_OK && begin >= 0) status = add_run(s, y, begin, s->width, error);
    return status;
}

/* The first run of a region, with the way there halved for the next who asks. */
static uint32_t first_of(run *runs, uint32_t i) {
    while (runs[i].region != i)
        i = runs[i].region = runs[runs[i].region].region;
    return i;
}

static void join(run *runs, uint32_t a, uint32_t b) {
    a = first_of(runs, a);
    b = first_of(runs, b);
    if (a < b)
        runs[b].region = a;
    else
        runs[a].region = b;
}

/* Joins the runs of row y with those above that they touch, corners included. */
static void join_rows(search *s, int y) {
    size_t above = s->rows[y - 1], here = s->rows[y], end = s->rows[y + 1], above_end = here;
    while (above < above_end && here < end) {
        const run *upper = &s->runs[above], *lower = &s->runs[here];
        if (upper->begin <= lower->end && lower->begin <= upper->end)
            join(s->runs, (uint32_t)above, (uint32_t)here);
        if (upper->end < lower->end)
            above++;
        else
            here++;
    }
}

static bt_status find_runs(search *s, bt_error *error) {
    for (int y = 0; y < s->height; y++) {
        s->rows[y] = s->run_count;
        bt_status status = find_runs_of_row(s, y, error);
        if (status != BT_OK) return status;
        s->rows[y + 1] = s->run_count;
        if (y > 0) join_rows(s, y);
    }
    return BT_OK;
}

/* ---- regions ---- */

/* From "an earlier run" to "the region's number". Regions are thereby numbered by their first pixel. */
static void number_regions(search *s) {
    for (uint32_t i = 0; i < s->run_count; i++) {
        run *r = &s->runs[i];
        r->region = r->region == i ? s->region_count++ : s->runs[r->region].region;
    }
}

static void add_to_region(const search *s, const run *r) {
    region *into = &s->regions[r->region];
    const float *row = s->probabilities + (size_t)r->row * s->width;
    if (into->pixels == 0) *into = (region){.left = r->begin, .top = r->row, .right = r->end};
    if (r->begin < into->left) into->left = r->begin;
    if (r->end > into->right) into->right = r->end;
    into->bottom = r->row + 1;
    into->run_count++;
    into->pixels += r->end - r->begin;
    for (int x = r->begin; x < r->end; x++)
        into->sum += (double)row[x];
}

static bt_status find_regions(search *s, bt_error *error) {
    number_regions(s);
    s->regions = calloc((size_t)s->region_count + 1, sizeof *s->regions);
    if (!s->regions) return fail_memory(s, error);
    for (size_t i = 0; i < s->run_count; i++)
        add_to_region(s, &s->runs[i]);
    for (uint32_t i = 0; i < s->region_count; i++) {
        region *r = &s->regions[i];
        bool counts = (double)r->pixels >= s->min_area_px;
        r->index = counts ? s->kept++ : -1;
        if (counts) s->kept_runs += (size_t)r->run_count;
    }
    return BT_OK;
}

/* The room for polygons rests on it. */
static bt_status check_borders(const search *s, bt_error *error) {
    int outlines = 0;
    for (int i = 0; i < s->borders.count; i++)
        outlines += s->borders.items[i].parent < 0;
    if (outlines == s->kept) return BT_OK;
    return bt_fail(error, BT_BACKEND, "OpenCV has %d outlines of %d regions", outlines, s->kept);
}

/* What is too small is left out here: its borders would be followed for nothing. */
static bt_status find_borders(search *s, bt_error *error) {
    s->mask = calloc((size_t)s->height, (size_t)s->width);
    if (!s->mask) return fail_memory(s, error);
    for (size_t i = 0; i < s->run_count; i++) {
        const run *r = &s->runs[i];
        if (s->regions[r->region].index >= 0)
            memset(s->mask + (size_t)r->row * s->width + r->begin, 1, (size_t)(r->end - r->begin));
    }
    bt_status status = bt_borders_find(&s->borders, s->mask, s->height, s->width, error);
    return status == BT_OK ? check_borders(s, error) : status;
}

/* ---- polygons ---- */

/* The polygon that a border belongs to: that of the run in which its first point lies. */
static int polygon_at(const search *s, bt_pixel at) {
    size_t low = s->rows[at.y], high = s->rows[at.y + 1];
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (s->runs[middle].begin <= at.x)
            low = middle;
        else
            high = middle;
    }
    return s->regions[s->runs[low].region].index;
}

/* The polygons, then their holes, then all points, then all runs, in one block. */
typedef struct layout {
    bt_polygons polygons;
    bt_polygon items[];
} layout;

static layout *lay_out(const search *s, bt_ring **holes, bt_pixel **points, bt_pixel_run **runs) {
    size_t hole_count = (size_t)(s->borders.count - s->kept), point_count = 0;
    for (int i = 0; i < s->borders.count; i++)
        point_count += (size_t)s->borders.items[i].ring.count;
    layout *out = calloc(1, sizeof *out + (size_t)s->kept * sizeof *out->items + hole_count * sizeof **holes +
                                point_count * sizeof **points + s->kept_runs * sizeof **runs);
    if (!out) return NULL;
    *holes = (bt_ring *)(out->items + s->kept);
    *points = (bt_pixel *)(*holes + hole_count);
    *runs = (bt_pixel_run *)(*points + point_count);
    out->polygons = (bt_polygons){s->height, s->width, s->kept, out->items};
    return out;
}

static void describe(const search *s, bt_polygon *items) {
    for (uint32_t i = 0; i < s->region_count; i++) {
        const region *r = &s->regions[i];
        if (r->index < 0) continue;
        bt_polygon *p = &items[r->index];
        p->area_px = (double)r->pixels;
        p->confidence = fmin(r->sum / (double)r->pixels, 1);
        p->x = r->left;
        p->y = r->top;
        p->width = r->right - r->left;
        p->height = r->bottom - r->top;
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

/* Hands every border to its polygon. Holes are counted first, so that each polygon's stand together. */
static void hand_out(const search *s, bt_polygon *items, bt_ring *holes, bt_pixel *points) {
    for (int i = 0; i < s->borders.count; i++) {
        const bt_border *border = &s->borders.items[i];
        bt_polygon *p = &items[polygon_at(s, border->ring.points[0])];
        if (border->parent < 0)
            p->outline = copy_ring(border->ring, &points);
        else
            p->hole_count++;
    }
    bt_ring *next = holes;
    for (int i = 0; i < s->kept; i++) {
        items[i].holes = next;
        next += items[i].hole_count;
        items[i].hole_count = 0;
    }
    for (int i = 0; i < s->borders.count; i++) {
        const bt_border *border = &s->borders.items[i];
        if (border->parent < 0) continue;
        bt_polygon *p = &items[polygon_at(s, border->ring.points[0])];
        holes[p->holes - holes + p->hole_count++] = copy_ring(border->ring, &points);
    }
    for (int i = 0; i < s->kept; i++)
        qsort(holes + (items[i].holes - holes), (size_t)items[i].hole_count, sizeof *holes, by_first_point);
}

/* Each polygon's stand together; regions are numbered as their polygons are. */
static void hand_out_runs(const search *s, bt_polygon *items, bt_pixel_run *runs) {
    const bt_pixel_run *next = runs;
    for (uint32_t i = 0; i < s->region_count; i++) {
        if (s->regions[i].index < 0) continue;
        items[s->regions[i].index].runs = next;
        next += s->regions[i].run_count;
    }
    for (size_t i = 0; i < s->run_count; i++) {
        const run *r = &s->runs[i];
        if (s->regions[r->region].index < 0) continue;
        bt_polygon *p = &items[s->regions[r->region].index];
        runs[p->runs - runs + p->run_count++] = (bt_pixel_run){r->row, r->begin, r->end};
    }
}

static bt_status make_polygons(const search *s, bt_polygons **out, bt_error *error) {
    bt_ring *holes;
    bt_pixel *points;
    bt_pixel_run *runs;
    layout *made = lay_out(s, &holes, &points, &runs);
    if (!made) return fail_memory(s, error);
    describe(s, made->items);
    hand_out(s, made->items, holes, points);
    hand_out_runs(s, made->items, runs);
    *out = &made->polygons;
    return BT_OK;
}

/* ---- in and out ---- */

static bt_status check(const search *s, bt_error *error) {
    if (!s->probabilities) return bt_fail(error, BT_INVALID, "there are no probabilities");
    if (s->height < 1 || s->width < 1 || s->height > BT_IMAGE_SIDE_MAX || s->width > BT_IMAGE_SIDE_MAX)
        return bt_fail(error, BT_INVALID, "a map of %d x %d pixels: each side is 1 to %d", s->height,
                       s->width, BT_IMAGE_SIDE_MAX);
    if (!(s->threshold > 0 && s->threshold < 1))
        return bt_fail(error, BT_INVALID, "a threshold of %g: give one between 0 and 1",
                       (double)s->threshold);
    if (!(s->min_area_px >= 0))
        return bt_fail(error, BT_INVALID, "a least area of %g pixels: give 0 or more", s->min_area_px);
    return BT_OK;
}

bt_status bt_polygons_find(bt_polygons **out, const float *probabilities, int height, int width,
                           float threshold, double min_area_px, bt_error *error) {
    search s = {.probabilities = probabilities,
                .height = height,
                .width = width,
                .threshold = threshold == 0 ? BT_POLYGONS_THRESHOLD : threshold,
                .min_area_px = min_area_px};
    if (!out) return bt_fail(error, BT_INVALID, "there is no place for the polygons");
    *out = NULL;
    bt_status status = check(&s, error);
    if (status != BT_OK) return status;
    s.rows = malloc(((size_t)height + 1) * sizeof *s.rows);
    status = s.rows ? find_runs(&s, error) : fail_memory(&s, error);
    if (status == BT_OK) status = find_regions(&s, error);
    if (status == BT_OK) status = find_borders(&s, error);
    if (status == BT_OK) status = make_polygons(&s, out, error);
    bt_borders_close(&s.borders);
    free(s.mask);
    free(s.regions);
    free(s.runs);
    free(s.rows);
    return status;
}

void bt_polygons_close(bt_polygons **polygons) {
    if (!polygons) return;
    free(*polygons); /* the head of its block */
    *polygons = NULL;
}
