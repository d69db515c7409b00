/* Answers to whatever is no inference: health, what there is, how it is served and how often it was asked. */
#include <stdlib.h>
#include <string.h>

#include "http/documents.h"
#include "http/media.h"
#include "http/page.h"
#include "http/state.h"

const char *bt_http_unready(const bt_http_server *server) {
    switch (atomic_load(&server->phase)) {
    case BT_HTTP_LOADING:
        return "models are being loaded";
    case BT_HTTP_DRAINING:
        return "the server is stopping";
    default:
        return NULL;
    }
}

bt_status bt_http_find_model(const bt_exchange *exchange, bt_model_facts *out, int *index, bt_error *error) {
    const bt_route *route = &exchange->route;
    bt_service *service = exchange->generation->service;
    *index = bt_service_find(service, route->model);
    if (*index < 0) return bt_service_fail_model(service, route->model, error);
    if (route->version[0] && strcmp(route->version, BT_HTTP_VERSION) != 0)
        return bt_fail(error, BT_INVALID, "%s has one version, " BT_HTTP_VERSION ", and none called \"%s\"",
                       route->model, route->version);
    bt_serving_facts(service, *index, out);
    return BT_OK;
}

static enum MHD_Result answer_readiness(const bt_exchange *exchange) {
    const char *why_not = bt_http_unready(exchange->server);
    if (why_not) return bt_reply_error(exchange, MHD_HTTP_SERVICE_UNAVAILABLE, why_not);
    return bt_reply_empty(exchange);
}

/* Of the models `first` to before `end`. */
static enum MHD_Result answer_stats(const bt_exchange *exchange, int first, int end) {
    bt_service *service = exchange->generation->service;
    const size_t room = end > first ? (size_t)(end - first) : 1;
    bt_metrics *metrics = calloc(room, sizeof *metrics);
    bt_metrics_totals *totals = calloc(room, sizeof *totals);
    bt_error error;
    bt_status status = metrics && totals ? BT_OK : bt_no_memory(&error, "statistics");
    for (int i = first; i < end && status == BT_OK; i++)
        status = bt_serving_figures(service, i, &metrics[i - first], &totals[i - first], &error);
    enum MHD_Result result =
        status == BT_OK ? bt_reply_text(exchange, bt_http_stats_text(metrics, totals, end - first), NULL)
                        : bt_reply_status(exchange, &error);
    free(metrics);
    free(totals);
    return result;
}

static enum MHD_Result describe_model(const bt_exchange *exchange, const bt_model_facts *facts) {
    const bool polygons = exchange->server->polygons;
    bt_http_classes *classes;
    bt_error error;
    if (bt_http_classes_open(&classes, bt_serving_network(exchange->generation->service, facts->name),
                             facts->class_count, &error) != BT_OK)
        return bt_reply_status(exchange, &error);
    char *text = exchange->route.target == BT_HTTP_MODEL ? bt_http_model_text(facts, polygons, classes)
                                                         : bt_http_config_text(facts, polygons, classes);
    free(classes);
    return bt_reply_text(exchange, text, NULL);
}

static enum MHD_Result answer_model(const bt_exchange *exchange) {
    bt_model_facts facts;
    bt_error error;
    int index;
    const bt_http_target target = exchange->route.target;
    if (bt_http_find_model(exchange, &facts, &index, &error) != BT_OK)
        return bt_reply_error(exchange,
                              target == BT_HTTP_MODEL_READY ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_NOT_FOUND,
                              error.message);
    if (target == BT_HTTP_MODEL_READY) return answer_readiness(exchange);
    if (target == BT_HTTP_MODEL_STATS) return answer_stats(exchange, index, index + 1);
    return describe_model(exchange, &facts);
}

static enum MHD_Result answer_index(const bt_exchange *exchange) {
    bt_model_facts facts[BT_BATCHER_MODELS_MAX];
    const int count = bt_service_models(exchange->generation->service, facts, BT_BATCHER_MODELS_MAX);
    return bt_reply_text(exchange, bt_http_index_text(facts, count, bt_http_unready(exchange->server)), NULL);
}

/* ---- metrics ---- */

static void expose(bt_exposition *page, const char *name, const char *help, double value) {
    const bt_family family = {name, BT_FAMILY_GAUGE, help};
    bt_exposition_family(page, &family);
    bt_exposition_sample(page, "", NULL, 0, value);
}

static void expose_reloads(const bt_http_server *server, bt_exposition *page) {
    static const bt_family family = {
        "batchtune_config_reloads", BT_FAMILY_COUNTER,
        "Changes to a config that was read anew, as SIGHUP asks for; failed: it serves as before."};
    const bt_exposition_label good = {"outcome", "good"}, failed = {"outcome", "failed"};
    bt_exposition_family(page, &family);
    bt_exposition_sample(page, "", &good, 1, atomic_load(&server->reloads));
    bt_exposition_sample(page, "", &failed, 1, atomic_load(&server->failed_reloads));
}

static void expose_log(const bt_http_server *server, bt_exposition *page) {
    static const bt_family family = {"batchtune_access_log_lines_dropped", BT_FAMILY_COUNTER,
                                     "Lines of the access log that could not be written in time."};
    if (!server->access || !bt_access_logs(server->access)) return;
    bt_exposition_family(page, &family);
    bt_exposition_sample(page, "", NULL, 0, (double)bt_access_count(server->access).log_lines_dropped);
}

static void expose_slow(const bt_http_server *server, bt_exposition *page) {
    static const bt_family family = {"batchtune_http_connections_cut_off", BT_FAMILY_COUNTER,
                                     "Connections closed since a head, a body or an answer took too long."};
    bt_exposition_family(page, &family);
    bt_exposition_sample(page, "", NULL, 0, (double)atomic_load(&server->open_connections.cut_off));
}

static void expose_front(const bt_http_server *server, bt_exposition *page) {
    expose_reloads(server, page);
    expose_log(server, page);
    expose_slow(server, page);
    bt_tally_expose(server->tally, page);
    expose(page, "batchtune_ready", "1 where models are loaded and the server does not stop.",
           bt_http_unready(server) == NULL);
    expose(page, "batchtune_http_connections", "Connections that are open.",
           atomic_load(&server->connections));
    expose(page, "batchtune_http_connections_limit", "Connections that may be open.",
           (double)server->settings->connections);
    expose(page, "batchtune_http_in_flight", "Requests from their first byte to their answer's last.",
           atomic_load(&server->open));
}

/* While models load there is nothing to tell of them. */
static bt_status write_page(const bt_exchange *exchange, bt_exposition *page, bt_error *error) {
    expose_front(exchange->server, page);
    if (atomic_load(&exchange->server->phase) == BT_HTTP_LOADING) return BT_OK;
    return bt_serving_expose(exchange->generation->service, page, error);
}

static enum MHD_Result answer_metrics(const bt_exchange *exchange) {
    static const char *const kinds[] = {"text/plain", "application/openmetrics-text"};
    const char *accept =
        MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
    const bool open_metrics = bt_media_choose(accept, kinds, 2) == 1;
    bt_exposition page;
    bt_error error, ignored;
    char *text;
    bt_status status = bt_exposition_open(&page, open_metrics, &error);
    if (status != BT_OK) return bt_reply_status(exchange, &error);
    status = write_page(exchange, &page, &error);
    if (status == BT_OK)
        status = bt_exposition_close(&page, &text, &error);
    else
        (void)!bt_exposition_close(&page, NULL, &ignored);
    if (status != BT_OK) return bt_reply_status(exchange, &error);
    return bt_reply_text(exchange, text, open_metrics ? BT_OPEN_METRICS_TYPE : BT_PROMETHEUS_TYPE);
}

static enum MHD_Result answer_page(const bt_exchange *exchange) {
    char *text, policy[BT_PAGE_POLICY_SIZE];
    bt_error error;
    if (bt_page_make(&text, policy, &error) != BT_OK) return bt_reply_status(exchange, &error);
    return bt_reply_page(exchange, text, policy);
}

static enum MHD_Result answer_of(const bt_exchange *exchange) {
    switch (exchange->route.target) {
    case BT_HTTP_SERVER:
        return bt_reply_text(exchange, bt_http_server_text(), NULL);
    case BT_HTTP_LIVE:
        return bt_reply_empty(exchange);
    case BT_HTTP_READY:
        return answer_readiness(exchange);
    case BT_HTTP_ALL_STATS:
        return answer_stats(exchange, 0, bt_service_models(exchange->generation->service, NULL, 0));
    case BT_HTTP_INDEX:
        return answer_index(exchange);
    case BT_HTTP_METRICS:
        return answer_metrics(exchange);
    case BT_HTTP_PAGE:
        return answer_page(exchange);
    case BT_HTTP_STATUS:
        return bt_http_answer_status(exchange);
    case BT_HTTP_EXPLAIN:
        return bt_http_answer_explain(exchange);
    default:
        return answer_model(exchange);
    }
}

enum MHD_Result bt_http_answer_endpoint(bt_exchange *exchange) {
    bt_generation_enter(exchange);
    const enum MHD_Result result = answer_of(exchange);
    bt_generation_leave(exchange);
    return result;
}
