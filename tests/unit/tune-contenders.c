/* The ways of running that are compared before a sweep: which there are, which is taken, and what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tune/contenders.h"

static const bt_division two_divisions[2] = {{.instances = 1, .threads = 0}, {.instances = 2, .threads = 1}};

static bt_ways on_a_cpu(bt_precision asked) {
    return (bt_ways){.divisions = two_divisions,
                     .division_count = 2,
                     .asked = asked,
                     .use_amp = true,
                     .can = {[BT_PRECISION_FP32] = true, [BT_PRECISION_BF16] = true},
                     .channels_last = true};
}

/* "fp32x1 bf16x1 (int8x1)": in brackets what cannot win; "-" where it is NCHW. */
static void check_list(const bt_ways *ways, const char *wanted) {
    bt_contender list[BT_CONTENDERS_MAX];
    char text[400] = "";
    const int count = bt_contenders_list(ways, list);
    for (int i = 0; i < count; i++) {
        const bt_contender *c = &list[i];
        const size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s%s%.7sx%d%s", i ? " " : "", c->may_win ? "" : "(",
                 c->channels_last ? "" : "-", c->precision, c->instances, c->may_win ? "" : ")");
        assert_true(isnan(c->median_ms) && isnan(c->mask_iou) && isnan(c->ratio));
    }
    assert_string_equal(text, wanted);
}

static void auto_lets_fp32_and_the_half_compete(void **state) {
    (void)state;
    bt_ways ways = on_a_cpu(BT_PRECISION_AUTO);
    check_list(&ways, "fp32x1 bf16x1 fp32x2 bf16x2");
    ways.division_count = 1;
    ways.can[BT_PRECISION_BF16] = false;
    check_list(&ways, "fp32x1");
    ways.can[BT_PRECISION_BF16] = ways.can[BT_PRECISION_FP16] = true; /* a GPU: its half is FP16 */
    check_list(&ways, "fp32x1 fp16x1");
}

static void without_amp_fp32_is_alone(void **state) {
    (void)state;
    bt_ways ways = on_a_cpu(BT_PRECISION_AUTO);
    ways.use_amp = false;
    check_list(&ways, "fp32x1 fp32x2");
}

static void int8_wins_only_where_it_was_asked_for(void **state) {
    (void)state;
    bt_ways ways = on_a_cpu(BT_PRECISION_AUTO);
    ways.can[BT_PRECISION_INT8] = true;
    check_list(&ways, "fp32x1 bf16x1 fp32x2 bf16x2 (int8x1)");
    ways.asked = BT_PRECISION_AUTO_INT8;
    check_list(&ways, "fp32x1 bf16x1 int8x1 fp32x2 bf16x2 int8x2");
    ways.use_amp = false; /* which is about halves */
    check_list(&ways, "fp32x1 int8x1 fp32x2 int8x2");
}

static void a_forced_precision_meets_the_others_to_be_told(void **state) {
    (void)state;
    bt_ways ways = on_a_cpu(BT_PRECISION_BF16);
    ways.can[BT_PRECISION_INT8] = true;
    check_list(&ways, "bf16x1 bf16x2 (fp32x1)");
    ways.asked = BT_PRECISION_INT8;
    check_list(&ways, "int8x1 int8x2 (fp32x1) (bf16x1)");
    ways.asked = BT_PRECISION_FP32;
    check_list(&ways, "fp32x1 fp32x2 (bf16x1)");
}

static void layouts_compete_where_both_may_be(void **state) {
    (void)state;
    bt_ways ways = on_a_cpu(BT_PRECISION_AUTO);
    ways.division_count = 1;
    ways.both_layouts = true;
    check_list(&ways, "fp32x1 -fp32x1 bf16x1 -bf16x1");
    ways.both_layouts = ways.channels_last = false; /* a user's off stays off */
    check_list(&ways, "-fp32x1 -bf16x1");
}

static void where_nothing_can_be_chosen_there_are_divisions_alone(void **state) {
    (void)state;
    bt_ways ways = on_a_cpu(BT_PRECISION_AUTO);
    ways.fixed = true;
    check_list(&ways, "autox1 autox2");
}

static void all_that_there_can_be_fits(void **state) {
    (void)state;
    bt_division five[BT_DIVISIONS_MAX];
    bt_contender list[BT_CONTENDERS_MAX];
    for (int i = 0; i < BT_DIVISIONS_MAX; i++)
        five[i] = (bt_division){.instances = 1 << i, .threads = 1};
    bt_ways ways = on_a_cpu(BT_PRECISION_AUTO);
    ways.divisions = five;
    ways.division_count = BT_DIVISIONS_MAX;
    ways.both_layouts = true;
    assert_int_equal(bt_contenders_list(&ways, list), 4 * BT_DIVISIONS_MAX);
    ways.both_layouts = false;
    ways.asked = BT_PRECISION_AUTO_INT8;
    ways.can[BT_PRECISION_INT8] = true;
    assert_int_equal(bt_contenders_list(&ways, list), 3 * BT_DIVISIONS_MAX);
}

/* ---- what is taken ---- */

/* FP32 and BF16 by one and two instances, and INT8 to be told. */
enum { FP32_1, BF16_1, FP32_2, BF16_2, INT8_1, COUNT };

typedef struct field {
    bt_contender list[BT_CONTENDERS_MAX];
    bt_contender *taken;
    char reason[BT_PRECISION_REASON_SIZE];
} field;

/* Medians in that order; 0: not measured. */
static field measured(const double ms[COUNT]) {
    field f = {.taken = NULL};
    bt_ways ways = on_a_cpu(BT_PRECISION_AUTO);
    ways.can[BT_PRECISION_INT8] = true;
    assert_int_equal(bt_contenders_list(&ways, f.list), COUNT);
    for (int i = 0; i < COUNT; i++)
        if (ms[i] > 0) bt_contender_note(&f.list[i], ms[i]);
    return f;
}

static void take(field *f, int division, bt_precision asked) {
    f->taken = bt_contenders_best(f->list, COUNT, &two_divisions[division]);
    bt_contenders_take(f->list, COUNT, f->taken);
    bt_contenders_reason(f->list, COUNT, asked, f->reason);
}

static void check_taken(const field *f, int wanted) {
    assert_int_equal(f->taken - f->list, wanted);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(f->list[i].taken, i == wanted);
        assert_int_equal(f->list[i].why[0] == '\0', i == wanted);
    }
}

static void the_faster_precision_is_taken_and_the_other_told(void **state) {
    (void)state;
    field f = measured((double[]){20, 32.8, 36, 0, 0});
    take(&f, 0, BT_PRECISION_AUTO);
    check_taken(&f, FP32_1);
    assert_string_equal(f.reason, "FP32 taken: BF16 runs at 0.61 of its speed here; INT8 was not measured "
                                  "(not measured on these cores)");
    assert_true(fabs(f.list[BF16_1].ratio - 0.61) < 0.001 && f.list[FP32_1].ratio == 1);
    assert_true(fabs(f.list[FP32_2].ratio - 2 * 20 / 36.0) < 1e-9); /* what two instances serve together */
    f = measured((double[]){20, 10, 36, 18, 8});
    f.list[INT8_1].mask_iou = 0.996;
    take(&f, 1, BT_PRECISION_AUTO);
    check_taken(&f, BF16_2);
    assert_string_equal(f.reason, "BF16 taken: FP32 runs at 0.50 of its speed here; INT8 would serve 1.25 "
                                  "times as many, IoU 0.996: --precision auto-int8");
}

/* What INT8 would bring is no reason to ask for it where its masks would not let it win. */
static void int8_whose_masks_disagree_is_not_recommended(void **state) {
    (void)state;
    field f = measured((double[]){20, 40, 0, 0, 5});
    f.list[INT8_1].mask_iou = 0.9;
    strcpy(f.list[INT8_1].why, "its masks agree by 0.900, less than 0.99");
    take(&f, 0, BT_PRECISION_AUTO);
    check_taken(&f, FP32_1);
    assert_string_equal(f.reason, "FP32 taken: BF16 runs at 0.50 of its speed here; INT8 is 4.00 times as "
                                  "fast, but its masks agree by 0.900, less than 0.99");
    f = measured((double[]){20, 40, 0, 0, 30}); /* nor where it is slower */
    f.list[INT8_1].mask_iou = 0.999;
    take(&f, 0, BT_PRECISION_AUTO);
    assert_string_equal(f.reason, "FP32 taken: BF16 runs at 0.50 of its speed here; INT8 runs at 0.67 of its "
                                  "speed here");
}

/* One that lost on the first division was not tried on the second, and its ratio is of where both were. */
static void one_that_left_early_is_compared_where_it_ran(void **state) {
    (void)state;
    field f = measured((double[]){20, 40, 30, 0, 0});
    take(&f, 1, BT_PRECISION_AUTO);
    check_taken(&f, FP32_2);
    assert_true(f.list[BF16_1].ratio == 0.5);
    assert_memory_equal(f.reason, "FP32 taken: BF16 runs at 0.50", strlen("FP32 taken: BF16 runs at 0.50"));
}

static void within_two_percent_fp32_is_taken(void **state) {
    (void)state;
    field f = measured((double[]){20, 19.7, 0, 0, 0});
    take(&f, 0, BT_PRECISION_AUTO);
    check_taken(&f, FP32_1);
    f = measured((double[]){20, 19.5, 0, 0, 0});
    take(&f, 0, BT_PRECISION_AUTO);
    check_taken(&f, BF16_1);
}

static void masks_that_disagree_lose_whatever_the_speed(void **state) {
    (void)state;
    field f = measured((double[]){20, 10, 0, 0, 0});
    for (int i = BF16_1; i <= BF16_2; i += BF16_2 - BF16_1) {
        f.list[i].mask_iou = 0.95;
        strcpy(f.list[i].why, "its masks agree by 0.950, less than 0.99");
    }
    take(&f, 0, BT_PRECISION_AUTO);
    check_taken(&f, FP32_1);
    assert_memory_equal(f.reason, "FP32 taken: BF16 is 2.00 times as fast, but its masks agree by 0.950",
                        strlen("FP32 taken: BF16 is 2.00 times as fast, but its masks agree by 0.950"));
}

static void a_slower_one_that_was_asked_for_is_taken_and_said(void **state) {
    (void)state;
    bt_contender list[BT_CONTENDERS_MAX];
    char reason[BT_PRECISION_REASON_SIZE];
    const bt_ways ways = on_a_cpu(BT_PRECISION_BF16);
    const int count = bt_contenders_list(&ways, list);
    bt_contender_note(&list[0], 32);
    bt_contender_note(&list[2], 20); /* FP32 */
    bt_contender *taken = bt_contenders_best(list, count, &two_divisions[0]);
    bt_contenders_take(list, count, taken);
    bt_contenders_reason(list, count, BT_PRECISION_BF16, reason);
    assert_string_equal(reason, "BF16 as asked for: FP32 would be 1.60 times as fast here");
}

static void where_nothing_was_measured_the_first_is_taken(void **state) {
    (void)state;
    field f = measured((double[]){0, 0, 0, 0, 0});
    f.taken = bt_contenders_best(f.list, COUNT, &two_divisions[1]);
    assert_ptr_equal(f.taken, &f.list[FP32_2]);
    strcpy(f.list[FP32_1].why, "the worker died");
    strcpy(f.list[FP32_2].why, "the worker died");
    f.taken = bt_contenders_best(f.list, COUNT, &two_divisions[1]);
    assert_ptr_equal(f.taken, &f.list[BF16_2]);
    for (int i = 0; i < COUNT; i++)
        strcpy(f.list[i].why, "the worker died");
    f.taken = bt_contenders_best(f.list, COUNT, &two_divisions[1]);
    assert_ptr_equal(f.taken, &f.list[FP32_2]);
}

/* How the cores are shared out is decided by the best way there is on each division. */
static void a_division_is_as_good_as_its_best_way(void **state) {
    (void)state;
    field f = measured((double[]){20, 10, 36, 30, 5});
    bt_division divisions[2] = {two_divisions[0], two_divisions[1]};
    bt_contenders_divide(f.list, COUNT, divisions, 2);
    assert_true(divisions[0].median_ms == 10 && divisions[0].throughput_imgs_per_sec == 100);
    assert_true(divisions[1].median_ms == 30);
    strcpy(f.list[BF16_1].why, "its masks disagree");
    bt_contenders_divide(f.list, COUNT, divisions, 2);
    assert_true(divisions[0].median_ms == 20);
}

static void layouts_are_told_apart(void **state) {
    (void)state;
    bt_contender list[BT_CONTENDERS_MAX];
    char reason[BT_PRECISION_REASON_SIZE];
    bt_ways ways = on_a_cpu(BT_PRECISION_FP32);
    ways.division_count = 1;
    ways.both_layouts = true;
    ways.can[BT_PRECISION_BF16] = false;
    const int count = bt_contenders_list(&ways, list);
    bt_contender_note(&list[0], 53);
    bt_contender_note(&list[1], 31);
    bt_contenders_take(list, count, bt_contenders_best(list, count, &two_divisions[0]));
    bt_contenders_reason(list, count, BT_PRECISION_FP32, reason);
    assert_string_equal(reason, "FP32 in NCHW as asked for: FP32 in NHWC runs at 0.58 of its speed here");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auto_lets_fp32_and_the_half_compete),
        cmocka_unit_test(without_amp_fp32_is_alone),
        cmocka_unit_test(int8_wins_only_where_it_was_asked_for),
        cmocka_unit_test(a_forced_precision_meets_the_others_to_be_told),
        cmocka_unit_test(layouts_compete_where_both_may_be),
        cmocka_unit_test(where_nothing_can_be_chosen_there_are_divisions_alone),
        cmocka_unit_test(all_that_there_can_be_fits),
        cmocka_unit_test(the_faster_precision_is_taken_and_the_other_told),
        cmocka_unit_test(int8_whose_masks_disagree_is_not_recommended),
        cmocka_unit_test(one_that_left_early_is_compared_where_it_ran),
        cmocka_unit_test(within_two_percent_fp32_is_taken),
        cmocka_unit_test(masks_that_disagree_lose_whatever_the_speed),
        cmocka_unit_test(a_slower_one_that_was_asked_for_is_taken_and_said),
        cmocka_unit_test(where_nothing_was_measured_the_first_is_taken),
        cmocka_unit_test(a_division_is_as_good_as_its_best_way),
        cmocka_unit_test(layouts_are_told_apart),
    };
    return cmocka_run_group_tests_name("tune: contenders", tests, NULL, NULL);
}
