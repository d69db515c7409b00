/* The parts of the search for a placement: placing-trials.c simulates one, placing-estimate.c ranks one without a
 * simulation, placing-memory.c finds any that fits, placing.c searches. Internal. */
#ifndef BT_SIMULATE_PLACING_PARTS_H
#define BT_SIMULATE_PLACING_PARTS_H

#include <stdint.h>

#include "simulate/placing.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_PLACING_FINE 0.005 /* to which factors are found; what is nearer is no better */

static inline bool bt_placing_has(uint32_t set, int model) {
    return set >> model & 1;
}

/* ---- placing-trials.c ---- */

/* One schedule for each model, stretched to any rate. */
typedef struct bt_trials {
    const bt_placing_problem *problem;
    double sla_ms[BT_PLACING_MODELS_MAX]; /* that count: see bt_placing's `hopeless` */
    uint32_t hopeless;
    int64_t counts[BT_PLACING_MODELS_MAX];
    double *unit_s; /* all models' arrivals, one model's after the other's, at the wanted rates; owned */
    int64_t *arrivals_ns; /* room for as many; owned */
    int done;             /* simulations */
} bt_trials;

/* Checks the problem. BT_INVALID, BT_NO_MEMORY. The caller closes it, after a failure too. */
BT_MUST_USE bt_status bt_trials_open(bt_trials *out, const bt_placing_problem *problem, bt_error *error);
void bt_trials_close(bt_trials *trials);
void bt_trials_speeds(const bt_placing_problem *problem, double speeds[BT_PLACING_DEVICES_MAX]);

/* Some devices and what is on them. Models that are on none are not simulated. */
typedef struct bt_placing_stage {
    const uint32_t *on;
    const double *speeds;
    int devices;
    bool alone; /* neighbours on other devices slow nobody */
} bt_placing_stage;

/* Whether that many times the wanted rates keep each promise. */
BT_MUST_USE bt_status bt_trials_keeps(bt_trials *trials, const bt_placing_stage *stage, double factor,
                                      bool *keeps, bt_error *error);

/* The highest factor, sought from `guess` on, to the relative `tolerance`; 0 where not even a hundredth of the guess is
 * held. */
BT_MUST_USE bt_status bt_trials_highest(bt_trials *trials, const bt_placing_stage *stage, double guess,
                                        double tolerance, double *out, bt_error *error);

/* What devices of that speed serve of a model at most, full batches one after another; requests a second. */
double bt_trials_bound_rps(const bt_trials *trials, int model, double speed);

/* ---- placing-estimate.c ---- */

/* Cached: what a device holds of a model that has it alone, and how much of the devices' time is of use where several
 * share them. */
typedef struct bt_estimate {
    bt_trials *trials;
    double speeds[BT_PLACING_DEVICES_MAX]; /* that there are, descending */
    int speed_count;
    int speed_of[BT_PLACING_DEVICES_MAX]; /* by device: its place among them */
    int usual; /* the place of that which most devices have: sharing is simulated at it */
    double alone_rps[BT_PLACING_MODELS_MAX][BT_PLACING_DEVICES_MAX]; /* by model and place in `speeds` */
    struct bt_shared *shared;                                        /* owned */
    double *tableau;                                                 /* of the linear program; owned */
} bt_estimate;

BT_MUST_USE bt_status bt_estimate_open(bt_estimate *out, bt_trials *trials, bt_error *error);
void bt_estimate_close(bt_estimate *estimate);

/* The factor that a placement is thought to hold; below 0: so many models have no instance. */
BT_MUST_USE bt_status bt_estimate_factor(bt_estimate *estimate, const uint32_t *on, double *out,
                                         bt_error *error);

/* ---- placing-memory.c ---- */

/* Some placement of one instance of each that fits. BT_INVALID where there is none, with what is short. */
BT_MUST_USE bt_status bt_placing_pack(const bt_placing_problem *problem, uint32_t *on, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
