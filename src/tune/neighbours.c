#include "tune/neighbours.h"

#include <math.h>
#include <stdlib.h>

#include "base/text.h"
#include "tune/score.h"

/* A round is a step of each kind, of as many runs as take so long. More rounds tell smaller costs from noise; longer steps
 * hold more of a slow network's runs; either makes tuning that much longer, for every two models twice. */
#define ROUNDS     6
#define STEP_S     0.25
#define RUNS_LEAST 2

/* No round is begun that would end later: so long after the sessions are open, and this share of the time budget for all
 * pairs together. Higher: slow networks are asked, too. */
#define PAIR_S     12.0
#define PAIR_SHARE 0.25

/* Rounds that other programs disturbed are made anew, so often in all; then they count: both kinds of runs of a round are
 * disturbed alike. */
#define REPEATS 3

/* One model's runs beside another's. */
typedef struct pair {
    bt_tuning own, other;
    const bt_point *own_point, *other_point; /* that were chosen */
    bt_probe *probe;
    bt_neighbour_times *times;
    int runs, repeats;
    double limit_s, spent_s;
    bool opened, failed;
} pair;

static const bt_point *choice_of(const bt_model_record *model) {
    return model->chosen >= 0 ? &model->points[model->chosen] : NULL;
}

/* One step; the first one opens the sessions, which counts for nothing. */
static bt_status ask(pair *p, bt_step_kind kind, int runs, bt_step_result *result, bt_error *error) {
    const bt_step step = {kind, p->own_point->batch_size, runs};
    char doing[BT_NAME_SIZE + 64];
    *result = bt_step_result_empty();
    if (bt_tuning_stopped(p->own.options) || p->failed) return BT_OK;
    bt_text_format(doing, sizeof doing, "%s %s", kind == BT_STEP_TURNS ? "in turns with" : "beside",
                   p->other.model->title);
    bt_tuning_progress(&p->own, 0, "", doing);
    bt_status status = bt_replay_pair(&p->own, p->probe, p->other.model->model, &step, result, error);
    p->own.model->interrupted = bt_tuning_stopped(p->own.options);
    if (status != BT_OK || p->own.model->interrupted) return status;
    p->own.model->measuring_s += result->elapsed_s;
    if (p->opened) p->spent_s += result->elapsed_s;
    p->opened = true;
    p->failed = result->status != BT_OK;
    if (p->failed)
        bt_log_write(p->own.options->log, BT_LOG_WARNING, "%s %s: %s", p->own.model->title, doing,
                     result->message);
    return BT_OK;
}

static bt_status keep(double **samples_ms, int *count, const bt_step_result *result, bt_error *error) {
    return bt_samples_add(samples_ms, count, result->samples_ms, result->sample_count, error);
}

/* Of steps that a round is made of; those of what never happens have no samples. */
typedef struct one_round {
    bt_step_result alone, beside, turns;
} one_round;

static bt_status take_round(pair *p, const one_round *r, bt_error *error) {
    bt_neighbour_times *t = p->times;
    t->cost.beside = r->beside.beside;
    bt_status status = keep(&t->alone_samples_ms, &t->alone_sample_count, &r->alone, error);
    if (status == BT_OK) status = keep(&t->beside_samples_ms, &t->beside_sample_count, &r->beside, error);
    return status == BT_OK ? keep(&t->turn_samples_ms, &t->turn_sample_count, &r->turns, error) : status;
}

/* *kept is false where the round is to be made anew. */
static bt_status measure_round(pair *p, bool *kept, bt_error *error) {
    one_round r = {.alone = bt_step_result_empty()};
    *kept = true;
    bt_status status = ask(p, BT_STEP_BESIDE, p->runs, &r.beside, error);
    if (status == BT_OK && r.beside.sample_count > 0)
        status = ask(p, BT_STEP_MEASURE, p->runs, &r.alone, error);
    if (status == BT_OK) status = ask(p, BT_STEP_TURNS, 2 * p->runs, &r.turns, error);
    if (status != BT_OK || p->failed || p->own.model->interrupted) return status;
    *kept = !(r.alone.disturbed || r.beside.disturbed || r.turns.disturbed) || p->repeats == 0;
    p->repeats -= !*kept;
    return *kept ? take_round(p, &r, error) : BT_OK;
}

static bt_status measure_rounds(pair *p, bt_error *error) {
    const bt_neighbour_times *t = p->times;
    double longest_s = 0;
    p->repeats = REPEATS;
    for (int rounds = 0; rounds < ROUNDS && p->spent_s + longest_s <= p->limit_s;) {
        const double before_s = p->spent_s;
        bool kept;
        bt_status status = measure_round(p, &kept, error);
        longest_s = fmax(longest_s, p->spent_s - before_s);
        if (status != BT_OK || p->failed || p->own.model->interrupted) return status;
        rounds += kept;
        if (kept && t->beside_sample_count + t->turn_sample_count == 0) return BT_OK;
    }
    return BT_OK;
}

static void report(const pair *p) {
    const bt_neighbour_cost *cost = &p->times->cost;
    bt_log *log = p->own.options->log;
    if (!isnan(cost->slowdown))
        bt_log_write(log, BT_LOG_INFO, "%s: runs beside %s take %.2f times as long (%.2f–%.2f)",
                     p->own.model->title, p->other.model->title, cost->slowdown, cost->slowdown_lower,
                     cost->slowdown_upper);
    if (cost->switch_ms > 0)
        bt_log_write(log, BT_LOG_INFO, "%s: a run right after one of %s takes %.2f ms longer",
                     p->own.model->title, p->other.model->title, cost->switch_ms);
}

/* As many runs as a step holds, and whether a round of them ends in time. */
static bool plan_runs(pair *p) {
    const double own_ms = p->own_point->p50_ms, other_ms = p->other_point->p50_ms;
    const double fitting = floor(1e3 * STEP_S / own_ms);
    p->runs = (int)fmin(fmax(fitting, RUNS_LEAST), BT_MAX_TURN_SAMPLES / 2);
    return own_ms > 0 && other_ms > 0 && p->runs * (4 * own_ms + other_ms) / 1e3 <= p->limit_s;
}

static bt_status time_pair(pair *p, const bt_contender ways[2], bt_error *error) {
    bt_model_record *model = p->own.model;
    const bt_probe_options other = bt_tuning_probe(&p->other, &ways[1]);
    bt_probe_options own = bt_tuning_probe(&p->own, &ways[0]);
    own.neighbour = &other;
    own.neighbour_batch_size = p->other_point->batch_size;
    bt_status status = model->neighbours ? BT_OK : bt_model_add_neighbours(model, error);
    if (status == BT_OK) status = bt_probe_open(&p->probe, &own, error);
    if (status != BT_OK) return status;
    p->times = &model->neighbours[model->neighbour_count++];
    *p->times = (bt_neighbour_times){.cost = bt_neighbour_cost_of(p->other.model->model)};
    p->times->cost.batch_size = p->own_point->batch_size;
    p->times->cost.neighbour_batch_size = p->other_point->batch_size;
    status = measure_rounds(p, error);
    if (status == BT_OK) status = bt_score_neighbour(p->times, error);
    if (status == BT_OK) report(p);
    bt_probe_close(&p->probe);
    return status;
}

static bt_status time_models(const bt_optimize_options *options, bt_record *record, int own, int other,
                             double limit_s, const bt_contender ways[BT_NAMES_MAX], bt_error *error) {
    pair *p = calloc(1, sizeof *p);
    if (!p) return bt_no_memory(error, "two models");
    p->own_point = choice_of(&record->models[own]);
    p->other_point = choice_of(&record->models[other]);
    p->limit_s = limit_s;
    bt_status status = bt_tuning_init(&p->own, options, record, own, 1, 0, error);
    if (status == BT_OK) status = bt_tuning_init(&p->other, options, record, other, 1, 0, error);
    if (status == BT_OK && p->own_point && p->other_point) {
        if (plan_runs(p))
            status = time_pair(p, (bt_contender[]){ways[own], ways[other]}, error);
        else
            bt_log_write(options->log, BT_LOG_INFO, "%s: too slow to be measured beside %s in %.1f s",
                         p->own.model->title, p->other.model->title, limit_s);
    }
    record->measuring_s += status == BT_OK ? p->spent_s : 0;
    free(p);
    return status;
}

bt_status bt_time_neighbours(const bt_optimize_options *options, bt_record *record,
                             const bt_contender ways[BT_NAMES_MAX], bt_error *error) {
    const int models = record->model_count;
    const double budget_s = (double)options->settings->time_budget_ns / 1e9;
    const double limit_s = fmin(PAIR_S, PAIR_SHARE * budget_s / fmax(1, models * (models - 1)));
    bt_status status = BT_OK;
    for (int own = 0; own < models; own++)
        for (int other = 0; other < models && status == BT_OK && !bt_tuning_stopped(options); other++)
            if (other != own) status = time_models(options, record, own, other, limit_s, ways, error);
    return status;
}
