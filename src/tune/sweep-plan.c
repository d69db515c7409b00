/* Which step next? Everything that decides it; what came of a step is sweep.c's. */
#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "tune/ledger.h"
#include "tune/sweep-state.h"

#define CONFIRM_SAMPLES   6    /* of the leader in a turn of its proof */
#define TURN_S            5.0  /* about the longest turn */
#define PROOF_MARGIN      1.5  /* times the time that a proof takes at best is kept for it */
#define UNKNOWN_SHARE     0.33 /* of the budget is what a step may take of which that is not known */
#define SCREENING_SCORE   0.93 /* of the best after the first turn; less is not screened in a search */
#define BUSY_SCREENING    6    /* samples of a size on a busy machine */
#define CONTENDER_SCORE   0.97 /* of the leader; a point this near is measured on, at a quarter of its pace */
#define STANDARD_SAMPLES  24   /* of the standard path, for the speed-up */
#define SECONDARY_SHARE   0.1  /* more time than so far, for the leaders by the other objectives */
#define BOUND_SAMPLES     59   /* independent ones, before P95 has an upper bound at 95 % */
#define BOUND_SAMPLES_MAX 150  /* beyond which none are taken for its sake */

static const bt_step no_step = {BT_STEP_DONE, 0, 0};

/* Whether the time left is more than the leader's proof is about to take and `more_s`: nothing else may cost
 * the answer. */
static bool leaves_time_for_proof(const bt_sweep *sweep, double more_s) {
    int lead = bt_sweep_to_prove(sweep, (bt_objective)sweep->options.objective);
    return lead >= 0 && more_s + PROOF_MARGIN * bt_sweep_proof_s(sweep, lead) < time_left_s(sweep);
}

/* ---- the ladder -------------------------------------------------------------- */

/* Refuses a size that would not fit, before it is tried. */
static void predict_memory(bt_sweep *sweep, int index) {
    bt_point *point = point_of(sweep, index);
    bt_memory_fit fit = bt_sweep_fit_memory(sweep);
    point->memory_predicted_mb = bt_memory_fit_at(&fit, point->batch_size);
    double limit_mb = sweep->options.memory_limit_mb - bt_memory_of_others_mb(sweep->model);
    char why[BT_TEXT_SIZE];
    if (sweep->memory_refused) {
        bt_sweep_refuse(sweep, index, BT_OUTCOME_PREDICTED_OVER_MEMORY,
                        "a smaller batch already ran out of memory");
    } else if (point->memory_predicted_mb > limit_mb) {
        bt_text_format(why, sizeof why, "would take about %.0f MB; %.0f MB are free within the reserve",
                       point->memory_predicted_mb, limit_mb);
        bt_sweep_refuse(sweep, index, BT_OUTCOME_PREDICTED_OVER_MEMORY, why);
    }
}

static void next_explicit_rung(bt_sweep *sweep, int *batch_size) {
    *batch_size = sweep->next_rung < sweep->options.batches.count
                      ? sweep->options.batches.sizes[sweep->next_rung++]
                      : 0;
}

static void next_doubled_rung(bt_sweep *sweep, int *batch_size) {
    double throughputs[BT_SIZES_MAX];
    int last = 0;
    *batch_size = 0;
    for (int i = 0; i < sweep->count; i++) {
        /* Late, too large or broken: larger ones are no better. */
        if (sweep->candidates[i].dead || seems_late(sweep, i)) return;
        throughputs[i] = sweep->candidates[i].batch_size / typical_ms(sweep, i);
        last = sweep->candidates[i].batch_size;
    }
    if (sweep->count == 0)
        *batch_size = 1;
    else if (bt_search_goes_on(throughputs, sweep->count, last))
        *batch_size = 2 * last;
}

/* Whether another rung may be climbed: it takes as many times the last one's time as it has images. The first
 * is free. */
static bool may_climb(const bt_sweep *sweep) {
    const bt_sizes *asked = &sweep->options.batches;
    if (bt_sweep_leader(sweep, (bt_objective)sweep->options.objective) < 0) return true;
    double last = sweep->candidates[sweep->count - 1].batch_size, next = 2 * last;
    if (sweep->next_rung < asked->count) next = asked->sizes[sweep->next_rung];
    return leaves_time_for_proof(sweep, sweep->rung_s * next / last);
}

/* Adds rungs until one is worth trying or the ladder has ended. */
static bt_status climb(bt_sweep *sweep, bt_error *error) {
    while (!sweep->ladder_done) {
        int batch_size = 0;
        if (!may_climb(sweep))
            ;
        else if (sweep->options.batches.count)
            next_explicit_rung(sweep, &batch_size);
        else
            next_doubled_rung(sweep, &batch_size);
        sweep->ladder_done = batch_size == 0;
        sweep->rung_s = 0;
        if (sweep->ladder_done) break;
        bt_status status = bt_sweep_add(sweep, batch_size, true, error);
        if (status != BT_OK) return status;
        int index = bt_sweep_find(sweep, batch_size);
        predict_memory(sweep, index);
        if (!sweep->candidates[index].dead) break;
        if (!sweep->options.batches.count) sweep->ladder_done = true;
    }
    return BT_OK;
}

/* Runs for a turn: `wanted`, but no turn of slow batches should take much longer than TURN_S. */
static int turn_runs(const bt_sweep *sweep, int index, int wanted) {
    if (samples_of(sweep, index) == 0) return BT_FIRST_TURN_SAMPLES;
    int affordable = (int)(1e3 * TURN_S / typical_ms(sweep, index));
    return affordable < 1 ? 1 : affordable < wanted ? affordable : wanted;
}

static bool ladder_step(const bt_sweep *sweep, bt_step *step) {
    if (sweep->ladder_done) return false;
    for (int i = 0; i < sweep->count; i++) {
        const bt_candidate *c = &sweep->candidates[i];
        if (c->dead || (c->memory_taken && samples_of(sweep, i) > 0)) continue;
        *step = c->memory_taken ? (bt_step){BT_STEP_MEASURE, c->batch_size, BT_FIRST_TURN_SAMPLES}
                                : (bt_step){BT_STEP_MEMORY, c->batch_size, 1};
        return true;
    }
    return false;
}

/* ---- refining, agreement, screening ------------------------------------------ */

/* A size between the doubled ones is measured in turn with the best of them, so that the two can be
 * compared. */
static bool refining_step(const bt_sweep *sweep, bt_step *step) {
    int best = bt_sweep_leader(sweep, (bt_objective)sweep->options.objective);
    for (int i = 0; i < sweep->count; i++) {
        const bt_candidate *c = &sweep->candidates[i];
        if (c->on_ladder || c->dead || c->companion_samples >= BT_FIRST_TURN_SAMPLES) continue;
        int next = samples_of(sweep, i) == 0 || best < 0 ? i : best;
        if (next == i && samples_of(sweep, i) > 0) continue; /* it leads alone */
        *step = (bt_step){BT_STEP_MEASURE, sweep->candidates[next].batch_size, BT_FIRST_TURN_SAMPLES};
        return true;
    }
    return false;
}

/* A search does not linger on a size that its first turn showed to be far from the best by the objective
 * asked for. Sizes that somebody listed are all screened: they were asked about. One that seems late is soon
 * shown to be. */
static bool worth_screening(const bt_sweep *sweep, int index) {
    bt_objective objective = (bt_objective)sweep->options.objective;
    const bt_candidate *c = &sweep->candidates[index];
    if (c->dead || c->gave_up) return false;
    if (sweep->options.batches.count || samples_of(sweep, index) == 0 || seems_late(sweep, index))
        return true;
    int lead = bt_sweep_leader(sweep, objective); /* there is one: this size if no other */
    return score_of(sweep, index, objective) >= SCREENING_SCORE * score_of(sweep, lead, objective);
}

static bool masks_due(const bt_sweep *sweep, int index) {
    return sweep->options.computes_masks && sweep->options.standard_path && !sweep->standard_failed &&
           !sweep->candidates[index].agreement_taken;
}

static bool agreement_step(const bt_sweep *sweep, bt_step *step) {
    for (int i = 0; i < sweep->count; i++) {
        if (!masks_due(sweep, i) || !worth_screening(sweep, i)) continue;
        *step = (bt_step){BT_STEP_AGREEMENT, sweep->candidates[i].batch_size, 1};
        return true;
    }
    return false;
}

/* How many samples a size is screened by. A busy machine gets by with fewer, but not where the leader was
 * seen in a calm and this size in spells alone. */
static int screening_samples(const bt_sweep *sweep, int index, int lead) {
    bool alike = sweep->candidates[index].calm_count > 0 || sweep->candidates[lead].calm_count == 0;
    return bt_sweep_is_busy(sweep) && alike ? BUSY_SCREENING : BT_SCREENING_SAMPLES;
}

/* The size with the fewest samples has the next turn, so that turns go round. The one that is being proved
 * has turns of its own. */
static bool screening_step(const bt_sweep *sweep, bt_step *step) {
    int fewest = -1, lead = bt_sweep_to_prove(sweep, (bt_objective)sweep->options.objective);
    for (int i = 0; i < sweep->count && lead >= 0; i++) {
        if (i == lead || !worth_screening(sweep, i)) continue;
        if (samples_of(sweep, i) >= screening_samples(sweep, i, lead)) continue;
        if (fewest < 0 || samples_of(sweep, i) < samples_of(sweep, fewest)) fewest = i;
    }
    if (fewest < 0) return false;
    *step = (bt_step){BT_STEP_MEASURE, sweep->candidates[fewest].batch_size,
                      turn_runs(sweep, fewest, BT_TURN_SAMPLES)};
    return true;
}

/* The next size between those measured, 0 when the search has ended. */
static int next_between(const bt_sweep *sweep) {
    bt_search_point points[BT_SIZES_MAX];
    int tried = 0;
    if (sweep->options.batches.count || sweep->count >= BT_SIZES_MAX || !leaves_time_for_proof(sweep, 0))
        return 0;
    for (int i = 0; i < sweep->count; i++) {
        const bt_candidate *c = &sweep->candidates[i];
        tried += !c->on_ladder;
        points[i] = (bt_search_point){.batch_size = c->batch_size,
                                      .service_ms = samples_of(sweep, i) ? typical_ms(sweep, i) : INFINITY,
                                      .dead = c->dead};
    }
    return tried < BT_SEARCH_TRIES
               ? bt_search_refine((bt_objective)sweep->options.objective, points, sweep->count)
               : 0;
}

static bt_status refine(bt_sweep *sweep, bt_error *error) {
    int between = next_between(sweep);
    sweep->refining_done = between == 0;
    if (sweep->refining_done) return BT_OK;
    bt_status status = bt_sweep_add(sweep, between, false, error);
    if (status == BT_OK) predict_memory(sweep, bt_sweep_find(sweep, between));
    return status;
}

/* ---- what goes between the leader's turns, and after them -------------------- */

static bool standard_step(const bt_sweep *sweep, bt_step *step) {
    int lead = bt_sweep_to_prove(sweep, (bt_objective)sweep->options.objective);
    bool due = sweep->options.standard_path && !sweep->standard_failed && lead >= 0 &&
               sweep->model->standard_sample_count < STANDARD_SAMPLES &&
               sweep->model->standard_sample_count * CONFIRM_SAMPLES < samples_of(sweep, lead);
    if (due) *step = (bt_step){BT_STEP_STANDARD, 1, 1};
    return due;
}

/* The runner-up, where it is near the leader and has fallen behind a quarter of its samples: so that what
 * parts them is no drift of the machine. */
static int contender(const bt_sweep *sweep, int lead) {
    bt_objective objective = (bt_objective)sweep->options.objective;
    int second = -1;
    for (int i = 0; i < sweep->count; i++) {
        const bt_candidate *c = &sweep->candidates[i];
        if (i == lead || c->dead || c->gave_up || samples_of(sweep, i) == 0) continue;
        if (second < 0 || score_of(sweep, i, objective) > score_of(sweep, second, objective)) second = i;
    }
    bool near = second >= 0 &&
                score_of(sweep, second, objective) >= CONTENDER_SCORE * score_of(sweep, lead, objective);
    return near && 4 * samples_of(sweep, second) < samples_of(sweep, lead) ? second : -1;
}

/* While the leader is not confirmed: afterwards its samples no longer grow, and the runner-up would
 * overtake. */
static bool contender_step(const bt_sweep *sweep, bt_step *step) {
    int lead = bt_sweep_to_prove(sweep, (bt_objective)sweep->options.objective);
    if (lead < 0 || sweep->candidates[lead].confirmed || bt_sweep_is_busy(sweep)) return false;
    int other = contender(sweep, lead);
    if (other < 0) return false;
    *step = (bt_step){BT_STEP_MEASURE, sweep->candidates[other].batch_size,
                      turn_runs(sweep, other, BT_TURN_SAMPLES)};
    return true;
}

static bool once_step(const bt_sweep *sweep, bt_step *step) {
    if (sweep->options.standard_path && !sweep->standard_failed &&
        sweep->standard_memory_asked < BT_STANDARD_MEMORY_MAX) {
        *step = (bt_step){BT_STEP_STANDARD_MEMORY, sweep->standard_memory_asked + 1, 1};
        return true;
    }
    if (sweep->options.full_size && !sweep->full_size_asked) {
        *step = (bt_step){BT_STEP_FULL_SIZE, 1, 1};
        return true;
    }
    return false;
}

static bool other_step(const bt_sweep *sweep, bt_step *step) {
    return standard_step(sweep, step) || contender_step(sweep, step) || screening_step(sweep, step) ||
           once_step(sweep, step) || agreement_step(sweep, step);
}

/* ---- proving ----------------------------------------------------------------- */

/* The next step of a size's own proof; false where all is shown, or cannot be. The reference is run alone
 * first: where it fails, that is no fault of the size whose masks it was wanted for. */
static bool own_step(const bt_sweep *sweep, int index, bt_step *step) {
    const bt_candidate *c = &sweep->candidates[index];
    if (masks_due(sweep, index) && sweep->model->standard_sample_count == 0)
        *step = (bt_step){BT_STEP_STANDARD, 1, 1};
    else if (masks_due(sweep, index))
        *step = (bt_step){BT_STEP_AGREEMENT, c->batch_size, 1};
    else if (!c->confirmed)
        *step = (bt_step){BT_STEP_MEASURE, c->batch_size, turn_runs(sweep, index, CONFIRM_SAMPLES)};
    else if (!c->memory_taken)
        *step = (bt_step){BT_STEP_FRESH_MEMORY, c->batch_size, 1};
    else
        return false;
    return true;
}

/* About how long a step takes; much, where nothing is known of it. */
static double cost_s(const bt_sweep *sweep, const bt_step *step) {
    const bt_model_record *model = sweep->model;
    const int index = bt_sweep_find(sweep, step->batch_size);
    const int runs = step->runs + 1; /* and an untimed one: see tune/bench.c */
    if (step->kind == BT_STEP_MEASURE && samples_of(sweep, index) > 0)
        return runs * typical_ms(sweep, index) / 1e3;
    if (step->kind == BT_STEP_STANDARD && model->standard_sample_count > 0)
        return runs * model->standard_samples_ms[model->standard_sample_count - 1] / 1e3;
    return UNKNOWN_SHARE * sweep->options.time_budget_s;
}

/* Other work, where the leader's turns have had their share and enough time remains. */
static bool between_step(const bt_sweep *sweep, bt_step *step) {
    if (sweep->between_s >= sweep->proving_s || !other_step(sweep, step)) return false;
    if (leaves_time_for_proof(sweep, cost_s(sweep, step))) return true;
    *step = no_step;
    return false;
}

static bool proving_step(bt_sweep *sweep, bt_step *step) {
    int lead = bt_sweep_to_prove(sweep, (bt_objective)sweep->options.objective);
    bt_step own;
    if (lead < 0 || !own_step(sweep, lead, &own)) return false;
    sweep->primary_s = sweep->elapsed_s;
    sweep->is_between = own.kind == BT_STEP_MEASURE && between_step(sweep, step);
    sweep->is_proving = !sweep->is_between;
    if (sweep->is_proving) *step = own;
    return true;
}

/* The leaders by the objectives that were not asked for are confirmed only where that is cheap: they are
 * shown either way, with what is known of them. */
static bool secondary_step(const bt_sweep *sweep, bt_step *step) {
    for (int objective = 0; objective < BT_OBJECTIVE_COUNT && !bt_sweep_is_busy(sweep); objective++) {
        int lead = bt_sweep_to_confirm(sweep, (bt_objective)objective);
        if (lead < 0 || bt_sweep_proof_s(sweep, lead) > SECONDARY_SHARE * sweep->primary_s) continue;
        if (sweep->elapsed_s > (1 + 2 * SECONDARY_SHARE) * sweep->primary_s) continue;
        if (own_step(sweep, lead, step)) return true;
    }
    return false;
}

/* P95 has no upper bound yet, and a few more samples may give it one. */
static bool bound_missing(const bt_sweep *sweep, int index) {
    double each = sweep->candidates[index].evidence.late.design_effect;
    return samples_of(sweep, index) < fmin(BOUND_SAMPLES * each, BOUND_SAMPLES_MAX);
}

/* Where nothing keeps the SLA: the size of lowest latency, until its P95 has an upper bound to tell. */
static bool reachable_step(const bt_sweep *sweep, bt_step *step) {
    if (bt_sweep_any_confirmed(sweep)) return false;
    int fastest = -1;
    for (int i = 0; i < sweep->count; i++) {
        bt_outcome outcome = point_of(sweep, i)->outcome;
        if (samples_of(sweep, i) == 0 || (outcome != BT_OUTCOME_OVER_SLA && outcome != BT_OUTCOME_UNDECIDED))
            continue;
        if (fastest < 0 || typical_ms(sweep, i) < typical_ms(sweep, fastest)) fastest = i;
    }
    if (fastest < 0 || !bound_missing(sweep, fastest)) return false;
    *step = (bt_step){BT_STEP_MEASURE, sweep->candidates[fastest].batch_size,
                      turn_runs(sweep, fastest, CONFIRM_SAMPLES)};
    return true;
}

/* The next size that the ladder left out. In a process that has run others since, its memory would not be its
 * own: it is taken like that of a size that the search came upon late. */
static bt_status add_left_out(bt_sweep *sweep, bt_error *error) {
    int batch_size;
    next_explicit_rung(sweep, &batch_size);
    bt_status status = bt_sweep_add(sweep, batch_size, false, error);
    if (status == BT_OK) predict_memory(sweep, bt_sweep_find(sweep, batch_size));
    return status;
}

/* Decides the next step. */
bt_status bt_sweep_plan(bt_sweep *sweep, bt_error *error) {
    bt_step *step = &sweep->step;
    bt_status status = BT_OK;
    *step = no_step;
    sweep->is_between = sweep->is_proving = false;
    while (status == BT_OK && time_left_s(sweep) > 0 && !sweep->stopped) {
        if (ladder_step(sweep, step)) break;
        if (!sweep->ladder_done) {
            status = climb(sweep, error);
            continue;
        }
        if (refining_step(sweep, step)) break;
        if (!sweep->refining_done) {
            status = refine(sweep, error);
            continue;
        }
        if (proving_step(sweep, step) || other_step(sweep, step) || secondary_step(sweep, step) ||
            reachable_step(sweep, step))
            break;
        if (sweep->next_rung >= sweep->options.batches.count) break;
        status = add_left_out(sweep, error);
    }
    return status;
}
