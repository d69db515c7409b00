#include "http/connections.h"

#include <stdlib.h>
#include <sys/socket.h>

struct bt_connection {
    const bt_http_settings *settings;
    int socket;
    atomic_llong deadline_ns;
    atomic_llong kept_since_ns; /* INT64_MAX: a request is under way, or none has been yet */
    /* under the lock */
    bt_connection *next, *previous;
};

void bt_connections_init(bt_connections *connections, const bt_http_settings *settings) {
    *connections = (bt_connections){.settings = settings};
    pthread_mutex_init(&connections->lock, NULL);
}

void bt_connections_destroy(bt_connections *connections) {
    pthread_mutex_destroy(&connections->lock);
}

bt_connection *bt_connections_add(bt_connections *connections, int socket, int64_t now_ns) {
    bt_connection *added = malloc(sizeof *added);
    if (!added) {
        shutdown(socket, SHUT_RDWR);
        return NULL;
    }
    *added = (bt_connection){.settings = connections->settings, .socket = socket};
    bt_connection_enters(added, BT_STAGE_FIRST_HEAD, now_ns);
    pthread_mutex_lock(&connections->lock);
    added->next = connections->first;
    if (added->next) added->next->previous = added;
    connections->first = added;
    pthread_mutex_unlock(&connections->lock);
    return added;
}

void bt_connections_remove(bt_connections *connections, bt_connection *connection) {
    if (!connection) return;
    pthread_mutex_lock(&connections->lock);
    if (connection->next) connection->next->previous = connection->previous;
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        connections->first = connection->next;
    pthread_mutex_unlock(&connections->lock);
    free(connection);
}

void bt_connection_enters(bt_connection *connection, bt_stage stage, int64_t now_ns) {
    if (!connection) return;
    atomic_store_explicit(&connection->deadline_ns, bt_stage_deadline_ns(stage, now_ns, connection->settings),
                          memory_order_relaxed);
    atomic_store_explicit(&connection->kept_since_ns, stage == BT_STAGE_BETWEEN ? now_ns : INT64_MAX,
                          memory_order_relaxed);
}

/* One that leaves its stage in this very moment may be cut off still: it was too late by a hair. */
void bt_connections_look(bt_connections *connections, int64_t now_ns) {
    pthread_mutex_lock(&connections->lock);
    for (bt_connection *c = connections->first; c; c = c->next) {
        if (atomic_load_explicit(&c->deadline_ns, memory_order_relaxed) > now_ns) continue;
        atomic_store_explicit(&c->deadline_ns, BT_NO_DEADLINE, memory_order_relaxed);
        shutdown(c->socket, SHUT_RDWR);
        atomic_fetch_add(&connections->cut_off, 1);
    }
    pthread_mutex_unlock(&connections->lock);
}

static bool says_nothing(const bt_connection *connection) {
    char first;
    return recv(connection->socket, &first, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
}

/* Its client may send in this very moment; it then finds the connection closed before there was an answer, and HTTP's
 * clients send once more. */
bool bt_connections_close_idle(bt_connections *connections, int64_t now_ns) {
    bt_connection *idle = NULL;
    int64_t since_ns = now_ns - BT_CONNECTION_GRACE_NS + 1;
    pthread_mutex_lock(&connections->lock);
    for (bt_connection *c = connections->first; c; c = c->next) {
        const int64_t kept_ns = atomic_load_explicit(&c->kept_since_ns, memory_order_relaxed);
        if (kept_ns >= since_ns || !says_nothing(c)) continue;
        idle = c;
        since_ns = kept_ns;
    }
    if (idle) {
        atomic_store_explicit(&idle->kept_since_ns, INT64_MAX, memory_order_relaxed);
        shutdown(idle->socket, SHUT_RDWR);
    }
    pthread_mutex_unlock(&connections->lock);
    return idle != NULL;
}
