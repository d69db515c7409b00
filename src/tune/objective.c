#include "tune/objective.h"

#include <math.h>

/* So much that whatever holds a rate scores more than whatever does not: P95 is under an hour, and no capacity above
 * 1e8 requests/s. */
#define HELD_SCORE 1e9

double bt_score_of(bt_objective objective, int batch_size, double service_ms) {
    switch (objective) {
    case BT_OBJECTIVE_THROUGHPUT:
    case BT_OBJECTIVE_CAPACITY:
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
    if (objective != BT_OBJECTIVE_CAPACITY || isnan(point->capacity_rps))
        return bt_score_of(objective, point->batch_size, point->p50_ms);
    return point->rate_p95_ms > 0 ? HELD_SCORE / point->rate_p95_ms : point->capacity_rps / HELD_SCORE;
}

double bt_score_within(int batch_size, double service_ms, double p95_sla_ms) {
    const double room = fmin(fmax((p95_sla_ms - service_ms) / service_ms, 0), 1);
    return room * bt_score_of(BT_OBJECTIVE_CAPACITY, batch_size, service_ms);
}

bool bt_point_admissible(const bt_point *point) {
    return point->outcome == BT_OUTCOME_MEASURED;
}
