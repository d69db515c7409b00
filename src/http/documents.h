/* The protocol's documents, as text: what there is, how it is served, and how often it was asked. New strings,
 * to be freed by free; NULL where memory is short. */
#ifndef BT_HTTP_DOCUMENTS_H
#define BT_HTTP_DOCUMENTS_H

#include <stdbool.h>

#include "batchtune.h"
#include "http/classes.h"
#include "serving/metrics.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_HTTP_VERSION "1" /* that every model has */

/* {"error": message} */
char *bt_http_error_text(const char *message);

/* GET /v2 */
char *bt_http_server_text(void);

/* GET /v2/models/M and its /config. `polygons`: whether they can be found here; `classes`: NULL of a model of one. */
char *bt_http_model_text(const bt_model_facts *facts, bool polygons, const bt_http_classes *classes);
char *bt_http_config_text(const bt_model_facts *facts, bool polygons, const bt_http_classes *classes);

/* GET /v2/models/M/stats, or of all models. */
char *bt_http_stats_text(const bt_metrics *metrics, const bt_metrics_totals *totals, int count);

/* POST /v2/repository/index; `reason` says why they are not ready, NULL: they are. */
char *bt_http_index_text(const bt_model_facts *facts, int count, const char *reason);

#ifdef __cplusplus
}
#endif
#endif
