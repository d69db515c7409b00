#include "batcher-account.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

bool account_broken(account *a, const char *rule, ...) {
    if (a->rule) return false;
    va_list arguments;
    va_start(arguments, rule);
    vsnprintf(a->message, sizeof a->message, rule, arguments);
    va_end(arguments);
    a->rule = rule;
    a->broken_ns = a->now_ns;
    return false;
}

/* ---- a new one ---- */

static void open_model(account *a, int number) {
    const bt_batcher_model *options = &a->t->models[number];
    bt_error ignored; /* the batcher was opened with it */
    a->ladders[number] = options->ladder;
    if (bt_ladder_plan(&a->ladders[number], &ignored) != BT_OK) abort();
    a->models[number] = (account_model){
        .at_open = options,
        .now = {.max_batch_size = options->max_batch_size,
                .max_queue_size = options->max_queue_size,
                .max_queue_delay_ns = options->max_queue_delay_ns,
                .policy = options->policy,
                .promise_ns = options->promise_ns},
        .watchdog_ns = options->watchdog_ns,
        .left_out_ns = INT64_MIN,
    };
    for (int level = 0; level < BT_PRIORITIES; level++)
        a->models[number].heads[level] = a->models[number].tails[level] = ACCOUNT_NOBODY;
}

void account_open(account *a, const trace *t, const bt_batcher *batcher) {
    account_request *requests =
        bt_array_grow(a->requests, 0, (size_t)t->request_count + 1, &a->request_room, sizeof *requests);
    if (!requests) abort();
    memset(requests, 0, (size_t)t->request_count * sizeof *requests);
    a->requests = requests;
    a->t = t;
    a->batcher = batcher;
    a->lane_count = BT_LANES_PER_INSTANCE * t->instance_count;
    for (int i = 0; i < ACCOUNT_LANES_MAX; i++) {
        if (!a->members[i]) a->members[i] = malloc(BT_LADDER_BATCH_MAX * sizeof *a->members[i]);
        if (!a->members[i]) abort();
        a->lanes[i] = (account_run){.here = false};
    }
    for (int i = 0; i < TRACE_INSTANCES_MAX; i++)
        a->capped_until_ns[i] = INT64_MIN;
    for (int i = 0; i < t->model_count; i++)
        open_model(a, i);
    a->taken = a->answered = 0;
    a->now_ns = 0;
    a->draining = false;
    a->rule = NULL;
    a->message[0] = '\0';
}

void account_close(account *a) {
    for (int i = 0; i < ACCOUNT_LANES_MAX; i++)
        free(a->members[i]);
    free(a->requests);
    *a = (account){.t = NULL};
}

/* ---- the queue, as it must be ---- */

static void join_queue(account *a, int number) {
    account_request *r = &a->requests[number];
    account_model *m = &a->models[r->model];
    r->alone = m->waiting == 0;
    r->next = ACCOUNT_NOBODY;
    if (m->heads[r->level] == ACCOUNT_NOBODY)
        m->heads[r->level] = number;
    else
        a->requests[m->tails[r->level]].next = number;
    m->tails[r->level] = number;
    m->waiting++;
    if (r->deadline_ns == BT_NEVER_NS) return;
    m->in_hurry++;
    m->hurried = true;
}

/* It runs, or was answered before it could. */
static void leave_queue(account *a, const account_request *left) {
    account_model *m = &a->models[left->model];
    m->waiting--;
    m->in_hurry -= left->deadline_ns != BT_NEVER_NS;
    int *head = &m->heads[left->level];
    while (*head != ACCOUNT_NOBODY && (a->requests[*head].answers > 0 || a->requests[*head].starts > 0))
        *head = a->requests[*head].next;
}

/* Of those who wait, of whom there are some, the one who came first. */
static const account_request *oldest_of(const account *a, const account_model *m) {
    int oldest = ACCOUNT_NOBODY;
    for (int level = 0; level < BT_PRIORITIES; level++)
        if (m->heads[level] != ACCOUNT_NOBODY && (oldest == ACCOUNT_NOBODY || m->heads[level] < oldest))
            oldest = m->heads[level];
    return &a->requests[oldest];
}

/* As the order is told: as if those of the next priority had come so much later. */
static int64_t turn_of(const account *a, const account_request *r) {
    return r->arrival_ns + r->level * a->models[r->model].at_open->overtake_ns;
}

/* ---- what goes in ---- */

void account_submitted(account *a, const trace_event *event, bt_status status, uint64_t ticket,
                       const bt_batcher_counts *before) {
    account_request *r = &a->requests[event->request];
    account_model *m = &a->models[event->model];
    *r = (account_request){.ticket = ticket,
                           .arrival_ns = a->now_ns,
                           .event = event,
                           .deadline_ns = BT_NEVER_NS,
                           .model = event->model,
                           .level = (event->priority > 0 ? event->priority : BT_PRIORITY_USUAL) - 1,
                           .taken = status == BT_OK,
                           .standard = event->standard};
    if (event->within_ns != BT_NEVER_NS) r->deadline_ns = a->now_ns + event->within_ns;
    MUST(a, !a->draining || status == BT_CLOSED, "taken while draining");
    MUST(a, status != BT_QUEUE_FULL || before->waiting >= m->now.max_queue_size, "refused with room left");
    MUST(a, status != BT_OK || before->waiting < m->now.max_queue_size, "taken above the bound");
    MUST(a, status != BT_OK || r->deadline_ns > a->now_ns, "taken at its deadline");
    if (status != BT_OK) {
        m->rejected++;
        return;
    }
    m->taken++;
    a->taken++;
    if (!r->standard) join_queue(a, event->request);
}

void account_cancelled(account *a, int request, bool found) {
    account_request *r = &a->requests[request];
    r->cancelled = true;
    MUST(a, found == (r->taken && r->answers == 0), "cancelling found %d of a request with %d answers", found,
         r->answers);
}

void account_changed(account *a, const trace_event *event) {
    a->models[event->model].now = event->change;
}

/* ---- runs ---- */

static account_run *lane_of(account *a, const bt_action *action) {
    return &a->lanes[bt_lane_of(action->instance, action->path)];
}

static bool find_size(const bt_ladder *ladder, int size, int64_t *service_ns) {
    for (int i = 0; i < ladder->size_count; i++)
        if (ladder->sizes[i] == size) {
            *service_ns = ladder->service_ns[i];
            return true;
        }
    return false;
}

/* False where there is no sense in looking further. */
static bool check_sizes(account *a, const bt_action *action, int64_t *planned_ns) {
    if (action->instance < 0 || action->instance >= a->t->instance_count)
        return account_broken(a, "a run on no instance");
    if (a->t->instances[action->instance].model != action->model)
        return account_broken(a, "a run of model %d on another's instance", action->model);
    if (action->count < 1 || action->count > action->run_size || action->run_size > BT_LADDER_BATCH_MAX)
        return account_broken(a, "%d requests on a size of %d", action->count, action->run_size);
    const account_model *m = &a->models[action->model];
    const bt_ladder *ladder = &a->ladders[action->model];
    if (action->path == BT_PATH_STANDARD) {
        MUST(a, action->count == 1 && action->run_size == 1, "%d at once on the standard path",
             action->count);
        *planned_ns = ladder->standard_ns;
        return true;
    }
    MUST(a, action->count <= m->now.max_batch_size && find_size(ladder, action->run_size, planned_ns),
         "%d requests on size %d, max %d", action->count, action->run_size, m->now.max_batch_size);
    MUST(a,
         a->now_ns >= a->capped_until_ns[action->instance] ||
             action->run_size <= a->capped_sizes[action->instance],
         "size %d so soon after one ran out of memory", action->run_size);
    return true;
}

/* One run a lane, and one a device but for those that were given up. */
static void check_places(account *a, const bt_action *action) {
    const bt_batcher_instance *instances = a->t->instances;
    MUST(a, !lane_of(a, action)->here, "a run on a lane that is busy");
    for (int i = 0; i < a->lane_count; i++)
        MUST(a,
             !a->lanes[i].here || a->lanes[i].given_up ||
                 instances[i / BT_LANES_PER_INSTANCE].device != instances[action->instance].device,
             "two runs on device %d", instances[action->instance].device);
}

/* A batch of the plain policy is full, or its oldest has waited, or somebody was in a hurry. */
static void check_closed(account *a, const bt_action *action) {
    const account_model *m = &a->models[action->model];
    if (action->path != BT_PATH_PRODUCTION || m->now.policy != BT_POLICY_DELAY || m->waiting == 0) return;
    const account_request *first = &a->requests[action->tags[0]];
    if (first->starts > 0 || first->standard) return;
    const account_request *oldest = oldest_of(a, m);
    MUST(a,
         m->waiting >= m->now.max_batch_size || a->now_ns >= oldest->arrival_ns + m->now.max_queue_delay_ns ||
             a->draining || m->hurried || m->split || a->now_ns < a->capped_until_ns[action->instance],
         "a batch of %d closes though its oldest has waited %lld ns, and no more", m->waiting,
         (long long)(a->now_ns - oldest->arrival_ns));
}

/* One request of a run; whether it comes from the queue. */
static bool start_one(account *a, const bt_action *action, uint64_t tag) {
    account_request *r = &a->requests[tag];
    MUST(a, r->model == action->model, "a request of model %d in a run of %d", r->model, action->model);
    MUST(a, r->taken && r->answers == 0, "request %llu runs though it was answered", (unsigned long long)tag);
    MUST(a, r->deadline_ns > a->now_ns, "request %llu starts at its deadline", (unsigned long long)tag);
    MUST(a, !(r->standard && action->path == BT_PATH_PRODUCTION),
         "a standard request on the production path");
    if (r->starts++ > 0 || r->standard || a->rule) return false;
    account_model *m = &a->models[action->model];
    MUST(a, (int)tag + 1 > m->first_seen[r->level], "request %llu overtaken", (unsigned long long)tag);
    m->first_seen[r->level] = (int)tag + 1;
    leave_queue(a, r);
    return true;
}

/* In a run they stand by their turns, or, once they have failed, as they came. */
static bool is_in_order(const account *a, int before, int behind, bool failed) {
    const account_request *first = &a->requests[before], *second = &a->requests[behind];
    return failed ? first->arrival_ns <= second->arrival_ns : turn_of(a, first) <= turn_of(a, second);
}

static void start_all(account *a, const bt_action *action) {
    int *members = a->members[bt_lane_of(action->instance, action->path)];
    const bool failed = a->requests[action->tags[0]].starts > 0;
    bool queued = false;
    for (int i = 0; i < action->count && !a->rule; i++) {
        if (action->tags[i] >= (uint64_t)a->t->request_count) {
            account_broken(a, "a run of nobody");
            return;
        }
        members[i] = (int)action->tags[i];
        MUST(a, i == 0 || is_in_order(a, members[i - 1], members[i], failed),
             "request %d runs behind %d, whose turn was later", members[i], members[i - 1]);
        if (start_one(a, action, action->tags[i])) queued = true;
    }
    if (!queued) return;
    account_model *m = &a->models[action->model];
    m->hurried = m->in_hurry > 0;
    m->split = action->path == BT_PATH_PRODUCTION && m->waiting > 0 && action->count < m->now.max_batch_size;
}

/* Who waits on had no turn before the last that runs, unless it is given up in the same breath. */
static void check_left(account *a, const bt_action *action, const account_request *last) {
    const account_model *m = &a->models[action->model];
    for (int level = 0; level < BT_PRIORITIES && last->starts == 1 && !last->standard; level++) {
        if (m->heads[level] == ACCOUNT_NOBODY) continue;
        const account_request *left = &a->requests[m->heads[level]];
        const bool goes = m->now.policy == BT_POLICY_ADAPTIVE && left->deadline_ns <= m->left_out_by_ns;
        MUST(a, goes || turn_of(a, left) >= turn_of(a, last),
             "request %d is left, whose turn was %lld ns before", m->heads[level],
             (long long)(turn_of(a, last) - turn_of(a, left)));
    }
}

void account_started(account *a, const bt_action *action) {
    int64_t planned_ns = 0;
    if (!check_sizes(a, action, &planned_ns)) return;
    if (action->tags[0] >= (uint64_t)a->t->request_count || !a->requests[action->tags[0]].event) {
        account_broken(a, "a run of nobody");
        return;
    }
    check_places(a, action);
    check_closed(a, action);
    const account_request *first = &a->requests[action->tags[0]];
    const trace_run how = first->starts == 0 ? first->event->first : first->event->again;
    start_all(a, action);
    account_model *m = &a->models[action->model];
    m->left_out_ns = a->now_ns;
    m->left_out_by_ns = a->now_ns + planned_ns;
    if (!a->rule) check_left(a, action, &a->requests[action->tags[action->count - 1]]);
    *lane_of(a, action) =
        (account_run){.here = true,
                      .run = action->run,
                      .model = action->model,
                      .run_size = action->run_size,
                      .count = action->count,
                      .started_ns = a->now_ns,
                      .end_ns = a->now_ns + (how.takes_ns == TRACE_AS_PLANNED ? planned_ns : how.takes_ns),
                      .outcome = how.outcome};
}

/* After running out of memory half the size is the largest for a while. */
static void cap(account *a, int instance, const account_run *run) {
    const bt_ladder *ladder = &a->ladders[run->model];
    a->capped_until_ns[instance] = a->now_ns + a->t->models[run->model].breaker.cooldown_ns;
    for (int i = 0; i < ladder->size_count && ladder->sizes[i] <= (run->run_size + 1) / 2; i++)
        a->capped_sizes[instance] = ladder->sizes[i];
}

void account_ended(account *a, account_run *run) {
    const int lane = (int)(run - a->lanes), instance = lane / BT_LANES_PER_INSTANCE;
    run->here = false;
    if (run->outcome == BT_RUN_OUT_OF_MEMORY && lane == bt_production_lane(instance) && !run->given_up &&
        run->run_size > 1 && a->t->models[run->model].failover)
        cap(a, instance, run);
}

void account_give_up(account *a) {
    for (int i = 0; i < a->lane_count; i++) {
        account_run *run = &a->lanes[i];
        const int64_t watchdog_ns = a->models[run->model].watchdog_ns;
        if (run->here && watchdog_ns > 0 && a->now_ns >= run->started_ns + watchdog_ns) run->given_up = true;
    }
}

/* ---- answers ---- */

/* The adaptive policy gives up what would be late alone, or in the batch that starts at this moment. */
static bool is_given_up(const account *a, const account_request *r) {
    const account_model *m = &a->models[r->model];
    const bt_ladder *ladder = &a->ladders[r->model];
    int64_t least_ns = ladder->standard_ns > 0 ? ladder->standard_ns : BT_NEVER_NS; /* 0: not known */
    for (int i = 0; i < ladder->size_count; i++)
        if (ladder->service_ns[i] < least_ns) least_ns = ladder->service_ns[i];
    if (m->left_out_ns == a->now_ns) least_ns = m->left_out_by_ns - a->now_ns;
    return m->now.policy == BT_POLICY_ADAPTIVE && r->starts == 0 && !r->standard &&
           r->deadline_ns <= a->now_ns + least_ns;
}

static bool has_stuck_lane(const account *a, int model) {
    for (int i = 0; i < a->lane_count; i++)
        if (a->lanes[i].here && a->lanes[i].given_up && a->lanes[i].model == model) return true;
    return false;
}

void account_answered(account *a, const bt_action *action) {
    if (action->tag >= (uint64_t)a->t->request_count) {
        account_broken(a, "an answer to nobody");
        return;
    }
    account_request *r = &a->requests[action->tag];
    MUST(a, r->ticket == action->ticket && r->model == action->model, "an answer to another's ticket");
    MUST(a, r->taken && ++r->answers == 1, "request %llu is answered twice", (unsigned long long)action->tag);
    if (a->rule) return;
    a->answered++;
    if (r->starts == 0 && !r->standard) leave_queue(a, r);
    MUST(a, a->now_ns <= r->deadline_ns, "answered %lld ns after its deadline",
         (long long)(a->now_ns - r->deadline_ns));
    MUST(a, action->status != BT_TIMEOUT || a->now_ns == r->deadline_ns || is_given_up(a, r),
         "expired before its deadline");
    MUST(a, action->status != BT_CANCELLED || r->cancelled, "cancelled by nobody");
    MUST(a, action->arrival_ns == r->arrival_ns, "another's arrival");
    if (action->status == BT_BACKEND || action->status == BT_OUT_OF_DEVICE_MEMORY)
        MUST(a,
             !a->t->models[r->model].failover || action->path == BT_PATH_STANDARD ||
                 has_stuck_lane(a, r->model),
             "failed without a try on the standard path");
    if (action->status != BT_OK) return;
    if (action->instance < 0 || action->instance >= a->t->instance_count) {
        account_broken(a, "a result from no instance");
        return;
    }
    const account_run *run = lane_of(a, action);
    const int *members = a->members[bt_lane_of(action->instance, action->path)];
    MUST(a, run->run == action->run && run->outcome == BT_RUN_GOOD, "a result of a run that was not good");
    MUST(a,
         action->position >= 0 && action->position < run->count &&
             members[action->position] == (int)action->tag,
         "another's row");
}

/* ---- what is due ---- */

static bool is_free(const account *a, int instance) {
    bt_instance_state state;
    bt_batcher_instance_state(a->batcher, a->now_ns, instance, &state);
    if (state.stuck || state.breaker != BT_BREAKER_CLOSED || a->lanes[bt_standard_lane(instance)].here)
        return false;
    for (int i = 0; i < a->lane_count; i++)
        if (a->lanes[i].here && !a->lanes[i].given_up &&
            a->t->instances[i / BT_LANES_PER_INSTANCE].device == a->t->instances[instance].device)
            return false;
    return true;
}

/* When the queue's batch must run at the latest, where an instance is free for it. */
static int64_t due_ns(const account *a, int model) {
    const account_model *m = &a->models[model];
    const account_request *oldest = oldest_of(a, m);
    if (m->waiting >= m->now.max_batch_size || a->draining) return a->now_ns;
    const int64_t waited_ns = oldest->arrival_ns + m->now.max_queue_delay_ns;
    if (!oldest->alone || oldest->deadline_ns == BT_NEVER_NS) return waited_ns;
    const int64_t hurries_ns =
        oldest->deadline_ns - a->ladders[model].cost_ns[1] - 1; /* what ends at it is late */
    return hurries_ns < waited_ns ? hurries_ns : waited_ns;
}

void account_check_idle(account *a, int64_t wake_ns) {
    for (int i = 0; i < a->t->model_count; i++) {
        const account_model *m = &a->models[i];
        if (m->waiting == 0) continue;
        const int64_t by_ns = due_ns(a, i);
        if (by_ns > a->now_ns && by_ns >= wake_ns) continue;
        for (int j = 0; j < a->t->instance_count; j++)
            MUST(a, a->t->instances[j].model != i || !is_free(a, j),
                 "model %d: %d wait, due in %lld ns, instance %d is free, and it sleeps for %lld ns", i,
                 m->waiting, (long long)(by_ns - a->now_ns), j, (long long)(wake_ns - a->now_ns));
    }
}

void account_check_books(account *a) {
    for (int i = 0; i < a->t->model_count; i++) {
        const account_model *m = &a->models[i];
        bt_batcher_counts c;
        bt_batcher_count(a->batcher, i, &c);
        MUST(a, c.in_flight == 0 && c.waiting == 0, "%d in flight, %d wait at the end", c.in_flight,
             c.waiting);
        MUST(a, c.rejected_full + c.rejected_deadline + c.rejected_closed == m->rejected,
             "rejections do not add up");
        MUST(a, c.ok + c.expired + c.cancelled + c.failed == m->taken, "answers do not add up");
        MUST(a, c.submitted == m->taken + m->rejected, "submissions do not add up");
    }
    MUST(a, a->answered == a->taken, "%d of %d were answered", a->answered, a->taken);
    MUST(a, bt_batcher_idle(a->batcher), "not idle though all is answered");
}
