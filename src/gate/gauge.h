/* The ruler: every metric of the gate, ready to be measured once more, in this process.
 *
 * The gate compares processes, not loops: where a program's memory falls differs from start to start, and
 * moves its times by more than the change that is sought. So a stored record is made of turns, each a fresh
 * process that measures everything and ends. Two versions that race are both alive at a time, and each is
 * told which metric to measure next, so that what slows the machine for a moment slows both; after some
 * rounds both start anew. The words between them are all that two versions have to agree on. */
#ifndef BT_GATE_GAUGE_H
#define BT_GATE_GAUGE_H

#include <stdio.h>

#include "base/error.h"
#include "record/gate-record.h"
#include "settings/gate.h"

#ifdef __cplusplus
extern "C" {
#endif

/* For the gate's own test: does the planted extra work after a run that took `spent_ns`, while its clock
 * still runs; 0 where instructions are counted and no clock is. */
typedef void bt_gauge_plant(int64_t spent_ns);

typedef struct bt_gauge bt_gauge;

/* Makes ready what the settings name: the networks' service time a batch size (wall-clock), and the core's
 * jobs (CPU time of the thread, which others at work cannot lengthen; the generator by its own clock). Each
 * has run once. Where the compiled plan is asked for and cannot be had, the networks are left out and the
 * record's settings say why. BT_NO_MEMORY, BT_INVALID, or what bt_session_open fails with. */
BT_MUST_USE bt_status bt_gauge_open(bt_gauge **out, const bt_gauge_settings *settings, bt_gauge_plant *plant,
                                    bt_error *error);
void bt_gauge_close(bt_gauge **gauge); /* NULL-safe; nulls */

/* The metrics, in their order, as a record without samples; the gauge's. */
const bt_gate_record *bt_gauge_describe(const bt_gauge *gauge);

/* Measures one metric, by its index, once; `value` is in its unit. */
BT_MUST_USE bt_status bt_gauge_measure(bt_gauge *gauge, int metric, double *value, bt_error *error);

/* What the program behind a turn does, and all that it does. argv[1] is the settings as JSON, of which those
 * left out are the defaults:
 *
 *     gate-probe '{...}'          measures each metric `samples` times and prints the record of it
 *     gate-probe '{...}' --ask    prints the record without samples in one line; then each line read from
 *                                 `in`, a metric's index, is answered by its value in one line, until the end
 *     gate-probe --count JOB      does the job of that name once, for callgrind
 *
 * Returns the exit code: 0, 1, or 2 for bad input (settings, a device or file that is not there), which one
 * line on `err` tells. */
int bt_gauge_main(int argc, char **argv, bt_gauge_plant *plant, FILE *in, FILE *out, FILE *err);

#ifdef __cplusplus
}
#endif
#endif
