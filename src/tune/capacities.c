/* --objective capacity: a size is chosen for its requests, which wait as well as being served, and not for its own
 * service time. */
#include "tune/forecast.h"

#include <math.h>

#include "base/clock.h"
#include "base/options.h"
#include "record/config.h"
#include "simulate/curve.h"
#include "simulate/delay.h"
#include "tune/objective.h"
#include "tune/score.h"

/* More instances are not proposed: a rate that wants them wants another device. */
#define INSTANCES_MOST 16

/* A delay that was asked for on the command line is kept. */
static double fixed_delay_ms(const bt_record *record) {
    const int index = bt_options_find(bt_settings_table, bt_settings_count, "max_queue_delay_ms");
    return record->sources.of[index] == BT_SOURCE_FLAG ? record->settings.max_queue_delay_ms : NAN;
}

static bt_delay_options options_of(const bt_record *record, const bt_model_record *model, int instances) {
    return (bt_delay_options){
        .instances = instances,
        .p95_sla_ms = record->settings.p95_sla_ms,
        .rate_rps = model->rate_rps > 0 ? model->rate_rps : 0,
        .fixed_delay_ms = fixed_delay_ms(record),
        .seed = (uint64_t)record->settings.seed,
    };
}

/* One size: its delay, its capacity, and its curve. */
static bt_status predict_point(bt_point *point, bt_tuned_model *tuned, const bt_delay_options *options,
                               double settings_delay_ms, bt_error *error) {
    bt_delay_choice choice;
    bt_status status = bt_delay_find(&choice, tuned, options, error);
    if (status != BT_OK) return status;
    point->late_budget_ms += choice.delay_ms - settings_delay_ms;
    point->best_delay_ms = choice.delay_ms;
    point->capacity_rps = choice.capacity_rps;
    point->rate_p95_ms = choice.rate_p95_ms;
    tuned->batcher.max_queue_delay_ns = (int64_t)(choice.delay_ms * BT_NS_PER_MS + 0.5);
    return bt_curve_predict(&point->predicted, tuned, options->instances, choice.capacity_rps, options->seed,
                            error);
}

static bt_status predict_points(const bt_record *record, bt_model_record *model, const bt_config_model *entry,
                                bt_error *error) {
    const bt_delay_options options = options_of(record, model, entry->instance_count);
    bt_status status = BT_OK;
    for (int i = 0; i < model->point_count && status == BT_OK; i++) {
        bt_tuned_model tuned;
        if (!bt_point_admissible(&model->points[i])) continue;
        status = bt_tuned_model_open(&tuned, entry, model->points[i].batch_size, error);
        if (status == BT_INVALID)
            status = BT_OK; /* a size beyond any that is served */
        else if (status == BT_OK)
            status = predict_point(&model->points[i], &tuned, &options, record->settings.max_queue_delay_ms,
                                   error);
        bt_tuned_model_close(&tuned);
    }
    return status;
}

/* How many instances hold the rate, where the choice does not. */
static bt_status ask_rate(const bt_record *record, bt_model_record *model, const bt_config_model *entry,
                          bt_error *error) {
    const bt_point *point = &model->points[model->chosen];
    const bt_delay_options options = options_of(record, model, entry->instance_count);
    bt_tuned_model tuned;
    if (model->rate_held || !(point->capacity_rps > 0)) return BT_OK;
    bt_status status = bt_tuned_model_open(&tuned, entry, point->batch_size, error);
    if (status == BT_OK)
        status = bt_delay_instances(&model->rate_instances, &tuned, point->best_delay_ms, &options,
                                    INSTANCES_MOST, error);
    bt_tuned_model_close(&tuned);
    return status;
}

static bt_status find(const bt_record *record, bt_model_record *model, bt_error *error) {
    bt_config_model entry;
    double rate_rps;
    bt_status status = bt_settings_rate(&rate_rps, &record->settings, model->model, error);
    if (status != BT_OK) return status;
    model->rate_rps = rate_rps > 0 ? rate_rps : NAN;
    if (model->chosen < 0 || !model->meets_sla) return BT_OK;
    status = bt_config_model_open(&entry, record, model, error);
    if (status != BT_OK) return status;
    status = predict_points(record, model, &entry, error);
    if (status == BT_OK) {
        bt_score_choose(model, &record->settings);
        if (model->rate_rps > 0) status = ask_rate(record, model, &entry, error);
        bt_score_conclude(model, &record->settings);
    }
    bt_config_model_close(&entry);
    return status;
}

bt_status bt_capacities_find(bt_record *record, bt_error *error) {
    bt_status status = BT_OK;
    if (record->settings.objective != BT_OBJECTIVE_CAPACITY) return BT_OK;
    for (int i = 0; i < record->model_count && status == BT_OK; i++)
        status = find(record, &record->models[i], error);
    return status;
}
