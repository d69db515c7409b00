#include "tune/optimize.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/cuda.h"
#include "base/clock.h"
#include "base/cores.h"
#include "base/files.h"
#include "base/text.h"
#include "base/version.h"
#include "image/folder.h"
#include "networks/model.h"
#include "networks/network.h"
#include "networks/weights.h"
#include "settings/by-model.h"
#include "settings/model-file.h"
#include "settings/placement.h"
#include "settings/weights-source.h"
#include "settings/weights.h"
#include "tune/bench.h"
#include "tune/contest.h"
#include "tune/divisions.h"
#include "tune/forecast.h"
#include "tune/probe.h"
#include "tune/score.h"
#include "tune/sweep.h"

#define MIB            1048576.0
#define JOURNAL_FORMAT 2    /* of what stands in the journal's lines */
#define CONTEST_SHARE  0.15 /* of the time budget, at most, and of the progress */

#define ANSWER_WITHIN_S 120 /* the least that a worker has for one step */

_Static_assert(BT_FOLDER_WORDS_SIZE <= BT_TEXT_SIZE, "a folder's words fit a record");

/* ---- settings ---------------------------------------------------------------- */

static bool simulated(const bt_settings *settings) {
    return strncmp(settings->backend, "sim", 3) == 0;
}

bool bt_optimize_on_cpu(const bt_settings *settings, const bt_machine *machine) {
    bool by_itself = strcmp(settings->device, "auto") == 0 && machine->gpu[0] == '\0';
    return !simulated(settings) && (by_itself || strcmp(settings->device, "cpu") == 0);
}

/* A model by its name, built in or of model_file. Its files are checked, unless nothing will run them. */
static bt_status describe_model(bt_model *out, const bt_settings *settings, const char *name,
                                bt_error *error) {
    char file[BT_OPTION_TEXT_SIZE];
    bt_status status = bt_model_file_of(file, settings->model_file, name, error);
    if (status == BT_OK) status = bt_model_describe(out, name, file, error);
    if (status == BT_OK && !simulated(settings)) status = bt_model_check_files(out, error);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, file[0] ? "--model-file" : "--models");
}

static int image_size_option(void) {
    return bt_options_find(bt_settings_table, bt_settings_count, "image_size");
}

/* The size that somebody asked for, else the model file's own, else what the device is good for. */
static int image_size_of(const bt_settings *settings, const bt_option_sources *sources,
                         const bt_model *model) {
    const bool asked = sources->of[image_size_option()] >= BT_SOURCE_CONFIG;
    return asked || model->input_size == 0 ? (int)settings->image_size : model->input_size;
}

static bt_status check_weights_of(const bt_settings *settings, const char *name, bt_error *error) {
    char weights[BT_OPTION_TEXT_SIZE];
    bt_network *network;
    bt_status status = bt_weights_of(weights, settings->weights, name, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--weights");
    if (simulated(settings)) return BT_OK;
    status = bt_network_open(&network, name, error);
    if (status != BT_OK) return status;
    status = bt_weights_check(network, weights, error);
    if (status != BT_OK) bt_fail_at(error, status, "--weights");
    bt_network_close(&network);
    return status;
}

/* What is run on, for the record; pictures are all decoded once, so that a broken one shows before anything
 * is measured. */
static bt_status check_images(const bt_settings *settings, char words[BT_TEXT_SIZE], bt_log *log,
                              bt_error *error) {
    snprintf(words, BT_TEXT_SIZE, "synthetic spheroids, seed %lld", (long long)settings->seed);
    if (!settings->images[0]) return BT_OK;
    const bt_picture_wishes wishes = {.white = settings->white, .page = (int)settings->page};
    bt_status status = bt_picture_folder_check(settings->images, BT_BENCH_IMAGES, &wishes, words, log, error);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "--images");
}

/* Which of the asked batch sizes (all, where none is asked for) a model has packages for; all of them where
 * it takes any size. `dropped` tells whether some have none. */
static bt_sizes sizes_for(const bt_sizes *asked, const bt_sizes *there, bool *dropped) {
    if (dropped) *dropped = false;
    if (there->count == 0) return *asked;
    if (asked->count == 0) return *there;
    bt_sizes both = {0};
    for (int i = 0; i < asked->count; i++)
        for (int k = 0; k < there->count; k++)
            if (asked->sizes[i] == there->sizes[k]) both.sizes[both.count++] = asked->sizes[i];
    if (dropped) *dropped = both.count < asked->count;
    return both;
}

static void write_sizes(const bt_sizes *sizes, char *out, size_t size) {
    out[0] = '\0';
    for (int i = 0; i < sizes->count; i++) {
        const size_t used = strlen(out);
        snprintf(out + used, size - used, "%s%d", i ? ", " : "", sizes->sizes[i]);
    }
}

static bt_status check_sizes(const bt_settings *settings, const char *title, const bt_sizes *there,
                             bt_error *error) {
    char list[160];
    if (settings->batches.count == 0 || sizes_for(&settings->batches, there, NULL).count > 0) return BT_OK;
    write_sizes(there, list, sizeof list);
    return bt_fail(error, BT_INVALID, "--batches: %s has packages for batches of %s alone", title, list);
}

static bt_status check_model(bt_settings *settings, bt_option_sources *sources, const char *name,
                             bt_error *error) {
    bt_model model;
    bt_status status = describe_model(&model, settings, name, error);
    if (status != BT_OK) return status;
    /* The command line that repeats the run must not make a flag of the profile's size: that would win. */
    bt_option_source *source = &sources->of[image_size_option()];
    if (model.input_size > 0 && *source == BT_SOURCE_PROFILE) *source = BT_SOURCE_DEFAULT;
    const int size = image_size_of(settings, sources, &model);
    status = bt_model_check_size(&model, size, size, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--image-size");
    if (model.kind == BT_MODEL_NETWORK) return check_weights_of(settings, name, error);
    return check_sizes(settings, model.title, &model.batches, error);
}

/* Every name of "NAME=FILE,..." is a model that is tuned. */
static bt_status check_names(const bt_settings *settings, bt_error *error) {
    const char *models[BT_NAMES_MAX];
    const int count = settings->models.count;
    for (int i = 0; i < count; i++)
        models[i] = settings->models.names[i];
    bt_status status = bt_weights_check_names(settings->weights, models, count, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--weights");
    status = bt_by_model_check_names(settings->model_file, models, count, error);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "--model-file");
}

/* Where only files are given they are what is tuned; else each must be of a model that is. */
static bt_status choose_models(bt_settings *settings, const bt_option_sources *sources, bt_error *error) {
    const int index = bt_options_find(bt_settings_table, bt_settings_count, "models");
    char ignored[BT_OPTION_TEXT_SIZE];
    bt_names named;
    bt_status status = bt_model_file_of(ignored, settings->model_file, "", error);
    if (status == BT_OK) status = bt_by_model_names(&named, settings->model_file, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--model-file");
    if (named.count > 0 && sources->of[index] == BT_SOURCE_DEFAULT) settings->models = named;
    if (settings->models.count == 0)
        return bt_fail(error, BT_INVALID, "--models: name at least one, e.g. hrnet,cbam_resunet");
    return check_names(settings, error);
}

static bt_status resolve_device(bt_settings *settings, const bt_machine *machine, bt_error *error) {
    char *device = settings->device;
    if (simulated(settings))
        snprintf(device, BT_OPTION_TEXT_SIZE, "cpu"); /* where its sleeping happens */
    else if (strcmp(device, "auto") == 0)
        snprintf(device, BT_OPTION_TEXT_SIZE, "%s", machine->gpu[0] ? "cuda:0" : "cpu");
    int number, end = 0;
    bool cuda = sscanf(device, "cuda:%3d%n", &number, &end) == 1 && device[end] == '\0' && number >= 0;
    if (!cuda && strcmp(device, "cpu") != 0)
        return bt_fail(error, BT_INVALID, "--device: \"%s\" is no device (auto, cpu or cuda:N, e.g. cuda:0)",
                       device);
    return BT_OK;
}

bt_status bt_optimize_resolve(bt_settings *settings, bt_option_sources *sources, const bt_machine *machine,
                              char images[BT_TEXT_SIZE], bt_log *log, bt_error *error) {
    bt_status status = bt_backend_check(settings->backend, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--backend");
    status = resolve_device(settings, machine, error);
    if (status != BT_OK) return status;
    if (settings->image_size == 0)
        settings->image_size = strcmp(settings->device, "cpu") == 0 ? 128 : BT_FULL_IMAGE_SIZE;
    status = check_images(settings, images, log, error);
    if (status == BT_OK) status = choose_models(settings, sources, error);
    for (int i = 0; i < settings->models.count && status == BT_OK; i++)
        status = check_model(settings, sources, settings->models.names[i], error);
    return status;
}

const char *bt_optimize_workload(const bt_settings *settings) {
    if (simulated(settings)) return "simulated";
    return strcmp(settings->device, "cpu") == 0 ? "cpu-demo" : "production";
}

/* ---- the run ----------------------------------------------------------------- */

bt_status bt_optimize_open_run(bt_run **out, const bt_settings *settings, const bt_machine *machine,
                               bt_error *error) {
    *out = NULL;
    json_t *header = bt_options_write_json(bt_settings_table, bt_settings_count, settings);
    if (!header || json_object_set_new(header, "journal_format", json_integer(JOURNAL_FORMAT)) != 0 ||
        json_object_set_new(header, "machine", json_string(machine->fingerprint)) != 0 ||
        json_object_set_new(header, "tool_version", json_string(bt_version())) != 0) {
        json_decref(header);
        return bt_no_memory(error, "the run's header");
    }
    bt_status status = bt_run_open(out, settings->results, "optimize-batch", header, settings->resume, error);
    json_decref(header);
    return status;
}

/* One model's tuning under way. */
typedef struct tuning {
    const bt_optimize_options *options;
    bt_model_record *model;
    bt_probe *probe;
    bt_sweep *sweep;
    bt_division division; /* the one to sweep */
    bt_sizes batches;     /* to sweep; count 0: search */
    bool fixed_size;      /* takes images of image_size alone */
    bt_image_output output;
    int proof_told; /* the batch size whose proof was announced */
    double progress_from, progress_share;
} tuning;

static bool stopped(const bt_optimize_options *options) {
    return options->stop && *options->stop;
}

static bt_probe_options probe_options(const bt_optimize_options *options, const bt_model_record *model,
                                      const bt_division *division, const char *worker_log) {
    const bt_settings *settings = options->settings;
    return (bt_probe_options){
        .worker_program = options->worker_program,
        .worker_log = worker_log,
        .session = {.backend = settings->backend,
                    .model = model->model,
                    .model_file = model->model_file,
                    .weights = model->weights_path[0] ? model->weights_path : model->weights_source,
                    .device = settings->device,
                    .path = (bt_path)settings->path,
                    .height = model->image_size,
                    .width = model->image_size,
                    .threads = division->threads,
                    .use_amp = settings->use_amp,
                    .use_channels_last = settings->use_channels_last,
                    .use_cudnn_benchmark = settings->use_cudnn_benchmark},
        .instances = division->instances,
        .full_size = BT_FULL_IMAGE_SIZE,
        .images = settings->images,
        .wishes = {.white = settings->white, .page = (int)settings->page},
        .seed = settings->seed,
        .answer_within_s =
            fmax(ANSWER_WITHIN_S, bt_ms(settings->time_budget_ns) / 1e3 / settings->models.count),
        .stop = options->stop,
    };
}

/* What the caller must put right, or what no other model fares better with; anything else is one model's. */
static bool is_fatal(bt_status status) {
    return status == BT_INVALID || status == BT_UNSUPPORTED || status == BT_NO_MEMORY || status == BT_IO ||
           status == BT_NOT_WRITTEN || status == BT_PARSE;
}

static bt_status mismatch(const bt_optimize_options *options, bt_error *error) {
    return bt_fail(error, BT_PARSE, "%s/journal.jsonl: does not fit this run; leave --resume out",
                   bt_run_folder(options->run));
}

/* Whether a line of the journal is about this model; `key` is what it tells. */
static const json_t *value_for(const json_t *line, const bt_model_record *model, const char *key) {
    const char *name = json_string_value(json_object_get(line, "model"));
    return name && strcmp(name, model->model) == 0 ? json_object_get(line, key) : NULL;
}

/* The model cannot be had, or no longer: its part of the run ends with that. */
static bt_status give_up(const tuning *t, const char *why, bt_error *error) {
    bt_log_write(t->options->log, BT_LOG_WARNING, "%s: %s", t->model->title, why);
    return bt_run_append(t->options->run, json_pack("{s:s, s:s}", "model", t->model->model, "ended", why),
                         error);
}

static double seconds_since(int64_t start_ns) {
    return (double)(bt_clock_now_ns() - start_ns) / 1e9;
}

/* The session's facts, from the journal where an earlier try left them, else from a worker; they are
 * journaled as the worker's own answer would read. `elapsed_s` is what that took. A model that cannot be
 * opened gets a reason. */
static bt_status learn_facts(tuning *t, bt_worker_facts *facts, double *elapsed_s, bt_error *error) {
    bt_model_record *model = t->model;
    const json_t *line = bt_run_replay(t->options->run);
    *elapsed_s = 0;
    if (line) {
        const json_t *value = value_for(line, model, "facts"), *ended = value_for(line, model, "ended");
        *elapsed_s = json_number_value(json_object_get(line, "elapsed_s"));
        if (value) return bt_worker_facts_from_json(value, facts, error);
        snprintf(model->reason, sizeof model->reason, "%s",
                 json_is_string(ended) ? json_string_value(ended) : "");
        return model->reason[0] ? BT_OK : mismatch(t->options, error);
    }
    bt_error why = {0};
    int64_t start_ns = bt_clock_now_ns();
    bt_status status = bt_probe_start(t->probe, facts, &why);
    if (status != BT_OK && error) *error = why;
    if (status != BT_OK && (is_fatal(status) || stopped(t->options))) return status;
    if (status != BT_OK) {
        snprintf(model->reason, sizeof model->reason, "%s", why.message);
        return give_up(t, model->reason, error);
    }
    *elapsed_s = seconds_since(start_ns);
    return bt_run_append(t->options->run,
                         json_pack("{s:s, s:f, s:o}", "model", model->model, "elapsed_s", *elapsed_s, "facts",
                                   bt_worker_facts_to_json(facts)),
                         error);
}

static void note_facts(bt_model_record *model, const bt_division *division, const bt_worker_facts *facts) {
    const bt_session_info *info = &facts->info;
    snprintf(model->backend, sizeof model->backend, "%s", info->backend);
    snprintf(model->backend_detail, sizeof model->backend_detail, "%s", info->backend_detail);
    snprintf(model->device, sizeof model->device, "%s", info->device);
    snprintf(model->precision, sizeof model->precision, "%s", info->precision);
    snprintf(model->precision_note, sizeof model->precision_note, "%s", info->precision_note);
    snprintf(model->path_note, sizeof model->path_note, "%s", info->path_note);
    snprintf(model->weights_source, sizeof model->weights_source, "%s", info->weights);
    model->weights_hash = info->weights_hash;
    model->instances = division->instances;
    model->threads = info->threads;
    model->trained_weights = info->trained_weights;
    model->computes_masks = info->computes_masks;
    model->device_memory = info->device_memory;
    model->memory_total_mb = (double)facts->total_memory_bytes / MIB;
}

/* ---- steps, and the journal of them ------------------------------------------- */

/* What an earlier try's journal says of a step; `division` is -1 in a sweep. */
static bt_status replay_step(const tuning *t, const json_t *line, int division, const bt_step *step,
                             bt_step_result *result, bt_error *error) {
    bt_step recorded;
    bool timed = step->kind == BT_STEP_MEASURE || step->kind == BT_STEP_STANDARD;
    const json_t *value = value_for(line, t->model, "step"), *by = json_object_get(line, "division");
    if (!value || (division < 0 ? by != NULL : !json_is_integer(by) || json_integer_value(by) != division))
        return mismatch(t->options, error);
    bt_status status = bt_step_from_json(value, &recorded, "journal", error);
    if (status == BT_OK)
        status = bt_step_result_from_json(json_object_get(line, "result"), result, "journal", error);
    if (status != BT_OK) return status;
    bool whole = result->status != BT_OK || !timed || result->sample_count == step->runs;
    return bt_step_equal(step, &recorded) && whole ? BT_OK : mismatch(t->options, error);
}

static bt_status journal_step(const tuning *t, int division, const bt_step *step,
                              const bt_step_result *result, bt_error *error) {
    json_t *line = json_pack("{s:s, s:o, s:o}", "model", t->model->model, "step", bt_step_to_json(step),
                             "result", bt_step_result_to_json(result));
    if (line && division >= 0 && json_object_set_new(line, "division", json_integer(division)) != 0) {
        json_decref(line);
        line = NULL;
    }
    return bt_run_append(t->options->run, line, error);
}

/* How far a model is; the end is told when all are done. */
static void tell(const tuning *t, double fraction, const char *what, const char *doing) {
    double done = t->progress_from + t->progress_share * fraction;
    bt_log_progress(t->options->log, bt_clock_now_ns(), fmin(done, 0.999), "%s: %s%s", t->model->title, what,
                    doing);
}

/* ---- the division -------------------------------------------------------------- */

/* A turn of the contest. That a division cannot be had is a result; that the single instance cannot, for a
 * reason that the caller must put right, is an error. */
static bt_status answer_turn(const tuning *t, bt_probe *probe, const bt_contest_turn *turn,
                             bt_step_result *result, bt_error *error) {
    const json_t *line = bt_run_replay(t->options->run);
    if (line) return replay_step(t, line, turn->division, &turn->step, result, error);
    bt_error why = {0};
    int64_t start_ns = bt_clock_now_ns();
    *result = bt_step_result_empty();
    bt_probe_limit(probe, turn->within_s);
    bt_status status = bt_probe_run(probe, &turn->step, result, &why);
    if (stopped(t->options)) return BT_OK;
    if (status != BT_OK) {
        bool single = t->model->divisions[turn->division].instances == 1;
        if (single && is_fatal(status)) return bt_fail(error, status, "%s", why.message);
        result->status = status;
        snprintf(result->message, sizeof result->message, "%s", why.message);
        result->elapsed_s = seconds_since(start_ns);
    }
    return journal_step(t, turn->division, &turn->step, result, error);
}

/* Tells how the contest stands, and of a turn that failed why. */
static void report_turn(const tuning *t, const bt_contest *contest, const bt_contest_turn *turn,
                        const bt_step_result *result) {
    char doing[96];
    int instances = t->model->divisions[turn->division].instances;
    double fraction = bt_contest_progress(contest, doing, sizeof doing);
    if (result->status != BT_OK)
        bt_log_write(t->options->log, BT_LOG_WARNING, "%s: %d instance%s left out: %s", t->model->title,
                     instances, instances == 1 ? " is" : "s are", result->message);
    bt_log_write(t->options->log, BT_LOG_DETAIL,
                 "%s: comparing instances: round %d of %d, %d of them, took %.2f s", t->model->title,
                 turn->round, BT_CONTEST_ROUNDS, instances, result->elapsed_s);
    tell(t, fraction, "comparing instances: ", doing);
}

static bt_status run_contest(const tuning *t, bt_contest *contest, bt_probe *const *probes, double *spent_s,
                             bt_error *error) {
    bt_contest_turn turn;
    while (!stopped(t->options) && bt_contest_next(contest, &turn)) {
        bt_step_result result;
        bt_status status = answer_turn(t, probes[turn.division], &turn, &result, error);
        if (status != BT_OK || stopped(t->options)) return status;
        *spent_s += result.elapsed_s;
        bt_contest_done(contest, &result);
        report_turn(t, contest, &turn, &result);
    }
    return BT_OK;
}

/* A model's ways of sharing the cores, compared within `budget_s`. */
static bt_status compare_divisions(const tuning *t, double budget_s, double *spent_s, const char *worker_log,
                                   bt_error *error) {
    bt_model_record *model = t->model;
    bt_probe *probes[BT_DIVISIONS_MAX] = {0};
    bt_contest *contest;
    bt_status status = bt_contest_open(&contest, model->divisions, model->division_count, budget_s, error);
    for (int i = 0; i < model->division_count && status == BT_OK; i++) {
        bt_probe_options probing = probe_options(t->options, model, &model->divisions[i], worker_log);
        status = bt_probe_open(&probes[i], &probing, error);
    }
    if (status == BT_OK) status = run_contest(t, contest, probes, spent_s, error);
    for (int i = 0; i < model->division_count; i++)
        bt_probe_close(&probes[i]);
    bt_contest_close(&contest);
    return status;
}

static bt_sweep_options sweep_options(const tuning *t, double time_budget_s) {
    const bt_settings *settings = t->options->settings;
    const bt_model_record *model = t->model;
    bool demo = strcmp(bt_optimize_workload(settings), "cpu-demo") == 0;
    return (bt_sweep_options){
        .batches = t->batches,
        .p95_sla_ms = settings->p95_sla_ms,
        .memory_limit_mb = model->memory_total_mb * (1 - settings->memory_reserve_percent / 100),
        .objective = settings->objective,
        .min_mask_iou = settings->min_mask_iou,
        .output = t->output,
        .computes_masks = model->computes_masks,
        .trained_weights = model->trained_weights,
        .standard_path = model->computes_masks,
        .full_size =
            demo && !t->fixed_size && model->image_size != BT_FULL_IMAGE_SIZE ? BT_FULL_IMAGE_SIZE : 0,
        .time_budget_s = time_budget_s,
    };
}

/* The step's result, from the journal or measured. `why` is not empty where the model cannot be had any
 * more. */
static bt_status answer_step(tuning *t, const bt_step *step, bt_step_result *result, char why[BT_TEXT_SIZE],
                             bt_error *error) {
    const json_t *line = bt_run_replay(t->options->run), *ended = value_for(line, t->model, "ended");
    why[0] = '\0';
    if (ended) snprintf(why, BT_TEXT_SIZE, "%s", json_string_value(ended) ? json_string_value(ended) : "?");
    if (ended) return BT_OK;
    if (line) return replay_step(t, line, -1, step, result, error);
    bt_error cause = {0};
    bt_status status = bt_probe_run(t->probe, step, result, &cause);
    if (status == BT_OK) return journal_step(t, -1, step, result, error);
    if (error) *error = cause;
    if (is_fatal(status) || stopped(t->options)) return status;
    snprintf(why, BT_TEXT_SIZE, "%s", cause.message);
    return give_up(t, why, error);
}

/* Says beforehand how long a proof takes. */
static void announce_proof(tuning *t) {
    bt_sweep_proof proof;
    char more[96] = "";
    if (!bt_sweep_proof_under_way(t->sweep, &proof) || proof.batch_size == t->proof_told) return;
    t->proof_told = proof.batch_size;
    if (proof.missing_s > proof.left_s)
        bt_text_format(more, sizeof more, ", more than the %.0f s that are left of the time budget",
                       fmax(proof.left_s, 0));
    bt_log_write(t->options->log, more[0] ? BT_LOG_WARNING : BT_LOG_INFO,
                 "%s: proof of batch %d takes about %d more runs, %.1f s%s", t->model->title,
                 proof.batch_size, proof.runs_missing, proof.missing_s, more);
}

static void report_step(const tuning *t, const bt_step *step, const bt_step_result *result) {
    char doing[96];
    if (result->status != BT_OK)
        bt_log_write(t->options->log, BT_LOG_WARNING, "%s: %s batch %d: %s", t->model->title,
                     bt_step_name(step->kind), step->batch_size, result->message);
    else
        bt_log_write(t->options->log, BT_LOG_DETAIL, "%s: %s batch %d took %.2f s%s", t->model->title,
                     bt_step_name(step->kind), step->batch_size, result->elapsed_s,
                     result->disturbed ? ", disturbed" : "");
    double fraction = bt_sweep_progress(t->sweep, doing, sizeof doing);
    tell(t, fraction, "", doing);
}

static bt_status run_sweep(tuning *t, bt_error *error) {
    for (;;) {
        bt_step step = bt_sweep_next(t->sweep);
        if (step.kind == BT_STEP_DONE) return BT_OK;
        bt_step_result result;
        char why[BT_TEXT_SIZE] = "";
        announce_proof(t);
        bt_status status = stopped(t->options) ? BT_CLOSED : answer_step(t, &step, &result, why, error);
        if (stopped(t->options)) return bt_sweep_stop(t->sweep, NULL, error);
        if (status == BT_OK && why[0]) return bt_sweep_stop(t->sweep, why, error);
        const bool was_odd = t->model->output_note[0] != '\0';
        if (status == BT_OK) status = bt_sweep_done(t->sweep, &step, &result, error);
        if (status != BT_OK) return status;
        if (!was_odd && t->model->output_note[0])
            bt_log_write(t->options->log, BT_LOG_WARNING, "%s: %s", t->model->title, t->model->output_note);
        report_step(t, &step, &result);
    }
}

static bt_status worker_log_of(const bt_optimize_options *options, const bt_model_record *model,
                               char worker_log[BT_PATH_SIZE], bt_error *error) {
    return bt_path_join(worker_log, error, "%s/worker-%s.txt", bt_run_folder(options->run), model->model);
}

/* Where the model's weights come from; a file by its absolute path, since the config will outlive this
 * folder, with the place in it that was given. */
static bt_status name_weights(const bt_settings *settings, bt_model_record *model, bt_error *error) {
    char source[BT_OPTION_TEXT_SIZE], file[BT_PATH_SIZE];
    bt_status status = bt_weights_of(source, settings->weights, model->model, error);
    if (status != BT_OK) return status;
    snprintf(model->weights_source, sizeof model->weights_source, "%.63s", source);
    if (!bt_weights_is_file(source) || simulated(settings)) return BT_OK;
    const char *place = bt_weights_source_split(file, source);
    char *path = realpath(file, NULL);
    if (!path) return bt_fail(error, BT_IO, "weights %s: %s", file, bt_text_system_error(errno));
    const size_t size = sizeof model->weights_path;
    if ((size_t)snprintf(model->weights_path, size, "%s%s%s", path, *place ? ":" : "", place) >= size)
        status = bt_fail(error, BT_INVALID, "weights %.60s...: the path is too long", path);
    free(path);
    return status;
}

static bt_status name_model(const bt_optimize_options *options, bt_model_record *model, int index,
                            bt_error *error) {
    const bt_settings *settings = options->settings;
    bt_model described;
    snprintf(model->model, sizeof model->model, "%s", settings->models.names[index]);
    bt_status status = describe_model(&described, settings, model->model, error);
    if (status != BT_OK) return status;
    snprintf(model->title, sizeof model->title, "%s", described.title);
    model->image_size = image_size_of(settings, options->sources, &described);
    if (described.input_note[0])
        bt_log_write(options->log, BT_LOG_WARNING, "%s: %s", model->title, described.input_note);
    if (described.kind == BT_MODEL_NETWORK) return name_weights(settings, model, error);
    snprintf(model->weights_source, sizeof model->weights_source, "none");
    return simulated(settings) ? BT_OK : bt_model_file_absolute(model->model_file, described.file, error);
}

/* Which of a run's models, and what comes before the models, as a share of the progress. */
static tuning tuning_of(const bt_optimize_options *options, bt_record *record, int index, double before,
                        double share) {
    return (tuning){.options = options,
                    .model = &record->models[index],
                    .progress_from = before + share * index / record->model_count,
                    .progress_share = share / record->model_count};
}

/* What a quota leaves of the CPUs, and whether more was asked for than there is. */
static void say_cores(const bt_optimize_options *options, const bt_cores *cores, const bt_division *first) {
    char words[BT_CORES_WORDS_SIZE], excess[BT_CORES_EXCESS_SIZE];
    const int threads = first->threads > 0 ? first->threads : cores->count;
    if (simulated(options->settings) || strcmp(options->settings->device, "cpu") != 0) return;
    bt_cores_words(cores, words);
    bt_cores_excess(cores, first->instances * threads, excess);
    if (excess[0])
        bt_log_write(options->log, BT_LOG_WARNING, "%s", excess);
    else if (cores->quota > 0)
        bt_log_write(options->log, BT_LOG_INFO, "%s", words);
}

/* Decides how many instances each model is swept with, and notes in the record what that stands on. Adds what
 * it took to the record's time; it is spread evenly over the models, within CONTEST_SHARE of the budget. */
static bt_status divide_cores(const bt_optimize_options *options, bt_record *record, double budget_s,
                              bt_division *out, bt_error *error) {
    const bt_division *of[BT_NAMES_MAX];
    char worker_log[BT_PATH_SIZE];
    const bt_cores cores = bt_cores_read();
    bt_status status = BT_OK;
    for (int i = 0; i < record->model_count && status == BT_OK; i++) {
        bt_model_record *model = &record->models[i];
        const tuning t = tuning_of(options, record, i, 0, CONTEST_SHARE);
        double share_s = (CONTEST_SHARE * budget_s - record->measuring_s) / (record->model_count - i);
        of[i] = model->divisions;
        status =
            bt_divisions_list(options->settings, &cores, model->divisions, &model->division_count, error);
        if (status == BT_OK && i == 0) say_cores(options, &cores, &model->divisions[0]);
        if (status == BT_OK) status = worker_log_of(options, model, worker_log, error);
        if (status == BT_OK && model->division_count > 1 && !stopped(options))
            status = compare_divisions(&t, share_s, &record->measuring_s, worker_log, error);
    }
    if (status != BT_OK) return status;
    const int count = record->models[0].division_count;
    *out = of[0][bt_divisions_choose(of, record->model_count, count, options->settings)];
    for (int i = 0; i < record->model_count && count == 1; i++)
        record->models[i].division_count = 0; /* nothing was compared */
    return BT_OK;
}

/* What a model file's packages leave of the batch sizes to try. */
static bt_status choose_sizes(tuning *t, const bt_session_info *info, bt_error *error) {
    const bt_settings *settings = t->options->settings;
    char list[160];
    bt_model model = {.batches = {0}};
    bt_status status = BT_OK;
    bool dropped;
    t->batches = settings->batches;
    if (t->model->model_file[0] == '\0') return BT_OK;
    status = bt_model_describe(&model, t->model->model, t->model->model_file, error);
    if (status != BT_OK) return status;
    t->fixed_size = model.kind == BT_MODEL_PACKAGES;
    t->output = model.output;
    if (model.batches.count == 0 && info->only_batch_size > 0)
        model.batches = (bt_sizes){.count = 1, .sizes = {info->only_batch_size}};
    if (model.batches.count == 0) return BT_OK;
    status = check_sizes(settings, model.title, &model.batches, error);
    if (status != BT_OK) return status;
    t->batches = sizes_for(&settings->batches, &model.batches, &dropped);
    write_sizes(&model.batches, list, sizeof list);
    bt_log_write(t->options->log, dropped ? BT_LOG_WARNING : BT_LOG_INFO,
                 "%s: has packages for batches of %s; no other size is tried", model.title, list);
    return BT_OK;
}

static void note_session(tuning *t, const bt_worker_facts *facts) {
    const bt_model_record *model = t->model;
    note_facts(t->model, &t->division, facts);
    if (model->precision_note[0])
        bt_log_write(t->options->log, BT_LOG_WARNING, "%s: %s", model->title, model->precision_note);
    if (model->path_note[0])
        bt_log_write(t->options->log, BT_LOG_WARNING, "%s: %s", model->title, model->path_note);
    if (facts->info.weights_note[0])
        bt_log_write(t->options->log, BT_LOG_WARNING, "%s: %s", model->title, facts->info.weights_note);
}

/* Sweeps a model whose session is known. */
static bt_status sweep_model(tuning *t, const bt_worker_facts *facts, double time_budget_s, bt_error *error) {
    bt_status status = choose_sizes(t, &facts->info, error);
    if (status != BT_OK) return status;
    note_session(t, facts);
    bt_sweep_options sweeping = sweep_options(t, time_budget_s);
    status = bt_sweep_open(&t->sweep, &sweeping, t->model, error);
    return status == BT_OK ? run_sweep(t, error) : status;
}

static void warn_of_quota(const bt_optimize_options *options, const bt_model_record *model) {
    char words[BT_THROTTLING_WORDS_SIZE];
    if (!bt_throttling_matters(&model->throttling)) return;
    bt_throttling_words(&model->throttling, words);
    bt_log_write(options->log, BT_LOG_WARNING, "%s: %s: the figures hold for a service under this quota",
                 model->title, words);
}

/* Tunes one model within `time_budget_s`; adds what it took to the record's. */
static bt_status tune_model(const bt_optimize_options *options, bt_record *record, int index,
                            const bt_division *division, double time_budget_s, bt_error *error) {
    char worker_log[BT_PATH_SIZE];
    bt_model_record *model = &record->models[index];
    double before = model->division_count > 1 ? CONTEST_SHARE : 0, opening_s = 0;
    tuning t = tuning_of(options, record, index, before, 1 - before);
    t.division = *division;
    bt_worker_facts facts;
    bt_status status = worker_log_of(options, model, worker_log, error);
    bt_probe_options probing = probe_options(options, model, &t.division, worker_log);
    if (status == BT_OK && !stopped(options)) status = bt_probe_open(&t.probe, &probing, error);
    if (status == BT_OK && !stopped(options)) status = learn_facts(&t, &facts, &opening_s, error);
    if (stopped(options)) {
        model->interrupted = true;
        status = BT_OK;
    } else if (status == BT_OK && !model->reason[0]) {
        status = sweep_model(&t, &facts, time_budget_s - opening_s, error);
    }
    warn_of_quota(options, model);
    model->measuring_s += opening_s;
    record->measuring_s += model->measuring_s;
    bt_sweep_close(&t.sweep);
    bt_probe_close(&t.probe);
    return status;
}

static void note_subject(bt_record *record) {
    snprintf(record->subject.tool_version, sizeof record->subject.tool_version, "%s", bt_version());
    snprintf(record->subject.revision, sizeof record->subject.revision, "%s", bt_revision());
    const bt_model_record *model = &record->models[0];
    for (int i = 1; i < record->model_count && model->backend[0] == '\0'; i++)
        model = &record->models[i]; /* the first may not have opened */
    snprintf(record->subject.runtime, sizeof record->subject.runtime, "%s", model->backend);
    snprintf(record->subject.runtime_detail, sizeof record->subject.runtime_detail, "%s",
             model->backend_detail);
    bt_gpu_driver_read(record->subject.gpu_driver, sizeof record->subject.gpu_driver);
    bt_cuda_fill_driver(record->subject.gpu_driver, sizeof record->subject.gpu_driver);
}

/* Each model has its share of what comparing instances may leave: none eats another's. What one does not need
 * is for those after it. */
static bt_status tune_models(const bt_optimize_options *options, bt_record *record, bt_error *error) {
    const bt_settings *settings = options->settings;
    const int models = record->model_count;
    const double budget_s = bt_ms(settings->time_budget_ns) / 1e3;
    bt_division division;
    record->measuring_s = 0;
    for (int i = 0; i < models; i++)
        record->models[i].measuring_s = 0;
    bt_status status = divide_cores(options, record, budget_s, &division, error);
    for (int i = 0; i < models && status == BT_OK; i++) {
        double reserved_s = (1 - CONTEST_SHARE) * budget_s / models;
        double share_s = fmax((budget_s - record->measuring_s) / (models - i), reserved_s);
        status = tune_model(options, record, i, &division, share_s, error);
        if (status == BT_OK) status = bt_score_model(&record->models[i], settings, error);
    }
    if (status == BT_OK && !stopped(options)) bt_log_progress(options->log, bt_clock_now_ns(), 1, "done");
    return status;
}

/* A folder is listed before there is a log; what was passed over there is told here. */
static void warn_of_skipped(const bt_optimize_options *options) {
    const char *path = options->settings->images;
    bt_picture_folder *folder;
    bt_error ignored;
    if (!path[0] || bt_picture_folder_open(&folder, path, BT_BENCH_IMAGES, &ignored) != BT_OK) return;
    if (folder->skipped[0])
        bt_log_write(options->log, BT_LOG_WARNING, "--images: passed over: %s", folder->skipped);
    bt_picture_folder_close(&folder);
}

bt_status bt_optimize(bt_record **out, const bt_optimize_options *options, bt_error *error) {
    *out = NULL;
    const bt_settings *settings = options->settings;
    bt_record *record;
    bt_status status = bt_record_open(&record, settings->models.count, error);
    if (status != BT_OK) return status;
    bt_clock_utc(record->started_at);
    snprintf(record->run_id, sizeof record->run_id, "%s", bt_run_id(options->run));
    snprintf(record->command, sizeof record->command, "%s", options->command);
    snprintf(record->workload, sizeof record->workload, "%s", bt_optimize_workload(settings));
    record->machine = *options->machine;
    record->settings = *settings;
    record->sources = *options->sources;
    snprintf(record->images, sizeof record->images, "%s", options->images);
    warn_of_skipped(options);

    for (int i = 0; i < record->model_count && status == BT_OK; i++)
        status = name_model(options, &record->models[i], i, error);
    if (status == BT_OK) status = tune_models(options, record, error);
    if (status == BT_OK) {
        bt_score_joint_memory(record);
        status = bt_forecast(record, error);
    }
    if (status != BT_OK) {
        bt_record_close(&record);
        return status;
    }
    note_subject(record);
    bt_clock_utc(record->finished_at);
    *out = record;
    return BT_OK;
}
