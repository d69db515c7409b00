/* Which batch sizes are worth trying? Doubling first, then between the best neighbours. Pure.
 *
 * Service time over batch size is a staircase more than a line, and the best size is seldom a power of two; but scores
 * do not jump about, so the best of the doubled sizes brackets the best of all.
 */
#ifndef BT_TUNE_SEARCH_H
#define BT_TUNE_SEARCH_H

#include <stdbool.h>

#include "record/record.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_SEARCH_MAX_BATCH    256
#define BT_SEARCH_PLATEAU_GAIN 0.03 /* less throughput than this gained by a doubling is none */

/* The score of a point under an objective: higher is better. */
double bt_score_of(bt_objective objective, int batch_size, double service_ms);

/* Whether doubling goes on after `last` (throughputs of the sizes so far, ascending; at least one). It ends at
 * BT_SEARCH_MAX_BATCH, and where two doublings in a row gained no throughput. */
bool bt_search_goes_on(const double *throughputs, int count, int last_batch);

/* The size to try next between those that were measured, or 0 when none is worth it. `batches` ascending with their
 * median service times; `dead[i]` marks sizes that cannot win (late, out of memory). The gaps on both sides of the best
 * living size are halved until no size lies between; a gap whose best conceivable score (service time between its ends,
 * at least the smaller one's) cannot beat the best by more than BT_SEARCH_WORTHWHILE is left alone. */
#define BT_SEARCH_WORTHWHILE 0.01
int bt_search_refine(bt_objective objective, const int *batches, const double *service_ms, const bool *dead, int count);

#ifdef __cplusplus
}
#endif
#endif
