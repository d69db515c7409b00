/* Made-up models on made-up devices, by a seed, and what trying all placements finds. */
#ifndef BT_TESTS_PLACING_FAMILY_H
#define BT_TESTS_PLACING_FAMILY_H

#include <stdint.h>

#include "simulate/placing.h"

#define PLACING_QUANTILES 16
#define PLACING_SIZES     4

/* A model whose batch of b images takes tau + alpha * b, and somewhat longer now and then. Do not copy it. */
typedef struct placing_times {
    bt_tuned_model tuned;
    double quantiles_ms[PLACING_SIZES][PLACING_QUANTILES];
} placing_times;

/* Large: keep it static. Do not copy it. */
typedef struct placing_family {
    bt_placing_problem problem;
    bt_placing_model models[BT_PLACING_MODELS_MAX];
    placing_times times[BT_PLACING_MODELS_MAX];
    bt_placing_device devices[BT_PLACING_DEVICES_MAX];
    double pools_mb[BT_PLACING_DEVICES_MAX];
} placing_family;

/* `largest`: of its batches; 1, 2, 4 or 8. `tail`: its slowest run takes so much longer, 0.1 a tenth. */
void placing_times_open(placing_times *out, int largest, double tau_ms, double alpha_ms, double tail,
                        double queue_delay_ms);

/* So many devices with 1000 MiB each, and models of 10 MiB and equal shares, to be changed. */
void placing_family_open(placing_family *out, int models, int devices);

/* Drawn: times, promises, shares, memory, speeds where `mixed`, and what models cost each other. */
void placing_family_draw(placing_family *out, uint64_t seed, int models, int devices, bool mixed);

/* The next placement that fits and has every model, but for those that devices which are alike make the same; false at the
 * end. Begin with all 0. */
bool placing_next(const bt_placing_problem *problem, uint32_t on[BT_PLACING_DEVICES_MAX]);

#endif
