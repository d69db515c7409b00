/* Which trace a request belongs to: W3C's trace context (https://www.w3.org/TR/trace-context/), as OpenTelemetry's
 * clients and most proxies send it. A request comes with the trace's id and its sender's span; the answer and the log
 * name the trace and a span of this server, so that whoever collects traces finds both. What is not valid counts as
 * not sent, as the W3C wants it: nobody's picture is refused for its trace. */
#ifndef BT_HTTP_TRACE_CONTEXT_H
#define BT_HTTP_TRACE_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BT_TRACE_ID_SIZE    33
#define BT_SPAN_ID_SIZE     17
#define BT_TRACEPARENT_SIZE 56
#define BT_TRACESTATE_MAX   512 /* characters that the W3C asks to hand on; a longer one is left out whole */

typedef struct bt_trace_context {
    char trace_id[BT_TRACE_ID_SIZE];
    char span_id[BT_SPAN_ID_SIZE]; /* the sender's */
    uint8_t flags;                 /* those that are known: 1 is sampled, 2 an id drawn at random */
} bt_trace_context;

/* Reads a header traceparent. Of a later version than 00 what this one knows is taken. false where it is not valid:
 * *out is then empty. */
bool bt_trace_read(bt_trace_context *out, const char *traceparent);

/* The traceparent of this server's own span within that trace. */
void bt_trace_write(char out[BT_TRACEPARENT_SIZE], const bt_trace_context *context, uint64_t span);
void bt_trace_write_span(char out[BT_SPAN_ID_SIZE], uint64_t span);

/* Whether a tracestate is to be handed on: a list of at most 32 members, key=value, no key twice. */
bool bt_trace_state_is_valid(const char *tracestate);

#ifdef __cplusplus
}
#endif
#endif
