#include "tune/sweep-plan.h"

#include <math.h>

#include "tune/sweep-sizes.h"
#include "tune/sweep-state.h"

/* Runs of the leader in a turn of its proof, and about the longest turn, in seconds. Larger turns cost fewer
 * untimed runs in between; smaller ones spread the proof over more of the machine's states, so that one spell
 * falls on fewer of its samples. */
#define CONFIRM_SAMPLES 6
#define TURN_S          5.0

/* The share of the time budget that a step of unknown cost may take. Higher lets such a step eat a short
 * budget's proof; lower leaves the step out of budgets that would have held it. */
#define UNKNOWN_SHARE 0.33

/* A search screens a size whose first turn scores at least this share of the best. Lower: time goes to sizes that
 * cannot win; higher: the noise of three runs decides. */
#define SCREENING_SCORE 0.93

/* A size that is screened has this many samples on a busy machine (else BT_SCREENING_SAMPLES). */
#define BUSY_SCREENING 6

/* The runner-up is measured on, at a quarter of the leader's pace, while it scores at least this share of the
 * leader. Lower: clear losers take time from the proof; higher: a drift of the machine may part the two. */
#define CONTENDER_SCORE 0.97

/* Samples of the standard path, for the speed-up. */
#define STANDARD_SAMPLES 24

/* The leaders by the other objectives are proved where that takes at most this share of the time so far. Higher
 * confirms more of them, and the run takes longer by as much. */
#define SECONDARY_SHARE 0.1

/* A size is a rival for the capacity while it scores at least this share of the leader, by a rule that knows nothing of
 * arrivals. Lower: more sizes are confirmed that do not win; higher: the best may be among those that are not. */
#define RIVAL_SCORE 0.5

/* P95 has an upper bound at 95 % from so many independent samples on (BT_P95_BOUND_SAMPLES); where they are not
 * independent, more are taken for the bound's sake, up to the second number. */
#define BOUND_SAMPLES     BT_P95_BOUND_SAMPLES
#define BOUND_SAMPLES_MAX 150

static const bt_step no_step = {BT_STEP_DONE, 0, 0};

/* ---- the ascent ---- */

/* Runs for a turn: `wanted`, but no turn of slow batches should take much longer than TURN_S. */
static int turn_runs(const bt_sweep *sweep, int index, int wanted) {
    if (samples_of(sweep, index) == 0) return BT_FIRST_TURN_SAMPLES;
    int affordable = (int)(1e3 * TURN_S / typical_ms(sweep, index));
    return affordable < 1 ? 1 : affordable < wanted ? affordable : wanted;
}

int bt_sweep_proof_runs(const bt_sweep *sweep, int index) {
    return turn_runs(sweep, index, CONFIRM_SAMPLES);
}

int bt_sweep_screening_runs(const bt_sweep *sweep, int index) {
    return turn_runs(sweep, index, BT_TURN_SAMPLES);
}

static bool ascent_step(const bt_sweep *sweep, bt_step *step) {
    if (sweep->ascent_done) return false;
    for (int i = 0; i < sweep->count; i++) {
        const bt_candidate *c = &sweep->candidates[i];
        if (c->refused || (c->memory_taken && samples_of(sweep, i) > 0)) continue;
        *step = c->memory_taken ? (bt_step){BT_STEP_MEASURE, c->batch_size, BT_FIRST_TURN_SAMPLES}
                                : (bt_step){BT_STEP_MEMORY, c->batch_size, 1};
        return true;
    }
    return false;
}

/* ---- refining, agreement, screening ---- */

/* A size between the doubled ones is measured in turn with the best of them, so that the two can be
 * compared. */
static bool refining_step(const bt_sweep *sweep, bt_step *step) {
    int best = bt_sweep_leader(sweep, (bt_objective)sweep->options.objective);
    for (int i = 0; i < sweep->count; i++) {
        const bt_candidate *c = &sweep->candidates[i];
        if (c->on_ascent || c->refused || c->companion_samples >= BT_FIRST_TURN_SAMPLES) continue;
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
    if (c->refused || c->gave_up) return false;
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
 * seen undisturbed and this size in spells alone. */
static int screening_samples(const bt_sweep *sweep, int index, int lead) {
    bool alike =
        sweep->candidates[index].undisturbed_count > 0 || sweep->candidates[lead].undisturbed_count == 0;
    return bt_sweep_is_busy(sweep) && alike ? BUSY_SCREENING : BT_SCREENING_SAMPLES;
}

int bt_sweep_screening_missing(const bt_sweep *sweep, int index, int lead) {
    const int missing = screening_samples(sweep, index, lead) - samples_of(sweep, index);
    return missing > 0 && worth_screening(sweep, index) ? missing : 0;
}

/* The size with the fewest samples has the next turn, so that turns go round. The one that is being proved
 * has turns of its own. */
static bool screening_step(const bt_sweep *sweep, bt_step *step) {
    int fewest = -1, lead = bt_sweep_to_prove(sweep, (bt_objective)sweep->options.objective);
    for (int i = 0; i < sweep->count && lead >= 0; i++) {
        if (i == lead || bt_sweep_screening_missing(sweep, i, lead) == 0) continue;
        if (fewest < 0 || samples_of(sweep, i) < samples_of(sweep, fewest)) fewest = i;
    }
    if (fewest < 0) return false;
    *step = (bt_step){BT_STEP_MEASURE, sweep->candidates[fewest].batch_size,
                      turn_runs(sweep, fewest, BT_TURN_SAMPLES)};
    return true;
}

/* ---- what goes between the leader's turns, and after them ---- */

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
        if (i == lead || c->refused || c->gave_up || samples_of(sweep, i) == 0) continue;
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

/* ---- proving ---- */

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
    if (bt_sweep_leaves_time(sweep, cost_s(sweep, step))) return true;
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
    for (int objective = 0; objective < BT_OBJECTIVE_CAPACITY && !bt_sweep_is_busy(sweep); objective++) {
        int lead = bt_sweep_to_confirm(sweep, (bt_objective)objective);
        if (lead < 0 || bt_sweep_proof_s(sweep, lead) > SECONDARY_SHARE * sweep->primary_s) continue;
        if (sweep->elapsed_s > (1 + 2 * SECONDARY_SHARE) * sweep->primary_s) continue;
        if (own_step(sweep, lead, step)) return true;
    }
    return false;
}

/* For the capacity, every size near the leader: which of them it is only the simulation of what was measured tells, and
 * it takes none that was not confirmed. Best first. */
static bool rival_step(const bt_sweep *sweep, bt_step *step) {
    const int lead = bt_sweep_leader(sweep, BT_OBJECTIVE_CAPACITY);
    int best = -1;
    bt_step own;
    if (sweep->options.objective != BT_OBJECTIVE_CAPACITY || lead < 0) return false;
    for (int i = 0; i < sweep->count; i++) {
        const bt_candidate *c = &sweep->candidates[i];
        const double score = samples_of(sweep, i) > 0 ? score_of(sweep, i, BT_OBJECTIVE_CAPACITY) : 0;
        if (c->refused || c->gave_up || seems_late(sweep, i) || !own_step(sweep, i, &own)) continue;
        if (score < RIVAL_SCORE * score_of(sweep, lead, BT_OBJECTIVE_CAPACITY)) continue;
        if (bt_sweep_proof_s(sweep, i) > time_left_s(sweep)) continue;
        if (best < 0 || score > score_of(sweep, best, BT_OBJECTIVE_CAPACITY)) best = i;
    }
    return best >= 0 && own_step(sweep, best, step);
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

bt_status bt_sweep_plan(bt_sweep *sweep, bt_error *error) {
    bt_step *step = &sweep->step;
    bt_status status = BT_OK;
    *step = no_step;
    sweep->is_between = sweep->is_proving = false;
    while (status == BT_OK && time_left_s(sweep) > 0 && !sweep->stopped) {
        if (ascent_step(sweep, step)) break;
        if (!sweep->ascent_done) {
            status = bt_sweep_ascend(sweep, error);
            continue;
        }
        if (refining_step(sweep, step)) break;
        if (!sweep->refining_done) {
            status = bt_sweep_refine(sweep, error);
            continue;
        }
        if (proving_step(sweep, step) || rival_step(sweep, step) || other_step(sweep, step) ||
            secondary_step(sweep, step) || reachable_step(sweep, step))
            break;
        if (sweep->next_asked >= sweep->options.batches.count) break;
        status = bt_sweep_add_left_out(sweep, error);
    }
    return status;
}
