#include "prove/trial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/command.h"
#include "base/memory.h"
#include "base/version.h"
#include "image/folder.h"
#include "image/resize.h"
#include "load/generator.h"
#include "load/target-service.h"
#include "networks/model.h"
#include "prove/judge.h"
#include "prove/plan.h"
#include "prove/predict.h"
#include "prove/sum.h"
#include "serving/serving.h"

#define COMPARE_ROUNDS     3
#define COMPARE_NS         (1500 * BT_NS_PER_MS) /* of each path in each round */
#define COMPARE_RUNS       200                   /* at most, of each path in each round */
#define DRAIN_NS           (30 * BT_NS_PER_S)    /* an answer later than that is lost */
#define ATTEMPTS           2
#define IMAGES             8                 /* different ones of each size */
#define PICTURES_BYTES_MAX ((size_t)1 << 30) /* of a folder's pictures, decoded */

/* One trial under way. */
typedef struct trial {
    const bt_trial_options *options;
    const bt_load_settings *settings;
    bt_load_record *record;
    bt_service *service;
    int model_count;
    const char *names[BT_NAMES_MAX];
    int sides[BT_INPUTS_MAX]; /* of the images that are sent, where they were asked for */
    double side_weights[BT_INPUTS_MAX];
    int side_count;
    bt_picture pictures[BT_INPUTS_MAX]; /* to send, shared by all models; none: drawn ones */
    double picture_weights[BT_INPUTS_MAX];
    int picture_count;
    bool lost; /* some answer never came: if it does, it will still need its target and picture */
    bt_predict_model predict_models[BT_NAMES_MAX];
    bt_batcher_instance instances[BT_BATCHER_INSTANCES_MAX];
    bt_predict_options predict;
    bt_plan plan;
    double done_ns; /* of the plan, for the progress line */
} trial;

static const bt_served_model *served(const trial *t, int model) {
    return bt_serving_model(t->service, model);
}

static double sla_of(const trial *t, int model) {
    return served(t, model)->settings.p95_sla_ms;
}

static bool stopped(const trial *t) {
    return t->options->stop && *t->options->stop;
}

/* ---- what is asked for ---- */

static bt_status choose_models(trial *t, bt_error *error) {
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

/* "128,256:2": sides and their weights. */
static bt_status read_sides(trial *t, bt_error *error) {
    const char *at = t->settings->image_sizes;
    while (*at) {
        char *end;
        long side = strtol(at, &end, 10);
        double weight = 1;
        if (end != at && *end == ':') weight = strtod(end + 1, &end);
        if (end == at || (*end && *end != ',') || side < 1 || side > 16384 || !(weight > 0) ||
            !isfinite(weight) || t->side_count * IMAGES >= BT_INPUTS_MAX)
            return bt_fail(error, BT_INVALID,
                           "--image-sizes: \"%.100s\" is no list such as 512,1024:3 of at most %d",
                           t->settings->image_sizes, BT_INPUTS_MAX / IMAGES);
        t->sides[t->side_count] = (int)side;
        t->side_weights[t->side_count++] = weight;
        at = *end == ',' ? end + 1 : end;
    }
    return BT_OK;
}

/* The pictures of a folder, each in its own size: all, as far as there is room for them. */
static bt_status load_pictures(trial *t, const bt_picture_folder *folder, bt_error *error) {
    size_t bytes = 0;
    for (int i = 0; i < folder->count; i++) {
        bt_picture *picture = &t->pictures[i];
        bt_status status = bt_picture_folder_load(folder, i, picture, error);
        if (status != BT_OK) return status;
        bytes += 3 * (size_t)picture->height * (size_t)picture->width;
        if (bytes > PICTURES_BYTES_MAX && i > 0) {
            bt_picture_close(picture);
            bt_log_write(t->options->log, BT_LOG_WARNING,
                         "--images: the first %d fill the room; %d are not sent", i, folder->found - i);
            return BT_OK;
        }
        t->picture_weights[t->picture_count++] = 1;
    }
    return BT_OK;
}

/* The same in the sizes that were asked for, with their weights: IMAGES of each size. */
static bt_status load_resized(trial *t, const bt_picture_folder *folder, bt_error *error) {
    for (int i = 0; i < t->side_count * IMAGES; i++) {
        bt_picture picture;
        bt_status status = bt_picture_folder_load(folder, i % IMAGES % folder->count, &picture, error);
        if (status == BT_OK)
            status = bt_picture_resize(&t->pictures[i], &picture, t->sides[i / IMAGES], t->sides[i / IMAGES],
                                       error);
        bt_picture_close(&picture);
        if (status != BT_OK) return status;
        t->picture_weights[t->picture_count++] = t->side_weights[i / IMAGES];
    }
    return BT_OK;
}

static bt_status read_pictures(trial *t, bt_error *error) {
    const char *path = t->settings->images;
    bt_picture_folder *folder;
    if (!path[0]) return BT_OK;
    bt_status status = bt_picture_folder_open(&folder, path, t->side_count ? IMAGES : BT_INPUTS_MAX, error);
    if (status == BT_OK) {
        status = t->side_count ? load_resized(t, folder, error) : load_pictures(t, folder, error);
        bt_picture_folder_close(&folder);
    }
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "--images");
}

/* The inputs of one model, and what they weigh: the pictures, or so many drawn images of each size. */
static bt_service_stream inputs_of(const trial *t, int model, double weights[BT_INPUTS_MAX]) {
    bt_service_stream stream = {.model = t->names[model]};
    int own = (int)served(t, model)->settings.image_size, sizes = t->side_count > 0 ? t->side_count : 1;
    for (int i = 0; i < t->picture_count; i++) {
        const bt_picture *picture = &t->pictures[i];
        weights[i] = t->picture_weights[i];
        stream.inputs[stream.input_count++] =
            (bt_service_input){picture->height, picture->width, picture->rgb};
    }
    for (int i = 0; i < sizes * IMAGES && t->picture_count == 0; i++) {
        int side = t->side_count > 0 ? t->sides[i / IMAGES] : own;
        weights[i] = t->side_count > 0 ? t->side_weights[i / IMAGES] : 1;
        stream.inputs[stream.input_count++] = (bt_service_input){side, side, NULL};
    }
    return stream;
}

/* For the record, and for people. */
static void describe_images(const trial *t, char words[BT_TEXT_SIZE]) {
    int used =
        snprintf(words, BT_TEXT_SIZE, "%s%.200s", t->picture_count ? "pictures of " : "synthetic spheroids",
                 t->picture_count ? t->settings->images : "");
    if (t->side_count > 0)
        snprintf(words + used, BT_TEXT_SIZE - (size_t)used, ", %.200s px", t->settings->image_sizes);
    else if (t->picture_count > 0)
        snprintf(words + used, BT_TEXT_SIZE - (size_t)used, ", %d, each in its own size", t->picture_count);
}

/* ---- progress ---- */

typedef struct live {
    const trial *t;
    const char *what;
    double share; /* of the whole plan that this piece is, and where it begins */
    double before;
} live;

static void tell(void *context, const bt_load_moment *moment) {
    const live *l = context;
    char p95[32] = "–", queue[32] = "";
    if (!isnan(moment->p95_ms)) snprintf(p95, sizeof p95, "%.1f ms", moment->p95_ms);
    if (moment->queued >= 0) snprintf(queue, sizeof queue, ", queue %lld", (long long)moment->queued);
    bt_log_progress(l->t->options->log, bt_clock_now_ns(), l->before + l->share * moment->fraction,
                    "%s: %.1f/s, P95 %s%s%s", l->what, isnan(moment->rate_rps) ? 0 : moment->rate_rps, p95,
                    queue, moment->failed > 0 ? ", FAILURES" : "");
}

static int64_t compare_ns(const trial *t) {
    return (int64_t)t->model_count * COMPARE_ROUNDS * 2 * COMPARE_NS;
}

static live live_of(trial *t, const char *what, int64_t duration_ns) {
    double whole = (double)(t->plan.duration_ns + compare_ns(t));
    live l = {.t = t, .what = what, .share = (double)duration_ns / whole, .before = t->done_ns / whole};
    t->done_ns += (double)duration_ns;
    return l;
}

/* ---- the two paths side by side ---- */

static double images_per_second(const bt_load_log *log, double *sum_ms, int64_t *count) {
    int64_t ok = 0, first_ns = INT64_MAX, last_ns = 0;
    for (int64_t i = 0; i < log->count; i++) {
        const bt_shot *shot = &log->shots[i];
        if (shot->status != BT_OK) continue;
        ok++;
        *sum_ms += bt_ms(shot->answered_ns - shot->sent_ns);
        if (shot->sent_ns < first_ns) first_ns = shot->sent_ns;
        if (shot->answered_ns > last_ns) last_ns = shot->answered_ns;
    }
    *count += ok;
    return ok > 0 && last_ns > first_ns ? (double)ok / ((double)(last_ns - first_ns) / 1e9) : NAN;
}

/* A closed loop on one path for a while: images a second. */
static bt_status time_path(trial *t, int model, bool standard, int clients, double *rate, double *sum_ms,
                           int64_t *count, bt_error *error) {
    double weights[BT_INPUTS_MAX];
    bt_service_stream stream = inputs_of(t, model, weights);
    bt_service_target *target;
    bt_load_log *log = NULL;
    char what[96];
    stream.standard_path = standard;
    bt_status status = bt_service_target_open(&target, t->service, &stream, 1, clients, 1, error);
    if (status != BT_OK) return status;
    snprintf(what, sizeof what, "%s, %s path", t->names[model], standard ? "standard" : "production");
    live l = live_of(t, what, COMPARE_NS);
    const bt_stream load_stream = {.clients = clients,
                                   .clients_count = COMPARE_RUNS * (int64_t)clients,
                                   .weights = weights,
                                   .input_count = stream.input_count};
    const bt_load_options load = {.target = bt_service_target_of(target),
                                  .streams = &load_stream,
                                  .stream_count = 1,
                                  .duration_ns = COMPARE_NS,
                                  .drain_ns = DRAIN_NS,
                                  .seed = (uint64_t)t->settings->seed,
                                  .progress = tell,
                                  .progress_context = &l,
                                  .stop = t->options->stop};
    status = bt_load_run(&log, &load, error);
    if (status == BT_OK) *rate = images_per_second(log, sum_ms, count);
    bool lost = log && log->lost > 0;
    bt_load_log_close(&log);
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
static bt_status compare_paths(trial *t, int model, bt_error *error) {
    bt_load_model *out = &t->record->models[model];
    const bt_service_settings *s = &served(t, model)->settings;
    int most = (int)s->max_queue_size, clients = 2 * (int)s->batch_size * out->instances;
    double standard[COMPARE_ROUNDS], production[COMPARE_ROUNDS], standard_ms = 0, ignored = 0;
    int64_t standard_count = 0, ignored_count = 0;
    if (clients > most) clients = most;
    for (int round = 0; round < COMPARE_ROUNDS; round++) {
        if (stopped(t)) return BT_OK;
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

static bt_status describe_model(trial *t, int model, bt_error *error) {
    bt_load_model *out = &t->record->models[model];
    const bt_served_model *s = served(t, model);
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
static bt_status predict_capacity(trial *t, int model, bt_error *error) {
    bt_load_model *out = &t->record->models[model];
    const bt_served_model *s = served(t, model);
    bt_tuned_model tuned;
    bt_capacity capacity;
    bool same = strcmp(s->settings.backend, t->options->config->settings.backend) == 0;
    t->predict_models[model] =
        (bt_predict_model){.config = s->entry, .batcher = *bt_serving_batcher(t->service, model)};
    if (!same) return BT_OK;
    bt_status status =
        bt_tuned_model_open(&tuned, s->entry, &t->options->config->settings, out->batch_size, error);
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

static bt_status make_plan(trial *t, bt_error *error) {
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
            .recommended_rps = m->recommended_rps,
            .throughput_rps = m->production_img_per_sec > 0 ? m->production_img_per_sec : by_times,
            .largest_spike = m->largest_spike,
        };
    }
    return bt_plan_make(&t->plan, t->settings, models, t->model_count, error);
}

static void set_predictor(trial *t) {
    t->predict = (bt_predict_options){
        .models = t->predict_models,
        .model_count = t->model_count,
        .settings = &t->options->config->settings,
        .instances = t->instances,
        .instance_count = bt_serving_instances(t->service, t->instances),
        .timeout_ns = (int64_t)(t->settings->service.timeout_ms * BT_NS_PER_MS),
        .seed = (uint64_t)t->settings->seed,
    };
}

static void fill_record(trial *t) {
    bt_load_record *r = t->record;
    const bt_config *config = t->options->config;
    snprintf(r->run_id, sizeof r->run_id, "%s", t->options->run_id);
    snprintf(r->command, sizeof r->command, "%s", t->options->command);
    snprintf(r->config_path, sizeof r->config_path, "%s", t->settings->config);
    snprintf(r->config_run_id, sizeof r->config_run_id, "%s", config->run_id);
    snprintf(r->config_generated_at, sizeof r->config_generated_at, "%s", config->generated_at);
    bool simulated = strncmp(served(t, 0)->settings.backend, "sim", 3) == 0;
    snprintf(r->workload, sizeof r->workload, "%s", simulated ? "simulated" : config->workload);
    describe_images(t, r->images);
    bt_clock_utc(r->started_at);
    r->machine = *t->options->machine;
    r->settings = *t->settings;
    r->sources = *t->options->sources;
    if (r->settings.service.p95_sla_ms == 0) r->settings.service.p95_sla_ms = sla_of(t, 0);
    if (!simulated && config->machine.fingerprint[0])
        (void)bt_machine_differences(&config->machine, &r->machine, r->machine_differs,
                                     sizeof r->machine_differs);
    snprintf(r->subject.tool_version, sizeof r->subject.tool_version, "%s", bt_version());
    snprintf(r->subject.revision, sizeof r->subject.revision, "%s", bt_revision());
    snprintf(r->subject.runtime, sizeof r->subject.runtime, "%s", bt_serving_session(t->service, 0)->backend);
    snprintf(r->subject.runtime_detail, sizeof r->subject.runtime_detail, "%s",
             bt_serving_session(t->service, 0)->backend_detail);
    bt_gpu_driver_read(r->subject.gpu_driver, sizeof r->subject.gpu_driver);
}

/* ---- one scenario ---- */

/* What one scenario needs while it runs. */
typedef struct stage {
    const bt_plan_scenario *plan;
    bt_schedule schedules[BT_NAMES_MAX];
    double weights[BT_NAMES_MAX][BT_INPUTS_MAX];
    bt_service_stream inputs[BT_NAMES_MAX];
    bt_stream streams[BT_NAMES_MAX];
    bt_prediction predictions[BT_NAMES_MAX];
    bt_service_target *target;
} stage;

static bt_status open_stage(trial *t, stage *s, const bt_plan_scenario *plan, bt_error *error) {
    int in_flight = 0;
    *s = (stage){.plan = plan};
    for (int i = 0; i < plan->part_count; i++) {
        const bt_plan_part *part = &plan->parts[i];
        s->inputs[i] = inputs_of(t, part->model, s->weights[i]);
        s->streams[i] = (bt_stream){
            .clients = part->clients, .weights = s->weights[i], .input_count = s->inputs[i].input_count};
        in_flight += (int)served(t, part->model)->settings.max_queue_size +
                     2 * t->record->models[part->model].instances * t->record->models[part->model].batch_size;
        if (part->clients > 0) continue;
        bt_status status = bt_schedule_open(&s->schedules[i], &part->schedule, error);
        if (status != BT_OK) return bt_fail_at(error, status, "%s, %s", plan->title, t->names[part->model]);
        s->streams[i].schedule = &s->schedules[i];
    }
    bt_status status = bt_predict(s->predictions, &t->predict, plan, s->schedules, error);
    if (status != BT_OK) return status;
    return bt_service_target_open(&s->target, t->service, s->inputs, plan->part_count, in_flight, 1, error);
}

static void close_stage(stage *s, bool lost) {
    for (int i = 0; i < s->plan->part_count; i++)
        bt_schedule_close(&s->schedules[i]);
    if (!lost) bt_service_target_close(&s->target); /* else late answers still need it */
}

static const char *shape_of(const bt_plan_scenario *plan) {
    return plan->parts[0].clients > 0 ? "closed" : bt_load_shape_name(plan->parts[0].schedule.shape);
}

static void describe_parts(const trial *t, const stage *s, bt_load_scenario *scenario) {
    for (int i = 0; i < s->plan->part_count; i++) {
        const bt_plan_part *plan = &s->plan->parts[i];
        bt_load_part *part = &scenario->parts[i];
        snprintf(part->model, sizeof part->model, "%s", t->names[plan->model]);
        part->clients = plan->clients;
        part->burst_size =
            plan->schedule.shape == BT_SHAPE_BURST && plan->clients == 0 ? plan->schedule.burst_size : 0;
        if (plan->clients == 0)
            part->rate_rps = (double)s->schedules[i].count / ((double)s->schedules[i].duration_ns / 1e9);
        if (plan->clients == 0 && plan->schedule.shape == BT_SHAPE_POISSON)
            part->rate_rps = plan->schedule.rate_rps;
        part->predicted_p50_ms = s->predictions[i].p50_ms;
        part->predicted_p95_ms = s->predictions[i].p95_ms;
        part->predicted_throughput_rps = s->predictions[i].throughput_rps;
    }
}

static bt_judge_facts facts_of(const trial *t, int model) {
    const bt_config_point *lone = bt_config_model_point(served(t, model)->entry, 1);
    return (bt_judge_facts){
        .p95_sla_ms = sla_of(t, model),
        .max_queue_delay_ms = served(t, model)->settings.max_queue_delay_ms,
        .batch_size = t->record->models[model].batch_size,
        .lone_p95_ms = lone ? lone->p95_ms : NAN,
    };
}

static void judge_parts(const trial *t, const stage *s, bt_load_scenario *scenario) {
    bool late = bt_judge_scenario(scenario, sla_of(t, s->plan->parts[0].model), t->settings->tolerate_cores);
    for (int i = 0; i < scenario->part_count; i++) {
        bt_judge_facts facts = facts_of(t, s->plan->parts[i].model);
        bt_judge_part(&scenario->parts[i], scenario, &facts, late);
    }
}

static bt_status send(trial *t, stage *s, bt_load_log **log, bt_error *error) {
    char what[128];
    snprintf(what, sizeof what, "%s, %s",
             s->plan->part_count == 1 ? t->names[s->plan->parts[0].model] : "all models", s->plan->title);
    live l = live_of(t, what, s->plan->duration_ns);
    const bt_load_options load = {.target = bt_service_target_of(s->target),
                                  .streams = s->streams,
                                  .stream_count = s->plan->part_count,
                                  .duration_ns = s->plan->duration_ns,
                                  .drain_ns = DRAIN_NS,
                                  .seed = (uint64_t)t->settings->seed,
                                  .canary = true,
                                  .progress = tell,
                                  .progress_context = &l,
                                  .stop = t->options->stop};
    return bt_load_run(log, &load, error);
}

/* One attempt: sent, summed up, judged. */
static bt_status attempt(trial *t, stage *s, bt_load_scenario *scenario, bool *lost, bt_error *error) {
    bt_load_log *log;
    bt_status status = bt_load_scenario_reset(scenario, s->plan->part_count, error);
    if (status == BT_OK) status = send(t, s, &log, error);
    if (status != BT_OK) return status;
    scenario->attempts++;
    scenario->duration_s = (double)s->plan->duration_ns / 1e9;
    describe_parts(t, s, scenario);
    bt_sum_scenario(scenario, log);
    for (int i = 0; i < scenario->part_count && status == BT_OK; i++)
        status = bt_sum_part(&scenario->parts[i], log, i, error);
    if (status == BT_OK) judge_parts(t, s, scenario);
    *lost = *lost || log->lost > 0;
    bt_load_log_close(&log);
    return status;
}

static bt_status find_remedies(trial *t, const stage *s, bt_load_scenario *scenario, bt_error *error) {
    for (int i = 0; i < scenario->part_count; i++) {
        bt_load_part *part = &scenario->parts[i];
        bt_judge_facts facts = facts_of(t, s->plan->parts[i].model);
        if (part->verdict == BT_LOAD_BROKEN) {
            bt_status status = bt_predict_remedy(part->remedy, sizeof part->remedy, &t->predict, s->plan,
                                                 s->schedules, i, facts.p95_sla_ms, error);
            if (status != BT_OK) return status;
        }
        bt_judge_remedy(part, &facts);
    }
    return BT_OK;
}

static bt_status run_scenario(trial *t, const bt_plan_scenario *plan, bt_error *error) {
    stage *s = calloc(1, sizeof *s);
    if (!s) return bt_fail(error, BT_NO_MEMORY, "out of memory for a scenario");
    bool lost = false;
    bt_load_scenario *scenario = bt_load_record_add(t->record, plan->part_count);
    bt_status status =
        scenario ? open_stage(t, s, plan, error) : bt_fail(error, BT_NO_MEMORY, "out of memory");
    if (status == BT_OK) {
        snprintf(scenario->name, sizeof scenario->name, "%s", plan->name);
        snprintf(scenario->title, sizeof scenario->title, "%s", plan->title);
        snprintf(scenario->shape, sizeof scenario->shape, "%s", shape_of(plan));
        scenario->judged = plan->judged;
        do {
            if (scenario->attempts > 0) {
                t->plan.duration_ns += plan->duration_ns; /* the plan has become longer */
                bt_log_write(t->options->log, BT_LOG_WARNING, "%s: %s; once more", plan->title,
                             scenario->disturbed);
            }
            status = attempt(t, s, scenario, &lost, error);
        } while (status == BT_OK && scenario->attempts < ATTEMPTS && bt_judge_again(scenario) && !stopped(t));
    }
    if (status == BT_OK) status = find_remedies(t, s, scenario, error);
    if (s->plan) {
        char failure[BT_ERROR_MESSAGE_SIZE] = "";
        if (s->target) bt_service_target_failure(s->target, failure);
        if (failure[0]) bt_log_write(t->options->log, BT_LOG_WARNING, "%s: %s", plan->title, failure);
        close_stage(s, lost);
        t->lost = t->lost || lost;
    }
    free(s);
    return status;
}

/* ---- all of it ---- */

static bt_status start_service(trial *t, bt_error *error) {
    bt_log_progress(t->options->log, bt_clock_now_ns(), 0, "starting the service: loading and warming up");
    bt_status status = bt_serving_open(&t->service, t->options->config, t->names, t->model_count,
                                       &t->settings->service, t->options->sources, t->options->log, error);
    return status == BT_OK ? bt_service_start(t->service, error) : status;
}

static bt_status prepare(trial *t, bt_error *error) {
    bt_status status = choose_models(t, error);
    if (status == BT_OK) status = read_sides(t, error);
    if (status == BT_OK) status = read_pictures(t, error);
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

/* Memory after everything has run: the peak stands. */
static void note_memory(trial *t) {
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

static bt_status run_all(trial *t, bt_error *error) {
    int64_t start_ns = bt_clock_now_ns();
    bt_status status = BT_OK;
    for (int i = 0; i < t->model_count && status == BT_OK && !stopped(t); i++)
        status = compare_paths(t, i, error);
    if (status == BT_OK)
        status = make_plan(t, error); /* once more: now a throughput is known where nothing was */
    for (int i = 0; i < t->plan.scenario_count && status == BT_OK && !stopped(t); i++)
        status = run_scenario(t, &t->plan.scenarios[i], error);
    note_memory(t);
    t->record->testing_s = (double)(bt_clock_now_ns() - start_ns) / 1e9;
    bt_clock_utc(t->record->finished_at);
    bt_log_progress(t->options->log, bt_clock_now_ns(), 1, "done");
    return status;
}

bt_status bt_trial_run(bt_load_record **out, const bt_trial_options *options, bt_error *error) {
    *out = NULL;
    trial *t = calloc(1, sizeof *t);
    if (!t) return bt_fail(error, BT_NO_MEMORY, "out of memory for a test");
    t->options = options;
    t->settings = options->settings;
    bt_status status = prepare(t, error);
    if (status == BT_OK) status = run_all(t, error);
    if (status == BT_OK) {
        bt_judge_record(t->record, stopped(t));
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
