#include "batcher-world.h"

#include "base/clock.h"
#include "base/random.h"

#define MODELS_MAX    3
#define INSTANCES_MAX 5
#define BACK_MAX      60 /* how far back a cancellation looks: those before are answered, mostly */

/* What is drawn of a world beside what it consists of. */
typedef struct world {
    bt_random random;
    trace *t;
    double hurries, priorities; /* how many requests have a deadline, or are told a priority */
} world;

static int64_t between(world *w, int64_t low, int64_t high) {
    return low + (int64_t)bt_random_below(&w->random, (uint64_t)(high - low + 1));
}

static int64_t us_between(world *w, int64_t low, int64_t high) {
    return between(w, low, high) * BT_NS_PER_US;
}

static bool chance(world *w, double probability) {
    return bt_random_uniform(&w->random) < probability;
}

static bt_ladder make_ladder(world *w) {
    bt_ladder ladder = {.standard_ns = us_between(w, 1, 40)};
    int size = 1;
    for (int i = 0; i < 6 && (i == 0 || chance(w, 0.75)); i++) {
        ladder.sizes[i] = size;
        ladder.service_ns[i] = us_between(w, 1, 20) + (i > 0 ? ladder.service_ns[i - 1] : 0);
        ladder.size_count = i + 1;
        size += (int)between(w, 1, size + 2);
    }
    return ladder;
}

static bt_batcher_model make_model(world *w) {
    bt_batcher_model model = {.ladder = make_ladder(w)};
    model.max_batch_size = (int)between(w, 1, bt_ladder_largest(&model.ladder));
    model.max_queue_size = (int)between(w, 1, 40);
    model.max_queue_delay_ns = us_between(w, 0, 60);
    model.policy = (bt_batcher_policy)between(w, 0, BT_POLICY_COUNT - 1);
    model.promise_ns = chance(w, 0.5) ? us_between(w, 1, 200) : 0;
    model.overtake_ns = chance(w, 0.7) ? us_between(w, 1, 300) : 0;
    model.admission = chance(w, 0.3);
    model.failover = chance(w, 0.8);
    model.watchdog_ns = chance(w, 0.5) ? us_between(w, 100, 400) : 0;
    model.breaker.failures = (int)between(w, 1, 4);
    model.breaker.probes = (int)between(w, 1, 3);
    model.breaker.cooldown_ns = us_between(w, 0, 300);
    model.breaker.cooldown_max_ns = 2000 * BT_NS_PER_US;
    return model;
}

static void make_places(world *w) {
    trace *t = w->t;
    t->model_count = (int)between(w, 1, MODELS_MAX);
    for (int i = 0; i < t->model_count; i++)
        t->models[i] = make_model(w);
    t->instance_count = (int)between(w, t->model_count, INSTANCES_MAX);
    for (int i = 0; i < t->instance_count; i++)
        t->instances[i] =
            (bt_batcher_instance){.model = i < t->model_count ? i : (int)between(w, 0, t->model_count - 1),
                                  .device = (int)between(w, 0, t->instance_count - 1)};
}

static trace_run make_run(world *w) {
    trace_run run = {.takes_ns = us_between(w, 1, 60)};
    if (chance(w, 0.01)) run.takes_ns = us_between(w, 300, 3000);
    const double u = bt_random_uniform(&w->random);
    run.outcome = u < 0.9    ? BT_RUN_GOOD
                  : u < 0.94 ? BT_RUN_EXCEPTION
                  : u < 0.96 ? BT_RUN_NON_FINITE
                             : BT_RUN_OUT_OF_MEMORY;
    return run;
}

static void add_submission(world *w, int64_t at_ns) {
    trace_event event = {.at_ns = at_ns,
                         .kind = TRACE_SUBMIT,
                         .model = (int)between(w, 0, w->t->model_count - 1),
                         .within_ns = BT_NEVER_NS};
    if (chance(w, w->hurries)) event.within_ns = us_between(w, 0, 400);
    if (chance(w, w->priorities)) event.priority = (int)between(w, 1, BT_PRIORITIES);
    event.standard = chance(w, 0.03);
    event.first = make_run(w);
    event.again = make_run(w);
    trace_add_event(w->t, &event);
}

static void add_cancellation(world *w, int64_t at_ns) {
    const int back = (int)between(w, 1, w->t->request_count < BACK_MAX ? w->t->request_count : BACK_MAX);
    trace_add_event(
        w->t, &(trace_event){.at_ns = at_ns, .kind = TRACE_CANCEL, .request = w->t->request_count - back});
}

static void add_change(world *w, int64_t at_ns) {
    const int number = (int)between(w, 0, w->t->model_count - 1);
    const bt_batcher_model *model = &w->t->models[number];
    trace_event event = {.at_ns = at_ns, .kind = TRACE_CHANGE, .model = number};
    event.change.max_batch_size = (int)between(w, 1, bt_ladder_largest(&model->ladder));
    event.change.max_queue_size = model->max_queue_size;
    event.change.max_queue_delay_ns = us_between(w, 0, 60);
    event.change.policy = (bt_batcher_policy)between(w, 0, BT_POLICY_COUNT - 1);
    event.change.promise_ns = chance(w, 0.5) ? us_between(w, 1, 200) : 0;
    trace_add_event(w->t, &event);
}

void world_make(trace *t, uint64_t seed, int requests) {
    world w = {.random = bt_random_stream(seed, "world"), .t = t};
    trace_clear(t);
    make_places(&w);
    w.hurries = chance(&w, 0.2) ? 0 : 0.4;
    w.priorities = chance(&w, 0.3) ? 0 : 0.6;
    const int64_t gap_ns = us_between(&w, 1, 30);
    int64_t now_ns = 0;
    for (int i = 0; i < requests; i++) {
        now_ns += (int64_t)(bt_random_exponential(&w.random) * (double)gap_ns);
        add_submission(&w, now_ns);
        if (chance(&w, 0.05)) add_cancellation(&w, now_ns);
        if (chance(&w, 0.002)) add_change(&w, now_ns);
    }
    trace_add_event(t,
                    &(trace_event){.at_ns = now_ns, .kind = chance(&w, 0.3) ? TRACE_ABANDON : TRACE_DRAIN});
}
