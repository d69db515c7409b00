/* Metrics as Prometheus reads them: what the models tell, their instances, devices, and the process. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/version.h"
#include "serving/metrics-figures.h"

#define P(name) BT_FIGURE_PREFIX name

static void begin(bt_exposition *page, const char *name, bt_family_type type, const char *help) {
    const bt_family family = {name, type, help};
    bt_exposition_family(page, &family);
}

/* One of the models' samples, with one more label or none (NULL). */
static void write_sample(bt_exposition *page, const char *suffix, const char *model, const char *label,
                         const char *value, double number) {
    const bt_exposition_label labels[] = {{"model", model}, {label, value}};
    bt_exposition_sample(page, suffix, labels, label ? 2 : 1, number);
}

/* All models' samples of one figure; a family's head comes with its first figure, which has the help. What is not
 * known is left out: a sum over models would be unknown with it. */
static void write_figure(bt_exposition *page, const bt_figure *f, const bt_metrics *metrics, int count) {
    if (!f->name) return;
    if (f->help)
        begin(page, f->name, f->type == BT_FIGURE_COUNT ? BT_FAMILY_COUNTER : BT_FAMILY_GAUGE, f->help);
    for (int i = 0; i < count; i++) {
        const double value = bt_figure_value(&metrics[i], f) / (f->type == BT_FIGURE_MILLISECONDS ? 1e3 : 1);
        if (!isnan(value)) write_sample(page, "", metrics[i].model, f->label, f->value, value);
    }
}

/* ---- distributions ---- */

static double seconds(int64_t ns) {
    return (double)ns / 1e9;
}

static void write_sum(bt_exposition *page, const char *model, double sum, uint64_t count) {
    write_sample(page, "_sum", model, NULL, NULL, sum);
    write_sample(page, "_count", model, NULL, NULL, (double)count);
}

/* The quantiles are the window's; sum and count run since the start, as counters must. */
static void write_summary(bt_exposition *page, const bt_figure_latency *f, const bt_metrics *metrics,
                          const bt_metrics_totals *totals, int count) {
    begin(page, f->summary, BT_FAMILY_SUMMARY, f->summary_help);
    for (int m = 0; m < count; m++) {
        const char *model = metrics[m].model;
        const bt_metrics_latency *l = bt_figure_latency_at(&metrics[m], f);
        write_sample(page, "", model, "quantile", "0.5", l->p50 / 1e3);
        write_sample(page, "", model, "quantile", "0.95", l->p95 / 1e3);
        write_sample(page, "", model, "quantile", "0.99", l->p99 / 1e3);
        write_sum(page, model, seconds(totals[m].sum_ns[f->quantity]), totals[m].answered);
    }
}

static void write_histogram(bt_exposition *page, const bt_figure_latency *f, const bt_metrics *metrics,
                            const bt_metrics_totals *totals, int count) {
    begin(page, f->histogram, BT_FAMILY_HISTOGRAM, f->histogram_help);
    for (int m = 0; m < count; m++) {
        const char *model = metrics[m].model;
        for (int b = 0; b < BT_METRICS_BOUNDS; b++)
            write_sample(page, "_bucket", model, "le", bt_metrics_bounds[b].seconds,
                         (double)totals[m].within[f->quantity][b]);
        write_sample(page, "_bucket", model, "le", "+Inf", (double)totals[m].answered);
        write_sum(page, model, seconds(totals[m].sum_ns[f->quantity]), totals[m].answered);
    }
}

static void write_latencies(bt_exposition *page, const bt_metrics *metrics, const bt_metrics_totals *totals,
                            int count) {
    for (size_t i = 0; i < BT_FIGURE_LATENCIES_COUNT; i++) {
        const bt_figure_latency *f = &bt_figure_latencies[i];
        if (!f->summary) continue;
        write_summary(page, f, metrics, totals, count);
        write_histogram(page, f, metrics, totals, count);
    }
}

/* ---- batches ---- */

/* Below the largest size that is told apart. Texts as of bt_metrics_bounds. */
static const struct {
    int size;
    const char *text;
} batch_bounds[] = {{1, "1.0"},   {2, "2.0"},   {3, "3.0"},   {4, "4.0"},   {6, "6.0"},  {8, "8.0"},
                    {12, "12.0"}, {16, "16.0"}, {24, "24.0"}, {32, "32.0"}, {48, "48.0"}};
#define BATCH_BOUNDS (sizeof batch_bounds / sizeof *batch_bounds)

static void write_batch_histogram(bt_exposition *page, const bt_metrics *m, const bt_metrics_totals *t) {
    uint64_t runs = 0;
    size_t next = 0;
    for (int b = 0; b < BT_METRICS_BATCHES; b++) {
        runs += m->batches[b];
        if (next == BATCH_BOUNDS || b + 1 < batch_bounds[next].size) continue;
        write_sample(page, "_bucket", m->model, "le", batch_bounds[next++].text, (double)runs);
    }
    write_sample(page, "_bucket", m->model, "le", "+Inf", (double)runs);
    write_sum(page, m->model, (double)t->batched, runs);
}

static void write_batches(bt_exposition *page, const bt_metrics *metrics, const bt_metrics_totals *totals,
                          int count) {
    begin(page, P("batch_size"), BT_FAMILY_HISTOGRAM, "Requests in a run on the production path.");
    for (int m = 0; m < count; m++)
        write_batch_histogram(page, &metrics[m], &totals[m]);
    begin(page, P("batches"), BT_FAMILY_COUNTER,
          "Runs on the production path by the number of requests in them.");
    for (int m = 0; m < count; m++)
        for (int b = 0; b < BT_METRICS_BATCHES; b++) {
            char size[16];
            snprintf(size, sizeof size, "%d", b + 1);
            if (metrics[m].batches[b] > 0)
                write_sample(page, "", metrics[m].model, "size", size, (double)metrics[m].batches[b]);
        }
}

/* ---- instances and devices ---- */

static double breaker_number(const char *state) {
    return strcmp(state, "closed") == 0 ? 0 : strcmp(state, "open") == 0 ? 2 : 1;
}

static const struct {
    const char *name, *help;
    bt_family_type type;
} instance_families[] = {
    {P("instance_utilisation_ratio"), "Share of the window in which the instance ran.", BT_FAMILY_GAUGE},
    {P("instance_breaker_state"), "Its circuit breaker: 0 closed, 1 half-open, 2 open.", BT_FAMILY_GAUGE},
    {P("instance_runs"), "Runs on either path.", BT_FAMILY_COUNTER},
    {P("instance_failed_runs"), "Runs on either path that failed.", BT_FAMILY_COUNTER},
};

/* A scraper has a label `instance` of its own, which is the server. */
static void write_instances(bt_exposition *page, const bt_metrics *metrics, int count) {
    for (size_t f = 0; f < sizeof instance_families / sizeof *instance_families; f++) {
        begin(page, instance_families[f].name, instance_families[f].type, instance_families[f].help);
        for (int m = 0; m < count; m++)
            for (int i = 0; i < metrics[m].instance_count; i++) {
                const bt_metrics_instance *instance = &metrics[m].instances[i];
                const double values[] = {instance->utilisation, breaker_number(instance->breaker),
                                         (double)instance->runs, (double)instance->failed_runs};
                char number[16];
                snprintf(number, sizeof number, "%d", i);
                const bt_exposition_label labels[] = {
                    {"model", metrics[m].model}, {"model_instance", number}, {"device", instance->device}};
                bt_exposition_sample(page, "", labels, 3, values[f]);
            }
    }
}

/* Whether an instance before this one has told of the same device. */
static bool is_told(const bt_metrics *metrics, int model, int instance) {
    const char *device = metrics[model].instances[instance].device;
    for (int m = 0; m <= model; m++)
        for (int i = 0; i < (m < model ? metrics[m].instance_count : instance); i++)
            if (strcmp(metrics[m].instances[i].device, device) == 0) return true;
    return false;
}

/* A device's figures are told once, however many instances it has. */
static void write_devices(bt_exposition *page, const bt_metrics *metrics, int count) {
    static const char *const names[] = {P("device_memory_used_bytes"), P("device_memory_limit_bytes"),
                                        P("device_utilisation_ratio")};
    static const char *const helps[] = {"Memory of a GPU that is in use, by anybody.",
                                        "Memory that a GPU has.",
                                        "Utilisation of a GPU as its driver tells it."};
    for (size_t f = 0; f < sizeof names / sizeof *names; f++) {
        begin(page, names[f], BT_FAMILY_GAUGE, helps[f]);
        for (int m = 0; m < count; m++)
            for (int i = 0; i < metrics[m].instance_count; i++) {
                const bt_metrics_instance *instance = &metrics[m].instances[i];
                const double values[] = {(double)instance->device_memory_bytes,
                                         (double)instance->device_memory_total_bytes,
                                         instance->gpu_utilisation};
                const bt_exposition_label label = {"device", instance->device};
                if (instance->device_memory_total_bytes == 0 || is_told(metrics, m, i)) continue;
                bt_exposition_sample(page, "", &label, 1, values[f]);
            }
    }
}

/* ---- the process ---- */

static void write_alone(bt_exposition *page, const char *name, bt_family_type type, const char *help,
                        double value) {
    begin(page, name, type, help);
    bt_exposition_sample(page, "", NULL, 0, value);
}

/* Under the names that every exporter has for them, where there are such. */
static void write_process(bt_exposition *page) {
    const bt_exposition_label labels[] = {{"version", bt_version()}, {"revision", bt_revision()}};
    struct timespec cpu;
    begin(page, P("build"), BT_FAMILY_INFO, "What was built.");
    bt_exposition_sample(page, "", labels, 2, 1);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    write_alone(page, "process_cpu_seconds", BT_FAMILY_COUNTER, "Processor time of all threads.",
                (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    write_alone(page, "process_resident_memory_bytes", BT_FAMILY_GAUGE, "Resident size.",
                (double)bt_memory_resident_bytes());
    write_alone(page, P("process_memory_peak_bytes"), BT_FAMILY_GAUGE, "Largest resident size.",
                (double)bt_memory_peak_bytes());
    write_alone(page, P("process_memory_limit_bytes"), BT_FAMILY_GAUGE,
                "What the process may use: the machine's memory, or its control group's limit.",
                (double)bt_memory_limit_bytes());
}

void bt_metrics_expose(bt_exposition *page, const bt_metrics *metrics, const bt_metrics_totals *totals,
                       int count) {
    for (size_t i = 0; i < BT_FIGURES_COUNT; i++)
        write_figure(page, &bt_figures[i], metrics, count);
    write_latencies(page, metrics, totals, count);
    write_batches(page, metrics, totals, count);
    write_instances(page, metrics, count);
    write_devices(page, metrics, count);
    write_process(page);
}
