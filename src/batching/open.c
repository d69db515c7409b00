/* Opens a batcher: its options are checked and all memory that it will ever need is taken, so that no call
 * after this can fail for want of either. */
#include <stdlib.h>

#include "batching/state.h"

static bt_status check_model(const bt_batcher_model *model, int index, bt_error *error) {
    bt_ladder ladder = model->ladder;
    bt_status status = bt_ladder_plan(&ladder, error);
    if (status != BT_OK) return bt_fail_at(error, status, "model %d", index);
    if (model->max_batch_size < 1 || model->max_batch_size > bt_ladder_largest(&model->ladder))
        return bt_fail(error, BT_INVALID, "model %d: a batch size of %d is not within 1..%d, its ladder",
                       index, model->max_batch_size, bt_ladder_largest(&model->ladder));
    if ((unsigned)model->policy >= BT_POLICY_COUNT)
        return bt_fail(error, BT_INVALID, "model %d: there is no policy %d", index, (int)model->policy);
    if (model->max_queue_size < 1 || model->max_queue_delay_ns < 0 || model->promise_ns < 0 ||
        model->overtake_ns < 0 || model->watchdog_ns < 0 || model->ladder.standard_ns < 0)
        return bt_fail(error, BT_INVALID, "model %d: a queue holds at least 1, and no time is negative",
                       index);
    const bt_breaker_options *breaker = &model->breaker;
    if (breaker->failures < 1 || breaker->probes < 1 || breaker->cooldown_ns < 0 ||
        breaker->cooldown_max_ns < breaker->cooldown_ns)
        return bt_fail(error, BT_INVALID, "model %d: a breaker counts from 1 and its cooldown has bounds",
                       index);
    if (model->max_queue_delay_ns > BT_BATCHER_NS_MAX || model->promise_ns > BT_BATCHER_NS_MAX ||
        model->overtake_ns > BT_BATCHER_NS_MAX || model->watchdog_ns > BT_BATCHER_NS_MAX ||
        breaker->cooldown_max_ns > BT_BATCHER_NS_MAX)
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

/* Those that wait, those in its instances' lanes (one request in a standard lane), and as many again whose
 * answers were not fetched. */
size_t bt_batcher_room(const bt_batcher_model *model, int instance_count) {
    size_t running = (size_t)instance_count * ((size_t)bt_ladder_largest(&model->ladder) + 1);
    return 2 * ((size_t)model->max_queue_size + running);
}

static uint32_t slots_needed(const bt_batcher_options *options) {
    size_t needed = 0;
    for (int model = 0; model < options->model_count; model++) {
        int instances = 0;
        for (int i = 0; i < options->instance_count; i++)
            instances += options->instances[i].model == model;
        needed += bt_batcher_room(&options->models[model], instances);
    }
    return (uint32_t)needed;
}

static bt_status open_lane(bt_batcher *batcher, int member, bt_path path, int room, bt_error *error) {
    bt_lane *lane = &batcher->lanes[bt_lane_of(member, path)];
    lane->member = member;
    lane->path = path;
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
        bt_status status =
            open_lane(batcher, i, BT_PATH_PRODUCTION, bt_ladder_largest(&model->ladder), error);
        if (status == BT_OK) status = open_lane(batcher, i, BT_PATH_STANDARD, 1, error);
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
        while (batcher->members[model->first_member].model != i)
            model->first_member++;
        for (int member = model->first_member; member < batcher->member_count; member++)
            if (batcher->members[member].model == i) model->end_member = member + 1;
        model->close_by_ns = BT_NEVER_NS;
        model->gaps.last_ns = BT_NEVER_NS;
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
    batcher->lane_count = BT_LANES_PER_INSTANCE * options->instance_count;
    batcher->slot_count = slots_needed(options);
    batcher->now_ns = INT64_MIN;
    batcher->give_up_ns = BT_NEVER_NS;
    batcher->models = calloc((size_t)options->model_count, sizeof *batcher->models);
    batcher->members = calloc((size_t)options->instance_count, sizeof *batcher->members);
    batcher->lanes = calloc((size_t)batcher->lane_count, sizeof *batcher->lanes);
    batcher->device_busy = calloc((size_t)options->instance_count, sizeof *batcher->device_busy);
    batcher->slots = calloc(batcher->slot_count, sizeof *batcher->slots);
    batcher->heap = malloc(batcher->slot_count * sizeof *batcher->heap);
    if (!batcher->models || !batcher->members || !batcher->lanes || !batcher->device_busy ||
        !batcher->slots || !batcher->heap)
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
    for (int i = 0; (*batcher)->lanes && i < (*batcher)->lane_count; i++) {
        free((*batcher)->lanes[i].slots);
        free((*batcher)->lanes[i].tags);
    }
    free((*batcher)->models);
    free((*batcher)->members);
    free((*batcher)->lanes);
    free((*batcher)->device_busy);
    free((*batcher)->slots);
    free((*batcher)->heap);
    free(*batcher);
    *batcher = NULL;
}
