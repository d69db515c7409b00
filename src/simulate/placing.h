/* Which models run on which devices of one host: chosen by what the whole is predicted to hold.
 *
 * Given are devices (each with a speed, and the memory that it draws on), models (service times, memory, promise) and the
 * rates that are wanted of them, or only their shares of the traffic. A placement says of each device which models have an
 * instance there; a second copy on the same device would take turns with the first, and is never placed. Its *factor* is
 * the largest by which all wanted rates together can be multiplied while each model keeps its promise: found by simulating
 * the very batcher that serves, with all models and devices at once, so that turns on a device, slower neighbours on
 * others, and what a larger pool evens out all count. The placement of the highest factor is wanted; of those within
 * BT_PLACING_WORTHWHILE of it the one of fewest instances, since each holds memory and has to be loaded; then the one that
 * has the first models on the lowest devices.
 *
 * Trying all placements takes hours: three models on eight devices have 16.8 million. So a linear program over cached
 * capacities ranks what a local search meets, and simulations decide among the best of those, a simulation each: does it
 * hold more than the best so far? Pure: the same problem gives the same placement. */
#ifndef BT_SIMULATE_PLACING_H
#define BT_SIMULATE_PLACING_H

#include "base/error.h"
#include "simulate/tuned-model.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_PLACING_MODELS_MAX  BT_BATCHER_MODELS_MAX
#define BT_PLACING_DEVICES_MAX 16

/* What an instance must add to be worth its memory. Higher saves more instances and gives more of the capacity away; lower,
 * the luck of one schedule decides. */
#define BT_PLACING_WORTHWHILE 0.01

typedef struct bt_placing_device {
    const char *name;
    int pool;     /* whose memory: devices of one number draw on the same, as slices of a CPU do */
    double speed; /* a run takes 1/speed of its model's service time here */
} bt_placing_device;

typedef struct bt_placing_model {
    const char *name;
    const bt_tuned_model *tuned; /* borrowed */
    double memory_mb;            /* of an instance; NaN, unknown, counts as none */
    double p95_sla_ms;
    double rate_rps; /* wanted; or a share, in the same unit as the others' */
    /* What the others cost its runs, by their indexes here. */
    bt_neighbour neighbours[BT_PLACING_MODELS_MAX];
    int neighbour_count;
} bt_placing_model;

typedef struct bt_placing_problem {
    const bt_placing_model *models; /* borrowed, as the other arrays */
    int model_count;
    const bt_placing_device *devices;
    int device_count;
    const double *pools_mb;
    int pool_count;
    /* Requests of the rarest model in one simulation; others have theirs in proportion, up to four times as many, and one
     * that is rarer still has fewer. More take longer in proportion; of fewer, P95 hangs on some tens, and luck decides
     * between placements. 0: 1500. */
    int requests;
    uint64_t seed;
} bt_placing_problem;

/* Bit m of a device's word: model m has an instance there. */
typedef struct bt_placing {
    uint32_t on[BT_PLACING_DEVICES_MAX];
    double factor; /* that it holds of the wanted rates; 0: no rate keeps all promises */
    /* Models whose promise not even a lone request keeps on the fastest device: they were placed as if they had been
     * promised three times their longest run. Bit m, too. */
    uint32_t hopeless;
    int simulations; /* that it took */
} bt_placing;

/* BT_INVALID where a model fits on no device (the message says by how much), or all of them do not fit together, or the
 * problem is none (no device, a rate or speed that is not above 0); BT_NO_MEMORY; else as bt_simulate. Three models on
 * eight devices take well under a second. */
BT_MUST_USE bt_status bt_placing_find(bt_placing *out, const bt_placing_problem *problem, bt_error *error);

/* The factor of one placement (on[d] as above), by the same simulations, to half a percent; 0 too where some model has no
 * instance. What fits in memory is not asked. */
BT_MUST_USE bt_status bt_placing_factor(double *out, const bt_placing_problem *problem, const uint32_t *on,
                                        bt_error *error);
/* Whether it holds that many times the wanted rates: one simulation. */
BT_MUST_USE bt_status bt_placing_holds(bool *out, const bt_placing_problem *problem, const uint32_t *on,
                                       double factor, bt_error *error);

/* Whether each pool has room for what is placed on its devices. */
bool bt_placing_fits(const bt_placing_problem *problem, const uint32_t *on);

#ifdef __cplusplus
}
#endif
#endif
