/* What load is sent to: anything that takes a request and answers it later.
 *
 * Keep this narrow, so that the service, a null that answers at once (which shows what the generator itself
 * costs), and a server on the network look alike to the generator. */
#ifndef BT_LOAD_TARGET_H
#define BT_LOAD_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A request that was sent, and what became of it. The generator owns these and never moves them during a run;
 * a target fills in what is below the line before it calls answer. Times are of bt_clock_now_ns. */
typedef struct bt_sent_request {
    int64_t intended_ns, sent_ns; /* sent: just before submit, or later where the target was late */
    int32_t stream, input;        /* which model, and which of its inputs */
    /* ---- */
    void *own; /* the target's own use, from submit to answer */
    int32_t own_index;
    int64_t answered_ns;
    int64_t queue_ns, preprocess_ns, service_ns; /* 0 where unknown */
    int64_t deliver_ns;                          /* of preprocess_ns, likewise */
    bt_status status;                            /* BT_OK: a result */
    int16_t batch_size, run_size;                /* 0 where it never ran */
    bool fallback;
    bool refused; /* the generator's: submit did not take it; `status` is why, answered_ns when it said so */
} bt_sent_request;

/* Tells the generator that a request has its answer, which is filled in: from any thread, once for each
 * request that submit took. */
typedef void (*bt_request_answered)(void *context, bt_sent_request *request);

typedef struct bt_target {
    void *self;
    /* Sends one request. BT_OK: `answered` will be called; else it will not, and the status is the request's.
     * Must not wait for the answer. Any thread. */
    bt_status (*submit)(void *self, bt_sent_request *request, bt_request_answered answered, void *context);
    /* Requests waiting at the target, for the live line; may be NULL. */
    int (*queue_size)(void *self);
} bt_target;

/* Answers within submit, having done nothing. */
bt_target bt_target_null(void);

#ifdef __cplusplus
}
#endif
#endif
