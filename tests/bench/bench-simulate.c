/* bench-simulate: how many requests a second one core simulates, and what a search for the capacity takes. Prints
 * figures and judges none; what a figure is compared with is measured beside it, in turns. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "simulate/capacity.h"
#include "spread.h"

#define ROUNDS    11
#define REQUESTS  1000000
#define QUANTILES 64
#define SIZES     4

/* Service times with a tail, of a model whose launch costs as much as an image. */
static bt_tuned_model tuned;
static double quantiles_ms[SIZES][QUANTILES], handling_ms[QUANTILES];

static void fill_times(bt_service_times *times, double *quantiles, int size, double typical_ms) {
    for (int i = 0; i < QUANTILES; i++)
        quantiles[i] = typical_ms * (1 + 0.1 * i / (QUANTILES - i));
    *times = (bt_service_times){.batch_size = size, .quantiles_ms = quantiles, .count = QUANTILES};
}

static bt_status tune(bt_error *error) {
    bt_batcher_model *batcher = &tuned.batcher;
    *batcher = (bt_batcher_model){.max_batch_size = 1 << (SIZES - 1),
                                  .max_queue_size = 1000,
                                  .max_queue_delay_ns = 5 * BT_NS_PER_MS,
                                  .admission = true,
                                  .failover = true,
                                  .watchdog_ns = 10 * BT_NS_PER_S,
                                  .breaker = BT_BREAKER_DEFAULT};
    batcher->ladder.size_count = SIZES;
    batcher->ladder.standard_ns = 30 * BT_NS_PER_MS;
    for (int i = 0; i < SIZES; i++) {
        const int size = 1 << i;
        const double typical_ms = 10 * (1 + size);
        batcher->ladder.sizes[i] = size;
        batcher->ladder.service_ns[i] = (int64_t)(typical_ms * BT_NS_PER_MS);
        fill_times(&tuned.times[i], quantiles_ms[i], size, typical_ms);
    }
    fill_times(&tuned.prepare, handling_ms, 1, 0.5);
    tuned.deliver = tuned.prepare;
    return bt_ladder_plan(&batcher->ladder, error);
}

/* Millions of requests a second, at this rate. */
static bt_status simulate(double *speed, int64_t *arrivals_ns, double rate_rps, bt_error *error) {
    bt_random random = bt_random_stream(1, "bench");
    double at_s = 0;
    for (int i = 0; i < REQUESTS; i++)
        arrivals_ns[i] = (int64_t)((at_s += bt_random_exponential(&random)) / rate_rps * BT_NS_PER_S);
    const bt_simulation_model model = {.batcher = tuned.batcher,
                                       .times = tuned.times,
                                       .times_count = SIZES,
                                       .prepare = tuned.prepare,
                                       .deliver = tuned.deliver,
                                       .arrivals_ns = arrivals_ns,
                                       .arrival_count = REQUESTS};
    const bt_batcher_instance instance = {.model = 0};
    bt_simulation *simulation;
    const int64_t start_ns = bt_clock_now_ns();
    bt_status status = bt_simulate(
        &simulation,
        &(bt_simulation_options){
            .models = &model, .model_count = 1, .instances = &instance, .instance_count = 1, .seed = 1},
        error);
    *speed = REQUESTS / ((double)(bt_clock_now_ns() - start_ns) / 1e9) / 1e6;
    bt_simulation_close(&simulation);
    return status;
}

static bt_status search(double *took_ms, bt_error *error) {
    bt_capacity capacity;
    const int64_t start_ns = bt_clock_now_ns();
    bt_status status = bt_capacity_find(&capacity, &tuned, 1, 250, 1, error);
    *took_ms = bt_ms(bt_clock_now_ns() - start_ns);
    return status;
}

static bt_status bench(int64_t *arrivals_ns, bt_error *error) {
    double light[ROUNDS], heavy[ROUNDS], searched[ROUNDS];
    bt_status status = tune(error);
    for (int round = 0; round < ROUNDS && status == BT_OK; round++) {
        status = simulate(&light[round], arrivals_ns, 10, error);
        if (status == BT_OK) status = simulate(&heavy[round], arrivals_ns, 60, error);
        if (status == BT_OK) status = search(&searched[round], error);
    }
    if (status != BT_OK) return status;
    print_spread("simulator, lone requests", light, ROUNDS, "M requests/s");
    print_spread("simulator, near capacity, batches to 8", heavy, ROUNDS, "M requests/s");
    print_spread("a search for the capacity and the largest spike", searched, ROUNDS, "ms");
    return BT_OK;
}

int main(void) {
    bt_error error = {BT_OK, ""};
    int64_t *arrivals_ns = malloc(REQUESTS * sizeof *arrivals_ns);
    bt_status status =
        arrivals_ns ? bench(arrivals_ns, &error) : bt_no_memory(&error, "a million of arrivals");
    free(arrivals_ns);
    if (status != BT_OK) fprintf(stderr, "bench-simulate: %s\n", error.message);
    return status != BT_OK;
}
