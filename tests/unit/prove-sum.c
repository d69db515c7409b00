/* What came back is summed up as anybody would by hand: counts by cause, latency from the intended arrival,
 * seconds, the queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "prove/sum.h"

#define MS(t) ((int64_t)(t)*BT_NS_PER_MS)
#define START (1000 * BT_NS_PER_S)

/* Sent 1 ms late, waited, computed. */
static bt_sent_request answered(int64_t intended_ms, int64_t queue_ms, int64_t service_ms, int batch) {
    return (bt_sent_request){.intended_ns = START + MS(intended_ms),
                             .sent_ns = START + MS(intended_ms + 1),
                             .answered_ns = START + MS(intended_ms + 1 + queue_ms + service_ms),
                             .queue_ns = MS(queue_ms),
                             .service_ns = MS(service_ms),
                             .status = BT_OK,
                             .batch_size = (int16_t)batch,
                             .run_size = (int16_t)batch};
}

static bt_sent_request gone(int64_t intended_ms, bt_status status, bool refused) {
    return (bt_sent_request){.intended_ns = START + MS(intended_ms),
                             .sent_ns = START + MS(intended_ms),
                             .answered_ns = START + MS(intended_ms + 2),
                             .status = status,
                             .refused = refused};
}

static bt_load_part summed(bt_sent_request *requests, int64_t count, int stream) {
    bt_request_log log = {.requests = requests, .count = count, .start_ns = START};
    bt_load_part part = {.rate_rps = 7};
    const bt_look look = bt_looks_at(0, 1);
    bt_error error;
    for (int64_t i = 0; i < count; i++)
        if (requests[i].answered_ns > log.end_ns) log.end_ns = requests[i].answered_ns;
    if (bt_sum_part(&part, &log, stream, &look, &error) != BT_OK) fail_msg("%s", error.message);
    return part;
}

static void done_with(bt_load_part *part) {
    free(part->latencies_ms);
    free(part->bins);
}

static void latency_counts_from_the_intended_arrival(void **state) {
    (void)state;
    bt_sent_request requests[] = {answered(0, 0, 10, 1), answered(100, 9, 20, 2), answered(200, 0, 30, 2)};
    bt_load_part part = summed(requests, 3, 0);
    assert_true(part.latency.p50_ms == 30); /* 11, 30, 31 */
    assert_true(part.latency.max_ms == 31);
    assert_true(part.actual_p95_ms == 30);
    assert_true(part.latency.mean_ms == 24);
    assert_true(part.queue_mean_ms == 3 && part.service_mean_ms == 20 && part.slip_mean_ms == 1);
    assert_true(fabs(part.throughput_rps - 3 / 0.231) < 1e-9); /* to the last answer */
    assert_true(part.rate_rps == 7);                           /* what was asked stays */
    assert_int_equal(part.latency_count, 3);
    assert_true(part.latencies_ms[1] == 30);
    done_with(&part);
}

static void each_loss_is_counted_under_its_cause(void **state) {
    (void)state;
    bt_sent_request requests[] = {
        answered(0, 0, 5, 1),       gone(1, BT_QUEUE_FULL, true), gone(2, BT_TIMEOUT, true),
        gone(3, BT_TIMEOUT, false), gone(4, BT_TIMEOUT, false),   gone(5, BT_CANCELLED, false),
        gone(6, BT_CLOSED, true),   gone(7, BT_BACKEND, false),   gone(8, BT_OUT_OF_DEVICE_MEMORY, false),
        gone(9, BT_TIMEOUT, false),
    };
    requests[0].fallback = true;
    requests[9].answered_ns = 0; /* never */
    bt_load_part part = summed(requests, 10, 0);
    assert_int_equal(part.sent, 10);
    assert_int_equal(part.ok, 1);
    assert_int_equal(part.fallback, 1);
    assert_int_equal(part.rejected_full, 1);
    assert_int_equal(part.rejected_deadline, 1);
    assert_int_equal(part.expired, 2);
    assert_int_equal(part.cancelled, 2);
    assert_int_equal(part.failed, 2);
    assert_int_equal(part.lost, 1);
    done_with(&part);
}

static void streams_are_kept_apart(void **state) {
    (void)state;
    bt_sent_request requests[] = {answered(0, 0, 5, 1), answered(1, 0, 50, 1), answered(2, 0, 5, 1)};
    requests[1].stream = 1;
    bt_load_part first = summed(requests, 3, 0), second = summed(requests, 3, 1);
    assert_int_equal(first.sent, 2);
    assert_true(first.latency.max_ms == 6);
    assert_int_equal(second.sent, 1);
    assert_true(second.latency.max_ms == 51);
    done_with(&first);
    done_with(&second);
}

static void a_mean_batch_is_over_runs(void **state) {
    (void)state;
    bt_sent_request requests[] = {answered(0, 0, 5, 1), answered(1, 0, 5, 3), answered(1, 0, 5, 3),
                                  answered(1, 0, 5, 3)};
    bt_load_part part = summed(requests, 4, 0); /* a run of 1 and one of 3 */
    assert_true(fabs(part.mean_batch_size - 2) < 1e-12);
    assert_int_equal(part.batches[0], 1);
    assert_int_equal(part.batches[2], 3);
    done_with(&part);
}

static void seconds_hold_who_was_to_arrive_in_them(void **state) {
    (void)state;
    bt_sent_request requests[] = {answered(100, 0, 10, 1), answered(990, 0, 40, 1),
                                  gone(1500, BT_QUEUE_FULL, true), answered(2100, 0, 20, 1)};
    bt_load_part part = summed(requests, 4, 0);
    assert_int_equal(part.bin_count, 3);
    assert_true(part.bins[0].sent == 2 && part.bins[0].answered == 1); /* the second one's came in second 1 */
    assert_true(part.bins[1].sent == 1 && part.bins[1].answered == 1 && part.bins[1].failed == 1);
    assert_true(part.bins[0].max_ms == 41);
    assert_true(isnan(part.bins[1].p95_ms));
    assert_true(part.bins[2].p50_ms == 21);
    done_with(&part);
}

static void the_queue_is_how_many_waited_and_how_long(void **state) {
    (void)state;
    bt_sent_request requests[] = {answered(0, 500, 10, 1), answered(100, 400, 10, 1),
                                  answered(799, 700, 10, 1)};
    bt_load_part part = summed(requests, 3, 0);
    assert_int_equal(part.bin_count, 2);
    assert_true(fabs(part.bins[0].queue_mean - (0.5 + 0.4 + 0.2)) < 1e-9);
    assert_true(part.bins[0].queue_max == 2);
    assert_true(fabs(part.bins[1].queue_mean - 0.5) < 1e-9);
    assert_true(part.bins[1].queue_max == 1); /* who came before and still waits */
    done_with(&part);
}

static void nothing_answered_leaves_figures_unknown(void **state) {
    (void)state;
    bt_sent_request requests[] = {gone(0, BT_QUEUE_FULL, true)};
    bt_load_part part = summed(requests, 1, 0);
    assert_true(isnan(part.throughput_rps) && isnan(part.queue_mean_ms) && isnan(part.mean_batch_size));
    assert_int_equal(part.latency_count, 0);
    done_with(&part);
}

static void the_machine_is_told_by_its_seconds(void **state) {
    (void)state;
    bt_load_second seconds[] = {{2, 0.5}, {3, NAN}, {NAN, 0.1}};
    bt_sent_request requests[] = {answered(0, 0, 10, 1)};
    bt_request_log log = {
        .requests = requests, .count = 1, .start_ns = START, .seconds = seconds, .second_count = 3};
    log.throttling = (bt_throttling){.quota_cpus = 1, .quota_periods = 10, .throttled_periods = 3};
    bt_load_scenario scenario = {0};
    bt_sum_scenario(&scenario, &log);
    assert_memory_equal(&scenario.throttling, &log.throttling, sizeof(bt_throttling));
    assert_true(fabs(scenario.canary_spread_percent - 50) < 1e-9);
    assert_true(fabs(scenario.others_cores - 0.3) < 1e-12);
    assert_true(scenario.generator_max_us == 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(latency_counts_from_the_intended_arrival),
        cmocka_unit_test(each_loss_is_counted_under_its_cause),
        cmocka_unit_test(streams_are_kept_apart),
        cmocka_unit_test(a_mean_batch_is_over_runs),
        cmocka_unit_test(seconds_hold_who_was_to_arrive_in_them),
        cmocka_unit_test(the_queue_is_how_many_waited_and_how_long),
        cmocka_unit_test(nothing_answered_leaves_figures_unknown),
        cmocka_unit_test(the_machine_is_told_by_its_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
