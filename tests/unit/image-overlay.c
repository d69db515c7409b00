/* What an overlay shows of polygons, and what it leaves alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "image/overlay.h"
#include "image/polygons.h"

#define SIDE 96
#define GRAY 150

typedef struct scene {
    float probabilities[SIDE * SIDE];
    uint8_t rgb[3 * SIDE * SIDE];
} scene;

static void fill_box(scene *s, int x, int y, int width, int height, float probability) {
    for (int v = y; v < y + height; v++)
        for (int u = x; u < x + width; u++)
            s->probabilities[v * SIDE + u] = probability;
}

static void draw(scene *s) {
    bt_polygons *polygons;
    bt_error error;
    memset(s->rgb, GRAY, sizeof s->rgb);
    if (bt_polygons_find(&polygons, s->probabilities, SIDE, SIDE, 0.5f, 1, &error) ||
        bt_overlay_draw(s->rgb, polygons, &error))
        fail_msg("%s", error.message);
    bt_polygons_close(&polygons);
}

static const uint8_t *at(const scene *s, int x, int y) {
    return s->rgb + 3 * (y * SIDE + x);
}

static bool is_gray(const uint8_t *pixel) {
    return pixel[0] == GRAY && pixel[1] == GRAY && pixel[2] == GRAY;
}

/* Yellow takes blue away and adds red. */
static bool is_tinted(const uint8_t *pixel) {
    return pixel[0] > GRAY && pixel[2] < GRAY && pixel[2] > GRAY / 2;
}

static bool is_line(const uint8_t *pixel) {
    return pixel[0] > 230 && pixel[2] < 60;
}

static void a_region_is_tinted_inside_its_line_and_its_seam(void **state) {
    (void)state;
    static scene s;
    memset(&s, 0, sizeof s);
    fill_box(&s, 20, 20, 60, 20, 0.75f);
    draw(&s);
    assert_true(is_line(at(&s, 20, 30)) && is_line(at(&s, 79, 30)) && is_line(at(&s, 50, 20)) &&
                is_line(at(&s, 50, 39)));
    assert_true(is_tinted(at(&s, 24, 24)) && is_tinted(at(&s, 76, 36)));
    assert_true(is_gray(at(&s, 15, 30)) && is_gray(at(&s, 84, 30)) && is_gray(at(&s, 50, 45)));
    for (int c = 0; c < 3; c++) /* the seam darkens the ground */
        assert_true(at(&s, 19, 30)[c] < GRAY);
}

static void a_hole_is_left_clear_and_what_is_in_it_is_not(void **state) {
    (void)state;
    static scene s;
    memset(&s, 0, sizeof s);
    fill_box(&s, 8, 8, 80, 80, 0.75f);
    fill_box(&s, 16, 16, 64, 64, 0);
    fill_box(&s, 30, 30, 40, 14, 0.75f);
    draw(&s);
    assert_true(is_tinted(at(&s, 12, 48)));
    assert_true(is_gray(at(&s, 22, 48)) && is_gray(at(&s, 48, 60)));
    assert_true(is_tinted(at(&s, 33, 33)));
    const uint8_t *hole = at(&s, 15, 48), *outline = at(&s, 8, 48);
    assert_true(hole[0] > 200 && hole[1] + 60 < outline[1]); /* orange, not yellow */
}

static void nothing_found_leaves_the_picture_as_it_was(void **state) {
    (void)state;
    static scene s;
    memset(&s, 0, sizeof s);
    draw(&s);
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_true(is_gray(s.rgb + 3 * i));
}

static int white_pixels(const scene *s) {
    int count = 0;
    for (int i = 0; i < SIDE * SIDE; i++)
        count += s->rgb[3 * i] == 255 && s->rgb[3 * i + 1] == 255 && s->rgb[3 * i + 2] == 255;
    return count;
}

/* An 8 has 17 dots, a 0 16, a 1 10 and the percent sign 13. */
static void a_label_says_the_confidence_where_there_is_room(void **state) {
    (void)state;
    static scene s;
    memset(&s, 0, sizeof s);
    fill_box(&s, 20, 20, 60, 30, 0.88f);
    draw(&s);
    int eighty_eight = white_pixels(&s);
    assert_int_equal(eighty_eight, 17 + 17 + 13);
    fill_box(&s, 20, 20, 60, 30, 1.0f);
    draw(&s);
    assert_int_equal(white_pixels(&s), 10 + 16 + 16 + 13);
    memset(&s, 0, sizeof s);
    fill_box(&s, 20, 20, 10, 30, 0.88f); /* too narrow */
    fill_box(&s, 40, 20, 50, 10, 0.88f); /* too low */
    draw(&s);
    assert_int_equal(white_pixels(&s), 0);
}

/* A ring's middle is in its hole: the label stands on the ring. */
static void a_label_stands_on_its_region(void **state) {
    (void)state;
    static scene s;
    memset(&s, 0, sizeof s);
    fill_box(&s, 4, 4, 88, 88, 0.88f);
    fill_box(&s, 12, 12, 40, 72, 0);
    draw(&s);
    assert_true(white_pixels(&s) > 0);
    for (int y = 16; y < 80; y++)
        for (int x = 16; x < 48; x++)
            assert_true(is_gray(at(&s, x, y)));
}

/* Its middle row is a bar, wide enough for a label and too thin. */
static void a_thin_loop_has_no_label(void **state) {
    (void)state;
    static scene s;
    memset(&s, 0, sizeof s);
    fill_box(&s, 10, 10, 70, 41, 0.88f);
    fill_box(&s, 13, 13, 64, 16, 0);
    fill_box(&s, 13, 32, 64, 16, 0);
    draw(&s);
    assert_int_equal(white_pixels(&s), 0);
}

static void the_same_polygons_draw_the_same_picture(void **state) {
    (void)state;
    static scene first, second;
    bt_random random = bt_random_stream(1, "overlay");
    for (int i = 0; i < SIDE * SIDE; i++)
        first.probabilities[i] = (float)bt_random_uniform(&random);
    second = first;
    draw(&first);
    draw(&second);
    assert_memory_equal(first.rgb, second.rgb, sizeof first.rgb);
}

/* ---- by class ---- */

static const bt_class classes[] = {{.name = "ground", .left_out = true},
                                   {.name = "cell", .rgb = {230, 159, 0}},
                                   {.name = "border", .rgb = {0, 114, 178}},
                                   {.name = "\xc3\x9fpot", .rgb = {0, 0, 0}}};
#define CLASSES 4

static void draw_labels(uint8_t *rgb, const uint8_t *labels, int height, int width) {
    bt_polygons *polygons;
    bt_error error;
    memset(rgb, GRAY, 3 * (size_t)height * (size_t)width);
    if (bt_polygons_find_classes(&polygons, labels, NULL, classes, CLASSES, height, width, 0, &error) ||
        bt_overlay_draw_classes(rgb, polygons, classes, CLASSES, &error))
        fail_msg("%s", error.message);
    bt_polygons_close(&polygons);
}

static void label_box(uint8_t *labels, int x, int y, int width, int height, uint8_t label) {
    for (int v = y; v < y + height; v++)
        memset(labels + v * SIDE + x, label, (size_t)width);
}

static bool is_colour(const uint8_t *pixel, int number) {
    return memcmp(pixel, classes[number].rgb, 3) == 0;
}

static void each_class_has_its_own_colour(void **state) {
    (void)state;
    static uint8_t labels[SIDE * SIDE];
    static scene s;
    memset(labels, 0, sizeof labels);
    label_box(labels, 10, 10, 30, 20, 1);
    label_box(labels, 40, 10, 30, 20, 2); /* touches it */
    draw_labels(s.rgb, labels, SIDE, SIDE);
    assert_true(is_colour(at(&s, 10, 20), 1) && is_colour(at(&s, 39, 20), 1) && is_colour(at(&s, 20, 10), 1));
    assert_true(is_colour(at(&s, 40, 20), 2) && is_colour(at(&s, 69, 20), 2) && is_colour(at(&s, 60, 29), 2));
    const uint8_t *cell = at(&s, 14, 14), *border = at(&s, 60, 26), *ground = at(&s, 80, 40);
    assert_true(cell[0] > cell[2] + 30 && border[2] > border[0] + 30); /* orange and blue */
    assert_true(is_gray(ground));
}

static void a_dark_line_has_a_bright_seam(void **state) {
    (void)state;
    static uint8_t labels[SIDE * SIDE];
    static scene s;
    memset(labels, 0, sizeof labels);
    label_box(labels, 10, 10, 30, 20, 3);
    draw_labels(s.rgb, labels, SIDE, SIDE);
    assert_true(is_colour(at(&s, 10, 20), 3) && at(&s, 9, 20)[0] > GRAY);
}

/* A patch of colour for each class that is there, with its name; where no region lies beneath. */
static void the_classes_are_named_in_a_corner(void **state) {
    (void)state;
    static uint8_t labels[SIDE * SIDE];
    static scene s;
    memset(labels, 0, sizeof labels);
    label_box(labels, 10, 10, 20, 12, 2);
    label_box(labels, 40, 10, 20, 12, 1);
    draw_labels(s.rgb, labels, SIDE, SIDE);
    assert_true(is_colour(at(&s, 9, 73), 1) && is_colour(at(&s, 9, 84), 2));
    assert_true(white_pixels(&s) > 50);
    label_box(labels, 0, 64, 30, 32, 1);
    draw_labels(s.rgb, labels, SIDE, SIDE);
    assert_false(is_colour(at(&s, 9, 73), 1)); /* at the other side then */
    int patch = 0;
    for (int x = SIDE / 3; x < SIDE; x++)
        patch += is_colour(at(&s, x, 73), 1);
    assert_int_equal(patch, 5);
}

static void a_small_picture_names_nothing(void **state) {
    (void)state;
    uint8_t labels[40 * 40] = {0}, rgb[3 * 40 * 40];
    labels[20 * 40 + 20] = 1;
    draw_labels(rgb, labels, 40, 40);
    for (int i = 0; i < 40 * 40; i++)
        if (i / 40 < 15 || i / 40 > 25) assert_true(is_gray(rgb + 3 * i));
}

/* Points, lines and whole pictures at the edges: the sanitizers watch. */
static void labels_of_any_size_can_be_drawn(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        bt_random random = bt_random_stream(seed, "label sizes");
        static uint8_t labels[SIDE * SIDE], rgb[3 * SIDE * SIDE];
        const int height = 1 + (int)bt_random_below(&random, SIDE),
                  width = 1 + (int)bt_random_below(&random, SIDE);
        const int block = 1 + (int)bt_random_below(&random, 40);
        for (int i = 0; i < height * width; i++)
            labels[i] = (uint8_t)((i / width / block + i % width / block) % CLASSES);
        draw_labels(rgb, labels, height, width);
        for (int i = 0; i < height * width; i++)
            if (labels[i] > 0 && is_gray(rgb + 3 * i))
                fail_msg("seed %llu: pixel %d is of a region and shows nothing", (unsigned long long)seed, i);
    }
}

static void classes_without_names_are_not_drawn(void **state) {
    (void)state;
    static const bt_class unnamed[] = {{.left_out = true}, {.rgb = {1, 2, 3}}};
    static uint8_t rgb[3 * SIDE * SIDE];
    const bt_polygons none = {SIDE, SIDE, 0, NULL};
    bt_error error;
    assert_int_equal(bt_overlay_draw_classes(rgb, &none, unnamed, 2, &error), BT_INVALID);
}

/* Points, lines and whole pictures at the edges: the sanitizers watch. */
static void any_mask_of_any_size_can_be_drawn(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        bt_random random = bt_random_stream(seed, "sizes");
        int height = 1 + (int)bt_random_below(&random, 40), width = 1 + (int)bt_random_below(&random, 40);
        size_t pixels = (size_t)height * width;
        float *probabilities = malloc(pixels * sizeof *probabilities);
        uint8_t *rgb = malloc(3 * pixels);
        double density = bt_random_uniform(&random);
        for (size_t i = 0; i < pixels; i++)
            probabilities[i] = bt_random_uniform(&random) < density ? 0.9f : 0.1f;
        memset(rgb, GRAY, 3 * pixels);
        bt_polygons *polygons;
        bt_error error;
        if (bt_polygons_find(&polygons, probabilities, height, width, 0.5f, 0, &error) ||
            bt_overlay_draw(rgb, polygons, &error))
            fail_msg("seed %llu: %s", (unsigned long long)seed, error.message);
        for (size_t i = 0; i < pixels; i++)
            if (probabilities[i] > 0.5f && is_gray(rgb + 3 * i))
                fail_msg("seed %llu: pixel %zu is of a region and shows nothing", (unsigned long long)seed,
                         i);
        bt_polygons_close(&polygons);
        free(rgb);
        free(probabilities);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_region_is_tinted_inside_its_line_and_its_seam),
        cmocka_unit_test(a_hole_is_left_clear_and_what_is_in_it_is_not),
        cmocka_unit_test(nothing_found_leaves_the_picture_as_it_was),
        cmocka_unit_test(a_label_says_the_confidence_where_there_is_room),
        cmocka_unit_test(a_label_stands_on_its_region),
        cmocka_unit_test(a_thin_loop_has_no_label),
        cmocka_unit_test(the_same_polygons_draw_the_same_picture),
        cmocka_unit_test(each_class_has_its_own_colour),
        cmocka_unit_test(a_dark_line_has_a_bright_seam),
        cmocka_unit_test(the_classes_are_named_in_a_corner),
        cmocka_unit_test(a_small_picture_names_nothing),
        cmocka_unit_test(labels_of_any_size_can_be_drawn),
        cmocka_unit_test(classes_without_names_are_not_drawn),
        cmocka_unit_test(any_mask_of_any_size_can_be_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
