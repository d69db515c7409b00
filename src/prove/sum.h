/* What came back, summed up: one stream's requests become one part of the load record.
 *
 * Pure: reads the generator's log, writes figures, judges nothing. */
#ifndef BT_PROVE_SUM_H
#define BT_PROVE_SUM_H

#include "base/error.h"
#include "load/generator.h"
#include "prove/looks.h"
#include "record/load-record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fills `part`'s figures from the log's requests of `stream`: counts by cause, latency from the intended
 * arrival with bounds at the look's errors, its split, batch sizes, latencies one by one, and a bin a second.
 * What the part was asked for (model, rate, clients, ...) and what was predicted stay as they are. A request
 * that was never answered is `lost`. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_sum_part(bt_load_part *part, const bt_request_log *log, int stream,
                                  const bt_look *look, bt_error *error);

/* Fills the scenario's own figures: how late the generator was, how steady the machine. */
void bt_sum_scenario(bt_load_scenario *scenario, const bt_request_log *log);

#ifdef __cplusplus
}
#endif
#endif
