#include "batcher-player.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "batcher-account.h"

/* A batcher may want to be woken for what a call in between made obsolete, but not again and again. */
#define IDLE_WAKES_MAX 1000

struct player {
    account a;
    const trace *t;
    const player_driver *driver;
    trace *seen;
    bt_batcher *batcher;
    size_t next_event, next_expected;
    int64_t wake_ns; /* what it said when it was asked last */
    int idle_wakes;
    uint64_t hash;
};

player *player_open(void) {
    player *p = calloc(1, sizeof *p);
    if (!p) abort();
    return p;
}

void player_close(player *p) {
    account_close(&p->a);
    free(p);
}

/* ---- the calls themselves ---- */

static bt_status submit_itself(void *context, bt_batcher *batcher, int64_t now_ns,
                               const bt_submission *submission, uint64_t *ticket) {
    (void)context;
    return bt_batcher_submit(batcher, now_ns, submission, ticket);
}

static bool next_itself(void *context, bt_batcher *batcher, int64_t now_ns, bt_action *action) {
    (void)context;
    return bt_batcher_next(batcher, now_ns, action);
}

static int64_t wake_itself(void *context, const bt_batcher *batcher) {
    (void)context;
    return bt_batcher_wake_ns(batcher);
}

const player_driver player_of_batchers = {submit_itself, next_itself, wake_itself, NULL};

/* ---- what comes out ---- */

static bool is_alike(const trace_expectation *a, const trace_expectation *b) {
    return a->at_ns == b->at_ns && a->wanted == b->wanted && a->count == b->count &&
           memcmp(a->requests, b->requests, (size_t)a->count * sizeof *a->requests) == 0 &&
           a->run_size == b->run_size && a->instance == b->instance && a->standard == b->standard &&
           a->status == b->status;
}

/* It happened: noted, and as expected. */
static void see(player *p, const trace_expectation *e) {
    static const char *const words[] = {
        [TRACE_RUN] = "run", [TRACE_ANSWER] = "answer", [TRACE_REFUSED] = "refusal"};
    if (p->seen) trace_add_expectation(p->seen, e);
    if (p->t->expectation_count == 0 || p->a.rule) return;
    if (p->next_expected == p->t->expectation_count)
        account_broken(&p->a, "more happens than is expected: request %d: %s", e->requests[0],
                       words[e->wanted]);
    else if (!is_alike(e, &p->t->expectations[p->next_expected]))
        account_broken(&p->a, "not what is expected next: request %d: %s", e->requests[0], words[e->wanted]);
    p->next_expected++;
}

static void see_action(player *p, const bt_action *action) {
    trace_expectation e = {.at_ns = p->a.now_ns, .count = 1, .requests = {(int)action->tag}};
    if (!p->seen && p->t->expectation_count == 0) return;
    if (action->kind == BT_ACTION_ANSWER) {
        e.wanted = TRACE_ANSWER;
        e.status = action->status;
    } else {
        e.wanted = TRACE_RUN;
        e.run_size = action->run_size;
        e.instance = action->instance;
        e.standard = action->path == BT_PATH_STANDARD;
        e.count = action->count < TRACE_EXPECTED_MAX ? action->count : TRACE_EXPECTED_MAX;
        for (int i = 0; i < e.count; i++)
            e.requests[i] = (int)action->tags[i];
    }
    see(p, &e);
}

static void mix(player *p, const bt_action *action) {
    const uint64_t facts[] = {
        (uint64_t)p->a.now_ns, action->kind == BT_ACTION_RUN ? action->tags[0] : action->tag,
        (uint64_t)action->kind << 60 | (uint64_t)action->model << 52 | (uint64_t)action->path << 48 |
            (uint64_t)action->status << 40 | (uint64_t)(action->instance + 1) << 32 |
            (uint64_t)action->count << 16 | (uint64_t)action->run_size};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        p->hash = bt_hash_word(p->hash, facts[i]);
}

static void act(player *p) {
    bt_action action;
    account_give_up(&p->a);
    while (!p->a.rule && p->driver->next(p->driver->context, p->batcher, p->a.now_ns, &action)) {
        p->idle_wakes = 0;
        mix(p, &action);
        if (action.kind == BT_ACTION_RUN) {
            account_started(&p->a, &action);
        } else {
            account_answered(&p->a, &action);
        }
        see_action(p, &action);
    }
    if (p->a.rule) return;
    p->wake_ns = p->driver->wake_ns(p->driver->context, p->batcher);
    account_check_idle(&p->a, p->wake_ns);
    MUST(&p->a, p->wake_ns > p->a.now_ns, "it wants to be woken in the past");
}

/* ---- what goes in ---- */

static void submit(player *p, const trace_event *event) {
    const bt_submission submission = {
        .model = event->model,
        .priority = event->priority,
        .deadline_ns = event->within_ns == BT_NEVER_NS ? BT_NEVER_NS : p->a.now_ns + event->within_ns,
        .standard = event->standard,
        .tag = (uint64_t)event->request};
    bt_batcher_counts before;
    uint64_t ticket = 0;
    /* Nobody's ticket: nothing but the clock moves, so that the counts are of this moment. */
    MUST(&p->a, !bt_batcher_cancel(p->batcher, p->a.now_ns, 0), "cancelling nobody found somebody");
    bt_batcher_count(p->batcher, event->model, &before);
    bt_status status = p->driver->submit(p->driver->context, p->batcher, p->a.now_ns, &submission, &ticket);
    account_submitted(&p->a, event, status, ticket, &before);
    if (status == BT_OK) return;
    p->hash = bt_hash_word(p->hash, (uint64_t)event->request << 8 | (uint64_t)status);
    see(p, &(trace_expectation){.at_ns = p->a.now_ns,
                                .wanted = TRACE_REFUSED,
                                .requests = {event->request},
                                .count = 1,
                                .status = status});
}

static void change(player *p, const trace_event *event) {
    bt_error error;
    if (bt_batcher_set(p->batcher, p->a.now_ns, event->model, &event->change, &error) == BT_OK)
        account_changed(&p->a, event);
    else
        account_broken(&p->a, "a change is refused: %s", error.message);
}

static void happen(player *p, const trace_event *event) {
    switch (event->kind) {
    case TRACE_SUBMIT:
        submit(p, event);
        return;
    case TRACE_CANCEL:
        account_cancelled(&p->a, event->request,
                          bt_batcher_cancel(p->batcher, p->a.now_ns, p->a.requests[event->request].ticket));
        return;
    case TRACE_CHANGE:
        change(p, event);
        return;
    case TRACE_DRAIN:
        bt_batcher_drain(p->batcher, p->a.now_ns);
        break;
    case TRACE_ABANDON:
    case TRACE_KIND_COUNT:
        bt_batcher_abandon(p->batcher, p->a.now_ns);
        break;
    }
    p->a.draining = true;
}

static account_run *next_end(player *p, int64_t *at_ns) {
    account_run *first = NULL;
    *at_ns = BT_NEVER_NS;
    for (int i = 0; i < p->a.lane_count; i++)
        if (p->a.lanes[i].here && p->a.lanes[i].end_ns < *at_ns) {
            first = &p->a.lanes[i];
            *at_ns = first->end_ns;
        }
    return first;
}

static void end(player *p, account_run *run) {
    account_give_up(&p->a);
    MUST(&p->a, bt_batcher_done(p->batcher, p->a.now_ns, run->run, run->outcome), "it does not know its run");
    MUST(&p->a, !bt_batcher_done(p->batcher, p->a.now_ns, run->run, run->outcome), "a run ends twice");
    account_ended(&p->a, run);
}

/* Time goes to the next thing that happens; false: there is none. */
static bool step(player *p) {
    const trace *t = p->t;
    int64_t end_ns;
    account_run *ending = next_end(p, &end_ns);
    const int64_t event_ns = p->next_event < t->event_count ? t->events[p->next_event].at_ns : BT_NEVER_NS;
    int64_t at_ns = p->wake_ns;
    if (end_ns < at_ns) at_ns = end_ns;
    if (event_ns < at_ns) at_ns = event_ns;
    if (at_ns == BT_NEVER_NS) return false;
    p->a.now_ns = at_ns;
    if (at_ns == end_ns) {
        end(p, ending);
    } else if (at_ns == event_ns) {
        const trace_event *event = &t->events[p->next_event++];
        happen(p, event);
        act(p);
        if (event->kind == TRACE_ABANDON && !p->a.rule) account_check_books(&p->a);
        return !p->a.rule;
    } else {
        MUST(&p->a, ++p->idle_wakes < IDLE_WAKES_MAX, "it was woken %d times for nothing", IDLE_WAKES_MAX);
    }
    if (!p->a.rule) act(p);
    return !p->a.rule;
}

static void play_all(player *p) {
    while (step(p))
        continue;
    if (!p->a.rule) account_check_books(&p->a);
    MUST(&p->a, p->t->expectation_count == 0 || p->next_expected == p->t->expectation_count,
         "less happens than is expected");
}

playing player_play(player *p, const trace *t, const player_driver *driver, trace *seen) {
    const bt_batcher_options options = {t->models, t->model_count, t->instances, t->instance_count};
    bt_error error;
    if (seen) {
        trace_copy(seen, t);
        seen->expectation_count = 0;
    }
    playing result = {.rule = NULL};
    if (bt_batcher_open(&p->batcher, &options, &error) != BT_OK) {
        result.rule = "it cannot be opened";
        snprintf(result.message, sizeof result.message, "%.200s", error.message);
        return result;
    }
    p->t = t;
    p->driver = driver;
    p->seen = seen;
    p->next_event = p->next_expected = 0;
    p->idle_wakes = 0;
    p->wake_ns = driver->wake_ns(driver->context, p->batcher);
    p->hash = BT_FNV_START;
    account_open(&p->a, t, p->batcher);
    play_all(p);
    bt_batcher_close(&p->batcher);
    result.rule = p->a.rule;
    memcpy(result.message, p->a.message, sizeof result.message);
    result.at_ns = p->a.rule ? p->a.broken_ns : p->a.now_ns;
    result.hash = p->hash;
    return result;
}
