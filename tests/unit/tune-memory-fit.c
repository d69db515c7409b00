/* The arithmetic of the memory reserve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>

#include "base/random.h"
#include "tune/memory-fit.h"

static void a_line_is_found_again(void **state) {
    (void)state;
    const int sizes[] = {1, 2, 4, 8};
    const double memory_mb[] = {130, 160, 220, 340};
    bt_memory_fit fit = bt_memory_fit_make(sizes, memory_mb, 4);
    assert_float_equal(fit.base_mb, 100, 1e-9);
    assert_float_equal(fit.per_image_mb, 30, 1e-9);
    assert_int_equal(fit.points, 4);
    assert_float_equal(bt_memory_fit_at(&fit, 16), 580, 1e-9);
}

/* Against the normal equations: the residuals of a least-squares fit sum to nothing, and so do they times
 * b. */
static void it_is_the_least_squares_line(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        bt_random random = bt_random_stream(seed, "test ledger");
        int sizes[16], count = 2 + (int)bt_random_below(&random, 15);
        double memory_mb[16], sum = 0, moment = 0;
        for (int i = 0; i < count; i++) {
            sizes[i] = 1 + i + (int)bt_random_below(&random, 4);
            memory_mb[i] = 500 + 100.0 * sizes[i] + bt_random_between(&random, -40, 40);
        }
        sizes[0] = 0;
        bt_memory_fit fit = bt_memory_fit_make(sizes, memory_mb, count);
        if (fit.per_image_mb == 0) continue; /* the slope was held at nothing: another line */
        for (int i = 0; i < count; i++) {
            double residual = memory_mb[i] - bt_memory_fit_at(&fit, sizes[i]);
            sum += residual;
            moment += residual * sizes[i];
        }
        if (fabs(sum) > 1e-6 || fabs(moment) > 1e-5)
            fail_msg("seed %llu: residuals %g, times b %g", (unsigned long long)seed, sum, moment);
    }
}

static void memory_never_falls_with_the_batch(void **state) {
    (void)state;
    const int sizes[] = {1, 2, 4};
    const double memory_mb[] = {330, 310, 320};
    bt_memory_fit fit = bt_memory_fit_make(sizes, memory_mb, 3);
    assert_float_equal(fit.per_image_mb, 0, 0);
    assert_float_equal(fit.base_mb, 320, 1e-9); /* the mean: what a level line fits best */
    assert_float_equal(bt_memory_fit_at(&fit, 1000), 320, 1e-9);
}

/* As one accelerator had it: the first image takes less than each further one, and the line is right where
 * there are images. Mended, with the next, by 38220ef. */
static void a_line_may_begin_below_zero_where_no_image_is(void **state) {
    (void)state;
    const int sizes[] = {1, 2, 4, 8};
    const double memory_mb[] = {1478, 3348, 7132, 14782};
    bt_memory_fit fit = bt_memory_fit_make(sizes, memory_mb, 4);
    assert_true(fit.base_mb < 0);
    for (int i = 0; i < 4; i++)
        assert_float_equal(bt_memory_fit_at(&fit, sizes[i]), memory_mb[i], 30);
}

/* What bends upwards, as where an allocator rounds up, pulls a line down at its beginning. */
static void a_batch_of_one_takes_more_than_nothing(void **state) {
    (void)state;
    const int sizes[] = {1, 2, 4, 64}, larger[] = {8, 16, 64};
    const double memory_mb[] = {100, 110, 140, 9000}, larger_mb[] = {100, 900, 9000};
    bt_memory_fit fit = bt_memory_fit_make(sizes, memory_mb, 4);
    assert_float_equal(bt_memory_fit_at(&fit, 1), 100, 1e-9); /* as measured */
    assert_true(bt_memory_fit_at(&fit, 64) > 8900);
    fit = bt_memory_fit_make(larger, larger_mb, 3);
    assert_float_equal(fit.base_mb, 0, 1e-9);
    assert_true(bt_memory_fit_at(&fit, 1) > 0 && bt_memory_fit_at(&fit, 64) < 9000);
    for (uint64_t seed = 1; seed <= 500; seed++) {
        bt_random random = bt_random_stream(seed, "test ledger's beginning");
        int drawn[6];
        double drawn_mb[6];
        for (int i = 0; i < 6; i++) {
            drawn[i] = 1 + i + (int)bt_random_below(&random, 60);
            drawn_mb[i] = bt_random_between(&random, 1, 2000) * drawn[i];
        }
        fit = bt_memory_fit_make(drawn, drawn_mb, 6);
        if (!(bt_memory_fit_at(&fit, 1) > 0) || fit.per_image_mb < 0)
            fail_msg("seed %llu: %g + %g b", (unsigned long long)seed, fit.base_mb, fit.per_image_mb);
    }
}

static void one_size_makes_no_fit(void **state) {
    (void)state;
    const int sizes[] = {4, 4, 4};
    const double memory_mb[] = {100, 120, 110};
    for (int count = 0; count <= 3; count++) {
        bt_memory_fit fit = bt_memory_fit_make(sizes, memory_mb, count);
        assert_true(isnan(fit.base_mb) && isnan(fit.per_image_mb));
        assert_int_equal(fit.points, count);
        assert_true(isnan(bt_memory_fit_at(&fit, 4)));
        assert_int_equal(bt_memory_fit_largest(&fit, 1e9), 0);
    }
}

static void the_largest_batch_just_fits(void **state) {
    (void)state;
    bt_memory_fit fit = {.base_mb = 100, .per_image_mb = 30};
    assert_int_equal(bt_memory_fit_largest(&fit, 400), 10);
    assert_int_equal(bt_memory_fit_largest(&fit, 399.9), 9);
    assert_int_equal(bt_memory_fit_largest(&fit, 130), 1);
    assert_int_equal(bt_memory_fit_largest(&fit, 129.9), 0);
    assert_int_equal(bt_memory_fit_largest(&fit, 0), 0);
    for (double limit_mb = 200; limit_mb < 5000; limit_mb += 13) {
        int largest = (int)bt_memory_fit_largest(&fit, limit_mb);
        assert_true(bt_memory_fit_at(&fit, largest) <= limit_mb);
        assert_true(bt_memory_fit_at(&fit, largest + 1) > limit_mb);
    }
}

static void memory_that_does_not_bind_has_a_bound_all_the_same(void **state) {
    (void)state;
    bt_memory_fit level = {.base_mb = 100, .per_image_mb = 0}, steep = {.base_mb = 0, .per_image_mb = 1e-9};
    assert_int_equal(bt_memory_fit_largest(&level, 200), 65536);
    assert_int_equal(bt_memory_fit_largest(&level, 99), 0);
    assert_int_equal(bt_memory_fit_largest(&steep, 1e12), 65536);
    assert_int_equal(bt_memory_fit_largest(&steep, INFINITY), 65536);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_found_again),
        cmocka_unit_test(it_is_the_least_squares_line),
        cmocka_unit_test(memory_never_falls_with_the_batch),
        cmocka_unit_test(a_line_may_begin_below_zero_where_no_image_is),
        cmocka_unit_test(a_batch_of_one_takes_more_than_nothing),
        cmocka_unit_test(one_size_makes_no_fit),
        cmocka_unit_test(the_largest_batch_just_fits),
        cmocka_unit_test(memory_that_does_not_bind_has_a_bound_all_the_same),
    };
    return cmocka_run_group_tests_name("tune: the fit of memory", tests, NULL, NULL);
}
