/* All lanes of a service on their way: those of one device one after another, since they would disturb each other's
 * warming up and look at its memory in between; devices side by side. What libtorch itself runs is one at a time
 * everywhere: some of what it is told then, cuDNN's autotuning for one, is the whole process's. */
#include <string.h>

#include "backend/backend.h"
#include "base/clock.h"
#include "serving/state.h"

typedef enum lane_stage { WAITS, STARTS, READY, FAILED } lane_stage;

typedef struct lanes_start {
    bt_service *service;
    lane_stage stages[BT_BATCHER_LANES_MAX];
    bool alone[BT_BATCHER_LANES_MAX]; /* not beside another such */
    int first_failed;                 /* as many as there are lanes: none */
    bt_status status;                 /* of that one */
    bt_error error;
    int64_t began_ns[BT_BATCHER_MODELS_MAX]; /* each model's first lane; 0: not yet */
    int64_t load_ns[BT_BATCHER_MODELS_MAX];
} lanes_start;

/* Before there is any thread: see bt_backend_load. */
static bt_status load_backends(lanes_start *start, bt_error *error) {
    const bt_service *service = start->service;
    for (int i = 0; i < service->model_count; i++) {
        const bt_service_model *model = &service->models[i];
        const int64_t began_ns = bt_clock_now_ns();
        bt_status status =
            bt_backend_load(model->served.settings.backend, model->served.settings.model_file, error);
        if (status != BT_OK) return bt_fail_at(error, status, "%s", model->name);
        start->load_ns[i] = bt_clock_now_ns() - began_ns;
    }
    return BT_OK;
}

static bool is_alone(const bt_worker_lane *lane) {
    const bt_session_options options =
        bt_served_model_session(&lane->service->models[lane->model].served, lane->place, lane->path);
    return bt_session_sets_process(&options);
}

static void note_failure(lanes_start *start, int index, bt_status status, const bt_error *error) {
    start->stages[index] = FAILED;
    if (index >= start->first_failed) return;
    start->first_failed = index;
    start->status = status;
    start->error = *error;
}

/* Takes note of those whose start has ended; how many have not. */
static int collect(lanes_start *start) {
    bt_service *service = start->service;
    int starting = 0;
    for (int i = 0; i < service->lane_count; i++) {
        bt_worker_lane *lane = &service->lanes[i];
        bt_service_model *model = &service->models[lane->model];
        bt_status status;
        bt_error error;
        if (start->stages[i] != STARTS) continue;
        if (!bt_lane_has_started(lane, &status, &error)) {
            starting++;
        } else if (status == BT_OK) {
            start->stages[i] = READY;
            const int64_t took_ns = bt_clock_now_ns() - start->began_ns[lane->model];
            model->start_s = (double)(start->load_ns[lane->model] + took_ns) / 1e9;
        } else {
            note_failure(start, i, status, &error);
        }
    }
    return starting;
}

static bool may_launch(const lanes_start *start, int index) {
    const bt_worker_lane *lanes = start->service->lanes;
    if (start->stages[index] != WAITS) return false;
    for (int i = 0; i < start->service->lane_count; i++) {
        const bool before = i < index && strcmp(lanes[i].place->device, lanes[index].place->device) == 0;
        if (before && start->stages[i] != READY) return false;
        if (start->alone[i] && start->alone[index] && start->stages[i] == STARTS) return false;
    }
    return true;
}

/* Launches what may be; how many. Beyond one that has failed nothing is. Those before it go on: one of them may fail
 * too, and it is to be the same one however long each takes. */
static int launch(lanes_start *start) {
    bt_service *service = start->service;
    int launched = 0;
    for (int i = 0; i < start->first_failed; i++) {
        bt_worker_lane *lane = &service->lanes[i];
        bt_error error;
        if (!may_launch(start, i)) continue;
        if (start->began_ns[lane->model] == 0) start->began_ns[lane->model] = bt_clock_now_ns();
        bt_status status = bt_lane_launch(lane, &error);
        if (status != BT_OK) {
            note_failure(start, i, status, &error);
            continue;
        }
        start->stages[i] = STARTS;
        launched++;
    }
    return launched;
}

static bt_status fail_lane(const lanes_start *start, bt_error *error) {
    const bt_worker_lane *lane = &start->service->lanes[start->first_failed];
    const bt_service_model *model = &start->service->models[lane->model];
    *error = start->error;
    return bt_fail_at(error, start->status, "%s, instance %d (%s), %s path", model->name,
                      lane->instance - model->first_instance, lane->place->device, bt_path_name(lane->path));
}

/* Requests have room for what the first lane of their model gives. */
static bt_status check_alike(const bt_service *service, bt_error *error) {
    int classes[BT_BATCHER_MODELS_MAX] = {0};
    for (int i = 0; i < service->lane_count; i++) {
        const bt_worker_lane *lane = &service->lanes[i];
        const int own = lane->found.session.classes;
        if (classes[lane->model] == 0) classes[lane->model] = own;
        if (classes[lane->model] != own)
            return bt_fail(error, BT_INVALID,
                           "%s: gives %d classes, and then %d: its file has changed meanwhile",
                           service->models[lane->model].name, classes[lane->model], own);
    }
    return BT_OK;
}

bt_status bt_lanes_start(bt_service *service, bt_error *error) {
    lanes_start start = {.service = service, .first_failed = service->lane_count};
    bt_status status = load_backends(&start, error);
    if (status != BT_OK) return status;
    for (int i = 0; i < service->lane_count; i++)
        start.alone[i] = is_alone(&service->lanes[i]);
    for (;;) {
        const unsigned seen = atomic_load(&service->changed);
        const int starting = collect(&start), launched = launch(&start);
        if (starting + launched == 0) break;
        bt_futex_wait(&service->changed, seen, BT_NEVER_NS);
    }
    return start.first_failed < service->lane_count ? fail_lane(&start, error) : check_alike(service, error);
}
