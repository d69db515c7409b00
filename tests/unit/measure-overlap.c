/* How far two masks agree, whatever they come from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>

#include "measure/overlap.h"

/* Two pixels in both, four in either. */
static void pixels_above_the_threshold_count(void **state) {
    (void)state;
    static const float a[] = {0.6F, 0.9F, 0.7F, 0.1F, 0.2F}, b[] = {0.8F, 0.6F, 0.5F, 0.9F, 0.1F};
    const bt_overlap overlap = bt_overlap_of(a, b, 5, 0.5);
    assert_int_equal(overlap.both, 2);
    assert_int_equal(overlap.either, 4);
    assert_true(bt_overlap_iou(overlap) == 0.5);
    assert_true(bt_overlap_iou(bt_overlap_of(a, b, 5, 0)) == 1);
}

static void two_empty_masks_agree_and_an_empty_one_with_no_other(void **state) {
    (void)state;
    static const float none[] = {-1, -2}, one[] = {-1, 2};
    assert_true(bt_overlap_iou(bt_overlap_of(none, none, 2, 0)) == 1);
    assert_true(bt_overlap_iou(bt_overlap_of(none, one, 2, 0)) == 0);
}

/* What is no number is above nothing. */
static void a_value_that_is_no_number_is_in_no_mask(void **state) {
    (void)state;
    static const float broken[] = {NAN, 1}, whole[] = {1, 1};
    assert_true(bt_overlap_iou(bt_overlap_of(broken, whole, 2, 0)) == 0.5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_above_the_threshold_count),
        cmocka_unit_test(two_empty_masks_agree_and_an_empty_one_with_no_other),
        cmocka_unit_test(a_value_that_is_no_number_is_in_no_mask),
    };
    return cmocka_run_group_tests_name("measure: agreement of masks", tests, NULL, NULL);
}
