/* How many replicas of a tuned model a rate takes, and when to have more or fewer.
 *
 * Pure, as the simulations that it asks. A replica is one service with this model, its instances included; the fleet's
 * promise is each request's P95. */
#ifndef BT_SIMULATE_REPLICAS_H
#define BT_SIMULATE_REPLICAS_H

#include "base/error.h"
#include "simulate/fleet.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_replicas_wanted {
    const bt_tuned_model *model; /* borrowed */
    int instances;               /* of each replica */
    bt_balancing balancing;
    double rate_rps, p95_sla_ms;
    double headroom; /* 0.25: the plan keeps the promise at a quarter more */
    uint64_t seed;
} bt_replicas_wanted;

#define BT_REPLICAS_ROWS 5

typedef struct bt_replicas_row {
    int replicas;
    double holds_rps;   /* all of them together; 0: none */
    bt_fleet_result at; /* the rate that was asked */
    bool keeps;         /* the promise there */
} bt_replicas_row;

typedef struct bt_replicas_plan {
    int least;                              /* fewest that keep the promise at the rate; 0: no number does */
    int recommended;                        /* fewest that do with the headroom */
    bt_replicas_row rows[BT_REPLICAS_ROWS]; /* around the recommended number, ascending, that among them */
    int row_count;
    /* When the recommended number is to become one more: requests a second of each, and how many of a replica's requests
     * wait or run then; and one fewer: requests a second of all. NaN: never fewer. */
    double up_each_rps, up_under_way, down_rps;
} bt_replicas_plan;

/* What a fleet of that size does at the rate. Errors as bt_fleet_try. */
BT_MUST_USE bt_status bt_replicas_row_of(bt_replicas_row *out, const bt_replicas_wanted *wanted, int replicas,
                                         bt_error *error);

/* BT_INVALID where a rate takes more than BT_FLEET_REPLICAS_MAX, or as bt_fleet_try. Takes seconds for hundreds of
 * replicas. */
BT_MUST_USE bt_status bt_replicas_find(bt_replicas_plan *out, const bt_replicas_wanted *wanted,
                                       bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
