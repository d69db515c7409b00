#include "measure/quantile.h"

#include <math.h>
#include <stdbool.h>

/* log(n!) minus Stirling's main terms. Far from zero the series is exact to the last bits; near zero
 * log-gamma's own error is as small. lgamma_r, because lgamma writes a global. */
static double stirling_error(double n) {
    static const double HALF_LOG_TWO_PI = 0.91893853320467274178;
    if (n < 16) {
        int sign;
        return n == 0 ? 0 : lgamma_r(n + 1, &sign) - (n + 0.5) * log(n) + n - HALF_LOG_TWO_PI;
    }
    double square = n * n;
    return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - 1.0 / (1680 * square)) / square) / square) / n;
}

/* x log(x / mean) + mean - x without the cancellation when x is near mean (Loader's bd0). */
static double deviance(double x, double mean) {
    if (fabs(x - mean) >= 0.1 * (x + mean)) return x * log(x / mean) + mean - x;
    double v = (x - mean) / (x + mean), term = 2 * x * v, sum = (x - mean) * v;
    for (int odd = 3; odd < 1000; odd += 2) {
        term *= v * v;
        double next = sum + term / odd;
        if (next == sum) break;
        sum = next;
    }
    return sum;
}

static double binomial_point(int64_t successes, int64_t trials, double probability) {
    double k = (double)successes, n = (double)trials, p = probability;
    if (p == 0) return successes == 0;
    if (p == 1) return successes == trials;
    if (successes == 0) return exp(n * log1p(-p));
    if (successes == trials) return exp(n * log(p));
    double log_shape = stirling_error(n) - stirling_error(k) - stirling_error(n - k) - deviance(k, n * p) -
                       deviance(n - k, n * (1 - p));
    return exp(log_shape) * sqrt(n / (2 * M_PI * k * (n - k)));
}

/* The sum of the point probabilities from `successes` away from the mode; direction is -1 or +1. */
static double tail(int64_t successes, int64_t trials, double probability, int direction) {
    double term = binomial_point(successes, trials, probability), sum = 0;
    double odds = probability / (1 - probability);
    for (int64_t k = successes; k >= 0 && k <= trials && term > 0; k += direction) {
        sum += term;
        if (term < sum * 1e-18) break;
        term *= direction > 0 ? (double)(trials - k) / (double)(k + 1) * odds
                              : (double)k / (double)(trials - k + 1) / odds;
    }
    return fmin(sum, 1);
}

double bt_binomial_at_most(int64_t successes, int64_t trials, double probability) {
    if (successes < 0) return 0;
    if (successes >= trials) return 1;
    if (probability <= 0) return 1;
    if (probability >= 1) return 0;
    if ((double)successes < (double)trials * probability) return tail(successes, trials, probability, -1);
    return 1 - tail(successes + 1, trials, probability, +1);
}

double bt_binomial_at_least(int64_t successes, int64_t trials, double probability) {
    if (successes <= 0) return 1;
    if (successes > trials) return 0;
    if (probability <= 0) return 0;
    if (probability >= 1) return 1;
    if ((double)successes > (double)trials * probability) return tail(successes, trials, probability, +1);
    return 1 - tail(successes - 1, trials, probability, -1);
}

/* So few samples are sorted by insertion. */
#define SMALL 24

static inline void swap(double *samples, size_t a, size_t b) {
    const double value = samples[a];
    samples[a] = samples[b];
    samples[b] = value;
}

static void sift_down(double *heap, size_t root, size_t count) {
    double value = heap[root];
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && heap[child] < heap[child + 1]) child++;
        if (heap[child] <= value) break;
        heap[root] = heap[child];
    }
    heap[root] = value;
}

static void heap_sort(double *samples, size_t count) {
    for (size_t root = count / 2; root-- > 0;)
        sift_down(samples, root, count);
    for (size_t last = count; last-- > 1;) {
        swap(samples, 0, last);
        sift_down(samples, 0, last);
    }
}

static void insertion_sort(double *samples, size_t count) {
    for (size_t i = 1; i < count; i++) {
        const double value = samples[i];
        size_t at = i;
        for (; at > 0 && samples[at - 1] > value; at--)
            samples[at] = samples[at - 1];
        samples[at] = value;
    }
}

static double median_of(double a, double b, double c) {
    return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

/* Brings the samples to the front for which `value < pivot`, or with `equal` those that equal it, and returns how many.
 * By Lomuto's scheme, without a branch for the samples' order to mislead. */
static inline size_t gather(double *samples, size_t count, double pivot, bool equal) {
    size_t gathered = 0;
    for (size_t i = 0; i < count; i++) {
        const double value = samples[i];
        samples[i] = samples[gathered];
        samples[gathered] = value;
        gathered += equal ? value == pivot : value < pivot;
    }
    return gathered;
}

/* Splits around the median of three samples, and returns how many of the smaller are in front, at least one and not all;
 * where there are none, *equal of the smallest. */
static size_t split(double *samples, size_t count, size_t *equal) {
    const double pivot = median_of(samples[0], samples[count / 2], samples[count - 1]);
    const size_t below = gather(samples, count, pivot, false);
    *equal = below > 0 ? 0 : gather(samples, count, pivot, true);
    return below;
}

/* Splits that leave less than this are few, whatever the order: after more of them the rest is sorted by a heap. */
static int splits_allowed(size_t count) {
    int allowed = 0;
    for (; count > 0; count /= 2)
        allowed += 2;
    return allowed;
}

static void sort_in(double *samples, size_t count, int allowed) {
    while (count > SMALL && allowed-- > 0) {
        size_t equal, below = split(samples, count, &equal), first = below + equal;
        if (below < count - first) {
            sort_in(samples, below, allowed);
            samples += first;
            count -= first;
        } else {
            sort_in(samples + first, count - first, allowed);
            count = below;
        }
    }
    if (count > SMALL)
        heap_sort(samples, count);
    else
        insertion_sort(samples, count);
}

void bt_sort(double *samples, size_t count) {
    sort_in(samples, count, splits_allowed(count));
}

double bt_select(double *samples, size_t count, size_t rank) {
    int allowed = splits_allowed(count);
    while (count > SMALL && allowed-- > 0) {
        size_t equal, below = split(samples, count, &equal);
        if (below == 0 && rank <= equal) return samples[0];
        if (rank <= below) {
            count = below;
        } else {
            samples += below + equal;
            count -= below + equal;
            rank -= below + equal;
        }
    }
    sort_in(samples, count, 0);
    return samples[rank - 1];
}

size_t bt_quantile_rank(double quantile, size_t count) {
    double rank = quantile * (double)count;
    rank = ceil(rank - rank * 1e-12); /* 0.07 * 100 is a hair over 7 in binary; its rank is 7 */
    if (!(rank > 1)) return 1;
    return rank < (double)count ? (size_t)rank : count;
}

double bt_quantile(const double *sorted, size_t count, double quantile) {
    return count ? sorted[bt_quantile_rank(quantile, count) - 1] : NAN;
}

double bt_normal_below(double z) {
    return 0.5 * erfc(-z * M_SQRT1_2);
}
