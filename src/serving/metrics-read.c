#include "serving/metrics-read.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "serving/metrics-figures.h"

#define COUNT_MOST 9007199254740991.0 /* what a double counts exactly */
#define LABELS_MAX 8

/* ---- one model ---- */

static void empty(bt_metrics *metrics) {
    const bt_metrics_latency unknown = {0, NAN, NAN, NAN, NAN, NAN};
    memset(metrics, 0, sizeof *metrics);
    for (size_t i = 0; i < BT_FIGURES_COUNT; i++)
        if (bt_figures[i].type == BT_FIGURE_DOUBLE || bt_figures[i].type == BT_FIGURE_MILLISECONDS)
            *(double *)(void *)((char *)metrics + bt_figures[i].offset) = NAN;
    for (size_t i = 0; i < BT_FIGURE_LATENCIES_COUNT; i++)
        *(bt_metrics_latency *)(void *)((char *)metrics + bt_figure_latencies[i].offset) = unknown;
}

static double within(double value, double most) {
    return value > 0 ? fmin(value, most) : 0; /* NaN is 0 */
}

static void set(bt_metrics *metrics, const bt_figure *figure, double value) {
    char *at = (char *)metrics + figure->offset;
    switch (figure->type) {
    case BT_FIGURE_DOUBLE:
    case BT_FIGURE_MILLISECONDS:
        *(double *)(void *)at = value;
        break;
    case BT_FIGURE_COUNT:
        *(uint64_t *)(void *)at = (uint64_t)within(value, COUNT_MOST);
        break;
    case BT_FIGURE_INTEGER:
        *(int *)(void *)at = (int)within(value, INT_MAX);
        break;
    case BT_FIGURE_BIG:
        *(int64_t *)(void *)at = (int64_t)within(value, COUNT_MOST);
        break;
    case BT_FIGURE_SWITCH:
        *(bool *)(void *)at = value > 0;
        break;
    }
}

static void set_batches(bt_metrics *metrics, const char *size_text, double runs) {
    const double size = bt_text_read_number(size_text, NULL);
    if (size >= 1 && size <= BT_METRICS_BATCHES)
        metrics->batches[(int)size - 1] = (uint64_t)within(runs, COUNT_MOST);
}

/* ---- JSON ---- */

static const char *const told[] = {"p95_latency_ms", "queue_ms", "service_ms", "batches"};

bool bt_metrics_is_json(const json_t *top) {
    const char *name;
    json_t *model;
    json_object_foreach((json_t *)(uintptr_t)top, name, model) {
        for (size_t i = 0; i < sizeof told / sizeof *told; i++)
            if (json_object_get(model, told[i])) return true;
    }
    return false;
}

/* A number, a switch as one, or unknown where it is null or absent. */
static bt_status read_value(const json_t *object, const char *key, double *out, const char *where,
                            bt_error *error) {
    const json_t *item = json_object_get(object, key);
    *out = json_is_true(item) ? 1 : json_is_number(item) ? json_number_value(item) : NAN;
    if (!item || json_is_null(item) || json_is_boolean(item) || json_is_number(item)) return BT_OK;
    return bt_fail(error, BT_PARSE, "%s: %s is no number", where, key);
}

static bt_status read_latency(const json_t *object, const char *key, bt_metrics_latency *out,
                              const char *where, bt_error *error) {
    const json_t *item = json_object_get(object, key);
    double count = NAN;
    struct {
        const char *key;
        double *value;
    } members[] = {{"count", &count},  {"mean", &out->mean}, {"p50", &out->p50},
                   {"p95", &out->p95}, {"p99", &out->p99},   {"max", &out->max}};
    bt_status status = BT_OK;
    if (item && !json_is_object(item)) return bt_fail(error, BT_PARSE, "%s: %s is no object", where, key);
    for (size_t i = 0; i < sizeof members / sizeof *members && status == BT_OK; i++)
        status = read_value(item, members[i].key, members[i].value, where, error);
    out->count = (uint64_t)within(count, COUNT_MOST);
    return status;
}

static bt_status read_instances(bt_metrics *out, const json_t *array, const char *where, bt_error *error) {
    bt_status status = BT_OK;
    for (size_t i = 0; i < json_array_size(array) && i < BT_METRICS_INSTANCES && status == BT_OK; i++) {
        bt_metrics_instance *instance = &out->instances[out->instance_count++];
        status = read_value(json_array_get(array, i), "utilisation", &instance->utilisation, where, error);
    }
    return status;
}

static bt_status read_model(bt_metrics *out, const json_t *object, const char *where, bt_error *error) {
    bt_status status = BT_OK;
    double value;
    const char *size;
    json_t *runs;
    for (size_t i = 0; i < BT_FIGURES_COUNT && status == BT_OK; i++) {
        status = read_value(object, bt_figures[i].key, &value, where, error);
        if (status == BT_OK) set(out, &bt_figures[i], value);
    }
    for (size_t i = 0; i < BT_FIGURE_LATENCIES_COUNT && status == BT_OK; i++)
        status = read_latency(object, bt_figure_latencies[i].key,
                              (bt_metrics_latency *)(void *)((char *)out + bt_figure_latencies[i].offset),
                              where, error);
    json_object_foreach(json_object_get(object, "batches"), size, runs)
        set_batches(out, size, json_number_value(runs));
    return status == BT_OK ? read_instances(out, json_object_get(object, "instances"), where, error) : status;
}

bt_status bt_metrics_from_json(bt_metrics **out, int *count, const json_t *top, const char *where,
                               bt_error *error) {
    const size_t models = json_object_size(top);
    const char *name;
    json_t *object;
    bt_status status = BT_OK;
    *out = NULL;
    *count = 0;
    if (models > BT_METRICS_MODELS_MAX)
        return bt_fail(error, BT_PARSE, "%s: has %zu models, at most %d", where, models,
                       BT_METRICS_MODELS_MAX);
    bt_metrics *made = malloc((models + 1) * sizeof *made);
    if (!made) return bt_no_memory(error, "metrics");
    json_object_foreach((json_t *)(uintptr_t)top, name, object) {
        bt_metrics *metrics = &made[(*count)++];
        empty(metrics);
        snprintf(metrics->model, sizeof metrics->model, "%s", name);
        status = json_is_object(object)
                     ? read_model(metrics, object, where, error)
                     : bt_fail(error, BT_PARSE, "%s: %.64s is no model's metrics", where, name);
        if (status != BT_OK) break;
    }
    if (status == BT_OK)
        *out = made;
    else
        free(made);
    return status;
}

/* ---- Prometheus ---- */

typedef struct label {
    char name[32], value[64];
} label;

typedef struct sample {
    char name[80];
    label labels[LABELS_MAX]; /* the first so many */
    int label_count;
    double value;
} sample;

static const char *label_of(const sample *s, const char *name) {
    for (int i = 0; i < s->label_count; i++)
        if (strcmp(s->labels[i].name, name) == 0) return s->labels[i].value;
    return NULL;
}

static bool is_of_name(char byte) {
    return bt_text_is_alphanumeric(byte) || byte == '_' || byte == ':';
}

/* Copies a name and returns where it ends. What does not fit is cut. */
static const char *read_name(const char *at, char *out, size_t size) {
    size_t length = 0;
    for (; is_of_name(*at); at++)
        if (length + 1 < size) out[length++] = *at;
    out[length] = '\0';
    return at;
}

/* What stands between the quotes, from behind the first of them. NULL where the line ends before. */
static const char *read_quoted(const char *at, char *out, size_t size) {
    size_t length = 0;
    for (; *at != '"'; at++) {
        const bool escaped = *at == '\\';
        at += escaped;
        if (*at == '\0' || *at == '\n') return NULL;
        const char byte = escaped && *at == 'n' ? '\n' : *at;
        if (length + 1 < size) out[length++] = byte;
    }
    out[length] = '\0';
    return at + 1;
}

/* `{name="value",...}`, from behind the brace. NULL where it is none. */
static const char *read_labels(const char *at, sample *s) {
    while (*at != '}') {
        label spare, *l = s->label_count < LABELS_MAX ? &s->labels[s->label_count] : &spare;
        at = read_name(at, l->name, sizeof l->name);
        if (at[0] != '=' || at[1] != '"') return NULL;
        at = read_quoted(at + 2, l->value, sizeof l->value);
        if (!at || (*at != ',' && *at != '}')) return NULL;
        if (l != &spare) s->label_count++;
        at += *at == ',';
    }
    return at + 1;
}

/* false where the line is no sample. */
static bool read_sample(const char *line, sample *s) {
    char *end;
    s->label_count = 0;
    const char *at = read_name(line, s->name, sizeof s->name);
    if (at == line) return false;
    if (*at == '{') at = read_labels(at + 1, s);
    if (!at || *at != ' ') return false;
    while (*at == ' ')
        at++;
    if (*at == '\n' || *at == '\0') return false;
    s->value = bt_text_read_number(at, &end);
    return end != at && (*end == ' ' || *end == '\n' || *end == '\r' || *end == '\0');
}

static bool is_called(const sample *s, const char *name, const char *end) {
    const size_t length = strlen(name);
    return strncmp(s->name, name, length) == 0 && strcmp(s->name + length, end) == 0;
}

static void set_figures(bt_metrics *metrics, const sample *s) {
    for (size_t i = 0; i < BT_FIGURES_COUNT; i++) {
        const bt_figure *figure = &bt_figures[i];
        if (!figure->name || !is_called(s, figure->name, figure->type == BT_FIGURE_COUNT ? "_total" : ""))
            continue;
        const char *value = figure->label ? label_of(s, figure->label) : NULL;
        if (figure->label && (!value || strcmp(value, figure->value) != 0)) continue;
        set(metrics, figure, figure->type == BT_FIGURE_MILLISECONDS ? s->value * 1e3 : s->value);
    }
}

/* A summary's sum is kept in `mean` until its page has ended. */
static void set_summary(bt_metrics *metrics, const sample *s) {
    for (size_t i = 0; i < BT_FIGURE_LATENCIES_COUNT; i++) {
        const char *family = bt_figure_latencies[i].summary;
        if (!family) continue;
        bt_metrics_latency *l =
            (bt_metrics_latency *)(void *)((char *)metrics + bt_figure_latencies[i].offset);
        const char *quantile = label_of(s, "quantile");
        if (is_called(s, family, "_sum")) l->mean = s->value * 1e3;
        if (is_called(s, family, "_count")) l->count = (uint64_t)within(s->value, COUNT_MOST);
        if (!quantile || !is_called(s, family, "")) continue;
        if (strcmp(quantile, "0.5") == 0) l->p50 = s->value * 1e3;
        if (strcmp(quantile, "0.95") == 0) l->p95 = s->value * 1e3;
        if (strcmp(quantile, "0.99") == 0) l->p99 = s->value * 1e3;
    }
}

/* The label was `instance` before, which scrapers have for themselves. */
static void set_instance(bt_metrics *metrics, const sample *s) {
    const char *now = label_of(s, "model_instance"), *text = now ? now : label_of(s, "instance");
    const double index = text ? bt_text_read_number(text, NULL) : -1;
    if (!is_called(s, BT_FIGURE_PREFIX, "instance_utilisation_ratio") ||
        !(index >= 0 && index < BT_METRICS_INSTANCES))
        return;
    metrics->instances[(int)index].utilisation = s->value;
    if (metrics->instance_count <= (int)index) metrics->instance_count = (int)index + 1;
}

/* The model of that name, which is added where it is new; NULL where there is no room. */
static bt_metrics *model_of(bt_metrics *models, int *count, const char *name) {
    for (int i = 0; i < *count; i++)
        if (strcmp(models[i].model, name) == 0) return &models[i];
    if (*count == BT_METRICS_MODELS_MAX) return NULL;
    bt_metrics *added = &models[(*count)++];
    empty(added);
    snprintf(added->model, sizeof added->model, "%s", name);
    return added;
}

static bt_status read_line(bt_metrics *models, int *count, const char *line, int number, const char *where,
                           bt_error *error) {
    sample s;
    if (*line == '#' || *line == '\n' || *line == '\r' || *line == '\0') return BT_OK;
    if (!read_sample(line, &s))
        return bt_fail(error, BT_PARSE, "%s: line %d: is no sample of Prometheus's text format", where,
                       number);
    const char *model = label_of(&s, "model");
    if (!model || strncmp(s.name, BT_FIGURE_PREFIX, strlen(BT_FIGURE_PREFIX)) != 0)
        return BT_OK; /* another program's, or the process's */
    bt_metrics *metrics = model_of(models, count, model);
    if (!metrics)
        return bt_fail(error, BT_PARSE, "%s: line %d: more than %d models", where, number,
                       BT_METRICS_MODELS_MAX);
    const char *size = label_of(&s, "size");
    set_figures(metrics, &s);
    set_summary(metrics, &s);
    set_instance(metrics, &s);
    if (size && is_called(&s, BT_FIGURE_PREFIX, "batches_total")) set_batches(metrics, size, s.value);
    return BT_OK;
}

static void finish(bt_metrics *metrics) {
    for (size_t i = 0; i < BT_FIGURE_LATENCIES_COUNT; i++) {
        bt_metrics_latency *l =
            (bt_metrics_latency *)(void *)((char *)metrics + bt_figure_latencies[i].offset);
        l->mean = l->count > 0 ? l->mean / (double)l->count : NAN;
    }
}

bt_status bt_metrics_from_prometheus(bt_metrics **out, int *count, const char *text, const char *where,
                                     bt_error *error) {
    bt_status status = BT_OK;
    *out = NULL;
    *count = 0;
    bt_metrics *made = malloc(BT_METRICS_MODELS_MAX * sizeof *made);
    if (!made) return bt_no_memory(error, "metrics");
    for (int number = 1; text && status == BT_OK; number++) {
        status = read_line(made, count, text, number, where, error);
        text = strchr(text, '\n');
        if (text) text++;
    }
    for (int i = 0; i < *count; i++)
        finish(&made[i]);
    if (status == BT_OK && *count == 0)
        status = bt_fail(
            error, BT_PARSE,
            "%s: no sample batchtune_...{model=\"...\"} is in it: is it a service's page of metrics?", where);
    if (status == BT_OK)
        *out = made;
    else
        free(made);
    return status;
}
