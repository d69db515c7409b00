#include "serving/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "measure/histogram.h"

/* The ring of the window: five whole slices and the one under way. Raised, the window forgets in smaller
 * steps, and a meter takes more memory (about 1.2 MB a slice); lowered, figures jump when a slice is
 * dropped. */
#define SLICES 6

/* How old the P95 may be that every answer carries. Raised, callers see an overload later; lowered, lanes
 * merge the window's histograms more often. */
#define REFRESH_NS (250 * BT_NS_PER_MS)

typedef enum quantity { LATENCY, QUEUE, PREPROCESS, SERVICE, QUANTITIES } quantity;

typedef struct slice {
    bt_histogram *of[QUANTITIES];
    int64_t busy_ns[BT_METRICS_INSTANCES];
} slice;

struct bt_meter {
    int64_t slice_ns, start_ns;
    int64_t number; /* of the slice under way, since the start */
    slice slices[SLICES];
    bt_histogram *since_start, *merged;
    int64_t sums_ns[QUANTITIES]; /* since the start */
    uint64_t batches[BT_METRICS_BATCHES];
    uint64_t requests, runs;
    int64_t p95_at_ns;
    double p95_ms;
};

/* ---- keeping ---- */

bt_status bt_meter_open(bt_meter **out, int64_t window_ns, int64_t now_ns, bt_error *error) {
    *out = NULL;
    if (window_ns < SLICES)
        return bt_fail(error, BT_INVALID, "a metrics window of %lld ns", (long long)window_ns);
    bt_meter *meter = calloc(1, sizeof *meter);
    if (!meter) return bt_no_memory(error, "metrics");
    meter->slice_ns = window_ns / (SLICES - 1);
    meter->start_ns = now_ns;
    meter->p95_at_ns = INT64_MIN;
    meter->p95_ms = NAN;
    bt_status status = bt_histogram_open(&meter->since_start, &BT_HISTOGRAM_LATENCY, error);
    if (status == BT_OK) status = bt_histogram_open(&meter->merged, &BT_HISTOGRAM_LATENCY, error);
    for (int i = 0; i < SLICES; i++)
        for (int q = 0; q < QUANTITIES && status == BT_OK; q++)
            status = bt_histogram_open(&meter->slices[i].of[q], &BT_HISTOGRAM_LATENCY, error);
    if (status != BT_OK)
        bt_meter_close(&meter);
    else
        *out = meter;
    return status;
}

void bt_meter_close(bt_meter **meter) {
    if (!meter || !*meter) return;
    bt_histogram_close(&(*meter)->since_start);
    bt_histogram_close(&(*meter)->merged);
    for (int i = 0; i < SLICES; i++)
        for (int q = 0; q < QUANTITIES; q++)
            bt_histogram_close(&(*meter)->slices[i].of[q]);
    free(*meter);
    *meter = NULL;
}

static void clear(slice *s) {
    for (int q = 0; q < QUANTITIES; q++)
        bt_histogram_reset(s->of[q]);
    for (int i = 0; i < BT_METRICS_INSTANCES; i++)
        s->busy_ns[i] = 0;
}

/* The slice that holds this moment; those that have passed unused meanwhile are emptied. */
static slice *slice_at(bt_meter *meter, int64_t now_ns) {
    int64_t number = (now_ns - meter->start_ns) / meter->slice_ns;
    if (number > meter->number) {
        int64_t first = number - meter->number > SLICES ? number - SLICES : meter->number;
        for (int64_t i = first + 1; i <= number; i++)
            clear(&meter->slices[i % SLICES]);
        meter->number = number;
    }
    return &meter->slices[meter->number % SLICES];
}

void bt_meter_answered(bt_meter *meter, int64_t now_ns, const bt_meter_answer *answer) {
    slice *s = slice_at(meter, now_ns);
    bt_histogram_record(s->of[LATENCY], answer->latency_ns);
    bt_histogram_record(s->of[QUEUE], answer->queue_ns);
    bt_histogram_record(s->of[PREPROCESS], answer->preprocess_ns);
    bt_histogram_record(s->of[SERVICE], answer->service_ns);
    bt_histogram_record(meter->since_start, answer->latency_ns);
    meter->sums_ns[LATENCY] += answer->latency_ns;
    meter->sums_ns[QUEUE] += answer->queue_ns;
    meter->sums_ns[PREPROCESS] += answer->preprocess_ns;
    meter->sums_ns[SERVICE] += answer->service_ns;
}

void bt_meter_ran(bt_meter *meter, int64_t now_ns, int instance, int64_t duration_ns, int requests) {
    slice *s = slice_at(meter, now_ns);
    if (instance < BT_METRICS_INSTANCES) s->busy_ns[instance] += duration_ns;
    if (requests == 0) return;
    meter->batches[(requests < BT_METRICS_BATCHES ? requests : BT_METRICS_BATCHES) - 1]++;
    meter->requests += (uint64_t)requests;
    meter->runs++;
}

/* ---- reading ---- */

/* One quantity over the window, in the meter's own working room. */
static const bt_histogram *merge(bt_meter *meter, quantity q) {
    bt_error ignored; /* all ranges are equal */
    bt_histogram_reset(meter->merged);
    for (int i = 0; i < SLICES; i++)
        if (bt_histogram_merge(meter->merged, meter->slices[i].of[q], &ignored) != BT_OK) break;
    return meter->merged;
}

static double quantile_ms(const bt_histogram *histogram, double quantile) {
    return bt_histogram_count(histogram) > 0 ? bt_ms(bt_histogram_quantile(histogram, quantile)) : NAN;
}

double bt_meter_p95_ms(bt_meter *meter, int64_t now_ns) {
    if (meter->p95_at_ns != INT64_MIN && now_ns - meter->p95_at_ns < REFRESH_NS) return meter->p95_ms;
    (void)slice_at(meter, now_ns);
    meter->p95_ms = quantile_ms(merge(meter, LATENCY), 0.95);
    meter->p95_at_ns = now_ns;
    return meter->p95_ms;
}

static bt_metrics_latency latency_of(const bt_histogram *histogram) {
    bool seen = bt_histogram_count(histogram) > 0;
    return (bt_metrics_latency){
        .count = bt_histogram_count(histogram),
        .mean = bt_histogram_mean(histogram) / 1e6,
        .p50 = quantile_ms(histogram, 0.5),
        .p95 = quantile_ms(histogram, 0.95),
        .p99 = quantile_ms(histogram, 0.99),
        .max = seen ? bt_ms(bt_histogram_max(histogram)) : NAN,
    };
}

/* The time that the ring covers at this moment. */
static int64_t covered_ns(const bt_meter *meter, int64_t now_ns) {
    int64_t first = meter->number >= SLICES ? meter->number - SLICES + 1 : 0;
    return now_ns - meter->start_ns - first * meter->slice_ns;
}

void bt_meter_read(bt_meter *meter, int64_t now_ns, bt_metrics *metrics) {
    (void)slice_at(meter, now_ns);
    int64_t window_ns = covered_ns(meter, now_ns), uptime_ns = now_ns - meter->start_ns;
    metrics->uptime_s = (double)uptime_ns / 1e9;
    metrics->window_s = (double)window_ns / 1e9;
    metrics->latency = latency_of(merge(meter, LATENCY));
    metrics->queue = latency_of(merge(meter, QUEUE));
    metrics->preprocess = latency_of(merge(meter, PREPROCESS));
    metrics->service = latency_of(merge(meter, SERVICE));
    metrics->latency_since_start = latency_of(meter->since_start);
    metrics->throughput_imgs_per_sec =
        window_ns > 0 ? (double)metrics->latency.count / metrics->window_s : NAN;
    metrics->throughput_since_start =
        uptime_ns > 0 ? (double)metrics->latency_since_start.count / metrics->uptime_s : NAN;
    metrics->mean_batch_size = meter->runs > 0 ? (double)meter->requests / (double)meter->runs : NAN;
    for (int b = 0; b < BT_METRICS_BATCHES; b++)
        metrics->batches[b] = meter->batches[b];
    metrics->utilisation = 0;
    for (int i = 0; i < metrics->instance_count; i++) {
        int64_t busy_ns = 0;
        for (int s = 0; s < SLICES; s++)
            busy_ns += meter->slices[s].busy_ns[i];
        double share = window_ns > 0 ? (double)busy_ns / (double)window_ns : 0;
        metrics->instances[i].utilisation = fmin(share, 1);
        metrics->utilisation += metrics->instances[i].utilisation / metrics->instance_count;
    }
}

/* ---- what only grows ---- */

/* Sorted in, once. */
static void add_bound(bt_metrics_bounds *bounds, int64_t us) {
    int at = bounds->count;
    while (at > 0 && bounds->us[at - 1] >= us)
        at--;
    if ((at < bounds->count && bounds->us[at] == us) || bounds->count == BT_METRICS_BOUNDS_MAX) return;
    memmove(&bounds->us[at + 1], &bounds->us[at], (size_t)(bounds->count - at) * sizeof bounds->us[0]);
    bounds->us[at] = us;
    bounds->count++;
}

bt_metrics_bounds bt_metrics_bounds_of(const double *sla_ms, int count) {
    static const int64_t steps_us[] = {1000, 2000, 3000, 5000, 7500};
    bt_metrics_bounds bounds = {.count = 0};
    for (int64_t decade = 1; decade <= 1000; decade *= 10)
        for (size_t i = 0; i < sizeof steps_us / sizeof *steps_us; i++)
            add_bound(&bounds, steps_us[i] * decade);
    add_bound(&bounds, 10 * (BT_NS_PER_S / 1000));
    add_bound(&bounds, 30 * (BT_NS_PER_S / 1000));
    add_bound(&bounds, 60 * (BT_NS_PER_S / 1000));
    for (int i = 0; i < count; i++)
        if (sla_ms[i] >= 0.001 && sla_ms[i] < 1e9) add_bound(&bounds, llround(sla_ms[i] * 1000));
    return bounds;
}

void bt_meter_totals(const bt_meter *meter, const bt_metrics_bounds *bounds, bt_metrics_totals *totals) {
    *totals = (bt_metrics_totals){
        .answered = bt_histogram_count(meter->since_start),
        .latency_ns = meter->sums_ns[LATENCY],
        .queue_ns = meter->sums_ns[QUEUE],
        .preprocess_ns = meter->sums_ns[PREPROCESS],
        .service_ns = meter->sums_ns[SERVICE],
    };
    bt_histogram_cursor cursor = {0};
    int b = 0;
    while (bt_histogram_next(meter->since_start, &cursor))
        for (; b < bounds->count && bounds->us[b] * 1000 < cursor.lowest; b++)
            totals->within[b] = cursor.count_to_here - cursor.count;
    for (; b < bounds->count; b++)
        totals->within[b] = totals->answered;
}

void bt_metrics_count(bt_metrics *metrics, const bt_batcher_counts *counts) {
    metrics->queue_size = counts->waiting;
    metrics->in_flight = counts->in_flight;
    metrics->submitted = counts->submitted;
    metrics->ok = counts->ok;
    metrics->rejected_full = counts->rejected_full;
    metrics->rejected_deadline = counts->rejected_deadline;
    metrics->rejected_closed = counts->rejected_closed;
    metrics->expired = counts->expired;
    metrics->cancelled = counts->cancelled;
    metrics->failed = counts->failed;
    metrics->fallback = counts->fallback;
    metrics->run_exceptions = counts->run_exceptions;
    metrics->run_non_finite = counts->run_non_finite;
    metrics->run_out_of_memory = counts->run_out_of_memory;
    metrics->run_timeouts = counts->run_timeouts;
    uint64_t ran = counts->images - counts->padded_images;
    metrics->batch_fill = counts->images > 0 ? (double)ran / (double)counts->images : NAN;
}
