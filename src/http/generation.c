/* Which service a request belongs to, and how one takes another's place without a refused request.
 *
 * The lock says only which is served at the moment when a request comes to it; from then on the request counts in that
 * one. A service that is served no more is stopped when nobody can hand it anything any more, and is out of use when
 * nobody is in it. */
#include "base/clock.h"
#include "http/state.h"

/* How long whoever was answered may take to put the answer together. Raised, a service behind a lane that hangs is
 * noticed later; lowered, one that could have been closed keeps its memory. */
#define LEAVE_NS (30 * BT_NS_PER_S)

/* The one that is served now; `entering` says how many count in it as that. */
static bt_generation *hold(bt_http_server *server, int entering) {
    pthread_mutex_lock(&server->generation_lock);
    bt_generation *served = server->served;
    atomic_fetch_add(&served->holders, 1);
    atomic_fetch_add(&served->entering, entering);
    pthread_mutex_unlock(&server->generation_lock);
    return served;
}

void bt_generation_enter(bt_exchange *exchange) {
    exchange->generation = hold(exchange->server, 1);
    exchange->entering = true;
}

void bt_generation_entered(bt_exchange *exchange) {
    exchange->entering = false;
    atomic_fetch_sub(&exchange->generation->entering, 1);
}

void bt_generation_leave(bt_exchange *exchange) {
    bt_generation *generation = exchange->generation;
    if (!generation) return;
    if (exchange->entering) bt_generation_entered(exchange);
    exchange->generation = NULL;
    atomic_fetch_sub(&generation->holders, 1); /* from here on it may be gone */
}

int bt_http_server_queue_size(bt_http_server *server) {
    bt_generation *served = hold(server, 0);
    const int waiting = bt_serving_queue_size(served->service);
    atomic_fetch_sub(&served->holders, 1);
    return waiting;
}

/* ---- one takes another's place ---- */

/* False: somebody is left at the end of that time. */
static bool await_nobody(const atomic_int *count, int64_t wait_ns) {
    const int64_t until_ns = bt_clock_now_ns() + wait_ns;
    while (atomic_load(count) > 0) {
        if (bt_clock_now_ns() >= until_ns) return false;
        bt_clock_sleep_until_ns(bt_clock_now_ns() + BT_NS_PER_MS);
    }
    return true;
}

static bt_generation *other_place(bt_http_server *server) {
    return &server->generations[server->served == &server->generations[0]];
}

static void serve(bt_http_server *server, bt_generation *next) {
    pthread_mutex_lock(&server->generation_lock);
    server->served = next;
    pthread_mutex_unlock(&server->generation_lock);
}

bt_status bt_http_server_swap(bt_http_server *server, bt_service *service, double drain_ms, bt_service **old,
                              bt_error *error) {
    bt_generation *before = server->served, *next = other_place(server);
    *old = NULL;
    if (next->service)
        return bt_fail(error, BT_INVALID, "the service before last hangs: only a restart helps");
    next->service = service;
    atomic_store(&server->body_limit, (long long)bt_http_body_limit_of(server->settings, service));
    bt_serving_follow(service, before->service);
    serve(server, next);
    if (!await_nobody(&before->entering, LEAVE_NS))
        return bt_fail(error, BT_TIMEOUT, "requests do not leave the service before: it is left behind");
    bt_status status = bt_service_stop(before->service, drain_ms, error);
    bt_serving_close_past(service);
    if (!await_nobody(&before->holders, LEAVE_NS)) return status;
    *old = before->service;
    before->service = NULL;
    return status;
}
