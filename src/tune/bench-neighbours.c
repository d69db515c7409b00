#include "tune/bench-neighbours.h"

#include "base/busy.h"

/* Instances of both, numbered through: the one that is timed first, then the neighbour's. */
typedef struct hardware {
    int devices[1 + BT_INSTANCES_MAX];
    int count; /* of the neighbour's */
} hardware;

static hardware find_hardware(const bt_bench_view *own, const bt_bench_view *other) {
    const bt_placement *mine = bt_team_placement(own->team), *theirs = bt_team_placement(other->team);
    const bt_instance *places[2 * BT_INSTANCES_MAX];
    int devices[2 * BT_INSTANCES_MAX], count = 0;
    for (int i = 0; i < mine->count; i++)
        places[count++] = &mine->instances[i];
    for (int i = 0; i < theirs->count; i++)
        places[count++] = &theirs->instances[i];
    bt_instances_number(devices, places, count);
    hardware found = {.devices = {devices[0]}, .count = theirs->count};
    for (int i = 0; i < theirs->count; i++)
        found.devices[1 + i] = devices[mine->count + i];
    return found;
}

/* As many of the neighbour's as run at a time beside the first instance: one a device, on other devices. */
static unsigned find_beside(const hardware *h, int *count) {
    unsigned which = 0;
    *count = 0;
    for (int i = 0; i < h->count; i++) {
        bool taken = h->devices[1 + i] == h->devices[0];
        for (int j = 0; j < i; j++)
            taken = taken || h->devices[1 + j] == h->devices[1 + i];
        if (taken) continue;
        which |= 1U << i;
        ++*count;
    }
    return which;
}

/* The neighbour's instance that takes turns with the first one, -1: none does. */
static int find_sharing(const hardware *h) {
    for (int i = 0; i < h->count; i++)
        if (h->devices[1 + i] == h->devices[0]) return i;
    return -1;
}

static bt_status turn(const bt_bench_view *view, int index, double *took_ms, bt_error *error) {
    return bt_team_turn(view->team, index, view->batch_size, view->images, view->logits, took_ms, error);
}

/* The first run is not timed: by its end the neighbour's have begun. */
static bt_status run_beside(const bt_bench_view *own, const bt_bench_view *other, const hardware *h, int runs,
                            bt_step_result *result, bt_error *error) {
    const unsigned which = find_beside(h, &result->beside);
    double ignored_ms;
    bt_error cause;
    if (result->beside == 0) return BT_OK;
    bt_team_keep_busy(other->team, which, other->batch_size, other->images, other->logits);
    bt_status status = turn(own, 0, &ignored_ms, error);
    for (int i = 0; i < runs && status == BT_OK; i++) {
        status = turn(own, 0, &result->samples_ms[i], error);
        result->sample_count += status == BT_OK;
    }
    const bt_status rested = bt_team_rest(other->team, which, &cause);
    if (status == BT_OK && rested != BT_OK && error) *error = cause;
    return status == BT_OK ? rested : status;
}

static bt_status run_turns(const bt_bench_view *own, const bt_bench_view *other, const hardware *h, int runs,
                           bt_step_result *result, bt_error *error) {
    const int sharing = find_sharing(h);
    double ignored_ms;
    bt_status status = BT_OK;
    for (int i = 0; i < runs && sharing >= 0 && status == BT_OK; i++) {
        if (i % 2 == 0) status = turn(other, sharing, &ignored_ms, error);
        if (status == BT_OK) status = turn(own, 0, &result->samples_ms[i], error);
        result->sample_count += status == BT_OK;
    }
    return status;
}

bt_status bt_bench_run_neighbours(bt_bench *bench, bt_bench *neighbour, const bt_step *step,
                                  bt_step_result *result, bt_error *error) {
    bt_bench_view own, other;
    if (!neighbour || step->batch_size < 1 || step->batch_size > BT_BATCH_MAX)
        return bt_fail(error, BT_INVALID, "no neighbour is open");
    bt_status status = bt_bench_ready(bench, step->batch_size, &own, error);
    if (status == BT_OK)
        status = bt_bench_ready(neighbour, bt_bench_neighbour_batch(neighbour), &other, error);
    if (status != BT_OK || bt_team_session(own.team)->info.never_slowed) return status;
    const hardware h = find_hardware(&own, &other);
    const int runs = step->runs < BT_MAX_TURN_SAMPLES ? step->runs : BT_MAX_TURN_SAMPLES;
    const bt_busy before = bt_busy_now();
    const bt_throttle_mark mark = bt_throttle_now();
    status = (step->kind == BT_STEP_BESIDE ? run_beside : run_turns)(&own, &other, &h, runs, result, error);
    result->disturbed = !bt_team_session(own.team)->info.device_memory &&
                        bt_busy_others_since(&before) > BT_BENCH_OTHERS_CORES;
    result->throttling = bt_throttle_since(&mark);
    if (status != BT_OK) result->sample_count = 0;
    return status;
}
