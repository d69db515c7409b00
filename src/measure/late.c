#include "measure/late.h"

#include <math.h>

/* The series is cut into at least so many blocks. More: long spells, which need long blocks, go unseen in short
 * series. Fewer: how a handful of blocks scatter is chance, and independent samples are discounted. */
#define LEAST_BLOCKS 8

/* How much the counts of samples above `limit` in blocks of `length` scatter, over what independent samples
 * would: 1 where they are. `share` of all samples are above it, not 0 and not 1. */
static double scatter(const double *samples, size_t blocks, size_t length, double limit, double share) {
    double mean = (double)length * share, square = 0;
    for (size_t block = 0; block < blocks; block++) {
        size_t above = 0;
        for (size_t i = block * length; i < (block + 1) * length; i++)
            above += samples[i] > limit;
        square += ((double)above - mean) * ((double)above - mean);
    }
    return square / (double)(blocks - 1) / (mean * (1 - share));
}

/* The most that they scatter at any length of block. What chance alone makes of as few blocks in one case of
 * six is no sign of spells: the standard error of a variance is sqrt(2 / (n - 1)) of it. */
static double design_effect(const double *samples, size_t count, double limit, size_t above) {
    double share = (double)above / (double)count, most = 1;
    if (above == 0 || above == count) return 1;
    for (size_t length = 2; count / length >= LEAST_BLOCKS; length *= 2) {
        size_t blocks = count / length;
        double here = scatter(samples, blocks, length, limit, share);
        if (here > 1 + sqrt(2.0 / (double)(blocks - 1))) most = fmax(most, here);
    }
    return most;
}

static size_t count_above(const double *samples, size_t count, double limit) {
    size_t above = 0;
    for (size_t i = 0; i < count; i++)
        above += samples[i] > limit;
    return above;
}

bt_late bt_late_weigh(const double *samples, size_t count, double limit) {
    bt_late late = {.count = count, .late = count_above(samples, count, limit), .design_effect = 1};
    if (count == 0) return late;
    late.design_effect = design_effect(samples, count, limit, late.late);
    if (late.late < BT_LATE_FEW) {
        double near = BT_LATE_NEARLY * limit;
        late.design_effect =
            fmax(late.design_effect, design_effect(samples, count, near, count_above(samples, count, near)));
    }
    return late;
}

bool bt_late_shows_within(const bt_late *late, double share, double error) {
    double samples = floor((double)late->count / late->design_effect + BT_COUNT_ROUNDING);
    double above = ceil((double)late->late / late->design_effect - BT_COUNT_ROUNDING);
    return bt_binomial_at_most((int64_t)above, (int64_t)samples, share) <= error + BT_PROBABILITY_ROUNDING;
}

bool bt_late_shows_above(const bt_late *late, double share, double error) {
    double samples = ceil((double)late->count / late->design_effect - BT_COUNT_ROUNDING);
    double above = floor((double)late->late / late->design_effect + BT_COUNT_ROUNDING);
    return above > 0 &&
           bt_binomial_at_least((int64_t)above, (int64_t)samples, share) <= error + BT_PROBABILITY_ROUNDING;
}

/* ---- the tests inverted ---- */

/* Who is shown to be within a limit is within every higher one, and who is above a limit is above every lower
 * one, whatever the tests at those say: late samples may come together otherwise there. So the bounds are the
 * least limit that is kept and the highest that is broken. Limits are tried where the count of samples above
 * them is 0, 1, 2, ... and then grows by a thirty-second each time. */
typedef struct inversion {
    const double *samples, *sorted;
    size_t count;
    double share, upper_error, lower_error;
} inversion;

static size_t next_count(size_t above) {
    return above + 1 + above / 32;
}

static bool kept(const inversion *v, double limit) {
    bt_late late = bt_late_weigh(v->samples, v->count, limit);
    return bt_late_shows_within(&late, v->share, v->upper_error);
}

/* Limits at samples; and, where none of those is kept, limits of which so many samples are nearly late. */
static double upper_bound(const inversion *v) {
    const double most = v->sorted[v->count - 1];
    double least = NAN;
    for (size_t above = 0; (double)above <= v->share * (double)v->count; above = next_count(above))
        if (kept(v, v->sorted[v->count - 1 - above])) least = v->sorted[v->count - 1 - above];
    for (size_t near = v->count; isnan(least) && near > 0; near -= 1 + near / 16) {
        double limit = v->sorted[v->count - near] / BT_LATE_NEARLY;
        if (limit > most && kept(v, limit)) return limit;
    }
    return isnan(least) && kept(v, most / BT_LATE_NEARLY) ? most / BT_LATE_NEARLY : least;
}

static double lower_bound(const inversion *v) {
    for (size_t above = 1; above <= v->count; above = next_count(above)) {
        double sample = v->sorted[v->count - above];
        bt_late late = bt_late_weigh(v->samples, v->count, nextafter(sample, -INFINITY));
        if (bt_late_shows_above(&late, v->share, v->lower_error)) return sample;
    }
    return NAN;
}

bt_bounds bt_late_bounds(const double *samples, const double *sorted, size_t count, double quantile,
                         double upper_error, double lower_error) {
    const inversion v = {samples, sorted, count, 1 - quantile, upper_error, lower_error};
    if (count == 0) return (bt_bounds){NAN, NAN};
    return (bt_bounds){.lower = lower_bound(&v), .upper = upper_bound(&v)};
}

int bt_late_fewest(double share, double error) {
    return (int)ceil(log(error) / log1p(-share) - BT_COUNT_ROUNDING);
}
