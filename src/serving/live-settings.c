/* Settings while a service runs: which there are, and changing those that may change. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "serving/state.h"

/* One model's settings with the pairs over them; nothing is changed yet. */
static bt_status read_change(const bt_service_model *model, const char *settings, bt_service_settings *s,
                             bt_batcher_change *change, bt_error *error) {
    bt_option_sources sources;
    bt_options_default(bt_service_settings_table, bt_service_settings_count, s, &sources);
    s->p95_sla_ms = model->p95_sla_ms;
    s->timeout_ms = model->timeout_ms;
    s->batch_size = model->live.max_batch_size;
    s->max_queue_size = model->live.max_queue_size;
    s->policy = (int)model->live.policy;
    s->max_queue_delay_ms = (double)model->live.max_queue_delay_ns / 1e6;
    bt_status status = bt_options_read_pairs(bt_service_settings_table, bt_service_settings_count, settings,
                                             "set", s, &sources, error);
    for (size_t i = bt_service_settings_live; i < bt_service_settings_count && status == BT_OK; i++)
        if (sources.of[i] != BT_SOURCE_DEFAULT)
            status = bt_fail(error, BT_INVALID, "set: %s is fixed while the service runs",
                             bt_service_settings_table[i].name);
    *change = (bt_batcher_change){.max_batch_size = (int)s->batch_size,
                                  .max_queue_size = (int)s->max_queue_size,
                                  .max_queue_delay_ns = (int64_t)(s->max_queue_delay_ms * BT_NS_PER_MS),
                                  .policy = (bt_batcher_policy)s->policy,
                                  .promise_ns = (int64_t)(s->p95_sla_ms * BT_NS_PER_MS)};
    return status;
}

/* Under the lock. All models are checked before the first is changed. */
static bt_status set_all(bt_service *service, int first, int last, const char *settings, bt_error *error) {
    bt_service_settings s[BT_BATCHER_MODELS_MAX];
    bt_batcher_change changes[BT_BATCHER_MODELS_MAX];
    int64_t now_ns = bt_clock_now_ns();
    bt_status status = BT_OK;
    for (int i = first; i <= last && status == BT_OK; i++) {
        const bt_batcher_model *batcher = &service->models[i].batcher;
        const int largest = bt_ladder_largest(&batcher->ladder);
        status = read_change(&service->models[i], settings, &s[i], &changes[i], error);
        if (status == BT_OK && changes[i].max_batch_size > largest)
            status =
                bt_fail(error, BT_INVALID, "set: batch_size: %d is above %d, the largest that %s has warm",
                        changes[i].max_batch_size, largest, service->models[i].name);
        if (status == BT_OK && changes[i].max_queue_size > batcher->max_queue_size)
            status = bt_fail(error, BT_INVALID, "set: max_queue_size: %d is above %d, what %s has room for",
                             changes[i].max_queue_size, batcher->max_queue_size, service->models[i].name);
    }
    for (int i = first; i <= last && status == BT_OK; i++) {
        bt_service_model *model = &service->models[i];
        status = bt_batcher_set(service->batcher, now_ns, i, &changes[i], error);
        if (status != BT_OK) break;
        model->live = changes[i];
        model->p95_sla_ms = s[i].p95_sla_ms;
        model->timeout_ms = s[i].timeout_ms;
        pthread_mutex_lock(&model->meter_lock);
        bt_meter_promise(model->meter, s[i].p95_sla_ms);
        pthread_mutex_unlock(&model->meter_lock);
    }
    return status;
}

bt_status bt_service_set(bt_service *service, const char *model, const char *settings, bt_error *error) {
    if (!service || !settings) return bt_fail(error, BT_INVALID, "there is nothing to set");
    int first = 0, last = service->model_count - 1;
    if (model) {
        first = last = bt_service_find(service, model);
        if (first < 0) return bt_service_fail_model(service, model, error);
    }
    pthread_mutex_lock(&service->lock);
    bt_status status = service->phase == BT_PHASE_RUNNING
                           ? set_all(service, first, last, settings, error)
                           : bt_fail(error, BT_CLOSED, "the service does not run");
    pthread_mutex_unlock(&service->lock);
    if (status == BT_OK) bt_pump_and_deliver(service); /* a smaller batch may be full now */
    return status;
}

char *bt_service_help(void) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) return NULL;
    for (size_t i = 0; i < bt_service_settings_count; i++) {
        const bt_option *option = &bt_service_settings_table[i];
        fprintf(out, "  %-24s %s", option->name, option->help);
        if (option->initial && option->initial[0]) fprintf(out, " (default %s)", option->initial);
        fprintf(out, "%s\n", i < bt_service_settings_live ? " [may change while it runs]" : "");
    }
    if (fclose(out) == 0) return text;
    free(text);
    return NULL;
}
