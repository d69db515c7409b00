/* The service on the network: the Open Inference Protocol over HTTP, on libmicrohttpd.
 *
 * What requests mean and what answers look like is decided by pure functions (route.h, infer.h, documents.h);
 * here is what has sockets and threads. A few threads, each with its own connections, take requests apart and
 * put answers together. A picture goes to the service by a call that does not wait; its connection sleeps
 * until the answer comes, so that thousands may wait. A request of several pictures is as many requests of
 * the service. Whoever hangs up while waiting has their requests taken back. */
#ifndef BT_HTTP_SERVER_H
#define BT_HTTP_SERVER_H

#include "base/error.h"
#include "http/access.h"
#include "settings/http.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_http_server bt_http_server;

/* Listens at once, for a service that is open: alive, and ready from bt_http_server_ready on. `access` says who is let
 * in; NULL: everybody. `listener`, which it takes over, is a socket that a service manager listens at, and lets nobody
 * in before it is ready: whoever comes waits; BT_HTTP_LISTEN: one of its own, as the settings say. Service, settings and
 * access must outlive the server. BT_INVALID for an address that is none, or such a socket, BT_IO where it cannot be
 * listened at, BT_NO_MEMORY, BT_BACKEND where libmicrohttpd fails. The caller closes it. */
#define BT_HTTP_LISTEN (-1)
BT_MUST_USE bt_status bt_http_server_open(bt_http_server **out, bt_service *service,
                                          const bt_http_settings *settings, bt_access *access, int listener,
                                          bt_error *error);

/* "http://127.0.0.1:8000", with the port that was taken. */
const char *bt_http_server_address(const bt_http_server *server);

/* The service has started. */
void bt_http_server_ready(bt_http_server *server);

/* Not ready any more, and connections end with their next answer; requests are served on. */
void bt_http_server_drain(bt_http_server *server);

/* Requests go to `service`, which runs, from now on, and none is refused for it; those that the one before has get
 * their answers from it, which is stopped for that (bt_service_stop, with `drain_ms` and its errors). *old is the one
 * before, for the caller to close: nobody is in it any more; NULL where somebody is for ever, as where a backend call
 * hangs that reads a picture: it is then left behind, and there is no further swap. BT_INVALID, with nothing changed,
 * where that is so already. One thread at a time, and none of the following meanwhile. */
BT_MUST_USE bt_status bt_http_server_swap(bt_http_server *server, bt_service *service, double drain_ms,
                                          bt_service **old, bt_error *error);

/* Requests that wait for their batch. Whoever gets an answer knows that no lock is held for ever. */
int bt_http_server_queue_size(bt_http_server *server);

/* Nobody new is let in, from one moment on; connections that there are stay. Gives requests that are just coming in a
 * few seconds to come in whole. */
void bt_http_server_quiet(bt_http_server *server);

/* Gives answers that are ready a few seconds to leave, closes every connection and ends the threads. The
 * service must have been stopped, so that nobody waits for it, and is closed only after this: threads may be
 * in it until then. Where a backend call hangs that reads a request's pictures, the server is left behind as the
 * service is. NULL-safe; nulls. */
void bt_http_server_close(bt_http_server **server);

/* The largest body in bytes: as the settings say, else a model's largest batch in FP32 and some room for JSON,
 * but BT_HTTP_BODY_LEAST at the least, since pictures may be larger than a network's input. */
#define BT_HTTP_BODY_LEAST ((size_t)64 << 20)
size_t bt_http_body_limit(const bt_http_settings *settings, const bt_model_facts *models, int count);

#ifdef __cplusplus
}
#endif
#endif
