/* What must hold of the batcher whatever comes: seeded random models, devices, traffic, faults,
 * cancellations, changes and endings on a virtual clock, and an independent account of every request.
 *
 * BATCHTUNE_REQUESTS=n runs more of it (10^7 by itself, 10^6 under a sanitizer); BATCHTUNE_SEED=s runs one
 * world alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "batching/batcher.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REQUESTS 1000000
#else
#define REQUESTS 10000000
#endif
#define WORLD_REQUESTS 20000 /* in one world */
#define MODELS_MAX     3
#define INSTANCES_MAX  5
#define US             1000LL

/* One request as the driver knows it. */
typedef struct known {
    uint64_t ticket;
    int64_t arrival_ns, deadline_ns;
    int model, answers, starts;
    bool standard, cancelled;
} known;

/* A run under way, or one that was given up and whose outcome is still to come. */
typedef struct going {
    bool here, given_up;
    bt_action action;
    uint64_t tags[BT_LADDER_BATCH_MAX];
    int64_t start_ns, end_ns;
    bt_run_outcome outcome;
} going;

typedef struct world {
    uint64_t seed;
    bt_random random;
    bt_batcher *batcher;
    bt_batcher_model models[MODELS_MAX];
    int model_count;
    bt_batcher_instance instances[INSTANCES_MAX];
    int instance_count;
    going lanes[BT_LANES_PER_INSTANCE * INSTANCES_MAX];
    known *requests;
    int count, answered;
    int64_t left_out_ns[MODELS_MAX],
        left_out_by_ns[MODELS_MAX];  /* the last start of a run, and its end as planned */
    uint64_t first_seen[MODELS_MAX]; /* tag + 1 of the last request first started from each queue */
    uint64_t rejected[MODELS_MAX], taken[MODELS_MAX];
    int64_t now_ns;
    bool drained;
    uint64_t hash;
} world;

/* Says what was not as it must be, and how to see it again. */
static BT_PRINTF(2, 3) void broken(const world *w, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_error("seed %llu at %lld ns: ", (unsigned long long)w->seed, (long long)w->now_ns);
    vprint_error(format, arguments);
    print_error("\nrepeat with BATCHTUNE_SEED=%llu\n", (unsigned long long)w->seed);
    va_end(arguments);
    fail();
}

#define MUST(w, condition, ...) ((condition) ? (void)0 : broken(w, __VA_ARGS__))

static int64_t between(world *w, int64_t low, int64_t high) {
    return low + (int64_t)bt_random_below(&w->random, (uint64_t)(high - low + 1));
}

static bool chance(world *w, double probability) {
    return bt_random_uniform(&w->random) < probability;
}

/* ---- a world ---- */

static void make_ladder(world *w, bt_ladder *ladder) {
    int size = 1;
    *ladder = (bt_ladder){.standard_ns = between(w, 1, 40) * US};
    for (int i = 0; i < 6 && (i == 0 || chance(w, 0.75)); i++) {
        ladder->sizes[i] = size;
        ladder->service_ns[i] = (between(w, 1, 20) + (i > 0 ? ladder->service_ns[i - 1] / US : 0)) * US;
        ladder->size_count = i + 1;
        size += (int)between(w, 1, size + 2);
    }
}

static void make_world(world *w, uint64_t seed) {
    bt_error error = {BT_OK, ""};
    known *requests = w->requests;
    *w = (world){.seed = seed, .requests = requests, .hash = BT_FNV_START};
    w->random = bt_random_stream(seed, "world");
    w->model_count = (int)between(w, 1, MODELS_MAX);
    for (int m = 0; m < w->model_count; m++) {
        bt_batcher_model *model = &w->models[m];
        make_ladder(w, &model->ladder);
        int largest = model->ladder.sizes[model->ladder.size_count - 1];
        model->max_batch_size = (int)between(w, 1, largest);
        model->max_queue_size = (int)between(w, 1, 40);
        model->max_queue_delay_ns = between(w, 0, 60) * US;
        model->policy = (bt_batcher_policy)between(w, 0, BT_POLICY_COUNT - 1);
        model->promise_ns = chance(w, 0.5) ? between(w, 1, 200) * US : 0;
        model->admission = chance(w, 0.3);
        model->failover = chance(w, 0.8);
        model->watchdog_ns = chance(w, 0.5) ? between(w, 100, 400) * US : 0;
        model->breaker = (bt_breaker_options){.failures = (int)between(w, 1, 4),
                                              .probes = (int)between(w, 1, 3),
                                              .cooldown_ns = between(w, 0, 300) * US,
                                              .cooldown_max_ns = 2000 * US};
        w->first_seen[m] = 0;
    }
    w->instance_count = (int)between(w, w->model_count, INSTANCES_MAX);
    for (int i = 0; i < w->instance_count; i++)
        w->instances[i] =
            (bt_batcher_instance){i < w->model_count ? i : (int)between(w, 0, w->model_count - 1),
                                  (int)between(w, 0, w->instance_count - 1)};
    const bt_batcher_options options = {w->models, w->model_count, w->instances, w->instance_count};
    if (bt_batcher_open(&w->batcher, &options, &error) != BT_OK)
        fail_msg("seed %llu: %s", (unsigned long long)seed, error.message);
}

/* ---- what comes out ---- */

static void mix(world *w, const bt_action *a) {
    const int64_t facts[] = {w->now_ns, a->kind,     a->model,        a->instance, a->path,
                             a->count,  a->run_size, (int64_t)a->tag, a->status};
    w->hash = bt_fnv1a64(w->hash, facts, sizeof facts);
}

static going *lane_of(world *w, const bt_action *a) {
    return &w->lanes[bt_lane_of(a->instance, a->path)];
}

static bool in_ladder(const bt_ladder *ladder, int size) {
    for (int i = 0; i < ladder->size_count; i++)
        if (ladder->sizes[i] == size) return true;
    return false;
}

static void check_sizes(world *w, const bt_action *a) {
    const bt_batcher_model *model = &w->models[a->model];
    MUST(w, w->instances[a->instance].model == a->model, "a run of model %d on another's instance", a->model);
    MUST(w, a->count >= 1 && a->count <= a->run_size, "%d requests on a size of %d", a->count, a->run_size);
    if (a->path == BT_PATH_STANDARD)
        MUST(w, a->count == 1 && a->run_size == 1, "%d at once on the standard path", a->count);
    else
        MUST(w, a->count <= model->max_batch_size && in_ladder(&model->ladder, a->run_size),
             "%d requests on size %d, max %d", a->count, a->run_size, model->max_batch_size);
}

/* One run a lane, and one a device but for those that were given up. */
static void check_places(world *w, const bt_action *a) {
    MUST(w, !lane_of(w, a)->here, "a run on a lane that is busy");
    for (int i = 0; i < BT_LANES_PER_INSTANCE * w->instance_count; i++)
        MUST(w,
             !w->lanes[i].here || w->lanes[i].given_up ||
                 w->instances[i / BT_LANES_PER_INSTANCE].device != w->instances[a->instance].device,
             "two runs on device %d", w->instances[a->instance].device);
}

static void check_members(world *w, const bt_action *a) {
    for (int i = 0; i < a->count; i++) {
        known *k = &w->requests[a->tags[i]];
        MUST(w, k->model == a->model, "a request of model %d in a run of %d", k->model, a->model);
        MUST(w, k->answers == 0, "request %llu runs though it was answered", (unsigned long long)a->tags[i]);
        MUST(w, k->deadline_ns > w->now_ns, "request %llu starts at its deadline",
             (unsigned long long)a->tags[i]);
        MUST(w, !(k->standard && a->path == BT_PATH_PRODUCTION), "a standard request on the production path");
        if (k->starts++ > 0 || k->standard) continue;
        MUST(w, a->tags[i] + 1 > w->first_seen[a->model], "request %llu overtaken",
             (unsigned long long)a->tags[i]);
        w->first_seen[a->model] = a->tags[i] + 1;
    }
}

static int64_t planned_ns(const bt_ladder *ladder, int size) {
    for (int i = 0; i < ladder->size_count; i++)
        if (ladder->sizes[i] == size) return ladder->service_ns[i];
    return 0;
}

static bt_run_outcome draw_outcome(world *w) {
    double u = bt_random_uniform(&w->random);
    return u < 0.9    ? BT_RUN_GOOD
           : u < 0.94 ? BT_RUN_EXCEPTION
           : u < 0.96 ? BT_RUN_NON_FINITE
                      : BT_RUN_OUT_OF_MEMORY;
}

static void start(world *w, const bt_action *a) {
    going *g = lane_of(w, a);
    check_sizes(w, a);
    check_places(w, a);
    check_members(w, a);
    w->left_out_ns[a->model] = w->now_ns;
    w->left_out_by_ns[a->model] = w->now_ns + planned_ns(&w->models[a->model].ladder, a->run_size);
    int64_t takes_ns = between(w, 1, 60) * US;
    if (chance(w, 0.01)) takes_ns = between(w, 300, 3000) * US;
    g->here = true;
    g->given_up = false;
    g->action = *a;
    g->start_ns = w->now_ns;
    g->end_ns = w->now_ns + takes_ns;
    g->outcome = draw_outcome(w);
    memcpy(g->tags, a->tags, (size_t)a->count * sizeof *g->tags);
}

/* The adaptive policy gives up what would be late alone, or in the batch that starts at this moment. */
static bool is_given_up(const world *w, const bt_action *a, const known *k) {
    const bt_batcher_model *model = &w->models[a->model];
    int64_t least_ns = model->ladder.standard_ns;
    for (int i = 0; i < model->ladder.size_count; i++)
        if (model->ladder.service_ns[i] < least_ns) least_ns = model->ladder.service_ns[i];
    if (w->left_out_ns[a->model] == w->now_ns) least_ns = w->left_out_by_ns[a->model] - w->now_ns;
    return model->policy == BT_POLICY_ADAPTIVE && k->starts == 0 && !k->standard &&
           k->deadline_ns <= w->now_ns + least_ns;
}

static void take_answer(world *w, const bt_action *a) {
    MUST(w, a->tag < (uint64_t)w->count, "an answer to nobody");
    known *k = &w->requests[a->tag];
    MUST(w, k->ticket == a->ticket && k->model == a->model, "an answer to another's ticket");
    MUST(w, ++k->answers == 1, "request %llu is answered twice", (unsigned long long)a->tag);
    w->answered++;
    MUST(w, w->now_ns <= k->deadline_ns, "answered %lld ns after its deadline",
         (long long)(w->now_ns - k->deadline_ns));
    MUST(w, a->status != BT_TIMEOUT || w->now_ns == k->deadline_ns || is_given_up(w, a, k),
         "expired before its deadline");
    MUST(w, a->status != BT_CANCELLED || k->cancelled, "cancelled by nobody");
    MUST(w, a->arrival_ns == k->arrival_ns, "another's arrival");
    if (a->status != BT_OK) return;
    const going *g = lane_of(w, a);
    MUST(w, g->action.run == a->run && g->outcome == BT_RUN_GOOD, "a result of a run that was not good");
    MUST(w, a->position < g->action.count && g->tags[a->position] == a->tag, "another's row");
}

/* What the batcher could have run now by the plainest reading of the rules, and did not. */
static void check_nothing_due(world *w) {
    for (int m = 0; m < w->model_count; m++) {
        int waiting = 0;
        int64_t oldest_ns = INT64_MAX;
        for (int i = 0; i < w->count; i++) {
            const known *k = &w->requests[i];
            if (k->model != m || k->answers > 0 || k->starts > 0 || k->standard) continue;
            waiting++;
            if (k->arrival_ns < oldest_ns) oldest_ns = k->arrival_ns;
        }
        const bt_batcher_model *model = &w->models[m];
        bool due = waiting >= model->max_batch_size ||
                   (waiting > 0 && (w->drained || w->now_ns >= oldest_ns + model->max_queue_delay_ns));
        for (int i = 0; i < w->instance_count && due; i++) {
            bt_instance_state state;
            bt_batcher_instance_state(w->batcher, w->now_ns, i, &state);
            bool free = w->instances[i].model == m && !state.stuck && state.breaker == BT_BREAKER_CLOSED &&
                        !w->lanes[bt_standard_lane(i)].here;
            for (int j = 0; j < BT_LANES_PER_INSTANCE * w->instance_count; j++)
                if (w->lanes[j].here && !w->lanes[j].given_up &&
                    w->instances[j / BT_LANES_PER_INSTANCE].device == w->instances[i].device)
                    free = false;
            MUST(w, !free, "model %d: %d wait, the oldest %lld ns, and instance %d is free", m, waiting,
                 (long long)(w->now_ns - oldest_ns), i);
        }
    }
}

/* Marks the runs whose watchdog has come, as the batcher does by itself. */
static void give_up(world *w) {
    for (int i = 0; i < BT_LANES_PER_INSTANCE * w->instance_count; i++) {
        going *g = &w->lanes[i];
        int64_t watchdog_ns = w->models[w->instances[i / BT_LANES_PER_INSTANCE].model].watchdog_ns;
        if (g->here && watchdog_ns > 0 && w->now_ns >= g->start_ns + watchdog_ns) g->given_up = true;
    }
}

static void pump(world *w) {
    bt_action action;
    give_up(w);
    while (bt_batcher_next(w->batcher, w->now_ns, &action)) {
        mix(w, &action);
        if (action.kind == BT_ACTION_RUN)
            start(w, &action);
        else
            take_answer(w, &action);
    }
    MUST(w, bt_batcher_wake_ns(w->batcher) > w->now_ns, "it wants to be woken in the past");
}

/* ---- what goes in ---- */

static void submit(world *w) {
    known *k = &w->requests[w->count];
    *k = (known){
        .arrival_ns = w->now_ns, .deadline_ns = BT_NEVER_NS, .model = (int)between(w, 0, w->model_count - 1)};
    if (chance(w, 0.4)) k->deadline_ns = w->now_ns + between(w, 0, 400) * US;
    k->standard = chance(w, 0.03);
    const bt_submission submission = {k->model, k->deadline_ns, k->standard, (uint64_t)w->count};
    bt_batcher_counts before;
    bt_batcher_count(w->batcher, k->model, &before);
    bt_status status = bt_batcher_submit(w->batcher, w->now_ns, &submission, &k->ticket);
    MUST(w, !w->drained || status == BT_CLOSED, "taken while draining");
    MUST(w, status != BT_QUEUE_FULL || before.waiting >= w->models[k->model].max_queue_size,
         "refused with room left");
    MUST(w, status != BT_OK || before.waiting < w->models[k->model].max_queue_size, "taken above the bound");
    MUST(w, status != BT_OK || k->deadline_ns > w->now_ns, "taken at its deadline");
    if (status == BT_OK) {
        w->taken[k->model]++;
        w->count++;
    } else {
        w->rejected[k->model]++;
    }
}

static void cancel(world *w) {
    if (w->count == 0) return;
    int back = (int)between(w, 1, w->count < 60 ? w->count : 60);
    known *k = &w->requests[w->count - back];
    k->cancelled = true;
    bool found = bt_batcher_cancel(w->batcher, w->now_ns, k->ticket);
    MUST(w, found == (k->answers == 0), "cancelling found %d of a request with %d answers", found,
         k->answers);
}

static void change(world *w) {
    bt_error error;
    int m = (int)between(w, 0, w->model_count - 1);
    bt_batcher_model *model = &w->models[m];
    const bt_batcher_change change = {
        .max_batch_size = (int)between(w, 1, model->ladder.sizes[model->ladder.size_count - 1]),
        .max_queue_size = model->max_queue_size,
        .max_queue_delay_ns = between(w, 0, 60) * US,
        .policy = (bt_batcher_policy)between(w, 0, BT_POLICY_COUNT - 1),
        .promise_ns = chance(w, 0.5) ? between(w, 1, 200) * US : 0};
    assert_int_equal(bt_batcher_set(w->batcher, w->now_ns, m, &change, &error), BT_OK);
    model->max_batch_size = change.max_batch_size;
    model->max_queue_delay_ns = change.max_queue_delay_ns;
    model->policy = change.policy;
    model->promise_ns = change.promise_ns;
}

static int next_end(const world *w, int64_t *at_ns) {
    int first = -1;
    *at_ns = INT64_MAX;
    for (int i = 0; i < BT_LANES_PER_INSTANCE * w->instance_count; i++)
        if (w->lanes[i].here && w->lanes[i].end_ns < *at_ns) {
            *at_ns = w->lanes[i].end_ns;
            first = i;
        }
    return first;
}

/* Time goes to the next thing that happens, never beyond the batcher's wake time. */
static bool step(world *w, int64_t arrival_ns) {
    int64_t end_ns, wake_ns = bt_batcher_wake_ns(w->batcher);
    int lane = next_end(w, &end_ns);
    int64_t at_ns = arrival_ns < end_ns ? arrival_ns : end_ns;
    if (wake_ns < at_ns) at_ns = wake_ns;
    if (at_ns == INT64_MAX) return false;
    w->now_ns = at_ns;
    if (at_ns == end_ns) {
        give_up(w);
        going *g = &w->lanes[lane];
        MUST(w, bt_batcher_done(w->batcher, w->now_ns, g->action.run, g->outcome),
             "it does not know its run");
        MUST(w, !bt_batcher_done(w->batcher, w->now_ns, g->action.run, g->outcome), "a run ends twice");
        g->here = false;
    } else if (at_ns == arrival_ns) {
        pump(w); /* what is due at this very moment comes first, so that the books below are of one moment */
        submit(w);
        if (chance(w, 0.05)) cancel(w);
        if (chance(w, 0.002)) change(w);
    }
    pump(w);
    return true;
}

static void check_books(world *w) {
    for (int m = 0; m < w->model_count; m++) {
        bt_batcher_counts c;
        bt_batcher_count(w->batcher, m, &c);
        MUST(w, c.in_flight == 0 && c.waiting == 0, "%d in flight, %d wait at the end", c.in_flight,
             c.waiting);
        MUST(w, c.rejected_full + c.rejected_deadline + c.rejected_closed == w->rejected[m],
             "rejections do not add up");
        MUST(w, c.ok + c.expired + c.cancelled + c.failed == w->taken[m], "answers do not add up");
        MUST(w, c.submitted == w->taken[m] + w->rejected[m], "submissions do not add up");
    }
    MUST(w, w->answered == w->count, "%d of %d were answered", w->answered, w->count);
    MUST(w, bt_batcher_idle(w->batcher), "not idle though all is answered");
}

/* A whole life; returns the hash of everything that happened. */
static uint64_t live(world *w, uint64_t seed, int64_t *requests) {
    make_world(w, seed);
    int64_t gap_ns = between(w, 1, 30) * US;
    for (int i = 0; i < WORLD_REQUESTS; i++) {
        int64_t arrival_ns = w->now_ns + (int64_t)(bt_random_exponential(&w->random) * (double)gap_ns);
        while (w->now_ns < arrival_ns)
            step(w, arrival_ns);
        if (i % 1000 == 0) check_nothing_due(w);
    }
    bool abandon = chance(w, 0.3);
    w->drained = true;
    if (abandon)
        bt_batcher_abandon(w->batcher, w->now_ns);
    else
        bt_batcher_drain(w->batcher, w->now_ns);
    pump(w);
    if (abandon) check_books(w);
    while (step(w, INT64_MAX)) {
    }
    check_books(w);
    *requests += WORLD_REQUESTS;
    bt_batcher_close(&w->batcher);
    return w->hash;
}

static void nothing_is_lost_doubled_late_or_out_of_order(void **state) {
    (void)state;
    const char *asked = getenv("BATCHTUNE_REQUESTS"), *one = getenv("BATCHTUNE_SEED");
    int64_t wanted = asked ? atoll(asked) : REQUESTS, done = 0;
    world *w = calloc(1, sizeof *w);
    w->requests = calloc(WORLD_REQUESTS + 1, sizeof *w->requests);
    if (one)
        live(w, strtoull(one, NULL, 10), &done);
    else
        for (uint64_t seed = 1; done < wanted; seed++)
            live(w, seed, &done);
    free(w->requests);
    free(w);
}

static void the_same_seed_is_the_same_life(void **state) {
    (void)state;
    int64_t done = 0;
    world *w = calloc(1, sizeof *w);
    w->requests = calloc(WORLD_REQUESTS + 1, sizeof *w->requests);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        uint64_t first = live(w, seed, &done), second = live(w, seed, &done);
        assert_true(first == second);
    }
    free(w->requests);
    free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_doubled_late_or_out_of_order),
        cmocka_unit_test(the_same_seed_is_the_same_life),
    };
    return cmocka_run_group_tests_name("batching-properties", tests, NULL, NULL);
}
