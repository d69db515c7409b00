#include "simulate/fleet.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "measure/quantile.h"
#include "simulate/rates.h"
#include "simulate/stepped.h"

/* Requests of one simulation: so many for each replica, within these bounds. P95 hangs on a thousand of them at least. */
#define REQUESTS_EACH 4000
#define REQUESTS_MIN  20000
#define REQUESTS_MAX  60000

/* One replica: what it is sent grows as the balancer chooses it. */
typedef struct replica {
    bt_simulation_model model;
    bt_simulation_options options;
    bt_stepped *stepped;
    int64_t *arrivals_ns; /* owned */
} replica;

typedef struct fleet_run {
    const bt_fleet *fleet;
    bt_batcher_instance instances[BT_BATCHER_INSTANCES_MAX];
    replica *replicas; /* owned */
    int next;          /* whose turn it is */
    int64_t count;
} fleet_run;

static void close_run(fleet_run *run) {
    for (int i = 0; run->replicas && i < run->fleet->replicas; i++) {
        bt_stepped_close(&run->replicas[i].stepped);
        free(run->replicas[i].arrivals_ns);
    }
    free(run->replicas);
}

/* Its schedule has room for all that there are: a balancer might choose it each time. */
static bt_status open_replica(fleet_run *run, int index, bt_error *error) {
    replica *r = &run->replicas[index];
    r->arrivals_ns = calloc((size_t)run->count, sizeof *r->arrivals_ns);
    if (!r->arrivals_ns) return bt_no_memory(error, "a replica's requests");
    r->model = bt_tuned_model_simulated(run->fleet->model);
    r->model.arrivals_ns = r->arrivals_ns;
    r->model.arrival_count = run->count;
    r->options = (bt_simulation_options){.models = &r->model,
                                         .model_count = 1,
                                         .instances = run->instances,
                                         .instance_count = run->fleet->instances,
                                         .seed = bt_hash_word(run->fleet->seed, (uint64_t)index)};
    bt_status status = bt_stepped_open(&r->stepped, &r->options, error);
    r->model.arrival_count = 0;
    return status;
}

static bt_status open_run(fleet_run *run, bt_error *error) {
    const bt_fleet *fleet = run->fleet;
    if (fleet->replicas < 1 || fleet->replicas > BT_FLEET_REPLICAS_MAX || fleet->instances < 1 ||
        fleet->instances > BT_BATCHER_INSTANCES_MAX)
        return bt_fail(error, BT_INVALID, "%d replicas of %d instances", fleet->replicas, fleet->instances);
    for (int i = 0; i < fleet->instances; i++)
        run->instances[i] = (bt_batcher_instance){.model = 0, .device = i};
    run->count = (int64_t)REQUESTS_EACH * fleet->replicas;
    if (run->count < REQUESTS_MIN) run->count = REQUESTS_MIN;
    if (run->count > REQUESTS_MAX) run->count = REQUESTS_MAX;
    run->replicas = calloc((size_t)fleet->replicas, sizeof *run->replicas);
    if (!run->replicas) return bt_no_memory(error, "replicas");
    bt_status status = BT_OK;
    for (int i = 0; i < fleet->replicas && status == BT_OK; i++)
        status = open_replica(run, i, error);
    return status;
}

/* Of those that have fewest requests, the next in turn. */
static int choose(const fleet_run *run) {
    const int replicas = run->fleet->replicas;
    int chosen = run->next;
    if (run->fleet->balancing == BT_BALANCING_ROUND_ROBIN) return chosen;
    int64_t fewest = INT64_MAX;
    for (int i = 0; i < replicas && fewest > 0; i++) {
        const int at = (run->next + i) % replicas;
        const int64_t has = bt_stepped_under_way(run->replicas[at].stepped, 0);
        if (has >= fewest) continue;
        fewest = has;
        chosen = at;
    }
    return chosen;
}

static void send(fleet_run *run, int64_t at_ns) {
    for (int i = 0; i < run->fleet->replicas; i++)
        bt_stepped_until(run->replicas[i].stepped, at_ns);
    const int chosen = choose(run);
    replica *r = &run->replicas[chosen];
    r->arrivals_ns[r->model.arrival_count++] = at_ns;
    bt_stepped_until(r->stepped, at_ns);
    run->next = (chosen + 1) % run->fleet->replicas;
}

/* ---- all together ---- */

typedef struct sums {
    double *latency_ms; /* owned */
    size_t count;
    double latency_sum_ms, batched, runs;
    int64_t duration_ns;
} sums;

static void add(sums *all, const bt_simulation *one, int64_t arrivals) {
    const bt_simulated *of = &one->models[0];
    for (int64_t i = 0; i < arrivals; i++) {
        if (isnan(of->latency_ms[i])) continue;
        all->latency_sum_ms += of->latency_ms[i];
        all->latency_ms[all->count++] = of->latency_ms[i];
    }
    for (int b = 0; b < BT_SIMULATION_BATCHES; b++) {
        all->runs += (double)of->batches[b];
        all->batched += (double)of->batches[b] * (b + 1);
    }
    if (one->duration_ns > all->duration_ns) all->duration_ns = one->duration_ns;
}

static void sum_up(sums *all, const fleet_run *run, bt_fleet_result *out) {
    const size_t count = all->count;
    *out = (bt_fleet_result){.arrival_count = run->count, .ok = (int64_t)count};
    out->p50_ms = out->p95_ms = out->p99_ms = out->mean_ms = NAN;
    out->mean_batch_size = all->runs > 0 ? all->batched / all->runs : NAN;
    out->mean_under_way = all->latency_sum_ms / bt_ms(all->duration_ns) / run->fleet->replicas;
    if (count == 0) return;
    bt_sort(all->latency_ms, count);
    out->p50_ms = bt_quantile(all->latency_ms, count, 0.50);
    out->p95_ms = bt_quantile(all->latency_ms, count, 0.95);
    out->p99_ms = bt_quantile(all->latency_ms, count, 0.99);
    out->mean_ms = all->latency_sum_ms / (double)count;
}

static bt_status finish(fleet_run *run, bt_fleet_result *out, bt_error *error) {
    sums all = {.latency_ms = malloc((size_t)run->count * sizeof(double))};
    bt_status status = all.latency_ms ? BT_OK : bt_no_memory(error, "latencies");
    for (int i = 0; i < run->fleet->replicas && status == BT_OK; i++) {
        bt_simulation *one;
        status = bt_stepped_finish(&run->replicas[i].stepped, &one, error);
        if (status == BT_OK) add(&all, one, run->replicas[i].model.arrival_count);
        bt_simulation_close(&one);
    }
    if (status == BT_OK) sum_up(&all, run, out);
    free(all.latency_ms);
    return status;
}

bt_status bt_fleet_try(const bt_fleet *fleet, double rate_rps, bt_fleet_result *out, bt_error *error) {
    fleet_run run = {.fleet = fleet};
    if (!(rate_rps >= BT_RATES_LEAST_RPS))
        return bt_fail(error, BT_INVALID, "%g requests/s are too few to be simulated: at least %g are",
                       rate_rps, BT_RATES_LEAST_RPS);
    bt_status status = open_run(&run, error);
    bt_random random = bt_random_stream(fleet->seed, "arrivals at a fleet");
    double at_s = 0;
    for (int64_t i = 0; i < run.count && status == BT_OK; i++) {
        at_s += bt_random_exponential(&random) / rate_rps;
        send(&run, (int64_t)(at_s * BT_NS_PER_S));
    }
    if (status == BT_OK) status = finish(&run, out, error);
    close_run(&run);
    return status;
}

bool bt_fleet_keeps(const bt_fleet_result *result, double p95_sla_ms) {
    return result->ok == result->arrival_count && result->p95_ms <= p95_sla_ms;
}

typedef struct fleet_promise {
    const bt_fleet *fleet;
    double p95_sla_ms;
} fleet_promise;

static bt_status keeps_at(const void *context, double rate_rps, bool *keeps, bt_error *error) {
    const fleet_promise *promise = context;
    bt_fleet_result tried;
    bt_status status = bt_fleet_try(promise->fleet, rate_rps, &tried, error);
    *keeps = status == BT_OK && bt_fleet_keeps(&tried, promise->p95_sla_ms);
    return status;
}

bt_status bt_fleet_highest(const bt_fleet *fleet, double p95_sla_ms, double *out, bt_error *error) {
    const fleet_promise promise = {fleet, p95_sla_ms};
    const bt_rates one = {.model = fleet->model, .instance_count = fleet->instances};
    return bt_rates_search(bt_rates_bound_rps(&one) * fleet->replicas, keeps_at, &promise, out, error);
}
