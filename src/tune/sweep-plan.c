/* Which step next? Everything that decides it; what came of a step is sweep.c's. */
#include <math.h>
#include <stdio.h>

#include "tune/ledger.h"
#include "tune/sweep-state.h"

#define CONFIRM_SAMPLES   6    /* of the leader in a confirming round */
#define TURN_S            5.0  /* about the longest turn */
#define CONFIRMING_MARGIN 1.5  /* times the time that confirming takes at best is kept for it */
#define SCREENING_SCORE   0.93 /* of the best after the first turn; less is not screened in a search */
#define CONTENDER_SCORE   0.97 /* of the leader; a point this near is measured on, at a quarter of its pace */
#define STANDARD_SAMPLES  24   /* of the standard path, for the speed-up */
#define SECONDARY_SHARE   0.1  /* more time than so far, for the leaders by the other objectives */
#define BOUND_SAMPLES     59   /* independent ones, before P95 has an upper bound at 95 % */
#define BOUND_SAMPLES_MAX 150  /* beyond which none are taken for its sake */

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
        snprintf(why, sizeof why, "would take about %.0f MB; %.0f MB are free within the reserve",
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
        if (sweep->candidates[i].dead) return; /* late, too large or broken: larger ones are no better */
        throughputs[i] = sweep->candidates[i].batch_size / typical_ms(sweep, i);
        last = sweep->candidates[i].batch_size;
    }
    if (sweep->count == 0)
        *batch_size = 1;
    else if (bt_search_goes_on(throughputs, sweep->count, last))
        *batch_size = 2 * last;
}

/* Adds rungs until one is worth trying or the ladder has ended. */
static bt_status climb(bt_sweep *sweep, bt_error *error) {
    for (;;) {
        int batch_size;
        if (sweep->options.batches.count)
            next_explicit_rung(sweep, &batch_size);
        else
            next_doubled_rung(sweep, &batch_size);
        if (batch_size == 0) {
            sweep->ladder_done = true;
            return BT_OK;
        }
        bt_status status = bt_sweep_add(sweep, batch_size, true, error);
        if (status != BT_OK) return status;
        int index = bt_sweep_find(sweep, batch_size);
        predict_memory(sweep, index);
        if (!sweep->candidates[index].dead) return BT_OK;
        if (!sweep->options.batches.count) sweep->ladder_done = true;
        if (sweep->ladder_done) return BT_OK;
    }
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

/* A size between the doubled ones is measured in turn with the best of them, so that the two can be compared.
 */
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
 * asked for. Sizes that somebody listed are all looked into: they were asked about. */
static bool worth_screening(const bt_sweep *sweep, int index) {
    bt_objective objective = (bt_objective)sweep->options.objective;
    const bt_candidate *c = &sweep->candidates[index];
    if (c->dead || c->gave_up) return false;
    if (sweep->options.batches.count || samples_of(sweep, index) == 0) return true;
    int lead = bt_sweep_leader(sweep, objective); /* there is one: this size if no other */
    return score_of(sweep, index, objective) >= SCREENING_SCORE * score_of(sweep, lead, objective);
}

static bool agreement_step(const bt_sweep *sweep, bt_step *step) {
    if (!sweep->options.computes_masks || !sweep->options.standard_path || sweep->standard_failed)
        return false;
    for (int i = 0; i < sweep->count; i++) {
        if (sweep->candidates[i].agreement_taken || !worth_screening(sweep, i)) continue;
        *step = (bt_step){BT_STEP_AGREEMENT, sweep->candidates[i].batch_size, 1};
        return true;
    }
    return false;
}

/* The size with the fewest samples has the next turn, so that turns go round. */
static bool screening_step(const bt_sweep *sweep, bt_step *step) {
    int fewest = -1;
    for (int i = 0; i < sweep->count; i++) {
        if (!worth_screening(sweep, i)) continue;
        if (fewest < 0 || samples_of(sweep, i) < samples_of(sweep, fewest)) fewest = i;
    }
    if (fewest < 0 || samples_of(sweep, fewest) >= BT_SCREENING_SAMPLES) return false;
    *step = (bt_step){BT_STEP_MEASURE, sweep->candidates[fewest].batch_size,
                      turn_runs(sweep, fewest, BT_TURN_SAMPLES)};
    return true;
}

/* Whether the time left is more than confirming the leader is about to take: searching on must not cost the
 * answer. */
static bool time_to_search(const bt_sweep *sweep) {
    int lead = bt_sweep_leader(sweep, (bt_objective)sweep->options.objective);
    if (lead < 0) return false;
    double confirming_s = sweep->first_accept * typical_ms(sweep, lead) / 1e3;
    return sweep->elapsed_s + CONFIRMING_MARGIN * confirming_s < sweep->options.time_budget_s;
}

/* The next size between those measured, 0 when the search has ended. */
static int next_between(const bt_sweep *sweep) {
    bt_search_point points[BT_SIZES_MAX];
    int tried = 0;
    if (sweep->options.batches.count || sweep->count >= BT_SIZES_MAX || !time_to_search(sweep)) return 0;
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

/* ---- confirming -------------------------------------------------------------- */

static bool standard_due(const bt_sweep *sweep, int leader_samples) {
    return sweep->options.standard_path && !sweep->standard_failed &&
           sweep->model->standard_sample_count < STANDARD_SAMPLES &&
           sweep->model->standard_sample_count * CONFIRM_SAMPLES < leader_samples;
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

static bool confirm_leader(const bt_sweep *sweep, bt_objective objective, bt_step *step) {
    int lead = bt_sweep_to_confirm(sweep, objective);
    if (lead < 0 || sweep->candidates[lead].confirmed) return false;
    int other = contender(sweep, lead);
    if (standard_due(sweep, samples_of(sweep, lead)))
        *step = (bt_step){BT_STEP_STANDARD, 1, 1};
    else if (other >= 0)
        *step = (bt_step){BT_STEP_MEASURE, sweep->candidates[other].batch_size,
                          turn_runs(sweep, other, BT_TURN_SAMPLES)};
    else
        *step = (bt_step){BT_STEP_MEASURE, sweep->candidates[lead].batch_size,
                          turn_runs(sweep, lead, CONFIRM_SAMPLES)};
    return true;
}

/* P95 has no upper bound yet, and a few more samples may give it one. */
static bool bound_missing(const bt_sweep *sweep, int index) {
    return sweep->candidates[index].effective_samples < BOUND_SAMPLES &&
           samples_of(sweep, index) < BOUND_SAMPLES_MAX;
}

/* The leaders by the objectives that were not asked for are confirmed only where that is cheap: they are
 * shown either way, with what is known of them. */
static bool secondary_step(const bt_sweep *sweep, bt_step *step) {
    for (int objective = 0; objective < BT_OBJECTIVE_COUNT; objective++) {
        int lead = bt_sweep_to_confirm(sweep, (bt_objective)objective);
        if (lead < 0 || sweep->candidates[lead].confirmed) continue;
        double cost_s = (sweep->first_accept - samples_of(sweep, lead)) * typical_ms(sweep, lead) / 1e3;
        if (cost_s > SECONDARY_SHARE * sweep->primary_s) continue;
        if (sweep->elapsed_s > (1 + 2 * SECONDARY_SHARE) * sweep->primary_s) continue;
        if (confirm_leader(sweep, (bt_objective)objective, step)) return true;
    }
    return false;
}

/* Samples that hang together are worth fewer: the chosen size gets more of them, so that its P95 has an upper
 * bound to show. */
static bool bound_step(const bt_sweep *sweep, bt_step *step) {
    int lead = bt_sweep_to_confirm(sweep, (bt_objective)sweep->options.objective);
    if (lead < 0 || !sweep->candidates[lead].confirmed || !bound_missing(sweep, lead)) return false;
    *step = (bt_step){BT_STEP_MEASURE, sweep->candidates[lead].batch_size,
                      turn_runs(sweep, lead, CONFIRM_SAMPLES)};
    return true;
}

static bool confirming_step(bt_sweep *sweep, bt_step *step) {
    if (confirm_leader(sweep, (bt_objective)sweep->options.objective, step) || bound_step(sweep, step)) {
        sweep->primary_s = sweep->elapsed_s;
        return true;
    }
    return secondary_step(sweep, step);
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
    *step = standard_due(sweep, samples_of(sweep, fastest))
                ? (bt_step){BT_STEP_STANDARD, 1, 1}
                : (bt_step){BT_STEP_MEASURE, sweep->candidates[fastest].batch_size,
                            turn_runs(sweep, fastest, CONFIRM_SAMPLES)};
    return true;
}

/* ---- closing ----------------------------------------------------------------- */

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

static bool fresh_memory_step(const bt_sweep *sweep, bt_step *step) {
    for (int i = 0; i < sweep->count; i++) {
        const bt_candidate *c = &sweep->candidates[i];
        if (c->dead || !c->confirmed || c->memory_taken) continue;
        *step = (bt_step){BT_STEP_FRESH_MEMORY, c->batch_size, 1};
        return true;
    }
    return false;
}

/* Decides the next step. */
bt_status bt_sweep_plan(bt_sweep *sweep, bt_error *error) {
    bt_step *step = &sweep->step;
    bool time_left = sweep->elapsed_s < sweep->options.time_budget_s && !sweep->stopped;
    *step = (bt_step){BT_STEP_DONE, 0, 0};
    while (time_left && step->kind == BT_STEP_DONE) {
        if (ladder_step(sweep, step)) break;
        if (!sweep->ladder_done) {
            bt_status status = climb(sweep, error);
            if (status != BT_OK) return status;
            continue;
        }
        if (refining_step(sweep, step)) break;
        if (!sweep->refining_done) {
            bt_status status = refine(sweep, error);
            if (status != BT_OK) return status;
            continue;
        }
        if (agreement_step(sweep, step) || screening_step(sweep, step) || once_step(sweep, step) ||
            confirming_step(sweep, step) || reachable_step(sweep, step) || fresh_memory_step(sweep, step))
            break;
        time_left = false;
    }
    return BT_OK;
}
