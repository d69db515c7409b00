/* A server on a socket: requests are answered, refused and taken back as the protocol and the service say.
 * Whatever has to wait does so until something happens, never for a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/files.h"
#include "expect.h"
#include "http/server.h"
#include "http/state.h"
#include "image/encode.h"
#include "live-service.h"
#include "loopback.h"
#include "scratch.h"

typedef struct world {
    bt_service *service;
    bt_http_settings settings;
    bt_access *access;
    bt_http_server *server;
    int port;
} world;

/* A batch closes when it is full, or never: requests wait until there are four, or are taken back. */
static bt_service *start_service(const char *settings, int model_count) {
    const live_service about = {.backend = "sim:tau0_ms=0,alpha_ms=0",
                                .batch_size = 4,
                                .image_size = 4,
                                .max_queue_delay_ms = 60000,
                                .model_count = model_count,
                                .settings = settings};
    return live_service_start(&about);
}

static void begin_at(world *w, const char *settings, bool ready, void (*change)(bt_http_settings *),
                     int listener) {
    bt_option_sources sources;
    size_t count;
    bt_error error;
    const bt_option *table = bt_http_settings_table(&count);
    bt_options_default(table, count, &w->settings, &sources);
    w->settings.port = 0;
    w->settings.body_limit_mb = 1;
    if (change) change(&w->settings);
    must(bt_access_open(&w->access, &w->settings, NULL, &error), &error);
    w->service = start_service(settings, 1);
    must(bt_http_server_open(&w->server, w->service, &w->settings, w->access, listener, &error), &error);
    w->port = atoi(strrchr(bt_http_server_address(w->server), ':') + 1);
    assert_true(w->port > 0);
    if (ready) bt_http_server_ready(w->server);
}

static void begin(world *w, const char *settings, bool ready) {
    begin_at(w, settings, ready, NULL, BT_HTTP_LISTEN);
}

static void end(world *w) {
    bt_error error;
    bt_http_server_quiet(w->server);
    must(bt_service_stop(w->service, 10000, &error), &error);
    bt_http_server_close(&w->server);
    bt_service_close(&w->service);
    bt_access_close(&w->access);
}

/* ---- a client ---- */

/* -1: nobody listens. */
static int try_dial(const world *w) {
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)w->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(client >= 0);
    if (connect(client, (const struct sockaddr *)&to, sizeof to) == 0) return client;
    close(client);
    return -1;
}

static int dial(const world *w) {
    const int client = try_dial(w);
    assert_true(client >= 0);
    return client;
}

static void send_all(int client, const void *bytes, size_t size) {
    const char *at = bytes;
    while (size > 0) {
        const ssize_t sent = send(client, at, size, MSG_NOSIGNAL);
        if (sent <= 0) return; /* told already: the answer is there */
        at += sent;
        size -= (size_t)sent;
    }
}

static void send_head(int client, const char *method, const char *path, const char *headers, size_t length) {
    char head[512];
    const int size =
        snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nhost: here\r\n%scontent-length: %zu\r\n\r\n", method,
                 path, headers, length);
    send_all(client, head, (size_t)size);
}

/* One answer, head and body. */
static void receive(int client, char *out, size_t room) {
    size_t size = 0, wanted = SIZE_MAX;
    while (size < wanted && size < room - 1) {
        const ssize_t got = recv(client, out + size, 1, 0);
        if (got <= 0) break;
        out[++size] = '\0';
        const char *end_of = wanted == SIZE_MAX ? strstr(out, "\r\n\r\n") : NULL;
        if (!end_of) continue;
        const char *length = strstr(out, "Content-Length: ");
        wanted = size + (length ? strtoul(length + 16, NULL, 10) : 0);
    }
    out[size] = '\0';
}

#define ANSWER_SIZE 8192
#define INFER       "/v2/models/hrnet/infer"
#define PICTURES_1                                                                                           \
    "{\"inputs\": [{\"name\": \"image\", \"datatype\": \"UINT8\", \"shape\": [1,1,1,3], \"data\": "          \
    "[1,2,3]}], "                                                                                            \
    "\"outputs\": [{\"name\": \"mask\"}]}"
#define PICTURES_2                                                                                           \
    "{\"inputs\": [{\"name\": \"image\", \"datatype\": \"UINT8\", \"shape\": [2,1,1,3], \"data\": "          \
    "[1,2,3,4,5,6]}], "                                                                                      \
    "\"outputs\": [{\"name\": \"mask\"}]}"
#define PICTURES_4                                                                                           \
    "{\"id\": \"me\", \"inputs\": [{\"name\": \"image\", \"datatype\": \"UINT8\", \"shape\": [4,1,1,3], "    \
    "\"data\": "                                                                                             \
    "[1,2,3,4,5,6,7,8,9,10,11,12]}], \"outputs\": [{\"name\": \"mask\"}]}"

static int post(const world *w, const char *headers, const char *body) {
    const int client = dial(w);
    send_head(client, "POST", INFER, headers, strlen(body));
    send_all(client, body, strlen(body));
    return client;
}

static void ask_with(const world *w, const char *method, const char *path, const char *headers,
                     char *answer) {
    const int client = dial(w);
    send_head(client, method, path, headers, 0);
    receive(client, answer, ANSWER_SIZE);
    close(client);
}

static void ask(const world *w, const char *method, const char *path, char *answer) {
    ask_with(w, method, path, "", answer);
}

static void answered(const world *w, const char *headers, const char *body, const char *status,
                     const char *words) {
    char answer[ANSWER_SIZE];
    const int client = post(w, headers, body);
    receive(client, answer, sizeof answer);
    close(client);
    says(answer, status);
    says(answer, words);
}

/* ---- what the service holds ---- */

static bt_metrics metrics_of(const world *w) {
    bt_metrics metrics;
    bt_error error;
    must(bt_service_metrics(w->service, "hrnet", &metrics, &error), &error);
    return metrics;
}

#define LOOKS 100000 /* minutes: whoever waits so long waits for ever */

static void await_in_flight(const world *w, int count) {
    for (int looks = 0; metrics_of(w).in_flight != count; looks++) {
        if (looks == LOOKS)
            fail_msg("%d requests are in flight for ever, not %d", metrics_of(w).in_flight, count);
        bt_clock_sleep_until_ns(bt_clock_now_ns() + BT_NS_PER_MS);
    }
}

/* ---- tests ---- */

static void readiness_is_told(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    begin(&w, NULL, false);
    ask(&w, "GET", "/v2/health/live", answer);
    says(answer, "HTTP/1.1 200");
    ask(&w, "GET", "/v2/health/ready", answer);
    says(answer, "HTTP/1.1 503");
    says(answer, "{\"error\":\"models are being loaded\"}");
    answered(&w, "", PICTURES_1, "HTTP/1.1 503", "models are being loaded");
    bt_http_server_ready(w.server);
    ask(&w, "GET", "/v2/health/ready", answer);
    says(answer, "HTTP/1.1 200");
    assert_null(strstr(answer, "Connection: close"));
    bt_http_server_drain(w.server);
    ask(&w, "GET", "/v2/health/ready", answer);
    says(answer, "HTTP/1.1 503");
    says(answer, "Connection: close");
    answered(&w, "", PICTURES_4, "HTTP/1.1 200", "Connection: close");
    end(&w);
}

static void a_connection_serves_several_requests(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    begin(&w, NULL, true);
    const int client = dial(&w);
    for (int i = 0; i < 3; i++) {
        send_head(client, "POST", INFER, "", strlen(PICTURES_4));
        send_all(client, PICTURES_4, strlen(PICTURES_4));
        receive(client, answer, sizeof answer);
        says(answer, "HTTP/1.1 200");
        says(answer, "\"id\":\"me\"");
        says(answer, "\"batch_size\":4");
        says(answer, "\"shape\":[4,1,1]");
    }
    close(client);
    end(&w);
}

static void requests_of_several_clients_run_together(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    int clients[4];
    begin(&w, NULL, true);
    for (int i = 0; i < 4; i++)
        clients[i] = post(&w, "", PICTURES_1);
    for (int i = 0; i < 4; i++) {
        receive(clients[i], answer, sizeof answer);
        says(answer, "\"batch_size\":4");
        close(clients[i]);
    }
    end(&w);
}

static void who_hangs_up_is_taken_back(void **state) {
    (void)state;
    world w;
    begin(&w, NULL, true);
    const int client = post(&w, "", PICTURES_2);
    await_in_flight(&w, 2);
    close(client);
    await_in_flight(&w, 0);
    assert_int_equal(metrics_of(&w).cancelled, 2);
    end(&w);
}

static void a_full_queue_is_told(void **state) {
    (void)state;
    world w;
    begin(&w, "max_queue_size=2", true);
    answered(&w, "", PICTURES_4, "HTTP/1.1 400", "at most 2 pictures in one request");
    const int first = post(&w, "", PICTURES_1);
    await_in_flight(&w, 1);
    /* of two pictures one would find room: neither takes it */
    answered(&w, "", PICTURES_2, "HTTP/1.1 503", "the queue has no room for 2 more (max_queue_size 2)");
    assert_int_equal(metrics_of(&w).in_flight, 1);
    assert_int_equal(metrics_of(&w).cancelled, 0);
    assert_int_equal(metrics_of(&w).rejected_full, 2);
    const int second = post(&w, "", PICTURES_1);
    await_in_flight(&w, 2);
    answered(&w, "", PICTURES_1, "HTTP/1.1 503", "Retry-After: 1");
    close(first);
    close(second);
    await_in_flight(&w, 0);
    end(&w);
}

#define PIECE 65536
static const char zeros[PIECE];

/* Sends all of it before it reads, as most clients do. */
static void sends_too_much(const world *w, const char *method, const char *path, const char *status,
                           const char *words) {
    char answer[ANSWER_SIZE];
    const int client = dial(w), pieces = 17;
    send_head(client, method, path, "", (size_t)pieces * PIECE);
    for (int i = 0; i < pieces; i++)
        send_all(client, zeros, PIECE);
    receive(client, answer, sizeof answer);
    says(answer, status);
    says(answer, words);
    close(client);
}

/* ---- slow requests ---- */

#define RAW "inference-header-content-length: 0\r\n"

static int post_bytes(const world *w, const char *headers, const void *bytes, size_t size) {
    const int client = dial(w);
    send_head(client, "POST", INFER, headers, size);
    send_all(client, bytes, size);
    return client;
}

/* A gray picture, whose file is small. */
static int post_picture(const world *w, int side) {
    uint8_t *file, *pixels = calloc((size_t)side * (size_t)side, 1);
    size_t size;
    bt_error error;
    assert_non_null(pixels);
    must(bt_png_encode(pixels, side, side, 1, &file, &size, &error), &error);
    const int client = post_bytes(w, RAW, file, size);
    free(file);
    free(pixels);
    return client;
}

static void says_answer(int client, const char *status, const char *words) {
    char answer[ANSWER_SIZE];
    receive(client, answer, sizeof answer);
    close(client);
    says(answer, status);
    says(answer, words);
}

/* A file is not even looked at then. */
static void a_full_queue_is_told_before_a_picture_is_decoded(void **state) {
    (void)state;
    world w;
    begin(&w, "max_queue_size=1", true);
    says_answer(post_bytes(&w, RAW, "no picture", 10), "HTTP/1.1 400", "not a PNG, JPEG or TIFF");
    const int first = post(&w, "", PICTURES_1);
    await_in_flight(&w, 1);
    says_answer(post_bytes(&w, RAW, "no picture", 10), "HTTP/1.1 503",
                "the queue is full (max_queue_size 1)");
    close(first);
    await_in_flight(&w, 0);
    end(&w);
}

static void have_eight_megabytes(bt_http_settings *settings) {
    settings->memory_limit_mb = 8;
}

/* Files of a few hundred bytes, which take four megabytes and a half each, answer included. */
static void memory_of_all_requests_is_bounded(void **state) {
    (void)state;
    world w;
    begin_at(&w, NULL, true, have_eight_megabytes, BT_HTTP_LISTEN);
    const int first = post_picture(&w, 500);
    await_in_flight(&w, 1);
    const int second = post_picture(&w, 500);
    says_answer(second, "HTTP/1.1 503", "other requests have the memory for requests just now, 8 MB in all");
    says_answer(post_picture(&w, 500), "HTTP/1.1 503", "Retry-After: 1");
    says_answer(post_picture(&w, 2000), "HTTP/1.1 400", "takes more than 8 MB of memory");
    const int small = post(&w, "", PICTURES_1);
    await_in_flight(&w, 2);
    close(first);
    await_in_flight(&w, 1);
    const int third = post_picture(&w, 500);
    await_in_flight(&w, 2);
    close(third);
    close(small);
    await_in_flight(&w, 0);
    end(&w);
}

static void have_five_megabytes(bt_http_settings *settings) {
    settings->memory_limit_mb = 5;
    settings->body_limit_mb = 8;
}

/* Whatever is sent behind what does not fit any more is passed over. */
static void bodies_count_as_they_come(void **state) {
    (void)state;
    world w;
    begin_at(&w, NULL, true, have_five_megabytes, BT_HTTP_LISTEN);
    const int waits = post_picture(&w, 500);
    await_in_flight(&w, 1);
    sends_too_much(&w, "POST", INFER, "HTTP/1.1 503", "come back later");
    close(waits);
    await_in_flight(&w, 0);
    end(&w);
}

static void have_one_thread(bt_http_settings *settings) {
    settings->http_threads = 1;
}

/* Slow and quick ones of one thread run together. */
static void pictures_are_decoded_beside_others(void **state) {
    (void)state;
    world w;
    int clients[4];
    begin_at(&w, NULL, true, have_one_thread, BT_HTTP_LISTEN);
    clients[0] = post_picture(&w, 300);
    clients[1] = post(&w, "", PICTURES_1);
    clients[2] = post_picture(&w, 30);
    clients[3] = post(&w, "", PICTURES_1);
    for (int i = 0; i < 4; i++)
        says_answer(clients[i], "HTTP/1.1 200", "\"batch_size\":4");
    end(&w);
}

/* A run takes longer than this request has. */
static void a_deadline_that_cannot_be_kept_is_told(void **state) {
    (void)state;
    world w;
    begin(&w, "backend=\"sim:tau0_ms=30,alpha_ms=0\"", true);
    answered(
        &w, "",
        "{\"parameters\": {\"timeout\": 1000}, \"inputs\": [{\"name\": \"image\", \"datatype\": \"UINT8\", "
        "\"shape\": [1,1,1,3], \"data\": [1,2,3]}]}",
        "HTTP/1.1 503", "the deadline could not be kept");
    end(&w);
}

static void what_is_wrong_is_told(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    begin(&w, NULL, true);
    answered(&w, "", "{", "HTTP/1.1 400", "{\"error\":\"the request: ");
    answered(&w, "", "", "HTTP/1.1 400", "the request: has no body");
    answered(&w, "inference-header-content-length: 9\r\n", "{}", "HTTP/1.1 400", "the body has 2 bytes");
    answered(&w, "inference-header-content-length: -1\r\n", "{}", "HTTP/1.1 400", "how many bytes");
    answered(&w, "content-encoding: br\r\n", "{}", "HTTP/1.1 415", "gzip and deflate are");
    answered(&w, "content-encoding: gzip\r\n", "{}", "HTTP/1.1 400", "damaged or cut off");
    ask(&w, "POST", "/v2/models/other/infer", answer);
    says(answer, "HTTP/1.1 404");
    says(answer, "there are: hrnet");
    ask(&w, "POST", "/v2/models/hrnet/versions/2/infer", answer);
    says(answer, "HTTP/1.1 404");
    ask(&w, "GET", "/v2/models/other/ready", answer);
    says(answer, "HTTP/1.1 400");
    ask(&w, "GET", "/v2/models/other", answer);
    says(answer, "HTTP/1.1 404");
    ask(&w, "GET", INFER, answer);
    says(answer, "HTTP/1.1 405");
    says(answer, "Allow: POST");
    ask(&w, "GET", "/index.html", answer);
    says(answer, "HTTP/1.1 404");
    end(&w);
}

static void a_body_that_is_not_wanted_is_told(void **state) {
    (void)state;
    world w;
    begin(&w, NULL, true);
    sends_too_much(&w, "POST", INFER, "HTTP/1.1 413", "at most 1048576 bytes (1 MB)");
    sends_too_much(&w, "PUT", INFER, "HTTP/1.1 405", "Allow: POST");
    sends_too_much(&w, "POST", "/v1/predict", "HTTP/1.1 404", "there is no /v1/predict here");
    sends_too_much(&w, "POST", "/v2/repository/index", "HTTP/1.1 200", "hrnet");
    end(&w);
}

static void a_body_that_is_too_large_is_told(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    begin(&w, NULL, true);
    int client = dial(&w);
    send_head(client, "POST", INFER, "", (size_t)100 << 20); /* by its word alone */
    receive(client, answer, sizeof answer);
    says(answer, "HTTP/1.1 413");
    says(answer, "at most 1048576 bytes (1 MB)");
    close(client);
    client = dial(&w); /* likewise, of one that waits to be asked */
    send_head(client, "POST", INFER, "Expect: 100-continue\r\n", 1048577);
    receive(client, answer, sizeof answer);
    says(answer, "HTTP/1.1 413");
    close(client);
    client = dial(&w);
    static const char head[] = "POST " INFER " HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n";
    send_all(client, head, sizeof head - 1);
    for (int i = 0; i < 17; i++) {
        send_all(client, "10000\r\n", 7);
        send_all(client, zeros, PIECE);
        send_all(client, "\r\n", 2);
    }
    send_all(client, "0\r\n\r\n", 5);
    receive(client, answer, sizeof answer);
    says(answer, "HTTP/1.1 413");
    close(client);
    end(&w);
}

static void packed_bodies_are_read(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    uint8_t packed[1024];
    uLongf size = sizeof packed;
    begin(&w, NULL, true);
    assert_int_equal(compress(packed, &size, (const Bytef *)PICTURES_4, strlen(PICTURES_4)), Z_OK);
    const int client = dial(&w);
    send_head(client, "POST", INFER, "content-encoding: deflate\r\n", size);
    send_all(client, packed, size);
    receive(client, answer, sizeof answer);
    says(answer, "HTTP/1.1 200");
    says(answer, "\"id\":\"me\"");
    close(client);
    end(&w);
}

/* ---- what stands around a request ---- */

#define KEY "alice-0123456789abcdef"

static void keep_the_door(bt_http_settings *settings) {
    put("keys", "alice " KEY "\n");
    snprintf(settings->keys, sizeof settings->keys, "keys");
    snprintf(settings->cors_origins, sizeof settings->cors_origins, "https://app.example.org");
    snprintf(settings->access_log, sizeof settings->access_log, "access.log");
}

static void who_has_no_key_is_refused(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    begin_at(&w, NULL, true, keep_the_door, BT_HTTP_LISTEN);
    answered(&w, "", PICTURES_4, "HTTP/1.1 401", "WWW-Authenticate: Bearer");
    answered(&w, "authorization: Bearer alice-0123456789abcdeF\r\n", PICTURES_4, "HTTP/1.1 401",
             "{\"error\":\"send a key that is known here: Authorization: Bearer KEY\"}");
    ask(&w, "GET", "/metrics", answer);
    says(answer, "HTTP/1.1 401");
    ask(&w, "GET", INFER, answer); /* before whoever asks learns which methods there are */
    says(answer, "HTTP/1.1 401");
    ask(&w, "GET", "/v2/health/live", answer);
    says(answer, "HTTP/1.1 200");
    ask(&w, "GET", "/v2/models/hrnet/ready", answer);
    says(answer, "HTTP/1.1 200");
    answered(&w, "authorization: bearer " KEY "\r\n", PICTURES_4, "HTTP/1.1 200", "\"batch_size\":4");
    assert_int_equal(bt_access_count(w.access).refused, 4);
    end(&w);
}

static void pages_of_the_list_may_ask(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    begin_at(&w, NULL, true, keep_the_door, BT_HTTP_LISTEN);
    ask_with(&w, "OPTIONS", INFER,
             "Origin: https://app.example.org\r\nAccess-Control-Request-Method: POST\r\n", answer);
    says(answer, "HTTP/1.1 204");
    says(answer, "Access-Control-Allow-Origin: https://app.example.org\r\n");
    says(answer, "Access-Control-Allow-Methods: GET, HEAD, POST\r\n");
    says(answer, "Access-Control-Allow-Headers: Authorization, Content-Type,");
    says(answer, "Vary: Origin\r\n");
    ask_with(&w, "GET", "/v2/health/ready", "Origin: https://app.example.org\r\n", answer);
    says(answer, "Access-Control-Allow-Origin: https://app.example.org\r\n");
    says(answer, "Access-Control-Expose-Headers: ");
    answered(&w, "Origin: https://app.example.org\r\n", PICTURES_4, "HTTP/1.1 401",
             "Access-Control-Allow-Origin: https://app.example.org\r\n"); /* the script may know why */
    end(&w);
}

static void other_pages_may_not(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    begin_at(&w, NULL, true, keep_the_door, BT_HTTP_LISTEN);
    ask_with(&w, "OPTIONS", INFER, "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n",
             answer);
    says(answer, "HTTP/1.1 401");
    ask_with(&w, "GET", "/v2/health/ready", "Origin: https://evil.example\r\n", answer);
    says(answer, "HTTP/1.1 200");
    says(answer, "Vary: Origin\r\n"); /* or a cache gives it to the page that may */
    assert_null(strstr(answer, "Access-Control"));
    end(&w);
    begin(&w, NULL, true);
    ask_with(&w, "OPTIONS", INFER,
             "Origin: https://app.example.org\r\nAccess-Control-Request-Method: POST\r\n", answer);
    says(answer, "HTTP/1.1 405");
    assert_null(strstr(answer, "Access-Control"));
    assert_null(strstr(answer, "Vary"));
    end(&w);
}

#define TRACE "0af7651916cd43dd8448eb211c80319c"

static void ids_and_traces_are_handed_on(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    begin(&w, NULL, true);
    ask_with(&w, "GET", "/v2",
             "x-request-id: a-1\r\ntraceparent: 00-" TRACE "-b7ad6b7169203331-01\r\ntracestate: a=1\r\n"
             "tracestate: b=2\r\n",
             answer);
    says(answer, "X-Request-Id: a-1\r\n");
    says(answer, "traceparent: 00-" TRACE "-");
    assert_null(strstr(answer, "b7ad6b7169203331")); /* the sender's span is not ours */
    says(answer, "tracestate: a=1,b=2\r\n");
    ask_with(&w, "GET", "/v2", "x-request-id: a b\r\ntraceparent: 00-" TRACE "-0000000000000000-01\r\n",
             answer);
    assert_null(strstr(answer, "X-Request-Id"));
    assert_null(strstr(answer, "traceparent"));
    ask_with(&w, "GET", "/v2",
             "traceparent: 00-" TRACE "-b7ad6b7169203331-01\r\ntraceparent: 00-" TRACE
             "-b7ad6b7169203331-01\r\n",
             answer);
    assert_null(strstr(answer, "traceparent")); /* of two nobody knows which is meant */
    ask_with(&w, "GET", "/v2", "traceparent: 00-" TRACE "-b7ad6b7169203331-01\r\ntracestate: A=1\r\n",
             answer);
    says(answer, "traceparent: 00-" TRACE "-");
    assert_null(strstr(answer, "tracestate"));
    answered(&w, "x-request-id: a-1\r\n", PICTURES_4, "HTTP/1.1 200",
             "X-Request-Id: me\r\n"); /* the body's own */
    end(&w);
}

/* One line a request, in which nobody finds a key. */
static void each_request_is_logged(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE], *text;
    size_t size;
    bt_error error;
    unlink("access.log");
    begin_at(&w, NULL, true, keep_the_door, BT_HTTP_LISTEN);
    answered(&w, "authorization: Bearer " KEY "\r\n", PICTURES_4, "HTTP/1.1 200", "X-Request-Id: me\r\n");
    answered(&w, "authorization: Bearer " KEY "x\r\n", PICTURES_4, "HTTP/1.1 401", "X-Request-Id: ");
    ask_with(&w, "GET", "/v2/models/other/ready?key=" KEY,
             "traceparent: 00-" TRACE "-b7ad6b7169203331-01\r\n", answer);
    const int client = post(&w, "authorization: Bearer " KEY "\r\n", PICTURES_1);
    await_in_flight(&w, 1);
    close(client);
    await_in_flight(&w, 0);
    end(&w);
    must(bt_file_read("access.log", 1 << 16, &text, &size, &error), &error);
    says(text, "\"id\":\"me\",\"method\":\"POST\",\"path\":\"" INFER "\",\"status\":200,\"bytes_in\":");
    says(text, "\"model\":\"hrnet\",\"batch_size\":4,\"mode\":\"production_optimized\",\"key\":\"alice\"}\n");
    says(text, "\"status\":401,");
    says(text, "\"error\":\"send a key that is known here: Authorization: Bearer KEY\"}\n");
    says(text, "\"path\":\"/v2/models/other/ready\",\"status\":400,\"bytes_in\":0,");
    says(text, "\"trace_id\":\"" TRACE "\",\"span_id\":\"");
    says(text, "\"status\":503,");
    assert_null(strstr(text, "0123456789"));
    int lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    assert_int_equal(lines, 4);
    free(text);
}

/* ---- the end ---- */

/* ---- clients that are too slow ---- */

/* Nothing else closes a connection: libmicrohttpd's own timeout is off. */
static void have_no_patience(bt_http_settings *settings) {
    settings->idle_timeout_seconds = 0;
    settings->header_timeout_seconds = 0.05;
}

static void have_no_patience_for_bodies(bt_http_settings *settings) {
    settings->idle_timeout_seconds = 0;
    settings->request_timeout_seconds = 0.05;
}

/* Whoever waits for the rest of what is never sent is let go, with or without an answer. */
static void is_closed(int client) {
    char answer[ANSWER_SIZE];
    while (recv(client, answer, sizeof answer, 0) > 0) {
    }
    close(client);
}

static void a_head_that_never_ends_is_given_up(void **state) {
    (void)state;
    static const char *const beginnings[] = {"", "G", "GET /v2 HTTP/1.1\r\n",
                                             "GET /v2 HTTP/1.1\r\nhost: here\r\nx:"};
    world w;
    int clients[4];
    begin_at(&w, NULL, true, have_no_patience, BT_HTTP_LISTEN);
    for (int i = 0; i < 4; i++) {
        clients[i] = dial(&w);
        send_all(clients[i], beginnings[i], strlen(beginnings[i]));
    }
    for (int i = 0; i < 4; i++)
        is_closed(clients[i]);
    end(&w);
}

static void so_is_one_behind_a_request(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    int client;
    begin_at(&w, NULL, true, have_no_patience, BT_HTTP_LISTEN);
    for (;;) { /* where this machine itself was too slow, once more */
        client = dial(&w);
        send_head(client, "GET", "/v2/health/live", "", 0);
        receive(client, answer, sizeof answer);
        if (answer[0]) break;
        close(client);
    }
    send_all(client, "GET /v2", 7);
    is_closed(client);
    end(&w);
}

static void a_body_that_never_ends_is_given_up(void **state) {
    (void)state;
    world w;
    begin_at(&w, NULL, true, have_no_patience_for_bodies, BT_HTTP_LISTEN);
    const int wanted = dial(&w), unwanted = dial(&w);
    send_head(wanted, "POST", INFER, "", 1000);
    send_all(wanted, "{", 1);
    send_head(unwanted, "PUT", "/v2", "", 1000);
    send_all(unwanted, "{", 1);
    is_closed(wanted);
    is_closed(unwanted);
    end(&w);
}

/* A request that is with the service. Where this machine was too slow to send it in time, once more. */
static int post_in_time(const world *w) {
    for (;;) {
        char byte;
        const int client = post(w, "", PICTURES_1);
        while (metrics_of(w).in_flight == 0 && recv(client, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
            bt_clock_sleep_until_ns(bt_clock_now_ns() + BT_NS_PER_MS);
        if (metrics_of(w).in_flight == 1) return client;
        close(client);
    }
}

/* For the service a client may wait for ever: no time of theirs passes. */
static void who_waits_for_the_service_is_not_given_up(void **state) {
    (void)state;
    world w;
    begin_at(&w, NULL, true, have_no_patience_for_bodies, BT_HTTP_LISTEN);
    const int client = post_in_time(&w);
    const int slow =
        dial(&w); /* it began later: when it is cut off, the other one's time would be over, too */
    send_head(slow, "POST", INFER, "", 1000);
    is_closed(slow);
    assert_int_equal(metrics_of(&w).in_flight, 1);
    close(client);
    await_in_flight(&w, 0);
    end(&w);
}

/* Those whose pictures are with the service are answered by its end, and nobody new is let in. */
static void the_end_answers_everybody(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    begin(&w, NULL, true);
    const int client = post(&w, "", PICTURES_1);
    await_in_flight(&w, 1);
    bt_http_server_drain(w.server);
    bt_http_server_quiet(w.server);
    assert_int_equal(try_dial(&w), -1);
    end(&w);
    receive(client, answer, sizeof answer);
    says(answer, "HTTP/1.1 200");
    says(answer, "Connection: close");
    close(client);
}

/* Half of it is there when the last are let in, and the rest comes while it waits for that. */
static void a_request_on_its_way_is_answered(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    begin(&w, NULL, true);
    const int client = dial(&w), half = 40;
    send_head(client, "POST", INFER, "", strlen(PICTURES_4));
    send_all(client, PICTURES_4, (size_t)half);
    bt_http_server_drain(w.server);
    const pid_t sender = fork();
    if (sender == 0) {
        bt_clock_sleep_until_ns(bt_clock_now_ns() + 50 * BT_NS_PER_MS);
        send_all(client, PICTURES_4 + half, strlen(PICTURES_4) - (size_t)half);
        _exit(0);
    }
    bt_http_server_quiet(w.server);
    waitpid(sender, NULL, 0);
    end(&w);
    receive(client, answer, sizeof answer);
    says(answer, "HTTP/1.1 200");
    close(client);
}

/* ---- one service in another's place ---- */

static void swap(world *w, bt_service *next) {
    bt_error error;
    bt_service *old;
    must(bt_http_server_swap(w->server, next, 10000, &old, &error), &error);
    assert_ptr_equal(old, w->service);
    bt_service_close(&old);
    w->service = next;
}

/* Two wait at the old one for a batch of four, which never fills: its end answers them. Another picture is read by the
 * one, a model appears with the other, and the connection stays. */
static void a_swap_refuses_nobody(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    begin(&w, NULL, true);
    const int waiting = post(&w, "", PICTURES_2), kept = dial(&w);
    await_in_flight(&w, 2);
    send_head(kept, "GET", "/v2/models/cbam_resunet", "", 0);
    receive(kept, answer, sizeof answer);
    says(answer, "HTTP/1.1 404");
    swap(&w, start_service("batch_size=2", 2));
    receive(waiting, answer, sizeof answer);
    says(answer, "HTTP/1.1 200");
    says(answer, "\"batch_size\":2");
    send_head(kept, "GET", "/v2/models/cbam_resunet", "", 0);
    receive(kept, answer, sizeof answer);
    says(answer, "HTTP/1.1 200");
    assert_null(strstr(answer, "Connection: close"));
    answered(&w, "", PICTURES_2, "HTTP/1.1 200", "\"batch_size\":2");
    ask(&w, "POST", "/v2/repository/index", answer);
    says(answer, "cbam_resunet");
    close(waiting);
    close(kept);
    end(&w);
}

/* A counter that falls is a restart to whoever works out a rate; what is of one model alone goes on, too. */
static void counters_go_on_over_swaps(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    begin(&w, NULL, true);
    answered(&w, "", PICTURES_4, "HTTP/1.1 200", "\"id\":\"me\"");
    const int waiting = post(&w, "", PICTURES_2);
    await_in_flight(&w, 2);
    swap(&w, start_service(NULL, 2));
    assert_int_equal(metrics_of(&w).ok, 6);
    assert_int_equal(metrics_of(&w).submitted, 6);
    assert_int_equal(metrics_of(&w).batches[1], 1);
    answered(&w, "", PICTURES_4, "HTTP/1.1 200", "\"id\":\"me\"");
    swap(&w, start_service(NULL, 1));
    assert_int_equal(metrics_of(&w).ok, 10);
    assert_int_equal(metrics_of(&w).batches[3], 2);
    ask(&w, "GET", "/v2/models/hrnet/stats", answer);
    says(answer, "\"inference_count\":10,");
    close(waiting);
    end(&w);
}

/* Whoever hangs up after a swap is taken back from the one that has their pictures. */
static void who_hangs_up_after_a_swap_is_taken_back(void **state) {
    (void)state;
    world w;
    begin(&w, NULL, true);
    swap(&w, start_service(NULL, 1));
    const int client = post(&w, "", PICTURES_2);
    await_in_flight(&w, 2);
    close(client);
    await_in_flight(&w, 0);
    assert_int_equal(metrics_of(&w).cancelled, 2);
    end(&w);
}

/* ---- a socket that others keep ---- */

/* Who comes before the models are loaded, or between two servers, is answered by whoever is ready next. */
static void a_socket_handed_over_keeps_those_who_wait(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    const int kept = loopback_listen(NULL);
    begin_at(&w, NULL, false, NULL, dup(kept));
    int early = post(&w, "", PICTURES_4);
    bt_http_server_ready(w.server);
    receive(early, answer, sizeof answer);
    says(answer, "HTTP/1.1 200");
    close(early);
    bt_http_server_quiet(w.server);
    early = post(&w, "", PICTURES_4);
    end(&w);
    begin_at(&w, NULL, true, NULL, dup(kept));
    receive(early, answer, sizeof answer);
    says(answer, "HTTP/1.1 200");
    close(early);
    end(&w);
    close(kept);
}

static void what_is_no_listening_socket_is_refused(void **state) {
    (void)state;
    bt_http_server *server;
    bt_error error;
    bt_http_settings settings = {.connections = 1};
    bt_service *service = start_service(NULL, 1);
    const int plain = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bt_http_server_open(&server, service, &settings, NULL, plain, &error), BT_INVALID);
    says(error.message, "is no TCP socket that listens");
    live_service_end(service);
}

/* One more than there may be waits until another has gone, where no other is kept and idle. */
static void connections_are_bounded(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    begin_at(&w, NULL, false, NULL, loopback_listen(NULL));
    w.settings.connections = 2; /* nobody has been let in yet */
    bt_http_server_ready(w.server);
    const int first = dial(&w), second = dial(&w), third = post(&w, "", PICTURES_4);
    struct pollfd ready = {.fd = third, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 300), 0);
    close(first);
    receive(third, answer, sizeof answer);
    says(answer, "HTTP/1.1 200");
    close(second);
    close(third);
    end(&w);
}

static void let_one_in(bt_http_settings *settings) {
    settings->connections = 1;
}

/* Nobody keeps others out by a connection on which nothing is asked. */
static void an_idle_connection_makes_room(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    begin_at(&w, NULL, true, let_one_in, BT_HTTP_LISTEN);
    const int kept = dial(&w);
    send_head(kept, "GET", "/v2/health/ready", "", 0);
    receive(kept, answer, sizeof answer);
    says(answer, "HTTP/1.1 200");
    says_answer(post(&w, "", PICTURES_4), "HTTP/1.1 200", "\"batch_size\":4");
    assert_int_equal(recv(kept, answer, sizeof answer, 0), 0);
    close(kept);
    end(&w);
}

static void pass_over(void *context, const bt_result *result, const bt_error *error) {
    (void)context, (void)result, (void)error;
}

/* A picture of somebody who does not come by HTTP. */
static void submit_one(const world *w) {
    static const uint8_t picture[3];
    bt_error error;
    const bt_request request = {.image = picture, .height = 1, .width = 1, .model = "hrnet"};
    must(bt_service_submit(w->service, &request, pass_over, NULL, NULL, &error), &error);
}

/* Nor by one on which one request follows the other. */
static void a_busy_connection_makes_room_with_its_answer(void **state) {
    (void)state;
    world w;
    char answer[ANSWER_SIZE];
    begin_at(&w, NULL, true, let_one_in, BT_HTTP_LISTEN);
    const int busy = post(&w, "", PICTURES_2);
    await_in_flight(&w, 2);
    const int outside = post(&w, "", PICTURES_4);
    for (int looks = 0; !atomic_load(&w.server->place_wanted); looks++) {
        if (looks == LOOKS) fail_msg("who waits outside is never seen");
        bt_clock_sleep_until_ns(bt_clock_now_ns() + BT_NS_PER_MS);
    }
    submit_one(&w);
    submit_one(&w);
    receive(busy, answer, sizeof answer);
    says(answer, "HTTP/1.1 200");
    says(answer, "Connection: close");
    assert_int_equal(recv(busy, answer, sizeof answer, 0), 0);
    close(busy);
    receive(outside, answer, sizeof answer);
    says(answer, "HTTP/1.1 200");
    assert_null(strstr(answer, "Connection: close")); /* nobody waits any more */
    close(outside);
    end(&w);
}

static void nothing_stays_open_behind_it(void **state) {
    (void)state;
    world w;
    const int before = bt_scratch_open_files();
    begin(&w, NULL, true);
    answered(&w, "", PICTURES_4, "HTTP/1.1 200", "\"id\":\"me\"");
    end(&w);
    assert_int_equal(bt_scratch_open_files(), before);
}

/* Nor of those who hung up together: libmicrohttpd may notice before it hears that they are to be answered, and then
 * never asks for the answer. */
static void nothing_stays_open_of_who_hung_up(void **state) {
    (void)state;
    world w;
    const int before = bt_scratch_open_files();
    begin(&w, NULL, true);
    for (int i = 0; i < 10; i++) {
        const int first = post(&w, "", PICTURES_1), second = post(&w, "", PICTURES_1);
        await_in_flight(&w, 2);
        close(first);
        close(second);
        await_in_flight(&w, 0);
    }
    end(&w);
    assert_int_equal(bt_scratch_open_files(), before);
}

static void addresses_that_are_none_are_refused(void **state) {
    (void)state;
    world w;
    bt_http_server *second;
    bt_error error;
    begin(&w, NULL, true);
    bt_http_settings settings = w.settings;
    settings.port = w.port;
    bt_status status = bt_http_server_open(&second, w.service, &settings, NULL, BT_HTTP_LISTEN, &error);
    assert_int_equal(status, BT_IO);
    says(error.message, "cannot be listened at: Address already in use");
    snprintf(settings.listen, sizeof settings.listen, "everywhere");
    status = bt_http_server_open(&second, w.service, &settings, NULL, BT_HTTP_LISTEN, &error);
    assert_int_equal(status, BT_INVALID);
    says(error.message, "--listen: \"everywhere\" is no address in numbers");
    assert_null(second);
    end(&w);
}

static void the_limit_fits_the_largest_batch(void **state) {
    (void)state;
    bt_http_settings settings = {.body_limit_mb = 0};
    const bt_model_facts models[] = {{.input_height = 1024, .input_width = 1024, .batch_size = 2},
                                     {.input_height = 1024, .input_width = 512, .batch_size = 32}};
    assert_int_equal(bt_http_body_limit(&settings, models, 1), BT_HTTP_BODY_LEAST);
    assert_true(bt_http_body_limit(&settings, models, 2) > (size_t)32 * 3 * 1024 * 512 * 4);
    settings.body_limit_mb = 5;
    assert_int_equal(bt_http_body_limit(&settings, models, 2), 5 << 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readiness_is_told),
        cmocka_unit_test(a_connection_serves_several_requests),
        cmocka_unit_test(requests_of_several_clients_run_together),
        cmocka_unit_test(who_hangs_up_is_taken_back),
        cmocka_unit_test(a_full_queue_is_told),
        cmocka_unit_test(a_full_queue_is_told_before_a_picture_is_decoded),
        cmocka_unit_test(memory_of_all_requests_is_bounded),
        cmocka_unit_test(bodies_count_as_they_come),
        cmocka_unit_test(pictures_are_decoded_beside_others),
        cmocka_unit_test(a_deadline_that_cannot_be_kept_is_told),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(a_body_that_is_not_wanted_is_told),
        cmocka_unit_test(a_body_that_is_too_large_is_told),
        cmocka_unit_test(packed_bodies_are_read),
        cmocka_unit_test(who_has_no_key_is_refused),
        cmocka_unit_test(pages_of_the_list_may_ask),
        cmocka_unit_test(other_pages_may_not),
        cmocka_unit_test(ids_and_traces_are_handed_on),
        cmocka_unit_test(each_request_is_logged),
        cmocka_unit_test(a_head_that_never_ends_is_given_up),
        cmocka_unit_test(so_is_one_behind_a_request),
        cmocka_unit_test(a_body_that_never_ends_is_given_up),
        cmocka_unit_test(who_waits_for_the_service_is_not_given_up),
        cmocka_unit_test(the_end_answers_everybody),
        cmocka_unit_test(a_request_on_its_way_is_answered),
        cmocka_unit_test(a_swap_refuses_nobody),
        cmocka_unit_test(counters_go_on_over_swaps),
        cmocka_unit_test(who_hangs_up_after_a_swap_is_taken_back),
        cmocka_unit_test(a_socket_handed_over_keeps_those_who_wait),
        cmocka_unit_test(what_is_no_listening_socket_is_refused),
        cmocka_unit_test(connections_are_bounded),
        cmocka_unit_test(an_idle_connection_makes_room),
        cmocka_unit_test(a_busy_connection_makes_room_with_its_answer),
        cmocka_unit_test(nothing_stays_open_behind_it),
        cmocka_unit_test(nothing_stays_open_of_who_hung_up),
        cmocka_unit_test(addresses_that_are_none_are_refused),
        cmocka_unit_test(the_limit_fits_the_largest_batch),
    };
    return cmocka_run_group_tests(tests, bt_scratch_enter, bt_scratch_leave);
}
