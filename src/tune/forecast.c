#include "tune/forecast.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "record/config.h"
#include "settings/replicas.h"
#include "simulate/capacity.h"
#include "simulate/replicas.h"

/* On as many instances as were measured together: what they cost each other is in their times. */
static bt_status find_capacity(bt_capacity *out, const bt_config_model *entry, int64_t seed,
                               bt_error *error) {
    bt_tuned_model tuned;
    bt_status status = bt_tuned_model_open(&tuned, entry, 0, error);
    if (status != BT_OK) return status;
    status = bt_capacity_find(out, &tuned, entry->instance_count, entry->settings.p95_sla_ms, (uint64_t)seed,
                              error);
    bt_tuned_model_close(&tuned);
    return status;
}

/* A batch in time is no request in time: where that parts them, the advice begins with it. */
static void warn(bt_model_record *model, const bt_settings *settings) {
    char advice[BT_TEXT_SIZE];
    memcpy(advice, model->advice, sizeof advice);
    bt_text_format(
        model->advice, sizeof model->advice,
        "%s: batches keep %g ms, but no request would, with its wait of up to %g ms for others: a shorter "
        "--max-queue-delay-ms or a higher --p95-sla-ms; %.256s",
        model->title, settings->p95_sla_ms, settings->max_queue_delay_ms, advice);
}

static bt_status forecast_capacity(const bt_record *record, bt_model_record *model,
                                   const bt_config_model *entry, bt_error *error) {
    bt_capacity capacity;
    bt_status status = find_capacity(&capacity, entry, record->settings.seed, error);
    if (status == BT_INVALID) return BT_OK; /* a size beyond any that is served */
    if (status != BT_OK) return status;
    model->capacity_rps = capacity.capacity_rps;
    model->recommended_rps = capacity.recommended_rps;
    model->predicted_p95_ms = capacity.predicted_p95_ms;
    if (capacity.capacity_rps <= 0) warn(model, &record->settings);
    return BT_OK;
}

/* As plan-replicas would of the entry, unless told otherwise. What was measured is not lost to a rate that cannot be
 * planned for. */
static bt_status plan_replicas(const bt_record *record, bt_model_record *model, const bt_config_model *entry,
                               bt_error *error) {
    bt_replicas_settings settings;
    bt_option_sources sources;
    bt_options_default(bt_replicas_settings_table, bt_replicas_settings_count, &settings, &sources);
    settings.rate = record->settings.plan_rate;
    settings.seed = record->settings.seed;
    bt_status status = bt_replicas_of(&model->replicas, entry, &settings, error);
    if (status != BT_INVALID) return status;
    model->replicas.rate_rps = 0;
    bt_text_append_clause(model->advice, sizeof model->advice, "--plan-rate: %s", error->message);
    return BT_OK;
}

static bt_status forecast_model(const bt_record *record, bt_model_record *model, bt_error *error) {
    bt_config_model entry;
    const bool plan = record->settings.plan_rate > 0;
    model->capacity_rps = model->recommended_rps = model->predicted_p95_ms = NAN;
    if (model->chosen < 0 || !(model->meets_sla || plan)) return BT_OK;
    bt_status status = bt_config_model_open(&entry, record, model, error);
    if (status != BT_OK) return status;
    if (model->meets_sla) status = forecast_capacity(record, model, &entry, error);
    if (status == BT_OK && plan) status = plan_replicas(record, model, &entry, error);
    bt_config_model_close(&entry);
    return status;
}

bt_status bt_forecast(bt_record *record, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < record->model_count && status == BT_OK; i++)
        status = forecast_model(record, &record->models[i], error);
    return status;
}
