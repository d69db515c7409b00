/* What the adaptive policy promises: it waits where that pays and nowhere else, keeps promises and the queue
 * delay while it waits, and gives up at once what cannot be in time. One device; batches up to 8, of which
 * each of b requests takes tau0 + alpha * b. Times are in milliseconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "simulated-service.h"

#define MS(t)     ((int64_t)((t)*1e6))
#define LONG_WAIT 1000

static simulated_service about; /* what is asked, one test at a time */

static bt_batcher_model *linear(double tau0_ms, double alpha_ms) {
    simulated_service_linear(&about, 8, tau0_ms, alpha_ms);
    about.model.batcher.policy = BT_POLICY_ADAPTIVE;
    about.model.batcher.max_queue_delay_ns = MS(LONG_WAIT);
    about.model.batcher.admission = false;
    return &about.model.batcher;
}

/* ---- one step after another ---- */

typedef struct stepper {
    bt_batcher *batcher;
    bt_action action;
    int64_t now_ns;
} stepper;

static void submit(stepper *s, int64_t now_ns, int64_t deadline_ns) {
    const bt_submission submission = {.deadline_ns = deadline_ns};
    uint64_t ticket;
    s->now_ns = now_ns;
    assert_int_equal(bt_batcher_submit(s->batcher, now_ns, &submission, &ticket), BT_OK);
}

/* Everything that is to be done now, each run over as soon as it starts. */
static void do_all(stepper *s) {
    while (bt_batcher_next(s->batcher, s->now_ns, &s->action))
        if (s->action.kind == BT_ACTION_RUN)
            assert_true(bt_batcher_done(s->batcher, s->now_ns, s->action.run, BT_RUN_GOOD));
}

static uint64_t expect_run(stepper *s, int64_t now_ns, int count) {
    s->now_ns = now_ns;
    if (!bt_batcher_next(s->batcher, now_ns, &s->action)) fail_msg("nothing to do, wanted a run");
    assert_int_equal(s->action.kind, BT_ACTION_RUN);
    assert_int_equal(s->action.count, count);
    return s->action.run;
}

static void expect_given_up(stepper *s, int64_t now_ns) {
    if (!bt_batcher_next(s->batcher, now_ns, &s->action)) fail_msg("nothing to do, wanted an answer");
    assert_int_equal(s->action.kind, BT_ACTION_ANSWER);
    assert_int_equal(s->action.status, BT_TIMEOUT);
}

static void expect_nothing(stepper *s, int64_t now_ns) {
    if (bt_batcher_next(s->batcher, now_ns, &s->action)) fail_msg("something to do, wanted nothing");
}

/* A batcher that has seen requests every gap_ms, of which none is left. */
static stepper after_gaps(const bt_batcher_model *model, double gap_ms) {
    const bt_batcher_instance instance = {0, 0};
    const bt_batcher_options options = {model, 1, &instance, 1};
    stepper s = {.now_ns = 0};
    bt_error error;
    if (bt_batcher_open(&s.batcher, &options, &error) != BT_OK) fail_msg("%s", error.message);
    for (int i = 1; i <= 32; i++) {
        submit(&s, MS(gap_ms * i), BT_NEVER_NS);
        do_all(&s);
        s.now_ns += MS(LONG_WAIT) * (i == 32);
    }
    do_all(&s);
    assert_true(bt_batcher_idle(s.batcher));
    return s;
}

/* ---- whole simulations ---- */

/* `clumps` of four requests 0.2 ms apart, every 200 ms. */
static bt_simulation *in_clumps(int clumps) {
    int64_t *arrivals_ns = malloc((size_t)(4 * clumps) * sizeof *arrivals_ns);
    for (int i = 0; i < 4 * clumps; i++)
        arrivals_ns[i] = MS(200.0 * (i / 4) + 0.2 * (i % 4));
    about.model.arrivals_ns = arrivals_ns;
    about.model.arrival_count = 4 * clumps;
    bt_simulation *result = simulated(&about.model, 1, false, 1);
    free(arrivals_ns);
    return result;
}

static bt_simulation *at_rate(double rate_rps, int64_t count, uint64_t seed) {
    int64_t *arrivals_ns = simulated_poisson(seed, rate_rps, count);
    about.model.arrivals_ns = arrivals_ns;
    about.model.arrival_count = count;
    bt_simulation *result = simulated(&about.model, 1, false, seed);
    free(arrivals_ns);
    return result;
}

/* ---- waiting ---- */

static void a_lone_request_does_not_wait_where_the_next_is_far(void **state) {
    (void)state;
    stepper s = after_gaps(linear(20, 1), 100);
    submit(&s, MS(9000), BT_NEVER_NS);
    expect_run(&s, MS(9000), 1);
    bt_batcher_close(&s.batcher);
}

static void nobody_waits_where_running_together_saves_nothing(void **state) {
    (void)state;
    linear(0, 10);
    bt_simulation *result = at_rate(80, 2000, 1);
    assert_true(result->models[0].mean_batch_size == 1);
    bt_simulation_close(&result);
    stepper s = after_gaps(&about.model.batcher, 1);
    submit(&s, MS(9000), BT_NEVER_NS);
    expect_run(&s, MS(9000), 1);
    bt_batcher_close(&s.batcher);
}

static void what_comes_in_clumps_is_waited_for_and_runs_together(void **state) {
    (void)state;
    linear(20, 1);
    bt_simulation *adaptive = in_clumps(100);
    const uint64_t *batches = adaptive->models[0].batches;
    assert_true(batches[3] >= 95);                /* all but those before anything was learnt */
    assert_true(adaptive->models[0].p95_ms < 26); /* four take 24, and come within 0.6 */
    bt_simulation_close(&adaptive);
    about.model.batcher.policy = BT_POLICY_DELAY;
    about.model.batcher.max_queue_delay_ns = 0;
    bt_simulation *greedy = in_clumps(100);
    assert_int_equal(greedy->models[0].batches[3], 0);
    bt_simulation_close(&greedy);
}

static void nothing_is_waited_for_before_anything_is_known(void **state) {
    (void)state;
    const bt_batcher_instance instance = {0, 0};
    const bt_batcher_options options = {linear(20, 1), 1, &instance, 1};
    stepper s = {.now_ns = 0};
    bt_error error;
    assert_int_equal(bt_batcher_open(&s.batcher, &options, &error), BT_OK);
    submit(&s, MS(1), BT_NEVER_NS);
    expect_run(&s, MS(1), 1);
    bt_batcher_close(&s.batcher);
}

static void nobody_waits_for_what_a_full_queue_would_refuse(void **state) {
    (void)state;
    const bt_batcher_change change = {8, 2, MS(LONG_WAIT), BT_POLICY_ADAPTIVE, 0};
    stepper s = after_gaps(linear(20, 1), 1);
    bt_error error;
    if (bt_batcher_set(s.batcher, s.now_ns, 0, &change, &error) != BT_OK) fail_msg("%s", error.message);
    submit(&s, MS(9000), BT_NEVER_NS);
    expect_nothing(&s, MS(9000));
    submit(&s, MS(9000), BT_NEVER_NS);
    expect_run(&s, MS(9000), 2);
    bt_batcher_close(&s.batcher);
}

static void who_waited_when_the_policy_came_waits_no_longer(void **state) {
    (void)state;
    const bt_batcher_instance instance = {0, 0};
    const bt_batcher_options options = {linear(20, 1), 1, &instance, 1};
    const bt_batcher_change change = {8, 100, MS(LONG_WAIT), BT_POLICY_ADAPTIVE, 0};
    stepper s = {.now_ns = 0};
    bt_error error;
    about.model.batcher.policy = BT_POLICY_DELAY;
    assert_int_equal(bt_batcher_open(&s.batcher, &options, &error), BT_OK);
    submit(&s, MS(1), BT_NEVER_NS);
    expect_nothing(&s, MS(1));
    if (bt_batcher_set(s.batcher, MS(2), 0, &change, &error) != BT_OK) fail_msg("%s", error.message);
    expect_run(&s, MS(2), 1); /* nothing is known yet */
    bt_batcher_close(&s.batcher);
}

static void the_queue_delay_is_never_passed(void **state) {
    (void)state;
    bt_batcher_model *model = linear(20, 1);
    stepper s = after_gaps(model, 1);
    submit(&s, MS(9000), BT_NEVER_NS);
    expect_nothing(&s, MS(9000));
    assert_true(bt_batcher_wake_ns(s.batcher) > MS(9001)); /* the next is worth waiting for ... */
    bt_batcher_close(&s.batcher);
    model->max_queue_delay_ns = MS(0.6);
    s = after_gaps(model, 1);
    submit(&s, MS(9000), BT_NEVER_NS);
    expect_nothing(&s, MS(9000));
    assert_int_equal(bt_batcher_wake_ns(s.batcher), MS(9000.6)); /* ... and not longer than it may be */
    expect_run(&s, MS(9000.6), 1);
    bt_batcher_close(&s.batcher);
}

/* ---- promises and deadlines ---- */

static void a_promise_closes_the_batch_in_time(void **state) {
    (void)state;
    bt_batcher_model *model = linear(20, 1);
    model->promise_ns = MS(22.5); /* two take 22 */
    stepper s = after_gaps(model, 1);
    submit(&s, MS(9000), BT_NEVER_NS);
    expect_nothing(&s, MS(9000));
    assert_int_equal(bt_batcher_wake_ns(s.batcher), MS(9000.5));
    expect_run(&s, MS(9000.5), 1);
    bt_batcher_close(&s.batcher);
}

/* Two of 10 ms ago, two of 1 ms ago: four take 21 ms, which is too long for the older two, two take 11. */
static void a_batch_is_cut_short_for_its_oldest_where_that_costs_little(void **state) {
    (void)state;
    bt_batcher_model *model = linear(1, 5);
    for (int hurried = 0; hurried < 2; hurried++) {
        model->promise_ns = MS(hurried ? 24 : 100);
        stepper s = after_gaps(model, 100);
        submit(&s, MS(9000), BT_NEVER_NS);
        uint64_t run = expect_run(&s, MS(9000), 1);
        submit(&s, MS(9001), BT_NEVER_NS);
        submit(&s, MS(9001), BT_NEVER_NS);
        submit(&s, MS(9010), BT_NEVER_NS);
        submit(&s, MS(9010), BT_NEVER_NS);
        assert_true(bt_batcher_done(s.batcher, MS(9011), run, BT_RUN_GOOD));
        assert_true(bt_batcher_next(s.batcher, MS(9011), &s.action)); /* its answer */
        expect_run(&s, MS(9011), hurried ? 2 : 4);
        bt_batcher_close(&s.batcher);
    }
}

static void what_is_late_without_a_deadline_is_answered_all_the_same(void **state) {
    (void)state;
    linear(5, 5);
    about.model.batcher.promise_ns = MS(1);
    bt_simulation *result = at_rate(170, 2000, 1);
    assert_int_equal(result->models[0].ok, 2000);
    bt_simulation_close(&result);
}

static void what_cannot_be_in_time_is_answered_at_once_and_not_computed(void **state) {
    (void)state;
    stepper s = after_gaps(linear(5, 5), 100);
    submit(&s, MS(9000), BT_NEVER_NS);
    uint64_t run = expect_run(&s, MS(9000), 1);
    submit(&s, MS(9001), MS(9018));
    expect_nothing(&s, MS(9007));
    assert_int_equal(bt_batcher_wake_ns(s.batcher), MS(9008)); /* alone it would take 10 */
    expect_given_up(&s, MS(9008));
    assert_true(bt_batcher_done(s.batcher, MS(9010), run, BT_RUN_GOOD));
    assert_true(bt_batcher_next(s.batcher, MS(9010), &s.action));
    expect_nothing(&s, MS(9010));
    bt_batcher_counts counts;
    bt_batcher_count(s.batcher, 0, &counts);
    assert_int_equal(counts.expired, 1);
    bt_batcher_close(&s.batcher);
}

/* Of three that wait the first could be in time alone, and would keep the other two from it. */
static void who_would_be_late_in_the_batch_is_left_out_of_it(void **state) {
    (void)state;
    stepper s = after_gaps(linear(5, 5), 100);
    submit(&s, MS(9000), BT_NEVER_NS);
    uint64_t run = expect_run(&s, MS(9000), 1);
    submit(&s, MS(9001), MS(9024));
    submit(&s, MS(9002), MS(9032));
    submit(&s, MS(9002), MS(9032));
    assert_true(bt_batcher_done(s.batcher, MS(9010), run, BT_RUN_GOOD));
    assert_true(bt_batcher_next(s.batcher, MS(9010), &s.action));
    expect_run(&s, MS(9010), 2);
    expect_given_up(&s, MS(9010));
    assert_int_equal(s.action.arrival_ns, MS(9001));
    bt_batcher_close(&s.batcher);
}

static void no_deadline_that_could_be_met_is_missed_for_waiting(void **state) {
    (void)state;
    stepper s = after_gaps(linear(20, 1), 1);
    submit(&s, MS(9000), MS(9021.5));
    expect_nothing(&s, MS(9000));
    const int64_t close_ns = bt_batcher_wake_ns(s.batcher);
    assert_true(close_ns + MS(21) < MS(9021.5)); /* a run that ends at a deadline is late */
    expect_run(&s, close_ns, 1);
    bt_batcher_close(&s.batcher);
}

static void the_same_seed_is_the_same_trace(void **state) {
    (void)state;
    linear(20, 1);
    about.model.batcher.promise_ns = MS(60);
    about.model.timeout_ns = MS(60);
    uint64_t hashes[3];
    for (int i = 0; i < 3; i++) {
        bt_simulation *result = at_rate(250, 5000, i < 2 ? 1 : 2);
        hashes[i] = result->trace_hash;
        bt_simulation_close(&result);
    }
    assert_true(hashes[0] == hashes[1] && hashes[0] != hashes[2]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lone_request_does_not_wait_where_the_next_is_far),
        cmocka_unit_test(nobody_waits_where_running_together_saves_nothing),
        cmocka_unit_test(what_comes_in_clumps_is_waited_for_and_runs_together),
        cmocka_unit_test(nothing_is_waited_for_before_anything_is_known),
        cmocka_unit_test(nobody_waits_for_what_a_full_queue_would_refuse),
        cmocka_unit_test(who_waited_when_the_policy_came_waits_no_longer),
        cmocka_unit_test(the_queue_delay_is_never_passed),
        cmocka_unit_test(a_promise_closes_the_batch_in_time),
        cmocka_unit_test(a_batch_is_cut_short_for_its_oldest_where_that_costs_little),
        cmocka_unit_test(what_is_late_without_a_deadline_is_answered_all_the_same),
        cmocka_unit_test(what_cannot_be_in_time_is_answered_at_once_and_not_computed),
        cmocka_unit_test(who_would_be_late_in_the_batch_is_left_out_of_it),
        cmocka_unit_test(no_deadline_that_could_be_met_is_missed_for_waiting),
        cmocka_unit_test(the_same_seed_is_the_same_trace),
    };
    return cmocka_run_group_tests_name("batching-policy", tests, NULL, NULL);
}
