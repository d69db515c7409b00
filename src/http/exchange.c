/* A request from its head to its last byte, and what is asked of it before anybody looks at its body. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "http/inflate.h"
#include "http/state.h"

/* ---- beginning and end ---- */

static bt_exchange *begin(bt_http_server *server, struct MHD_Connection *connection, const char *url,
                          const char *method) {
    bt_exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange) return NULL;
    exchange->server = server;
    exchange->connection = connection;
    exchange->route = bt_route_of(url);
    exchange->began_ns = bt_clock_now_ns();
    exchange->line = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    bt_connection_enters(exchange->line, BT_STAGE_BODY, exchange->began_ns);
    if (!bt_envelope_open(exchange, method, url)) {
        free(exchange);
        return NULL;
    }
    exchange->body_limit = (size_t)atomic_load(&server->body_limit);
    exchange->account.budget = &server->budget;
    atomic_fetch_add(&server->open, 1);
    return exchange;
}

void bt_exchange_clear(bt_exchange *exchange) {
    for (int i = 0; exchange->polygons && i < exchange->request.count; i++)
        bt_free(exchange->polygons[i]);
    free(exchange->polygons);
    free(exchange->parts);
    free(exchange->results);
    free(exchange->probabilities);
    free(exchange->logits);
    free(exchange->masks);
    free(exchange->labels);
    free(exchange->class_probabilities);
    free(exchange->classes);
    free(exchange->body);
    exchange->polygons = NULL;
    exchange->parts = NULL;
    exchange->results = NULL;
    exchange->probabilities = exchange->class_probabilities = exchange->logits = NULL;
    exchange->masks = exchange->labels = exchange->body = NULL;
    exchange->classes = NULL;
    exchange->size = exchange->room = 0;
    bt_infer_request_close(&exchange->request);
    bt_account_set(&exchange->account, 0);
}

void bt_exchange_wakes(bt_exchange *exchange) {
    if (exchange->counted) atomic_fetch_sub(&exchange->server->sleeping, 1);
    exchange->counted = false;
    bt_generation_leave(exchange);
}

/* Also of one that slept, and whose client hung up before it was handled again. */
static void end(bt_exchange *exchange) {
    bt_exchange_wakes(exchange);
    bt_exchange_clear(exchange);
    free(exchange->response.body);
    atomic_fetch_sub(&exchange->server->open, 1);
    free(exchange);
}

void bt_exchange_completed(void *server, struct MHD_Connection *connection, void **state,
                           enum MHD_RequestTerminationCode code) {
    (void)server;
    (void)connection;
    bt_exchange *exchange = *state;
    *state = NULL;
    if (!exchange) return;
    bt_connection_enters(exchange->line, BT_STAGE_BETWEEN, bt_clock_now_ns());
    bt_envelope_close(exchange, code);
    end(exchange);
}

/* ---- the head ---- */

static const char *header(const bt_exchange *exchange, const char *name) {
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

/* A whole number, or -1. */
static int64_t number_of(const char *text) {
    char *end_of;
    if (!text || text[0] < '0' || text[0] > '9') return -1;
    const long long value = strtoll(text, &end_of, 10);
    return *end_of == '\0' && value < INT64_MAX ? value : -1;
}

static enum MHD_Result refuse_size(const bt_exchange *exchange) {
    char message[160];
    const size_t limit = exchange->body_limit;
    snprintf(message, sizeof message,
             "a body has at most %zu bytes (%zu MB) here: send fewer pictures at a time, or start the server "
             "with a larger --body-limit-mb",
             limit, limit >> 20);
    return bt_reply_error(exchange, MHD_HTTP_CONTENT_TOO_LARGE, message);
}

/* ---- the body ---- */

/* How much of a body that nobody reads is let through, so that its sender gets to the answer: who is cut off in the
 * midst of sending may not. Raised, more is received for nothing; lowered, more see only a closed
 * connection. */
#define PASSED_OVER_MAX ((size_t)16 << 20)

static enum MHD_Result pass_over(bt_exchange *exchange, size_t size) {
    if (!exchange->unread) bt_exchange_clear(exchange);
    exchange->unread = true;
    exchange->passed_over += size;
    return exchange->passed_over <= PASSED_OVER_MAX ? MHD_YES : MHD_NO;
}

static enum MHD_Result take(bt_exchange *exchange, const char *data, size_t size) {
    bt_envelope_note_received(exchange, size);
    if (exchange->unread || size > exchange->body_limit - exchange->size) return pass_over(exchange, size);
    if (bt_account_take(&exchange->account, size, &exchange->refusal) != BT_OK)
        return pass_over(exchange, size);
    uint8_t *grown = bt_array_grow(exchange->body, exchange->size, size, &exchange->room, 1);
    if (!grown) return MHD_NO;
    memcpy(grown + exchange->size, data, size);
    exchange->body = grown;
    exchange->size += size;
    return MHD_YES;
}

/* Of zlib's formats: what so many bytes unpack to at most. */
#define RATIO_MAX 1032

bt_status bt_exchange_unpack(bt_exchange *exchange, bt_error *error) {
    uint8_t *body;
    size_t size, most = exchange->size * RATIO_MAX;
    if (!exchange->packed || exchange->size == 0) return BT_OK;
    if (most > exchange->body_limit) most = exchange->body_limit;
    bt_status status = bt_account_take(&exchange->account, most, error);
    if (status != BT_OK) return status;
    status = bt_inflate(&body, &size, exchange->body, exchange->size, exchange->body_limit, error);
    exchange->unread = status == BT_INVALID;
    if (status != BT_OK) return status;
    free(exchange->body);
    exchange->body = body;
    exchange->size = size;
    bt_account_set(&exchange->account, size);
    return BT_OK;
}

/* ---- all of it ---- */

static enum MHD_Result infer(bt_exchange *exchange) {
    bt_error error;
    if (bt_inflate_wanted(&exchange->packed, header(exchange, MHD_HTTP_HEADER_CONTENT_ENCODING), &error) !=
        BT_OK)
        return bt_reply_error(exchange, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, error.message);
    if (exchange->route.target == BT_HTTP_SEGMENT) return bt_http_infer(exchange); /* no byte of it is JSON */
    const char *text = header(exchange, "Inference-Header-Content-Length");
    exchange->header_length = text ? number_of(text) : BT_INFER_ALL_JSON;
    if (text && exchange->header_length < 0)
        return bt_reply_error(exchange, MHD_HTTP_BAD_REQUEST,
                              "Inference-Header-Content-Length: how many bytes of the body are JSON");
    return bt_http_infer(exchange);
}

static enum MHD_Result refuse_path(const bt_exchange *exchange, const char *url) {
    char message[160];
    snprintf(message, sizeof message,
             "there is no %.64s here: /v2 is where models are, /segment takes pictures", url);
    return bt_reply_error(exchange, MHD_HTTP_NOT_FOUND, message);
}

static enum MHD_Result answer(bt_exchange *exchange, const char *method, const char *url) {
    const char *allowed;
    enum MHD_Result result;
    if (bt_envelope_answers(exchange, &result)) return result;
    if (exchange->route.target == BT_HTTP_NOTHING) return refuse_path(exchange, url);
    if (!bt_route_allows(exchange->route.target, method, &allowed))
        return bt_reply_not_allowed(exchange, allowed);
    if (!bt_route_reads(exchange->route.target)) return bt_http_answer_endpoint(exchange);
    if (exchange->refusal.status != BT_OK) return bt_reply_status(exchange, &exchange->refusal);
    return exchange->unread ? refuse_size(exchange) : infer(exchange);
}

/* Makes room for a body that is wanted. Another is passed over, and then answered; but at once where its sender
 * waits to be asked for it, or would send very much. */
static enum MHD_Result look_at_head(bt_exchange *exchange, const char *method, const char *url) {
    const char *allowed;
    const int64_t length = number_of(header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH));
    const bool wanted = bt_route_reads(exchange->route.target) && bt_envelope_admits(exchange) &&
                        bt_route_allows(exchange->route.target, method, &allowed);
    exchange->unread = !wanted || length > (int64_t)exchange->body_limit;
    if (exchange->unread) {
        const bool at_once =
            length > (int64_t)PASSED_OVER_MAX || header(exchange, MHD_HTTP_HEADER_EXPECT) != NULL;
        return at_once ? answer(exchange, method, url) : MHD_YES;
    }
    if (length <= 0) return MHD_YES;
    exchange->body = malloc((size_t)length);
    if (!exchange->body) return MHD_NO;
    exchange->room = (size_t)length;
    return MHD_YES;
}

/* Called first with the head, then with each piece of the body, then with none; and once more where the
 * connection has slept. */
enum MHD_Result bt_exchange_handle(void *server, struct MHD_Connection *connection, const char *url,
                                   const char *method, const char *version, const char *data, size_t *size,
                                   void **state) {
    bt_exchange *exchange = *state;
    (void)version;
    if (!exchange) {
        *state = exchange = begin(server, connection, url, method);
        return exchange ? look_at_head(exchange, method, url) : MHD_NO;
    }
    if (*size > 0) {
        enum MHD_Result result = take(exchange, data, *size);
        *size = 0;
        return result;
    }
    if (exchange->asleep && exchange->unread) return refuse_size(exchange);
    return exchange->asleep ? bt_http_infer_answered(exchange) : answer(exchange, method, url);
}
