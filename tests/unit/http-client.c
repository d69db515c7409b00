/* Load over HTTP: the generator drives servers that are there, and tells what became of requests where they are not.
 * Whatever has to wait does so until something happens, never for a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "expect.h"
#include "http/server.h"
#include "live-service.h"
#include "load/generator.h"
#include "load/target-remote.h"
#include "loopback.h"

#define SERVERS_MAX 2
#define FOREVER_MS  600000

typedef struct server {
    bt_service *service;
    bt_http_settings settings; /* the server's as long as it is open */
    bt_http_server *http;
} server;

typedef struct world {
    server servers[SERVERS_MAX];
    bt_endpoints endpoints;
    bt_client *client;
    bt_remote_target *target;
} world;

static const bt_remote_model model = {
    .name = "hrnet", .input = "image", .pixels = BT_REMOTE_UINT8, .batched = true, .map = "mask"};

static void serve(server *s, const char *settings) {
    bt_option_sources sources;
    size_t count;
    bt_error error;
    const bt_option *table = bt_http_settings_table(&count);
    const live_service about = {.backend = "sim:tau0_ms=0,alpha_ms=0",
                                .batch_size = 1,
                                .image_size = 8,
                                .model_count = 1,
                                .settings = settings};
    bt_options_default(table, count, &s->settings, &sources);
    s->settings.port = 0;
    s->service = live_service_start(&about);
    must(bt_http_server_open(&s->http, s->service, &s->settings, NULL, BT_HTTP_LISTEN, &error), &error);
    bt_http_server_ready(s->http);
}

/* So many servers, and requests to them that wait so long at most. */
static void begin(world *w, int servers, const char *settings, int64_t limit_ms) {
    bt_error error;
    *w = (world){.endpoints.count = servers};
    for (int i = 0; i < servers; i++) {
        serve(&w->servers[i], settings);
        snprintf(w->endpoints.urls[i], BT_URL_SIZE, "%s", bt_http_server_address(w->servers[i].http));
    }
    must(bt_client_open(&w->client, limit_ms, &error), &error);
}

static void open_target(world *w) {
    bt_error error;
    const bt_load_images images = {
        .model = "hrnet", .inputs = {{8, 6, NULL}, {3, 5, NULL}}, .input_count = 2};
    const bt_remote_target_options options = {.client = w->client,
                                              .endpoints = &w->endpoints,
                                              .models = &model,
                                              .streams = &images,
                                              .stream_count = 1,
                                              .seed = 1};
    must(bt_remote_target_open(&w->target, &options, &error), &error);
}

static void end(world *w) {
    bt_error error;
    bt_client_close(&w->client);
    bt_remote_target_close(&w->target);
    for (int i = 0; i < w->endpoints.count && w->servers[i].http; i++) {
        bt_http_server_quiet(w->servers[i].http);
        must(bt_service_stop(w->servers[i].service, 10000, &error), &error);
        bt_http_server_close(&w->servers[i].http);
        bt_service_close(&w->servers[i].service);
    }
}

/* `count` requests, `clients` at a time. */
static bt_request_log *run(world *w, int clients, int64_t count) {
    bt_request_log *log;
    bt_error error;
    const bt_stream stream = {.clients = clients, .clients_count = count, .input_count = 2};
    const bt_load_options options = {.target = bt_remote_target_of(w->target),
                                     .streams = &stream,
                                     .stream_count = 1,
                                     .drain_ns = FOREVER_MS * BT_NS_PER_MS};
    must(bt_load_run(&log, &options, &error), &error);
    assert_int_equal(log->count, count);
    assert_int_equal(log->lost, 0);
    return log;
}

static void all_are(const bt_request_log *log, bt_status status) {
    for (int64_t i = 0; i < log->count; i++)
        assert_int_equal(log->requests[i].status, status);
}

static int64_t completed(const server *s) {
    bt_metrics metrics;
    bt_error error;
    must(bt_service_metrics(s->service, "hrnet", &metrics, &error), &error);
    return (int64_t)metrics.ok;
}

/* ---- tests ---- */

static void requests_are_answered_and_tell_their_times(void **state) {
    (void)state;
    world w;
    char failure[BT_ERROR_MESSAGE_SIZE];
    begin(&w, 1, NULL, FOREVER_MS);
    open_target(&w);
    bt_request_log *log = run(&w, 3, 40);
    all_are(log, BT_OK);
    for (int64_t i = 0; i < log->count; i++) {
        const bt_sent_request *request = &log->requests[i];
        assert_int_equal(request->batch_size, 1);
        assert_true(request->intended_ns <= request->sent_ns && request->sent_ns <= request->answered_ns);
    }
    bt_remote_target_failure(w.target, failure);
    assert_string_equal(failure, "");
    bt_request_log_close(&log);
    end(&w);
}

static void servers_share_the_load(void **state) {
    (void)state;
    world w;
    begin(&w, 2, NULL, FOREVER_MS);
    open_target(&w);
    bt_request_log *log = run(&w, 1, 40); /* one at a time: each in its turn */
    all_are(log, BT_OK);
    assert_int_equal(completed(&w.servers[0]), 20);
    assert_int_equal(completed(&w.servers[1]), 20);
    bt_request_log_close(&log);
    end(&w);
}

/* A port that somebody had, and nobody listens at. */
static void where_nobody_listens_requests_fail(void **state) {
    (void)state;
    world w;
    char failure[BT_ERROR_MESSAGE_SIZE];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    const int holder = socket(AF_INET, SOCK_STREAM, 0); /* bound, so that nobody else gets it */
    assert_int_equal(bind(holder, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(holder, (struct sockaddr *)&at, &size), 0);
    begin(&w, 0, NULL, FOREVER_MS);
    w.endpoints.count = 1;
    snprintf(w.endpoints.urls[0], BT_URL_SIZE, "http://127.0.0.1:%d", ntohs(at.sin_port));
    open_target(&w);
    bt_request_log *log = run(&w, 2, 4);
    all_are(log, BT_IO);
    bt_remote_target_failure(w.target, failure);
    says(failure, "/v2/models/hrnet/infer: no answer: ");
    bt_request_log_close(&log);
    end(&w);
    close(holder);
}

static void what_a_server_says_of_a_failure_is_kept(void **state) {
    (void)state;
    world w;
    char failure[BT_ERROR_MESSAGE_SIZE];
    begin(&w, 1, "backend=\"sim:tau0_ms=0,alpha_ms=0,faults=fail%1\",failover=false,warm_up=false",
          FOREVER_MS);
    open_target(&w);
    bt_request_log *log = run(&w, 1, 2);
    all_are(log, BT_BACKEND);
    bt_remote_target_failure(w.target, failure);
    says(failure, "HTTP 500: ");
    bt_request_log_close(&log);
    end(&w);
}

static void who_never_answers_is_given_up(void **state) {
    (void)state;
    world w;
    begin(&w, 0, NULL, 20);
    w.endpoints.count = 1;
    const int silent = loopback_listen(w.endpoints.urls[0]);
    open_target(&w);
    bt_request_log *log = run(&w, 2, 4);
    all_are(log, BT_TIMEOUT);
    for (int64_t i = 0; i < log->count; i++)
        assert_int_equal(log->requests[i].answered_ns, 0); /* as of those that are lost */
    bt_request_log_close(&log);
    end(&w);
    close(silent);
}

static void note_end(void *context, const bt_client_answer *answer) {
    *(int *)context += answer->timed_out;
}

static void closing_tells_those_that_wait(void **state) {
    (void)state;
    bt_client *client;
    bt_error error;
    char url[BT_URL_SIZE];
    int told = 0;
    const int silent = loopback_listen(url);
    const bt_client_request request = {.url = url, .body = (const uint8_t *)"{}", .size = 2, .json_size = 2};
    must(bt_client_open(&client, FOREVER_MS, &error), &error);
    for (int i = 0; i < 3; i++)
        must(bt_client_send(client, &request, note_end, &told, &error), &error);
    bt_client_close(&client);
    assert_null(client);
    assert_int_equal(told, 3);
    close(silent);
}

static void a_question_is_answered(void **state) {
    (void)state;
    world w;
    char url[2 * BT_URL_SIZE], *text;
    size_t size;
    int http_status;
    bt_error error;
    begin(&w, 1, NULL, FOREVER_MS);
    snprintf(url, sizeof url, "%s/v2/repository/index", w.endpoints.urls[0]);
    must(bt_client_ask(url, true, FOREVER_MS, &http_status, &text, &size, &error), &error);
    assert_int_equal(http_status, 200);
    says(text, "hrnet");
    free(text);
    snprintf(url, sizeof url, "%s/nowhere", w.endpoints.urls[0]);
    must(bt_client_ask(url, false, FOREVER_MS, &http_status, &text, &size, &error), &error);
    assert_int_equal(http_status, 404);
    free(text);
    assert_int_equal(
        bt_client_ask("http://127.0.0.1:1/v2", false, FOREVER_MS, &http_status, &text, &size, &error), BT_IO);
    says(error.message, "http://127.0.0.1:1/v2: ");
    assert_null(text);
    end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered_and_tell_their_times),
        cmocka_unit_test(servers_share_the_load),
        cmocka_unit_test(where_nobody_listens_requests_fail),
        cmocka_unit_test(what_a_server_says_of_a_failure_is_kept),
        cmocka_unit_test(who_never_answers_is_given_up),
        cmocka_unit_test(closing_tells_those_that_wait),
        cmocka_unit_test(a_question_is_answered),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
