/* What the page shows, as JSON: the server and its models' figures, and why answers take as long as they do. */
#include <stdlib.h>
#include <time.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/version.h"
#include "explain/explain.h"
#include "http/state.h"

typedef struct figures {
    bt_metrics *metrics;
    int count;
} figures;

/* All models', or none while they load. The caller frees *out's metrics. */
static bt_status read_figures(const bt_exchange *exchange, figures *out, bt_error *error) {
    bt_service *service = exchange->generation->service;
    bt_model_facts facts[BT_BATCHER_MODELS_MAX];
    bt_status status = BT_OK;
    *out = (figures){calloc(BT_BATCHER_MODELS_MAX, sizeof(bt_metrics)), 0};
    if (!out->metrics) return bt_no_memory(error, "metrics");
    if (atomic_load(&exchange->server->phase) == BT_HTTP_LOADING) return BT_OK;
    const int count = bt_service_models(service, facts, BT_BATCHER_MODELS_MAX);
    for (; out->count < count && status == BT_OK; out->count++)
        status = bt_service_metrics(service, facts[out->count].name, &out->metrics[out->count], error);
    if (status == BT_OK) return BT_OK;
    free(out->metrics);
    return status;
}

static json_t *server_to_json(const bt_http_server *server) {
    const char *unready = bt_http_unready(server);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return json_pack("{s:s, s:s, s:f, s:b, s:o, s:b, s:i, s:I, s:i, s:I}", "version", bt_version(),
                     "revision", bt_revision(), "now_s", (double)now.tv_sec + (double)now.tv_nsec / 1e9,
                     "ready", !unready, "unready", unready ? json_string(unready) : json_null(), "polygons",
                     (int)server->polygons, "connections", atomic_load(&server->connections),
                     "connections_limit", (json_int_t)server->settings->connections, "in_flight",
                     atomic_load(&server->open), "memory_limit_bytes", (json_int_t)bt_memory_limit_bytes());
}

static enum MHD_Result reply_json(const bt_exchange *exchange, json_t *json) {
    char *text = json ? bt_json_dump(json, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(json);
    return bt_reply_text(exchange, text, NULL);
}

enum MHD_Result bt_http_answer_status(const bt_exchange *exchange) {
    figures all;
    bt_error error;
    if (read_figures(exchange, &all, &error) != BT_OK) return bt_reply_status(exchange, &error);
    json_t *models = bt_metrics_to_json(all.metrics, all.count);
    free(all.metrics);
    return reply_json(exchange,
                      json_pack("{s:o, s:o, s:o}", "server", server_to_json(exchange->server), "models",
                                models, "errors", bt_tally_errors(exchange->server->tally)));
}

enum MHD_Result bt_http_answer_explain(const bt_exchange *exchange) {
    const bt_explain_options options = {.path = exchange->server->address};
    bt_explanation *explanation = NULL;
    json_t *json = NULL;
    figures all;
    bt_error error;
    bt_status status = read_figures(exchange, &all, &error);
    if (status != BT_OK) return bt_reply_status(exchange, &error);
    status = bt_explain_metrics(&explanation, all.metrics, all.count, &options, &error);
    free(all.metrics);
    if (status == BT_OK) status = bt_explanation_to_json(explanation, &json, &error);
    bt_explanation_close(&explanation);
    return status == BT_OK ? reply_json(exchange, json) : bt_reply_status(exchange, &error);
}
