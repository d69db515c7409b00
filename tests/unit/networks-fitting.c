/* Which tensor of a user's network is its map, told or found out, and what is said where none fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "networks/fitting.h"

static const bt_given_for images = {
    .file = "net.pt", .batch_size = 2, .channels = 3, .height = 64, .width = 96};

static const bt_model_map nothing_said = {.tensor_number = -1};

static bt_given four(const char *name, int64_t classes, int64_t height, int64_t width) {
    return (bt_given){
        .name = name, .type = "float", .floating = true, .rank = 4, .dims = {2, classes, height, width}};
}

static bt_fitted fitted(const bt_model_map *map, const bt_given *given, int count) {
    bt_fitted out;
    bt_error error = {0};
    if (bt_model_fit(&out, map, given, count, &images, &error) != BT_OK) fail_msg("%s", error.message);
    return out;
}

static void assert_refused(const bt_model_map *map, const bt_given *given, int count, const char *words) {
    bt_fitted out;
    bt_error error = {0};
    assert_int_equal(bt_model_fit(&out, map, given, count, &images, &error), BT_INVALID);
    if (!strstr(error.message, words)) fail_msg("\"%s\" has not \"%s\"", error.message, words);
}

static void one_map_is_taken_without_a_word(void **state) {
    (void)state;
    const bt_given given[] = {four("", 1, 64, 96)};
    const bt_fitted out = fitted(&nothing_said, given, 1);
    assert_true(out.tensor == 0 && out.classes == 1 && out.factor == 1);
    assert_string_equal(out.found, "");
}

static void three_dimensions_are_one_class(void **state) {
    (void)state;
    const bt_given given[] = {
        {.name = "", .type = "float", .floating = true, .rank = 3, .dims = {2, 64, 96}}};
    assert_int_equal(fitted(&nothing_said, given, 1).classes, 1);
}

static void a_smaller_map_of_several_classes_is_found_among_others_and_told(void **state) {
    (void)state;
    const bt_given given[] = {four("features", 512, 2, 3), four("scores", 3, 16, 24)};
    const bt_fitted out = fitted(&nothing_said, given, 2);
    assert_true(out.tensor == 1 && out.classes == 3 && out.factor == 4);
    assert_string_equal(
        out.found,
        "of its 2 tensors \"scores\" is taken (\"output\": \"scores\"); its map is smaller by 4 and is "
        "enlarged; gives 3 classes: its mask is where it is not the first (\"mask\" says which)");
}

static void the_usual_name_comes_before_the_first_that_fits(void **state) {
    (void)state;
    const bt_given given[] = {four("aux", 1, 64, 96), four("out", 1, 64, 96)};
    assert_int_equal(fitted(&nothing_said, given, 2).tensor, 1);
}

static void a_tensor_is_named_or_numbered(void **state) {
    (void)state;
    const bt_given given[] = {four("a", 1, 64, 96), four("b", 1, 64, 96)};
    const bt_model_map named = {.tensor = "b", .tensor_number = -1}, second = {.tensor_number = 1},
                       absent = {.tensor = "c", .tensor_number = -1}, beyond = {.tensor_number = 2};
    assert_int_equal(fitted(&named, given, 2).tensor, 1);
    assert_string_equal(fitted(&named, given, 2).found, "");
    assert_int_equal(fitted(&second, given, 2).tensor, 1);
    assert_refused(&absent, given, 2, "gives no tensor \"c\"; there is \"a\", \"b\"");
    assert_refused(&beyond, given, 2, "gives no tensor 2; there is \"a\", \"b\"");
}

static void what_fits_nothing_is_refused_with_its_shapes(void **state) {
    (void)state;
    const bt_given odd[] = {four("", 1, 60, 96)}, askew[] = {four("", 1, 32, 96)},
                   flat[] = {{.name = "", .rank = 0}},
                   whole[] = {{.name = "", .type = "long", .rank = 4, .dims = {2, 1, 64, 96}}};
    assert_refused(&nothing_said, odd, 1, "net.pt: gives 2 x 1 x 60 x 96 for images of 2 x 3 x 64 x 96; ");
    assert_refused(&nothing_said, askew, 1, "2 x 1 x 32 x 96");
    assert_refused(&nothing_said, flat, 1, "gives one number for images");
    assert_refused(&nothing_said, odd, 0, "gives nothing for images");
    assert_refused(&nothing_said, whole, 1, "gives numbers of type long");
}

static void a_mask_has_some_of_the_classes_that_there_are(void **state) {
    (void)state;
    const bt_given given[] = {four("", 3, 64, 96)};
    const bt_model_map second = {.tensor_number = -1, .in_mask = {[2] = true}},
                       fourth = {.tensor_number = -1, .in_mask = {[3] = true}},
                       all = {.tensor_number = -1, .in_mask = {true, true, true}},
                       two = {.tensor_number = -1, .class_count = 2};
    assert_string_equal(fitted(&second, given, 1).found, "");
    assert_false(bt_model_map_masks(&second, 1, 3));
    assert_true(bt_model_map_masks(&second, 2, 3));
    assert_refused(&fourth, given, 1, "\"mask\" has number 3, and they count from 0");
    assert_refused(&all, given, 1, "all of which \"mask\" has");
    assert_refused(&two, given, 1, "gives 3 classes; its JSON file names 2");
}

static void without_a_word_all_but_the_background_are_masked(void **state) {
    (void)state;
    const bt_model_map sigmoids = {.tensor_number = -1, .sigmoid = true};
    assert_false(bt_model_map_masks(&nothing_said, 0, 3));
    assert_true(bt_model_map_masks(&nothing_said, 1, 3) && bt_model_map_masks(&nothing_said, 2, 3));
    assert_true(bt_model_map_masks(&nothing_said, 0, 1));
    assert_true(bt_model_map_masks(&sigmoids, 0, 3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_map_is_taken_without_a_word),
        cmocka_unit_test(three_dimensions_are_one_class),
        cmocka_unit_test(a_smaller_map_of_several_classes_is_found_among_others_and_told),
        cmocka_unit_test(the_usual_name_comes_before_the_first_that_fits),
        cmocka_unit_test(a_tensor_is_named_or_numbered),
        cmocka_unit_test(what_fits_nothing_is_refused_with_its_shapes),
        cmocka_unit_test(a_mask_has_some_of_the_classes_that_there_are),
        cmocka_unit_test(without_a_word_all_but_the_background_are_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
