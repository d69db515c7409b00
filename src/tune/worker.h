/* The process that holds a model and measures it, so that what kills it costs one point and not the run.
 *
 * A worker reads one JSON object a line (an order) and answers each with one. Its first order opens a
 * session; later ones are steps of a sweep. It is started with fork and exec by tune/probe.c, dies with its
 * parent, and leaves the decision of when to stop to it: an interrupt from the terminal does not reach it.
 * The clock is read in here, around the forward pass alone, so neither the pipe nor JSON is in any figure. */
#ifndef BT_TUNE_WORKER_H
#define BT_TUNE_WORKER_H

#include <jansson.h>

#include "backend/backend.h"
#include "base/error.h"
#include "image/decode.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Serves orders from `orders_fd`, answering on `answers_fd`, until the other side closes. A failed step is an
 * answer, not a failure; BT_IO or BT_PARSE where the conversation itself broke. */
BT_MUST_USE bt_status bt_worker_serve(int orders_fd, int answers_fd, bt_error *error);

#define BT_WORKER_IMAGES 8 /* different ones; larger batches repeat them */

/* The order that opens `instances` copies of a session, options->threads each, to run on the pictures of the
 * folder `images`, read by `wishes`, or on those that `seed` draws where it is NULL or "". New reference,
 * NULL when memory is short. */
json_t *bt_worker_open_order(const bt_session_options *options, int instances, const char *images,
                             const bt_picture_wishes *wishes, int64_t seed);

/* What the worker answers to it on success, and the reading of that (BT_PARSE names the key). */
json_t *bt_worker_info_to_json(const bt_session_info *info, int64_t total_memory_bytes);
BT_MUST_USE bt_status bt_worker_read_info(const json_t *answer, bt_session_info *info,
                                          int64_t *total_memory_bytes, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
