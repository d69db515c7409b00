/* What a sweep will ask for soon, for ranks that would idle: how many turns, and of which size, is as far as the sweep
 * knows now. The longer it goes, the less sure: what is wanted whatever the others bring stands first. */
#include <math.h>

#include "tune/memory-fit.h"
#include "tune/sweep-plan.h"
#include "tune/sweep-state.h"

typedef struct list {
    bt_parcel *items;
    int count, room;
} list;

static void add(list *l, bt_step step) {
    if (l->count >= l->room) return;
    bt_parcel *parcel = &l->items[l->count++];
    *parcel = (bt_parcel){.steps = {step}, .count = 1};
    /* A size is timed where it was warmed up. */
    if (step.kind == BT_STEP_MEMORY)
        parcel->steps[parcel->count++] = (bt_step){BT_STEP_MEASURE, step.batch_size, BT_FIRST_TURN_SAMPLES};
}

/* `times` more, less one where the next step is just that. */
static void add_turns(list *l, const bt_sweep *sweep, int index, int runs, int missing) {
    const bt_step turn = {BT_STEP_MEASURE, sweep->candidates[index].batch_size, runs};
    for (int at = bt_step_equal(&turn, &sweep->step) ? runs : 0; at < missing; at += runs)
        add(l, turn);
}

/* Sizes whose memory would not do are left to the sweep, which predicts it by all smaller ones. */
static bool fits(const bt_sweep *sweep, int batch_size) {
    const bt_memory_fit fit = bt_sweep_fit_memory(sweep);
    const double predicted_mb = bt_memory_fit_at(&fit, batch_size);
    const double limit_mb = sweep->options.memory_limit_mb - bt_memory_of_others_mb(sweep->model);
    return (sweep->out_of_memory_at == 0 || batch_size < sweep->out_of_memory_at) &&
           !(predicted_mb > limit_mb);
}

/* Sizes that were asked for come in any case; of a search only the next one, where the last is not late already. */
static void add_ascent(list *l, const bt_sweep *sweep) {
    const bt_sizes *asked = &sweep->options.batches;
    for (int i = sweep->next_asked; i < asked->count && fits(sweep, asked->sizes[i]); i++)
        add(l, (bt_step){BT_STEP_MEMORY, asked->sizes[i], 1});
    if (asked->count > 0 || sweep->count == 0) return;
    const int last = sweep->count - 1, next = 2 * sweep->candidates[last].batch_size;
    const bool late = samples_of(sweep, last) > 0 && seems_late(sweep, last);
    if (!late && next <= BT_SEARCH_MAX_BATCH && fits(sweep, next)) add(l, (bt_step){BT_STEP_MEMORY, next, 1});
}

static void add_proof(list *l, const bt_sweep *sweep, int index) {
    if (!sweep->candidates[index].confirmed)
        add_turns(l, sweep, index, bt_sweep_proof_runs(sweep, index),
                  sweep->candidates[index].evidence.runs_missing);
}

/* The other sizes', the longest first, so that short turns are left to end with; then the leader's, and those of the size
 * whose proof is under way: a rival's, say. */
static void add_turns_of_all(list *l, const bt_sweep *sweep) {
    const int lead = bt_sweep_to_prove(sweep, (bt_objective)sweep->options.objective);
    const int now = sweep->step.kind == BT_STEP_MEASURE ? bt_sweep_find(sweep, sweep->step.batch_size) : -1;
    for (int i = sweep->count - 1; i >= 0 && lead >= 0; i--)
        if (i != lead && samples_of(sweep, i) > 0)
            add_turns(l, sweep, i, bt_sweep_screening_runs(sweep, i),
                      bt_sweep_screening_missing(sweep, i, lead));
    if (now >= 0 && now != lead && sweep->step.runs == bt_sweep_proof_runs(sweep, now))
        add_proof(l, sweep, now);
    if (lead >= 0) add_proof(l, sweep, lead);
}

int bt_sweep_ahead(const bt_sweep *sweep, bt_parcel *out, int room) {
    list l = {out, 0, room};
    if (sweep->step.kind == BT_STEP_DONE) return 0;
    add(&l, sweep->step);
    if (!sweep->ascent_done) add_ascent(&l, sweep);
    /* While the last sizes have their first turns, a size before them leads: it may do so in the end. */
    if (sweep->refining_done || sweep->options.batches.count > 0) add_turns_of_all(&l, sweep);
    return l.count;
}
