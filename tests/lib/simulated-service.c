#include "simulated-service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"

void simulated_service_open(simulated_service *out, const int *sizes, const double *times_ms) {
    bt_error error = {BT_OK, ""};
    memset(out, 0, sizeof *out);
    bt_ladder *ladder = &out->model.batcher.ladder;
    for (int i = 0; sizes[i]; i++) {
        out->fixed_ms[i] = times_ms[i];
        out->times[i] = (bt_service_times){sizes[i], &out->fixed_ms[i], 1};
        ladder->sizes[i] = sizes[i];
        ladder->service_ns[i] = (int64_t)(times_ms[i] * BT_NS_PER_MS + 0.5);
        ladder->size_count = i + 1;
    }
    if (bt_ladder_plan(ladder, &error)) fail_msg("%s", error.message);
    out->model.times = out->times;
    out->model.times_count = ladder->size_count;
    out->model.batcher.max_batch_size = ladder->sizes[ladder->size_count - 1];
    out->model.batcher.max_queue_size = 20000;
    out->model.batcher.admission = out->model.batcher.failover = true;
    out->model.batcher.breaker = (bt_breaker_options)BT_BREAKER_DEFAULT;
}

void simulated_service_linear(simulated_service *out, int largest, double tau0_ms, double alpha_ms) {
    int sizes[BT_LADDER_SIZES_MAX + 1] = {0};
    double times_ms[BT_LADDER_SIZES_MAX];
    for (int i = 0; i < largest; i++) {
        sizes[i] = i + 1;
        times_ms[i] = tau0_ms + alpha_ms * sizes[i];
    }
    simulated_service_open(out, sizes, times_ms);
}

int64_t *simulated_poisson(uint64_t seed, double rate_rps, int64_t count) {
    bt_random random = bt_random_stream(seed, "arrivals");
    int64_t *arrivals_ns = malloc((size_t)count * sizeof *arrivals_ns);
    double at_s = 0;
    assert_non_null(arrivals_ns);
    for (int64_t i = 0; i < count; i++) {
        at_s += bt_random_exponential(&random) / rate_rps;
        arrivals_ns[i] = (int64_t)(at_s * BT_NS_PER_S);
    }
    return arrivals_ns;
}

bt_simulation *simulated(const bt_simulation_model *models, int count, bool one_device, uint64_t seed) {
    bt_simulation *simulation;
    bt_batcher_instance instances[BT_BATCHER_MODELS_MAX];
    bt_error error = {BT_OK, ""};
    for (int i = 0; i < count; i++)
        instances[i] = (bt_batcher_instance){.model = i, .device = one_device ? 0 : i};
    if (bt_simulate(&simulation,
                    &(bt_simulation_options){.models = models,
                                             .model_count = count,
                                             .instances = instances,
                                             .instance_count = count,
                                             .seed = seed},
                    &error))
        fail_msg("%s", error.message);
    return simulation;
}
