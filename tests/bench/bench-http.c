/* bench-http: what HTTP costs around a service. Prints figures and judges none.
 *
 *   bench-http [CONNECTIONS]     requests a second and CPU time a request of a model that takes no time, over
 *                                connections that are kept (32), then the latency of one at a time. Server and client
 *                                are a process each and share this machine's cores.
 *   bench-http at PORT [N]       the same figures of a server that runs already on this machine, whose model is called
 *                                hrnet: how tests/triton-comparison asks another
 *   bench-http share SIZE [N]    HRNet's latency at SIZE x SIZE by the library's call, and over HTTP, in turns: what
 *                                the front adds to its median and P95 (N pairs, 400). */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/server.h"
#include "live-service.h"
#include "measure/quantile.h"
#include "spread.h"

#define ROUNDS          7
#define ROUND_NS        BT_NS_PER_S
#define LONE_COUNT      4000
#define CONNECTIONS     32
#define CONNECTIONS_MAX 1000
#define PAIRS           400
#define PAIRS_MAX       100000
#define KINDS           2         /* of requests */
#define ANSWER_SIZE     (2 << 20) /* as far as it is used */

static void must(bool good, const char *what) {
    if (good) return;
    fprintf(stderr, "bench-http: %s\n", what);
    exit(1);
}

/* ---- a server ---- */

typedef struct front {
    bt_service *service;
    bt_http_settings settings;
    bt_http_server *server;
    int port;
} front;

static void open_front(front *f, const live_service *about) {
    bt_option_sources sources;
    bt_error error;
    size_t count;
    const bt_option *table = bt_http_settings_table(&count);
    bt_options_default(table, count, &f->settings, &sources);
    f->settings.port = 0;
    f->service = live_service_start(about);
    must(bt_http_server_open(&f->server, f->service, &f->settings, NULL, BT_HTTP_LISTEN, &error) == BT_OK,
         error.message);
    bt_http_server_ready(f->server);
    f->port = atoi(strrchr(bt_http_server_address(f->server), ':') + 1);
}

static void close_front(front *f) {
    bt_error error;
    must(bt_service_stop(f->service, 10000, &error) == BT_OK, error.message);
    bt_http_server_close(&f->server);
    bt_service_close(&f->service);
}

/* In a process of its own, until `ends` is closed. */
static void serve(int tells, int ends) {
    front f;
    char ignored;
    open_front(&f, &(live_service){.backend = "sim:tau0_ms=0,alpha_ms=0,noise=0",
                                   .batch_size = 64,
                                   .image_size = 4,
                                   .model_count = 1,
                                   .settings = "max_queue_size=4096,admission=false"});
    must(write(tells, &f.port, sizeof f.port) == sizeof f.port, "the port cannot be told");
    if (read(ends, &ignored, 1) < 0) return;
    close_front(&f);
}

/* ---- requests and answers ---- */

typedef struct message {
    char *bytes;
    size_t size;
} message;

/* A picture of side x side in binary; `outputs` is JSON. */
static message make_request(int side, const char *outputs) {
    char json[512], head[512];
    const size_t pixels = (size_t)side * (size_t)side * 3;
    const int json_size =
        snprintf(json, sizeof json,
                 "{\"inputs\":[{\"name\":\"image\",\"datatype\":\"UINT8\",\"shape\":[1,%d,%d,3],"
                 "\"parameters\":{\"binary_data_size\":%zu}}],\"outputs\":%s}",
                 side, side, pixels, outputs);
    const int head_size = snprintf(head, sizeof head,
                                   "POST /v2/models/hrnet/infer HTTP/1.1\r\nHost: localhost\r\n"
                                   "Inference-Header-Content-Length: %d\r\nContent-Length: %zu\r\n\r\n",
                                   json_size, (size_t)json_size + pixels);
    message out = {malloc((size_t)head_size + (size_t)json_size + pixels),
                   (size_t)head_size + (size_t)json_size + pixels};
    must(out.bytes != NULL, "no memory");
    memcpy(out.bytes, head, (size_t)head_size);
    memcpy(out.bytes + head_size, json, (size_t)json_size);
    for (size_t i = 0; i < pixels; i++)
        out.bytes[(size_t)head_size + (size_t)json_size + i] = (char)(i * 37);
    return out;
}

typedef struct client {
    int socket;
    size_t got, wanted; /* of an answer; wanted 0: its head is not whole yet */
    int64_t sent_ns;
    char answer[ANSWER_SIZE];
} client;

static void dial(client *c, int port) {
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    c->socket = socket(AF_INET, SOCK_STREAM, 0);
    must(c->socket >= 0 && connect(c->socket, (const struct sockaddr *)&to, sizeof to) == 0, "no connection");
    setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void ask(client *c, const message *request) {
    size_t sent = 0;
    c->got = c->wanted = 0;
    c->sent_ns = bt_clock_now_ns();
    while (sent < request->size) {
        const ssize_t part = send(c->socket, request->bytes + sent, request->size - sent, MSG_NOSIGNAL);
        must(part > 0, "the server closed a connection");
        sent += (size_t)part;
    }
}

/* Reads what there is; true where the answer is whole. */
static bool receive(client *c) {
    const ssize_t part = recv(c->socket, c->answer + c->got, ANSWER_SIZE - 1 - c->got, 0);
    must(part > 0, "the server closed a connection");
    c->got += (size_t)part;
    c->answer[c->got] = '\0';
    const char *body = c->wanted == 0 ? strstr(c->answer, "\r\n\r\n") : NULL;
    if (body) {
        const char *length = strstr(c->answer, "Content-Length: ");
        must(strncmp(c->answer, "HTTP/1.1 200", 12) == 0 && length, c->answer);
        c->wanted = (size_t)(body + 4 - c->answer) + strtoul(length + 16, NULL, 10);
        must(c->wanted < ANSWER_SIZE, "an answer is too long");
    }
    return c->wanted > 0 && c->got >= c->wanted;
}

static double ask_one_us(client *c, const message *request) {
    ask(c, request);
    while (!receive(c))
        continue;
    return (double)(bt_clock_now_ns() - c->sent_ns) / 1e3;
}

/* ---- load ---- */

static double cpu_us(clockid_t clock) {
    struct timespec now;
    must(clock_gettime(clock, &now) == 0, "no CPU clock");
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Of a server that is not ours nothing of the kind is known. */
#define NO_CLOCK ((clockid_t)-1)

/* Each connection asks anew when it is answered; returns how many were answered. */
static long load(client *clients, int count, int poller, const message *request, int64_t until_ns) {
    struct epoll_event events[64];
    long answered = 0;
    int out = count;
    for (int i = 0; i < count; i++)
        ask(&clients[i], request);
    while (out > 0) {
        const int ready = epoll_wait(poller, events, 64, 10000);
        must(ready > 0, "no answer comes");
        const bool more = bt_clock_now_ns() < until_ns;
        for (int i = 0; i < ready; i++) {
            client *c = events[i].data.ptr;
            if (!receive(c)) continue;
            answered++;
            if (more)
                ask(c, request);
            else
                out--;
        }
    }
    return answered;
}

static void bench_load(client *clients, int count, int poller, const message *request, clockid_t server_clock,
                       const char *what) {
    double rates[ROUNDS], server[ROUNDS], own[ROUNDS];
    const bool known = server_clock != NO_CLOCK;
    char line[128];
    for (int round = 0; round < ROUNDS; round++) {
        const double server_us = known ? cpu_us(server_clock) : 0, own_us = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
        const int64_t begin_ns = bt_clock_now_ns();
        const double answered = (double)load(clients, count, poller, request, begin_ns + ROUND_NS);
        rates[round] = answered / ((double)(bt_clock_now_ns() - begin_ns) / 1e9);
        if (known) server[round] = (cpu_us(server_clock) - server_us) / answered;
        own[round] = (cpu_us(CLOCK_PROCESS_CPUTIME_ID) - own_us) / answered;
    }
    snprintf(line, sizeof line, "%s, %d connections", what, count);
    print_spread(line, rates, ROUNDS, "requests/s");
    if (known) print_spread("  the server's CPU time a request", server, ROUNDS, "us");
    print_spread("  the client's", own, ROUNDS, "us");
}

static void bench_lone(client *c, const message *request, const char *what) {
    static double samples[LONE_COUNT];
    char line[128];
    for (int i = 0; i < LONE_COUNT; i++)
        samples[i] = ask_one_us(c, request);
    snprintf(line, sizeof line, "%s, one at a time", what);
    print_spread(line, samples, LONE_COUNT, "us");
}

static void bench_all(client *clients, int count, clockid_t server_clock, size_t kind_count) {
    static const struct {
        const char *what, *outputs;
    } kinds[KINDS] = {{"mask, binary", "[{\"name\":\"mask\",\"parameters\":{\"binary_data\":true}}]"},
                      {"polygons, JSON", "[{\"name\":\"polygons\"}]"}};
    const int poller = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[i]};
        must(epoll_ctl(poller, EPOLL_CTL_ADD, clients[i].socket, &event) == 0, "epoll");
    }
    for (size_t k = 0; k < kind_count; k++) {
        message request = make_request(4, kinds[k].outputs);
        bench_load(clients, count, poller, &request, server_clock, kinds[k].what);
        bench_lone(&clients[0], &request, kinds[k].what);
        free(request.bytes);
    }
    close(poller);
}

/* The first `kind_count` kinds of request, at a server of this machine. */
static void bench_server(int port, int count, clockid_t server_clock, size_t kind_count) {
    client *clients = calloc((size_t)count, sizeof *clients);
    must(clients != NULL, "no memory");
    for (int i = 0; i < count; i++)
        dial(&clients[i], port);
    bench_all(clients, count, server_clock, kind_count);
    for (int i = 0; i < count; i++)
        close(clients[i].socket);
    free(clients);
}

static void bench(int count) {
    int told[2], ends[2], port = 0;
    clockid_t server_clock;
    must(pipe(told) == 0 && pipe(ends) == 0, "no pipe");
    const pid_t child = fork();
    must(child >= 0, "no process");
    if (child == 0) {
        close(ends[1]);
        serve(told[1], ends[0]);
        exit(0);
    }
    must(read(told[0], &port, sizeof port) == sizeof port, "the server did not start");
    must(clock_getcpuclockid(child, &server_clock) == 0, "the server has no CPU clock");
    bench_server(port, count, server_clock, KINDS);
    close(ends[1]);
    waitpid(child, NULL, 0);
}

/* ---- what it adds to a network's latency ---- */

static double call_us(bt_service *service, const bt_request *request) {
    const int64_t begin_ns = bt_clock_now_ns();
    bt_error error;
    must(bt_service_infer(service, request, NULL, &error) == BT_OK, error.message);
    return (double)(bt_clock_now_ns() - begin_ns) / 1e3;
}

static void print_share(double *calls, double *asked, int pairs) {
    print_spread("the library's call", calls, (size_t)pairs, "us"); /* sorts */
    print_spread("over HTTP", asked, (size_t)pairs, "us");
    for (int i = 0; i < 2; i++) {
        const double at = i == 0 ? 0.5 : 0.95;
        const double call = bt_quantile(calls, (size_t)pairs, at),
                     over = bt_quantile(asked, (size_t)pairs, at);
        printf("  P%g: %.0f and %.0f us, which is %+.2f %%\n", at * 100, call, over, 100 * (over / call - 1));
    }
}

static void bench_share(int side, int pairs) {
    static client c;
    front f;
    message request = make_request(side, "[{\"name\":\"mask\",\"parameters\":{\"binary_data\":true}}]");
    const size_t pixels = (size_t)side * (size_t)side;
    uint8_t *mask = malloc(pixels);
    double *calls = calloc((size_t)pairs, sizeof *calls), *asked = calloc((size_t)pairs, sizeof *asked);
    must(mask && calls && asked, "no memory");
    open_front(&f, &(live_service){.backend = "plan", .batch_size = 1, .image_size = side, .model_count = 1});
    dial(&c, f.port);
    const bt_request call = {.image = (const uint8_t *)request.bytes + request.size - 3 * pixels,
                             .height = side,
                             .width = side,
                             .model = "hrnet",
                             .mask = mask};
    for (int i = 0; i < pairs; i++) {
        if (i % 2 == 0) calls[i] = call_us(f.service, &call);
        asked[i] = ask_one_us(&c, &request);
        if (i % 2 != 0) calls[i] = call_us(f.service, &call);
    }
    print_share(calls, asked, pairs);
    close(c.socket);
    close_front(&f);
    free(request.bytes);
    free(calls);
    free(asked);
    free(mask);
}

static int number_of(const char *text, int least, int most) {
    char *end;
    const long value = strtol(text, &end, 10);
    must(*end == '\0' && value >= least && value <= most,
         "bench-http [CONNECTIONS] | at PORT [CONNECTIONS] | share SIZE [N]");
    return (int)value;
}

int main(int argc, char **argv) {
    if (argc > 2 && strcmp(argv[1], "share") == 0)
        bench_share(number_of(argv[2], 32, 1024), argc > 3 ? number_of(argv[3], 20, PAIRS_MAX) : PAIRS);
    else if (argc > 2 && strcmp(argv[1], "at") == 0) /* masks alone: others have no polygons */
        bench_server(number_of(argv[2], 1, 65535),
                     argc > 3 ? number_of(argv[3], 1, CONNECTIONS_MAX) : CONNECTIONS, NO_CLOCK, 1);
    else
        bench(argc > 1 ? number_of(argv[1], 1, CONNECTIONS_MAX) : CONNECTIONS);
    return 0;
}
