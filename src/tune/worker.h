/* The process that holds a model and measures it, so that what kills it costs one point and not the run.
 *
 * A worker reads orders and answers each (tune/protocol.h); what they ask for is done by tune/bench.h. It is
 * started with fork and exec by tune/probe.c, dies with its parent, and leaves the decision of when to stop to
 * it: an interrupt from the terminal does not reach it. */
#ifndef BT_TUNE_WORKER_H
#define BT_TUNE_WORKER_H

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Serves orders from `orders_fd`, answering on the socket `answers_fd`, until the other side closes. A failed
 * step is an answer, not a failure; BT_IO or BT_PARSE where the conversation itself broke. */
BT_MUST_USE bt_status bt_worker_serve(int orders_fd, int answers_fd, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
