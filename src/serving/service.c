/* A service's life: started, stopped, closed. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "serving/state.h"

/* What still runs so long after draining is taken to hang, and is left behind with its memory. Raised,
 * stopping waits longer for a backend that never returns; lowered, a long run that would have ended leaks its
 * memory. */
#define HANG_WAIT_NS BT_NS_PER_S

/* A run's watchdog, unless it is set: so many times what the largest batch typically takes, and a second.
 * Raised, requests wait longer behind a run that hangs; lowered, a run that a busy machine only slows is
 * given up, and its requests run twice. */
#define WATCHDOG_LEAST_NS BT_NS_PER_S
#define WATCHDOG_RUNS     20

/* ---- starting ---- */

/* Times that no tuning has measured are those of warming up; the watchdog follows from the times. */
static bt_status complete_times(bt_service *service, bt_service_model *model, bt_error *error) {
    bt_ladder *ladder = &model->batcher.ladder;
    const int64_t *production_ns = service->lanes[bt_production_lane(model->first_instance)].found.warm_ns;
    const int64_t *standard_ns = service->lanes[bt_standard_lane(model->first_instance)].found.warm_ns;
    bool timed = ladder->service_ns[0] > 0;
    for (int i = 0; i < ladder->size_count && !timed; i++)
        ladder->service_ns[i] = production_ns[i] > 0 ? production_ns[i] : 1;
    if (ladder->standard_ns == 0 || !timed) ladder->standard_ns = standard_ns[0];
    if (model->batcher.watchdog_ns == 0) {
        int64_t largest_ns = ladder->service_ns[ladder->size_count - 1];
        if (ladder->standard_ns > largest_ns) largest_ns = ladder->standard_ns;
        model->batcher.watchdog_ns = WATCHDOG_LEAST_NS + WATCHDOG_RUNS * largest_ns;
    }
    return bt_ladder_plan(ladder, error);
}

static bt_status open_batcher(bt_service *service, bt_error *error) {
    bt_batcher_model models[BT_BATCHER_MODELS_MAX];
    for (int i = 0; i < service->model_count; i++) {
        bt_status status = complete_times(service, &service->models[i], error);
        if (status != BT_OK) return status;
        models[i] = service->models[i].batcher;
    }
    const bt_batcher_options options = {.models = models,
                                        .model_count = service->model_count,
                                        .instances = service->instances,
                                        .instance_count = service->instance_count};
    return bt_batcher_open(&service->batcher, &options, error);
}

static bt_status open_meters(bt_service *service, bt_error *error) {
    for (int i = 0; i < service->model_count; i++) {
        bt_meter_close(&service->models[i].meter);
        bt_status status =
            bt_meter_open(&service->models[i].meter, service->window_ns, bt_clock_now_ns(), error);
        if (status != BT_OK) return status;
        bt_meter_promise(service->models[i].meter, service->models[i].p95_sla_ms);
    }
    return BT_OK;
}

static void set_phase(bt_service *service, bt_phase phase) {
    pthread_mutex_lock(&service->lock);
    service->phase = phase;
    pthread_mutex_unlock(&service->lock);
}

/* Ends all threads; lanes that hang are left behind, and with them everything they might still touch. */
static void stop_threads(bt_service *service) {
    bt_supervisor_stop(service);
    for (int i = 0; i < service->lane_count; i++)
        if (!bt_lane_stop(&service->lanes[i], HANG_WAIT_NS)) service->left_behind = true;
}

/* Takes the service from OPEN to STARTING, or says why it cannot. */
static bt_status begin_start(bt_service *service, bt_error *error) {
    bt_status status = BT_OK;
    pthread_mutex_lock(&service->lock);
    if (service->phase == BT_PHASE_OPEN)
        service->phase = BT_PHASE_STARTING;
    else if (service->phase == BT_PHASE_STARTING || service->phase == BT_PHASE_RUNNING)
        status = bt_fail(error, BT_INVALID, "the service is started already: start it once");
    else
        status = bt_fail(error, BT_CLOSED, "the service was stopped: open another one");
    pthread_mutex_unlock(&service->lock);
    return status;
}

bt_status bt_service_start(bt_service *service, bt_error *error) {
    if (!service) return bt_service_fail_missing(error);
    bt_status status = begin_start(service, error);
    if (status != BT_OK) return status;
    status = bt_lanes_start(service, error);
    if (status == BT_OK) status = open_batcher(service, error);
    if (status == BT_OK) status = open_meters(service, error);
    if (status == BT_OK) status = bt_supervisor_start(service, error);
    if (status != BT_OK) {
        stop_threads(service);
        bt_batcher_close(&service->batcher);
    }
    set_phase(service, status == BT_OK ? BT_PHASE_RUNNING : BT_PHASE_OPEN);
    return status;
}

/* ---- stopping ---- */

static bool is_idle(bt_service *service) {
    pthread_mutex_lock(&service->lock);
    service->awaits_idle = true;
    bool idle = bt_batcher_idle(service->batcher);
    pthread_mutex_unlock(&service->lock);
    return idle;
}

static bool drain(bt_service *service, int64_t until_ns) {
    bt_pump_and_deliver(service);
    for (;;) {
        unsigned seen = atomic_load(&service->changed);
        if (is_idle(service)) return true;
        if (bt_clock_now_ns() >= until_ns) return false;
        bt_futex_wait(&service->changed, seen, until_ns);
    }
}

static bt_status begin_stop(bt_service *service, bt_error *error) {
    bt_status status = BT_OK;
    pthread_mutex_lock(&service->lock);
    if (service->phase == BT_PHASE_RUNNING) {
        service->phase = BT_PHASE_STOPPING;
        bt_batcher_drain(service->batcher, bt_clock_now_ns());
    } else if (service->phase >= BT_PHASE_STOPPING) {
        status = bt_fail(error, BT_CLOSED, "the service was stopped already");
    } else {
        status = bt_fail(error, BT_CLOSED, "the service was not started");
    }
    pthread_mutex_unlock(&service->lock);
    return status;
}

bt_status bt_service_stop(bt_service *service, double drain_ms, bt_error *error) {
    if (!service) return bt_fail(error, BT_INVALID, "there is no service");
    if (!(drain_ms >= 0)) return bt_fail(error, BT_INVALID, "a drain time of %g ms is not one", drain_ms);
    bt_status status = begin_stop(service, error);
    if (status != BT_OK) return status;
    double most_ms = fmin(drain_ms, 1e9);
    bool drained = drain(service, bt_clock_now_ns() + (int64_t)(most_ms * BT_NS_PER_MS));
    int given_up = 0;
    if (!drained) {
        pthread_mutex_lock(&service->lock);
        for (int i = 0; i < service->model_count; i++) {
            bt_batcher_counts counts;
            bt_batcher_count(service->batcher, i, &counts);
            given_up += counts.in_flight;
        }
        bt_batcher_abandon(service->batcher, bt_clock_now_ns());
        pthread_mutex_unlock(&service->lock);
        bt_pump_and_deliver(service);
    }
    stop_threads(service);
    set_phase(service, BT_PHASE_STOPPED);
    if (drained) return BT_OK;
    return bt_fail(error, BT_TIMEOUT, "%d requests were not done after %g ms and were given up", given_up,
                   drain_ms);
}

void bt_service_close(bt_service **service) {
    if (!service || !*service) return;
    bt_service *s = *service;
    bt_error ignored;
    *service = NULL;
    if (s->phase == BT_PHASE_RUNNING && bt_service_stop(s, 0, &ignored) == BT_CLOSED) return;
    if (!s->left_behind) bt_service_free(s); /* else some thread may still come back to it */
}

void bt_free(char *text) {
    free(text);
}
