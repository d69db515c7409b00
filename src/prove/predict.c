#include "prove/predict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

/* The share of the SLA that a remedy's predicted P95 may reach. Raised to 1, what is proposed meets the SLA
 * in the simulation and misses it by a hair in the next test; lowered, changes are proposed that go further
 * than they need to, or none is found. */
#define SPARE 0.95

/* Requests of a simulated closed loop. Raised, predicting takes longer; lowered, its P99 rests on a few. */
#define CLOSED_LOOP_COUNT 2000

/* One way to run a scenario: as it is, or with one part's model changed, or with one part's arrivals
 * stretched. */
typedef struct variant {
    int part;               /* that is changed */
    int batch_size;         /* 0: as it is */
    int64_t queue_delay_ns; /* -1: as it is */
    double stretch;         /* of the arrival times: 2 is half the rate */
} variant;

static const variant as_it_is = {.part = -1, .queue_delay_ns = -1, .stretch = 1};

/* What a simulation of one scenario needs: only the scenario's models, numbered by its parts. */
typedef struct stage {
    const bt_predict_options *options;
    const bt_plan_scenario *scenario;
    const bt_schedule *schedules;
    bt_tuned_model tuned[BT_NAMES_MAX];
    int tuned_count;
    bt_simulation_model models[BT_NAMES_MAX];
    bt_neighbour neighbours[BT_NAMES_MAX][BT_NEIGHBOURS_MAX];
    int64_t *stretched;
    bt_batcher_instance instances[BT_BATCHER_INSTANCES_MAX];
    int instance_count;
} stage;

static void close_stage(stage *s) {
    for (int i = 0; i < s->tuned_count; i++)
        bt_tuned_model_close(&s->tuned[i]);
    free(s->stretched);
}

/* The model's batcher as it runs, on the ladder and times of its config. */
static bt_status set_batcher(stage *s, int part, const variant *v, bt_error *error) {
    const bt_predict_model *model = &s->options->models[s->scenario->parts[part].model];
    bt_tuned_model *tuned = &s->tuned[part];
    if (!model->config) return bt_fail(error, BT_INVALID, "there is no config to predict from");
    int batch_size = part == v->part && v->batch_size > 0 ? v->batch_size : model->batcher.max_batch_size;
    bt_status status = bt_tuned_model_open(tuned, model->config, batch_size, error);
    if (status != BT_OK) return status;
    s->tuned_count = part + 1;
    bt_ladder ladder = tuned->batcher.ladder;
    tuned->batcher = model->batcher;
    tuned->batcher.ladder = ladder;
    tuned->batcher.max_batch_size = batch_size;
    if (part == v->part && v->queue_delay_ns >= 0) tuned->batcher.max_queue_delay_ns = v->queue_delay_ns;
    s->models[part] = bt_tuned_model_simulated(tuned);
    s->models[part].timeout_ns = s->options->timeout_ns;
    return BT_OK;
}

static bt_status set_arrivals(stage *s, int part, const variant *v, bt_error *error) {
    bt_simulation_model *model = &s->models[part];
    int clients = s->scenario->parts[part].clients;
    if (clients > 0) {
        model->clients = clients;
        model->arrival_count = CLOSED_LOOP_COUNT;
        return BT_OK;
    }
    const bt_schedule *schedule = &s->schedules[part];
    model->arrivals_ns = schedule->arrivals_ns;
    model->arrival_count = schedule->count;
    model->warm_ns = s->scenario->warm_ns;
    if (part != v->part || v->stretch == 1) return BT_OK;
    s->stretched = malloc((size_t)schedule->count * sizeof *s->stretched);
    if (!s->stretched) return bt_no_memory(error, "predicting");
    for (int64_t i = 0; i < schedule->count; i++)
        s->stretched[i] = (int64_t)((double)schedule->arrivals_ns[i] * v->stretch);
    model->arrivals_ns = s->stretched;
    return BT_OK;
}

static void set_instances(stage *s) {
    for (int i = 0; i < s->options->instance_count; i++)
        for (int part = 0; part < s->scenario->part_count; part++)
            if (s->options->instances[i].model == s->scenario->parts[part].model)
                s->instances[s->instance_count++] =
                    (bt_batcher_instance){.model = part, .device = s->options->instances[i].device};
}

static const bt_config_model *config_of(const stage *s, int part) {
    return s->options->models[s->scenario->parts[part].model].config;
}

/* What the scenario's other models cost this part's runs, as far as its entry knows. */
static void set_neighbours(stage *s, int part) {
    bt_simulation_model *model = &s->models[part];
    for (int other = 0; other < s->scenario->part_count; other++) {
        const bt_neighbour_cost *cost =
            other == part ? NULL : bt_config_neighbour(config_of(s, part), config_of(s, other)->name);
        if (cost && model->neighbour_count < BT_NEIGHBOURS_MAX)
            s->neighbours[part][model->neighbour_count++] = bt_tuned_neighbour(cost, other);
    }
    model->neighbours = s->neighbours[part];
}

static const bt_prediction unknown = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, 0};

static bt_prediction predicted(const bt_simulated *model) {
    return (bt_prediction){.p50_ms = model->p50_ms,
                           .p95_ms = model->p95_ms,
                           .throughput_rps = model->throughput_rps,
                           .queue_mean_ms = model->mean_queue_ms,
                           .prepare_mean_ms = model->mean_prepare_ms,
                           .run_mean_ms = model->mean_run_ms,
                           .deliver_mean_ms = model->mean_deliver_ms,
                           .lost = model->arrival_count - model->ok};
}

static bt_status predict(bt_prediction *out, const bt_predict_options *options,
                         const bt_plan_scenario *scenario, const bt_schedule *schedules, const variant *v,
                         bt_error *error) {
    bt_simulation *simulation = NULL;
    stage *s = calloc(1, sizeof *s);
    if (!s) return bt_no_memory(error, "predicting");
    *s = (stage){.options = options, .scenario = scenario, .schedules = schedules};
    for (int part = 0; part < scenario->part_count; part++)
        out[part] = unknown;
    bt_status status = BT_OK;
    for (int part = 0; part < scenario->part_count && status == BT_OK; part++) {
        status = set_batcher(s, part, v, error);
        if (status == BT_OK) status = set_arrivals(s, part, v, error);
        if (status == BT_OK) set_neighbours(s, part);
    }
    set_instances(s);
    bt_simulation_options simulated = {.models = s->models,
                                       .model_count = scenario->part_count,
                                       .instances = s->instances,
                                       .instance_count = s->instance_count,
                                       .seed = options->seed};
    if (status == BT_OK) status = bt_simulate(&simulation, &simulated, error);
    for (int part = 0; part < scenario->part_count && status == BT_OK; part++)
        out[part] = predicted(&simulation->models[part]);
    bt_simulation_close(&simulation);
    close_stage(s);
    free(s);
    return status == BT_INVALID ? BT_OK : status; /* nothing is known of a model: nothing can be predicted */
}

bt_status bt_predict(bt_prediction *out, const bt_predict_options *options, const bt_plan_scenario *scenario,
                     const bt_schedule *schedules, bt_error *error) {
    return predict(out, options, scenario, schedules, &as_it_is, error);
}

void bt_prediction_note(const bt_prediction *prediction, bt_load_part *part) {
    part->predicted_p50_ms = prediction->p50_ms;
    part->predicted_p95_ms = prediction->p95_ms;
    part->predicted_throughput_rps = prediction->throughput_rps;
    part->predicted_queue_mean_ms = prediction->queue_mean_ms;
    part->predicted_prepare_mean_ms = prediction->prepare_mean_ms;
    part->predicted_run_mean_ms = prediction->run_mean_ms;
    part->predicted_deliver_mean_ms = prediction->deliver_mean_ms;
}

bool bt_prediction_breaks(const bt_prediction *prediction, double sla_ms) {
    return prediction->p95_ms > sla_ms || prediction->lost > 0;
}

/* ---- what would help ---- */

typedef struct remedy_search {
    const bt_predict_options *options;
    const bt_plan_scenario *scenario;
    const bt_schedule *schedules;
    int part;
    double sla_ms;
    bool found;
    double p95_ms; /* of the one found */
} remedy_search;

/* Tries one change, unless an earlier one was found. */
static bt_status try_variant(remedy_search *r, const variant *v, bt_error *error) {
    bt_prediction predictions[BT_NAMES_MAX];
    r->found = false;
    bt_status status = predict(predictions, r->options, r->scenario, r->schedules, v, error);
    if (status != BT_OK) return status;
    const bt_prediction *p = &predictions[r->part];
    r->found = p->p95_ms <= SPARE * r->sla_ms && p->lost == 0;
    r->p95_ms = p->p95_ms;
    return BT_OK;
}

static bt_status try_delays(remedy_search *r, char *out, size_t size, bt_error *error) {
    static const double delays_ms[] = {5, 2, 1, 0};
    const bt_predict_model *model = &r->options->models[r->scenario->parts[r->part].model];
    variant v = as_it_is;
    v.part = r->part;
    for (size_t i = 0; i < sizeof delays_ms / sizeof *delays_ms; i++) {
        v.queue_delay_ns = (int64_t)(delays_ms[i] * BT_NS_PER_MS);
        if (v.queue_delay_ns >= model->batcher.max_queue_delay_ns) continue;
        bt_status status = try_variant(r, &v, error);
        if (status != BT_OK) return status;
        if (!r->found) continue;
        bt_text_format(out, size, "try --max-queue-delay-ms %g (predicted P95 %.1f ms)", delays_ms[i],
                       r->p95_ms);
        return BT_OK;
    }
    return BT_OK;
}

/* The measured size of lowest predicted P95, where that meets the SLA. */
static bt_status try_batch_sizes(remedy_search *r, char *out, size_t size, bt_error *error) {
    const bt_predict_model *model = &r->options->models[r->scenario->parts[r->part].model];
    variant v = as_it_is;
    double best_ms = INFINITY;
    v.part = r->part;
    for (int i = 0; i < model->config->point_count; i++) {
        const bt_config_point *point = &model->config->points[i];
        v.batch_size = point->batch_size;
        if (point->quantile_count == 0 || v.batch_size == model->batcher.max_batch_size) continue;
        bt_status status = try_variant(r, &v, error);
        if (status != BT_OK) return status;
        if (!r->found || r->p95_ms >= best_ms) continue;
        best_ms = r->p95_ms;
        bt_text_format(out, size, "try --batch-size %d (predicted P95 %.1f ms)", v.batch_size, best_ms);
    }
    return BT_OK;
}

static bt_status try_rates(remedy_search *r, char *out, size_t size, bt_error *error) {
    static const double shares[] = {0.8, 0.6, 0.4, 0.2};
    const bt_plan_part *part = &r->scenario->parts[r->part];
    const double asked_rps = bt_plan_asked_rps(part);
    variant v = as_it_is;
    v.part = r->part;
    if (isnan(asked_rps)) return BT_OK;
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        v.stretch = 1 / shares[i];
        bt_status status = try_variant(r, &v, error);
        if (status != BT_OK) return status;
        if (!r->found) continue;
        bt_text_format(out, size, "try --rate %.3g (predicted P95 %.1f ms), or more instances",
                       asked_rps * shares[i], r->p95_ms);
        return BT_OK;
    }
    return BT_OK;
}

bt_status bt_predict_remedy(char *out, size_t size, const bt_predict_options *options,
                            const bt_plan_scenario *scenario, const bt_schedule *schedules, int part,
                            double sla_ms, bt_error *error) {
    static bt_status (*const tries[])(remedy_search *, char *, size_t,
                                      bt_error *) = {try_delays, try_batch_sizes, try_rates};
    remedy_search r = {
        .options = options, .scenario = scenario, .schedules = schedules, .part = part, .sla_ms = sla_ms};
    bt_prediction now[BT_NAMES_MAX];
    out[0] = '\0';
    bt_status known = bt_predict(now, options, scenario, schedules, error);
    if (known != BT_OK || !bt_prediction_breaks(&now[part], sla_ms)) return known;
    for (size_t i = 0; i < sizeof tries / sizeof *tries && out[0] == '\0'; i++) {
        bt_status status = tries[i](&r, out, size, error);
        if (status != BT_OK) return status;
    }
    return BT_OK;
}
