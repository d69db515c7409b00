/* An answer that is there as soon as its request is sent: libcurl has it without waiting for an event, and it is told all the
 * same. Here send() returns only once something can be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "client/client.h"
#include "loopback.h"

#define REQUESTS   5
#define PATIENCE_S 20

static atomic_bool answered_at_once;

/* In libcurl's place of the C library's. */
__attribute__((visibility("default"))) ssize_t send(int socket, const void *bytes, size_t size, int flags) {
    const ssize_t sent = syscall(SYS_sendto, socket, bytes, size, flags, NULL, 0);
    struct pollfd answer = {.fd = socket, .events = POLLIN};
    if (sent > 0 && atomic_load(&answered_at_once)) poll(&answer, 1, PATIENCE_S * 1000);
    return sent;
}

/* One connection, whose every request is read to its body's end and answered. */
static void *serve(void *argument) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    char bytes[4096];
    const int listening = *(const int *)argument, client = accept(listening, NULL, NULL);
    size_t had = 0;
    for (ssize_t got; (got = recv(client, bytes + had, sizeof bytes - had, 0)) > 0;) {
        had += (size_t)got;
        if (bytes[had - 1] != '!') continue;
        had = 0;
        if (write(client, answer, sizeof answer - 1) < 0) break;
    }
    close(client);
    return NULL;
}

static void told(void *context, const bt_client_answer *answer) {
    sem_t *done = context;
    if (answer->http_status == 200) sem_post(done);
}

static void every_answer_is_told(void **state) {
    (void)state;
    static const uint8_t body[] = {'{', '}', '!'};
    pthread_t server;
    bt_client *client;
    bt_error error;
    sem_t done;
    char url[LOOPBACK_URL_SIZE];
    int listening = loopback_listen(url);
    sem_init(&done, 0, 0);
    assert_int_equal(pthread_create(&server, NULL, serve, &listening), 0);
    if (bt_client_open(&client, 1000 * PATIENCE_S, &error) != BT_OK) fail_msg("%s", error.message);
    for (int i = 0; i < REQUESTS; i++) {
        const bt_client_request request = {.url = url, .body = body, .size = sizeof body, .json_size = 2};
        struct timespec until;
        atomic_store(&answered_at_once, i > 0); /* once the connection is there */
        assert_int_equal(bt_client_send(client, &request, told, &done, &error), BT_OK);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += PATIENCE_S / 2;
        if (sem_timedwait(&done, &until) != 0) fail_msg("request %d: its answer is not told", i);
    }
    bt_client_close(&client);
    pthread_join(server, NULL);
    close(listening);
    sem_destroy(&done);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_answer_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
