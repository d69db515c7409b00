/* What stands around a request whatever it asks for: who sends it, under which id, in which trace, from which page; and
 * the headers and the log's line that tell it again. Internal to http/: exchange.c and reply.c call it at the few
 * places where a request begins, is admitted, is answered and ends. */
#ifndef BT_HTTP_ENVELOPE_H
#define BT_HTTP_ENVELOPE_H

#include <microhttpd.h>
#include <stdbool.h>

#include "batchtune.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_exchange bt_exchange;
typedef struct bt_envelope bt_envelope;

/* Reads the head. false where memory is short. Without a bt_access of the server there is no envelope, and all that
 * follows does nothing. */
bool bt_envelope_open(bt_exchange *exchange, const char *method, const char *path);

/* Whether the body is worth reading. */
bool bt_envelope_admits(const bt_exchange *exchange);

/* Whether the request has its answer by this already: a page's question whether it may ask (a preflight), or one whom no key
 * lets in. `result` is then that of queueing it. */
bool bt_envelope_answers(const bt_exchange *exchange, enum MHD_Result *result);

/* The request's own id; "": it has none. */
const char *bt_envelope_id(const bt_exchange *exchange);

/* What the request's body and the service tell. An id that may not stand in a header is passed over; NULL: none. */
void bt_envelope_note_id(const bt_exchange *exchange, const char *id);
void bt_envelope_note_received(const bt_exchange *exchange, size_t bytes);
void bt_envelope_note_result(const bt_exchange *exchange, const bt_result *result);
void bt_envelope_note_error(const bt_exchange *exchange, const char *message);

/* Puts the headers on the answer, which has that body. */
void bt_envelope_dress(const bt_exchange *exchange, unsigned code, size_t size,
                       struct MHD_Response *response);

/* Logs it: the answer has left, or never will. */
void bt_envelope_close(bt_exchange *exchange, enum MHD_RequestTerminationCode code);

#ifdef __cplusplus
}
#endif
#endif
