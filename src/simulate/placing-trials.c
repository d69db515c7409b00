/* One placement simulated: all models on all devices, at some multiple of the wanted rates. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "simulate/placing-parts.h"
#include "simulate/rates.h"

#define REQUESTS      1500
#define REQUESTS_MOST 1000000
#define TIMES_MOST    4 /* as many requests of the most frequent model as of the rarest */
#define SPEED_MOST    1000.0
#define RATE_MAX_RPS  1e8 /* where a model takes no time at all */

/* ---- the schedules ---- */

static bt_status check(const bt_placing_problem *p, bt_error *error) {
    if (p->model_count < 1 || p->model_count > BT_PLACING_MODELS_MAX || p->device_count < 1 ||
        p->device_count > BT_PLACING_DEVICES_MAX || p->requests < 0 || p->requests > REQUESTS_MOST)
        return bt_fail(error, BT_INVALID, "placing %d models on %d devices, by %d requests", p->model_count,
                       p->device_count, p->requests);
    for (int d = 0; d < p->device_count; d++)
        if (!(p->devices[d].speed >= 1 / SPEED_MOST && p->devices[d].speed <= SPEED_MOST) ||
            p->devices[d].pool < 0 || p->devices[d].pool >= p->pool_count)
            return bt_fail(error, BT_INVALID, "%s: a speed of %g, memory number %d of %d", p->devices[d].name,
                           p->devices[d].speed, p->devices[d].pool, p->pool_count);
    for (int m = 0; m < p->model_count; m++)
        if (!(p->models[m].rate_rps > 0 && p->models[m].rate_rps < RATE_MAX_RPS) ||
            !(p->models[m].p95_sla_ms > 0))
            return bt_fail(error, BT_INVALID, "%s: a share of %g, P95 within %g ms", p->models[m].name,
                           p->models[m].rate_rps, p->models[m].p95_sla_ms);
    return BT_OK;
}

/* All end at about the same time. */
static int64_t count_requests(bt_trials *trials) {
    const bt_placing_problem *p = trials->problem;
    double rarest = INFINITY, most = 0;
    int64_t all = 0;
    for (int m = 0; m < p->model_count; m++) {
        rarest = fmin(rarest, p->models[m].rate_rps);
        most = fmax(most, p->models[m].rate_rps);
    }
    const double requests = p->requests > 0 ? p->requests : REQUESTS;
    const double seconds = fmin(requests / rarest, TIMES_MOST * requests / most);
    for (int m = 0; m < p->model_count; m++) {
        trials->counts[m] = (int64_t)fmax(1, seconds * p->models[m].rate_rps);
        all += trials->counts[m];
    }
    return all;
}

bt_status bt_trials_open(bt_trials *out, const bt_placing_problem *problem, bt_error *error) {
    *out = (bt_trials){.problem = problem};
    bt_status status = check(problem, error);
    if (status != BT_OK) return status;
    const int64_t all = count_requests(out);
    out->unit_s = malloc((size_t)all * sizeof *out->unit_s);
    out->arrivals_ns = malloc((size_t)all * sizeof *out->arrivals_ns);
    if (!out->unit_s || !out->arrivals_ns)
        return bt_no_memory(error, "schedules of %lld requests", (long long)all);
    double *unit_s = out->unit_s;
    for (int m = 0; m < problem->model_count; m++) {
        bt_random random =
            bt_random_stream(bt_hash_word(problem->seed, (uint64_t)m), "arrivals at a placement");
        double at_s = 0;
        out->sla_ms[m] = problem->models[m].p95_sla_ms;
        for (int64_t i = 0; i < out->counts[m]; i++)
            *unit_s++ = at_s += bt_random_exponential(&random) / problem->models[m].rate_rps;
    }
    return BT_OK;
}

void bt_trials_close(bt_trials *trials) {
    free(trials->unit_s);
    free(trials->arrivals_ns);
    trials->unit_s = NULL;
    trials->arrivals_ns = NULL;
}

void bt_trials_speeds(const bt_placing_problem *problem, double speeds[BT_PLACING_DEVICES_MAX]) {
    for (int d = 0; d < problem->device_count; d++)
        speeds[d] = problem->devices[d].speed;
}

double bt_trials_bound_rps(const bt_trials *trials, int model, double speed) {
    const bt_rates one = {.model = trials->problem->models[model].tuned, .instance_count = 1};
    return fmin(speed * bt_rates_bound_rps(&one), RATE_MAX_RPS);
}

/* ---- a simulation ---- */

/* The models that are there, numbered anew. */
typedef struct scene {
    bt_simulation_model models[BT_PLACING_MODELS_MAX];
    bt_neighbour neighbours[BT_PLACING_MODELS_MAX][BT_PLACING_MODELS_MAX];
    int model_of[BT_PLACING_MODELS_MAX]; /* by number here */
    int number_of[BT_PLACING_MODELS_MAX];
    int model_count;
    bt_batcher_instance instances[BT_PLACING_MODELS_MAX * BT_PLACING_DEVICES_MAX];
    double speeds[BT_PLACING_MODELS_MAX * BT_PLACING_DEVICES_MAX];
    int instance_count;
} scene;

static void place(scene *s, const bt_trials *trials, const bt_placing_stage *stage) {
    uint32_t all = 0;
    for (int d = 0; d < stage->devices; d++)
        all |= stage->on[d];
    for (int m = 0; m < trials->problem->model_count; m++) {
        s->number_of[m] = -1;
        if (!bt_placing_has(all, m)) continue;
        s->number_of[m] = s->model_count;
        s->model_of[s->model_count] = m;
        for (int d = 0; d < stage->devices; d++) {
            if (!bt_placing_has(stage->on[d], m)) continue;
            s->instances[s->instance_count] = (bt_batcher_instance){.model = s->model_count, .device = d};
            s->speeds[s->instance_count++] = stage->speeds[d];
        }
        s->model_count++;
    }
}

/* What it takes, who slows it, and when it is asked. `at` is where its arrivals lie among all. */
static void set_model(scene *s, int number, const bt_trials *trials, bool alone, double factor, int64_t at) {
    const int m = s->model_of[number];
    const bt_placing_model *model = &trials->problem->models[m];
    bt_simulation_model *out = &s->models[number];
    *out = bt_tuned_model_simulated(model->tuned);
    for (int i = 0; i < model->neighbour_count; i++) {
        bt_neighbour cost = model->neighbours[i];
        if (s->number_of[cost.model] < 0) continue;
        cost.model = s->number_of[cost.model];
        if (alone) cost.slowdown = 1;
        s->neighbours[number][out->neighbour_count++] = cost;
    }
    out->neighbours = s->neighbours[number];
    out->arrivals_ns = trials->arrivals_ns + at;
    out->arrival_count = trials->counts[m];
    for (int64_t i = at; i < at + trials->counts[m]; i++)
        trials->arrivals_ns[i] = (int64_t)(trials->unit_s[i] / factor * BT_NS_PER_S);
}

static void set_models(scene *s, const bt_trials *trials, bool alone, double factor) {
    int64_t at = 0;
    for (int m = 0; m < trials->problem->model_count; m++) {
        if (s->number_of[m] >= 0) set_model(s, s->number_of[m], trials, alone, factor, at);
        at += trials->counts[m];
    }
}

static bool is_slow_enough_a_clock(const bt_trials *trials, double factor) {
    for (int m = 0; m < trials->problem->model_count; m++)
        if (!(trials->problem->models[m].rate_rps * factor >= BT_RATES_LEAST_RPS)) return false;
    return true;
}

bt_status bt_trials_keeps(bt_trials *trials, const bt_placing_stage *stage, double factor, bool *keeps,
                          bt_error *error) {
    bt_simulation *simulation;
    *keeps = false;
    if (!is_slow_enough_a_clock(trials, factor)) return BT_OK;
    scene *s = calloc(1, sizeof *s);
    if (!s) return bt_no_memory(error, "simulating a placement");
    place(s, trials, stage);
    set_models(s, trials, stage->alone, factor);
    bt_status status = bt_simulate(&simulation,
                                   &(bt_simulation_options){.models = s->models,
                                                            .model_count = s->model_count,
                                                            .instances = s->instances,
                                                            .instance_count = s->instance_count,
                                                            .speeds = s->speeds,
                                                            .seed = trials->problem->seed},
                                   error);
    trials->done++;
    if (status == BT_OK) {
        *keeps = true;
        for (int i = 0; i < s->model_count; i++)
            *keeps = *keeps && bt_rates_keeps(&simulation->models[i], trials->sla_ms[s->model_of[i]]);
        bt_simulation_close(&simulation);
    }
    free(s);
    return status;
}

/* ---- the highest factor ---- */

/* Steps from the guess to either side begin with so many tolerances, and double: most guesses are near. */
#define FIRST_STEP 8
#define STEPS_MOST 40
#define LEAST_PART 0.01 /* of the guess: what holds less holds nothing */

bt_status bt_trials_highest(bt_trials *trials, const bt_placing_stage *stage, double guess, double tolerance,
                            double *out, bt_error *error) {
    double held = 0, failed = INFINITY, at = guess, step = 1 + FIRST_STEP * tolerance;
    bt_status status = BT_OK;
    for (int i = 0; i < STEPS_MOST && (held == 0 || isinf(failed)) && status == BT_OK; i++) {
        bool keeps;
        status = bt_trials_keeps(trials, stage, at, &keeps, error);
        *(keeps ? &held : &failed) = at;
        if (!keeps && at < LEAST_PART * guess) break;
        at = keeps ? at * step : at / step;
        step = fmin(step * step, 2);
    }
    while (held > 0 && isfinite(failed) && failed > held * (1 + tolerance) && status == BT_OK) {
        const double middle = sqrt(held * failed);
        bool keeps;
        status = bt_trials_keeps(trials, stage, middle, &keeps, error);
        *(keeps ? &held : &failed) = middle;
    }
    *out = held;
    return status;
}

/* ---- one placement, for others ---- */

static bool all_are_there(const bt_placing_problem *problem, const uint32_t *on) {
    uint32_t all = 0;
    for (int d = 0; d < problem->device_count; d++)
        all |= on[d];
    return all == ((uint32_t)1 << problem->model_count) - 1;
}

/* From what all devices would hold of all models without a wait. */
static double guess_of(const bt_trials *trials) {
    const bt_placing_problem *p = trials->problem;
    double all = 0, time = 0;
    for (int d = 0; d < p->device_count; d++)
        all += p->devices[d].speed;
    for (int m = 0; m < p->model_count; m++)
        time += p->models[m].rate_rps / bt_trials_bound_rps(trials, m, 1);
    return 0.5 * all / time;
}

/* The trials and the whole host as a stage; `speeds` has room for every device. False where a model has no instance: it is
 * then on no stage. bt_trials_close in any case. */
static bool set_up(bt_trials *trials, bt_placing_stage *stage, double *speeds,
                   const bt_placing_problem *problem, const uint32_t *on, bt_status *status,
                   bt_error *error) {
    *status = bt_trials_open(trials, problem, error);
    if (*status != BT_OK || !all_are_there(problem, on)) return false;
    bt_trials_speeds(problem, speeds);
    *stage = (bt_placing_stage){.on = on, .speeds = speeds, .devices = problem->device_count};
    return true;
}

bt_status bt_placing_holds(bool *out, const bt_placing_problem *problem, const uint32_t *on, double factor,
                           bt_error *error) {
    double speeds[BT_PLACING_DEVICES_MAX];
    bt_placing_stage stage;
    bt_trials trials;
    bt_status status;
    *out = false;
    if (set_up(&trials, &stage, speeds, problem, on, &status, error))
        status = bt_trials_keeps(&trials, &stage, factor, out, error);
    bt_trials_close(&trials);
    return status;
}

bt_status bt_placing_factor(double *out, const bt_placing_problem *problem, const uint32_t *on,
                            bt_error *error) {
    double speeds[BT_PLACING_DEVICES_MAX];
    bt_placing_stage stage;
    bt_trials trials;
    bt_status status;
    *out = 0;
    if (set_up(&trials, &stage, speeds, problem, on, &status, error))
        status = bt_trials_highest(&trials, &stage, guess_of(&trials), BT_PLACING_FINE, out, error);
    bt_trials_close(&trials);
    return status;
}
