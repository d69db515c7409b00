/* Scenarios under way: round by round, until each is decided or may go on no longer.
 *
 * In the first round each scenario is sent once. One during which others used the cores comes again when the
 * rest of the round is through, if by then they have ended. In every further round those go on that are not
 * decided yet. So the parts of a scenario lie apart in time, and a spell of the machine is not all that one
 * sees of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/busy.h"
#include "base/clock.h"
#include "prove/course.h"
#include "prove/judge.h"
#include "prove/looks.h"
#include "prove/sum.h"
#include "prove/trial-state.h"

#define LONGEST_NS   (4 * 60 * BT_NS_PER_S) /* of one scenario, unless more was asked for */
#define BUSY_LOOK_NS (500 * BT_NS_PER_MS)   /* as long as one looks whether the machine is still busy */
#define REPEAT_SHARE 0.5                    /* of the plan's time, at most, for what was disturbed */

/* What one segment needs while it runs. */
typedef struct stage {
    bt_plan_scenario plan; /* of the segment */
    bt_schedule schedules[BT_NAMES_MAX];
    double weights[BT_NAMES_MAX][BT_INPUTS_MAX];
    bt_service_stream inputs[BT_NAMES_MAX];
    bt_stream streams[BT_NAMES_MAX];
    bt_service_target *target;
    bt_failures_seen before[BT_NAMES_MAX]; /* of each part's model, before it was sent */
    bt_failures failures[BT_NAMES_MAX];    /* and what came to them meanwhile */
} stage;

/* A scenario and how far it is; same index in the plan, in the record and here. */
typedef struct progress {
    bt_course course;
    bt_failures failures[BT_NAMES_MAX]; /* of the course's parts */
    bool ended;
    stage *
        held; /* a segment that was disturbed: it comes again in this round, or counts for want of a better */
    bt_request_log *held_log;
} progress;

typedef struct rounds {
    bt_trial *t;
    progress *all;
    int64_t planned_ns, repeated_ns;
} rounds;

/* ---- one segment ---- */

static bt_status open_stage(bt_trial *t, stage *s, bt_error *error) {
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
static void close_target(bt_trial *t, stage *s, bool lost) {
    char failure[BT_ERROR_MESSAGE_SIZE] = "";
    if (s->target) bt_service_target_failure(s->target, failure);
    if (failure[0]) bt_log_write(t->options->log, BT_LOG_WARNING, "%s: %s", s->plan.title, failure);
    if (!lost) bt_service_target_close(&s->target); /* else late answers still need it */
    t->lost = t->lost || lost;
}

static void close_stage(stage *s) {
    for (int i = 0; s && i < s->plan.part_count; i++)
        bt_schedule_close(&s->schedules[i]);
    free(s);
}

static bt_status send(bt_trial *t, stage *s, bt_request_log **log, bt_error *error) {
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
        bt_failures_look(&s->before[i], t->service, s->plan.parts[i].model);
    bt_status status = bt_load_run(log, &load, error);
    for (int i = 0; i < s->plan.part_count; i++)
        bt_failures_add_since(&s->failures[i], &s->before[i], t->service, s->plan.parts[i].model);
    return status;
}

/* ---- what came of it ---- */

/* The tightest SLA of a scenario's models. */
static double sla_of_all(const bt_trial *t, const bt_plan_scenario *plan) {
    double sla_ms = INFINITY;
    for (int i = 0; i < plan->part_count; i++)
        sla_ms = fmin(sla_ms, bt_trial_sla_ms(t, plan->parts[i].model));
    return sla_ms;
}

static void describe_part(const bt_trial *t, const bt_plan_part *plan, const bt_schedule *schedule,
                          bt_load_part *part) {
    snprintf(part->model, sizeof part->model, "%s", t->names[plan->model]);
    part->clients = plan->clients;
    if (plan->clients > 0) return;
    part->burst_size = plan->schedule.shape == BT_SHAPE_BURST ? plan->schedule.burst_size : 0;
    part->rate_rps = plan->schedule.shape == BT_SHAPE_POISSON
                         ? plan->schedule.rate_rps
                         : (double)schedule->count / ((double)schedule->duration_ns / 1e9);
}

/* Figures of a log, anew; and whether others disturbed it. */
static bt_status sum_up(const bt_trial *t, bt_load_scenario *scenario, const bt_plan_scenario *plan,
                        const bt_request_log *log, const bt_schedule *schedules, const bt_look *look,
                        bt_error *error) {
    bt_status status = bt_load_scenario_reset(scenario, plan->part_count, error);
    if (status != BT_OK) return status;
    bt_sum_scenario(scenario, log);
    for (int i = 0; i < plan->part_count && status == BT_OK; i++) {
        describe_part(t, &plan->parts[i], &schedules[i], &scenario->parts[i]);
        status = bt_sum_part(&scenario->parts[i], log, i, look, error);
    }
    if (status == BT_OK) bt_judge_scenario(scenario, sla_of_all(t, plan), t->settings->tolerate_cores);
    return status;
}

/* The longest P95 service time that the config has of sizes up to `batch_size`; NaN where it has none. */
static double batch_p95_of(const bt_config_model *entry, int batch_size) {
    double longest_ms = NAN;
    for (int i = 0; i < entry->point_count; i++)
        if (entry->points[i].batch_size <= batch_size) longest_ms = fmax(longest_ms, entry->points[i].p95_ms);
    return longest_ms;
}

static bt_judge_facts facts_of(const bt_trial *t, int model, const bt_failures *failures) {
    const bt_served_model *served = bt_trial_served(t, model);
    const bt_config_point *lone = bt_config_model_point(served->entry, 1);
    return (bt_judge_facts){
        .p95_sla_ms = bt_trial_sla_ms(t, model),
        .max_queue_delay_ms = served->settings.max_queue_delay_ms,
        .batch_size = t->record->models[model].batch_size,
        .lone_p95_ms = lone ? lone->p95_ms : NAN,
        .batch_p95_ms = batch_p95_of(served->entry, t->record->models[model].batch_size),
        .failover = served->settings.failover,
        .failures = failures,
    };
}

/* What is predicted for the course so far, on the schedules that were sent. */
static bt_status predict_parts(const bt_trial *t, const bt_plan_scenario *plan, const bt_course *course,
                               bt_load_scenario *scenario, bt_error *error) {
    bt_prediction predictions[BT_NAMES_MAX];
    bt_status status = bt_predict(predictions, &t->predict, plan, course->schedules, error);
    for (int i = 0; i < plan->part_count && status == BT_OK; i++) {
        scenario->parts[i].predicted_p50_ms = predictions[i].p50_ms;
        scenario->parts[i].predicted_p95_ms = predictions[i].p95_ms;
        scenario->parts[i].predicted_throughput_rps = predictions[i].throughput_rps;
    }
    return status;
}

/* Takes a segment into the scenario's course, and judges all of that. `disturbed` keeps what was said of the
 * segment. */
static bt_status take_segment(rounds *r, int index, const stage *s, const bt_request_log *log,
                              bt_error *error) {
    bt_trial *t = r->t;
    const bt_plan_scenario *plan = &t->plan.scenarios[index];
    bt_course *course = &r->all[index].course;
    bt_load_scenario *scenario = &t->record->scenarios[index];
    char disturbed[BT_TEXT_SIZE];
    memcpy(disturbed, scenario->disturbed, sizeof disturbed);
    const bt_look look = bt_looks_at(course->looks, plan->lengthen);
    bt_status status = bt_course_add(course, log, s->schedules, plan->part_count, s->plan.duration_ns, error);
    if (status == BT_OK) status = sum_up(t, scenario, plan, &course->log, course->schedules, &look, error);
    if (status == BT_OK) status = predict_parts(t, plan, course, scenario, error);
    if (status != BT_OK) return status;
    if (disturbed[0]) memcpy(scenario->disturbed, disturbed, sizeof disturbed);
    for (int i = 0; i < plan->part_count; i++)
        bt_failures_add(&r->all[index].failures[i], &s->failures[i]);
    scenario->looks = course->looks;
    scenario->duration_s = (double)course->duration_ns / 1e9;
    for (int i = 0; i < scenario->part_count; i++) {
        bt_judge_facts facts = facts_of(t, plan->parts[i].model, &r->all[index].failures[i]);
        bt_judge_part(&scenario->parts[i], scenario, &facts);
    }
    return BT_OK;
}

/* ---- a scenario's turn ---- */

static void let_go(progress *p) {
    close_stage(p->held);
    bt_request_log_close(&p->held_log);
    p->held = NULL;
}

/* Whether a disturbed segment may be sent once more. */
static bool may_repeat(const rounds *r, const bt_load_scenario *scenario, int64_t duration_ns) {
    return scenario->judged && scenario->disturbed[0] && !bt_trial_stopped(r->t) &&
           r->repeated_ns + duration_ns <= REPEAT_SHARE * (double)r->planned_ns;
}

/* Keeps a segment that was disturbed until its turn comes again. */
static void hold(rounds *r, int index, stage *s, bt_request_log *log) {
    bt_trial *t = r->t;
    const bt_load_scenario *scenario = &t->record->scenarios[index];
    r->all[index].held = s;
    r->all[index].held_log = log;
    r->repeated_ns += s->plan.duration_ns;
    t->plan.duration_ns += s->plan.duration_ns; /* the plan has become longer */
    bt_log_write(t->options->log, BT_LOG_WARNING, "%s, %s: %s; once more later",
                 bt_trial_parts_name(t, &s->plan), s->plan.title, scenario->disturbed);
}

/* Sends the next segment and takes it, or, where it was disturbed for the first time, holds it. */
static bt_status run_segment(rounds *r, int index, bool again, bt_error *error) {
    bt_trial *t = r->t;
    const bt_plan_scenario *plan = &t->plan.scenarios[index];
    bt_load_scenario *scenario = &t->record->scenarios[index];
    const int looks = r->all[index].course.looks;
    const bt_look look = bt_looks_at(looks, plan->lengthen);
    bt_request_log *log = NULL;
    stage *s = calloc(1, sizeof *s);
    if (!s) return bt_no_memory(error, "a scenario");
    s->plan = bt_plan_segment(plan, looks);
    bt_status status = open_stage(t, s, error);
    if (status == BT_OK) status = send(t, s, &log, error);
    close_target(t, s, log && log->lost > 0);
    if (status == BT_OK) status = sum_up(t, scenario, plan, log, s->schedules, &look, error);
    scenario->attempts += looks == 0 || again;
    if (status == BT_OK && !again && may_repeat(r, scenario, s->plan.duration_ns)) {
        hold(r, index, s, log);
        return BT_OK;
    }
    if (status == BT_OK) status = take_segment(r, index, s, log, error);
    bt_request_log_close(&log);
    close_stage(s);
    return status;
}

/* Whether others use the cores right now. */
static bool is_busy_now(const bt_trial *t) {
    const bt_busy before = bt_busy_now();
    bt_clock_sleep_until_ns(before.wall_ns + BUSY_LOOK_NS);
    return bt_busy_others_since(&before) > t->settings->tolerate_cores;
}

/* Sends a held segment's like once more, unless the machine is as busy as it was:
 * then what there is counts. */
static bt_status run_again(rounds *r, int index, bt_error *error) {
    progress *p = &r->all[index];
    bt_trial *t = r->t;
    const bool busy = !bt_trial_stopped(t) && is_busy_now(t);
    bt_status status = BT_OK;
    if (!busy && !bt_trial_stopped(t)) {
        let_go(p);
        return run_segment(r, index, true, error);
    }
    r->repeated_ns -= p->held->plan.duration_ns;
    t->done_ns += (double)p->held->plan.duration_ns;
    if (busy)
        bt_log_write(t->options->log, BT_LOG_WARNING, "%s, %s: others still use the cores; not sent again",
                     bt_trial_parts_name(t, &p->held->plan), p->held->plan.title);
    status = take_segment(r, index, p->held, p->held_log, error);
    let_go(p);
    return status;
}

/* Whether a scenario goes on in another round; says so. */
static bool goes_on(rounds *r, int index) {
    bt_trial *t = r->t;
    const bt_plan_scenario *plan = &t->plan.scenarios[index];
    const progress *p = &r->all[index];
    if (p->course.looks >= bt_looks_count(plan->lengthen)) return false;
    if (!bt_judge_undecided(&t->record->scenarios[index])) return false;
    const bt_plan_scenario segment = bt_plan_segment(plan, p->course.looks);
    if (p->course.duration_ns + segment.duration_ns > LONGEST_NS && t->settings->lengthen == 0) return false;
    t->plan.duration_ns += segment.duration_ns;
    bt_log_write(t->options->log, BT_LOG_INFO, "%s, %s: not decided after %.0f s; goes on for %.0f s later",
                 bt_trial_parts_name(t, plan), plan->title, (double)p->course.duration_ns / 1e9,
                 (double)segment.duration_ns / 1e9);
    return true;
}

/* One round: everybody's turn, then the turns of those that were disturbed. Returns through `left` how many
 * go on. */
static bt_status run_round(rounds *r, int *left, bt_error *error) {
    const bt_trial *t = r->t;
    bt_status status = BT_OK;
    for (int i = 0; i < t->plan.scenario_count && status == BT_OK && !bt_trial_stopped(t); i++)
        if (!r->all[i].ended) status = run_segment(r, i, false, error);
    for (int i = 0; i < t->plan.scenario_count && status == BT_OK; i++)
        if (r->all[i].held) status = run_again(r, i, error);
    *left = 0;
    for (int i = 0; i < t->plan.scenario_count && status == BT_OK; i++) {
        progress *p = &r->all[i];
        if (!p->ended) p->ended = bt_trial_stopped(t) || !goes_on(r, i);
        *left += !p->ended;
    }
    return status;
}

/* ---- all of them ---- */

static const char *shape_of(const bt_plan_scenario *plan) {
    return plan->parts[0].clients > 0 ? "closed" : bt_load_shape_name(plan->parts[0].schedule.shape);
}

/* A scenario in the record for each of the plan, as if nothing had been sent. */
static bt_status list_scenarios(bt_trial *t, bt_error *error) {
    for (int i = 0; i < t->plan.scenario_count; i++) {
        const bt_plan_scenario *plan = &t->plan.scenarios[i];
        bt_load_scenario *scenario = bt_load_record_add(t->record, plan->part_count);
        if (!scenario) return bt_no_memory(error, "a scenario");
        snprintf(scenario->name, sizeof scenario->name, "%s", plan->name);
        snprintf(scenario->title, sizeof scenario->title, "%s", plan->title);
        snprintf(scenario->shape, sizeof scenario->shape, "%s", shape_of(plan));
        scenario->judged = plan->judged;
        for (int k = 0; k < plan->part_count; k++) {
            bt_load_part *part = &scenario->parts[k];
            snprintf(part->model, sizeof part->model, "%s", t->names[plan->parts[k].model]);
            snprintf(part->cause, sizeof part->cause, "not run: interrupted before");
        }
    }
    return BT_OK;
}

/* Another model of the scenario whose runs failed, by its title; NULL where there is none. */
static const char *failing_neighbour(const rounds *r, int index, int part) {
    const bt_plan_scenario *plan = &r->t->plan.scenarios[index];
    const bt_load_scenario *scenario = &r->t->record->scenarios[index];
    for (int i = 0; i < plan->part_count; i++) {
        const bt_load_part *other = &scenario->parts[i];
        if (i != part &&
            bt_failures_matter(&r->all[index].failures[i], other->fallback, other->failed + other->lost))
            return r->t->record->models[plan->parts[i].model].title;
    }
    return NULL;
}

/* Where the backend failed requests, no setting of the queue would have helped. */
static bt_status find_remedies(rounds *r, int index, bt_error *error) {
    bt_trial *t = r->t;
    const bt_plan_scenario *plan = &t->plan.scenarios[index];
    const bt_schedule *schedules = r->all[index].course.schedules;
    bt_load_scenario *scenario = &t->record->scenarios[index];
    bt_prediction now[BT_NAMES_MAX];
    if (r->all[index].course.looks == 0) return BT_OK; /* it was never sent */
    bt_status status = bt_predict(now, &t->predict, plan, schedules, error);
    for (int i = 0; i < scenario->part_count && status == BT_OK; i++) {
        bt_load_part *part = &scenario->parts[i];
        bt_judge_facts facts = facts_of(t, plan->parts[i].model, &r->all[index].failures[i]);
        facts.simulated = isfinite(now[i].p95_ms) || now[i].lost > 0;
        facts.simulated_p95_ms = now[i].p95_ms;
        facts.simulated_lost = now[i].lost;
        facts.failing_neighbour = failing_neighbour(r, index, i);
        if (part->verdict == BT_LOAD_BROKEN && part->failed == 0 && part->lost == 0)
            status = bt_predict_remedy(part->remedy, sizeof part->remedy, &t->predict, plan, schedules, i,
                                       facts.p95_sla_ms, error);
        if (status == BT_OK) bt_judge_remedy(part, scenario, &facts);
    }
    return status;
}

bt_status bt_trial_run_scenarios(bt_trial *t, bt_error *error) {
    rounds r = {.t = t, .planned_ns = t->plan.duration_ns};
    r.all = calloc((size_t)t->plan.scenario_count, sizeof *r.all);
    if (!r.all) return bt_no_memory(error, "the scenarios");
    bt_status status = list_scenarios(t, error);
    for (int left = 1; left > 0 && status == BT_OK;)
        status = run_round(&r, &left, error);
    for (int i = 0; i < t->plan.scenario_count && status == BT_OK; i++)
        status = find_remedies(&r, i, error);
    for (int i = 0; i < t->plan.scenario_count; i++) {
        let_go(&r.all[i]);
        bt_course_close(&r.all[i].course);
    }
    free(r.all);
    return status;
}
