/* Replicas of one tuned model behind a balancer: each a service with a queue and a batcher of its own.
 *
 * N replicas are not one service N times as fast: a batch fills from what its replica gets, and a request that waits at one
 * is not served by another that idles. How much that costs is the balancer's doing, so it is simulated, request by request,
 * around the batcher that serves. Pure: the same arguments give the same figures. */
#ifndef BT_SIMULATE_FLEET_H
#define BT_SIMULATE_FLEET_H

#include <stdint.h>

#include "base/error.h"
#include "settings/replicas.h"
#include "simulate/tuned-model.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_FLEET_REPLICAS_MAX 1024

typedef struct bt_fleet {
    const bt_tuned_model *model; /* of each replica; borrowed */
    int instances;               /* of each replica, each on a device of its own */
    int replicas;                /* 1 to BT_FLEET_REPLICAS_MAX */
    bt_balancing balancing;
    uint64_t seed;
} bt_fleet;

/* What came of all requests together. */
typedef struct bt_fleet_result {
    int64_t arrival_count, ok;
    double p50_ms, p95_ms, p99_ms, mean_ms; /* of the answered; NaN where none */
    double mean_batch_size;                 /* NaN without a run */
    double mean_under_way; /* requests of a replica that wait or run, over time (Little's law) */
} bt_fleet_result;

/* Random arrivals at that rate, as bt_rates_try's. BT_INVALID for what is out of bounds, BT_NO_MEMORY, or as
 * bt_simulate. */
BT_MUST_USE bt_status bt_fleet_try(const bt_fleet *fleet, double rate_rps, bt_fleet_result *out,
                                   bt_error *error);

/* Nothing is lost, and P95 within the SLA. */
bool bt_fleet_keeps(const bt_fleet_result *result, double p95_sla_ms);

/* The highest rate up to which the fleet meets the SLA, sought as bt_rates_highest does; 0: not the least that is tried. */
BT_MUST_USE bt_status bt_fleet_highest(const bt_fleet *fleet, double p95_sla_ms, double *out,
                                       bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
