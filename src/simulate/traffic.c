#include "simulate/traffic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "measure/quantile.h"

#define LONGEST_MS   (BT_LADDER_NS_MAX / 1e6)
#define SLOWDOWN_MAX 1000.0

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
            model->arrivals_ns[i] > BT_HORIZON_NS)
            return bt_fail(error, BT_INVALID,
                           "model %d: the arrivals do not ascend from 0 at [%lld], or pass 73 years", index,
                           (long long)i);
    return BT_OK;
}

static bt_status check_order(const bt_run_order *order, int model, bt_error *error) {
    bool wrong = order->count < 0 || (order->count > 0 && order->block_runs < 1);
    for (int i = 0; i < order->count; i++)
        wrong = wrong || order->ranks[i] < 0 || order->ranks[i] >= order->count;
    return wrong ? bt_fail(error, BT_INVALID, "model %d: an order of %d runs in blocks of %d", model,
                           order->count, order->block_runs)
                 : BT_OK;
}

static bt_status check_idle(const bt_idle_cost *idle, int model, bt_error *error) {
    for (int i = 0; i < idle->count; i++)
        if (!(idle->extra_ms[i] >= 0 && idle->extra_ms[i] <= LONGEST_MS && idle->gap_ms[i] >= 0) ||
            (i > 0 && !(idle->gap_ms[i] > idle->gap_ms[i - 1])))
            return bt_fail(error, BT_INVALID,
                           "model %d: pauses do not ascend at [%d], or cost more than a day", model, i);
    return BT_OK;
}

/* Of other models, by their indexes. */
static bt_status check_neighbours(const bt_simulation_model *model, int index, int model_count,
                                  bt_error *error) {
    for (int i = 0; i < model->neighbour_count; i++) {
        const bt_neighbour *n = &model->neighbours[i];
        if (n->model < 0 || n->model >= model_count || n->model == index || n->beside < 1 ||
            !(n->slowdown >= 1 / SLOWDOWN_MAX && n->slowdown <= SLOWDOWN_MAX) ||
            !(n->switch_ms >= 0 && n->switch_ms <= LONGEST_MS))
            return bt_fail(error, BT_INVALID, "model %d: model %d, %d at a time, slows it %g times, by %g ms",
                           index, n->model, n->beside, n->slowdown, n->switch_ms);
    }
    return BT_OK;
}

static bt_status check_speeds(const bt_simulation_options *options, bt_error *error) {
    for (int i = 0; options->speeds && i < options->instance_count; i++)
        if (!(options->speeds[i] >= 1 / SLOWDOWN_MAX && options->speeds[i] <= SLOWDOWN_MAX))
            return bt_fail(error, BT_INVALID, "instance %d: a speed of %g", i, options->speeds[i]);
    return BT_OK;
}

static bt_status check_model(const bt_simulation_model *model, int index, bt_error *error) {
    if (model->timeout_ns < 0 || !(model->failure_probability >= 0 && model->failure_probability <= 1))
        return bt_fail(error, BT_INVALID, "model %d: a timeout of %lld ns, a failure probability of %g",
                       index, (long long)model->timeout_ns, model->failure_probability);
    bt_status status = check_arrivals(model, index, error);
    for (int i = 0; status == BT_OK && i < model->times_count; i++)
        status = check_times(&model->times[i], index, error);
    if (status == BT_OK) status = check_times(&model->standard, index, error);
    if (status == BT_OK) status = check_order(&model->order, index, error);
    if (status == BT_OK) status = check_idle(&model->idle, index, error);
    if (status == BT_OK) status = check_times(&model->prepare, index, error);
    return status == BT_OK ? check_times(&model->deliver, index, error) : status;
}

/* ---- opening ---- */

static bt_status find_times(bt_traffic *traffic, int index, bt_error *error) {
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

bt_status bt_traffic_open(bt_traffic *traffic, const bt_simulation_options *options, int index,
                          bt_simulated *out, bt_error *error) {
    const bt_simulation_model *model = &options->models[index];
    *traffic = (bt_traffic){
        .model = model,
        .speeds = options->speeds,
        .out = out,
        .idle_clients = model->arrivals_ns ? 0 : model->clients,
        .first_ns = BT_NEVER_NS,
        .service_random = stream_of(options->seed, index, "service times"),
        .standard_random = stream_of(options->seed, index, "standard path's times"),
        .failure_random = stream_of(options->seed, index, "failures"),
        .prepare_random = stream_of(options->seed, index, "preparing"),
        .deliver_random = stream_of(options->seed, index, "delivering"),
        .block_random = stream_of(options->seed, index, "blocks of runs"),
    };
    bt_status status = check_model(model, index, error);
    if (status == BT_OK) status = check_neighbours(model, index, options->model_count, error);
    if (status == BT_OK) status = check_speeds(options, error);
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

/* ---- requests ---- */

void bt_traffic_refuse(bt_traffic *traffic, int64_t now_ns) {
    traffic->out->rejected++;
    if (now_ns > traffic->last_ns) traffic->last_ns = now_ns;
    bt_traffic_return(traffic, 1);
}

/* ---- runs ---- */

/* At a share of the distribution, from 0 up to 1, which a rank and what is within it may round to. */
static int64_t time_at_ns(const bt_service_times *times, double share) {
    const double place = share * (times->count - 1);
    const int below = (int)place;
    double ms = times->quantiles_ms[below];
    if (below + 1 < times->count) ms += (place - below) * (times->quantiles_ms[below + 1] - ms);
    return (int64_t)(ms * BT_NS_PER_MS + 0.5);
}

static int64_t draw_ns(bt_random *random, const bt_service_times *times) {
    return time_at_ns(times, bt_random_uniform(random));
}

/* Where in its size's distribution the next run lies: anywhere, or within the rank that is next in the order. */
static double next_share(bt_traffic *traffic) {
    const bt_run_order *order = &traffic->model->order;
    const double anywhere = bt_random_uniform(&traffic->service_random);
    if (order->count == 0) return anywhere;
    if (traffic->block_left == 0) {
        traffic->order_at = (int)bt_random_below(&traffic->block_random, (uint64_t)order->count);
        traffic->block_left = order->block_runs;
    }
    const int rank = order->ranks[traffic->order_at];
    traffic->block_left--;
    traffic->order_at = traffic->order_at + 1 < order->count ? traffic->order_at + 1 : 0;
    return (rank + anywhere) / order->count;
}

/* A draw for each image: what makes one of them late is mostly over by the next. */
static int64_t draw_each_ns(bt_random *random, const bt_service_times *times, int count) {
    int64_t sum_ns = 0;
    for (int i = 0; i < count && times->count > 0; i++)
        sum_ns += draw_ns(random, times);
    return sum_ns;
}

static int64_t standard_ns(bt_traffic *traffic) {
    const bt_simulation_model *model = traffic->model;
    if (model->standard.count == 0) return model->batcher.ladder.standard_ns;
    return draw_ns(&traffic->standard_random, &model->standard);
}

static void count_batch(bt_traffic *traffic, int count) {
    int place = count < BT_SIMULATION_BATCHES ? count : BT_SIMULATION_BATCHES;
    traffic->out->batches[place - 1]++;
    traffic->runs++;
    traffic->run_requests += (uint64_t)count;
}

int64_t bt_traffic_draw_preparing(bt_traffic *traffic, int count) {
    return draw_each_ns(&traffic->prepare_random, &traffic->model->prepare, count);
}

static int64_t at_speed_ns(const bt_traffic *traffic, int instance, int64_t takes_ns) {
    return traffic->speeds ? (int64_t)((double)takes_ns / traffic->speeds[instance] + 0.5) : takes_ns;
}

int64_t bt_traffic_draw_run(bt_traffic *traffic, const bt_action *run, bt_run_outcome *outcome) {
    const bt_simulation_model *model = traffic->model;
    *outcome = BT_RUN_GOOD;
    if (run->path == BT_PATH_STANDARD) return at_speed_ns(traffic, run->instance, standard_ns(traffic));
    const bt_service_times *times = &model->times[traffic->times_of[run->run_size]];
    const int64_t takes_ns = at_speed_ns(traffic, run->instance, time_at_ns(times, next_share(traffic)));
    if (model->failure_probability > 0 &&
        bt_random_uniform(&traffic->failure_random) < model->failure_probability)
        *outcome = BT_RUN_EXCEPTION;
    count_batch(traffic, run->count);
    return takes_ns;
}

int64_t bt_traffic_idle_ns(const bt_traffic *traffic, const bt_action *run, int64_t idle_ns) {
    const bt_idle_cost *idle = &traffic->model->idle;
    const double gap_ms = bt_ms(idle_ns);
    int above = 0;
    if (idle->count == 0 || run->path == BT_PATH_STANDARD) return 0;
    while (above < idle->count && idle->gap_ms[above] < gap_ms)
        above++;
    const int below = above > 0 ? above - 1 : 0;
    double ms = idle->extra_ms[above < idle->count ? above : below];
    if (above > 0 && above < idle->count)
        ms = idle->extra_ms[below] + (ms - idle->extra_ms[below]) * (gap_ms - idle->gap_ms[below]) /
                                         (idle->gap_ms[above] - idle->gap_ms[below]);
    return (int64_t)(ms * BT_NS_PER_MS + 0.5);
}

int64_t bt_traffic_draw_delivery(bt_traffic *traffic, int count) {
    return draw_each_ns(&traffic->deliver_random, &traffic->model->deliver, count);
}

/* ---- figures ---- */

/* The first that arrives when the queue is warm. */
static int64_t first_summed(const bt_simulation_model *model) {
    int64_t first = 0;
    while (model->arrivals_ns && first < model->arrival_count && model->arrivals_ns[first] < model->warm_ns)
        first++;
    return first;
}

bt_status bt_traffic_sum_up(const bt_traffic *traffic, int instances, bt_error *error) {
    bt_simulated *out = traffic->out;
    out->p50_ms = out->p95_ms = out->p99_ms = out->mean_ms = out->max_ms = NAN;
    out->mean_queue_ms = out->mean_prepare_ms = out->mean_run_ms = out->mean_deliver_ms = NAN;
    double span_ns = traffic->first_ns == BT_NEVER_NS ? 0 : (double)(traffic->last_ns - traffic->first_ns);
    out->throughput_rps = span_ns > 0 ? (double)out->ok / span_ns * BT_NS_PER_S : NAN;
    out->utilisation = span_ns > 0 ? (double)traffic->busy_ns / span_ns / instances : NAN;
    out->mean_batch_size = traffic->runs ? (double)traffic->run_requests / (double)traffic->runs : NAN;
    if (traffic->summed == 0) return BT_OK;
    const double summed = (double)traffic->summed;
    size_t count = 0;
    double *latencies_ms = malloc((size_t)traffic->summed * sizeof *latencies_ms);
    if (!latencies_ms) return bt_no_memory(error, "%lld latencies", (long long)traffic->summed);
    for (int64_t i = first_summed(traffic->model); i < out->arrival_count; i++)
        if (!isnan(out->latency_ms[i])) latencies_ms[count++] = out->latency_ms[i];
    /* from the highest down: each is among what the one before left in front */
    out->max_ms = bt_select(latencies_ms, count, count);
    out->p99_ms = bt_select(latencies_ms, count, bt_quantile_rank(0.99, count));
    out->p95_ms = bt_select(latencies_ms, bt_quantile_rank(0.99, count), bt_quantile_rank(0.95, count));
    out->p50_ms = bt_select(latencies_ms, bt_quantile_rank(0.95, count), bt_quantile_rank(0.50, count));
    out->mean_ms = traffic->latency_sum_ms / summed;
    out->mean_queue_ms = traffic->queue_sum_ms / summed;
    out->mean_prepare_ms = traffic->prepare_sum_ms / summed;
    out->mean_run_ms = traffic->run_sum_ms / summed;
    out->mean_deliver_ms =
        fmax(0, out->mean_ms - out->mean_queue_ms - out->mean_prepare_ms - out->mean_run_ms);
    free(latencies_ms);
    return BT_OK;
}
