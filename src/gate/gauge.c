#include "gate/gauge.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/backend.h"
#include "backend/cuda.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "base/text.h"
#include "gate/work.h"

/* What stands behind a metric: a job of the core's, or a batch size of a network. */
typedef struct source {
    const bt_work *work; /* NULL: a network */
    void *state;
    bt_session *session; /* borrowed from the gauge */
    int batch;
} source;

struct bt_gauge {
    bt_gauge_plant *plant;
    bt_gate_record *metrics; /* without samples; entry i is of source i */
    source sources[BT_METRICS_MAX];
    int source_count;
    bt_session *sessions[BT_NAMES_MAX];
    int session_count;
    float *images, *logits;
    int classes; /* that the logits have room for */
};

const bt_gate_record *bt_gauge_describe(const bt_gauge *gauge) {
    return gauge->metrics;
}

/* ---- measuring ---- */

static int64_t cpu_time_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * BT_NS_PER_S + now.tv_nsec;
}

static bt_status measure_work(const bt_gauge *gauge, const source *of, double *ns, bt_error *error) {
    int64_t start_ns = cpu_time_ns(), own_ns = -1;
    bt_status status = of->work->run(of->state, &own_ns, error);
    if (gauge->plant) gauge->plant(cpu_time_ns() - start_ns);
    int64_t spent_ns = own_ns >= 0 ? own_ns : cpu_time_ns() - start_ns;
    *ns = (double)spent_ns / of->work->operations;
    return status;
}

static bt_status measure_batch(const bt_gauge *gauge, const source *of, double *ms, bt_error *error) {
    int64_t start_ns = bt_clock_now_ns();
    bt_status status = bt_session_run(of->session, of->batch, gauge->images, gauge->logits, error);
    if (gauge->plant) gauge->plant(bt_clock_now_ns() - start_ns);
    *ms = bt_ms(bt_clock_now_ns() - start_ns);
    return status;
}

bt_status bt_gauge_measure(bt_gauge *gauge, int metric, double *value, bt_error *error) {
    if (metric < 0 || metric >= gauge->source_count)
        return bt_fail(error, BT_INVALID, "metric %d is none of the %d", metric, gauge->source_count);
    const source *of = &gauge->sources[metric];
    bt_status status =
        of->work ? measure_work(gauge, of, value, error) : measure_batch(gauge, of, value, error);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "%s", gauge->metrics->series[metric].metric);
}

/* ---- opening ---- */

/* Adds a metric, and runs it once. */
static bt_status add_metric(bt_gauge *gauge, const char *metric, const char *unit, const char *work,
                            source of, bt_error *error) {
    double ignored;
    if (!bt_gate_series_add(gauge->metrics, metric, unit, work, 0.5))
        return bt_no_memory(error, "metric %s", metric);
    gauge->sources[gauge->source_count++] = of;
    return bt_gauge_measure(gauge, gauge->source_count - 1, &ignored, error);
}

static bt_status open_work(bt_gauge *gauge, const bt_work *work, bt_error *error) {
    char metric[BT_METRIC_NAME_SIZE];
    source of = {.work = work};
    snprintf(metric, sizeof metric, "core/%s", work->name);
    bt_status status = work->open(&of.state, error);
    return status == BT_OK ? add_metric(gauge, metric, "ns", work->work, of, error) : status;
}

static size_t largest_batch(const bt_gauge_settings *settings) {
    const size_t pixels = (size_t)settings->image_size * (size_t)settings->image_size;
    return pixels * (size_t)settings->batches.sizes[settings->batches.count - 1];
}

/* For so many planes an image. */
static bt_status make_room(bt_gauge *gauge, const bt_gauge_settings *settings, int classes, bt_error *error) {
    if (classes <= gauge->classes) return BT_OK;
    const size_t count = largest_batch(settings) * (size_t)classes;
    free(gauge->logits);
    gauge->logits = malloc(count * sizeof *gauge->logits);
    gauge->classes = gauge->logits ? classes : 0;
    return gauge->logits ? BT_OK : bt_no_memory(error, "%zu logits", count);
}

static bt_status open_images(bt_gauge *gauge, const bt_gauge_settings *settings, bt_error *error) {
    if (settings->batches.count == 0)
        return bt_fail(error, BT_INVALID, "--batches: name the sizes; there is nothing to search for here");
    const size_t count = largest_batch(settings);
    uint64_t key = bt_counter_key("gate images", 1);
    gauge->images = malloc(3 * count * sizeof *gauge->images);
    if (!gauge->images) return bt_no_memory(error, "%zu pixels", count);
    for (size_t i = 0; i < 3 * count; i++)
        gauge->images[i] = (float)(4 * bt_counter_uniform(key, i) - 2);
    return BT_OK;
}

static void put_conditions(bt_gate_series *series, const bt_session *session) {
    const int threads = bt_session_describe(session)->threads;
    snprintf(series->conditions, sizeof series->conditions, "%d thread%s", threads, threads == 1 ? "" : "s");
}

static bt_status open_batches(bt_gauge *gauge, bt_session *session, const char *model,
                              const bt_gauge_settings *settings, bt_error *error) {
    char metric[BT_METRIC_NAME_SIZE], work[BT_METRIC_WORK_SIZE];
    bt_status status = BT_OK;
    snprintf(work, sizeof work, "%d px", (int)settings->image_size);
    for (int i = 0; i < settings->batches.count && status == BT_OK; i++) {
        const source of = {.session = session, .batch = settings->batches.sizes[i]};
        snprintf(metric, sizeof metric, "%.64s/batch-%d", model, of.batch);
        status = bt_session_prepare(session, of.batch, error);
        if (status == BT_OK) status = add_metric(gauge, metric, "ms", work, of, error);
        if (status == BT_OK) put_conditions(&gauge->metrics->series[gauge->source_count - 1], session);
    }
    return status;
}

static bt_status open_model(bt_gauge *gauge, const char *model, const bt_gauge_settings *settings,
                            bt_error *error) {
    bt_session *session;
    const bt_session_options options = {.backend = settings->backend,
                                        .model = model,
                                        .weights = settings->weights,
                                        .device = settings->device,
                                        .path = BT_PATH_PRODUCTION,
                                        .height = (int)settings->image_size,
                                        .width = (int)settings->image_size,
                                        .threads = (int)settings->threads,
                                        .use_amp = settings->use_amp,
                                        .precision = (bt_precision)settings->precision,
                                        .use_channels_last = settings->use_channels_last,
                                        .use_cudnn_benchmark = true};
    bt_status status = bt_session_open(&session, &options, error);
    if (status == BT_UNSUPPORTED && strcmp(settings->backend, "plan") == 0) {
        bt_text_append_clause(gauge->metrics->settings, sizeof gauge->metrics->settings,
                              "%s not measured: %s", model, error->message);
        return BT_OK;
    }
    if (status != BT_OK) return bt_fail_at(error, status, "%s", model);
    gauge->sessions[gauge->session_count++] = session;
    const bt_session_info *info = bt_session_describe(session);
    status = make_room(gauge, settings, info->classes, error);
    if (status != BT_OK) return status;
    bt_text_append_clause(gauge->metrics->settings, sizeof gauge->metrics->settings,
                          "%s: %s on %s, %s, weights %s (%016llx), %d thread%s", model, info->backend,
                          info->device, info->precision, info->weights,
                          (unsigned long long)info->weights_hash, info->threads,
                          info->threads == 1 ? "" : "s");
    return open_batches(gauge, session, model, settings, error);
}

static bt_status open_all(bt_gauge *gauge, const bt_gauge_settings *settings, bt_error *error) {
    bt_status status = bt_gate_record_open(&gauge->metrics, error);
    if (status != BT_OK) return status;
    bt_clock_utc(gauge->metrics->started_at);
    bt_machine_read(&gauge->metrics->machine);
    bt_cuda_fill_machine(&gauge->metrics->machine);
    for (int i = 0; settings->core && i < bt_works_count && status == BT_OK; i++)
        status = open_work(gauge, &bt_works[i], error);
    if (status != BT_OK || !settings->networks) return status;
    status = open_images(gauge, settings, error);
    if (status == BT_OK && strcmp(settings->backend, "plan") != 0)
        status = bt_backend_load(settings->backend, NULL, error);
    for (int i = 0; i < settings->models.count && status == BT_OK; i++)
        status = open_model(gauge, settings->models.names[i], settings, error);
    return status;
}

bt_status bt_gauge_open(bt_gauge **out, const bt_gauge_settings *settings, bt_gauge_plant *plant,
                        bt_error *error) {
    *out = calloc(1, sizeof **out);
    if (!*out) return bt_no_memory(error, "a gauge");
    (*out)->plant = plant;
    bt_status status = open_all(*out, settings, error);
    if (status != BT_OK) bt_gauge_close(out);
    return status;
}

void bt_gauge_close(bt_gauge **gauge) {
    if (!gauge || !*gauge) return;
    bt_gauge *g = *gauge;
    for (int i = 0; i < g->source_count; i++)
        if (g->sources[i].work) g->sources[i].work->close(g->sources[i].state);
    for (int i = 0; i < g->session_count; i++)
        bt_session_close(&g->sessions[i]);
    bt_gate_record_close(&g->metrics);
    free(g->images);
    free(g->logits);
    free(g);
    *gauge = NULL;
}

/* ---- the program ---- */

static bt_status read_settings(const char *text, bt_gauge_settings *settings, bt_error *error) {
    bt_option_sources sources;
    json_error_t at;
    json_t *json = bt_json_parse(text, strlen(text), &at);
    if (!json) return bt_fail(error, BT_PARSE, "the settings are not JSON: %s", at.text);
    bt_options_default(bt_gauge_settings_table, bt_gauge_settings_count, settings, &sources);
    bt_status status = bt_options_read_json(bt_gauge_settings_table, bt_gauge_settings_count, json,
                                            BT_SOURCE_FLAG, "settings", settings, &sources, error);
    json_decref(json);
    return status;
}

static bt_status print_record(const bt_gate_record *record, FILE *out, bt_error *error) {
    json_t *json;
    bt_status status = bt_gate_record_to_json(record, &json, error);
    if (status != BT_OK) return status;
    status = bt_json_write(json, JSON_COMPACT, out, error);
    if (status == BT_OK && fflush(out) != 0)
        status = bt_fail(error, BT_IO, "the figures could not be written");
    json_decref(json);
    return status;
}

/* Rounds go over all metrics, so that a slow spell does not fall on one alone. The whole is one turn, which
 * bt_gate_record_merge makes of it. */
static bt_status measure_all(bt_gauge *gauge, int samples, bt_error *error) {
    bt_status status = BT_OK;
    double value = 0;
    for (int round = 0; round < samples && status == BT_OK; round++)
        for (int i = 0; i < gauge->source_count && status == BT_OK; i++) {
            status = bt_gauge_measure(gauge, i, &value, error);
            if (status == BT_OK)
                status = bt_gate_samples_add(&gauge->metrics->series[i], &value, 1, false, error);
        }
    return status;
}

static bt_status answer_all(bt_gauge *gauge, FILE *in, FILE *out, bt_error *error) {
    char line[32];
    bt_status status = print_record(gauge->metrics, out, error);
    while (status == BT_OK && fgets(line, sizeof line, in)) {
        double value = 0;
        status = bt_gauge_measure(gauge, atoi(line), &value, error);
        if (status == BT_OK && (bt_text_print(out, "%.9g\n", value) < 0 || fflush(out) != 0))
            status = bt_fail(error, BT_IO, "an answer could not be written");
    }
    return status;
}

static bt_status serve(const char *text, bool ask, bt_gauge_plant *plant, FILE *in, FILE *out,
                       bt_error *error) {
    bt_gauge_settings settings;
    bt_gauge *gauge = NULL;
    bt_status status = read_settings(text, &settings, error);
    if (status == BT_OK) status = bt_gauge_open(&gauge, &settings, plant, error);
    if (status == BT_OK && ask) status = answer_all(gauge, in, out, error);
    if (status == BT_OK && !ask) status = measure_all(gauge, (int)settings.samples, error);
    if (status == BT_OK && !ask) status = print_record(gauge->metrics, out, error);
    bt_gauge_close(&gauge);
    return status;
}

/* Callgrind counts what happens inside the function of this name (gate/count.c), so nothing may be made of it
 * but a call. */
__attribute__((noipa)) static bt_status counted_run(const bt_work *work, void *state, bt_gauge_plant *plant,
                                                    bt_error *error) {
    int64_t unused;
    bt_status status = work->run(state, &unused, error);
    if (plant) plant(0);
    return status;
}

static bt_status count_work(const char *name, bt_gauge_plant *plant, bt_error *error) {
    const bt_work *work = bt_work_find(name);
    void *state;
    if (!work || !work->counted) return bt_fail(error, BT_INVALID, "no job called %s can be counted", name);
    bt_status status = work->open(&state, error);
    if (status != BT_OK) return status;
    status = counted_run(work, state, plant, error);
    work->close(state);
    return status;
}

int bt_gauge_main(int argc, char **argv, bt_gauge_plant *plant, FILE *in, FILE *out, FILE *err) {
    bt_error error = {BT_OK, ""};
    bool ask = argc == 3 && strcmp(argv[2], "--ask") == 0;
    bt_status status = BT_INVALID;
    if (argc == 3 && strcmp(argv[1], "--count") == 0)
        status = count_work(argv[2], plant, &error);
    else if (argv[1] && argv[1][0] == '{' && (argc == 2 || ask))
        status = serve(argv[1], ask, plant, in, out, &error);
    else
        (void)bt_fail(&error, BT_INVALID, "this program is started by perf-gate; run that");
    if (status == BT_OK) return 0;
    fprintf(err, "%s\n", error.message);
    return status == BT_INVALID || status == BT_PARSE || status == BT_UNSUPPORTED || status == BT_IO ? 2 : 1;
}
