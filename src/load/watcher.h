/* The bystander of a load run: tells how it goes, and notes each second what the machine was doing besides.
 *
 * A thread of its own, so that the sending one does nothing but send. Internal to load/. */
#ifndef BT_LOAD_WATCHER_H
#define BT_LOAD_WATCHER_H

#include "base/atomic.h"
#include "load/generator.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the sending thread and the answers keep, for the watcher to read. */
typedef struct bt_load_state {
    const bt_load_options *options;
    bt_sent_request *requests; /* in the order of sending */
    atomic_uchar *done;        /* by request: 1 once its fields are final */
    atomic_llong sent;         /* requests 0..sent-1 have been */
    atomic_llong answered, failed;
    int64_t start_ns, length_ns; /* of the whole plan, for the fraction; 0 unknown */
    int64_t planned;             /* requests of it; 0 unknown */
} bt_load_state;

typedef struct bt_watcher bt_watcher;

BT_MUST_USE bt_status bt_watcher_open(bt_watcher **out, const bt_load_state *state, bt_error *error);
/* Ends it; the seconds it noted become the caller's. */
void bt_watcher_close(bt_watcher **watcher, bt_load_second **seconds, int *second_count);

#ifdef __cplusplus
}
#endif
#endif
