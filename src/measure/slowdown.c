#include "measure/slowdown.h"

#include <math.h>
#include <stdlib.h>

#include "measure/bootstrap.h"
#include "measure/student.h"

/* The deviation of 500 resamples is known to 3 %. More cost time in proportion, fewer let p-values of the same
 * samples vary with the seed. */
#define RESAMPLES 500

static bt_status check(const double *values, size_t count, bt_error *error) {
    if (count < BT_SLOWDOWN_LEAST)
        return bt_fail(error, BT_INVALID, "%zu values are too few to compare; at least %d are needed", count,
                       BT_SLOWDOWN_LEAST);
    for (size_t i = 0; i < count; i++)
        if (!(values[i] > 0) || !isfinite(values[i]))
            return bt_fail(error, BT_INVALID, "value %zu is %g, which is no time", i, values[i]);
    return BT_OK;
}

/* Few values do not show a correlation that is there, and the block length that is made for them is 1. So
 * blocks are never shorter than the cube root of the count, the rate at which the best length grows (Hall,
 * Horowitz and Jing, "On blocking rules for the bootstrap with dependent data", 1995). */
static size_t block_length_of(const double *values, size_t count) {
    size_t least = (size_t)ceil(cbrt((double)count)), found = bt_block_length(values, count);
    return found > least ? found : least;
}

/* Blocks play the part of samples: a bootstrap's deviation is too small by the root of their number over one
 * less. Blocks that overlap know the deviation as well as half as many again that do not (Kuensch, "The
 * jackknife and the bootstrap for general stationary observations", 1989). */
static bt_slowdown from_interval(const bt_interval *interval, size_t count) {
    double blocks = fmax((double)count / (double)interval->block_length, 2);
    double degrees = interval->block_length > 1 ? 1.5 * blocks - 1 : blocks - 1;
    return (bt_slowdown){interval->estimate, interval->deviation * sqrt(blocks / (blocks - 1)), degrees};
}

bt_status bt_slowdown_of_pairs(const double *before, const double *now, size_t count, uint64_t seed,
                               bt_slowdown *out, bt_error *error) {
    bt_interval interval;
    bt_status status = check(before, count, error);
    if (status == BT_OK) status = check(now, count, error);
    if (status != BT_OK) return status;
    double *ratios = malloc(count * sizeof *ratios);
    if (!ratios) return bt_no_memory(error, "%zu pairs", count);
    for (size_t i = 0; i < count; i++)
        ratios[i] = log(now[i] / before[i]);
    const bt_bootstrap_options options = {.statistic = bt_statistic_trimmed_mean,
                                          .resamples = RESAMPLES,
                                          .block_length = block_length_of(ratios, count),
                                          .seed = seed};
    status = bt_bootstrap(ratios, count, &options, &interval, error);
    free(ratios);
    if (status == BT_OK) *out = from_interval(&interval, count);
    return status;
}

/* The quantile's logarithm, and how far it can be trusted. */
static bt_status of_one(const double *values, size_t count, double quantile, uint64_t seed, bt_slowdown *out,
                        bt_error *error) {
    bt_interval interval;
    bt_status status = check(values, count, error);
    if (status != BT_OK) return status;
    const bt_bootstrap_options options = {.statistic = bt_statistic_quantile,
                                          .context = &quantile,
                                          .resamples = RESAMPLES,
                                          .block_length = block_length_of(values, count),
                                          .seed = seed};
    status = bt_bootstrap(values, count, &options, &interval, error);
    if (status != BT_OK) return status;
    *out = from_interval(&interval, count);
    out->deviation /= out->log_ratio; /* of the logarithm, to first order */
    out->log_ratio = log(out->log_ratio);
    return BT_OK;
}

bt_status bt_slowdown_of_series(const double *before, size_t before_count, const double *now,
                                size_t now_count, double quantile, uint64_t seed, bt_slowdown *out,
                                bt_error *error) {
    bt_slowdown a, b;
    bt_status status = of_one(before, before_count, quantile, seed, &a, error);
    if (status == BT_OK) status = of_one(now, now_count, quantile, seed + 1, &b, error);
    if (status != BT_OK) return status;
    double va = a.deviation * a.deviation, vb = b.deviation * b.deviation;
    out->log_ratio = b.log_ratio - a.log_ratio;
    out->deviation = sqrt(va + vb);
    out->degrees = va + vb > 0 ? (va + vb) * (va + vb) / (va * va / a.degrees + vb * vb / b.degrees)
                               : fmin(a.degrees, b.degrees);
    return BT_OK;
}

double bt_slowdown_p_above(const bt_slowdown *slowdown, double log_ratio) {
    double distance = slowdown->log_ratio - log_ratio;
    if (!(slowdown->deviation > 0)) return distance > 0 ? 0 : 1;
    return bt_student_above(distance / slowdown->deviation, slowdown->degrees);
}

double bt_slowdown_p_below(const bt_slowdown *slowdown, double log_ratio) {
    const bt_slowdown mirrored = {-slowdown->log_ratio, slowdown->deviation, slowdown->degrees};
    return bt_slowdown_p_above(&mirrored, -log_ratio);
}

double bt_slowdown_margin(const bt_slowdown *slowdown, double error_share) {
    if (!(slowdown->deviation > 0)) return 0;
    return slowdown->deviation * bt_student_quantile(error_share, slowdown->degrees);
}

/* The power family of Kim and DeMets ("Design and analysis of group sequential tests based on the type I
 * error spending rate function", 1987), with the exponent 3. */
double bt_look_share(double before, double now) {
    return now * now * now - before * before * before;
}

void bt_holm(const double *p_values, size_t count, double error_share, bool *rejected) {
    for (size_t i = 0; i < count; i++)
        rejected[i] = false;
    for (size_t left = count; left > 0; left--) {
        size_t least = count;
        for (size_t i = 0; i < count; i++)
            if (!rejected[i] && (least == count || p_values[i] < p_values[least])) least = i;
        if (!(p_values[least] <= error_share / (double)left)) return;
        rejected[least] = true;
    }
}
