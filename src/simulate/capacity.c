#include "simulate/capacity.h"

#include <math.h>

#include "base/clock.h"
#include "simulate/rates.h"

/* A simulation of spikes has so many requests in all, in between so many spikes; larger spikes are not sought. */
#define SPIKE_REQUESTS 8192
#define SPIKES_MIN     8
#define SPIKES_MAX     512
#define SPIKE_MAX      8192

#define APART_MOST_MS 1e9 /* so that all of them fit the clock: no service is busy for days */

typedef struct capacity_search {
    bt_rates rates;
    double p95_sla_ms;
} capacity_search;

/* ---- spikes ---- */

static double longest_of(const bt_service_times *times) {
    return times->count > 0 ? times->quantiles_ms[times->count - 1] : 0;
}

/* So far apart that the service is idle again before the next, whatever is drawn, and has been for as long as costs it
 * anything. */
static int64_t apart_ns(const capacity_search *search, int size) {
    const bt_tuned_model *model = search->rates.model;
    double longest_ms = 0;
    for (int i = 0; i < model->batcher.ladder.size_count; i++)
        longest_ms = fmax(longest_ms, longest_of(&model->times[i]));
    longest_ms += longest_of(&model->prepare) + longest_of(&model->deliver); /* of each request */
    double idle_ms = 0;
    for (int i = 0; i < model->idle.count; i++)
        idle_ms = fmax(idle_ms, model->idle.gap_ms[i] + model->idle.extra_ms[i]);
    const double apart_ms = fmin((size + 1) * (longest_ms + 1) + idle_ms, APART_MOST_MS);
    return model->batcher.max_queue_delay_ns + (int64_t)(apart_ms * BT_NS_PER_MS);
}

static bt_status try_spike(const capacity_search *search, int size, bool *passes, bt_error *error) {
    int64_t spikes = SPIKE_REQUESTS / size, interval_ns = apart_ns(search, size), count = 0;
    bt_simulated tried;
    if (spikes < SPIKES_MIN) spikes = SPIKES_MIN;
    if (spikes > SPIKES_MAX) spikes = SPIKES_MAX;
    for (int64_t spike = 0; spike < spikes; spike++)
        for (int i = 0; i < size; i++)
            search->rates.arrivals_ns[count++] = spike * interval_ns;
    bt_status status = bt_rates_try_arrivals(&search->rates, count, &tried, error);
    *passes = status == BT_OK && bt_rates_keeps(&tried, search->p95_sla_ms);
    return status;
}

/* More than these at once and some are refused. */
static int spike_bound(const bt_tuned_model *model, int instances) {
    int bound = model->batcher.max_queue_size + instances * model->batcher.max_batch_size;
    return bound < SPIKE_MAX ? bound : SPIKE_MAX;
}

/* A full batch does not wait for more, so it may pass where a lone request does not. */
static bt_status find_spike(const capacity_search *search, bool lone_passes, int *out, bt_error *error) {
    int full = search->rates.model->batcher.max_batch_size;
    int bound = spike_bound(search->rates.model, search->rates.instance_count);
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

static bt_status find_all(const capacity_search *search, bt_capacity *out, bt_error *error) {
    bool lone_passes;
    bt_simulated tried;
    bt_status status = try_spike(search, 1, &lone_passes, error);
    if (status == BT_OK) status = find_spike(search, lone_passes, &out->largest_spike, error);
    if (status == BT_OK && lone_passes)
        status = bt_rates_highest(&search->rates, search->p95_sla_ms, &out->capacity_rps, error);
    if (status != BT_OK || out->capacity_rps == 0) return status;
    out->recommended_rps = BT_RECOMMENDED_SHARE * out->capacity_rps;
    status = bt_rates_try(&search->rates, out->recommended_rps, &tried, error);
    if (status == BT_OK) out->predicted_p95_ms = tried.p95_ms;
    return status;
}

bt_status bt_capacity_find(bt_capacity *out, const bt_tuned_model *model, int instances, double p95_sla_ms,
                           uint64_t seed, bt_error *error) {
    capacity_search search = {.p95_sla_ms = p95_sla_ms};
    *out = (bt_capacity){.predicted_p95_ms = NAN};
    if (instances < 1 || instances > BT_BATCHER_INSTANCES_MAX || !(p95_sla_ms > 0))
        return bt_fail(error, BT_INVALID, "the capacity of %d instances under an SLA of %g ms", instances,
                       p95_sla_ms);
    const int64_t room = SPIKE_REQUESTS + (int64_t)SPIKES_MIN * spike_bound(model, instances);
    bt_status status = bt_rates_open(&search.rates, model, instances, seed, room, error);
    if (status == BT_OK) status = find_all(&search, out, error);
    bt_rates_close(&search.rates);
    return status;
}
