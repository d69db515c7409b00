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
#include "settings/tuning.h"

/* A slow model's scenarios last longer, so that a first look can decide: by this share longer than the fewest
 * requests that it needs take; of bursty arrivals by as many times that as they are burstier than Poisson's,
 * since so many times as far their counts scatter. Raised, every scenario of a slow model takes that much
 * longer; at 0, half of the first looks come a request short. */
#define SPARE 0.3

/* What gamma arrivals and ramps are unless something else is asked for. Burstier, a service that copes with
 * what is usual breaks its promise; from a higher share, a ramp shows less of a service that is idle at
 * first. */
#define USUAL_BURSTINESS 2
#define USUAL_RAMP_FROM  0.2

/* But no longer than this. Raised, a test of a model that takes seconds lasts for most of an hour; lowered,
 * slow models stay undecided after their first look. */
#define LONGEST_S 120

/* How many times its length a scenario may become, unless that was said, or a duration was. Raised, more of
 * those near their SLA are decided, after a longer test, and each look's share of the error is smaller. */
#define LENGTHEN 8

/* The next spike comes when the last has long been served, so that spikes do not see each other: after so
 * many times what serving one takes, and no sooner than the interval. Raised, a burst scenario sends fewer
 * requests in its time; near 1, a spike that was served slowly delays the next. */
#define SPIKE_REST        1.5
#define SPIKE_INTERVAL_NS (100 * BT_NS_PER_MS)

/* About so many runs of the full length does a search for a capacity take. */
#define SEARCH_RUNS 8

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

/* Requests a second of one part; NaN where only a trace or the service knows. */
static double rate_of_part(const planner *p, const bt_plan_part *part) {
    int64_t lone_ns = p->models[part->model].lone_ns;
    if (part->clients == 0) return bt_schedule_rate_rps(&part->schedule);
    return lone_ns > 0 ? part->clients * 1e9 / (double)lone_ns : NAN;
}

double bt_plan_asked_rps(const bt_plan_part *part) {
    const bt_schedule_options *s = &part->schedule;
    if (part->clients > 0) return NAN;
    if (s->shape == BT_SHAPE_RAMP) return s->end_rate_rps;
    return s->shape == BT_SHAPE_POISSON || s->shape == BT_SHAPE_GAMMA ? s->rate_rps : NAN;
}

/* A search makes its runs as long as their rates ask for, or as was asked for. */
static void set_search_duration(planner *p, bt_plan_scenario *scenario, double seconds) {
    const int64_t asked_ns = p->settings->duration_ns;
    scenario->duration_ns = asked_ns > 0 ? SEARCH_RUNS * asked_ns : (int64_t)(seconds * 1e9);
    scenario->requests = scenario->least_s = NAN;
    p->plan->duration_ns += scenario->duration_ns;
}

/* How long a scenario takes, when all its parts are there. `seconds` is its length by default. */
static void set_duration(planner *p, bt_plan_scenario *scenario, double seconds) {
    double rate_rps = rate_of_part(p, &scenario->parts[0]);
    for (int i = 1; i < scenario->part_count; i++)
        rate_rps = fmin(rate_rps, rate_of_part(p, &scenario->parts[i])); /* fmin passes NaN over */
    const bt_schedule_options *first = &scenario->parts[0].schedule;     /* of one shape with the others */
    const double spare = 1 + SPARE * (first->shape == BT_SHAPE_GAMMA ? fmax(1, first->burstiness) : 1);
    double enough_s = spare * bt_looks_fewest(scenario->lengthen) / rate_rps;
    if (p->settings->duration_ns > 0)
        seconds = (double)p->settings->duration_ns / 1e9;
    else if (scenario->judged && enough_s > seconds && !p->brief)
        seconds = fmax(seconds, fmin(ceil(enough_s), LONGEST_S));
    scenario->duration_ns = (int64_t)(seconds * 1e9);
    scenario->requests = rate_rps * seconds;
    scenario->least_s = bt_late_fewest(BT_SEQUENTIAL_LATE_FRACTION, BT_LOOKS_WRONG_MET) / rate_rps;
    for (int i = 0; i < scenario->part_count; i++) {
        bt_schedule_options *schedule = &scenario->parts[i].schedule;
        schedule->duration_ns = scenario->duration_ns;
        schedule->ramp_ns = schedule->shape == BT_SHAPE_RAMP ? scenario->duration_ns : 0;
    }
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

/* Arrivals of the shape that was asked for, whose rate is that of gamma on average, and of a ramp at its
 * end. */
static void shape_arrivals(const bt_load_settings *settings, bt_schedule_options *out, double rate_rps) {
    out->rate_rps = rate_rps;
    out->shape = BT_SHAPE_POISSON;
    if (settings->arrivals == BT_ARRIVALS_GAMMA) {
        out->shape = BT_SHAPE_GAMMA;
        out->burstiness = settings->burstiness > 0 ? settings->burstiness : USUAL_BURSTINESS;
    } else if (settings->arrivals == BT_ARRIVALS_RAMP) {
        out->shape = BT_SHAPE_RAMP;
        out->rate_rps = rate_rps * (settings->ramp_from > 0 ? settings->ramp_from : USUAL_RAMP_FROM);
        out->end_rate_rps = rate_rps;
    }
}

/* `sharing` models at once have the device's time between them. */
static void add_arrivals(const planner *p, bt_plan_scenario *scenario, int model, int sharing) {
    bt_plan_part *part = add_part(p, scenario, model);
    shape_arrivals(p->settings, &part->schedule, p->rate_rps > 0 ? p->rate_rps : rate_of(p, model) / sharing);
    if (p->settings->trace[0]) {
        part->schedule.shape = BT_SHAPE_TRACE;
        part->schedule.trace = p->settings->trace;
        scenario->lengthen = 1; /* what was recorded has its end */
    }
}

static void add_client(const planner *p, bt_plan_scenario *scenario, int model, int sharing) {
    (void)sharing;
    add_part(p, scenario, model)->clients = 1;
}

static void add_spikes(const planner *p, bt_plan_scenario *scenario, int model, int size) {
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

static int burst_size(const planner *p, int model) {
    return p->settings->burst_size > 0 ? (int)p->settings->burst_size : p->models[model].batch_size;
}

static void add_bursts(const planner *p, bt_plan_scenario *scenario, int model, int sharing) {
    (void)sharing;
    add_spikes(p, scenario, model, burst_size(p, model));
}

static void add_largest_bursts(const planner *p, bt_plan_scenario *scenario, int model, int sharing) {
    (void)sharing;
    add_spikes(p, scenario, model, p->models[model].largest_spike);
}

/* ---- the scenarios ---- */

static bool meets_larger_spikes(const planner *p, int model) {
    return p->models[model].largest_spike > burst_size(p, model);
}

static bool has_several_models(const planner *p, int model) {
    (void)model;
    return p->model_count >= 2;
}

typedef enum participants { EACH_MODEL, ALL_MODELS } participants;
typedef enum ending { FIXED, GOES_ON, SEARCHES } ending;

/* One scenario. */
typedef struct scenario_row {
    const char *name, *title;
    const char *with;    /* the scenario that it comes with, by itself it is no choice; NULL: it is one */
    participants models; /* in turn, or at once */
    bool judged;
    ending ending;  /* whether it goes on where it is not decided */
    double seconds; /* its length by default: about three minutes for two models in all */
    void (*add_part)(const planner *p, bt_plan_scenario *scenario, int model, int sharing);
    bool (*applies)(const planner *p, int model); /* NULL: always */
} scenario_row;

static const scenario_row rows[] = {
    {"single", "Single Request", NULL, EACH_MODEL, true, GOES_ON, 10, add_client, NULL},
    {"burst", "Burst Load", NULL, EACH_MODEL, true, GOES_ON, 12, add_bursts, NULL},
    {"largest-burst", "Largest Burst", "burst", EACH_MODEL, false, FIXED, 6, add_largest_bursts,
     meets_larger_spikes},
    {"sustained", "Sustained Load", NULL, EACH_MODEL, true, GOES_ON, 30, add_arrivals, NULL},
    {"mixed", "Mixed Load", NULL, ALL_MODELS, true, GOES_ON, 30, add_arrivals, has_several_models},
    {"soak", "Soak", NULL, ALL_MODELS, true, FIXED, 1800, add_arrivals, NULL},
    {"capacity", "Capacity", NULL, EACH_MODEL, true, SEARCHES, 150, add_arrivals, NULL},
};
#define ROW_COUNT ((int)(sizeof rows / sizeof *rows))

_Static_assert(sizeof rows / sizeof *rows * BT_NAMES_MAX <= BT_PLAN_SCENARIOS_MAX, "a plan holds them all");

/* The scenario of a row for models `first` to before `end`. */
static void add_scenario(planner *p, const scenario_row *row, int first, int end) {
    if (row->applies && !row->applies(p, first)) return;
    bt_plan_scenario *scenario = &p->plan->scenarios[p->plan->scenario_count++];
    *scenario = (bt_plan_scenario){.judged = row->judged,
                                   .searches = row->ending == SEARCHES,
                                   .lengthen = row->ending == GOES_ON ? lengthen_of(p) : 1};
    snprintf(scenario->name, sizeof scenario->name, "%s", row->name);
    snprintf(scenario->title, sizeof scenario->title, "%s", row->title);
    for (int model = first; model < end; model++)
        row->add_part(p, scenario, model, end - first);
    if (scenario->searches)
        set_search_duration(p, scenario, row->seconds);
    else
        set_duration(p, scenario, row->seconds);
}

/* Those that a name asks for, of one model; with the first those of all. False: the name asks for none. */
static bool add_named(planner *p, const char *name, int model) {
    bool found = false;
    for (int i = 0; i < ROW_COUNT; i++) {
        if (strcmp(name, rows[i].with ? rows[i].with : rows[i].name) != 0) continue;
        found = true;
        if (rows[i].models == EACH_MODEL)
            add_scenario(p, &rows[i], model, model + 1);
        else if (model == 0)
            add_scenario(p, &rows[i], 0, p->model_count);
    }
    return found;
}

static bt_status fail_unknown(const char *name, bt_error *error) {
    char shown[BT_TEXT_QUOTE_SIZE], known[128] = "";
    size_t used = 0;
    for (int i = 0; i < ROW_COUNT; i++)
        if (!rows[i].with)
            used +=
                (size_t)snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", rows[i].name);
    bt_text_quote(name, shown);
    return bt_fail(error, BT_INVALID, "--scenarios: %s is none of %s", shown, known);
}

/* ---- all of it ---- */

static bt_status read_rate(planner *p, bt_error *error) {
    const char *text = p->settings->rate;
    char *end, shown[BT_TEXT_QUOTE_SIZE];
    if (strcmp(text, "auto") == 0 || text[0] == '\0') return BT_OK;
    p->rate_rps = bt_text_read_number(text, &end);
    if (end != text && *end == '\0' && isfinite(p->rate_rps) && p->rate_rps >= BT_RATE_LEAST_RPS)
        return BT_OK;
    bt_text_quote(text, shown);
    return bt_fail(error, BT_INVALID,
                   "--rate: %s is neither \"auto\" nor a number of requests a second, at least %g", shown,
                   BT_RATE_LEAST_RPS);
}

/* What would be passed over in silence. */
static bt_status check_arrivals(const bt_load_settings *settings, bt_error *error) {
    if (settings->trace[0] && settings->arrivals != BT_ARRIVALS_POISSON)
        return bt_fail(error, BT_INVALID, "--arrivals: a --trace has arrival times of its own");
    if (settings->burstiness > 0 && settings->arrivals != BT_ARRIVALS_GAMMA)
        return bt_fail(error, BT_INVALID, "--burstiness is for --arrivals gamma");
    if (settings->ramp_from > 0 && settings->arrivals != BT_ARRIVALS_RAMP)
        return bt_fail(error, BT_INVALID, "--ramp-from is for --arrivals ramp");
    for (int i = 0; i < settings->scenarios.count; i++)
        if (strcmp(settings->scenarios.names[i], "capacity") == 0 &&
            (settings->trace[0] || settings->arrivals == BT_ARRIVALS_RAMP))
            return bt_fail(
                error, BT_INVALID,
                "--scenarios: a capacity is of an even rate: leave out --trace and --arrivals ramp");
    return BT_OK;
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
    if (status == BT_OK) status = check_arrivals(settings, error);
    for (int i = 0; i < settings->scenarios.count && status == BT_OK; i++) {
        for (int j = 0; j < i; j++)
            if (strcmp(settings->scenarios.names[i], settings->scenarios.names[j]) == 0)
                return bt_fail(error, BT_INVALID, "--scenarios: \"%s\" is there twice",
                               settings->scenarios.names[i]);
        for (int model = 0; model < model_count && status == BT_OK; model++)
            if (!add_named(&p, settings->scenarios.names[i], model))
                status = fail_unknown(settings->scenarios.names[i], error);
    }
    if (status == BT_OK && plan->scenario_count == 0)
        return bt_fail(error, BT_INVALID, "--scenarios: nothing is left to run: mixed needs two models");
    return status;
}
