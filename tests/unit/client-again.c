/* A server that closes a kept connection just as it is used again: what it had not taken whole is sent once more, on a
 * fresh one. When it closes is up to the test: send() can be made to wait for that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client/client.h"
#include "expect.h"
#include "loopback.h"

#define BODY_SIZE  ((size_t)8 << 20) /* more than the system holds of it */
#define PART_SIZE  ((size_t)64 << 10)
#define FOREVER_MS 600000

/* What the server has had of the request when it closes the connection that it had kept. */
typedef enum when { AT_FIRST_BYTE, HAVING_READ_IT, WHILE_IT_IS_SENT, EVERY_TIME } when;

typedef struct closer {
    int listener;
    when when;
    atomic_int requests; /* begun to be read */
} closer;

/* ---- the C library's send(), in libcurl's eyes ---- */

static atomic_bool waits;   /* for the end of its connection, from when a part has been sent */
static atomic_size_t parts; /* bytes sent since */
static sem_t sending;

__attribute__((visibility("default"))) ssize_t send(int socket, const void *bytes, size_t size, int flags) {
    struct pollfd end = {.fd = socket, .events = 0};
    if (atomic_load(&waits) && atomic_load(&parts) >= PART_SIZE) {
        atomic_store(&waits, false);
        sem_post(&sending);
        poll(&end, 1, -1);
    }
    const ssize_t sent = syscall(SYS_sendto, socket, bytes, size, flags, NULL, 0);
    if (sent > 0) atomic_fetch_add(&parts, (size_t)sent);
    return sent;
}

/* ---- the server ---- */

/* So much of what comes; false where the client has gone. */
static bool read_bytes(int client, size_t size) {
    static _Thread_local char piece[65536];
    while (size > 0) {
        const ssize_t got = recv(client, piece, size < sizeof piece ? size : sizeof piece, 0);
        if (got <= 0) return false;
        size -= (size_t)got;
    }
    return true;
}

static bool read_request(closer *c, int client) {
    char head[1024];
    size_t size = 0;
    do {
        if (recv(client, head + size, 1, 0) != 1) return false;
        if (size == 0) atomic_fetch_add(&c->requests, 1);
        head[++size] = '\0';
    } while (!strstr(head, "\r\n\r\n") && size < sizeof head - 1);
    return read_bytes(client, BODY_SIZE);
}

static void answer(int client) {
    static const char words[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    (void)!write(client, words, sizeof words - 1);
}

/* At once, whatever lies unread. */
static void break_off(int client) {
    const struct linger none = {.l_onoff = 1};
    setsockopt(client, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(client);
}

static void leave(closer *c, int client) {
    char first;
    switch (c->when) {
    case AT_FIRST_BYTE:
        (void)!recv(client, &first, 1, MSG_PEEK);
        break;
    case HAVING_READ_IT:
    case EVERY_TIME:
        read_request(c, client);
        break;
    case WHILE_IT_IS_SENT:
        read_bytes(client, PART_SIZE);
        while (sem_wait(&sending) != 0) {
        }
        break_off(client);
        return;
    }
    close(client);
}

/* Two requests on one connection, of which the second has no answer; then one on another. */
static void *close_just_then(void *argument) {
    closer *c = argument;
    int client = accept(c->listener, NULL, NULL);
    if (read_request(c, client)) answer(client);
    leave(c, client);
    client = accept(c->listener, NULL, NULL);
    if (read_request(c, client) && c->when != EVERY_TIME) answer(client);
    close(client);
    return NULL;
}

/* ---- the client ---- */

/* A request's end, to be waited for. */
typedef struct told {
    sem_t ended;
    int http_status;
} told;

static void note_status(void *context, const bt_client_answer *end) {
    told *t = context;
    t->http_status = end->http_status;
    sem_post(&t->ended);
}

static int status_of(bt_client *client, const char *url, const uint8_t *body) {
    bt_error error;
    told t = {.http_status = -1};
    const bt_client_request request = {.url = url, .body = body, .size = BODY_SIZE, .json_size = 2};
    sem_init(&t.ended, 0, 0);
    must(bt_client_send(client, &request, note_status, &t, &error), &error);
    while (sem_wait(&t.ended) != 0) {
    }
    sem_destroy(&t.ended);
    return t.http_status;
}

/* What the second request came to. */
static int second_of(closer *c) {
    uint8_t *body = calloc(1, BODY_SIZE);
    pthread_t thread;
    bt_client *client;
    bt_error error;
    char url[LOOPBACK_URL_SIZE];
    assert_non_null(body);
    c->listener = loopback_listen(url);
    assert_int_equal(pthread_create(&thread, NULL, close_just_then, c), 0);
    must(bt_client_open(&client, FOREVER_MS, &error), &error);
    assert_int_equal(status_of(client, url, body), 200);
    atomic_store(&parts, 0);
    atomic_store(&waits, c->when == WHILE_IT_IS_SENT);
    const int status = status_of(client, url, body);
    bt_client_close(&client);
    shutdown(c->listener, SHUT_RDWR); /* where no one came again */
    pthread_join(thread, NULL);
    close(c->listener);
    free(body);
    return status;
}

static void who_closes_at_the_first_byte_loses_nothing(void **state) {
    (void)state;
    closer c = {.when = AT_FIRST_BYTE};
    assert_int_equal(second_of(&c), 200);
}

static void who_closes_having_read_it_all_loses_nothing(void **state) {
    (void)state;
    closer c = {.when = HAVING_READ_IT};
    assert_int_equal(second_of(&c), 200);
    assert_int_equal(atomic_load(&c.requests), 3);
}

static void who_closes_while_it_is_sent_loses_nothing(void **state) {
    (void)state;
    closer c = {.when = WHILE_IT_IS_SENT};
    assert_int_equal(second_of(&c), 200);
}

/* Its fresh connection is the last that it gets: a server that dies of a request is not sent it for ever. */
static void it_is_sent_once_more_and_no_further(void **state) {
    (void)state;
    closer c = {.when = EVERY_TIME};
    assert_int_equal(second_of(&c), 0);
    assert_int_equal(atomic_load(&c.requests), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_closes_at_the_first_byte_loses_nothing),
        cmocka_unit_test(who_closes_having_read_it_all_loses_nothing),
        cmocka_unit_test(who_closes_while_it_is_sent_loses_nothing),
        cmocka_unit_test(it_is_sent_once_more_and_no_further),
    };
    sem_init(&sending, 0, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
