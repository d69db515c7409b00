/* POST /segment: the request's query and headers before its picture goes to the service, and the answer in the form that was
 * wanted. The way there and back is an inference's (inference.c). */
#include <stdio.h>
#include <string.h>

#include "http/segment.h"
#include "http/state.h"

/* ---- before ---- */

typedef struct reading {
    bt_segment_query *query;
    bt_error error;
    bt_status status;
} reading;

/* The first that is wrong is told. */
static enum MHD_Result read_parameter(void *context, enum MHD_ValueKind kind, const char *key,
                                      const char *value) {
    reading *r = context;
    (void)kind;
    r->status = bt_segment_query_set(r->query, key, value, &r->error);
    return r->status == BT_OK ? MHD_YES : MHD_NO;
}

/* Where one model is served its name may be left out. */
static void name_model(bt_exchange *exchange) {
    bt_model_facts facts[BT_BATCHER_MODELS_MAX];
    const int count = bt_service_models(exchange->generation->service, facts, BT_BATCHER_MODELS_MAX);
    if (exchange->route.model[0] || count != 1) return;
    snprintf(exchange->route.model, sizeof exchange->route.model, "%s", facts[0].name);
}

bool bt_http_segment_prepare(bt_exchange *exchange, enum MHD_Result *result) {
    reading r = {.query = &exchange->query, .status = BT_OK};
    const char *accept =
        MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
    name_model(exchange);
    bt_segment_query_default(&exchange->query);
    MHD_get_connection_values(exchange->connection, MHD_GET_ARGUMENT_KIND, read_parameter, &r);
    if (r.status != BT_OK) {
        *result = bt_reply_error(exchange, MHD_HTTP_BAD_REQUEST, r.error.message);
        return false;
    }
    if (bt_segment_choose(&exchange->form, accept, exchange->server->polygons, &r.error) == BT_OK)
        return true;
    *result = bt_reply_error(exchange, MHD_HTTP_NOT_ACCEPTABLE, r.error.message);
    return false;
}

/* ---- and after ---- */

bt_status bt_http_segment_write(const bt_exchange *exchange, const bt_polygons *polygons, char **out,
                                bt_error *error) {
    const bt_segment_facts facts = {.model = exchange->route.model,
                                    .id = bt_envelope_id(exchange),
                                    .query = &exchange->query,
                                    .classes = exchange->classes,
                                    .result = &exchange->results[0]};
    const size_t pixels = (size_t)polygons->height * (size_t)polygons->width;
    if (exchange->classes) bt_http_classes_share(exchange->classes, exchange->labels, pixels);
    return bt_segment_text(out, exchange->form, polygons, &facts, error);
}

bt_status bt_http_segment_finish(bt_exchange *exchange, bt_error *error) {
    const bt_infer_picture *picture = &exchange->request.pictures[0];
    bt_infer_response *response = &exchange->response;
    if (exchange->form == BT_SEGMENT_MASK && exchange->labels)
        return bt_http_classes_png((uint8_t **)&response->body, &response->size, exchange->classes,
                                   exchange->labels, picture->height, picture->width, error);
    if (exchange->form == BT_SEGMENT_MASK)
        return bt_segment_png((uint8_t **)&response->body, &response->size, exchange->masks, picture->height,
                              picture->width, error);
    response->body = exchange->polygons[0];
    response->size = strlen(response->body);
    exchange->polygons[0] = NULL;
    return BT_OK;
}

enum MHD_Result bt_http_segment_answer(bt_exchange *exchange, const bt_result *served) {
    bt_infer_response response = exchange->response;
    exchange->response = (bt_infer_response){0};
    return bt_reply_served(exchange, response.body, response.size, bt_segment_types[exchange->form], served);
}
