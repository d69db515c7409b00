/* The clairvoyant that policies are measured by finds what trying everything finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "clairvoyant.h"

#define COUNT   7
#define LARGEST 3
#define WORLDS  300

typedef struct small_world {
    bt_ladder ladder;
    int64_t arrivals_ns[COUNT], sla_ns;
} small_world;

static small_world draw(uint64_t seed) {
    bt_random random = bt_random_stream(seed, "small worlds");
    small_world w = {.ladder = {.size_count = LARGEST}, .sla_ns = 5 + (int64_t)bt_random_below(&random, 40)};
    bt_error error;
    for (int i = 0; i < LARGEST; i++) {
        w.ladder.sizes[i] = i + 1;
        w.ladder.service_ns[i] =
            (i > 0 ? w.ladder.service_ns[i - 1] : 4) + 1 + (int64_t)bt_random_below(&random, 8);
    }
    for (int i = 1; i < COUNT; i++)
        w.arrivals_ns[i] = w.arrivals_ns[i - 1] + (int64_t)bt_random_below(&random, 15);
    if (bt_ladder_plan(&w.ladder, &error) != BT_OK) fail_msg("%s", error.message);
    return w;
}

/* Any group of those that are left may be the next batch, whatever their order; who is never in one is left
 * out. */
static int most_of_any(const small_world *w, unsigned left, int64_t free_ns) {
    int most = 0;
    for (unsigned batch = left; batch > 0; batch = (batch - 1) & left) {
        const int size = __builtin_popcount(batch);
        int64_t end_ns = free_ns;
        if (size > LARGEST) continue;
        for (int i = 0; i < COUNT; i++)
            if (batch >> i & 1 && w->arrivals_ns[i] > end_ns) end_ns = w->arrivals_ns[i];
        end_ns += w->ladder.cost_ns[size];
        int in_time = 0;
        for (int i = 0; i < COUNT; i++)
            in_time += batch >> i & 1 && w->arrivals_ns[i] + w->sla_ns >= end_ns;
        if (in_time < size) continue; /* who is late can as well be left out */
        in_time += most_of_any(w, left & ~batch, end_ns);
        if (in_time > most) most = in_time;
    }
    return most;
}

static int most_in_order(const small_world *w, int from, int64_t free_ns) {
    int most = 0;
    for (int size = 1; size <= LARGEST && from + size <= COUNT; size++) {
        const int64_t last_ns = w->arrivals_ns[from + size - 1];
        const int64_t end_ns = (last_ns > free_ns ? last_ns : free_ns) + w->ladder.cost_ns[size];
        int in_time = most_in_order(w, from + size, end_ns);
        for (int i = from; i < from + size; i++)
            in_time += w->arrivals_ns[i] + w->sla_ns >= end_ns;
        if (in_time > most) most = in_time;
    }
    return most;
}

static void it_finds_what_trying_everything_finds(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        const small_world w = draw(seed);
        assert_int_equal(clairvoyant_in_time(&w.ladder, LARGEST, w.arrivals_ns, COUNT, w.sla_ns, false),
                         most_of_any(&w, (1 << COUNT) - 1, 0));
        assert_int_equal(clairvoyant_in_time(&w.ladder, LARGEST, w.arrivals_ns, COUNT, w.sla_ns, true),
                         most_in_order(&w, 0, 0));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_finds_what_trying_everything_finds)};
    return cmocka_run_group_tests_name("simulate-clairvoyant", tests, NULL, NULL);
}
