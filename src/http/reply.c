/* Answers: status, headers and body of each kind, and what becomes of the connection after it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "http/documents.h"
#include "http/page.h"
#include "http/state.h"

#define JSON_TYPE "application/json"

/* How long a client that found the queue full should wait, in seconds: HTTP knows no less. */
#define RETRY_AFTER "1"

/* Takes `body` over, which malloc made; of size 0 it may be NULL. */
static struct MHD_Response *make(const bt_exchange *exchange, unsigned code, char *body, size_t size,
                                 const char *type) {
    struct MHD_Response *response = MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_FREE);
    if (!response) free(body);
    if (response && type) MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (response) bt_envelope_dress(exchange, code, size, response);
    return response;
}

static enum MHD_Result queue(const bt_exchange *exchange, unsigned code, struct MHD_Response *response) {
    if (!response) return MHD_NO;
    bt_http_server *server = exchange->server;
    if (atomic_load(&server->phase) == BT_HTTP_DRAINING || bt_accept_takes_place(server))
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    bt_tally_count(server->tally, exchange->route.target, code);
    bt_connection_enters(exchange->line, BT_STAGE_ANSWER, bt_clock_now_ns());
    const enum MHD_Result queued = MHD_queue_response(exchange->connection, code, response);
    MHD_destroy_response(response);
    return queued;
}

static struct MHD_Response *make_error(const bt_exchange *exchange, unsigned code, const char *message) {
    char *text = bt_http_error_text(message);
    bt_envelope_note_error(exchange, message);
    bt_tally_error(exchange->server->tally, exchange->route.target, code, message);
    return text ? make(exchange, code, text, strlen(text), JSON_TYPE) : NULL;
}

enum MHD_Result bt_reply_error(const bt_exchange *exchange, unsigned code, const char *message) {
    struct MHD_Response *response = make_error(exchange, code, message);
    if (response && code == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, RETRY_AFTER);
    return queue(exchange, code, response);
}

enum MHD_Result bt_reply_not_allowed(const bt_exchange *exchange, const char *allowed) {
    char message[64];
    snprintf(message, sizeof message, "this path takes %s", allowed);
    struct MHD_Response *response = make_error(exchange, MHD_HTTP_METHOD_NOT_ALLOWED, message);
    if (response) MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allowed);
    return queue(exchange, MHD_HTTP_METHOD_NOT_ALLOWED, response);
}

enum MHD_Result bt_reply_unauthorized(const bt_exchange *exchange) {
    struct MHD_Response *response = make_error(exchange, MHD_HTTP_UNAUTHORIZED,
                                               "send a key that is known here: Authorization: Bearer KEY");
    if (response) MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    return queue(exchange, MHD_HTTP_UNAUTHORIZED, response);
}

enum MHD_Result bt_reply_preflight(const bt_exchange *exchange) {
    return queue(exchange, MHD_HTTP_NO_CONTENT, make(exchange, MHD_HTTP_NO_CONTENT, NULL, 0, NULL));
}

/* What a failure is in HTTP: the sender's, for whom the message says what would be right; of the moment; or
 * ours. */
static unsigned code_of(bt_status status) {
    switch (status) {
    case BT_INVALID:
    case BT_PARSE:
    case BT_UNSUPPORTED:
        return MHD_HTTP_BAD_REQUEST;
    case BT_QUEUE_FULL:
    case BT_TIMEOUT:
    case BT_CLOSED:
    case BT_CANCELLED:
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    default:
        return MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
}

enum MHD_Result bt_reply_status(const bt_exchange *exchange, const bt_error *error) {
    return bt_reply_error(exchange, code_of(error->status), error->message);
}

enum MHD_Result bt_reply_empty(const bt_exchange *exchange) {
    return queue(exchange, MHD_HTTP_OK, make(exchange, MHD_HTTP_OK, NULL, 0, NULL));
}

enum MHD_Result bt_reply_text(const bt_exchange *exchange, char *text, const char *type) {
    if (!text) return bt_reply_error(exchange, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory for an answer");
    return queue(exchange, MHD_HTTP_OK,
                 make(exchange, MHD_HTTP_OK, text, strlen(text), type ? type : JSON_TYPE));
}

static void add_number(struct MHD_Response *response, const char *name, double value) {
    char text[BT_NUMBER_TEXT_SIZE];
    if (!isfinite(value)) return;
    bt_text_format(text, sizeof text, "%.3f", value);
    MHD_add_response_header(response, name, text);
}

enum MHD_Result bt_reply_served(const bt_exchange *exchange, char *body, size_t size, const char *type,
                                const bt_result *result) {
    char batch[16];
    struct MHD_Response *made = make(exchange, MHD_HTTP_OK, body, size, type);
    if (!made) return MHD_NO;
    snprintf(batch, sizeof batch, "%d", result->batch_size);
    MHD_add_response_header(made, "Batchtune-Mode", result->inference_mode);
    MHD_add_response_header(made, "Batchtune-Batch-Size", batch);
    add_number(made, "Batchtune-Queue-Ms", result->queue_ms);
    add_number(made, "Batchtune-Service-Ms", result->service_ms);
    add_number(made, "Batchtune-Latency-Ms", result->latency_ms);
    return queue(exchange, MHD_HTTP_OK, made);
}

enum MHD_Result bt_reply_page(const bt_exchange *exchange, char *text, const char *policy) {
    struct MHD_Response *response = make(exchange, MHD_HTTP_OK, text, strlen(text), BT_PAGE_TYPE);
    if (response) {
        MHD_add_response_header(response, "Content-Security-Policy", policy);
        MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
        MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    }
    return queue(exchange, MHD_HTTP_OK, response);
}

enum MHD_Result bt_reply_response(const bt_exchange *exchange, bt_infer_response *response) {
    char length[32];
    snprintf(length, sizeof length, "%zu", response->header_length);
    struct MHD_Response *made = make(exchange, MHD_HTTP_OK, response->body, response->size,
                                     response->binary ? "application/octet-stream" : JSON_TYPE);
    if (made && response->binary) MHD_add_response_header(made, "Inference-Header-Content-Length", length);
    *response = (bt_infer_response){0};
    return queue(exchange, MHD_HTTP_OK, made);
}
