/* The line through a few points stays with most of them, whatever the others are. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "measure/line.h"

static const double sizes[] = {1, 2, 4, 8, 16, 32, 64};

static void expect_line(const double *y, int count, double intercept, double slope) {
    const bt_line line = bt_line_fit(sizes, y, count);
    assert_true(fabs(line.intercept - intercept) < 1e-9);
    assert_true(fabs(line.slope - slope) < 1e-9);
}

static void points_on_a_line_give_that_line(void **state) {
    (void)state;
    expect_line((const double[]){6, 8, 12, 20, 36}, 5, 4, 2);
    const bt_line line = {4, 2};
    assert_true(bt_line_at(&line, 8) == 20);
}

static void points_far_off_do_not_bend_it(void **state) {
    (void)state;
    expect_line((const double[]){6, 8, 12, 20, 500}, 5, 4, 2);
    expect_line((const double[]){6, 8, 12, 20, 36, 500, 9000}, 7, 4, 2);
    expect_line((const double[]){6, 1, 12, 20, 500, 68, 132}, 7, 4, 2);
}

static void a_line_that_would_begin_below_zero_goes_through_it(void **state) {
    (void)state;
    const bt_line line = bt_line_fit(sizes, (const double[]){1, 4, 16}, 3);
    assert_true(line.intercept == 0);
    assert_true(line.slope == 2); /* the median of 1, 2 and 4 */
}

static void one_point_lies_on_a_line_from_zero_and_none_on_no_line(void **state) {
    (void)state;
    expect_line((const double[]){7}, 1, 0, 7);
    assert_true(isnan(bt_line_fit(sizes, NULL, 0).slope));
    assert_true(isnan(bt_line_fit(sizes, NULL, 0).intercept));
}

static void more_points_than_there_is_room_for_are_left_out(void **state) {
    (void)state;
    double x[BT_LINE_POINTS_MAX + 9], y[BT_LINE_POINTS_MAX + 9];
    for (int i = 0; i < BT_LINE_POINTS_MAX + 9; i++) {
        x[i] = i + 1;
        y[i] = i < BT_LINE_POINTS_MAX ? 3 + 5 * x[i] : -1e9;
    }
    const bt_line line = bt_line_fit(x, y, BT_LINE_POINTS_MAX + 9);
    assert_true(fabs(line.intercept - 3) < 1e-9 && fabs(line.slope - 5) < 1e-9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_on_a_line_give_that_line),
        cmocka_unit_test(points_far_off_do_not_bend_it),
        cmocka_unit_test(a_line_that_would_begin_below_zero_goes_through_it),
        cmocka_unit_test(one_point_lies_on_a_line_from_zero_and_none_on_no_line),
        cmocka_unit_test(more_points_than_there_is_room_for_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
