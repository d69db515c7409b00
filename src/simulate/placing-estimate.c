/* What a placement is thought to hold, in microseconds: a linear program deals each device's time out to the models that
 * are on it.
 *
 * maximise f, where for each model f * its wanted rate <= the sum over its devices of time * what that device holds of it
 * alone, and on each device the times sum up to at most what is of use of it. Of use is less than all where models wait for
 * each other's runs, and more where several devices serve one queue: both are found by simulation, once for each set of
 * models on one device and on as many as there are, and in between by the square root law of pooling. */
#include <math.h>
#include <stdlib.h>

#include "simulate/placing-parts.h"

#define TOLERANCE 0.02 /* of what is simulated here */

/* The share of the time that a neighbour's runs are under way, where much is asked. */
#define BUSY 0.7

/* What is of use where nothing could be simulated. */
#define OF_USE 0.7

/* And where no rate keeps the promises: such placements are still told apart. */
#define OF_USE_LEAST 0.02

/* Up to so many models, each set of them is simulated; of more, each pair, and a larger set is as its worst pair. */
#define SETS_MODELS 4

#define PROMISED_TIMES 3 /* its longest run, of a model whose promise no request keeps */

enum { ONE, ALL, KINDS }; /* devices */

struct bt_shared {
    double of_use[KINDS]
                 [BT_PLACING_MODELS_MAX * BT_PLACING_MODELS_MAX]; /* by set or pair; NaN: not known yet */
};

#define COLUMNS (2 + BT_PLACING_MODELS_MAX * BT_PLACING_DEVICES_MAX)
#define ROWS    (1 + BT_PLACING_MODELS_MAX + BT_PLACING_DEVICES_MAX)

/* ---- alone on a device ---- */

static bt_status find_alone(bt_estimate *e, int model, int speed, bt_error *error) {
    bt_trials *trials = e->trials;
    const double rate_rps = trials->problem->models[model].rate_rps;
    const uint32_t on = (uint32_t)1 << model;
    const bt_placing_stage stage = {.on = &on, .speeds = &e->speeds[speed], .devices = 1};
    double factor;
    const double guess = OF_USE * bt_trials_bound_rps(trials, model, e->speeds[speed]) / rate_rps;
    bt_status status = bt_trials_highest(trials, &stage, guess, TOLERANCE, &factor, error);
    e->alone_rps[model][speed] = factor * rate_rps;
    return status;
}

static double longest_ms(const bt_tuned_model *tuned) {
    double longest = 0;
    for (int i = 0; i < tuned->batcher.ladder.size_count; i++)
        if (tuned->times[i].count > 0)
            longest = fmax(longest, tuned->times[i].quantiles_ms[tuned->times[i].count - 1]);
    return longest;
}

/* On the fastest device first: what no request keeps there is placed by a promise that it can keep. */
static bt_status find_model(bt_estimate *e, int model, bt_error *error) {
    bt_trials *trials = e->trials;
    const bt_tuned_model *tuned = trials->problem->models[model].tuned;
    bt_status status = find_alone(e, model, 0, error);
    if (status == BT_OK && e->alone_rps[model][0] == 0) {
        trials->hopeless |= (uint32_t)1 << model;
        trials->sla_ms[model] = PROMISED_TIMES * (longest_ms(tuned) / e->speeds[0] +
                                                  (double)tuned->batcher.max_queue_delay_ns / 1e6 + 1);
        status = find_alone(e, model, 0, error);
    }
    for (int s = 1; s < e->speed_count && status == BT_OK; s++)
        status = find_alone(e, model, s, error);
    return status;
}

/* ---- devices ---- */

/* Descending. */
static void list_speeds(bt_estimate *e) {
    const bt_placing_problem *p = e->trials->problem;
    int most = 0;
    for (double below = INFINITY;;) {
        double next = 0;
        int of_it = 0;
        for (int d = 0; d < p->device_count; d++)
            if (p->devices[d].speed < below) next = fmax(next, p->devices[d].speed);
        if (next == 0) break;
        for (int d = 0; d < p->device_count; d++) {
            if (p->devices[d].speed != next) continue;
            e->speed_of[d] = e->speed_count;
            of_it++;
        }
        if (of_it > most) e->usual = e->speed_count;
        if (of_it > most) most = of_it;
        e->speeds[e->speed_count++] = below = next;
    }
}

bt_status bt_estimate_open(bt_estimate *out, bt_trials *trials, bt_error *error) {
    *out = (bt_estimate){.trials = trials};
    out->shared = malloc(sizeof *out->shared);
    out->tableau = malloc(ROWS * COLUMNS * sizeof *out->tableau);
    if (!out->shared || !out->tableau) return bt_no_memory(error, "placing models");
    for (int kind = 0; kind < KINDS; kind++)
        for (int i = 0; i < BT_PLACING_MODELS_MAX * BT_PLACING_MODELS_MAX; i++)
            out->shared->of_use[kind][i] = NAN;
    list_speeds(out);
    bt_status status = BT_OK;
    for (int m = 0; m < trials->problem->model_count && status == BT_OK; m++)
        status = find_model(out, m, error);
    return status;
}

void bt_estimate_close(bt_estimate *estimate) {
    free(estimate->shared);
    free(estimate->tableau);
    estimate->shared = NULL;
    estimate->tableau = NULL;
}

/* ---- together on a device ---- */

/* Of the devices' time, where these models are on each of them. 1: as if each had been alone there. */
static bt_status simulate_shared(bt_estimate *e, uint32_t set, int devices, double *of_use, bt_error *error) {
    uint32_t on[BT_PLACING_DEVICES_MAX];
    double speeds[BT_PLACING_DEVICES_MAX], time = 0, factor;
    for (int d = 0; d < devices; d++) {
        on[d] = set;
        speeds[d] = e->speeds[e->usual];
    }
    for (int m = 0; m < e->trials->problem->model_count; m++)
        if (bt_placing_has(set, m))
            time += e->trials->problem->models[m].rate_rps / e->alone_rps[m][e->usual];
    *of_use = OF_USE;
    if (!isfinite(time)) return BT_OK;
    const bt_placing_stage stage = {.on = on, .speeds = speeds, .devices = devices, .alone = true};
    bt_status status = bt_trials_highest(e->trials, &stage, devices / time, TOLERANCE, &factor, error);
    *of_use = fmax(factor * time / devices, OF_USE_LEAST);
    return status;
}

/* At most two models where pairs are kept. */
static int place_of(const bt_estimate *e, uint32_t set) {
    if (e->trials->problem->model_count <= SETS_MODELS) return (int)set;
    const int first = __builtin_ctz(set), last = 31 - __builtin_clz(set);
    return first * BT_PLACING_MODELS_MAX + last;
}

static bt_status of_use_in(bt_estimate *e, uint32_t set, int kind, double *out, bt_error *error) {
    double *known = &e->shared->of_use[kind][place_of(e, set)];
    bt_status status = BT_OK;
    if (isnan(*known))
        status = simulate_shared(e, set, kind == ALL ? e->trials->problem->device_count : 1, known, error);
    *out = *known;
    return status;
}

static bt_status worst_pair(bt_estimate *e, uint32_t set, int kind, double *out, bt_error *error) {
    bt_status status = BT_OK;
    *out = INFINITY;
    for (uint32_t a = set; a && status == BT_OK; a &= a - 1)
        for (uint32_t b = a & (a - 1); b && status == BT_OK; b &= b - 1) {
            double pair;
            status = of_use_in(e, (a & -a) | (b & -b), kind, &pair, error);
            *out = fmin(*out, pair);
        }
    return status;
}

/* Where so many devices, on average over the models, serve each one's queue. */
static bt_status of_use_of(bt_estimate *e, uint32_t set, double pooled, double *out, bt_error *error) {
    const int devices = e->trials->problem->device_count;
    const bool pairs = e->trials->problem->model_count > SETS_MODELS && __builtin_popcount(set) > 2;
    bt_status (*const find)(bt_estimate *, uint32_t, int, double *, bt_error *) =
        pairs ? worst_pair : of_use_in;
    double one, all;
    bt_status status = find(e, set, ONE, &one, error);
    if (status == BT_OK) status = find(e, set, devices > 1 ? ALL : ONE, &all, error);
    if (status != BT_OK) return status;
    pooled = fmax(1, pooled);
    const double way = devices > 1 ? (1 - 1 / sqrt(pooled)) / (1 - 1 / sqrt(devices)) : 0;
    *out = one + way * (all - one);
    return BT_OK;
}

/* ---- the linear program ---- */

/* Rows of devices, of models, and the objective last; columns of the factor, of times, and the right-hand side last. */
typedef struct program {
    double *cells;
    int rows, columns;
} program;

static double *cell(const program *p, int row, int column) {
    return &p->cells[(size_t)row * COLUMNS + (size_t)column];
}

static void pivot(const program *p, int row, int column) {
    const double by = *cell(p, row, column);
    for (int c = 0; c < p->columns; c++)
        *cell(p, row, c) /= by;
    *cell(p, row, column) = 1 / by;
    for (int r = 0; r < p->rows; r++) {
        const double times = *cell(p, r, column);
        if (r == row || times == 0) continue;
        for (int c = 0; c < p->columns; c++)
            *cell(p, r, c) -= times * *cell(p, row, c);
        *cell(p, r, column) = -times / by;
    }
}

/* The simplex method from the slack basis, which is feasible. Ended early, what it has is still held. */
static double solve(const program *p) {
    const int objective = p->rows - 1, right = p->columns - 1;
    for (int i = 0; i < 50 * p->rows; i++) {
        int column = 0, row = -1;
        for (int c = 1; c < right; c++)
            if (*cell(p, objective, c) < *cell(p, objective, column)) column = c;
        if (*cell(p, objective, column) > -1e-12) break;
        for (int r = 0; r < objective; r++)
            if (*cell(p, r, column) > 1e-12 && (row < 0 || *cell(p, r, right) * *cell(p, row, column) <
                                                               *cell(p, row, right) * *cell(p, r, column)))
                row = r;
        if (row < 0) break;
        pivot(p, row, column);
    }
    return *cell(p, objective, right);
}

/* How much longer a model's runs take for what runs on other devices. */
static double slowdown_of(const bt_placing_problem *p, const uint32_t *on, int model, int device) {
    double slowdown = 1;
    for (int i = 0; i < p->models[model].neighbour_count; i++) {
        const bt_neighbour *n = &p->models[model].neighbours[i];
        int beside = 0;
        for (int d = 0; d < p->device_count; d++)
            beside += d != device && bt_placing_has(on[d], n->model);
        slowdown *= 1 + BUSY * (n->slowdown - 1) * fmin(beside, n->beside) / n->beside;
    }
    return slowdown;
}

/* Next to nothing, and more than nothing: such a placement is left, and better than one that lacks a model. */
#define BREAKS 1e-9

/* Rows of models have a touch of slack, each another: ties between them would let the method go in circles. */
#define TOUCH 1e-9

static void begin(program *p, const bt_placing_problem *problem, int instances) {
    p->rows = problem->device_count + problem->model_count + 1;
    p->columns = instances + 2;
    for (int r = 0; r < p->rows; r++)
        for (int c = 0; c < p->columns; c++)
            *cell(p, r, c) = 0;
    for (int m = 0; m < problem->model_count; m++) {
        *cell(p, problem->device_count + m, 0) = 1;
        *cell(p, problem->device_count + m, p->columns - 1) = TOUCH * (m + 1);
    }
    *cell(p, p->rows - 1, 0) = -1;
}

static bt_status fill(program *p, bt_estimate *e, const uint32_t *on, const double *pooled, bt_error *error) {
    const bt_placing_problem *problem = e->trials->problem;
    int column = 1;
    for (int d = 0; d < problem->device_count; d++) {
        double devices = 0, of_use;
        if (on[d] == 0) continue;
        for (int m = 0; m < problem->model_count; m++) {
            if (!bt_placing_has(on[d], m)) continue;
            const bt_placing_model *model = &problem->models[m];
            devices += pooled[m];
            *cell(p, d, column) = 1;
            *cell(p, problem->device_count + m, column++) =
                -e->alone_rps[m][e->speed_of[d]] / model->rate_rps / slowdown_of(problem, on, m, d);
        }
        bt_status status = of_use_of(e, on[d], devices / __builtin_popcount(on[d]), &of_use, error);
        if (status != BT_OK) return status;
        *cell(p, d, p->columns - 1) = of_use;
    }
    return BT_OK;
}

bt_status bt_estimate_factor(bt_estimate *estimate, const uint32_t *on, double *out, bt_error *error) {
    const bt_placing_problem *problem = estimate->trials->problem;
    double pooled[BT_PLACING_MODELS_MAX]; /* devices of each, as so many of the fastest */
    int instances = 0, missing = 0;
    bool breaks =
        false; /* a promise where it runs; on a slow device, since each has it kept on the fastest */
    program p = {.cells = estimate->tableau};
    for (int m = 0; m < problem->model_count; m++) {
        bool there = false;
        pooled[m] = 0;
        for (int d = 0; d < problem->device_count; d++) {
            if (!bt_placing_has(on[d], m)) continue;
            const double alone_rps = estimate->alone_rps[m][estimate->speed_of[d]];
            pooled[m] += alone_rps / estimate->alone_rps[m][0];
            breaks = breaks || alone_rps == 0;
            there = true;
            instances++;
        }
        missing += !there;
    }
    *out = missing > 0 ? -missing : BREAKS;
    if (missing > 0 || breaks) return BT_OK;
    begin(&p, problem, instances);
    bt_status status = fill(&p, estimate, on, pooled, error);
    if (status == BT_OK) *out = solve(&p);
    return status;
}
