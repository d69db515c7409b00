#include "tune/forecast.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "record/config.h"
#include "simulate/capacity.h"

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

static bt_status forecast_model(const bt_record *record, bt_model_record *model, bt_error *error) {
    bt_capacity capacity;
    bt_config_model entry;
    model->capacity_rps = model->recommended_rps = model->predicted_p95_ms = NAN;
    if (model->chosen < 0 || !model->meets_sla) return BT_OK;
    bt_status status = bt_config_model_open(&entry, record, model, error);
    if (status != BT_OK) return status;
    status = find_capacity(&capacity, &entry, record->settings.seed, error);
    bt_config_model_close(&entry);
    if (status == BT_INVALID) return BT_OK; /* a size beyond any that is served */
    if (status != BT_OK) return status;
    model->capacity_rps = capacity.capacity_rps;
    model->recommended_rps = capacity.recommended_rps;
    model->predicted_p95_ms = capacity.predicted_p95_ms;
    if (capacity.capacity_rps <= 0) warn(model, &record->settings);
    return BT_OK;
}

bt_status bt_forecast(bt_record *record, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < record->model_count && status == BT_OK; i++)
        status = forecast_model(record, &record->models[i], error);
    return status;
}
