/* What a batch size is worth, by the objective that was asked for. Pure. */
#ifndef BT_TUNE_OBJECTIVE_H
#define BT_TUNE_OBJECTIVE_H

#include <stdbool.h>

#include "record/sweep-record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The score of a service time under an objective: higher is better. The capacity is the throughput here: which sizes
 * are tried at all goes by that. */
double bt_score_of(bt_objective objective, int batch_size, double service_ms);

/* The same for the capacity while nothing is simulated yet, to tell what is worth measuring: a batch's throughput, less
 * what the SLA leaves no room for, since a request that finds a batch running waits for it and then takes its own. */
double bt_score_within(int batch_size, double service_ms, double p95_sla_ms);

/* That of a scored point, by its median; by the capacity as it was predicted: of those that hold the rate that was
 * asked for, the lower P95, and any of them before the others. */
double bt_point_score(const bt_point *point, bt_objective objective);

/* Whether all that is asked of a size was shown: P95, memory, masks. */
bool bt_point_admissible(const bt_point *point);

#ifdef __cplusplus
}
#endif
#endif
