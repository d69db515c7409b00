/* How much a tuned model can serve: the highest Poisson rate at which requests still meet the SLA.
 *
 * The SLA is of a request's latency here, which includes what it waits: for its batch to fill, for batches
 * before it, and for its own. So a model whose service time keeps the SLA may have no capacity under it. */
#ifndef BT_SIMULATE_CAPACITY_H
#define BT_SIMULATE_CAPACITY_H

#include "base/error.h"
#include "simulate/tuned-model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_capacity {
    double capacity_rps; /* highest rate up to which P95 <= SLA and nothing is lost; 0: no request keeps it */
    double recommended_rps;  /* BT_RECOMMENDED_SHARE of it */
    double predicted_p95_ms; /* at the recommended rate; NaN where capacity is 0 */
    int largest_spike;       /* most requests at once, on an idle service, whose P95 meets the SLA; 0: none */
} bt_capacity;

/* How much of the capacity is recommended. Higher wastes less of the machine, and a burst or a slow spell breaks
 * the SLA sooner; waiting grows steeply towards the capacity. */
#define BT_RECOMMENDED_SHARE 0.6

/* Searches over seeded simulations of one schedule stretched to each rate: by sixteenths of what the ladder
 * could serve at best, then by halves. `instances` of this model, each on a device of its own that nothing
 * else uses. The same arguments give the same figures; another seed moves the capacity by a percent or two.
 * Takes well under a second. BT_INVALID for an SLA or a number of instances out of bounds, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_capacity_find(bt_capacity *out, const bt_tuned_model *model, int instances,
                                       double p95_sla_ms, uint64_t seed, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
