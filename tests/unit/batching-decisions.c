/* What the batcher decides, case by case, each readable on its own: how a batch closes, where it runs, what
 * becomes of failures. One model with batches up to 4 (sizes 1, 2, 4 take 10, 14, 22 ms; the standard path
 * 20 ms), a queue delay of 5 ms, unless a case says otherwise. Times are in milliseconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "batching/batcher.h"

#define MS(t) ((int64_t)(t)*BT_NS_PER_MS)

static bt_ladder ladder_of(const int *sizes, const double *times_ms, int count, double standard_ms) {
    bt_ladder ladder = {.size_count = count, .standard_ns = (int64_t)(standard_ms * 1e6)};
    bt_error error;
    for (int i = 0; i < count; i++) {
        ladder.sizes[i] = sizes[i];
        ladder.service_ns[i] = (int64_t)(times_ms[i] * 1e6);
    }
    if (bt_ladder_plan(&ladder, &error) != BT_OK) fail_msg("%s", error.message);
    return ladder;
}

static bt_batcher_model model_of_four(void) {
    bt_batcher_model model = {.max_batch_size = 4,
                              .max_queue_size = 8,
                              .max_queue_delay_ns = MS(5),
                              .failover = true,
                              .breaker = BT_BREAKER_DEFAULT};
    model.ladder = ladder_of((int[]){1, 2, 4}, (double[]){10, 14, 22}, 3, 20);
    return model;
}

/* ---- the ladder ---- */

static void expect_plan(const bt_ladder *ladder, int count, int take, int run_size, int64_t cost_ns) {
    if (ladder->take[count] != take || ladder->run_size[count] != run_size ||
        ladder->cost_ns[count] != cost_ns)
        fail_msg("%d requests: %d on size %d for %lld ns, wanted %d on size %d for %lld ns", count,
                 ladder->take[count], ladder->run_size[count], (long long)ladder->cost_ns[count], take,
                 run_size, (long long)cost_ns);
}

static void three_requests_are_padded_where_that_is_cheaper_and_split_where_not(void **state) {
    (void)state;
    bt_ladder flat = ladder_of((int[]){1, 2, 4}, (double[]){10, 14, 22}, 3, 0);
    bt_ladder steep = ladder_of((int[]){1, 2, 4}, (double[]){10, 14, 40}, 3, 0);
    expect_plan(&flat, 1, 1, 1, MS(10));
    expect_plan(&flat, 3, 3, 4, MS(22));  /* 14 + 10 otherwise */
    expect_plan(&steep, 3, 2, 2, MS(24)); /* 40 otherwise */
    expect_plan(&steep, 4, 2, 2, MS(28));
}

static void a_ladder_that_is_none_is_refused(void **state) {
    (void)state;
    bt_error error;
    bt_ladder from_two = {.size_count = 1, .sizes = {2}, .service_ns = {5}};
    bt_ladder falling = {.size_count = 3, .sizes = {1, 4, 2}, .service_ns = {1, 2, 3}};
    bt_ladder negative = {.size_count = 2, .sizes = {1, 2}, .service_ns = {5, -1}};
    bt_ladder none = {.size_count = 0};
    bt_ladder huge = {.size_count = 2, .sizes = {1, BT_LADDER_BATCH_MAX + 1}, .service_ns = {5, 6}};
    assert_int_equal(bt_ladder_plan(&from_two, &error), BT_INVALID);
    assert_int_equal(bt_ladder_plan(&falling, &error), BT_INVALID);
    assert_int_equal(bt_ladder_plan(&negative, &error), BT_INVALID);
    assert_int_equal(bt_ladder_plan(&none, &error), BT_INVALID);
    assert_int_equal(bt_ladder_plan(&huge, &error), BT_INVALID);
    bt_ladder slow = {.size_count = 2, .sizes = {1, 2}, .service_ns = {5, BT_LADDER_NS_MAX + 1}};
    assert_int_equal(bt_ladder_plan(&slow, &error), BT_INVALID);
    assert_string_equal(error.message, "a batch of 2 takes more than a day");
}

/* ---- the breaker ---- */

static void a_breaker_opens_cools_down_probes_and_closes(void **state) {
    (void)state;
    const bt_breaker_options options = {
        .failures = 2, .probes = 2, .cooldown_ns = MS(100), .cooldown_max_ns = MS(300)};
    bt_breaker breaker;
    bt_breaker_open(&breaker, &options);
    bt_breaker_failed(&breaker, MS(0));
    bt_breaker_good(&breaker, MS(1)); /* not in a row */
    bt_breaker_failed(&breaker, MS(2));
    assert_int_equal(bt_breaker_at(&breaker, MS(2)), BT_BREAKER_CLOSED);
    bt_breaker_failed(&breaker, MS(10));
    assert_int_equal(bt_breaker_at(&breaker, MS(10)), BT_BREAKER_OPEN);
    assert_false(bt_breaker_allows(&breaker, MS(110) - 1));
    assert_true(bt_breaker_allows(&breaker, MS(110)));
    assert_int_equal(bt_breaker_at(&breaker, MS(110)), BT_BREAKER_HALF_OPEN);
    bt_breaker_good(&breaker, MS(120));
    assert_int_equal(bt_breaker_at(&breaker, MS(120)), BT_BREAKER_HALF_OPEN);
    bt_breaker_good(&breaker, MS(130));
    assert_int_equal(bt_breaker_at(&breaker, MS(130)), BT_BREAKER_CLOSED);
    assert_int_equal(breaker.times_opened, 1);
}

static void a_failed_probe_doubles_the_cooldown_up_to_its_bound(void **state) {
    (void)state;
    const bt_breaker_options options = {
        .failures = 1, .probes = 1, .cooldown_ns = MS(100), .cooldown_max_ns = MS(300)};
    bt_breaker breaker;
    bt_breaker_open(&breaker, &options);
    bt_breaker_failed(&breaker, MS(0));
    bt_breaker_failed(&breaker, MS(100)); /* the probe: 200 ms now */
    assert_false(bt_breaker_allows(&breaker, MS(299)));
    assert_true(bt_breaker_allows(&breaker, MS(300)));
    bt_breaker_failed(&breaker, MS(300)); /* 300, not 400 */
    assert_false(bt_breaker_allows(&breaker, MS(599)));
    assert_true(bt_breaker_allows(&breaker, MS(600)));
    bt_breaker_good(&breaker, MS(600));
    bt_breaker_failed(&breaker, MS(700)); /* a good close has set it back to 100 */
    assert_true(bt_breaker_allows(&breaker, MS(800)));
}

/* ---- a service on one device, or several ---- */

typedef struct service {
    bt_batcher *batcher;
    bt_action action;
    uint64_t next_tag;
} service;

static service open_models(const bt_batcher_model *models, int model_count,
                           const bt_batcher_instance *instances, int instance_count) {
    const bt_batcher_options options = {models, model_count, instances, instance_count};
    service s = {.next_tag = 100};
    bt_error error;
    if (bt_batcher_open(&s.batcher, &options, &error) != BT_OK) fail_msg("%s", error.message);
    return s;
}

static service open_one(const bt_batcher_model *model) {
    return open_models(model, 1, (bt_batcher_instance[]){{0, 0}}, 1);
}

/* Tags count from 100. */
static uint64_t submit_to(service *s, int64_t now_ns, int model, int64_t deadline_ns, bool standard) {
    const bt_submission submission = {model, deadline_ns, standard, s->next_tag, 0};
    uint64_t ticket;
    assert_int_equal(bt_batcher_submit(s->batcher, now_ns, &submission, &ticket), BT_OK);
    s->next_tag++;
    return ticket;
}

static uint64_t submit(service *s, int64_t now_ns) {
    return submit_to(s, now_ns, 0, BT_NEVER_NS, false);
}

static void submit_many(service *s, int64_t now_ns, int count) {
    while (count-- > 0)
        submit(s, now_ns);
}

/* The next action is a run of `count` on `run_size`; its number. */
static uint64_t expect_run(service *s, int64_t now_ns, bt_path path, int count, int run_size) {
    if (!bt_batcher_next(s->batcher, now_ns, &s->action)) fail_msg("nothing to do, wanted a run");
    assert_int_equal(s->action.kind, BT_ACTION_RUN);
    assert_int_equal(s->action.path, path);
    assert_int_equal(s->action.count, count);
    assert_int_equal(s->action.run_size, run_size);
    return s->action.run;
}

static void expect_answer(service *s, int64_t now_ns, uint64_t tag, bt_status status) {
    if (!bt_batcher_next(s->batcher, now_ns, &s->action)) fail_msg("nothing to do, wanted an answer");
    assert_int_equal(s->action.kind, BT_ACTION_ANSWER);
    assert_int_equal(s->action.tag, tag);
    assert_int_equal(s->action.status, status);
}

static void expect_nothing(service *s, int64_t now_ns) {
    if (bt_batcher_next(s->batcher, now_ns, &s->action))
        fail_msg("something to do at %lld ns, wanted nothing", (long long)now_ns);
}

static void finish(service *s) {
    bt_batcher_close(&s->batcher);
}

/* A test's *state: one instance of the model of four. */
static int open_usual(void **state) {
    static service s;
    const bt_batcher_model model = model_of_four();
    s = open_one(&model);
    *state = &s;
    return 0;
}

static int close_usual(void **state) {
    finish(*state);
    return 0;
}

/* ---- how a batch closes ---- */

static void a_lone_request_waits_the_queue_delay_and_not_longer(void **state) {
    service *s = *state;
    submit(s, MS(0));
    expect_nothing(s, MS(0));
    assert_int_equal(bt_batcher_wake_ns(s->batcher), MS(5));
    expect_nothing(s, MS(5) - 1);
    uint64_t run = expect_run(s, MS(5), BT_PATH_PRODUCTION, 1, 1);
    assert_int_equal(s->action.tags[0], 100);
    assert_true(bt_batcher_done(s->batcher, MS(15), run, BT_RUN_GOOD));
    expect_answer(s, MS(15), 100, BT_OK);
    assert_int_equal(s->action.arrival_ns, MS(0));
    assert_int_equal(s->action.started_ns, MS(5));
    assert_true(bt_batcher_idle(s->batcher));
}

static void a_full_batch_goes_at_once(void **state) {
    service *s = *state;
    submit_many(s, MS(0), 3);
    expect_nothing(s, MS(1));
    submit(s, MS(2));
    expect_run(s, MS(2), BT_PATH_PRODUCTION, 4, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(s->action.tags[i], 100 + i);
}

static void what_came_while_a_batch_ran_goes_together_when_it_ends(void **state) {
    service *s = *state;
    submit_many(s, MS(0), 4);
    uint64_t run = expect_run(s, MS(0), BT_PATH_PRODUCTION, 4, 4);
    submit_many(s, MS(3), 2);
    expect_nothing(s, MS(10)); /* overdue, but the device is taken */
    assert_int_equal(bt_batcher_wake_ns(s->batcher), BT_NEVER_NS);
    bt_batcher_done(s->batcher, MS(22), run, BT_RUN_GOOD);
    for (uint64_t tag = 100; tag < 104; tag++)
        expect_answer(s, MS(22), tag, BT_OK); /* answers before anything new */
    expect_run(s, MS(22), BT_PATH_PRODUCTION, 2, 2);
}

static void three_run_padded_to_four(void **state) {
    (void)state;
    bt_batcher_model model = model_of_four();
    bt_batcher_counts counts;
    service s = open_one(&model);
    submit_many(&s, MS(0), 3);
    expect_run(&s, MS(5), BT_PATH_PRODUCTION, 3, 4);
    bt_batcher_count(s.batcher, 0, &counts);
    assert_int_equal(counts.images, 4);
    assert_int_equal(counts.padded_images, 1);
    finish(&s);
}

static void a_batch_closes_early_for_a_deadline_that_waiting_would_break(void **state) {
    service *s = *state;
    submit_to(s, MS(0), 0, MS(12),
              false); /* takes 10: it must start before 2, since what ends at 12 is late */
    expect_nothing(s, MS(2) - 2);
    assert_int_equal(bt_batcher_wake_ns(s->batcher), MS(2) - 1);
    uint64_t run = expect_run(s, MS(2) - 1, BT_PATH_PRODUCTION, 1, 1);
    assert_true(bt_batcher_done(s->batcher, MS(12) - 1, run, BT_RUN_GOOD));
    expect_answer(s, MS(12) - 1, 100, BT_OK);
}

static void a_change_of_settings_holds_from_now_on(void **state) {
    (void)state;
    bt_batcher_model model = model_of_four();
    bt_error error;
    service s = open_one(&model);
    submit_many(&s, MS(0), 2);
    expect_nothing(&s, MS(0));
    assert_int_equal(bt_batcher_set(s.batcher, MS(1), 0, &(bt_batcher_change){2, 8, MS(5), 0, 0}, &error),
                     BT_OK);
    expect_run(&s, MS(1), BT_PATH_PRODUCTION, 2, 2);
    assert_int_equal(bt_batcher_set(s.batcher, MS(1), 0, &(bt_batcher_change){5, 8, MS(5), 0, 0}, &error),
                     BT_INVALID); /* above the ladder */
    finish(&s);
}

/* ---- deadlines, cancelling, admission, a full queue ---- */

static void a_request_that_waited_to_its_deadline_is_told_so_then(void **state) {
    service *s = *state;
    submit_many(s, MS(0), 4);
    uint64_t run = expect_run(s, MS(0), BT_PATH_PRODUCTION, 4, 4);
    submit_to(s, MS(1), 0, MS(15), false);
    expect_nothing(s, MS(15) - 1);
    assert_int_equal(bt_batcher_wake_ns(s->batcher), MS(15));
    expect_answer(s, MS(15), 104, BT_TIMEOUT);
    assert_true(bt_batcher_done(s->batcher, MS(22), run, BT_RUN_GOOD));
}

static void a_cancelled_request_is_answered_and_leaves_its_run_alone(void **state) {
    service *s = *state;
    uint64_t first = submit(s, MS(0));
    submit_many(s, MS(0), 3);
    uint64_t run = expect_run(s, MS(0), BT_PATH_PRODUCTION, 4, 4);
    assert_true(bt_batcher_cancel(s->batcher, MS(1), first));
    assert_false(bt_batcher_cancel(s->batcher, MS(1), first));
    expect_answer(s, MS(1), 100, BT_CANCELLED);
    bt_batcher_done(s->batcher, MS(22), run, BT_RUN_GOOD);
    for (uint64_t tag = 101; tag < 104; tag++)
        expect_answer(s, MS(22), tag, BT_OK);
    assert_int_equal(s->action.position, 3);
    expect_nothing(s, MS(22));
}

static void a_full_queue_refuses_at_once(void **state) {
    (void)state;
    bt_batcher_model model = model_of_four();
    bt_batcher_counts counts;
    uint64_t ticket;
    service s = open_one(&model);
    submit_many(&s, MS(0), 4);
    expect_run(&s, MS(0), BT_PATH_PRODUCTION, 4, 4);
    submit_many(&s, MS(1), 8); /* those that run do not count */
    assert_int_equal(
        bt_batcher_submit(s.batcher, MS(1), &(bt_submission){0, BT_NEVER_NS, false, 9, 0}, &ticket),
        BT_QUEUE_FULL);
    bt_batcher_count(s.batcher, 0, &counts);
    assert_int_equal(counts.rejected_full, 1);
    assert_int_equal(counts.submitted, 13);
    finish(&s);
}

static void admission_refuses_what_could_not_make_it(void **state) {
    (void)state;
    bt_batcher_model model = model_of_four();
    model.admission = true;
    uint64_t ticket;
    service s = open_one(&model);
    submit_many(&s, MS(0), 4);
    expect_run(&s, MS(0), BT_PATH_PRODUCTION, 4, 4); /* until 22 */
    assert_int_equal(bt_batcher_submit(s.batcher, MS(0), &(bt_submission){0, MS(32), false, 9, 0}, &ticket),
                     BT_TIMEOUT); /* 22 + 10 at best, and what ends at its deadline is late */
    submit_to(&s, MS(0), 0, MS(32) + 1, false);
    finish(&s);
}

/* ---- failures ---- */

static void what_failed_comes_again_on_the_standard_path_one_by_one(void **state) {
    (void)state;
    bt_batcher_model model = model_of_four();
    bt_batcher_counts counts;
    service s = open_one(&model);
    submit_many(&s, MS(0), 4);
    uint64_t run = expect_run(&s, MS(0), BT_PATH_PRODUCTION, 4, 4);
    bt_batcher_done(s.batcher, MS(3), run, BT_RUN_EXCEPTION);
    for (int i = 0; i < 4; i++) {
        run = expect_run(&s, MS(3 + 20 * i), BT_PATH_STANDARD, 1, 1);
        assert_int_equal(s.action.tags[0], 100 + i);
        bt_batcher_done(s.batcher, MS(23 + 20 * i), run, BT_RUN_GOOD);
        expect_answer(&s, MS(23 + 20 * i), (uint64_t)(100 + i), BT_OK);
        assert_int_equal(s.action.path, BT_PATH_STANDARD);
        assert_int_equal(s.action.tries, 2);
    }
    bt_batcher_count(s.batcher, 0, &counts);
    assert_int_equal(counts.fallback, 4);
    assert_int_equal(counts.ok, 4);
    finish(&s);
}

static void without_failover_what_failed_has_failed(void **state) {
    (void)state;
    bt_batcher_model model = model_of_four();
    model.failover = false;
    service s = open_one(&model);
    submit(&s, MS(0));
    uint64_t run = expect_run(&s, MS(5), BT_PATH_PRODUCTION, 1, 1);
    bt_batcher_done(s.batcher, MS(8), run, BT_RUN_NON_FINITE);
    expect_answer(&s, MS(8), 100, BT_BACKEND);
    finish(&s);
}

static void out_of_memory_halves_before_it_falls_back(void **state) {
    service *s = *state;
    submit_many(s, MS(0), 4);
    uint64_t run = expect_run(s, MS(0), BT_PATH_PRODUCTION, 4, 4);
    bt_batcher_done(s->batcher, MS(3), run, BT_RUN_OUT_OF_MEMORY);
    run = expect_run(s, MS(3), BT_PATH_PRODUCTION, 2, 2);
    assert_int_equal(s->action.tags[0], 100);
    bt_batcher_done(s->batcher, MS(17), run, BT_RUN_GOOD);
    expect_answer(s, MS(17), 100, BT_OK);
    expect_answer(s, MS(17), 101, BT_OK);
    expect_run(s, MS(17), BT_PATH_PRODUCTION, 2, 2);
}

static void a_run_that_hangs_is_given_up_and_its_late_outcome_dropped(void **state) {
    (void)state;
    bt_batcher_model model = model_of_four();
    model.watchdog_ns = MS(100);
    bt_instance_state instance;
    service s = open_one(&model);
    submit(&s, MS(0));
    uint64_t hung = expect_run(&s, MS(5), BT_PATH_PRODUCTION, 1, 1);
    expect_nothing(&s, MS(105) - 1);
    assert_int_equal(bt_batcher_wake_ns(s.batcher), MS(105));
    uint64_t run = expect_run(&s, MS(105), BT_PATH_STANDARD, 1, 1);
    bt_batcher_instance_state(s.batcher, MS(105), 0, &instance);
    assert_true(instance.stuck);
    bt_batcher_done(s.batcher, MS(125), run, BT_RUN_GOOD);
    expect_answer(&s, MS(125), 100, BT_OK);
    assert_true(bt_batcher_done(s.batcher, MS(500), hung, BT_RUN_GOOD));
    expect_nothing(&s, MS(500));
    bt_batcher_instance_state(s.batcher, MS(500), 0, &instance);
    assert_false(instance.stuck);
    assert_false(bt_batcher_done(s.batcher, MS(501), hung, BT_RUN_GOOD));
    finish(&s);
}

static void an_open_breaker_sends_everything_to_the_standard_path_until_probes_are_good(void **state) {
    (void)state;
    bt_batcher_model model = model_of_four();
    model.breaker =
        (bt_breaker_options){.failures = 1, .probes = 1, .cooldown_ns = MS(100), .cooldown_max_ns = MS(100)};
    service s = open_one(&model);
    submit(&s, MS(0));
    uint64_t run = expect_run(&s, MS(5), BT_PATH_PRODUCTION, 1, 1);
    bt_batcher_done(s.batcher, MS(10), run, BT_RUN_EXCEPTION); /* open until 110 */
    run = expect_run(&s, MS(10), BT_PATH_STANDARD, 1, 1);
    submit(&s, MS(12));
    bt_batcher_done(s.batcher, MS(30), run, BT_RUN_GOOD);
    expect_answer(&s, MS(30), 100, BT_OK);
    run = expect_run(&s, MS(30), BT_PATH_STANDARD, 1, 1);
    bt_batcher_done(s.batcher, MS(50), run, BT_RUN_GOOD);
    expect_answer(&s, MS(50), 101, BT_OK);
    submit(&s, MS(120));
    run = expect_run(&s, MS(125), BT_PATH_PRODUCTION, 1, 1); /* the probe */
    bt_batcher_done(s.batcher, MS(135), run, BT_RUN_GOOD);
    expect_answer(&s, MS(135), 102, BT_OK);
    finish(&s);
}

/* ---- several instances, devices, models ---- */

static void instances_on_two_devices_run_at_once_and_on_one_in_turn(void **state) {
    (void)state;
    bt_batcher_model model = model_of_four();
    service two = open_models(&model, 1, (bt_batcher_instance[]){{0, 0}, {0, 1}}, 2);
    submit_many(&two, MS(0), 8);
    expect_run(&two, MS(0), BT_PATH_PRODUCTION, 4, 4);
    assert_int_equal(two.action.instance, 0);
    expect_run(&two, MS(0), BT_PATH_PRODUCTION, 4, 4);
    assert_int_equal(two.action.instance, 1);
    finish(&two);
    service one = open_models(&model, 1, (bt_batcher_instance[]){{0, 7}, {0, 7}}, 2);
    submit_many(&one, MS(0), 8);
    expect_run(&one, MS(0), BT_PATH_PRODUCTION, 4, 4);
    expect_nothing(&one, MS(0));
    finish(&one);
}

static void models_that_share_a_device_go_in_the_order_of_their_heads(void **state) {
    (void)state;
    bt_batcher_model models[2] = {model_of_four(), model_of_four()};
    service s = open_models(models, 2, (bt_batcher_instance[]){{0, 0}, {1, 0}}, 2);
    submit_to(&s, MS(0), 1, BT_NEVER_NS, false);
    submit_to(&s, MS(1), 0, BT_NEVER_NS, false);
    uint64_t run = expect_run(&s, MS(6), BT_PATH_PRODUCTION, 1, 1);
    assert_int_equal(s.action.model, 1);
    expect_nothing(&s, MS(6));
    bt_batcher_done(s.batcher, MS(16), run, BT_RUN_GOOD);
    expect_answer(&s, MS(16), 100, BT_OK);
    expect_run(&s, MS(16), BT_PATH_PRODUCTION, 1, 1);
    assert_int_equal(s.action.model, 0);
    finish(&s);
}

static void a_broken_instance_is_passed_over_while_another_works(void **state) {
    (void)state;
    bt_batcher_model model = model_of_four();
    model.breaker.failures = 1;
    service s = open_models(&model, 1, (bt_batcher_instance[]){{0, 0}, {0, 1}}, 2);
    submit(&s, MS(0));
    uint64_t run = expect_run(&s, MS(5), BT_PATH_PRODUCTION, 1, 1);
    assert_int_equal(s.action.instance, 0);
    bt_batcher_done(s.batcher, MS(6), run, BT_RUN_EXCEPTION);
    run = expect_run(&s, MS(6), BT_PATH_STANDARD, 1, 1);
    submit(&s, MS(6));
    expect_run(&s, MS(11), BT_PATH_PRODUCTION, 1, 1);
    assert_int_equal(s.action.instance, 1);
    finish(&s);
}

/* ---- endings ---- */

static void draining_closes_batches_at_once_and_refuses_the_rest(void **state) {
    (void)state;
    bt_batcher_model model = model_of_four();
    uint64_t ticket;
    service s = open_one(&model);
    submit(&s, MS(0));
    bt_batcher_drain(s.batcher, MS(1));
    uint64_t run = expect_run(&s, MS(1), BT_PATH_PRODUCTION, 1, 1);
    assert_int_equal(
        bt_batcher_submit(s.batcher, MS(1), &(bt_submission){0, BT_NEVER_NS, false, 9, 0}, &ticket),
        BT_CLOSED);
    bt_batcher_done(s.batcher, MS(11), run, BT_RUN_GOOD);
    expect_answer(&s, MS(11), 100, BT_OK);
    assert_true(bt_batcher_idle(s.batcher));
    finish(&s);
}

static void abandoning_answers_even_what_runs(void **state) {
    service *s = *state;
    submit_many(s, MS(0), 5);
    uint64_t run = expect_run(s, MS(0), BT_PATH_PRODUCTION, 4, 4);
    bool seen[5] = {false};
    bt_batcher_abandon(s->batcher, MS(1));
    for (int i = 0; i < 5; i++) {
        assert_true(bt_batcher_next(s->batcher, MS(1), &s->action));
        assert_int_equal(s->action.kind, BT_ACTION_ANSWER);
        assert_int_equal(s->action.status, BT_CLOSED);
        assert_in_range(s->action.tag, 100, 104);
        assert_false(seen[s->action.tag - 100]);
        seen[s->action.tag - 100] = true;
    }
    assert_true(bt_batcher_idle(s->batcher));
    assert_true(bt_batcher_done(s->batcher, MS(22), run, BT_RUN_GOOD));
    expect_nothing(s, MS(22));
}

/* ---- what is refused ---- */

/* Opens a batcher of one model, or `instance_count` instances of model `of`; expects that it is refused with
 * `words`. */
static void refuse_open(const bt_batcher_model *model, int model_count, int of, int instance_count,
                        const char *words) {
    bt_batcher_model models[BT_BATCHER_MODELS_MAX + 1];
    bt_batcher_instance instances[BT_BATCHER_INSTANCES_MAX + 1];
    bt_batcher *batcher;
    bt_error error = {BT_OK, ""};
    for (int i = 0; i <= BT_BATCHER_MODELS_MAX; i++)
        models[i] = *model;
    for (int i = 0; i <= BT_BATCHER_INSTANCES_MAX; i++)
        instances[i] = (bt_batcher_instance){of, i};
    const bt_batcher_options options = {models, model_count, instances, instance_count};
    assert_int_equal(bt_batcher_open(&batcher, &options, &error), BT_INVALID);
    assert_null(batcher);
    if (!strstr(error.message, words)) fail_msg("\"%s\" does not say \"%s\"", error.message, words);
}

static void options_that_no_batcher_can_follow_are_refused(void **state) {
    (void)state;
    const bt_batcher_model good = model_of_four();
    refuse_open(&good, 0, 0, 1, "1 to 16 models");
    refuse_open(&good, BT_BATCHER_MODELS_MAX + 1, 0, 1, "1 to 16 models");
    refuse_open(&good, 1, 0, BT_BATCHER_INSTANCES_MAX + 1, "at most 64 instances");
    refuse_open(&good, 1, 1, 1, "instance 0 is of no model");
    refuse_open(&good, 1, -1, 1, "instance 0 is of no model");
    refuse_open(&good, 2, 0, 1, "model 1 has no instance");
    refuse_open(&good, 1, 0, 0, "model 0 has no instance");
    bt_batcher_model model;
#define REFUSE(change, words) (model = good, model.change, refuse_open(&model, 1, 0, 1, words))
    REFUSE(ladder.size_count = 0, "model 0: ");
    REFUSE(max_batch_size = 0, "a batch size of 0 is not within 1..4");
    REFUSE(max_batch_size = 5, "a batch size of 5 is not within 1..4");
    REFUSE(max_queue_size = 0, "a queue holds at least 1");
    REFUSE(max_queue_delay_ns = -1, "no time is negative");
    REFUSE(watchdog_ns = -1, "no time is negative");
    REFUSE(ladder.standard_ns = -1, "no time is negative");
    REFUSE(ladder.standard_ns = INT64_MAX, "takes more than a day");
    /* Times whose sums would pass an integer; until 5da3e4d they were taken. */
    REFUSE(max_queue_delay_ns = INT64_MAX, "nothing lasts longer than a year");
    REFUSE(watchdog_ns = INT64_MAX, "nothing lasts longer than a year");
    REFUSE(breaker.cooldown_max_ns = INT64_MAX, "nothing lasts longer than a year");
    REFUSE(breaker.failures = 0, "a breaker counts from 1");
    REFUSE(breaker.probes = 0, "a breaker counts from 1");
    REFUSE(breaker.cooldown_ns = -1, "its cooldown has bounds");
    REFUSE(breaker.cooldown_max_ns = good.breaker.cooldown_ns - 1, "its cooldown has bounds");
}

static void a_change_out_of_bounds_changes_nothing(void **state) {
    service *s = *state;
    static const bt_batcher_change changes[] = {
        {0, 8, 0, 0, 0},  {5, 8, 0, 0, 0},         {4, 0, 0, 0, 0},  {4, 9, 0, 0, 0},
        {4, 8, -1, 0, 0}, {4, 8, INT64_MAX, 0, 0}, {4, 8, 0, 0, -1}, {4, 8, 0, BT_POLICY_COUNT, 0},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        bt_error error = {BT_OK, ""};
        assert_int_equal(bt_batcher_set(s->batcher, MS(0), 0, &changes[i], &error), BT_INVALID);
        assert_true(error.message[0] != '\0');
    }
    submit(s, MS(0));
    expect_nothing(s, MS(4)); /* the delay is 5 ms as before */
    submit_many(s, MS(4), 3);
    expect_run(s, MS(4), BT_PATH_PRODUCTION, 4, 4);
}

/* A driver that is confused, or late, is told so; nothing comes of it. */
static void numbers_that_nobody_gave_are_known_as_such(void **state) {
    (void)state;
    bt_batcher_model model = model_of_four();
    service s = open_one(&model);
    uint64_t ticket = submit(&s, MS(0));
    assert_false(bt_batcher_done(s.batcher, MS(0), 0, BT_RUN_GOOD));
    assert_false(bt_batcher_done(s.batcher, MS(0), UINT64_MAX, BT_RUN_GOOD));
    uint64_t run = expect_run(&s, MS(5), BT_PATH_PRODUCTION, 1, 1);
    assert_false(bt_batcher_done(s.batcher, MS(6), run + 1, BT_RUN_GOOD));
    assert_true(bt_batcher_done(s.batcher, MS(15), run, BT_RUN_GOOD));
    assert_false(bt_batcher_done(s.batcher, MS(15), run, BT_RUN_GOOD)); /* twice */
    assert_false(bt_batcher_cancel(s.batcher, MS(15), ticket)); /* it has its answer, though not fetched */
    assert_int_equal(bt_batcher_wake_ns(s.batcher), MS(15));    /* which is due now */
    expect_answer(&s, MS(15), 100, BT_OK);
    assert_false(bt_batcher_cancel(s.batcher, MS(15), ticket));
    assert_false(bt_batcher_cancel(s.batcher, MS(15), UINT64_MAX));
    finish(&s);
    bt_batcher_close(&s.batcher); /* nothing is left to close */
    bt_batcher_close(NULL);
}

static void a_breakers_state_has_a_name(void **state) {
    (void)state;
    assert_string_equal(bt_breaker_name(BT_BREAKER_CLOSED), "closed");
    assert_string_equal(bt_breaker_name(BT_BREAKER_OPEN), "open");
    assert_string_equal(bt_breaker_name(BT_BREAKER_HALF_OPEN), "half-open");
}

/* A model of lone images has nothing to halve: what does not fit goes to the standard path. */
static void a_lone_image_that_does_not_fit_falls_back(void **state) {
    (void)state;
    bt_batcher_model model = model_of_four();
    model.max_batch_size = 1;
    model.ladder = ladder_of((int[]){1}, (double[]){10}, 1, 20);
    service s = open_one(&model);
    submit(&s, MS(0));
    uint64_t run = expect_run(&s, MS(0), BT_PATH_PRODUCTION, 1, 1);
    assert_true(bt_batcher_done(s.batcher, MS(10), run, BT_RUN_OUT_OF_MEMORY));
    run = expect_run(&s, MS(10), BT_PATH_STANDARD, 1, 1);
    assert_true(bt_batcher_done(s.batcher, MS(30), run, BT_RUN_OUT_OF_MEMORY));
    expect_answer(&s, MS(30), 100, BT_OUT_OF_DEVICE_MEMORY);
    assert_true(bt_batcher_idle(s.batcher));
    finish(&s);
}

#define ON_USUAL(test) cmocka_unit_test_setup_teardown(test, open_usual, close_usual)

/* ---- priorities ---- */

static void submit_with(service *s, int64_t now_ns, int priority, int64_t deadline_ns, bt_status wanted) {
    const bt_submission submission = {.deadline_ns = deadline_ns, .tag = s->next_tag++, .priority = priority};
    uint64_t ticket;
    assert_int_equal(bt_batcher_submit(s->batcher, now_ns, &submission, &ticket), wanted);
}

/* The next run is of these, in this order. */
static void expect_order(service *s, int64_t now_ns, const uint64_t *tags, int count) {
    assert_true(bt_batcher_next(s->batcher, now_ns, &s->action));
    assert_int_equal(s->action.kind, BT_ACTION_RUN);
    assert_int_equal(s->action.count, count);
    for (int i = 0; i < count; i++)
        assert_int_equal(s->action.tags[i], tags[i]);
}

static void end_run(service *s, int64_t now_ns) {
    const int count = s->action.count;
    assert_true(bt_batcher_done(s->batcher, now_ns, s->action.run, BT_RUN_GOOD));
    for (int i = 0; i < count; i++) {
        assert_true(bt_batcher_next(s->batcher, now_ns, &s->action));
        assert_int_equal(s->action.kind, BT_ACTION_ANSWER);
    }
}

static bt_batcher_model model_of_priorities(void) {
    bt_batcher_model model = model_of_four();
    model.overtake_ns = MS(100);
    model.max_queue_size = 64;
    return model;
}

static void who_has_priority_goes_first_and_within_one_who_came_first(void **state) {
    (void)state;
    const bt_batcher_model model = model_of_priorities();
    service s = open_one(&model);
    static const int priorities[] = {3, 2, 0, 1, 3, 1, 2}; /* of the tags from 100 on */
    submit_with(&s, MS(0), 0, BT_NEVER_NS, BT_OK);
    expect_order(&s, MS(5), (const uint64_t[]){100}, 1);
    for (int i = 0; i < 7; i++)
        submit_with(&s, MS(6), priorities[i], BT_NEVER_NS, BT_OK);
    end_run(&s, MS(15));
    expect_order(&s, MS(15), (const uint64_t[]){104, 106, 102, 103}, 4);
    end_run(&s, MS(37));
    expect_order(&s, MS(37), (const uint64_t[]){107, 101, 105}, 3);
    bt_batcher_close(&s.batcher);
}

/* One of 1 overtakes those of 2 that came up to 100 ms before it, and those of 3 up to 200 ms; no others. */
static void nobody_is_overtaken_for_ever(void **state) {
    (void)state;
    bt_batcher_model model = model_of_priorities();
    model.max_batch_size = 1;
    service s = open_one(&model);
    submit_with(&s, MS(0), 2, BT_NEVER_NS, BT_OK);
    expect_order(&s, MS(0), (const uint64_t[]){100}, 1);
    submit_with(&s, MS(0), 3, BT_NEVER_NS, BT_OK);   /* 101 */
    submit_with(&s, MS(10), 2, BT_NEVER_NS, BT_OK);  /* 102 */
    submit_with(&s, MS(110), 1, BT_NEVER_NS, BT_OK); /* 103: over both */
    submit_with(&s, MS(111), 1, BT_NEVER_NS, BT_OK); /* 104: over 101 alone */
    submit_with(&s, MS(200), 1, BT_NEVER_NS, BT_OK); /* 105: likewise */
    submit_with(&s, MS(201), 1, BT_NEVER_NS, BT_OK); /* 106: over nobody */
    static const uint64_t order[] = {103, 102, 104, 105, 101, 106};
    for (int i = 0; i < 6; i++) {
        end_run(&s, MS(300 + i));
        expect_order(&s, MS(300 + i), &order[i], 1);
    }
    bt_batcher_close(&s.batcher);
}

static void priorities_count_nothing_where_nobody_says_what(void **state) {
    (void)state;
    bt_batcher_model model = model_of_priorities();
    model.overtake_ns = 0;
    service s = open_one(&model);
    for (int i = 0; i < 4; i++)
        submit_with(&s, MS(i), 3 - i % 3, BT_NEVER_NS, BT_OK);
    expect_order(&s, MS(3), (const uint64_t[]){100, 101, 102, 103}, 4);
    bt_batcher_close(&s.batcher);
}

/* A batch closes when its oldest has waited, whoever came before it since. */
static void who_is_overtaken_waits_no_longer_for_its_batch(void **state) {
    (void)state;
    const bt_batcher_model model = model_of_priorities();
    service s = open_one(&model);
    submit_with(&s, MS(0), 3, BT_NEVER_NS, BT_OK);
    submit_with(&s, MS(4), 1, BT_NEVER_NS, BT_OK);
    assert_false(bt_batcher_next(s.batcher, MS(5) - 1, &s.action));
    assert_true(bt_batcher_wake_ns(s.batcher) == MS(5));
    expect_order(&s, MS(5), (const uint64_t[]){101, 100}, 2);
    bt_batcher_close(&s.batcher);
}

/* Behind eight others it would take 66 ms, alone 22. */
static void admission_counts_whom_it_overtakes_as_behind_it(void **state) {
    (void)state;
    bt_batcher_model model = model_of_priorities();
    model.admission = true;
    service s = open_one(&model);
    submit_with(&s, MS(0), 2, BT_NEVER_NS, BT_OK);
    expect_order(&s, MS(5), (const uint64_t[]){100}, 1);
    for (int i = 0; i < 8; i++)
        submit_with(&s, MS(5), 2, BT_NEVER_NS, BT_OK);
    submit_with(&s, MS(5), 3, MS(40), BT_TIMEOUT);
    submit_with(&s, MS(5), 2, MS(40), BT_TIMEOUT);
    submit_with(&s, MS(5), 1, MS(40), BT_OK);
    bt_batcher_close(&s.batcher);
}

/* ---- several at once ---- */

static void several_are_taken_together_or_not_at_all(void **state) {
    (void)state;
    const bt_batcher_model model = model_of_four(); /* room for 8 */
    service s = open_one(&model);
    const bt_submission alike = {.deadline_ns = BT_NEVER_NS};
    bt_batcher_counts counts;
    uint64_t tickets[8] = {20, 21, 22, 23, 24};
    assert_int_equal(bt_batcher_submit_all(s.batcher, MS(0), &alike, 5, tickets), BT_OK);
    expect_order(&s, MS(0), (const uint64_t[]){20, 21, 22, 23}, 4);
    assert_true(tickets[4] != 24 && bt_batcher_cancel(s.batcher, MS(0), tickets[4]));
    assert_true(bt_batcher_next(s.batcher, MS(0), &s.action));
    assert_int_equal(s.action.tag, 24);
    submit_with(&s, MS(1), 0, BT_NEVER_NS, BT_OK);
    assert_int_equal(bt_batcher_submit_all(s.batcher, MS(1), &alike, 8, tickets), BT_QUEUE_FULL);
    assert_int_equal(bt_batcher_submit_all(s.batcher, MS(1), &alike, 7, tickets), BT_OK);
    bt_batcher_count(s.batcher, 0, &counts);
    assert_int_equal(counts.submitted, 5 + 1 + 8 + 7);
    assert_int_equal(counts.rejected_full, 8);
    assert_int_equal(counts.waiting, 8);
    bt_batcher_close(&s.batcher);
}

/* Four take 22 ms, five 32: none is taken where the fifth would be late. */
static void several_are_taken_where_the_last_can_be_in_time(void **state) {
    (void)state;
    bt_batcher_model model = model_of_four();
    model.admission = true;
    service s = open_one(&model);
    const bt_submission alike = {.deadline_ns = MS(30)};
    bt_batcher_counts counts;
    uint64_t tickets[5] = {0};
    assert_int_equal(bt_batcher_submit_all(s.batcher, MS(0), &alike, 5, tickets), BT_TIMEOUT);
    assert_int_equal(bt_batcher_submit_all(s.batcher, MS(0), &alike, 4, tickets), BT_OK);
    bt_batcher_count(s.batcher, 0, &counts);
    assert_int_equal(counts.rejected_deadline, 5);
    bt_batcher_close(&s.batcher);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_requests_are_padded_where_that_is_cheaper_and_split_where_not),
        cmocka_unit_test(a_ladder_that_is_none_is_refused),
        cmocka_unit_test(a_breaker_opens_cools_down_probes_and_closes),
        cmocka_unit_test(a_failed_probe_doubles_the_cooldown_up_to_its_bound),
        ON_USUAL(a_lone_request_waits_the_queue_delay_and_not_longer),
        ON_USUAL(a_full_batch_goes_at_once),
        ON_USUAL(what_came_while_a_batch_ran_goes_together_when_it_ends),
        cmocka_unit_test(three_run_padded_to_four),
        ON_USUAL(a_batch_closes_early_for_a_deadline_that_waiting_would_break),
        cmocka_unit_test(a_change_of_settings_holds_from_now_on),
        ON_USUAL(a_request_that_waited_to_its_deadline_is_told_so_then),
        ON_USUAL(a_cancelled_request_is_answered_and_leaves_its_run_alone),
        cmocka_unit_test(a_full_queue_refuses_at_once),
        cmocka_unit_test(admission_refuses_what_could_not_make_it),
        cmocka_unit_test(what_failed_comes_again_on_the_standard_path_one_by_one),
        cmocka_unit_test(without_failover_what_failed_has_failed),
        ON_USUAL(out_of_memory_halves_before_it_falls_back),
        cmocka_unit_test(a_run_that_hangs_is_given_up_and_its_late_outcome_dropped),
        cmocka_unit_test(an_open_breaker_sends_everything_to_the_standard_path_until_probes_are_good),
        cmocka_unit_test(instances_on_two_devices_run_at_once_and_on_one_in_turn),
        cmocka_unit_test(models_that_share_a_device_go_in_the_order_of_their_heads),
        cmocka_unit_test(a_broken_instance_is_passed_over_while_another_works),
        cmocka_unit_test(draining_closes_batches_at_once_and_refuses_the_rest),
        ON_USUAL(abandoning_answers_even_what_runs),
        cmocka_unit_test(options_that_no_batcher_can_follow_are_refused),
        ON_USUAL(a_change_out_of_bounds_changes_nothing),
        cmocka_unit_test(numbers_that_nobody_gave_are_known_as_such),
        cmocka_unit_test(a_breakers_state_has_a_name),
        cmocka_unit_test(a_lone_image_that_does_not_fit_falls_back),
        cmocka_unit_test(who_has_priority_goes_first_and_within_one_who_came_first),
        cmocka_unit_test(nobody_is_overtaken_for_ever),
        cmocka_unit_test(priorities_count_nothing_where_nobody_says_what),
        cmocka_unit_test(who_is_overtaken_waits_no_longer_for_its_batch),
        cmocka_unit_test(admission_counts_whom_it_overtakes_as_behind_it),
        cmocka_unit_test(several_are_taken_together_or_not_at_all),
        cmocka_unit_test(several_are_taken_where_the_last_can_be_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
