/* One segment of a scenario: its schedules are made, it is sent, and what was sent is kept until it
 * counts. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "prove/trial-state.h"

static bt_status open_parts(bt_trial *t, bt_trial_segment *s, bt_error *error) {
    const bt_plan_scenario *plan = &s->plan;
    int in_flight = 0;
    for (int i = 0; i < plan->part_count; i++) {
        const bt_plan_part *part = &plan->parts[i];
        const bt_load_model *model = &t->record->models[part->model];
        s->inputs[i] = bt_trial_inputs(t, part->model, s->weights[i]);
        s->streams[i] = (bt_stream){
            .clients = part->clients, .weights = s->weights[i], .input_count = s->inputs[i].input_count};
        in_flight += (int)bt_trial_served(t, part->model)->settings.max_queue_size +
                     2 * model->instances * model->batch_size;
        if (part->clients > 0) continue;
        bt_status status = bt_schedule_open(&s->schedules[i], &part->schedule, error);
        if (status != BT_OK) return bt_fail_at(error, status, "%s, %s", plan->title, t->names[part->model]);
        s->streams[i].schedule = &s->schedules[i];
    }
    return bt_service_target_open(&s->target, t->service, s->inputs, plan->part_count, in_flight, 1, error);
}

/* The target goes as soon as its answers are in; what else a segment has may be held. */
static void close_target(bt_trial *t, bt_trial_segment *s) {
    const bool lost = s->log && s->log->lost > 0;
    char failure[BT_ERROR_MESSAGE_SIZE] = "";
    if (s->target) bt_service_target_failure(s->target, failure);
    if (failure[0]) bt_log_write(t->options->log, BT_LOG_WARNING, "%s: %s", s->plan.title, failure);
    if (!lost) bt_service_target_close(&s->target); /* else late answers still need it */
    t->lost = t->lost || lost;
}

static bt_status send(bt_trial *t, bt_trial_segment *s, bt_error *error) {
    char what[128];
    snprintf(what, sizeof what, "%s, %s", bt_trial_parts_name(t, &s->plan), s->plan.title);
    bt_trial_live live = bt_trial_go_live(t, what, s->plan.duration_ns);
    const bt_load_options load = {.target = bt_service_target_of(s->target),
                                  .streams = s->streams,
                                  .stream_count = s->plan.part_count,
                                  .duration_ns = s->plan.duration_ns,
                                  .drain_ns = BT_TRIAL_DRAIN_NS,
                                  .seed = s->plan.parts[0].schedule.seed,
                                  .canary = true,
                                  .progress = bt_trial_tell,
                                  .progress_context = &live,
                                  .stop = t->options->stop};
    for (int i = 0; i < s->plan.part_count; i++)
        bt_failures_read(&s->before[i], t->service, s->plan.parts[i].model);
    bt_status status = bt_load_run(&s->log, &load, error);
    for (int i = 0; i < s->plan.part_count; i++)
        bt_failures_add_since(&s->failures[i], &s->before[i], t->service, s->plan.parts[i].model);
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
