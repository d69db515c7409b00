#include "explain/what-if.h"

#include <math.h>
#include <stdlib.h>

#include "simulate/capacity.h"
#include "simulate/delay.h"
#include "simulate/rates.h"

/* No run is made shorter than this share of what it was: what a launch costs is known to no better. */
#define LEAST_SHARE 0.05

bt_change bt_change_none(void) {
    return (bt_change){.queue_delay_ms = NAN, .p95_sla_ms = NAN, .run_times = 1};
}

int bt_instances_of(const bt_config_model *model) {
    return model->instance_count > 0 ? model->instance_count : 1;
}

/* The entry as it would be. It borrows all but its points, whose times lie behind them. */
typedef struct variant {
    bt_config_model model;
    bt_config_point *points;
    double *times_ms;
} variant;

static double changed_ms(double ms, const bt_change *change) {
    return fmax(ms * LEAST_SHARE, ms * change->run_times - change->run_less_ms);
}

static void close_variant(variant *v) {
    free(v->points);
    free(v->times_ms);
}

static bt_status open_variant(variant *v, const bt_config_model *model, const bt_change *change,
                              bt_error *error) {
    const size_t count = (size_t)model->point_count;
    *v = (variant){.model = *model};
    v->points = malloc((count + 1) * sizeof *v->points);
    v->times_ms = malloc((count + 1) * BT_CONFIG_QUANTILES * sizeof *v->times_ms);
    if (!v->points || !v->times_ms) return bt_no_memory(error, "a change of %s", model->name);
    v->model.points = v->points;
    for (size_t i = 0; i < count; i++) {
        double *times_ms = v->times_ms + i * BT_CONFIG_QUANTILES;
        v->points[i] = model->points[i];
        v->points[i].service_ms_quantiles = times_ms;
        for (int q = 0; q < model->points[i].quantile_count; q++)
            times_ms[q] = changed_ms(model->points[i].service_ms_quantiles[q], change);
    }
    if (change->handled_elsewhere) v->model.prepare_quantile_count = v->model.deliver_quantile_count = 0;
    if (!isnan(change->queue_delay_ms)) v->model.settings.max_queue_delay_ms = change->queue_delay_ms;
    if (!isnan(change->p95_sla_ms)) v->model.settings.p95_sla_ms = change->p95_sla_ms;
    return BT_OK;
}

/* The changed entry made ready to simulate. Both are to be closed, whatever is returned. */
static bt_status prepare(variant *v, bt_tuned_model *tuned, const bt_config_model *model,
                         const bt_change *change, bt_error *error) {
    *tuned = (bt_tuned_model){0};
    bt_status status = open_variant(v, model, change, error);
    return status == BT_OK ? bt_tuned_model_open(tuned, &v->model, change->batch_size, error) : status;
}

static int instances_with(const bt_config_model *model, const bt_change *change) {
    return bt_instances_of(model) + change->more_instances;
}

static bt_status try_rate(bt_simulated *out, const bt_tuned_model *tuned, int instances, uint64_t seed,
                          double rate_rps, bt_error *error) {
    bt_rates rates;
    bt_status status = bt_rates_open(&rates, tuned, instances, seed, 0, error);
    if (status == BT_OK) status = bt_rates_try(&rates, rate_rps, out, error);
    bt_rates_close(&rates);
    return status;
}

bt_status bt_what_if_at(bt_simulated *out, const bt_config_model *model, const bt_change *change,
                        double rate_rps, bt_error *error) {
    variant v;
    bt_tuned_model tuned;
    bt_status status = prepare(&v, &tuned, model, change, error);
    if (status == BT_OK)
        status = try_rate(out, &tuned, instances_with(model, change), (uint64_t)v.model.settings.seed,
                          rate_rps, error);
    bt_tuned_model_close(&tuned);
    close_variant(&v);
    return status;
}

bt_status bt_what_if(bt_outlook *out, const bt_config_model *model, const bt_change *change, double rate_rps,
                     bt_error *error) {
    const int instances = instances_with(model, change);
    variant v;
    bt_tuned_model tuned;
    bt_capacity capacity;
    *out = (bt_outlook){.capacity_rps = NAN, .at_rate = {.p95_ms = NAN, .mean_ms = NAN}};
    bt_status status = prepare(&v, &tuned, model, change, error);
    const bt_settings *settings = &v.model.settings;
    const uint64_t seed = (uint64_t)settings->seed;
    if (status == BT_OK)
        status = bt_capacity_find(&capacity, &tuned, instances, settings->p95_sla_ms, seed, error);
    if (status == BT_OK) out->capacity_rps = capacity.capacity_rps;
    if (status == BT_OK && rate_rps > 0)
        status = try_rate(&out->at_rate, &tuned, instances, seed, rate_rps, error);
    bt_tuned_model_close(&tuned);
    close_variant(&v);
    return status;
}

bt_status bt_best_delay(double *out_ms, const bt_config_model *model, double rate_rps, bt_error *error) {
    const bt_delay_options options = {.instances = bt_instances_of(model),
                                      .p95_sla_ms = model->settings.p95_sla_ms,
                                      .rate_rps = rate_rps,
                                      .fixed_delay_ms = NAN,
                                      .seed = (uint64_t)model->settings.seed};
    bt_tuned_model tuned = {0};
    bt_delay_choice choice;
    bt_status status = bt_tuned_model_open(&tuned, model, 0, error);
    if (status == BT_OK) status = bt_delay_find(&choice, &tuned, &options, error);
    if (status == BT_OK) *out_ms = choice.delay_ms;
    bt_tuned_model_close(&tuned);
    return status;
}
