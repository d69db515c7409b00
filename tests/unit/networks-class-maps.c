/* One mask of several classes, and the class of each pixel, against what the formulas say in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>

#include "base/random.h"
#include "networks/class-maps.h"
#include "networks/fitting.h"

enum { CLASSES = 5, PIXELS = 1300 }; /* more than two blocks, and a rest */

static float planes[CLASSES * PIXELS], merged[PIXELS];
static uint8_t labels[PIXELS];

static bt_class_maps filled(double least, double most, bt_image_output output, const bt_model_map *map) {
    bt_random random = bt_random_stream(7, "class maps");
    for (size_t i = 0; i < CLASSES * PIXELS; i++)
        planes[i] = (float)bt_random_between(&random, least, most);
    return (bt_class_maps){planes, CLASSES, PIXELS, output, map};
}

static double at(int class_number, size_t pixel) {
    return planes[(size_t)class_number * PIXELS + pixel];
}

static double softmax_inside(const bt_model_map *map, size_t pixel) {
    double inside = 0, all = 0, most = at(0, pixel);
    for (int c = 1; c < CLASSES; c++)
        most = fmax(most, at(c, pixel));
    for (int c = 0; c < CLASSES; c++) {
        const double e = exp(at(c, pixel) - most);
        all += e;
        if (bt_model_map_masks(map, c, CLASSES)) inside += e;
    }
    return inside / all;
}

static void assert_merges_as_softmax(const bt_model_map *map, double reach) {
    const bt_class_maps maps = filled(-reach, reach, BT_OUTPUT_LOGITS, map);
    bt_class_maps_merge(&maps, merged);
    for (size_t i = 0; i < PIXELS; i++) {
        const double p = 1 / (1 + exp(-(double)merged[i]));
        if (!(fabs(p - softmax_inside(map, i)) < 1e-5)) fail_msg("pixel %zu: %g", i, p);
    }
}

static void a_merged_logit_is_the_probability_of_its_classes_together(void **state) {
    (void)state;
    const bt_model_map usual = {.tensor_number = -1}, two = {.in_mask = {[1] = true, [3] = true}},
                       first = {.in_mask = {true}};
    assert_merges_as_softmax(&usual, 4);
    assert_merges_as_softmax(&two, 4);
    assert_merges_as_softmax(&first, 40);
}

static void logits_beyond_what_an_exponential_holds_stay_numbers(void **state) {
    (void)state;
    const bt_model_map usual = {.tensor_number = -1};
    const bt_class_maps maps = filled(-2000, 2000, BT_OUTPUT_LOGITS, &usual);
    bt_class_maps_merge(&maps, merged);
    for (size_t i = 0; i < PIXELS; i++)
        assert_true(isfinite(merged[i]));
}

static void merged_probabilities_are_their_sum(void **state) {
    (void)state;
    const bt_model_map two = {.in_mask = {[1] = true, [3] = true}};
    const bt_class_maps maps = filled(0, 0.2, BT_OUTPUT_PROBABILITIES, &two);
    bt_class_maps_merge(&maps, merged);
    for (size_t i = 0; i < PIXELS; i++)
        assert_true(fabs(merged[i] - (at(1, i) + at(3, i))) < 1e-6);
}

static void with_sigmoids_the_highest_in_the_mask_counts(void **state) {
    (void)state;
    const bt_model_map two = {.sigmoid = true, .in_mask = {[1] = true, [3] = true}};
    const bt_class_maps maps = filled(-4, 4, BT_OUTPUT_LOGITS, &two);
    bt_class_maps_merge(&maps, merged);
    for (size_t i = 0; i < PIXELS; i++)
        assert_true(merged[i] == (float)fmax(at(1, i), at(3, i)));
}

static int highest(size_t pixel) {
    int of = 0;
    for (int c = 1; c < CLASSES; c++)
        if (at(c, pixel) > at(of, pixel)) of = c;
    return of;
}

static void a_label_is_the_highest_class_and_of_equals_the_first(void **state) {
    (void)state;
    const bt_model_map usual = {.tensor_number = -1};
    const bt_class_maps maps = filled(-4, 4, BT_OUTPUT_LOGITS, &usual);
    for (int c = 0; c < CLASSES; c++)
        planes[(size_t)c * PIXELS + 3] = 1.5F;
    bt_class_maps_label(&maps, 0.5F, labels);
    assert_int_equal(labels[3], 0);
    for (size_t i = 0; i < PIXELS; i++)
        assert_int_equal(labels[i], highest(i));
}

static void with_sigmoids_a_pixel_may_have_no_class(void **state) {
    (void)state;
    const bt_model_map sigmoids = {.sigmoid = true};
    const bt_class_maps maps = filled(-8, 2, BT_OUTPUT_LOGITS, &sigmoids);
    int none = 0;
    bt_class_maps_label(&maps, 0.5F, labels);
    for (size_t i = 0; i < PIXELS; i++) {
        const int expected = at(highest(i), i) > 0 ? highest(i) : BT_NO_LABEL;
        assert_int_equal(labels[i], expected);
        none += expected == BT_NO_LABEL;
    }
    assert_true(none > 0 && none < PIXELS);
    bt_class_maps_label(&maps, 0.9F, labels);
    for (size_t i = 0; i < PIXELS; i++)
        assert_int_equal(labels[i], at(highest(i), i) > log(9) ? highest(i) : BT_NO_LABEL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_merged_logit_is_the_probability_of_its_classes_together),
        cmocka_unit_test(logits_beyond_what_an_exponential_holds_stay_numbers),
        cmocka_unit_test(merged_probabilities_are_their_sum),
        cmocka_unit_test(with_sigmoids_the_highest_in_the_mask_counts),
        cmocka_unit_test(a_label_is_the_highest_class_and_of_equals_the_first),
        cmocka_unit_test(with_sigmoids_a_pixel_may_have_no_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
