#include "measure/series.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "measure/quantile.h"

/* A sample above this quantile belongs to the tail whose autocorrelation is judged by itself. Higher, and a few
 * dozen samples hold too few tail samples to show a spell; lower, and what slows down the slowest runs alone is
 * lost among the many. */
#define TAIL_QUANTILE 0.9

/* How many standard deviations above white noise a correlation must lie to count. The four tests together then
 * raise a false alarm in about one series of 20. Higher: weak correlations pass as none, and bounds come out too
 * narrow. Lower: independent samples are discounted, and every proof takes longer than it must. */
#define WHITE_REACH 2.5

enum { LEAST_FOR_CORRELATION = 10, LEAST_FOR_TREND = 8, LEAST_TAIL = 4 };

static double middle_of(const double *sorted, size_t count) {
    return count ? (sorted[(count - 1) / 2] + sorted[count / 2]) / 2 : NAN;
}

double bt_median(const double *samples, size_t count, double *scratch) {
    if (count) memcpy(scratch, samples, count * sizeof *samples);
    bt_sort(scratch, count);
    return middle_of(scratch, count);
}

double bt_median_absolute_deviation(const double *samples, size_t count, double *scratch) {
    double median = bt_median(samples, count, scratch);
    for (size_t i = 0; i < count; i++)
        scratch[i] = fabs(samples[i] - median);
    bt_sort(scratch, count);
    return middle_of(scratch, count);
}

/* How many of the sorted values are below `value`, or below or equal to it. */
static size_t count_below(const double *sorted, size_t count, double value, bool or_equal) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle] < value || (or_equal && sorted[middle] == value))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Ranks from 1, equal samples sharing their mean rank. `sorted` is left sorted. */
static void mean_ranks(const double *samples, size_t count, double *ranks, double *sorted) {
    memcpy(sorted, samples, count * sizeof *samples);
    bt_sort(sorted, count);
    for (size_t i = 0; i < count; i++) {
        size_t below = count_below(sorted, count, samples[i], false);
        size_t to_here = count_below(sorted, count, samples[i], true);
        ranks[i] = (double)(below + to_here + 1) / 2;
    }
}

static void subtract_mean(double *values, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    for (size_t i = 0; i < count; i++)
        values[i] -= sum / (double)count;
}

static double lagged_product(const double *values, size_t count, size_t lag) {
    double sum = 0;
    for (size_t i = lag; i < count; i++)
        sum += values[i] * values[i - lag];
    return sum;
}

/* Do the first lags of this centred series rise above what white noise shows? A white series'
 * autocorrelations have mean -1/n and variance about 1/n. */
static bool seems_correlated(const double *centred, size_t count, double power) {
    double n = (double)count, first = lagged_product(centred, count, 1) / power;
    double three = first + (lagged_product(centred, count, 2) + lagged_product(centred, count, 3)) / power;
    return first + 1 / n > WHITE_REACH / sqrt(n) || three + 3 / n > WHITE_REACH * sqrt(3 / n);
}

/* The effective count of values that are centred on 0. */
static double effective_of(const double *centred, size_t count) {
    double power = lagged_product(centred, count, 0);
    if (count < LEAST_FOR_CORRELATION || !(power > 0) || !seems_correlated(centred, count, power))
        return (double)count;
    double spread = -1, least_pair = INFINITY;
    for (size_t lag = 0; lag + 1 < count; lag += 2) {
        double pair = (lagged_product(centred, count, lag) + lagged_product(centred, count, lag + 1)) / power;
        if (pair <= 0) break;
        least_pair = fmin(least_pair, pair);
        spread += 2 * least_pair;
    }
    return fmax(1, (double)count / fmax(spread, 1));
}

double bt_effective_count(const double *samples, size_t count, double *scratch) {
    if (count < LEAST_FOR_CORRELATION) return (double)count;
    double *sorted = scratch + count;
    mean_ranks(samples, count, scratch, sorted);
    subtract_mean(scratch, count);
    double of_ranks = effective_of(scratch, count);
    double tail_start = bt_quantile(sorted, count, TAIL_QUANTILE);
    for (size_t i = 0; i < count; i++)
        scratch[i] = samples[i] > tail_start;
    subtract_mean(scratch, count);
    return fmin(of_ranks, effective_of(scratch, count));
}

double bt_effective_count_at(const double *samples, size_t count, double resolution, double *scratch) {
    double *rounded = scratch + 2 * count;
    for (size_t i = 0; i < count; i++)
        rounded[i] = resolution > 0 ? round(samples[i] / resolution) : samples[i];
    return bt_effective_count(rounded, count, scratch);
}

/* Merge-sorts the values and returns how many pairs stood in falling order. */
static uint64_t count_falling_pairs(double *values, size_t count, double *buffer) {
    uint64_t falling = 0;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t start = 0; start < count; start += 2 * width) {
            size_t middle = start + width < count ? start + width : count;
            size_t end = start + 2 * width < count ? start + 2 * width : count;
            size_t left = start, right = middle;
            for (size_t out = start; out < end; out++) {
                bool from_right = right < end && (left == middle || values[right] < values[left]);
                if (from_right) falling += middle - left;
                buffer[out] = from_right ? values[right++] : values[left++];
            }
        }
        memcpy(values, buffer, count * sizeof *values);
    }
    return falling;
}

/* Takes the least-squares line over the index out of values, which are left centred. */
static void subtract_trend(double *values, size_t count) {
    subtract_mean(values, count);
    double middle = ((double)count - 1) / 2, slope = 0, square = 0;
    for (size_t i = 0; i < count; i++) {
        slope += values[i] * ((double)i - middle);
        square += ((double)i - middle) * ((double)i - middle);
    }
    for (size_t i = 0; i < count; i++)
        values[i] -= slope / square * ((double)i - middle);
}

/* Mann and Kendall's two-sided p value of no trend. */
static double trend_p_value(const double *samples, size_t count, double *scratch) {
    mean_ranks(samples, count, scratch, scratch + count);
    subtract_trend(scratch, count);
    double inflation = (double)count / effective_of(scratch, count);

    memcpy(scratch, samples, count * sizeof *samples);
    uint64_t falling = count_falling_pairs(scratch, count, scratch + count);
    double n = (double)count, variance = n * (n - 1) * (2 * n + 5), tied_pairs = 0;
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && scratch[end] == scratch[i]; end++) {
        }
        double ties = (double)(end - i);
        tied_pairs += ties * (ties - 1) / 2;
        variance -= ties * (ties - 1) * (2 * ties + 5);
    }
    if (!(variance > 0)) return 1;
    double score = n * (n - 1) / 2 - tied_pairs - 2 * (double)falling;
    double z = fmax(fabs(score) - 1, 0) / sqrt(variance / 18 * inflation);
    return erfc(z * M_SQRT1_2);
}

static double relative_shift(double from, double to) {
    return from != 0 ? (to - from) / fabs(from) : NAN;
}

bt_drift bt_drift_test(const double *samples, size_t count, double tolerance, double *scratch) {
    bt_drift drift = {.p_value = 1, .relative_shift = NAN};
    if (count < 2) return drift;
    size_t half = count / 2;
    drift.relative_shift =
        relative_shift(bt_median(samples, half, scratch), bt_median(samples + count - half, half, scratch));
    if (count < LEAST_FOR_TREND) return drift;
    drift.p_value = trend_p_value(samples, count, scratch);
    drift.drifting = drift.p_value < BT_DRIFT_P_VALUE && !(fabs(drift.relative_shift) < tolerance);
    return drift;
}

/* Where the ranks change level: the number of samples before the change, or 0 where none is sure at 5 %.
 * Pettitt's statistic says whether; its place leans towards the middle of the series, so the place is where
 * the two means differ most for their lengths. The evidence is computed with the effective count of what is
 * left without both levels. */
static size_t level_change(const double *samples, size_t count, double *scratch) {
    double *ranks = scratch, n = (double)count, sum = 0, before_sum = 0, furthest = 0, clearest = 0;
    size_t change = 0;
    mean_ranks(samples, count, ranks, scratch + count);
    for (size_t i = 1; i < count; i++) {
        double before = (double)i, after = (double)(count - i);
        sum += ranks[i - 1];
        double distance = fabs(2 * sum - before * (n + 1));
        furthest = fmax(furthest, distance);
        if (distance / sqrt(before * after) <= clearest) continue;
        clearest = distance / sqrt(before * after);
        before_sum = sum;
        change = i;
    }
    if (!change) return 0;
    double level_before = before_sum / (double)change;
    double level_after = (n * (n + 1) / 2 - before_sum) / (double)(count - change);
    for (size_t i = 0; i < count; i++)
        ranks[i] -= i < change ? level_before : level_after;
    double share = effective_of(ranks, count) / n;
    double p_value = 2 * exp(-6 * furthest * furthest * share / (n * n * n + n * n));
    return p_value < 0.05 ? change : 0;
}

/* How many leading samples stick out of the rest. */
static size_t leading_outliers(const double *samples, size_t count, double tolerance, double *scratch) {
    double median = bt_median(samples, count, scratch);
    double deviation = 1.4826 * bt_median_absolute_deviation(samples, count, scratch);
    double reach = fmax(5 * deviation, tolerance * fabs(median));
    size_t leading = 0;
    while (leading < count && fabs(samples[leading] - median) > reach)
        leading++;
    return leading;
}

/* How many samples of this series to give up because what comes first is unlike what follows; 0: it is
 * steady. */
static size_t unsteady_lead(const double *samples, size_t count, double tolerance, double *scratch) {
    size_t cut = level_change(samples, count, scratch);
    if (!cut) cut = leading_outliers(samples, count, tolerance, scratch);
    if (cut) {
        double before = bt_median(samples, cut, scratch);
        double after = bt_median(samples + cut, count - cut, scratch);
        if (!(fabs(relative_shift(after, before)) <= tolerance)) return cut;
    }
    return bt_drift_test(samples, count, tolerance, scratch).drifting ? (count + 7) / 8 : 0;
}

size_t bt_steady_from(const double *samples, size_t count, size_t least_tail, double tolerance,
                      double *scratch) {
    if (least_tail < LEAST_TAIL) least_tail = LEAST_TAIL;
    size_t start = 0;
    while (count - start >= least_tail) {
        size_t cut = unsteady_lead(samples + start, count - start, tolerance, scratch);
        if (!cut) return start;
        start += cut;
    }
    return BT_NOT_STEADY;
}
