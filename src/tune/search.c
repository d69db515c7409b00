#include "tune/search.h"

#include <math.h>

/* How far below the straight line between two neighbours a service time may plausibly lie. */
#define OPTIMISM 0.08

double bt_score_of(bt_objective objective, int batch_size, double service_ms) {
    switch (objective) {
    case BT_OBJECTIVE_THROUGHPUT: return batch_size / service_ms * 1e3;
    case BT_OBJECTIVE_LATENCY: return 1e3 / service_ms;
    case BT_OBJECTIVE_EFFICIENCY:
    case BT_OBJECTIVE_COUNT: break;
    }
    return sqrt((double)batch_size) / service_ms * 1e3;
}

bool bt_search_goes_on(const double *throughputs, int count, int last_batch) {
    if (last_batch * 2 > BT_SEARCH_MAX_BATCH) return false;
    if (count < 3) return true;
    double before = throughputs[count - 3];
    double since = fmax(throughputs[count - 2], throughputs[count - 1]);
    return since >= before * (1 + BT_SEARCH_PLATEAU_GAIN);
}

/* The middle of the gap between two sizes if some size in it could beat `best`, else 0. */
static int worthwhile_middle(bt_objective objective, int low, double low_ms, int high, double high_ms, double best) {
    double conceivable = 0;
    for (int b = low + 1; b < high; b++) {
        double line_ms = low_ms + (high_ms - low_ms) * (b - low) / (high - low);
        double service_ms = fmax(line_ms * (1 - OPTIMISM), fmin(low_ms, high_ms));
        conceivable = fmax(conceivable, bt_score_of(objective, b, service_ms));
    }
    return conceivable > best * (1 + BT_SEARCH_WORTHWHILE) ? low + (high - low) / 2 : 0;
}

int bt_search_refine(bt_objective objective, const int *batches, const double *service_ms, const bool *dead, int count) {
    int top = -1;
    double best = 0;
    for (int i = 0; i < count; i++) {
        double score = dead[i] ? 0 : bt_score_of(objective, batches[i], service_ms[i]);
        if (score > best) {
            best = score;
            top = i;
        }
    }
    if (top < 0) return 0;
    int middle = 0;
    if (top + 1 < count)
        middle = worthwhile_middle(objective, batches[top], service_ms[top], batches[top + 1], service_ms[top + 1], best);
    if (middle == 0 && top > 0)
        middle = worthwhile_middle(objective, batches[top - 1], service_ms[top - 1], batches[top], service_ms[top], best);
    return middle;
}
