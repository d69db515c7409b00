/* A service from its config: what is to be served, before anything is loaded. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"
#include "serving/state.h"
#include "settings/model-names.h"
#include "settings/tuning.h"

/* How long a thread looks for the service's lock before it sleeps. The longest hold, answering a whole batch, takes
 * some microseconds. Raised, one whose holder was pushed aside wastes more of a core; lowered, threads sleep on a lock
 * that is free before they have fallen asleep. */
#define LOOK_NS (20 * BT_NS_PER_US)

/* What a priority counts: a request goes before those of the next that came up to so long before it. Far above any
 * SLA, so that what waits is overtaken as long as its senders wait for it. Raised, the last may wait longer behind
 * others; lowered below what requests wait under load, priorities count less just then. */
#define OVERTAKE_NS (10 * BT_NS_PER_S)

/* ---- ladders ---- */

/* For a model that nobody has measured: powers of two up to its batch size, to be timed when it starts. */
static bt_status unmeasured_ladder(bt_service_model *model, bt_error *error) {
    const bt_service_settings *s = &model->served.settings;
    bt_ladder *ladder = &model->batcher.ladder;
    if (s->batch_size > BT_LADDER_BATCH_MAX)
        return bt_fail(error, BT_INVALID, "%s: a batch size of %lld is above %d", model->name,
                       (long long)s->batch_size, BT_LADDER_BATCH_MAX);
    for (int size = 1; size < s->batch_size; size *= 2)
        ladder->sizes[ladder->size_count++] = size;
    ladder->sizes[ladder->size_count++] = (int)s->batch_size;
    return bt_ladder_plan(ladder, error);
}

static bt_status set_batcher(bt_service_model *model, bt_error *error) {
    const bt_service_settings *s = &model->served.settings;
    bt_status status = BT_INVALID;
    if (bt_served_model_is_measured(&model->served))
        status = bt_tuned_model_open(&model->tuned, model->served.entry, (int)s->batch_size, error);
    model->tuned_open = status == BT_OK;
    if (model->tuned_open)
        model->batcher = model->tuned.batcher;
    else if (status == BT_INVALID)
        status = unmeasured_ladder(model, error);
    if (status != BT_OK) return status;
    int64_t cooldown_ns = (int64_t)(s->breaker_cooldown_ms * BT_NS_PER_MS);
    model->batcher.max_batch_size = (int)s->batch_size;
    model->batcher.max_queue_size = (int)s->max_queue_size;
    model->batcher.max_queue_delay_ns = (int64_t)(s->max_queue_delay_ms * BT_NS_PER_MS);
    model->batcher.policy = (bt_batcher_policy)s->policy;
    model->batcher.promise_ns = (int64_t)(s->p95_sla_ms * BT_NS_PER_MS);
    model->batcher.overtake_ns = OVERTAKE_NS;
    model->batcher.admission = s->admission;
    model->batcher.failover = s->failover;
    model->batcher.watchdog_ns = (int64_t)(s->watchdog_ms * BT_NS_PER_MS);
    model->batcher.breaker = (bt_breaker_options){
        .failures = (int)s->breaker_failures,
        .probes = BT_BREAKER_PROBES,
        .cooldown_ns = cooldown_ns,
        .cooldown_max_ns = BT_BREAKER_COOLDOWNS_MAX * cooldown_ns,
    };
    return BT_OK;
}

/* ---- models and their instances ---- */

/* A CPU's demonstration tunes the built-in networks at a size that nobody would serve by choice. */
static bool is_demonstration(const bt_served_model *served, const bt_service_settings *given) {
    return given->image_size == 0 && served->settings.model_file[0] == '\0' &&
           strcmp(served->entry->workload, "cpu-demo") == 0 &&
           served->settings.image_size < BT_FULL_IMAGE_SIZE;
}

static bt_status open_model(bt_service *service, int index, const bt_config *config, const char *name,
                            const bt_service_settings *given, const bt_option_sources *sources,
                            bt_error *error) {
    bt_service_model *model = &service->models[index];
    bt_status status =
        bt_served_model_resolve(&model->served, config, name, given, sources, &service->cores, error);
    if (status != BT_OK) return status;
    const bt_service_settings *s = &model->served.settings;
    snprintf(model->name, sizeof model->name, "%s", name);
    if (model->served.resolved.model.input_note[0])
        bt_log_write(service->log, BT_LOG_WARNING, "%s: %s", name, model->served.resolved.model.input_note);
    model->height = model->width = (int)s->image_size;
    model->demonstration = is_demonstration(&model->served, given);
    model->p95_sla_ms = s->p95_sla_ms;
    model->timeout_ms = s->timeout_ms;
    status = bt_backend_check(s->backend, error);
    if (status == BT_OK) status = set_batcher(model, error);
    if (status != BT_OK) return status;
    model->live = (bt_batcher_change){.max_batch_size = model->batcher.max_batch_size,
                                      .max_queue_size = model->batcher.max_queue_size,
                                      .max_queue_delay_ns = model->batcher.max_queue_delay_ns,
                                      .policy = model->batcher.policy,
                                      .promise_ns = model->batcher.promise_ns};
    return BT_OK;
}

static bt_status open_instances(bt_service *service, int index, bt_error *error) {
    bt_service_model *model = &service->models[index];
    if (model->served.placement_note[0])
        bt_log_write(service->log, BT_LOG_WARNING, "%s: %s", model->name, model->served.placement_note);
    model->first_instance = service->instance_count;
    model->instance_count = model->served.placement.count;
    model->capacity_rps = bt_capacity_as_tuned(model);
    if (service->instance_count + model->instance_count > BT_BATCHER_INSTANCES_MAX)
        return bt_fail(error, BT_INVALID, "more than %d instances in all", BT_BATCHER_INSTANCES_MAX);
    for (int i = 0; i < model->instance_count; i++)
        service->instances[service->instance_count++].model = index;
    return BT_OK;
}

static const bt_instance *place_of(const bt_service *service, int instance) {
    const bt_service_model *model = &service->models[service->instances[instance].model];
    return &model->served.placement.instances[instance - model->first_instance];
}

/* Instances that share hardware take turns. */
static void number_devices(bt_service *service) {
    const bt_instance *places[BT_BATCHER_INSTANCES_MAX];
    int devices[BT_BATCHER_INSTANCES_MAX];
    for (int i = 0; i < service->instance_count; i++)
        places[i] = place_of(service, i);
    bt_instances_number(devices, places, service->instance_count);
    for (int i = 0; i < service->instance_count; i++)
        service->instances[i].device = devices[i];
}

/* Whether a lane should hold nothing while it waits. The standard path seldom runs; a production lane has its
 * cores for itself unless another instance takes turns with it. */
static bool shares_cores(const bt_service *service, const bt_worker_lane *lane) {
    int device = service->instances[lane->instance].device, sharing = 0;
    for (int i = 0; i < service->instance_count; i++)
        sharing += service->instances[i].device == device;
    return lane->path == BT_PATH_STANDARD || sharing > 1;
}

static void open_lane(bt_service *service, int instance, bt_path path) {
    bt_worker_lane *lane = &service->lanes[bt_lane_of(instance, path)];
    lane->service = service;
    lane->instance = instance;
    lane->model = service->instances[instance].model;
    lane->path = path;
    lane->place = place_of(service, instance);
    lane->shares_cores = shares_cores(service, lane);
}

static bt_status open_lanes(bt_service *service, bt_error *error) {
    const size_t count = BT_LANES_PER_INSTANCE * (size_t)service->instance_count;
    service->lanes = calloc(count, sizeof *service->lanes);
    if (!service->lanes) return bt_no_memory(error, "a service");
    service->lane_count = (int)count;
    for (int i = 0; i < service->instance_count; i++) {
        open_lane(service, i, BT_PATH_PRODUCTION);
        open_lane(service, i, BT_PATH_STANDARD);
    }
    return BT_OK;
}

static bt_status open_requests(bt_service *service, bt_error *error) {
    size_t count = 0;
    for (int m = 0; m < service->model_count; m++)
        count += bt_batcher_room(&service->models[m].batcher, service->models[m].instance_count);
    service->requests = calloc(count, sizeof *service->requests);
    if (!service->requests) return bt_no_memory(error, "%zu requests", count);
    service->request_count = (uint32_t)count;
    for (uint32_t i = 0; i < service->request_count; i++)
        service->requests[i].next_free = i + 1 < service->request_count ? i + 1 : BT_NO_REQUEST;
    return BT_OK;
}

static bt_status open_models(bt_service *service, const bt_config *config, const char *const *models,
                             int count, const bt_service_settings *given, const bt_option_sources *sources,
                             bt_error *error) {
    service->models = calloc((size_t)count, sizeof *service->models);
    if (!service->models) return bt_no_memory(error, "a service");
    for (int i = 0; i < count; i++) {
        const char *name = models ? models[i] : config->models[i].name;
        pthread_mutex_init(&service->models[i].meter_lock, NULL);
        service->models[i].saturated_fraction = NAN;
        service->model_count = i + 1;
        bt_status status = open_model(service, i, config, name, given, sources, error);
        if (status != BT_OK) return status;
        for (int j = 0; j < i; j++)
            if (strcmp(service->models[j].name, name) == 0)
                return bt_fail(error, BT_INVALID, "model %s is there twice", name);
    }
    bt_status status = bt_service_place(service, given, error);
    for (int i = 0; i < count && status == BT_OK; i++)
        status = open_instances(service, i, error);
    return status;
}

static bt_status check_names(const bt_service *service, const bt_service_settings *given, bt_error *error) {
    const char *names[BT_BATCHER_MODELS_MAX];
    for (int i = 0; i < service->model_count; i++)
        names[i] = service->models[i].name;
    return bt_model_names_check(names, service->model_count, given->weights, given->model_file, BT_LABEL_KEYS,
                                error);
}

bt_status bt_serving_open(bt_service **out, const bt_config *config, const char *const *models,
                          int model_count, const bt_service_settings *given, const bt_option_sources *sources,
                          bt_log *log, bt_error *error) {
    *out = NULL;
    if (!models) model_count = config->model_count;
    if (model_count < 1 || model_count > BT_BATCHER_MODELS_MAX)
        return bt_fail(error, BT_INVALID, "a service has 1 to %d models, not %d", BT_BATCHER_MODELS_MAX,
                       model_count);
    bt_service *service = calloc(1, sizeof *service);
    if (!service) return bt_no_memory(error, "a service");
    pthread_mutex_init(&service->past_lock, NULL);
    pthread_mutex_init(&service->lock, NULL);
    service->cores = bt_cores_read();
    service->look_ns = service->cores.count > 1 ? LOOK_NS : 0;
    service->log = log;
    service->spin_ns = (int64_t)(given->spin_us * 1e3);
    service->window_ns = (int64_t)(given->metrics_window_seconds * 1e9);
    bt_status status = open_models(service, config, models, model_count, given, sources, error);
    if (status == BT_OK) status = check_names(service, given, error);
    if (status == BT_OK) {
        number_devices(service);
        status = open_lanes(service, error);
    }
    if (status == BT_OK) status = open_requests(service, error);
    if (status != BT_OK)
        bt_service_free(service);
    else
        *out = service;
    return status;
}

void bt_service_free(bt_service *service) {
    for (int i = 0; i < service->lane_count; i++)
        bt_lane_free(&service->lanes[i]);
    for (int i = 0; i < service->model_count; i++) {
        if (service->models[i].tuned_open) bt_tuned_model_close(&service->models[i].tuned);
        bt_meter_close(&service->models[i].meter);
        pthread_mutex_destroy(&service->models[i].meter_lock);
    }
    bt_batcher_close(&service->batcher);
    bt_config_close(&service->config);
    pthread_mutex_destroy(&service->lock);
    pthread_mutex_destroy(&service->past_lock);
    free(service->models);
    free(service->lanes);
    free(service->requests);
    free(service);
}

/* ---- a model by its name ---- */

int bt_service_find(const bt_service *service, const char *name) {
    for (int i = 0; name && i < service->model_count; i++)
        if (strcmp(service->models[i].name, name) == 0) return i;
    return -1;
}

bt_status bt_service_fail_model(const bt_service *service, const char *name, bt_error *error) {
    char known[160] = "";
    for (int i = 0; i < service->model_count; i++) {
        bt_text_append(known, sizeof known, "%s%s", i ? ", " : "", service->models[i].name);
    }
    return bt_fail(error, BT_INVALID, "no model is called \"%.64s\" here; there are: %s", name ? name : "",
                   known);
}

/* ---- by file ---- */

/* "a,b" into pointers into `storage`; returns how many, or -1 where they are too many or too long. */
static int split_names(const char *text, char storage[BT_OPTION_TEXT_SIZE],
                       const char *names[BT_BATCHER_MODELS_MAX]) {
    int count = 0;
    if (snprintf(storage, BT_OPTION_TEXT_SIZE, "%s", text) >= BT_OPTION_TEXT_SIZE) return -1;
    char *rest, *name = strtok_r(storage, ",", &rest);
    for (; name; name = strtok_r(NULL, ",", &rest)) {
        if (count == BT_BATCHER_MODELS_MAX) return -1;
        names[count++] = name;
    }
    return count;
}

static bt_status load(bt_config **out, const char *path, bt_error *error) {
    if (!path) path = getenv("BATCHTUNE_CONFIG");
    if (!path || !*path) path = BT_USUAL_CONFIG;
    if (bt_file_exists(path)) return bt_config_load(out, path, error);
    return bt_fail(error, BT_IO, "%s: there is no config; `optimize-batch` makes one", path);
}

bt_status bt_service_open(bt_service **out, const bt_service_options *options, bt_error *error) {
    static const bt_service_options none;
    char storage[BT_OPTION_TEXT_SIZE];
    const char *names[BT_BATCHER_MODELS_MAX];
    bt_service_settings given;
    bt_option_sources sources;
    bt_config *config = NULL;
    if (!out) return bt_fail(error, BT_INVALID, "there is no place for the service");
    *out = NULL;
    if (!options) options = &none;
    int count = options->models ? split_names(options->models, storage, names) : 0;
    if (count < 0) return bt_fail(error, BT_INVALID, "models: more than %d names", BT_BATCHER_MODELS_MAX);
    bt_options_default(bt_service_settings_table, bt_service_settings_count, &given, &sources);
    bt_status status = BT_OK;
    if (options->settings)
        status = bt_options_read_pairs(bt_service_settings_table, bt_service_settings_count,
                                       options->settings, "settings", &given, &sources, error);
    if (status == BT_OK) status = load(&config, options->config, error);
    if (status == BT_OK)
        status = bt_serving_open(out, config, count > 0 ? names : NULL, count, &given, &sources, NULL, error);
    if (status == BT_OK)
        (*out)->config = config;
    else
        bt_config_close(&config);
    return status;
}
