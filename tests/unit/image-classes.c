/* Labels to polygons by class: just what each class's map by itself gives, in one order, however the classes touch; and how
 * they are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "expect.h"
#include "image/polygons.h"

#define SIDE_MAX    24
#define CLASSES_MAX 5
#define PLANE       (SIDE_MAX * SIDE_MAX)

static const bt_class named[] = {{"ground", {0, 0, 0}, true},
                                 {"cell", {230, 159, 0}, false},
                                 {"debris", {1, 2, 3}, true},
                                 {"border", {86, 180, 233}, false}};

/* A map of labels, with a plane of probabilities for each class. */
typedef struct label_map {
    int height, width, class_count;
    uint8_t labels[PLANE];
    float planes[CLASSES_MAX * PLANE];
} label_map;

static bt_polygons *find(const label_map *m, const bt_class *classes, double min_area_px) {
    bt_polygons *found;
    bt_error error;
    if (bt_polygons_find_classes(&found, m->labels, m->planes, classes, m->class_count, m->height, m->width,
                                 min_area_px, &error))
        fail_msg("%s", error.message);
    return found;
}

/* Rows of equal length, ended by '|': a digit is a label, '.' none; of 4 classes, whose probabilities are 0.5, 0.6, ... */
static void draw(label_map *m, const char *text) {
    memset(m, 0, sizeof *m);
    m->class_count = 4;
    m->width = (int)strcspn(text, "|");
    for (; *text; text += m->width + 1, m->height++)
        for (int x = 0; x < m->width; x++)
            m->labels[m->height * m->width + x] = text[x] == '.' ? BT_NO_LABEL : (uint8_t)(text[x] - '0');
    for (int i = 0; i < 4 * m->height * m->width; i++)
        m->planes[i] = 0.5f + 0.125f * (float)(i / (m->height * m->width));
}

/* ---- small ones ---- */

static void regions_of_two_classes_may_touch(void **state) {
    (void)state;
    static label_map m;
    draw(&m, "0113|"
             "0313|"
             "0331|");
    bt_polygons *found = find(&m, named, 0);
    assert_int_equal(found->count, 2);
    static const int wanted[][4] = {{1, 4, 1, 0}, {3, 5, 1, 0}}; /* class, pixels, left, top */
    for (int i = 0; i < 2; i++) {
        const bt_polygon *p = &found->items[i];
        assert_int_equal(p->class_number, wanted[i][0]);
        assert_int_equal(p->area_px, wanted[i][1]);
        assert_int_equal(p->x, wanted[i][2]);
        assert_int_equal(p->y, wanted[i][3]);
        assert_true(p->confidence == 0.5 + 0.125 * p->class_number);
    }
    bt_polygons_close(&found);
}

/* Across a corner at which four runs end and begin. */
static void corners_join_what_is_of_one_class_both_ways(void **state) {
    (void)state;
    static label_map m;
    draw(&m, "1133|"
             "3311|");
    bt_polygons *found = find(&m, named, 0);
    assert_int_equal(found->count, 2);
    assert_int_equal(found->items[0].area_px, 4);
    assert_int_equal(found->items[1].area_px, 4);
    bt_polygons_close(&found);
}

static void what_is_left_out_or_has_no_label_makes_no_region(void **state) {
    (void)state;
    static label_map m;
    draw(&m, "0.2|"
             "121|");
    bt_polygons *found = find(&m, named, 0);
    assert_int_equal(found->count, 2);
    assert_int_equal(found->items[0].class_number, 1);
    assert_int_equal(found->items[1].class_number, 1);
    bt_polygons_close(&found);
    found = find(&m, NULL, 0); /* then all but the first */
    assert_int_equal(found->count, 3);
    assert_int_equal(found->items[0].class_number, 2);
    bt_polygons_close(&found);
}

static void a_region_in_another_ones_hole_has_its_own_outline(void **state) {
    (void)state;
    static label_map m;
    draw(&m, "111|"
             "131|"
             "111|");
    bt_polygons *found = find(&m, named, 0);
    assert_int_equal(found->count, 2);
    assert_int_equal(found->items[0].hole_count, 1);
    assert_int_equal(found->items[1].outline.count, 1);
    assert_int_equal(found->items[1].hole_count, 0);
    bt_polygons_close(&found);
}

static void without_probabilities_each_confidence_is_one(void **state) {
    (void)state;
    bt_polygons *found;
    bt_error error;
    assert_int_equal(bt_polygons_find_classes(&found, (uint8_t[]){0, 1, 1}, NULL, NULL, 2, 1, 3, 0, &error),
                     BT_OK);
    assert_int_equal(found->count, 1);
    assert_true(found->items[0].confidence == 1);
    bt_polygons_close(&found);
}

static void refuses(const char *what, const uint8_t *labels, const float *planes, int class_count,
                    int width) {
    bt_polygons *found = (bt_polygons *)1;
    bt_error error;
    const bt_status status =
        bt_polygons_find_classes(&found, labels, planes, NULL, class_count, 1, width, 0, &error);
    assert_int_equal(status, BT_INVALID);
    says(error.message, what);
    assert_null(found);
}

static void what_is_no_label_map_is_refused(void **state) {
    (void)state;
    static const uint8_t labels[] = {0, 1, 2, BT_NO_LABEL};
    static const float planes[] = {2, 0, 0, 0, 0, 0.5f, 0, 0, 0, 0, 1.5f, 0};
    refuses("there are no labels", NULL, NULL, 2, 4);
    refuses("0 classes: labels tell 1 to 256 apart", labels, NULL, 0, 4);
    refuses("257 classes", labels, NULL, 257, 4);
    refuses("a map of 1 x 0 pixels", labels, NULL, 3, 0);
    refuses("the label 2 at x 2, y 0 is of no class: there are 2", labels, NULL, 2, 4);
    refuses("the value 1.5 at x 2, y 0 is no probability", labels, planes, 3, 4);
    bt_polygons *found;
    bt_error error; /* what is in no region is not looked at */
    assert_int_equal(bt_polygons_find_classes(&found, labels, planes, NULL, 2, 1, 2, 0, &error), BT_OK);
    bt_polygons_close(&found);
    assert_int_equal(bt_polygons_find_classes(NULL, labels, NULL, NULL, 3, 1, 4, 0, &error), BT_INVALID);
}

/* ---- any map ---- */

/* Blocks of labels, some of which touch by corners alone. */
static void draw_by_chance(label_map *m, bt_random *random) {
    const int block = 1 + (int)bt_random_below(random, 4),
              kinds = 1 + (int)bt_random_below(random, CLASSES_MAX + 1);
    m->height = 1 + (int)bt_random_below(random, SIDE_MAX);
    m->width = 1 + (int)bt_random_below(random, SIDE_MAX);
    m->class_count = CLASSES_MAX;
    uint8_t coarse[PLANE];
    for (int i = 0; i < PLANE; i++) {
        const int kind = (int)bt_random_below(random, (uint64_t)kinds);
        coarse[i] = kind < CLASSES_MAX ? (uint8_t)kind : BT_NO_LABEL;
    }
    for (int y = 0; y < m->height; y++)
        for (int x = 0; x < m->width; x++)
            m->labels[y * m->width + x] = coarse[y / block * SIDE_MAX + x / block];
    for (int i = 0; i < CLASSES_MAX * m->height * m->width; i++)
        m->planes[i] = (float)bt_random_uniform(random);
}

static bt_polygons *find_alone(const label_map *m, int class_number, double min_area_px) {
    float probabilities[PLANE];
    bt_polygons *found;
    bt_error error;
    for (int i = 0; i < m->height * m->width; i++)
        probabilities[i] = m->labels[i] == class_number ? 1 : 0;
    if (bt_polygons_find(&found, probabilities, m->height, m->width, 0.5f, min_area_px, &error))
        fail_msg("%s", error.message);
    return found;
}

static void is_ring(const bt_ring *a, const bt_ring *b) {
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->points, b->points, (size_t)a->count * sizeof *a->points);
}

static void is_polygon(const bt_polygon *p, const bt_polygon *alone) {
    is_ring(&p->outline, &alone->outline);
    assert_int_equal(p->hole_count, alone->hole_count);
    for (int i = 0; i < p->hole_count; i++)
        is_ring(&p->holes[i], &alone->holes[i]);
    assert_int_equal(p->run_count, alone->run_count);
    assert_memory_equal(p->runs, alone->runs, (size_t)p->run_count * sizeof *p->runs);
    assert_true(p->area_px == alone->area_px);
    assert_true(p->x == alone->x && p->y == alone->y && p->width == alone->width &&
                p->height == alone->height);
}

static double mean_of(const label_map *m, const bt_polygon *p) {
    double sum = 0;
    for (int i = 0; i < p->run_count; i++)
        for (int x = p->runs[i].begin; x < p->runs[i].end; x++)
            sum += (double)m->planes[(p->class_number * m->height + p->runs[i].y) * m->width + x];
    return sum / p->area_px;
}

static bool comes_before(const bt_polygon *a, const bt_polygon *b) {
    const bt_pixel_run *first = a->runs, *second = b->runs;
    return first->y != second->y ? first->y < second->y : first->begin < second->begin;
}

static void check(const label_map *m, const bt_class *classes, double min_area_px) {
    bt_polygons *found = find(m, classes, min_area_px), *alone[CLASSES_MAX];
    int next[CLASSES_MAX] = {0}, total = 0;
    for (int c = 0; c < CLASSES_MAX; c++) {
        alone[c] = find_alone(m, c, min_area_px);
        if (!classes[c].left_out) total += alone[c]->count;
    }
    assert_int_equal(found->count, total);
    for (int i = 0; i < found->count; i++) {
        const bt_polygon *p = &found->items[i];
        assert_false(classes[p->class_number].left_out);
        is_polygon(p, &alone[p->class_number]->items[next[p->class_number]++]);
        assert_float_equal(p->confidence, mean_of(m, p), 1e-9);
        if (i > 0) assert_true(comes_before(p - 1, p));
    }
    for (int c = 0; c < CLASSES_MAX; c++)
        bt_polygons_close(&alone[c]);
    bt_polygons_close(&found);
}

static void each_class_has_the_polygons_of_its_own_map(void **state) {
    (void)state;
    bt_random random = bt_random_stream(22, "classes");
    for (int i = 0; i < 1500; i++) {
        static label_map m;
        bt_class classes[CLASSES_MAX] = {{0}};
        draw_by_chance(&m, &random);
        for (int c = 0; c < CLASSES_MAX; c++)
            classes[c].left_out = bt_random_below(&random, 3) == 0;
        check(&m, classes, (double)bt_random_below(&random, 4));
    }
}

/* ---- as text ---- */

static bt_polygons *find_drawn(const char *text) {
    static label_map m;
    draw(&m, text);
    return find(&m, named, 0);
}

static json_t *parse(char *text) {
    json_error_t cause;
    json_t *json = json_loads(text, 0, &cause);
    if (!json) fail_msg("%s", cause.text);
    bt_free(text);
    return json;
}

static void is_json(const json_t *json, const char *wanted) {
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(text, wanted);
    free(text);
}

static void json_names_each_polygons_class(void **state) {
    (void)state;
    bt_polygons *found = find_drawn("30|01|");
    char *text;
    bt_error error;
    assert_int_equal(bt_polygons_json_classes(found, named, 4, &text, &error), BT_OK);
    says(text, "\"bbox\":[0,0,1,1],\"class\":\"border\",\"class_number\":3}");
    says(text, "\"bbox\":[1,1,1,1],\"class\":\"cell\",\"class_number\":1}");
    says(text,
         "{\"height\":2,\"width\":2,\"polygons\":[{\"type\":\"external\",\"points\":[[0,0]],\"holes\":[],");
    bt_free(text);
    bt_polygons_close(&found);
}

static void a_coco_category_is_a_class_that_is_not_left_out(void **state) {
    (void)state;
    bt_polygons *found = find_drawn("30|01|");
    const bt_coco_picture pictures[] = {{"a.png", found}, {"b.png", found}};
    for (int rle = 0; rle < 2; rle++) {
        char *text;
        bt_error error;
        assert_int_equal(bt_polygons_coco_classes(pictures, 2, named, 4, rle, &text, &error), BT_OK);
        json_t *coco = parse(text);
        is_json(json_object_get(coco, "categories"),
                "[{\"id\":1,\"name\":\"cell\",\"supercategory\":\"\"},"
                "{\"id\":2,\"name\":\"border\",\"supercategory\":\"\"}]");
        const json_t *annotations = json_object_get(coco, "annotations");
        assert_int_equal(json_array_size(annotations), 4);
        for (size_t i = 0; i < 4; i++) {
            const json_t *one = json_array_get(annotations, i);
            assert_int_equal(json_integer_value(json_object_get(one, "category_id")), i % 2 ? 1 : 2);
            assert_int_equal(json_is_object(json_object_get(one, "segmentation")), rle);
        }
        json_decref(coco);
    }
    bt_polygons_close(&found);
}

static void a_geojson_classification_has_its_classs_colour(void **state) {
    (void)state;
    bt_polygons *found = find_drawn("30|");
    json_t *json = bt_polygons_classes_to_geojson(found, named);
    const json_t *feature = json_array_get(json_object_get(json, "features"), 0);
    is_json(json_object_get(json_object_get(feature, "properties"), "classification"),
            "{\"name\":\"border\",\"color\":[86,180,233]}");
    json_decref(json);
    bt_polygons_close(&found);
}

static void classes_that_do_not_fit_the_polygons_are_refused(void **state) {
    (void)state;
    static const struct {
        bt_class classes[4];
        int count;
        const char *what;
    } cases[] = {
        {{{.name = "a"}, {.name = "b"}, {.name = "c"}, {.rgb = {1}}}, 4, "class 3 has no name"},
        {{{.name = "a"}, {.name = "\xff"}, {.name = "c"}, {.name = "d"}},
         4,
         "the name of class 1 is not UTF-8"},
        {{{.name = "a"}, {.name = "b"}, {.name = "c"}}, 3, "polygon 1 is of class 3; there are 3"},
        {{{.name = "a"}, {.name = "b"}, {.name = "c"}, {.name = "d", .left_out = true}},
         4,
         "is of class 3, which is left out"},
        {{{.name = "a"}}, 0, "0 classes"},
    };
    bt_polygons *found = find_drawn("30|");
    const bt_coco_picture picture = {"a.png", found};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = (char *)1;
        bt_error error;
        assert_int_equal(bt_polygons_json_classes(found, cases[i].classes, cases[i].count, &text, &error),
                         BT_INVALID);
        says(error.message, cases[i].what);
        assert_null(text);
        assert_int_equal(
            bt_polygons_coco_classes(&picture, 1, cases[i].classes, cases[i].count, false, &text, &error),
            BT_INVALID);
        says(error.message, cases[i].what);
        assert_null(text);
    }
    bt_polygons_close(&found);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions_of_two_classes_may_touch),
        cmocka_unit_test(corners_join_what_is_of_one_class_both_ways),
        cmocka_unit_test(what_is_left_out_or_has_no_label_makes_no_region),
        cmocka_unit_test(a_region_in_another_ones_hole_has_its_own_outline),
        cmocka_unit_test(without_probabilities_each_confidence_is_one),
        cmocka_unit_test(what_is_no_label_map_is_refused),
        cmocka_unit_test(each_class_has_the_polygons_of_its_own_map),
        cmocka_unit_test(json_names_each_polygons_class),
        cmocka_unit_test(a_coco_category_is_a_class_that_is_not_left_out),
        cmocka_unit_test(a_geojson_classification_has_its_classs_colour),
        cmocka_unit_test(classes_that_do_not_fit_the_polygons_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
