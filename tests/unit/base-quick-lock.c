/* A lock that is looked for before it is slept on excludes as any other does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/quick-lock.h"

#define THREADS 3
#define TURNS   20000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t look_ns;
static volatile int inside, most_inside, turns;

static void *take_turns(void *unused) {
    for (int i = 0; i < TURNS; i++) {
        bt_quick_lock(&lock, look_ns);
        inside = inside + 1;
        if (inside > most_inside) most_inside = inside;
        turns = turns + 1;
        inside = inside - 1;
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

static void one_thread_at_a_time_has_it(void **state) {
    (void)state;
    const int64_t looks_ns[] = {0, 1, 20 * BT_NS_PER_US, BT_NS_PER_MS};
    for (size_t i = 0; i < sizeof looks_ns / sizeof *looks_ns; i++) {
        pthread_t threads[THREADS];
        look_ns = looks_ns[i];
        inside = most_inside = turns = 0;
        for (int t = 0; t < THREADS; t++)
            assert_int_equal(pthread_create(&threads[t], NULL, take_turns, NULL), 0);
        for (int t = 0; t < THREADS; t++)
            pthread_join(threads[t], NULL);
        assert_int_equal(most_inside, 1);
        assert_int_equal(turns, THREADS * TURNS);
    }
}

static void *hold(void *until_ns) {
    pthread_mutex_lock(&lock);
    bt_clock_sleep_until_ns(*(int64_t *)until_ns);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void it_is_had_in_the_end_however_short_the_look(void **state) {
    (void)state;
    pthread_t holder;
    int64_t until_ns = bt_clock_now_ns() + 20 * BT_NS_PER_MS;
    assert_int_equal(pthread_create(&holder, NULL, hold, &until_ns), 0);
    while (pthread_mutex_trylock(&lock) == 0) {
        pthread_mutex_unlock(&lock);
        if (bt_clock_now_ns() > until_ns) break; /* it was held and let go between two tries */
    }
    bt_quick_lock(&lock, BT_NS_PER_US);
    assert_true(bt_clock_now_ns() >= until_ns);
    pthread_mutex_unlock(&lock);
    pthread_join(holder, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_at_a_time_has_it),
        cmocka_unit_test(it_is_had_in_the_end_however_short_the_look),
    };
    return cmocka_run_group_tests_name("base-quick-lock", tests, NULL, NULL);
}
