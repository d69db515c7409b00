/* How much do late samples prove, when they come in spells?
 *
 * Whether P95 is within a limit is a question about one share: of the samples, how many are above the limit?
 * Samples that are drawn one by one answer it by the binomial distribution. Those of a real service are strongly
 * autocorrelated: a request that waits is followed by others that wait, and a slow spell of the machine makes a
 * dozen late in a row. Such a dozen is one event, not twelve. Here the series is cut into blocks, and how
 * much more the counts of late samples scatter from block to block than independent ones would says how many
 * samples stand for one (Kish's design effect, "Survey Sampling", 1965). The blocks' length is given by the
 * data: it is doubled as long as eight blocks are left, and the length at which they scatter most counts.
 *
 * Only late samples matter. A series may drift and wave as it likes far below the limit; that is no evidence
 * about late ones, so it costs none. All is pure, allocates nothing unless said, and any thread may call
 * it. */
#ifndef BT_MEASURE_LATE_H
#define BT_MEASURE_LATE_H

#include <stdbool.h>
#include <stddef.h>

#include "measure/quantile.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A sample above this share of the limit is nearly late. Where fewer than BT_LATE_FEW are late, the nearly
 * late ones tell in what spells they would come.
 *
 * A higher share, or fewer, believes more often that rare late samples come alone: bounds are reached sooner, and
 * a service with rare spells is called good when it is not. A lower share takes waves well below the limit for
 * spells of late samples, and asks for more samples than it must. */
#define BT_LATE_NEARLY 0.8
#define BT_LATE_FEW    5

/* What a series says about a limit. */
typedef struct bt_late {
    size_t count, late;   /* samples, and those above the limit */
    double design_effect; /* so many samples are worth an independent one: 1 or more */
} bt_late;

/* Weighs the samples, in the order in which they came, against a limit in their unit. Below 16 samples no
 * spell can be seen, and the design effect is 1. O(count * log count). */
bt_late bt_late_weigh(const double *samples, size_t count, double limit);

/* Is the share of late samples shown to be at most `share` (0.05 for P95), with an error of at most `error`
 * where the truth is just above it? One look at independent samples: whoever looks again must share the
 * error out. The binomial test at the samples that remain of the series: floor(count / design_effect) with
 * ceil(late / design_effect) late, as sample sizes enter binomial intervals in survey practice (Korn and
 * Graubard, Survey Methodology 24, 1998). */
bool bt_late_shows_within(const bt_late *late, double share, double error);

/* Is it shown to be above `share`? Rounded the other way, so that neither verdict profits. */
bool bt_late_shows_above(const bt_late *late, double share, double error);

/* Bounds of a quantile (0.95) by inverting these two tests: `upper` is the least limit that the quantile is
 * shown to be within, with `upper_error`, `lower` the highest sample that it is shown not to be below, with
 * `lower_error`. Whoever is within a limit is within every higher one, so a limit of at least `upper` counts
 * as kept, one below `lower` as broken, whatever the test at that very limit says; the errors are checked
 * with that (tests/unit/prove-promise.c). NaN where the samples show none: P95's upper bound at an error of
 * 0.05 needs 59 samples. An upper bound can lie above every sample, by at most a quarter: a limit that near
 * to them is not far from being late. Among many samples only some limits are tried, so that bounds of more
 * than a thousand are up to a thirty-second of the late ones wider than they need be. `sorted` holds the
 * samples ascending. O(count * log^2 count). */
bt_bounds bt_late_bounds(const double *samples, const double *sorted, size_t count, double quantile,
                         double upper_error, double lower_error);

/* The fewest samples, none of them late, that show a share to be within `share` with `error`: 59 for 0.05
 * and 0.05. */
int bt_late_fewest(double share, double error);

#ifdef __cplusplus
}
#endif
#endif
