/* What a service tells of itself: latencies, throughput, and where the time goes, now and since it started.
 *
 * A meter keeps one model's figures: histograms since the start, and a ring of them for the window that looks
 * back over the last so many seconds. Time is an argument; everything but opening is free of allocation.
 * Whoever owns a meter lets one thread at it at a time. What the batcher counts (rejections, fallbacks,
 * breakers) is not kept twice: it is copied in when metrics are read. */
#ifndef BT_SERVING_METRICS_H
#define BT_SERVING_METRICS_H

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "base/exposition.h"
#include "batching/batcher.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_meter bt_meter;

/* What is measured of every answer. */
typedef enum bt_quantity {
    BT_QUANTITY_LATENCY,
    BT_QUANTITY_QUEUE,
    BT_QUANTITY_PREPROCESS,
    BT_QUANTITY_SERVICE,
    BT_QUANTITIES
} bt_quantity;

/* A meter whose window looks back `window_ns`, from `now_ns` on. Takes some 8 MB.
 * BT_INVALID, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_meter_open(bt_meter **out, int64_t window_ns, int64_t now_ns, bt_error *error);
void bt_meter_close(bt_meter **meter); /* NULL-safe; nulls */

/* The promise by which answers are counted from now on; none at first. */
void bt_meter_promise(bt_meter *meter, double p95_sla_ms);

/* A request that was answered with a result; each quantity in nanoseconds. */
typedef struct bt_meter_answer {
    int64_t of_ns[BT_QUANTITIES];
} bt_meter_answer;
void bt_meter_answered(bt_meter *meter, int64_t now_ns, const bt_meter_answer *answer);

/* A request that got no result: refused, expired, taken back or failed. */
void bt_meter_lost(bt_meter *meter, int64_t now_ns);

/* A run that has ended on an instance of the model. */
typedef struct bt_meter_run {
    int instance;
    int64_t duration_ns;
    bt_path path;
    int requests; /* that it served; 0: it failed */
} bt_meter_run;
void bt_meter_ran(bt_meter *meter, int64_t now_ns, const bt_meter_run *run);

/* The window's P95 in ms, worked out at most every 250 ms; NaN until something was seen. */
double bt_meter_p95_ms(bt_meter *meter, int64_t now_ns);

/* Fills what the meter knows: latencies, throughput, demand, batches, utilisation. */
void bt_meter_read(bt_meter *meter, int64_t now_ns, bt_metrics *metrics);

/* Fills what the batcher knows of the model; instance states are the service's to fill. */
void bt_metrics_count(bt_metrics *metrics, const bt_batcher_counts *counts);

/* ---- what a scraper takes differences of ---- */

/* The times by which answers are counted: the same for every model, replica and version, since a reader adds up buckets
 * of one bound. At most half as much again apart from 1 ms on, so that a quantile drawn from them is near. The text is
 * part of a series' name, in both formats: it never changes. */
typedef struct bt_metrics_bound {
    int64_t us;
    const char *seconds;
} bt_metrics_bound;

#define BT_METRICS_BOUNDS 40
extern const bt_metrics_bound bt_metrics_bounds[BT_METRICS_BOUNDS];

/* One model's figures that only ever grow. */
typedef struct bt_metrics_totals {
    uint64_t answered;             /* requests with a result */
    uint64_t batched;              /* requests in runs on the production path */
    int64_t sum_ns[BT_QUANTITIES]; /* of each quantity */
    /* of the answers: as fast as that bound (to a thousandth) or faster */
    uint64_t within[BT_QUANTITIES][BT_METRICS_BOUNDS];
} bt_metrics_totals;

void bt_meter_totals(const bt_meter *meter, bt_metrics_totals *totals);

/* ---- other programs' forms ---- */

/* `count` models' figures as JSON, by their names: the caller's; NULL where memory is short. */
json_t *bt_metrics_to_json(const bt_metrics *metrics, int count);

/* The same as text: a new string. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_metrics_json(char **out, const bt_metrics *metrics, int count, bt_error *error);

/* Their families, and those of the process, for a page that is open. */
void bt_metrics_expose(bt_exposition *page, const bt_metrics *metrics, const bt_metrics_totals *totals,
                       int count);

#ifdef __cplusplus
}
#endif
#endif
