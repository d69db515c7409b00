/* A service's life: start, set, stop, close; and what it tells. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/cuda.h"
#include "base/clock.h"
#include "base/memory.h"
#include "serving/state.h"

#define HANG_WAIT_NS BT_NS_PER_S /* after draining: what still runs then is taken to hang */

/* ---- the shared one ---- */

static bt_service *shared;
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static bt_error shared_error; /* of the last try */

bt_service *bt_service_shared(void) {
    pthread_mutex_lock(&shared_lock);
    if (!shared) (void)!bt_service_open(&shared, NULL, &shared_error);
    bt_service *service = shared;
    pthread_mutex_unlock(&shared_lock);
    return service;
}

/* Whoever has none got none from bt_service_shared, it may be. */
static bt_status fail_no_service(bt_error *error) {
    pthread_mutex_lock(&shared_lock);
    bt_error why = shared_error;
    bool tried = !shared && why.status != BT_OK;
    pthread_mutex_unlock(&shared_lock);
    return tried ? bt_fail(error, why.status, "%s", why.message)
                 : bt_fail(error, BT_INVALID, "there is no service");
}

/* ---- starting ---- */

/* One model on all its instances, and what its largest batch and standard path take where nobody knew. */
static bt_status start_model(bt_service *service, int index, bt_error *error) {
    bt_service_model *model = &service->models[index];
    int64_t start_ns = bt_clock_now_ns();
    bt_status loaded = bt_backend_load(model->served.settings.backend, error);
    if (loaded != BT_OK) return bt_fail_at(error, loaded, "%s", model->name);
    for (int i = 2 * model->first_instance; i < 2 * (model->first_instance + model->instance_count); i++) {
        bt_worker_lane *lane = &service->lanes[i];
        bt_status status = bt_lane_start(lane, error);
        if (status != BT_OK)
            return bt_fail_at(error, status, "%s, instance %d (%s), %s path", model->name,
                              lane->instance - model->first_instance, lane->place->device,
                              lane->path == BT_PATH_STANDARD ? "standard" : "production");
    }
    model->start_s = (double)(bt_clock_now_ns() - start_ns) / 1e9;
    return BT_OK;
}

/* Times that no tuning has measured are those of warming up; the watchdog follows from the times. */
static bt_status settle_times(bt_service *service, bt_service_model *model, bt_error *error) {
    bt_ladder *ladder = &model->batcher.ladder;
    const bt_worker_lane *production = &service->lanes[2 * model->first_instance], *standard = production + 1;
    bool timed = ladder->service_ns[0] > 0;
    for (int i = 0; i < ladder->size_count && !timed; i++)
        ladder->service_ns[i] = production->warm_ns[i] > 0 ? production->warm_ns[i] : 1;
    if (ladder->standard_ns == 0 || !timed) ladder->standard_ns = standard->warm_ns[0];
    if (model->batcher.watchdog_ns == 0) {
        int64_t largest_ns = ladder->service_ns[ladder->size_count - 1];
        if (ladder->standard_ns > largest_ns) largest_ns = ladder->standard_ns;
        model->batcher.watchdog_ns = BT_NS_PER_S + 20 * largest_ns;
    }
    return bt_ladder_plan(ladder, error);
}

static bt_status open_batcher(bt_service *service, bt_error *error) {
    bt_batcher_model models[BT_BATCHER_MODELS_MAX];
    for (int i = 0; i < service->model_count; i++) {
        bt_status status = settle_times(service, &service->models[i], error);
        if (status != BT_OK) return status;
        models[i] = service->models[i].batcher;
    }
    const bt_batcher_options options = {.models = models,
                                        .model_count = service->model_count,
                                        .instances = service->instances,
                                        .instance_count = service->instance_count};
    return bt_batcher_open(&service->batcher, &options, error);
}

static bt_status open_meters(bt_service *service, bt_error *error) {
    for (int i = 0; i < service->model_count; i++) {
        bt_meter_close(&service->models[i].meter);
        bt_status status =
            bt_meter_open(&service->models[i].meter, service->window_ns, bt_clock_now_ns(), error);
        if (status != BT_OK) return status;
    }
    return BT_OK;
}

static void set_phase(bt_service *service, bt_phase phase) {
    pthread_mutex_lock(&service->lock);
    service->phase = phase;
    pthread_mutex_unlock(&service->lock);
}

/* Ends all threads; lanes that hang are left behind, and with them everything they might still touch. */
static void stop_threads(bt_service *service) {
    bt_supervisor_stop(service);
    for (int i = 0; i < 2 * service->instance_count; i++)
        if (!bt_lane_stop(&service->lanes[i], HANG_WAIT_NS)) service->left_behind = true;
}

/* Takes the service from OPEN to STARTING, or says why it cannot. */
static bt_status begin_start(bt_service *service, bt_error *error) {
    bt_status status = BT_OK;
    pthread_mutex_lock(&service->lock);
    if (service->phase == BT_PHASE_OPEN)
        service->phase = BT_PHASE_STARTING;
    else if (service->phase == BT_PHASE_STARTING || service->phase == BT_PHASE_RUNNING)
        status = bt_fail(error, BT_INVALID, "the service is started already: start it once");
    else
        status = bt_fail(error, BT_CLOSED, "the service was stopped: open another one");
    pthread_mutex_unlock(&service->lock);
    return status;
}

bt_status bt_service_start(bt_service *service, bt_error *error) {
    if (!service) return fail_no_service(error);
    bt_status status = begin_start(service, error);
    if (status != BT_OK) return status;
    for (int i = 0; i < service->model_count && status == BT_OK; i++)
        status = start_model(service, i, error);
    if (status == BT_OK) status = open_batcher(service, error);
    if (status == BT_OK) status = open_meters(service, error);
    if (status == BT_OK) status = bt_supervisor_start(service, error);
    if (status != BT_OK) {
        stop_threads(service);
        bt_batcher_close(&service->batcher);
    }
    set_phase(service, status == BT_OK ? BT_PHASE_RUNNING : BT_PHASE_OPEN);
    return status;
}

/* ---- stopping ---- */

static bool is_idle(bt_service *service) {
    pthread_mutex_lock(&service->lock);
    service->awaits_idle = true;
    bool idle = bt_batcher_idle(service->batcher);
    pthread_mutex_unlock(&service->lock);
    return idle;
}

static bool drain(bt_service *service, int64_t until_ns) {
    bt_pump_and_deliver(service);
    for (;;) {
        unsigned seen = atomic_load(&service->changed);
        if (is_idle(service)) return true;
        if (bt_clock_now_ns() >= until_ns) return false;
        bt_futex_wait(&service->changed, seen, until_ns);
    }
}

static bt_status begin_stop(bt_service *service, bt_error *error) {
    bt_status status = BT_OK;
    pthread_mutex_lock(&service->lock);
    if (service->phase == BT_PHASE_RUNNING) {
        service->phase = BT_PHASE_STOPPING;
        bt_batcher_drain(service->batcher, bt_clock_now_ns());
    } else if (service->phase >= BT_PHASE_STOPPING) {
        status = bt_fail(error, BT_CLOSED, "the service was stopped already");
    } else {
        status = bt_fail(error, BT_CLOSED, "the service was not started");
    }
    pthread_mutex_unlock(&service->lock);
    return status;
}

bt_status bt_service_stop(bt_service *service, double drain_ms, bt_error *error) {
    if (!service) return bt_fail(error, BT_INVALID, "there is no service");
    if (!(drain_ms >= 0)) return bt_fail(error, BT_INVALID, "a drain time of %g ms is not one", drain_ms);
    bt_status status = begin_stop(service, error);
    if (status != BT_OK) return status;
    double most_ms = fmin(drain_ms, 1e9);
    bool drained = drain(service, bt_clock_now_ns() + (int64_t)(most_ms * BT_NS_PER_MS));
    int given_up = 0;
    if (!drained) {
        pthread_mutex_lock(&service->lock);
        for (int i = 0; i < service->model_count; i++) {
            bt_batcher_counts counts;
            bt_batcher_count(service->batcher, i, &counts);
            given_up += counts.in_flight;
        }
        bt_batcher_abandon(service->batcher, bt_clock_now_ns());
        pthread_mutex_unlock(&service->lock);
        bt_pump_and_deliver(service);
    }
    stop_threads(service);
    set_phase(service, BT_PHASE_STOPPED);
    if (drained) return BT_OK;
    return bt_fail(error, BT_TIMEOUT, "%d requests were not done after %g ms and were given up", given_up,
                   drain_ms);
}

void bt_service_close(bt_service **service) {
    if (!service || !*service) return;
    bt_service *s = *service;
    bt_error ignored;
    *service = NULL;
    if (s->phase == BT_PHASE_RUNNING && bt_service_stop(s, 0, &ignored) == BT_CLOSED) return;
    if (s->left_behind) return; /* some thread may still come back to it */
    for (int i = 0; i < 2 * s->instance_count && s->lanes; i++)
        bt_lane_free(&s->lanes[i]);
    for (int i = 0; i < s->model_count; i++) {
        if (s->models[i].tuned_open) bt_tuned_model_close(&s->models[i].tuned);
        bt_meter_close(&s->models[i].meter);
        pthread_mutex_destroy(&s->models[i].meter_lock);
    }
    bt_batcher_close(&s->batcher);
    bt_config_close(&s->config);
    pthread_mutex_destroy(&s->lock);
    free(s->models);
    free(s->lanes);
    free(s->requests);
    free(s);
}

/* ---- settings ---- */

int bt_service_find(const bt_service *service, const char *name) {
    for (int i = 0; name && i < service->model_count; i++)
        if (strcmp(service->models[i].name, name) == 0) return i;
    return -1;
}

bt_status bt_service_fail_model(const bt_service *service, const char *name, bt_error *error) {
    char known[160] = "";
    for (int i = 0; i < service->model_count; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", service->models[i].name);
    }
    return bt_fail(error, BT_INVALID, "no model is called \"%.64s\" here; there are: %s", name ? name : "",
                   known);
}

/* One model's settings with the pairs over them; nothing is changed yet. */
static bt_status read_change(const bt_service_model *model, const char *settings, bt_service_settings *s,
                             bt_batcher_change *change, bt_error *error) {
    bt_option_sources sources;
    bt_options_default(bt_service_settings_table, bt_service_settings_count, s, &sources);
    s->p95_sla_ms = model->p95_sla_ms;
    s->timeout_ms = model->timeout_ms;
    s->batch_size = model->live.max_batch_size;
    s->max_queue_size = model->live.max_queue_size;
    s->max_queue_delay_ms = (double)model->live.max_queue_delay_ns / 1e6;
    bt_status status = bt_options_read_pairs(bt_service_settings_table, bt_service_settings_count, settings,
                                             "set", s, &sources, error);
    for (size_t i = bt_service_settings_live; i < bt_service_settings_count && status == BT_OK; i++)
        if (sources.of[i] != BT_SOURCE_DEFAULT)
            status = bt_fail(error, BT_INVALID, "set: %s is fixed while the service runs",
                             bt_service_settings_table[i].name);
    *change = (bt_batcher_change){.max_batch_size = (int)s->batch_size,
                                  .max_queue_size = (int)s->max_queue_size,
                                  .max_queue_delay_ns = (int64_t)(s->max_queue_delay_ms * BT_NS_PER_MS)};
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
        const bt_ladder *ladder = &batcher->ladder;
        status = read_change(&service->models[i], settings, &s[i], &changes[i], error);
        if (status == BT_OK && changes[i].max_batch_size > ladder->sizes[ladder->size_count - 1])
            status = bt_fail(
                error, BT_INVALID, "set: batch_size: %d is above %d, the largest that %s has warm",
                changes[i].max_batch_size, ladder->sizes[ladder->size_count - 1], service->models[i].name);
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

void bt_free(char *text) {
    free(text);
}

/* ---- what it serves ---- */

static void read_facts(const bt_service *service, const bt_service_model *model, bt_model_facts *out) {
    const bt_worker_lane *production = &service->lanes[2 * model->first_instance];
    *out = (bt_model_facts){
        .input_height = model->height,
        .input_width = model->width,
        .tuned_size = model->served.entry->image_size,
        .demonstration = model->demonstration,
        .batch_size = model->live.max_batch_size,
        .max_queue_size = model->live.max_queue_size,
        .instance_count = model->instance_count,
        .max_queue_delay_ms = bt_ms(model->live.max_queue_delay_ns),
        .p95_sla_ms = model->p95_sla_ms,
        .timeout_ms = model->timeout_ms,
    };
    snprintf(out->name, sizeof out->name, "%s", model->name);
    if (service->phase < BT_PHASE_RUNNING) return;
    snprintf(out->precision, sizeof out->precision, "%s", production->info.precision);
    snprintf(out->weights_note, sizeof out->weights_note, "%s", production->info.weights_note);
    out->changed_weights = bt_served_model_has_changed(&model->served, production->info.weights_hash);
}

int bt_service_models(bt_service *service, bt_model_facts *out, int room) {
    if (!service) return 0;
    pthread_mutex_lock(&service->lock);
    for (int i = 0; i < service->model_count && i < room; i++)
        read_facts(service, &service->models[i], &out[i]);
    pthread_mutex_unlock(&service->lock);
    return service->model_count;
}

/* ---- metrics ---- */

static void read_device(bt_metrics_instance *instance) {
    instance->gpu_utilisation = NAN;
    if (strncmp(instance->device, "cuda:", 5) != 0) return;
    bt_cuda_load load;
    bt_error ignored;
    if (bt_cuda_read_load(&load, atoi(instance->device + 5), &ignored) != BT_OK) return;
    instance->gpu_utilisation = load.utilisation;
    instance->device_memory_bytes = load.used_bytes;
    instance->device_memory_total_bytes = load.total_bytes;
}

/* Under the lock. */
static void read_instances(bt_service *service, int index, int64_t now_ns, bt_metrics *metrics) {
    const bt_service_model *model = &service->models[index];
    metrics->instance_count = model->instance_count;
    for (int i = 0; i < model->instance_count; i++) {
        bt_instance_state state;
        bt_metrics_instance *instance = &metrics->instances[i];
        bt_batcher_instance_state(service->batcher, now_ns, model->first_instance + i, &state);
        snprintf(instance->device, sizeof instance->device, "%s",
                 model->served.placement.instances[i].device);
        snprintf(instance->breaker, sizeof instance->breaker, "%s", bt_breaker_name(state.breaker));
        instance->runs = state.runs;
        instance->failed_runs = state.failed_runs;
        metrics->breaker_opened += state.breaker_opened;
    }
}

/* `totals` may be NULL. */
static bt_status read_model(bt_service *service, int index, bt_metrics *metrics,
                            const bt_metrics_bounds *bounds, bt_metrics_totals *totals, bt_error *error) {
    bt_service_model *model = &service->models[index];
    bt_batcher_counts counts;
    int64_t now_ns = bt_clock_now_ns();
    *metrics = (bt_metrics){0};
    snprintf(metrics->model, sizeof metrics->model, "%s", model->name);
    pthread_mutex_lock(&service->lock);
    bool readable = service->batcher && service->phase >= BT_PHASE_RUNNING;
    if (readable) {
        bt_batcher_count(service->batcher, index, &counts);
        bt_metrics_count(metrics, &counts);
        read_instances(service, index, now_ns, metrics);
        metrics->queue_limit = model->live.max_queue_size;
        metrics->batch_size = model->live.max_batch_size;
        metrics->p95_sla_ms = model->p95_sla_ms;
    }
    pthread_mutex_unlock(&service->lock);
    if (!readable) return bt_fail(error, BT_CLOSED, "the service was not started: it has no metrics yet");
    pthread_mutex_lock(&model->meter_lock);
    bt_meter_read(model->meter, now_ns, metrics);
    if (totals) bt_meter_totals(model->meter, bounds, totals);
    pthread_mutex_unlock(&model->meter_lock);
    for (int i = 0; i < metrics->instance_count; i++)
        read_device(&metrics->instances[i]);
    metrics->meets_sla = !(metrics->latency.p95 > metrics->p95_sla_ms);
    metrics->process_memory_bytes = bt_memory_resident_bytes();
    metrics->process_memory_peak_bytes = bt_memory_peak_bytes();
    return BT_OK;
}

bt_status bt_service_metrics(bt_service *service, const char *model, bt_metrics *metrics, bt_error *error) {
    if (!service || !metrics)
        return bt_fail(error, BT_INVALID, "there is no service, or no place for its metrics");
    int index = bt_service_find(service, model);
    if (index < 0) return bt_service_fail_model(service, model, error);
    return read_model(service, index, metrics, NULL, NULL, error);
}

static bt_metrics_bounds bounds_of(const bt_service *service) {
    double sla_ms[BT_NAMES_MAX] = {0};
    int count = 0;
    for (; count < service->model_count && count < BT_NAMES_MAX; count++)
        sla_ms[count] = service->models[count].served.settings.p95_sla_ms; /* not what was set since */
    return bt_metrics_bounds_of(sla_ms, count);
}

/* All models' figures, as JSON or in Prometheus's text format. */
static bt_status write_metrics(bt_service *service, char **out, bool json, bt_error *error) {
    if (!service || !out)
        return bt_fail(error, BT_INVALID, "there is no service, or no place for its metrics");
    *out = NULL;
    const int count = service->model_count;
    const bt_metrics_bounds bounds = bounds_of(service);
    bt_metrics *all = calloc((size_t)count, sizeof *all);
    bt_metrics_totals *totals = calloc((size_t)count, sizeof *totals);
    bt_status status = all && totals ? BT_OK : bt_no_memory(error, "metrics");
    for (int i = 0; i < count && status == BT_OK; i++)
        status = read_model(service, i, &all[i], &bounds, json ? NULL : &totals[i], error);
    if (status == BT_OK)
        status = json ? bt_metrics_json(out, all, count, error)
                      : bt_metrics_prometheus(out, all, totals, count, &bounds, error);
    free(all);
    free(totals);
    return status;
}

bt_status bt_service_metrics_json(bt_service *service, char **out, bt_error *error) {
    return write_metrics(service, out, true, error);
}

bt_status bt_service_metrics_prometheus(bt_service *service, char **out, bt_error *error) {
    return write_metrics(service, out, false, error);
}

/* ---- for the programs of this project ---- */

void bt_serving_failed(bt_service *service, int index, bt_serving_failures *out) {
    bt_service_model *model = &service->models[index];
    pthread_mutex_lock(&model->meter_lock);
    *out = model->failures;
    pthread_mutex_unlock(&model->meter_lock);
}

int bt_serving_model_count(const bt_service *service) {
    return service->model_count;
}

const bt_served_model *bt_serving_model(const bt_service *service, int index) {
    return &service->models[index].served;
}

const bt_batcher_model *bt_serving_batcher(const bt_service *service, int index) {
    return &service->models[index].batcher;
}

const bt_session_info *bt_serving_session(const bt_service *service, int index) {
    return &service->lanes[2 * service->models[index].first_instance].info;
}

double bt_serving_start_seconds(const bt_service *service, int index) {
    return service->models[index].start_s;
}

int bt_serving_instances(const bt_service *service, bt_batcher_instance *out) {
    memcpy(out, service->instances, (size_t)service->instance_count * sizeof *out);
    return service->instance_count;
}

int bt_serving_queue_size(bt_service *service) {
    int waiting = 0;
    pthread_mutex_lock(&service->lock);
    for (int i = 0; i < service->model_count && service->batcher; i++) {
        bt_batcher_counts counts;
        bt_batcher_count(service->batcher, i, &counts);
        waiting += counts.waiting;
    }
    pthread_mutex_unlock(&service->lock);
    return waiting;
}
