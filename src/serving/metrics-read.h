/* Metrics read back: what a service wrote as JSON or for Prometheus, from a file or out of a pipe.
 *
 * Whoever asks a running service why it is slow has this text and no library. What a newer service says beside it is
 * passed over, as are other programs' samples on the same page. */
#ifndef BT_SERVING_METRICS_READ_H
#define BT_SERVING_METRICS_READ_H

#include <jansson.h>

#include "batchtune.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_METRICS_MODELS_MAX 64

/* Whether a document could be metrics: some member of it is an object that has one of their keys. */
bool bt_metrics_is_json(const json_t *top);

/* The models of bt_service_metrics_json, NaN or 0 where something is not told. BT_PARSE names `where` and the key:
 * of another type, or more than BT_METRICS_MODELS_MAX models; BT_NO_MEMORY. *out is malloc'ed, the caller's. */
BT_MUST_USE bt_status bt_metrics_from_json(bt_metrics **out, int *count, const json_t *top, const char *where,
                                           bt_error *error);

/* The same of bt_service_metrics_prometheus. The mean of a latency is since the start there. BT_PARSE names the line,
 * and where there is no sample of a model. `text` ends in NUL. */
BT_MUST_USE bt_status bt_metrics_from_prometheus(bt_metrics **out, int *count, const char *text,
                                                 const char *where, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
