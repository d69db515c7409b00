/* A request's pictures at the service, and the answer made of what comes back.
 *
 * The connection is put to sleep before the first picture is handed over, since its answer may come at once,
 * on another thread. Whoever hands over has a hold of its own, so that nobody wakes the connection before the
 * last picture is on its way. */
#include <math.h>
#include <stdlib.h>

#include "http/documents.h"
#include "http/state.h"

void bt_exchange_release(bt_exchange *exchange) {
    if (atomic_fetch_sub(&exchange->holds, 1) != 1) return;
    bt_watch_remove(exchange);
    MHD_resume_connection(exchange->connection);
}

/* On one of the service's threads. */
static void answered(void *context, const bt_result *result, const bt_error *error) {
    bt_http_part *part = context;
    bt_exchange *exchange = part->exchange;
    exchange->results[part - exchange->parts] = *result;
    if (error) part->error = *error;
    bt_exchange_release(exchange);
}

/* ---- on its way ---- */

/* Room for what the service writes; polygons are made of probabilities. */
static bt_status make_room(bt_exchange *exchange, bt_error *error) {
    const bt_infer_request *request = &exchange->request;
    const size_t count = (size_t)request->count;
    const bool polygons = bt_infer_wants(request, BT_INFER_POLYGONS);
    bool there = (exchange->parts = calloc(count, sizeof *exchange->parts)) != NULL;
    there &= (exchange->results = calloc(count, sizeof *exchange->results)) != NULL;
    if (bt_infer_wants(request, BT_INFER_MASK)) there &= (exchange->masks = malloc(request->pixels)) != NULL;
    if (polygons || bt_infer_wants(request, BT_INFER_PROBABILITIES))
        there &= (exchange->probabilities = malloc(request->pixels * sizeof(float))) != NULL;
    if (bt_infer_wants(request, BT_INFER_LOGITS))
        there &=
            (exchange->logits = malloc(bt_infer_values(request, BT_INFER_LOGITS) * sizeof(float))) != NULL;
    if (polygons) there &= (exchange->polygons = calloc(count, sizeof *exchange->polygons)) != NULL;
    return there ? BT_OK : bt_no_memory(error, "a request's results");
}

static bt_status submit_one(bt_exchange *exchange, int index, bt_error *error) {
    const bt_infer_request *r = &exchange->request;
    const size_t logits = (size_t)index * (size_t)r->input_height * (size_t)r->input_width;
    const bt_infer_picture *picture = &r->pictures[index];
    bt_http_part *part = &exchange->parts[index];
    const bt_request request = {
        .image = picture->rgb,
        .tensor = picture->tensor,
        .tensor_type = picture->tensor_type,
        .height = picture->height,
        .width = picture->width,
        .model = exchange->route.model,
        .threshold = r->threshold,
        .timeout_ms = r->timeout_ms,
        .mask = exchange->masks ? exchange->masks + picture->offset : NULL,
        .probabilities = exchange->probabilities ? exchange->probabilities + picture->offset : NULL,
        .logits = exchange->logits ? exchange->logits + logits : NULL,
    };
    part->exchange = exchange;
    atomic_fetch_add(&exchange->holds, 1);
    bt_status status =
        bt_service_submit(exchange->generation->service, &request, answered, part, &part->ticket, error);
    if (status != BT_OK) atomic_fetch_sub(&exchange->holds, 1); /* never the last: the caller has one */
    return status;
}

/* A request that is not taken whole is taken back whole. */
static void submit_all(bt_exchange *exchange) {
    bt_error error, ignored;
    for (int i = 0; i < exchange->request.count; i++) {
        if (submit_one(exchange, i, &error) == BT_OK) continue;
        exchange->refusal = error;
        for (int sent = 0; sent < i; sent++)
            if (bt_service_cancel(exchange->generation->service, exchange->parts[sent].ticket, &ignored) !=
                BT_OK)
                continue; /* answered already */
        return;
    }
    bt_watch_add(exchange);
}

static bt_status read_request(bt_exchange *exchange, const bt_model_facts *facts, int64_t header_length,
                              bt_error *error) {
    const bt_infer_limits limits = {.pictures = facts->max_queue_size,
                                    .polygons = exchange->server->polygons,
                                    .height = facts->input_height,
                                    .width = facts->input_width};
    bt_status status = bt_infer_request_read(&exchange->request, exchange->body, exchange->size,
                                             header_length, &limits, error);
    bt_envelope_note_id(exchange, exchange->request.id);
    return status == BT_OK ? make_room(exchange, error) : status;
}

/* `handed` is set where its pictures are with the service; otherwise it has its answer. */
static enum MHD_Result hand_over(bt_exchange *exchange, int64_t header_length, bool *handed) {
    bt_model_facts facts;
    bt_error error;
    int index;
    if (bt_http_find_model(exchange, &facts, &index, &error) != BT_OK)
        return bt_reply_error(exchange, MHD_HTTP_NOT_FOUND, error.message);
    if (atomic_load(&exchange->server->phase) == BT_HTTP_LOADING)
        return bt_reply_error(exchange, MHD_HTTP_SERVICE_UNAVAILABLE, bt_http_unready(exchange->server));
    if (read_request(exchange, &facts, header_length, &error) != BT_OK)
        return bt_reply_status(exchange, &error);
    atomic_store(&exchange->holds, 1);
    exchange->asleep = true;
    atomic_fetch_add(&exchange->server->sleeping, 1);
    MHD_suspend_connection(exchange->connection);
    submit_all(exchange);
    *handed = true;
    return MHD_YES;
}

enum MHD_Result bt_http_infer(bt_exchange *exchange, int64_t header_length) {
    bool handed = false;
    bt_generation_enter(exchange);
    const enum MHD_Result result = hand_over(exchange, header_length, &handed);
    if (!handed) {
        bt_generation_leave(exchange);
        return result;
    }
    bt_generation_entered(exchange);
    bt_exchange_release(exchange);
    return result;
}

/* ---- and back ---- */

/* The first that went wrong; NULL: none. */
static const bt_error *failure_of(const bt_exchange *exchange) {
    if (exchange->refusal.status != BT_OK) return &exchange->refusal;
    for (int i = 0; i < exchange->request.count; i++)
        if (exchange->parts[i].error.status != BT_OK) return &exchange->parts[i].error;
    return NULL;
}

/* Of a tensor that is no picture's the network may have made no numbers: such a pixel is in no region. *own, which
 * the caller frees, is a copy without them; NULL where there are none. */
static bt_status leave_out_nan(float **own, const float *probabilities, size_t pixels, bt_error *error) {
    size_t first = 0;
    *own = NULL;
    while (first < pixels && !isnan(probabilities[first]))
        first++;
    if (first == pixels) return BT_OK;
    *own = malloc(pixels * sizeof **own);
    if (!*own) return bt_no_memory(error, "a request's polygons");
    for (size_t i = 0; i < pixels; i++)
        (*own)[i] = isnan(probabilities[i]) ? 0 : probabilities[i];
    return BT_OK;
}

static bt_status find_polygons_of(bt_exchange *exchange, int index, bt_error *error) {
    const bt_infer_request *r = &exchange->request;
    const bt_infer_picture *picture = &r->pictures[index];
    const float *probabilities = exchange->probabilities + picture->offset;
    float *own = NULL;
    bt_polygons *found = NULL;
    bt_status status = BT_OK;
    if (picture->tensor)
        status = leave_out_nan(&own, probabilities, (size_t)picture->height * (size_t)picture->width, error);
    if (status == BT_OK)
        status = bt_polygons_find(&found, own ? own : probabilities, picture->height, picture->width,
                                  r->threshold, r->min_area_px, error);
    if (status == BT_OK) status = bt_polygons_json(found, &exchange->polygons[index], error);
    bt_polygons_close(&found);
    free(own);
    return status;
}

static bt_status find_polygons(bt_exchange *exchange, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < exchange->request.count && status == BT_OK; i++)
        status = find_polygons_of(exchange, i, error);
    return status;
}

static void note_result(const bt_exchange *exchange) {
    const bt_result slowest = bt_infer_slowest(exchange->results, exchange->request.count);
    bt_envelope_note_result(exchange, &slowest);
}

enum MHD_Result bt_http_infer_answered(bt_exchange *exchange) {
    const bt_infer_results results = {.masks = exchange->masks,
                                      .probabilities = exchange->probabilities,
                                      .logits = exchange->logits,
                                      .polygons = exchange->polygons,
                                      .of = exchange->results};
    const bt_error *failure = failure_of(exchange);
    bt_error error = failure ? *failure : (bt_error){BT_OK, ""};
    bt_infer_response response;
    bt_status status = error.status;
    atomic_fetch_sub(&exchange->server->sleeping, 1);
    bt_generation_leave(exchange);
    if (status == BT_OK) note_result(exchange);
    if (status == BT_OK && exchange->polygons) status = find_polygons(exchange, &error);
    if (status == BT_OK)
        status =
            bt_infer_response_write(&response, &exchange->request, exchange->route.model, &results, &error);
    bt_exchange_clear(exchange); /* whoever reads slowly holds the answer, and nothing else */
    return status == BT_OK ? bt_reply_response(exchange, &response) : bt_reply_status(exchange, &error);
}
