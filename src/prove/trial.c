#include "prove/trial-state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cuda.h"
#include "base/busy.h"
#include "base/clock.h"
#include "base/command.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/program.h"
#include "base/text.h"
#include "base/version.h"
#include "measure/quantile.h"
#include "networks/model.h"
#include "prove/judge.h"
#include "settings/by-model.h"
#include "settings/weights.h"

#define COMPARE_ROUNDS 3
#define COMPARE_NS     (1500 * BT_NS_PER_MS) /* of each path in each round */
#define COMPARE_RUNS   200                   /* at most, of each path in each round */

/* ---- what is asked for ---- */

static bt_status choose_models(bt_trial *t, bt_error *error) {
    const bt_names *asked = &t->settings->models;
    const bt_config *config = t->options->config;
    t->model_count = asked->count > 0 ? asked->count : config->model_count;
    if (t->model_count > BT_NAMES_MAX || t->model_count < 1)
        return bt_fail(error, BT_INVALID, "a test has 1 to %d models, the config has %d", BT_NAMES_MAX,
                       t->model_count);
    for (int i = 0; i < t->model_count; i++)
        t->names[i] = asked->count > 0 ? asked->names[i] : config->models[i].name;
    return BT_OK;
}

/* ---- the two paths side by side ---- */

static double images_per_second(const bt_request_log *log, double *sum_ms, int64_t *count) {
    int64_t ok = 0, first_ns = INT64_MAX, last_ns = 0;
    for (int64_t i = 0; i < log->count; i++) {
        const bt_sent_request *request = &log->requests[i];
        if (request->status != BT_OK) continue;
        ok++;
        *sum_ms += bt_ms(request->answered_ns - request->sent_ns);
        if (request->sent_ns < first_ns) first_ns = request->sent_ns;
        if (request->answered_ns > last_ns) last_ns = request->answered_ns;
    }
    *count += ok;
    return ok > 0 && last_ns > first_ns ? (double)ok / ((double)(last_ns - first_ns) / 1e9) : NAN;
}

/* A closed loop on one path for a while: images a second. */
static bt_status time_path(bt_trial *t, int model, bool standard, int clients, double *rate, double *sum_ms,
                           int64_t *count, bt_error *error) {
    double weights[BT_INPUTS_MAX];
    bt_service_stream stream = bt_trial_inputs(t, model, weights);
    bt_service_target *target;
    bt_request_log *log = NULL;
    char what[96];
    stream.standard_path = standard;
    bt_status status = bt_service_target_open(&target, t->service, &stream, 1, clients, 1, error);
    if (status != BT_OK) return status;
    snprintf(what, sizeof what, "%s, %s path", t->names[model], standard ? "standard" : "production");
    bt_trial_live l = bt_trial_go_live(t, what, COMPARE_NS);
    const bt_stream load_stream = {.clients = clients,
                                   .clients_count = COMPARE_RUNS * (int64_t)clients,
                                   .weights = weights,
                                   .input_count = stream.input_count};
    const bt_load_options load = {.target = bt_service_target_of(target),
                                  .streams = &load_stream,
                                  .stream_count = 1,
                                  .duration_ns = COMPARE_NS,
                                  .drain_ns = BT_TRIAL_DRAIN_NS,
                                  .seed = (uint64_t)t->settings->seed,
                                  .progress = bt_trial_tell,
                                  .progress_context = &l,
                                  .stop = t->options->stop};
    status = bt_load_run(&log, &load, error);
    if (status == BT_OK) *rate = images_per_second(log, sum_ms, count);
    bool lost = log && log->lost > 0;
    bt_request_log_close(&log);
    if (!lost) bt_service_target_close(&target); /* else late answers still need it */
    t->lost = t->lost || lost;
    return status;
}

static double median_of(double *values, int count) {
    for (int i = 1; i < count; i++)
        for (int j = i; j > 0 && values[j] < values[j - 1]; j--) {
            double moved = values[j];
            values[j] = values[j - 1];
            values[j - 1] = moved;
        }
    return values[count / 2];
}

/* The standard path, one image at a time, against the production path with its batches full: in turns, so
 * that the machine's moods hit both. */
static bt_status compare_paths(bt_trial *t, int model, bt_error *error) {
    bt_load_model *out = &t->record->models[model];
    const bt_service_settings *s = &bt_trial_served(t, model)->settings;
    int most = (int)s->max_queue_size, clients = 2 * (int)s->batch_size * out->instances;
    double standard[COMPARE_ROUNDS], production[COMPARE_ROUNDS], standard_ms = 0, ignored = 0;
    int64_t standard_count = 0, ignored_count = 0;
    if (clients > most) clients = most;
    for (int round = 0; round < COMPARE_ROUNDS; round++) {
        if (bt_trial_stopped(t)) return BT_OK;
        bt_status status =
            time_path(t, model, true, 1, &standard[round], &standard_ms, &standard_count, error);
        if (status == BT_OK)
            status = time_path(t, model, false, clients, &production[round], &ignored, &ignored_count, error);
        if (status != BT_OK) return status;
    }
    out->standard_img_per_sec = median_of(standard, COMPARE_ROUNDS);
    out->production_img_per_sec = median_of(production, COMPARE_ROUNDS);
    out->speedup = out->production_img_per_sec / out->standard_img_per_sec;
    out->standard_p50_ms = standard_count > 0 ? standard_ms / (double)standard_count : NAN;
    return BT_OK;
}

/* ---- what is known before anything is sent ---- */

static bt_status describe_model(bt_trial *t, int model, bt_error *error) {
    bt_load_model *out = &t->record->models[model];
    const bt_served_model *s = bt_trial_served(t, model);
    const bt_session_info *session = bt_serving_session(t->service, model);
    const bt_ladder *ladder = &bt_serving_batcher(t->service, model)->ladder;
    bt_model described;
    snprintf(out->model, sizeof out->model, "%s", t->names[model]);
    const bool known = bt_model_describe(&described, t->names[model], s->settings.model_file, error) == BT_OK;
    snprintf(out->title, sizeof out->title, "%s", known ? described.title : t->names[model]);
    snprintf(out->device, sizeof out->device, "%s", session->device);
    snprintf(out->backend, sizeof out->backend, "%s", session->backend);
    snprintf(out->precision, sizeof out->precision, "%s", session->precision);
    snprintf(out->weights, sizeof out->weights, "%s", session->weights);
    out->weights_changed = bt_served_model_has_changed(s, session->weights_hash);
    out->image_size = (int)s->settings.image_size;
    out->batch_size = (int)s->settings.batch_size;
    out->instances = s->placement.count;
    out->threads = session->threads;
    for (int i = 0; i < ladder->size_count && i < BT_SIZES_MAX; i++)
        out->ladder[out->ladder_count++] = ladder->sizes[i];
    out->p95_sla_ms = s->settings.p95_sla_ms;
    out->max_queue_delay_ms = s->settings.max_queue_delay_ms;
    out->max_queue_size = (int)s->settings.max_queue_size;
    out->config_meets_sla = s->entry->meets_sla;
    out->tuned_here = t->record->machine_differs[0] == '\0' && s->entry->measured && !s->entry->edited &&
                      out->batch_size == s->entry->optimal_batch_size;
    out->start_s = bt_serving_start_seconds(t->service, model);
    return BT_OK;
}

/* Capacity at these settings; unknown where the config has no times that hold for them. */
static bt_status predict_capacity(bt_trial *t, int model, bt_error *error) {
    bt_load_model *out = &t->record->models[model];
    const bt_served_model *s = bt_trial_served(t, model);
    bt_tuned_model tuned;
    bt_capacity capacity;
    bool same = strcmp(s->settings.backend, s->entry->settings.backend) == 0;
    t->predict_models[model] =
        (bt_predict_model){.config = s->entry, .batcher = *bt_serving_batcher(t->service, model)};
    if (!same) return BT_OK;
    bt_status status = bt_tuned_model_open(&tuned, s->entry, out->batch_size, error);
    if (status != BT_OK) return status == BT_INVALID ? BT_OK : status;
    bt_ladder ladder = tuned.batcher.ladder;
    tuned.batcher = *bt_serving_batcher(t->service, model);
    tuned.batcher.ladder = ladder;
    status = bt_capacity_find(&capacity, &tuned, out->instances, s->settings.p95_sla_ms,
                              (uint64_t)t->settings->seed, error);
    bt_tuned_model_close(&tuned);
    if (status != BT_OK) return status;
    out->capacity_rps = capacity.capacity_rps;
    out->recommended_rps = capacity.recommended_rps;
    out->largest_spike = capacity.largest_spike;
    return BT_OK;
}

static bt_status make_plan(bt_trial *t, bt_error *error) {
    bt_plan_model models[BT_NAMES_MAX];
    for (int i = 0; i < t->model_count; i++) {
        const bt_load_model *m = &t->record->models[i];
        const bt_ladder *ladder = &bt_serving_batcher(t->service, i)->ladder;
        int64_t batch_ns = ladder->cost_ns[m->batch_size];
        double by_times = batch_ns > 0 ? m->batch_size / ((double)batch_ns / 1e9) : 1000;
        models[i] = (bt_plan_model){
            .name = t->names[i],
            .batch_size = m->batch_size,
            .instances = m->instances,
            .batch_ns = batch_ns,
            .lone_ns = ladder->cost_ns[1],
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
        .instance_count = bt_serving_instances(t->service, t->instances),
        .timeout_ns = (int64_t)(t->settings->service.timeout_ms * BT_NS_PER_MS),
        .seed = (uint64_t)t->settings->seed,
    };
}

static void fill_record(bt_trial *t) {
    bt_load_record *r = t->record;
    const bt_config *config = t->options->config;
    snprintf(r->run_id, sizeof r->run_id, "%s", t->options->run_id);
    snprintf(r->command, sizeof r->command, "%s", t->options->command);
    snprintf(r->config_path, sizeof r->config_path, "%s", t->settings->config);
    snprintf(r->config_run_id, sizeof r->config_run_id, "%s", config->run_id);
    snprintf(r->config_generated_at, sizeof r->config_generated_at, "%s", config->generated_at);
    bool simulated = bt_backend_simulates(bt_trial_served(t, 0)->settings.backend);
    snprintf(r->workload, sizeof r->workload, "%s",
             simulated ? "simulated" : bt_trial_served(t, 0)->entry->workload);
    bt_trial_describe_images(t, r->images);
    bt_clock_utc(r->started_at);
    r->machine = *t->options->machine;
    r->settings = *t->settings;
    r->sources = *t->options->sources;
    if (r->settings.service.p95_sla_ms == 0) r->settings.service.p95_sla_ms = bt_trial_sla_ms(t, 0);
    if (!simulated && config->machine.fingerprint[0])
        (void)bt_machine_differences(&config->machine, &r->machine, r->machine_differs,
                                     sizeof r->machine_differs);
    snprintf(r->subject.tool_version, sizeof r->subject.tool_version, "%s", bt_version());
    snprintf(r->subject.revision, sizeof r->subject.revision, "%s", bt_revision());
    snprintf(r->subject.runtime, sizeof r->subject.runtime, "%s", bt_serving_session(t->service, 0)->backend);
    snprintf(r->subject.runtime_detail, sizeof r->subject.runtime_detail, "%s",
             bt_serving_session(t->service, 0)->backend_detail);
    bt_gpu_driver_read(r->subject.gpu_driver, sizeof r->subject.gpu_driver);
    bt_cuda_fill_driver(r->subject.gpu_driver, sizeof r->subject.gpu_driver);
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
    bt_status status = choose_models(t, error);
    if (status == BT_OK) status = bt_trial_read_images(t, error);
    if (status == BT_OK) status = start_service(t, error);
    if (status == BT_OK) status = bt_load_record_open(&t->record, t->model_count, error);
    if (status != BT_OK) return status;
    fill_record(t);
    if (t->record->machine_differs[0])
        bt_log_write(t->options->log, BT_LOG_WARNING, "the config was measured on another machine: %s",
                     t->record->machine_differs);
    for (int i = 0; i < t->model_count && status == BT_OK; i++) {
        status = describe_model(t, i, error);
        if (status == BT_OK) status = predict_capacity(t, i, error);
    }
    set_predictor(t);
    return status == BT_OK ? make_plan(t, error) : status; /* before anything is timed: it may refuse */
}

/* Every name of a setting by models is of one that is tested. */
static bt_status check_names(const bt_trial *t, bt_error *error) {
    const bt_service_settings *s = &t->settings->service;
    bt_status status = bt_weights_check_names(s->weights, t->names, t->model_count, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--weights");
    status = bt_by_model_check_names(s->model_file, t->names, t->model_count, error);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "--model-file");
}

/* Of models of which nothing is known yet. */
bt_status bt_trial_check(const bt_load_settings *settings, const bt_config *config, bt_error *error) {
    const bt_trial_options options = {.settings = settings, .config = config};
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
        if (!bt_config_find(config, t->names[i]))
            status = bt_served_model_unknown(config, t->names[i], error);
    }
    if (status == BT_OK) status = bt_plan_make(&t->plan, settings, models, t->model_count, true, error);
    free(t);
    return status;
}

/* ---- what is said before ---- */

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

static void say_plan(const bt_trial *t) {
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

/* Memory after everything has run: the peak stands. */
static void note_memory(bt_trial *t) {
    for (int i = 0; i < t->model_count; i++) {
        bt_load_model *out = &t->record->models[i];
        bt_metrics metrics;
        bt_error ignored;
        if (bt_service_metrics(t->service, t->names[i], &metrics, &ignored) != BT_OK) continue;
        bool device = metrics.instances[0].device_memory_bytes > 0;
        int64_t bytes = device ? metrics.instances[0].device_memory_bytes : metrics.process_memory_peak_bytes;
        out->memory_mb = (double)bytes / (1024.0 * 1024.0);
        snprintf(out->memory_kind, sizeof out->memory_kind, "%s", device ? "device" : "process");
    }
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
    t->compare_ns = (int64_t)t->model_count * COMPARE_ROUNDS * 2 * COMPARE_NS;
    say_plan(t);
    const bt_busy before = bt_busy_now();
    for (int i = 0; i < t->model_count && status == BT_OK && !bt_trial_stopped(t); i++)
        status = compare_paths(t, i, error);
    find_busy(t, &before);
    if (status == BT_OK)
        status = make_plan(t, error); /* once more: now a throughput is known where nothing was */
    if (status == BT_OK) status = bt_trial_run_scenarios(t, error);
    warn_of_quota(t);
    note_memory(t);
    t->record->testing_s = (double)(bt_clock_now_ns() - start_ns) / 1e9;
    bt_clock_utc(t->record->finished_at);
    bt_log_progress(t->options->log, bt_clock_now_ns(), 1, "done");
    return status;
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
    bt_service_close(&t->service);
    for (int i = 0; i < BT_INPUTS_MAX && !t->lost; i++)
        bt_picture_close(&t->pictures[i]);
    free(t);
    return status;
}
