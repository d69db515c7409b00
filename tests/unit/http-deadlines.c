/* Each stage of a request has its time, and a connection is cut off when that is over, and not before. Time is told here,
 * and passes for nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/connections.h"

#define S BT_NS_PER_S

static const bt_http_settings settings = {
    .header_timeout_seconds = 20, .idle_timeout_seconds = 60, .request_timeout_seconds = 300};

static void each_stage_has_its_time(void **state) {
    (void)state;
    assert_int_equal(bt_stage_deadline_ns(BT_STAGE_FIRST_HEAD, 5 * S, &settings), 25 * S);
    assert_int_equal(bt_stage_deadline_ns(BT_STAGE_BODY, 5 * S, &settings), 305 * S);
    assert_int_equal(bt_stage_deadline_ns(BT_STAGE_ANSWER, 5 * S, &settings), 305 * S);
    /* idle as long as it may be, and a head that then takes as long as it may */
    assert_int_equal(bt_stage_deadline_ns(BT_STAGE_BETWEEN, 5 * S, &settings), 85 * S);
    /* the client waits for us */
    assert_int_equal(bt_stage_deadline_ns(BT_STAGE_SERVICE, 5 * S, &settings), BT_NO_DEADLINE);
}

/* A connection, and its client's end. */
typedef struct pair {
    int ends[2];
    bt_connection *connection;
} pair;

static pair opened(bt_connections *connections, int64_t now_ns) {
    pair p;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p.ends), 0);
    p.connection = bt_connections_add(connections, p.ends[0], now_ns);
    assert_non_null(p.connection);
    return p;
}

static bool is_cut_off(const pair *p) {
    struct pollfd ready = {.fd = p->ends[1], .events = POLLIN};
    return poll(&ready, 1, 0) > 0 && (ready.revents & POLLHUP);
}

static void closed(bt_connections *connections, pair *p) {
    bt_connections_remove(connections, p->connection);
    close(p->ends[0]);
    close(p->ends[1]);
}

static void who_is_late_is_cut_off(void **state) {
    (void)state;
    bt_connections connections;
    bt_connections_init(&connections, &settings);
    pair slow = opened(&connections, 0), good = opened(&connections, 0), late = opened(&connections, 1 * S);
    bt_connection_enters(good.connection, BT_STAGE_BODY, 19 * S);
    bt_connections_look(&connections, 20 * S - 1);
    assert_false(is_cut_off(&slow));
    bt_connections_look(&connections, 20 * S);
    assert_true(is_cut_off(&slow));
    assert_false(is_cut_off(&good));
    assert_false(is_cut_off(&late));
    assert_int_equal(atomic_load(&connections.cut_off), 1);
    bt_connections_look(&connections, 21 * S);
    assert_true(is_cut_off(&late));
    assert_int_equal(atomic_load(&connections.cut_off), 2); /* each once */
    closed(&connections, &good);
    closed(&connections, &slow);
    closed(&connections, &late);
    assert_null(connections.first);
    bt_connections_destroy(&connections);
}

/* A request that takes its whole time in each stage, and the next one on the same connection. */
static void a_good_one_never_is(void **state) {
    (void)state;
    bt_connections connections;
    int64_t now_ns = 0;
    bt_connections_init(&connections, &settings);
    pair p = opened(&connections, now_ns);
    static const struct {
        bt_stage stage;
        int64_t lasts_s;
    } course[] = {{BT_STAGE_BODY, 300},   {BT_STAGE_SERVICE, 100000}, {BT_STAGE_ANSWER, 300},
                  {BT_STAGE_BETWEEN, 80}, {BT_STAGE_BODY, 300},       {BT_STAGE_ANSWER, 300},
                  {BT_STAGE_BETWEEN, 80}};
    now_ns = 20 * S - 1;
    for (size_t i = 0; i < sizeof course / sizeof *course; i++) {
        bt_connections_look(&connections, now_ns);
        bt_connection_enters(p.connection, course[i].stage, now_ns);
        now_ns += course[i].lasts_s * S - 1;
    }
    bt_connections_look(&connections, now_ns);
    assert_false(is_cut_off(&p));
    bt_connections_look(&connections, now_ns + 1);
    assert_true(is_cut_off(&p)); /* of a head that trickles in */
    closed(&connections, &p);
    bt_connections_destroy(&connections);
}

/* Who waits outside gets the place of whoever has kept one for nothing for longest. */
static void who_is_idle_for_longest_makes_room(void **state) {
    (void)state;
    bt_connections connections;
    bt_connections_init(&connections, &settings);
    pair fresh = opened(&connections, 0), busy = opened(&connections, 0), asks = opened(&connections, 0),
         first = opened(&connections, 0), second = opened(&connections, 0);
    bt_connection_enters(second.connection, BT_STAGE_BETWEEN, 2 * S);
    bt_connection_enters(first.connection, BT_STAGE_BETWEEN, 1 * S);
    bt_connection_enters(asks.connection, BT_STAGE_BETWEEN, 1 * S - 1);
    bt_connection_enters(busy.connection, BT_STAGE_BETWEEN, 1 * S - 1);
    bt_connection_enters(busy.connection, BT_STAGE_BODY, 1 * S);
    assert_int_equal(send(asks.ends[1], "P", 1, 0), 1); /* has begun the next request */
    assert_false(bt_connections_close_idle(&connections, 1 * S + BT_CONNECTION_GRACE_NS - 1));
    assert_true(bt_connections_close_idle(&connections, 3 * S));
    assert_true(is_cut_off(&first));
    assert_false(is_cut_off(&second));
    assert_true(bt_connections_close_idle(&connections, 3 * S));
    assert_true(is_cut_off(&second));
    assert_false(bt_connections_close_idle(&connections, 3 * S));
    assert_false(is_cut_off(&fresh) || is_cut_off(&busy) || is_cut_off(&asks));
    assert_int_equal(atomic_load(&connections.cut_off), 0); /* nobody was too slow */
    pair *all[] = {&fresh, &busy, &asks, &first, &second};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        closed(&connections, all[i]);
    bt_connections_destroy(&connections);
}

static void one_without_memory_is_passed_over(void **state) {
    (void)state;
    bt_connections connections;
    bt_connections_init(&connections, &settings);
    bt_connection_enters(NULL, BT_STAGE_BODY, 0);
    bt_connections_remove(&connections, NULL);
    bt_connections_destroy(&connections);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_stage_has_its_time),
        cmocka_unit_test(who_is_late_is_cut_off),
        cmocka_unit_test(a_good_one_never_is),
        cmocka_unit_test(who_is_idle_for_longest_makes_room),
        cmocka_unit_test(one_without_memory_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
