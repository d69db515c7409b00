/* Metrics for other programs: JSON in the project's words, and Prometheus's text format (exposition format
 * 0.0.4). Both walk one table, so that neither knows a figure that the other lacks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "serving/metrics-figures.h"
#include "serving/metrics.h"

static double value_of(const bt_metrics *metrics, const bt_figure *f) {
    const char *at = (const char *)metrics + f->offset;
    switch (f->type) {
    case BT_FIGURE_DOUBLE:
    case BT_FIGURE_MILLISECONDS:
        return *(const double *)(const void *)at;
    case BT_FIGURE_COUNT:
        return (double)*(const uint64_t *)(const void *)at;
    case BT_FIGURE_INTEGER:
        return *(const int *)(const void *)at;
    case BT_FIGURE_BIG:
        return (double)*(const int64_t *)(const void *)at;
    case BT_FIGURE_SWITCH:
        break;
    }
    return *(const bool *)(const void *)at;
}

/* ---- JSON ---- */

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *figure_to_json(const bt_metrics *metrics, const bt_figure *f) {
    double value = value_of(metrics, f);
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
                                     latency_to_json(bt_figure_latency_at(metrics, i)));
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

bt_status bt_metrics_json(char **out, const bt_metrics *metrics, int count, bt_error *error) {
    json_t *top = json_object();
    int failed = !top;
    *out = NULL;
    for (int i = 0; i < count && !failed; i++)
        failed = json_object_set_new(top, metrics[i].model, model_to_json(&metrics[i]));
    if (!failed) *out = bt_json_dump(top, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(top);
    return *out ? BT_OK : bt_no_memory(error, "metrics");
}

/* ---- Prometheus ---- */

/* A label's value: backslash, quote and newline are escaped, other control characters become '?'. One byte
 * that is no UTF-8 would cost the reader the whole page,
 * so that such a value's bytes beyond ASCII do, too. */
static void write_label(FILE *out, const char *name, const char *value) {
    const bool clean = bt_text_is_utf8(value);
    fprintf(out, "%s=\"", name);
    for (; *value; value++) {
        const unsigned char byte = (unsigned char)*value;
        if (byte == '\n')
            fputs("\\n", out);
        else if (byte == '\\' || byte == '"')
            fprintf(out, "\\%c", byte);
        else
            fputc(byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !clean) ? '?' : byte, out);
    }
    fputc('"', out);
}

static void write_value(FILE *out, double value) {
    if (isfinite(value))
        bt_text_print(out, " %.15g\n", value);
    else
        fputs(isnan(value) ? " NaN\n" : value > 0 ? " +Inf\n" : " -Inf\n", out);
}

/* batchtune_NAME{model="..."EXTRA} VALUE; `extra` is further label pairs, each after its comma. */
static void write_sample(FILE *out, const char *name, const char *model, const char *extra, double value) {
    fprintf(out, "batchtune_%s{", name);
    write_label(out, "model", model);
    fprintf(out, "%s}", extra);
    write_value(out, value);
}

static void write_head(FILE *out, const char *name, const char *help, const char *type) {
    fprintf(out, "# HELP batchtune_%s %s\n# TYPE batchtune_%s %s\n", name, help, name, type);
}

/* All models' lines of one family; a family's head comes with its first figure, which has the help. */
static void write_figure(FILE *out, const bt_figure *f, const bt_metrics *metrics, int count) {
    if (!f->name) return;
    if (f->help) write_head(out, f->name, f->help, f->type == BT_FIGURE_COUNT ? "counter" : "gauge");
    if (f->type == BT_FIGURE_BIG) { /* of the process, not of a model */
        fprintf(out, "batchtune_%s", f->name);
        write_value(out, value_of(&metrics[0], f));
        return;
    }
    char extra[64] = "";
    if (f->label) snprintf(extra, sizeof extra, ",%s", f->label);
    for (int i = 0; i < count; i++)
        write_sample(out, f->name, metrics[i].model, extra,
                     value_of(&metrics[i], f) / (f->type == BT_FIGURE_MILLISECONDS ? 1e3 : 1));
}

static double seconds(int64_t ns) {
    return (double)ns / 1e9;
}

/* The quantiles are the window's; sum and count run since the start, as counters must. */
static void write_summary(FILE *out, const char *name, const char *model, const bt_metrics_latency *window,
                          int64_t sum_ns, uint64_t count) {
    char long_name[64];
    write_sample(out, name, model, ",quantile=\"0.5\"", window->p50 / 1e3);
    write_sample(out, name, model, ",quantile=\"0.95\"", window->p95 / 1e3);
    write_sample(out, name, model, ",quantile=\"0.99\"", window->p99 / 1e3);
    snprintf(long_name, sizeof long_name, "%s_sum", name);
    write_sample(out, long_name, model, "", seconds(sum_ns));
    snprintf(long_name, sizeof long_name, "%s_count", name);
    write_sample(out, long_name, model, "", (double)count);
}

static void write_summaries(FILE *out, const bt_metrics *metrics, const bt_metrics_totals *totals,
                            int count) {
    for (size_t i = 0; i < BT_FIGURE_LATENCIES_COUNT; i++) {
        const bt_figure_latency *family = &bt_figure_latencies[i];
        if (!family->name) continue;
        write_head(out, family->name, family->help, "summary");
        for (int m = 0; m < count; m++) {
            const int64_t sums_ns[BT_FIGURE_LATENCIES_COUNT] = {
                totals[m].latency_ns, 0, totals[m].queue_ns, totals[m].preprocess_ns, totals[m].service_ns};
            write_summary(out, family->name, metrics[m].model, bt_figure_latency_at(&metrics[m], i),
                          sums_ns[i], totals[m].answered);
        }
    }
}

/* A bound as seconds, by whole numbers: the same text for ever, since it is part of a series' name. */
static void write_bound(int64_t us, char out[64]) {
    const long long whole = us / 1000000, fraction = us % 1000000;
    int length = fraction == 0 ? snprintf(out, 64, ",le=\"%lld", whole)
                               : snprintf(out, 64, ",le=\"%lld.%06lld", whole, fraction);
    while (fraction > 0 && out[length - 1] == '0')
        length--;
    snprintf(out + length, 64 - (size_t)length, "\"");
}

static void write_histogram(FILE *out, const bt_metrics *metrics, const bt_metrics_totals *totals, int count,
                            const bt_metrics_bounds *bounds) {
    write_head(out, "request_latency_seconds",
               "Request latency since the start; one bound is the SLA that held at the start.", "histogram");
    for (int m = 0; m < count; m++) {
        const char *model = metrics[m].model;
        const double answered = (double)totals[m].answered;
        for (int b = 0; b < bounds->count; b++) {
            char le[64];
            write_bound(bounds->us[b], le);
            write_sample(out, "request_latency_seconds_bucket", model, le, (double)totals[m].within[b]);
        }
        write_sample(out, "request_latency_seconds_bucket", model, ",le=\"+Inf\"", answered);
        write_sample(out, "request_latency_seconds_sum", model, "", seconds(totals[m].latency_ns));
        write_sample(out, "request_latency_seconds_count", model, "", answered);
    }
}

static void write_batches(FILE *out, const bt_metrics *metrics, int count) {
    write_head(out, "batches_total", "Runs on the production path by the number of requests in them.",
               "counter");
    for (int m = 0; m < count; m++)
        for (int b = 0; b < BT_METRICS_BATCHES; b++) {
            if (metrics[m].batches[b] == 0) continue;
            char size[32];
            snprintf(size, sizeof size, ",size=\"%d\"", b + 1);
            write_sample(out, "batches_total", metrics[m].model, size, (double)metrics[m].batches[b]);
        }
}

static double breaker_number(const char *state) {
    return strcmp(state, "closed") == 0 ? 0 : strcmp(state, "open") == 0 ? 2 : 1;
}

static void write_instances(FILE *out, const bt_metrics *metrics, int count) {
    static const struct {
        const char *name, *help, *type;
    } families[] = {
        {"instance_utilisation_ratio", "Share of the window in which the instance ran.", "gauge"},
        {"instance_breaker_state", "Its circuit breaker: 0 closed, 1 half-open, 2 open.", "gauge"},
        {"instance_runs_total", "Runs on either path.", "counter"},
        {"instance_failed_runs_total", "Runs on either path that failed.", "counter"},
        {"device_memory_bytes", "Memory in use on the instance's device; 0 where unknown.", "gauge"},
        {"gpu_utilisation_ratio", "Utilisation of the device as its driver tells it.", "gauge"},
    };
    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        write_head(out, families[f].name, families[f].help, families[f].type);
        for (int m = 0; m < count; m++)
            for (int i = 0; i < metrics[m].instance_count; i++) {
                const bt_metrics_instance *instance = &metrics[m].instances[i];
                const double values[] = {instance->utilisation,
                                         breaker_number(instance->breaker),
                                         (double)instance->runs,
                                         (double)instance->failed_runs,
                                         (double)instance->device_memory_bytes,
                                         instance->gpu_utilisation};
                fprintf(out, "batchtune_%s{", families[f].name);
                write_label(out, "model", metrics[m].model);
                fprintf(out, ",instance=\"%d\",", i);
                write_label(out, "device", instance->device);
                fputc('}', out);
                write_value(out, values[f]);
            }
    }
}

bt_status bt_metrics_prometheus(char **out, const bt_metrics *metrics, const bt_metrics_totals *totals,
                                int count, const bt_metrics_bounds *bounds, bt_error *error) {
    size_t size;
    *out = NULL;
    FILE *text = open_memstream(out, &size);
    if (!text) return bt_no_memory(error, "metrics");
    for (size_t i = 0; i < BT_FIGURES_COUNT && count > 0; i++)
        write_figure(text, &bt_figures[i], metrics, count);
    write_summaries(text, metrics, totals, count);
    write_histogram(text, metrics, totals, count, bounds);
    write_batches(text, metrics, count);
    write_instances(text, metrics, count);
    if (fclose(text) == 0) return BT_OK;
    free(*out);
    *out = NULL;
    return bt_no_memory(error, "metrics");
}
