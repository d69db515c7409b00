#include "client/client.h"

#include <stdlib.h>

#ifdef BT_WITHOUT_FILE_LIBRARIES

bt_status bt_client_open(bt_client **out, int64_t limit_ms, bt_error *error) {
    (void)limit_ms;
    *out = NULL;
    return bt_fail(error, BT_UNSUPPORTED, "this build is without libcurl");
}

void bt_client_close(bt_client **client) {
    *client = NULL;
}

bt_status bt_client_send(bt_client *client, const bt_client_request *request, bt_client_told told,
                         void *context, bt_error *error) {
    (void)client, (void)request, (void)told, (void)context;
    return bt_fail(error, BT_UNSUPPORTED, "this build is without libcurl");
}

#else

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/priority.h"
#include "client/easy.h"

/* An answer's room is kept for the next one up to this. Raised, a burst of large answers keeps its memory;
 * lowered, answers of that size cost an allocation each. */
#define KEPT_BYTES        (1 << 16)

/* Descriptors that the rest of the program may want. */
#define SPARE_DESCRIPTORS 64

/* How many sockets the kernel tells of at once. */
#define EVENTS            64

/* One request from when it is sent until its answer is told. */
typedef struct call {
    struct call *next, *previous;
    bt_client_request request;
    bt_client_told told;
    void *context;
    CURL *easy;
    struct curl_slist *headers;
    bt_easy_answer answer;
    int64_t begun_ns;
    bool again; /* it has been begun a second time */
} call;

/* A list that is taken from its front and added to at its end. */
typedef struct calls {
    call *first, *last;
} calls;

struct bt_client {
    int64_t limit_ms;
    CURLM *multi;
    int epoll, wake;
    pthread_t thread;
    bool has_thread;
    int most, running;
    int64_t timer_ns;     /* when libcurl wants to be asked again; INT64_MAX: never */
    call *under_way;      /* both ways; the thread's own */
    call *idle;           /* by `next`; likewise: with their handles, to be used again */
    pthread_mutex_t lock; /* of what is below */
    calls waiting;
    bool end;
};

/* ---- lists ---- */

static void append(calls *list, call *c) {
    c->next = NULL;
    if (list->last)
        list->last->next = c;
    else
        list->first = c;
    list->last = c;
}

static call *take_first(calls *list) {
    call *c = list->first;
    if (!c) return NULL;
    list->first = c->next;
    if (!list->first) list->last = NULL;
    return c;
}

static void put_under_way(bt_client *client, call *c) {
    c->previous = NULL;
    c->next = client->under_way;
    if (c->next) c->next->previous = c;
    client->under_way = c;
    client->running++;
}

static void take_from_under_way(bt_client *client, call *c) {
    if (c->previous)
        c->previous->next = c->next;
    else
        client->under_way = c->next;
    if (c->next) c->next->previous = c->previous;
    client->running--;
}

static void free_call(call *c) {
    if (c->easy) curl_easy_cleanup(c->easy);
    curl_slist_free_all(c->headers);
    bt_easy_forget(&c->answer);
    free(c);
}

/* ---- a request's end ---- */

/* The call is used again by whoever sends next. */
static void tell(bt_client *client, call *c, CURLcode code) {
    bt_client_answer answer = {.begun_ns = c->begun_ns, .answered_ns = bt_clock_now_ns()};
    bt_easy_read(&c->answer, c->easy, code, &answer);
    c->told(c->context, &answer);
    if (c->answer.room > KEPT_BYTES) bt_easy_forget(&c->answer);
    c->next = client->idle;
    client->idle = c;
}

static void end_call(bt_client *client, call *c, CURLcode code) {
    curl_multi_remove_handle(client->multi, c->easy);
    take_from_under_way(client, c);
    tell(client, c, code);
}

/* On a fresh connection, and within the time that it had. */
static bool send_again(bt_client *client, call *c) {
    const int64_t left_ms = client->limit_ms - (bt_clock_now_ns() - c->begun_ns) / BT_NS_PER_MS;
    c->again = true;
    curl_multi_remove_handle(client->multi, c->easy);
    return curl_easy_setopt(c->easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
           curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, left_ms > 1 ? (long)left_ms : 1L) == CURLE_OK &&
           curl_multi_add_handle(client->multi, c->easy) == CURLM_OK;
}

/* Tells of those that have ended; whether there were any. */
static bool end_all(bt_client *client) {
    bool any = false;
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left));) {
        call *c = NULL;
        const CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE) continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &c);
        if (!c) continue;
        if (c->again || !bt_easy_unsent(&c->answer, c->easy, code) || !send_again(client, c))
            end_call(client, c, code);
        any = true;
    }
    return any;
}

/* ---- a request's beginning ---- */

static struct curl_slist *headers_of(const bt_client_request *request) {
    char length[64];
    snprintf(length, sizeof length, "Inference-Header-Content-Length: %zu", request->json_size);
    struct curl_slist *list = curl_slist_append(NULL, length);
    struct curl_slist *more = curl_slist_append(list, "Content-Type: application/octet-stream");
    if (more) more = curl_slist_append(more, "Expect:"); /* nobody asks first whether a body may come */
    if (!more) curl_slist_free_all(list);
    return more ? list : NULL;
}

/* Its handle is made once; what it sends may be the same as before. */
static bool set_up(const bt_client *client, call *c, const bt_client_request *before) {
    const bt_client_request *request = &c->request;
    if (!c->easy) c->easy = bt_easy_open(&c->answer, client->limit_ms);
    if (!c->easy) return false;
    if (!c->headers || before->json_size != request->json_size) {
        curl_slist_free_all(c->headers);
        c->headers = headers_of(request);
    }
    return c->headers && curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c) == CURLE_OK &&
           curl_easy_setopt(c->easy, CURLOPT_FRESH_CONNECT, 0L) == CURLE_OK &&
           curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)client->limit_ms) == CURLE_OK &&
           curl_easy_setopt(c->easy, CURLOPT_URL, request->url) == CURLE_OK &&
           curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, request->body) == CURLE_OK &&
           curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->size) == CURLE_OK &&
           curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers) == CURLE_OK;
}

/* An idle call's handle knows the server already. */
static call *revive(bt_client *client, call *fresh) {
    call *c = client->idle;
    if (!c) return fresh;
    client->idle = c->next;
    c->told = fresh->told;
    c->context = fresh->context;
    return c;
}

static void begin(bt_client *client, call *fresh) {
    call *c = revive(client, fresh);
    const bt_client_request before = c->request;
    c->request = fresh->request;
    if (c != fresh) free_call(fresh);
    c->begun_ns = bt_clock_now_ns();
    c->again = false;
    bt_easy_begin(&c->answer);
    if (!set_up(client, c, &before) || curl_multi_add_handle(client->multi, c->easy) != CURLM_OK) {
        tell(client, c, CURLE_OUT_OF_MEMORY);
        return;
    }
    put_under_way(client, c);
}

/* Begins what waits, as far as there is room. False: the client is being closed. */
static bool begin_waiting(bt_client *client) {
    pthread_mutex_lock(&client->lock);
    for (call *c; client->running < client->most && !client->end && (c = take_first(&client->waiting));) {
        pthread_mutex_unlock(&client->lock);
        begin(client, c);
        pthread_mutex_lock(&client->lock);
    }
    const bool end = client->end;
    pthread_mutex_unlock(&client->lock);
    return !end;
}

/* ---- libcurl's events ---- */

/* Which events a socket is watched for is libcurl's to say. */
static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *known) {
    const bt_client *client = context;
    struct epoll_event event = {.data.fd = socket};
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(client->epoll, EPOLL_CTL_DEL, socket, NULL);
        curl_multi_assign(client->multi, socket, NULL);
        return 0;
    }
    if (what & CURL_POLL_IN) event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
    if (epoll_ctl(client->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event) != 0) return -1;
    curl_multi_assign(client->multi, socket, context);
    return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *context) {
    bt_client *client = context;
    (void)multi;
    client->timer_ns = timeout_ms < 0 ? INT64_MAX : bt_clock_now_ns() + timeout_ms * BT_NS_PER_MS;
    return 0;
}

static int wait_ms(const bt_client *client) {
    if (client->timer_ns == INT64_MAX) return -1;
    const int64_t left_ns = client->timer_ns - bt_clock_now_ns();
    return left_ns <= 0 ? 0 : (int)((left_ns + BT_NS_PER_MS - 1) / BT_NS_PER_MS);
}

static void on_socket(const bt_client *client, const struct epoll_event *event) {
    int ignored;
    uint64_t count;
    if (event->data.fd == client->wake) {
        (void)!read(client->wake, &count, sizeof count);
        return;
    }
    const int what = (event->events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                     (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                     (event->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
    curl_multi_socket_action(client->multi, event->data.fd, what, &ignored);
}

static void on_timer(bt_client *client) {
    int ignored;
    if (client->timer_ns > bt_clock_now_ns()) return;
    client->timer_ns = INT64_MAX;
    curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &ignored);
}

static void *run(void *argument) {
    bt_client *client = argument;
    struct epoll_event events[EVENTS];
    bt_thread_priority ignored;
    bt_raise_priority(&ignored);
    while (begin_waiting(client)) {
        on_timer(client);              /* what was just begun is due at once, */
        if (end_all(client)) continue; /* and may have its answer already: no event is left to tell */
        const int count = epoll_wait(client->epoll, events, EVENTS, wait_ms(client));
        for (int i = 0; i < count; i++)
            on_socket(client, &events[i]);
        on_timer(client);
        end_all(client);
    }
    while (client->under_way)
        end_call(client, client->under_way, CURLE_OPERATION_TIMEDOUT);
    return NULL;
}

/* ---- opening and closing ---- */

/* As many as the process may have, and no more than there are descriptors for. */
static int calls_at_most(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return BT_CLIENT_CALLS_MAX / 8;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > BT_CLIENT_CALLS_MAX + SPARE_DESCRIPTORS)
        return BT_CLIENT_CALLS_MAX;
    return limit.rlim_cur > 2 * SPARE_DESCRIPTORS ? (int)limit.rlim_cur - SPARE_DESCRIPTORS
                                                  : SPARE_DESCRIPTORS;
}

static bool open_multi(bt_client *client) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = client->wake};
    client->multi = curl_multi_init();
    return client->multi && client->epoll >= 0 && client->wake >= 0 &&
           epoll_ctl(client->epoll, EPOLL_CTL_ADD, client->wake, &event) == 0 &&
           curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, watch_socket) == CURLM_OK &&
           curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client) == CURLM_OK &&
           curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer) == CURLM_OK &&
           curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client) == CURLM_OK &&
           curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)client->most) == CURLM_OK;
}

bt_status bt_client_open(bt_client **out, int64_t limit_ms, bt_error *error) {
    bt_client *client = calloc(1, sizeof *client);
    *out = NULL;
    if (!client) return bt_no_memory(error, "an HTTP client");
    pthread_mutex_init(&client->lock, NULL);
    client->limit_ms = limit_ms;
    client->timer_ns = INT64_MAX;
    client->most = calls_at_most();
    client->epoll = epoll_create1(EPOLL_CLOEXEC);
    client->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bt_easy_start() && open_multi(client))
        client->has_thread = pthread_create(&client->thread, NULL, run, client) == 0;
    *out = client;
    if (client->has_thread) return BT_OK;
    bt_client_close(out);
    return bt_fail(error, BT_IO, "an HTTP client cannot be started");
}

static void wake(const bt_client *client) {
    const uint64_t one = 1;
    (void)!write(client->wake, &one, sizeof one);
}

static void end_thread(bt_client *client) {
    pthread_mutex_lock(&client->lock);
    client->end = true;
    pthread_mutex_unlock(&client->lock);
    wake(client);
    pthread_join(client->thread, NULL);
}

void bt_client_close(bt_client **out) {
    bt_client *client = *out;
    if (!client) return;
    if (client->has_thread) end_thread(client);
    for (call *c; (c = take_first(&client->waiting));)
        tell(client, c, CURLE_OPERATION_TIMEDOUT);
    for (call *c; (c = client->idle);) {
        client->idle = c->next;
        free_call(c);
    }
    if (client->multi) curl_multi_cleanup(client->multi);
    if (client->epoll >= 0) close(client->epoll);
    if (client->wake >= 0) close(client->wake);
    pthread_mutex_destroy(&client->lock);
    free(client);
    *out = NULL;
}

bt_status bt_client_send(bt_client *client, const bt_client_request *request, bt_client_told told,
                         void *context, bt_error *error) {
    call *c = calloc(1, sizeof *c);
    if (!c) return bt_no_memory(error, "a request");
    c->request = *request;
    c->told = told;
    c->context = context;
    pthread_mutex_lock(&client->lock);
    append(&client->waiting, c);
    pthread_mutex_unlock(&client->lock);
    wake(client);
    return BT_OK;
}

#endif
