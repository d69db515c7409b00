/* All open connections, each with the moment at which it is given up (deadline.h). Connections' threads move the moment on,
 * without a lock; the watcher looks at all of them now and then, and cuts those off whose moment has come.
 *
 * Cutting off ends the socket's traffic and leaves it open: libmicrohttpd finds it ended and closes it, as if the client
 * had. */
#ifndef BT_HTTP_CONNECTIONS_H
#define BT_HTTP_CONNECTIONS_H

#include <pthread.h>
#include <stdbool.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "http/deadline.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_connection bt_connection;

typedef struct bt_connections {
    const bt_http_settings *settings;
    atomic_llong cut_off; /* so many were */
    pthread_mutex_t lock; /* of what follows */
    bt_connection *first;
} bt_connections;

void bt_connections_init(bt_connections *connections, const bt_http_settings *settings);
void bt_connections_destroy(bt_connections *connections); /* all of them were removed */

/* One that was opened; it must be removed before its socket is closed. NULL where memory is short: it is cut off then,
 * and the functions below pass a NULL over. */
bt_connection *bt_connections_add(bt_connections *connections, int socket, int64_t now_ns);
void bt_connections_remove(bt_connections *connections, bt_connection *connection);

void bt_connection_enters(bt_connection *connection, bt_stage stage, int64_t now_ns);

/* Cuts off those whose moment has come. */
void bt_connections_look(bt_connections *connections, int64_t now_ns);

/* How long a kept connection is nobody else's to take after its answer: whoever sends one request after the other has sent
 * the next by then. Raised, those outside wait longer for its place; lowered, more find their connection closed just as
 * they send, and have to open another. */
#define BT_CONNECTION_GRACE_NS (100 * BT_NS_PER_MS)

/* Closes the one on which nothing has come for longest since its last answer, and not for less than the grace. Whether
 * there is one. */
bool bt_connections_close_idle(bt_connections *connections, int64_t now_ns);

#ifdef __cplusplus
}
#endif
#endif
