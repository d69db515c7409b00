/* A confidence interval for any statistic of a series whose samples depend on their neighbours.
 *
 * Drawing single samples anew destroys what makes a machine's series treacherous: its slow spells. Drawing
 * whole blocks of neighbours, on a circle so that no sample is favoured, keeps them (Politis and Romano, "A
 * circular block-resampling procedure for stationary data", 1992). The gate compares versions with this, on
 * the log-ratios of interleaved pairs. */
#ifndef BT_MEASURE_BOOTSTRAP_H
#define BT_MEASURE_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A statistic of `count` values; it may reorder them, and must not fail. */
typedef double bt_statistic(double *values, size_t count, void *context);

/* Ready-made ones; context is unused. */
double bt_statistic_mean(double *values, size_t count, void *context);
double bt_statistic_median(double *values, size_t count, void *context);
/* Of what is left when the tenth at either end is cut: nearly as steady as the mean on quiet samples, and a
 * spike moves it no further than any other late sample. */
double bt_statistic_trimmed_mean(double *values, size_t count, void *context);
/* The nearest-rank quantile; context points to a double in [0, 1]. */
double bt_statistic_quantile(double *values, size_t count, void *context);

typedef struct bt_bootstrap_options {
    bt_statistic *statistic; /* NULL: the mean */
    void *context;           /* handed to the statistic */
    double confidence;       /* two-sided, in (0, 1); 0: 0.95. Each bound alone: (1 + confidence) / 2 */
    size_t resamples;        /* 0: 2000; at least 100 */
    size_t block_length;     /* 0: bt_block_length's; above count: count */
    uint64_t seed;           /* the same seed and series give the same interval */
} bt_bootstrap_options;

typedef struct bt_interval {
    double estimate, lower, upper;
    double deviation;    /* the standard deviation of the resamples' statistic, as drawn: not widened */
    size_t block_length; /* that was used */
} bt_interval;

/* The statistic of the series and its percentile interval over circular block resamples. The percentiles are
 * widened for small samples as the t distribution of count / block_length - 1 degrees is wider than the
 * normal (Hesterberg, "What teachers should know about the bootstrap", 2015): plain percentiles are too
 * narrow by about 1 / (2 count). BT_INVALID for fewer than 5 samples, a sample that is not finite or options
 * out of bounds; BT_NO_MEMORY. Allocates while it runs; O(resamples * count) and the statistic's own. */
bt_status bt_bootstrap(const double *samples, size_t count, const bt_bootstrap_options *options,
                       bt_interval *out, bt_error *error) BT_MUST_USE;

/* The block length, from 1 to count / 3, that minimises the error of the mean's variance: Politis and White,
 * "Automatic block-length selection for the dependent bootstrap" (2004), with the correction of Patton,
 * Politis and White (2009). 1 for series whose autocorrelations are within noise. */
size_t bt_block_length(const double *samples, size_t count);

#ifdef __cplusplus
}
#endif
#endif
