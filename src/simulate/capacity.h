/* How much a tuned model can serve: the highest Poisson rate at which requests still meet the SLA. */
#ifndef BT_SIMULATE_CAPACITY_H
#define BT_SIMULATE_CAPACITY_H

#include "base/error.h"
#include "record/config.h"
#include "simulate/simulate.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A model of the config file made ready to simulate or serve: ladder and times out of its measured points.
 * Sizes up to `max_batch_size` (0: the config's choice) that have times make the ladder; 1 and max_batch_size
 * are always in it, and a size without samples gets times by the straight line through its neighbours'
 * medians. `standard` is the standard path's time of one image, estimated from the speed-up over single
 * images where that is all the config knows. */
typedef struct bt_tuned_model {
    bt_batcher_model batcher;
    bt_service_times times[BT_LADDER_SIZES_MAX];
    bt_service_times standard;
    double *storage; /* what `times` borrow; owned */
} bt_tuned_model;

/* BT_INVALID where the config has no service times at all for the model (it was never measured: the message
 * says so). The batcher's options other than the ladder come from `settings` (queue delay and size) and are
 * defaults else. */
BT_MUST_USE bt_status bt_tuned_model_open(bt_tuned_model *out, const bt_config_model *model,
                                          const bt_settings *settings, int max_batch_size, bt_error *error);
void bt_tuned_model_close(bt_tuned_model *model);

typedef struct bt_capacity {
    double
        capacity_rps; /* highest rate with P95 <= SLA and nothing lost; 0: not even a lone request meets it */
    double recommended_rps;  /* BT_RECOMMENDED_SHARE of it */
    double predicted_p95_ms; /* at the recommended rate; NaN where capacity is 0 */
    int largest_spike;       /* most requests at once, on an idle service, whose P95 meets the SLA; 0: none */
} bt_capacity;

#define BT_RECOMMENDED_SHARE 0.6

/* Searches by bisection over seeded simulations of one schedule stretched to each rate. `instances` of this
 * model, each on its own device. Takes well under a second. */
BT_MUST_USE bt_status bt_capacity_find(bt_capacity *out, const bt_tuned_model *model, int instances,
                                       double p95_sla_ms, uint64_t seed, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
