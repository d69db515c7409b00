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

/* How long one scenario may become, unless more was asked for. Raised, scenarios near their SLA make a test
 * last longer; lowered, more of them stay undecided. */
#define LONGEST_NS (4 * 60 * BT_NS_PER_S)

/* How long the machine is watched before a disturbed scenario is sent again. Raised, each repetition begins
 * that much later; lowered, a program that works in bursts is taken to have ended. */
#define BUSY_WATCH_NS (500 * BT_NS_PER_MS)

/* How much of the plan's time repetitions may take. Raised, a test on a busy machine takes up to so much
 * longer; lowered, more of its scenarios stay disturbed. */
#define REPEAT_SHARE 0.5

/* A scenario and how far it is; same index in the plan, in the record and here. */
typedef struct progress {
    bt_course course;
    bt_failures failures[BT_NAMES_MAX];   /* of the course's parts */
    bt_remote_stats served[BT_NAMES_MAX]; /* likewise: what servers counted */
    bt_load_senders senders;              /* of the course */
    bool ended;
    bt_trial_segment *held; /* was disturbed: comes again in this round, or counts for want of a better */
} progress;

typedef struct rounds {
    bt_trial *t;
    progress *all;
    int64_t planned_ns, repeated_ns;
} rounds;

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
    part->rate_rps = bt_plan_asked_rps(plan);
    if (isnan(part->rate_rps))
        part->rate_rps = (double)schedule->count / ((double)schedule->duration_ns / 1e9);
}

bt_status bt_trial_sum_up(const bt_trial *t, bt_load_scenario *scenario, const bt_plan_scenario *plan,
                          const bt_request_log *log, const bt_load_senders *senders,
                          const bt_schedule *schedules, const bt_look *look, bt_error *error) {
    bt_status status = bt_load_scenario_reset(scenario, plan->part_count, error);
    if (status != BT_OK) return status;
    scenario->senders = *senders;
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
    const bt_load_model *m = &t->record->models[model];
    const bt_config_model *entry = t->models[model].entry;
    const bt_config_point *lone = entry ? bt_config_model_point(entry, 1) : NULL;
    return (bt_judge_facts){
        .p95_sla_ms = m->p95_sla_ms,
        .max_queue_delay_ms = m->max_queue_delay_ms,
        .batch_size = m->batch_size,
        .lone_p95_ms = lone ? lone->p95_ms : NAN,
        .batch_p95_ms = entry ? batch_p95_of(entry, m->batch_size) : NAN,
        .failover = t->models[model].failover,
        .failures = failures,
        .remote = t->remote != NULL,
    };
}

bt_status bt_trial_predict_parts(const bt_trial *t, const bt_plan_scenario *plan,
                                 const bt_schedule *schedules, bt_load_scenario *scenario, bt_error *error) {
    bt_prediction predictions[BT_NAMES_MAX];
    bt_status status = bt_predict(predictions, &t->predict, plan, schedules, error);
    for (int i = 0; i < plan->part_count && status == BT_OK; i++)
        bt_prediction_note(&predictions[i], &scenario->parts[i]);
    return status;
}

/* Takes a segment into the scenario's course, and judges all of that. `disturbed` keeps what was said of the
 * segment. The first one is the course: it was summed up when it was sent, and its figures stand. */
static bt_status take_segment(rounds *r, int index, const bt_trial_segment *s, bt_error *error) {
    bt_trial *t = r->t;
    const bt_plan_scenario *plan = &t->plan.scenarios[index];
    bt_course *course = &r->all[index].course;
    bt_load_scenario *scenario = &t->record->scenarios[index];
    char disturbed[BT_TEXT_SIZE];
    memcpy(disturbed, scenario->disturbed, sizeof disturbed);
    const bool first = course->looks == 0;
    const bt_look look = bt_looks_at(course->looks, plan->lengthen);
    bt_status status =
        bt_course_add(course, s->log, s->schedules, plan->part_count, s->plan.duration_ns, error);
    bt_load_senders_add(&r->all[index].senders, &s->senders);
    if (status == BT_OK && !first)
        status = bt_trial_sum_up(t, scenario, plan, &course->log, &r->all[index].senders, course->schedules,
                                 &look, error);
    if (status == BT_OK) status = bt_trial_predict_parts(t, plan, course->schedules, scenario, error);
    if (status != BT_OK) return status;
    if (disturbed[0]) memcpy(scenario->disturbed, disturbed, sizeof disturbed);
    for (int i = 0; i < plan->part_count; i++) {
        bt_failures_add(&r->all[index].failures[i], &s->failures[i]);
        bt_remote_stats_add(&r->all[index].served[i], &s->served[i], 1);
        if (t->remote) bt_trial_remote_note(&scenario->parts[i], &r->all[index].served[i]);
    }
    scenario->looks = course->looks;
    scenario->duration_s = (double)course->duration_ns / 1e9;
    for (int i = 0; i < scenario->part_count; i++) {
        bt_judge_facts facts = facts_of(t, plan->parts[i].model, &r->all[index].failures[i]);
        bt_judge_part(&scenario->parts[i], scenario, &facts);
    }
    return BT_OK;
}

/* ---- a scenario's turn ---- */

/* Whether a disturbed segment may be sent once more. What went with a sender is not made good by another try: it
 * stays told. */
static bool may_repeat(const rounds *r, const bt_load_scenario *scenario, int64_t duration_ns) {
    return scenario->judged && scenario->disturbed[0] && !bt_trial_stopped(r->t) &&
           bt_load_senders_unsent(&scenario->senders) == 0 &&
           r->repeated_ns + duration_ns <= REPEAT_SHARE * (double)r->planned_ns;
}

/* Keeps a segment that was disturbed until its turn comes again. */
static void hold(rounds *r, int index, bt_trial_segment *s) {
    bt_trial *t = r->t;
    const bt_load_scenario *scenario = &t->record->scenarios[index];
    r->all[index].held = s;
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
    const bt_plan_scenario segment = bt_plan_segment(plan, looks);
    bt_trial_segment *s;
    bt_status status = bt_trial_segment_send(&s, t, &segment, error);
    if (status == BT_OK)
        status = bt_trial_sum_up(t, scenario, plan, s->log, &s->senders, s->schedules, &look, error);
    scenario->attempts += looks == 0 || again;
    if (status == BT_OK && !again && may_repeat(r, scenario, segment.duration_ns)) {
        hold(r, index, s);
        return BT_OK;
    }
    if (status == BT_OK) status = take_segment(r, index, s, error);
    bt_trial_segment_close(&s);
    return status;
}

/* Whether others use the cores right now. */
static bool is_busy_now(const bt_trial *t) {
    const bt_busy before = bt_busy_now();
    bt_clock_sleep_until_ns(before.wall_ns + BUSY_WATCH_NS);
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
        bt_trial_segment_close(&p->held);
        return run_segment(r, index, true, error);
    }
    r->repeated_ns -= p->held->plan.duration_ns;
    t->done_ns += (double)p->held->plan.duration_ns;
    if (busy)
        bt_log_write(t->options->log, BT_LOG_WARNING, "%s, %s: others still use the cores; not sent again",
                     bt_trial_parts_name(t, &p->held->plan), p->held->plan.title);
    status = take_segment(r, index, p->held, error);
    bt_trial_segment_close(&p->held);
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
        if (t->plan.scenarios[i].searches && !r->all[i].ended)
            status = bt_trial_find_capacity(r->t, &t->plan.scenarios[i], &t->record->scenarios[i], error);
        else if (!r->all[i].ended)
            status = run_segment(r, i, false, error);
    for (int i = 0; i < t->plan.scenario_count && status == BT_OK; i++)
        if (r->all[i].held) status = run_again(r, i, error);
    *left = 0;
    for (int i = 0; i < t->plan.scenario_count && status == BT_OK; i++) {
        progress *p = &r->all[i];
        if (!p->ended) p->ended = t->plan.scenarios[i].searches || bt_trial_stopped(t) || !goes_on(r, i);
        *left += !p->ended;
    }
    return status;
}

/* ---- all of them ---- */

/* All parts' arrivals are alike. */
static void describe_arrivals(const bt_plan_scenario *plan, bt_load_scenario *scenario) {
    const bt_plan_part *part = &plan->parts[0];
    const bt_schedule_options *s = &part->schedule;
    snprintf(scenario->shape, sizeof scenario->shape, "%s",
             part->clients > 0 ? "closed" : bt_load_shape_name(s->shape));
    if (s->shape == BT_SHAPE_GAMMA) scenario->burstiness = s->burstiness;
    if (s->shape == BT_SHAPE_RAMP) scenario->ramp_from = s->rate_rps / s->end_rate_rps;
}

/* A scenario in the record for each of the plan, as if nothing had been sent. */
static bt_status list_scenarios(bt_trial *t, bt_error *error) {
    for (int i = 0; i < t->plan.scenario_count; i++) {
        const bt_plan_scenario *plan = &t->plan.scenarios[i];
        bt_load_scenario *scenario = bt_load_record_add(t->record, plan->part_count);
        if (!scenario) return bt_no_memory(error, "a scenario");
        snprintf(scenario->name, sizeof scenario->name, "%s", plan->name);
        snprintf(scenario->title, sizeof scenario->title, "%s", plan->title);
        describe_arrivals(plan, scenario);
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
        if (part->verdict == BT_LOAD_BROKEN && part->failed == 0 && part->lost == 0 && !t->remote)
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
        bt_trial_segment_close(&r.all[i].held);
        bt_course_close(&r.all[i].course);
    }
    free(r.all);
    return status;
}
