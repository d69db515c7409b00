/* Carries out the sweep's steps: starts workers, gives orders, waits, and survives their deaths.
 *
 * A probe serves one model. It starts its worker at the first step that needs one and anew after a death;
 * steps that ask for a fresh process get one. What a step came to, a worker's death included, is a result;
 * only what makes further probing pointless (no worker program, a session that cannot open) is an error.
 *
 * Workers die with the thread that started them (Linux ties their end to it, not to the process): a probe is
 * used by one thread, which lives as long as the probe. */
#ifndef BT_TUNE_PROBE_H
#define BT_TUNE_PROBE_H

#include <signal.h>

#include "backend/backend.h"
#include "base/error.h"
#include "image/decode.h"
#include "tune/protocol.h"
#include "tune/step.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_probe_options bt_probe_options;
struct bt_probe_options {
    const char *worker_program; /* path of the worker's executable */
    const char *worker_log;     /* file that receives what a worker writes to standard error; appended to */
    bt_session_options session; /* of the production path; strings must outlive the probe */
    int instances;      /* that run at the same time while a batch is timed; session.threads is each one's */
    int full_size;      /* of BT_STEP_FULL_SIZE, pixels */
    const char *images; /* a folder of pictures to run on; NULL or "": drawn ones */
    bt_picture_wishes wishes; /* how the folder's are read */
    int64_t seed;             /* of the drawn ones */
    double min_mask_iou;      /* that a calibration aims at */
    const char *reference;    /* file of BT_STEP_REFERENCE; NULL or "": none */
    double answer_within_s;   /* watchdog of one step; a worker that is silent for longer is killed */
    const volatile sig_atomic_t *stop; /* set: the step under way is given up (may be NULL) */
    /* Another model, opened in the same worker for steps of both; must outlive the probe; NULL: none. Its session,
     * instances and pictures count, and of what size its batches are then. */
    const bt_probe_options *neighbour;
    int neighbour_batch_size;
};

typedef struct bt_probe bt_probe;

/* No worker is started yet. */
BT_MUST_USE bt_status bt_probe_open(bt_probe **out, const bt_probe_options *options, bt_error *error);
void bt_probe_close(bt_probe **probe); /* kills workers; NULL-safe; nulls */

/* Starts the worker, anew where one runs, and tells what it opened. Errors are those of bt_session_open;
 * BT_IO where the worker could not be started; BT_CLOSED where it died while it opened, BT_TIMEOUT where it
 * was silent too long and BT_PARSE where its answer made no sense. */
BT_MUST_USE bt_status bt_probe_start(bt_probe *probe, bt_worker_facts *facts, bt_error *error);

/* From now on, no order is waited for beyond so many seconds from now, whatever options.answer_within_s says;
 * INFINITY takes that back. */
void bt_probe_limit(bt_probe *probe, double seconds);

/* Carries out one step. The result's status is BT_CLOSED where the worker died (the message says how) and
 * BT_TIMEOUT where it was silent too long. An error as in bt_probe_start; BT_CLOSED with options.stop set
 * means given up. */
BT_MUST_USE bt_status bt_probe_run(bt_probe *probe, const bt_step *step, bt_step_result *result,
                                   bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
