/* Millions of latencies in constant memory, each kept to three digits.
 *
 * A service cannot keep every latency it ever saw, and an average hides the tail that the SLA is about. This
 * is a histogram in the manner of Gil Tene's HdrHistogram: buckets whose width doubles with every doubling of
 * the value, 1024 to each doubling, so that from microseconds to hours no recorded value is misplaced by more
 * than one part in a thousand. All memory is taken at open; recording is an index computation (count leading
 * zeros, shift) and a few additions, with no lock: one thread records at a time, and threads that record on
 * their own are merged by whoever reads. A histogram of a union is exactly the merge of its histograms. */
#ifndef BT_MEASURE_HISTOGRAM_H
#define BT_MEASURE_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_histogram bt_histogram;

/* The range in which three digits are promised, in the unit that is recorded (nanoseconds for latencies). */
typedef struct bt_histogram_options {
    int64_t lowest;  /* below it, values are still counted, but only to about lowest / 1000; at least 1 */
    int64_t highest; /* above it, values are counted as saturated; from 2 * lowest to INT64_MAX */
} bt_histogram_options;

/* 1 us to 1 hour, in nanoseconds: 270 KB. */
#define BT_HISTOGRAM_LATENCY ((bt_histogram_options){.lowest = 1000, .highest = 3600000000000LL})

/* Takes 8 KiB for every doubling from max(lowest, 1024) to highest, and 16 more. BT_INVALID for a range that
 * is not as above, BT_NO_MEMORY. The caller closes it. */
bt_status bt_histogram_open(bt_histogram **out, const bt_histogram_options *options,
                            bt_error *error) BT_MUST_USE;
void bt_histogram_close(bt_histogram **histogram);

/* Counts one value, or `times` equal ones. A value below 0 counts as 0. A value above `highest` goes to one
 * bucket above all others: it counts in everything, and quantiles that reach it answer the largest value
 * seen, but its place among the saturated is lost, so bt_histogram_saturated says how many there are. */
void bt_histogram_record(bt_histogram *histogram, int64_t value);
void bt_histogram_record_times(bt_histogram *histogram, int64_t value, uint64_t times);

/* Adds everything in `from` to `into`. BT_INVALID where their ranges differ. */
bt_status bt_histogram_merge(bt_histogram *into, const bt_histogram *from, bt_error *error) BT_MUST_USE;

/* Forgets every value. */
void bt_histogram_reset(bt_histogram *histogram);

uint64_t bt_histogram_count(const bt_histogram *histogram);
uint64_t bt_histogram_saturated(const bt_histogram *histogram);
/* Exact; 0 where nothing was recorded. */
int64_t bt_histogram_min(const bt_histogram *histogram);
int64_t bt_histogram_max(const bt_histogram *histogram);
/* Exact; NaN where nothing was recorded. */
double bt_histogram_mean(const bt_histogram *histogram);

/* The value at a quantile in [0, 1]: of the value whose rank is bt_quantile_rank (nearest rank, a value that
 * occurred), the highest one that falls into the same bucket, but never above the largest value recorded. So
 * the answer is at least the true sample quantile and less than one part in a thousand above it. 0 where
 * nothing was recorded. Takes time in proportion to the buckets (some 10 us). */
int64_t bt_histogram_quantile(const bt_histogram *histogram, double quantile);

/* How many recorded values are above `value`; those in its own bucket are taken as not above it. */
uint64_t bt_histogram_count_above(const bt_histogram *histogram, int64_t value);

/* Walks the buckets that hold something, in ascending order: for percentile curves and for writing down. Zero
 * the cursor to start; valid until the histogram changes. */
typedef struct bt_histogram_cursor {
    int64_t lowest, highest; /* of this bucket; the saturated one ends at the largest value recorded */
    uint64_t count;          /* in this bucket */
    uint64_t count_to_here;  /* in this bucket and all below it */
    uint32_t next_bucket;    /* the cursor's own */
} bt_histogram_cursor;

/* Moves to the next bucket; false when there is none. */
bool bt_histogram_next(const bt_histogram *histogram, bt_histogram_cursor *cursor);

#ifdef __cplusplus
}
#endif
#endif
