/* Connections as they come: one thread takes them all and deals them out to libmicrohttpd's.
 *
 * libmicrohttpd could take them itself. But its way to stop ends the process where two of its threads meet, and a socket
 * that a service manager keeps must be left alone from one moment on, with those who wait there: whoever is started
 * next takes them. */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "http/state.h"

/* How long it waits where the system has no descriptor or memory for another connection, or where one that was closed
 * might have gone untold. Raised, those who wait to be let in wait longer than they must; lowered, a thread looks in
 * vain more often. */
#define PAUSE_MS 100

static void look_around(const bt_http_server *server) {
    const eventfd_t one = 1;
    (void)!write(server->accept_signal, &one, sizeof one);
}

static bool lets_in(const bt_http_server *server) {
    return atomic_load(&server->lets_in) && atomic_load(&server->connections) < server->settings->connections;
}

typedef enum taking { TAKEN, NOBODY, NO_MEANS } taking;

/* NO_MEANS: somebody is there, and the system has not what it takes. libmicrohttpd closes what it does not want. */
static taking take_one(bt_http_server *server) {
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    const int taken =
        accept4(server->listener, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (taken < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
        return NO_MEANS;
    if (taken < 0) return errno == EINTR || errno == ECONNABORTED ? TAKEN : NOBODY;
    atomic_fetch_add(&server->connections, 1);
    if (MHD_add_connection(server->daemon, taken, (struct sockaddr *)&from, size) != MHD_YES)
        atomic_fetch_sub(&server->connections, 1);
    return TAKEN;
}

/* Every one that is closed is told, but for those that memory fell short for before they began. */
static void count_anew(bt_http_server *server) {
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    if (info) atomic_store(&server->connections, (int)info->num_connections);
}

/* Whoever waits outside gets the place of a connection that is kept and does nothing; where each has a request, that of
 * the next one that is answered. So those who keep their connections cannot keep everybody else out. */
static void make_room(bt_http_server *server) {
    struct pollfd outside = {.fd = server->listener, .events = POLLIN};
    const bool wanted = atomic_load(&server->lets_in) && poll(&outside, 1, 0) > 0;
    atomic_store(&server->place_wanted,
                 wanted && !bt_connections_close_idle(&server->open_connections, bt_clock_now_ns()));
}

bool bt_accept_takes_place(bt_http_server *server) {
    return atomic_load(&server->place_wanted) && atomic_exchange(&server->place_wanted, false);
}

/* Until somebody comes, or there is room again, or it is to end. */
static void wait_for_somebody(bt_http_server *server, bool paused) {
    eventfd_t ignored;
    const bool room = lets_in(server);
    const bool listens = room && !paused;
    if (!room) make_room(server);
    struct pollfd ready[2] = {{.fd = server->accept_signal, .events = POLLIN},
                              {.fd = listens ? server->listener : -1, .events = POLLIN}};
    if (poll(ready, 2, listens ? -1 : PAUSE_MS) == 0 && !room) count_anew(server);
    if (ready[0].revents) (void)!read(server->accept_signal, &ignored, sizeof ignored);
}

static void *accept_all(void *argument) {
    bt_http_server *server = argument;
    taking last = NOBODY;
    while (!atomic_load(&server->accept_quit)) {
        wait_for_somebody(server, last == NO_MEANS);
        do
            last = lets_in(server) ? take_one(server) : NOBODY;
        while (last == TAKEN && !atomic_load(&server->accept_quit));
    }
    return NULL;
}

/* On the connection's thread. */
void bt_accept_connection(void *argument, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code) {
    bt_http_server *server = argument;
    if (code != MHD_CONNECTION_NOTIFY_CLOSED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *state = bt_connections_add(&server->open_connections, info->connect_fd, bt_clock_now_ns());
        return;
    }
    bt_connections_remove(&server->open_connections, *state);
    if (atomic_fetch_sub(&server->connections, 1) >= server->settings->connections) look_around(server);
}

void bt_accept_open_doors(bt_http_server *server) {
    atomic_store(&server->lets_in, true);
    look_around(server);
}

bt_status bt_accept_start(bt_http_server *server, bt_error *error) {
    server->accept_signal = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const int cause =
        server->accept_signal < 0 ? errno : pthread_create(&server->acceptor, NULL, accept_all, server);
    if (cause != 0)
        return bt_fail(error, BT_IO, "connections cannot be taken: %s", bt_text_system_error(cause));
    server->accepting = true;
    return BT_OK;
}

static void end_thread(bt_http_server *server) {
    if (!server->accepting) return;
    atomic_store(&server->accept_quit, true);
    look_around(server);
    pthread_join(server->acceptor, NULL);
    server->accepting = false;
    while (!server->inherited && lets_in(server) && take_one(server) == TAKEN) {
    }
}

void bt_accept_stop(bt_http_server *server) {
    end_thread(server);
    if (server->listener >= 0) close(server->listener);
    server->listener = -1;
}
