/* What a handful of latencies says about a quantile, and how surely.
 *
 * A point estimate of P95 from fifty samples is a guess with a precise look. This module gives the guess, and
 * the binomial tails by which measure/late.h brackets the truth with a stated confidence, whatever the
 * distribution: latencies are skewed, often bimodal, and no formula fits them all. Where too few samples exist
 * for a bound, the bound is NaN rather than the largest sample dressed up as one. Everything here is pure, allocates nothing and may
 * be called from any thread. */
#ifndef BT_MEASURE_QUANTILE_H
#define BT_MEASURE_QUANTILE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What binary arithmetic may miss where counts and probabilities lie exactly on a bound, which rounding must not
 * decide: 100 / (1 / 0.29) is a hair under 29, and three late of three are exactly 1 - 0.999875. */
#define BT_COUNT_ROUNDING       1e-9
#define BT_PROBABILITY_ROUNDING 1e-13

/* P[Bin(trials, probability) <= successes], to about 12 digits, for up to 1e6 trials and beyond. 0 for
 * successes < 0, 1 for successes >= trials. Needs trials >= 0 and probability in [0, 1]. Takes
 * O(sqrt(trials)) steps: the point probability by Loader's saddle-point form ("Fast and accurate computation
 * of binomial probabilities", 2000), then the smaller tail term by term. */
double bt_binomial_at_most(int64_t successes, int64_t trials, double probability);
/* P[Bin(trials, probability) >= successes], likewise; a tiny tail keeps its relative precision. */
double bt_binomial_at_least(int64_t successes, int64_t trials, double probability);

/* Ascending, in place, by quicksort that turns to a heap where its splits are poor (Musser, "Introspective sorting and
 * selection algorithms", 1997): the C library's qsort may allocate. O(n log n). The samples must not hold NaN. */
void bt_sort(double *samples, size_t count);

/* The sample of that rank (from 1 to count), in O(n) as a rule: what is smaller is before it then, what is larger behind
 * it, in no order. No NaN. */
double bt_select(double *samples, size_t count, size_t rank);

/* The rank, counted from 1, of the sample that stands for a quantile: ceil(quantile * count), at least 1 and
 * at most count. So a quantile is always a value that really occurred (no interpolation into the gap of a
 * bimodal distribution) and at least the share `quantile` of the samples is at or below it. The P95 of fewer
 * than 20 samples is the largest. Needs count > 0. The histogram uses the same rule. */
size_t bt_quantile_rank(double quantile, size_t count);

/* The sample at that rank of an ascending array; NaN where count is 0. */
double bt_quantile(const double *sorted, size_t count, double quantile);

typedef struct bt_bounds {
    double lower, upper; /* each alone has the stated confidence; NaN where the samples are too few */
} bt_bounds;

/* How many samples give P95 an upper bound at 95 %, none of them above it: 0.95^59 < 0.05. */
#define BT_P95_BOUND_SAMPLES 59

/* The standard normal's distribution function. */
double bt_normal_below(double z);

#ifdef __cplusplus
}
#endif
#endif
