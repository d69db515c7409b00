/* bench-placing: how long placing three models on eight devices takes, and how much more the best of all placements holds:
 * every one of them is simulated. Prints figures and judges none. FAMILIES (6): so many made-up ones of each kind. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "placing-family.h"
#include "spread.h"

#define FAMILIES_MAX 1000
#define DIGITS       0.0025 /* to which the best of all is found */

typedef struct kind {
    const char *name;
    int models, devices;
    bool mixed;
} kind;

static placing_family family;

/* Of this thread, as if nothing ran beside it. */
static double cpu_ms(void) {
    struct timespec at;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

/* From what was found on upwards: a simulation each. */
static bt_status find_best(double found, double *best, int *count, bt_error *error) {
    uint32_t on[BT_PLACING_DEVICES_MAX] = {0};
    bt_status status = BT_OK;
    *best = found;
    *count = 0;
    while (status == BT_OK && placing_next(&family.problem, on)) {
        bool holds = true;
        ++*count;
        status = bt_placing_holds(&holds, &family.problem, on, *best * (1 + DIGITS), error);
        while (holds && status == BT_OK) {
            *best *= 1 + DIGITS;
            status = bt_placing_holds(&holds, &family.problem, on, *best * (1 + DIGITS), error);
        }
    }
    return status;
}

static bt_status bench(const kind *k, int families, bt_error *error) {
    double gaps[FAMILIES_MAX], took_ms[FAMILIES_MAX], used_ms[FAMILIES_MAX], simulations[FAMILIES_MAX],
        mean = 0;
    int compared = 0, placements = 0;
    for (uint64_t seed = 1; compared < families && seed < 10 * FAMILIES_MAX; seed++) {
        bt_placing found;
        double best;
        placing_family_draw(&family, seed, k->models, k->devices, k->mixed);
        const int64_t start_ns = bt_clock_now_ns();
        const double used_before_ms = cpu_ms();
        bt_status status = bt_placing_find(&found, &family.problem, error);
        took_ms[compared] = bt_ms(bt_clock_now_ns() - start_ns);
        used_ms[compared] = cpu_ms() - used_before_ms;
        if (status == BT_INVALID || (status == BT_OK && found.factor == 0)) continue; /* nothing to compare */
        if (status == BT_OK) status = find_best(found.factor, &best, &placements, error);
        if (status != BT_OK) return status;
        simulations[compared] = found.simulations;
        gaps[compared] = 100 * (best / found.factor - 1);
        mean += gaps[compared] / families;
        printf("%s, seed %llu: %.4g of %.4g (%d placements), %.0f ms, %d simulations\n", k->name,
               (unsigned long long)seed, found.factor, best, placements, took_ms[compared],
               found.simulations);
        fflush(stdout);
        compared++;
    }
    printf("%s: mean gap to the best of all %.2f %%\n", k->name, mean);
    print_spread("gap to the best of all placements", gaps, (size_t)compared, "%");
    print_spread("time", took_ms, (size_t)compared, "ms");
    print_spread("of which on a core", used_ms, (size_t)compared, "ms");
    print_spread("simulations", simulations, (size_t)compared, "");
    return BT_OK;
}

int main(int argc, char **argv) {
    static const kind kinds[] = {{"3 models, 8 devices", 3, 8, false},
                                 {"3 models, 5 devices of two kinds", 3, 5, true}};
    const int families = argc > 1 ? atoi(argv[1]) : 6;
    bt_error error = {BT_OK, ""};
    bt_status status = BT_OK;
    if (families < 1 || families > FAMILIES_MAX) return 2;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && status == BT_OK; i++)
        status = bench(&kinds[i], families, &error);
    if (status != BT_OK) fprintf(stderr, "bench-placing: %s\n", error.message);
    return status != BT_OK;
}
