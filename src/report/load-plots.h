/* The pictures of a load test: what there is, where it lies. Scripts, data and pictures lie together as those
 * of a tuning run do (report/sweep-plots.h); load.h writes and renders them. */
#ifndef BT_REPORT_LOAD_PLOTS_H
#define BT_REPORT_LOAD_PLOTS_H

#include "base/files.h"
#include "record/load-record.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_load_plot {
    BT_LOAD_PLOT_PERCENTILES, /* latency by share of requests, and how often each latency came; SLA */
    BT_LOAD_PLOT_SCENARIOS,   /* a row each: P50, P95 with verdict and bounds, P99; predicted P95; SLA */
    BT_LOAD_PLOT_SERIES,      /* latency, throughput, queue depth and the machine, by whole seconds */
    BT_LOAD_PLOT_BATCHES,     /* share of requests by the size of their batch, where more than one size ran */
    BT_LOAD_PLOT_SPLIT,       /* sending delay, queue, preprocess, compute: stacked bars */
    BT_LOAD_PLOT_RATES,       /* P95 against the rate: predicted, and of the scenarios that had one */
    BT_LOAD_PLOT_CAPACITY,    /* P95 against the rate, measured and predicted; goodput below; of a search */
    BT_LOAD_PLOT_COUNT
} bt_load_plot;

/* "percentiles", ...; never NULL. */
const char *bt_load_plot_name(bt_load_plot plot);

/* "<model>-load-<plot>.<extension>" in `folder` ("" for the bare name), as bt_sweep_plot_path. */
BT_MUST_USE bt_status bt_load_plot_path(char out[BT_PATH_SIZE], const char *folder, const char *model,
                                        bt_load_plot plot, const char *extension, bt_error *error);

/* Whether the record holds anything to draw in it. */
bool bt_load_plot_is_drawn(const bt_load_record *record, const bt_load_model *model, bt_load_plot plot);

#ifdef __cplusplus
}
#endif
#endif
