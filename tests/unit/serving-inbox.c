/* Inboxes: every answer is taken exactly once, by whoever looks, and the descriptor says when to look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "batchtune.h"
#include "live-service.h"

#define SIDE 4

static bt_service *start_service(const char *backend, const char *settings) {
    return live_service_start(&(live_service){.backend = backend,
                                              .batch_size = 4,
                                              .image_size = SIDE,
                                              .max_queue_delay_ms = 1,
                                              .model_count = 2,
                                              .settings = settings});
}

static uint8_t grey[SIDE * SIDE * 3];
static const bt_request plain = {.image = grey, .height = SIDE, .width = SIDE, .model = "hrnet"};

static bt_inbox *open_inbox(int room) {
    bt_inbox *inbox = NULL;
    bt_error error;
    if (bt_inbox_open(&inbox, room, &error) != BT_OK) fail_msg("%s", error.message);
    return inbox;
}

static void submit(bt_inbox *inbox, bt_service *service, uint64_t tag) {
    bt_error error;
    if (bt_inbox_submit(inbox, service, &plain, tag, NULL, &error) != BT_OK) fail_msg("%s", error.message);
}

static bool readable(const bt_inbox *inbox, int wait_ms) {
    struct pollfd look = {.fd = bt_inbox_fd(inbox), .events = POLLIN};
    return poll(&look, 1, wait_ms) == 1;
}

#define LONG_MS 60000

/* Waits until `count` answers are there. */
static void take_all(bt_inbox *inbox, bt_inbox_answer *answers, int count) {
    for (int got = 0; got < count;) {
        assert_true(readable(inbox, LONG_MS));
        got += bt_inbox_take(inbox, answers + got, count - got);
    }
}

static void an_answer_comes_with_its_tag_and_result(void **state) {
    (void)state;
    bt_service *service = start_service("sim:tau0_ms=1,alpha_ms=0,noise=0,echo=true", "batch_size=1");
    bt_inbox *inbox = open_inbox(3);
    bt_inbox_answer answers[3];
    bt_error error;
    uint8_t white[SIDE * SIDE * 3], masks[3][SIDE * SIDE];
    uint64_t tickets[3];
    memset(white, 255, sizeof white);
    memset(masks, 7, sizeof masks);
    assert_int_equal(bt_inbox_take(inbox, answers, 3), 0);
    for (int i = 0; i < 3; i++) {
        bt_request request = plain;
        request.image = i == 1 ? white : grey;
        request.mask = masks[i];
        assert_int_equal(bt_inbox_submit(inbox, service, &request, 100 + (uint64_t)i, &tickets[i], &error),
                         BT_OK);
    }
    take_all(inbox, answers, 3);
    for (int i = 0; i < 3; i++) { /* batches of one: in the order in which they were asked */
        assert_int_equal(answers[i].tag, 100 + i);
        assert_int_equal(answers[i].result.ticket, tickets[i]);
        assert_string_equal(answers[i].result.inference_mode, "production_optimized");
        assert_int_equal(answers[i].error.status, BT_OK);
        assert_string_equal(answers[i].error.message, "");
        assert_int_equal(masks[i][0], i == 1);
        assert_int_equal(masks[i][SIDE * SIDE - 1], i == 1);
    }
    live_service_end(service);
    bt_inbox_close(&inbox);
    assert_null(inbox);
    bt_inbox_close(&inbox);
}

static void it_stays_readable_while_answers_are_left(void **state) {
    (void)state;
    bt_service *service = start_service("sim:tau0_ms=1,alpha_ms=0,noise=0", NULL);
    bt_inbox *inbox = open_inbox(8);
    bt_inbox_answer answer;
    assert_false(readable(inbox, 0));
    for (uint64_t i = 0; i < 8; i++)
        submit(inbox, service, i);
    live_service_end(service); /* all 8 have arrived */
    for (int left = 8; left > 0; left--) {
        assert_true(readable(inbox, 0));
        assert_int_equal(bt_inbox_take(inbox, &answer, 1), 1);
    }
    assert_int_equal(bt_inbox_take(inbox, &answer, 1), 0);
    assert_false(readable(inbox, 0));
    bt_inbox_close(&inbox);
}

static void a_full_inbox_refuses_and_what_is_refused_takes_no_room(void **state) {
    (void)state;
    bt_service *service = start_service("sim:tau0_ms=1,alpha_ms=0,noise=0", NULL);
    bt_inbox *inbox = open_inbox(2);
    bt_inbox_answer answers[2];
    bt_error error = {BT_OK, ""};
    bt_request unknown = plain;
    unknown.model = "resnet";
    for (int i = 0; i < 5; i++)
        assert_int_equal(bt_inbox_submit(inbox, service, &unknown, 9, NULL, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "hrnet, cbam_resunet"));
    for (uint64_t round = 0; round < 3; round++) {
        submit(inbox, service, 2 * round);
        submit(inbox, service, 2 * round + 1);
        assert_int_equal(bt_inbox_submit(inbox, service, &plain, 9, NULL, &error), BT_QUEUE_FULL);
        assert_non_null(strstr(error.message, "the inbox is full: 2"));
        take_all(inbox, answers, 2);
        assert_int_equal(answers[0].tag + answers[1].tag, 4 * round + 1);
    }
    live_service_end(service);
    bt_inbox_close(&inbox);
}

static void nonsense_is_refused(void **state) {
    (void)state;
    bt_inbox *inbox;
    bt_error error;
    assert_int_equal(bt_inbox_open(NULL, 1, &error), BT_INVALID);
    assert_int_equal(bt_inbox_open(&inbox, 0, &error), BT_INVALID);
    assert_int_equal(bt_inbox_open(&inbox, 1 << 21, &error), BT_INVALID);
    assert_null(inbox);
    assert_int_equal(bt_inbox_submit(NULL, NULL, &plain, 1, NULL, &error), BT_INVALID);
    inbox = open_inbox(1);
    assert_int_equal(bt_inbox_submit(inbox, NULL, &plain, 1, NULL, &error), BT_INVALID);
    bt_inbox_close(&inbox);
}

/* The first request never ends: batches of one are warmed up by two runs, and the third is its. */
static void cancelled_late_and_given_up_requests_arrive_as_such(void **state) {
    (void)state;
    bt_service *service = start_service("sim:tau0_ms=0,alpha_ms=0,noise=0,faults=stall@3:600000",
                                        "admission=false,batch_size=1,watchdog_ms=600000");
    bt_inbox *inbox = open_inbox(8);
    bt_inbox_answer answers[2];
    bt_error error;
    uint64_t ticket;
    bt_request hurried = plain;
    hurried.timeout_ms = 10;
    submit(inbox, service, 0);
    assert_int_equal(bt_inbox_submit(inbox, service, &plain, 1, &ticket, &error), BT_OK);
    assert_int_equal(bt_service_cancel(service, ticket, &error), BT_OK);
    take_all(inbox, answers, 1); /* at once, or when a worker that had just begun to read its image is done */
    assert_int_equal(answers[0].tag, 1);
    assert_int_equal(answers[0].error.status, BT_CANCELLED);
    assert_int_equal(bt_inbox_submit(inbox, service, &hurried, 2, NULL, &error), BT_OK);
    take_all(inbox, answers, 1);
    assert_int_equal(answers[0].tag, 2);
    assert_int_equal(answers[0].error.status, BT_TIMEOUT);
    submit(inbox, service, 3);
    assert_int_equal(bt_service_stop(service, 0, &error), BT_TIMEOUT);
    take_all(inbox, answers, 2);
    assert_int_equal(answers[0].tag + answers[1].tag, 3);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(answers[i].error.status, BT_CLOSED);
        assert_string_equal(answers[i].result.inference_mode, "");
        assert_true(strlen(answers[i].error.message) > 10);
    }
    bt_service_close(&service);
    bt_inbox_close(&inbox);
}

static void it_may_be_closed_with_requests_on_their_way(void **state) {
    (void)state;
    bt_service *service = start_service("sim:tau0_ms=5,alpha_ms=0,noise=0", NULL);
    bt_metrics metrics;
    bt_error error;
    for (int round = 0; round < 20; round++) {
        bt_inbox *inbox = open_inbox(4);
        for (uint64_t i = 0; i < 4; i++)
            submit(inbox, service, i);
        if (round % 2) readable(inbox, LONG_MS); /* close in the middle of the answers */
        bt_inbox_close(&inbox);
    }
    assert_int_equal(bt_service_stop(service, 10000, &error), BT_OK);
    assert_int_equal(bt_service_metrics(service, "hrnet", &metrics, &error), BT_OK);
    assert_int_equal(metrics.ok, 80);
    bt_service_close(&service); /* the sanitizers look for what was not freed, or too early */
}

/* ---- many at once; the same seeds every time ---- */

#define ASKERS   3
#define REQUESTS 1500 /* of each */

typedef struct crowd {
    bt_service *service;
    bt_inbox *inbox;
    atomic_int seen[ASKERS * REQUESTS];
    atomic_int submitted, refused, taken;
    atomic_bool all_submitted;
} crowd;

typedef struct asker {
    crowd *crowd;
    int number;
    uint64_t seed;
} asker;

static void *ask(void *argument) {
    const asker *a = argument;
    bt_random random = bt_random_stream(a->seed, "asker");
    bt_error error;
    for (int i = 0; i < REQUESTS; i++) {
        bt_request request = plain;
        uint64_t ticket, tag = (uint64_t)(a->number * REQUESTS + i);
        request.model = bt_random_below(&random, 2) ? "hrnet" : "cbam_resunet";
        if (bt_random_below(&random, 4) == 0) request.timeout_ms = bt_random_between(&random, 0.1, 3);
        bt_status status =
            bt_inbox_submit(a->crowd->inbox, a->crowd->service, &request, tag, &ticket, &error);
        atomic_fetch_add(status == BT_OK ? &a->crowd->submitted : &a->crowd->refused, 1);
        if (status == BT_OK && bt_random_below(&random, 8) == 0)
            (void)!bt_service_cancel(a->crowd->service, ticket, &error);
        if (bt_random_below(&random, 4) == 0)
            bt_clock_sleep_until_ns(bt_clock_now_ns() + (int64_t)bt_random_below(&random, 200000));
    }
    return NULL;
}

static void *fetch(void *argument) {
    crowd *c = argument;
    bt_inbox_answer answers[5];
    while (!atomic_load(&c->all_submitted) || atomic_load(&c->taken) < atomic_load(&c->submitted)) {
        if (!readable(c->inbox, 20)) continue; /* the other one may have taken the last */
        int count = bt_inbox_take(c->inbox, answers, 5);
        for (int i = 0; i < count; i++)
            atomic_fetch_add(&c->seen[answers[i].tag], 1);
        atomic_fetch_add(&c->taken, count);
    }
    return NULL;
}

static void many_threads_take_every_answer_exactly_once(void **state) {
    (void)state;
    static crowd c;
    c.service = start_service("sim:tau0_ms=0.1,alpha_ms=0.05,noise=0.5,faults=fail%17+stall%97:20",
                              "instances=cuda:0+cuda:1,max_queue_size=20,watchdog_ms=10");
    c.inbox = open_inbox(64);
    pthread_t askers[ASKERS], fetchers[2];
    asker about[ASKERS];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&fetchers[i], NULL, fetch, &c), 0);
    for (int i = 0; i < ASKERS; i++) {
        about[i] = (asker){&c, i, (uint64_t)i + 1};
        assert_int_equal(pthread_create(&askers[i], NULL, ask, &about[i]), 0);
    }
    for (int i = 0; i < ASKERS; i++)
        pthread_join(askers[i], NULL);
    atomic_store(&c.all_submitted, true);
    for (int i = 0; i < 2; i++)
        pthread_join(fetchers[i], NULL);
    live_service_end(c.service);
    bt_inbox_answer none;
    assert_int_equal(bt_inbox_take(c.inbox, &none, 1), 0);
    int once = 0;
    for (int i = 0; i < ASKERS * REQUESTS; i++) {
        assert_in_range(atomic_load(&c.seen[i]), 0, 1);
        once += atomic_load(&c.seen[i]);
    }
    assert_int_equal(once, atomic_load(&c.submitted));
    assert_int_equal(atomic_load(&c.submitted) + atomic_load(&c.refused), ASKERS * REQUESTS);
    bt_inbox_close(&c.inbox);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_with_its_tag_and_result),
        cmocka_unit_test(it_stays_readable_while_answers_are_left),
        cmocka_unit_test(a_full_inbox_refuses_and_what_is_refused_takes_no_room),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(cancelled_late_and_given_up_requests_arrive_as_such),
        cmocka_unit_test(it_may_be_closed_with_requests_on_their_way),
        cmocka_unit_test(many_threads_take_every_answer_exactly_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
