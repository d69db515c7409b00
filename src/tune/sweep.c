#include "tune/sweep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/series.h"
#include "tune/ledger.h"
#include "tune/search.h"

#define CONFIRM_SAMPLES   6   /* of the leader in a confirming round */
#define TURN_S            5.0 /* about the longest turn */
#define CONFIRMING_MARGIN 1.5 /* times the time that confirming takes at best is kept for it */
#define SCREENING_SCORE                                                                                      \
    0.93                      /* of the best, after the first turn: less is not screened further in a search \
                               */
#define CONTENDER_SCORE  0.97 /* a point this near the leader is measured on, at a quarter of its pace */
#define STANDARD_SAMPLES 24   /* of the standard path, for the speed-up */
#define SECONDARY_SHARE                                                                                      \
    0.1 /* more time than was spent so far: confirms the leaders by the other objectives */
#define BOUND_SAMPLES       59  /* independent ones, before P95 has an upper bound at 95 % */
#define BOUND_SAMPLES_MAX   170 /* taken for its sake */
#define STANDARD_MEMORY_MAX 2   /* sizes of the standard path whose memory is taken: enough for a line */

/* What the sweep knows of a size beside its point in the record (same index). */
typedef struct candidate {
    int batch_size;
    bool on_ladder; /* prepared on the ascending pass */
    bool memory_taken, agreement_taken;
    bool dead;      /* cannot win; the point's outcome says why */
    bool confirmed; /* P95 <= SLA was shown */
    bool gave_up;   /* the sequential test ended without a verdict */
    double typical_ms, effective_samples;
    bt_sequential sla;
    int companion_samples; /* taken of the then best size while this one was screened, so that they can be
                              compared */
} candidate;

struct bt_sweep {
    bt_sweep_options options;
    bt_model_record *model;
    bt_sequential_rule rule;
    candidate *candidates; /* ascending, parallel to model->points */
    int count, capacity;
    int next_rung; /* explicit sizes: the next of options.batches; auto: the next size, 0 when the ladder
                      ended */
    bool ladder_done, refining_done, memory_refused, standard_failed;
    int standard_memory_sizes[STANDARD_MEMORY_MAX];
    double standard_memory_mb[STANDARD_MEMORY_MAX];
    int standard_memory_asked, standard_memory_count;
    bool full_size_asked, stopped;
    double elapsed_s, primary_s; /* primary_s: until the leader by the objective asked for was settled */
    int first_accept;            /* the fewest samples, none late, that show P95 <= SLA */
    double progress;             /* as told so far: it never goes back */
    bt_step step;
};

/* ---- points
 * ------------------------------------------------------------------------------------------------------ */

static bt_point *point_of(const bt_sweep *sweep, int index) {
    return &sweep->model->points[index];
}

static int samples_of(const bt_sweep *sweep, int index) {
    return point_of(sweep, index)->sample_count;
}

/* The median: a neighbour's noise lengthens some runs, by more of a short one than of a long one. */
static double typical_ms(const bt_sweep *sweep, int index) {
    return sweep->candidates[index].typical_ms;
}

static double score_of(const bt_sweep *sweep, int index, bt_objective objective) {
    return bt_score_of(objective, sweep->candidates[index].batch_size, typical_ms(sweep, index));
}

static int find(const bt_sweep *sweep, int batch_size) {
    for (int i = 0; i < sweep->count; i++)
        if (sweep->candidates[i].batch_size == batch_size) return i;
    return -1;
}

static bt_status add_candidate(bt_sweep *sweep, int batch_size, bool on_ladder, bt_error *error) {
    if (sweep->count == sweep->capacity) {
        int capacity = sweep->capacity ? 2 * sweep->capacity : 16;
        candidate *grown = realloc(sweep->candidates, (size_t)capacity * sizeof *grown);
        if (!grown) return bt_fail(error, BT_NO_MEMORY, "out of memory for the sweep's candidates");
        sweep->candidates = grown;
        sweep->capacity = capacity;
    }
    bt_point *point = bt_record_add_point(sweep->model, batch_size);
    if (!point) return bt_fail(error, BT_NO_MEMORY, "out of memory for the sweep's points");
    point->outcome = BT_OUTCOME_UNDECIDED;
    int at = sweep->count++;
    for (; at > 0 && sweep->candidates[at - 1].batch_size > batch_size; at--)
        sweep->candidates[at] = sweep->candidates[at - 1];
    sweep->candidates[at] = (candidate){.batch_size = batch_size, .on_ladder = on_ladder};
    return BT_OK;
}

static void kill_candidate(bt_sweep *sweep, int index, bt_outcome outcome, const char *why) {
    sweep->candidates[index].dead = true;
    point_of(sweep, index)->outcome = outcome;
    snprintf(point_of(sweep, index)->why, sizeof point_of(sweep, index)->why, "%s", why);
}

/* The living point of highest score that has been measured, leaving out those that gave up when asked; -1 for
 * none. */
static int leader(const bt_sweep *sweep, bt_objective objective) {
    int best = -1;
    for (int i = 0; i < sweep->count; i++) {
        const candidate *c = &sweep->candidates[i];
        if (c->dead || c->gave_up || samples_of(sweep, i) == 0) continue;
        if (best < 0 || score_of(sweep, i, objective) > score_of(sweep, best, objective)) best = i;
    }
    return best;
}

/* ---- memory
 * ------------------------------------------------------------------------------------------------------ */

static bt_memory_fit fit_memory(const bt_sweep *sweep) {
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

/* Refuses a size that would not fit, before it is tried. */
static void predict_memory(bt_sweep *sweep, int index) {
    bt_point *point = point_of(sweep, index);
    bt_memory_fit fit = fit_memory(sweep);
    point->memory_predicted_mb = bt_memory_fit_at(&fit, point->batch_size);
    double limit_mb = sweep->options.memory_limit_mb - bt_memory_of_others_mb(sweep->model);
    char why[BT_TEXT_SIZE];
    if (sweep->memory_refused) {
        kill_candidate(sweep, index, BT_OUTCOME_PREDICTED_OVER_MEMORY,
                       "a smaller batch already ran out of memory");
    } else if (point->memory_predicted_mb > limit_mb) {
        snprintf(why, sizeof why, "would take about %.0f MB; %.0f MB are free within the reserve",
                 point->memory_predicted_mb, limit_mb);
        kill_candidate(sweep, index, BT_OUTCOME_PREDICTED_OVER_MEMORY, why);
    }
}

/* ---- the ladder
 * --------------------------------------------------------------------------------------------------- */

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
        bt_status status = add_candidate(sweep, batch_size, true, error);
        if (status != BT_OK) return status;
        int index = find(sweep, batch_size);
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
        const candidate *c = &sweep->candidates[i];
        if (c->dead || (c->memory_taken && samples_of(sweep, i) > 0)) continue;
        *step = c->memory_taken ? (bt_step){BT_STEP_MEASURE, c->batch_size, BT_FIRST_TURN_SAMPLES}
                                : (bt_step){BT_STEP_MEMORY, c->batch_size, 1};
        return true;
    }
    return false;
}

/* ---- refining, agreement, screening
 * -------------------------------------------------------------------------------- */

/* A size between the doubled ones is measured in turn with the best of them, so that the two can be compared.
 */
static bool refining_step(const bt_sweep *sweep, bt_step *step) {
    int best = leader(sweep, (bt_objective)sweep->options.objective);
    for (int i = 0; i < sweep->count; i++) {
        const candidate *c = &sweep->candidates[i];
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
    if (sweep->candidates[index].dead) return false;
    if (sweep->options.batches.count || samples_of(sweep, index) == 0) return true;
    int lead = leader(sweep, objective); /* none where all of them gave up */
    return lead < 0 ||
           score_of(sweep, index, objective) >= SCREENING_SCORE * score_of(sweep, lead, objective);
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
    int lead = leader(sweep, (bt_objective)sweep->options.objective);
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
        const candidate *c = &sweep->candidates[i];
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
    bt_status status = add_candidate(sweep, between, false, error);
    if (status == BT_OK) predict_memory(sweep, find(sweep, between));
    return status;
}

/* ---- confirming
 * ---------------------------------------------------------------------------------------------------- */

static bool standard_due(const bt_sweep *sweep, int leader_samples) {
    return sweep->options.standard_path && !sweep->standard_failed &&
           sweep->model->standard_sample_count < STANDARD_SAMPLES &&
           sweep->model->standard_sample_count * CONFIRM_SAMPLES < leader_samples;
}

/* The size to confirm: the leader, but among those as good as it the one that is best known already, so that
 * noise does not send the work from one to the other. */
static int to_confirm(const bt_sweep *sweep, bt_objective objective) {
    int lead = leader(sweep, objective), best = lead;
    for (int i = 0; i < sweep->count && lead >= 0; i++) {
        const candidate *c = &sweep->candidates[i];
        if (c->dead || c->gave_up || samples_of(sweep, i) == 0) continue;
        bool as_good =
            score_of(sweep, i, objective) >= (1 - BT_SEARCH_WORTHWHILE) * score_of(sweep, lead, objective);
        if (as_good && samples_of(sweep, i) > samples_of(sweep, best)) best = i;
    }
    return best;
}

/* The runner-up, where it is near the leader and has fallen behind a quarter of its samples: so that what
 * parts them is no drift of the machine. */
static int contender(const bt_sweep *sweep, int lead) {
    bt_objective objective = (bt_objective)sweep->options.objective;
    int second = -1;
    for (int i = 0; i < sweep->count; i++) {
        const candidate *c = &sweep->candidates[i];
        if (i == lead || c->dead || c->gave_up || samples_of(sweep, i) == 0) continue;
        if (second < 0 || score_of(sweep, i, objective) > score_of(sweep, second, objective)) second = i;
    }
    bool near = second >= 0 &&
                score_of(sweep, second, objective) >= CONTENDER_SCORE * score_of(sweep, lead, objective);
    return near && 4 * samples_of(sweep, second) < samples_of(sweep, lead) ? second : -1;
}

static bool confirm_leader(const bt_sweep *sweep, bt_objective objective, bt_step *step) {
    int lead = to_confirm(sweep, objective);
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

/* The leaders by the objectives that were not asked for are confirmed only where that is cheap: they are
 * shown either way, with what is known of them. */
static bool secondary_step(const bt_sweep *sweep, bt_step *step) {
    for (int objective = 0; objective < BT_OBJECTIVE_COUNT; objective++) {
        int lead = to_confirm(sweep, (bt_objective)objective);
        if (lead < 0 || sweep->candidates[lead].confirmed) continue;
        double cost_s = (sweep->first_accept - samples_of(sweep, lead)) * typical_ms(sweep, lead) / 1e3;
        if (cost_s > SECONDARY_SHARE * sweep->primary_s) continue;
        if (sweep->elapsed_s > (1 + 2 * SECONDARY_SHARE) * sweep->primary_s) continue;
        if (confirm_leader(sweep, (bt_objective)objective, step)) return true;
    }
    return false;
}

/* Samples that hang together are worth fewer: the chosen size gets more of them, so that its P95 has an upper
 * bound. */
static bool bound_step(const bt_sweep *sweep, bt_step *step) {
    int lead = to_confirm(sweep, (bt_objective)sweep->options.objective);
    if (lead < 0 || !sweep->candidates[lead].confirmed || samples_of(sweep, lead) >= BOUND_SAMPLES_MAX)
        return false;
    if (sweep->candidates[lead].effective_samples >= BOUND_SAMPLES) return false;
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

static bool any_confirmed(const bt_sweep *sweep) {
    for (int i = 0; i < sweep->count; i++)
        if (sweep->candidates[i].confirmed && !sweep->candidates[i].dead) return true;
    return false;
}

/* Where nothing keeps the SLA: the size of lowest latency, until its P95 has an upper bound to tell. */
static bool reachable_step(const bt_sweep *sweep, bt_step *step) {
    if (any_confirmed(sweep)) return false;
    int fastest = -1;
    for (int i = 0; i < sweep->count; i++) {
        bt_outcome outcome = point_of(sweep, i)->outcome;
        if (samples_of(sweep, i) == 0 || (outcome != BT_OUTCOME_OVER_SLA && outcome != BT_OUTCOME_UNDECIDED))
            continue;
        if (fastest < 0 || typical_ms(sweep, i) < typical_ms(sweep, fastest)) fastest = i;
    }
    if (fastest < 0 || sweep->candidates[fastest].effective_samples >= BOUND_SAMPLES ||
        samples_of(sweep, fastest) >= BOUND_SAMPLES_MAX)
        return false;
    *step = standard_due(sweep, samples_of(sweep, fastest))
                ? (bt_step){BT_STEP_STANDARD, 1, 1}
                : (bt_step){BT_STEP_MEASURE, sweep->candidates[fastest].batch_size,
                            turn_runs(sweep, fastest, CONFIRM_SAMPLES)};
    return true;
}

/* ---- closing
 * ------------------------------------------------------------------------------------------------------- */

static bool once_step(const bt_sweep *sweep, bt_step *step) {
    if (sweep->options.standard_path && !sweep->standard_failed &&
        sweep->standard_memory_asked < STANDARD_MEMORY_MAX) {
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
        const candidate *c = &sweep->candidates[i];
        if (c->dead || !c->confirmed || c->memory_taken) continue;
        *step = (bt_step){BT_STEP_FRESH_MEMORY, c->batch_size, 1};
        return true;
    }
    return false;
}

static void settle_outcomes(bt_sweep *sweep) {
    bool settled = any_confirmed(sweep);
    bt_objective objective = (bt_objective)sweep->options.objective;
    int lead = to_confirm(sweep, objective);
    for (int i = 0; i < sweep->count; i++) {
        const candidate *c = &sweep->candidates[i];
        if (c->dead) continue;
        bool beaten = settled && i != lead && !c->gave_up && samples_of(sweep, i) > 0;
        point_of(sweep, i)->outcome = c->confirmed ? BT_OUTCOME_MEASURED
                                      : beaten     ? BT_OUTCOME_SKIPPED_DOMINATED
                                                   : BT_OUTCOME_UNDECIDED;
    }
    sweep->model->production_memory = fit_memory(sweep);
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

/* Decides the next step. */
static bt_status plan(bt_sweep *sweep, bt_error *error) {
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
    settle_outcomes(sweep);
    return BT_OK;
}

/* ---- results
 * ------------------------------------------------------------------------------------------------------- */

/* How many independent samples these are worth as evidence about the SLA. Correlation among runs that all end
 * long before the SLA (a neighbour's noise, say) says nothing about late ones, so times below half of it
 * count as alike. `scratch` holds three times the samples. */
static double sla_evidence(const bt_sweep *sweep, const bt_point *point, double *scratch) {
    double *clipped_ms = scratch + 2 * point->sample_count;
    for (int i = 0; i < point->sample_count; i++)
        clipped_ms[i] = fmax(point->samples_ms[i], sweep->options.p95_sla_ms / 2);
    return bt_effective_count(clipped_ms, (size_t)point->sample_count, scratch);
}

static void judge(bt_sweep *sweep, int index, double *scratch) {
    candidate *c = &sweep->candidates[index];
    bt_point *point = point_of(sweep, index);
    if (c->confirmed || c->gave_up || c->dead) return;
    double ratio = sla_evidence(sweep, point, scratch) / point->sample_count;
    bt_sequential_verdict verdict = bt_sequential_judge(&sweep->rule, c->sla, ratio);
    if (verdict == BT_SEQUENTIAL_ACCEPT) c->confirmed = true;
    if (verdict == BT_SEQUENTIAL_REJECT)
        kill_candidate(sweep, index, BT_OUTCOME_OVER_SLA, "P95 over the SLA");
    if (verdict == BT_SEQUENTIAL_UNDECIDED && c->sla.samples >= sweep->rule.limit) c->gave_up = true;
}

/* What follows from a size's samples so far. */
static bt_status digest(bt_sweep *sweep, int index, bt_error *error) {
    const bt_point *point = point_of(sweep, index);
    size_t count = (size_t)point->sample_count;
    double *scratch = malloc(3 * count * sizeof *scratch);
    if (!scratch) return bt_fail(error, BT_NO_MEMORY, "out of memory for a size's samples");
    sweep->candidates[index].typical_ms = bt_median(point->samples_ms, count, scratch);
    sweep->candidates[index].effective_samples = bt_effective_count(point->samples_ms, count, scratch);
    judge(sweep, index, scratch);
    free(scratch);
    return BT_OK;
}

static bt_status take_samples(bt_sweep *sweep, int index, const bt_step_result *result, bt_error *error) {
    candidate *c = &sweep->candidates[index];
    bt_status status =
        bt_point_add_samples(point_of(sweep, index), result->samples_ms, result->sample_count, error);
    if (status != BT_OK) return status;
    for (int i = 0; i < result->sample_count && c->sla.samples < sweep->rule.limit; i++) {
        c->sla.samples++;
        c->sla.late += result->samples_ms[i] > sweep->options.p95_sla_ms;
    }
    for (int i = 0; i < sweep->count; i++) /* a size that is being screened late counts its companions */
        if (!sweep->candidates[i].on_ladder && i != index)
            sweep->candidates[i].companion_samples += result->sample_count;
    return digest(sweep, index, error);
}

static void take_memory(bt_sweep *sweep, int index, const bt_step_result *result) {
    bt_point *point = point_of(sweep, index);
    sweep->candidates[index].memory_taken = true;
    point->memory_mb = result->memory_mb;
    point->memory_total_used_mb = result->memory_total_used_mb;
    if (!(result->memory_total_used_mb > sweep->options.memory_limit_mb)) return;
    char why[BT_TEXT_SIZE];
    snprintf(why, sizeof why, "high-water mark %.0f MB, over the %.0f MB that the reserve leaves",
             result->memory_total_used_mb, sweep->options.memory_limit_mb);
    kill_candidate(sweep, index, BT_OUTCOME_OVER_MEMORY, why);
}

static void take_agreement(bt_sweep *sweep, int index, const bt_step_result *result) {
    bt_point *point = point_of(sweep, index);
    sweep->candidates[index].agreement_taken = true;
    point->logit_error = result->logit_error;
    point->mask_iou = result->mask_iou;
    if (sweep->options.trained_weights && result->mask_iou < sweep->options.min_mask_iou)
        kill_candidate(sweep, index, BT_OUTCOME_MASK_DISAGREES, "masks differ from the FP32 reference's");
}

static bool fails_with_memory(bt_status status) {
    return status == BT_OUT_OF_DEVICE_MEMORY || status == BT_NO_MEMORY;
}

/* A failure belongs to the size at work; one of the standard path ends the comparison with it, nothing else.
 */
static void take_failure(bt_sweep *sweep, const bt_step *step, const bt_step_result *result) {
    int index = find(sweep, step->batch_size);
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
        kill_candidate(sweep, index, BT_OUTCOME_OUT_OF_MEMORY, result->message);
    } else {
        kill_candidate(sweep, index, BT_OUTCOME_CRASHED, result->message);
    }
}

static bt_status take_success(bt_sweep *sweep, const bt_step *step, const bt_step_result *result,
                              bt_error *error) {
    int index = find(sweep, step->batch_size);
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
        size_t count = (size_t)(model->standard_sample_count + result->sample_count);
        double *grown = realloc(model->standard_samples_ms, count * sizeof *grown);
        if (!grown) return bt_fail(error, BT_NO_MEMORY, "out of memory for the standard path's samples");
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

/* ---- the interface
 * -------------------------------------------------------------------------------------------------- */

bt_status bt_sweep_open(bt_sweep **out, const bt_sweep_options *options, bt_model_record *model,
                        bt_error *error) {
    *out = NULL;
    bt_sweep *sweep = calloc(1, sizeof *sweep);
    if (!sweep) return bt_fail(error, BT_NO_MEMORY, "out of memory for a sweep");
    sweep->options = *options;
    sweep->model = model;
    bt_sequential_rule_p95(&sweep->rule);
    while (sweep->rule.accept_at_most[sweep->first_accept] < 0)
        sweep->first_accept++;
    bt_status status = plan(sweep, error);
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
    sweep->elapsed_s += result->elapsed_s;
    sweep->standard_memory_asked += step->kind == BT_STEP_STANDARD_MEMORY;
    sweep->full_size_asked |= step->kind == BT_STEP_FULL_SIZE;
    if (result->status != BT_OK) {
        take_failure(sweep, step, result);
    } else {
        bt_status status = take_success(sweep, step, result, error);
        if (status != BT_OK) return status;
    }
    return plan(sweep, error);
}

void bt_sweep_stop(bt_sweep *sweep) {
    sweep->stopped = true;
    sweep->model->interrupted = true;
    sweep->step = (bt_step){BT_STEP_DONE, 0, 0};
    settle_outcomes(sweep);
}

/* The share of the work that lies behind; an estimate that may go back when the search turns. */
static double done_share(const bt_sweep *sweep) {
    int lead = to_confirm(sweep, (bt_objective)sweep->options.objective);
    double confirmed = lead < 0 ? 0 : fmin((double)samples_of(sweep, lead) / sweep->first_accept, 1);
    if (sweep->step.kind == BT_STEP_DONE) return 1;
    if (!sweep->ladder_done) return 0.3 * (1 - 1.0 / (1 + sweep->count));
    if (!sweep->refining_done) return 0.3;
    return 0.4 + 0.55 * confirmed;
}

double bt_sweep_progress(bt_sweep *sweep, char *text, size_t size) {
    const bt_step *step = &sweep->step;
    int index = find(sweep, step->batch_size);
    int samples = index >= 0 ? samples_of(sweep, index) : 0;
    bool confirming =
        sweep->refining_done && step->kind == BT_STEP_MEASURE && samples >= BT_SCREENING_SAMPLES;
    sweep->progress = fmax(sweep->progress, done_share(sweep));
    if (step->kind == BT_STEP_DONE)
        snprintf(text, size, "done");
    else if (step->kind == BT_STEP_MEASURE)
        snprintf(text, size, "%s batch %d (%d runs so far)", confirming ? "confirming" : "measuring",
                 step->batch_size, samples);
    else
        snprintf(text, size, "%s batch %d", bt_step_name(step->kind), step->batch_size);
    return sweep->progress;
}
