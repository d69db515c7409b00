/* Any record as one side of a comparison: what perf-gate measured, what a tuning run did, or a load test.
 *
 * A tuning run gives a metric for each batch size, its samples as they were taken ("hrnet/batch-4"), and the
 * standard path's image; sizes that were not chosen are minor, since a run spends as few samples on them as
 * it can. A load test gives P50 and P95 of each scenario ("hrnet/sustained/p95"); P95 is minor, since a
 * scenario of seconds does not decide it, and whether it keeps the SLA is the load test's own verdict. The
 * work of a metric says what must be alike for a comparison to mean something: the image size, the load. What
 * a change is about (runtime, driver, weights, precision, settings of the service) may differ, and is
 * told. */
#ifndef BT_GATE_COLLECT_H
#define BT_GATE_COLLECT_H

#include "base/error.h"
#include "record/gate-record.h"
#include "record/load-record.h"
#include "record/sweep-record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads a record of any kind. The caller closes it. BT_IO, BT_PARSE, BT_UNSUPPORTED as their readers. */
BT_MUST_USE bt_status bt_gate_collect(bt_gate_record **out, const char *path, bt_error *error);

/* The same from records in memory. */
BT_MUST_USE bt_status bt_gate_collect_sweep(bt_gate_record **out, const bt_record *record, bt_error *error);
BT_MUST_USE bt_status bt_gate_collect_load(bt_gate_record **out, const bt_load_record *record,
                                           bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
