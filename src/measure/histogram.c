#include "measure/histogram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/quantile.h"

/* Values are counted in units of 2^unit_shift. The first 2048 units have a bucket each; from there every
 * doubling is cut into 1024. A bucket is so at most 1/1024 of its values wide. */
enum { HALF_BITS = 10, HALF = 1 << HALF_BITS };

struct bt_histogram {
    bt_histogram_options range;
    int unit_shift;
    uint32_t saturated_bucket; /* the last bucket, above all others */
    uint64_t count;
    int64_t min, max;
    unsigned __int128 sum;
    uint64_t counts[];
};

static inline uint32_t bucket_of(int unit_shift, int64_t value) {
    uint64_t units = (uint64_t)value >> unit_shift;
    /* How far the units must shift so that 11 bits are left; the top bit of those is implied by the shift. */
    int doubling = 63 - HALF_BITS - __builtin_clzll(units | (2 * HALF - 1));
    return ((uint32_t)doubling << HALF_BITS) + (uint32_t)(units >> doubling);
}

/* The first value of a bucket; that of the next one, less 1, is the last. */
static uint64_t bucket_start(int unit_shift, uint32_t bucket) {
    if (bucket < 2 * HALF) return (uint64_t)bucket << unit_shift;
    int doubling = (int)(bucket >> HALF_BITS) - 1;
    return (uint64_t)(bucket - ((uint32_t)doubling << HALF_BITS)) << (doubling + unit_shift);
}

/* The widest unit that still tells `lowest` apart from its neighbours to one part in a thousand. */
static int unit_shift_for(int64_t lowest) {
    int shift = 63 - __builtin_clzll((uint64_t)lowest) - HALF_BITS;
    return shift > 0 ? shift : 0;
}

static void forget(bt_histogram *histogram) {
    histogram->count = 0;
    histogram->sum = 0;
    histogram->min = INT64_MAX;
    histogram->max = 0;
}

bt_status bt_histogram_open(bt_histogram **out, const bt_histogram_options *options, bt_error *error) {
    *out = NULL;
    if (options->lowest < 1 || options->highest / 2 < options->lowest)
        return bt_fail(error, BT_INVALID,
                       "histogram: range %lld..%lld is not from at least 1 to at least its double",
                       (long long)options->lowest, (long long)options->highest);
    int unit_shift = unit_shift_for(options->lowest);
    uint32_t saturated_bucket = bucket_of(unit_shift, options->highest) + 1;
    size_t bytes = sizeof(bt_histogram) + ((size_t)saturated_bucket + 1) * sizeof(uint64_t);
    bt_histogram *histogram = calloc(1, bytes);
    if (!histogram) return bt_no_memory(error, "a histogram of %zu bytes", bytes);
    histogram->range = *options;
    histogram->unit_shift = unit_shift;
    histogram->saturated_bucket = saturated_bucket;
    forget(histogram);
    *out = histogram;
    return BT_OK;
}

void bt_histogram_close(bt_histogram **histogram) {
    if (!histogram) return;
    free(*histogram);
    *histogram = NULL;
}

void bt_histogram_record_times(bt_histogram *histogram, int64_t value, uint64_t times) {
    if (!times) return;
    if (value < 0) value = 0;
    uint32_t bucket = value > histogram->range.highest ? histogram->saturated_bucket
                                                       : bucket_of(histogram->unit_shift, value);
    histogram->counts[bucket] += times;
    histogram->count += times;
    histogram->sum += (unsigned __int128)(uint64_t)value * times;
    if (value < histogram->min) histogram->min = value;
    if (value > histogram->max) histogram->max = value;
}

void bt_histogram_record(bt_histogram *histogram, int64_t value) {
    bt_histogram_record_times(histogram, value, 1);
}

bt_status bt_histogram_merge(bt_histogram *into, const bt_histogram *from, bt_error *error) {
    if (into->range.lowest != from->range.lowest || into->range.highest != from->range.highest)
        return bt_fail(error, BT_INVALID, "histogram: cannot merge the range %lld..%lld into %lld..%lld",
                       (long long)from->range.lowest, (long long)from->range.highest,
                       (long long)into->range.lowest, (long long)into->range.highest);
    for (uint32_t bucket = 0; bucket <= into->saturated_bucket; bucket++)
        into->counts[bucket] += from->counts[bucket];
    into->count += from->count;
    into->sum += from->sum;
    if (from->min < into->min) into->min = from->min;
    if (from->max > into->max) into->max = from->max;
    return BT_OK;
}

void bt_histogram_reset(bt_histogram *histogram) {
    memset(histogram->counts, 0, ((size_t)histogram->saturated_bucket + 1) * sizeof *histogram->counts);
    forget(histogram);
}

uint64_t bt_histogram_count(const bt_histogram *histogram) {
    return histogram->count;
}

uint64_t bt_histogram_saturated(const bt_histogram *histogram) {
    return histogram->counts[histogram->saturated_bucket];
}

int64_t bt_histogram_min(const bt_histogram *histogram) {
    return histogram->count ? histogram->min : 0;
}

int64_t bt_histogram_max(const bt_histogram *histogram) {
    return histogram->max;
}

double bt_histogram_mean(const bt_histogram *histogram) {
    return histogram->count ? (double)histogram->sum / (double)histogram->count : NAN;
}

bool bt_histogram_next(const bt_histogram *histogram, bt_histogram_cursor *cursor) {
    uint32_t bucket = cursor->next_bucket;
    while (bucket <= histogram->saturated_bucket && !histogram->counts[bucket])
        bucket++;
    if (bucket > histogram->saturated_bucket) return false;
    bool saturated = bucket == histogram->saturated_bucket;
    uint64_t last = saturated ? INT64_MAX : bucket_start(histogram->unit_shift, bucket + 1) - 1;
    if (!saturated && last > (uint64_t)histogram->range.highest) last = (uint64_t)histogram->range.highest;
    cursor->lowest =
        saturated ? histogram->range.highest + 1 : (int64_t)bucket_start(histogram->unit_shift, bucket);
    cursor->highest = last > (uint64_t)histogram->max ? histogram->max : (int64_t)last;
    cursor->count = histogram->counts[bucket];
    cursor->count_to_here += cursor->count;
    cursor->next_bucket = bucket + 1;
    return true;
}

int64_t bt_histogram_quantile(const bt_histogram *histogram, double quantile) {
    if (!histogram->count) return 0;
    uint64_t rank = bt_quantile_rank(quantile, histogram->count);
    bt_histogram_cursor cursor = {0};
    while (bt_histogram_next(histogram, &cursor) && cursor.count_to_here < rank) {
    }
    return cursor.highest;
}

uint64_t bt_histogram_count_above(const bt_histogram *histogram, int64_t value) {
    if (value < 0) return histogram->count;
    if (value > histogram->range.highest)
        return value < histogram->max ? bt_histogram_saturated(histogram) : 0;
    uint64_t above = 0;
    for (uint32_t bucket = bucket_of(histogram->unit_shift, value) + 1; bucket <= histogram->saturated_bucket;
         bucket++)
        above += histogram->counts[bucket];
    return above;
}
