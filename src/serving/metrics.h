/* What a service tells of itself: latencies, throughput, and where the time goes, now and since it started.
 *
 * A meter keeps one model's figures: histograms since the start, and a ring of them for the window that looks
 * back over the last so many seconds. Time is an argument; everything but opening is free of allocation.
 * Whoever owns a meter lets one thread at it at a time. What the batcher counts (rejections, fallbacks,
 * breakers) is not kept twice: it is copied in when metrics are read. */
#ifndef BT_SERVING_METRICS_H
#define BT_SERVING_METRICS_H

#include <stdint.h>

#include "base/error.h"
#include "batching/batcher.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_meter bt_meter;

/* A meter whose window looks back `window_ns`, from `now_ns` on. Takes some 8 MB.
 * BT_INVALID, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_meter_open(bt_meter **out, int64_t window_ns, int64_t now_ns, bt_error *error);
void bt_meter_close(bt_meter **meter); /* NULL-safe; nulls */

/* A request that was answered with a result. */
typedef struct bt_meter_answer {
    int64_t latency_ns, queue_ns, preprocess_ns, service_ns;
} bt_meter_answer;
void bt_meter_answered(bt_meter *meter, int64_t now_ns, const bt_meter_answer *answer);

/* A run that has ended on an instance of the model; `requests` of a good run on the production path,
 * else 0. */
void bt_meter_ran(bt_meter *meter, int64_t now_ns, int instance, int64_t duration_ns, int requests);

/* The window's P95 in ms, worked out at most every 250 ms; NaN until something was seen. */
double bt_meter_p95_ms(bt_meter *meter, int64_t now_ns);

/* Fills what the meter knows: latencies, throughput, batches, utilisation. */
void bt_meter_read(bt_meter *meter, int64_t now_ns, bt_metrics *metrics);

/* Fills what the batcher knows of the model; instance states are the service's to fill. */
void bt_metrics_count(bt_metrics *metrics, const bt_batcher_counts *counts);

/* ---- what a scraper takes differences of ---- */

/* The latencies by which answers are counted, in microseconds, ascending: for every model the same, and for
 * as long as the service runs, since a reader adds up buckets of one bound over models, machines and time. */
#define BT_METRICS_BOUNDS_MAX 64
typedef struct bt_metrics_bounds {
    int64_t us[BT_METRICS_BOUNDS_MAX];
    int count;
} bt_metrics_bounds;

/* Five to a decade, from 1 ms to a minute, and each of the SLAs, so that the share of requests within a
 * promise is counted and not interpolated. At most BT_NAMES_MAX SLAs count. */
bt_metrics_bounds bt_metrics_bounds_of(const double *sla_ms, int count);

/* One model's figures that only ever grow. */
typedef struct bt_metrics_totals {
    uint64_t answered;                                       /* requests with a result */
    int64_t latency_ns, queue_ns, preprocess_ns, service_ns; /* their sums */
    uint64_t within[BT_METRICS_BOUNDS_MAX]; /* of them, as fast as that bound (to a thousandth) or faster */
} bt_metrics_totals;

void bt_meter_totals(const bt_meter *meter, const bt_metrics_bounds *bounds, bt_metrics_totals *totals);

/* ---- other programs' forms ---- */

/* `count` models' figures as JSON and as Prometheus's text format: new strings. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_metrics_json(char **out, const bt_metrics *metrics, int count, bt_error *error);
BT_MUST_USE bt_status bt_metrics_prometheus(char **out, const bt_metrics *metrics,
                                            const bt_metrics_totals *totals, int count,
                                            const bt_metrics_bounds *bounds, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
