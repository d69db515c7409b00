#include "batcher-shrink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/files.h"

/* Events played in all, at most: some seconds. What is not short by then stays as it is. */
#define WORK_MAX 20000000

typedef struct shrinker {
    player *p;
    const player_driver *driver;
    playing last; /* how `best` fails */
    trace *best, trial;
    long long work_left;
    bool gained;  /* in this round */
    int *numbers; /* of the requests that stay: their new ones */
    size_t number_room;
    int64_t **times; /* of the trial */
    size_t time_count, time_room;
} shrinker;

/* The trial is better where it fails by the same check. */
static bool attempt(shrinker *s) {
    s->work_left -= 20 + (long long)s->trial.event_count;
    if (s->work_left < 0) return false;
    const playing result = player_play(s->p, &s->trial, s->driver, NULL);
    if (result.rule != s->last.rule) return false;
    const trace better = s->trial;
    s->trial = *s->best;
    *s->best = better;
    s->last = result;
    s->gained = true;
    return true;
}

/* ---- fewer events, models and instances ---- */

/* The trial is the best without some of its events, and without what is of a model that goes (-1: none). */
static void leave_out(shrinker *s, size_t from, size_t to, int model) {
    const trace *best = s->best;
    trace *trial = &s->trial;
    trace_copy(trial, best);
    trial->event_count = 0;
    trial->request_count = 0;
    int *numbers =
        bt_array_grow(s->numbers, 0, (size_t)best->request_count + 1, &s->number_room, sizeof *numbers);
    if (!numbers) abort();
    s->numbers = numbers;
    for (size_t i = 0; i < best->event_count; i++) {
        trace_event event = best->events[i];
        const bool of_model = event.kind == TRACE_SUBMIT || event.kind == TRACE_CHANGE;
        bool goes = (i >= from && i < to) || (of_model && event.model == model);
        if (event.kind == TRACE_CANCEL && numbers[event.request] < 0) goes = true;
        if (event.kind == TRACE_SUBMIT) numbers[event.request] = goes ? -1 : trial->request_count;
        if (goes) continue;
        if (event.kind == TRACE_CANCEL) event.request = numbers[event.request];
        if (of_model && model >= 0 && event.model > model) event.model--;
        trace_add_event(trial, &event);
    }
}

/* Halves, quarters and so on, from the end, so that what comes before keeps its place. */
static void drop_events(shrinker *s) {
    for (size_t chunk = s->best->event_count; chunk > 0; chunk /= 2)
        for (size_t to = s->best->event_count, from; to > 0; to = from) {
            from = to > chunk ? to - chunk : 0;
            leave_out(s, from, to, -1);
            attempt(s);
        }
}

static void remove_instance(trace *t, int number) {
    for (int i = number; i + 1 < t->instance_count; i++)
        t->instances[i] = t->instances[i + 1];
    t->instance_count--;
}

/* One that its model is left without makes a trace that cannot be opened, which fails otherwise. */
static void drop_instances(shrinker *s) {
    for (int i = s->best->instance_count - 1; i >= 0; i--) {
        trace_copy(&s->trial, s->best);
        remove_instance(&s->trial, i);
        attempt(s);
    }
}

static void drop_models(shrinker *s) {
    for (int model = s->best->model_count - 1; model >= 0; model--) {
        leave_out(s, 0, 0, model);
        trace *t = &s->trial;
        for (int i = t->instance_count - 1; i >= 0; i--)
            if (t->instances[i].model == model)
                remove_instance(t, i);
            else
                t->instances[i].model -= t->instances[i].model > model;
        for (int i = model; i + 1 < t->model_count; i++)
            t->models[i] = t->models[i + 1];
        t->model_count--;
        attempt(s);
    }
}

/* ---- plain runs ---- */

static bool is_plain(const trace_run *run) {
    return run->takes_ns == TRACE_AS_PLANNED && run->outcome == BT_RUN_GOOD;
}

/* Half of them at once, a quarter, and so on. */
static void make_runs_plain(shrinker *s) {
    for (size_t chunk = s->best->event_count; chunk > 0; chunk /= 2)
        for (size_t from = 0; from < s->best->event_count; from += chunk) {
            bool changes = false;
            trace_copy(&s->trial, s->best);
            for (size_t i = from; i < from + chunk && i < s->trial.event_count; i++) {
                trace_event *event = &s->trial.events[i];
                if (event->kind != TRACE_SUBMIT) continue;
                changes = changes || !is_plain(&event->first) || !is_plain(&event->again);
                event->first = event->again = TRACE_PLAIN_RUN;
            }
            if (changes) attempt(s);
        }
}

static void make_run_plain(shrinker *s, size_t at, bool again) {
    trace_copy(&s->trial, s->best);
    trace_run *run = again ? &s->trial.events[at].again : &s->trial.events[at].first;
    if (s->best->events[at].kind != TRACE_SUBMIT || is_plain(run)) return;
    *run = TRACE_PLAIN_RUN;
    if (attempt(s)) return;
    trace_copy(&s->trial, s->best);
    run = again ? &s->trial.events[at].again : &s->trial.events[at].first;
    if (run->takes_ns == TRACE_AS_PLANNED) return;
    run->takes_ns = TRACE_AS_PLANNED;
    attempt(s);
}

/* ---- plain options ---- */

static void bound_batches(trace *t, int model) {
    const int most = bt_ladder_largest(&t->models[model].ladder);
    if (t->models[model].max_batch_size > most) t->models[model].max_batch_size = most;
    for (size_t i = 0; i < t->event_count; i++)
        if (t->events[i].kind == TRACE_CHANGE && t->events[i].model == model &&
            t->events[i].change.max_batch_size > most)
            t->events[i].change.max_batch_size = most;
}

static bool drop_size(trace *t, int model, int at) {
    bt_ladder *ladder = &t->models[model].ladder;
    if (at < 1 || at >= ladder->size_count) return false;
    for (int i = at; i + 1 < ladder->size_count; i++) {
        ladder->sizes[i] = ladder->sizes[i + 1];
        ladder->service_ns[i] = ladder->service_ns[i + 1];
    }
    ladder->size_count--;
    bound_batches(t, model);
    return true;
}

static bool set_int(int *value, int plain) {
    if (*value == plain) return false;
    *value = plain;
    return true;
}

static bool set_off(bool *value) {
    const bool was = *value;
    *value = false;
    return was;
}

#define OPTIONS 9

/* The trial's model with one more thing plain; false where it was so. */
static bool make_plain(trace *t, int model, int option) {
    bt_batcher_model *m = &t->models[model];
    const bt_batcher_model plain = trace_plain_model(&m->ladder);
    switch (option) {
    case 0:
        return drop_size(t, model, m->ladder.size_count - 1);
    case 1:
        return drop_size(t, model, m->ladder.size_count - 2);
    case 2:
        return set_int(&m->max_batch_size, plain.max_batch_size);
    case 3:
        return set_int(&m->max_queue_size, plain.max_queue_size);
    case 4:
        return set_off(&m->admission);
    case 5:
        return set_off(&m->failover);
    case 6:
        if (m->policy == plain.policy) return false;
        m->policy = plain.policy;
        return true;
    case 7:
        if (m->breaker.cooldown_ns == plain.breaker.cooldown_ns) return false;
        m->breaker = plain.breaker;
        return true;
    default:
        if (m->ladder.standard_ns == plain.ladder.standard_ns) return false;
        m->ladder.standard_ns = plain.ladder.standard_ns;
        return true;
    }
}

static void make_models_plain(shrinker *s) {
    for (int model = 0; model < s->best->model_count; model++)
        for (int option = 0; option < OPTIONS; option++)
            do
                trace_copy(&s->trial, s->best);
            while (make_plain(&s->trial, model, option) && attempt(s));
}

static void make_events_plain(shrinker *s) {
    for (size_t i = 0; i < s->best->event_count; i++) {
        trace_copy(&s->trial, s->best);
        if (set_off(&s->trial.events[i].standard)) attempt(s);
        trace_copy(&s->trial, s->best);
        if (set_int(&s->trial.events[i].priority, 0)) attempt(s);
        make_run_plain(s, i, false);
        make_run_plain(s, i, true);
        if (s->best->events[i].kind != TRACE_SUBMIT || s->best->events[i].within_ns == BT_NEVER_NS) continue;
        trace_copy(&s->trial, s->best);
        s->trial.events[i].within_ns = BT_NEVER_NS;
        attempt(s);
    }
    for (int i = 0; i < s->best->instance_count; i++) {
        trace_copy(&s->trial, s->best);
        if (set_int(&s->trial.instances[i].device, i)) attempt(s);
    }
}

/* A model that is changed is opened so instead. */
static void fold_changes(shrinker *s) {
    for (size_t to = s->best->event_count; to > 0; to--) {
        const trace_event event = s->best->events[to - 1];
        if (event.kind != TRACE_CHANGE) continue;
        leave_out(s, to - 1, to, -1);
        bt_batcher_model *model = &s->trial.models[event.model];
        model->max_batch_size = event.change.max_batch_size;
        model->max_queue_size = event.change.max_queue_size;
        model->max_queue_delay_ns = event.change.max_queue_delay_ns;
        model->policy = event.change.policy;
        model->promise_ns = event.change.promise_ns;
        attempt(s);
    }
}

/* ---- short and round times ---- */

static void note_time(shrinker *s, int64_t *ns) {
    int64_t **times = bt_array_grow(s->times, s->time_count, 1, &s->time_room, sizeof *times);
    if (!times) abort();
    s->times = times;
    s->times[s->time_count++] = ns;
}

/* Where the trial's times are, but for when things happen. */
static void note_times(shrinker *s) {
    trace *t = &s->trial;
    s->time_count = 0;
    for (int i = 0; i < t->model_count; i++) {
        bt_batcher_model *m = &t->models[i];
        note_time(s, &m->max_queue_delay_ns);
        note_time(s, &m->promise_ns);
        note_time(s, &m->overtake_ns);
        note_time(s, &m->watchdog_ns);
        const bt_batcher_model plain = trace_plain_model(&m->ladder);
        if (m->ladder.standard_ns != plain.ladder.standard_ns) note_time(s, &m->ladder.standard_ns);
        if (m->breaker.cooldown_ns != plain.breaker.cooldown_ns) note_time(s, &m->breaker.cooldown_ns);
        for (int size = 0; size < m->ladder.size_count; size++)
            note_time(s, &m->ladder.service_ns[size]);
    }
    for (size_t i = 0; i < t->event_count; i++) {
        trace_event *event = &t->events[i];
        if (event->kind == TRACE_SUBMIT) {
            if (event->within_ns != BT_NEVER_NS) note_time(s, &event->within_ns);
            if (event->first.takes_ns > 0) note_time(s, &event->first.takes_ns);
            if (event->again.takes_ns > 0) note_time(s, &event->again.takes_ns);
        } else if (event->kind == TRACE_CHANGE) {
            note_time(s, &event->change.max_queue_delay_ns);
            note_time(s, &event->change.promise_ns);
        }
    }
}

/* What a time could be instead, the plainest first; itself where there is no other. */
static int64_t simpler(int64_t ns, int way) {
    const int64_t half_ns = ns / 2, units_ns[] = {100000, 10000, 1000};
    if (way == 0) return 0;
    if (way == 1) return half_ns >= 1000 ? half_ns - half_ns % 1000 : ns;
    return ns - ns % units_ns[way - 2];
}
#define WAYS 5

static void shorten_times(shrinker *s) {
    trace_copy(&s->trial, s->best);
    note_times(s);
    const size_t count = s->time_count;
    for (size_t i = 0; i < count; i++)
        for (int way = 0; way < WAYS; way++) {
            trace_copy(&s->trial, s->best);
            note_times(s);
            const int64_t ns = *s->times[i];
            *s->times[i] = simpler(ns, way);
            if (*s->times[i] != ns) attempt(s);
        }
}

/* Each event sooner after the one before it, with all that come behind. */
static void shorten_gaps(shrinker *s) {
    for (size_t i = 0; i < s->best->event_count; i++)
        for (int way = 0; way < WAYS; way++) {
            const int64_t before_ns = i > 0 ? s->best->events[i - 1].at_ns : 0;
            const int64_t gap_ns = s->best->events[i].at_ns - before_ns;
            const int64_t sooner_ns = gap_ns - simpler(gap_ns, way);
            if (sooner_ns == 0) continue;
            trace_copy(&s->trial, s->best);
            for (size_t j = i; j < s->trial.event_count; j++)
                s->trial.events[j].at_ns -= sooner_ns;
            attempt(s);
        }
}

/* ---- the whole ---- */

/* Nothing after the failure had a part in it. */
static void cut(shrinker *s) {
    size_t count = 0;
    while (count < s->best->event_count && s->best->events[count].at_ns <= s->last.at_ns)
        count++;
    leave_out(s, count, s->best->event_count, -1);
    attempt(s);
}

playing shrink(player *p, trace *t, const player_driver *driver) {
    t->expectation_count = 0;
    shrinker s = {.p = p, .driver = driver, .best = t, .work_left = WORK_MAX};
    s.last = player_play(p, t, driver, NULL);
    if (!s.last.rule) return s.last;
    cut(&s);
    do {
        s.gained = false;
        drop_events(&s);
        make_runs_plain(&s);
        drop_models(&s);
        drop_instances(&s);
        fold_changes(&s);
        make_models_plain(&s);
        make_events_plain(&s);
        shorten_times(&s);
        shorten_gaps(&s);
    } while (s.gained && s.work_left > 0);
    free(s.numbers);
    free(s.times);
    trace_close(&s.trial);
    return s.last;
}

void shrink_and_fail(player *p, trace *t, uint64_t seed, const player_driver *driver) {
    const playing first = player_play(p, t, driver, NULL), last = shrink(p, t, driver);
    char folder[BT_PATH_SIZE], path[BT_PATH_SIZE] = "";
    bt_error error;
    FILE *file = NULL;
    if (bt_path_of_program(folder, &error) == BT_OK &&
        bt_path_join(path, &error, "%s/seed-%llu.trace", folder, (unsigned long long)seed) == BT_OK)
        file = fopen(path, "w");
    trace_write(t, stderr);
    if (file) {
        trace_write(t, file);
        fclose(file);
        print_error("play it with BATCHTUNE_TRACE=%s\n", path);
    }
    fail_msg("seed %llu at %lld ns: %s\nrepeat with BATCHTUNE_SEED=%llu; the trace above: at %lld ns: %s",
             (unsigned long long)seed, (long long)first.at_ns, first.message, (unsigned long long)seed,
             (long long)last.at_ns, last.message);
}
