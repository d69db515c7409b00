/* The sweep's interface, and what it makes of results. The next step is decided in sweep-plan.c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "measure/series.h"
#include "tune/ledger.h"
#include "tune/sweep-state.h"

#define DISCARD_AT_LEAST 6    /* disturbed turns are not counted, */
#define DISCARD_ONE_IN   8    /* and as many more for each so many that were, */
#define DISCARD_SHARE    0.05 /* within that share of the time budget */
#define BUSY_TURNS       8    /* before a machine is called busy */
#define LATE_TURNS       4   /* of which too few were undisturbed: nothing more is expected of further ones */
#define HOPELESS         2.0 /* times the SLA: late in a way that no passing spell explains */

/* ---- the sizes ---------------------------------------------------------------- */

int bt_sweep_find(const bt_sweep *sweep, int batch_size) {
    for (int i = 0; i < sweep->count; i++)
        if (sweep->candidates[i].batch_size == batch_size) return i;
    return -1;
}

bt_status bt_sweep_add(bt_sweep *sweep, int batch_size, bool on_ladder, bt_error *error) {
    bt_candidate *grown =
        bt_array_grow(sweep->candidates, (size_t)sweep->count, 1, &sweep->capacity, sizeof *grown);
    if (!grown) return bt_no_memory(error, "the sweep's candidates");
    sweep->candidates = grown;
    bt_point *point = bt_record_add_point(sweep->model, batch_size);
    if (!point) return bt_no_memory(error, "the sweep's points");
    point->outcome = BT_OUTCOME_UNDECIDED;
    int at = sweep->count++;
    for (; at > 0 && sweep->candidates[at - 1].batch_size > batch_size; at--)
        sweep->candidates[at] = sweep->candidates[at - 1];
    sweep->candidates[at] = (bt_candidate){.batch_size = batch_size, .on_ladder = on_ladder};
    return BT_OK;
}

void bt_sweep_refuse(bt_sweep *sweep, int index, bt_outcome outcome, const char *why) {
    sweep->candidates[index].dead = true;
    point_of(sweep, index)->outcome = outcome;
    snprintf(point_of(sweep, index)->why, sizeof point_of(sweep, index)->why, "%s", why);
}

/* Whether a size is in the running. */
static bool competes(const bt_sweep *sweep, int index) {
    const bt_candidate *c = &sweep->candidates[index];
    return !c->dead && !c->gave_up && samples_of(sweep, index) > 0;
}

int bt_sweep_leader(const bt_sweep *sweep, bt_objective objective) {
    int best = -1;
    for (int i = 0; i < sweep->count; i++) {
        if (!competes(sweep, i)) continue;
        bool sooner = best >= 0 && seems_late(sweep, best) && !seems_late(sweep, i);
        bool alike = best >= 0 && seems_late(sweep, best) == seems_late(sweep, i);
        if (best < 0 || sooner || (alike && score_of(sweep, i, objective) > score_of(sweep, best, objective)))
            best = i;
    }
    return best;
}

int bt_sweep_to_confirm(const bt_sweep *sweep, bt_objective objective) {
    int lead = bt_sweep_leader(sweep, objective), best = lead;
    for (int i = 0; i < sweep->count && lead >= 0; i++) {
        if (!competes(sweep, i) || seems_late(sweep, i) != seems_late(sweep, lead)) continue;
        bool as_good =
            score_of(sweep, i, objective) >= (1 - BT_SEARCH_WORTHWHILE) * score_of(sweep, lead, objective);
        if (as_good && samples_of(sweep, i) > samples_of(sweep, best)) best = i;
    }
    return best;
}

double bt_sweep_proof_s(const bt_sweep *sweep, int index) {
    const bt_candidate *c = &sweep->candidates[index];
    return c->confirmed ? 0 : c->evidence.runs_missing * c->typical_ms / 1e3;
}

int bt_sweep_to_prove(const bt_sweep *sweep, bt_objective objective) {
    int lead = bt_sweep_to_confirm(sweep, objective), best = -1;
    if (lead < 0 || bt_sweep_proof_s(sweep, lead) <= time_left_s(sweep)) return lead;
    for (int i = 0; i < sweep->count; i++) {
        if (!competes(sweep, i) || seems_late(sweep, i)) continue;
        if (bt_sweep_proof_s(sweep, i) > time_left_s(sweep)) continue;
        if (best < 0 || score_of(sweep, i, objective) > score_of(sweep, best, objective)) best = i;
    }
    return best >= 0 ? best : lead;
}

bool bt_sweep_is_busy(const bt_sweep *sweep) {
    int turns = sweep->model->turns + sweep->discarded;
    return turns >= BUSY_TURNS && 2 * (sweep->model->disturbed_turns + sweep->discarded) > turns;
}

bool bt_sweep_any_confirmed(const bt_sweep *sweep) {
    for (int i = 0; i < sweep->count; i++)
        if (sweep->candidates[i].confirmed && !sweep->candidates[i].dead) return true;
    return false;
}

bool bt_sweep_any_admissible(const bt_sweep *sweep) {
    for (int i = 0; i < sweep->count; i++)
        if (is_admissible(sweep, i)) return true;
    return false;
}

bt_memory_fit bt_sweep_fit_memory(const bt_sweep *sweep) {
    int sizes[BT_SIZES_MAX];
    double memory_mb[BT_SIZES_MAX];
    int count = 0;
    for (int i = 0; i < sweep->count && count < BT_SIZES_MAX; i++) {
        if (!sweep->candidates[i].on_ladder || !isfinite(point_of(sweep, i)->memory_mb)) continue;
        sizes[count] = sweep->candidates[i].batch_size;
        memory_mb[count++] = point_of(sweep, i)->memory_mb;
    }
    return bt_memory_fit_make(sizes, memory_mb, count);
}

/* ---- results ----------------------------------------------------------------- */

static double least_ms(const bt_point *point) {
    double least = INFINITY;
    for (int i = 0; i < point->sample_count; i++)
        least = fmin(least, point->samples_ms[i]);
    return least;
}

/* The test says that P95 is over the SLA. One spell of the machine can make all of a turn late, which then is
 * one event and not three: a size is refused by turns at two times, or by delays beyond what a spell
 * explains; and by turns that nobody disturbed. Where there are none, it stays undecided. */
static void reject_late(bt_sweep *sweep, int index) {
    bt_candidate *c = &sweep->candidates[index];
    bool hopeless = least_ms(point_of(sweep, index)) > HOPELESS * sweep->options.p95_sla_ms;
    if (c->calm_late_turns > 1 || (c->calm_late_turns > 0 && hopeless))
        bt_sweep_refuse(sweep, index, BT_OUTCOME_OVER_SLA, "P95 over the SLA");
    else if (c->late_turns >= LATE_TURNS || (hopeless && bt_sweep_is_busy(sweep)))
        c->gave_up = true;
}

static void judge(bt_sweep *sweep, int index) {
    bt_candidate *c = &sweep->candidates[index];
    const bt_point *point = point_of(sweep, index);
    c->evidence =
        bt_evidence_of(&sweep->rule, point->samples_ms, point->sample_count, sweep->options.p95_sla_ms);
    double late = (double)c->evidence.late.late;
    if (c->confirmed && late > sweep->rule.late_fraction * point->sample_count) {
        c->confirmed = false; /* later samples took back what earlier ones had shown */
        c->gave_up = true;
    }
    if (c->confirmed || c->gave_up || c->dead) return;
    c->confirmed = c->evidence.verdict == BT_SEQUENTIAL_ACCEPT;
    c->gave_up = c->evidence.exhausted;
    if (c->evidence.verdict == BT_SEQUENTIAL_REJECT) reject_late(sweep, index);
}

/* Sizes are compared by what they take while nobody disturbs them, or a spell would make another one lead. */
static bt_status find_typical(bt_candidate *c, const bt_point *point, bt_error *error) {
    bool calm = c->calm_count > 0;
    int count = !calm                             ? point->sample_count
                : c->calm_count < BT_CALM_SAMPLES ? c->calm_count
                                                  : BT_CALM_SAMPLES;
    double *scratch = malloc((size_t)count * sizeof *scratch);
    if (!scratch) return bt_no_memory(error, "a size's samples");
    c->typical_ms = bt_median(calm ? c->calm_ms : point->samples_ms, (size_t)count, scratch);
    free(scratch);
    return BT_OK;
}

/* Adds to a size's samples, and to what is typical of it. */
static bt_status add_samples(bt_sweep *sweep, int index, const double *samples_ms, int count, bool disturbed,
                             bt_error *error) {
    bt_candidate *c = &sweep->candidates[index];
    bt_status status = bt_point_add_samples(point_of(sweep, index), samples_ms, count, error);
    if (status != BT_OK) return status;
    sweep->model->turns++;
    sweep->model->disturbed_turns += disturbed;
    for (int i = 0; i < count && !disturbed; i++)
        c->calm_ms[c->calm_count++ % BT_CALM_SAMPLES] = samples_ms[i];
    return find_typical(c, point_of(sweep, index), error);
}

/* No wait for a machine that is never quiet: within bounds, and not for a size that was seen in a calm. */
static bool is_discarded(const bt_sweep *sweep, int index, const bt_step_result *result) {
    if (!result->disturbed || (bt_sweep_is_busy(sweep) && sweep->candidates[index].calm_count > 0))
        return false;
    return sweep->discarded < DISCARD_AT_LEAST + sweep->model->turns / DISCARD_ONE_IN &&
           sweep->discarded_s + result->elapsed_s <= DISCARD_SHARE * sweep->options.time_budget_s;
}

/* A neighbour's doing: the turn comes up again. What it gave is kept for want of anything better. */
static void discard(bt_sweep *sweep, int index, const bt_step_result *result) {
    bt_candidate *c = &sweep->candidates[index];
    sweep->discarded++;
    sweep->discarded_s += result->elapsed_s;
    c->spare_count = result->sample_count;
    memcpy(c->spare_ms, result->samples_ms, (size_t)result->sample_count * sizeof *c->spare_ms);
}

static bt_status take_samples(bt_sweep *sweep, int index, const bt_step_result *result, bt_error *error) {
    if (is_discarded(sweep, index, result)) {
        discard(sweep, index, result);
        return BT_OK;
    }
    bt_status status =
        add_samples(sweep, index, result->samples_ms, result->sample_count, result->disturbed, error);
    if (status != BT_OK) return status;
    int late = 0;
    for (int i = 0; i < result->sample_count; i++)
        late += result->samples_ms[i] > sweep->options.p95_sla_ms;
    sweep->candidates[index].late_turns += late > 0;
    sweep->candidates[index].calm_late_turns += late > 0 && !result->disturbed;
    for (int i = 0; i < sweep->count; i++) /* a size that is being screened late counts its companions */
        if (!sweep->candidates[i].on_ladder && i != index)
            sweep->candidates[i].companion_samples += result->sample_count;
    judge(sweep, index);
    return BT_OK;
}

static void take_memory(bt_sweep *sweep, int index, const bt_step_result *result) {
    bt_point *point = point_of(sweep, index);
    sweep->candidates[index].memory_taken = true;
    point->memory_mb = result->memory_mb;
    point->memory_total_used_mb = result->memory_total_used_mb;
    if (!(result->memory_total_used_mb > sweep->options.memory_limit_mb)) return;
    char why[BT_TEXT_SIZE];
    bt_text_format(why, sizeof why, "high-water mark %.0f MB, over the %.0f MB that the reserve leaves",
                   result->memory_total_used_mb, sweep->options.memory_limit_mb);
    bt_sweep_refuse(sweep, index, BT_OUTCOME_OVER_MEMORY, why);
}

/* What the standard path gave, which is the same whatever the size. An older journal does not tell. */
static void check_output(bt_sweep *sweep, const bt_step_result *result) {
    char words[BT_MODEL_NOTE_SIZE];
    if (!sweep->options.trained_weights || isnan(result->output_least)) return;
    const bt_output_range range = {
        .least = result->output_least, .most = result->output_most, .mask_share = result->mask_share};
    bt_model_question(words, sweep->model->model_file[0] != '\0', sweep->options.output, &range);
    snprintf(sweep->model->output_note, sizeof sweep->model->output_note, "%s", words);
}

static void take_agreement(bt_sweep *sweep, int index, const bt_step_result *result) {
    bt_point *point = point_of(sweep, index);
    check_output(sweep, result);
    sweep->candidates[index].agreement_taken = true;
    point->logit_error = result->logit_error;
    point->mask_iou = result->mask_iou;
    if (sweep->options.trained_weights && result->mask_iou < sweep->options.min_mask_iou)
        bt_sweep_refuse(sweep, index, BT_OUTCOME_MASK_DISAGREES, "masks differ from the FP32 reference's");
}

static bool fails_with_memory(bt_status status) {
    return status == BT_OUT_OF_DEVICE_MEMORY || status == BT_NO_MEMORY;
}

/* A failure belongs to the size at work; one of the standard path ends the comparison with it, nothing
 * else. */
static void take_failure(bt_sweep *sweep, const bt_step *step, const bt_step_result *result) {
    int index = bt_sweep_find(sweep, step->batch_size);
    switch (step->kind) {
    case BT_STEP_STANDARD:
    case BT_STEP_STANDARD_MEMORY:
        sweep->standard_failed = true;
        return;
    case BT_STEP_FULL_SIZE:
    case BT_STEP_DONE:
        return;
    case BT_STEP_MEMORY:
    case BT_STEP_MEASURE:
    case BT_STEP_AGREEMENT:
    case BT_STEP_FRESH_MEMORY:
        break;
    }
    if (index < 0) return;
    sweep->candidates[index].confirmed = false;
    if (fails_with_memory(result->status)) {
        sweep->memory_refused = true;
        bt_sweep_refuse(sweep, index, BT_OUTCOME_OUT_OF_MEMORY, result->message);
    } else {
        bt_sweep_refuse(sweep, index, BT_OUTCOME_CRASHED, result->message);
    }
}

static bt_status take_success(bt_sweep *sweep, const bt_step *step, const bt_step_result *result,
                              bt_error *error) {
    int index = bt_sweep_find(sweep, step->batch_size);
    switch (step->kind) {
    case BT_STEP_MEMORY:
    case BT_STEP_FRESH_MEMORY:
        take_memory(sweep, index, result);
        break;
    case BT_STEP_MEASURE:
        return take_samples(sweep, index, result, error);
    case BT_STEP_AGREEMENT:
        take_agreement(sweep, index, result);
        break;
    case BT_STEP_STANDARD: {
        bt_model_record *model = sweep->model;
        double *grown = bt_array_grow(model->standard_samples_ms, (size_t)model->standard_sample_count,
                                      (size_t)result->sample_count, NULL, sizeof *grown);
        if (!grown) return bt_no_memory(error, "the standard path's samples");
        model->standard_samples_ms = grown;
        for (int i = 0; i < result->sample_count; i++)
            grown[model->standard_sample_count++] = result->samples_ms[i];
        break;
    }
    case BT_STEP_STANDARD_MEMORY:
        sweep->standard_memory_sizes[sweep->standard_memory_count] = step->batch_size;
        sweep->standard_memory_mb[sweep->standard_memory_count++] = result->memory_mb;
        break;
    case BT_STEP_FULL_SIZE:
        sweep->model->full_size = sweep->options.full_size;
        sweep->model->full_size_ms = result->sample_count ? result->samples_ms[0] : NAN;
        break;
    case BT_STEP_DONE:
        break;
    }
    return BT_OK;
}

/* ---- the interface ------------------------------------------------------------ */

/* What each size has come to so far, so that the record is whole whenever the sweep is stopped. */
static void update_outcomes(bt_sweep *sweep) {
    bool decided = bt_sweep_any_admissible(sweep);
    bt_objective objective = (bt_objective)sweep->options.objective;
    int lead = bt_sweep_to_confirm(sweep, objective);
    for (int i = 0; i < sweep->count; i++) {
        const bt_candidate *c = &sweep->candidates[i];
        if (c->dead) continue;
        bool beaten =
            decided && i != lead && !c->gave_up && samples_of(sweep, i) > 0 && !seems_late(sweep, i);
        point_of(sweep, i)->outcome = is_admissible(sweep, i) ? BT_OUTCOME_MEASURED
                                      : beaten                ? BT_OUTCOME_SKIPPED_DOMINATED
                                                              : BT_OUTCOME_UNDECIDED;
    }
    sweep->model->production_memory = bt_sweep_fit_memory(sweep);
    sweep->model->standard_memory = bt_memory_fit_make(
        sweep->standard_memory_sizes, sweep->standard_memory_mb, sweep->standard_memory_count);
    double limit_mb = sweep->options.memory_limit_mb - bt_memory_of_others_mb(sweep->model);
    bt_memory_fit *fits[] = {&sweep->model->production_memory, &sweep->model->standard_memory};
    for (int i = 0; i < 2; i++)
        fits[i]->largest_batch = bt_memory_fit_largest(fits[i], limit_mb);
    snprintf(sweep->model->production_memory.precision, sizeof sweep->model->production_memory.precision,
             "%s", sweep->model->precision);
    snprintf(sweep->model->standard_memory.precision, sizeof sweep->model->standard_memory.precision, "fp32");
    sweep->model->measuring_s = sweep->elapsed_s;
}

/* What was measured is shown, though nothing but a disturbed turn is known of a size; and what was asked for
 * is named, though its turn never came. */
static bt_status wrap_up(bt_sweep *sweep, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < sweep->count && status == BT_OK; i++) {
        bt_candidate *c = &sweep->candidates[i];
        if (samples_of(sweep, i) > 0 || c->spare_count == 0) continue;
        status = add_samples(sweep, i, c->spare_ms, c->spare_count, true, error);
    }
    const bt_sizes *asked = &sweep->options.batches;
    while (sweep->next_rung < asked->count && status == BT_OK)
        status = bt_sweep_add(sweep, asked->sizes[sweep->next_rung++], false, error);
    return status;
}

static bt_status plan_next(bt_sweep *sweep, bt_error *error) {
    bt_status status = bt_sweep_plan(sweep, error);
    if (status == BT_OK && sweep->step.kind == BT_STEP_DONE) status = wrap_up(sweep, error);
    update_outcomes(sweep);
    return status;
}

bt_status bt_sweep_open(bt_sweep **out, const bt_sweep_options *options, bt_model_record *model,
                        bt_error *error) {
    *out = NULL;
    bt_sweep *sweep = calloc(1, sizeof *sweep);
    if (!sweep) return bt_no_memory(error, "a sweep");
    sweep->options = *options;
    sweep->model = model;
    bt_sequential_rule_p95(&sweep->rule);
    bt_status status = plan_next(sweep, error);
    if (status != BT_OK) {
        bt_sweep_close(&sweep);
        return status;
    }
    *out = sweep;
    return BT_OK;
}

void bt_sweep_close(bt_sweep **sweep) {
    if (!*sweep) return;
    free((*sweep)->candidates);
    free(*sweep);
    *sweep = NULL;
}

bt_step bt_sweep_next(const bt_sweep *sweep) {
    return sweep->step;
}

/* What the step took, to whom it belongs. */
static void take_time(bt_sweep *sweep, const bt_step_result *result) {
    sweep->elapsed_s += result->elapsed_s;
    if (!sweep->ladder_done) sweep->rung_s += result->elapsed_s;
    if (sweep->is_proving) sweep->proving_s += result->elapsed_s;
    if (sweep->is_between) sweep->between_s += result->elapsed_s;
}

bt_status bt_sweep_done(bt_sweep *sweep, const bt_step *step, const bt_step_result *result, bt_error *error) {
    take_time(sweep, result);
    bt_throttling_add(&sweep->model->throttling, &result->throttling);
    sweep->standard_memory_asked += step->kind == BT_STEP_STANDARD_MEMORY;
    sweep->full_size_asked |= step->kind == BT_STEP_FULL_SIZE;
    if (result->status != BT_OK) {
        take_failure(sweep, step, result);
    } else {
        bt_status status = take_success(sweep, step, result, error);
        if (status != BT_OK) return status;
    }
    return plan_next(sweep, error);
}

bt_status bt_sweep_stop(bt_sweep *sweep, const char *why, bt_error *error) {
    sweep->stopped = true;
    sweep->model->interrupted = why == NULL;
    if (why) snprintf(sweep->model->reason, sizeof sweep->model->reason, "%s", why);
    return plan_next(sweep, error);
}

/* ---- how far it is -------------------------------------------------------------- */

bool bt_sweep_proof_under_way(const bt_sweep *sweep, bt_sweep_proof *out) {
    if (!sweep->is_proving || sweep->step.kind != BT_STEP_MEASURE) return false;
    int index = bt_sweep_find(sweep, sweep->step.batch_size);
    *out = (bt_sweep_proof){.batch_size = sweep->step.batch_size,
                            .runs = samples_of(sweep, index),
                            .runs_missing = sweep->candidates[index].evidence.runs_missing,
                            .missing_s = bt_sweep_proof_s(sweep, index),
                            .left_s = time_left_s(sweep)};
    return true;
}

/* The share of the work that lies behind; an estimate that may go back when the search turns. */
static double done_share(const bt_sweep *sweep) {
    const bt_sizes *asked = &sweep->options.batches;
    int lead = bt_sweep_to_prove(sweep, (bt_objective)sweep->options.objective);
    if (sweep->step.kind == BT_STEP_DONE) return 1;
    if (!sweep->ladder_done && asked->count > 0) return 0.3 * (sweep->next_rung - 1) / asked->count;
    if (!sweep->ladder_done) return 0.3 * (1 - 1.0 / (1 + sweep->count));
    if (!sweep->refining_done || lead < 0) return 0.3;
    double runs = samples_of(sweep, lead), missing = sweep->candidates[lead].evidence.runs_missing;
    return 0.3 + 0.6 * (sweep->candidates[lead].confirmed ? 1 : runs / (runs + missing));
}

double bt_sweep_progress(bt_sweep *sweep, char *text, size_t size) {
    const bt_step *step = &sweep->step;
    bt_sweep_proof proof;
    int index = bt_sweep_find(sweep, step->batch_size);
    sweep->progress = fmax(sweep->progress, done_share(sweep));
    if (step->kind == BT_STEP_DONE)
        snprintf(text, size, "done");
    else if (bt_sweep_proof_under_way(sweep, &proof))
        bt_text_format(text, size, "confirming batch %d: %d of about %d runs, %.0f s to go", proof.batch_size,
                       proof.runs, proof.runs + proof.runs_missing, ceil(proof.missing_s));
    else if (step->kind == BT_STEP_MEASURE)
        snprintf(text, size, "measuring batch %d (%d runs so far)", step->batch_size,
                 index >= 0 ? samples_of(sweep, index) : 0);
    else
        snprintf(text, size, "%s batch %d", bt_step_name(step->kind), step->batch_size);
    return sweep->progress;
}
