#include "tune/sweep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "tune/memory-fit.h"
#include "tune/sweep-plan.h"
#include "tune/sweep-results.h"
#include "tune/sweep-state.h"

/* ---- the record, up to here ---- */

/* What each size is so far, so that the record is whole whenever the sweep is stopped. */
static void update_outcomes(bt_sweep *sweep) {
    const bool decided = bt_sweep_any_admissible(sweep);
    const int lead = bt_sweep_to_confirm(sweep, (bt_objective)sweep->options.objective);
    for (int i = 0; i < sweep->count; i++) {
        const bt_candidate *c = &sweep->candidates[i];
        if (c->refused) continue;
        const bool beaten =
            decided && i != lead && !c->gave_up && samples_of(sweep, i) > 0 && !seems_late(sweep, i);
        point_of(sweep, i)->outcome = is_admissible(sweep, i) ? BT_OUTCOME_MEASURED
                                      : beaten                ? BT_OUTCOME_SKIPPED_DOMINATED
                                                              : BT_OUTCOME_UNDECIDED;
    }
}

static void fill_fit(bt_memory_fit *fit, const char *precision, double limit_mb) {
    fit->largest_batch = bt_memory_fit_largest(fit, limit_mb);
    snprintf(fit->precision, sizeof fit->precision, "%s", precision);
}

static void update_memory(bt_sweep *sweep) {
    bt_model_record *model = sweep->model;
    const double limit_mb = sweep->options.memory_limit_mb - bt_memory_of_others_mb(model);
    model->production_memory = bt_sweep_fit_memory(sweep);
    model->standard_memory = bt_memory_fit_make(sweep->standard_memory_sizes, sweep->standard_memory_mb,
                                                sweep->standard_memory_count);
    fill_fit(&model->production_memory, model->precision, limit_mb);
    fill_fit(&model->standard_memory, "fp32", limit_mb);
}

/* Sizes that were asked for are named, though their turn never came. */
static bt_status add_untried(bt_sweep *sweep, bt_error *error) {
    const bt_sizes *asked = &sweep->options.batches;
    bt_status status = BT_OK;
    while (sweep->next_asked < asked->count && status == BT_OK)
        status = bt_sweep_add(sweep, asked->sizes[sweep->next_asked++], false, error);
    return status;
}

/* After a result, or at the start: the next step, and a record that is whole up to here. */
static bt_status plan_next(bt_sweep *sweep, bt_error *error) {
    bt_status status = bt_sweep_plan(sweep, error);
    if (status == BT_OK && sweep->step.kind == BT_STEP_DONE) {
        status = bt_sweep_use_discarded(sweep, error);
        if (status == BT_OK) status = add_untried(sweep, error);
    }
    update_outcomes(sweep);
    update_memory(sweep);
    sweep->model->measuring_s = sweep->elapsed_s;
    return status;
}

/* ---- the interface ---- */

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

bt_status bt_sweep_done(bt_sweep *sweep, const bt_step *step, const bt_step_result *result, bt_error *error) {
    bt_status status = bt_sweep_take(sweep, step, result, error);
    return status == BT_OK ? plan_next(sweep, error) : status;
}

bt_status bt_sweep_stop(bt_sweep *sweep, const char *why, bt_error *error) {
    sweep->stopped = true;
    sweep->model->interrupted = why == NULL;
    if (why) snprintf(sweep->model->reason, sizeof sweep->model->reason, "%s", why);
    return plan_next(sweep, error);
}

/* ---- how far it is ---- */

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
    if (!sweep->ascent_done && asked->count > 0) return 0.3 * (sweep->next_asked - 1) / asked->count;
    if (!sweep->ascent_done) return 0.3 * (1 - 1.0 / (1 + sweep->count));
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
