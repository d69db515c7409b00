/* The batcher's life as traces: those that are kept (tests/traces/) play as they say, faults that are planted
 * between the player and the batcher are found and made short, and the simulator decides as the player does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/random.h"
#include "batcher-player.h"
#include "batcher-shrink.h"
#include "batcher-world.h"
#include "expect.h"
#include "simulate/simulate.h"

#define FOLDER         "tests/traces/"
#define WORLD_REQUESTS 20000
#define SHORT_EVENTS   6 /* a handful: what a person takes in at a glance */

/* ---- a trace's text ---- */

static char *text_of(const trace *t) {
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    trace_write(t, out);
    fclose(out);
    return text;
}

static void what_is_written_is_read_back_the_same(void **state) {
    (void)state;
    player *p = player_open();
    trace world = {0}, seen = {0}, again = {0};
    bt_error error;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        world_make(&world, seed, 500);
        const playing first = player_play(p, &world, &player_of_batchers, &seen);
        assert_null(first.rule);
        char *text = text_of(&seen);
        must(trace_read(&again, text, &error), &error);
        char *second = text_of(&again);
        assert_string_equal(text, second);
        const playing result = player_play(p, &again, &player_of_batchers, NULL);
        if (result.rule) fail_msg("seed %d: %s", (int)seed, result.message);
        assert_true(result.hash == first.hash);
        free(text);
        free(second);
    }
    trace_close(&again);
    trace_close(&seen);
    trace_close(&world);
    player_close(p);
}

#define BEGIN TRACE_HEAD "\nmodel 0 ladder=1:10,2:14\ninstance 0 model=0 device=0\n"

static const refusal refusals[] = {
    {"", "line 1: it does not begin with"},
    {TRACE_HEAD, "a trace has a model and an instance"},
    {TRACE_HEAD "\nmodel 1 ladder=1:10", "line 2: not a model's number and ladder"},
    {TRACE_HEAD "\nmodel 0 ladder=1:10,", "line 2: not a model's number and ladder"},
    {TRACE_HEAD "\nmodel 0 ladder=1:10 delays=5", "line 2: not an option of a model: \"delays=5\""},
    {TRACE_HEAD "\nmodel 0 ladder=1:10 delay=-5", "line 2: not an option of a model"},
    {TRACE_HEAD "\ninstance 0 model=0 device=0", "line 2: not an instance's number, model and device"},
    {BEGIN "at 0 submit 0 model=0 takes=5us", "line 4: not how a run goes"},
    {BEGIN "at 0 submit 0 model=0 ends=badly", "line 4: not how a run goes"},
    {BEGIN "at 0 submit 0 model=0 within=5us", "line 4: not a time"},
    {BEGIN "at 0 submit 1 model=0", "line 4: not the next request's number"},
    {BEGIN "at 0 submit 0 model=1", "line 4: not a model"},
    {BEGIN "at 0.0001 submit 0 model=0", "line 4: not a time, or before the last"},
    {BEGIN "at 0 submit 0 model=0 soon", "line 4: a word too many: \"soon\""},
    {BEGIN "at 5 submit 0 model=0\nat 4 cancel 0", "line 5: not a time, or before the last: \"cancel\""},
    {BEGIN "at 5 cancel 0", "line 4: not a request that has come"},
    {BEGIN "at 5 change model=0 queue=3", "line 4: not a change of all five options"},
    {BEGIN "at 5 stop", "line 4: not an event: \"stop\""},
    {BEGIN "at 5 submit 0 model=0\nat 5 expect run 0 size=1", "line 5: not a run's size and instance"},
    {BEGIN "at 5 submit 0 model=0\nat 5 expect answer 0 fine", "line 5: not an answer"},
    {BEGIN "at 5 submit 0 model=0\nat 5 expect answer 1 ok", "line 5: not a request that has come: \"1\""},
    {BEGIN "submit 0", "line 4: not a line of a trace: \"submit\""},
};

static void a_line_that_means_nothing_is_refused(void **state) {
    (void)state;
    trace t = {0};
    bt_error error;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        assert_int_equal(trace_read(&t, refusals[i].given, &error), BT_PARSE);
        refused_saying(&refusals[i], error.message);
    }
    trace_close(&t);
}

/* ---- those that are kept ---- */

static bool is_trace(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot && strcmp(dot, ".trace") == 0;
}

static void play_kept(player *p, const char *name) {
    trace t = {0};
    char path[BT_PATH_SIZE];
    bt_error error;
    must(bt_path_join(path, &error, FOLDER "%s", name), &error);
    must(trace_read_file(&t, path, &error), &error);
    if (t.expectation_count == 0) fail_msg("%s expects nothing", path);
    const playing result = player_play(p, &t, &player_of_batchers, NULL);
    if (result.rule)
        fail_msg("%s at %lld ns: %s\nsee what happens with BATCHTUNE_TRACE=%s", path, (long long)result.at_ns,
                 result.message, path);
    trace_close(&t);
}

static void every_kept_trace_plays_as_it_says(void **state) {
    (void)state;
    player *p = player_open();
    DIR *folder = opendir(FOLDER);
    assert_non_null(folder);
    int played = 0;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (is_trace(entry->d_name)) {
            play_kept(p, entry->d_name);
            played++;
        }
    closedir(folder);
    player_close(p);
    assert_true(played >= 17);
}

/* What happens and is not as expected: something else, more, or less. */
static void an_expectation_that_is_not_met_is_told(void **state) {
    (void)state;
    static const refusal lives[] = {
        {BEGIN "at 0 submit 0 model=0\nat 0 expect run 0 size=1 instance=0\nat 9 expect answer 0 ok",
         "not what is expected next: request 0: answer"},
        {BEGIN "at 0 submit 0 model=0\nat 0 expect run 0 size=1 instance=0", "more happens than is expected"},
        {BEGIN "at 0 submit 0 model=0\nat 0 expect run 0 size=1 instance=0\nat 10 expect answer 0 ok\n"
               "at 11 expect answer 0 ok",
         "less happens than is expected"},
    };
    player *p = player_open();
    trace t = {0};
    bt_error error;
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
        must(trace_read(&t, lives[i].given, &error), &error);
        refused_saying(&lives[i], player_play(p, &t, &player_of_batchers, NULL).message);
    }
    trace_close(&t);
    player_close(p);
}

/* ---- planted faults ---- */

/* The second and third row of a batch change places. */
static bool swap_answers(void *context, bt_batcher *batcher, int64_t now_ns, bt_action *action) {
    (void)context;
    if (!bt_batcher_next(batcher, now_ns, action)) return false;
    const bool swapped = action->kind == BT_ACTION_ANSWER && action->status == BT_OK && action->count >= 3;
    if (swapped && (action->position == 1 || action->position == 2)) action->position = 3 - action->position;
    return true;
}

/* What was tried twice is never answered. */
static bool lose_answers(void *context, bt_batcher *batcher, int64_t now_ns, bt_action *action) {
    (void)context;
    bool more = bt_batcher_next(batcher, now_ns, action);
    while (more && action->kind == BT_ACTION_ANSWER && action->tries == 2)
        more = bt_batcher_next(batcher, now_ns, action);
    return more;
}

static int64_t wake_late(void *context, const bt_batcher *batcher) {
    (void)context;
    const int64_t wake_ns = bt_batcher_wake_ns(batcher);
    return wake_ns == BT_NEVER_NS ? wake_ns : wake_ns + 1;
}

/* A full queue takes a deadline away. */
static bt_status forget_deadlines(void *context, bt_batcher *batcher, int64_t now_ns,
                                  const bt_submission *submission, uint64_t *ticket) {
    bt_submission changed = *submission;
    bt_batcher_counts counts;
    (void)context;
    bt_batcher_count(batcher, submission->model, &counts);
    if (counts.waiting >= 2) changed.deadline_ns = BT_NEVER_NS;
    return bt_batcher_submit(batcher, now_ns, &changed, ticket);
}

static player_driver planted(int number) {
    player_driver driver = player_of_batchers;
    if (number == 0) driver.next = swap_answers;
    if (number == 1) driver.next = lose_answers;
    if (number == 2) driver.wake_ns = wake_late;
    if (number == 3) driver.submit = forget_deadlines;
    return driver;
}

/* The first seed that finds it. */
static playing find(player *p, trace *world, const player_driver *driver) {
    playing result = {.rule = NULL};
    for (uint64_t seed = 1; seed <= 20 && !result.rule; seed++) {
        world_make(world, seed, WORLD_REQUESTS);
        result = player_play(p, world, driver, NULL);
    }
    assert_non_null(result.rule);
    return result;
}

static void a_planted_fault_is_found_and_made_short(void **state) {
    (void)state;
    player *p = player_open();
    trace t = {0}, again = {0};
    bt_error error;
    for (int number = 0; number < 4; number++) {
        const player_driver driver = planted(number);
        const playing first = find(p, &t, &driver), last = shrink(p, &t, &driver);
        char *text = text_of(&t);
        if (last.rule != first.rule || t.event_count > SHORT_EVENTS || t.instance_count > 1)
            fail_msg("fault %d: \"%s\" became \"%s\":\n%s", number, first.message, last.message, text);
        /* it is the fault that fails it, and its text keeps that */
        assert_null(player_play(p, &t, &player_of_batchers, NULL).rule);
        must(trace_read(&again, text, &error), &error);
        assert_ptr_equal(player_play(p, &again, &driver, NULL).rule, first.rule);
        assert_null(player_play(p, &again, &player_of_batchers, NULL).rule);
        free(text);
    }
    trace_close(&again);
    trace_close(&t);
    player_close(p);
}

static void what_keeps_its_promises_is_not_shrunk(void **state) {
    (void)state;
    player *p = player_open();
    trace t = {0};
    world_make(&t, 1, 300);
    const size_t events = t.event_count;
    assert_null(shrink(p, &t, &player_of_batchers).rule);
    assert_int_equal(t.event_count, events);
    trace_close(&t);
    player_close(p);
}

/* ---- the simulator decides as the player does ---- */

#define MODELS   2
#define ARRIVALS 20000 /* of each model */
#define MS(t)    ((int64_t)(t)*BT_NS_PER_MS)

/* What the simulator hashes, of what the player does: it numbers each model's requests by themselves. */
typedef struct simulated_view {
    uint64_t hash;
    uint64_t numbers[MODELS * ARRIVALS];
    uint64_t sent[MODELS];
    uint64_t runs, lost, refused; /* of all seeds */
} simulated_view;

static void view(simulated_view *v, const uint64_t *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        v->hash = bt_hash_word(v->hash, words[i]);
}

static bt_status submit_in_view(void *context, bt_batcher *batcher, int64_t now_ns,
                                const bt_submission *submission, uint64_t *ticket) {
    simulated_view *v = context;
    const uint64_t number = v->sent[submission->model]++;
    v->numbers[submission->tag] = number;
    bt_status status = bt_batcher_submit(batcher, now_ns, submission, ticket);
    if (status == BT_OK) return status;
    v->refused++;
    view(v, (uint64_t[]){(uint64_t)now_ns, number, (uint64_t)status}, 3);
    return status;
}

static bool next_in_view(void *context, bt_batcher *batcher, int64_t now_ns, bt_action *action) {
    simulated_view *v = context;
    if (!bt_batcher_next(batcher, now_ns, action)) return false;
    const bool is_run = action->kind == BT_ACTION_RUN;
    v->runs += is_run;
    v->lost += !is_run && action->status != BT_OK;
    view(v,
         (uint64_t[]){(uint64_t)now_ns, action->run, v->numbers[is_run ? action->tags[0] : action->tag],
                      (uint64_t)action->kind << 60 | (uint64_t)action->model << 52 |
                          (uint64_t)action->path << 48 | (uint64_t)action->status << 40 |
                          (uint64_t)(action->instance + 1) << 32 | (uint64_t)action->count << 16 |
                          (uint64_t)action->run_size},
         4);
    return true;
}

static bt_batcher_model served(bt_batcher_policy policy) {
    bt_batcher_model model = {.max_batch_size = 4,
                              .max_queue_size = 12,
                              .max_queue_delay_ns = MS(6),
                              .policy = policy,
                              .admission = policy == BT_POLICY_DELAY,
                              .ladder = {.size_count = 3, .sizes = {1, 2, 4}},
                              .breaker = BT_BREAKER_DEFAULT};
    for (int i = 0; i < 3; i++)
        model.ladder.service_ns[i] = MS(4 + 2 * model.ladder.sizes[i]);
    return model;
}

/* Poisson arrivals of both models as one trace, and by model as the simulator has them. */
static void make_arrivals(trace *t, int64_t arrivals_ns[MODELS][ARRIVALS], int64_t timeout_ns,
                          uint64_t seed) {
    bt_random random = bt_random_stream(seed, "arrivals");
    int sent[MODELS] = {0};
    for (int model = 0; model < MODELS; model++)
        for (int i = 0; i < ARRIVALS; i++)
            arrivals_ns[model][i] = (i > 0 ? arrivals_ns[model][i - 1] : 0) +
                                    (int64_t)(bt_random_exponential(&random) * (double)MS(3 + 2 * model));
    while (sent[0] < ARRIVALS || sent[1] < ARRIVALS) {
        const int model =
            sent[0] == ARRIVALS || (sent[1] < ARRIVALS && arrivals_ns[1][sent[1]] < arrivals_ns[0][sent[0]]);
        trace_add_event(t, &(trace_event){.at_ns = arrivals_ns[model][sent[model]++],
                                          .kind = TRACE_SUBMIT,
                                          .model = model,
                                          .first = TRACE_PLAIN_RUN,
                                          .again = TRACE_PLAIN_RUN,
                                          .within_ns = timeout_ns});
    }
}

static uint64_t simulated_hash(const trace *t, int64_t arrivals_ns[MODELS][ARRIVALS], int64_t timeout_ns) {
    static const double times_ms[] = {6, 8, 12};
    const bt_service_times times[] = {{1, &times_ms[0], 1}, {2, &times_ms[1], 1}, {4, &times_ms[2], 1}};
    bt_simulation_model models[MODELS];
    for (int i = 0; i < MODELS; i++)
        models[i] = (bt_simulation_model){.batcher = t->models[i],
                                          .times = times,
                                          .times_count = 3,
                                          .arrivals_ns = arrivals_ns[i],
                                          .arrival_count = ARRIVALS,
                                          .timeout_ns = timeout_ns};
    const bt_simulation_options options = {.models = models,
                                           .model_count = MODELS,
                                           .instances = t->instances,
                                           .instance_count = t->instance_count,
                                           .seed = 1};
    bt_simulation *simulation;
    bt_error error;
    must(bt_simulate(&simulation, &options, &error), &error);
    const uint64_t hash = simulation->trace_hash;
    bt_simulation_close(&simulation);
    return hash;
}

static void the_simulator_decides_as_the_player_does(void **state) {
    (void)state;
    static int64_t arrivals_ns[MODELS][ARRIVALS];
    static simulated_view v;
    player *p = player_open();
    trace t = {0};
    for (uint64_t seed = 1; seed <= 4; seed++) {
        const int64_t timeout_ns = MS(15 * seed); /* from one that few keep to one that most do */
        trace_clear(&t);
        t.model_count = MODELS;
        t.models[0] = served(BT_POLICY_DELAY);
        t.models[1] = served(BT_POLICY_ADAPTIVE);
        t.instance_count = 3;
        t.instances[0] = (bt_batcher_instance){0, 0}; /* both models take turns on the first device */
        t.instances[1] = (bt_batcher_instance){1, 0};
        t.instances[2] = (bt_batcher_instance){0, 1};
        make_arrivals(&t, arrivals_ns, timeout_ns, seed);
        v.hash = BT_FNV_START;
        memset(v.sent, 0, sizeof v.sent);
        const player_driver driver = {submit_in_view, next_in_view, player_of_batchers.wake_ns, &v};
        const playing result = player_play(p, &t, &driver, NULL);
        if (result.rule) fail_msg("seed %d: %s", (int)seed, result.message);
        assert_true(simulated_hash(&t, arrivals_ns, timeout_ns) == v.hash);
    }
    assert_true(v.runs > ARRIVALS && v.lost > 1000 && v.refused > 1000);
    trace_close(&t);
    player_close(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back_the_same),
        cmocka_unit_test(a_line_that_means_nothing_is_refused),
        cmocka_unit_test(every_kept_trace_plays_as_it_says),
        cmocka_unit_test(an_expectation_that_is_not_met_is_told),
        cmocka_unit_test(a_planted_fault_is_found_and_made_short),
        cmocka_unit_test(what_keeps_its_promises_is_not_shrunk),
        cmocka_unit_test(the_simulator_decides_as_the_player_does),
    };
    return cmocka_run_group_tests_name("batching-traces", tests, NULL, NULL);
}
