#include "prove/sum.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "measure/late.h"

/* One stream's requests by intended arrival: the generator sends in that order, so the log holds them so. */
typedef struct stream_view {
    const bt_request_log *log;
    const bt_sent_request **requests;
    int64_t count, ok;
    double *latency_ms; /* of those answered well, in order; room for count */
    double *other;      /* working room, count */
    int64_t first_ns, last_ns;
} stream_view;

static bool answered_well(const bt_sent_request *request) {
    return request->status == BT_OK && request->answered_ns > 0;
}

static bt_status open_view(stream_view *view, const bt_request_log *log, int stream, bt_error *error) {
    *view = (stream_view){.log = log, .first_ns = INT64_MAX};
    size_t room = log->count > 0 ? (size_t)log->count : 1;
    view->requests = malloc(room * sizeof *view->requests);
    view->latency_ms = malloc(room * sizeof *view->latency_ms);
    view->other = malloc(room * sizeof *view->other);
    if (!view->requests || !view->latency_ms || !view->other)
        return bt_no_memory(error, "summing up %lld requests", (long long)log->count);
    for (int64_t i = 0; i < log->count; i++) {
        const bt_sent_request *request = &log->requests[i];
        if (request->stream != stream) continue;
        view->requests[view->count++] = request;
        if (request->intended_ns < view->first_ns) view->first_ns = request->intended_ns;
        if (!answered_well(request)) continue;
        view->latency_ms[view->ok++] = bt_ms(request->answered_ns - request->intended_ns);
        if (request->answered_ns > view->last_ns) view->last_ns = request->answered_ns;
    }
    return BT_OK;
}

static void close_view(stream_view *view) {
    free(view->requests);
    free(view->latency_ms);
    free(view->other);
}

static void count_fates(bt_load_part *part, const stream_view *view) {
    part->sent = view->count;
    for (int64_t i = 0; i < view->count; i++) {
        const bt_sent_request *request = view->requests[i];
        if (answered_well(request)) {
            part->ok++;
            part->fallback += request->fallback;
            int b = request->batch_size;
            if (b > 0) part->batches[(b > BT_LOAD_BATCHES ? BT_LOAD_BATCHES : b) - 1]++;
        } else if (request->answered_ns == 0) {
            part->lost++;
        } else if (request->status == BT_QUEUE_FULL) {
            part->rejected_full++;
        } else if (request->status == BT_TIMEOUT) {
            *(request->refused ? &part->rejected_deadline : &part->expired) += 1;
        } else if (request->status == BT_CANCELLED || request->status == BT_CLOSED) {
            part->cancelled++;
        } else {
            part->failed++;
        }
    }
}

/* Runs, not requests, are what a mean batch size is over: each request stands for 1/b of a run. */
static double mean_batch_size(const stream_view *view) {
    double runs = 0;
    int64_t ran = 0;
    for (int64_t i = 0; i < view->count; i++)
        if (answered_well(view->requests[i]) && view->requests[i]->batch_size > 0) {
            runs += 1.0 / view->requests[i]->batch_size;
            ran++;
        }
    return runs > 0 ? (double)ran / runs : NAN;
}

static void sum_latency(bt_load_part *part, stream_view *view, const bt_look *look) {
    const size_t count = (size_t)view->ok;
    double sum = 0;
    if (count == 0) return;
    for (size_t i = 0; i < count; i++)
        sum += view->other[i] = view->latency_ms[i];
    bt_sort(view->other, count);
    const double p95_ms = bt_quantile(view->other, count, 0.95);
    bt_bounds bounds =
        bt_late_bounds(view->latency_ms, view->other, count, 0.95, look->met_error, look->broken_error);
    part->latency = (bt_load_latency){
        .mean_ms = sum / (double)count,
        .p50_ms = bt_quantile(view->other, count, 0.5),
        .p90_ms = bt_quantile(view->other, count, 0.9),
        .p95_ms = p95_ms,
        .p99_ms = bt_quantile(view->other, count, 0.99),
        .p999_ms = bt_quantile(view->other, count, 0.999),
        .max_ms = view->other[count - 1],
        .p95_lower_ms = bounds.lower,
        .p95_upper_ms = bounds.upper,
        .effective_count = (double)count / bt_late_weigh(view->latency_ms, count, p95_ms).design_effect,
    };
}

/* Means and P95 of one duration of each request that was answered well. */
typedef int64_t (*duration_of)(const bt_sent_request *request);

static int64_t queue_of(const bt_sent_request *request) {
    return request->queue_ns;
}
static int64_t preprocess_of(const bt_sent_request *request) {
    return request->preprocess_ns;
}
static int64_t deliver_of(const bt_sent_request *request) {
    return request->deliver_ns;
}
static int64_t service_of(const bt_sent_request *request) {
    return request->service_ns;
}
static int64_t send_delay_of(const bt_sent_request *request) {
    return request->sent_ns - request->intended_ns;
}
static int64_t actual_of(const bt_sent_request *request) {
    return request->answered_ns - request->sent_ns;
}

static double sum_duration(stream_view *view, duration_of duration, double *p95_ms) {
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < view->count; i++)
        if (answered_well(view->requests[i])) sum += view->other[n++] = bt_ms(duration(view->requests[i]));
    if (n == 0) return NAN;
    if (p95_ms) {
        bt_sort(view->other, (size_t)n);
        *p95_ms = bt_quantile(view->other, (size_t)n, 0.95);
    }
    return sum / (double)n;
}

static void sum_split(bt_load_part *part, stream_view *view) {
    part->queue_mean_ms = sum_duration(view, queue_of, &part->queue_p95_ms);
    part->preprocess_mean_ms = sum_duration(view, preprocess_of, NULL);
    part->deliver_mean_ms = sum_duration(view, deliver_of, NULL);
    part->service_mean_ms = sum_duration(view, service_of, &part->service_p95_ms);
    part->slip_mean_ms = sum_duration(view, send_delay_of, NULL);
    (void)sum_duration(view, actual_of, &part->actual_p95_ms);
    part->mean_batch_size = mean_batch_size(view);
    int64_t span_ns = view->last_ns - view->first_ns;
    part->throughput_rps = view->ok > 0 && span_ns > 0 ? (double)view->ok / ((double)span_ns / 1e9) : NAN;
}

static bt_status keep_latencies(bt_load_part *part, const stream_view *view, bt_error *error) {
    int64_t step = (view->ok + BT_LOAD_LATENCIES_MAX - 1) / BT_LOAD_LATENCIES_MAX;
    part->latency_step = step > 0 ? step : 1;
    if (view->ok == 0) return BT_OK;
    part->latencies_ms = malloc((size_t)(view->ok / step + 1) * sizeof *part->latencies_ms);
    if (!part->latencies_ms) return bt_no_memory(error, "keeping latencies");
    for (int64_t i = 0; i < view->ok; i += step)
        part->latencies_ms[part->latency_count++] = view->latency_ms[i];
    return BT_OK;
}

/* ---- second by second ---- */

static int bin_of(const stream_view *view, int64_t at_ns) {
    return (int)((at_ns - view->log->start_ns) / BT_NS_PER_S);
}

/* Adds the share of each second that a wait from `from_ns` on took: summed over requests, the mean queue
 * length. */
static void spread_wait(bt_load_part *part, const stream_view *view, int64_t from_ns, int64_t wait_ns) {
    int64_t end_ns = from_ns + wait_ns;
    while (from_ns < end_ns) {
        int bin = bin_of(view, from_ns);
        if (bin < 0 || bin >= part->bin_count) return;
        int64_t next_ns = view->log->start_ns + (bin + 1) * BT_NS_PER_S;
        int64_t until_ns = next_ns < end_ns ? next_ns : end_ns;
        part->bins[bin].queue_mean += (double)(until_ns - from_ns) / 1e9;
        from_ns = until_ns;
    }
}

typedef struct queue_event {
    int64_t at_ns;
    int change;
} queue_event;

/* Who leaves at a moment leaves before who comes: they may be the same place. */
static int by_time(const void *a, const void *b) {
    const queue_event *x = a, *y = b;
    if (x->at_ns != y->at_ns) return x->at_ns < y->at_ns ? -1 : 1;
    return x->change - y->change;
}

static bt_status sum_queue(bt_load_part *part, const stream_view *view, bt_error *error) {
    queue_event *events = malloc((size_t)(2 * view->count + 1) * sizeof *events);
    if (!events) return bt_no_memory(error, "summing up the queue");
    size_t n = 0;
    for (int64_t i = 0; i < view->count; i++) {
        const bt_sent_request *request = view->requests[i];
        if (request->queue_ns <= 0) continue;
        spread_wait(part, view, request->sent_ns, request->queue_ns);
        events[n++] = (queue_event){request->sent_ns, 1};
        events[n++] = (queue_event){request->sent_ns + request->queue_ns, -1};
    }
    qsort(events, n, sizeof *events, by_time);
    int waiting = 0, bin = 0;
    for (size_t i = 0; i < n; i++) {
        int at = bin_of(view, events[i].at_ns);
        for (; bin < at && bin < part->bin_count; bin++) /* seconds in which nobody came or went */
            if (bin + 1 < part->bin_count) part->bins[bin + 1].queue_max = waiting;
        waiting += events[i].change;
        if (at >= 0 && at < part->bin_count)
            part->bins[at].queue_max = fmax(part->bins[at].queue_max, waiting);
    }
    free(events);
    return BT_OK;
}

/* Requests [from, to) are those that were to arrive in one second. */
static void sum_second(bt_load_bin *bin, stream_view *view, int64_t from, int64_t to) {
    size_t n = 0;
    for (int64_t i = from; i < to; i++)
        if (answered_well(view->requests[i]))
            view->other[n++] = bt_ms(view->requests[i]->answered_ns - view->requests[i]->intended_ns);
    if (n == 0) return;
    bt_sort(view->other, n);
    bin->p50_ms = bt_quantile(view->other, n, 0.5);
    bin->p95_ms = bt_quantile(view->other, n, 0.95);
    bin->max_ms = view->other[n - 1];
}

static void count_seconds(bt_load_part *part, const stream_view *view) {
    for (int64_t i = 0; i < view->count; i++) {
        const bt_sent_request *request = view->requests[i];
        int sent = bin_of(view, request->intended_ns), answered = bin_of(view, request->answered_ns);
        if (sent >= 0 && sent < part->bin_count) {
            part->bins[sent].sent++;
            part->bins[sent].failed += !answered_well(request);
        }
        if (answered_well(request) && answered >= 0 && answered < part->bin_count)
            part->bins[answered].answered++;
    }
}

static bt_status sum_bins(bt_load_part *part, stream_view *view, bt_error *error) {
    const bt_request_log *log = view->log;
    int64_t span_ns = (log->end_ns > log->start_ns ? log->end_ns : log->start_ns) - log->start_ns;
    const int seconds = (int)(span_ns / BT_NS_PER_S) + 1;
    part->bins = calloc((size_t)seconds, sizeof *part->bins);
    if (!part->bins) return bt_no_memory(error, "summing up seconds");
    part->bin_count = seconds;
    int64_t from = 0;
    for (int i = 0; i < part->bin_count; i++) {
        bt_load_bin *bin = &part->bins[i];
        bin->p50_ms = bin->p95_ms = bin->max_ms = NAN;
        bin->canary_ms = i < log->second_count ? log->seconds[i].canary_ms : NAN;
        bin->others_cores = i < log->second_count ? log->seconds[i].others_cores : NAN;
        int64_t to = from;
        while (to < view->count && bin_of(view, view->requests[to]->intended_ns) <= i)
            to++;
        sum_second(bin, view, from, to);
        from = to;
    }
    count_seconds(part, view);
    return sum_queue(part, view, error);
}

bt_status bt_sum_part(bt_load_part *part, const bt_request_log *log, int stream, const bt_look *look,
                      bt_error *error) {
    stream_view view;
    bt_status status = open_view(&view, log, stream, error);
    if (status == BT_OK) {
        count_fates(part, &view);
        sum_split(part, &view);
        sum_latency(part, &view, look);
    }
    if (status == BT_OK) status = keep_latencies(part, &view, error);
    if (status == BT_OK) status = sum_bins(part, &view, error);
    close_view(&view);
    return status;
}

void bt_sum_scenario(bt_load_scenario *scenario, const bt_request_log *log) {
    bt_send_delay delay = bt_load_send_delay(log);
    scenario->generator_p50_us = delay.p50_us;
    scenario->generator_p99_us = delay.p99_us;
    scenario->generator_max_us = delay.max_us;
    double others = 0, least = INFINITY, most = 0;
    int others_count = 0;
    for (int i = 0; i < log->second_count; i++) {
        const bt_load_second *second = &log->seconds[i];
        if (!isnan(second->others_cores)) {
            others += second->others_cores;
            others_count++;
        }
        if (isnan(second->canary_ms)) continue;
        least = fmin(least, second->canary_ms);
        most = fmax(most, second->canary_ms);
    }
    scenario->others_cores = others_count > 0 ? others / others_count : NAN;
    scenario->throttling = log->throttling;
    scenario->canary_spread_percent = most > 0 ? (most / least - 1) * 100 : NAN;
}
