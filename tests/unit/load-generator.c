/* Load: schedules that are what they say, and a generator that hides nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "load/generator.h"
#include "scratch.h"

static bt_schedule make(bt_schedule_options options) {
    bt_schedule schedule;
    bt_error error;
    if (bt_schedule_open(&schedule, &options, &error) != BT_OK) fail_msg("%s", error.message);
    return schedule;
}

static void the_same_seed_is_the_same_schedule(void **state) {
    (void)state;
    bt_schedule_options o = {
        .shape = BT_SHAPE_POISSON, .rate_rps = 200, .duration_ns = 10 * BT_NS_PER_S, .seed = 3};
    bt_schedule a = make(o), b = make(o);
    o.seed = 4;
    bt_schedule c = make(o);
    assert_int_equal(a.count, b.count);
    assert_memory_equal(a.arrivals_ns, b.arrivals_ns, (size_t)a.count * sizeof *a.arrivals_ns);
    assert_true(a.arrivals_ns[0] != c.arrivals_ns[0]);
    assert_in_range(a.count, 2000 - 4 * 45, 2000 + 4 * 45); /* four deviations of a Poisson count */
    for (int64_t i = 1; i < a.count; i++)
        assert_true(a.arrivals_ns[i] >= a.arrivals_ns[i - 1] && a.arrivals_ns[i] < o.duration_ns);
    bt_schedule_close(&a), bt_schedule_close(&b), bt_schedule_close(&c);
}

static void shapes_are_what_they_say(void **state) {
    (void)state;
    bt_schedule constant =
        make((bt_schedule_options){.shape = BT_SHAPE_CONSTANT, .rate_rps = 100, .duration_ns = BT_NS_PER_S});
    assert_int_equal(constant.count, 100);
    assert_int_equal(constant.arrivals_ns[7], 70 * BT_NS_PER_MS);
    bt_schedule burst = make((bt_schedule_options){.shape = BT_SHAPE_BURST,
                                                   .burst_size = 3,
                                                   .burst_interval_ns = 200 * BT_NS_PER_MS,
                                                   .duration_ns = BT_NS_PER_S});
    assert_int_equal(burst.count, 15);
    assert_int_equal(burst.arrivals_ns[5], 200 * BT_NS_PER_MS);
    bt_schedule ramp = make((bt_schedule_options){.shape = BT_SHAPE_RAMP,
                                                  .rate_rps = 0,
                                                  .end_rate_rps = 400,
                                                  .duration_ns = 10 * BT_NS_PER_S,
                                                  .seed = 1});
    int64_t first_half = 0;
    for (int64_t i = 0; i < ramp.count; i++)
        first_half += ramp.arrivals_ns[i] < 5 * BT_NS_PER_S;
    assert_in_range(ramp.count, 1800, 2200);
    assert_in_range(first_half, 400, 600); /* a quarter */
    bt_schedule_close(&constant), bt_schedule_close(&burst), bt_schedule_close(&ramp);
}

static void trace_of(const char *text) {
    FILE *file = fopen("trace.txt", "w");
    fputs(text, file);
    fclose(file);
}

static void a_trace_is_replayed_and_a_broken_one_named(void **state) {
    (void)state;
    bt_schedule schedule;
    bt_error error;
    const bt_schedule_options o = {.shape = BT_SHAPE_TRACE, .trace = "trace.txt"};
    trace_of("# seconds\n100.5\n\n101\n101\n103.25\n");
    schedule = make(o);
    assert_int_equal(schedule.count, 4);
    assert_int_equal(schedule.arrivals_ns[0], 0);
    assert_int_equal(schedule.arrivals_ns[3], 2750 * BT_NS_PER_MS);
    bt_schedule_close(&schedule);
    trace_of("1\n2\n1.5\n");
    assert_int_equal(bt_schedule_open(&schedule, &o, &error), BT_PARSE);
    assert_non_null(strstr(error.message, "trace.txt:3"));
    trace_of("1\nsoon\n");
    assert_int_equal(bt_schedule_open(&schedule, &o, &error), BT_PARSE);
    assert_non_null(strstr(error.message, "trace.txt:2: \"soon"));
    trace_of("# nothing\n");
    assert_int_equal(bt_schedule_open(&schedule, &o, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "trace.txt: holds no time"));
    trace_of("1\n1e300\n");
    assert_int_equal(bt_schedule_open(&schedule, &o, &error), BT_PARSE);
    assert_non_null(strstr(error.message, "trace.txt:2: 1e+300 is more than a week"));
}

/* ---- targets ---- */

/* One server that takes 1 ms a request, and once 200 ms; a thread of its own. */
typedef struct server {
    bt_sent_request *queue[4096];
    atomic_int in, out;
    atomic_bool end;
    bt_request_answered answered;
    void *context;
    int stall_at, refuse_every, sent;
} server;

static void *serve(void *argument) {
    server *s = argument;
    while (!atomic_load(&s->end) || atomic_load(&s->out) < atomic_load(&s->in)) {
        int number = atomic_load(&s->out);
        if (number == atomic_load(&s->in)) {
            bt_clock_sleep_until_ns(bt_clock_now_ns() + 100 * BT_NS_PER_US);
            continue;
        }
        bt_clock_sleep_until_ns(bt_clock_now_ns() + (number == s->stall_at ? 200 : 1) * BT_NS_PER_MS);
        bt_sent_request *request = s->queue[number];
        request->status = BT_OK;
        request->answered_ns = bt_clock_now_ns();
        atomic_fetch_add(&s->out, 1);
        s->answered(s->context, request);
    }
    return NULL;
}

static bt_status enqueue(void *self, bt_sent_request *request, bt_request_answered answered, void *context) {
    server *s = self;
    if (s->refuse_every > 0 && ++s->sent % s->refuse_every == 0) return BT_QUEUE_FULL;
    if (atomic_load(&s->in) == 0) {
        s->answered = answered;
        s->context = context;
    }
    s->queue[atomic_load(&s->in)] = request;
    atomic_fetch_add(&s->in, 1);
    return BT_OK;
}

static bt_request_log *load(server *s, bt_stream stream, int64_t duration_ns) {
    pthread_t thread;
    bt_request_log *log;
    bt_error error;
    const bt_load_options options = {.target = {.self = s, .submit = enqueue},
                                     .streams = &stream,
                                     .stream_count = 1,
                                     .duration_ns = duration_ns,
                                     .drain_ns = 10 * BT_NS_PER_S};
    assert_int_equal(pthread_create(&thread, NULL, serve, s), 0);
    if (bt_load_run(&log, &options, &error) != BT_OK) fail_msg("%s", error.message);
    atomic_store(&s->end, true);
    pthread_join(thread, NULL);
    return log;
}

static void a_stall_shows_at_its_true_length_in_all_who_came_during_it(void **state) {
    (void)state;
    server s = {.stall_at = 50};
    bt_schedule schedule =
        make((bt_schedule_options){.shape = BT_SHAPE_CONSTANT, .rate_rps = 200, .duration_ns = BT_NS_PER_S});
    bt_request_log *log = load(&s, (bt_stream){.schedule = &schedule, .input_count = 1}, 0);
    int late = 0;
    int64_t most_ns = 0;
    for (int64_t i = 0; i < log->count; i++) {
        int64_t latency_ns = log->requests[i].answered_ns - log->requests[i].intended_ns;
        late += latency_ns > 50 * BT_NS_PER_MS;
        if (latency_ns > most_ns) most_ns = latency_ns;
    }
    assert_int_equal(log->count, 200);
    assert_int_equal(log->lost, 0);
    assert_true(most_ns >= 200 * BT_NS_PER_MS);
    assert_true(late >= 30); /* of the 40 that were to come in 200 ms, those of the first 150 */
    bt_request_log_close(&log);
    bt_schedule_close(&schedule);
}

static void every_request_is_accounted_for(void **state) {
    (void)state;
    server s = {.stall_at = -1, .refuse_every = 5};
    bt_schedule schedule = make((bt_schedule_options){
        .shape = BT_SHAPE_POISSON, .rate_rps = 400, .duration_ns = BT_NS_PER_S / 4, .seed = 2});
    bt_request_log *log = load(&s, (bt_stream){.schedule = &schedule, .input_count = 3}, 0);
    int ok = 0, refused = 0;
    for (int64_t i = 0; i < log->count; i++) {
        ok += log->requests[i].status == BT_OK;
        refused += log->requests[i].refused && log->requests[i].status == BT_QUEUE_FULL;
        assert_int_equal(log->requests[i].input, i % 3);
        assert_true(log->requests[i].sent_ns >= log->requests[i].intended_ns);
    }
    assert_int_equal(log->count, schedule.count);
    assert_int_equal(ok + refused, log->count);
    assert_int_equal(refused, log->count / 5);
    bt_request_log_close(&log);
    bt_schedule_close(&schedule);
}

static void a_closed_loop_keeps_its_clients_busy_and_no_more(void **state) {
    (void)state;
    server s = {.stall_at = -1};
    bt_request_log *log = load(&s, (bt_stream){.clients = 3, .clients_count = 60, .input_count = 1}, 0);
    assert_int_equal(log->count, 60);
    for (int64_t i = 3; i < log->count; i++)
        assert_true(log->requests[i].sent_ns >= log->requests[i - 3].answered_ns); /* answered in order */
    assert_true(isnan(bt_load_send_delay(log).p99_us));
    bt_request_log_close(&log);
}

static void what_is_never_answered_is_lost_and_harmless_later(void **state) {
    (void)state;
    server s = {.stall_at = -1}; /* nobody serves */
    bt_schedule schedule = make(
        (bt_schedule_options){.shape = BT_SHAPE_CONSTANT, .rate_rps = 100, .duration_ns = BT_NS_PER_S / 20});
    bt_stream stream = {.schedule = &schedule, .input_count = 1};
    bt_request_log *log;
    bt_error error;
    const bt_load_options options = {.target = {.self = &s, .submit = enqueue},
                                     .streams = &stream,
                                     .stream_count = 1,
                                     .drain_ns = 20 * BT_NS_PER_MS};
    assert_int_equal(bt_load_run(&log, &options, &error), BT_OK);
    assert_int_equal(log->lost, 5);
    assert_int_equal(log->requests[0].status, BT_TIMEOUT);
    bt_request_log_close(&log);
    for (int i = 0; i < 5; i++) { /* the target may still write, and answer; the last answer frees it all */
        s.queue[i]->status = BT_OK;
        s.answered(s.context, s.queue[i]);
    }
    bt_schedule_close(&schedule);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_is_the_same_schedule),
        cmocka_unit_test(shapes_are_what_they_say),
        cmocka_unit_test_setup_teardown(a_trace_is_replayed_and_a_broken_one_named, bt_scratch_enter,
                                        bt_scratch_leave),
        cmocka_unit_test(a_stall_shows_at_its_true_length_in_all_who_came_during_it),
        cmocka_unit_test(every_request_is_accounted_for),
        cmocka_unit_test(a_closed_loop_keeps_its_clients_busy_and_no_more),
        cmocka_unit_test(what_is_never_answered_is_lost_and_harmless_later),
    };
    return cmocka_run_group_tests_name("load-generator", tests, NULL, NULL);
}
