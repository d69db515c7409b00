#include "tune/foresight.h"

#include <stdlib.h>

#include "tune/around-runs.h"
#include "tune/sweep-model.h"

/* One model's. */
typedef struct view {
    bt_tuning tuning;
    const bt_contender *way;
    bt_sweep *sweep; /* NULL: the session is not known yet */
    bt_step around[BT_AROUND_RUNS_STEPS];
    int around_count, around_next; /* after the sweep; count 0: it goes on */
    double time_budget_s;
    bool given_up;
} view;

struct bt_foresight {
    bt_optimize_options options; /* as given, but silent */
    bt_record *record;           /* of no use but to the sweeps */
    bt_pool *pool;
    view *views; /* record->model_count */
};

/* ---- opening ---- */

static bt_status open_view(bt_foresight *f, int index, const bt_contender *way, double time_budget_s,
                           bt_error *error) {
    view *v = &f->views[index];
    v->way = way;
    v->time_budget_s = time_budget_s;
    return bt_tuning_init(&v->tuning, &f->options, f->record, index, 0, 0, error);
}

bt_status bt_foresight_open(bt_foresight **out, const bt_optimize_options *options, const bt_contender *ways,
                            bt_pool *pool, double time_budget_s, bt_error *error) {
    *out = NULL;
    bt_foresight *f = calloc(1, sizeof *f);
    if (f) f->views = calloc((size_t)options->settings->models.count, sizeof *f->views);
    if (!f || !f->views) {
        free(f);
        return bt_no_memory(error, "what is to be measured");
    }
    f->options = *options;
    f->options.log = NULL;
    f->pool = pool;
    bt_status status = bt_tuning_record(&f->record, &f->options, error);
    for (int i = 0; status == BT_OK && i < f->record->model_count; i++)
        status = open_view(f, i, &ways[i], time_budget_s, error);
    if (status == BT_OK)
        *out = f;
    else
        bt_foresight_close(&f);
    return status;
}

void bt_foresight_close(bt_foresight **foresight) {
    bt_foresight *f = *foresight;
    if (!f) return;
    for (int i = 0; f->record && i < f->record->model_count; i++)
        bt_sweep_close(&f->views[i].sweep);
    bt_record_close(&f->record);
    free(f->views);
    free(f);
    *foresight = NULL;
}

/* ---- going on ---- */

static bool take(const bt_foresight *f, const view *v, const bt_step *step, bt_step_result *result) {
    return bt_pool_take(f->pool, BT_POOL_FORESIGHT, v->tuning.model->model, step, result);
}

static bt_status advance_sweep(const bt_foresight *f, view *v, bt_error *error) {
    bt_status status = BT_OK;
    while (status == BT_OK && v->around_count == 0) {
        const bt_step step = bt_sweep_next(v->sweep);
        bt_step_result result;
        if (step.kind == BT_STEP_DONE)
            v->around_count = bt_around_runs_steps(v->tuning.model, v->time_budget_s, v->around);
        else if (take(f, v, &step, &result))
            status = bt_sweep_done(v->sweep, &step, &result, error);
        else
            break;
    }
    return status;
}

static bt_status advance_view(const bt_foresight *f, view *v, bt_error *error) {
    bt_worker_facts facts;
    bt_step_result ignored;
    double opening_s;
    if (!v->sweep && bt_pool_facts(f->pool, v->tuning.model->model, &facts, &opening_s)) {
        v->time_budget_s -= opening_s;
        bt_status status =
            bt_sweep_model_open(&v->sweep, &v->tuning, v->way->instances, &facts, v->time_budget_s, error);
        if (status != BT_OK) return status;
    }
    bt_status status = v->sweep ? advance_sweep(f, v, error) : BT_OK;
    while (v->around_next < v->around_count && take(f, v, &v->around[v->around_next], &ignored))
        v->around_next++;
    return status;
}

bt_status bt_foresight_advance(bt_foresight *f, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < f->record->model_count && status == BT_OK; i++)
        if (!f->views[i].given_up) status = advance_view(f, &f->views[i], error);
    return status;
}

/* ---- what is wanted ---- */

/* Of a session that nobody has opened yet: it, and what its sweep will begin with. Where a file says what sizes there
 * are, the session alone. */
static int first_wishes(const bt_foresight *f, const view *v, bt_parcel *out, int room) {
    const bt_sizes *asked = &f->options.settings->batches;
    const bt_resolved_model *resolved = v->tuning.resolved;
    const bool any_size = resolved->simulated || resolved->model.kind == BT_MODEL_NETWORK;
    int count = 0;
    if (!any_size) out[count++] = (bt_parcel){.count = 0};
    for (int i = 0; any_size && count < room && i < (asked->count ? asked->count : 1); i++) {
        const int size = asked->count ? asked->sizes[i] : 1;
        out[count++] = (bt_parcel){
            {{BT_STEP_MEMORY, size, 1}, {BT_STEP_MEASURE, size, BT_FIRST_TURN_SAMPLES}}, BT_PARCEL_STEPS};
    }
    return count;
}

int bt_foresight_wishes(const bt_foresight *f, int model, bt_parcel *out, int room) {
    const view *v = &f->views[model];
    int count = 0;
    if (v->given_up || room < 1) return 0;
    if (!v->sweep) return first_wishes(f, v, out, room);
    for (int i = v->around_next; i < v->around_count && count < room; i++)
        out[count++] = (bt_parcel){{v->around[i]}, 1};
    return v->around_count > 0 ? count : bt_sweep_ahead(v->sweep, out, room);
}

bool bt_foresight_needs(const bt_foresight *f, int model, const bt_step *step) {
    const view *v = &f->views[model];
    if (!v->sweep) return false;
    if (v->around_count > 0)
        return v->around_next < v->around_count && bt_step_equal(step, &v->around[v->around_next]);
    const bt_step next = bt_sweep_next(v->sweep);
    return bt_step_equal(step, &next);
}

void bt_foresight_give_up(bt_foresight *f, int model) {
    f->views[model].given_up = true;
}

const char *bt_foresight_model(const bt_foresight *f, int model) {
    return f->record->models[model].model;
}

int bt_foresight_models(const bt_foresight *f) {
    return f->record->model_count;
}

double bt_foresight_progress(bt_foresight *f) {
    char ignored[96];
    double sum = 0;
    for (int i = 0; i < f->record->model_count; i++)
        if (f->views[i].sweep) sum += bt_sweep_progress(f->views[i].sweep, ignored, sizeof ignored);
    return sum / f->record->model_count;
}
