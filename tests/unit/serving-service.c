/* The live service over the simulated backend: every request one answer, the right one, whatever fails
 * meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "batchtune.h"
#include "live-service.h"
#include "serving/serving.h"

#define SIDE 4

/* A service of "hrnet", and "cbam_resunet" beside it, over a backend; batches of up to 4, sizes 1, 2, 4. */
static bt_service *open_service(const char *backend, const char *settings) {
    return live_service_open(&(live_service){.backend = backend,
                                             .batch_size = 4,
                                             .image_size = SIDE,
                                             .max_queue_delay_ms = 1,
                                             .model_count = 2,
                                             .settings = settings});
}

static bt_service *start_service(const char *backend, const char *settings) {
    bt_error error;
    bt_service *service = open_service(backend, settings);
    if (bt_service_start(service, &error) != BT_OK) fail_msg("start: %s", error.message);
    return service;
}

static void stop_service(bt_service *service) {
    bt_error error;
    if (bt_service_stop(service, 10000, &error) != BT_OK) fail_msg("stop: %s", error.message);
    bt_service_close(&service);
    assert_null(service);
}

static uint8_t grey[SIDE * SIDE * 3];
static const bt_request plain = {.image = grey, .height = SIDE, .width = SIDE, .model = "hrnet"};

static bt_metrics metrics_of(bt_service *service) {
    bt_metrics metrics;
    bt_error error;
    assert_int_equal(bt_service_metrics(service, "hrnet", &metrics, &error), BT_OK);
    return metrics;
}

/* ---- plain service ---- */

static void a_result_says_how_it_came(void **state) {
    (void)state;
    bt_service *service = start_service("sim:tau0_ms=5,alpha_ms=1,noise=0", NULL);
    bt_result result;
    bt_error error;
    assert_int_equal(bt_service_infer(service, &plain, &result, &error), BT_OK);
    assert_string_equal(result.inference_mode, "production_optimized");
    assert_int_equal(result.batch_size, 1);
    assert_int_equal(result.input_height, SIDE);
    assert_int_equal(result.input_width, SIDE);
    assert_true(result.service_ms >= 6);
    assert_true(result.latency_ms >= result.service_ms + result.queue_ms);
    bt_request standard = plain;
    standard.standard_path = true;
    assert_int_equal(bt_service_infer(service, &standard, &result, &error), BT_OK);
    assert_string_equal(result.inference_mode, "standard_fallback");
    bt_metrics metrics = metrics_of(service);
    assert_int_equal(metrics.ok, 2);
    assert_int_equal(metrics.fallback, 0); /* it was asked for */
    assert_true(metrics.latency.p95 >= 6);
    stop_service(service);
}

/* An image of one grey: the echo's logit is the mean of its normalised channels, so the mask tells whose it
 * is. */
typedef struct asker {
    bt_service *service;
    int number;
    atomic_int *failures;
} asker;

static void *ask(void *argument) {
    const asker *a = argument;
    uint8_t image[7 * 5 * 3], mask[7 * 5];
    float probabilities[7 * 5];
    bt_error error;
    for (int i = 0; i < 40; i++) {
        uint8_t value = (uint8_t)(a->number * 60 + i);
        memset(image, value, sizeof image);
        bt_request request = {.image = image,
                              .height = 7,
                              .width = 5,
                              .model = i % 3 ? "hrnet" : "cbam_resunet",
                              .mask = mask,
                              .probabilities = probabilities};
        if (bt_service_infer(a->service, &request, NULL, &error) != BT_OK) {
            atomic_fetch_add(a->failures, 1);
            continue;
        }
        double logit = ((value / 255.0 - 0.485) / 0.229 + (value / 255.0 - 0.456) / 0.224 +
                        (value / 255.0 - 0.406) / 0.225) /
                       3;
        double expected = 1 / (1 + exp(-logit));
        for (int k = 0; k < 7 * 5; k++)
            if (fabs((double)probabilities[k] - expected) > 1e-4 || mask[k] != (expected > 0.5))
                atomic_fetch_add(a->failures, 1);
    }
    return NULL;
}

static void own_results(const char *backend) {
    bt_service *service = start_service(backend, "instances=cuda:0+cuda:1");
    pthread_t threads[4];
    asker askers[4];
    atomic_int failures = 0;
    for (int i = 0; i < 4; i++) {
        askers[i] = (asker){service, i, &failures};
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&failures), 0);
    stop_service(service);
}

/* Whether the lanes make images of the pictures, or the device does. */
static void everybody_gets_their_own_result(void **state) {
    (void)state;
    own_results("sim:tau0_ms=0.2,alpha_ms=0.05,noise=0,echo=true");
    own_results("sim:tau0_ms=0.2,alpha_ms=0.05,noise=0,echo=true,pictures=true");
}

/* ---- bad input ---- */

static void refused(bt_service *service, bt_request request, bt_status status, const char *says) {
    bt_error error = {BT_OK, ""};
    assert_int_equal(bt_service_infer(service, &request, NULL, &error), status);
    if (!strstr(error.message, says)) fail_msg("'%s' does not say '%s'", error.message, says);
}

#define WITH(...) ((bt_request){.image = grey, .height = SIDE, .width = SIDE, .model = "hrnet", __VA_ARGS__})

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static void bad_requests_are_told_what_is_wrong(void **state) {
    (void)state;
    bt_error error;
    bt_service *service = open_service("sim:tau0_ms=0,alpha_ms=0", NULL);
    refused(service, plain, BT_CLOSED, "does not run");
    assert_int_equal(bt_service_start(service, &error), BT_OK);
    assert_int_equal(bt_service_start(service, &error), BT_INVALID);
    refused(service, WITH(.height = 0), BT_INVALID, "0 x 4 pixels");
    refused(service, WITH(.width = -1), BT_INVALID, "4 x -1");
    refused(service, WITH(.height = 2000000000), BT_INVALID, "1 to 16384");
    refused(service, WITH(.image = NULL), BT_INVALID, "no image");
    refused(service, WITH(.threshold = NAN), BT_INVALID, "threshold");
    refused(service, WITH(.threshold = 1.5f), BT_INVALID, "threshold");
    refused(service, WITH(.model = "resnet"), BT_INVALID, "hrnet, cbam_resunet");
    refused(service, WITH(.model = NULL), BT_INVALID, "hrnet");
    refused(service, WITH(.timeout_ms = -5), BT_TIMEOUT, "past already");
    refused(service, WITH(.priority = 4), BT_INVALID, "a priority of 4: 1 goes first, 3 last, and 0 is 2");
    refused(service, WITH(.priority = -1), BT_INVALID, "a priority of -1");
    refused(service, WITH(.timeout_ms = NAN), BT_INVALID, "timeout");
    assert_int_equal(bt_service_set(service, "hrnet", "batch_size=5", &error), BT_INVALID);
    assert_non_null(strstr(error.message, "largest"));
    assert_int_equal(bt_service_set(service, "hrnet", "backend=torch", &error), BT_INVALID);
    assert_int_equal(bt_service_set(service, "hrnet", "bach_size=2", &error), BT_INVALID);
    assert_int_equal(bt_service_set(service, NULL, "batch_size=2,max_queue_delay_ms=0", &error), BT_OK);
    assert_int_equal(metrics_of(service).batch_size, 2);
    assert_int_equal(bt_service_cancel(service, 12345, &error), BT_INVALID);
    assert_int_equal(bt_service_stop(service, NAN, &error), BT_INVALID);
    assert_int_equal(bt_service_stop(service, 100, &error), BT_OK);
    assert_int_equal(bt_service_stop(service, 100, &error), BT_CLOSED);
    assert_int_equal(bt_service_start(service, &error), BT_CLOSED);
    refused(service, plain, BT_CLOSED, "does not run");
    assert_int_equal(metrics_of(service).ok, 0); /* the last figures stay */
    bt_service_close(&service);
}
#pragma GCC diagnostic pop

/* ---- callbacks, the queue's bound, cancelling ---- */

typedef struct answers_seen {
    atomic_int of[16]; /* by status */
} answers_seen;

static void count_answer(void *context, const bt_result *result, const bt_error *error) {
    answers_seen *h = context;
    (void)result;
    atomic_fetch_add(&h->of[error ? error->status : BT_OK], 1);
}

static void a_full_queue_refuses_at_once_and_loses_nobody(void **state) {
    (void)state;
    bt_service *service = start_service("sim:tau0_ms=20,alpha_ms=0,noise=0", "max_queue_size=6");
    answers_seen h = {0};
    bt_error error;
    int taken = 0, full = 0;
    for (int i = 0; i < 30; i++) {
        bt_status status = bt_service_submit(service, &plain, count_answer, &h, NULL, &error);
        taken += status == BT_OK;
        full += status == BT_QUEUE_FULL;
    }
    assert_int_equal(taken + full, 30);
    assert_in_range(taken, 6, 14);
    stop_service(service);
    assert_int_equal(atomic_load(&h.of[BT_OK]), taken);
}

/* In which order answers come. */
typedef struct order {
    atomic_int count;
    int of[8];
} order;

typedef struct place {
    order *order;
    int number;
} place;

static void note_order(void *context, const bt_result *result, const bt_error *error) {
    const place *p = context;
    (void)result;
    assert_null(error);
    p->order->of[atomic_fetch_add(&p->order->count, 1)] = p->number;
}

/* They wait for a batch of four, and run one by one once a batch is of one. */
static void who_has_priority_runs_first(void **state) {
    (void)state;
    static const int priorities[] = {3, 0, 1}, expected[] = {2, 1, 0};
    bt_service *service =
        start_service("sim:tau0_ms=0,alpha_ms=0", "max_queue_delay_ms=60000,warm_up=false,batch_size=4");
    order seen = {0};
    place places[3];
    bt_error error;
    for (int i = 0; i < 3; i++) {
        bt_request request = plain;
        request.priority = priorities[i];
        places[i] = (place){&seen, i};
        assert_int_equal(bt_service_submit(service, &request, note_order, &places[i], NULL, &error), BT_OK);
    }
    assert_int_equal(bt_service_set(service, "hrnet", "batch_size=1", &error), BT_OK);
    stop_service(service);
    assert_int_equal(atomic_load(&seen.count), 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(seen.of[i], expected[i]);
}

static void several_are_taken_together_or_not_at_all(void **state) {
    (void)state;
    bt_service *service = start_service(
        "sim:tau0_ms=0,alpha_ms=0", "max_queue_delay_ms=60000,warm_up=false,max_queue_size=8,batch_size=4");
    answers_seen h = {0};
    bt_request requests[9];
    void *contexts[9];
    uint64_t tickets[9];
    bt_error error;
    for (int i = 0; i < 9; i++) {
        requests[i] = plain;
        contexts[i] = &h;
    }
    assert_int_equal(bt_serving_submit_all(service, requests, 9, count_answer, contexts, tickets, &error),
                     BT_QUEUE_FULL);
    assert_non_null(strstr(error.message, "the queue has no room for 9 more (max_queue_size 8)"));
    assert_int_equal(metrics_of(service).rejected_full, 9);
    assert_int_equal(bt_serving_submit_all(service, requests, 3, count_answer, contexts, tickets, &error),
                     BT_OK);
    assert_int_equal(bt_service_cancel(service, tickets[2], &error), BT_OK);
    assert_int_equal(metrics_of(service).in_flight, 2);
    requests[2].height = 0; /* the third is none */
    assert_int_equal(bt_serving_submit_all(service, requests, 3, count_answer, contexts, tickets, &error),
                     BT_INVALID);
    assert_int_equal(metrics_of(service).in_flight, 2);
    stop_service(service);
    assert_int_equal(atomic_load(&h.of[BT_OK]), 2);
    assert_int_equal(atomic_load(&h.of[BT_CANCELLED]), 1);
}

static void cancelled_and_expired_requests_are_told_so(void **state) {
    (void)state;
    bt_service *service = start_service("sim:tau0_ms=60,alpha_ms=0,noise=0", "admission=false,batch_size=1");
    answers_seen h = {0};
    uint64_t tickets[4];
    bt_error error;
    bt_request hurried = plain;
    hurried.timeout_ms = 20;
    for (int i = 0; i < 4; i++)
        assert_int_equal(
            bt_service_submit(service, i == 3 ? &hurried : &plain, count_answer, &h, &tickets[i], &error),
            BT_OK);
    assert_int_equal(bt_service_cancel(service, tickets[0], &error), BT_OK); /* runs */
    assert_int_equal(bt_service_cancel(service, tickets[1], &error), BT_OK); /* waits */
    stop_service(service);
    assert_int_equal(atomic_load(&h.of[BT_CANCELLED]), 2);
    assert_int_equal(atomic_load(&h.of[BT_TIMEOUT]), 1);
    assert_int_equal(atomic_load(&h.of[BT_OK]), 1);
}

static void stopping_gives_up_what_is_not_done_in_time(void **state) {
    (void)state;
    bt_service *service = start_service("sim:tau0_ms=80,alpha_ms=0,noise=0", "batch_size=1");
    answers_seen h = {0};
    bt_error error;
    for (int i = 0; i < 5; i++)
        assert_int_equal(bt_service_submit(service, &plain, count_answer, &h, NULL, &error), BT_OK);
    assert_int_equal(bt_service_stop(service, 0, &error), BT_TIMEOUT);
    assert_int_equal(atomic_load(&h.of[BT_CLOSED]) + atomic_load(&h.of[BT_OK]), 5);
    assert_true(atomic_load(&h.of[BT_CLOSED]) >= 4);
    bt_service_close(&service);
}

/* ---- failover ---- */

/* One size is warmed by two runs, so the first request's run is the third. */
static void failed(const char *faults, const char *mode, bt_status status, const char *settings) {
    char backend[256];
    bt_result result;
    bt_error error = {BT_OK, ""};
    char all[128];
    snprintf(backend, sizeof backend, "sim:tau0_ms=0.5,alpha_ms=0,noise=0,echo=true,%s", faults);
    snprintf(all, sizeof all, "batch_size=1%s%s", settings ? "," : "", settings ? settings : "");
    bt_service *service = start_service(backend, all);
    assert_int_equal(bt_service_infer(service, &plain, &result, &error), status);
    if (status == BT_OK && strcmp(result.inference_mode, mode) != 0)
        fail_msg("%s: %s, batch %d on %d", faults, result.inference_mode, result.batch_size, result.run_size);
    if (status != BT_OK) assert_true(strlen(error.message) > 10);
    stop_service(service);
}

/* A load test's report says what the backend said. */
static void the_last_failure_of_each_path_is_kept(void **state) {
    (void)state;
    bt_service *service =
        start_service("sim:tau0_ms=0.5,alpha_ms=0,noise=0,faults=fail@3-4,standard_faults=nan@4",
                      "batch_size=1,breaker_failures=9");
    bt_serving_failures told;
    bt_error error;
    bt_serving_failed(service, 0, &told);
    assert_int_equal(told.of[BT_SERVING_PRODUCTION].count + told.of[BT_SERVING_STANDARD].count, 0);
    for (int i = 0; i < 3; i++)
        (void)!bt_service_infer(service, &plain, NULL, &error);
    bt_serving_failed(service, 0, &told);
    assert_int_equal(told.of[BT_SERVING_PRODUCTION].count, 2);
    assert_int_equal(told.of[BT_SERVING_PRODUCTION].instance, 0);
    assert_string_equal(told.of[BT_SERVING_PRODUCTION].message, "sim: run 4 fails as planted");
    assert_int_equal(told.of[BT_SERVING_STANDARD].count, 1);
    assert_non_null(strstr(told.of[BT_SERVING_STANDARD].message, "not a finite number"));
    stop_service(service);
}

static void what_fails_comes_again_on_the_standard_path(void **state) {
    (void)state;
    failed("faults=fail@3", "standard_fallback", BT_OK, NULL);
    failed("faults=nan@3", "standard_fallback", BT_OK, NULL);
    failed("faults=oom@3", "standard_fallback", BT_OK, NULL); /* no half of one */
    failed("faults=stall@3:400", "standard_fallback", BT_OK, "watchdog_ms=40");
    failed("faults=fail@3", "", BT_BACKEND, "failover=false");
    failed("faults=fail@3,standard_faults=fail@3", "", BT_BACKEND, NULL);
    failed("faults=oom@3,standard_faults=oom@3", "", BT_OUT_OF_DEVICE_MEMORY, NULL);
    failed("faults=fail@4", "production_optimized", BT_OK, NULL);
}

static void out_of_memory_tries_halves_first(void **state) {
    (void)state;
    bt_service *service = start_service("sim:tau0_ms=0.5,alpha_ms=0,noise=0,faults=oom@7",
                                        "max_queue_delay_ms=60000,breaker_cooldown_ms=60000");
    answers_seen h = {0};
    bt_error error;
    for (int i = 0; i < 4; i++)
        assert_int_equal(bt_service_submit(service, &plain, count_answer, &h, NULL, &error), BT_OK);
    assert_int_equal(bt_service_set(service, NULL, "max_queue_delay_ms=0", &error), BT_OK);
    bt_result result;
    assert_int_equal(bt_service_infer(service, &plain, &result, &error), BT_OK);
    bt_metrics metrics = metrics_of(service);
    assert_int_equal(metrics.run_out_of_memory, 1);
    assert_int_equal(metrics.fallback, 0);
    assert_int_equal(metrics.batches[1], 2); /* two halves of two */
    assert_int_equal(metrics.batches[3], 0);
    stop_service(service);
    assert_int_equal(atomic_load(&h.of[BT_OK]), 4);
}

/* Three runs in a row fail: the breaker of the only instance has opened once. */
static bt_service *start_broken(const char *settings) {
    bt_service *service = start_service("sim:tau0_ms=0.2,alpha_ms=0,noise=0,faults=fail@7-9", settings);
    bt_error error;
    for (int i = 0; i < 3; i++)
        assert_int_equal(bt_service_infer(service, &plain, NULL, &error), BT_OK);
    assert_int_equal(metrics_of(service).breaker_opened, 1);
    return service;
}

/* However slow the machine is: one cooldown does not end, the other has ended at once. */
static void a_breaker_opens_and_closes_again(void **state) {
    (void)state;
    bt_result result;
    bt_error error;
    bt_service *service = start_broken("breaker_failures=3,breaker_cooldown_ms=3600000,max_queue_delay_ms=0");
    assert_string_equal(metrics_of(service).instances[0].breaker, "open");
    assert_int_equal(bt_service_infer(service, &plain, &result, &error), BT_OK);
    assert_string_equal(result.inference_mode, "standard_fallback"); /* the path is left alone */
    stop_service(service);
    service = start_broken("breaker_failures=3,breaker_cooldown_ms=0,max_queue_delay_ms=0");
    assert_string_equal(metrics_of(service).instances[0].breaker, "half-open");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bt_service_infer(service, &plain, &result, &error), BT_OK);
        assert_string_equal(result.inference_mode, "production_optimized");
    }
    assert_string_equal(metrics_of(service).instances[0].breaker, "closed");
    stop_service(service);
}

/* ---- everything at once ---- */

typedef struct shaker {
    bt_service *service;
    answers_seen *h;
    uint64_t seed;
    atomic_int *taken;
} shaker;

static void *shake(void *argument) {
    const shaker *s = argument;
    bt_random random = bt_random_stream(s->seed, "shaker");
    bt_error error;
    for (int i = 0; i < 600; i++) {
        bt_request request = plain;
        uint64_t ticket;
        request.model = bt_random_below(&random, 2) ? "hrnet" : "cbam_resunet";
        if (bt_random_below(&random, 3) == 0) request.timeout_ms = bt_random_between(&random, 0.1, 5);
        bt_status status = bt_service_submit(s->service, &request, count_answer, s->h, &ticket, &error);
        if (status == BT_OK) atomic_fetch_add(s->taken, 1);
        if (status == BT_OK && bt_random_below(&random, 8) == 0)
            (void)!bt_service_cancel(s->service, ticket, &error);
        if (bt_random_below(&random, 50) == 0)
            (void)!bt_service_set(s->service, NULL,
                                  i % 2 ? "batch_size=2,max_queue_delay_ms=0" : "batch_size=4", &error);
        if (bt_random_below(&random, 40) == 0) {
            char *text = NULL;
            if (bt_service_metrics_prometheus(s->service, &text, &error) == BT_OK) bt_free(text);
        }
        if (bt_random_below(&random, 4) == 0)
            bt_clock_sleep_until_ns(bt_clock_now_ns() + (int64_t)bt_random_below(&random, 400000));
    }
    return NULL;
}

static void shaken_it_still_answers_everyone_once(void **state) {
    (void)state;
    bt_service *service = start_service(
        "sim:tau0_ms=0.3,alpha_ms=0.1,noise=0.5,echo=true,faults=fail%17+nan%23+oom%29+stall%97:30",
        "instances=cuda:0+cuda:1,max_queue_size=30,watchdog_ms=15,breaker_cooldown_ms=5");
    answers_seen h = {0};
    atomic_int taken = 0;
    pthread_t threads[4];
    shaker shakers[4];
    for (int i = 0; i < 4; i++) {
        shakers[i] = (shaker){service, &h, (uint64_t)i, &taken};
        assert_int_equal(pthread_create(&threads[i], NULL, shake, &shakers[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    stop_service(service);
    int answers = 0;
    for (int i = 0; i < 16; i++)
        answers += atomic_load(&h.of[i]);
    assert_int_equal(answers, atomic_load(&taken));
    assert_true(atomic_load(&h.of[BT_OK]) > 100);
}

static void metrics_read_as_json_and_prometheus(void **state) {
    (void)state;
    bt_service *service = start_service("sim:tau0_ms=1,alpha_ms=0,noise=0", NULL);
    bt_error error;
    char *text = NULL;
    assert_int_equal(bt_service_infer(service, &plain, NULL, &error), BT_OK);
    assert_int_equal(bt_service_metrics_json(service, &text, &error), BT_OK);
    assert_non_null(strstr(text, "\"p95_latency_ms\""));
    assert_non_null(strstr(text, "\"throughput_imgs_per_sec\""));
    bt_free(text);
    assert_int_equal(bt_service_metrics_prometheus(service, &text, &error), BT_OK);
    assert_non_null(strstr(text, "batchtune_requests_total{model=\"hrnet\",outcome=\"ok\"} 1\n"));
    bt_free(text);
    stop_service(service);
}

static void it_tells_what_it_serves(void **state) {
    (void)state;
    bt_service *service = open_service("sim:tau0_ms=1,alpha_ms=0,noise=0", "p95_sla_ms=70,instances=2x1");
    bt_model_facts facts[3];
    bt_error error;
    memset(facts, 1, sizeof facts);
    const bt_model_facts untouched = facts[1];
    assert_int_equal(bt_service_models(NULL, facts, 3), 0);
    assert_int_equal(bt_service_models(service, NULL, 0), 2);
    assert_int_equal(bt_service_models(service, facts, 1), 2);
    assert_memory_equal(&facts[1], &untouched, sizeof untouched);
    assert_string_equal(facts[0].precision, ""); /* nothing is loaded yet */
    assert_int_equal(bt_service_start(service, &error), BT_OK);
    assert_int_equal(
        bt_service_set(service, "cbam_resunet", "batch_size=2,timeout_ms=9,policy=adaptive", &error), BT_OK);
    assert_int_equal(bt_service_models(service, facts, 3), 2);
    assert_string_equal(facts[0].name, "hrnet");
    assert_int_equal(facts[0].input_height, SIDE);
    assert_int_equal(facts[0].input_width, SIDE);
    assert_int_equal(facts[0].tuned_size, SIDE);
    assert_false(facts[0].demonstration); /* this config does not say so */
    assert_int_equal(facts[0].batch_size, 4);
    assert_int_equal(facts[0].max_queue_size, 100);
    assert_int_equal(facts[0].instance_count, 2);
    assert_true(facts[0].max_queue_delay_ms == 1 && facts[0].p95_sla_ms == 70 && facts[0].timeout_ms == 0);
    assert_string_equal(facts[0].policy, "delay");
    assert_string_equal(facts[0].precision, "none");
    assert_string_equal(facts[0].weights_note, "");
    assert_string_equal(facts[1].name, "cbam_resunet");
    assert_int_equal(facts[1].batch_size, 2);
    assert_true(facts[1].timeout_ms == 9);
    assert_string_equal(facts[1].policy, "adaptive");
    stop_service(service);
}

/* What a config of one model, `entry`, says under `settings`. */
static bt_model_facts facts_of(const char *workload, const char *entry, const char *settings) {
    bt_model_facts facts;
    bt_service *service = NULL;
    bt_error error;
    char path[] = "/tmp/serving-facts-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    FILE *out = fdopen(file, "w");
    assert_non_null(out);
    fprintf(out,
            "{\"schema_version\": 1, \"workload\": \"%s\", \"settings\": {\"backend\": \"sim:tau0_ms=1\"}, "
            "\"configurations\": {\"hrnet\": {\"optimal_batch_size\": 1%s}}}",
            workload, entry);
    fclose(out);
    const bt_service_options options = {.config = path, .settings = settings};
    if (bt_service_open(&service, &options, &error) != BT_OK) fail_msg("%s", error.message);
    assert_int_equal(bt_service_models(service, &facts, 1), 1);
    bt_service_close(&service);
    unlink(path);
    return facts;
}

static void an_input_size_is_told_apart_from_a_demonstrations(void **state) {
    (void)state;
    bt_model_facts facts = facts_of("cpu-demo", ", \"image_size\": 128", NULL);
    assert_int_equal(facts.input_height, 128);
    assert_true(facts.demonstration);
    facts = facts_of("cpu-demo", ", \"image_size\": 128", "image_size=256");
    assert_int_equal(facts.input_height, 256);
    assert_int_equal(facts.tuned_size, 128);
    assert_false(facts.demonstration); /* it was asked for */
    assert_false(facts_of("cpu-demo", ", \"image_size\": 1024", NULL).demonstration);
    assert_false(facts_of("production", ", \"image_size\": 128", NULL).demonstration);
    assert_false(
        facts_of("cpu-demo", ", \"image_size\": 128, \"workload\": \"production\"", NULL).demonstration);
    assert_true(
        facts_of("production", ", \"image_size\": 128, \"workload\": \"cpu-demo\"", NULL).demonstration);
    assert_false(
        facts_of("cpu-demo", ", \"image_size\": 128, \"model_file\": \"/a.pt\"", NULL).demonstration);
    facts = facts_of("cpu-demo", "", NULL);
    assert_int_equal(facts.input_height, 1024); /* nobody says */
    assert_int_equal(facts.tuned_size, 0);
}

static void the_shared_service_says_what_it_lacks_and_tries_again(void **state) {
    (void)state;
    bt_error error = {BT_OK, ""};
    char path[] = "/tmp/serving-shared-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    unlink(path);
    setenv("BATCHTUNE_CONFIG", path, 1);
    assert_null(bt_service_shared());
    assert_int_equal(bt_service_start(NULL, &error), BT_IO);
    assert_non_null(strstr(error.message, "there is no config; `optimize-batch` makes one"));
    FILE *out = fopen(path, "w");
    fputs("{\"schema_version\": 1, \"settings\": {\"backend\": \"sim:tau0_ms=1\"}, \"configurations\": "
          "{\"hrnet\": {\"optimal_batch_size\": 1, \"image_size\": 4}}}",
          out);
    fclose(out);
    bt_service *service = bt_service_shared();
    assert_non_null(service);
    assert_ptr_equal(bt_service_shared(), service);
    unlink(path);
    close(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_says_how_it_came),
        cmocka_unit_test(everybody_gets_their_own_result),
        cmocka_unit_test(bad_requests_are_told_what_is_wrong),
        cmocka_unit_test(a_full_queue_refuses_at_once_and_loses_nobody),
        cmocka_unit_test(who_has_priority_runs_first),
        cmocka_unit_test(several_are_taken_together_or_not_at_all),
        cmocka_unit_test(cancelled_and_expired_requests_are_told_so),
        cmocka_unit_test(stopping_gives_up_what_is_not_done_in_time),
        cmocka_unit_test(the_last_failure_of_each_path_is_kept),
        cmocka_unit_test(what_fails_comes_again_on_the_standard_path),
        cmocka_unit_test(out_of_memory_tries_halves_first),
        cmocka_unit_test(a_breaker_opens_and_closes_again),
        cmocka_unit_test(shaken_it_still_answers_everyone_once),
        cmocka_unit_test(metrics_read_as_json_and_prometheus),
        cmocka_unit_test(it_tells_what_it_serves),
        cmocka_unit_test(an_input_size_is_told_apart_from_a_demonstrations),
        cmocka_unit_test(the_shared_service_says_what_it_lacks_and_tries_again),
    };
    return cmocka_run_group_tests_name("serving-service", tests, NULL, NULL);
}
