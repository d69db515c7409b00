/* Finds out what INT8 needs to know of a network, on pictures.
 *
 * The network runs in FP32 on each of them, and every activation is watched: the largest magnitude of each
 * channel becomes its range (record/calibration.h). Then it runs as bytes on pictures that were not among
 * them, and the masks are compared, of several classes the labels: what the calibration says of its own
 * agreement was seen, not hoped for. Where that is below what is wanted, groups of activations stay in floats,
 * one after another, those first that bring the most. */
#ifndef BT_BACKEND_CALIBRATE_H
#define BT_BACKEND_CALIBRATE_H

#include <signal.h>

#include "backend/backend.h"
#include "record/calibration.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_calibrate_options {
    const bt_session_options *session; /* what will run: network, weights, size, threads; on the CPU */
    const float *images;               /* count x 3 x height x width, normalised */
    int count;                         /* at least 2 */
    const char *source;                /* where the pictures are from, for the file */
    /* Of the masks (of several classes the mean over those of a picture's labels), mean over the held-out pictures, and
     * of each at least 0.97; 0: any. */
    double wanted_iou;
    const volatile sig_atomic_t *stop; /* set: given up, BT_CLOSED; may be NULL */
} bt_calibrate_options;

/* Whether INT8 can be had at all: BT_UNSUPPORTED in one line where it cannot (a device, a network of the
 * user's own that is no list of operations, a path, a CPU). Opens no session. */
BT_MUST_USE bt_status bt_calibrate_check(const bt_session_options *session, bt_error *error);

/* Calibrates, and writes the file `path`; *out (may be NULL) is the caller's. The last quarter of the pictures,
 * at least one, is held out. Takes some three passes in FP32 a picture, more where agreement is wanting. In
 * the calling thread's OpenMP pool. BT_INVALID, BT_UNSUPPORTED, BT_BACKEND, BT_IO, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_calibrate(bt_calibration **out, const char *path,
                                   const bt_calibrate_options *options, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
