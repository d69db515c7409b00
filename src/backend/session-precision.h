/* In which numbers a session computes: what was asked for, where that can be had, else the fastest that it may take.
 *
 * All backends that compute ask here, so that the same wish is honoured, or refused in the same words, whoever runs
 * the network. A forced precision is taken or refused, never replaced. */
#ifndef BT_BACKEND_SESSION_PRECISION_H
#define BT_BACKEND_SESSION_PRECISION_H

#include "backend/backend.h"
#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_runs_on {
    BT_RUNS_PLANNED, /* the compiled plan, on the CPU */
    BT_RUNS_ON_CPU,  /* libtorch's operators */
    BT_RUNS_ON_CUDA
} bt_runs_on;

/* Who runs a session with these options, whose model is resolved; a plan that cannot be had is known at opening. */
bt_runs_on bt_session_runs_on(const bt_session_options *options);

/* Whether a session there can be opened in it, if asked to. */
bool bt_session_precision_exists(bt_precision precision, bt_runs_on where);

/* BT_INVALID with what would do, for one that does not exist there. */
BT_MUST_USE bt_status bt_session_precision_refuse(bt_precision precision, bt_runs_on where, bt_error *error);

/* `note` receives why it is not the half that AMP allows, else "". On a CPU this may take a measurement
 * (plan/pays.h); a GPU's half is taken unmeasured: all that libtorch runs on multiply FP16 by units of their own,
 * and the tuner races it all the same. BT_INVALID: the device, or whoever runs the network, has not what was asked
 * for. */
BT_MUST_USE bt_status bt_session_precision(bt_precision *out, char note[160],
                                           const bt_session_options *options, bt_runs_on where,
                                           bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
