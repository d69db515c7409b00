#include "tune/around-runs.h"

/* A turn takes the pauses, and a run after each; so many turns are in a step, and so many steps are taken as fit into
 * this share of the time budget. More turns: noise passes for the cost of a pause more seldom; a higher share: slow
 * networks are asked, too, and tuning takes that much longer. */
#define IDLE_TURNS (BT_MAX_TURN_SAMPLES / BT_IDLE_GAPS)
#define IDLE_STEPS (BT_AROUND_RUNS_STEPS - 2)
#define IDLE_SHARE 0.15

/* Adds what a step timed; a model that cannot be asked any more has what it has. */
static bt_status time_samples(const bt_tuning *t, bt_probe *probe, bt_step step, double **samples_ms,
                              int *count, bt_error *error) {
    bt_step_result result;
    char why[BT_TEXT_SIZE];
    if (bt_tuning_stopped(t->options) || t->model->interrupted || t->model->reason[0]) return BT_OK;
    bt_status status = bt_replay_step(t, probe, &step, &result, why, error);
    t->model->interrupted = bt_tuning_stopped(t->options);
    if (t->model->interrupted || (status == BT_OK && why[0])) return BT_OK;
    if (status != BT_OK) return status;
    t->model->measuring_s += result.elapsed_s;
    if (result.status != BT_OK)
        bt_log_write(t->options->log, BT_LOG_WARNING, "%s: %s", t->model->title, result.message);
    return bt_samples_add(samples_ms, count, result.samples_ms, result.sample_count, error);
}

/* What a lane does around its runs is the same for all sizes; what a first run after a pause takes longer is asked of
 * batches of one. */
int bt_around_runs_steps(const bt_model_record *model, double time_budget_s,
                         bt_step out[BT_AROUND_RUNS_STEPS]) {
    const bt_point *least = model->point_count > 0 ? &model->points[0] : NULL;
    int count = 0;
    out[count++] = (bt_step){BT_STEP_PREPARE, 1, BT_MAX_TURN_SAMPLES};
    out[count++] = (bt_step){BT_STEP_DELIVER, 1, BT_MAX_TURN_SAMPLES};
    if (!least || least->batch_size > 1 || least->sample_count == 0) return count;
    double turn_s = 0;
    for (int i = 0; i < BT_IDLE_GAPS; i++)
        turn_s += (bt_idle_gaps_ms[i] + least->samples_ms[least->sample_count - 1]) / 1e3;
    const int affordable = (int)(IDLE_SHARE * time_budget_s / (IDLE_TURNS * turn_s));
    for (int i = 0; i < IDLE_STEPS && i < affordable; i++)
        out[count++] = (bt_step){BT_STEP_IDLE, 1, IDLE_TURNS * BT_IDLE_GAPS};
    return count;
}

static bt_status take_step(const bt_tuning *t, bt_probe *probe, bt_step step, bt_error *error) {
    bt_model_record *model = t->model;
    if (step.kind == BT_STEP_PREPARE)
        return time_samples(t, probe, step, &model->prepare_samples_ms, &model->prepare_sample_count, error);
    if (step.kind == BT_STEP_DELIVER)
        return time_samples(t, probe, step, &model->deliver_samples_ms, &model->deliver_sample_count, error);
    return time_samples(t, probe, step, &model->idle_samples_ms, &model->idle_sample_count, error);
}

bt_status bt_time_around_runs(const bt_tuning *t, bt_probe *probe, double time_budget_s, bt_error *error) {
    bt_step steps[BT_AROUND_RUNS_STEPS];
    const int count = bt_around_runs_steps(t->model, time_budget_s, steps);
    bt_status status = BT_OK;
    for (int i = 0; i < count && status == BT_OK; i++)
        status = take_step(t, probe, steps[i], error);
    return status;
}
