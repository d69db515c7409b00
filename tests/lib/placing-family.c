#include "placing-family.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"

static const char *const model_names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
static const char *const device_names[] = {"cuda:0", "cuda:1", "cuda:2", "cuda:3",
                                           "cuda:4", "cuda:5", "cuda:6", "cuda:7"};

void placing_times_open(placing_times *out, int largest, double tau_ms, double alpha_ms, double tail,
                        double queue_delay_ms) {
    bt_error error;
    bt_batcher_model *batcher = &out->tuned.batcher;
    memset(out, 0, sizeof *out);
    *batcher = (bt_batcher_model){.max_batch_size = largest,
                                  .max_queue_size = 1000,
                                  .max_queue_delay_ns = (int64_t)(queue_delay_ms * BT_NS_PER_MS),
                                  .admission = true,
                                  .failover = true,
                                  .watchdog_ns = 100 * BT_NS_PER_S,
                                  .breaker = BT_BREAKER_DEFAULT};
    for (int i = 0, size = 1; size <= largest && i < PLACING_SIZES; i++, size *= 2) {
        const double typical_ms = tau_ms + alpha_ms * size;
        batcher->ladder.sizes[batcher->ladder.size_count] = size;
        batcher->ladder.service_ns[batcher->ladder.size_count++] = (int64_t)(typical_ms * BT_NS_PER_MS);
        for (int q = 0; q < PLACING_QUANTILES; q++)
            out->quantiles_ms[i][q] =
                typical_ms * (1 + tail * q * q / ((PLACING_QUANTILES - 1) * (PLACING_QUANTILES - 1)));
        out->tuned.times[i] = (bt_service_times){
            .batch_size = size, .quantiles_ms = out->quantiles_ms[i], .count = PLACING_QUANTILES};
    }
    batcher->ladder.standard_ns = batcher->ladder.service_ns[0];
    (void)!bt_ladder_plan(&batcher->ladder, &error);
}

void placing_family_open(placing_family *out, int models, int devices) {
    memset(out, 0, sizeof *out);
    for (int m = 0; m < models; m++) {
        placing_times_open(&out->times[m], 1, 5, 5, 0, 0);
        out->models[m] = (bt_placing_model){.name = model_names[m],
                                            .tuned = &out->times[m].tuned,
                                            .memory_mb = 10,
                                            .p95_sla_ms = 100,
                                            .rate_rps = 1};
    }
    for (int d = 0; d < devices; d++) {
        out->devices[d] = (bt_placing_device){.name = device_names[d], .pool = d, .speed = 1};
        out->pools_mb[d] = 1000;
    }
    out->problem = (bt_placing_problem){.models = out->models,
                                        .model_count = models,
                                        .devices = out->devices,
                                        .device_count = devices,
                                        .pools_mb = out->pools_mb,
                                        .pool_count = devices,
                                        .seed = 1};
}

static void draw_model(placing_family *out, int m, bt_random *random) {
    bt_placing_model *model = &out->models[m];
    const int largest = 1 << bt_random_below(random, PLACING_SIZES);
    const double tau_ms = bt_random_between(random, 1, 20), alpha_ms = bt_random_between(random, 1, 10);
    const double tail = bt_random_between(random, 0, 0.3), longest_ms = tau_ms + alpha_ms * largest;
    const double delay_ms = bt_random_below(random, 2) ? bt_random_between(random, 0, 0.2 * longest_ms) : 0;
    placing_times_open(&out->times[m], largest, tau_ms, alpha_ms, tail, delay_ms);
    model->p95_sla_ms = delay_ms + longest_ms * bt_random_between(random, 2.5, 8);
    model->rate_rps = bt_random_below(random, 2) ? 1 : bt_random_between(random, 0.2, 2);
    model->memory_mb = bt_random_between(random, 50, 700);
}

/* Half of the families cost each other nothing. */
static void draw_neighbours(placing_family *out, int m, bt_random *random) {
    bt_placing_model *model = &out->models[m];
    for (int other = 0; other < out->problem.model_count; other++) {
        if (other == m) continue;
        model->neighbours[model->neighbour_count++] =
            (bt_neighbour){.model = other,
                           .slowdown = bt_random_between(random, 1, 1.4),
                           .beside = 1 + (int)bt_random_below(random, 3),
                           .switch_ms = bt_random_between(random, 0, 2)};
    }
}

void placing_family_draw(placing_family *out, uint64_t seed, int models, int devices, bool mixed) {
    bt_random random = bt_random_stream(seed, "a family of placements");
    placing_family_open(out, models, devices);
    out->problem.seed = seed;
    const bool neighbours = bt_random_below(&random, 2);
    for (int m = 0; m < models; m++) {
        draw_model(out, m, &random);
        if (neighbours) draw_neighbours(out, m, &random);
    }
    for (int d = 0; d < devices && mixed; d++) {
        const bool other = d >= (devices + 1) / 2;
        out->devices[d].speed = other ? 0.6 : 1;
        out->pools_mb[d] = other ? 1400 : 1000;
    }
}

static bool alike(const bt_placing_problem *p, int a, int b) {
    return p->devices[a].speed == p->devices[b].speed &&
           p->pools_mb[p->devices[a].pool] == p->pools_mb[p->devices[b].pool];
}

/* Of devices that are alike, those that come later hold no higher number. Each of a family's has its own memory. */
static bool counts(const bt_placing_problem *p, const uint32_t *on) {
    uint32_t all = 0;
    for (int d = 0; d < p->device_count; d++) {
        all |= on[d];
        if (d > 0 && alike(p, d - 1, d) && on[d] > on[d - 1]) return false;
    }
    return all == ((uint32_t)1 << p->model_count) - 1 && bt_placing_fits(p, on);
}

bool placing_next(const bt_placing_problem *p, uint32_t on[BT_PLACING_DEVICES_MAX]) {
    const uint32_t words = (uint32_t)1 << p->model_count;
    for (;;) {
        int d = 0;
        while (d < p->device_count && ++on[d] == words)
            on[d++] = 0;
        if (d == p->device_count) return false;
        if (counts(p, on)) return true;
    }
}
