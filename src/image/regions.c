#include "image/regions.h"

#include <stdlib.h>

#include "base/array.h"

#define PROBABILITY_SLACK 1e-3f /* resizing rounds: a little over 1 is still 1 */

typedef struct search {
    const bt_region_map *map;
    bt_regions *out;
} search;

bt_status bt_regions_fail_memory(const bt_region_map *map, bt_error *error) {
    return bt_no_memory(error, "the regions of %d x %d pixels", map->height, map->width);
}

/* ---- runs ---- */

static bt_status add_run(const search *s, int row, int begin, int end, bt_error *error) {
    bt_regions *out = s->out;
    bt_region_run *runs = bt_array_grow(out->runs, out->run_count, 1, &out->run_room, sizeof *runs);
    if (!runs) return bt_regions_fail_memory(s->map, error);
    out->runs = runs;
    out->runs[out->run_count] = (bt_region_run){row, begin, end, (uint32_t)out->run_count};
    out->run_count++;
    return BT_OK;
}

/* A row of a class's probabilities; of labels NULL where these are not known. */
static const float *probabilities_of(const bt_region_map *map, int class_number, int y) {
    const size_t plane = (size_t)map->height * (size_t)map->width;
    return map->probabilities
               ? map->probabilities + (size_t)class_number * plane + (size_t)y * (size_t)map->width
               : NULL;
}

static bool is_probability(float value) {
    return value >= -PROBABILITY_SLACK && value <= 1 + PROBABILITY_SLACK;
}

static bt_status fail_value(float value, int x, int y, bt_error *error) {
    return bt_fail(error, BT_INVALID, "the value %g at x %d, y %d is no probability", (double)value, x, y);
}

/* Above the threshold. */
static bt_status find_runs_of_row(const search *s, int y, bt_error *error) {
    const float *row = probabilities_of(s->map, 0, y);
    bt_status status = BT_OK;
    int begin = -1;
    for (int x = 0; x < s->map->width && status == BT_OK; x++) {
        if (!is_probability(row[x])) return fail_value(row[x], x, y, error);
        bool inside = row[x] > s->map->threshold;
        if (inside && begin < 0) begin = x;
        if (inside || begin < 0) continue;
        status = add_run(s, y, begin, x, error);
        begin = -1;
    }
    if (status == BT_OK && begin >= 0) status = add_run(s, y, begin, s->map->width, error);
    return status;
}

static bt_status check_label(const bt_region_map *map, int label, int x, int y, bt_error *error) {
    if (label < map->class_count || label == BT_NO_LABEL) return BT_OK;
    return bt_fail(error, BT_INVALID, "the label %d at x %d, y %d is of no class: there are %d", label, x, y,
                   map->class_count);
}

static bt_status add_labelled_run(const search *s, int label, int y, int begin, int end, bt_error *error) {
    const float *row = probabilities_of(s->map, label, y);
    for (int x = begin; row && x < end; x++)
        if (!is_probability(row[x])) return fail_value(row[x], x, y, error);
    return add_run(s, y, begin, end, error);
}

/* Of the same label. */
static bt_status find_labelled_runs_of_row(const search *s, int y, bt_error *error) {
    const bt_region_map *map = s->map;
    const uint8_t *row = map->labels + (size_t)y * (size_t)map->width;
    bt_status status = BT_OK;
    for (int begin = 0, end = 0; begin < map->width && status == BT_OK; begin = end) {
        const int label = row[begin];
        while (end < map->width && row[end] == label)
            end++;
        status = check_label(map, label, begin, y, error);
        if (status == BT_OK && map->wanted[label]) status = add_labelled_run(s, label, y, begin, end, error);
    }
    return status;
}

static int class_of(const bt_region_map *map, const bt_region_run *run) {
    return map->labels ? map->labels[(size_t)run->row * (size_t)map->width + (size_t)run->begin] : 0;
}

/* ---- what hangs together ---- */

/* The first run of a region, with the way there halved for the next who asks. While runs are joined, `region` is another
 * run of the region, never a later one. */
static uint32_t first_of(bt_region_run *runs, uint32_t i) {
    while (runs[i].region != i)
        i = runs[i].region = runs[runs[i].region].region;
    return i;
}

static void join(bt_region_run *runs, uint32_t a, uint32_t b) {
    a = first_of(runs, a);
    b = first_of(runs, b);
    if (a < b)
        runs[b].region = a;
    else
        runs[a].region = b;
}

/* Where they touch, corners included, and are of one class. */
static void join_where_they_touch(const search *s, size_t above, size_t here) {
    bt_region_run *runs = s->out->runs;
    const bt_region_run *upper = &runs[above], *lower = &runs[here];
    if (upper->begin <= lower->end && lower->begin <= upper->end &&
        class_of(s->map, upper) == class_of(s->map, lower))
        join(runs, (uint32_t)above, (uint32_t)here);
}

/* Joins the runs of row y with those above. Where two end alike, each may touch the other's next one by a corner, which
 * begins right there when it is of another class. */
static void join_rows(const search *s, int y) {
    const bt_region_run *runs = s->out->runs;
    const size_t *rows = s->out->rows, above_end = rows[y], end = rows[y + 1];
    size_t above = rows[y - 1], here = rows[y];
    while (above < above_end && here < end) {
        join_where_they_touch(s, above, here);
        if (runs[above].end == runs[here].end && above + 1 < above_end)
            join_where_they_touch(s, above + 1, here);
        if (runs[above].end < runs[here].end)
            above++;
        else
            here++;
    }
}

static bt_status find_runs(const search *s, bt_error *error) {
    size_t *rows = s->out->rows;
    for (int y = 0; y < s->map->height; y++) {
        rows[y] = s->out->run_count;
        bt_status status =
            s->map->labels ? find_labelled_runs_of_row(s, y, error) : find_runs_of_row(s, y, error);
        if (status != BT_OK) return status;
        rows[y + 1] = s->out->run_count;
        if (y > 0) join_rows(s, y);
    }
    return BT_OK;
}

/* ---- regions ---- */

/* From "an earlier run" to "the region's number". Regions are thereby numbered by their first pixel. */
static void number_regions(bt_regions *out) {
    for (uint32_t i = 0; i < out->run_count; i++) {
        bt_region_run *r = &out->runs[i];
        r->region = r->region == i ? out->count++ : out->runs[r->region].region;
    }
}

static void add_to_region(const search *s, const bt_region_run *r) {
    bt_region *into = &s->out->items[r->region];
    if (into->pixels == 0)
        *into = (bt_region){
            .left = r->begin, .top = r->row, .right = r->end, .class_number = class_of(s->map, r)};
    const float *row = probabilities_of(s->map, into->class_number, r->row);
    if (r->begin < into->left) into->left = r->begin;
    if (r->end > into->right) into->right = r->end;
    into->bottom = r->row + 1;
    into->run_count++;
    into->pixels += r->end - r->begin;
    for (int x = r->begin; x < r->end; x++)
        into->sum += row ? (double)row[x] : 1;
}

static void keep_what_counts(const search *s) {
    bt_regions *out = s->out;
    for (uint32_t i = 0; i < out->count; i++) {
        bt_region *r = &out->items[i];
        bool counts = (double)r->pixels >= s->map->min_area_px;
        r->index = counts ? out->kept++ : -1;
        if (counts) out->kept_runs += (size_t)r->run_count;
    }
}

bt_status bt_regions_find(bt_regions *out, const bt_region_map *map, bt_error *error) {
    const search s = {map, out};
    *out = (bt_regions){.rows = malloc(((size_t)map->height + 1) * sizeof *out->rows)};
    bt_status status = out->rows ? find_runs(&s, error) : bt_regions_fail_memory(map, error);
    if (status != BT_OK) return status;
    number_regions(out);
    out->items = calloc((size_t)out->count + 1, sizeof *out->items);
    if (!out->items) return bt_regions_fail_memory(map, error);
    for (size_t i = 0; i < out->run_count; i++)
        add_to_region(&s, &out->runs[i]);
    keep_what_counts(&s);
    return BT_OK;
}

void bt_regions_close(bt_regions *regions) {
    free(regions->runs);
    free(regions->rows);
    free(regions->items);
    *regions = (bt_regions){0};
}
