/* One turn: every metric measured once, in this process.
 *
 * The gate compares processes, not loops: each turn is a fresh one, which ends with its figures on standard
 * output as a gate record. That is all that two versions have to agree on, so that a version can be compared
 * with another of which only the program is there.
 */
#ifndef BT_GATE_GAUGE_H
#define BT_GATE_GAUGE_H

#include <stdio.h>

#include "base/error.h"
#include "record/gate-record.h"
#include "record/gate-settings.h"

#ifdef __cplusplus
extern "C" {
#endif

/* For the gate's own test: does the planted extra work after a run that took `spent_ns`, while its clock
 * still runs; 0 where instructions are counted and no clock is. */
typedef void bt_gauge_plant(int64_t spent_ns);

/* Measures what the settings name: the networks' service time a batch size (wall-clock), and the core's jobs
 * (CPU time of the thread, which others at work cannot lengthen; the generator by its own clock). Where the
 * compiled plan is asked for and cannot be had, the networks are left out and the record's settings say why.
 * BT_NO_MEMORY, or what bt_session_open fails with. */
BT_MUST_USE bt_status bt_gauge_turn(bt_gate_record **out, const bt_gauge_settings *settings,
                                    bt_gauge_plant *plant, bt_error *error);

/* What the program behind a turn does, and all that it does: `argv[1]` is the settings as JSON, of which
 * those left out are the defaults, and the record goes to `out`; or it is "--count" and argv[2] a job's name,
 * which is then done once, for callgrind. Returns the exit code: 0, 1, or 2 for words that it does not know.
 */
int bt_gauge_main(int argc, char **argv, bt_gauge_plant *plant, FILE *out, FILE *err);

#ifdef __cplusplus
}
#endif
#endif
