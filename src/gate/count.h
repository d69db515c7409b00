/* How many instructions the core's hot paths take: nearly free of noise, where a clock on a shared machine is
 * not.
 *
 * valgrind's callgrind runs each counted job (gate/work.h) of a version's gate-probe once. The same program
 * gives the same count on the same machine; another C library or compiler gives another. It says nothing of
 * caches or of waiting, which is why the clock is asked too. */
#ifndef BT_GATE_COUNT_H
#define BT_GATE_COUNT_H

#include <signal.h>

#include "base/error.h"
#include "record/gate-record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Adds "instructions/NAME", of one operation, for each counted job to `record`. `program` is a gate-probe.
 * BT_UNSUPPORTED where valgrind is missing (with the remedy), else as bt_child_run, or BT_PARSE where
 * callgrind told no count. A job that the program does not know is left out. */
BT_MUST_USE bt_status bt_count_instructions(bt_gate_record *record, const char *program,
                                            const volatile sig_atomic_t *stop, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
