#include "tune/sweep-state.h"

#include <math.h>
#include <stdio.h>

#include "base/array.h"
#include "tune/memory-fit.h"

/* A machine is busy when more than half of the turns were disturbed, after this many. Higher: more turns are
 * spent on what a busy machine leaves out. Lower: one bad start makes a quiet machine count as busy, and its
 * other sizes are shown with fewer samples. */
#define BUSY_TURNS 8

/* So many times what a proof takes at best is kept for it. Higher: other work stops sooner, and sizes are shown
 * with fewer samples; lower: a single late run makes the proof miss the time budget. */
#define PROOF_MARGIN 1.5

/* Runs of a proof that has not come, twice what one takes at best. Higher: sizes at the edge of the SLA may take all of
 * the time; lower: the proof of a size whose late runs were chance is given up. */
#define LONG_PROOF 170

/* ---- the sizes ---- */

int bt_sweep_find(const bt_sweep *sweep, int batch_size) {
    for (int i = 0; i < sweep->count; i++)
        if (sweep->candidates[i].batch_size == batch_size) return i;
    return -1;
}

bt_status bt_sweep_add(bt_sweep *sweep, int batch_size, bool on_ascent, bt_error *error) {
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
    sweep->candidates[at] = (bt_candidate){.batch_size = batch_size, .on_ascent = on_ascent};
    return BT_OK;
}

void bt_sweep_refuse(bt_sweep *sweep, int index, bt_outcome outcome, const char *why) {
    sweep->candidates[index].refused = true;
    point_of(sweep, index)->outcome = outcome;
    snprintf(point_of(sweep, index)->why, sizeof point_of(sweep, index)->why, "%s", why);
}

/* ---- who leads ---- */

/* Whether a size is in the running. */

static bool competes(const bt_sweep *sweep, int index) {
    const bt_candidate *c = &sweep->candidates[index];
    return !c->refused && !c->gave_up && samples_of(sweep, index) > 0;
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

/* Whether the time that is left does for its proof. One that has had LONG_PROOF runs, and more time than is left, has
 * had its chance: it is so near the SLA that a little smaller one is worth more. */
static bool may_be_proved(const bt_sweep *sweep, int index) {
    const double left_s = time_left_s(sweep), runs = samples_of(sweep, index);
    const bool had_its_chance = runs > LONG_PROOF && runs * typical_ms(sweep, index) / 1e3 > left_s;
    return bt_sweep_proof_s(sweep, index) <= (had_its_chance ? 0 : left_s);
}

int bt_sweep_to_prove(const bt_sweep *sweep, bt_objective objective) {
    int lead = bt_sweep_to_confirm(sweep, objective), best = -1;
    if (lead < 0 || may_be_proved(sweep, lead)) return lead;
    for (int i = 0; i < sweep->count; i++) {
        if (!competes(sweep, i) || seems_late(sweep, i) || !may_be_proved(sweep, i)) continue;
        if (best < 0 || score_of(sweep, i, objective) > score_of(sweep, best, objective)) best = i;
    }
    return best >= 0 ? best : lead;
}

bool bt_sweep_leaves_time(const bt_sweep *sweep, double more_s) {
    int lead = bt_sweep_to_prove(sweep, (bt_objective)sweep->options.objective);
    return lead >= 0 && more_s + PROOF_MARGIN * bt_sweep_proof_s(sweep, lead) < time_left_s(sweep);
}

/* ---- where the sweep stands ---- */

bool bt_sweep_is_busy(const bt_sweep *sweep) {
    int turns = sweep->model->turns + sweep->discarded;
    return turns >= BUSY_TURNS && 2 * (sweep->model->disturbed_turns + sweep->discarded) > turns;
}

bool bt_sweep_any_confirmed(const bt_sweep *sweep) {
    for (int i = 0; i < sweep->count; i++)
        if (sweep->candidates[i].confirmed && !sweep->candidates[i].refused) return true;
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
        if (!sweep->candidates[i].on_ascent || !isfinite(point_of(sweep, i)->memory_mb)) continue;
        sizes[count] = sweep->candidates[i].batch_size;
        memory_mb[count++] = point_of(sweep, i)->memory_mb;
    }
    return bt_memory_fit_make(sizes, memory_mb, count);
}
