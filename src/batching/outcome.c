/* What becomes of runs and requests: a run that went well answers its requests, one that failed lines them up
 * once more or answers them with why; a run whose watchdog came is given up; what no lane is left for
 * fails. */
#include "batching/state.h"

/* ---- answers ---- */

bt_lane *bt_lane_of_run(bt_batcher *batcher, uint64_t run) {
    uint64_t number = run & ((1 << BT_LANE_BITS) - 1);
    return number < (uint64_t)batcher->lane_count ? &batcher->lanes[number] : NULL;
}

void bt_decide(bt_batcher *batcher, uint32_t index, bt_status status) {
    bt_slot *slot = &batcher->slots[index];
    bt_model_state *model = &batcher->models[slot->model];
    if (slot->place == BT_PLACE_WAITING) {
        bt_line_remove(batcher, &model->lines[slot->line], index);
        if (model->due > model->lines[BT_LINE_QUEUE].count) model->due = model->lines[BT_LINE_QUEUE].count;
    } else if (slot->place == BT_PLACE_RUNNING) {
        bt_lane_of_run(batcher, slot->run)->slots[slot->position] = BT_NO_SLOT;
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

void bt_emit_answer(bt_batcher *batcher, bt_action *action) {
    uint32_t index = bt_list_pop(batcher, &batcher->answers);
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
}

/* ---- runs that end ---- */

static void free_lane(bt_batcher *batcher, bt_lane *lane) {
    lane->running = false;
    lane->give_up_ns = BT_NEVER_NS;
    batcher->device_busy[batcher->members[lane->member].device] = false;
}

/* Lines a run's requests up to run again: all that failed wait in the order in which they came. */
static void retry(bt_batcher *batcher, bt_lane *lane, bool standard, int limit) {
    for (int i = 0; i < lane->count; i++) {
        uint32_t index = lane->slots[i];
        if (index == BT_NO_SLOT) continue;
        bt_slot *slot = &batcher->slots[index];
        slot->place = BT_PLACE_WAITING;
        slot->line = BT_LINE_RETRY;
        slot->level = 0;
        slot->standard = standard;
        slot->limit = limit;
        bt_line_push_by_arrival(batcher, &batcher->models[slot->model].lines[BT_LINE_RETRY], index);
    }
}

static void decide_all(bt_batcher *batcher, bt_lane *lane, bt_status status) {
    for (int i = 0; i < lane->count; i++)
        if (lane->slots[i] != BT_NO_SLOT) bt_decide(batcher, lane->slots[i], status);
}

/* A failed run's requests go to the standard path, or, where they came from there or may not, are
 * answered. */
static void fail_over(bt_batcher *batcher, bt_lane *lane, bt_status status) {
    bt_member *member = &batcher->members[lane->member];
    bool production = lane->path == BT_PATH_PRODUCTION;
    member->failed_runs++;
    if (production) bt_breaker_failed(&member->breaker, batcher->now_ns);
    if (production && bt_lane_model(batcher, lane)->options.failover)
        retry(batcher, lane, true, 0);
    else
        decide_all(batcher, lane, status);
}

/* Halves the sizes that the instance may run for a while, and lines the requests up for that; false where the
 * run was of a single image already. */
static bool halve(bt_batcher *batcher, bt_lane *lane) {
    bt_member *member = &batcher->members[lane->member];
    const bt_batcher_model *options = &bt_lane_model(batcher, lane)->options;
    if (lane->run_size <= 1 || !options->failover) return false;
    int half = (lane->run_size + 1) / 2, cap = 1;
    for (int i = 0; i < options->ladder.size_count && options->ladder.sizes[i] <= half; i++)
        cap = options->ladder.sizes[i];
    member->cap = cap;
    member->cap_until_ns = batcher->now_ns + options->breaker.cooldown_ns;
    member->failed_runs++;
    retry(batcher, lane, false, cap);
    return true;
}

void bt_apply_outcome(bt_batcher *batcher, bt_lane *lane, bt_run_outcome outcome) {
    bt_batcher_counts *counts = &bt_lane_model(batcher, lane)->counts;
    bool production = lane->path == BT_PATH_PRODUCTION;
    free_lane(batcher, lane);
    switch (outcome) {
    case BT_RUN_GOOD:
        if (production) bt_breaker_good(&batcher->members[lane->member].breaker, batcher->now_ns);
        decide_all(batcher, lane, BT_OK);
        return;
    case BT_RUN_OUT_OF_MEMORY:
        counts->run_out_of_memory += production;
        if (production && halve(batcher, lane)) return;
        fail_over(batcher, lane, BT_OUT_OF_DEVICE_MEMORY);
        return;
    case BT_RUN_NON_FINITE:
        counts->run_non_finite += production;
        break;
    case BT_RUN_EXCEPTION:
    case BT_RUN_OUTCOME_COUNT:
        counts->run_exceptions += production;
        break;
    }
    fail_over(batcher, lane, BT_BACKEND);
}

/* ---- what nothing comes back from ---- */

void bt_give_up_runs(bt_batcher *batcher) {
    batcher->give_up_ns = BT_NEVER_NS;
    for (int i = 0; i < batcher->lane_count; i++) {
        bt_lane *lane = &batcher->lanes[i];
        if (lane->running && lane->give_up_ns <= batcher->now_ns) {
            free_lane(batcher, lane);
            lane->stuck = true;
            bt_lane_model(batcher, lane)->counts.run_timeouts += lane->path == BT_PATH_PRODUCTION;
            fail_over(batcher, lane, BT_BACKEND);
        } else if (lane->running && lane->give_up_ns < batcher->give_up_ns) {
            batcher->give_up_ns = lane->give_up_ns;
        }
    }
}

void bt_fail_unservable(bt_batcher *batcher) {
    for (int model = 0; model < batcher->model_count; model++)
        for (int line = 0; line < BT_LINE_COUNT; line++) {
            const bt_slot_line *list = &batcher->models[model].lines[line];
            while (list->count > 0 && bt_line_is_dead(batcher, model, (bt_line)line))
                bt_decide(batcher, list->first, BT_BACKEND);
        }
}
