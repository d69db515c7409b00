#include "simulate/curve.h"

#include <math.h>
#include <stdlib.h>

#include "simulate/rates.h"

/* How sure each bound of the band is: the standard normal's 95th percentile. Higher: a wider band. */
#define BAND_Z 1.6449

/* Close together where the curve bends. */
static const double shares[BT_RATE_CURVE_POINTS] = {0.05, 0.1,  0.2, 0.3,  0.4, 0.5,  0.6, 0.7,
                                                    0.8,  0.85, 0.9, 0.95, 1,   1.05, 1.1, 1.2};

/* ---- the band ---- */

/* The share that may truly lie below what `share` of `count` samples lie below (Wilson 1927). */
static double bound_share(double share, double count, double z) {
    const double n = count, square = z * z / n;
    return fmin(
        fmax((share + square / 2 + z * sqrt(share * (1 - share) / n + square / n / 4)) / (1 + square), 0), 1);
}

static double quantile_at(const bt_service_times *times, double share) {
    const double place = share * (times->count - 1);
    const int below = (int)place, above = below + 1 < times->count ? below + 1 : below;
    const double low = times->quantiles_ms[below], high = times->quantiles_ms[above];
    return low + (place - below) * (high - low);
}

/* Copies the times, moved by z deviations, to *storage, which moves on. Runs that depend on their neighbours are no
 * more than one sample a block. */
static bt_service_times shifted(const bt_service_times *times, int block, double z, double **storage) {
    double *kept = *storage;
    const double samples = fmax(1, (double)times->count / block);
    for (int i = 0; i < times->count; i++) {
        const double share = times->count > 1 ? (double)i / (times->count - 1) : 0;
        *(*storage)++ = quantile_at(times, bound_share(share, samples, z));
    }
    return (bt_service_times){.batch_size = times->batch_size, .quantiles_ms = kept, .count = times->count};
}

static size_t count_times(const bt_tuned_model *model) {
    size_t count =
        (size_t)model->standard.count + (size_t)model->prepare.count + (size_t)model->deliver.count;
    for (int i = 0; i < model->batcher.ladder.size_count; i++)
        count += (size_t)model->times[i].count;
    return count;
}

/* The model with all its times at their bounds: bt_tuned_model_close frees it. */
static bt_status shift_model(bt_tuned_model *out, const bt_tuned_model *model, double z, bt_error *error) {
    const int block = model->order.count > 0 ? model->order.block_runs : 1;
    *out = *model;
    double *next = out->storage = malloc((count_times(model) + 1) * sizeof *out->storage);
    if (!next) return bt_no_memory(error, "a band");
    for (int i = 0; i < model->batcher.ladder.size_count; i++)
        out->times[i] = shifted(&model->times[i], block, z, &next);
    out->standard = shifted(&model->standard, 1, z, &next);
    out->prepare = shifted(&model->prepare, 1, z, &next);
    out->deliver = shifted(&model->deliver, 1, z, &next);
    return BT_OK;
}

/* ---- the curve ---- */

static bt_status predict_point(bt_rate_point *point, const bt_rates *rates, double rate_rps,
                               bt_error *error) {
    bt_simulated tried;
    bt_status status = bt_rates_try(rates, rate_rps, &tried, error);
    if (status != BT_OK) return status;
    *point = (bt_rate_point){
        .rate_rps = rate_rps,
        .p50_ms = tried.p50_ms,
        .p95_ms = tried.p95_ms,
        .p99_ms = tried.p99_ms,
        .p95_lower_ms = tried.p95_ms,
        .p95_upper_ms = tried.p95_ms,
        .lost_share = 1 - (double)tried.ok / (double)tried.arrival_count,
        .mean_batch_size = tried.mean_batch_size,
        .utilisation = tried.utilisation,
    };
    return BT_OK;
}

/* One edge of the band, at the rates that the curve has. */
static bt_status predict_edge(bt_rate_curve *curve, bt_rates *rates, double z, bt_error *error) {
    const bt_tuned_model *model = rates->model;
    bt_tuned_model moved;
    bt_simulated tried;
    bt_status status = shift_model(&moved, model, z, error);
    rates->model = &moved;
    for (int i = 0; i < curve->count && status == BT_OK; i++) {
        bt_rate_point *point = &curve->points[i];
        status = bt_rates_try(rates, point->rate_rps, &tried, error);
        if (status != BT_OK) break;
        if (z < 0) point->p95_lower_ms = fmin(point->p95_ms, tried.p95_ms);
        if (z > 0) point->p95_upper_ms = fmax(point->p95_ms, tried.p95_ms);
    }
    rates->model = model;
    bt_tuned_model_close(&moved);
    return status;
}

bt_status bt_curve_predict(bt_rate_curve *out, const bt_tuned_model *model, int instances,
                           double capacity_rps, uint64_t seed, bt_error *error) {
    bt_rates rates;
    out->count = 0;
    bt_status status = bt_rates_open(&rates, model, instances, seed, 0, error);
    const double full_rps = status != BT_OK || capacity_rps > 0 ? capacity_rps : bt_rates_bound_rps(&rates);
    for (int i = 0; i < BT_RATE_CURVE_POINTS && status == BT_OK; i++) {
        if (shares[i] * full_rps < BT_RATES_LEAST_RPS) continue;
        status = predict_point(&out->points[out->count], &rates, shares[i] * full_rps, error);
        if (status == BT_OK) out->count++;
    }
    if (status == BT_OK) status = predict_edge(out, &rates, -BAND_Z, error);
    if (status == BT_OK) status = predict_edge(out, &rates, BAND_Z, error);
    bt_rates_close(&rates);
    return status;
}
