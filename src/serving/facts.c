/* What a service tells of itself: its models, their metrics, and what only this project's programs ask. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cuda.h"
#include "base/clock.h"
#include "base/memory.h"
#include "serving/state.h"

/* ---- what it serves ---- */

static void read_facts(const bt_service *service, const bt_service_model *model, bt_model_facts *out) {
    const bt_worker_lane *production = &service->lanes[bt_production_lane(model->first_instance)];
    *out = (bt_model_facts){
        .input_height = model->height,
        .input_width = model->width,
        .tuned_size = model->served.entry->image_size,
        .demonstration = model->demonstration,
        .batch_size = model->live.max_batch_size,
        .max_queue_size = model->live.max_queue_size,
        .instance_count = model->instance_count,
        .max_queue_delay_ms = bt_ms(model->live.max_queue_delay_ns),
        .p95_sla_ms = model->p95_sla_ms,
        .timeout_ms = model->timeout_ms,
    };
    snprintf(out->name, sizeof out->name, "%s", model->name);
    snprintf(out->policy, sizeof out->policy, "%s", bt_batcher_policy_name(model->live.policy));
    if (service->phase < BT_PHASE_RUNNING) return;
    snprintf(out->precision, sizeof out->precision, "%s", production->found.session.precision);
    snprintf(out->weights_note, sizeof out->weights_note, "%s", production->found.session.weights_note);
    out->class_count = production->found.session.classes;
    out->changed_weights =
        bt_served_model_has_changed(&model->served, production->found.session.weights_hash);
}

int bt_service_models(bt_service *service, bt_model_facts *out, int room) {
    if (!service) return 0;
    pthread_mutex_lock(&service->lock);
    for (int i = 0; i < service->model_count && i < room; i++)
        read_facts(service, &service->models[i], &out[i]);
    pthread_mutex_unlock(&service->lock);
    return service->model_count;
}

void bt_serving_facts(bt_service *service, int index, bt_model_facts *out) {
    pthread_mutex_lock(&service->lock);
    read_facts(service, &service->models[index], out);
    pthread_mutex_unlock(&service->lock);
}

bt_status bt_service_class(bt_service *service, const char *model, int number, char name[64], uint8_t rgb[3],
                           bt_error *error) {
    if (!service) return bt_fail(error, BT_INVALID, "there is no service");
    const int index = bt_service_find(service, model);
    if (index < 0) return bt_service_fail_model(service, model, error);
    if (number < 0 || number >= BT_MODEL_CLASSES_MAX)
        return bt_fail(error, BT_INVALID, "%d is no class: they count from 0 to %d", number,
                       BT_MODEL_CLASSES_MAX - 1);
    const bt_model_classes *classes = &service->models[index].served.resolved.model.classes;
    bt_model_class_name(name, classes, number);
    bt_model_class_colour(rgb, classes, number);
    return BT_OK;
}

/* ---- metrics ---- */

static void read_device(bt_metrics_instance *instance) {
    instance->gpu_utilisation = NAN;
    if (strncmp(instance->device, "cuda:", 5) != 0) return;
    bt_cuda_load load;
    bt_error ignored;
    if (bt_cuda_read_load(&load, atoi(instance->device + 5), &ignored) != BT_OK) return;
    instance->gpu_utilisation = load.utilisation;
    instance->device_memory_bytes = load.used_bytes;
    instance->device_memory_total_bytes = load.total_bytes;
}

/* Under the lock. */
static void read_instances(bt_service *service, int index, int64_t now_ns, bt_metrics *metrics) {
    const bt_service_model *model = &service->models[index];
    metrics->instance_count = model->instance_count;
    for (int i = 0; i < model->instance_count; i++) {
        bt_instance_state state;
        bt_metrics_instance *instance = &metrics->instances[i];
        bt_batcher_instance_state(service->batcher, now_ns, model->first_instance + i, &state);
        snprintf(instance->device, sizeof instance->device, "%s",
                 model->served.placement.instances[i].device);
        snprintf(instance->breaker, sizeof instance->breaker, "%s", bt_breaker_name(state.breaker));
        instance->runs = state.runs;
        instance->failed_runs = state.failed_runs;
        metrics->breaker_opened += state.breaker_opened;
    }
}

/* `totals` may be NULL. */
static bt_status read_model(bt_service *service, int index, bt_metrics *metrics, bt_metrics_totals *totals,
                            bt_error *error) {
    bt_service_model *model = &service->models[index];
    bt_batcher_counts counts;
    int64_t now_ns = bt_clock_now_ns();
    *metrics = (bt_metrics){0};
    snprintf(metrics->model, sizeof metrics->model, "%s", model->name);
    pthread_mutex_lock(&service->lock);
    bool readable = service->batcher && service->phase >= BT_PHASE_RUNNING;
    if (readable) {
        bt_batcher_count(service->batcher, index, &counts);
        bt_metrics_count(metrics, &counts);
        read_instances(service, index, now_ns, metrics);
        metrics->queue_limit = model->live.max_queue_size;
        metrics->batch_size = model->live.max_batch_size;
        metrics->p95_sla_ms = model->p95_sla_ms;
        metrics->capacity_rps = bt_capacity_now(model);
    }
    pthread_mutex_unlock(&service->lock);
    if (!readable) return bt_fail(error, BT_CLOSED, "the service was not started: it has no metrics yet");
    pthread_mutex_lock(&model->meter_lock);
    bt_meter_read(model->meter, now_ns, metrics);
    metrics->saturated_fraction = model->saturated_fraction;
    if (totals) bt_meter_totals(model->meter, totals);
    pthread_mutex_unlock(&model->meter_lock);
    bt_past_add(service, index, metrics, totals);
    for (int i = 0; i < metrics->instance_count; i++)
        read_device(&metrics->instances[i]);
    metrics->headroom = metrics->capacity_rps > 0 ? 1 - metrics->demand_rps / metrics->capacity_rps : NAN;
    metrics->meets_sla = !(metrics->latency.p95 > metrics->p95_sla_ms);
    metrics->process_memory_bytes = bt_memory_resident_bytes();
    metrics->process_memory_peak_bytes = bt_memory_peak_bytes();
    return BT_OK;
}

static bt_status fail_nowhere(bt_error *error) {
    return bt_fail(error, BT_INVALID, "there is no service, or no place for its metrics");
}

bt_status bt_service_metrics(bt_service *service, const char *model, bt_metrics *metrics, bt_error *error) {
    if (!service || !metrics) return fail_nowhere(error);
    int index = bt_service_find(service, model);
    if (index < 0) return bt_service_fail_model(service, model, error);
    return read_model(service, index, metrics, NULL, error);
}

bt_status bt_serving_figures(bt_service *service, int index, bt_metrics *metrics, bt_metrics_totals *totals,
                             bt_error *error) {
    return read_model(service, index, metrics, totals, error);
}

/* All models' figures, as JSON (`json`) or for a page of Prometheus's (`page`). */
static bt_status write_metrics(bt_service *service, char **json, bt_exposition *page, bt_error *error) {
    const int count = service->model_count;
    bt_metrics *all = calloc((size_t)count, sizeof *all);
    bt_metrics_totals *totals = calloc((size_t)count, sizeof *totals);
    bt_status status = all && totals ? BT_OK : bt_no_memory(error, "metrics");
    for (int i = 0; i < count && status == BT_OK; i++)
        status = read_model(service, i, &all[i], page ? &totals[i] : NULL, error);
    if (status == BT_OK && json) status = bt_metrics_json(json, all, count, error);
    if (status == BT_OK && page) bt_metrics_expose(page, all, totals, count);
    free(all);
    free(totals);
    return status;
}

bt_status bt_service_metrics_json(bt_service *service, char **out, bt_error *error) {
    if (!service || !out) return fail_nowhere(error);
    *out = NULL;
    return write_metrics(service, out, NULL, error);
}

bt_status bt_serving_expose(bt_service *service, bt_exposition *page, bt_error *error) {
    return write_metrics(service, NULL, page, error);
}

bt_status bt_service_metrics_prometheus(bt_service *service, char **out, bt_error *error) {
    bt_exposition page;
    bt_error ignored;
    if (!service || !out) return fail_nowhere(error);
    *out = NULL;
    bt_status status = bt_exposition_open(&page, false, error);
    if (status != BT_OK) return status;
    status = bt_serving_expose(service, &page, error);
    if (status == BT_OK) return bt_exposition_close(&page, out, error);
    (void)!bt_exposition_close(&page, NULL, &ignored);
    return status;
}

/* ---- for the programs of this project ---- */

void bt_serving_failed(bt_service *service, int index, bt_serving_failures *out) {
    bt_service_model *model = &service->models[index];
    pthread_mutex_lock(&model->meter_lock);
    *out = model->failures;
    pthread_mutex_unlock(&model->meter_lock);
}

const bt_served_model *bt_serving_model(const bt_service *service, int index) {
    return &service->models[index].served;
}

const bt_model *bt_serving_network(const bt_service *service, const char *name) {
    return &service->models[bt_service_find(service, name)].served.resolved.model;
}

const bt_batcher_model *bt_serving_batcher(const bt_service *service, int index) {
    return &service->models[index].batcher;
}

const bt_session_info *bt_serving_session(const bt_service *service, int index) {
    return &service->lanes[bt_production_lane(service->models[index].first_instance)].found.session;
}

double bt_serving_start_seconds(const bt_service *service, int index) {
    return service->models[index].start_s;
}

int bt_serving_instances(const bt_service *service, bt_batcher_instance *out) {
    memcpy(out, service->instances, (size_t)service->instance_count * sizeof *out);
    return service->instance_count;
}

int bt_serving_queue_size(bt_service *service) {
    int waiting = 0;
    pthread_mutex_lock(&service->lock);
    for (int i = 0; i < service->model_count && service->batcher; i++) {
        bt_batcher_counts counts;
        bt_batcher_count(service->batcher, i, &counts);
        waiting += counts.waiting;
    }
    pthread_mutex_unlock(&service->lock);
    return waiting;
}
