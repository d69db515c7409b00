#include "http/envelope.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "http/state.h"

#define REQUEST_ID "X-Request-Id"
/* What a script of another page may send, and may read. */
#define CORS_METHODS "GET, HEAD, POST"
#define CORS_SENT                                                                                            \
    "Authorization, Content-Type, Content-Encoding, Inference-Header-Content-Length, " REQUEST_ID            \
    ", traceparent, tracestate"
#define CORS_READ                                                                                            \
    "Allow, Inference-Header-Content-Length, Retry-After, " REQUEST_ID ", traceparent, tracestate, "         \
    "WWW-Authenticate, " BT_SERVED_HEADERS
/* Seconds for which a browser need not ask again. */
#define CORS_MAX_AGE "600"

struct bt_envelope {
    /* the head's; they live as long as the request */
    const char *authorization, *origin, *asks_for;
    bool twice; /* several traceparents are none */
    bool page;  /* of an origin that may read the answer */
    bool admitted, preflight;
    bool has_id, traced;
    bt_trace_context trace;
    uint64_t span;
    char *state; /* tracestate; NULL: none */
    bt_access_line line;
};

static bt_access *access_of(const bt_exchange *exchange) {
    return exchange->server->access;
}

/* ---- the head ---- */

/* Several headers tracestate are one list. */
static void add_state(bt_envelope *e, const char *value) {
    const size_t before = e->state ? strlen(e->state) : 0, size = before + strlen(value) + 2;
    char *joined = realloc(e->state, size);
    if (!joined) return; /* whose trace it is matters less than the request */
    snprintf(joined + before, size - before, "%s%s", before ? "," : "", value);
    e->state = joined;
}

static void read_traceparent(bt_envelope *e, const char *value) {
    e->traced = !e->twice && bt_trace_read(&e->trace, value);
    e->twice = true;
}

static void read_id(bt_envelope *e, const char *value) {
    if (!bt_request_id_is_good(value)) return;
    snprintf(e->line.id, sizeof e->line.id, "%s", value);
    e->has_id = true;
}

static bool is(const char *name, const char *other) {
    return strcasecmp_l(name, other, bt_text_locale()) == 0;
}

static enum MHD_Result read_header(void *envelope, enum MHD_ValueKind kind, const char *name,
                                   const char *value) {
    bt_envelope *e = envelope;
    (void)kind;
    if (!value) return MHD_YES;
    if (is(name, MHD_HTTP_HEADER_AUTHORIZATION)) e->authorization = value;
    if (is(name, MHD_HTTP_HEADER_ORIGIN)) e->origin = value;
    if (is(name, "Access-Control-Request-Method")) e->asks_for = value;
    if (is(name, REQUEST_ID)) read_id(e, value);
    if (is(name, "traceparent")) read_traceparent(e, value);
    if (is(name, "tracestate")) add_state(e, value);
    return MHD_YES;
}

/* A request that is logged has an id, whether it brought one or not. */
static void make_ids(bt_envelope *e, bt_access *access) {
    if (!e->has_id && bt_access_logs(access))
        snprintf(e->line.id, sizeof e->line.id, "%016" PRIx64, bt_access_number(access));
    if (!e->traced) return;
    e->span = bt_access_number(access);
    snprintf(e->line.trace_id, sizeof e->line.trace_id, "%s", e->trace.trace_id);
    bt_trace_write_span(e->line.span_id, e->span);
    if (e->state && bt_trace_state_is_valid(e->state)) return;
    free(e->state);
    e->state = NULL;
}

static void read_head(bt_envelope *e, const bt_exchange *exchange, const char *method) {
    bt_access *access = access_of(exchange);
    const bt_http_target target = exchange->route.target;
    MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, read_header, e);
    make_ids(e, access);
    e->page = bt_access_allows_origin(access, e->origin);
    e->preflight =
        e->page && e->asks_for && target != BT_HTTP_NOTHING && strcmp(method, MHD_HTTP_METHOD_OPTIONS) == 0;
    e->admitted = !e->preflight && bt_access_admits(access, target, e->authorization, e->line.key);
    e->authorization = NULL;
}

bool bt_envelope_open(bt_exchange *exchange, const char *method, const char *path) {
    if (!access_of(exchange)) return true;
    bt_envelope *e = calloc(1, sizeof *e);
    if (!e) return false;
    exchange->envelope = e;
    snprintf(e->line.method, sizeof e->line.method, "%s", method);
    snprintf(e->line.path, sizeof e->line.path, "%s", path);
    snprintf(e->line.model, sizeof e->line.model, "%s", exchange->route.model);
    read_head(e, exchange, method);
    return true;
}

/* ---- admission ---- */

bool bt_envelope_admits(const bt_exchange *exchange) {
    return !exchange->envelope || exchange->envelope->admitted;
}

bool bt_envelope_answers(const bt_exchange *exchange, enum MHD_Result *result) {
    const bt_envelope *e = exchange->envelope;
    if (!e || e->admitted) return false;
    *result = e->preflight ? bt_reply_preflight(exchange) : bt_reply_unauthorized(exchange);
    return true;
}

/* ---- what is learnt on the way ---- */

const char *bt_envelope_id(const bt_exchange *exchange) {
    return exchange->envelope ? exchange->envelope->line.id : "";
}

void bt_envelope_note_id(const bt_exchange *exchange, const char *id) {
    if (exchange->envelope && id) read_id(exchange->envelope, id);
}

void bt_envelope_note_received(const bt_exchange *exchange, size_t bytes) {
    if (exchange->envelope) exchange->envelope->line.bytes_in += (int64_t)bytes;
}

void bt_envelope_note_result(const bt_exchange *exchange, const bt_result *result) {
    bt_envelope *e = exchange->envelope;
    if (!e) return;
    e->line.batch_size = result->batch_size;
    snprintf(e->line.model, sizeof e->line.model, "%s", exchange->route.model);
    snprintf(e->line.mode, sizeof e->line.mode, "%s", result->inference_mode);
}

void bt_envelope_note_error(const bt_exchange *exchange, const char *message) {
    bt_envelope *e = exchange->envelope;
    if (e) snprintf(e->line.error, bt_text_fit(message, sizeof e->line.error - 1) + 1, "%s", message);
}

/* ---- the answer ---- */

/* A cache must not show one page's answer to another. */
static void dress_for_page(const bt_envelope *e, struct MHD_Response *response) {
    MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ORIGIN);
    if (!e->page) return;
    MHD_add_response_header(response, "Access-Control-Allow-Origin", e->origin);
    MHD_add_response_header(response, "Access-Control-Expose-Headers", CORS_READ);
    if (!e->preflight) return;
    MHD_add_response_header(response, "Access-Control-Allow-Methods", CORS_METHODS);
    MHD_add_response_header(response, "Access-Control-Allow-Headers", CORS_SENT);
    MHD_add_response_header(response, "Access-Control-Max-Age", CORS_MAX_AGE);
}

static void dress_for_trace(const bt_envelope *e, struct MHD_Response *response) {
    char parent[BT_TRACEPARENT_SIZE];
    bt_trace_write(parent, &e->trace, e->span);
    MHD_add_response_header(response, "traceparent", parent);
    if (e->state) MHD_add_response_header(response, "tracestate", e->state);
}

void bt_envelope_dress(const bt_exchange *exchange, unsigned code, size_t size,
                       struct MHD_Response *response) {
    bt_envelope *e = exchange->envelope;
    if (!e) return;
    e->line.status = (int)code;
    e->line.bytes_out = strcmp(e->line.method, MHD_HTTP_METHOD_HEAD) == 0 ? 0 : (int64_t)size;
    if (e->line.id[0]) MHD_add_response_header(response, REQUEST_ID, e->line.id);
    if (e->traced) dress_for_trace(e, response);
    if (bt_access_has_origins(access_of(exchange))) dress_for_page(e, response);
}

/* ---- the end ---- */

static int64_t unix_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * BT_NS_PER_S + now.tv_nsec;
}

static const char *words_of(enum MHD_RequestTerminationCode code) {
    switch (code) {
    case MHD_REQUEST_TERMINATED_TIMEOUT_REACHED:
        return "nothing came, or was taken, for too long";
    case MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN:
        return "the server ended";
    default:
        return "the connection was cut off";
    }
}

static void log_line(const bt_exchange *exchange, enum MHD_RequestTerminationCode code) {
    bt_access_line *line = &exchange->envelope->line;
    bt_access_time(line->time, unix_ns());
    line->latency_ms = bt_ms(bt_clock_now_ns() - exchange->began_ns);
    if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK && !line->error[0])
        bt_envelope_note_error(exchange, words_of(code));
    bt_access_write(access_of(exchange), line);
}

void bt_envelope_close(bt_exchange *exchange, enum MHD_RequestTerminationCode code) {
    bt_envelope *e = exchange->envelope;
    if (!e) return;
    if (bt_access_logs(access_of(exchange))) log_line(exchange, code);
    free(e->state);
    free(e);
    exchange->envelope = NULL;
}
