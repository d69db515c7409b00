#include "simulate/capacity.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"

/* Requests of one simulation: a thousand lie above its P95. More cost time in proportion; with fewer, another seed
 * gives another capacity. */
#define REQUESTS 20000

/* The rate is found by this many steps from below, then by halving the step so often: to a thousandth of what the
 * ladder could serve. */
#define RATES    16
#define HALVINGS 6

/* A simulation of spikes has so many requests in all, in between so many spikes; larger spikes are not sought. */
#define SPIKE_REQUESTS 8192
#define SPIKES_MIN     8
#define SPIKES_MAX     512
#define SPIKE_MAX      8192

#define RATE_MAX_RPS 1e8 /* where a model takes no time at all */

typedef struct capacity_search {
    const bt_tuned_model *model;
    bt_batcher_instance instances[BT_BATCHER_INSTANCES_MAX];
    int instance_count;
    double p95_sla_ms;
    uint64_t seed;
    double *unit_s;       /* REQUESTS arrivals at one a second; owned */
    int64_t *arrivals_ns; /* room for any schedule that is tried; owned */
    int64_t room;
} capacity_search;

/* Simulates the first `count` of the search's arrivals. */
static bt_status try_arrivals(const capacity_search *search, int64_t count, double *p95_ms, bool *passes,
                              bt_error *error) {
    bt_simulation_model simulated = bt_tuned_model_simulated(search->model);
    bt_simulation *simulation;
    simulated.arrivals_ns = search->arrivals_ns;
    simulated.arrival_count = count;
    bt_status status = bt_simulate(&simulation,
                                   &(bt_simulation_options){.models = &simulated,
                                                            .model_count = 1,
                                                            .instances = search->instances,
                                                            .instance_count = search->instance_count,
                                                            .seed = search->seed},
                                   error);
    if (status != BT_OK) return status;
    *p95_ms = simulation->models[0].p95_ms;
    *passes = simulation->models[0].ok == count && *p95_ms <= search->p95_sla_ms;
    bt_simulation_close(&simulation);
    return BT_OK;
}

/* One schedule stretched to every rate, so that rates differ by the rate and not by luck. */
static bt_status try_rate(const capacity_search *search, double rate_rps, double *p95_ms, bool *passes,
                          bt_error *error) {
    for (int i = 0; i < REQUESTS; i++)
        search->arrivals_ns[i] = (int64_t)(search->unit_s[i] / rate_rps * BT_NS_PER_S);
    return try_arrivals(search, REQUESTS, p95_ms, passes, error);
}

/* ---- rates ---- */

/* Of the distribution that is drawn: straight lines between the quantiles. */
static double mean_ms(const bt_service_times *times) {
    double sum = 0;
    if (times->count == 0) return 0;
    if (times->count == 1) return times->quantiles_ms[0];
    for (int i = 1; i < times->count; i++)
        sum += (times->quantiles_ms[i - 1] + times->quantiles_ms[i]) / 2;
    return sum / (times->count - 1);
}

/* No more than full batches of the best size, one after another on every instance, each prepared and delivered. */
static double bound_rps(const capacity_search *search) {
    const bt_tuned_model *model = search->model;
    const double each_ms = mean_ms(&model->prepare) + mean_ms(&model->deliver);
    double best = 0;
    for (int i = 0; i < model->batcher.ladder.size_count; i++) {
        const bt_service_times *times = &model->times[i];
        best = fmax(best, times->batch_size / (mean_ms(times) + times->batch_size * each_ms) * 1e3);
    }
    return fmin(best * search->instance_count, RATE_MAX_RPS);
}

/* From below, since "up to this rate" is what is promised: where a queue delay is long, P95 can fall again as
 * batches fill sooner. */
static bt_status find_rate(const capacity_search *search, double *out, bt_error *error) {
    double bound = bound_rps(search), passed = 0, failed = bound, p95_ms;
    bool passes = true;
    bt_status status = BT_OK;
    for (int i = 1; i <= RATES && passes && status == BT_OK; i++) {
        failed = bound * i / RATES;
        status = try_rate(search, failed, &p95_ms, &passes, error);
        if (passes) passed = failed;
    }
    for (int i = 0; i < HALVINGS && passed < failed && status == BT_OK; i++) {
        double middle = (passed + failed) / 2;
        status = try_rate(search, middle, &p95_ms, &passes, error);
        *(passes ? &passed : &failed) = middle;
    }
    *out = passed;
    return status;
}

/* ---- spikes ---- */

static double longest_of(const bt_service_times *times) {
    return times->count > 0 ? times->quantiles_ms[times->count - 1] : 0;
}

/* So far apart that the service is idle again before the next, whatever is drawn. */
static int64_t apart_ns(const capacity_search *search, int size) {
    const bt_tuned_model *model = search->model;
    double longest_ms = 0;
    for (int i = 0; i < model->batcher.ladder.size_count; i++)
        longest_ms = fmax(longest_ms, longest_of(&model->times[i]));
    longest_ms += longest_of(&model->prepare) + longest_of(&model->deliver); /* of each request */
    return model->batcher.max_queue_delay_ns + (int64_t)((size + 1) * (longest_ms + 1) * BT_NS_PER_MS);
}

static bt_status try_spike(const capacity_search *search, int size, bool *passes, bt_error *error) {
    int64_t spikes = SPIKE_REQUESTS / size, interval_ns = apart_ns(search, size), count = 0;
    double p95_ms;
    if (spikes < SPIKES_MIN) spikes = SPIKES_MIN;
    if (spikes > SPIKES_MAX) spikes = SPIKES_MAX;
    for (int64_t spike = 0; spike < spikes; spike++)
        for (int i = 0; i < size; i++)
            search->arrivals_ns[count++] = spike * interval_ns;
    return try_arrivals(search, count, &p95_ms, passes, error);
}

/* More than these at once and some are refused. */
static int spike_bound(const bt_tuned_model *model, int instances) {
    int bound = model->batcher.max_queue_size + instances * model->batcher.max_batch_size;
    return bound < SPIKE_MAX ? bound : SPIKE_MAX;
}

/* A full batch does not wait for more, so it may pass where a lone request does not. */
static bt_status find_spike(const capacity_search *search, bool lone_passes, int *out, bt_error *error) {
    int full = search->model->batcher.max_batch_size;
    int bound = spike_bound(search->model, search->instance_count);
    bool passes;
    *out = 0;
    bt_status status = try_spike(search, full, &passes, error);
    if (status != BT_OK || !(passes || lone_passes)) return status;
    int passed = passes ? full : 1, failed = passes ? bound + 1 : full;
    while (passed + 1 < failed && status == BT_OK) {
        int next = 2 * passed < failed ? 2 * passed : passed + (failed - passed) / 2;
        status = try_spike(search, next, &passes, error);
        *(passes ? &passed : &failed) = next;
    }
    *out = passed;
    return status;
}

/* ---- */

static bt_status open_search(capacity_search *search, bt_error *error) {
    int64_t spike = spike_bound(search->model, search->instance_count);
    search->room = SPIKE_REQUESTS + SPIKES_MIN * spike;
    if (search->room < REQUESTS) search->room = REQUESTS;
    search->unit_s = malloc(REQUESTS * sizeof *search->unit_s);
    search->arrivals_ns = malloc((size_t)search->room * sizeof *search->arrivals_ns);
    if (!search->unit_s || !search->arrivals_ns)
        return bt_no_memory(error, "schedules of %lld requests", (long long)search->room);
    bt_random random = bt_random_stream(search->seed, "arrivals of the capacity search");
    double at_s = 0;
    for (int i = 0; i < REQUESTS; i++)
        search->unit_s[i] = at_s += bt_random_exponential(&random);
    return BT_OK;
}

static bt_status find_all(const capacity_search *search, bt_capacity *out, bt_error *error) {
    bool lone_passes, passes;
    bt_status status = try_spike(search, 1, &lone_passes, error);
    if (status == BT_OK) status = find_spike(search, lone_passes, &out->largest_spike, error);
    if (status == BT_OK && lone_passes) status = find_rate(search, &out->capacity_rps, error);
    if (status != BT_OK || out->capacity_rps == 0) return status;
    out->recommended_rps = BT_RECOMMENDED_SHARE * out->capacity_rps;
    return try_rate(search, out->recommended_rps, &out->predicted_p95_ms, &passes, error);
}

bt_status bt_capacity_find(bt_capacity *out, const bt_tuned_model *model, int instances, double p95_sla_ms,
                           uint64_t seed, bt_error *error) {
    capacity_search search = {
        .model = model, .instance_count = instances, .p95_sla_ms = p95_sla_ms, .seed = seed};
    *out = (bt_capacity){.predicted_p95_ms = NAN};
    if (instances < 1 || instances > BT_BATCHER_INSTANCES_MAX || !(p95_sla_ms > 0))
        return bt_fail(error, BT_INVALID, "the capacity of %d instances under an SLA of %g ms", instances,
                       p95_sla_ms);
    for (int i = 0; i < instances; i++)
        search.instances[i] = (bt_batcher_instance){.model = 0, .device = i};
    bt_status status = open_search(&search, error);
    if (status == BT_OK) status = find_all(&search, out, error);
    free(search.arrivals_ns);
    free(search.unit_s);
    return status;
}
