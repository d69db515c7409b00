#include "record/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/text.h"
#include "record/config-fields.h"
#include "record/parts.h"

/* ---- lifecycle and looking up ---- */

void bt_config_model_close(bt_config_model *model) {
    if (!model) return;
    for (int i = 0; i < model->point_count; i++)
        free(model->points[i].service_ms_quantiles);
    free(model->points);
    free(model->prepare_ms_quantiles);
    free(model->deliver_ms_quantiles);
    free(model->run_ranks);
    model->run_ranks = NULL;
    model->run_rank_count = 0;
    model->points = NULL;
    model->prepare_ms_quantiles = model->deliver_ms_quantiles = NULL;
    model->point_count = model->prepare_quantile_count = model->deliver_quantile_count = 0;
}

void bt_config_close(bt_config **config) {
    if (!config || !*config) return;
    for (int i = 0; i < (*config)->model_count; i++)
        bt_config_model_close(&(*config)->models[i]);
    free((*config)->models);
    json_decref((*config)->json);
    free(*config);
    *config = NULL;
}

bt_status bt_config_fail_model(const bt_config *config, const char *name, bt_error *error) {
    char known[160] = "";
    for (int i = 0; i < config->model_count; i++)
        bt_text_append(known, sizeof known, "%s%s", i ? ", " : "", config->models[i].name);
    return bt_fail(error, BT_INVALID, "the config has no model \"%.64s\"; it has: %s", name, known);
}

bt_status bt_config_check_names(const bt_config *config, const bt_names *names, bt_error *error) {
    for (int i = 0; i < names->count; i++)
        if (!bt_config_find(config, names->names[i]))
            return bt_config_fail_model(config, names->names[i], error);
    return BT_OK;
}

const bt_config_model *bt_config_find(const bt_config *config, const char *name) {
    for (int i = 0; i < config->model_count; i++)
        if (strcmp(config->models[i].name, name) == 0) return &config->models[i];
    return NULL;
}

const bt_config_point *bt_config_model_point(const bt_config_model *model, int batch_size) {
    for (int i = 0; i < model->point_count; i++)
        if (model->points[i].batch_size == batch_size) return &model->points[i];
    return NULL;
}

bt_precision bt_config_model_precision(const bt_config_model *model) {
    bt_precision taken;
    const bool compared = model->precision_reason[0] && bt_precision_find(&taken, model->precision);
    return compared && !bt_precision_is_open(taken) ? taken : (bt_precision)model->settings.precision;
}

/* ---- reading ---- */

/* Refuses what it does not know before it reads what it does: a misspelt key is the likelier fault. */
static bt_status read_keys(const bt_config_keys *keys, const json_t *object, void *values, const char *where,
                           bt_error *error) {
    if (!json_is_object(object)) return bt_fail(error, BT_PARSE, "%s is not an object { ... }", where);
    bt_status status =
        bt_fields_refuse_unknown(keys->fields, keys->count, keys->others, object, where, error);
    return status != BT_OK ? status : bt_fields_read(keys->fields, keys->count, object, values, where, error);
}

static bt_status read_quantiles(const json_t *object, const char *key, double **quantiles_ms, int *count,
                                const char *where, bt_error *error) {
    json_t *array = json_object_get(object, key);
    if (!array || json_is_null(array)) return BT_OK;
    bt_status status = bt_json_array(object, key, &array, where, error);
    if (status != BT_OK) return status;
    if (json_array_size(array) > BT_CONFIG_QUANTILES)
        return bt_fail(error, BT_PARSE, "%s: %s has %zu numbers, at most %d", where, key,
                       json_array_size(array), BT_CONFIG_QUANTILES);
    status = bt_numbers_read(array, quantiles_ms, count, key, where, error);
    for (int i = 1; status == BT_OK && i < *count; i++)
        if ((*quantiles_ms)[i] < (*quantiles_ms)[i - 1])
            status = bt_fail(error, BT_PARSE, "%s: %s does not ascend at [%d]", where, key, i);
    return status;
}

static bt_status read_few(const json_t *object, const char *key, double *out, int *count, const char *where,
                          bt_error *error) {
    double *numbers = NULL;
    json_t *array = json_object_get(object, key);
    if (!array || json_is_null(array)) return BT_OK;
    bt_status status = bt_json_array(object, key, &array, where, error);
    if (status == BT_OK && json_array_size(array) > BT_CONFIG_IDLE_MAX)
        status = bt_fail(error, BT_PARSE, "%s: %s has %zu numbers, at most %d", where, key,
                         json_array_size(array), BT_CONFIG_IDLE_MAX);
    if (status == BT_OK) status = bt_numbers_read(array, &numbers, count, key, where, error);
    for (int i = 0; i < *count && status == BT_OK; i++)
        out[i] = numbers[i];
    free(numbers);
    return status;
}

static bt_status read_idle(const json_t *object, bt_config_model *model, const char *where, bt_error *error) {
    int extras = 0;
    bt_status status = read_few(object, "idle_gap_ms", model->idle_gap_ms, &model->idle_count, where, error);
    if (status == BT_OK)
        status = read_few(object, "idle_extra_ms", model->idle_extra_ms, &extras, where, error);
    if (status == BT_OK && extras != model->idle_count)
        status = bt_fail(error, BT_PARSE, "%s: idle_gap_ms has %d numbers, idle_extra_ms %d", where,
                         model->idle_count, extras);
    for (int i = 1; status == BT_OK && i < extras; i++)
        if (!(model->idle_gap_ms[i] > model->idle_gap_ms[i - 1]))
            status = bt_fail(error, BT_PARSE, "%s: idle_gap_ms does not ascend at [%d]", where, i);
    return status;
}

/* `point` is already the model's, so that what it owns is freed with the model. */
static bt_status read_point(const json_t *object, bt_config_point *point, const char *where,
                            bt_error *error) {
    char name[32];
    bt_status status = read_keys(&bt_config_point_keys, object, point, where, error);
    if (status == BT_OK)
        status = bt_json_optional_text(object, "outcome", "measured", name, sizeof name, where, error);
    if (status != BT_OK) return status;
    if (!bt_outcome_find(name, &point->outcome)) {
        char shown[BT_TEXT_QUOTE_SIZE];
        bt_text_quote(name, shown);
        return bt_fail(error, BT_PARSE, "%s: outcome %s is none that is known", where, shown);
    }
    return read_quantiles(object, "service_ms_quantiles", &point->service_ms_quantiles,
                          &point->quantile_count, where, error);
}

static bt_status read_points(const json_t *object, bt_config_model *model, const char *where,
                             bt_error *error) {
    json_t *array;
    if (!json_object_get(object, "points")) return BT_OK;
    bt_status status = bt_json_array(object, "points", &array, where, error);
    size_t count = json_array_size(array);
    if (status != BT_OK || count == 0) return status;
    if (count > BT_BATCH_MAX)
        return bt_fail(error, BT_PARSE, "%s: points has %zu items, at most %d", where, count, BT_BATCH_MAX);
    model->points = (bt_config_point *)calloc(count, sizeof *model->points);
    if (!model->points) return bt_no_memory(error, "%zu points of %s", count, where);
    for (size_t i = 0; i < count; i++) {
        char here[BT_WHERE_SIZE];
        bt_config_point *point = &model->points[model->point_count++];
        bt_where_item(here, where, "points", i);
        *point = bt_config_point_empty();
        status = read_point(json_array_get(array, i), point, here, error);
        if (status != BT_OK) return status;
        if (i > 0 && point->batch_size <= point[-1].batch_size)
            return bt_fail(error, BT_PARSE, "%s: batch_size %d does not come after the one before", here,
                           point->batch_size);
    }
    return BT_OK;
}

static bt_status read_instances(const json_t *object, bt_config_model *model, const char *where,
                                bt_error *error) {
    json_t *array;
    if (!json_object_get(object, "instances")) return BT_OK;
    bt_status status = bt_json_array(object, "instances", &array, where, error);
    if (status != BT_OK) return status;
    size_t count = json_array_size(array);
    if (count == 0 || count > BT_INSTANCES_MAX)
        return bt_fail(error, BT_PARSE, "%s: instances has %zu items; 1 to %d are wanted", where, count,
                       BT_INSTANCES_MAX);
    for (size_t i = 0; status == BT_OK && i < count; i++) {
        char here[BT_WHERE_SIZE];
        bt_where_item(here, where, "instances", i);
        status =
            read_keys(&bt_config_instance_keys, json_array_get(array, i), &model->instances[i], here, error);
    }
    model->instance_count = (int)count;
    return status;
}

static bt_status read_precision(void *owner, const json_t *object, const char *where, bt_error *error) {
    bt_config_model *model = owner;
    bt_config_precision *precision = &model->precisions[model->precision_count++];
    *precision = (bt_config_precision){.ratio = NAN, .mask_iou = NAN};
    return read_keys(&bt_config_precision_keys, object, precision, where, error);
}

static bt_status read_precisions(const json_t *object, bt_config_model *model, const char *where,
                                 bt_error *error) {
    if (!json_object_get(object, "precisions")) return BT_OK;
    return bt_list_read(object, "precisions", BT_CONTENDERS_MAX, read_precision, model, where, error);
}

static bt_status read_weights(const json_t *object, bt_config_model *model, const char *where,
                              bt_error *error) {
    char here[BT_WHERE_SIZE];
    json_t *weights;
    if (!json_object_get(object, "weights")) return BT_OK;
    bt_status status = bt_json_object(object, "weights", &weights, where, error);
    if (status != BT_OK) return status;
    bt_where_key(here, where, "weights");
    return read_keys(&bt_config_weights_keys, weights, &model->weights, here, error);
}

/* The file's settings, under the entry's own. */
static bt_status read_settings(const json_t *object, bt_config_model *model, const bt_settings *of_file,
                               const char *where, bt_error *error) {
    char here[BT_WHERE_SIZE];
    const json_t *own = json_object_get(object, "settings");
    bt_option_sources sources = {{BT_SOURCE_DEFAULT}};
    size_t count;
    const bt_option *table = bt_settings_model_table(&count);
    model->settings = *of_file;
    if (!own) return BT_OK;
    bt_where_key(here, where, "settings");
    return bt_options_read_json(table, count, own, BT_SOURCE_CONFIG, here, &model->settings, &sources, error);
}

/* Older files say what their figures are of once, for the latest run's entries; an older entry's backend
 * tells whether it is a simulation all the same. */
static void complete_workload(bt_config_model *model, const bt_config *config) {
    const bool older = *model->run_id && strcmp(model->run_id, config->run_id) != 0;
    const char *workload = config->workload;
    if (*model->workload) return;
    if (older && *model->runtime)
        workload = strcmp(model->runtime, "sim") == 0                    ? "simulated"
                   : strncmp(model->instances[0].device, "cuda", 4) == 0 ? "production"
                                                                         : "cpu-demo";
    snprintf(model->workload, sizeof model->workload, "%s", workload);
}

/* Figures are written with four decimals, in the entry as in its points. */
static bool same_figure(double a, double b) {
    return (isnan(a) && isnan(b)) || fabs(a - b) < 1e-3;
}

static void take_figures(bt_config_model *model, const bt_config_point *point) {
    model->p95_latency_ms = point->p95_ms;
    model->throughput_imgs_per_sec = point->throughput_imgs_per_sec;
    model->memory_usage_mb = point->memory_mb;
    model->p95_upper_bound_ms = point->p95_upper_ms;
    model->efficiency_score = point->efficiency;
    model->meets_sla = point->outcome == BT_OUTCOME_MEASURED;
    model->provisional = false;
    model->reason[0] = '\0';
    model->speedup_over_single_image = model->mask_iou = NAN;
    model->capacity_rps = model->recommended_rps = model->predicted_p95_ms = NAN;
}

/* A run copies the entry's figures from the point that it chose. Where they are not of the batch size that
 * stands there now, it was changed by hand, and figures of another size must not pass for its own. */
static void check_choice(bt_config_model *model) {
    const bt_config_point *point = bt_config_model_point(model, model->optimal_batch_size);
    const bt_config_point nothing = bt_config_point_empty();
    model->measured = point && !isnan(point->p95_ms);
    model->edited =
        model->point_count > 0 && !same_figure(model->p95_latency_ms, point ? point->p95_ms : NAN);
    if (model->edited) take_figures(model, point ? point : &nothing);
    if (!model->measured) model->meets_sla = false;
    if (model->measured && !model->meets_sla && bt_config_is_provisional(point->outcome))
        model->provisional = true; /* which older files do not say */
}

static bt_status read_model(const char *name, const json_t *object, bt_config_model *model,
                            const bt_config *config, const char *where, bt_error *error) {
    if (!*name || strlen(name) >= sizeof model->name)
        return bt_fail(error, BT_PARSE, "%s: a model's name has 1 to %zu bytes", where,
                       sizeof model->name - 1);
    strcpy(model->name, name);
    bt_status status = read_keys(&bt_config_model_keys, object, model, where, error);
    if (status == BT_OK) status = read_precisions(object, model, where, error);
    if (status == BT_OK) status = read_instances(object, model, where, error);
    if (status == BT_OK) status = read_weights(object, model, where, error);
    if (status == BT_OK) status = read_points(object, model, where, error);
    if (status == BT_OK)
        status = read_quantiles(object, "prepare_ms_quantiles", &model->prepare_ms_quantiles,
                                &model->prepare_quantile_count, where, error);
    if (status == BT_OK)
        status = read_quantiles(object, "deliver_ms_quantiles", &model->deliver_ms_quantiles,
                                &model->deliver_quantile_count, where, error);
    if (status == BT_OK) status = read_idle(object, model, where, error);
    if (status == BT_OK) status = bt_config_read_neighbours(object, model, where, error);
    if (status == BT_OK) status = bt_config_read_order(object, model, where, error);
    if (status == BT_OK) status = read_settings(object, model, &config->settings, where, error);
    if (status != BT_OK) return status;
    complete_workload(model, config);
    check_choice(model);
    return BT_OK;
}

static bt_status read_models(const json_t *top, bt_config *config, const char *path, bt_error *error) {
    char where[BT_WHERE_SIZE], here[BT_WHERE_SIZE];
    json_t *object, *item;
    const char *name;
    bt_status status = bt_json_object(top, "configurations", &object, path, error);
    if (status != BT_OK) return status;
    size_t count = json_object_size(object);
    bt_where_key(where, path, "configurations");
    if (count > BT_MODELS_MAX)
        return bt_fail(error, BT_PARSE, "%s has %zu models, at most %d", where, count, BT_MODELS_MAX);
    config->models = (bt_config_model *)calloc(count + 1, sizeof *config->models);
    if (!config->models) return bt_no_memory(error, "%zu models of %s", count, path);
    json_object_foreach(object, name, item) {
        if (*name == '$' || *name == '_') continue;
        bt_config_model *model = &config->models[config->model_count++];
        *model = bt_config_model_empty();
        bt_where_key(here, where, name);
        status = read_model(name, item, model, config, here, error);
        if (status != BT_OK) return status;
    }
    return BT_OK;
}

/* The parts that a file written by hand may do without. */
static bt_status read_parts(const json_t *top, bt_config *config, const char *path, bt_error *error) {
    char where[BT_WHERE_SIZE];
    const json_t *part = json_object_get(top, "machine");
    bt_status status = BT_OK;
    bt_where_key(where, path, "machine");
    if (part) status = bt_machine_from_json(part, &config->machine, where, error);
    part = json_object_get(top, "subject");
    bt_where_key(where, path, "subject");
    if (status == BT_OK && part) status = bt_subject_from_json(part, &config->subject, where, error);
    part = json_object_get(top, "settings");
    bt_where_key(where, path, "settings");
    bt_options_default(bt_settings_table, bt_settings_count, &config->settings, &config->sources);
    if (status == BT_OK && part)
        status = bt_options_read_json(bt_settings_table, bt_settings_count, part, BT_SOURCE_CONFIG, where,
                                      &config->settings, &config->sources, error);
    return status;
}

static bt_status read_config(const json_t *top, bt_config *config, const char *path, bt_error *error) {
    const json_t *version = json_object_get(top, "schema_version");
    if (json_is_integer(version) && json_integer_value(version) > BT_CONFIG_SCHEMA_VERSION)
        return bt_fail(error, BT_UNSUPPORTED,
                       "%s: written by a newer batchtune (schema_version %lld, this one reads up to %d): "
                       "update this one",
                       path, (long long)json_integer_value(version), BT_CONFIG_SCHEMA_VERSION);
    bt_status status = read_keys(&bt_config_top_keys, top, config, path, error);
    if (status == BT_OK) status = read_parts(top, config, path, error);
    return status != BT_OK ? status : read_models(top, config, path, error);
}

bt_status bt_config_load(bt_config **out, const char *path, bt_error *error) {
    json_t *top;
    *out = NULL;
    bt_status status = bt_json_load(&top, path, error);
    if (status == BT_OK) status = bt_config_from_json(out, top, path, error);
    json_decref(top);
    return status;
}

bt_status bt_config_from_json(bt_config **out, json_t *top, const char *path, bt_error *error) {
    *out = NULL;
    bt_config *config = (bt_config *)calloc(1, sizeof *config);
    if (!config) return bt_no_memory(error, "reading %s", path);
    snprintf(config->path, sizeof config->path, "%s", path);
    config->json = json_incref(top);
    bt_status status = read_config(top, config, path, error);
    if (status != BT_OK)
        bt_config_close(&config);
    else
        *out = config;
    return status;
}

bt_status bt_config_load_flag(bt_config **out, const char *path, bt_error *error) {
    *out = NULL;
    if (bt_file_exists(path)) return bt_config_load(out, path, error);
    return bt_fail(error, BT_IO,
                   "%s: there is no config; `optimize-batch` makes one, --config FILE names another", path);
}

bt_status bt_config_untuned(bt_config **out, const char *model, bt_error *error) {
    *out = NULL;
    bt_config *config = (bt_config *)calloc(1, sizeof *config);
    if (!config) return bt_no_memory(error, "a config");
    config->json = json_pack("{s:i, s:{s:{s:i}}}", "schema_version", BT_CONFIG_SCHEMA_VERSION,
                             "configurations", model, "optimal_batch_size", 1);
    bt_status status = config->json ? read_config(config->json, config, "an untuned model's config", error)
                                    : bt_fail(error, BT_PARSE, "a model's name is UTF-8");
    bt_machine_read(&config->machine);
    if (status != BT_OK)
        bt_config_close(&config);
    else
        *out = config;
    return status;
}
