/* What metrics are called in JSON and in Prometheus's text format, once for those who write them and those who read
 * them. Only this folder includes it. */
#ifndef BT_SERVING_METRICS_FIGURES_H
#define BT_SERVING_METRICS_FIGURES_H

#include <stddef.h>

#include "serving/metrics.h"

/* Milliseconds are seconds in Prometheus, where every unit is a base unit. */
#define BT_FIGURE_PREFIX "batchtune_"

typedef enum bt_figure_type {
    BT_FIGURE_DOUBLE,
    BT_FIGURE_MILLISECONDS,
    BT_FIGURE_COUNT,
    BT_FIGURE_INTEGER,
    BT_FIGURE_BIG,
    BT_FIGURE_SWITCH
} bt_figure_type;

typedef struct bt_figure {
    const char *key;           /* in JSON */
    const char *name;          /* in Prometheus, less _total of a counter; NULL: it is not told there */
    const char *label, *value; /* a fixed label of it, or NULL; figures of one name stand together */
    bt_figure_type type;
    size_t offset; /* in bt_metrics */
    const char *help;
} bt_figure;

#define BT_FIGURES_COUNT 38
extern const bt_figure bt_figures[BT_FIGURES_COUNT];

double bt_figure_value(const bt_metrics *metrics,
                       const bt_figure *figure); /* as in JSON: milliseconds, say */

/* A bt_metrics_latency: an object in JSON; in Prometheus a summary of the window, and a histogram since the start. */
typedef struct bt_figure_latency {
    const char *key, *summary, *histogram;
    bt_quantity quantity;
    size_t offset;
    const char *summary_help, *histogram_help;
} bt_figure_latency;

#define BT_FIGURE_LATENCIES_COUNT 5
extern const bt_figure_latency bt_figure_latencies[BT_FIGURE_LATENCIES_COUNT];

static inline const bt_metrics_latency *bt_figure_latency_at(const bt_metrics *metrics,
                                                             const bt_figure_latency *figure) {
    return (const bt_metrics_latency *)(const void *)((const char *)metrics + figure->offset);
}

#endif
