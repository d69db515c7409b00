/* What the order of the samples says: are they independent, do they drift, has the warm-up ended?
 *
 * Samples of one machine are not drawn from an urn. A slow spell makes neighbours alike, a heating processor
 * makes later ones slower, and the first ones pay for caches and tuning. Each question here is answered
 * robustly (ranks and medians, so that one outlier decides nothing), and a difference counts only when it is
 * both statistically sure and large enough to matter. Order is the order of measurement. All is pure; where
 * working room is needed the caller gives it (`scratch`), so that nothing is allocated. Samples must not hold
 * NaN. */
#ifndef BT_MEASURE_SERIES_H
#define BT_MEASURE_SERIES_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The middle sample, or the mean of the middle two; NaN where there is none. scratch: count doubles. */
double bt_median(const double *samples, size_t count, double *scratch);

/* The median of the distances from the median (not scaled; times 1.4826 it estimates a normal's standard
 * deviation). scratch: count doubles. */
double bt_median_absolute_deviation(const double *samples, size_t count, double *scratch);

/* How many independent samples these are worth, from 1 to count: count / (1 + 2 * sum of autocorrelations),
 * summed over Geyer's initial monotone positive sequence ("Practical Markov chain Monte Carlo", 1992). The
 * smaller of two answers (as in Vehtari and others, "Rank-normalization, folding, and localization", 2021):
 * over the ranks, which outliers can neither hide nor fake correlation in, and over "is it among the highest
 * tenth?", since rare slow spells leave the ranks of the many as they were but make late samples come
 * together.
 *
 * An estimated sum is never exactly 0, so a series without correlation would lose samples too. It keeps all
 * of them: a sum counts only where the first lag, or the first three together, exceed what one white series
 * in 40 shows. The price is that a weak correlation in a short series goes unseen (a lag-1 correlation below
 * about 2.2 / sqrt(count)). Below 10 samples nothing can be seen, and the answer is count. A trend reads as
 * correlation. O(count * lags). scratch: 2 * count doubles. */
double bt_effective_count(const double *samples, size_t count, double *scratch);

/* The same, blind to differences below `resolution`: ranks would take an autocorrelated jitter of
 * microseconds, on batches of milliseconds, for a spell. scratch: 3 * count doubles. */
double bt_effective_count_at(const double *samples, size_t count, double resolution, double *scratch);

/* The share of a typical duration below which differences do not matter to what is decided. Higher: real spells
 * of a few percent count as none; lower: the jitter of clocks and interrupts counts as correlation. */
#define BT_RESOLUTION 0.01

typedef struct bt_drift {
    double p_value; /* two-sided, of no trend; 1 where fewer than 8 samples or all equal */
    /* The median of the second half over that of the first, minus 1; NaN for fewer than 2 samples or from 0. */
    double relative_shift;
    bool drifting; /* p_value < BT_DRIFT_P_VALUE, and the shift is not below the tolerance, up or down */
} bt_drift;

/* A series drifts when both hold: a trend this sure, and medians of the halves this far apart, as a share. A higher
 * p-value, or a smaller shift, warns of drifts that change no choice; the other way, a machine that heats up is
 * trusted. */
#define BT_DRIFT_P_VALUE   0.01
#define BT_DRIFT_TOLERANCE 0.01

/* Does the series drift? The Mann-Kendall rank test with the variance corrected for ties (Kendall, Rank
 * Correlation Methods, 1975) and for autocorrelation by the effective count of the detrended ranks (Yue and
 * Wang, 2004): flagged only when also the median shifts by `tolerance` between the halves, since with many
 * samples any trend is sure and few matter. O(count log count), and count * lags. scratch: 2 * count
 * doubles. */
bt_drift bt_drift_test(const double *samples, size_t count, double tolerance, double *scratch);

#define BT_NOT_STEADY ((size_t)-1)

/* The index from which a series that starts with a warm-up is steady, or BT_NOT_STEADY.
 *
 * Given up, again and again, is everything before a level change (Pettitt's rank test, "A non-parametric
 * approach to the change-point problem", 1979, at 5 %); where there is none, the leading samples that stick
 * out of the rest by more than five scaled median absolute deviations. Either only where the medians of the
 * two parts differ by more than `tolerance` of the later one. Where there is neither, but the rest drifts by
 * bt_drift_test, its first eighth goes.
 *
 * What is left must hold at least `least_tail` samples (4 at the least), so a change near the end makes the
 * series not yet steady. A change of level shows only when some six samples lie on its smaller side and a
 * dozen or more are there in all; before that, only leading outliers and drift are seen. A steady series of
 * independent samples loses some to a false alarm in about one of 25. O(count^2) at worst. scratch: 2 * count
 * doubles. */
size_t bt_steady_from(const double *samples, size_t count, size_t least_tail, double tolerance,
                      double *scratch);

#ifdef __cplusplus
}
#endif
#endif
