/* From a run's record to the config file, and what that changes. */
#include "record/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "record/config-fields.h"
#include "record/parts.h"

/* ---- one model, as JSON ---- */

static json_t *write_point(const void *item) {
    const bt_config_point *point = item;
    json_t *object = bt_fields_to_json(bt_config_point_keys.fields, bt_config_point_keys.count, point);
    if (object && json_object_set_new(object, "outcome", json_string(bt_outcome_name(point->outcome))) == 0 &&
        json_object_set_new(object, "service_ms_quantiles",
                            bt_numbers_write(point->service_ms_quantiles, point->quantile_count)) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *write_precision(const void *item) {
    return bt_fields_to_json(bt_config_precision_keys.fields, bt_config_precision_keys.count, item);
}

static json_t *write_instance(const void *item) {
    const bt_instance *instance = item;
    json_t *object =
        bt_fields_to_json(bt_config_instance_keys.fields, bt_config_instance_keys.count, instance);
    if (object && (*instance->cpus || json_object_set_new(object, "cpus", json_null()) == 0)) return object;
    json_decref(object);
    return NULL;
}

/* The settings that hold for the model, but for those that its entry says in another form. */
static json_t *write_settings(const bt_config_model *entry) {
    size_t count;
    const bt_option *table = bt_settings_model_table(&count);
    const bt_config_weights *weights = &entry->weights;
    bool has_source = *weights->source && strcmp(weights->source, "none") != 0;
    json_t *object = bt_options_write_json(table, count, &entry->settings);
    if (!object) return NULL;
    if (entry->image_size > 0) json_object_del(object, "image_size");
    if (entry->instance_count > 0) json_object_del(object, "device");
    if (entry->instance_count > 0) json_object_del(object, "threads");
    if (has_source || *weights->path || *entry->model_file) json_object_del(object, "weights");
    return object;
}

static json_t *write_neighbour(const void *item) {
    const bt_config_keys *keys = &bt_config_neighbour_keys;
    return bt_fields_to_json(keys->fields, keys->count, item);
}

static json_t *write_rank(const void *item) {
    return json_integer(*(const int *)item);
}

/* Nothing of what was not measured. */
static int write_numbers(json_t *object, const char *key, const double *numbers, int count) {
    return count > 0 ? json_object_set_new(object, key, bt_numbers_write(numbers, count)) : 0;
}

static json_t *write_entry(const bt_config_model *entry) {
    const bt_config_keys *keys = &bt_config_model_keys, *of_weights = &bt_config_weights_keys;
    json_t *object = bt_fields_to_json(keys->fields, keys->count, entry);
    int failed = !object;
    failed = failed || json_object_set_new(object, "settings", write_settings(entry));
    if (entry->unmeasurable && !failed) return object;
    if (entry->precision_count > 0)
        failed = failed || json_object_set_new(object, "precisions",
                                               bt_json_array_of(entry->precisions, sizeof *entry->precisions,
                                                                entry->precision_count, write_precision));
    failed = failed || json_object_set_new(object, "instances",
                                           bt_json_array_of(entry->instances, sizeof *entry->instances,
                                                            entry->instance_count, write_instance));
    failed = failed ||
             json_object_set_new(object, "weights",
                                 bt_fields_to_json(of_weights->fields, of_weights->count, &entry->weights));
    failed = failed || write_numbers(object, "prepare_ms_quantiles", entry->prepare_ms_quantiles,
                                     entry->prepare_quantile_count);
    failed = failed || write_numbers(object, "deliver_ms_quantiles", entry->deliver_ms_quantiles,
                                     entry->deliver_quantile_count);
    failed = failed || write_numbers(object, "idle_gap_ms", entry->idle_gap_ms, entry->idle_count);
    failed = failed || write_numbers(object, "idle_extra_ms", entry->idle_extra_ms, entry->idle_count);
    if (entry->neighbour_count > 0)
        failed = failed || json_object_set_new(object, "neighbours",
                                               bt_json_array_of(entry->neighbours, sizeof *entry->neighbours,
                                                                entry->neighbour_count, write_neighbour));
    if (entry->run_rank_count > 0)
        failed = failed || json_object_set_new(object, "run_ranks",
                                               bt_json_array_of(entry->run_ranks, sizeof *entry->run_ranks,
                                                                entry->run_rank_count, write_rank));
    failed = failed || json_object_set_new(object, "points",
                                           bt_json_array_of(entry->points, sizeof *entry->points,
                                                            entry->point_count, write_point));
    if (!failed) return object;
    json_decref(object);
    return NULL;
}

/* ---- the document ---- */

static bool is_comment(const char *key) {
    return *key == '$' || *key == '_';
}

static int keep_comments(json_t *top, const bt_config *before) {
    const char *key;
    json_t *item;
    if (!before) return 0;
    json_object_foreach(before->json, key, item) {
        if (is_comment(key) && json_object_set(top, key, item) != 0) return -1;
    }
    return 0;
}

static bt_status fail_memory(bt_error *error) {
    return bt_no_memory(error, "writing the config");
}

static bool has_entry_from_elsewhere(const bt_config *before, const char *name) {
    const bt_config_model *old = before ? bt_config_find(before, name) : NULL;
    return old && !old->unmeasurable;
}

/* Whether the run makes this model's entry anew; else the one that is there is kept. */
static bool makes_entry(const bt_config *before, const bt_model_record *model) {
    return bt_config_choice(model) || !has_entry_from_elsewhere(before, model->model);
}

static bt_status add_model(json_t *object, const bt_record *record, const bt_model_record *model,
                           bt_error *error) {
    bt_config_model entry;
    bt_status status = BT_OK;
    if (bt_config_choice(model))
        status = bt_config_model_open(&entry, record, model, error);
    else
        bt_config_model_unmeasurable(&entry, record, model);
    if (status != BT_OK) return status;
    if (json_object_set_new(object, model->model, write_entry(&entry)) != 0) status = fail_memory(error);
    bt_config_model_close(&entry);
    return status;
}

/* The file's settings become the run's: a kept entry says itself what held for it until now. */
static int pin(json_t *entry, const bt_config_model *model) {
    json_t *settings = write_settings(model), *own = json_object_get(entry, "settings");
    if (!settings || (own && json_object_update(settings, own) != 0)) {
        json_decref(settings);
        return -1;
    }
    if (json_object_set_new(entry, "settings", settings) != 0) return -1;
    if (!model->workload[0] || json_object_get(entry, "workload")) return 0;
    return json_object_set_new(entry, "workload", json_string(model->workload));
}

static bt_status pin_all(json_t *object, const bt_config *before, bt_error *error) {
    for (int i = 0; before && i < before->model_count; i++)
        if (pin(json_object_get(object, before->models[i].name), &before->models[i]) != 0)
            return fail_memory(error);
    return BT_OK;
}

/* Setting a key that is there leaves it in its place, so the file's order is kept. */
static bt_status add_models(json_t *top, const bt_record *record, const bt_config *before, bt_error *error) {
    json_t *kept = before ? json_object_get(before->json, "configurations") : NULL;
    json_t *object = kept ? json_deep_copy(kept) : json_object();
    if (json_object_set_new(top, "configurations", object) != 0) return fail_memory(error);
    bt_status status = pin_all(object, before, error);
    for (int i = 0; i < record->model_count && status == BT_OK; i++)
        if (makes_entry(before, &record->models[i]))
            status = add_model(object, record, &record->models[i], error);
    return status;
}

static json_t *write_head(const bt_record *record, const bt_config *before) {
    bt_config head = {.schema_version = BT_CONFIG_SCHEMA_VERSION};
    snprintf(head.generated_at, sizeof head.generated_at, "%s", record->finished_at);
    snprintf(head.tool_version, sizeof head.tool_version, "%s", record->subject.tool_version);
    snprintf(head.run_id, sizeof head.run_id, "%s", record->run_id);
    snprintf(head.workload, sizeof head.workload, "%s", record->workload);
    json_t *top = json_object();
    int failed = !top || keep_comments(top, before);
    failed = failed || bt_fields_write(bt_config_top_keys.fields, bt_config_top_keys.count, &head, top);
    failed = failed || bt_fingerprint_write(top, &record->machine, &record->subject);
    failed = failed || json_object_set_new(
                           top, "settings",
                           bt_options_write_json(bt_settings_table, bt_settings_count, &record->settings));
    if (!failed) return top;
    json_decref(top);
    return NULL;
}

static bool changes_nothing(const bt_record *record, const bt_config *before) {
    for (int i = 0; i < record->model_count; i++)
        if (makes_entry(before, &record->models[i])) return false;
    return before;
}

bt_status bt_config_from_record(json_t **out, const bt_record *record, const bt_config *before,
                                bt_error *error) {
    const bool kept = changes_nothing(record, before);
    json_t *top = kept ? json_deep_copy(before->json) : write_head(record, before);
    bt_status status = top ? BT_OK : fail_memory(error);
    if (status == BT_OK && !kept) status = add_models(top, record, before, error);
    *out = status == BT_OK ? top : NULL;
    if (status != BT_OK) json_decref(top);
    return status;
}

/* ---- what may take whose place ---- */

/* How much figures say: a simulation's nothing of a network, a demonstration's of small images on a CPU. */
static int standing(const char *workload, int image_size) {
    if (strcmp(workload, "simulated") == 0) return 0;
    return strcmp(workload, "cpu-demo") == 0 && image_size < BT_FULL_IMAGE_SIZE ? 1 : 2;
}

static const char *measured_how(const char *workload) {
    if (strcmp(workload, "cpu-demo") == 0) return " as a demonstration on the CPU";
    return strcmp(workload, "production") == 0 ? " in production" : "";
}

static bt_status refuse_replacing(const bt_config_model *old, const char *path, const char *workload,
                                  int image_size, bt_error *error) {
    const bool simulates = strcmp(workload, "simulated") == 0;
    return bt_fail(
        error, BT_INVALID,
        "%s: %s was measured there%s (%d px%s%s%s%s), and a %s at %d px says less: write to another "
        "file with --output, or --force replaces it",
        path, old->name, measured_how(old->workload), old->image_size, old->instance_count > 0 ? " on " : "",
        old->instance_count > 0 ? old->instances[0].device : "", *old->generated_at ? ", " : "",
        old->generated_at, simulates ? "simulation" : "demonstration on the CPU", image_size);
}

/* Whether anything of it was measured: a batch size that was set by hand does not make the others' figures
 * worthless. */
static bool has_figures(const bt_config_model *model) {
    for (int i = 0; i < model->point_count; i++)
        if (!isnan(model->points[i].p95_ms)) return true;
    return false;
}

bt_status bt_config_check_replace(const bt_config *before, const char *path, const bt_names *models,
                                  const char *workload, int image_size, bt_error *error) {
    const int now = standing(workload, image_size);
    for (int i = 0; before && i < models->count; i++) {
        const bt_config_model *old = bt_config_find(before, models->names[i]);
        if (old && has_figures(old) && standing(old->workload, old->image_size) > now)
            return refuse_replacing(old, path, workload, image_size, error);
    }
    return BT_OK;
}

bt_status bt_config_save(const json_t *json, const char *path, bt_error *error) {
    return bt_json_save(json, path, true, error);
}

/* ---- what changed ---- */

static void put_change(char out[BT_TEXT_SIZE], const bt_config_model *old, const bt_model_record *model,
                       const bt_point *point) {
    char batch[64];
    if (!old) {
        bt_text_format(out, BT_TEXT_SIZE, "%s: new, batch %d, P95 %.1f ms, %.1f img/s", model->model,
                       point->batch_size, point->p95_ms, point->throughput_imgs_per_sec);
        return;
    }
    if (old->optimal_batch_size == point->batch_size)
        snprintf(batch, sizeof batch, "batch %d as before", point->batch_size);
    else
        snprintf(batch, sizeof batch, "batch %d -> %d", old->optimal_batch_size, point->batch_size);
    if (!old->measured) {
        bt_text_format(out, BT_TEXT_SIZE, "%s: %s, P95 unmeasured -> %.1f ms, %.1f img/s", model->model,
                       batch, point->p95_ms, point->throughput_imgs_per_sec);
        return;
    }
    bt_text_format(out, BT_TEXT_SIZE, "%s: %s, P95 %.1f -> %.1f ms, %.1f -> %.1f img/s", model->model, batch,
                   old->p95_latency_ms, point->p95_ms, old->throughput_imgs_per_sec,
                   point->throughput_imgs_per_sec);
}

/* Of a model that could not be measured. */
static void put_nothing(char out[BT_TEXT_SIZE], const bt_config_model *old, const bt_model_record *model) {
    char why[BT_TEXT_SIZE];
    bt_config_why_not(why, model);
    if (old && !old->unmeasurable)
        snprintf(out, BT_TEXT_SIZE, "%s: could not be measured (%.360s); its entry of before is kept",
                 model->model, why);
    else
        snprintf(out, BT_TEXT_SIZE,
                 "%s: could not be measured (%.360s); its entry says so, and no service "
                 "takes it",
                 model->model, why);
}

int bt_config_changes(const bt_config *before, const bt_record *record, char lines[8][BT_TEXT_SIZE]) {
    int count = 0;
    for (int i = 0; i < record->model_count && count < 8; i++) {
        const bt_model_record *model = &record->models[i];
        const bt_point *point = bt_config_choice(model);
        const bt_config_model *old = before ? bt_config_find(before, model->model) : NULL;
        if (point && before)
            put_change(lines[count++], old, model, point);
        else if (!point)
            put_nothing(lines[count++], old, model);
    }
    return count;
}
