#include "simulate/rates.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"

/* Requests of one simulation: a thousand lie above its P95. More cost time in proportion; with fewer, another seed
 * gives another capacity. */
#define REQUESTS 20000

/* The rate is found by this many steps from below, then by halving the step so often: to a thousandth of what the
 * ladder could serve. */
#define STEPS    16
#define HALVINGS 6

#define RATE_MAX_RPS 1e8 /* where a model takes no time at all */

bt_status bt_rates_open(bt_rates *out, const bt_tuned_model *model, int instances, uint64_t seed,
                        int64_t room, bt_error *error) {
    *out = (bt_rates){.model = model, .instance_count = instances, .seed = seed};
    if (instances < 1 || instances > BT_BATCHER_INSTANCES_MAX)
        return bt_fail(error, BT_INVALID, "the capacity of %d instances", instances);
    for (int i = 0; i < instances; i++)
        out->instances[i] = (bt_batcher_instance){.model = 0, .device = i};
    if (room < REQUESTS) room = REQUESTS;
    out->unit_s = malloc(REQUESTS * sizeof *out->unit_s);
    out->arrivals_ns = malloc((size_t)room * sizeof *out->arrivals_ns);
    if (!out->unit_s || !out->arrivals_ns)
        return bt_no_memory(error, "schedules of %lld requests", (long long)room);
    bt_random random = bt_random_stream(seed, "arrivals of the capacity search");
    double at_s = 0;
    for (int i = 0; i < REQUESTS; i++)
        out->unit_s[i] = at_s += bt_random_exponential(&random);
    return BT_OK;
}

void bt_rates_close(bt_rates *rates) {
    free(rates->arrivals_ns);
    free(rates->unit_s);
    rates->arrivals_ns = NULL;
    rates->unit_s = NULL;
}

bt_status bt_rates_try_arrivals(const bt_rates *rates, int64_t count, bt_simulated *out, bt_error *error) {
    bt_simulation_model simulated = bt_tuned_model_simulated(rates->model);
    bt_simulation *simulation;
    simulated.arrivals_ns = rates->arrivals_ns;
    simulated.arrival_count = count;
    bt_status status = bt_simulate(&simulation,
                                   &(bt_simulation_options){.models = &simulated,
                                                            .model_count = 1,
                                                            .instances = rates->instances,
                                                            .instance_count = rates->instance_count,
                                                            .seed = rates->seed},
                                   error);
    if (status != BT_OK) return status;
    *out = simulation->models[0];
    out->latency_ms = NULL;
    bt_simulation_close(&simulation);
    return BT_OK;
}

bt_status bt_rates_try(const bt_rates *rates, double rate_rps, bt_simulated *out, bt_error *error) {
    if (!(rate_rps >= BT_RATES_LEAST_RPS))
        return bt_fail(error, BT_INVALID, "%g requests/s are too few to be simulated: at least %g are",
                       rate_rps, BT_RATES_LEAST_RPS);
    for (int i = 0; i < REQUESTS; i++)
        rates->arrivals_ns[i] = (int64_t)(rates->unit_s[i] / rate_rps * BT_NS_PER_S);
    return bt_rates_try_arrivals(rates, REQUESTS, out, error);
}

bool bt_rates_keeps(const bt_simulated *simulated, double p95_sla_ms) {
    return simulated->ok == simulated->arrival_count && simulated->p95_ms <= p95_sla_ms;
}

/* Of the distribution that is drawn: straight lines between the quantiles. */
static double mean_ms(const bt_service_times *times) {
    double sum = 0;
    if (times->count == 0) return 0;
    if (times->count == 1) return times->quantiles_ms[0];
    for (int i = 1; i < times->count; i++)
        sum += (times->quantiles_ms[i - 1] + times->quantiles_ms[i]) / 2;
    return sum / (times->count - 1);
}

double bt_rates_bound_rps(const bt_rates *rates) {
    const bt_tuned_model *model = rates->model;
    const double each_ms = mean_ms(&model->prepare) + mean_ms(&model->deliver);
    double best = 0;
    for (int i = 0; i < model->batcher.ladder.size_count; i++) {
        const bt_service_times *times = &model->times[i];
        best = fmax(best, times->batch_size / (mean_ms(times) + times->batch_size * each_ms) * 1e3);
    }
    return fmin(best * rates->instance_count, RATE_MAX_RPS);
}

bt_status bt_rates_search(double bound_rps, bt_rates_trial trial, const void *context, double *out,
                          bt_error *error) {
    double passed = 0, failed = bound_rps;
    bool passes = true;
    bt_status status = BT_OK;
    for (int i = 1; i <= STEPS && passes && status == BT_OK; i++) {
        failed = bound_rps * i / STEPS;
        if (failed < BT_RATES_LEAST_RPS) continue;
        status = trial(context, failed, &passes, error);
        if (status == BT_OK && passes) passed = failed;
    }
    for (int i = 0; i < HALVINGS && passed < failed && status == BT_OK; i++) {
        const double middle = (passed + failed) / 2;
        if (middle < BT_RATES_LEAST_RPS) break;
        status = trial(context, middle, &passes, error);
        *(status == BT_OK && passes ? &passed : &failed) = middle;
    }
    *out = passed;
    return status;
}

typedef struct rates_promise {
    const bt_rates *rates;
    double p95_sla_ms;
} rates_promise;

static bt_status keeps_at(const void *context, double rate_rps, bool *keeps, bt_error *error) {
    const rates_promise *promise = context;
    bt_simulated tried;
    bt_status status = bt_rates_try(promise->rates, rate_rps, &tried, error);
    *keeps = status == BT_OK && bt_rates_keeps(&tried, promise->p95_sla_ms);
    return status;
}

bt_status bt_rates_highest(const bt_rates *rates, double p95_sla_ms, double *out, bt_error *error) {
    const rates_promise promise = {rates, p95_sla_ms};
    return bt_rates_search(bt_rates_bound_rps(rates), keeps_at, &promise, out, error);
}
