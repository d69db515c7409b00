#include "simulate/simulate.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "measure/quantile.h"

/* Both lanes of every instance may run at a time. */
#define RUNS_MAX BT_BATCHER_LANES_MAX

/* A virtual clock ends there: 73 years, and a few times as much can be counted. */
#define HORIZON_NS ((int64_t)1 << 61)
#define LONGEST_MS (BT_LADDER_NS_MAX / 1e6)

/* A run under way. */
typedef struct running {
    int64_t end_ns;
    uint64_t run;
    bt_run_outcome outcome;
} running;

/* One model as the events see it. */
typedef struct model_traffic {
    const bt_simulation_model *model;
    bt_simulated *out;
    int64_t sent, idle_clients;
    int64_t first_ns, last_ns; /* first arrival, last answer */
    int64_t busy_ns;           /* of all its runs */
    double latency_sum_ms, queue_sum_ms;
    uint64_t runs, run_requests;
    bt_random service_random, standard_random, failure_random;
    int16_t times_of[BT_LADDER_BATCH_MAX + 1]; /* by run size: which of the model's times; -1: none */
} model_traffic;

typedef struct simulator {
    bt_batcher *batcher;
    bt_simulation *result;
    model_traffic *models;
    int model_count;
    int64_t now_ns, overhead_ns;
    running runs[RUNS_MAX]; /* a heap, the next to end first */
    int run_count;
} simulator;

/* ---- checking ---- */

static bt_status check_times(const bt_service_times *times, int model, bt_error *error) {
    for (int i = 0; i < times->count; i++) {
        double value = times->quantiles_ms[i];
        if (!(value >= 0 && value <= LONGEST_MS) || (i > 0 && value < times->quantiles_ms[i - 1]))
            return bt_fail(
                error, BT_INVALID,
                "model %d: the service times of batch size %d do not ascend from 0 at [%d], or pass a day",
                model, times->batch_size, i);
    }
    return BT_OK;
}

static bt_status check_arrivals(const bt_simulation_model *model, int index, bt_error *error) {
    if (model->arrival_count < 0)
        return bt_fail(error, BT_INVALID, "model %d: %lld arrivals", index, (long long)model->arrival_count);
    if (!model->arrivals_ns && model->arrival_count > 0 && model->clients < 1)
        return bt_fail(error, BT_INVALID, "model %d: a closed loop of %d clients", index, model->clients);
    for (int64_t i = 0; model->arrivals_ns && i < model->arrival_count; i++)
        if (model->arrivals_ns[i] < (i > 0 ? model->arrivals_ns[i - 1] : 0) ||
            model->arrivals_ns[i] > HORIZON_NS)
            return bt_fail(error, BT_INVALID,
                           "model %d: the arrivals do not ascend from 0 at [%lld], or pass 73 years", index,
                           (long long)i);
    return BT_OK;
}

static bt_status check_model(const bt_simulation_model *model, int index, bt_error *error) {
    if (model->timeout_ns < 0 || !(model->failure_probability >= 0 && model->failure_probability <= 1))
        return bt_fail(error, BT_INVALID, "model %d: a timeout of %lld ns, a failure probability of %g",
                       index, (long long)model->timeout_ns, model->failure_probability);
    bt_status status = check_arrivals(model, index, error);
    for (int i = 0; status == BT_OK && i < model->times_count; i++)
        status = check_times(&model->times[i], index, error);
    return status == BT_OK ? check_times(&model->standard, index, error) : status;
}

/* ---- opening ---- */

static bt_status find_times(model_traffic *traffic, int index, bt_error *error) {
    const bt_simulation_model *model = traffic->model;
    const bt_ladder *ladder = &model->batcher.ladder;
    for (int size = 0; size <= BT_LADDER_BATCH_MAX; size++)
        traffic->times_of[size] = -1;
    for (int i = 0; i < model->times_count && i < INT16_MAX; i++) {
        int size = model->times[i].batch_size;
        if (size >= 1 && size <= BT_LADDER_BATCH_MAX && model->times[i].count > 0)
            traffic->times_of[size] = (int16_t)i;
    }
    for (int i = 0; i < ladder->size_count; i++)
        if (traffic->times_of[ladder->sizes[i]] < 0)
            return bt_fail(error, BT_INVALID, "model %d: there are no service times of batch size %d", index,
                           ladder->sizes[i]);
    return BT_OK;
}

/* A model's draws are its own, so that another beside it changes its waiting and nothing else; and its
 * failures have a stream of theirs, so that they leave the service times as they are. */
static bt_random stream_of(uint64_t seed, int model, const char *what) {
    char purpose[64];
    snprintf(purpose, sizeof purpose, "simulated %s of model %d", what, model);
    return bt_random_stream(seed, purpose);
}

static bt_status open_traffic(model_traffic *traffic, const bt_simulation_options *options, int index,
                              bt_simulated *out, bt_error *error) {
    const bt_simulation_model *model = &options->models[index];
    *traffic = (model_traffic){
        .model = model,
        .out = out,
        .idle_clients = model->arrivals_ns ? 0 : model->clients,
        .first_ns = BT_NEVER_NS,
        .service_random = stream_of(options->seed, index, "service times"),
        .standard_random = stream_of(options->seed, index, "standard path's times"),
        .failure_random = stream_of(options->seed, index, "failures"),
    };
    bt_status status = check_model(model, index, error);
    if (status == BT_OK) status = find_times(traffic, index, error);
    if (status != BT_OK) return status;
    out->arrival_count = model->arrival_count;
    out->latency_ms = malloc((size_t)(model->arrival_count + 1) * sizeof *out->latency_ms);
    if (!out->latency_ms)
        return bt_no_memory(error, "%lld simulated requests", (long long)model->arrival_count);
    for (int64_t i = 0; i < model->arrival_count; i++)
        out->latency_ms[i] = NAN;
    return BT_OK;
}

static bt_status open_batcher(simulator *sim, const bt_simulation_options *options, bt_error *error) {
    bt_batcher_model *models = malloc((size_t)options->model_count * sizeof *models);
    if (!models) return bt_no_memory(error, "a simulation");
    for (int i = 0; i < options->model_count; i++)
        models[i] = options->models[i].batcher;
    bt_status status = bt_batcher_open(&sim->batcher,
                                       &(bt_batcher_options){.models = models,
                                                             .model_count = options->model_count,
                                                             .instances = options->instances,
                                                             .instance_count = options->instance_count},
                                       error);
    free(models);
    return status;
}

static bt_status open_all(simulator *sim, const bt_simulation_options *options, bt_error *error) {
    bt_simulation *result = calloc(1, sizeof *result);
    sim->result = result;
    if (!result) return bt_no_memory(error, "a simulation");
    result->trace_hash = BT_FNV_START;
    if (options->model_count < 1 || options->model_count > BT_BATCHER_MODELS_MAX ||
        options->overhead_ns < 0 || options->overhead_ns > BT_LADDER_NS_MAX)
        return bt_fail(error, BT_INVALID, "a simulation of %d models with an overhead of %lld ns a run",
                       options->model_count, (long long)options->overhead_ns);
    result->models = calloc((size_t)options->model_count, sizeof *result->models);
    sim->models = calloc((size_t)options->model_count, sizeof *sim->models);
    if (!result->models || !sim->models) return bt_no_memory(error, "a simulation");
    sim->model_count = result->model_count = options->model_count;
    sim->overhead_ns = options->overhead_ns;
    /* first, since it checks the ladders that the rest reads */
    bt_status status = open_batcher(sim, options, error);
    for (int i = 0; status == BT_OK && i < options->model_count; i++)
        status = open_traffic(&sim->models[i], options, i, &result->models[i], error);
    return status;
}

/* ---- runs under way ---- */

static bool ends_before(const running *a, const running *b) {
    return a->end_ns != b->end_ns ? a->end_ns < b->end_ns : a->run < b->run;
}

static void push_run(simulator *sim, running run) {
    assert(sim->run_count < RUNS_MAX);
    int at = sim->run_count++;
    for (int parent; at > 0 && ends_before(&run, &sim->runs[parent = (at - 1) / 2]); at = parent)
        sim->runs[at] = sim->runs[parent];
    sim->runs[at] = run;
}

static running pop_run(simulator *sim) {
    running first = sim->runs[0], last = sim->runs[--sim->run_count];
    int at = 0;
    for (int child; (child = 2 * at + 1) < sim->run_count; at = child) {
        if (child + 1 < sim->run_count && ends_before(&sim->runs[child + 1], &sim->runs[child])) child++;
        if (!ends_before(&sim->runs[child], &last)) break;
        sim->runs[at] = sim->runs[child];
    }
    sim->runs[at] = last;
    return first;
}

/* ---- what the batcher wants done ---- */

static void trace(simulator *sim, const uint64_t *words, size_t count) {
    sim->result->trace_hash = bt_fnv1a64(sim->result->trace_hash, words, count * sizeof *words);
}

static int64_t draw_ns(bt_random *random, const bt_service_times *times) {
    double place = bt_random_uniform(random) * (times->count - 1), ms = times->quantiles_ms[(int)place];
    if (times->count > 1) ms += (place - (int)place) * (times->quantiles_ms[(int)place + 1] - ms);
    return (int64_t)(ms * BT_NS_PER_MS + 0.5);
}

static int64_t standard_ns(model_traffic *traffic) {
    const bt_simulation_model *model = traffic->model;
    if (model->standard.count == 0) return model->batcher.ladder.standard_ns;
    return draw_ns(&traffic->standard_random, &model->standard);
}

static void count_batch(model_traffic *traffic, int count) {
    int place = count < BT_SIMULATION_BATCHES ? count : BT_SIMULATION_BATCHES;
    traffic->out->batches[place - 1]++;
    traffic->runs++;
    traffic->run_requests += (uint64_t)count;
}

static void start_run(simulator *sim, const bt_action *action) {
    model_traffic *traffic = &sim->models[action->model];
    bt_run_outcome outcome = BT_RUN_GOOD;
    int64_t takes_ns = sim->overhead_ns;
    if (action->path == BT_PATH_STANDARD) {
        takes_ns += standard_ns(traffic);
    } else {
        const bt_simulation_model *model = traffic->model;
        takes_ns += draw_ns(&traffic->service_random, &model->times[traffic->times_of[action->run_size]]);
        if (model->failure_probability > 0 &&
            bt_random_uniform(&traffic->failure_random) < model->failure_probability)
            outcome = BT_RUN_EXCEPTION;
        count_batch(traffic, action->count);
    }
    traffic->busy_ns += takes_ns;
    push_run(sim, (running){.end_ns = sim->now_ns + takes_ns, .run = action->run, .outcome = outcome});
}

static void take_answer(simulator *sim, const bt_action *action) {
    model_traffic *traffic = &sim->models[action->model];
    bt_simulated *out = traffic->out;
    if (!traffic->model->arrivals_ns) traffic->idle_clients++;
    traffic->last_ns = sim->now_ns;
    if (action->status == BT_TIMEOUT) out->expired++;
    if (action->status != BT_OK && action->status != BT_TIMEOUT) out->failed++;
    if (action->status != BT_OK) return;
    double latency_ms = bt_ms(sim->now_ns - action->arrival_ns);
    out->ok++;
    out->latency_ms[action->tag] = latency_ms;
    traffic->latency_sum_ms += latency_ms;
    traffic->queue_sum_ms += bt_ms(action->started_ns - action->arrival_ns);
}

static void act(simulator *sim) {
    bt_action action;
    while (bt_batcher_next(sim->batcher, sim->now_ns, &action)) {
        trace(sim,
              (uint64_t[]){(uint64_t)sim->now_ns, action.run,
                           action.kind == BT_ACTION_RUN ? action.tags[0] : action.tag,
                           (uint64_t)action.kind << 60 | (uint64_t)action.model << 52 |
                               (uint64_t)action.path << 48 | (uint64_t)action.status << 40 |
                               (uint64_t)(action.instance + 1) << 32 | (uint64_t)action.count << 16 |
                               (uint64_t)action.run_size},
              4);
        if (action.kind == BT_ACTION_RUN)
            start_run(sim, &action);
        else
            take_answer(sim, &action);
    }
}

/* ---- events ---- */

static int64_t next_arrival_ns(const simulator *sim, const model_traffic *traffic) {
    const bt_simulation_model *model = traffic->model;
    if (traffic->sent == model->arrival_count) return BT_NEVER_NS;
    if (model->arrivals_ns) return model->arrivals_ns[traffic->sent];
    return traffic->idle_clients > 0 ? sim->now_ns : BT_NEVER_NS;
}

static void send(simulator *sim, model_traffic *traffic) {
    const bt_simulation_model *model = traffic->model;
    uint64_t tag = (uint64_t)traffic->sent++, ticket;
    int64_t left_ns = BT_NEVER_NS - sim->now_ns;
    bool timed = model->timeout_ns > 0 && model->timeout_ns < left_ns;
    bt_submission submission = {.model = (int)(traffic - sim->models),
                                .deadline_ns = timed ? sim->now_ns + model->timeout_ns : BT_NEVER_NS,
                                .tag = tag};
    if (traffic->first_ns == BT_NEVER_NS) traffic->first_ns = sim->now_ns;
    if (!model->arrivals_ns) traffic->idle_clients--;
    bt_status status = bt_batcher_submit(sim->batcher, sim->now_ns, &submission, &ticket);
    if (status == BT_OK) return;
    trace(sim, (uint64_t[]){(uint64_t)sim->now_ns, tag, (uint64_t)status}, 3);
    traffic->out->rejected++;
    traffic->last_ns = sim->now_ns;
    if (!model->arrivals_ns) traffic->idle_clients++;
}

static int64_t sooner(int64_t a_ns, int64_t b_ns) {
    return a_ns < b_ns ? a_ns : b_ns;
}

/* The next thing that happens: a run ends, a request arrives, or the batcher wants to be asked; at one
 * instant in this order. False when there is nothing more, or nothing before the clock's end. */
static bool step(simulator *sim) {
    int64_t run_ns = sim->run_count > 0 ? sim->runs[0].end_ns : BT_NEVER_NS;
    int64_t arrival_ns = BT_NEVER_NS, wake_ns = bt_batcher_wake_ns(sim->batcher);
    model_traffic *arriving = NULL;
    for (int i = 0; i < sim->model_count; i++) {
        int64_t next_ns = next_arrival_ns(sim, &sim->models[i]);
        if (next_ns >= arrival_ns) continue;
        arrival_ns = next_ns;
        arriving = &sim->models[i];
    }
    if (sooner(sooner(run_ns, arrival_ns), wake_ns) > HORIZON_NS) return false;
    if (run_ns <= arrival_ns && run_ns <= wake_ns) {
        running ended = pop_run(sim);
        sim->now_ns = run_ns;
        bool known = bt_batcher_done(sim->batcher, sim->now_ns, ended.run, ended.outcome);
        assert(known);
        (void)known;
    } else if (arrival_ns <= wake_ns) {
        sim->now_ns = arrival_ns;
        send(sim, arriving);
    } else if (wake_ns > sim->now_ns) {
        sim->now_ns = wake_ns;
    }
    act(sim);
    return true;
}

/* ---- figures ---- */

static bt_status sum_up(const model_traffic *traffic, int instances, bt_error *error) {
    bt_simulated *out = traffic->out;
    out->p50_ms = out->p95_ms = out->p99_ms = out->mean_ms = out->max_ms = out->mean_queue_ms = NAN;
    double span_ns = traffic->first_ns == BT_NEVER_NS ? 0 : (double)(traffic->last_ns - traffic->first_ns);
    out->throughput_rps = span_ns > 0 ? (double)out->ok / span_ns * BT_NS_PER_S : NAN;
    out->utilisation = span_ns > 0 ? (double)traffic->busy_ns / span_ns / instances : NAN;
    out->mean_batch_size = traffic->runs ? (double)traffic->run_requests / (double)traffic->runs : NAN;
    if (out->ok == 0) return BT_OK;
    size_t count = 0;
    double *sorted = malloc((size_t)out->ok * sizeof *sorted);
    if (!sorted) return bt_no_memory(error, "%lld latencies", (long long)out->ok);
    for (int64_t i = 0; i < out->arrival_count; i++)
        if (!isnan(out->latency_ms[i])) sorted[count++] = out->latency_ms[i];
    bt_sort(sorted, count);
    out->p50_ms = bt_quantile(sorted, count, 0.50);
    out->p95_ms = bt_quantile(sorted, count, 0.95);
    out->p99_ms = bt_quantile(sorted, count, 0.99);
    out->max_ms = sorted[count - 1];
    out->mean_ms = traffic->latency_sum_ms / (double)out->ok;
    out->mean_queue_ms = traffic->queue_sum_ms / (double)out->ok;
    free(sorted);
    return BT_OK;
}

static bool has_arrivals(const simulator *sim) {
    for (int i = 0; i < sim->model_count; i++)
        if (sim->models[i].sent < sim->models[i].model->arrival_count) return true;
    return false;
}

static int instances_of(const bt_simulation_options *options, int model) {
    int count = 0;
    for (int i = 0; i < options->instance_count; i++)
        count += options->instances[i].model == model;
    return count;
}

bt_status bt_simulate(bt_simulation **out, const bt_simulation_options *options, bt_error *error) {
    simulator sim = {.run_count = 0};
    *out = NULL;
    bt_status status = open_all(&sim, options, error);
    if (status != BT_OK) goto done;
    while (step(&sim))
        continue;
    if (!bt_batcher_idle(sim.batcher) || has_arrivals(&sim)) {
        status = bt_fail(error, BT_INVALID, "what is simulated is not over after 73 years");
        goto done;
    }
    sim.result->duration_ns = sim.now_ns;
    for (int i = 0; status == BT_OK && i < sim.model_count; i++)
        status = sum_up(&sim.models[i], instances_of(options, i), error);
done:
    bt_batcher_close(&sim.batcher);
    free(sim.models);
    if (status != BT_OK)
        bt_simulation_close(&sim.result);
    else
        *out = sim.result;
    return status;
}

void bt_simulation_close(bt_simulation **simulation) {
    if (!simulation || !*simulation) return;
    for (int i = 0; (*simulation)->models && i < (*simulation)->model_count; i++)
        free((*simulation)->models[i].latency_ms);
    free((*simulation)->models);
    free(*simulation);
    *simulation = NULL;
}
