/* A trial in order: what is asked for is checked, the service started, the plan made; then the paths are
 * compared and the scenarios sent, and the record is judged. */
#include "prove/trial-state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/busy.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/program.h"
#include "base/text.h"
#include "measure/quantile.h"
#include "prove/judge.h"
#include "settings/model-names.h"

/* ---- what is asked for ---- */

static bt_status choose_models(bt_trial *t, bt_error *error) {
    const bt_names *asked = &t->settings->models;
    const bt_config *config = t->options->config;
    if (asked->count == 0 && !config) { /* servers are asked what they have, later */
        t->names[t->model_count++] = "any";
        return BT_OK;
    }
    t->model_count = asked->count > 0 ? asked->count : config->model_count;
    if (t->model_count > BT_NAMES_MAX || t->model_count < 1)
        return bt_fail(error, BT_INVALID, "a test has 1 to %d models, the config has %d", BT_NAMES_MAX,
                       t->model_count);
    for (int i = 0; i < t->model_count; i++)
        t->names[i] = asked->count > 0 ? asked->names[i] : config->models[i].name;
    return BT_OK;
}

/* ---- before anything is sent ---- */

static bt_status make_plan(bt_trial *t, bt_error *error) {
    bt_plan_model models[BT_NAMES_MAX];
    for (int i = 0; i < t->model_count; i++) {
        const bt_load_model *m = &t->record->models[i];
        int64_t batch_ns = t->models[i].batch_ns;
        double by_times = batch_ns > 0 ? m->batch_size / ((double)batch_ns / 1e9) : 1000;
        models[i] = (bt_plan_model){
            .name = t->names[i],
            .batch_size = m->batch_size,
            .instances = m->instances,
            .batch_ns = batch_ns,
            .lone_ns = t->models[i].lone_ns,
            .recommended_rps = m->recommended_rps,
            .throughput_rps = m->production_img_per_sec > 0 ? m->production_img_per_sec : by_times,
            .largest_spike = m->largest_spike,
        };
    }
    return bt_plan_make(&t->plan, t->settings, models, t->model_count, t->busy, error);
}

static void set_predictor(bt_trial *t) {
    t->predict = (bt_predict_options){
        .models = t->predict_models,
        .model_count = t->model_count,
        .instances = t->instances,
        .instance_count = t->instance_count,
        .timeout_ns = (int64_t)(t->settings->service.timeout_ms * BT_NS_PER_MS),
        .seed = (uint64_t)t->settings->seed,
    };
}

/* ---- all of it ---- */

static bt_status start_service(bt_trial *t, bt_error *error) {
    bt_log_progress(t->options->log, bt_clock_now_ns(), 0, "starting the service: loading and warming up");
    bt_status status = bt_serving_open(&t->service, t->options->config, t->names, t->model_count,
                                       &t->settings->service, t->options->sources, t->options->log, error);
    bt_program_waits(true); /* nothing was measured yet */
    if (status == BT_OK) status = bt_service_start(t->service, error);
    bt_program_waits(false);
    return status;
}

static bt_status prepare(bt_trial *t, bt_error *error) {
    const bool remote = t->settings->endpoint[0] != '\0';
    bt_status status = remote ? bt_trial_remote_open(t, error) : choose_models(t, error);
    if (status == BT_OK) status = bt_trial_read_images(t, error);
    if (status == BT_OK && !remote) status = start_service(t, error);
    if (status == BT_OK) status = bt_trial_open_record(t, error);
    if (status != BT_OK) return status;
    if (t->record->machine_differs[0])
        bt_log_write(t->options->log, BT_LOG_WARNING, "the config was measured on another machine: %s",
                     t->record->machine_differs);
    set_predictor(t);
    return make_plan(t, error); /* before anything is timed: it may refuse */
}

/* Every name of a setting by models is of one that is tested. */
static bt_status check_names(const bt_trial *t, bt_error *error) {
    const bt_service_settings *s = &t->settings->service;
    return bt_model_names_check(t->names, t->model_count, s->weights, s->model_file, BT_LABEL_FLAGS, error);
}

/* Of models of which nothing is known yet. */
bt_status bt_trial_check(const bt_load_settings *settings, const bt_option_sources *sources,
                         const bt_config *config, bt_error *error) {
    const bt_trial_options options = {.settings = settings, .config = config};
    const bool remote = settings->endpoint[0] != '\0';
    if (remote && bt_trial_remote_check(settings, sources, error) != BT_OK) return BT_INVALID;
    if (settings->trace[0] && bt_file_check_regular(settings->trace, error) != BT_OK) /* read test by test */
        return bt_fail_at(error, BT_IO, "--trace");
    bt_trial *t = calloc(1, sizeof *t);
    if (!t) return bt_no_memory(error, "a test");
    bt_plan_model models[BT_NAMES_MAX];
    t->options = &options;
    t->settings = settings;
    bt_status status = choose_models(t, error);
    if (status == BT_OK) status = check_names(t, error);
    for (int i = 0; i < t->model_count && status == BT_OK; i++) {
        models[i] = (bt_plan_model){.name = t->names[i],
                                    .batch_size = 1,
                                    .instances = 1,
                                    .recommended_rps = NAN,
                                    .throughput_rps = 1};
        if (!remote && !bt_config_find(config, t->names[i]))
            status = bt_config_fail_model(config, t->names[i], error);
    }
    if (status == BT_OK) status = bt_plan_make(&t->plan, settings, models, t->model_count, true, error);
    free(t);
    return status;
}

/* ---- what people are told ---- */

/* What no length that is allowed can decide. */
static void warn_of_short(const bt_trial *t, const bt_plan_scenario *plan) {
    const double seconds = (double)plan->duration_ns / 1e9;
    char least[BT_NUMBER_TEXT_SIZE];
    if (!plan->judged || !(plan->least_s > plan->lengthen * seconds)) return;
    bt_text_seconds(plan->least_s, least);
    bt_log_write(
        t->options->log, BT_LOG_WARNING,
        "%s, %s: about %.0f requests in %g s; P95 has a bound from %d on, after about %s, so it cannot "
        "be shown to be met: give a longer --duration",
        bt_trial_parts_name(t, plan), plan->title, plan->requests, seconds, BT_P95_BOUND_SAMPLES, least);
}

static void announce_plan(const bt_trial *t) {
    char all[BT_NUMBER_TEXT_SIZE];
    bool goes_on = false;
    for (int i = 0; i < t->plan.scenario_count; i++) {
        warn_of_short(t, &t->plan.scenarios[i]);
        goes_on = goes_on || t->plan.scenarios[i].lengthen > 1;
    }
    bt_text_seconds((double)(t->plan.duration_ns + t->compare_ns) / 1e9, all);
    bt_log_write(t->options->log, BT_LOG_INFO, "plan: %d %s, about %s%s", t->plan.scenario_count,
                 t->plan.scenario_count == 1 ? "scenario" : "scenarios", all,
                 goes_on ? "; one that is not decided then goes on" : "");
}

/* Whether others were at work while the paths were compared. */
static void find_busy(bt_trial *t, const bt_busy *before) {
    const double others = bt_busy_others_since(before);
    t->busy = others > t->settings->tolerate_cores;
    if (t->busy)
        bt_log_write(
            t->options->log, BT_LOG_WARNING,
            "other programs use %.2f cores: while they do, nothing can be shown; scenarios are kept short",
            others);
}

/* What a quota did, beside the verdicts that it is part of. */
static void warn_of_quota(const bt_trial *t) {
    bt_throttling all = {0};
    char words[BT_THROTTLING_WORDS_SIZE];
    for (int i = 0; i < t->record->scenario_count; i++)
        bt_throttling_add(&all, &t->record->scenarios[i].throttling);
    if (!bt_throttling_matters(&all)) return;
    bt_throttling_words(&all, words);
    bt_log_write(t->options->log, BT_LOG_WARNING,
                 "%s while requests were sent: the verdicts hold for a service under this quota", words);
}

static bt_status run_all(bt_trial *t, bt_error *error) {
    int64_t start_ns = bt_clock_now_ns();
    bt_status status = BT_OK;
    t->compare_ns = bt_trial_compare_ns(t);
    announce_plan(t);
    const bt_busy before = bt_busy_now();
    for (int i = 0; i < t->model_count && status == BT_OK && !bt_trial_stopped(t); i++)
        status = bt_trial_compare_paths(t, i, error);
    find_busy(t, &before);
    if (status == BT_OK)
        status = make_plan(t, error); /* once more: now a throughput is known where nothing was */
    if (status == BT_OK) status = bt_trial_run_scenarios(t, error);
    warn_of_quota(t);
    bt_trial_note_memory(t);
    t->record->testing_s = (double)(bt_clock_now_ns() - start_ns) / 1e9;
    bt_clock_utc(t->record->finished_at);
    bt_log_progress(t->options->log, bt_clock_now_ns(), 1, "done");
    return status;
}

void bt_trial_release(bt_trial *t) {
    bt_service_close(&t->service);
    bt_trial_remote_close(t);
    for (int i = 0; i < BT_INPUTS_MAX && !t->lost; i++)
        bt_picture_close(&t->pictures[i]);
    free(t);
}

bt_status bt_trial_run(bt_load_record **out, const bt_trial_options *options, bt_error *error) {
    *out = NULL;
    bt_trial *t = calloc(1, sizeof *t);
    if (!t) return bt_no_memory(error, "a test");
    t->options = options;
    t->settings = options->settings;
    bt_status status = prepare(t, error);
    if (status == BT_OK) status = run_all(t, error);
    if (status == BT_OK) {
        bt_judge_record(t->record, bt_trial_stopped(t));
        *out = t->record;
    } else {
        bt_load_record_close(&t->record);
    }
    bt_trial_release(t);
    return status;
}
