#include "record/sweep-record.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

const double bt_idle_gaps_ms[BT_IDLE_GAPS] = {0, 20, 200};

static bt_memory_fit no_fit(void) {
    return (bt_memory_fit){.base_mb = NAN, .per_image_mb = NAN};
}

static void clear_model(bt_model_record *model) {
    *model = (bt_model_record){
        .instances = 1,
        .contest_s = NAN,
        .standard_median_ms = NAN,
        .memory_total_mb = NAN,
        .production_memory = no_fit(),
        .standard_memory = no_fit(),
        .full_size_ms = NAN,
        .measuring_s = NAN,
        .chosen = -1,
        .reachable_sla_ms = NAN,
        .speedup_over_single_image = NAN,
        .rate_rps = NAN,
        .queue_delay_ms = NAN,
        .capacity_rps = NAN,
        .recommended_rps = NAN,
        .predicted_p95_ms = NAN,
    };
    for (int i = 0; i < BT_OBJECTIVE_COUNT; i++)
        model->winners[i] = -1;
}

bt_status bt_record_open(bt_record **out, int model_count, bt_error *error) {
    *out = NULL;
    if (model_count < 0)
        return bt_fail(error, BT_INVALID, "a record of %d models was asked for", model_count);
    bt_record *record = (bt_record *)calloc(1, sizeof *record);
    size_t models = model_count > 0 ? (size_t)model_count : 1;
    if (record) record->models = (bt_model_record *)calloc(models, sizeof *record->models);
    if (!record || !record->models) {
        free(record);
        return bt_no_memory(error, "a record of %d models", model_count);
    }
    record->model_count = model_count;
    for (int i = 0; i < model_count; i++)
        clear_model(&record->models[i]);
    record->joint_memory_mb = record->joint_memory_limit_mb = record->measuring_s = NAN;
    bt_options_default(bt_settings_table, bt_settings_count, &record->settings, &record->sources);
    *out = record;
    return BT_OK;
}

void bt_record_close(bt_record **record) {
    if (!record || !*record) return;
    for (int i = 0; i < (*record)->model_count; i++) {
        bt_model_record *model = &(*record)->models[i];
        for (int j = 0; j < model->point_count; j++)
            free(model->points[j].samples_ms);
        free(model->points);
        free(model->standard_samples_ms);
        free(model->prepare_samples_ms);
        free(model->deliver_samples_ms);
        free(model->idle_samples_ms);
        for (int j = 0; j < model->neighbour_count; j++)
            bt_neighbour_times_close(&model->neighbours[j]);
        free(model->neighbours);
    }
    free((*record)->models);
    free(*record);
    *record = NULL;
}

bt_status bt_model_add_neighbours(bt_model_record *model, bt_error *error) {
    model->neighbours = calloc(BT_NEIGHBOURS_MAX, sizeof *model->neighbours);
    model->neighbour_count = 0;
    return model->neighbours ? BT_OK : bt_no_memory(error, "the neighbours of %s", model->model);
}

static bt_point empty_point(int batch_size) {
    return (bt_point){
        .batch_size = batch_size,
        .outcome = BT_OUTCOME_UNDECIDED,
        .p50_ms = NAN,
        .p95_ms = NAN,
        .p95_lower_ms = NAN,
        .p95_upper_ms = NAN,
        .mean_ms = NAN,
        .throughput_imgs_per_sec = NAN,
        .efficiency = NAN,
        .effective_samples = NAN,
        .late_budget_ms = NAN,
        .best_delay_ms = NAN,
        .capacity_rps = NAN,
        .rate_p95_ms = NAN,
        .memory_mb = NAN,
        .memory_total_used_mb = NAN,
        .memory_predicted_mb = NAN,
        .logit_error = NAN,
        .mask_iou = NAN,
    };
}

/* Verdicts point at points by index, so they move along when one is put before them. */
static void move_index(int *index, int from) {
    if (*index >= from) ++*index;
}

bt_point *bt_record_add_point(bt_model_record *model, int batch_size) {
    int at = 0;
    while (at < model->point_count && model->points[at].batch_size < batch_size)
        at++;
    if (at < model->point_count && model->points[at].batch_size == batch_size) return &model->points[at];
    bt_point *points = bt_array_grow(model->points, (size_t)model->point_count, 1, NULL, sizeof *points);
    if (!points) return NULL;
    model->points = points;
    memmove(&points[at + 1], &points[at], (size_t)(model->point_count - at) * sizeof *points);
    points[at] = empty_point(batch_size);
    model->point_count++;
    for (int i = 0; i < BT_OBJECTIVE_COUNT; i++)
        move_index(&model->winners[i], at);
    move_index(&model->chosen, at);
    return &points[at];
}

bt_status bt_samples_add(double **samples_ms, int *count, const double *more_ms, int more, bt_error *error) {
    if (more <= 0) return BT_OK;
    double *all = NULL;
    if (more <= INT_MAX - *count)
        all = bt_array_grow(*samples_ms, (size_t)*count, (size_t)more, NULL, sizeof *all);
    if (!all) return bt_no_memory(error, "%d more samples", more);
    memcpy(all + *count, more_ms, (size_t)more * sizeof *all);
    *samples_ms = all;
    *count += more;
    return BT_OK;
}

bt_status bt_point_add_samples(bt_point *point, const double *samples_ms, int count, bt_error *error) {
    if (bt_samples_add(&point->samples_ms, &point->sample_count, samples_ms, count, NULL) == BT_OK)
        return BT_OK;
    return bt_no_memory(error, "%d more samples of batch size %d", count, point->batch_size);
}

/* Sizes that broke down, took too much memory or gave other masks say nothing about the SLA, but cannot keep
 * it either. */
bt_sla_state bt_model_sla_state(const bt_model_record *model) {
    bool broken = false;
    if (model->meets_sla) return model->rate_rps > 0 && !model->rate_held ? BT_SLA_BROKEN : BT_SLA_MET;
    for (int i = 0; i < model->point_count; i++) {
        bt_outcome outcome = model->points[i].outcome;
        if (outcome == BT_OUTCOME_UNDECIDED || outcome == BT_OUTCOME_SKIPPED_DOMINATED)
            return BT_SLA_NOT_SHOWN;
        broken = broken || outcome == BT_OUTCOME_OVER_SLA;
    }
    return broken ? BT_SLA_BROKEN : BT_SLA_NOT_SHOWN;
}

bool bt_contender_same_kind(const bt_contender *a, const bt_contender *b) {
    return strcmp(a->precision, b->precision) == 0 && a->channels_last == b->channels_last;
}

bool bt_contender_same_division(const bt_contender *a, const bt_contender *b) {
    return a->instances == b->instances && a->threads == b->threads;
}

const bt_contender *bt_model_contender(const bt_model_record *model) {
    for (int i = 0; i < model->contender_count; i++)
        if (model->contenders[i].taken) return &model->contenders[i];
    return NULL;
}

static bool is_first_of_kind(const bt_model_record *model, const bt_contender *c) {
    for (const bt_contender *other = model->contenders; other < c; other++)
        if (bt_contender_same_kind(other, c)) return false;
    return true;
}

const bt_contender *bt_model_told_contender(const bt_model_record *model, int index) {
    const bt_contender *taken = bt_model_contender(model), *told = &model->contenders[index];
    if (!is_first_of_kind(model, told)) return NULL;
    for (const bt_contender *c = told; c < model->contenders + model->contender_count; c++) {
        if (!bt_contender_same_kind(c, told) || isnan(c->ratio)) continue;
        if (isnan(told->ratio) || (taken && bt_contender_same_division(c, taken))) told = c;
    }
    return told;
}

const char *bt_model_choice(const bt_model_record *model) {
    if (model->chosen < 0) return "none";
    return model->meets_sla ? "chosen" : "provisional";
}

static const char *const outcome_names[BT_OUTCOME_COUNT] = {
    [BT_OUTCOME_MEASURED] = "measured",
    [BT_OUTCOME_OVER_SLA] = "over_sla",
    [BT_OUTCOME_UNDECIDED] = "undecided",
    [BT_OUTCOME_OUT_OF_MEMORY] = "out_of_memory",
    [BT_OUTCOME_OVER_MEMORY] = "over_memory",
    [BT_OUTCOME_PREDICTED_OVER_MEMORY] = "predicted_over_memory",
    [BT_OUTCOME_CRASHED] = "crashed",
    [BT_OUTCOME_SKIPPED_DOMINATED] = "skipped_dominated",
    [BT_OUTCOME_MASK_DISAGREES] = "mask_disagrees",
};

const char *bt_outcome_name(bt_outcome outcome) {
    return (unsigned)outcome < BT_OUTCOME_COUNT ? outcome_names[outcome] : "unknown";
}

bool bt_outcome_find(const char *name, bt_outcome *out) {
    for (int i = 0; i < BT_OUTCOME_COUNT; i++) {
        if (strcmp(outcome_names[i], name) != 0) continue;
        *out = (bt_outcome)i;
        return true;
    }
    return false;
}
