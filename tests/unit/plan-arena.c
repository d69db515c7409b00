/* The arena's promise: who lives at the same time lies apart, and the block is not much larger than what
 * lives at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "plan/arena.h"

#define LEASES 60
#define STEPS  40

static size_t rounded(size_t bytes) {
    return (bytes + BT_ARENA_ALIGNMENT - 1) / BT_ARENA_ALIGNMENT * BT_ARENA_ALIGNMENT;
}

/* The most bytes that live at one step: no block can be smaller. */
static size_t least_total(const bt_lease *leases, size_t count) {
    size_t most = 0;
    for (int step = 0; step < STEPS; step++) {
        size_t bytes = 0;
        for (size_t i = 0; i < count; i++)
            if (leases[i].first <= step && step <= leases[i].last) bytes += rounded(leases[i].bytes);
        if (bytes > most) most = bytes;
    }
    return most;
}

static void check_apart(uint64_t seed, const bt_lease *leases, size_t count, size_t total) {
    for (size_t i = 0; i < count; i++) {
        const bt_lease *a = &leases[i];
        if (a->bytes == 0) continue;
        if (a->offset % BT_ARENA_ALIGNMENT != 0 || a->offset + a->bytes > total)
            fail_msg("seed %llu: lease %zu at %zu", (unsigned long long)seed, i, a->offset);
        for (size_t j = 0; j < i; j++) {
            const bt_lease *b = &leases[j];
            if (a->first > b->last || b->first > a->last) continue;
            if (a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes)
                fail_msg("seed %llu: leases %zu and %zu overlap", (unsigned long long)seed, i, j);
        }
    }
}

static void neighbours_in_time_lie_apart(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        bt_random random = bt_random_stream(seed, "arena");
        bt_lease leases[LEASES];
        bt_error error;
        size_t total, count = 1 + bt_random_below(&random, LEASES);
        for (size_t i = 0; i < count; i++) {
            int first = (int)bt_random_below(&random, STEPS);
            leases[i] = (bt_lease){.bytes = bt_random_below(&random, 5000),
                                   .first = first,
                                   .last = first + (int)bt_random_below(&random, (uint64_t)(STEPS - first))};
        }
        assert_int_equal(bt_arena_place(leases, count, &total, &error), BT_OK);
        check_apart(seed, leases, count, total);
        size_t least = least_total(leases, count);
        if (total < least || total > 2 * least)
            fail_msg("seed %llu: %zu bytes where %zu live at once", (unsigned long long)seed, total, least);
    }
}

static void a_chain_takes_turns(void **state) {
    (void)state;
    bt_lease chain[] = {{100, 0, 1, 0}, {100, 1, 2, 0}, {100, 2, 3, 0}, {100, 3, 4, 0}};
    size_t total;
    bt_error error;
    assert_int_equal(bt_arena_place(chain, 4, &total, &error), BT_OK);
    assert_int_equal(total, 2 * rounded(100));
}

static void nothing_needs_nothing(void **state) {
    (void)state;
    size_t total = 1;
    bt_error error;
    assert_int_equal(bt_arena_place(NULL, 0, &total, &error), BT_OK);
    assert_int_equal(total, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_in_time_lie_apart),
        cmocka_unit_test(a_chain_takes_turns),
        cmocka_unit_test(nothing_needs_nothing),
    };
    return cmocka_run_group_tests_name("plan/arena", tests, NULL, NULL);
}
