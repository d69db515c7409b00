/* How much slower is one version than another, and how surely?
 *
 * A version's times are compared as the logarithm of their ratio, so that 10 % slower and 10 % faster are
 * opposites. Interleaved versions give pairs, in which a slow spell of the machine cancels; two stored series
 * give one ratio of quantiles. Either way the spread comes from a block bootstrap, which knows that
 * neighbours are alike, and tails are Student's, which knows that they are few.
 *
 * Many looks at many metrics cry wolf unless they share one error. Here each metric has a p-value that holds
 * over all its looks: look k gets the share w_k of the error, the shares of a course sum to 1, and p is the
 * least p_k / w_k so far (a weighted Bonferroni bound, whatever the looks have in common). It only falls, so
 * that Holm's procedure over the metrics may be asked at every look, and what it rejects stays rejected: the
 * chance of a single false rejection in the whole course is at most the error. Pure; any thread. */
#ifndef BT_MEASURE_SLOWDOWN_H
#define BT_MEASURE_SLOWDOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_SLOWDOWN_LEAST 5 /* values of a side */

/* Of log(now / before): above 0 is slower. */
typedef struct bt_slowdown {
    double log_ratio;
    double deviation; /* of log_ratio */
    double degrees;   /* of freedom, of Student's distribution */
} bt_slowdown;

/* `count` pairs of values above 0, in the order taken: the trimmed mean of their log-ratios. BT_INVALID for
 * fewer than BT_SLOWDOWN_LEAST pairs or a value that is not above 0, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_slowdown_of_pairs(const double *before, const double *now, size_t count,
                                           uint64_t seed, bt_slowdown *out, bt_error *error);

/* Two series that were not taken together, each in its order: the ratio of one quantile (nearest rank; 0.5:
 * the median), degrees by Welch and Satterthwaite. What moved the whole machine between the two series is
 * not in the deviation: only a tolerance can allow for it. Errors as above. */
BT_MUST_USE bt_status bt_slowdown_of_series(const double *before, size_t before_count, const double *now,
                                            size_t now_count, double quantile, uint64_t seed,
                                            bt_slowdown *out, bt_error *error);

/* The p-value of "log(now / before) is at most `log_ratio`" (small: surely above), and of "at least". */
double bt_slowdown_p_above(const bt_slowdown *slowdown, double log_ratio);
double bt_slowdown_p_below(const bt_slowdown *slowdown, double log_ratio);

/* How far above the seen log-ratio the true one may lie, with an error of `error_share` at most; as far below
 * it, with another. */
double bt_slowdown_margin(const bt_slowdown *slowdown, double error_share);

/* The share of the error that a look may spend which comes at part `now` of the course, when the last one was
 * at `before` (0..1; the last look is at 1): little early, when few samples say little. */
double bt_look_share(double before, double now);

/* Holm's procedure ("A simple sequentially rejective multiple test procedure", 1979): which of `count`
 * hypotheses fall, with an error of at most `error_share` over all. O(count^2). */
void bt_holm(const double *p_values, size_t count, double error_share, bool *rejected);

#ifdef __cplusplus
}
#endif
#endif
