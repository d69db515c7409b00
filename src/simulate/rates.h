/* A tuned model under one random schedule, stretched to any rate.
 *
 * Rates then differ by the rate and not by luck: the same arrivals come closer together, and the same service times
 * are drawn. The capacity, the curve of P95 against rate and the search for a queue delay all look through this. */
#ifndef BT_SIMULATE_RATES_H
#define BT_SIMULATE_RATES_H

#include "base/error.h"
#include "simulate/tuned-model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* No lower rate is simulated: its arrivals would not end before the clock does. */
#define BT_RATES_LEAST_RPS 1e-5

typedef struct bt_rates {
    const bt_tuned_model *model; /* borrowed */
    bt_batcher_instance instances[BT_BATCHER_INSTANCES_MAX];
    int instance_count;
    uint64_t seed;
    double *unit_s;       /* arrivals at one a second; owned */
    int64_t *arrivals_ns; /* room for any schedule that is tried; owned */
} bt_rates;

/* `instances` of the model, each on a device of its own that nothing else uses; `room`: for schedules of the caller's
 * own, 0 for none. The model may be exchanged while it is open. BT_INVALID for a number of instances out of bounds,
 * BT_NO_MEMORY. The caller closes it, after a failure too. */
BT_MUST_USE bt_status bt_rates_open(bt_rates *out, const bt_tuned_model *model, int instances, uint64_t seed,
                                    int64_t room, bt_error *error);
void bt_rates_close(bt_rates *rates); /* may be called twice */

/* What random arrivals at that rate would see; `out` has no latencies of its own. BT_INVALID below
 * BT_RATES_LEAST_RPS, BT_NO_MEMORY, or as bt_simulate. */
BT_MUST_USE bt_status bt_rates_try(const bt_rates *rates, double rate_rps, bt_simulated *out,
                                   bt_error *error);
/* The same for the first `count` of the arrivals that the caller wrote. */
BT_MUST_USE bt_status bt_rates_try_arrivals(const bt_rates *rates, int64_t count, bt_simulated *out,
                                            bt_error *error);

/* Nothing is lost, and P95 within the SLA. */
bool bt_rates_keeps(const bt_simulated *simulated, double p95_sla_ms);

/* No more than this is served: full batches of the best size, one after another on every instance. Of its arguments it
 * reads the model and the number of instances. */
double bt_rates_bound_rps(const bt_rates *rates);

/* Whether the promise is kept at that rate, into *keeps. */
typedef bt_status (*bt_rates_trial)(const void *context, double rate_rps, bool *keeps, bt_error *error);

/* The highest rate that keeps it: sought from below, by sixteenths of `bound_rps`, until one does not, then by halves. 0: the
 * first one does not. Errors as the trial's. */
BT_MUST_USE bt_status bt_rates_search(double bound_rps, bt_rates_trial trial, const void *context,
                                      double *out, bt_error *error);

/* The highest rate up to which requests meet the SLA, where a lone one does; 0: the least rate that is tried fails.
 * From below, since "up to this rate" is what is promised: where a queue delay is long, P95 can fall again as batches
 * fill sooner. */
BT_MUST_USE bt_status bt_rates_highest(const bt_rates *rates, double p95_sla_ms, double *out,
                                       bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
