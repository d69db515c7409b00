/* What a run found of a model, as an entry of the config. */
#include "record/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cores.h"
#include "base/memory.h"
#include "record/config-fields.h"
#include "settings/model-file.h"
#include "settings/placement.h"

/* Four decimals of a millisecond or an image per second: people read this file. */
static double rounded(double value) {
    return round(value * 1e4) / 1e4;
}

const bt_point *bt_config_choice(const bt_model_record *model) {
    return model->chosen >= 0 && model->chosen < model->point_count ? &model->points[model->chosen] : NULL;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Quantiles 0, 1/63, ... 1 of the samples, by linear interpolation between order statistics (type 7 of
 * Hyndman and Fan 1996); all of the samples where they are no more. */
static bt_status take_quantiles(double **out, int *out_count, const double *samples_ms, int count,
                                bt_error *error) {
    int wanted = count < BT_CONFIG_QUANTILES ? count : BT_CONFIG_QUANTILES;
    if (count == 0) return BT_OK;
    double *sorted = malloc((size_t)count * sizeof *sorted);
    double *quantiles = malloc((size_t)wanted * sizeof *quantiles);
    *out = quantiles;
    *out_count = quantiles ? wanted : 0;
    if (!sorted || !quantiles) {
        free(sorted);
        return bt_no_memory(error, "%d quantiles", wanted);
    }
    memcpy(sorted, samples_ms, (size_t)count * sizeof *sorted);
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
    return take_quantiles(&out->service_ms_quantiles, &out->quantile_count, point->samples_ms,
                          point->sample_count, error);
}

static bt_status take_points(bt_config_model *out, const bt_model_record *model, bt_error *error) {
    bt_status status = BT_OK;
    out->points = calloc((size_t)model->point_count, sizeof *out->points);
    if (!out->points) return bt_no_memory(error, "%d points", model->point_count);
    for (int i = 0; i < model->point_count && status == BT_OK; i++)
        status = take_point(&out->points[out->point_count++], &model->points[i], error);
    return status;
}

static void take_idle(bt_config_model *out, const bt_model_record *model) {
    if (model->idle_sample_count == 0) return;
    for (int i = 0; i < BT_IDLE_GAPS; i++) {
        out->idle_gap_ms[i] = bt_idle_gaps_ms[i];
        out->idle_extra_ms[i] = rounded(model->idle_extra_ms[i]);
    }
    out->idle_count = BT_IDLE_GAPS;
}

static bt_status take_handling(bt_config_model *out, const bt_model_record *model, bt_error *error) {
    bt_status status = take_quantiles(&out->prepare_ms_quantiles, &out->prepare_quantile_count,
                                      model->prepare_samples_ms, model->prepare_sample_count, error);
    return status == BT_OK ? take_quantiles(&out->deliver_ms_quantiles, &out->deliver_quantile_count,
                                            model->deliver_samples_ms, model->deliver_sample_count, error)
                           : status;
}

/* A run measures its instances on the device that its description starts with: "cpu: AMD ...", "cuda:0
 * NVIDIA ...". Several lie on slices of the cores, where the service puts them as the run did. */
static void take_instances(bt_config_model *out, const bt_model_record *model) {
    bt_instance *instance = &out->instances[0];
    bt_placement placement;
    char text[32];
    bt_error ignored;
    const bt_cores cores = bt_cores_read();
    snprintf(text, sizeof text, "%dx%d", model->instances, model->threads);
    if (model->instances > 1 &&
        bt_placement_parse(&placement, text, model->model, &cores.mask, &ignored) == BT_OK) {
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

bool bt_config_needs_calibration(const bt_model_record *model) {
    return model->calibration[0] && strcmp(model->precision, bt_precision_name(BT_PRECISION_INT8)) == 0;
}

/* Each precision and layout that was compared, once; and the layout is then a setting that was decided. */
static void take_precisions(bt_config_model *out, const bt_model_record *model) {
    const bt_contender *taken = bt_model_contender(model);
    snprintf(out->precision_reason, sizeof out->precision_reason, "%s", model->precision_reason);
    if (bt_config_needs_calibration(model))
        snprintf(out->calibration, sizeof out->calibration, "%s", model->calibration);
    if (!taken) return;
    out->settings.use_channels_last = taken->channels_last;
    for (int i = 0; i < model->contender_count && model->precision_reason[0]; i++) {
        const bt_contender *c = bt_model_told_contender(model, i);
        if (!c) continue;
        bt_config_precision *precision = &out->precisions[out->precision_count++];
        *precision = (bt_config_precision){
            .channels_last = c->channels_last, .ratio = rounded(c->ratio), .mask_iou = rounded(c->mask_iou)};
        snprintf(precision->precision, sizeof precision->precision, "%s", c->precision);
        snprintf(precision->why, sizeof precision->why, "%s", c->why);
    }
}

static bt_status take_weights(bt_config_weights *out, const bt_model_record *model, bt_error *error) {
    out->hash = model->weights_hash;
    snprintf(out->source, sizeof out->source, "%s", model->weights_source);
    const bool has_its_own = model->model_file[0] && !bt_model_file_is_list(model->model_file);
    const char *path = has_its_own ? model->model_file : model->weights_path;
    return path[0] ? bt_config_weights_describe(out, path, error) : BT_OK;
}

static void take_doubt(bt_config_model *out, const bt_model_record *model, const bt_point *point) {
    out->provisional = !model->meets_sla && bt_config_is_provisional(point->outcome);
    if (out->provisional) snprintf(out->reason, sizeof out->reason, "%s", point->why);
}

/* What stands in an entry whatever came of the run. */
static void take_origin(bt_config_model *out, const bt_record *record, const bt_model_record *model) {
    snprintf(out->name, sizeof out->name, "%s", model->model);
    snprintf(out->model_file, sizeof out->model_file, "%s", model->model_file);
    out->settings = record->settings;
    if (!isnan(model->queue_delay_ms)) out->settings.max_queue_delay_ms = model->queue_delay_ms;
    out->p95_sla_ms = record->settings.p95_sla_ms;
    out->image_size = model->image_size;
    out->classes = model->classes > 1 ? model->classes : 0;
    snprintf(out->precision, sizeof out->precision, "%s", model->precision);
    snprintf(out->generated_at, sizeof out->generated_at, "%s", record->finished_at);
    snprintf(out->run_id, sizeof out->run_id, "%s", record->run_id);
    snprintf(out->runtime, sizeof out->runtime, "%s", model->backend);
    snprintf(out->machine_fingerprint, sizeof out->machine_fingerprint, "%s", record->machine.fingerprint);
    snprintf(out->workload, sizeof out->workload, "%s", record->workload);
}

static void take_entry(bt_config_model *out, const bt_model_record *model, const bt_point *point) {
    out->optimal_batch_size = point->batch_size;
    out->p95_latency_ms = rounded(point->p95_ms);
    out->throughput_imgs_per_sec = rounded(point->throughput_imgs_per_sec);
    out->memory_usage_mb = rounded(point->memory_mb);
    out->p95_upper_bound_ms = rounded(point->p95_upper_ms);
    out->efficiency_score = rounded(point->efficiency);
    out->measured = !isnan(point->p95_ms);
    out->meets_sla = model->meets_sla;
    out->reachable_sla_ms = rounded(model->reachable_sla_ms);
    out->capacity_rps = rounded(model->capacity_rps);
    out->recommended_rps = rounded(model->recommended_rps);
    out->predicted_p95_ms = rounded(model->predicted_p95_ms);
    out->speedup_over_single_image = rounded(model->speedup_over_single_image);
    out->mask_iou = rounded(point->mask_iou);
    out->full_size = model->full_size;
    out->full_size_ms = rounded(model->full_size_ms);
    snprintf(out->memory_kind, sizeof out->memory_kind, "%s", bt_memory_kind(model->device_memory));
    take_doubt(out, model, point);
}

bt_status bt_config_model_open(bt_config_model *out, const bt_record *record, const bt_model_record *model,
                               bt_error *error) {
    const bt_point *point = bt_config_choice(model);
    *out = bt_config_model_empty();
    if (!point) return bt_fail(error, BT_INVALID, "%s: the run chose no batch size", model->model);
    take_origin(out, record, model);
    take_entry(out, model, point);
    take_precisions(out, model);
    take_instances(out, model);
    take_idle(out, model);
    bt_config_take_neighbours(out, model);
    bt_status status = take_weights(&out->weights, model, error);
    if (status == BT_OK) status = take_handling(out, model, error);
    if (status == BT_OK) status = bt_config_take_order(out, model, error);
    if (status == BT_OK) status = take_points(out, model, error);
    if (status != BT_OK) bt_config_model_close(out);
    return status;
}

void bt_config_why_not(char out[BT_TEXT_SIZE], const bt_model_record *model) {
    snprintf(out, BT_TEXT_SIZE, "%s", model->reason[0] ? model->reason : "no batch size was tried");
    for (int i = model->point_count - 1; i >= 0; i--)
        if (model->points[i].why[0])
            snprintf(out, BT_TEXT_SIZE, "batch %d: %.480s", model->points[i].batch_size,
                     model->points[i].why);
}

void bt_config_model_unmeasurable(bt_config_model *out, const bt_record *record,
                                  const bt_model_record *model) {
    *out = bt_config_model_empty();
    take_origin(out, record, model);
    out->optimal_batch_size = 1;
    out->unmeasurable = true;
    bt_config_why_not(out->reason, model);
}
