#include "gate/gauge.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/backend.h"
#include "base/clock.h"
#include "base/random.h"
#include "gate/work.h"

/* ---- the core's jobs ---- */

static int64_t cpu_time_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * BT_NS_PER_S + now.tv_nsec;
}

static bt_status time_work(const bt_work *work, void *state, bt_gauge_plant *plant, double *ns,
                           bt_error *error) {
    int64_t start_ns = cpu_time_ns(), own_ns = -1;
    bt_status status = work->run(state, &own_ns, error);
    if (plant) plant(cpu_time_ns() - start_ns);
    int64_t spent_ns = own_ns >= 0 ? own_ns : cpu_time_ns() - start_ns;
    *ns = (double)spent_ns / work->operations;
    return status;
}

static bt_status gauge_work(bt_gate_record *record, const bt_work *work, int samples, bt_gauge_plant *plant,
                            bt_error *error) {
    char metric[BT_METRIC_NAME_SIZE];
    void *state = NULL;
    snprintf(metric, sizeof metric, "core/%s", work->name);
    bt_gate_series *series = bt_gate_series_add(record, metric, "ns", work->work, 0.5);
    double *ns = calloc((size_t)samples + 1, sizeof *ns);
    bt_status status =
        series && ns ? work->open(&state, error) : bt_fail(error, BT_NO_MEMORY, "out of memory");
    if (status == BT_OK) {
        for (int i = 0; i <= samples && status == BT_OK; i++) /* the first warms up */
            status = time_work(work, state, plant, &ns[i], error);
        work->close(state);
    }
    if (status == BT_OK) status = bt_gate_samples_add(series, ns + 1, samples, true, error);
    free(ns);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "%s", metric);
}

/* ---- the networks ---- */

typedef struct images {
    float *pixels, *logits;
} images;

static bt_status open_images(images *out, const bt_gauge_settings *settings, bt_error *error) {
    size_t area = (size_t)settings->image_size * (size_t)settings->image_size;
    size_t count = area * (size_t)settings->batches.sizes[settings->batches.count - 1];
    uint64_t key = bt_counter_key("gate images", 1);
    out->pixels = malloc(3 * count * sizeof *out->pixels);
    out->logits = malloc(count * sizeof *out->logits);
    if (!out->pixels || !out->logits)
        return bt_fail(error, BT_NO_MEMORY, "out of memory for %zu pixels", count);
    for (size_t i = 0; i < 3 * count; i++)
        out->pixels[i] = (float)(4 * bt_counter_uniform(key, i) - 2);
    return BT_OK;
}

static void close_images(images *all) {
    free(all->pixels);
    free(all->logits);
}

static bt_status gauge_batch(bt_gate_record *record, bt_session *session, const char *model, int batch,
                             const bt_gauge_settings *settings, const images *all, bt_gauge_plant *plant,
                             bt_error *error) {
    char metric[BT_METRIC_NAME_SIZE], work[BT_METRIC_WORK_SIZE];
    int samples = (int)settings->samples;
    snprintf(metric, sizeof metric, "%.64s/batch-%d", model, batch);
    snprintf(work, sizeof work, "%d px", (int)settings->image_size);
    bt_gate_series *series = bt_gate_series_add(record, metric, "ms", work, 0.5);
    double *ms = calloc((size_t)samples + 1, sizeof *ms);
    bt_status status = series && ms ? bt_session_prepare(session, batch, error)
                                    : bt_fail(error, BT_NO_MEMORY, "out of memory for %s", metric);
    for (int i = 0; i <= samples && status == BT_OK; i++) {
        int64_t start_ns = bt_clock_now_ns();
        status = bt_session_run(session, batch, all->pixels, all->logits, error);
        if (plant) plant(bt_clock_now_ns() - start_ns);
        ms[i] = bt_ms(bt_clock_now_ns() - start_ns);
    }
    if (status == BT_OK) status = bt_gate_samples_add(series, ms + 1, samples, true, error);
    free(ms);
    return status;
}

static void tell(bt_gate_record *record, const char *format, ...) BT_PRINTF(2, 3);
static void tell(bt_gate_record *record, const char *format, ...) {
    size_t used = strlen(record->settings), size = sizeof record->settings;
    va_list arguments;
    if (used > 0 && used + 3 < size) {
        strcpy(record->settings + used, "; ");
        used += 2;
    }
    va_start(arguments, format);
    vsnprintf(record->settings + used, size - used, format, arguments);
    va_end(arguments);
}

static bt_status gauge_model(bt_gate_record *record, const char *model, const bt_gauge_settings *settings,
                             const images *all, bt_gauge_plant *plant, bt_error *error) {
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
                                        .use_channels_last = settings->use_channels_last,
                                        .use_cudnn_benchmark = true};
    bt_status status = bt_session_open(&session, &options, error);
    if (status == BT_UNSUPPORTED && strcmp(settings->backend, "plan") == 0) {
        tell(record, "%s not measured: %s", model, error->message);
        return BT_OK;
    }
    if (status != BT_OK) return bt_fail_at(error, status, "%s", model);
    const bt_session_info *info = bt_session_describe(session);
    tell(record, "%s: %s on %s, %s, weights %s (%016llx), %d thread%s", model, info->backend, info->device,
         info->precision, info->weights, (unsigned long long)info->weights_hash, info->threads,
         info->threads == 1 ? "" : "s");
    for (int i = 0; i < settings->batches.count && status == BT_OK; i++)
        status = gauge_batch(record, session, model, settings->batches.sizes[i], settings, all, plant, error);
    bt_session_close(&session);
    return status;
}

static bt_status gauge_models(bt_gate_record *record, const bt_gauge_settings *settings,
                              bt_gauge_plant *plant, bt_error *error) {
    images all = {NULL, NULL};
    if (settings->models.count == 0) return BT_OK;
    if (settings->batches.count == 0)
        return bt_fail(error, BT_INVALID, "--batches: name the sizes; there is nothing to search for here");
    bt_status status = open_images(&all, settings, error);
    if (status == BT_OK && strcmp(settings->backend, "plan") != 0)
        status = bt_backend_load(settings->backend, error);
    for (int i = 0; i < settings->models.count && status == BT_OK; i++)
        status = gauge_model(record, settings->models.names[i], settings, &all, plant, error);
    close_images(&all);
    return status;
}

bt_status bt_gauge_turn(bt_gate_record **out, const bt_gauge_settings *settings, bt_gauge_plant *plant,
                        bt_error *error) {
    bt_status status = bt_gate_record_open(out, error);
    if (status != BT_OK) return status;
    bt_clock_utc((*out)->started_at);
    bt_machine_read(&(*out)->machine);
    for (int i = 0; settings->core && i < bt_works_count && status == BT_OK; i++)
        status = gauge_work(*out, &bt_works[i], (int)settings->samples, plant, error);
    if (status == BT_OK) status = gauge_models(*out, settings, plant, error);
    if (status != BT_OK) bt_gate_record_close(out);
    return status;
}

/* ---- the program ---- */

static bt_status print_turn(const char *text, bt_gauge_plant *plant, FILE *out, bt_error *error) {
    bt_gauge_settings settings;
    bt_option_sources sources;
    bt_gate_record *record = NULL;
    json_error_t at;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &at);
    if (!json) return bt_fail(error, BT_PARSE, "the settings are not JSON: %s", at.text);
    bt_options_default(bt_gauge_settings_table, bt_gauge_settings_count, &settings, &sources);
    bt_status status = bt_options_read_json(bt_gauge_settings_table, bt_gauge_settings_count, json,
                                            BT_SOURCE_FLAG, "settings", &settings, &sources, error);
    json_decref(json);
    if (status == BT_OK) status = bt_gauge_turn(&record, &settings, plant, error);
    if (status == BT_OK) status = bt_gate_record_to_json(record, &json, error);
    bt_gate_record_close(&record);
    if (status != BT_OK) return status;
    if (json_dumpf(json, out, JSON_COMPACT) != 0 || fflush(out) != 0)
        status = bt_fail(error, BT_IO, "the figures could not be written");
    json_decref(json);
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

int bt_gauge_main(int argc, char **argv, bt_gauge_plant *plant, FILE *out, FILE *err) {
    bt_error error = {BT_OK, ""};
    bt_status status = BT_INVALID;
    if (argc == 3 && strcmp(argv[1], "--count") == 0)
        status = count_work(argv[2], plant, &error);
    else if (argc == 2 && argv[1][0] == '{')
        status = print_turn(argv[1], plant, out, &error);
    else
        (void)bt_fail(&error, BT_INVALID, "this program is started by perf-gate; run that");
    if (status != BT_OK) fprintf(err, "%s: %s\n", argv[0], error.message);
    return status == BT_OK ? 0 : status == BT_INVALID || status == BT_PARSE ? 2 : 1;
}
