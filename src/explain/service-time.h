/* What the measured service times of a model say of batching: what a run costs whatever its batch, what each image
 * adds, from which size on a larger one serves hardly more, and what preparing and delivering cost beside.
 *
 * Medians, since one slow run must not bend the line. Pure. */
#ifndef BT_EXPLAIN_SERVICE_TIME_H
#define BT_EXPLAIN_SERVICE_TIME_H

#include "record/config.h"
#include "record/explanation.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The share of the most images/s at which a size counts as having reached it. */
#define BT_FILLED_SHARE 0.95

/* Fills the sizes (but not their capacity), the line and all that follows from both. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_explain_service_time(bt_explained_model *out, const bt_config_model *model,
                                              bt_error *error);

/* The explained size, or NULL. */
bt_explained_size *bt_explained_size_of(const bt_explained_model *model, int batch_size);

/* The median of quantiles as a config keeps them; 0 of none. */
double bt_median_of_quantiles(const double *quantiles_ms, int count);

#ifdef __cplusplus
}
#endif
#endif
