/* A server's life: the socket, the threads, and their end. */
#include "http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "http/state.h"

/* Connections that the system keeps until they are taken. */
#define BACKLOG 1024
/* How long answers may take to leave when everything ends. */
#define LEAVE_NS (5 * BT_NS_PER_S)
/* How long a connection may say nothing when nobody new is let in: one that was taken last has its request on the way.
 * Raised, stopping waits longer for kept connections that nobody uses; lowered, a request from afar is refused. */
#define STRAGGLER_NS BT_NS_PER_S
/* Of a body, for what is not the tensor. */
#define JSON_BYTES ((size_t)1 << 20)

size_t bt_http_body_limit(const bt_http_settings *settings, const bt_model_facts *models, int count) {
    size_t limit = BT_HTTP_BODY_LEAST;
    if (settings->body_limit_mb > 0) return (size_t)settings->body_limit_mb << 20;
    for (int i = 0; i < count; i++) {
        const size_t pixels = (size_t)models[i].input_height * (size_t)models[i].input_width;
        const size_t batch = (size_t)models[i].batch_size * pixels * 3 * sizeof(float) + JSON_BYTES;
        if (batch > limit) limit = batch;
    }
    return limit;
}

size_t bt_http_body_limit_of(const bt_http_settings *settings, bt_service *service) {
    bt_model_facts facts[BT_BATCHER_MODELS_MAX];
    return bt_http_body_limit(settings, facts, bt_service_models(service, facts, BT_BATCHER_MODELS_MAX));
}

/* ---- the socket ---- */

static bt_status look_up(struct addrinfo **out, const bt_http_settings *settings, bt_error *error) {
    char port[16];
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    snprintf(port, sizeof port, "%lld", (long long)settings->port);
    if (getaddrinfo(settings->listen, port, &wanted, out) == 0) return BT_OK;
    return bt_fail(error, BT_INVALID, "--listen: \"%.64s\" is no address in numbers, as 127.0.0.1 and :: are",
                   settings->listen);
}

static bt_status open_socket(bt_http_server *server, const struct addrinfo *at, bt_error *error) {
    const int on = 1;
    server->listener = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol);
    if (server->listener >= 0 &&
        setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(server->listener, at->ai_addr, at->ai_addrlen) == 0 && listen(server->listener, BACKLOG) == 0)
        return BT_OK;
    return bt_fail(error, BT_IO, "%s port %lld cannot be listened at: %s", server->settings->listen,
                   (long long)server->settings->port, bt_text_system_error(errno));
}

/* What was bound, which the settings say but for port 0. */
static bt_status write_address(bt_http_server *server, bt_error *error) {
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    char host[64], port[16];
    if (getsockname(server->listener, (struct sockaddr *)&bound, &size) != 0 ||
        getnameinfo((struct sockaddr *)&bound, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return bt_fail(error, BT_IO, "where it listens cannot be told: %s", bt_text_system_error(errno));
    const bool colons = strchr(host, ':') != NULL;
    snprintf(server->address, sizeof server->address, "http://%s%s%s:%s", colons ? "[" : "", host,
             colons ? "]" : "", port);
    return BT_OK;
}

/* Others may take from it as well: who polls it and then finds nobody must not be held up. */
static bt_status inherit(bt_http_server *server, int listener, bt_error *error) {
    int listens = 0, family = AF_UNSPEC;
    socklen_t size = sizeof listens;
    server->listener = listener;
    server->inherited = true;
    if (getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || !listens ||
        getsockopt(listener, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0 ||
        (family != AF_INET && family != AF_INET6))
        return bt_fail(error, BT_INVALID, "descriptor %d was handed over, and is no TCP socket that listens",
                       listener);
    if (fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK) == 0 &&
        fcntl(listener, F_SETFD, FD_CLOEXEC) == 0)
        return BT_OK;
    return bt_fail(error, BT_IO, "descriptor %d: %s", listener, bt_text_system_error(errno));
}

static bt_status start_listening(bt_http_server *server, bt_error *error) {
    struct addrinfo *at;
    bt_status status = look_up(&at, server->settings, error);
    if (status != BT_OK) return status;
    status = open_socket(server, at, error);
    freeaddrinfo(at);
    return status;
}

/* ---- the threads ---- */

/* Connections are counted where they are taken: its own count falls late, and is cut into one for each thread. */
#define ROOM_TO_SPARE 2

static bt_status start_daemon(bt_http_server *server, bt_error *error) {
    const bt_http_settings *s = server->settings;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_CONNECTION_LIMIT, ROOM_TO_SPARE * (intptr_t)(s->connections + s->http_threads), NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)bt_accept_connection, server},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)s->idle_timeout_seconds, NULL},
        {MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)bt_exchange_completed, server},
        /* one thread is no pool */
        {s->http_threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)s->http_threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
        bt_exchange_handle, server, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (server->daemon) return BT_OK;
    return bt_fail(error, BT_BACKEND, "libmicrohttpd did not start: %s", bt_text_system_error(errno));
}

/* Whether polygons can be found at all: what finds them is loaded late. */
static bool finds_polygons(void) {
    bt_polygons *polygons = NULL;
    bt_error ignored;
    const bt_status status = bt_polygons_find(&polygons, &(float){1}, 1, 1, 0, 0, &ignored);
    bt_polygons_close(&polygons);
    return status == BT_OK;
}

static void make_locks(bt_http_server *server) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&server->quits, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&server->lock, NULL);
    pthread_mutex_init(&server->generation_lock, NULL);
}

static bt_http_server *make(bt_service *service, const bt_http_settings *settings, bt_access *access) {
    bt_http_server *server = calloc(1, sizeof *server);
    if (!server) return NULL;
    server->generations[0].service = service;
    server->served = &server->generations[0];
    server->settings = settings;
    server->access = access;
    server->listener = server->accept_signal = -1;
    atomic_store(&server->body_limit, (long long)bt_http_body_limit_of(settings, service));
    server->budget.limit_bytes = settings->memory_limit_mb > 0
                                     ? (size_t)settings->memory_limit_mb << 20
                                     : bt_budget_usual_bytes((size_t)atomic_load(&server->body_limit));
    server->polygons = finds_polygons();
    make_locks(server);
    bt_connections_init(&server->open_connections, settings);
    return server;
}

bt_status bt_http_server_open(bt_http_server **out, bt_service *service, const bt_http_settings *settings,
                              bt_access *access, int listener, bt_error *error) {
    bt_http_server *server = make(service, settings, access);
    *out = NULL;
    if (!server) return bt_no_memory(error, "a server");
    bt_status status = bt_tally_open(&server->tally, error);
    if (status == BT_OK)
        status = listener >= 0 ? inherit(server, listener, error) : start_listening(server, error);
    if (status == BT_OK) status = write_address(server, error);
    if (status == BT_OK) status = bt_workers_open(&server->workers, (int)settings->http_threads, error);
    if (status == BT_OK) status = bt_watch_start(server, error);
    if (status == BT_OK) status = start_daemon(server, error);
    if (status == BT_OK) status = bt_accept_start(server, error);
    if (status == BT_OK && !server->inherited) bt_accept_open_doors(server);
    if (status == BT_OK)
        *out = server;
    else
        bt_http_server_close(&server);
    return status;
}

const char *bt_http_server_address(const bt_http_server *server) {
    return server->address;
}

void bt_http_server_ready(bt_http_server *server) {
    atomic_store(&server->phase, BT_HTTP_SERVING);
    bt_accept_open_doors(server);
}

void bt_http_server_drain(bt_http_server *server) {
    atomic_store(&server->phase, BT_HTTP_DRAINING);
}

/* Whether whoever will send a request has sent it, where no connection has been closed for `still_ns`: every one that is
 * there is with the service, or says nothing. */
static bool all_are_in(const bt_http_server *server, int64_t still_ns) {
    const int sleeping = atomic_load(&server->sleeping);
    return atomic_load(&server->connections) == sleeping ||
           (still_ns >= STRAGGLER_NS && atomic_load(&server->open) == sleeping);
}

static void await_stragglers(const bt_http_server *server) {
    const int64_t began_ns = bt_clock_now_ns();
    int64_t now_ns = began_ns, changed_ns = began_ns;
    int connections = atomic_load(&server->connections);
    while (!all_are_in(server, now_ns - changed_ns) && now_ns - began_ns < LEAVE_NS) {
        bt_clock_sleep_until_ns(now_ns + BT_NS_PER_MS);
        now_ns = bt_clock_now_ns();
        if (atomic_load(&server->connections) == connections) continue;
        connections = atomic_load(&server->connections);
        changed_ns = now_ns;
    }
}

static void await_answers(const bt_http_server *server) {
    const int64_t until_ns = bt_clock_now_ns() + LEAVE_NS;
    while (atomic_load(&server->open) > 0 && bt_clock_now_ns() < until_ns)
        bt_clock_sleep_until_ns(bt_clock_now_ns() + BT_NS_PER_MS);
}

void bt_http_server_quiet(bt_http_server *server) {
    bt_accept_stop(server);
    await_stragglers(server);
}

void bt_http_server_close(bt_http_server **server) {
    if (!*server) return;
    bt_http_server *s = *server;
    *server = NULL;
    bt_http_server_drain(s);
    bt_accept_stop(s);
    if (s->daemon) await_answers(s);
    bt_watch_stop(s);
    if (atomic_load(&s->sleeping) > 0) return; /* a lane hangs with their pictures: nothing may be freed */
    bt_workers_close(&s->workers);
    if (s->daemon) MHD_stop_daemon(s->daemon);
    if (s->accept_signal >= 0) close(s->accept_signal);
    bt_tally_close(&s->tally);
    pthread_mutex_destroy(&s->generation_lock);
    bt_connections_destroy(&s->open_connections);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->quits);
    free(s);
}
