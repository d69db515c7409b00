#include "measure/quantile.h"

#include <math.h>

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

static void sift_down(double *heap, size_t root, size_t count) {
    double value = heap[root];
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && heap[child] < heap[child + 1]) child++;
        if (heap[child] <= value) break;
        heap[root] = heap[child];
    }
    heap[root] = value;
}

void bt_sort(double *samples, size_t count) {
    for (size_t root = count / 2; root-- > 0;)
        sift_down(samples, root, count);
    for (size_t last = count; last-- > 1;) {
        double largest = samples[0];
        samples[0] = samples[last];
        samples[last] = largest;
        sift_down(samples, 0, last);
    }
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
