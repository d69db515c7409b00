/* The batcher's calls: requests come and are taken back, runs end, and what is to be done is handed out. Each
 * brings the batcher to the time that it was given first. */
#include "batching/state.h"

/* ---- time, and runs that end ---- */

/* Brings everything up to a moment: what is overdue by then happens first, deadlines before watchdogs. */
static void advance_clock(bt_batcher *batcher, int64_t now_ns) {
    if (now_ns > batcher->now_ns) batcher->now_ns = now_ns;
    while (bt_deadline_first_ns(batcher) <= batcher->now_ns)
        bt_decide(batcher, batcher->heap[0], BT_TIMEOUT);
    if (batcher->give_up_ns <= batcher->now_ns) bt_give_up_runs(batcher);
}

bool bt_batcher_done(bt_batcher *batcher, int64_t now_ns, uint64_t run, bt_run_outcome outcome) {
    bt_lane *lane = bt_lane_of_run(batcher, run);
    if (!lane || lane->run != run || !(lane->running || lane->stuck)) return false;
    advance_clock(batcher, now_ns);
    if (lane->stuck)
        lane->stuck = false;
    else
        bt_apply_outcome(batcher, lane, outcome);
    return true;
}

/* ---- requests come ---- */

/* The moment by which the queue's batch must run for this newest request's deadline. */
static void close_in_time(bt_model_state *model, int64_t deadline_ns) {
    int64_t by_ns = bt_latest_start_ns(model, deadline_ns);
    if (model->lines[BT_LINE_QUEUE].count == 1 || by_ns < model->close_by_ns) model->close_by_ns = by_ns;
}

/* `ticket` holds its tag. */
static void enqueue(bt_batcher *batcher, const bt_submission *submission, uint64_t *ticket) {
    bt_model_state *model = &batcher->models[submission->model];
    uint32_t index = bt_list_pop(batcher, &batcher->free);
    bt_slot *slot = &batcher->slots[index];
    uint32_t generation = slot->generation;
    *slot = (bt_slot){.generation = generation,
                      .heap_place = BT_NO_SLOT,
                      .place = BT_PLACE_WAITING,
                      .line = submission->standard ? BT_LINE_STANDARD : BT_LINE_QUEUE,
                      .model = submission->model,
                      .level = (uint8_t)bt_level_of(submission),
                      .standard = submission->standard,
                      .asked = submission->standard,
                      .arrival_ns = batcher->now_ns,
                      .deadline_ns = submission->deadline_ns,
                      .started_ns = BT_NEVER_NS,
                      .tag = *ticket,
                      .instance = -1};
    bt_line_push(batcher, &model->lines[slot->line], index);
    if (slot->line == BT_LINE_QUEUE) close_in_time(model, slot->deadline_ns);
    bt_deadline_add(batcher, index);
    model->counts.in_flight++;
    *ticket = bt_ticket_of(batcher, index);
}

/* Whether nobody could be answered in time who came now. */
static bool are_late(const bt_batcher *batcher, const bt_submission *alike, int count) {
    if (alike->deadline_ns <= batcher->now_ns) return true;
    if (!batcher->models[alike->model].options.admission || alike->deadline_ns == BT_NEVER_NS) return false;
    /* an answer at the deadline is late */
    return bt_expected_answer_ns(batcher, alike, count) >= alike->deadline_ns;
}

/* Made twice: for one, which is what mostly comes, and for several. */
static inline bt_status submit(bt_batcher *batcher, int64_t now_ns, const bt_submission *alike, int count,
                               uint64_t *tickets) {
    bt_model_state *model = &batcher->models[alike->model];
    advance_clock(batcher, now_ns);
    model->counts.submitted += (uint64_t)count;
    for (int i = 0; i < count && !alike->standard && model->options.policy == BT_POLICY_ADAPTIVE; i++)
        bt_policy_note_arrival(model, batcher->now_ns);
    if (batcher->draining) {
        model->counts.rejected_closed += (uint64_t)count;
        return BT_CLOSED;
    }
    if (are_late(batcher, alike, count)) {
        model->counts.rejected_deadline += (uint64_t)count;
        return BT_TIMEOUT;
    }
    if (count > model->options.max_queue_size - bt_waiting_count(model) || count > batcher->free.count) {
        model->counts.rejected_full += (uint64_t)count;
        return BT_QUEUE_FULL;
    }
    for (int i = 0; i < count; i++)
        enqueue(batcher, alike, &tickets[i]);
    return BT_OK;
}

bt_status bt_batcher_submit_all(bt_batcher *batcher, int64_t now_ns, const bt_submission *alike, int count,
                                uint64_t *tickets) {
    return submit(batcher, now_ns, alike, count, tickets);
}

bt_status bt_batcher_submit(bt_batcher *batcher, int64_t now_ns, const bt_submission *submission,
                            uint64_t *ticket) {
    uint64_t tag = submission->tag;
    bt_status status = submit(batcher, now_ns, submission, 1, &tag);
    if (status == BT_OK) *ticket = tag;
    return status;
}

bool bt_batcher_cancel(bt_batcher *batcher, int64_t now_ns, uint64_t ticket) {
    advance_clock(batcher, now_ns);
    uint32_t index = bt_slot_of(batcher, ticket);
    if (index == BT_NO_SLOT || batcher->slots[index].place == BT_PLACE_ANSWERED) return false;
    bt_decide(batcher, index, BT_CANCELLED);
    return true;
}

bt_status bt_batcher_set(bt_batcher *batcher, int64_t now_ns, int model, const bt_batcher_change *change,
                         bt_error *error) {
    bt_model_state *state = &batcher->models[model];
    int most = bt_ladder_largest(&state->options.ladder);
    if (change->max_batch_size < 1 || change->max_batch_size > most)
        return bt_fail(error, BT_INVALID, "a batch size of %d is not within 1..%d, the largest that is warm",
                       change->max_batch_size, most);
    if (change->max_queue_size < 1 || change->max_queue_size > state->queue_room)
        return bt_fail(error, BT_INVALID, "a queue size of %d is not within 1..%d, what there is room for",
                       change->max_queue_size, state->queue_room);
    if (change->max_queue_delay_ns < 0 || change->max_queue_delay_ns > BT_BATCHER_NS_MAX ||
        change->promise_ns < 0 || change->promise_ns > BT_BATCHER_NS_MAX)
        return bt_fail(error, BT_INVALID, "a queue delay or promise is not negative, nor longer than a year");
    if ((unsigned)change->policy >= BT_POLICY_COUNT)
        return bt_fail(error, BT_INVALID, "there is no policy %d", (int)change->policy);
    advance_clock(batcher, now_ns);
    state->options.max_batch_size = change->max_batch_size;
    state->options.max_queue_size = change->max_queue_size;
    state->options.max_queue_delay_ns = change->max_queue_delay_ns;
    state->options.policy = change->policy;
    state->options.promise_ns = change->promise_ns;
    return BT_OK;
}

void bt_batcher_drain(bt_batcher *batcher, int64_t now_ns) {
    advance_clock(batcher, now_ns);
    batcher->draining = true;
}

void bt_batcher_abandon(bt_batcher *batcher, int64_t now_ns) {
    bt_batcher_drain(batcher, now_ns);
    for (uint32_t i = 0; i < batcher->slot_count; i++) {
        bt_place place = batcher->slots[i].place;
        if (place == BT_PLACE_WAITING || place == BT_PLACE_RUNNING) bt_decide(batcher, i, BT_CLOSED);
    }
}

/* ---- what is to be done ---- */

static bool any_stuck(const bt_batcher *batcher) {
    for (int i = 0; i < batcher->lane_count; i++)
        if (batcher->lanes[i].stuck) return true;
    return false;
}

bool bt_batcher_next(bt_batcher *batcher, int64_t now_ns, bt_action *action) {
    advance_clock(batcher, now_ns);
    if (batcher->answers.count == 0 && any_stuck(batcher)) bt_fail_unservable(batcher);
    if (batcher->answers.count == 0) bt_policy_give_up(batcher);
    if (batcher->answers.count == 0) return bt_dispatch(batcher, action);
    bt_emit_answer(batcher, action);
    return true;
}

int64_t bt_batcher_wake_ns(const bt_batcher *batcher) {
    if (batcher->answers.count > 0) return batcher->now_ns;
    int64_t wake_ns = bt_deadline_first_ns(batcher);
    if (batcher->give_up_ns < wake_ns) wake_ns = batcher->give_up_ns;
    for (int model = 0; model < batcher->model_count; model++) {
        int64_t at_ns = bt_dispatch_wake_ns(batcher, model);
        if (at_ns < wake_ns) wake_ns = at_ns;
    }
    return wake_ns;
}

/* ---- counts and states ---- */

void bt_batcher_count(const bt_batcher *batcher, int model, bt_batcher_counts *counts) {
    *counts = batcher->models[model].counts;
    counts->waiting = bt_waiting_count(&batcher->models[model]);
}

bool bt_batcher_idle(const bt_batcher *batcher) {
    return batcher->free.count == (int)batcher->slot_count;
}

void bt_batcher_instance_state(const bt_batcher *batcher, int64_t now_ns, int instance,
                               bt_instance_state *state) {
    const bt_member *m = &batcher->members[instance];
    const bt_lane *production = &batcher->lanes[bt_production_lane(instance)];
    const bt_lane *standard = &batcher->lanes[bt_standard_lane(instance)];
    *state = (bt_instance_state){
        .running = production->running || standard->running,
        .stuck = production->stuck,
        .breaker = bt_breaker_at(&m->breaker, now_ns > batcher->now_ns ? now_ns : batcher->now_ns),
        .breaker_opened = m->breaker.times_opened,
        .runs = m->runs,
        .failed_runs = m->failed_runs,
    };
}
