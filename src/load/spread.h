/* One load, sent by the processes of a group (ranks/ranks.h) together: rank 0 has the schedule and the log, the
 * others send their shares.
 *
 * For each run rank 0 deals the load out (load/share.h). When all have their targets open, clocks are compared,
 * and all begin at one moment, in 200 ms; nobody waits for anybody from then on, so the load is open loop at
 * whatever rate. Afterwards the logs come in and become one (load/log-packet.h), and the clocks are compared
 * once more, since they drift apart.
 *
 * A sender that is gone before the start loses nothing: its share is dealt out anew. One that goes in the
 * middle takes with it what it was to send, which is told by number and is in no figure. Rank 0 is not to go:
 * the others then end by themselves. */
#ifndef BT_LOAD_SPREAD_H
#define BT_LOAD_SPREAD_H

#include "load/generator.h"
#include "load/share.h"
#include "ranks/ranks.h"
#include "record/load-senders.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- rank 0 ---- */

typedef struct bt_spread bt_spread;

/* The others are to be in bt_spread_serve, or soon. BT_INVALID for more than BT_LOAD_SENDERS_MAX ranks, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_spread_open(bt_spread **out, bt_ranks *ranks, bt_error *error);
/* Has the others leave bt_spread_serve. True: all of them are alive. NULL-safe (false); nulls. */
bool bt_spread_close(bt_spread **spread);

/* Runs what bt_load_run runs, by all senders, and says what each of them did. `subjects` are the streams', for the others'
 * bt_spread_host. As bt_load_run; besides what a sender says that cannot open its target, and BT_TIMEOUT where a clock
 * cannot be compared. A sender that is gone is no failure. */
BT_MUST_USE bt_status bt_spread_run(bt_request_log **out, bt_spread *spread, const bt_load_options *options,
                                    const int32_t *subjects, bt_load_senders *senders, bt_error *error);

/* ---- all others ---- */

typedef struct bt_spread_host {
    void *self;
    /* Once, before all else. Where it fails rank 0 is told so when it asks. */
    bt_status (*begin)(void *self, bt_error *error);
    /* Opens what a share is sent to, and sets the streams' weights and numbers of inputs. */
    bt_status (*open)(void *self, const bt_share *share, bt_stream *streams, bt_target *out, bt_error *error);
    /* After a run, and after an open that failed; `log` is NULL where nothing was sent. */
    void (*close)(void *self, const bt_request_log *log);
} bt_spread_host;

/* Sends what rank 0 deals out, until it says that there is no more. `stop` as for bt_load_run. *all_alive: as
 * bt_spread_close says. BT_CLOSED where rank 0 has gone. */
BT_MUST_USE bt_status bt_spread_serve(bt_ranks *ranks, const bt_spread_host *host,
                                      const volatile sig_atomic_t *stop, bool *all_alive, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
