/* Clients that hang up while their pictures are with the service, and those that are too slow. libmicrohttpd does not look
 * at connections that sleep, nor how long a head takes: so a thread does, now and then, at all of them at once. */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "http/state.h"

/* How often. Raised, a batch is computed for nobody somewhat more often; lowered, looking costs more. */
#define LOOK_MS 50
/* How often, in looks, files that keys stand in are looked at: once a second; and connections that are too slow. */
#define LOOKS_AT_KEYS        20
#define LOOKS_AT_CONNECTIONS 4
/* Taken back at a time. */
#define GONE_MAX 64

/* A client that only ends its half of the connection counts as gone, as most servers have it: it cannot be
 * told from one that closed it. */
static bool has_hung_up(const bt_exchange *exchange) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd socket = {.fd = info ? info->connect_fd : -1, .events = POLLRDHUP};
    return poll(&socket, 1, 0) > 0 && (socket.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* Not where the last one has let go: it is about to take the exchange off the list. */
static bool hold(bt_exchange *exchange) {
    int holds = atomic_load(&exchange->holds);
    while (holds > 0)
        if (atomic_compare_exchange_weak(&exchange->holds, &holds, holds + 1)) return true;
    return false;
}

/* Under the lock: those that hung up, held. */
static int find_gone(bt_http_server *server, bt_exchange *gone[GONE_MAX]) {
    int count = 0;
    for (bt_exchange *e = server->waiting; e && count < GONE_MAX; e = e->next)
        if (!e->taken_back && has_hung_up(e) && hold(e)) {
            e->taken_back = true;
            gone[count++] = e;
        }
    return count;
}

static void take_back(bt_exchange *exchange) {
    bt_error ignored; /* those that are answered already */
    for (int i = 0; i < exchange->request.count; i++)
        if (bt_service_cancel(exchange->generation->service, exchange->parts[i].ticket, &ignored) != BT_OK)
            continue;
    bt_exchange_release(exchange);
}

/* The lock is let go meanwhile: a disk may be slow. */
static void look_at_keys(bt_http_server *server) {
    if (!server->access) return;
    pthread_mutex_unlock(&server->lock);
    bt_access_look(server->access);
    pthread_mutex_lock(&server->lock);
}

static void *watch(void *argument) {
    bt_http_server *server = argument;
    bt_exchange *gone[GONE_MAX];
    pthread_mutex_lock(&server->lock);
    for (int looks = 1; !server->quit; looks++) {
        const int count = find_gone(server, gone);
        if (count > 0) {
            pthread_mutex_unlock(&server->lock);
            for (int i = 0; i < count; i++)
                take_back(gone[i]);
            pthread_mutex_lock(&server->lock);
        }
        if (looks % LOOKS_AT_CONNECTIONS == 0)
            bt_connections_look(&server->open_connections, bt_clock_now_ns());
        if (looks % LOOKS_AT_KEYS == 0) look_at_keys(server);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        if (!server->quit) pthread_cond_timedwait(&server->quits, &server->lock, &until);
    }
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

bt_status bt_watch_start(bt_http_server *server, bt_error *error) {
    const int cause = pthread_create(&server->watcher, NULL, watch, server);
    if (cause != 0)
        return bt_fail(error, BT_IO, "a thread could not be started: %s", bt_text_system_error(cause));
    server->watched = true;
    return BT_OK;
}

void bt_watch_stop(bt_http_server *server) {
    if (!server->watched) return;
    pthread_mutex_lock(&server->lock);
    server->quit = true;
    pthread_cond_signal(&server->quits);
    pthread_mutex_unlock(&server->lock);
    pthread_join(server->watcher, NULL);
    server->watched = false;
}

void bt_watch_add(bt_exchange *exchange) {
    bt_http_server *server = exchange->server;
    pthread_mutex_lock(&server->lock);
    exchange->listed = true;
    exchange->previous = NULL;
    exchange->next = server->waiting;
    if (server->waiting) server->waiting->previous = exchange;
    server->waiting = exchange;
    pthread_mutex_unlock(&server->lock);
}

void bt_watch_remove(bt_exchange *exchange) {
    bt_http_server *server = exchange->server;
    pthread_mutex_lock(&server->lock);
    if (exchange->listed) {
        if (exchange->next) exchange->next->previous = exchange->previous;
        if (exchange->previous)
            exchange->previous->next = exchange->next;
        else
            server->waiting = exchange->next;
        exchange->listed = false;
    }
    pthread_mutex_unlock(&server->lock);
}
