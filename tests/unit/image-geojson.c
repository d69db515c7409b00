/* GeoJSON's rings are simple and closed, hold just the region's pixels, and a region is as many polygons as hang together
 * by sides. Regions are drawn here, and need no OpenCV. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "image/pixel-edges.h"
#include "image/polygons.h"

#define SIDE_MAX 24
#define RUNS_MAX (SIDE_MAX * SIDE_MAX)

/* A picture of one region: 0, or the pixel belongs to it. */
typedef struct drawing {
    int height, width;
    uint8_t inside[SIDE_MAX][SIDE_MAX];
    bt_pixel_run runs[RUNS_MAX];
    bt_polygon polygon;
} drawing;

static void make_runs(drawing *d) {
    int count = 0;
    double area = 0;
    for (int y = 0; y < d->height; y++)
        for (int x = 0; x < d->width; x++) {
            if (!d->inside[y][x]) continue;
            const int begin = x;
            while (x < d->width && d->inside[y][x])
                x++;
            d->runs[count++] = (bt_pixel_run){y, begin, x};
            area += x - begin;
        }
    d->polygon =
        (bt_polygon){.runs = d->runs, .run_count = count, .area_px = area, .confidence = 0.5, .width = 1};
}

/* Into the caller's, since a drawing points into itself. */
static void draw(drawing *d, const char *const *rows) {
    *d = (drawing){.height = 0};
    for (; rows[d->height]; d->height++) {
        d->width = (int)strlen(rows[d->height]);
        for (int x = 0; x < d->width; x++)
            d->inside[d->height][x] = rows[d->height][x] == '#';
    }
    make_runs(d);
}

static void has_geometry(const char *const *rows, const char *wanted) {
    drawing d;
    draw(&d, rows);
    const bt_polygons polygons = {d.height, d.width, 1, &d.polygon};
    json_t *json = bt_polygons_to_geojson(&polygons, "spheroid");
    assert_non_null(json);
    json_t *geometry = json_object_get(json_array_get(json_object_get(json, "features"), 0), "geometry");
    char *text = json_dumps(geometry, JSON_COMPACT);
    assert_string_equal(text, wanted);
    free(text);
    json_decref(json);
}

static void a_pixel_is_a_square(void **state) {
    (void)state;
    has_geometry((const char *const[]){"..", ".#", NULL},
                 "{\"type\":\"Polygon\",\"coordinates\":[[[1,1],[2,1],[2,2],[1,2],[1,1]]]}");
}

static void a_hole_is_a_ring_the_other_way(void **state) {
    (void)state;
    has_geometry((const char *const[]){"###", "#.#", "###", NULL},
                 "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[3,0],[3,3],[0,3],[0,0]],"
                 "[[1,1],[1,2],[2,2],[2,1],[1,1]]]}");
}

static void pixels_that_touch_by_a_corner_are_polygons_of_their_own(void **state) {
    (void)state;
    has_geometry((const char *const[]){"#.", ".#", NULL},
                 "{\"type\":\"MultiPolygon\",\"coordinates\":[[[[0,0],[1,0],[1,1],[0,1],[0,0]]],"
                 "[[[1,1],[2,1],[2,2],[1,2],[1,1]]]]}");
    has_geometry((const char *const[]){".#", "#.", NULL},
                 "{\"type\":\"MultiPolygon\",\"coordinates\":[[[[1,0],[2,0],[2,1],[1,1],[1,0]]],"
                 "[[[0,1],[1,1],[1,2],[0,2],[0,1]]]]}");
}

/* Its ends meet by a corner: what they close in is a hole, which touches the outline there. */
static void a_part_that_touches_itself_has_a_hole(void **state) {
    (void)state;
    has_geometry((const char *const[]){"###", "#.#", "##.", NULL},
                 "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[3,0],[3,2],[2,2],[2,3],[0,3],[0,0]],"
                 "[[2,2],[2,1],[1,1],[1,2],[2,2]]]}");
}

static void features_tell_what_was_found(void **state) {
    (void)state;
    drawing d;
    draw(&d, (const char *const[]){"#", NULL});
    const bt_polygons polygons = {1, 1, 1, &d.polygon}, none = {1, 1, 0, NULL};
    json_t *json = bt_polygons_to_geojson(&polygons, "spheroid");
    char *text =
        json_dumps(json_object_get(json_array_get(json_object_get(json, "features"), 0), "properties"),
                   JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(3));
    assert_string_equal(text, "{\"area\":1.0,\"classification\":{\"name\":\"spheroid\"},\"confidence\":0.5,"
                              "\"objectType\":\"detection\"}");
    free(text);
    json_decref(json);
    json = bt_polygons_to_geojson(&none, "spheroid");
    text = json_dumps(json, JSON_COMPACT);
    assert_string_equal(text, "{\"type\":\"FeatureCollection\",\"features\":[]}");
    free(text);
    json_decref(json);
    assert_null(bt_polygons_to_geojson(&polygons, "\xff"));
}

/* ---- any region ---- */

/* Keeps what hangs together with the first pixel, by sides and corners or by sides alone; gives how many such there
 * are. */
static int paint(const drawing *d, int label[SIDE_MAX][SIDE_MAX], bool corners) {
    int count = 0;
    memset(label, 0, sizeof(int) * SIDE_MAX * SIDE_MAX);
    for (int at = 0; at < d->height * d->width; at++) {
        static bt_pixel todo[SIDE_MAX * SIDE_MAX];
        int left = 0;
        const bt_pixel seed = {at % d->width, at / d->width};
        if (!d->inside[seed.y][seed.x] || label[seed.y][seed.x]) continue;
        label[seed.y][seed.x] = ++count;
        todo[left++] = seed;
        while (left > 0) {
            const bt_pixel p = todo[--left];
            for (int dy = -1; dy <= 1; dy++)
                for (int dx = -1; dx <= 1; dx++) {
                    const int x = p.x + dx, y = p.y + dy;
                    if (x < 0 || y < 0 || x >= d->width || y >= d->height || !d->inside[y][x]) continue;
                    if ((dx != 0 && dy != 0 && !corners) || label[y][x]) continue;
                    label[y][x] = count;
                    todo[left++] = (bt_pixel){x, y};
                }
        }
    }
    return count;
}

static void draw_by_chance(drawing *d, bt_random *random) {
    static int label[SIDE_MAX][SIDE_MAX];
    *d = (drawing){.height = 1 + (int)bt_random_below(random, SIDE_MAX),
                   .width = 1 + (int)bt_random_below(random, SIDE_MAX)};
    const double density = bt_random_between(random, 0.2, 0.95);
    for (int y = 0; y < d->height; y++)
        for (int x = 0; x < d->width; x++)
            d->inside[y][x] = bt_random_uniform(random) < density;
    d->inside[0][0] = 1;
    paint(d, label, true);
    for (int y = 0; y < d->height; y++)
        for (int x = 0; x < d->width; x++)
            d->inside[y][x] = label[y][x] == 1;
    make_runs(d);
}

/* Whether the middle of a pixel is inside, by how often a ring passes to the right of it. */
static bool is_inside(const bt_ring *ring, int x, int y) {
    bool inside = false;
    for (int i = 0; i < ring->count; i++) {
        const bt_pixel a = ring->points[i], b = ring->points[(i + 1) % ring->count];
        if (a.x == b.x && a.x > x && (a.y <= y) != (b.y <= y)) inside = !inside;
    }
    return inside;
}

static void is_simple(const bt_ring *ring) {
    assert_true(ring->count >= 4);
    for (int i = 0; i < ring->count; i++) {
        const bt_pixel a = ring->points[i], b = ring->points[(i + 1) % ring->count],
                       c = ring->points[(i + 2) % ring->count];
        assert_true((a.x == b.x) != (a.y == b.y)); /* along a side */
        assert_true((a.x == b.x) != (b.x == c.x)); /* and it turns */
        for (int k = i + 1; k < ring->count; k++)
            assert_false(a.x == ring->points[k].x && a.y == ring->points[k].y);
    }
}

static double area_of(const bt_ring *ring) {
    double area = 0;
    for (int i = 0; i < ring->count; i++) {
        const bt_pixel a = ring->points[i], b = ring->points[(i + 1) % ring->count];
        area += (double)a.x * b.y - (double)b.x * a.y;
    }
    return area / 2;
}

/* Each part has one outline, and with its holes just the pixels that hang together by sides. */
static void check_parts(const drawing *d, const bt_edge_rings *rings) {
    static int label[SIDE_MAX][SIDE_MAX];
    const int parts = paint(d, label, false);
    int part = -1;
    for (int i = 0; i < rings->count; i++) {
        const bt_edge_ring *r = &rings->items[i];
        is_simple(&r->line);
        assert_int_equal(r->hole, area_of(&r->line) < 0);
        if (!r->hole) part++;
        assert_int_equal(r->part, part); /* the outline first, and one alone */
    }
    assert_int_equal(part + 1, parts);
    for (int y = 0; y < d->height; y++)
        for (int x = 0; x < d->width; x++)
            for (int p = 0; p < parts; p++) {
                bool inside = false;
                for (int i = 0; i < rings->count; i++)
                    if (rings->items[i].part == p) inside ^= is_inside(&rings->items[i].line, x, y);
                assert_int_equal(inside, label[y][x] == p + 1);
            }
}

static void rings_hold_just_the_regions_pixels(void **state) {
    (void)state;
    bt_random random = bt_random_stream(20, "rings");
    for (int i = 0; i < 2000; i++) {
        drawing d;
        bt_edge_rings rings;
        draw_by_chance(&d, &random);
        assert_true(bt_edges_rings(&rings, &d.polygon));
        check_parts(&d, &rings);
        bt_edges_rings_close(&rings);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pixel_is_a_square),
        cmocka_unit_test(a_hole_is_a_ring_the_other_way),
        cmocka_unit_test(pixels_that_touch_by_a_corner_are_polygons_of_their_own),
        cmocka_unit_test(a_part_that_touches_itself_has_a_hole),
        cmocka_unit_test(features_tell_what_was_found),
        cmocka_unit_test(rings_hold_just_the_regions_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
