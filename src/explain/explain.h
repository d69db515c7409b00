/* Why batching helps or does not, here: from what was measured and simulated, each part in milliseconds.
 *
 * Users of every server ask it, and the figures that answer it lie scattered: s(b) in the config, the queue in a load
 * test's record, batch sizes in a service's metrics. Each function gathers what its source knows, says which part
 * decides, and, where there are service times to simulate with, what would change it. Pure, but for memory. */
#ifndef BT_EXPLAIN_EXPLAIN_H
#define BT_EXPLAIN_EXPLAIN_H

#include "base/options.h"
#include "batchtune.h"
#include "record/config.h"
#include "record/explanation.h"
#include "record/load-record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How much more a batch must serve than one image at a time. Higher: a gain that somebody would take is called
 * none; lower: what the next measurement takes back is called one. */
#define BT_PAYS_GAIN   1.15
#define BT_HARDLY_GAIN 1.03

/* What is asked for, beside the source. */
typedef struct bt_explain_options {
    const char *path;       /* what the source is called */
    const bt_names *models; /* those wanted; none: all. BT_INVALID for one that the source does not have. */
    double rate_rps;        /* at which requests are predicted; 0: 60 % of the capacity */
} bt_explain_options;

/* The figures that a tuning run left. BT_INVALID, BT_NO_MEMORY; the caller owns what comes out, of each of these. Takes a
 * second or two for each model. */
BT_MUST_USE bt_status bt_explain_config(bt_explanation **out, const bt_config *config,
                                        const bt_explain_options *options, bt_error *error);
/* The same of the run's own record. */
BT_MUST_USE bt_status bt_explain_sweep(bt_explanation **out, const bt_record *record,
                                       const bt_explain_options *options, bt_error *error);
/* Where the latency of a load test's requests went. */
BT_MUST_USE bt_status bt_explain_load(bt_explanation **out, const bt_load_record *record,
                                      const bt_explain_options *options, bt_error *error);
/* The same of a running service, from `count` models' metrics. */
BT_MUST_USE bt_status bt_explain_metrics(bt_explanation **out, const bt_metrics *metrics, int count,
                                         const bt_explain_options *options, bt_error *error);

/* Whichever of these the `size` bytes at `text` (a NUL behind them) are: a config, a record of a tuning run or a load
 * test, a service's metrics as JSON or in Prometheus's text format. BT_PARSE where they are none, or broken, by the
 * file and the place; else as the others. */
BT_MUST_USE bt_status bt_explain_text(bt_explanation **out, const char *text, size_t size,
                                      const bt_explain_options *options, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
