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

typedef struct slice {
    bt_histogram *of[BT_QUANTITIES];
    uint64_t lost;
    int64_t busy_ns[BT_METRICS_INSTANCES];
} slice;

struct bt_meter {
    int64_t slice_ns, start_ns;
    int64_t number; /* of the slice under way, since the start */
    slice slices[SLICES];
    bt_histogram *since_start[BT_QUANTITIES], *merged;
    int64_t sums_ns[BT_QUANTITIES];         /* since the start */
    uint64_t batches[BT_METRICS_BATCHES];   /* of the production path */
    uint64_t requests, runs, standard_runs; /* that went well; requests of the production path */
    int64_t promise_ns;                     /* INT64_MIN: none */
    uint64_t within_promise;
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
    meter->p95_at_ns = meter->promise_ns = INT64_MIN;
    meter->p95_ms = NAN;
    bt_status status = bt_histogram_open(&meter->merged, &BT_HISTOGRAM_LATENCY, error);
    for (int q = 0; q < BT_QUANTITIES && status == BT_OK; q++)
        status = bt_histogram_open(&meter->since_start[q], &BT_HISTOGRAM_LATENCY, error);
    for (int i = 0; i < SLICES; i++)
        for (int q = 0; q < BT_QUANTITIES && status == BT_OK; q++)
            status = bt_histogram_open(&meter->slices[i].of[q], &BT_HISTOGRAM_LATENCY, error);
    if (status != BT_OK)
        bt_meter_close(&meter);
    else
        *out = meter;
    return status;
}

void bt_meter_close(bt_meter **meter) {
    if (!meter || !*meter) return;
    bt_histogram_close(&(*meter)->merged);
    for (int q = 0; q < BT_QUANTITIES; q++) {
        bt_histogram_close(&(*meter)->since_start[q]);
        for (int i = 0; i < SLICES; i++)
            bt_histogram_close(&(*meter)->slices[i].of[q]);
    }
    free(*meter);
    *meter = NULL;
}

static void clear(slice *s) {
    for (int q = 0; q < BT_QUANTITIES; q++)
        bt_histogram_reset(s->of[q]);
    s->lost = 0;
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

void bt_meter_promise(bt_meter *meter, double p95_sla_ms) {
    meter->promise_ns = (int64_t)(p95_sla_ms * BT_NS_PER_MS);
}

void bt_meter_answered(bt_meter *meter, int64_t now_ns, const bt_meter_answer *answer) {
    slice *s = slice_at(meter, now_ns);
    for (int q = 0; q < BT_QUANTITIES; q++) {
        bt_histogram_record(s->of[q], answer->of_ns[q]);
        bt_histogram_record(meter->since_start[q], answer->of_ns[q]);
        meter->sums_ns[q] += answer->of_ns[q];
    }
    meter->within_promise += answer->of_ns[BT_QUANTITY_LATENCY] <= meter->promise_ns;
}

void bt_meter_lost(bt_meter *meter, int64_t now_ns) {
    slice_at(meter, now_ns)->lost++;
}

void bt_meter_ran(bt_meter *meter, int64_t now_ns, const bt_meter_run *run) {
    slice *s = slice_at(meter, now_ns);
    if (run->instance < BT_METRICS_INSTANCES) s->busy_ns[run->instance] += run->duration_ns;
    if (run->requests == 0) return;
    if (run->path == BT_PATH_STANDARD) {
        meter->standard_runs++;
        return;
    }
    meter->batches[(run->requests < BT_METRICS_BATCHES ? run->requests : BT_METRICS_BATCHES) - 1]++;
    meter->requests += (uint64_t)run->requests;
    meter->runs++;
}

/* ---- reading ---- */

/* One quantity over the window, in the meter's own working room. */
static const bt_histogram *merge(bt_meter *meter, bt_quantity q) {
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
    meter->p95_ms = quantile_ms(merge(meter, BT_QUANTITY_LATENCY), 0.95);
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
    metrics->latency = latency_of(merge(meter, BT_QUANTITY_LATENCY));
    metrics->queue = latency_of(merge(meter, BT_QUANTITY_QUEUE));
    metrics->preprocess = latency_of(merge(meter, BT_QUANTITY_PREPROCESS));
    metrics->service = latency_of(merge(meter, BT_QUANTITY_SERVICE));
    metrics->latency_since_start = latency_of(meter->since_start[BT_QUANTITY_LATENCY]);
    metrics->throughput_imgs_per_sec =
        window_ns > 0 ? (double)metrics->latency.count / metrics->window_s : NAN;
    metrics->throughput_since_start =
        uptime_ns > 0 ? (double)metrics->latency_since_start.count / metrics->uptime_s : NAN;
    uint64_t lost = 0;
    for (int i = 0; i < SLICES; i++)
        lost += meter->slices[i].lost;
    metrics->demand_rps = window_ns > 0 ? (double)(metrics->latency.count + lost) / metrics->window_s : NAN;
    metrics->within_sla = meter->within_promise;
    metrics->standard_runs = meter->standard_runs;
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

const bt_metrics_bound bt_metrics_bounds[BT_METRICS_BOUNDS] = {
    {100, "0.0001"},    {200, "0.0002"},    {500, "0.0005"},    {1000, "0.001"},    {1500, "0.0015"},
    {2000, "0.002"},    {2500, "0.0025"},   {3000, "0.003"},    {4000, "0.004"},    {5000, "0.005"},
    {7500, "0.0075"},   {10000, "0.01"},    {15000, "0.015"},   {20000, "0.02"},    {25000, "0.025"},
    {30000, "0.03"},    {40000, "0.04"},    {50000, "0.05"},    {75000, "0.075"},   {100000, "0.1"},
    {150000, "0.15"},   {200000, "0.2"},    {250000, "0.25"},   {300000, "0.3"},    {400000, "0.4"},
    {500000, "0.5"},    {750000, "0.75"},   {1000000, "1.0"},   {1500000, "1.5"},   {2000000, "2.0"},
    {2500000, "2.5"},   {3000000, "3.0"},   {4000000, "4.0"},   {5000000, "5.0"},   {7500000, "7.5"},
    {10000000, "10.0"}, {15000000, "15.0"}, {20000000, "20.0"}, {30000000, "30.0"}, {60000000, "60.0"},
};

static void count_within(const bt_histogram *histogram, uint64_t within[BT_METRICS_BOUNDS]) {
    bt_histogram_cursor cursor = {0};
    int b = 0;
    while (bt_histogram_next(histogram, &cursor))
        for (; b < BT_METRICS_BOUNDS && bt_metrics_bounds[b].us * 1000 < cursor.lowest; b++)
            within[b] = cursor.count_to_here - cursor.count;
    for (; b < BT_METRICS_BOUNDS; b++)
        within[b] = bt_histogram_count(histogram);
}

void bt_meter_totals(const bt_meter *meter, bt_metrics_totals *totals) {
    totals->batched = meter->requests;
    totals->answered = bt_histogram_count(meter->since_start[BT_QUANTITY_LATENCY]);
    for (int q = 0; q < BT_QUANTITIES; q++) {
        totals->sum_ns[q] = meter->sums_ns[q];
        count_within(meter->since_start[q], totals->within[q]);
    }
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
