#include "prove/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"

/* How long each scenario lasts unless --duration says otherwise: enough for some hundred requests of a tenth
 * of a second in sustained load, of which P95's bounds need 59, and about three minutes for two models. */
#define SINGLE_S        10
#define BURST_S         12
#define LARGEST_BURST_S 6
#define SUSTAINED_S     30
#define SOAK_S          1800

/* The next spike comes when the last has long been served, so that spikes do not see each other. */
#define SPIKE_REST        1.5
#define SPIKE_INTERVAL_NS (100 * BT_NS_PER_MS) /* at least */

typedef struct planner {
    bt_plan *plan;
    const bt_load_settings *settings;
    const bt_plan_model *models;
    int model_count;
    double rate_rps; /* 0: auto */
} planner;

static int64_t duration(const planner *p, int seconds) {
    return p->settings->duration_ns > 0 ? p->settings->duration_ns : seconds * BT_NS_PER_S;
}

static bt_plan_scenario *add(planner *p, const char *name, const char *title, int seconds) {
    bt_plan_scenario *scenario = &p->plan->scenarios[p->plan->scenario_count++];
    *scenario = (bt_plan_scenario){.judged = true, .duration_ns = duration(p, seconds)};
    snprintf(scenario->name, sizeof scenario->name, "%s", name);
    snprintf(scenario->title, sizeof scenario->title, "%s", title);
    p->plan->duration_ns += scenario->duration_ns;
    return scenario;
}

/* A stream of its own for every scenario and model, so that leaving one out changes no other. */
static uint64_t seed_of(const planner *p, const bt_plan_scenario *scenario, int model) {
    char purpose[64 + BT_NAME_SIZE];
    snprintf(purpose, sizeof purpose, "load/%s/%s", scenario->name, p->models[model].name);
    bt_random stream = bt_random_stream((uint64_t)p->settings->seed, purpose);
    return bt_random_next(&stream);
}

static bt_plan_part *add_part(const planner *p, bt_plan_scenario *scenario, int model) {
    bt_plan_part *part = &scenario->parts[scenario->part_count++];
    *part = (bt_plan_part){.model = model};
    part->schedule.duration_ns = scenario->duration_ns;
    part->schedule.seed = seed_of(p, scenario, model);
    return part;
}

/* 60 % of the capacity; where none could be predicted (the SLA is out of reach, or s(b) unknown) about half
 * of what full batches bring, which shows how late requests are without drowning the service. */
static double rate_of(const planner *p, int model) {
    const bt_plan_model *m = &p->models[model];
    if (p->rate_rps > 0) return p->rate_rps;
    return m->recommended_rps > 0 ? m->recommended_rps : 0.5 * m->throughput_rps;
}

/* `sharing` models at once have the device's time between them. */
static void add_arrivals(const planner *p, bt_plan_scenario *scenario, int model, int sharing) {
    bt_plan_part *part = add_part(p, scenario, model);
    part->schedule.shape = BT_SHAPE_POISSON;
    part->schedule.rate_rps = p->rate_rps > 0 ? p->rate_rps : rate_of(p, model) / sharing;
    if (p->settings->trace[0]) {
        part->schedule.shape = BT_SHAPE_TRACE;
        part->schedule.trace = p->settings->trace;
    }
}

static void add_single(planner *p, int model) {
    bt_plan_scenario *scenario = add(p, "single", "Single Request", SINGLE_S);
    add_part(p, scenario, model)->clients = 1;
}

static void add_spikes(planner *p, int model, bt_plan_scenario *scenario, int size) {
    const bt_plan_model *m = &p->models[model];
    bt_plan_part *part = add_part(p, scenario, model);
    int64_t batches = (size + m->batch_size - 1) / m->batch_size;
    int64_t served_ns = (batches + m->instances - 1) / m->instances * m->batch_ns;
    int64_t rest_ns = (int64_t)(SPIKE_REST * (double)served_ns) +
                      (int64_t)(p->settings->service.max_queue_delay_ms * BT_NS_PER_MS);
    part->schedule.shape = BT_SHAPE_BURST;
    part->schedule.burst_size = size;
    part->schedule.burst_interval_ns = rest_ns > SPIKE_INTERVAL_NS ? rest_ns : SPIKE_INTERVAL_NS;
}

static void add_burst(planner *p, int model) {
    const bt_plan_model *m = &p->models[model];
    int size = p->settings->burst_size > 0 ? (int)p->settings->burst_size : m->batch_size;
    add_spikes(p, model, add(p, "burst", "Burst Load", BURST_S), size);
    if (m->largest_spike <= size) return;
    bt_plan_scenario *largest = add(p, "largest-burst", "Largest Burst", LARGEST_BURST_S);
    largest->judged = false;
    add_spikes(p, model, largest, m->largest_spike);
}

static void add_sustained(planner *p, int model) {
    add_arrivals(p, add(p, "sustained", "Sustained Load", SUSTAINED_S), model, 1);
}

static void add_mixed(planner *p) {
    if (p->model_count < 2) return;
    bt_plan_scenario *scenario = add(p, "mixed", "Mixed Load", SUSTAINED_S);
    for (int model = 0; model < p->model_count; model++)
        add_arrivals(p, scenario, model, p->model_count);
}

static void add_soak(planner *p) {
    bt_plan_scenario *scenario = add(p, "soak", "Soak", SOAK_S);
    for (int model = 0; model < p->model_count; model++)
        add_arrivals(p, scenario, model, p->model_count);
}

/* Scenarios of one model at a time, and of all at once. */
static const struct {
    const char *name;
    void (*add)(planner *p, int model);
    void (*add_all)(planner *p);
} known[] = {
    {"single", add_single, NULL}, {"burst", add_burst, NULL}, {"sustained", add_sustained, NULL},
    {"mixed", NULL, add_mixed},   {"soak", NULL, add_soak},
};
#define KNOWN_COUNT (sizeof known / sizeof *known)

static bt_status add_named(planner *p, const char *name, bt_error *error) {
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (strcmp(name, known[i].name) != 0) continue;
        if (known[i].add_all) known[i].add_all(p);
        for (int model = 0; known[i].add && model < p->model_count; model++)
            known[i].add(p, model);
        return BT_OK;
    }
    char shown[BT_TEXT_QUOTE_SIZE];
    bt_text_quote(name, shown);
    return bt_fail(error, BT_INVALID, "--scenarios: %s is none of single, burst, sustained, mixed, soak",
                   shown);
}

static bt_status read_rate(planner *p, bt_error *error) {
    const char *text = p->settings->rate;
    char *end, shown[BT_TEXT_QUOTE_SIZE];
    if (strcmp(text, "auto") == 0 || text[0] == '\0') return BT_OK;
    p->rate_rps = strtod(text, &end);
    if (end != text && *end == '\0' && isfinite(p->rate_rps) && p->rate_rps > 0) return BT_OK;
    bt_text_quote(text, shown);
    return bt_fail(error, BT_INVALID, "--rate: %s is neither \"auto\" nor a number of requests a second",
                   shown);
}

bt_status bt_plan_make(bt_plan *plan, const bt_load_settings *settings, const bt_plan_model *models,
                       int model_count, bt_error *error) {
    planner p = {.plan = plan, .settings = settings, .models = models, .model_count = model_count};
    *plan = (bt_plan){0};
    bt_status status = read_rate(&p, error);
    for (int i = 0; i < settings->scenarios.count && status == BT_OK; i++) {
        for (int j = 0; j < i; j++)
            if (strcmp(settings->scenarios.names[i], settings->scenarios.names[j]) == 0)
                return bt_fail(error, BT_INVALID, "--scenarios: \"%s\" is there twice",
                               settings->scenarios.names[i]);
        status = add_named(&p, settings->scenarios.names[i], error);
    }
    if (status == BT_OK && plan->scenario_count == 0)
        return bt_fail(error, BT_INVALID, "--scenarios: nothing is left to run: mixed needs two models");
    return status;
}
