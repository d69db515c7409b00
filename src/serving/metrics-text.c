/* Metrics for other programs: JSON in the project's words, and Prometheus's text format (exposition format
 * 0.0.4). Both walk one table, so that neither knows a figure that the other lacks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "serving/metrics.h"

typedef enum figure_type { DOUBLE, COUNT, INTEGER, BIG, SWITCH } figure_type;

typedef struct figure {
    const char *key;   /* in JSON */
    const char *name;  /* in Prometheus, less the prefix; a counter's ends in _total */
    const char *label; /* a fixed label pair of it, or NULL; figures of one name stand together */
    figure_type type;
    size_t offset;
    const char *help;
} figure;

#define AT(member) offsetof(bt_metrics, member)

static const figure figures[] = {
    {"p50_latency_ms", NULL, NULL, DOUBLE, AT(latency.p50), NULL},
    {"p95_latency_ms", NULL, NULL, DOUBLE, AT(latency.p95), NULL},
    {"p99_latency_ms", NULL, NULL, DOUBLE, AT(latency.p99), NULL},
    {"throughput_imgs_per_sec", "throughput_images_per_second", NULL, DOUBLE, AT(throughput_imgs_per_sec),
     "Images answered well, by wall-clock time of the window."},
    {"throughput_since_start", NULL, NULL, DOUBLE, AT(throughput_since_start), NULL},
    {"uptime_s", "uptime_seconds", NULL, DOUBLE, AT(uptime_s), "Time since the service started."},
    {"window_s", "window_seconds", NULL, DOUBLE, AT(window_s), "Time that windowed figures cover now."},
    {"queue_size", "queue_size", NULL, INTEGER, AT(queue_size), "Requests that wait."},
    {"queue_limit", "queue_limit", NULL, INTEGER, AT(queue_limit), "Requests that may wait."},
    {"in_flight", "in_flight", NULL, INTEGER, AT(in_flight), "Requests taken and not answered yet."},
    {"batch_size", "batch_size_limit", NULL, INTEGER, AT(batch_size), "The largest batch that is formed."},
    {"mean_batch_size", "batch_size_mean", NULL, DOUBLE, AT(mean_batch_size),
     "Requests a run, since the start."},
    {"batch_fill", "batch_fill_ratio", NULL, DOUBLE, AT(batch_fill),
     "Requests over images that ran, padding included, since the start."},
    {"utilisation", "utilisation_ratio", NULL, DOUBLE, AT(utilisation),
     "Share of the window in which instances ran."},
    {"submitted", "submitted_total", NULL, COUNT, AT(submitted), "Requests that came."},
    {"ok", "requests_total", "outcome=\"ok\"", COUNT, AT(ok), "Requests by what became of them."},
    {"rejected_full", "requests_total", "outcome=\"rejected_full\"", COUNT, AT(rejected_full), NULL},
    {"rejected_deadline", "requests_total", "outcome=\"rejected_deadline\"", COUNT, AT(rejected_deadline),
     NULL},
    {"rejected_closed", "requests_total", "outcome=\"rejected_closed\"", COUNT, AT(rejected_closed), NULL},
    {"expired", "requests_total", "outcome=\"expired\"", COUNT, AT(expired), NULL},
    {"cancelled", "requests_total", "outcome=\"cancelled\"", COUNT, AT(cancelled), NULL},
    {"failed", "requests_total", "outcome=\"failed\"", COUNT, AT(failed), NULL},
    {"fallback", "fallback_total", NULL, COUNT, AT(fallback),
     "Requests that the standard path served instead."},
    {"run_exceptions", "run_failures_total", "cause=\"exception\"", COUNT, AT(run_exceptions),
     "Runs on the production path that failed, by cause."},
    {"run_non_finite", "run_failures_total", "cause=\"non_finite\"", COUNT, AT(run_non_finite), NULL},
    {"run_out_of_memory", "run_failures_total", "cause=\"out_of_memory\"", COUNT, AT(run_out_of_memory),
     NULL},
    {"run_timeouts", "run_failures_total", "cause=\"timeout\"", COUNT, AT(run_timeouts), NULL},
    {"breaker_opened", "breaker_opened_total", NULL, COUNT, AT(breaker_opened),
     "Times a circuit breaker opened."},
    {"p95_sla_ms", "sla_p95_milliseconds", NULL, DOUBLE, AT(p95_sla_ms),
     "The promise that P95 is judged by."},
    {"meets_sla", "sla_met", NULL, SWITCH, AT(meets_sla), "1 where the window's P95 keeps the promise."},
    {"process_memory_bytes", "process_memory_bytes", NULL, BIG, AT(process_memory_bytes), "Resident size."},
    {"process_memory_peak_bytes", "process_memory_peak_bytes", NULL, BIG, AT(process_memory_peak_bytes),
     "Largest resident size."},
};
#define FIGURE_COUNT (sizeof figures / sizeof *figures)

static const struct {
    const char *key;
    size_t offset;
} latencies[] = {
    {"latency_ms", AT(latency)}, {"latency_since_start_ms", AT(latency_since_start)},
    {"queue_ms", AT(queue)},     {"preprocess_ms", AT(preprocess)},
    {"service_ms", AT(service)},
};
#define LATENCY_COUNT (sizeof latencies / sizeof *latencies)

static double value_of(const bt_metrics *metrics, const figure *f) {
    const char *at = (const char *)metrics + f->offset;
    switch (f->type) {
    case DOUBLE:
        return *(const double *)(const void *)at;
    case COUNT:
        return (double)*(const uint64_t *)(const void *)at;
    case INTEGER:
        return *(const int *)(const void *)at;
    case BIG:
        return (double)*(const int64_t *)(const void *)at;
    case SWITCH:
        break;
    }
    return *(const bool *)(const void *)at;
}

static const bt_metrics_latency *latency_at(const bt_metrics *metrics, size_t index) {
    return (const bt_metrics_latency *)(const void *)((const char *)metrics + latencies[index].offset);
}

/* ---- JSON ---- */

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *figure_to_json(const bt_metrics *metrics, const figure *f) {
    double value = value_of(metrics, f);
    if (f->type == SWITCH) return json_boolean(value != 0);
    return f->type == DOUBLE ? number(value) : json_integer((json_int_t)value);
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
    for (size_t i = 0; i < FIGURE_COUNT && !failed; i++)
        failed = json_object_set_new(object, figures[i].key, figure_to_json(metrics, &figures[i]));
    for (size_t i = 0; i < LATENCY_COUNT && !failed; i++)
        failed = json_object_set_new(object, latencies[i].key, latency_to_json(latency_at(metrics, i)));
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
    return *out ? BT_OK : bt_fail(error, BT_NO_MEMORY, "out of memory for metrics");
}

/* ---- Prometheus ---- */

/* A label's value: backslash, quote and newline are escaped. */
static void write_label(FILE *out, const char *name, const char *value) {
    fprintf(out, "%s=\"", name);
    for (; *value; value++)
        if (*value == '\n')
            fputs("\\n", out);
        else if (*value == '\\' || *value == '"')
            fprintf(out, "\\%c", *value);
        else
            fputc(*value, out);
    fputc('"', out);
}

static void write_value(FILE *out, double value) {
    if (isnan(value))
        fputs(" NaN\n", out);
    else
        bt_text_print(out, " %.15g\n", value);
}

static void write_head(FILE *out, const char *name, const char *help, const char *type) {
    fprintf(out, "# HELP batchtune_%s %s\n# TYPE batchtune_%s %s\n", name, help, name, type);
}

/* All models' lines of one family; a family's head comes with its first figure, which has the help. */
static void write_figure(FILE *out, const figure *f, const bt_metrics *metrics, int count) {
    if (!f->name) return;
    if (f->help) write_head(out, f->name, f->help, f->type == COUNT ? "counter" : "gauge");
    if (f->type == BIG) { /* of the process, not of a model */
        fprintf(out, "batchtune_%s", f->name);
        write_value(out, value_of(&metrics[0], f));
        return;
    }
    for (int i = 0; i < count; i++) {
        fprintf(out, "batchtune_%s{", f->name);
        write_label(out, "model", metrics[i].model);
        fprintf(out, "%s%s}", f->label ? "," : "", f->label ? f->label : "");
        write_value(out, value_of(&metrics[i], f));
    }
}

/* The window's quantiles; the latency's sum and count run since the start, as counters must. */
static void write_quantiles(FILE *out, const char *name, const bt_metrics *metrics,
                            const bt_metrics_latency *l) {
    const double quantiles[3] = {l->p50, l->p95, l->p99};
    static const char *const labels[3] = {"0.5", "0.95", "0.99"};
    for (int q = 0; q < 3; q++) {
        fprintf(out, "batchtune_%s{", name);
        write_label(out, "model", metrics->model);
        fprintf(out, ",quantile=\"%s\"}", labels[q]);
        write_value(out, quantiles[q] / 1e3);
    }
}

static void write_latencies(FILE *out, const bt_metrics *metrics, int count) {
    write_head(out, "latency_seconds",
               "Request latency, from the call to the answer; quantiles of the window.", "summary");
    for (int m = 0; m < count; m++) {
        const bt_metrics_latency *all = &metrics[m].latency_since_start;
        write_quantiles(out, "latency_seconds", &metrics[m], &metrics[m].latency);
        fputs("batchtune_latency_seconds_sum{", out);
        write_label(out, "model", metrics[m].model);
        fputc('}', out);
        write_value(out, all->count > 0 ? all->mean / 1e3 * (double)all->count : 0);
        fputs("batchtune_latency_seconds_count{", out);
        write_label(out, "model", metrics[m].model);
        fprintf(out, "} %llu\n", (unsigned long long)all->count);
    }
    static const struct {
        const char *name, *help;
        size_t offset;
    } parts[] = {
        {"queue_seconds", "Wait of a request until its batch began, over the window.", AT(queue)},
        {"preprocess_seconds", "Resizing and normalising a request's batch, and its masks.", AT(preprocess)},
        {"service_seconds", "Service time of a request's batch, over the window.", AT(service)},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        write_head(out, parts[i].name, parts[i].help, "gauge");
        for (int m = 0; m < count; m++)
            write_quantiles(
                out, parts[i].name, &metrics[m],
                (const bt_metrics_latency *)(const void *)((const char *)&metrics[m] + parts[i].offset));
    }
}

static void write_batches(FILE *out, const bt_metrics *metrics, int count) {
    write_head(out, "batches_total", "Runs on the production path by the number of requests in them.",
               "counter");
    for (int m = 0; m < count; m++)
        for (int b = 0; b < BT_METRICS_BATCHES; b++) {
            if (metrics[m].batches[b] == 0) continue;
            fputs("batchtune_batches_total{", out);
            write_label(out, "model", metrics[m].model);
            fprintf(out, ",size=\"%d\"} %llu\n", b + 1, (unsigned long long)metrics[m].batches[b]);
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

bt_status bt_metrics_prometheus(char **out, const bt_metrics *metrics, int count, bt_error *error) {
    size_t size;
    *out = NULL;
    FILE *text = open_memstream(out, &size);
    if (!text) return bt_fail(error, BT_NO_MEMORY, "out of memory for metrics");
    for (size_t i = 0; i < FIGURE_COUNT && count > 0; i++)
        write_figure(text, &figures[i], metrics, count);
    write_latencies(text, metrics, count);
    write_batches(text, metrics, count);
    write_instances(text, metrics, count);
    if (fclose(text) == 0) return BT_OK;
    free(*out);
    *out = NULL;
    return bt_fail(error, BT_NO_MEMORY, "out of memory for metrics");
}
