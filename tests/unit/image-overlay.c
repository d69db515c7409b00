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
        cmocka_unit_test(the_same_polygons_draw_the_same_picture),
        cmocka_unit_test(any_mask_of_any_size_can_be_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
