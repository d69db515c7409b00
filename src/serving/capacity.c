/* How many requests a second a model could serve within its promise: as tuning predicted, or simulated anew for what is
 * served. */
#include <math.h>
#include <string.h>

#include "serving/state.h"
#include "simulate/capacity.h"

/* Any: the same each time, so that two replicas tell the same. */
#define SEED 1

static bool same_ms(double a, double b) {
    return fabs(a - b) < 1e-6;
}

static bool is_as_tuned(const bt_service_model *model) {
    const bt_config_model *entry = model->served.entry;
    const bt_service_settings *s = &model->served.settings;
    const int instances =
        entry->instance_count > 0 ? entry->instance_count : 1; /* entries of before do not say */
    return s->batch_size == entry->optimal_batch_size && s->policy == entry->settings.policy &&
           model->served.placement.count == instances &&
           same_ms(s->max_queue_delay_ms, entry->settings.max_queue_delay_ms) &&
           same_ms(s->p95_sla_ms, entry->settings.p95_sla_ms);
}

double bt_capacity_as_tuned(const bt_service_model *model) {
    return model->tuned_open && is_as_tuned(model) ? model->served.entry->capacity_rps : NAN;
}

double bt_capacity_now(const bt_service_model *model) {
    const bt_batcher_change *live = &model->live;
    const bt_batcher_model *opened = &model->batcher;
    const bool changed = live->max_batch_size != opened->max_batch_size ||
                         live->max_queue_size != opened->max_queue_size ||
                         live->max_queue_delay_ns != opened->max_queue_delay_ns ||
                         live->policy != opened->policy || live->promise_ns != opened->promise_ns;
    return changed ? NAN : model->capacity_rps;
}

/* A simulation gives each instance a device of its own. */
static bool takes_turns(const bt_service *service, const bt_service_model *model) {
    for (int i = model->first_instance; i < model->first_instance + model->instance_count; i++)
        for (int j = model->first_instance; j < i; j++)
            if (service->instances[i].device == service->instances[j].device) return true;
    return false;
}

bt_status bt_serving_find_capacities(bt_service *service, bt_error *error) {
    for (int i = 0; i < service->model_count; i++) {
        bt_service_model *model = &service->models[i];
        if (!model->tuned_open || takes_turns(service, model) || !isnan(model->capacity_rps)) continue;
        bt_capacity capacity;
        bt_tuned_model tuned = model->tuned; /* borrows from it */
        tuned.batcher = model->batcher;
        tuned.batcher.ladder = model->tuned.batcher.ladder;
        bt_status status = bt_capacity_find(&capacity, &tuned, model->instance_count,
                                            model->served.settings.p95_sla_ms, SEED, error);
        if (status == BT_NO_MEMORY) return status;
        if (status != BT_OK) continue; /* times that cannot be simulated with */
        pthread_mutex_lock(&service->lock);
        model->capacity_rps = capacity.capacity_rps;
        pthread_mutex_unlock(&service->lock);
    }
    return BT_OK;
}
