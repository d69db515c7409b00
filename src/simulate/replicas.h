/* How many replicas of a tuned model a rate takes, and when to have more or fewer.
 *
 * Pure, as the simulations that it asks. A replica is one service with this model, its instances included; the fleet's
 * promise is each request's P95. */
#ifndef BT_SIMULATE_REPLICAS_H
#define BT_SIMULATE_REPLICAS_H

#include "base/error.h"
#include "record/replicas.h"
#include "simulate/fleet.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_replicas_wanted {
    const bt_tuned_model *model; /* borrowed */
    int instances;               /* of each replica */
    bt_balancing balancing;
    double rate_rps, p95_sla_ms;
    double headroom_percent; /* 25: the plan keeps the promise at a quarter more */
    uint64_t seed;
} bt_replicas_wanted;

/* What a fleet of that size does at the rate. Errors as bt_fleet_try. */
BT_MUST_USE bt_status bt_replicas_row_of(bt_replicas_row *out, const bt_replicas_wanted *wanted, int replicas,
                                         bt_error *error);

/* The plan, but for the model's name. BT_INVALID where a rate takes more than BT_FLEET_REPLICAS_MAX, or as bt_fleet_try.
 * Takes seconds for hundreds of replicas. */
BT_MUST_USE bt_status bt_replicas_find(bt_replicas_plan *out, const bt_replicas_wanted *wanted,
                                       bt_error *error);

/* The same for an entry of the config, as the settings ask: with a number of replicas among them the plan has that one's
 * row alone. Errors start with the model's name; BT_INVALID where it was never measured. */
BT_MUST_USE bt_status bt_replicas_of(bt_replicas_plan *out, const bt_config_model *entry,
                                     const bt_replicas_settings *settings, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
