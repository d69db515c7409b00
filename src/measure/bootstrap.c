#include "measure/bootstrap.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "measure/quantile.h"
#include "measure/student.h"

enum { LEAST_SAMPLES = 5, LEAST_RESAMPLES = 100, USUAL_RESAMPLES = 2000 };

double bt_statistic_mean(double *values, size_t count, void *context) {
    (void)context;
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum / (double)count;
}

double bt_statistic_median(double *values, size_t count, void *context) {
    (void)context;
    bt_sort(values, count);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

double bt_statistic_trimmed_mean(double *values, size_t count, void *context) {
    (void)context;
    size_t cut = count / 10;
    bt_sort(values, count);
    return bt_statistic_mean(values + cut, count - 2 * cut, NULL);
}

double bt_statistic_quantile(double *values, size_t count, void *context) {
    bt_sort(values, count);
    return bt_quantile(values, count, *(const double *)context);
}

static double autocovariance(const double *samples, size_t count, double mean, size_t lag) {
    double sum = 0;
    for (size_t i = lag; i < count; i++)
        sum += (samples[i] - mean) * (samples[i - lag] - mean);
    return sum / (double)count;
}

/* The last lag before the autocorrelations stay within noise: Politis and White's m, the smallest after which
 * a few lags in a row (5, or sqrt(log10 n)) are all insignificant. */
static size_t last_correlated_lag(const double *samples, size_t count, double mean, size_t most) {
    double n = (double)count, variance = autocovariance(samples, count, mean, 0);
    double noise = 2 * sqrt(log10(n) / n) * variance;
    size_t quiet_needed = (size_t)fmax(5, ceil(sqrt(log10(n)))), quiet = 0, last = 0;
    for (size_t lag = 1; lag < most && quiet < quiet_needed; lag++) {
        bool within_noise = fabs(autocovariance(samples, count, mean, lag)) < noise;
        quiet = within_noise ? quiet + 1 : 0;
        if (!within_noise) last = lag;
    }
    return last;
}

size_t bt_block_length(const double *samples, size_t count) {
    if (count < LEAST_SAMPLES) return 1;
    double n = (double)count, mean = 0;
    for (size_t i = 0; i < count; i++)
        mean += samples[i] / n;
    size_t longest = (size_t)fmin(ceil(3 * sqrt(n)), n / 3);
    size_t last = last_correlated_lag(samples, count, mean, count / 2);
    if (!last) return 1;
    /* Flat-top weights: 1 up to half the window, then down to 0 at its end. */
    size_t window = 2 * last < count - 1 ? 2 * last : count - 1;
    double spectrum = autocovariance(samples, count, mean, 0), curvature = 0;
    for (size_t lag = 1; lag <= window; lag++) {
        double weight = fmin(1, 2 * (1 - (double)lag / (double)window));
        double covariance = autocovariance(samples, count, mean, lag);
        spectrum += 2 * weight * covariance;
        curvature += 2 * weight * (double)lag * covariance;
    }
    double length = cbrt(2 * curvature * curvature / (4.0 / 3 * spectrum * spectrum) * n);
    if (!(length > 1)) return 1;
    return length < (double)longest ? (size_t)ceil(length) : longest;
}

/* The share of resamples to leave below the interval. Blocks play the part of samples. */
static double widened_tail(double confidence, size_t count, size_t block_length) {
    double blocks = fmax((double)count / (double)block_length, 2);
    double t = bt_student_quantile((1 - confidence) / 2, blocks - 1);
    return bt_normal_below(-t * sqrt(blocks / (blocks - 1)));
}

static void draw_blocks(const double *samples, size_t count, size_t block_length, bt_random *random,
                        double *resample) {
    for (size_t filled = 0; filled < count;) {
        size_t from = bt_random_below(random, count);
        for (size_t i = 0; i < block_length && filled < count; i++)
            resample[filled++] = samples[(from + i) % count];
    }
}

static double deviation_of(const double *values, size_t count) {
    double mean = 0, sum = 0;
    for (size_t i = 0; i < count; i++)
        mean += values[i] / (double)count;
    for (size_t i = 0; i < count; i++)
        sum += (values[i] - mean) * (values[i] - mean);
    return sqrt(sum / (double)(count - 1));
}

static bt_status check(const double *samples, size_t count, double confidence, size_t resamples,
                       bt_error *error) {
    if (count < LEAST_SAMPLES)
        return bt_fail(error, BT_INVALID, "bootstrap: %zu samples are too few; at least %d are needed", count,
                       LEAST_SAMPLES);
    if (!(confidence > 0 && confidence < 1))
        return bt_fail(error, BT_INVALID, "bootstrap: confidence %g is not between 0 and 1", confidence);
    if (resamples < LEAST_RESAMPLES)
        return bt_fail(error, BT_INVALID, "bootstrap: %zu resamples are too few; at least %d are needed",
                       resamples, LEAST_RESAMPLES);
    for (size_t i = 0; i < count; i++)
        if (!isfinite(samples[i]))
            return bt_fail(error, BT_INVALID, "bootstrap: sample %zu is %g, not a finite number", i,
                           samples[i]);
    return BT_OK;
}

bt_status bt_bootstrap(const double *samples, size_t count, const bt_bootstrap_options *options,
                       bt_interval *out, bt_error *error) {
    bt_statistic *statistic = options->statistic ? options->statistic : bt_statistic_mean;
    double confidence = options->confidence == 0 ? 0.95 : options->confidence;
    size_t resamples = options->resamples ? options->resamples : USUAL_RESAMPLES;
    bt_status status = check(samples, count, confidence, resamples, error);
    if (status != BT_OK) return status;

    size_t block_length = options->block_length ? options->block_length : bt_block_length(samples, count);
    if (block_length > count) block_length = count;
    double *replicates = malloc((resamples + count) * sizeof *replicates);
    if (!replicates) return bt_no_memory(error, "%zu resamples", resamples);
    double *resample = replicates + resamples;

    memcpy(resample, samples, count * sizeof *samples);
    out->estimate = statistic(resample, count, options->context);
    bt_random random = bt_random_stream(options->seed, "bootstrap");
    for (size_t i = 0; i < resamples; i++) {
        draw_blocks(samples, count, block_length, &random, resample);
        replicates[i] = statistic(resample, count, options->context);
    }
    out->deviation = deviation_of(replicates, resamples);
    bt_sort(replicates, resamples);
    double tail = widened_tail(confidence, count, block_length);
    out->lower = bt_quantile(replicates, resamples, tail);
    out->upper = bt_quantile(replicates, resamples, 1 - tail);
    out->block_length = block_length;
    free(replicates);
    return BT_OK;
}
