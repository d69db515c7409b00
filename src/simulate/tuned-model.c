#include "simulate/tuned-model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* A run is given up when it takes a second and twenty times what is typical: what still comes by then is a stall,
 * and what does not is a hang. Higher: requests behind a hang wait longer for the failover; lower: a stall of the
 * machine is taken for one. */
#define WATCHDOG_NS    BT_NS_PER_S
#define WATCHDOG_TIMES 20

#define SIZES_MAX BT_LADDER_SIZES_MAX

static bool has_times(const bt_config_point *point) {
    return point->quantile_count > 0;
}

/* Whether batches of this size may run beside the one that was chosen. */
static bool may_serve(const bt_config_point *point) {
    switch (point->outcome) {
    case BT_OUTCOME_MEASURED:
    case BT_OUTCOME_OVER_SLA:
    case BT_OUTCOME_UNDECIDED:
    case BT_OUTCOME_SKIPPED_DOMINATED:
        return has_times(point);
    case BT_OUTCOME_OUT_OF_MEMORY:
    case BT_OUTCOME_OVER_MEMORY:
    case BT_OUTCOME_PREDICTED_OVER_MEMORY:
    case BT_OUTCOME_CRASHED:
    case BT_OUTCOME_MASK_DISAGREES:
    case BT_OUTCOME_COUNT:
        break;
    }
    return false;
}

/* The nearest point with times beside `size`, in the direction -1 or +1; `skip` of them passed over. NULL:
 * none. */
static const bt_config_point *neighbour(const bt_config_model *model, int size, int direction, int skip) {
    int start = direction > 0 ? 0 : model->point_count - 1;
    for (int i = start; i >= 0 && i < model->point_count; i += direction) {
        const bt_config_point *point = &model->points[i];
        if (has_times(point) && (point->batch_size - size) * direction > 0 && skip-- == 0) return point;
    }
    return NULL;
}

static double median_ms(const double *quantiles_ms, int count) {
    double place = 0.5 * (count - 1);
    int below = (int)place, above = below + 1 < count ? below + 1 : below;
    return quantiles_ms[below] + (place - below) * (quantiles_ms[above] - quantiles_ms[below]);
}

static double median_of(const bt_config_point *point) {
    return median_ms(point->service_ms_quantiles, point->quantile_count);
}

static double on_line(const bt_config_point *a, const bt_config_point *b, int size) {
    double slope = (median_of(b) - median_of(a)) / (b->batch_size - a->batch_size);
    return median_of(a) + slope * (size - a->batch_size);
}

/* The median of a size without samples; *like is the point whose spread it takes. There is a point with
 * times. */
static double estimate_ms(const bt_config_model *model, int size, const bt_config_point **like) {
    const bt_config_point *below = neighbour(model, size, -1, 0), *above = neighbour(model, size, +1, 0);
    if (below && above) {
        *like = size - below->batch_size <= above->batch_size - size ? below : above;
        return on_line(below, above, size);
    }
    const bt_config_point *near = below ? below : above, *far = neighbour(model, size, below ? -1 : +1, 1);
    double same = median_of(near), in_proportion = same * size / near->batch_size;
    *like = near;
    return fmin(fmax(far ? on_line(near, far, size) : fmax(same, in_proportion), fmin(same, in_proportion)),
                fmax(same, in_proportion));
}

/* Service times for one size of the ladder, written at `storage`. */
static bt_service_times times_of(const bt_config_model *model, int size, double *storage) {
    const bt_config_point *point = bt_config_model_point(model, size);
    double scale = 1;
    if (!point || !has_times(point)) {
        double wanted_ms = estimate_ms(model, size, &point);
        scale = median_of(point) > 0 ? wanted_ms / median_of(point) : 1;
    }
    for (int i = 0; i < point->quantile_count; i++)
        storage[i] = scale * point->service_ms_quantiles[i];
    return (bt_service_times){.batch_size = size, .quantiles_ms = storage, .count = point->quantile_count};
}

/* What is past the longest that a ladder takes stays so, and is refused there. */
static int64_t typical_ns(const bt_service_times *times) {
    double ns = median_ms(times->quantiles_ms, times->count) * BT_NS_PER_MS + 0.5;
    return (int64_t)fmin(fmax(1, ns), 2.0 * BT_LADDER_NS_MAX);
}

static int list_sizes(const bt_config_model *model, int max_batch_size, int sizes[SIZES_MAX]) {
    int count = 0;
    sizes[count++] = 1;
    for (int i = 0; i < model->point_count && count < SIZES_MAX - 1; i++) {
        const bt_config_point *point = &model->points[i];
        if (point->batch_size > 1 && point->batch_size < max_batch_size && may_serve(point))
            sizes[count++] = point->batch_size;
    }
    if (max_batch_size > 1) sizes[count++] = max_batch_size;
    return count;
}

/* The speed-up is the chosen size's throughput over the standard path's, one image at a time. */
static double standard_ms(const bt_config_model *model) {
    double speedup = model->speedup_over_single_image, throughput = model->throughput_imgs_per_sec;
    return speedup > 0 && throughput > 0 ? speedup / throughput * 1e3 : NAN;
}

/* One image's times, copied to `*storage`, which moves on. */
static bt_service_times keep(double **storage, const double *quantiles_ms, int count) {
    double *kept = *storage;
    for (int i = 0; i < count; i++)
        *(*storage)++ = quantiles_ms[i];
    return (bt_service_times){.batch_size = 1, .quantiles_ms = kept, .count = count};
}

static bt_status fill(bt_tuned_model *out, const bt_config_model *model, int max_batch_size,
                      bt_error *error) {
    bt_ladder *ladder = &out->batcher.ladder;
    ladder->size_count = list_sizes(model, max_batch_size, ladder->sizes);
    out->storage =
        malloc(((size_t)(ladder->size_count + 2) * BT_CONFIG_QUANTILES + 1) * sizeof *out->storage);
    if (!out->storage) return bt_no_memory(error, "the times of %s", model->name);
    for (int i = 0; i < ladder->size_count; i++) {
        out->times[i] = times_of(model, ladder->sizes[i], out->storage + (size_t)i * BT_CONFIG_QUANTILES);
        ladder->service_ns[i] = typical_ns(&out->times[i]);
    }
    double *last = out->storage + (size_t)ladder->size_count * BT_CONFIG_QUANTILES;
    out->prepare = keep(&last, model->prepare_ms_quantiles, model->prepare_quantile_count);
    out->deliver = keep(&last, model->deliver_ms_quantiles, model->deliver_quantile_count);
    out->order = (bt_run_order){model->run_ranks, model->run_rank_count, model->block_runs};
    out->idle = (bt_idle_cost){model->idle_gap_ms, model->idle_extra_ms, model->idle_count};
    out->standard = out->times[0];
    if (!isnan(standard_ms(model))) {
        *last = standard_ms(model);
        out->standard = (bt_service_times){.batch_size = 1, .quantiles_ms = last, .count = 1};
    }
    ladder->standard_ns = typical_ns(&out->standard);
    int64_t longest_ns = ladder->standard_ns;
    for (int i = 0; i < ladder->size_count; i++)
        if (ladder->service_ns[i] > longest_ns) longest_ns = ladder->service_ns[i];
    out->batcher.watchdog_ns = WATCHDOG_NS + WATCHDOG_TIMES * longest_ns;
    bt_status status = bt_ladder_plan(ladder, error);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "%s", model->name);
}

bt_status bt_tuned_model_open(bt_tuned_model *out, const bt_config_model *model, int max_batch_size,
                              bt_error *error) {
    const bt_settings *settings = &model->settings;
    memset(out, 0, sizeof *out);
    if (max_batch_size == 0) max_batch_size = model->optimal_batch_size;
    if (max_batch_size < 1 || max_batch_size > BT_LADDER_BATCH_MAX)
        return bt_fail(error, BT_INVALID, "%s: batches of %d cannot be served: 1 to %d can", model->name,
                       max_batch_size, BT_LADDER_BATCH_MAX);
    if (!neighbour(model, 0, +1, 0))
        return bt_fail(error, BT_INVALID,
                       "%s: the config has no service times of it, so nothing can be predicted: make "
                       "optimize-batch measures them",
                       model->name);
    out->batcher.max_batch_size = max_batch_size;
    out->batcher.max_queue_size = (int)settings->max_queue_size;
    out->batcher.max_queue_delay_ns = (int64_t)(settings->max_queue_delay_ms * BT_NS_PER_MS + 0.5);
    out->batcher.policy = (bt_batcher_policy)settings->policy;
    out->batcher.promise_ns = (int64_t)(settings->p95_sla_ms * BT_NS_PER_MS + 0.5);
    out->batcher.admission = out->batcher.failover = true;
    out->batcher.breaker = (bt_breaker_options)BT_BREAKER_DEFAULT;
    bt_status status = fill(out, model, max_batch_size, error);
    if (status != BT_OK) bt_tuned_model_close(out);
    return status;
}

bt_simulation_model bt_tuned_model_simulated(const bt_tuned_model *model) {
    return (bt_simulation_model){.batcher = model->batcher,
                                 .times = model->times,
                                 .times_count = model->batcher.ladder.size_count,
                                 .order = model->order,
                                 .idle = model->idle,
                                 .standard = model->standard,
                                 .prepare = model->prepare,
                                 .deliver = model->deliver};
}

bt_neighbour bt_tuned_neighbour(const bt_neighbour_cost *cost, int model) {
    const bool beside = cost->beside > 0 && !isnan(cost->slowdown);
    return (bt_neighbour){.model = model,
                          .slowdown = beside ? cost->slowdown : 1,
                          .beside = beside ? cost->beside : 1,
                          .switch_ms = isnan(cost->switch_ms) ? 0 : cost->switch_ms};
}

void bt_tuned_model_close(bt_tuned_model *model) {
    if (!model) return;
    free(model->storage);
    model->storage = NULL;
}
