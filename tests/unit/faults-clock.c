/* A clock that jumps costs time, never a request: the batcher and the breaker under a clock that goes back,
 * stands still and leaps by hours, by seed. BATCHTUNE_SEED=s runs one seed alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "batching/batcher.h"

#define SEEDS    400
#define REQUESTS 500
#define HOUR_NS  (3600 * BT_NS_PER_S)
#define MS       BT_NS_PER_MS

typedef struct request {
    uint64_t ticket;
    int64_t deadline_ns, submitted_ns;
    int answers;
} request;

typedef struct lane {
    bool busy;
    uint64_t run;
    int64_t end_ns; /* by true time */
} lane;

typedef struct world {
    unsigned long long seed;
    bt_random random;
    bt_batcher *batcher;
    lane lanes[2 * 2];
    request requests[REQUESTS];
    int count, answered;
    int64_t true_ns, offset_ns; /* the clock shows their sum */
    int64_t largest_ns;         /* that it has ever shown */
} world;

static int64_t shown(world *w) {
    int64_t now_ns = w->true_ns + w->offset_ns;
    if (now_ns > w->largest_ns) w->largest_ns = now_ns;
    return now_ns;
}

static void jump(world *w) {
    switch (bt_random_below(&w->random, 4)) {
    case 0:
        w->offset_ns += HOUR_NS * (int64_t)bt_random_below(&w->random, 48);
        break;
    case 1:
        w->offset_ns -= HOUR_NS * (int64_t)bt_random_below(&w->random, 48);
        break;
    case 2:
        w->offset_ns += (int64_t)bt_random_below(&w->random, 20) * MS;
        break;
    default:
        w->offset_ns -= (int64_t)bt_random_below(&w->random, 20) * MS;
    }
}

static void hear(world *w, const bt_action *a) {
    request *r = &w->requests[a->tag];
    if (++r->answers != 1) fail_msg("seed %llu: request %d answered twice", w->seed, (int)a->tag);
    if (a->status == BT_TIMEOUT && w->largest_ns < r->deadline_ns)
        fail_msg("seed %llu: request %d expired though no clock ever showed its deadline", w->seed,
                 (int)a->tag);
    w->answered++;
}

static void start(world *w, const bt_action *a) {
    lane *l = &w->lanes[2 * a->instance + (a->path == BT_PATH_STANDARD)];
    if (l->busy) fail_msg("seed %llu: a run on a lane that is busy", w->seed);
    *l = (lane){true, a->run, w->true_ns + (1 + (int64_t)bt_random_below(&w->random, 30)) * MS};
}

static void pump(world *w) {
    bt_action action;
    for (int turns = 0; bt_batcher_next(w->batcher, shown(w), &action); turns++) {
        if (turns > 10 * REQUESTS) fail_msg("seed %llu: actions without end", w->seed);
        if (action.kind == BT_ACTION_RUN)
            start(w, &action);
        else
            hear(w, &action);
    }
    /* By the batcher's own time, which never goes back. */
    if (bt_batcher_wake_ns(w->batcher) <= w->largest_ns)
        fail_msg("seed %llu: it wants to be woken in the past", w->seed);
}

static void finish_runs(world *w) {
    static const bt_run_outcome outcomes[] = {BT_RUN_GOOD,         BT_RUN_GOOD,      BT_RUN_GOOD,
                                              BT_RUN_GOOD,         BT_RUN_EXCEPTION, BT_RUN_NON_FINITE,
                                              BT_RUN_OUT_OF_MEMORY};
    for (int i = 0; i < 4; i++) {
        lane *l = &w->lanes[i];
        if (!l->busy || l->end_ns > w->true_ns) continue;
        l->busy = false;
        if (!bt_batcher_done(w->batcher, shown(w), l->run,
                             outcomes[bt_random_below(&w->random, sizeof outcomes / sizeof *outcomes)]))
            fail_msg("seed %llu: the end of a run that nobody knows", w->seed);
    }
}

static void submit(world *w) {
    request *r = &w->requests[w->count];
    *r = (request){.deadline_ns = BT_NEVER_NS, .submitted_ns = shown(w)};
    if (bt_random_below(&w->random, 3) == 0)
        r->deadline_ns = shown(w) + (1 + (int64_t)bt_random_below(&w->random, 200)) * MS;
    const bt_submission submission = {0, r->deadline_ns, bt_random_below(&w->random, 20) == 0,
                                      (uint64_t)w->count, 0};
    if (bt_batcher_submit(w->batcher, shown(w), &submission, &r->ticket) == BT_OK) w->count++;
}

static void open_world(world *w, unsigned long long seed) {
    bt_error error;
    *w = (world){.seed = seed, .random = bt_random_stream(seed, "clock"), .true_ns = 100 * HOUR_NS};
    bt_batcher_model model = {.max_batch_size = 4,
                              .max_queue_size = 50,
                              .max_queue_delay_ns = 5 * MS,
                              .ladder = {.sizes = {1, 2, 4},
                                         .service_ns = {10 * MS, 12 * MS, 16 * MS},
                                         .size_count = 3,
                                         .standard_ns = 20 * MS},
                              .admission = seed % 3 == 0,
                              .failover = true,
                              .watchdog_ns = seed % 2 ? 100 * MS : 0,
                              .breaker = BT_BREAKER_DEFAULT};
    const bt_batcher_instance instances[2] = {{0, 0}, {0, (int)(seed % 2)}};
    const bt_batcher_options options = {&model, 1, instances, 2};
    if (bt_batcher_open(&w->batcher, &options, &error)) fail_msg("%s", error.message);
}

/* What a driver does once everything is in: waits until it is to be woken, or a run ends. */
static void wind_up(world *w) {
    bt_batcher_drain(w->batcher, shown(w));
    for (int turns = 0; !bt_batcher_idle(w->batcher); turns++) {
        if (turns > 20 * REQUESTS)
            fail_msg("seed %llu: %d of %d requests are never answered", w->seed, w->count - w->answered,
                     w->count);
        w->true_ns += MS;
        int64_t behind_ns = w->largest_ns - (w->true_ns + w->offset_ns);
        if (behind_ns > 0) w->true_ns += behind_ns; /* a clock that was set back catches up in the end */
        finish_runs(w);
        pump(w);
    }
}

static void every_request_is_answered_once(void **state) {
    (void)state;
    static world w;
    const char *one = getenv("BATCHTUNE_SEED");
    unsigned long long first = one ? strtoull(one, NULL, 10) : 1, last = one ? first : SEEDS;
    for (unsigned long long seed = first; seed <= last; seed++) {
        open_world(&w, seed);
        for (int turn = 0; turn < 2000 && w.count < REQUESTS; turn++) {
            if (bt_random_below(&w.random, 3) == 0) submit(&w);
            if (bt_random_below(&w.random, 40) == 0) jump(&w);
            w.true_ns += (int64_t)bt_random_below(&w.random, 4) * MS;
            finish_runs(&w);
            pump(&w);
        }
        wind_up(&w);
        bt_batcher_counts counts;
        bt_batcher_count(w.batcher, 0, &counts);
        if (w.answered != w.count || counts.in_flight != 0)
            fail_msg("seed %llu: %d of %d answered", seed, w.answered, w.count);
        bt_batcher_close(&w.batcher);
    }
}

/* An open breaker tries again after its cooldown by whatever clock there is: one that was set back by hours
 * must not keep a path that works out of use for hours. */
static void a_clock_set_back_does_not_keep_a_path_away(void **state) {
    (void)state;
    bt_breaker breaker;
    const bt_breaker_options options = BT_BREAKER_DEFAULT;
    bt_breaker_open(&breaker, &options);
    int64_t now_ns = 50 * HOUR_NS;
    for (int i = 0; i < options.failures; i++)
        bt_breaker_failed(&breaker, now_ns);
    assert_int_equal(bt_breaker_at(&breaker, now_ns), BT_BREAKER_OPEN);
    assert_int_equal(bt_breaker_at(&breaker, now_ns + 24 * HOUR_NS), BT_BREAKER_HALF_OPEN);
    bt_breaker_good(&breaker, now_ns + 24 * HOUR_NS);
    bt_breaker_good(&breaker, now_ns + 24 * HOUR_NS);
    assert_int_equal(bt_breaker_at(&breaker, now_ns), BT_BREAKER_CLOSED);
}

/* The batcher keeps the breaker's time: the largest that any clock has shown. */
static void a_leap_ahead_then_back_leaves_the_batcher_serving(void **state) {
    (void)state;
    static world w;
    bt_action action;
    open_world(&w, 2);
    w.offset_ns = 10 * HOUR_NS;
    submit(&w);
    pump(&w);
    w.offset_ns = 0; /* set back by ten hours */
    w.true_ns += 50 * MS;
    finish_runs(&w);
    pump(&w);
    for (int i = 0; i < 4; i++) {
        const bt_submission submission = {0, BT_NEVER_NS, false, (uint64_t)w.count, 0};
        w.requests[w.count] = (request){.deadline_ns = BT_NEVER_NS};
        assert_int_equal(bt_batcher_submit(w.batcher, shown(&w), &submission, &w.requests[w.count].ticket),
                         BT_OK);
        w.count++;
    }
    /* A full batch waits for no clock. */
    assert_true(bt_batcher_next(w.batcher, shown(&w), &action));
    assert_int_equal(action.kind, BT_ACTION_RUN);
    bt_batcher_close(&w.batcher);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_is_answered_once),
        cmocka_unit_test(a_clock_set_back_does_not_keep_a_path_away),
        cmocka_unit_test(a_leap_ahead_then_back_leaves_the_batcher_serving),
    };
    return cmocka_run_group_tests_name("faults: clocks that jump", tests, NULL, NULL);
}
