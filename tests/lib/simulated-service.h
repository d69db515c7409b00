/* Services to simulate, for tests: ladders of known service times, and Poisson schedules. */
#ifndef BT_TESTS_SIMULATED_SERVICE_H
#define BT_TESTS_SIMULATED_SERVICE_H

#include "simulate/simulate.h"

/* A simulated model with its times; large, so keep it static. Do not copy it. */
typedef struct simulated_service {
    bt_simulation_model model;
    bt_service_times times[BT_LADDER_SIZES_MAX];
    double fixed_ms[BT_LADDER_SIZES_MAX];
} simulated_service;

/* Every size of `sizes` (0 ends them) always takes times_ms of the same place. Batches up to the largest, no
 * queue delay, a queue that is never full, no deadlines, no arrivals yet. */
void simulated_service_open(simulated_service *out, const int *sizes, const double *times_ms);

/* Likewise each size from 1 to `largest`, taking tau0_ms + alpha_ms * size. */
void simulated_service_linear(simulated_service *out, int largest, double tau0_ms, double alpha_ms);

/* `count` Poisson arrivals; the caller frees them. */
int64_t *simulated_poisson(uint64_t seed, double rate_rps, int64_t count);

/* Simulates models that share nothing but, if so told, a device; fails the test where that is refused. */
bt_simulation *simulated(const bt_simulation_model *models, int count, bool one_device, uint64_t seed);

#endif
