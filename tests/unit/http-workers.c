/* Threads for slow requests: every job runs once, and who waits for one waits for no other thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/atomic.h"
#include "expect.h"
#include "http/workers.h"

#define JOBS 1000

static atomic_int ran;

static void count(void *context) {
    (void)context;
    atomic_fetch_add(&ran, 1);
}

static void every_job_runs_once(void **state) {
    (void)state;
    static bt_job jobs[JOBS];
    bt_workers *workers;
    bt_error error;
    atomic_store(&ran, 0);
    must(bt_workers_open(&workers, 3, &error), &error);
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (bt_job){.run = count};
        bt_workers_run(workers, &jobs[i]);
    }
    bt_workers_close(&workers); /* the rest runs first */
    assert_null(workers);
    assert_int_equal(atomic_load(&ran), JOBS);
    bt_workers_close(&workers);
}

/* A job may be of the one that is running, and is run though they are being closed. */
typedef struct chain {
    bt_workers *workers;
    bt_job job;
    int left;
} chain;

static void go_on(void *context) {
    chain *c = context;
    if (c->left-- > 0) bt_workers_run(c->workers, &c->job);
}

static void jobs_may_hand_on(void **state) {
    (void)state;
    chain c = {.left = 100};
    bt_error error;
    must(bt_workers_open(&c.workers, 2, &error), &error);
    bt_workers *workers = c.workers;
    c.job = (bt_job){.run = go_on, .context = &c};
    bt_workers_run(workers, &c.job);
    bt_workers_close(&workers);
    assert_int_equal(c.left, -1);
}

static void meet(void *barrier) {
    pthread_barrier_wait(barrier);
}

/* Two that wait for each other both run. */
static void jobs_run_side_by_side(void **state) {
    (void)state;
    bt_workers *workers;
    bt_error error;
    pthread_barrier_t barrier;
    bt_job first = {.run = meet, .context = &barrier}, second = first;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    must(bt_workers_open(&workers, 2, &error), &error);
    bt_workers_run(workers, &first);
    bt_workers_run(workers, &second);
    bt_workers_close(&workers);
    pthread_barrier_destroy(&barrier);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_runs_once),
        cmocka_unit_test(jobs_may_hand_on),
        cmocka_unit_test(jobs_run_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
