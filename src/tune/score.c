#include "tune/score.h"

#include <math.h>
#include <stdlib.h>

#include "measure/series.h"
#include "measure/slowdown.h"
#include "measure/summary.h"
#include "simulate/delay.h"
#include "tune/explain.h"
#include "tune/objective.h"

/* How many standard errors a pause must cost to be told. Higher: small costs pass as none; lower: noise is added to each
 * lone request. */
#define BEYOND_ERRORS 2.5

#define SLOWDOWN_SEED 1 /* of the resampling: the same samples give the same bounds */

bt_status bt_score_point(bt_point *point, int instances, double max_queue_delay_ms, bt_error *error) {
    if (point->sample_count == 0) return BT_OK;
    bt_summary summary;
    bt_status status = bt_summarize(point->samples_ms, (size_t)point->sample_count, &summary, error);
    if (status != BT_OK) return status;
    point->p50_ms = summary.median;
    point->p95_ms = summary.p95;
    point->p95_lower_ms = summary.p95_lower;
    point->p95_upper_ms = summary.p95_upper;
    point->mean_ms = summary.mean;
    point->throughput_imgs_per_sec = instances * point->batch_size / summary.median * 1e3;
    point->efficiency = point->throughput_imgs_per_sec / sqrt((double)point->batch_size);
    point->effective_samples = summary.effective_count;
    point->block_runs = (int)summary.block_length;
    point->drifting = summary.drift.drifting;
    point->late_budget_ms = max_queue_delay_ms + 2 * summary.p95;
    return BT_OK;
}

/* ---- the choice ---- */

/* Nothing speaks against it: admissible, or screened without being found late. */
static bool possible(const bt_point *point) {
    return bt_point_admissible(point) || point->outcome == BT_OUTCOME_SKIPPED_DOMINATED;
}

/* The best point by an objective. By the one that was asked for it must be admissible; by the others it may
 * also be one that screening did not find late but that was not worth confirming (its outcome tells). Of capacities as
 * good as alike that of the smaller batch, which is the earlier. */
static int best_by(const bt_model_record *model, bt_objective objective, bool confirmed) {
    const double worthwhile = objective == BT_OBJECTIVE_CAPACITY ? BT_DELAY_WORTHWHILE : 0;
    int best = -1;
    for (int i = 0; i < model->point_count; i++) {
        if (!(confirmed ? bt_point_admissible : possible)(&model->points[i])) continue;
        if (best < 0 || bt_point_score(&model->points[i], objective) >
                            (1 + worthwhile) * bt_point_score(&model->points[best], objective))
            best = i;
    }
    return best;
}

/* Where nothing is admissible, what comes closest: the best by the objective of those that nothing but a
 * proof is missing to; else the fastest, by the median, since the P95 of the few samples that refuse a size
 * says little. */
static int closest(const bt_model_record *model, const bt_settings *settings) {
    int best = -1, fastest = -1;
    for (int i = 0; i < model->point_count; i++) {
        const bt_point *point = &model->points[i];
        bool undecided = point->outcome == BT_OUTCOME_UNDECIDED;
        if (point->sample_count == 0 || (!undecided && point->outcome != BT_OUTCOME_OVER_SLA)) continue;
        if (fastest < 0 || point->p50_ms < model->points[fastest].p50_ms) fastest = i;
        if (!undecided || point->p95_ms > settings->p95_sla_ms) continue;
        bt_objective objective = (bt_objective)settings->objective;
        if (best < 0 || bt_point_score(point, objective) > bt_point_score(&model->points[best], objective))
            best = i;
    }
    return best >= 0 ? best : fastest;
}

static void mark_pareto(bt_model_record *model) {
    for (int i = 0; i < model->point_count; i++) {
        bt_point *point = &model->points[i];
        point->on_pareto_front = possible(point);
        for (int j = 0; j < model->point_count && point->on_pareto_front; j++) {
            const bt_point *other = &model->points[j];
            if (j == i || !possible(other)) continue;
            bool as_good = other->throughput_imgs_per_sec >= point->throughput_imgs_per_sec &&
                           other->p95_ms <= point->p95_ms;
            bool better = other->throughput_imgs_per_sec > point->throughput_imgs_per_sec ||
                          other->p95_ms < point->p95_ms;
            if (as_good && better) point->on_pareto_front = false;
        }
    }
}

/* ---- the model ---- */

void bt_score_conclude(bt_model_record *model, const bt_settings *settings) {
    const bt_point *chosen = model->chosen >= 0 ? &model->points[model->chosen] : NULL;
    model->meets_sla = chosen && bt_point_admissible(chosen);
    if (settings->objective == BT_OBJECTIVE_CAPACITY && chosen) {
        model->queue_delay_ms = chosen->best_delay_ms; /* NaN: the settings' */
        model->rate_held = chosen->rate_p95_ms > 0;
    }
    model->batching_pays = model->meets_sla && chosen->batch_size > 1;
    model->speedup_over_single_image = NAN;
    if (chosen && chosen->sample_count > 0 && model->standard_median_ms > 0)
        model->speedup_over_single_image = chosen->throughput_imgs_per_sec * model->standard_median_ms / 1e3;
    bt_explain_model(model, settings);
}

/* Capacities are told only where they were asked for: they take a simulation. */
void bt_score_choose(bt_model_record *model, const bt_settings *settings) {
    for (int objective = 0; objective < BT_OBJECTIVE_COUNT; objective++) {
        const bool asked = objective == settings->objective;
        if (asked || objective != BT_OBJECTIVE_CAPACITY)
            model->winners[objective] = best_by(model, (bt_objective)objective, asked);
    }
    model->chosen = model->winners[settings->objective];
    if (model->chosen < 0) model->chosen = closest(model, settings);
    bt_score_conclude(model, settings);
}

/* Of the points that nothing but the SLA or the time speaks against. */
static double reachable_sla(const bt_model_record *model) {
    double lowest = NAN;
    for (int i = 0; i < model->point_count; i++) {
        const bt_point *point = &model->points[i];
        bool usable = possible(point) || point->outcome == BT_OUTCOME_OVER_SLA ||
                      point->outcome == BT_OUTCOME_UNDECIDED;
        if (usable) lowest = fmin(lowest, point->p95_upper_ms); /* fmin passes NaN over */
    }
    return lowest;
}

static bt_status score_standard(bt_model_record *model, bt_error *error) {
    bt_summary summary;
    model->standard_median_ms = NAN;
    if (model->standard_sample_count == 0) return BT_OK;
    bt_status status =
        bt_summarize(model->standard_samples_ms, (size_t)model->standard_sample_count, &summary, error);
    if (status == BT_OK) model->standard_median_ms = summary.median;
    return status;
}

/* Whether so many differences lie around a median that noise does not explain: 1.25 standard deviations, by the median
 * absolute one, over the root of the count are one standard error. */
static bool beyond_noise(double median, double deviation, int count) {
    return median > BEYOND_ERRORS * 1.2533 * 1.4826 * deviation / sqrt(count);
}

/* Of runs in turns of `each`: by how much those at one place take longer than those at another of the same turn, 0 within
 * noise. Room for twice the samples. */
static double extra_ms(const double *samples_ms, int count, int each, int place, int base, double *room) {
    const int turns = count / each;
    double *differences = room, *scratch = room + count;
    for (int i = 0; i < turns; i++)
        differences[i] = samples_ms[i * each + place] - samples_ms[i * each + base];
    const double median = bt_median(differences, (size_t)turns, scratch);
    const double deviation = bt_median_absolute_deviation(differences, (size_t)turns, scratch);
    const double base_ms = bt_median(samples_ms, (size_t)count, scratch);
    return beyond_noise(median, deviation, turns) && median > BT_RESOLUTION * base_ms ? median : 0;
}

/* What a pause costs, against the runs without one. */
static bt_status score_idle(bt_model_record *model, bt_error *error) {
    const int count = model->idle_sample_count;
    if (count < BT_IDLE_GAPS) return BT_OK;
    double *room = malloc(2 * (size_t)count * sizeof *room);
    if (!room) return bt_no_memory(error, "what pauses cost");
    for (int gap = 1; gap < BT_IDLE_GAPS; gap++)
        model->idle_extra_ms[gap] = extra_ms(model->idle_samples_ms, count, BT_IDLE_GAPS, gap, 0, room);
    free(room);
    return BT_OK;
}

/* What a run takes longer after the other's, against the one after its own model's. */
static bt_status score_turns(bt_neighbour_times *times, bt_error *error) {
    const int count = times->turn_sample_count;
    if (count < 2 * BT_SLOWDOWN_LEAST) return BT_OK;
    double *room = malloc(2 * (size_t)count * sizeof *room);
    if (!room) return bt_no_memory(error, "what turns cost");
    times->cost.switch_ms = extra_ms(times->turn_samples_ms, count, 2, 0, 1, room);
    free(room);
    return BT_OK;
}

bt_status bt_score_neighbour(bt_neighbour_times *times, bt_error *error) {
    const int pairs = times->alone_sample_count < times->beside_sample_count ? times->alone_sample_count
                                                                             : times->beside_sample_count;
    bt_neighbour_cost *cost = &times->cost;
    bt_slowdown found;
    bt_status status = BT_OK;
    if (pairs >= BT_SLOWDOWN_LEAST)
        status = bt_slowdown_of_pairs(times->alone_samples_ms, times->beside_samples_ms, (size_t)pairs,
                                      SLOWDOWN_SEED, &found, error);
    if (status == BT_INVALID) return BT_OK; /* a simulation that takes no time */
    if (status != BT_OK) return status;
    if (pairs >= BT_SLOWDOWN_LEAST) {
        const double margin = bt_slowdown_margin(&found, 0.05);
        cost->slowdown = exp(found.log_ratio);
        cost->slowdown_lower = exp(found.log_ratio - margin);
        cost->slowdown_upper = exp(found.log_ratio + margin);
    }
    return score_turns(times, error);
}

bt_status bt_score_model(bt_model_record *model, const bt_settings *settings, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < model->point_count && status == BT_OK; i++)
        status = bt_score_point(&model->points[i], model->instances, settings->max_queue_delay_ms, error);
    if (status == BT_OK) status = score_standard(model, error);
    if (status == BT_OK) status = score_idle(model, error);
    if (status != BT_OK) return status;
    mark_pareto(model);
    model->reachable_sla_ms = reachable_sla(model);
    bt_score_choose(model, settings);
    return BT_OK;
}
