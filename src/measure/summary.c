#include "measure/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/bootstrap.h"
#include "measure/late.h"

static double mean_of(const double *samples, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += samples[i];
    return sum / (double)count;
}

static void fill_quantiles(const double *samples, const double *sorted, size_t count, bt_summary *out) {
    out->min = sorted[0];
    out->max = sorted[count - 1];
    out->p90 = bt_quantile(sorted, count, 0.90);
    out->p95 = bt_quantile(sorted, count, 0.95);
    out->p99 = bt_quantile(sorted, count, 0.99);
    bt_bounds p95 =
        bt_late_bounds(samples, sorted, count, 0.95, 1 - BT_SUMMARY_CONFIDENCE, 1 - BT_SUMMARY_CONFIDENCE);
    out->p95_lower = p95.lower;
    out->p95_upper = p95.upper;
}

bt_status bt_summarize(const double *samples, size_t count, bt_summary *out, bt_error *error) {
    if (!count) return bt_fail(error, BT_INVALID, "summary: there are no samples");
    for (size_t i = 0; i < count; i++)
        if (!isfinite(samples[i]))
            return bt_fail(error, BT_INVALID, "summary: sample %zu is %g, not a finite number", i,
                           samples[i]);
    double *scratch = malloc(3 * count * sizeof *scratch);
    if (!scratch) return bt_no_memory(error, "the summary of %zu samples", count);

    out->count = count;
    out->mean = mean_of(samples, count);
    out->median = bt_median(samples, count, scratch);
    out->deviation = bt_median_absolute_deviation(samples, count, scratch);
    out->effective_count = bt_effective_count_at(samples, count, BT_RESOLUTION * fabs(out->median), scratch);
    out->block_length = bt_block_length(samples, count);
    out->drift = bt_drift_test(samples, count, BT_DRIFT_TOLERANCE, scratch);
    memcpy(scratch, samples, count * sizeof *samples);
    bt_sort(scratch, count);
    fill_quantiles(samples, scratch, count, out);
    free(scratch);
    return BT_OK;
}
