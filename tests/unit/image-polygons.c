/* Masks to polygons: the golden cases, small ones drawn by hand, and what must hold of any mask. Runs from
 * the repository's root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "base/files.h"
#include "base/random.h"
#include "image/polygons.h"

#define GOLDEN "tests/golden/polygons/"

static bt_polygons *find(const float *probabilities, int height, int width, double min_area_px) {
    bt_polygons *polygons;
    bt_error error;
    if (bt_polygons_find(&polygons, probabilities, height, width, 0.5f, min_area_px, &error) != BT_OK)
        fail_msg("%s", error.message);
    return polygons;
}

/* ---- golden ---- */

static json_t *load_cases(void) {
    json_error_t cause;
    json_t *cases = json_load_file(GOLDEN "polygons.json", 0, &cause);
    if (!cases) fail_msg("%s", cause.text);
    return cases;
}

static float *load_mask(const json_t *golden, int height, int width) {
    char path[BT_PATH_SIZE], *bytes;
    size_t size, wanted = (size_t)height * width * sizeof(float);
    bt_error error;
    const char *name = json_string_value(json_object_get(golden, "mask"));
    if (bt_path_join(path, &error, GOLDEN "%s", name) || bt_file_read(path, wanted, &bytes, &size, &error))
        fail_msg("%s", error.message);
    assert_int_equal(size, wanted);
    return (float *)bytes;
}

static bool has_point(const json_t *points, bt_pixel wanted) {
    size_t i;
    json_t *point;
    json_array_foreach(points, i, point) {
        if (json_number_value(json_array_get(point, 0)) == wanted.x &&
            json_number_value(json_array_get(point, 1)) == wanted.y)
            return true;
    }
    return false;
}

static bool visits(const bt_ring *ring, const json_t *point) {
    for (int i = 0; i < ring->count; i++)
        if (json_number_value(json_array_get(point, 0)) == ring->points[i].x &&
            json_number_value(json_array_get(point, 1)) == ring->points[i].y)
            return true;
    return false;
}

static void compare_polygon(const char *mask, const bt_polygon *p, const json_t *golden) {
    const json_t *points = json_object_get(golden, "points");
    double area = json_number_value(json_object_get(golden, "area"));
    double confidence = json_number_value(json_object_get(golden, "confidence"));
    size_t i;
    json_t *point;
    for (int k = 0; k < p->outline.count; k++)
        if (!has_point(points, p->outline.points[k]))
            fail_msg("%s: a corner at %d, %d too many", mask, p->outline.points[k].x, p->outline.points[k].y);
    json_array_foreach(points, i, point) {
        if (!visits(&p->outline, point)) fail_msg("%s: corner %zu of %g px is missing", mask, i, area);
    }
    if (p->area_px != area) fail_msg("%s: an area of %g, not %g", mask, p->area_px, area);
    if (fabs(p->confidence - confidence) > 1e-6)
        fail_msg("%s: a confidence of %.9g, not %.9g", mask, p->confidence, confidence);
}

static void golden_masks_give_the_golden_polygons(void **state) {
    (void)state;
    json_t *cases = load_cases(), *golden;
    size_t i, polygons_seen = 0;
    json_array_foreach(cases, i, golden) {
        int height = (int)json_integer_value(json_object_get(golden, "height"));
        int width = (int)json_integer_value(json_object_get(golden, "width"));
        const json_t *wanted = json_object_get(golden, "polygons");
        const char *mask = json_string_value(json_object_get(golden, "mask"));
        float *probabilities = load_mask(golden, height, width);
        bt_polygons *found =
            find(probabilities, height, width, json_number_value(json_object_get(golden, "min_area_px")));
        if ((size_t)found->count != json_array_size(wanted))
            fail_msg("%s: %d polygons, not %zu", mask, found->count, json_array_size(wanted));
        for (int k = 0; k < found->count; k++, polygons_seen++)
            compare_polygon(mask, &found->items[k], json_array_get(wanted, (size_t)k));
        bt_polygons_close(&found);
        free(probabilities);
    }
    assert_int_equal(polygons_seen, 11);
    json_decref(cases);
}

/* ---- drawn by hand ---- */

#define SIDE_MAX 64

/* Rows of equal length, ended by '|': '#' is 0.75, a digit d is d / 10, all else 0. */
typedef struct drawing {
    float probabilities[SIDE_MAX * SIDE_MAX];
    int height, width;
} drawing;

static drawing draw(const char *text) {
    drawing d = {.width = (int)strcspn(text, "|")};
    for (; *text; text += d.width + 1, d.height++)
        for (int x = 0; x < d.width; x++)
            d.probabilities[d.height * d.width + x] = text[x] == '#' ? 0.75f
                                                      : text[x] >= '0' && text[x] <= '9'
                                                          ? (float)(text[x] - '0') / 10
                                                          : 0;
    return d;
}

static bt_polygons *find_drawn(const char *text, double min_area_px) {
    drawing d = draw(text);
    return find(d.probabilities, d.height, d.width, min_area_px);
}

static void assert_ring(const bt_ring *ring, const bt_pixel *points, int count) {
    assert_int_equal(ring->count, count);
    for (int i = 0; i < count; i++) {
        bool there = false;
        for (int k = 0; k < count; k++)
            there |= ring->points[k].x == points[i].x && ring->points[k].y == points[i].y;
        if (!there) fail_msg("no corner at %d, %d", points[i].x, points[i].y);
    }
}

static void assert_box(const bt_polygon *p, int x, int y, int width, int height) {
    assert_int_equal(p->x, x);
    assert_int_equal(p->y, y);
    assert_int_equal(p->width, width);
    assert_int_equal(p->height, height);
}

static void assert_regions(const char *text, double min_area_px, int count) {
    bt_polygons *found = find_drawn(text, min_area_px);
    assert_int_equal(found->count, count);
    bt_polygons_close(&found);
}

static void an_empty_mask_has_no_polygons(void **state) {
    (void)state;
    bt_polygons *found = find_drawn("....|....|", 0);
    assert_int_equal(found->count, 0);
    assert_int_equal(found->height, 2);
    assert_int_equal(found->width, 4);
    bt_polygons_close(&found);
    assert_null(found);
    bt_polygons_close(&found);
    bt_polygons_close(NULL);
}

static void a_full_mask_is_one_box(void **state) {
    (void)state;
    bt_polygons *found = find_drawn("#####|#####|#####|", 15);
    assert_int_equal(found->count, 1);
    assert_ring(&found->items[0].outline, (bt_pixel[]){{0, 0}, {4, 0}, {4, 2}, {0, 2}}, 4);
    assert_true(found->items[0].area_px == 15);
    assert_true(found->items[0].confidence == 0.75);
    assert_int_equal(found->items[0].hole_count, 0);
    assert_box(&found->items[0], 0, 0, 5, 3);
    bt_polygons_close(&found);
}

static void a_pixel_is_a_polygon_of_one_point(void **state) {
    (void)state;
    bt_polygons *found = find_drawn("....|..#.|....|", 1);
    assert_int_equal(found->count, 1);
    assert_ring(&found->items[0].outline, (bt_pixel[]){{2, 1}}, 1);
    assert_true(found->items[0].area_px == 1);
    assert_box(&found->items[0], 2, 1, 1, 1);
    bt_polygons_close(&found);
    assert_regions("#|", 0, 1);
}

static void regions_below_the_least_area_are_dropped(void **state) {
    (void)state;
    const char *text = "##.##.#|##.#...|";
    for (int least = 0; least <= 5; least++) {
        static const int counts[] = {3, 3, 2, 2, 1, 0};
        assert_regions(text, least, counts[least]);
    }
    assert_regions(text, 3.5, 1);
}

static void pixels_that_touch_by_a_corner_are_one_region(void **state) {
    (void)state;
    bt_polygons *found = find_drawn("#...#|.#.#.|..#..|", 0);
    assert_int_equal(found->count, 1);
    assert_true(found->items[0].area_px == 5);
    bt_polygons_close(&found);
    assert_regions("##..|..##|##..|", 0, 1);
    assert_regions("#.#|...|#.#|", 0, 4);
}

static void a_hole_is_ringed_by_the_regions_own_pixels(void **state) {
    (void)state;
    bt_polygons *found = find_drawn("......|.####.|.#..#.|.####.|......|", 0);
    const bt_polygon *p = &found->items[0];
    assert_int_equal(found->count, 1);
    assert_true(p->area_px == 10);
    assert_ring(&p->outline, (bt_pixel[]){{1, 1}, {4, 1}, {4, 3}, {1, 3}}, 4);
    assert_int_equal(p->hole_count, 1);
    assert_ring(&p->holes[0], (bt_pixel[]){{1, 2}, {2, 1}, {3, 1}, {4, 2}, {3, 3}, {2, 3}}, 6);
    bt_polygons_close(&found);
}

static void a_hole_ends_where_corners_meet(void **state) {
    (void)state;
    bt_polygons *found = find_drawn(".#.|#.#|.#.|", 0);
    assert_int_equal(found->count, 1);
    assert_int_equal(found->items[0].hole_count, 1);
    bt_polygons_close(&found);
    found = find_drawn(".#.|#.#|...|", 0); /* open below */
    assert_int_equal(found->items[0].hole_count, 0);
    bt_polygons_close(&found);
}

static void a_region_in_a_hole_is_one_of_its_own(void **state) {
    (void)state;
    const char *text = "#######|#.....#|#.###.#|#.#.#.#|#.###.#|#.....#|#######|";
    bt_polygons *found = find_drawn(text, 0);
    assert_int_equal(found->count, 2);
    assert_true(found->items[0].area_px == 24);
    assert_int_equal(found->items[0].hole_count, 1);
    assert_true(found->items[1].area_px == 8);
    assert_int_equal(found->items[1].hole_count, 1);
    assert_box(&found->items[1], 2, 2, 3, 3);
    bt_polygons_close(&found);
    found = find_drawn(text, 10); /* without it the hole stays one */
    assert_int_equal(found->count, 1);
    assert_int_equal(found->items[0].hole_count, 1);
    bt_polygons_close(&found);
}

static void each_hole_is_with_its_region(void **state) {
    (void)state;
    bt_polygons *found = find_drawn("#######.###|#.#.#.#.#.#|#######.###|", 0);
    assert_int_equal(found->count, 2);
    assert_int_equal(found->items[0].hole_count, 3);
    assert_int_equal(found->items[1].hole_count, 1);
    for (int i = 1; i < 3; i++) /* from left to right */
        assert_true(found->items[0].holes[i - 1].points[0].x < found->items[0].holes[i].points[0].x);
    assert_true(found->items[1].holes[0].points[0].x >= 8);
    bt_polygons_close(&found);
}

static void a_threshold_is_not_above_itself(void **state) {
    (void)state;
    bt_polygons *found = find_drawn("5.6.4|", 0);
    assert_int_equal(found->count, 1);
    assert_int_equal(found->items[0].x, 2);
    bt_polygons_close(&found);
    const float values[] = {0.25f, 0.0f, 0.250001f};
    bt_error error;
    assert_int_equal(bt_polygons_find(&found, values, 1, 3, 0.25f, 0, &error), BT_OK);
    assert_int_equal(found->count, 1);
    assert_int_equal(found->items[0].x, 2);
    bt_polygons_close(&found);
    assert_int_equal(bt_polygons_find(&found, values, 1, 3, 0, 0, &error), BT_OK); /* 0 is 0.5 */
    assert_int_equal(found->count, 0);
    bt_polygons_close(&found);
}

static void confidence_is_the_regions_mean_probability(void **state) {
    (void)state;
    bt_polygons *found = find_drawn("66..9|784.8|", 0);
    assert_int_equal(found->count, 2);
    assert_true(fabs(found->items[0].confidence - 0.675) < 1e-6);
    assert_true(fabs(found->items[1].confidence - 0.85) < 1e-6);
    bt_polygons_close(&found);
    const float rounded = 1.0000002f;
    found = find(&rounded, 1, 1, 0);
    assert_true(found->items[0].confidence == 1);
    bt_polygons_close(&found);
}

static void regions_come_by_their_first_pixel(void **state) {
    (void)state;
    bt_polygons *found = find_drawn(".....#|##...#|##....|...#..|", 0);
    assert_int_equal(found->count, 3);
    assert_int_equal(found->items[0].x, 5);
    assert_int_equal(found->items[1].x, 0);
    assert_int_equal(found->items[2].x, 3);
    bt_polygons_close(&found);
}

static void refuses(const char *what, const float *values, int height, int width, float threshold,
                    double min_area_px) {
    bt_polygons *found = (bt_polygons *)1;
    bt_error error;
    bt_status status = bt_polygons_find(&found, values, height, width, threshold, min_area_px, &error);
    if (status != BT_INVALID || !strstr(error.message, what))
        fail_msg("\"%s\" was wanted, not %d, \"%s\"", what, status, status != BT_OK ? error.message : "");
    assert_null(found);
}

static void what_is_no_mask_is_refused(void **state) {
    (void)state;
    float values[6] = {0, 1, 0, 1, 0, 1};
    bt_error error;
    refuses("0 x 3", values, 0, 3, 0.5f, 0);
    refuses("2 x -1", values, 2, -1, 0.5f, 0);
    refuses("16385", values, 1, 16385, 0.5f, 0);
    refuses("threshold", values, 2, 3, 1.0f, 0);
    refuses("threshold", values, 2, 3, -0.1f, 0);
    refuses("threshold", values, 2, 3, NAN, 0);
    refuses("least area", values, 2, 3, 0.5f, -1);
    refuses("least area", values, 2, 3, 0.5f, NAN);
    refuses("no probabilities", NULL, 2, 3, 0.5f, 0);
    assert_int_equal(bt_polygons_find(NULL, values, 2, 3, 0.5f, 0, &error), BT_INVALID);
    static const float wrong[] = {NAN, INFINITY, -INFINITY, 1.01f, -0.01f, 37};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        values[4] = wrong[i];
        refuses("at x 1, y 1 is no probability", values, 2, 3, 0.5f, 0);
    }
}

/* ---- what holds of any mask ---- */

#define RANDOM_SIDE 24

typedef struct labels {
    int of[RANDOM_SIDE * RANDOM_SIDE]; /* 0 outside; regions from 1, by their first pixel */
    int height, width, count;
    int pixels[RANDOM_SIDE * RANDOM_SIDE + 1];
    double sum[RANDOM_SIDE * RANDOM_SIDE + 1];
} labels;

static void flood(labels *l, const float *probabilities, int x, int y) {
    int at = y * l->width + x;
    if (x < 0 || y < 0 || x >= l->width || y >= l->height || l->of[at] || !(probabilities[at] > 0.5f)) return;
    l->of[at] = l->count;
    l->pixels[l->count]++;
    l->sum[l->count] += (double)probabilities[at];
    for (int k = 0; k < 9; k++)
        flood(l, probabilities, x + k % 3 - 1, y + k / 3 - 1);
}

static void label(labels *l, const float *probabilities, int height, int width) {
    *l = (labels){.height = height, .width = width};
    for (int i = 0; i < height * width; i++)
        if (!l->of[i] && probabilities[i] > 0.5f) {
            l->count++;
            flood(l, probabilities, i % width, i / width);
        }
}

static bool on_segment(bt_pixel a, bt_pixel b, int x, int y) {
    return (b.x - a.x) * (y - a.y) == (b.y - a.y) * (x - a.x) && x >= (a.x < b.x ? a.x : b.x) &&
           x <= (a.x > b.x ? a.x : b.x) && y >= (a.y < b.y ? a.y : b.y) && y <= (a.y > b.y ? a.y : b.y);
}

static bool on_ring(const bt_ring *ring, int x, int y) {
    for (int i = 0; i < ring->count; i++)
        if (on_segment(ring->points[i], ring->points[(i + 1) % ring->count], x, y)) return true;
    return false;
}

/* Whether a ray to the right crosses the ring an odd number of times. */
static bool crosses(const bt_ring *ring, double x, double y) {
    bool odd = false;
    for (int i = 0; i < ring->count; i++) {
        bt_pixel a = ring->points[i], b = ring->points[(i + 1) % ring->count];
        if ((a.y > y) == (b.y > y)) continue;
        if (x < a.x + (y - a.y) * (b.x - a.x) / (double)(b.y - a.y)) odd = !odd;
    }
    return odd;
}

static bool covers(const bt_polygon *p, int x, int y) {
    if (!on_ring(&p->outline, x, y) && !crosses(&p->outline, x, y)) return false;
    for (int i = 0; i < p->hole_count; i++)
        if (!on_ring(&p->holes[i], x, y) && crosses(&p->holes[i], x, y)) return false;
    return true;
}

/* Twice the signed area. */
static int64_t turn(const bt_ring *ring) {
    int64_t sum = 0;
    for (int i = 0; i < ring->count; i++) {
        bt_pixel a = ring->points[i], b = ring->points[(i + 1) % ring->count];
        sum += (int64_t)a.x * b.y - (int64_t)b.x * a.y;
    }
    return sum;
}

/* Noise of some density, or blobs, which have more of an inside. */
static void draw_random(float *probabilities, int height, int width, bt_random *random) {
    double density = bt_random_between(random, 0.1, 0.9);
    int block = 1 + (int)bt_random_below(random, 3), blocks = RANDOM_SIDE / block + 1;
    float *coarse = calloc((size_t)blocks * blocks, sizeof *coarse);
    for (int i = 0; i < blocks * blocks; i++) {
        double above = bt_random_uniform(random), low = above < density ? 0.51 : 0;
        coarse[i] = (float)bt_random_between(random, low, low + 0.49);
    }
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            probabilities[y * width + x] = coarse[y / block * blocks + x / block];
    free(coarse);
}

static void check_polygon(const labels *l, int region, const bt_polygon *p, uint64_t seed) {
    if (p->area_px != l->pixels[region])
        fail_msg("seed %llu: region %d has %g px", (unsigned long long)seed, region, p->area_px);
    if (fabs(p->confidence - l->sum[region] / l->pixels[region]) > 1e-9)
        fail_msg("seed %llu: region %d has confidence %g", (unsigned long long)seed, region, p->confidence);
    if (turn(&p->outline) > 0) fail_msg("seed %llu: region %d turns round", (unsigned long long)seed, region);
    for (int i = 0; i < p->hole_count; i++)
        if (turn(&p->holes[i]) <= 0) fail_msg("seed %llu: hole %d turns round", (unsigned long long)seed, i);
    for (int y = 0; y < l->height; y++)
        for (int x = 0; x < l->width; x++) {
            bool inside = l->of[y * l->width + x] == region;
            if (covers(p, x, y) != inside)
                fail_msg("seed %llu: region %d and the pixel at %d, %d", (unsigned long long)seed, region, x,
                         y);
            if (inside && (x < p->x || y < p->y || x >= p->x + p->width || y >= p->y + p->height))
                fail_msg("seed %llu: region %d leaves its box", (unsigned long long)seed, region);
        }
}

/* The region's pixels and no others, each once: runs of a row are apart. */
static void check_runs(const labels *l, int region, const bt_polygon *p, uint64_t seed) {
    int pixels = 0;
    for (int i = 0; i < p->run_count; i++) {
        const bt_pixel_run *r = &p->runs[i], *before = &p->runs[i - 1];
        if (i > 0 && (r->y < before->y || (r->y == before->y && r->begin <= before->end)))
            fail_msg("seed %llu: region %d, run %d is out of order", (unsigned long long)seed, region, i);
        for (int x = r->begin; x < r->end; x++, pixels++)
            if (l->of[r->y * l->width + x] != region)
                fail_msg("seed %llu: region %d, run %d leaves it", (unsigned long long)seed, region, i);
    }
    if (pixels != l->pixels[region])
        fail_msg("seed %llu: region %d has runs of %d px", (unsigned long long)seed, region, pixels);
}

static void polygons_cover_just_their_regions_pixels(void **state) {
    (void)state;
    static labels l;
    float probabilities[RANDOM_SIDE * RANDOM_SIDE];
    for (uint64_t seed = 1; seed <= 300; seed++) {
        bt_random random = bt_random_stream(seed, "masks");
        int height = 1 + (int)bt_random_below(&random, RANDOM_SIDE);
        int width = 1 + (int)bt_random_below(&random, RANDOM_SIDE);
        int least = (int)bt_random_below(&random, 8), next = 0;
        draw_random(probabilities, height, width, &random);
        label(&l, probabilities, height, width);
        bt_polygons *found = find(probabilities, height, width, least);
        for (int region = 1; region <= l.count; region++) {
            if (l.pixels[region] < least) continue;
            if (next == found->count) fail_msg("seed %llu: too few polygons", (unsigned long long)seed);
            check_runs(&l, region, &found->items[next], seed);
            check_polygon(&l, region, &found->items[next++], seed);
        }
        assert_int_equal(next, found->count);
        bt_polygons_close(&found);
    }
}

/* ---- as text ---- */

static json_t *parse(char *text) {
    json_error_t cause;
    json_t *json = json_loads(text, 0, &cause);
    if (!json) fail_msg("%s in %s", cause.text, text);
    bt_free(text);
    return json;
}

static void json_says_what_was_found(void **state) {
    (void)state;
    bt_polygons *found = find_drawn("####.|#..#.|####.|.....|...#.|", 0);
    char *text;
    bt_error error;
    assert_int_equal(bt_polygons_json(found, &text, &error), BT_OK);
    assert_string_equal(text, "{\"height\":5,\"width\":5,\"polygons\":["
                              "{\"type\":\"external\",\"points\":[[0,0],[0,2],[3,2],[3,0]],"
                              "\"holes\":[[[0,1],[1,0],[2,0],[3,1],[2,2],[1,2]]],"
                              "\"area\":10.0,\"confidence\":0.75,\"bbox\":[0,0,4,3]},"
                              "{\"type\":\"external\",\"points\":[[3,4]],\"holes\":[],\"area\":1.0,"
                              "\"confidence\":0.75,\"bbox\":[3,4,1,1]}]}");
    bt_free(text);
    bt_polygons_close(&found);
    assert_int_equal(bt_polygons_json(NULL, &text, &error), BT_INVALID);
}

typedef bt_status (*coco_writer)(const bt_coco_picture *, int, const char *, char **, bt_error *);

static json_t *write_coco(coco_writer write, const bt_coco_picture *pictures, int count) {
    char *text;
    bt_error error;
    if (write(pictures, count, "spheroid", &text, &error)) fail_msg("%s", error.message);
    return parse(text);
}

static json_t *coco_of(const bt_coco_picture *pictures, int count) {
    return write_coco(bt_polygons_coco, pictures, count);
}

/* A COCO list as a ring; the points are the caller's. */
static bt_ring ring_of(const json_t *annotation) {
    const json_t *lists = json_object_get(annotation, "segmentation"), *list = json_array_get(lists, 0);
    assert_int_equal(json_array_size(lists), 1);
    size_t count = json_array_size(list) / 2;
    assert_int_equal(json_array_size(list) % 2, 0);
    assert_true(count >= 4);
    bt_pixel *points = calloc(count, sizeof *points);
    for (size_t i = 0; i < count; i++)
        points[i] = (bt_pixel){(int32_t)json_integer_value(json_array_get(list, 2 * i)),
                               (int32_t)json_integer_value(json_array_get(list, 2 * i + 1))};
    return (bt_ring){points, (int)count};
}

/* How often a ring of level and upright lines goes around a point, clockwise; y is down. */
static int winding(const bt_ring *ring, double x, double y) {
    int sum = 0;
    for (int i = 0; i < ring->count; i++) {
        bt_pixel a = ring->points[i], b = ring->points[(i + 1) % ring->count];
        if (a.x > x && (a.y > y) != (b.y > y)) sum += b.y > a.y ? 1 : -1;
    }
    return sum;
}

static void check_line(const labels *l, int region, const bt_ring *line, uint64_t seed) {
    for (int i = 0; i < line->count; i++) {
        bt_pixel a = line->points[i], b = line->points[(i + 1) % line->count];
        if ((a.x == b.x) == (a.y == b.y))
            fail_msg("seed %llu: %d, %d to %d, %d is along no edge", (unsigned long long)seed, a.x, a.y, b.x,
                     b.y);
    }
    if (turn(line) != 2 * l->pixels[region])
        fail_msg("seed %llu: region %d has a line around other than its area", (unsigned long long)seed,
                 region);
    for (int y = 0; y < l->height; y++)
        for (int x = 0; x < l->width; x++) {
            bool inside = l->of[y * l->width + x] == region;
            if (crosses(line, x + 0.5, y + 0.5) != inside || winding(line, x + 0.5, y + 0.5) != inside)
                fail_msg("seed %llu: region %d and the pixel at %d, %d", (unsigned long long)seed, region, x,
                         y);
        }
}

/* COCO's text of run lengths, read back as the mask that it stands for, a column after the other. */
static void read_run_lengths(const json_t *segmentation, int height, int width, uint8_t *mask) {
    const json_t *size = json_object_get(segmentation, "size");
    const char *text = json_string_value(json_object_get(segmentation, "counts"));
    int64_t counts[RANDOM_SIDE * RANDOM_SIDE + 2], at = 0;
    assert_int_equal(json_integer_value(json_array_get(size, 0)), height);
    assert_int_equal(json_integer_value(json_array_get(size, 1)), width);
    for (int i = 0; *text; i++) {
        int64_t number = 0, place = 1;
        bool more = true;
        for (; more; place *= 32) {
            int digit = *text++ - '0';
            more = digit >= 32;
            number += place * (digit % 32);
            if (!more && digit % 32 >= 16) number -= 32 * place;
        }
        counts[i] = number + (i > 2 ? counts[i - 2] : 0);
        assert_true(counts[i] > (i > 0 ? 0 : -1) && at + counts[i] <= (int64_t)height * width);
        for (int64_t end = at + counts[i]; at < end; at++)
            mask[at % height * width + at / height] = i % 2;
    }
    assert_int_equal(at, height * width);
}

static void check_run_lengths(const labels *l, int region, const json_t *annotation, uint64_t seed) {
    uint8_t mask[RANDOM_SIDE * RANDOM_SIDE];
    read_run_lengths(json_object_get(annotation, "segmentation"), l->height, l->width, mask);
    for (int i = 0; i < l->height * l->width; i++)
        if (mask[i] != (l->of[i] == region))
            fail_msg("seed %llu: region %d and the pixel at %d, %d", (unsigned long long)seed, region,
                     i % l->width, i / l->width);
}

static void coco_masks_are_just_the_regions_pixels(void **state) {
    (void)state;
    static labels l;
    float probabilities[RANDOM_SIDE * RANDOM_SIDE];
    int holes = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        bt_random random = bt_random_stream(seed, "holes");
        int height = 1 + (int)bt_random_below(&random, RANDOM_SIDE);
        int width = 1 + (int)bt_random_below(&random, RANDOM_SIDE);
        draw_random(probabilities, height, width, &random);
        label(&l, probabilities, height, width);
        bt_polygons *found = find(probabilities, height, width, 0);
        json_t *outlines = coco_of(&(bt_coco_picture){"a.png", found}, 1);
        json_t *run_lengths = write_coco(bt_polygons_coco_rle, &(bt_coco_picture){"a.png", found}, 1);
        const json_t *lines = json_object_get(outlines, "annotations");
        assert_int_equal(json_array_size(lines), l.count);
        for (int i = 0; i < found->count; i++) {
            bt_ring line = ring_of(json_array_get(lines, (size_t)i));
            check_line(&l, i + 1, &line, seed);
            check_run_lengths(&l, i + 1,
                              json_array_get(json_object_get(run_lengths, "annotations"), (size_t)i), seed);
            holes += found->items[i].hole_count;
            free((void *)line.points);
        }
        json_decref(outlines);
        json_decref(run_lengths);
        bt_polygons_close(&found);
    }
    assert_true(holes > 500);
}

/* The masks of a drawing's first region, in both forms. */
static void assert_coco(const char *text, const char *outline, const char *run_lengths) {
    bt_polygons *found = find_drawn(text, 0);
    const bt_coco_picture picture = {"a.png", found};
    json_t *const written[] = {coco_of(&picture, 1), write_coco(bt_polygons_coco_rle, &picture, 1)};
    for (int i = 0; i < 2; i++) {
        const json_t *annotation = json_array_get(json_object_get(written[i], "annotations"), 0);
        const json_t *mask = json_object_get(annotation, "segmentation");
        char *came = json_dumps(i ? json_object_get(mask, "counts") : json_array_get(mask, 0),
                                JSON_COMPACT | JSON_ENCODE_ANY);
        assert_string_equal(came, i ? run_lengths : outline);
        free(came);
        json_decref(written[i]);
    }
    bt_polygons_close(&found);
}

/* The run lengths are what pycocotools 2.0.11 makes of these. */
static void coco_outlines_run_along_the_pixels_edges(void **state) {
    (void)state;
    assert_coco("...|.#.|", "[1,1,2,1,2,2,1,2]", "\"312\"");
    assert_coco("#|", "[0,0,1,0,1,1,0,1]", "\"01\"");
    assert_coco(".....|.###.|", "[1,1,4,1,4,2,1,2]", "\"3110001\"");
    assert_coco("#..|##.|", "[0,0,1,0,1,1,2,1,2,2,0,2]", "\"021O1\"");
}

static void a_coco_outline_goes_on_where_corners_touch(void **state) {
    (void)state;
    assert_coco("#.|.#|", "[0,0,1,0,1,1,2,1,2,2,1,2,1,1,0,1]", "\"0120\"");
    assert_coco(".#|#.|", "[1,0,2,0,2,1,1,1,1,2,0,2,0,1,1,1]", "\"121\"");
}

static void a_coco_outline_goes_into_holes_by_a_level_cut(void **state) {
    (void)state;
    assert_coco("###|#.#|###|", "[0,0,3,0,3,3,0,3,0,1,1,1,1,2,2,2,2,1,1,1,0,1]", "\"0410\"");
    /* from hole to hole */
    assert_coco("#####|#.#.#|#####|", "[0,0,5,0,5,3,0,3,0,1,1,1,1,2,2,2,2,1,3,1,3,2,4,2,4,1,3,1,2,1,1,1,0,1]",
                "\"04110O\"");
}

static void a_coco_outline_needs_no_cut_where_a_hole_meets_a_corner(void **state) {
    (void)state;
    assert_coco(".##|#.#|###|", "[1,0,3,0,3,3,0,3,0,1,1,1,1,2,2,2,2,1,1,1]", "\"1311\"");
}

static void coco_numbers_pictures_and_annotations_from_one(void **state) {
    (void)state;
    bt_polygons *two = find_drawn("##..#|##..#|", 0), *none = find_drawn("...|", 0);
    json_t *coco = coco_of((bt_coco_picture[]){{"a.png", two}, {"b.png", none}, {"c/d.png", two}}, 3);
    const json_t *images = json_object_get(coco, "images"), *list = json_object_get(coco, "annotations");
    assert_int_equal(json_array_size(images), 3);
    assert_int_equal(json_array_size(list), 4);
    assert_string_equal(json_string_value(json_object_get(json_array_get(images, 2), "file_name")),
                        "c/d.png");
    for (size_t i = 0; i < 4; i++) {
        const json_t *item = json_array_get(list, i);
        assert_int_equal(json_integer_value(json_object_get(item, "id")), i + 1);
        assert_int_equal(json_integer_value(json_object_get(item, "image_id")), i < 2 ? 1 : 3);
        assert_int_equal(json_integer_value(json_object_get(item, "category_id")), 1);
        assert_int_equal(json_integer_value(json_object_get(item, "iscrowd")), 0);
        assert_true(json_number_value(json_object_get(item, "area")) == (i % 2 ? 2 : 4));
        assert_true(json_number_value(json_object_get(item, "score")) == 0.75);
    }
    char *box = json_dumps(json_object_get(json_array_get(list, 1), "bbox"), JSON_COMPACT);
    assert_string_equal(box, "[4,0,1,2]");
    free(box);
    json_t *categories = json_object_get(coco, "categories");
    assert_string_equal(json_string_value(json_object_get(json_array_get(categories, 0), "name")),
                        "spheroid");
    assert_true(json_is_object(json_object_get(coco, "info"))); /* without which pycocotools fails */
    json_decref(coco);
    bt_polygons_close(&two);
    bt_polygons_close(&none);
}

static void coco_refuses_what_it_cannot_write(void **state) {
    (void)state;
    bt_polygons *none = find_drawn("...|", 0);
    char *text = (char *)1;
    bt_error error;
    assert_int_equal(bt_polygons_coco(&(bt_coco_picture){"\xff.png", none}, 1, "cell", &text, &error),
                     BT_INVALID);
    assert_non_null(strstr(error.message, "UTF-8"));
    assert_null(text);
    assert_int_equal(bt_polygons_coco(NULL, 0, "\xc3", &text, &error), BT_INVALID);
    assert_int_equal(bt_polygons_coco(NULL, 0, NULL, &text, &error), BT_INVALID);
    assert_int_equal(bt_polygons_coco(NULL, 1, "cell", &text, &error), BT_INVALID);
    assert_int_equal(bt_polygons_coco(&(bt_coco_picture){"a.png", NULL}, 1, "cell", &text, &error),
                     BT_INVALID);
    assert_int_equal(bt_polygons_coco(NULL, 0, "cell", &text, &error), BT_OK); /* an empty data set is one */
    json_decref(parse(text));
    const bt_polygon made_elsewhere = {
        .outline = {(bt_pixel[]){{1, 1}}, 1}, .area_px = 1, .width = 1, .height = 1};
    const bt_polygons one = {2, 2, 1, &made_elsewhere};
    assert_int_equal(bt_polygons_coco(&(bt_coco_picture){"a.png", &one}, 1, "cell", &text, &error),
                     BT_INVALID);
    assert_non_null(strstr(error.message, "polygon 1 of picture 1 has no runs"));
    bt_polygons_close(&none);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_masks_give_the_golden_polygons),
        cmocka_unit_test(an_empty_mask_has_no_polygons),
        cmocka_unit_test(a_full_mask_is_one_box),
        cmocka_unit_test(a_pixel_is_a_polygon_of_one_point),
        cmocka_unit_test(regions_below_the_least_area_are_dropped),
        cmocka_unit_test(pixels_that_touch_by_a_corner_are_one_region),
        cmocka_unit_test(a_hole_is_ringed_by_the_regions_own_pixels),
        cmocka_unit_test(a_hole_ends_where_corners_meet),
        cmocka_unit_test(a_region_in_a_hole_is_one_of_its_own),
        cmocka_unit_test(each_hole_is_with_its_region),
        cmocka_unit_test(a_threshold_is_not_above_itself),
        cmocka_unit_test(confidence_is_the_regions_mean_probability),
        cmocka_unit_test(regions_come_by_their_first_pixel),
        cmocka_unit_test(what_is_no_mask_is_refused),
        cmocka_unit_test(polygons_cover_just_their_regions_pixels),
        cmocka_unit_test(json_says_what_was_found),
        cmocka_unit_test(coco_masks_are_just_the_regions_pixels),
        cmocka_unit_test(coco_outlines_run_along_the_pixels_edges),
        cmocka_unit_test(a_coco_outline_goes_on_where_corners_touch),
        cmocka_unit_test(a_coco_outline_goes_into_holes_by_a_level_cut),
        cmocka_unit_test(a_coco_outline_needs_no_cut_where_a_hole_meets_a_corner),
        cmocka_unit_test(coco_numbers_pictures_and_annotations_from_one),
        cmocka_unit_test(coco_refuses_what_it_cannot_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
