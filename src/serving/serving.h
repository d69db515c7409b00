/* The service as the programs of this project see it: what batchtune.h does not show.
 *
 * A load test opens a service on a config that it has read, and must know what exactly runs, so that the
 * simulator can be given the same. Everything here is as thread-safe as batchtune.h says. */
#ifndef BT_SERVING_SERVING_H
#define BT_SERVING_SERVING_H

#include "backend/backend.h"
#include "base/log.h"
#include "batching/batcher.h"
#include "batchtune.h"
#include "serving/metrics.h"
#include "serving/served-model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* bt_service_open on a config that is loaded already. `models` (NULL: all) are names in it. The config must
 * outlive the service; settings are copied. `log` (may be NULL) receives a line for every run that fails. */
BT_MUST_USE bt_status bt_serving_open(bt_service **out, const bt_config *config, const char *const *models,
                                      int model_count, const bt_service_settings *given,
                                      const bt_option_sources *sources, bt_log *log, bt_error *error);

int bt_service_find(const bt_service *service, const char *name); /* a model's index; -1: unknown, or NULL */
/* BT_INVALID with the models that there are. */
bt_status bt_service_fail_model(const bt_service *service, const char *name, bt_error *error);

/* One model's facts, as bt_service_models tells them. */
void bt_serving_facts(bt_service *service, int index, bt_model_facts *out);

/* bt_service_submit of several at once: all are taken, or none. They are alike in model, timeout, priority and path; what
 * the first says of these holds. `contexts` and `tickets` (may not be NULL) have one of each. */
BT_MUST_USE bt_status bt_serving_submit_all(bt_service *service, const bt_request *requests, int count,
                                            bt_answer answer, void *const *contexts, uint64_t *tickets,
                                            bt_error *error);

/* What is served as model `index`; the service's, constant after open. */
const bt_served_model *bt_serving_model(const bt_service *service, int index);
/* The network that is served under a name, which there is; the service's. */
const bt_model *bt_serving_network(const bt_service *service, const char *name);

/* After a start: the batcher as it was opened, and the first instance's production session. The service's. */
const bt_batcher_model *bt_serving_batcher(const bt_service *service, int index);
const bt_session_info *bt_serving_session(const bt_service *service, int index);
double bt_serving_start_seconds(const bt_service *service, int index); /* loading and warming up */

/* All instances, models by index, as the batcher has them; returns how many (at most
 * BT_BATCHER_INSTANCES_MAX). */
int bt_serving_instances(const bt_service *service, bt_batcher_instance *out);

/* Model `index`'s figures, and the sums that they are worked out from. Errors as bt_service_metrics. */
BT_MUST_USE bt_status bt_serving_figures(bt_service *service, int index, bt_metrics *metrics,
                                         bt_metrics_totals *totals, bt_error *error);

/* All models' families, and those of the process, for a page that is open. Errors likewise; nothing is written then. */
BT_MUST_USE bt_status bt_serving_expose(bt_service *service, bt_exposition *page, bt_error *error);

/* Simulates the capacity of models that are served otherwise than they were tuned, which their figures tell from then
 * on; what has no measured times, or was set otherwise since, has none. Takes up to a second for each. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_serving_find_capacities(bt_service *service, bt_error *error);

/* From here on `service` counts on from where `before`, which it takes the place of, has come: counters of a model of the
 * same name are the sum of both, until bt_serving_close_past takes down what `before` has counted in the end. Then it has
 * been stopped, and may be closed. */
void bt_serving_follow(bt_service *service, bt_service *before);
void bt_serving_close_past(bt_service *service);

/* Requests that wait now, of all models; cheap. */
int bt_serving_queue_size(bt_service *service);
/* Whether model `index` would take one more just now: BT_QUEUE_FULL, as bt_service_submit tells it. Cheap; for whoever
 * has to make a picture first. */
BT_MUST_USE bt_status bt_serving_check_room(bt_service *service, int index, bt_error *error);

/* The last run that failed on one of a model's two kinds of paths. */
typedef struct bt_serving_failure {
    uint64_t count; /* of them, since the start; what the watchdog gave up is not among them */
    int instance;   /* of the model's */
    char message[BT_ERROR_MESSAGE_SIZE];
} bt_serving_failure;

enum { BT_SERVING_PRODUCTION, BT_SERVING_STANDARD, BT_SERVING_PATHS };

typedef struct bt_serving_failures {
    bt_serving_failure of[BT_SERVING_PATHS];
} bt_serving_failures;

void bt_serving_failed(bt_service *service, int index, bt_serving_failures *out);

#ifdef __cplusplus
}
#endif
#endif
