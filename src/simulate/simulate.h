/* What a service would do, by the very code that serves: discrete events on a virtual clock around the
 * batcher.
 *
 * Arrivals come from a schedule (or from clients that wait for their answer), service times are drawn from
 * the measured distribution of s(b), not from a fitted line, and everything in between is src/batching
 * itself. So a prediction for the very schedule that a test run sends takes milliseconds, and capacity is a
 * search over such predictions. Pure: the same options give the same result, bit for bit. */
#ifndef BT_SIMULATE_SIMULATE_H
#define BT_SIMULATE_SIMULATE_H

#include <stdint.h>

#include "base/error.h"
#include "batching/batcher.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The service time's distribution for one batch size: `count` values in milliseconds, ascending and evenly
 * spaced in probability from the least to the greatest (one value: always that). Drawn by interpolating at a
 * uniform place. Borrowed. */
typedef struct bt_service_times {
    int batch_size;
    const double *quantiles_ms;
    int count;
} bt_service_times;

/* In which order a model's runs were fast and slow, so that spells come in a simulation as they came in the
 * measuring: `ranks` says of runs one after another where among all of them each stood, 0 the shortest. Runs then
 * are not drawn one by one: blocks of `block_runs` neighbours are, on a circle (measure/bootstrap.h tells why), and
 * a run of any size takes as long as its size's times have it at that rank, since a spell slows all sizes. Borrowed.
 * Count 0: independent draws. */
typedef struct bt_run_order {
    const int *ranks; /* each of 0 ... count - 1 once */
    int count, block_runs;
} bt_run_order;

/* How much longer a run takes after its device has idled, for pauses that ascend; in between by a straight line, before
 * the first and beyond the last as there. Borrowed. Count 0: no longer. */
typedef struct bt_idle_cost {
    const double *gap_ms, *extra_ms;
    int count;
} bt_idle_cost;

/* What a model's runs take longer for another model's. Runs on one device never come together, since the batcher gives
 * them turns; those elsewhere still share what cores and devices share (caches, memory, power), and a run goes on slower
 * while they are under way. */
typedef struct bt_neighbour {
    int model;        /* the other, by its index */
    double slowdown;  /* what remains of a run takes so many times as long while the other's run elsewhere */
    int beside;       /* so many of them at a time; fewer slow it in proportion, and more no further */
    double switch_ms; /* a run takes longer by that where the last one on its device was the other's */
} bt_neighbour;

typedef struct bt_simulation_model {
    bt_batcher_model batcher;      /* its ladder says which sizes run */
    const bt_service_times *times; /* for every size of the ladder; borrowed */
    int times_count;
    bt_run_order order;
    bt_idle_cost idle;              /* of production runs */
    const bt_neighbour *neighbours; /* borrowed; count 0: others change its waiting and nothing else */
    int neighbour_count;
    bt_service_times standard; /* of one image on the standard path; count 0: the ladder's standard_ns */
    /* Of one image: what a lane does before its run and after it, drawn for each image of a batch. Requests are answered
     * once all of a batch's are delivered, and only then does its lane begin the next that it was given meanwhile.
     * Count 0: no time. */
    bt_service_times prepare, deliver;
    const int64_t *arrivals_ns; /* ascending, from 0; NULL: a closed loop */
    int64_t arrival_count;      /* requests in all */
    int64_t warm_ns;            /* of a schedule: what arrives before is in no percentile and no mean */
    int clients;        /* closed loop: so many requests in flight, the next sent when one is answered */
    int64_t timeout_ns; /* of each request; 0: none */
    double failure_probability; /* of a production run, by an exception */
} bt_simulation_model;

typedef struct bt_simulation_options {
    const bt_simulation_model *models;
    int model_count;
    const bt_batcher_instance *instances;
    int instance_count;
    const double *speeds; /* by instance: a run takes its time over that; NULL: all 1; borrowed */
    int64_t overhead_ns;  /* added to each run: what the service itself costs; 0 */
    uint64_t seed;
} bt_simulation_options;

#define BT_SIMULATION_BATCHES 64

/* One model's part. Latencies run from arrival to answer. */
typedef struct bt_simulated {
    double *latency_ms; /* one an arrival, in order; NaN where it was lost; owned */
    int64_t arrival_count;
    int64_t ok, rejected, expired, failed;          /* by cause; ok + the others = arrival_count */
    double p50_ms, p95_ms, p99_ms, mean_ms, max_ms; /* of the answered, after warm_ns; NaN where none */
    /* What the mean consists of: from its arrival until a lane begins with it, until its run begins, until that ends,
     * and until it is answered. */
    double mean_queue_ms, mean_prepare_ms, mean_run_ms, mean_deliver_ms;
    double throughput_rps;                   /* ok / time from the first arrival to the last answer */
    double mean_batch_size;                  /* NaN without a run */
    uint64_t batches[BT_SIMULATION_BATCHES]; /* [b - 1]: runs of b requests, the last holds larger ones too */
    /* Of the model's instances' lanes, over the same time; preparing and delivering count. */
    double utilisation;
} bt_simulated;

typedef struct bt_simulation {
    bt_simulated *models; /* owned */
    int model_count;
    int64_t duration_ns; /* of virtual time */
    uint64_t trace_hash; /* over every action: equal for equal runs */
} bt_simulation;

/* Runs until everything is answered. BT_INVALID where options are wrong (times missing for a size, arrivals
 * that descend), BT_NO_MEMORY. The caller closes it. Any thread. */
BT_MUST_USE bt_status bt_simulate(bt_simulation **out, const bt_simulation_options *options, bt_error *error);
void bt_simulation_close(bt_simulation **simulation); /* NULL-safe; nulls */

#ifdef __cplusplus
}
#endif
#endif
