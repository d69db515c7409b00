#include "search-study.h"

#include <math.h>
#include <string.h>

#include "tune/contenders.h"
#include "tune/divisions.h"
#include "tune/heats.h"
#include "tune/objective.h"
#include "tune/score.h"
#include "tune/sweep.h"
#include "tune/tuning.h"

/* Of a size's runs this share may be late: by what is promised, and where it is to be shown in reasonable time. */
#define LATE_PROMISED 0.05
#define LATE_SHOWN    0.02

#define PROOF_RUNS   85 /* the fewest that show a P95 */
#define REFUSED_RUNS 3  /* and that refuse one */

/* ---- the exhaustive search ---- */

static double score_of(const family *f, const bt_contender *c, bt_objective objective, int b) {
    const double all = objective == BT_OBJECTIVE_LATENCY ? 1 : c->instances;
    return all * bt_score_of(objective, b, family_service_ms(f, c, b));
}

/* What measuring all sizes of one way takes, up to the first that is late, or that memory does not do for. */
static double measure_all(const family *f, const bt_contender *c, bt_objective objective,
                          search_result *out) {
    double took_ms = 0;
    for (int b = 1; b <= BT_SEARCH_MAX_BATCH; b++) {
        const double service_ms = family_service_ms(f, c, b);
        const double late = isfinite(service_ms) ? family_late_fraction(f, service_ms) : 1;
        if (!isfinite(service_ms)) break;
        const int runs = late > 0.5 ? REFUSED_RUNS : BT_SCREENING_SAMPLES;
        took_ms += service_ms * (f->usual.warm_up_runs + runs) / c->instances;
        if (late > 0.5 && service_ms > 2 * f->p95_sla_ms) break;
        const double score = score_of(f, c, objective, b);
        if (late > LATE_SHOWN || score <= out->best_score) continue;
        out->best_score = score;
        out->best_way = *c;
        out->best_batch_size = b;
    }
    return f->usual.open_s + took_ms / 1e3;
}

static void search_everything(const family *f, const bt_contender *contenders, int count,
                              bt_objective objective, search_result *out) {
    for (int i = 0; i < count; i++)
        out->exhaustive_s += measure_all(f, &contenders[i], objective, out);
}

/* What its proof takes beyond its screening. */
static double proof_s(const family *f, const bt_contender *c, int b) {
    return (PROOF_RUNS - BT_SCREENING_SAMPLES) * family_service_ms(f, c, b) / c->instances / 1e3;
}

/* ---- the tuner's ---- */

typedef struct study {
    const family *f;
    bt_settings settings;
    bt_model_record *model;
    family_way ways[BT_CONTENDERS_MAX];
    double budget_s;
    search_result *out;
} study;

static void list_ways(study *s) {
    bt_ways ways = {.divisions = s->f->divisions,
                    .division_count = s->f->division_count,
                    .asked = s->f->precision_count > 2 ? BT_PRECISION_AUTO_INT8 : BT_PRECISION_AUTO,
                    .use_amp = true};
    ways.can[BT_PRECISION_FP32] = true;
    ways.can[BT_PRECISION_BF16] = s->f->precision_count > 1;
    ways.can[BT_PRECISION_INT8] = s->f->precision_count > 2;
    s->model->contender_count = bt_contenders_list(&ways, s->model->contenders);
    s->model->division_count = s->f->division_count;
    memcpy(s->model->divisions, s->f->divisions, sizeof s->f->divisions);
    for (int i = 0; i < s->model->contender_count; i++)
        s->ways[i] = family_way_of(s->f, &s->model->contenders[i]);
}

static bt_step_result take_turn(study *s, const bt_contest_turn *turn) {
    bt_step_result result = family_answer(&s->ways[turn->contender], &turn->step);
    if (result.elapsed_s > turn->within_s) { /* who measures gives up then */
        result = bt_step_result_empty();
        result.status = BT_TIMEOUT;
        result.elapsed_s = turn->within_s;
    }
    s->out->contest_s += result.elapsed_s;
    return result;
}

static bt_status hold_contest(study *s, bt_error *error) {
    bt_contest *contest;
    bt_contest_turn turn;
    bt_status status = bt_contest_open(&contest, s->model->contenders, s->model->contender_count,
                                       BT_CONTEST_SHARE * s->budget_s, error);
    while (status == BT_OK && bt_contest_next(contest, &turn)) {
        const bt_step_result result = take_turn(s, &turn);
        bt_contest_done(contest, &result);
    }
    if (contest) bt_contest_close(&contest);
    return status;
}

static bt_status hold_heats(study *s, bt_error *error) {
    const bt_heats_options options = {.objective = (bt_objective)s->settings.objective,
                                      .p95_sla_ms = s->settings.p95_sla_ms,
                                      .largest_batch = BT_SEARCH_MAX_BATCH,
                                      .budget_s = BT_HEATS_SHARE *
                                                  (BT_CONTEST_SHARE * s->budget_s - s->out->contest_s)};
    bt_heats *heats;
    bt_contest_turn turn;
    bt_status status =
        bt_heats_open(&heats, s->model->contenders, s->model->contender_count, &options, error);
    while (status == BT_OK && bt_heats_next(heats, &turn)) {
        const bt_step_result result = take_turn(s, &turn);
        bt_heats_done(heats, &result);
    }
    if (heats) bt_heats_close(&heats);
    return status;
}

static bt_contender *choose(study *s) {
    bt_model_record *model = s->model;
    const bt_division *of = model->divisions;
    bt_contenders_divide(model->contenders, model->contender_count, model->divisions, model->division_count);
    const int division = bt_divisions_choose(&of, 1, model->division_count, &s->settings);
    return bt_contenders_best(model->contenders, model->contender_count, &model->divisions[division]);
}

static bt_status sweep(study *s, const bt_contender *way, bt_error *error) {
    family_way *own = &s->ways[way - s->model->contenders];
    const bt_sweep_options options = {.p95_sla_ms = s->settings.p95_sla_ms,
                                      .memory_limit_mb = INFINITY,
                                      .objective = s->settings.objective,
                                      .min_mask_iou = s->settings.min_mask_iou,
                                      .time_budget_s = s->budget_s - s->out->contest_s};
    bt_sweep *sweep;
    s->out->took_s = s->out->contest_s;
    s->model->instances = way->instances;
    memset(own->prepared, 0, sizeof own->prepared); /* the sweep has a process of its own */
    own->opened = false;
    bt_status status = bt_sweep_open(&sweep, &options, s->model, error);
    while (status == BT_OK) {
        const bt_step step = bt_sweep_next(sweep);
        if (step.kind == BT_STEP_DONE) break;
        const bt_step_result result = family_answer(own, &step);
        s->out->took_s += result.elapsed_s;
        status = bt_sweep_done(sweep, &step, &result, error);
    }
    bt_sweep_close(&sweep);
    return status;
}

static void note_choice(study *s, const bt_contender *way) {
    const bt_model_record *model = s->model;
    search_result *out = s->out;
    out->way = *way;
    out->batch_size = model->chosen < 0 ? 1 : model->points[model->chosen].batch_size;
    out->proved = model->meets_sla;
    const double service_ms = family_service_ms(s->f, way, out->batch_size);
    out->late = family_late_fraction(s->f, service_ms) > LATE_PROMISED;
    out->score = score_of(s->f, way, (bt_objective)s->settings.objective, out->batch_size);
    out->proof_s = out->proved ? proof_s(s->f, way, out->batch_size) : 0;
}

static bt_status tune(study *s, double share, bt_error *error) {
    list_ways(s);
    search_everything(s->f, s->model->contenders, s->model->contender_count,
                      (bt_objective)s->settings.objective, s->out);
    const search_result *out = s->out;
    s->budget_s = share * out->exhaustive_s;
    if (out->best_batch_size > 0) s->budget_s += proof_s(s->f, &out->best_way, out->best_batch_size);
    bt_status status = hold_contest(s, error);
    if (status == BT_OK) status = hold_heats(s, error);
    if (status != BT_OK) return status;
    const bt_contender *way = choose(s);
    status = sweep(s, way, error);
    if (status == BT_OK) status = bt_score_model(s->model, &s->settings, error);
    if (status == BT_OK) note_choice(s, way);
    return status;
}

bt_status search_study(search_result *out, const family *f, bt_objective objective, double share,
                       bt_error *error) {
    bt_record *record;
    bt_status status = bt_record_open(&record, 1, error);
    *out = (search_result){0};
    if (status != BT_OK) return status;
    study s = {.f = f, .model = &record->models[0], .out = out};
    s.settings = (bt_settings){.objective = objective, .p95_sla_ms = f->p95_sla_ms, .max_queue_delay_ms = 5};
    status = tune(&s, share, error);
    bt_record_close(&record);
    return status;
}

double search_ratio(const search_result *result) {
    return result->best_score > 0 ? fmin(result->score / result->best_score, 1) : 1;
}
