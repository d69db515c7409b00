/* The search for a capacity, live: run after run at the rates that capacity-search.h asks for, each of one
 * piece or two, until it knows enough; and what of that goes into the record. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "prove/capacity-search.h"
#include "prove/course.h"
#include "prove/judge.h"
#include "prove/sum.h"
#include "prove/trial-state.h"

/* One search under way. */
typedef struct hunt {
    bt_trial *t;
    const bt_plan_scenario *plan;
    bt_load_scenario *scenario; /* in the record */
    bt_load_capacity found;
    double sla_ms;
    double length_s;         /* of a first piece, where that was asked for; else 0 */
    int64_t left_ns;         /* of what the plan thought it would take */
    bt_remote_stats served;  /* what servers counted in the run under way, while its queue filled, too */
    bt_load_senders senders; /* of the run under way */
    bool kept_held;          /* the record has the figures of a rate that held, */
    double kept_rps;         /* this one */
} hunt;

/* ---- one piece of a run ---- */

/* What is sent in one piece. */
static bt_plan_scenario piece_of(const hunt *h, const bt_capacity_step *step, const bt_capacity_piece *piece,
                                 int look) {
    const int salt[] = {h->found.run_count, look};
    bt_plan_scenario plan = *h->plan;
    bt_plan_part *part = &plan.parts[0];
    plan.warm_ns = (int64_t)(piece->warm_s * 1e9);
    plan.duration_ns = plan.warm_ns + (int64_t)(piece->measured_s * 1e9);
    part->clients = step->purpose == BT_RATE_LONE;
    part->schedule.rate_rps = step->rate_rps;
    part->schedule.duration_ns = plan.duration_ns;
    part->schedule.seed = bt_fnv1a64(part->schedule.seed, salt, sizeof salt);
    return plan;
}

/* What was sent while the queue filled is no part of the run. Where an answer never came, the target may still
 * write to the log: then all of it counts, and the run is broken either way. */
static void leave_out_warm_up(bt_request_log *log, int64_t warm_ns) {
    const int seconds = (int)(warm_ns / BT_NS_PER_S);
    int64_t count = 0;
    if (warm_ns == 0 || log->lost > 0) return;
    for (int64_t i = 0; i < log->count; i++)
        if (log->requests[i].intended_ns >= log->start_ns + warm_ns)
            log->requests[count++] = log->requests[i];
    log->count = count;
    log->start_ns += warm_ns;
    const int left = log->second_count > seconds ? log->second_count - seconds : 0;
    memmove(log->seconds, log->seconds + log->second_count - left, (size_t)left * sizeof *log->seconds);
    log->second_count = left;
}

/* The plan's time for the search is used up, or was too short. */
static void take_time(hunt *h, int64_t duration_ns) {
    const int64_t within_ns = duration_ns < h->left_ns ? duration_ns : h->left_ns;
    h->left_ns -= within_ns;
    h->t->plan.duration_ns += duration_ns - within_ns;
}

/* Sends a piece and adds it to the course; `now` has the course's figures then, or this piece's where it was
 * disturbed. */
static bt_status send_piece(hunt *h, const bt_plan_scenario *plan, const bt_look *look, bt_course *course,
                            bt_load_scenario *now, int64_t *span_ns, bt_error *error) {
    bt_trial_segment *s;
    char disturbed[sizeof now->disturbed];
    take_time(h, plan->duration_ns);
    bt_status status = bt_trial_segment_send(&s, h->t, plan, error);
    if (status == BT_OK) {
        leave_out_warm_up(s->log, plan->warm_ns);
        bt_load_senders_add(&h->senders, &s->senders);
        status = bt_trial_sum_up(h->t, now, plan, s->log, &h->senders, s->schedules, look, error);
    }
    if (status == BT_OK)
        status = bt_course_add(course, s->log, s->schedules, 1, plan->duration_ns - plan->warm_ns, error);
    memcpy(disturbed, now->disturbed, sizeof disturbed);
    if (status == BT_OK && course->looks > 1)
        status = bt_trial_sum_up(h->t, now, plan, &course->log, &h->senders, s->schedules, look, error);
    if (status == BT_OK && disturbed[0]) memcpy(now->disturbed, disturbed, sizeof disturbed);
    if (status == BT_OK) status = bt_trial_predict_parts(h->t, plan, s->schedules, now, error);
    if (status == BT_OK && h->t->remote) {
        bt_remote_stats_add(&h->served, &s->served[0], 1);
        bt_trial_remote_note(&now->parts[0], &h->served);
    }
    if (s && s->log) *span_ns += s->log->end_ns - s->log->start_ns;
    bt_trial_segment_close(&s);
    return status;
}

/* ---- a run ---- */

static int64_t within_sla(const bt_request_log *log, double sla_ms) {
    int64_t within = 0;
    for (int64_t i = 0; i < log->count; i++) {
        const bt_sent_request *request = &log->requests[i];
        within += request->status == BT_OK && request->answered_ns > 0 &&
                  bt_ms(request->answered_ns - request->intended_ns) <= sla_ms;
    }
    return within;
}

/* `span_ns`: of its pieces, each up to its last answer. */
static void sum_up_run(bt_rate_run *run, const bt_load_scenario *now, const bt_course *course,
                       int64_t span_ns, double sla_ms) {
    const bt_load_part *part = &now->parts[0];
    const double span_s = (double)span_ns / 1e9;
    run->duration_s = (double)course->duration_ns / 1e9;
    run->sent = part->sent;
    run->ok = part->ok;
    run->p95_ms = part->latency.p95_ms;
    run->p95_lower_ms = part->latency.p95_lower_ms;
    run->p95_upper_ms = part->latency.p95_upper_ms;
    run->predicted_p95_ms = part->predicted_p95_ms;
    run->throughput_rps = span_s > 0 ? (double)part->ok / span_s : NAN;
    run->goodput_rps = span_s > 0 ? (double)within_sla(&course->log, sla_ms) / span_s : NAN;
    run->mean_batch_size = part->mean_batch_size;
}

static bt_rate_word word_of(const hunt *h, const bt_rate_run *run, const bt_load_scenario *now, int look) {
    if (now->disturbed[0])
        return bt_judge_generator_was_late(now, h->sla_ms) ? BT_RATE_LATE : BT_RATE_DISTURBED;
    return bt_capacity_word(run, h->sla_ms, look);
}

/* The record keeps the figures of the highest rate that held; until one has, of the last. */
static void keep_figures(hunt *h, const bt_rate_run *run, bt_load_scenario *now) {
    const bool held = run->word == BT_RATE_MET && run->purpose == BT_RATE_SEARCH;
    bt_load_scenario *kept = h->scenario;
    if (h->kept_held && !(held && run->rate_rps > h->kept_rps)) return;
    h->kept_held = held;
    h->kept_rps = run->rate_rps;
    const bt_load_scenario given = *now, old = *kept;
    *kept = given;
    *now = old;
    memcpy(kept->name, old.name, sizeof kept->name);
    memcpy(kept->title, old.title, sizeof kept->title);
    memcpy(kept->shape, old.shape, sizeof kept->shape);
    kept->burstiness = old.burstiness;
    kept->ramp_from = old.ramp_from;
    kept->judged = old.judged;
    kept->attempts = 1;
    kept->duration_s = run->duration_s;
}

static void tell_run(const hunt *h, const bt_rate_run *run) {
    char p95[32] = "no answers", rate[32] = "one at a time";
    if (isfinite(run->p95_ms)) bt_text_format(p95, sizeof p95, "P95 %.1f ms", run->p95_ms);
    if (isfinite(run->rate_rps)) bt_text_format(rate, sizeof rate, "%.1f requests/s", run->rate_rps);
    bt_log_write(h->t->options->log, BT_LOG_INFO, "%s, %s: %s %s (%s)", bt_trial_parts_name(h->t, h->plan),
                 h->plan->title, rate, bt_rate_word_text(run->word), p95);
}

/* One run, of one piece or two; it is not kept where the test was stopped meanwhile. */
static bt_status make_run(hunt *h, const bt_capacity_step *step, bt_error *error) {
    bt_rate_run *run = &h->found.runs[h->found.run_count];
    bt_load_scenario now = {0};
    bt_course course = {0};
    int64_t span_ns = 0;
    bt_status status = BT_OK;
    h->served = (bt_remote_stats){0};
    h->senders = (bt_load_senders){0};
    const int looks = step->purpose == BT_RATE_SEARCH ? BT_CAPACITY_LOOKS : 1;
    *run = (bt_rate_run){.purpose = step->purpose, .word = BT_RATE_NOT_SHOWN, .rate_rps = step->rate_rps};
    for (int look = 0; look < looks && run->word == BT_RATE_NOT_SHOWN && status == BT_OK; look++) {
        const bt_capacity_piece piece = bt_capacity_piece_at(look, step->rate_rps, h->sla_ms, h->length_s);
        const bt_plan_scenario plan = piece_of(h, step, &piece, look);
        status = send_piece(h, &plan, &piece.look, &course, &now, &span_ns, error);
        if (status != BT_OK) break;
        sum_up_run(run, &now, &course, span_ns, h->sla_ms);
        run->word = word_of(h, run, &now, look);
        if (bt_trial_stopped(h->t)) break;
    }
    if (status == BT_OK && !bt_trial_stopped(h->t)) {
        tell_run(h, run);
        h->found.run_count++;
        if (step->purpose != BT_RATE_BEYOND) keep_figures(h, run, &now);
    }
    bt_load_scenario_close(&now);
    bt_course_close(&course);
    return status;
}

/* ---- all of it ---- */

static void tell_capacity(const hunt *h) {
    const double error = bt_load_capacity_error(&h->found);
    if (!bt_load_capacity_is_far_off(&h->found)) return;
    bt_log_write(h->t->options->log, BT_LOG_WARNING,
                 "%s: the capacity is %.1f requests/s where %.1f were predicted (%+.0f %%)",
                 bt_trial_parts_name(h->t, h->plan), h->found.estimate_rps, h->found.predicted_rps,
                 100 * error);
}

/* What the service is asked to hold: --rate, or what is recommended. */
static double asked_rps(const hunt *h) {
    const double recommended_rps = h->t->record->models[h->plan->parts[0].model].recommended_rps;
    if (strcmp(h->t->settings->rate, "auto") != 0 && h->t->settings->rate[0])
        return h->plan->parts[0].schedule.rate_rps;
    return recommended_rps > 0 ? recommended_rps : NAN;
}

static double predicted_rps(const hunt *h) {
    const bool poisson = h->plan->parts[0].schedule.shape == BT_SHAPE_POISSON;
    return poisson ? h->t->record->models[h->plan->parts[0].model].capacity_rps : NAN;
}

bt_status bt_trial_find_capacity(bt_trial *t, const bt_plan_scenario *plan, bt_load_scenario *scenario,
                                 bt_error *error) {
    hunt h = {.t = t,
              .plan = plan,
              .scenario = scenario,
              .sla_ms = bt_trial_sla_ms(t, plan->parts[0].model),
              .length_s = bt_capacity_first_length_s((double)t->settings->duration_ns / 1e9),
              .left_ns = plan->duration_ns};
    bt_status status = BT_OK;
    bt_load_capacity_empty(&h.found);
    h.found.predicted_rps = predicted_rps(&h);
    h.found.asked_rps = asked_rps(&h);
    while (status == BT_OK && !bt_trial_stopped(t)) {
        const bt_capacity_step step = bt_capacity_next(&h.found, h.sla_ms, plan->parts[0].schedule.rate_rps);
        if (step.done) break;
        status = make_run(&h, &step, error);
    }
    t->done_ns += (double)h.left_ns;
    if (status != BT_OK || h.found.run_count == 0) return status;
    bt_capacity_sum_up(&h.found, h.sla_ms);
    tell_capacity(&h);
    scenario->disturbed[0] = '\0'; /* of a run, which is told there */
    scenario->looks = 1;
    scenario->judged = isfinite(h.found.asked_rps);
    scenario->parts[0].capacity = h.found;
    bt_judge_capacity(&scenario->parts[0]);
    return BT_OK;
}
