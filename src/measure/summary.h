/* The one way to boil an array of samples down to what records and tables show.
 *
 * Everybody who holds samples calls this, so that P95, its bounds and the warnings beside it mean the same
 * everywhere. */
#ifndef BT_MEASURE_SUMMARY_H
#define BT_MEASURE_SUMMARY_H

#include <stddef.h>

#include "base/error.h"
#include "measure/series.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_SUMMARY_CONFIDENCE 0.95 /* of each bound by itself */

typedef struct bt_summary {
    size_t count;
    double min, mean, median, max;
    double p90, p95, p99;        /* by bt_quantile: values that occurred */
    double p95_lower, p95_upper; /* bt_late_bounds at BT_SUMMARY_CONFIDENCE; NaN where samples are too few */
    double deviation;            /* the median absolute deviation, unscaled */
    size_t block_length;         /* bt_block_length's */
    double effective_count;      /* at BT_RESOLUTION of the median: how sure mean and median are */
    bt_drift drift;              /* with BT_DRIFT_TOLERANCE */
} bt_summary;

/* Fills `out` from the samples in the order in which they were measured; units are the samples'. BT_INVALID
 * where count is 0 or a sample is not finite (named by its index), BT_NO_MEMORY. Allocates while it runs. */
bt_status bt_summarize(const double *samples, size_t count, bt_summary *out, bt_error *error) BT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
