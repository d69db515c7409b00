/* What a batch size is worth, by the objective that was asked for. Pure. */
#ifndef BT_TUNE_OBJECTIVE_H
#define BT_TUNE_OBJECTIVE_H

#include <stdbool.h>

#include "record/sweep-record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The score of a service time under an objective: higher is better. */
double bt_score_of(bt_objective objective, int batch_size, double service_ms);

/* That of a scored point, by its median. */
double bt_point_score(const bt_point *point, bt_objective objective);

/* Whether all that is asked of a size was shown: P95, memory, masks. */
bool bt_point_admissible(const bt_point *point);

#ifdef __cplusplus
}
#endif
#endif
