#include "prove/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "measure/late.h"
#include "measure/sequential.h"
#include "prove/looks.h"

/* How long each scenario lasts unless --duration says otherwise: enough for some hundred requests of a tenth
 * of a second in sustained load, and about three minutes for two models. */
#define SINGLE_S        10
#define BURST_S         12
#define LARGEST_BURST_S 6
#define SUSTAINED_S     30
#define SOAK_S          1800

/* Slower ones take longer, so that a first look can decide: SPARE times the fewest requests that it needs,
 * but no longer than LONGEST_S. */
#define SPARE     1.3
#define LONGEST_S 120
#define LENGTHEN  8 /* unless it was said, or a duration was */

/* The next spike comes when the last has long been served, so that spikes do not see each other. */
#define SPIKE_REST        1.5
#define SPIKE_INTERVAL_NS (100 * BT_NS_PER_MS) /* at least */

typedef struct planner {
    bt_plan *plan;
    const bt_load_settings *settings;
    const bt_plan_model *models;
    int model_count;
    double rate_rps; /* 0: auto */
    bool brief;
} planner;

static int lengthen_of(const planner *p) {
    if (p->settings->lengthen > 0) return (int)p->settings->lengthen;
    return p->settings->duration_ns > 0 ? 1 : LENGTHEN;
}

static bt_plan_scenario *add(planner *p, const char *name, const char *title) {
    bt_plan_scenario *scenario = &p->plan->scenarios[p->plan->scenario_count++];
    *scenario = (bt_plan_scenario){.judged = true, .lengthen = lengthen_of(p)};
    snprintf(scenario->name, sizeof scenario->name, "%s", name);
    snprintf(scenario->title, sizeof scenario->title, "%s", title);
    return scenario;
}

/* Requests a second of one part; NaN where only a trace or the service knows. */
static double rate_of_part(const planner *p, const bt_plan_part *part) {
    const bt_schedule_options *s = &part->schedule;
    int64_t lone_ns = p->models[part->model].lone_ns;
    if (part->clients > 0) return lone_ns > 0 ? part->clients * 1e9 / (double)lone_ns : NAN;
    if (s->shape == BT_SHAPE_BURST) return s->burst_size * 1e9 / (double)s->burst_interval_ns;
    return s->shape == BT_SHAPE_POISSON ? s->rate_rps : NAN;
}

/* Settles how long a scenario takes, when all its parts are there. `seconds` is its length by default. */
static void settle(planner *p, bt_plan_scenario *scenario, double seconds) {
    double rate_rps = rate_of_part(p, &scenario->parts[0]);
    for (int i = 1; i < scenario->part_count; i++)
        rate_rps = fmin(rate_rps, rate_of_part(p, &scenario->parts[i])); /* fmin passes NaN over */
    double enough_s = SPARE * bt_looks_fewest(scenario->lengthen) / rate_rps;
    if (p->settings->duration_ns > 0)
        seconds = (double)p->settings->duration_ns / 1e9;
    else if (scenario->judged && enough_s > seconds && !p->brief)
        seconds = fmax(seconds, fmin(ceil(enough_s), LONGEST_S));
    scenario->duration_ns = (int64_t)(seconds * 1e9);
    scenario->requests = rate_rps * seconds;
    scenario->least_s = bt_late_fewest(BT_SEQUENTIAL_LATE_FRACTION, BT_LOOKS_WRONG_MET) / rate_rps;
    for (int i = 0; i < scenario->part_count; i++)
        scenario->parts[i].schedule.duration_ns = scenario->duration_ns;
    p->plan->duration_ns += scenario->duration_ns;
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
        scenario->lengthen = 1; /* what was recorded has its end */
    }
}

static void add_single(planner *p, int model) {
    bt_plan_scenario *scenario = add(p, "single", "Single Request");
    add_part(p, scenario, model)->clients = 1;
    settle(p, scenario, SINGLE_S);
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
    bt_plan_scenario *burst = add(p, "burst", "Burst Load");
    add_spikes(p, model, burst, size);
    settle(p, burst, BURST_S);
    if (m->largest_spike <= size) return;
    bt_plan_scenario *largest = add(p, "largest-burst", "Largest Burst");
    largest->judged = false;
    largest->lengthen = 1;
    add_spikes(p, model, largest, m->largest_spike);
    settle(p, largest, LARGEST_BURST_S);
}

static void add_sustained(planner *p, int model) {
    bt_plan_scenario *scenario = add(p, "sustained", "Sustained Load");
    add_arrivals(p, scenario, model, 1);
    settle(p, scenario, SUSTAINED_S);
}

static void add_shared(planner *p, bt_plan_scenario *scenario, double seconds) {
    for (int model = 0; model < p->model_count; model++)
        add_arrivals(p, scenario, model, p->model_count);
    settle(p, scenario, seconds);
}

static void add_mixed(planner *p) {
    if (p->model_count >= 2) add_shared(p, add(p, "mixed", "Mixed Load"), SUSTAINED_S);
}

static void add_soak(planner *p) {
    bt_plan_scenario *scenario = add(p, "soak", "Soak");
    scenario->lengthen = 1;
    add_shared(p, scenario, SOAK_S);
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
    p->rate_rps = bt_text_read_number(text, &end);
    if (end != text && *end == '\0' && isfinite(p->rate_rps) && p->rate_rps > 0) return BT_OK;
    bt_text_quote(text, shown);
    return bt_fail(error, BT_INVALID, "--rate: %s is neither \"auto\" nor a number of requests a second",
                   shown);
}

bt_plan_scenario bt_plan_segment(const bt_plan_scenario *scenario, int look) {
    bt_plan_scenario segment = *scenario;
    if (look == 0) return segment;
    int lengths =
        bt_looks_at(look, scenario->lengthen).lengths - bt_looks_at(look - 1, scenario->lengthen).lengths;
    segment.duration_ns *= lengths;
    for (int i = 0; i < segment.part_count; i++) {
        bt_schedule_options *schedule = &segment.parts[i].schedule;
        schedule->duration_ns = segment.duration_ns;
        schedule->seed = bt_fnv1a64(schedule->seed, &look, sizeof look);
    }
    return segment;
}

bt_status bt_plan_make(bt_plan *plan, const bt_load_settings *settings, const bt_plan_model *models,
                       int model_count, bool brief, bt_error *error) {
    planner p = {
        .plan = plan, .settings = settings, .models = models, .model_count = model_count, .brief = brief};
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
