/* abuse-http: the server among those who mean harm, or cannot do better, while good clients go on.
 *
 *   abuse-http [SECONDS [RATE [HELD]]]   60 s of abuse in turns with 60 s without: RATE connections a second (100) that
 *                                        send each kind of nonsense in each kind of way, and HELD (1500) at a time that
 *                                        drip, say nothing, or do not read
 *
 * Server, abuse and good clients are a process each. It fails where the server ends, a good client is not answered or is
 * answered wrong, what it holds at rest grows, or, under AddressSanitizer, something is left at its end. The good
 * clients' P95 of both, and their ratio, are printed and not judged: they share this machine's cores with the rest. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "http-abuse.h"
#include "http/server.h"
#include "live-service.h"
#include "measure/quantile.h"

#define TURNS       6
#define GOOD        4 /* clients */
#define GOOD_GAP_NS (20 * BT_NS_PER_MS)
#define SAMPLES_MAX 200000
#define SIDE        64

/* After a turn: what the server has allocated may take this long to come down to what it held before the first one, give
 * or take the buffers that good clients' last requests left. What is resident is printed alone: the allocator keeps pages
 * of what was freed, as many as the worst moment took. */
#define REST_MAX_NS   (15 * BT_NS_PER_S)
#define GROWTH_MAX_KB 512
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_IS_JUDGED 0 /* their allocators do not tell; AddressSanitizer looks at the end */
#else
#define MEMORY_IS_JUDGED 1
#endif

static void must(bool good, const char *what) {
    if (good) return;
    fprintf(stderr, "abuse-http: %s\n", what);
    exit(1);
}

static int dial(int port, int flags) {
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int client = socket(AF_INET, SOCK_STREAM | flags, 0);
    if (client < 0) return -1;
    if (connect(client, (const struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS) return client;
    close(client);
    return -1;
}

/* ---- the server ---- */

/* What is allocated and not freed, by the whole process. */
static long in_use_kb(void) {
    const struct mallinfo2 all = mallinfo2();
    return (long)((all.uordblks + all.hblkhd) / 1024);
}

/* Tells its port, then what it has allocated as often as it is asked, until the asking end is closed. */
static void serve(int tells, int asked) {
    static bt_http_settings settings;
    bt_option_sources sources;
    bt_http_server *server;
    bt_error error;
    char question;
    size_t count;
    const bt_option *table = bt_http_settings_table(&count);
    const live_service about = {
        .backend = "sim:tau0_ms=2,alpha_ms=0.5", .batch_size = 8, .image_size = SIDE, .model_count = 1};
    bt_options_default(table, count, &settings, &sources);
    settings.port = 0;
    settings.connections = 10000;
    settings.idle_timeout_seconds = 3;
    settings.request_timeout_seconds = 10;
    bt_service *service = live_service_start(&about);
    must(bt_http_server_open(&server, service, &settings, NULL, BT_HTTP_LISTEN, &error) == BT_OK,
         error.message);
    bt_http_server_ready(server);
    const int port = atoi(strrchr(bt_http_server_address(server), ':') + 1);
    must(write(tells, &port, sizeof port) == sizeof port, "the port cannot be told");
    while (read(asked, &question, 1) == 1) {
        const long kb = in_use_kb();
        must(write(tells, &kb, sizeof kb) == sizeof kb, "what is held cannot be told");
    }
    bt_http_server_quiet(server);
    must(bt_service_stop(service, 10000, &error) == BT_OK, error.message);
    bt_http_server_close(&server);
    must(server == NULL, "the server is left");
    bt_service_close(&service);
}

typedef struct server_process {
    pid_t process;
    int asks, tells; /* pipes */
    int port;
} server_process;

static long resident_mb(const server_process *server) {
    char path[64], line[256];
    long kb = 0;
    snprintf(path, sizeof path, "/proc/%d/status", server->process);
    FILE *file = fopen(path, "r");
    must(file != NULL, "the server has ended");
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0) kb = atol(line + 6);
    fclose(file);
    return kb / 1024;
}

static long allocated_kb(const server_process *server) {
    long kb = 0;
    must(write(server->asks, "", 1) == 1 && read(server->tells, &kb, sizeof kb) == sizeof kb,
         "the server does not tell what it holds");
    return kb;
}

/* Once it has let go of what ended connections and late requests hold, or REST_MAX_NS on. */
static long at_rest_kb(const server_process *server, long enough_kb) {
    const int64_t until_ns = bt_clock_now_ns() + REST_MAX_NS;
    long kb;
    while ((kb = allocated_kb(server)) > enough_kb && bt_clock_now_ns() < until_ns)
        bt_clock_sleep_until_ns(bt_clock_now_ns() + 20 * BT_NS_PER_MS);
    return kb;
}

/* ---- abuse ---- */

/* How it is sent. */
typedef enum manner {
    AT_ONCE, /* then reads until it is closed */
    CUT,     /* some of it, then ends its half */
    RESET,   /* some of it, then a reset */
    DRIP,    /* a byte at a time, from a random place near the end of the head */
    SILENT,  /* nothing at all */
    DEAF,    /* at once, and never reads */
    MANNERS
} manner;

typedef struct attack {
    int socket; /* -1: none */
    manner how;
    const http_abuse *what;
    size_t sent, end;          /* of it */
    int64_t next_ns, until_ns; /* what it does next, and when it gives up */
} attack;

static bool is_held(manner how) {
    return how == DRIP || how == SILENT || how == DEAF;
}

static void begin(attack *a, int port, bool held, bt_random *random, int64_t now_ns) {
    size_t count;
    const http_abuse *all = http_abuse_all(&count);
    const manner first = held ? DRIP : AT_ONCE;
    a->socket = dial(port, SOCK_NONBLOCK);
    a->how = (manner)((int)first + (int)bt_random_below(random, 3));
    a->what = &all[bt_random_below(random, count)];
    a->sent = 0;
    a->end = a->how == CUT || a->how == RESET ? bt_random_below(random, a->what->size + 1) : a->what->size;
    a->next_ns = now_ns;
    a->until_ns = now_ns + (held ? 6 : 1) * BT_NS_PER_S;
}

static void give_up(attack *a) {
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    if (a->how == RESET) setsockopt(a->socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(a->socket);
    a->socket = -1;
}

/* False where the server has closed it. */
static bool read_some(int client) {
    char ignored[16384];
    const ssize_t got = recv(client, ignored, sizeof ignored, MSG_DONTWAIT);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == ENOTCONN));
}

static bool send_some(attack *a, size_t most) {
    const size_t left = a->end - a->sent;
    const ssize_t part =
        send(a->socket, a->what->bytes + a->sent, left < most ? left : most, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (part > 0) a->sent += (size_t)part;
    return part >= 0 || errno == EAGAIN || errno == ENOTCONN;
}

#define GAP_NS      (5 * BT_NS_PER_MS)
#define DRIP_GAP_NS (300 * BT_NS_PER_MS)

/* One small step, now and then; ends it when it is over. */
static void step(attack *a, int64_t now_ns) {
    bool goes_on = now_ns < a->until_ns;
    a->next_ns = now_ns + (is_held(a->how) ? DRIP_GAP_NS : GAP_NS);
    if (goes_on && a->how != SILENT && a->sent < a->end) goes_on = send_some(a, a->how == DRIP ? 1 : 65536);
    if (goes_on && a->how == CUT && a->sent == a->end) shutdown(a->socket, SHUT_WR);
    if (goes_on && a->how != DEAF) goes_on = read_some(a->socket);
    if (a->how == RESET && a->sent == a->end) goes_on = false;
    if (!goes_on) give_up(a);
}

typedef struct abuse {
    int port, rate, held;
    attack *attacks;
    int count; /* the first `held` of them are such */
    long begun;
} abuse;

/* As many quick ones as the rate has it, and all the held ones. */
static void begin_some(abuse *all, bt_random *random, int64_t began_ns, int64_t now_ns) {
    long due = (long)((double)(now_ns - began_ns) / 1e9 * all->rate) + 1 - all->begun;
    for (int i = 0; i < all->count; i++) {
        const bool held = i < all->held;
        if (all->attacks[i].socket >= 0 || (!held && due <= 0)) continue;
        begin(&all->attacks[i], all->port, held, random, now_ns);
        if (!held) due--;
        if (!held) all->begun++;
    }
}

static void attack_until(abuse *all, int64_t until_ns, uint64_t seed) {
    bt_random random = bt_random_stream(seed, "abuse");
    const int64_t began_ns = bt_clock_now_ns();
    for (int64_t now_ns = began_ns; now_ns < until_ns; now_ns = bt_clock_now_ns()) {
        begin_some(all, &random, began_ns, now_ns);
        for (int i = 0; i < all->count; i++)
            if (all->attacks[i].socket >= 0 && all->attacks[i].next_ns <= now_ns)
                step(&all->attacks[i], now_ns);
        bt_clock_sleep_until_ns(now_ns + GAP_NS);
    }
    for (int i = 0; i < all->count; i++)
        if (all->attacks[i].socket >= 0) give_up(&all->attacks[i]);
}

/* A process of its own, for a turn. */
static pid_t start_abuse(int port, int rate, int held, double seconds, int turn) {
    fflush(stdout);
    const pid_t child = fork();
    must(child >= 0, "no process");
    if (child > 0) return child;
    abuse all = {.port = port, .rate = rate, .held = held, .count = held + rate};
    all.attacks = calloc((size_t)all.count, sizeof *all.attacks);
    must(all.attacks != NULL, "no memory");
    for (int i = 0; i < all.count; i++)
        all.attacks[i].socket = -1;
    attack_until(&all, bt_clock_now_ns() + (int64_t)(seconds * 1e9), (uint64_t)turn);
    fprintf(stderr, "  turn %d: %ld connections of nonsense, %d held\n", turn + 1, all.begun, held);
    free(all.attacks);
    _exit(0);
}

/* ---- good clients ---- */

typedef struct good {
    pthread_t thread;
    int port;
    int64_t until_ns;
    double *ms; /* of each request, from when it was meant to be sent */
    size_t count;
    const char *wrong; /* NULL: every one was answered well */
} good;

static size_t write_request(char *out, size_t room) {
    char json[256];
    const int pixels = SIDE * SIDE * 3;
    const int json_size =
        snprintf(json, sizeof json,
                 "{\"inputs\":[{\"name\":\"image\",\"datatype\":\"UINT8\",\"shape\":[1,%d,%d,3],"
                 "\"parameters\":{\"binary_data_size\":%d}}],\"outputs\":[{\"name\":\"mask\","
                 "\"parameters\":{\"binary_data\":true}}]}",
                 SIDE, SIDE, pixels);
    const int head_size = snprintf(out, room,
                                   "POST /v2/models/hrnet/infer HTTP/1.1\r\nHost: here\r\n"
                                   "Inference-Header-Content-Length: %d\r\nContent-Length: %d\r\n\r\n%s",
                                   json_size, json_size + pixels, json);
    memset(out + head_size, 100, (size_t)pixels);
    return (size_t)(head_size + pixels);
}

/* Why it was not answered well; NULL: it was. */
static const char *ask(int client, const char *request, size_t size) {
    static _Thread_local char answer[65536];
    size_t got = 0, wanted = sizeof answer;
    for (size_t sent = 0; sent < size;) {
        const ssize_t part = send(client, request + sent, size - sent, MSG_NOSIGNAL);
        if (part <= 0) return "its connection was closed while it sent";
        sent += (size_t)part;
    }
    while (got < wanted) {
        const ssize_t part = recv(client, answer + got, sizeof answer - 1 - got, 0);
        if (part <= 0) return "its connection was closed before the answer";
        got += (size_t)part;
        answer[got] = '\0';
        const char *body = strstr(answer, "\r\n\r\n"), *length = strstr(answer, "Content-Length: ");
        if (body && length && wanted == sizeof answer)
            wanted = (size_t)(body + 4 - answer) + strtoul(length + 16, NULL, 10);
    }
    return strncmp(answer, "HTTP/1.1 200", 12) == 0 ? NULL : answer;
}

static void *be_good(void *argument) {
    good *g = argument;
    char *request = malloc(SIDE * SIDE * 3 + 1024);
    must(request != NULL, "no memory");
    const size_t size = write_request(request, 1024);
    const int client = dial(g->port, 0), on = 1;
    if (client < 0) g->wrong = "it was not let in";
    if (client >= 0) setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (int64_t meant_ns = bt_clock_now_ns(); !g->wrong && meant_ns < g->until_ns; meant_ns += GOOD_GAP_NS) {
        bt_clock_sleep_until_ns(meant_ns);
        g->wrong = ask(client, request, size);
        if (g->count < SAMPLES_MAX) g->ms[g->count++] = bt_ms(bt_clock_now_ns() - meant_ns);
    }
    if (g->wrong) g->wrong = strdup(g->wrong);
    if (client >= 0) close(client);
    free(request);
    return NULL;
}

/* ---- both ---- */

typedef struct samples {
    double *ms;
    size_t count;
} samples;

static void be_good_together(int port, double seconds, samples *into) {
    static good clients[GOOD];
    for (int i = 0; i < GOOD; i++) {
        const int64_t until_ns = bt_clock_now_ns() + (int64_t)(seconds * 1e9);
        clients[i] = (good){.port = port, .until_ns = until_ns};
        clients[i].ms = calloc(SAMPLES_MAX, sizeof *clients[i].ms);
        must(clients[i].ms != NULL, "no memory");
        must(pthread_create(&clients[i].thread, NULL, be_good, &clients[i]) == 0, "no thread");
    }
    for (int i = 0; i < GOOD; i++) {
        pthread_join(clients[i].thread, NULL);
        if (clients[i].wrong) fprintf(stderr, "abuse-http: a good client: %s\n", clients[i].wrong);
        must(!clients[i].wrong, "a good client was let down");
        for (size_t s = 0; s < clients[i].count && into->count < SAMPLES_MAX; s++)
            into->ms[into->count++] = clients[i].ms[s];
        free(clients[i].ms);
    }
}

static double p95_of(samples *s) {
    must(s->count > 0, "nobody was answered");
    bt_sort(s->ms, s->count);
    return bt_quantile(s->ms, s->count, 0.95);
}

static void print_turns(const char *of, const long values[TURNS]) {
    printf("%s:", of);
    for (int turn = 0; turn < TURNS; turn++)
        printf(" %ld", values[turn]);
    putchar('\n');
}

static void take_turns(const server_process *server, double seconds, int rate, int held) {
    samples calm = {.ms = calloc(SAMPLES_MAX, sizeof(double))},
            abused = {.ms = calloc(SAMPLES_MAX, sizeof(double))};
    long held_mb[TURNS], rest_kb[TURNS], before_kb = 0, most_kb = 0;
    must(calm.ms && abused.ms, "no memory");
    for (int turn = 0; turn < TURNS; turn++) {
        int status;
        be_good_together(server->port, seconds / TURNS, &calm);
        if (turn == 0) before_kb = allocated_kb(server);
        const pid_t abuser = start_abuse(server->port, rate, held, seconds / TURNS, turn);
        be_good_together(server->port, seconds / TURNS, &abused);
        must(waitpid(abuser, &status, 0) == abuser && status == 0, "the abuse failed");
        held_mb[turn] = resident_mb(server);
        rest_kb[turn] = at_rest_kb(server, before_kb + GROWTH_MAX_KB);
        if (rest_kb[turn] > most_kb) most_kb = rest_kb[turn];
    }
    const double calm_ms = p95_of(&calm), abused_ms = p95_of(&abused);
    printf("good clients: %zu requests among abuse, P95 %.2f ms; %zu without, P95 %.2f ms: %.2f times\n",
           abused.count, abused_ms, calm.count, calm_ms, abused_ms / calm_ms);
    print_turns("resident, in MB after each turn", held_mb);
    printf("allocated, in KB: %ld before; ", before_kb);
    print_turns("at rest after each turn", rest_kb);
    must(!MEMORY_IS_JUDGED || most_kb <= before_kb + GROWTH_MAX_KB, "memory grows");
    free(calm.ms);
    free(abused.ms);
}

static void run(double seconds, int rate, int held) {
    int told[2], asked[2], status;
    size_t kinds;
    must(pipe(told) == 0 && pipe(asked) == 0, "no pipe");
    server_process server = {.process = fork(), .asks = asked[1], .tells = told[0]};
    must(server.process >= 0, "no process");
    if (server.process == 0) {
        close(asked[1]);
        serve(told[1], asked[0]);
        exit(0); /* and AddressSanitizer looks what is left */
    }
    (void)http_abuse_all(&kinds);
    must(read(server.tells, &server.port, sizeof server.port) == sizeof server.port,
         "the server did not start");
    take_turns(&server, seconds, rate, held);
    close(server.asks);
    must(waitpid(server.process, &status, 0) == server.process && status == 0, "the server did not end well");
    printf("%zu kinds of nonsense in %d manners: the server ended well\n", kinds, MANNERS);
}

int main(int argc, char **argv) {
    const double seconds = argc > 1 ? atof(argv[1]) : 60;
    const int rate = argc > 2 ? atoi(argv[2]) : 100, held = argc > 3 ? atoi(argv[3]) : 1500;
    struct rlimit files;
    must(seconds > 0 && rate > 0 && held >= 0, "usage: abuse-http [SECONDS [RATE [HELD]]]");
    must(getrlimit(RLIMIT_NOFILE, &files) == 0, "no limit of files");
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    must(files.rlim_cur > (rlim_t)(2 * (held + rate)), "ulimit -n is below what so many connections take");
    run(seconds, rate, held);
    return 0;
}
