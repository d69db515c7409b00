#include "tune/sweep-sizes.h"

#include <math.h>

#include "base/text.h"
#include "tune/memory-fit.h"
#include "tune/sweep-state.h"

/* ---- the ascent ---- */

/* Refuses a size that would not fit, before it is tried. */
static void predict_memory(bt_sweep *sweep, int index) {
    bt_point *point = point_of(sweep, index);
    bt_memory_fit fit = bt_sweep_fit_memory(sweep);
    point->memory_predicted_mb = bt_memory_fit_at(&fit, point->batch_size);
    double limit_mb = sweep->options.memory_limit_mb - bt_memory_of_others_mb(sweep->model);
    char why[BT_TEXT_SIZE];
    if (sweep->out_of_memory_at > 0 && point->batch_size >= sweep->out_of_memory_at) {
        bt_sweep_refuse(sweep, index, BT_OUTCOME_PREDICTED_OVER_MEMORY,
                        "a smaller batch already ran out of memory");
    } else if (point->memory_predicted_mb > limit_mb) {
        bt_text_format(why, sizeof why, "would take about %.0f MB; %.0f MB are free within the reserve",
                       point->memory_predicted_mb, limit_mb);
        bt_sweep_refuse(sweep, index, BT_OUTCOME_PREDICTED_OVER_MEMORY, why);
    }
}

static void next_asked_size(bt_sweep *sweep, int *batch_size) {
    *batch_size = sweep->next_asked < sweep->options.batches.count
                      ? sweep->options.batches.sizes[sweep->next_asked++]
                      : 0;
}

static void next_doubled_size(bt_sweep *sweep, int *batch_size) {
    double throughputs[BT_SIZES_MAX];
    int last = 0;
    *batch_size = 0;
    for (int i = 0; i < sweep->count; i++) {
        /* Late, too large or broken: larger ones are no better. */
        if (sweep->candidates[i].refused || seems_late(sweep, i)) return;
        throughputs[i] = sweep->candidates[i].batch_size / typical_ms(sweep, i);
        last = sweep->candidates[i].batch_size;
    }
    if (sweep->count == 0)
        *batch_size = 1;
    else if (bt_search_goes_on(throughputs, sweep->count, last))
        *batch_size = 2 * last;
}

/* Whether a larger size may be tried: it takes as many times the last one's time as it has images. The first
 * is free. */
static bool may_ascend(const bt_sweep *sweep) {
    const bt_sizes *asked = &sweep->options.batches;
    if (bt_sweep_leader(sweep, (bt_objective)sweep->options.objective) < 0) return true;
    double last = sweep->candidates[sweep->count - 1].batch_size, next = 2 * last;
    if (sweep->next_asked < asked->count) next = asked->sizes[sweep->next_asked];
    return bt_sweep_leaves_time(sweep, sweep->newest_s * next / last);
}

bt_status bt_sweep_ascend(bt_sweep *sweep, bt_error *error) {
    while (!sweep->ascent_done) {
        int batch_size = 0;
        if (!may_ascend(sweep))
            ;
        else if (sweep->options.batches.count)
            next_asked_size(sweep, &batch_size);
        else
            next_doubled_size(sweep, &batch_size);
        sweep->ascent_done = batch_size == 0;
        sweep->newest_s = 0;
        if (sweep->ascent_done) break;
        bt_status status = bt_sweep_add(sweep, batch_size, true, error);
        if (status != BT_OK) return status;
        int index = bt_sweep_find(sweep, batch_size);
        predict_memory(sweep, index);
        if (!sweep->candidates[index].refused) break;
        if (!sweep->options.batches.count) sweep->ascent_done = true;
    }
    return BT_OK;
}

/* ---- between the doubled sizes ---- */

/* As long as a batch would take that scores as much by throughput alone: so that the search for the capacity looks
 * where that is, and not where batches fill the SLA and leave a request no time to wait. */
static double searched_ms(const bt_sweep *sweep, int index) {
    const bt_objective objective = (bt_objective)sweep->options.objective;
    if (objective != BT_OBJECTIVE_CAPACITY) return typical_ms(sweep, index);
    return sweep->candidates[index].batch_size / score_of(sweep, index, objective) * 1e3; /* maybe infinite */
}

/* The next size between those measured, 0 when the search has ended. */
static int next_between(const bt_sweep *sweep) {
    bt_search_point points[BT_SIZES_MAX];
    int tried = 0;
    if (sweep->options.batches.count || sweep->count >= BT_SIZES_MAX || !bt_sweep_leaves_time(sweep, 0))
        return 0;
    for (int i = 0; i < sweep->count; i++) {
        const bt_candidate *c = &sweep->candidates[i];
        tried += !c->on_ascent;
        points[i] = (bt_search_point){.batch_size = c->batch_size,
                                      .service_ms = samples_of(sweep, i) ? searched_ms(sweep, i) : INFINITY,
                                      .refused = c->refused || c->gave_up || seems_late(sweep, i)};
    }
    return tried < BT_SEARCH_TRIES
               ? bt_search_refine((bt_objective)sweep->options.objective, points, sweep->count)
               : 0;
}

bt_status bt_sweep_refine(bt_sweep *sweep, bt_error *error) {
    int between = next_between(sweep);
    sweep->refining_done = between == 0;
    if (sweep->refining_done) return BT_OK;
    bt_status status = bt_sweep_add(sweep, between, false, error);
    if (status == BT_OK) predict_memory(sweep, bt_sweep_find(sweep, between));
    return status;
}

/* ---- left out ---- */

bt_status bt_sweep_add_left_out(bt_sweep *sweep, bt_error *error) {
    int batch_size;
    next_asked_size(sweep, &batch_size);
    bt_status status = bt_sweep_add(sweep, batch_size, false, error);
    if (status == BT_OK) predict_memory(sweep, bt_sweep_find(sweep, batch_size));
    return status;
}
