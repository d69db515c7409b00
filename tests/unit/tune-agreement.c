/* How far two sets of masks agree: over all images together, and of the worst one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>

#include "tune/agreement.h"

enum { PIXELS = 4 };

static bt_agreement of(const float *reference, int reference_count, const float *logits, int count) {
    return (bt_agreement){.output = BT_OUTPUT_LOGITS,
                          .pixels = PIXELS,
                          .classes = 1,
                          .reference = reference,
                          .reference_count = reference_count,
                          .logits = logits,
                          .count = count};
}

static bt_step_result compare(const float *reference, int reference_count, const float *logits, int count) {
    const bt_agreement agreement = of(reference, reference_count, logits, count);
    bt_step_result result = bt_step_result_empty();
    bt_error error;
    assert_int_equal(bt_agreement_compare(&agreement, &result, &error), BT_OK);
    return result;
}

static void the_same_logits_agree_wholly(void **state) {
    (void)state;
    static const float logits[2 * PIXELS] = {-1, 2, 3, -4, 5, 6, -7, 8};
    const bt_step_result result = compare(logits, 2, logits, 2);
    assert_true(result.logit_error == 0 && result.mask_iou == 1 && result.mask_iou_least == 1);
    assert_true(result.output_least == -7 && result.output_most == 8);
    assert_true(result.mask_share == 5.0 / 8);
}

/* Three of four pixels of one image, and one of two of the other: together four of six. */
static void the_worst_image_is_told_beside_all_of_them(void **state) {
    (void)state;
    static const float reference[2 * PIXELS] = {1, 1, 1, 1, 1, 1, -1, -1};
    static const float logits[2 * PIXELS] = {1, 1, 1, -1, 1, -1, -1, -1};
    const bt_step_result result = compare(reference, 2, logits, 2);
    assert_true(fabs(result.mask_iou - 4.0 / 6) < 1e-12);
    assert_true(fabs(result.mask_iou_least - 0.5) < 1e-12);
    assert_true(result.logit_error > 0.5);
}

static void two_empty_masks_agree(void **state) {
    (void)state;
    static const float reference[PIXELS] = {-1, -2, -3, -4}, logits[PIXELS] = {-4, -3, -2, -1};
    const bt_step_result result = compare(reference, 1, logits, 1);
    assert_true(result.mask_iou == 1 && result.mask_iou_least == 1);
}

/* A batch of more images than there are repeats them. */
static void images_that_come_again_are_compared_with_their_own(void **state) {
    (void)state;
    static const float reference[PIXELS] = {1, 1, -1, -1};
    static const float logits[2 * PIXELS] = {1, 1, -1, -1, 1, -1, -1, -1};
    const bt_step_result result = compare(reference, 1, logits, 2);
    assert_true(fabs(result.mask_iou - 3.0 / 4) < 1e-12);
    assert_true(fabs(result.mask_iou_least - 0.5) < 1e-12);
}

static void what_is_not_finite_is_no_agreement(void **state) {
    (void)state;
    static const float reference[PIXELS] = {1, 1, -1, -1};
    const float logits[PIXELS] = {1, NAN, -1, -1};
    const bt_agreement agreement = of(reference, 1, logits, 1);
    bt_step_result result = bt_step_result_empty();
    bt_error error;
    assert_int_equal(bt_agreement_compare(&agreement, &result, &error), BT_BACKEND);
}

/* Four pixels of three classes: one of class 0 is taken for class 1. IoU: 1/2 of class 0, 1/2 of class 1, 1 of class 2. */
static void of_several_classes_the_mean_over_those_that_are_there_counts(void **state) {
    (void)state;
    static const float reference[3 * PIXELS] = {5, 5, 0, 0, 0, 0, 5, 0, 0, 0, 0, 5};
    static const float logits[3 * PIXELS] = {5, 0, 0, 0, 0, 5, 5, 0, 0, 0, 0, 5};
    static const bt_model_map map = {.tensor_number = -1};
    bt_agreement agreement = of(reference, 1, logits, 1);
    bt_step_result result = bt_step_result_empty();
    bt_error error;
    agreement.classes = 3;
    agreement.map = &map;
    assert_int_equal(bt_agreement_compare(&agreement, &result, &error), BT_OK);
    assert_true(fabs(result.mask_iou - (0.5 + 0.5 + 1) / 3) < 1e-12);
    assert_true(result.mask_iou_least == result.mask_iou);
    assert_true(fabs(result.mask_share - 2.0 / PIXELS) < 1e-12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_logits_agree_wholly),
        cmocka_unit_test(the_worst_image_is_told_beside_all_of_them),
        cmocka_unit_test(two_empty_masks_agree),
        cmocka_unit_test(images_that_come_again_are_compared_with_their_own),
        cmocka_unit_test(what_is_not_finite_is_no_agreement),
        cmocka_unit_test(of_several_classes_the_mean_over_those_that_are_there_counts),
    };
    return cmocka_run_group_tests_name("tune: agreement", tests, NULL, NULL);
}
