/* A request's pictures at the service, and the answer made of what comes back. What of that is quick is done on the
 * connection's thread, and what takes long by workers.
 *
 * The connection is put to sleep before the first picture is handed over, since its answer may come at once,
 * on another thread. Whoever hands over has a hold of its own, so that nobody wakes the connection before the
 * last picture is on its way. */
#include <math.h>
#include <stdlib.h>

#include "http/documents.h"
#include "http/state.h"
#include "image/polygons.h"

/* ---- the end of its stay ---- */

/* Pixels whose polygons are found in some hundred microseconds, and numbers that are written as text in such a time. */
#define QUICK_PIXELS 16384
#define QUICK_TEXTS  1024

/* The first that went wrong; NULL: none. */
static const bt_error *failure_of(const bt_exchange *exchange) {
    if (exchange->refusal.status != BT_OK) return &exchange->refusal;
    for (int i = 0; i < exchange->request.count; i++)
        if (exchange->parts[i].error.status != BT_OK) return &exchange->parts[i].error;
    return NULL;
}

static bool ends_slowly(const bt_exchange *exchange) {
    const bt_infer_request *request = &exchange->request;
    size_t texts = 0;
    if (failure_of(exchange)) return false;
    for (int i = 0; i < request->output_count; i++)
        if (!request->outputs[i].binary) texts += bt_infer_values(request, request->outputs[i].output);
    return texts > QUICK_TEXTS || (exchange->polygons && request->pixels > QUICK_PIXELS);
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

static bt_status find_in_mask(bt_polygons **out, const bt_exchange *exchange, const bt_infer_picture *picture,
                              bt_error *error) {
    const bt_infer_request *r = &exchange->request;
    const float *probabilities = exchange->probabilities + picture->offset;
    float *own = NULL;
    bt_status status = BT_OK;
    if (picture->tensor)
        status = leave_out_nan(&own, probabilities, (size_t)picture->height * (size_t)picture->width, error);
    if (status == BT_OK)
        status = bt_polygons_find(out, own ? own : probabilities, picture->height, picture->width,
                                  r->threshold, r->min_area_px, error);
    free(own);
    return status;
}

/* Where what is no picture has no probability it has no class. */
static void leave_out_labels(uint8_t *labels, const float *class_probabilities, size_t pixels) {
    for (size_t i = 0; i < pixels; i++)
        if (labels[i] != BT_NO_LABEL && isnan(class_probabilities[labels[i] * pixels + i]))
            labels[i] = BT_NO_LABEL;
}

static bt_status find_in_labels(bt_polygons **out, const bt_exchange *exchange,
                                const bt_infer_picture *picture, const bt_class *classes, bt_error *error) {
    const bt_infer_request *r = &exchange->request;
    const float *probabilities = exchange->class_probabilities + picture->offset * (size_t)r->classes;
    uint8_t *labels = exchange->labels + picture->offset;
    if (picture->tensor)
        leave_out_labels(labels, probabilities, (size_t)picture->height * (size_t)picture->width);
    return bt_polygons_find_classes(out, labels, probabilities, classes, r->classes, picture->height,
                                    picture->width, r->min_area_px, error);
}

/* Whether regions are of labels: of a model whose mask has several classes. */
static bool finds_labels(const bt_exchange *exchange) {
    return exchange->classes && bt_class_list_only(&exchange->classes->list) == BT_CLASSES_SEVERAL;
}

static bt_status find_polygons_of(bt_exchange *exchange, int index, bt_error *error) {
    const bt_infer_picture *picture = &exchange->request.pictures[index];
    const bt_class_list *classes = exchange->classes ? &exchange->classes->list : NULL;
    bt_polygons *found = NULL;
    bt_status status = finds_labels(exchange) ? find_in_labels(&found, exchange, picture, classes->of, error)
                                              : find_in_mask(&found, exchange, picture, error);
    if (status == BT_OK && classes && !finds_labels(exchange))
        bt_polygons_set_class(found, bt_class_list_only(classes));
    if (status == BT_OK && exchange->route.target == BT_HTTP_SEGMENT)
        status = bt_http_segment_write(exchange, found, &exchange->polygons[index], error);
    else if (status == BT_OK && classes)
        status =
            bt_polygons_json_classes(found, classes->of, classes->count, &exchange->polygons[index], error);
    else if (status == BT_OK)
        status = bt_polygons_json(found, &exchange->polygons[index], error);
    bt_polygons_close(&found);
    return status;
}

static bt_status find_polygons(bt_exchange *exchange, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < exchange->request.count && status == BT_OK; i++)
        status = find_polygons_of(exchange, i, error);
    return status;
}

/* Its answer's bytes, or why there are none. */
static void finish(bt_exchange *exchange) {
    const bt_infer_results results = {.masks = exchange->masks,
                                      .probabilities = exchange->probabilities,
                                      .labels = exchange->labels,
                                      .class_probabilities = exchange->class_probabilities,
                                      .logits = exchange->logits,
                                      .polygons = exchange->polygons,
                                      .of = exchange->results};
    const bt_error *failure = failure_of(exchange);
    bt_error error;
    bt_status status = failure ? failure->status : BT_OK;
    if (status == BT_OK && exchange->polygons) status = find_polygons(exchange, &error);
    if (status == BT_OK && exchange->route.target == BT_HTTP_SEGMENT)
        status = bt_http_segment_finish(exchange, &error);
    else if (status == BT_OK)
        status = bt_infer_response_write(&exchange->response, &exchange->request, exchange->route.model,
                                         &results, &error);
    if (status != BT_OK) exchange->refusal = failure ? *failure : error;
    exchange->finished = true;
}

static void finish_and_wake(void *context) {
    bt_exchange *exchange = context;
    finish(exchange);
    MHD_resume_connection(exchange->connection);
}

void bt_exchange_release(bt_exchange *exchange) {
    if (atomic_fetch_sub(&exchange->holds, 1) != 1) return;
    bt_watch_remove(exchange);
    if (!ends_slowly(exchange)) {
        MHD_resume_connection(exchange->connection);
        return;
    }
    exchange->job = (bt_job){.run = finish_and_wake, .context = exchange};
    bt_workers_run(exchange->server->workers, &exchange->job);
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

/* Room for what the service writes; polygons are made of probabilities, or of labels and each class's probabilities. */
static bt_status make_room(bt_exchange *exchange, bt_error *error) {
    const bt_infer_request *request = &exchange->request;
    const size_t count = (size_t)request->count;
    const bool polygons = bt_infer_wants(request, BT_INFER_POLYGONS),
               several = polygons && finds_labels(exchange);
    bool there = (exchange->parts = calloc(count, sizeof *exchange->parts)) != NULL;
    there &= (exchange->results = calloc(count, sizeof *exchange->results)) != NULL;
    if (bt_infer_wants(request, BT_INFER_MASK)) there &= (exchange->masks = malloc(request->pixels)) != NULL;
    if ((polygons && !several) || bt_infer_wants(request, BT_INFER_PROBABILITIES))
        there &= (exchange->probabilities = malloc(request->pixels * sizeof(float))) != NULL;
    if (several || bt_infer_wants(request, BT_INFER_LABELS))
        there &= (exchange->labels = malloc(request->pixels)) != NULL;
    if (several || bt_infer_wants(request, BT_INFER_CLASS_PROBABILITIES))
        there &= (exchange->class_probabilities =
                      malloc(bt_infer_values(request, BT_INFER_CLASS_PROBABILITIES) * sizeof(float))) != NULL;
    if (bt_infer_wants(request, BT_INFER_LOGITS))
        there &=
            (exchange->logits = malloc(bt_infer_values(request, BT_INFER_LOGITS) * sizeof(float))) != NULL;
    if (polygons) there &= (exchange->polygons = calloc(count, sizeof *exchange->polygons)) != NULL;
    return there ? BT_OK : bt_no_memory(error, "a request's results");
}

static bt_request request_of(const bt_exchange *exchange, int index) {
    const bt_infer_request *r = &exchange->request;
    const bt_infer_picture *picture = &r->pictures[index];
    const size_t logits = (size_t)index * (size_t)r->input_height * (size_t)r->input_width;
    const size_t planes = picture->offset * (size_t)r->classes;
    return (bt_request){
        .image = picture->rgb,
        .tensor = picture->tensor,
        .tensor_type = picture->tensor_type,
        .height = picture->height,
        .width = picture->width,
        .model = exchange->route.model,
        .threshold = r->threshold,
        .timeout_ms = r->timeout_ms,
        .priority = r->priority,
        .mask = exchange->masks ? exchange->masks + picture->offset : NULL,
        .probabilities = exchange->probabilities ? exchange->probabilities + picture->offset : NULL,
        .labels = exchange->labels ? exchange->labels + picture->offset : NULL,
        .class_probabilities = exchange->class_probabilities ? exchange->class_probabilities + planes : NULL,
        .logits = exchange->logits ? exchange->logits + logits : NULL,
    };
}

/* Several are taken together, or not at all: else two that want much would each have a part, and neither the rest. */
static bt_status submit_several(bt_exchange *exchange, bt_error *error) {
    const int count = exchange->request.count;
    bt_request *requests = malloc((size_t)count * sizeof *requests);
    void **contexts = malloc((size_t)count * sizeof *contexts);
    uint64_t *tickets = malloc((size_t)count * sizeof *tickets);
    bt_status status = requests && contexts && tickets ? BT_OK : bt_no_memory(error, "a request's pictures");
    for (int i = 0; i < count && status == BT_OK; i++) {
        requests[i] = request_of(exchange, i);
        contexts[i] = &exchange->parts[i];
    }
    if (status == BT_OK)
        status = bt_serving_submit_all(exchange->generation->service, requests, count, answered, contexts,
                                       tickets, error);
    for (int i = 0; i < count && status == BT_OK; i++)
        exchange->parts[i].ticket = tickets[i];
    free(requests);
    free(contexts);
    free(tickets);
    return status;
}

/* Each part has a hold before it can be answered. */
static void submit_all(bt_exchange *exchange) {
    const int count = exchange->request.count;
    bt_status status;
    for (int i = 0; i < count; i++)
        exchange->parts[i].exchange = exchange;
    atomic_fetch_add(&exchange->holds, count);
    if (count == 1) {
        const bt_request request = request_of(exchange, 0);
        status = bt_service_submit(exchange->generation->service, &request, answered, &exchange->parts[0],
                                   &exchange->parts[0].ticket, &exchange->refusal);
    } else {
        status = submit_several(exchange, &exchange->refusal);
    }
    if (status == BT_OK) {
        bt_watch_add(exchange);
        return;
    }
    atomic_fetch_sub(&exchange->holds, count); /* never the last: the caller has one */
}

/* Bytes of text that a number takes at most, or nearly. */
#define FLOAT_TEXT_BYTES 16
#define MASK_TEXT_BYTES  2
#define LABEL_TEXT_BYTES 4

/* Of an output: what the service writes, and what stands in the answer. */
static size_t bytes_of(const bt_exchange *exchange, int index) {
    const bt_infer_request *request = &exchange->request;
    const bt_infer_output output = request->outputs[index].output;
    const bool bytes = bt_infer_is_bytes(output);
    const size_t each = bytes ? 1 : sizeof(float),
                 digits = output == BT_INFER_LABELS ? LABEL_TEXT_BYTES : MASK_TEXT_BYTES;
    const size_t text = bytes ? digits : FLOAT_TEXT_BYTES;
    if (output == BT_INFER_POLYGONS && finds_labels(exchange))
        return request->pixels * (1 + (size_t)request->classes * sizeof(float));
    if (output == BT_INFER_POLYGONS) return request->pixels * sizeof(float); /* of probabilities */
    return bt_infer_values(request, output) * (each + (request->outputs[index].binary ? each : text));
}

static bt_status take_memory(bt_exchange *exchange, bt_error *error) {
    size_t bytes = 0;
    for (int i = 0; i < exchange->request.output_count; i++)
        bytes += bytes_of(exchange, i);
    return bt_account_take(&exchange->account, bytes, error);
}

static bt_status read_request(bt_exchange *exchange, const bt_model_facts *facts, bt_error *error) {
    const bt_infer_limits limits = {.pictures = facts->max_queue_size,
                                    .polygons = exchange->server->polygons,
                                    .height = facts->input_height,
                                    .width = facts->input_width,
                                    .classes = facts->class_count,
                                    .account = &exchange->account};
    bt_status status = exchange->route.target == BT_HTTP_SEGMENT
                           ? bt_segment_request_read(&exchange->request, exchange->body, exchange->size,
                                                     &exchange->query, exchange->form, &limits, error)
                           : bt_infer_request_read(&exchange->request, exchange->body, exchange->size,
                                                   exchange->header_length, &limits, error);
    bt_envelope_note_id(exchange, exchange->request.id);
    if (status == BT_OK && facts->class_count > 1 &&
        (exchange->route.target == BT_HTTP_SEGMENT || bt_infer_wants(&exchange->request, BT_INFER_POLYGONS)))
        status = bt_http_classes_open(&exchange->classes,
                                      bt_serving_network(exchange->generation->service, facts->name),
                                      facts->class_count, error);
    if (status == BT_OK) status = take_memory(exchange, error);
    return status == BT_OK ? make_room(exchange, error) : status;
}

static void submit(bt_exchange *exchange) {
    exchange->counted = true;
    atomic_fetch_add(&exchange->server->sleeping, 1);
    submit_all(exchange);
}

/* The connection sleeps. */
static bt_status read_slowly(bt_exchange *exchange, bt_error *error) {
    bt_model_facts facts;
    int index;
    bt_status status = bt_http_find_model(exchange, &facts, &index, error);
    if (status == BT_OK) status = bt_exchange_unpack(exchange, error);
    return status == BT_OK ? read_request(exchange, &facts, error) : status;
}

/* By a worker. */
static void read_and_submit(void *context) {
    bt_exchange *exchange = context;
    bt_error error;
    if (read_slowly(exchange, &error) == BT_OK)
        submit(exchange);
    else
        exchange->refusal = error;
    bt_generation_entered(exchange);
    bt_exchange_release(exchange);
}

/* From here on its answer may come at any moment. */
static void fall_asleep(bt_exchange *exchange) {
    atomic_store(&exchange->holds, 1);
    exchange->asleep = true;
    bt_connection_enters(exchange->line, BT_STAGE_SERVICE, exchange->began_ns);
    MHD_suspend_connection(exchange->connection);
}

/* Nobody waits for pictures to be decoded that the queue would not take then. */
static enum MHD_Result hand_to_worker(bt_exchange *exchange, int index) {
    bt_error error;
    if (bt_serving_check_room(exchange->generation->service, index, &error) != BT_OK)
        return bt_reply_status(exchange, &error);
    fall_asleep(exchange);
    exchange->job = (bt_job){.run = read_and_submit, .context = exchange};
    bt_workers_run(exchange->server->workers, &exchange->job);
    return MHD_YES;
}

static enum MHD_Result submit_at_once(bt_exchange *exchange, const bt_model_facts *facts) {
    bt_error error;
    if (read_request(exchange, facts, &error) != BT_OK) return bt_reply_status(exchange, &error);
    fall_asleep(exchange);
    submit(exchange);
    bt_generation_entered(exchange);
    bt_exchange_release(exchange);
    return MHD_YES;
}

static enum MHD_Result hand_over(bt_exchange *exchange) {
    bt_model_facts facts;
    bt_error error;
    int index;
    enum MHD_Result result;
    const bool segments = exchange->route.target == BT_HTTP_SEGMENT;
    if (segments && !bt_http_segment_prepare(exchange, &result)) return result;
    if (bt_http_find_model(exchange, &facts, &index, &error) != BT_OK)
        return bt_reply_error(exchange, MHD_HTTP_NOT_FOUND, error.message);
    if (atomic_load(&exchange->server->phase) == BT_HTTP_LOADING)
        return bt_reply_error(exchange, MHD_HTTP_SERVICE_UNAVAILABLE, bt_http_unready(exchange->server));
    if (exchange->packed || bt_infer_is_slow(exchange->body, exchange->size, exchange->header_length))
        return hand_to_worker(exchange, index);
    return submit_at_once(exchange, &facts);
}

enum MHD_Result bt_http_infer(bt_exchange *exchange) {
    bt_generation_enter(exchange);
    const enum MHD_Result result = hand_over(exchange);
    if (!exchange->asleep) bt_generation_leave(exchange); /* it has its answer */
    return result;
}

/* ---- and back ---- */

static void note_result(const bt_exchange *exchange) {
    const bt_result slowest = bt_infer_slowest(exchange->results, exchange->request.count);
    bt_envelope_note_result(exchange, &slowest);
}

enum MHD_Result bt_http_infer_answered(bt_exchange *exchange) {
    bt_exchange_wakes(exchange);
    if (!failure_of(exchange)) note_result(exchange);
    if (!exchange->finished) finish(exchange);
    const bt_result served = exchange->results ? exchange->results[0] : (bt_result){.batch_size = 0};
    bt_exchange_clear(exchange); /* whoever reads slowly holds the answer, and nothing else */
    if (exchange->refusal.status != BT_OK) return bt_reply_status(exchange, &exchange->refusal);
    bt_account_set(&exchange->account, exchange->response.size);
    if (exchange->route.target == BT_HTTP_SEGMENT) return bt_http_segment_answer(exchange, &served);
    return bt_reply_response(exchange, &exchange->response);
}
