/* What must hold of the batcher whatever comes: seeded random models, devices, traffic, faults, cancellations,
 * changes and endings, each world a trace that is played and held against every promise. One that fails is made
 * short, printed, and left in a file of the build folder.
 *
 * BATCHTUNE_REQUESTS=n runs more of it (10^7 by itself, 10^6 under a sanitizer); BATCHTUNE_SEED=s runs one world
 * alone; BATCHTUNE_TRACE=file plays that trace alone and prints what comes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "batcher-player.h"
#include "batcher-shrink.h"
#include "batcher-world.h"
#include "expect.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REQUESTS 1000000
#else
#define REQUESTS 10000000
#endif
#define WORLD_REQUESTS 20000 /* in one world */

/* Made and played; the test ends where a promise is broken. */
static uint64_t live(player *p, trace *world, uint64_t seed) {
    world_make(world, seed, WORLD_REQUESTS);
    const playing result = player_play(p, world, &player_of_batchers, NULL);
    if (result.rule) shrink_and_fail(p, world, seed, &player_of_batchers);
    return result.hash;
}

static void nothing_is_lost_doubled_late_or_out_of_order(void **state) {
    (void)state;
    const char *asked = getenv("BATCHTUNE_REQUESTS"), *one = getenv("BATCHTUNE_SEED");
    const int64_t wanted = asked ? atoll(asked) : REQUESTS;
    player *p = player_open();
    trace world = {0};
    if (one)
        live(p, &world, strtoull(one, NULL, 10));
    else
        for (uint64_t seed = 1; (int64_t)(seed - 1) * WORLD_REQUESTS < wanted; seed++)
            live(p, &world, seed);
    trace_close(&world);
    player_close(p);
}

static void the_same_seed_is_the_same_life(void **state) {
    (void)state;
    player *p = player_open();
    trace world = {0};
    for (uint64_t seed = 1; seed <= 3; seed++) {
        const uint64_t first = live(p, &world, seed);
        assert_true(live(p, &world, seed) == first);
        assert_true(live(p, &world, seed + 1) != first);
    }
    trace_close(&world);
    player_close(p);
}

/* BATCHTUNE_TRACE: what happens in it is printed as expectations, whether it keeps its promises or not. */
static void a_trace_is_played(void **state) {
    (void)state;
    player *p = player_open();
    trace t = {0}, seen = {0};
    bt_error error;
    must(trace_read_file(&t, getenv("BATCHTUNE_TRACE"), &error), &error);
    const playing result = player_play(p, &t, &player_of_batchers, &seen);
    trace_write(&seen, stdout);
    trace_close(&seen);
    trace_close(&t);
    player_close(p);
    if (result.rule) fail_msg("at %lld ns: %s", (long long)result.at_ns, result.message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_doubled_late_or_out_of_order),
        cmocka_unit_test(the_same_seed_is_the_same_life),
    };
    const struct CMUnitTest alone[] = {cmocka_unit_test(a_trace_is_played)};
    if (getenv("BATCHTUNE_TRACE"))
        return cmocka_run_group_tests_name("batching-properties", alone, NULL, NULL);
    return cmocka_run_group_tests_name("batching-properties", tests, NULL, NULL);
}
