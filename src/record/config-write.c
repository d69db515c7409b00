/* From a run's record to the config file. */
#include "record/config.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "record/config-fields.h"
#include "record/parts.h"
#include "record/placement.h"

/* Four decimals of a millisecond or an image per second: people read this file. */
static double rounded(double value) {
    return round(value * 1e4) / 1e4;
}

/* ---- one model ---- */

static const bt_point *chosen_point(const bt_model_record *model) {
    return model->chosen >= 0 && model->chosen < model->point_count ? &model->points[model->chosen] : NULL;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Quantiles 0, 1/63, ... 1 of the samples, by linear interpolation between order statistics (type 7 of
 * Hyndman and Fan 1996); all of the samples where they are no more. */
static bt_status take_quantiles(bt_config_point *out, const bt_point *point, bt_error *error) {
    int count = point->sample_count, wanted = count < BT_CONFIG_QUANTILES ? count : BT_CONFIG_QUANTILES;
    if (count == 0) return BT_OK;
    double *sorted = malloc((size_t)count * sizeof *sorted);
    double *quantiles = malloc((size_t)wanted * sizeof *quantiles);
    out->service_ms_quantiles = quantiles;
    out->quantile_count = quantiles ? wanted : 0;
    if (!sorted || !quantiles) {
        free(sorted);
        return bt_fail(error, BT_NO_MEMORY, "no memory for %d quantiles", wanted);
    }
    memcpy(sorted, point->samples_ms, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, ascending);
    for (int i = 0; i < wanted; i++) {
        double place = wanted > 1 ? (double)i * (count - 1) / (wanted - 1) : 0;
        int below = (int)place, above = below + 1 < count ? below + 1 : below;
        quantiles[i] = rounded(sorted[below] + (place - below) * (sorted[above] - sorted[below]));
    }
    free(sorted);
    return BT_OK;
}

static bt_status take_point(bt_config_point *out, const bt_point *point, bt_error *error) {
    *out = (bt_config_point){
        .batch_size = point->batch_size,
        .outcome = point->outcome,
        .p50_ms = rounded(point->p50_ms),
        .p95_ms = rounded(point->p95_ms),
        .p95_upper_ms = rounded(point->p95_upper_ms),
        .mean_ms = rounded(point->mean_ms),
        .throughput_imgs_per_sec = rounded(point->throughput_imgs_per_sec),
        .efficiency = rounded(point->efficiency),
        .memory_mb = rounded(point->memory_mb),
    };
    return take_quantiles(out, point, error);
}

static bt_status take_points(bt_config_model *out, const bt_model_record *model, bt_error *error) {
    bt_status status = BT_OK;
    out->points = calloc((size_t)model->point_count, sizeof *out->points);
    if (!out->points) return bt_fail(error, BT_NO_MEMORY, "no memory for %d points", model->point_count);
    for (int i = 0; i < model->point_count && status == BT_OK; i++)
        status = take_point(&out->points[out->point_count++], &model->points[i], error);
    return status;
}

/* A run measures its instances on the device that its description starts with: "cpu: AMD ...", "cuda:0
 * NVIDIA ...". Several lie on slices of the cores, where the service puts them as the run did. */
static void take_instances(bt_config_model *out, const bt_model_record *model) {
    bt_config_instance *instance = &out->instances[0];
    bt_placement placement;
    cpu_set_t allowed;
    char text[32];
    bt_error ignored;
    bt_cpus_allowed(&allowed);
    snprintf(text, sizeof text, "%dx%d", model->instances, model->threads);
    if (model->instances > 1 &&
        bt_placement_parse(&placement, text, model->model, &allowed, &ignored) == BT_OK) {
        memcpy(out->instances, placement.instances, sizeof out->instances);
        out->instance_count = placement.count;
        return;
    }
    size_t length = strcspn(model->device, " ");
    if (length > 0 && model->device[length - 1] == ':') length--;
    snprintf(instance->device, sizeof instance->device, "%.*s", (int)length, model->device);
    instance->threads = model->threads;
    out->instance_count = 1;
}

static bt_status take_weights(bt_config_weights *out, const bt_model_record *model, bt_error *error) {
    out->hash = model->weights_hash;
    snprintf(out->source, sizeof out->source, "%s", model->weights_source);
    const char *path = model->model_file[0] ? model->model_file : model->weights_path;
    return path[0] ? bt_config_weights_describe(out, path, error) : BT_OK;
}

static void take_entry(bt_config_model *out, const bt_record *record, const bt_model_record *model,
                       const bt_point *point) {
    snprintf(out->name, sizeof out->name, "%s", model->model);
    snprintf(out->model_file, sizeof out->model_file, "%s", model->model_file);
    out->optimal_batch_size = point->batch_size;
    out->p95_latency_ms = rounded(point->p95_ms);
    out->throughput_imgs_per_sec = rounded(point->throughput_imgs_per_sec);
    out->memory_usage_mb = rounded(point->memory_mb);
    out->p95_upper_bound_ms = rounded(point->p95_upper_ms);
    out->efficiency_score = rounded(point->efficiency);
    out->measured = !isnan(point->p95_ms);
    out->meets_sla = model->meets_sla;
    out->p95_sla_ms = record->settings.p95_sla_ms;
    out->reachable_sla_ms = rounded(model->reachable_sla_ms);
    out->image_size = model->image_size;
    out->capacity_rps = rounded(model->capacity_rps);
    out->recommended_rps = rounded(model->recommended_rps);
    out->predicted_p95_ms = rounded(model->predicted_p95_ms);
    out->speedup_over_single_image = rounded(model->speedup_over_single_image);
    out->mask_iou = rounded(point->mask_iou);
    out->full_size = model->full_size;
    out->full_size_ms = rounded(model->full_size_ms);
    snprintf(out->memory_kind, sizeof out->memory_kind, "%s", model->device_memory ? "device" : "process");
    snprintf(out->precision, sizeof out->precision, "%s", model->precision);
    snprintf(out->generated_at, sizeof out->generated_at, "%s", record->finished_at);
    snprintf(out->run_id, sizeof out->run_id, "%s", record->run_id);
    snprintf(out->runtime, sizeof out->runtime, "%s", model->backend);
    snprintf(out->machine_fingerprint, sizeof out->machine_fingerprint, "%s", record->machine.fingerprint);
}

bt_status bt_config_model_open(bt_config_model *out, const bt_record *record, const bt_model_record *model,
                               bt_error *error) {
    const bt_point *point = chosen_point(model);
    *out = bt_config_model_empty();
    if (!point) return bt_fail(error, BT_INVALID, "%s: the run chose no batch size", model->model);
    take_entry(out, record, model, point);
    take_instances(out, model);
    bt_status status = take_weights(&out->weights, model, error);
    if (status == BT_OK) status = take_points(out, model, error);
    if (status != BT_OK) bt_config_model_close(out);
    return status;
}

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

static json_t *write_instance(const void *item) {
    const bt_config_instance *instance = item;
    json_t *object =
        bt_fields_to_json(bt_config_instance_keys.fields, bt_config_instance_keys.count, instance);
    if (object && (*instance->cpus || json_object_set_new(object, "cpus", json_null()) == 0)) return object;
    json_decref(object);
    return NULL;
}

static json_t *write_entry(const bt_config_model *entry) {
    const bt_config_keys *keys = &bt_config_model_keys, *of_weights = &bt_config_weights_keys;
    json_t *object = bt_fields_to_json(keys->fields, keys->count, entry);
    int failed = !object;
    failed = failed || json_object_set_new(object, "instances",
                                           bt_json_array_of(entry->instances, sizeof *entry->instances,
                                                            entry->instance_count, write_instance));
    failed = failed ||
             json_object_set_new(object, "weights",
                                 bt_fields_to_json(of_weights->fields, of_weights->count, &entry->weights));
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
    return bt_fail(error, BT_NO_MEMORY, "no memory to write the config");
}

static bt_status add_model(json_t *object, const bt_record *record, const bt_model_record *model,
                           bt_error *error) {
    bt_config_model entry;
    bt_status status = bt_config_model_open(&entry, record, model, error);
    if (status != BT_OK) return status;
    if (json_object_set_new(object, model->model, write_entry(&entry)) != 0) status = fail_memory(error);
    bt_config_model_close(&entry);
    return status;
}

/* Setting a key that is there leaves it in its place, so the file's order is kept. */
static bt_status add_models(json_t *top, const bt_record *record, const bt_config *before, bt_error *error) {
    json_t *kept = before ? json_object_get(before->json, "configurations") : NULL;
    json_t *object = kept ? json_deep_copy(kept) : json_object();
    if (json_object_set_new(top, "configurations", object) != 0) return fail_memory(error);
    bt_status status = BT_OK;
    for (int i = 0; i < record->model_count && status == BT_OK; i++)
        if (chosen_point(&record->models[i])) status = add_model(object, record, &record->models[i], error);
    return status;
}

bt_status bt_config_from_record(json_t **out, const bt_record *record, const bt_config *before,
                                bt_error *error) {
    bt_config head = {.schema_version = BT_CONFIG_SCHEMA_VERSION};
    snprintf(head.generated_at, sizeof head.generated_at, "%s", record->finished_at);
    snprintf(head.tool_version, sizeof head.tool_version, "%s", record->subject.tool_version);
    snprintf(head.run_id, sizeof head.run_id, "%s", record->run_id);
    snprintf(head.workload, sizeof head.workload, "%s", record->workload);
    json_t *top = json_object();
    int failed = !top || keep_comments(top, before);
    failed = failed || bt_fields_write(bt_config_top_keys.fields, bt_config_top_keys.count, &head, top);
    failed = failed || json_object_set_new(top, "machine", bt_machine_to_json(&record->machine));
    failed = failed || json_object_set_new(top, "subject", bt_subject_to_json(&record->subject));
    failed = failed || json_object_set_new(
                           top, "settings",
                           bt_options_write_json(bt_settings_table, bt_settings_count, &record->settings));
    bt_status status = failed ? fail_memory(error) : add_models(top, record, before, error);
    *out = status == BT_OK ? top : NULL;
    if (status != BT_OK) json_decref(top);
    return status;
}

bt_status bt_config_save(const json_t *json, const char *path, bt_error *error) {
    return bt_json_save(json, path, true, error);
}

/* ---- what changed ---- */

static void put_change(char out[BT_TEXT_SIZE], const bt_config_model *old, const bt_model_record *model,
                       const bt_point *point) {
    char batch[64];
    if (!old) {
        snprintf(out, BT_TEXT_SIZE, "%s: new, batch %d, P95 %.1f ms, %.1f img/s", model->model,
                 point->batch_size, point->p95_ms, point->throughput_imgs_per_sec);
        return;
    }
    if (old->optimal_batch_size == point->batch_size)
        snprintf(batch, sizeof batch, "batch %d as before", point->batch_size);
    else
        snprintf(batch, sizeof batch, "batch %d -> %d", old->optimal_batch_size, point->batch_size);
    if (!old->measured) {
        snprintf(out, BT_TEXT_SIZE, "%s: %s, P95 unmeasured -> %.1f ms, %.1f img/s", model->model, batch,
                 point->p95_ms, point->throughput_imgs_per_sec);
        return;
    }
    snprintf(out, BT_TEXT_SIZE, "%s: %s, P95 %.1f -> %.1f ms, %.1f -> %.1f img/s", model->model, batch,
             old->p95_latency_ms, point->p95_ms, old->throughput_imgs_per_sec,
             point->throughput_imgs_per_sec);
}

int bt_config_changes(const bt_config *before, const bt_record *record, char lines[8][BT_TEXT_SIZE]) {
    int count = 0;
    for (int i = 0; before && i < record->model_count && count < 8; i++) {
        const bt_model_record *model = &record->models[i];
        const bt_point *point = chosen_point(model);
        if (point) put_change(lines[count++], bt_config_find(before, model->model), model, point);
    }
    return count;
}
