/* Metrics for other programs: JSON in the project's words. It walks the same table as metrics-page.c, so that neither
 * form knows a figure that the other lacks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "serving/metrics-figures.h"
#include "serving/metrics.h"

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *figure_to_json(const bt_metrics *metrics, const bt_figure *f) {
    double value = bt_figure_value(metrics, f);
    if (f->type == BT_FIGURE_SWITCH) return json_boolean(value != 0);
    return f->type == BT_FIGURE_DOUBLE || f->type == BT_FIGURE_MILLISECONDS ? number(value)
                                                                            : json_integer((json_int_t)value);
}

static json_t *latency_to_json(const bt_metrics_latency *l) {
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o}", "count", (json_int_t)l->count, "mean", number(l->mean),
                     "p50", number(l->p50), "p95", number(l->p95), "p99", number(l->p99), "max",
                     number(l->max));
}

static json_t *instance_to_json(const bt_metrics_instance *i) {
    return json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:o}", "device", i->device, "breaker", i->breaker,
                     "utilisation", number(i->utilisation), "runs", (json_int_t)i->runs, "failed_runs",
                     (json_int_t)i->failed_runs, "device_memory_bytes", (json_int_t)i->device_memory_bytes,
                     "device_memory_total_bytes", (json_int_t)i->device_memory_total_bytes, "gpu_utilisation",
                     number(i->gpu_utilisation));
}

static json_t *model_to_json(const bt_metrics *metrics) {
    json_t *object = json_object(), *batches = json_object(), *instances = json_array();
    int failed = !object || !batches || !instances;
    for (size_t i = 0; i < BT_FIGURES_COUNT && !failed; i++)
        failed = json_object_set_new(object, bt_figures[i].key, figure_to_json(metrics, &bt_figures[i]));
    for (size_t i = 0; i < BT_FIGURE_LATENCIES_COUNT && !failed; i++)
        failed = json_object_set_new(object, bt_figure_latencies[i].key,
                                     latency_to_json(bt_figure_latency_at(metrics, &bt_figure_latencies[i])));
    for (int b = 0; b < BT_METRICS_BATCHES && !failed; b++) {
        char size[16];
        snprintf(size, sizeof size, "%d", b + 1);
        if (metrics->batches[b] > 0)
            failed = json_object_set_new(batches, size, json_integer((json_int_t)metrics->batches[b]));
    }
    for (int i = 0; i < metrics->instance_count && !failed; i++)
        failed = json_array_append_new(instances, instance_to_json(&metrics->instances[i]));
    if (!failed)
        failed =
            json_object_set(object, "batches", batches) || json_object_set(object, "instances", instances);
    json_decref(batches);
    json_decref(instances);
    if (!failed) return object;
    json_decref(object);
    return NULL;
}

json_t *bt_metrics_to_json(const bt_metrics *metrics, int count) {
    json_t *top = json_object();
    int failed = !top;
    for (int i = 0; i < count && !failed; i++)
        failed = json_object_set_new(top, metrics[i].model, model_to_json(&metrics[i]));
    if (!failed) return top;
    json_decref(top);
    return NULL;
}

bt_status bt_metrics_json(char **out, const bt_metrics *metrics, int count, bt_error *error) {
    json_t *top = bt_metrics_to_json(metrics, count);
    *out = NULL;
    if (top) *out = bt_json_dump(top, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(top);
    return *out ? BT_OK : bt_no_memory(error, "metrics");
}
