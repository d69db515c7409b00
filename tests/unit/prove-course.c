/* Segments of one scenario in a row, and what the looks at them may cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>

#include "base/clock.h"
#include "prove/course.h"
#include "prove/looks.h"

#define MS(ms) ((int64_t)(ms)*BT_NS_PER_MS)

static void add(bt_course *course, int64_t start_ns, int64_t latency_ns, int seconds_noted) {
    bt_sent_request requests[2] = {
        {.intended_ns = start_ns, .sent_ns = start_ns, .answered_ns = start_ns + latency_ns},
        {.intended_ns = start_ns + MS(900), .sent_ns = start_ns + MS(901)} /* never answered */};
    bt_load_second seconds[4] = {{1, 0.1}, {2, 0.2}, {3, 0.3}, {4, 0.4}};
    int64_t arrivals[2] = {0, MS(900)};
    const bt_request_log log = {.requests = requests,
                                .count = 2,
                                .lost = 1,
                                .start_ns = start_ns,
                                .end_ns = start_ns + MS(900) + latency_ns,
                                .seconds = seconds,
                                .second_count = seconds_noted,
                                .throttling = {.quota_cpus = 1, .quota_periods = 10, .throttled_periods = 3}};
    const bt_schedule schedules[2] = {{arrivals, 2, MS(1000)}, {NULL, 0, 0}};
    bt_error error = {BT_OK, ""};
    if (bt_course_add(course, &log, schedules, 2, MS(1000), &error) != BT_OK) fail_msg("%s", error.message);
}

static void segments_stand_in_a_row(void **state) {
    (void)state;
    bt_course course = {0};
    add(&course, MS(5000), MS(1300), 1); /* its answers end in the third second */
    add(&course, MS(70000), MS(100), 4); /* a minute later */
    const bt_request_log *log = &course.log;
    assert_int_equal(course.looks, 2);
    assert_int_equal(course.duration_ns, MS(2000));
    assert_int_equal(log->start_ns, MS(5000));
    assert_int_equal(log->count, 4);
    assert_int_equal(log->lost, 2);
    assert_int_equal(log->requests[0].intended_ns, MS(5000));
    assert_int_equal(log->requests[2].intended_ns, MS(8000)); /* in the second after the first one's last */
    assert_int_equal(log->requests[2].answered_ns, MS(8100));
    assert_int_equal(log->requests[3].sent_ns, MS(8901));
    assert_int_equal(log->requests[3].answered_ns, 0);
    assert_int_equal(log->end_ns, MS(9000));
    assert_int_equal(log->second_count, 7);
    assert_true(log->throttling.quota_periods == 20 && log->throttling.throttled_periods == 6);
    assert_true(log->seconds[0].canary_ms == 1 && isnan(log->seconds[1].canary_ms));
    assert_true(isnan(log->seconds[2].others_cores) && log->seconds[3].canary_ms == 1);
    assert_int_equal(course.schedules[0].count, 4);
    assert_int_equal(course.schedules[0].arrivals_ns[3], MS(1900));
    assert_int_equal(course.schedules[0].duration_ns, MS(2000));
    assert_int_equal(course.schedules[1].count, 0);
    bt_course_close(&course);
    bt_course_close(&course);
}

/* A watcher may note a second more than the log is long: it must not push the next segment's away. */
static void a_second_too_many_is_no_second_more(void **state) {
    (void)state;
    bt_course course = {0};
    add(&course, MS(5000), MS(100), 2);
    add(&course, MS(7000), MS(100), 2);
    assert_int_equal(course.log.second_count, 3);
    assert_true(course.log.seconds[2].canary_ms == 2);
    bt_course_close(&course);
}

static void looks_double_the_length_and_share_the_errors(void **state) {
    (void)state;
    static const int lengthens[] = {1, 2, 3, 8, 64};
    for (size_t i = 0; i < sizeof lengthens / sizeof *lengthens; i++) {
        int count = bt_looks_count(lengthens[i]), before = 0;
        double met = 0, broken = 0;
        for (int look = 0; look < count; look++) {
            bt_look l = bt_looks_at(look, lengthens[i]);
            assert_true(l.lengths > before && l.lengths <= lengthens[i]);
            before = l.lengths;
            met += l.met_error;
            broken += l.broken_error;
        }
        assert_int_equal(before, lengthens[i]);
        assert_true(fabs(met - BT_LOOKS_WRONG_MET) < 1e-12);
        assert_true(fabs(broken - BT_LOOKS_WRONG_BROKEN) < 1e-12);
    }
    assert_int_equal(bt_looks_count(8), 4);
    assert_int_equal(bt_looks_fewest(1), 59);
    assert_int_equal(bt_looks_fewest(8), 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_stand_in_a_row),
        cmocka_unit_test(a_second_too_many_is_no_second_more),
        cmocka_unit_test(looks_double_the_length_and_share_the_errors),
    };
    return cmocka_run_group_tests_name("prove-course", tests, NULL, NULL);
}
