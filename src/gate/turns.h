/* The turns of a stored record: fresh processes, one after another, as many as were asked for or as the time
 * holds. Each measures every metric, so that what there is after any turn is whole: a record that is cut
 * short is one of fewer turns, and says so. */
#ifndef BT_GATE_TURNS_H
#define BT_GATE_TURNS_H

#include <signal.h>

#include "base/error.h"
#include "base/log.h"
#include "record/gate-record.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_turns {
    const char *program, *settings_text; /* as for bt_gauge_child */
    int64_t wanted;
    int64_t time_budget_ns;            /* 0: however long they take; one turn is taken in any case */
    bt_log *log;                       /* may be NULL; told how long it takes once a turn has shown it */
    const volatile sig_atomic_t *stop; /* may be NULL */
} bt_turns;

/* Adds the turns to `record`, whose machine and settings become those of the first; its `partial` says how
 * many they are where they are not all. Stopped after a turn: BT_OK, partial; before: BT_CLOSED. Other errors
 * as bt_gauge_child, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_turns_take(bt_gate_record *record, const bt_turns *turns, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
