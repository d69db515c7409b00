/* What a running server consists of. Internal to http/.
 *
 * server.c opens and closes it; accept.c takes connections; generation.c says which service a request belongs to;
 * exchange.c takes a request in, from its head to its last byte, and sees it out; reply.c makes answers;
 * inference.c reads requests, hands pictures to the service and is called back; workers.c has threads for what of that takes
 * long; budget.c bounds the memory of all; watch.c looks for those who hung up. */
#ifndef BT_HTTP_STATE_H
#define BT_HTTP_STATE_H

#include <microhttpd.h>
#include <pthread.h>

#include "base/atomic.h"
#include "http/access.h"
#include "http/budget.h"
#include "http/connections.h"
#include "http/envelope.h"
#include "http/infer.h"
#include "http/route.h"
#include "http/segment.h"
#include "http/server.h"
#include "http/tally.h"
#include "http/workers.h"
#include "serving/serving.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_http_phase { BT_HTTP_LOADING, BT_HTTP_SERVING, BT_HTTP_DRAINING } bt_http_phase;

/* A service as it is served. A request belongs to the one that was served when it began to be answered, until it is
 * answered, whichever is served by then: so one may take another's place at any moment, and ends when nobody is in it
 * any more. */
typedef struct bt_generation {
    bt_service *service; /* NULL: there is none in this place */
    atomic_int entering; /* requests that may still hand pictures to it */
    atomic_int holders;  /* whoever is in it: those, those who wait for its answers, those who ask about it */
} bt_generation;

struct bt_http_server {
    bt_access *access; /* NULL: everybody is let in, and nothing is logged */
    const bt_http_settings *settings;
    struct MHD_Daemon *daemon;
    int listener;   /* -1: it listens no more */
    bool inherited; /* the listener is others', too: it is theirs to close to the world */
    char address[128];
    bt_tally *tally;
    atomic_llong body_limit;
    bool polygons;    /* can be found here */
    bt_budget budget; /* of all requests' memory */
    bt_workers *workers;
    atomic_int phase;                /* bt_http_phase */
    atomic_int open;                 /* exchanges */
    atomic_int sleeping;             /* of those, with the service */
    pthread_mutex_t generation_lock; /* of which is served */
    bt_generation generations[2];    /* one is served, the other may be ending */
    bt_generation *served;
    atomic_int reloads, failed_reloads;
    pthread_t acceptor;
    bool accepting;
    bt_connections open_connections;
    int accept_signal;      /* an eventfd: the acceptor is to look around; -1 */
    atomic_int connections; /* taken, and not closed */
    atomic_bool lets_in, accept_quit;
    atomic_bool place_wanted; /* there are as many as there may be, and somebody waits outside */
    pthread_t watcher;
    bool watched;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t quits;
    bool quit;
    bt_exchange *waiting; /* those whose pictures are with the service, in no order */
};

/* One picture of a request, while it is with the service. */
typedef struct bt_http_part {
    bt_exchange *exchange;
    uint64_t ticket;
    bt_error error; /* status BT_OK: none */
} bt_http_part;

/* A request and its answer. It belongs to its connection's thread. While the connection sleeps it belongs to one after
 * the other: to a worker, where reading it takes long; to those that `holds` counts, each of its parts
 * until it is answered, whoever submits them, and the watcher while it takes them back; and, when the last of those has
 * let go, to a worker again, where putting the answer together takes long. Whoever has it last wakes the
 * connection. It is of its generation all the while, and `entering` there until its parts are submitted. */
struct bt_exchange {
    bt_http_server *server;
    struct MHD_Connection *connection;
    bt_connection *line;       /* the same, as the watcher knows it */
    bt_generation *generation; /* NULL: in none yet, or no more */
    bool entering;             /* is counted there as such */
    bt_route route;
    bt_envelope *envelope;
    int64_t began_ns;
    size_t body_limit; /* as it was then */
    bool asleep;       /* was put to sleep, and comes back answered or refused */
    bool counted;      /* among those with the service */
    bt_account account;
    bt_job job; /* of a worker */
    /* the body */
    uint8_t *body;
    size_t size, room;
    bool packed;
    int64_t header_length;
    bool unread;        /* the body is not wanted, or too large */
    size_t passed_over; /* bytes of such a body */
    /* of /segment */
    bt_segment_query query;
    bt_segment_form form;
    bt_http_classes *classes; /* of a model of several, with their shares once it is answered; else NULL */
    /* an inference */
    bt_infer_request request;
    uint8_t *masks, *labels;
    float *probabilities, *class_probabilities, *logits;
    bt_result *results;
    bt_http_part *parts;
    bt_error refusal; /* why it has no result, but for what its parts say; status BT_OK: none */
    char **polygons;
    bool finished; /* polygons are found, and the response, where it has one, is written */
    bt_infer_response response;
    atomic_int holds;
    /* under the server's lock */
    bool listed, taken_back;
    bt_exchange *next, *previous;
};

/* ---- exchange.c: libmicrohttpd's callbacks ---- */

enum MHD_Result bt_exchange_handle(void *server, struct MHD_Connection *connection, const char *url,
                                   const char *method, const char *version, const char *data, size_t *size,
                                   void **state);
void bt_exchange_completed(void *server, struct MHD_Connection *connection, void **state,
                           enum MHD_RequestTerminationCode code);

/* It has come back from the service, or never was there: it is not among those with it any more. */
void bt_exchange_wakes(bt_exchange *exchange);
/* Frees whatever making the answer took, and the request with it, but for the response. */
void bt_exchange_clear(bt_exchange *exchange);
/* Unpacks the body where it is packed. BT_INVALID, and the body is `unread`, where it is too large; else as
 * bt_inflate and bt_account_take. */
BT_MUST_USE bt_status bt_exchange_unpack(bt_exchange *exchange, bt_error *error);

/* ---- reply.c ---- */

/* Headers of an answer to a picture, which tell how it was served. */
#define BT_SERVED_HEADERS                                                                                    \
    "Batchtune-Mode, Batchtune-Batch-Size, Batchtune-Queue-Ms, Batchtune-Service-Ms, Batchtune-Latency-Ms"

/* Each queues the exchange's one answer; MHD_NO, which closes the connection, where memory is short. */
enum MHD_Result bt_reply_error(const bt_exchange *exchange, unsigned code, const char *message);
enum MHD_Result bt_reply_status(const bt_exchange *exchange, const bt_error *error);
enum MHD_Result bt_reply_empty(const bt_exchange *exchange);
enum MHD_Result bt_reply_text(const bt_exchange *exchange, char *text, const char *type); /* takes it over */
enum MHD_Result bt_reply_response(const bt_exchange *exchange, bt_infer_response *response); /* likewise */
/* The page, which it takes over; browsers hold it to the policy. */
enum MHD_Result bt_reply_page(const bt_exchange *exchange, char *text, const char *policy);
enum MHD_Result bt_reply_not_allowed(const bt_exchange *exchange, const char *allowed);
enum MHD_Result bt_reply_unauthorized(const bt_exchange *exchange);
enum MHD_Result bt_reply_preflight(const bt_exchange *exchange);
/* A body, which is taken over, with headers that tell how it was served. */
enum MHD_Result bt_reply_served(const bt_exchange *exchange, char *body, size_t size, const char *type,
                                const bt_result *result);

/* ---- server.c ---- */

size_t bt_http_body_limit_of(const bt_http_settings *settings, bt_service *service);

/* ---- generation.c ---- */

/* The exchange is with the service that is served now, until it leaves. Cheap. */
void bt_generation_enter(bt_exchange *exchange);
/* It hands no more pictures over. */
void bt_generation_entered(bt_exchange *exchange);
/* It may not touch the service any more. Safe where it is in none. */
void bt_generation_leave(bt_exchange *exchange);

/* ---- accept.c ---- */

BT_MUST_USE bt_status bt_accept_start(bt_http_server *server, bt_error *error);
void bt_accept_open_doors(bt_http_server *server); /* until then those who come wait outside */
/* Whether a connection is to be closed behind its answer, for somebody who waits outside: one is then. */
bool bt_accept_takes_place(bt_http_server *server);
/* Takes no connection any more, but those that came before, where the listener is this server's alone. */
void bt_accept_stop(bt_http_server *server);
/* libmicrohttpd's, of each connection. */
void bt_accept_connection(void *server, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code);

/* ---- endpoints.c ---- */

/* Answers whatever is no inference. */
enum MHD_Result bt_http_answer_endpoint(bt_exchange *exchange);
/* Why it is not ready; NULL: it is. */
const char *bt_http_unready(const bt_http_server *server);
/* The facts of the route's model. BT_INVALID says which there are. */
BT_MUST_USE bt_status bt_http_find_model(const bt_exchange *exchange, bt_model_facts *out, int *index,
                                         bt_error *error);

/* ---- status.c ---- */

enum MHD_Result bt_http_answer_status(const bt_exchange *exchange);
enum MHD_Result bt_http_answer_explain(const bt_exchange *exchange);

/* ---- inference.c ---- */

/* Decodes the body, of which header_length bytes are JSON, and hands its pictures to the service: the connection sleeps
 * then, and is handled once more when all are answered, or the request is refused. */
enum MHD_Result bt_http_infer(bt_exchange *exchange);
enum MHD_Result bt_http_infer_answered(bt_exchange *exchange);
/* Lets go of one hold. */
void bt_exchange_release(bt_exchange *exchange);

/* ---- segmentation.c ---- */

/* Reads query and Accept. false where the request has its answer by that, of which `result` tells. */
bool bt_http_segment_prepare(bt_exchange *exchange, enum MHD_Result *result);
/* The answer's text, but a mask's. */
BT_MUST_USE bt_status bt_http_segment_write(const bt_exchange *exchange, const bt_polygons *polygons,
                                            char **out, bt_error *error);
/* Writes the response's body: by a worker, where it takes long. */
BT_MUST_USE bt_status bt_http_segment_finish(bt_exchange *exchange, bt_error *error);
enum MHD_Result bt_http_segment_answer(bt_exchange *exchange, const bt_result *served);

/* ---- watch.c ---- */

BT_MUST_USE bt_status bt_watch_start(bt_http_server *server, bt_error *error);
void bt_watch_stop(bt_http_server *server);
void bt_watch_add(bt_exchange *exchange);
void bt_watch_remove(bt_exchange *exchange);

#ifdef __cplusplus
}
#endif
#endif
