#include "tune/objective.h"

#include <math.h>

double bt_score_of(bt_objective objective, int batch_size, double service_ms) {
    switch (objective) {
    case BT_OBJECTIVE_THROUGHPUT:
        return batch_size / service_ms * 1e3;
    case BT_OBJECTIVE_LATENCY:
        return 1e3 / service_ms;
    case BT_OBJECTIVE_EFFICIENCY:
    case BT_OBJECTIVE_COUNT:
        break;
    }
    return sqrt((double)batch_size) / service_ms * 1e3;
}

double bt_point_score(const bt_point *point, bt_objective objective) {
    return bt_score_of(objective, point->batch_size, point->p50_ms);
}

bool bt_point_admissible(const bt_point *point) {
    return point->outcome == BT_OUTCOME_MEASURED;
}
