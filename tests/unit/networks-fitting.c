/* Which tensor of a user's network is its map, told or found out, and what is said where none fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "expect.h"
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
    assert_refused(
        &absent, given, 2,
        "gives no tensor \"c\"; there is \"a\", \"b\"; {\"output\": \"a\"} in its JSON file would do");
    assert_refused(&beyond, given, 2, "gives no tensor 2; there is \"a\", \"b\"");
    const bt_given flat[] = {{.name = "", .rank = 2, .dims = {2, 10}}};
    assert_refused(&absent, flat, 1, "none of them is a map");
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

static void a_map_whose_classes_come_last_is_taken_as_that(void **state) {
    (void)state;
    const bt_given last[] = {four("", 64, 96, 3)}, both[] = {four("", 64, 96, 3), four("", 2, 64, 96)};
    const bt_model_map said = {.tensor_number = -1, .channels_last = true, .in_mask = {[1] = true}};
    bt_fitted out = fitted(&said, last, 1);
    assert_true(out.channels_last && out.classes == 3 && out.factor == 1);
    assert_string_equal(out.found, "");
    out = fitted(&nothing_said, last, 1);
    assert_true(out.channels_last && out.classes == 3);
    says(out.found, "its map is N x H x W x classes");
    assert_int_equal(fitted(&nothing_said, both, 2).tensor, 1); /* the usual layout comes first */
    assert_int_equal(fitted(&said, both, 2).tensor, 0);
    out = fitted(&said, both + 1, 1);
    assert_false(out.channels_last);
    assert_string_equal(out.found, "its map is N x classes x H x W");
}

static void a_stride_that_is_said_is_held_to(void **state) {
    (void)state;
    const bt_given given[] = {four("", 1, 16, 24)}, whole[] = {four("", 1, 64, 96)};
    const bt_model_map fourth = {.tensor_number = -1, .stride = 4}, none = {.tensor_number = -1, .stride = 1};
    assert_int_equal(fitted(&fourth, given, 1).factor, 4);
    assert_string_equal(fitted(&fourth, given, 1).found, "");
    assert_refused(&none, given, 1, "its map is smaller by 4; its JSON file's \"stride\" says 1");
    assert_refused(&fourth, whole, 1, "its map is smaller by 1; its JSON file's \"stride\" says 4");
}

/* Networks that halve their images lose what is odd: images padded to a multiple are not odd. */
static void a_size_that_padding_would_mend_is_told_so(void **state) {
    (void)state;
    static const bt_given_for odd = {
        .file = "net.pt", .batch_size = 2, .channels = 3, .height = 30, .width = 42};
    static const struct {
        int height, width;
        const char *remedy;
    } cases[] = {
        {28, 40, "{\"pad_to_multiple\": 4} in its JSON file"}, /* all pixels but those beyond a multiple */
        {15, 21, ""},                                          /* fits */
        {8, 11, "{\"pad_to_multiple\": 4} in its JSON file"},  /* every fourth, rounded up */
        {7, 10, "{\"pad_to_multiple\": 4} in its JSON file"},  /* or down */
        {26, 38, NULL}};                                       /* a border lost: no padding mends that */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const bt_given given[] = {four("", 3, cases[i].height, cases[i].width)};
        const bt_model_map padded = {.tensor_number = -1, .pad_to_multiple = 2};
        bt_fitted out;
        bt_error error = {0};
        const bt_status status = bt_model_fit(&out, &nothing_said, given, 1, &odd, &error);
        assert_int_equal(status == BT_OK, cases[i].remedy && !*cases[i].remedy);
        if (status == BT_OK) continue;
        if (cases[i].remedy)
            says(error.message, cases[i].remedy);
        else
            assert_null(strstr(error.message, "pad_to_multiple"));
        assert_int_equal(bt_model_fit(&out, &padded, given, 1, &odd, &error), BT_INVALID);
        assert_null(strstr(error.message, "pad_to_multiple")); /* it has been tried */
    }
}

static void pictures_are_padded_to_the_next_multiple(void **state) {
    (void)state;
    const bt_model_map map = {.pad_to_multiple = 32};
    assert_int_equal(bt_model_map_padded(&nothing_said, 33), 33);
    assert_int_equal(bt_model_map_padded(&map, 1), 32);
    assert_int_equal(bt_model_map_padded(&map, 64), 64);
    assert_int_equal(bt_model_map_padded(&map, 65), 96);
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
        cmocka_unit_test(a_map_whose_classes_come_last_is_taken_as_that),
        cmocka_unit_test(a_stride_that_is_said_is_held_to),
        cmocka_unit_test(a_size_that_padding_would_mend_is_told_so),
        cmocka_unit_test(pictures_are_padded_to_the_next_multiple),
        cmocka_unit_test(a_mask_has_some_of_the_classes_that_there_are),
        cmocka_unit_test(without_a_word_all_but_the_background_are_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
