#include "serving/metrics-figures.h"

#define AT(member)       offsetof(bt_metrics, member)
#define P(name)          BT_FIGURE_PREFIX name
#define ONLY_JSON        NULL, NULL, NULL
#define OUTCOME(outcome) P("requests"), "outcome", outcome
#define CAUSE(cause)     P("run_failures"), "cause", cause

const bt_figure bt_figures[BT_FIGURES_COUNT] = {
    {"p50_latency_ms", ONLY_JSON, BT_FIGURE_DOUBLE, AT(latency.p50), NULL},
    {"p95_latency_ms", ONLY_JSON, BT_FIGURE_DOUBLE, AT(latency.p95), NULL},
    {"p99_latency_ms", ONLY_JSON, BT_FIGURE_DOUBLE, AT(latency.p99), NULL},
    {"throughput_imgs_per_sec", P("throughput_images_per_second"), NULL, NULL, BT_FIGURE_DOUBLE,
     AT(throughput_imgs_per_sec), "Images answered well, by wall-clock time of the window."},
    {"throughput_since_start", ONLY_JSON, BT_FIGURE_DOUBLE, AT(throughput_since_start), NULL},
    {"demand_rps", P("demand_requests_per_second"), NULL, NULL, BT_FIGURE_DOUBLE, AT(demand_rps),
     "Requests that ended, with a result or without, by wall-clock time of the window."},
    {"capacity_rps", P("capacity_requests_per_second"), NULL, NULL, BT_FIGURE_DOUBLE, AT(capacity_rps),
     "Highest random rate at which the model alone keeps its promise, as simulated from measured times."},
    {"headroom", P("headroom_ratio"), NULL, NULL, BT_FIGURE_DOUBLE, AT(headroom),
     "1 - demand / capacity: the share of the capacity that is free; below 0 more is asked than it keeps."},
    {"uptime_s", P("uptime_seconds"), NULL, NULL, BT_FIGURE_DOUBLE, AT(uptime_s),
     "Time since the service started."},
    {"window_s", P("window_seconds"), NULL, NULL, BT_FIGURE_DOUBLE, AT(window_s),
     "Time that windowed figures cover now."},
    {"queue_size", P("queue_size"), NULL, NULL, BT_FIGURE_INTEGER, AT(queue_size), "Requests that wait."},
    {"queue_limit", P("queue_limit"), NULL, NULL, BT_FIGURE_INTEGER, AT(queue_limit),
     "Requests that may wait."},
    {"in_flight", P("in_flight"), NULL, NULL, BT_FIGURE_INTEGER, AT(in_flight),
     "Requests taken and not answered yet."},
    {"batch_size", P("batch_size_limit"), NULL, NULL, BT_FIGURE_INTEGER, AT(batch_size),
     "The largest batch that is formed."},
    {"mean_batch_size", P("batch_size_mean"), NULL, NULL, BT_FIGURE_DOUBLE, AT(mean_batch_size),
     "Requests a run, since the start."},
    {"batch_fill", P("batch_fill_ratio"), NULL, NULL, BT_FIGURE_DOUBLE, AT(batch_fill),
     "Requests over images that ran, padding included, since the start."},
    {"utilisation", P("utilisation_ratio"), NULL, NULL, BT_FIGURE_DOUBLE, AT(utilisation),
     "Share of the window in which instances ran."},
    {"submitted", P("submitted"), NULL, NULL, BT_FIGURE_COUNT, AT(submitted), "Requests that came."},
    {"ok", OUTCOME("ok"), BT_FIGURE_COUNT, AT(ok), "Requests by what became of them; all but ok are losses."},
    {"rejected_full", OUTCOME("rejected_full"), BT_FIGURE_COUNT, AT(rejected_full), NULL},
    {"rejected_deadline", OUTCOME("rejected_deadline"), BT_FIGURE_COUNT, AT(rejected_deadline), NULL},
    {"rejected_closed", OUTCOME("rejected_closed"), BT_FIGURE_COUNT, AT(rejected_closed), NULL},
    {"expired", OUTCOME("expired"), BT_FIGURE_COUNT, AT(expired), NULL},
    {"cancelled", OUTCOME("cancelled"), BT_FIGURE_COUNT, AT(cancelled), NULL},
    {"failed", OUTCOME("failed"), BT_FIGURE_COUNT, AT(failed), NULL},
    {"within_sla", P("requests_within_sla"), NULL, NULL, BT_FIGURE_COUNT, AT(within_sla),
     "Requests with a result within the promise that held then."},
    {"fallback", P("fallback"), NULL, NULL, BT_FIGURE_COUNT, AT(fallback),
     "Requests that the standard path served instead."},
    {"standard_runs", P("standard_runs"), NULL, NULL, BT_FIGURE_COUNT, AT(standard_runs),
     "Runs on the standard path that went well, of one request each."},
    {"run_exceptions", CAUSE("exception"), BT_FIGURE_COUNT, AT(run_exceptions),
     "Runs on the production path that failed, by cause."},
    {"run_non_finite", CAUSE("non_finite"), BT_FIGURE_COUNT, AT(run_non_finite), NULL},
    {"run_out_of_memory", CAUSE("out_of_memory"), BT_FIGURE_COUNT, AT(run_out_of_memory), NULL},
    {"run_timeouts", CAUSE("timeout"), BT_FIGURE_COUNT, AT(run_timeouts), NULL},
    {"breaker_opened", P("breaker_opened"), NULL, NULL, BT_FIGURE_COUNT, AT(breaker_opened),
     "Times a circuit breaker opened."},
    {"p95_sla_ms", P("sla_p95_seconds"), NULL, NULL, BT_FIGURE_MILLISECONDS, AT(p95_sla_ms),
     "The promise that P95 is judged by."},
    {"meets_sla", P("sla_met"), NULL, NULL, BT_FIGURE_SWITCH, AT(meets_sla),
     "1 where the window's P95 keeps the promise."},
    {"saturated_fraction", P("saturated_ratio"), NULL, NULL, BT_FIGURE_DOUBLE, AT(saturated_fraction),
     "INT8: share of activations beyond the calibrated range."},
    {"process_memory_bytes", ONLY_JSON, BT_FIGURE_BIG, AT(process_memory_bytes), NULL},
    {"process_memory_peak_bytes", ONLY_JSON, BT_FIGURE_BIG, AT(process_memory_peak_bytes), NULL},
};

const bt_figure_latency bt_figure_latencies[BT_FIGURE_LATENCIES_COUNT] = {
    {"latency_ms", P("latency_seconds"), P("request_latency_seconds"), BT_QUANTITY_LATENCY, AT(latency),
     "Request latency, from the call to the answer; quantiles of the window.",
     "Request latency, from the call to the answer."},
    {"latency_since_start_ms", NULL, NULL, BT_QUANTITY_LATENCY, AT(latency_since_start), NULL, NULL},
    {"queue_ms", P("queue_seconds"), P("request_queue_seconds"), BT_QUANTITY_QUEUE, AT(queue),
     "Wait of a request until its batch began; quantiles of the window.",
     "Wait of a request until its batch began."},
    {"preprocess_ms", P("preprocess_seconds"), P("request_preprocess_seconds"), BT_QUANTITY_PREPROCESS,
     AT(preprocess), "Resizing and normalising a request's batch, and its masks; quantiles of the window.",
     "Resizing and normalising a request's batch, and its masks."},
    {"service_ms", P("service_seconds"), P("request_service_seconds"), BT_QUANTITY_SERVICE, AT(service),
     "Service time of a request's batch; quantiles of the window.",
     "Service time of a request's batch: what its run computed."},
};

double bt_figure_value(const bt_metrics *metrics, const bt_figure *figure) {
    const char *at = (const char *)metrics + figure->offset;
    switch (figure->type) {
    case BT_FIGURE_DOUBLE:
    case BT_FIGURE_MILLISECONDS:
        return *(const double *)(const void *)at;
    case BT_FIGURE_COUNT:
        return (double)*(const uint64_t *)(const void *)at;
    case BT_FIGURE_INTEGER:
        return *(const int *)(const void *)at;
    case BT_FIGURE_BIG:
        return (double)*(const int64_t *)(const void *)at;
    case BT_FIGURE_SWITCH:
        break;
    }
    return *(const bool *)(const void *)at;
}
