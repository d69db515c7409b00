/* Lets requests in, settles what became of runs, and hands out what is to be done. */
#include "batching/batcher.h"

#include <stdlib.h>
#include <string.h>

#include "batching/state.h"

/* ---- opening ---- */

#define LONGEST_NS                                                                                           \
    (366 * BT_LADDER_NS_MAX) /* of any time that an option gives: a clock and some of these fit */

static int largest(const bt_ladder *ladder) {
    return ladder->sizes[ladder->size_count - 1];
}

static bt_status check_model(const bt_batcher_model *model, int index, bt_error *error) {
    bt_ladder ladder = model->ladder;
    bt_status status = bt_ladder_plan(&ladder, error);
    if (status != BT_OK) return bt_fail_at(error, status, "model %d", index);
    if (model->max_batch_size < 1 || model->max_batch_size > largest(&model->ladder))
        return bt_fail(error, BT_INVALID, "model %d: a batch size of %d is not within 1..%d, its ladder",
                       index, model->max_batch_size, largest(&model->ladder));
    if (model->max_queue_size < 1 || model->max_queue_delay_ns < 0 || model->watchdog_ns < 0 ||
        model->ladder.standard_ns < 0)
        return bt_fail(error, BT_INVALID, "model %d: a queue holds at least 1, and no time is negative",
                       index);
    const bt_breaker_options *breaker = &model->breaker;
    if (breaker->failures < 1 || breaker->probes < 1 || breaker->cooldown_ns < 0 ||
        breaker->cooldown_max_ns < breaker->cooldown_ns)
        return bt_fail(error, BT_INVALID, "model %d: a breaker counts from 1 and its cooldown has bounds",
                       index);
    if (model->max_queue_delay_ns > LONGEST_NS || model->watchdog_ns > LONGEST_NS ||
        breaker->cooldown_max_ns > LONGEST_NS)
        return bt_fail(error, BT_INVALID, "model %d: nothing lasts longer than a year", index);
    return BT_OK;
}

static bt_status check(const bt_batcher_options *options, bt_error *error) {
    bool served[BT_BATCHER_MODELS_MAX] = {false};
    if (options->model_count < 1 || options->model_count > BT_BATCHER_MODELS_MAX)
        return bt_fail(error, BT_INVALID, "a batcher has 1 to %d models", BT_BATCHER_MODELS_MAX);
    if (options->instance_count > BT_BATCHER_INSTANCES_MAX)
        return bt_fail(error, BT_INVALID, "a batcher has at most %d instances", BT_BATCHER_INSTANCES_MAX);
    for (int i = 0; i < options->instance_count; i++) {
        int model = options->instances[i].model;
        if (model < 0 || model >= options->model_count)
            return bt_fail(error, BT_INVALID, "instance %d is of no model", i);
        served[model] = true;
    }
    for (int i = 0; i < options->model_count; i++) {
        bt_status status = check_model(&options->models[i], i, error);
        if (status != BT_OK) return status;
        if (!served[i]) return bt_fail(error, BT_INVALID, "model %d has no instance", i);
    }
    return BT_OK;
}

/* As many as can be taken at once: those that wait, those in lanes, and as many again whose answers were not
 * fetched. */
static uint32_t slots_needed(const bt_batcher_options *options) {
    size_t needed = 0;
    for (int i = 0; i < options->model_count; i++)
        needed += 2 * (size_t)options->models[i].max_queue_size;
    for (int i = 0; i < options->instance_count; i++)
        needed += 2 * ((size_t)largest(&options->models[options->instances[i].model].ladder) + 1);
    return (uint32_t)needed;
}

static bt_status open_lane(bt_lane *lane, int room, bt_error *error) {
    lane->slots = malloc((size_t)room * sizeof *lane->slots);
    lane->tags = malloc((size_t)room * sizeof *lane->tags);
    lane->give_up_ns = BT_NEVER_NS;
    return lane->slots && lane->tags ? BT_OK : bt_no_memory(error, "a lane");
}

static bt_status open_members(bt_batcher *batcher, const bt_batcher_options *options, bt_error *error) {
    int numbers[BT_BATCHER_INSTANCES_MAX];
    for (int i = 0; i < options->instance_count; i++) {
        bt_member *member = &batcher->members[i];
        const bt_batcher_model *model = &options->models[options->instances[i].model];
        int device = 0;
        while (device < batcher->device_count && numbers[device] != options->instances[i].device)
            device++;
        if (device == batcher->device_count) numbers[batcher->device_count++] = options->instances[i].device;
        member->model = options->instances[i].model;
        member->device = device;
        bt_breaker_open(&member->breaker, &model->breaker);
        bt_status status = open_lane(&member->lanes[0], largest(&model->ladder), error);
        if (status == BT_OK) status = open_lane(&member->lanes[1], 1, error);
        if (status != BT_OK) return status;
    }
    return BT_OK;
}

static void open_models(bt_batcher *batcher, const bt_batcher_options *options) {
    for (int i = 0; i < options->model_count; i++) {
        bt_model_state *model = &batcher->models[i];
        bt_error ignored; /* the check has planned it once */
        model->options = options->models[i];
        model->queue_room = model->options.max_queue_size;
        model->close_by_ns = BT_NEVER_NS;
        if (bt_ladder_plan(&model->options.ladder, &ignored) != BT_OK) return;
    }
}

bt_status bt_batcher_open(bt_batcher **out, const bt_batcher_options *options, bt_error *error) {
    *out = NULL;
    bt_status status = check(options, error);
    if (status != BT_OK) return status;
    bt_batcher *batcher = calloc(1, sizeof *batcher);
    if (!batcher) return bt_no_memory(error, "a batcher");
    batcher->model_count = options->model_count;
    batcher->member_count = options->instance_count;
    batcher->slot_count = slots_needed(options);
    batcher->now_ns = INT64_MIN;
    batcher->give_up_ns = BT_NEVER_NS;
    batcher->models = calloc((size_t)options->model_count, sizeof *batcher->models);
    batcher->members = calloc((size_t)options->instance_count, sizeof *batcher->members);
    batcher->device_busy = calloc((size_t)options->instance_count, sizeof *batcher->device_busy);
    batcher->slots = calloc(batcher->slot_count, sizeof *batcher->slots);
    batcher->heap = malloc(batcher->slot_count * sizeof *batcher->heap);
    if (!batcher->models || !batcher->members || !batcher->device_busy || !batcher->slots || !batcher->heap)
        status = bt_no_memory(error, "a batcher of %u requests", batcher->slot_count);
    if (status == BT_OK) status = open_members(batcher, options, error);
    if (status != BT_OK) {
        bt_batcher_close(&batcher);
        return status;
    }
    open_models(batcher, options);
    bt_slots_open(batcher);
    *out = batcher;
    return BT_OK;
}

void bt_batcher_close(bt_batcher **batcher) {
    if (!batcher || !*batcher) return;
    for (int i = 0; (*batcher)->members && i < (*batcher)->member_count; i++)
        for (int lane = 0; lane < 2; lane++) {
            free((*batcher)->members[i].lanes[lane].slots);
            free((*batcher)->members[i].lanes[lane].tags);
        }
    free((*batcher)->models);
    free((*batcher)->members);
    free((*batcher)->device_busy);
    free((*batcher)->slots);
    free((*batcher)->heap);
    free(*batcher);
    *batcher = NULL;
}

/* ---- answers ---- */

/* Where the slot's run keeps it. */
static bt_lane *lane_of_run(bt_batcher *batcher, uint64_t run) {
    uint64_t number = run & ((1 << BT_LANE_BITS) - 1);
    if (number >= 2 * (uint64_t)batcher->member_count) return NULL;
    return &batcher->members[number / 2].lanes[number % 2];
}

void bt_decide(bt_batcher *batcher, uint32_t index, bt_status status) {
    bt_slot *slot = &batcher->slots[index];
    bt_model_state *model = &batcher->models[slot->model];
    if (slot->place == BT_PLACE_WAITING) {
        bt_list_remove(batcher, &model->lines[slot->line], index);
        if (model->due > model->lines[BT_LINE_QUEUE].count) model->due = model->lines[BT_LINE_QUEUE].count;
    } else if (slot->place == BT_PLACE_RUNNING) {
        lane_of_run(batcher, slot->run)->slots[slot->position] = BT_NO_SLOT;
    }
    bt_deadline_remove(batcher, index);
    slot->place = BT_PLACE_ANSWERED;
    slot->status = status;
    bt_list_push(batcher, &batcher->answers, index);
}

static void count_answer(bt_batcher *batcher, const bt_slot *slot) {
    bt_batcher_counts *counts = &batcher->models[slot->model].counts;
    counts->in_flight--;
    if (slot->status == BT_OK) {
        counts->ok++;
        counts->fallback += slot->path == BT_PATH_STANDARD && !slot->asked;
    } else if (slot->status == BT_TIMEOUT) {
        counts->expired++;
    } else if (slot->status == BT_CANCELLED || slot->status == BT_CLOSED) {
        counts->cancelled++;
    } else {
        counts->failed++;
    }
}

/* The next answer, whose slot is free from here on. */
static bool emit_answer(bt_batcher *batcher, bt_action *action) {
    uint32_t index = bt_list_pop(batcher, &batcher->answers);
    if (index == BT_NO_SLOT) return false;
    bt_slot *slot = &batcher->slots[index];
    *action = (bt_action){.kind = BT_ACTION_ANSWER,
                          .model = slot->model,
                          .instance = slot->instance,
                          .path = slot->path,
                          .run = slot->run,
                          .count = slot->count,
                          .run_size = slot->run_size,
                          .ticket = bt_ticket_of(batcher, index),
                          .tag = slot->tag,
                          .status = slot->status,
                          .position = slot->position,
                          .tries = slot->tries,
                          .arrival_ns = slot->arrival_ns,
                          .started_ns = slot->started_ns};
    count_answer(batcher, slot);
    slot->place = BT_PLACE_FREE;
    slot->generation++;
    bt_list_push_front(batcher, &batcher->free, index);
    return true;
}

/* ---- runs that end ---- */

static void free_lane(bt_batcher *batcher, bt_lane *lane, int member) {
    lane->running = false;
    lane->give_up_ns = BT_NEVER_NS;
    batcher->device_busy[batcher->members[member].device] = false;
}

/* Lines a run's requests up to run again, in their order and before all that failed later. */
static void retry(bt_batcher *batcher, bt_lane *lane, bool standard, int limit) {
    for (int i = lane->count - 1; i >= 0; i--) {
        uint32_t index = lane->slots[i];
        if (index == BT_NO_SLOT) continue;
        bt_slot *slot = &batcher->slots[index];
        slot->place = BT_PLACE_WAITING;
        slot->line = BT_LINE_RETRY;
        slot->standard = standard;
        slot->limit = limit;
        bt_list_push_front(batcher, &batcher->models[slot->model].lines[BT_LINE_RETRY], index);
    }
}

static void decide_all(bt_batcher *batcher, bt_lane *lane, bt_status status) {
    for (int i = 0; i < lane->count; i++)
        if (lane->slots[i] != BT_NO_SLOT) bt_decide(batcher, lane->slots[i], status);
}

/* A failed run's requests go to the standard path, or, where they came from there or may not,
 * are answered. */
static void fail_over(bt_batcher *batcher, bt_lane *lane, int member, bt_path path, bt_status status) {
    bt_member *m = &batcher->members[member];
    m->failed_runs++;
    if (path == BT_PATH_PRODUCTION) bt_breaker_failed(&m->breaker, batcher->now_ns);
    if (path == BT_PATH_PRODUCTION && batcher->models[m->model].options.failover)
        retry(batcher, lane, true, 0);
    else
        decide_all(batcher, lane, status);
}

/* Halves the sizes that the instance may run for a while, and lines the requests up for that; false where the
 * run was of a single image already. */
static bool halve(bt_batcher *batcher, bt_lane *lane, int member) {
    bt_member *m = &batcher->members[member];
    const bt_batcher_model *options = &batcher->models[m->model].options;
    if (lane->run_size <= 1 || !options->failover) return false;
    int half = (lane->run_size + 1) / 2, cap = 1;
    for (int i = 0; i < options->ladder.size_count && options->ladder.sizes[i] <= half; i++)
        cap = options->ladder.sizes[i];
    m->cap = cap;
    m->cap_until_ns = batcher->now_ns + options->breaker.cooldown_ns;
    m->failed_runs++;
    retry(batcher, lane, false, cap);
    return true;
}

static void settle(bt_batcher *batcher, bt_lane *lane, int member, bt_path path, bt_run_outcome outcome) {
    bt_batcher_counts *counts = &batcher->models[batcher->members[member].model].counts;
    bool production = path == BT_PATH_PRODUCTION;
    switch (outcome) {
    case BT_RUN_GOOD:
        if (production) bt_breaker_good(&batcher->members[member].breaker, batcher->now_ns);
        decide_all(batcher, lane, BT_OK);
        return;
    case BT_RUN_OUT_OF_MEMORY:
        counts->run_out_of_memory += production;
        if (production && halve(batcher, lane, member)) return;
        fail_over(batcher, lane, member, path, BT_OUT_OF_DEVICE_MEMORY);
        return;
    case BT_RUN_NON_FINITE:
        counts->run_non_finite += production;
        break;
    case BT_RUN_EXCEPTION:
    case BT_RUN_OUTCOME_COUNT:
        counts->run_exceptions += production;
        break;
    }
    fail_over(batcher, lane, member, path, BT_BACKEND);
}

/* The runs whose watchdog has come: their lanes are stuck, their device counts as free. */
static void give_up(bt_batcher *batcher) {
    batcher->give_up_ns = BT_NEVER_NS;
    for (int member = 0; member < batcher->member_count; member++)
        for (int number = 0; number < 2; number++) {
            bt_lane *lane = &batcher->members[member].lanes[number];
            if (lane->running && lane->give_up_ns <= batcher->now_ns) {
                free_lane(batcher, lane, member);
                lane->stuck = true;
                batcher->models[batcher->members[member].model].counts.run_timeouts += number == 0;
                fail_over(batcher, lane, member, number == 0 ? BT_PATH_PRODUCTION : BT_PATH_STANDARD,
                          BT_BACKEND);
            } else if (lane->running && lane->give_up_ns < batcher->give_up_ns) {
                batcher->give_up_ns = lane->give_up_ns;
            }
        }
}

/* Brings everything up to a moment: what is overdue by then happens first, deadlines before watchdogs. */
static void come_to(bt_batcher *batcher, int64_t now_ns) {
    if (now_ns > batcher->now_ns) batcher->now_ns = now_ns;
    while (bt_deadline_first_ns(batcher) <= batcher->now_ns)
        bt_decide(batcher, batcher->heap[0], BT_TIMEOUT);
    if (batcher->give_up_ns <= batcher->now_ns) give_up(batcher);
}

bool bt_batcher_done(bt_batcher *batcher, int64_t now_ns, uint64_t run, bt_run_outcome outcome) {
    bt_lane *lane = lane_of_run(batcher, run);
    if (!lane || lane->run != run || !(lane->running || lane->stuck)) return false;
    come_to(batcher, now_ns);
    int number = (int)(run & ((1 << BT_LANE_BITS) - 1)), member = number / 2;
    if (lane->stuck) {
        lane->stuck = false;
        return true;
    }
    free_lane(batcher, lane, member);
    settle(batcher, lane, member, number % 2 == 0 ? BT_PATH_PRODUCTION : BT_PATH_STANDARD, outcome);
    return true;
}

/* ---- in ---- */

static int waiting(const bt_model_state *model) {
    int count = 0;
    for (int line = 0; line < BT_LINE_COUNT; line++)
        count += model->lines[line].count;
    return count;
}

/* The moment by which the queue's batch must run for this newest request's deadline. */
static void close_in_time(bt_model_state *model, int64_t deadline_ns) {
    int count = model->lines[BT_LINE_QUEUE].count, most = model->options.max_batch_size;
    if (count == 1) model->close_by_ns = BT_NEVER_NS;
    if (deadline_ns == BT_NEVER_NS) return;
    int64_t by_ns = deadline_ns - model->options.ladder.cost_ns[count < most ? count : most];
    if (by_ns < model->close_by_ns) model->close_by_ns = by_ns;
}

static void take(bt_batcher *batcher, const bt_submission *submission, uint64_t *ticket) {
    bt_model_state *model = &batcher->models[submission->model];
    uint32_t index = bt_list_pop(batcher, &batcher->free);
    bt_slot *slot = &batcher->slots[index];
    uint32_t generation = slot->generation;
    *slot = (bt_slot){.generation = generation,
                      .heap_place = BT_NO_SLOT,
                      .place = BT_PLACE_WAITING,
                      .line = submission->standard ? BT_LINE_STANDARD : BT_LINE_QUEUE,
                      .model = submission->model,
                      .standard = submission->standard,
                      .asked = submission->standard,
                      .arrival_ns = batcher->now_ns,
                      .deadline_ns = submission->deadline_ns,
                      .started_ns = BT_NEVER_NS,
                      .tag = submission->tag,
                      .instance = -1};
    bt_list_push(batcher, &model->lines[slot->line], index);
    if (slot->line == BT_LINE_QUEUE) close_in_time(model, slot->deadline_ns);
    bt_deadline_add(batcher, index);
    model->counts.in_flight++;
    *ticket = bt_ticket_of(batcher, index);
}

bt_status bt_batcher_submit(bt_batcher *batcher, int64_t now_ns, const bt_submission *submission,
                            uint64_t *ticket) {
    bt_model_state *model = &batcher->models[submission->model];
    come_to(batcher, now_ns);
    model->counts.submitted++;
    if (batcher->draining) {
        model->counts.rejected_closed++;
        return BT_CLOSED;
    }
    bool late = submission->deadline_ns <= batcher->now_ns;
    if (!late && model->options.admission && submission->deadline_ns != BT_NEVER_NS)
        late =
            bt_expected_answer_ns(batcher, submission->model, submission->standard) > submission->deadline_ns;
    if (late) {
        model->counts.rejected_deadline++;
        return BT_TIMEOUT;
    }
    if (waiting(model) >= model->options.max_queue_size || batcher->free.count == 0) {
        model->counts.rejected_full++;
        return BT_QUEUE_FULL;
    }
    take(batcher, submission, ticket);
    return BT_OK;
}

bool bt_batcher_cancel(bt_batcher *batcher, int64_t now_ns, uint64_t ticket) {
    come_to(batcher, now_ns);
    uint32_t index = bt_slot_of(batcher, ticket);
    if (index == BT_NO_SLOT || batcher->slots[index].place == BT_PLACE_ANSWERED) return false;
    bt_decide(batcher, index, BT_CANCELLED);
    return true;
}

bt_status bt_batcher_set(bt_batcher *batcher, int64_t now_ns, int model, const bt_batcher_change *change,
                         bt_error *error) {
    bt_model_state *state = &batcher->models[model];
    int most = largest(&state->options.ladder);
    if (change->max_batch_size < 1 || change->max_batch_size > most)
        return bt_fail(error, BT_INVALID, "a batch size of %d is not within 1..%d, the largest that is warm",
                       change->max_batch_size, most);
    if (change->max_queue_size < 1 || change->max_queue_size > state->queue_room)
        return bt_fail(error, BT_INVALID, "a queue size of %d is not within 1..%d, what there is room for",
                       change->max_queue_size, state->queue_room);
    if (change->max_queue_delay_ns < 0 || change->max_queue_delay_ns > LONGEST_NS)
        return bt_fail(error, BT_INVALID, "a queue delay is not negative, nor longer than a year");
    come_to(batcher, now_ns);
    state->options.max_batch_size = change->max_batch_size;
    state->options.max_queue_size = change->max_queue_size;
    state->options.max_queue_delay_ns = change->max_queue_delay_ns;
    return BT_OK;
}

void bt_batcher_drain(bt_batcher *batcher, int64_t now_ns) {
    come_to(batcher, now_ns);
    batcher->draining = true;
}

void bt_batcher_abandon(bt_batcher *batcher, int64_t now_ns) {
    bt_batcher_drain(batcher, now_ns);
    for (uint32_t i = 0; i < batcher->slot_count; i++) {
        bt_place place = batcher->slots[i].place;
        if (place == BT_PLACE_WAITING || place == BT_PLACE_RUNNING) bt_decide(batcher, i, BT_CLOSED);
    }
}

/* ---- out ---- */

/* Answers what nothing is left to run on. */
static void bury(bt_batcher *batcher) {
    for (int model = 0; model < batcher->model_count; model++)
        for (int line = 0; line < BT_LINE_COUNT; line++) {
            bt_slot_list *list = &batcher->models[model].lines[line];
            while (list->count > 0 && bt_line_is_dead(batcher, model, (bt_line)line))
                bt_decide(batcher, list->first, BT_BACKEND);
        }
}

static bool any_stuck(const bt_batcher *batcher) {
    for (int i = 0; i < batcher->member_count; i++)
        if (batcher->members[i].lanes[0].stuck || batcher->members[i].lanes[1].stuck) return true;
    return false;
}

bool bt_batcher_next(bt_batcher *batcher, int64_t now_ns, bt_action *action) {
    come_to(batcher, now_ns);
    if (emit_answer(batcher, action)) return true;
    if (any_stuck(batcher)) {
        bury(batcher);
        if (emit_answer(batcher, action)) return true;
    }
    return bt_dispatch(batcher, action);
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

/* ---- looking ---- */

void bt_batcher_count(const bt_batcher *batcher, int model, bt_batcher_counts *counts) {
    *counts = batcher->models[model].counts;
    counts->waiting = waiting(&batcher->models[model]);
}

bool bt_batcher_idle(const bt_batcher *batcher) {
    return batcher->free.count == (int)batcher->slot_count;
}

void bt_batcher_instance_state(const bt_batcher *batcher, int64_t now_ns, int instance,
                               bt_instance_state *state) {
    const bt_member *m = &batcher->members[instance];
    *state = (bt_instance_state){
        .running = m->lanes[0].running || m->lanes[1].running,
        .stuck = m->lanes[0].stuck,
        .breaker = bt_breaker_at(&m->breaker, now_ns > batcher->now_ns ? now_ns : batcher->now_ns),
        .breaker_opened = m->breaker.times_opened,
        .runs = m->runs,
        .failed_runs = m->failed_runs,
    };
}
