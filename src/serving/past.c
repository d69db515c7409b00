/* What earlier services counted, added to what this one counts: counters go on over a reload, so that a rate over it
 * is right. What is of a window, or since the start, is this service's alone: its models are others. */
#include "serving/metrics-figures.h"
#include "serving/state.h"

static void add_counts(bt_metrics *to, const bt_metrics *past) {
    for (size_t i = 0; i < BT_FIGURES_COUNT; i++) {
        if (bt_figures[i].type != BT_FIGURE_COUNT) continue;
        const size_t at = bt_figures[i].offset;
        *(uint64_t *)(void *)((char *)to + at) += *(const uint64_t *)(const void *)((const char *)past + at);
    }
    for (int b = 0; b < BT_METRICS_BATCHES; b++)
        to->batches[b] += past->batches[b];
    for (int i = 0; i < to->instance_count && i < past->instance_count; i++) {
        to->instances[i].runs += past->instances[i].runs;
        to->instances[i].failed_runs += past->instances[i].failed_runs;
    }
    to->in_flight += past->in_flight; /* of one that ends */
    to->queue_size += past->queue_size;
}

static void add_totals(bt_metrics_totals *to, const bt_metrics_totals *past) {
    to->answered += past->answered;
    to->batched += past->batched;
    for (int q = 0; q < BT_QUANTITIES; q++) {
        to->sum_ns[q] += past->sum_ns[q];
        for (int b = 0; b < BT_METRICS_BOUNDS; b++)
            to->within[q][b] += past->within[q][b];
    }
}

/* Under past_lock: what is known of those before, as far as they have come. */
static void read_past(bt_service_model *model, bt_past *out) {
    bt_error ignored; /* one that was started can be read */
    *out = model->past;
    if (model->before && bt_serving_figures(model->before, model->before_index, &out->metrics, &out->totals,
                                            &ignored) != BT_OK)
        *out = model->past;
}

void bt_past_add(bt_service *service, int index, bt_metrics *metrics, bt_metrics_totals *totals) {
    bt_past past;
    pthread_mutex_lock(&service->past_lock);
    read_past(&service->models[index], &past);
    pthread_mutex_unlock(&service->past_lock);
    add_counts(metrics, &past.metrics);
    if (totals) add_totals(totals, &past.totals);
}

void bt_serving_follow(bt_service *service, bt_service *before) {
    pthread_mutex_lock(&service->past_lock);
    for (int i = 0; i < service->model_count; i++) {
        bt_service_model *model = &service->models[i];
        model->before_index = bt_service_find(before, model->name);
        model->before = model->before_index >= 0 ? before : NULL;
    }
    pthread_mutex_unlock(&service->past_lock);
}

void bt_serving_close_past(bt_service *service) {
    bt_past past;
    pthread_mutex_lock(&service->past_lock);
    for (int i = 0; i < service->model_count; i++) {
        read_past(&service->models[i], &past);
        service->models[i].past = past;
        service->models[i].before = NULL;
    }
    pthread_mutex_unlock(&service->past_lock);
}
