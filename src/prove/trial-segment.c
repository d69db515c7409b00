/* One segment of a scenario: its schedules are made, it is sent, and what was sent is kept until it
 * counts. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "prove/trial-state.h"

static bt_status open_parts(bt_trial *t, bt_trial_segment *s, bt_error *error) {
    const bt_plan_scenario *plan = &s->plan;
    int in_flight = 0, models[BT_NAMES_MAX];
    for (int i = 0; i < plan->part_count; i++) {
        const bt_plan_part *part = &plan->parts[i];
        const bt_load_model *model = &t->record->models[part->model];
        s->inputs[i] = bt_trial_inputs(t, part->model, s->weights[i]);
        s->streams[i] = (bt_stream){
            .clients = part->clients, .weights = s->weights[i], .input_count = s->inputs[i].input_count};
        models[i] = part->model;
        in_flight += model->max_queue_size + 2 * model->instances * model->batch_size;
        if (part->clients > 0) continue;
        bt_status status = bt_schedule_open(&s->schedules[i], &part->schedule, error);
        if (status != BT_OK) return bt_fail_at(error, status, "%s, %s", plan->title, t->names[part->model]);
        s->streams[i].schedule = &s->schedules[i];
    }
    return bt_trial_target_open(&s->target, t, s->inputs, models, plan->part_count, in_flight, error);
}

/* The target goes as soon as its answers are in; what else a segment has may be held. */
static void close_target(bt_trial *t, bt_trial_segment *s) {
    char failure[BT_ERROR_MESSAGE_SIZE];
    bt_trial_target_failure(&s->target, failure);
    if (failure[0]) bt_log_write(t->options->log, BT_LOG_WARNING, "%s: %s", s->plan.title, failure);
    bt_trial_target_close(t, &s->target, s->log);
}

/* What failed behind the requests before they were sent. */
static void look_before(const bt_trial *t, bt_trial_segment *s) {
    for (int i = 0; i < s->plan.part_count; i++) {
        const int model = s->plan.parts[i].model;
        if (t->remote)
            s->served[i] = bt_trial_remote_stats(t, model);
        else
            bt_failures_read(&s->before[i], t->service, model);
    }
}

/* And meanwhile. Servers that do not tell have counted nothing. */
static void look_after(const bt_trial *t, bt_trial_segment *s) {
    char last[BT_ERROR_MESSAGE_SIZE];
    bt_trial_target_failure(&s->target, last);
    for (int i = 0; i < s->plan.part_count; i++) {
        const int model = s->plan.parts[i].model;
        if (!t->remote) {
            bt_failures_add_since(&s->failures[i], &s->before[i], t->service, model);
            continue;
        }
        bt_remote_stats now = bt_trial_remote_stats(t, model);
        bt_remote_stats_add(&now, &s->served[i], -1);
        const bool told = now.requests >= 0 && !(now.untold & BT_REMOTE_NO_STATS);
        s->served[i] = told ? now : (bt_remote_stats){0}; /* or it was started anew */
        if (s->log) bt_failures_of_answers(&s->failures[i], s->log, i, last);
    }
}

/* Each once. */
static void warn_of_ended(bt_trial *t, const bt_trial_segment *s) {
    for (int i = 0; i < s->senders.count; i++) {
        const bt_load_sender *sender = &s->senders.of[i];
        if (!sender->gone || t->told_gone[sender->rank]) continue;
        t->told_gone[sender->rank] = true;
        if (sender->unsent > 0)
            bt_log_write(t->options->log, BT_LOG_WARNING,
                         "%s: rank %d on %s is gone, and with it %lld requests; others go on without it",
                         s->plan.title, sender->rank, sender->host, (long long)sender->unsent);
        else
            bt_log_write(t->options->log, BT_LOG_WARNING, "%s: rank %d is gone; its share is others'",
                         s->plan.title, sender->rank);
    }
}

/* By this process, or by all that there are. */
static bt_status run_load(bt_trial *t, bt_trial_segment *s, const bt_load_options *load, bt_error *error) {
    int32_t models[BT_NAMES_MAX];
    if (!t->options->spread) return bt_load_run(&s->log, load, error);
    for (int i = 0; i < s->plan.part_count; i++)
        models[i] = s->plan.parts[i].model;
    bt_status status = bt_spread_run(&s->log, t->options->spread, load, models, &s->senders, error);
    warn_of_ended(t, s);
    return status;
}

static bt_status send(bt_trial *t, bt_trial_segment *s, bt_error *error) {
    char what[128];
    snprintf(what, sizeof what, "%s, %s", bt_trial_parts_name(t, &s->plan), s->plan.title);
    bt_trial_live live = bt_trial_go_live(t, what, s->plan.duration_ns);
    const bt_load_options load = {.target = bt_trial_target_of(&s->target),
                                  .streams = s->streams,
                                  .stream_count = s->plan.part_count,
                                  .duration_ns = s->plan.duration_ns,
                                  .drain_ns = BT_TRIAL_DRAIN_NS,
                                  .seed = s->plan.parts[0].schedule.seed,
                                  .canary = true,
                                  .progress = bt_trial_tell,
                                  .progress_context = &live,
                                  .stop = t->options->stop};
    look_before(t, s);
    bt_status status = run_load(t, s, &load, error);
    look_after(t, s);
    return status;
}

bt_status bt_trial_segment_send(bt_trial_segment **out, bt_trial *t, const bt_plan_scenario *plan,
                                bt_error *error) {
    bt_trial_segment *s = calloc(1, sizeof *s);
    *out = s;
    if (!s) return bt_no_memory(error, "a scenario");
    s->plan = *plan;
    bt_status status = open_parts(t, s, error);
    if (status == BT_OK) status = send(t, s, error);
    close_target(t, s);
    return status;
}

void bt_trial_segment_close(bt_trial_segment **segment) {
    bt_trial_segment *s = *segment;
    for (int i = 0; s && i < s->plan.part_count; i++)
        bt_schedule_close(&s->schedules[i]);
    if (s) bt_request_log_close(&s->log);
    free(s);
    *segment = NULL;
}
