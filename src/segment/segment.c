#include "segment/segment.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cuda.h"
#include "base/atomic.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/program.h"
#include "base/text.h"
#include "base/version.h"
#include "image/decode.h"
#include "image/encode.h"
#include "image/overlay.h"
#include "serving/serving.h"
#include "settings/by-model.h"
#include "settings/weights.h"

#define THREADS_MAX 64
#define DRAIN_MS    60000.0
#define WATCHDOG_MS 3.6e6 /* nobody waits for an answer in time: only a run that hangs for good is one */

/* One network's work on all pictures. */
typedef struct work {
    const bt_segment_options *options;
    const bt_segment_settings *settings;
    bt_picture_wishes wishes;
    bt_config *untuned; /* owned; where the config does not know the model */
    bt_config config;   /* what is served: a copy, nothing of it owned, of one model */
    bt_config_model entry;
    bt_service *service;
    bt_session_info session;
    bt_polygons **found; /* of each picture, kept for COCO's one file */
    atomic_int next;
    pthread_mutex_t lock; /* of what follows */
    bt_segment_summary *summary;
    double regions_confidence, pixels, region_pixels;
    int done;
} work;

/* One picture under way. */
typedef struct job {
    int index;
    const bt_picture_file *file;
    bt_picture picture;
    float *probabilities;
    bt_polygons *polygons;
    bt_result result;
    double decode_ms, polygons_ms;
} job;

/* ---- what is said of a run ---- */

static const char *path_name(const bt_config_model *entry) {
    static const char *const names[] = {"standard", "plain", "production"};
    return names[entry->settings.path];
}

static int image_size(const work *w) {
    return (int)bt_serving_model(w->service, 0)->settings.image_size;
}

/* What holds of all pictures of this run. */
static json_t *describe_run(const work *w) {
    const bt_segment_settings *s = w->settings;
    return json_pack("{s:s, s:i, s:f, s:f, s:s, s:s, s:s, s:s, s:s, s:s}", "model", w->options->model,
                     "image_size", image_size(w), "threshold", s->threshold, "min_area_px", s->min_area_px,
                     "weights", w->session.weights, "precision", w->session.precision, "path",
                     path_name(&w->entry), "backend", w->session.backend, "device", w->session.device,
                     "tool_version", bt_version());
}

/* Both taken over; NULL where either is. */
static json_t *joined(json_t *json, json_t *more) {
    bool good = json && more && json_object_update(json, more) == 0;
    json_decref(more);
    if (good) return json;
    json_decref(json);
    return NULL;
}

/* Which page it is, where there are several, and how its values were read. */
static json_t *describe_picture(const bt_picture *picture) {
    json_t *values = json_pack("{s:f, s:f}", "black", picture->black, "white", picture->white);
    if (picture->pages == 1) return values;
    return joined(json_pack("{s:i, s:i}", "page", picture->page, "pages", picture->pages), values);
}

static json_t *describe_job(const work *w, const job *j) {
    const bt_result *r = &j->result;
    return joined(joined(describe_run(w), describe_picture(&j->picture)),
                  json_pack("{s:s, s:s, s:i, s:o, s:f, s:f, s:f, s:f, s:f, s:f}", "outlines",
                            "through pixel centres", "inference_mode", r->inference_mode, "batch_size",
                            r->batch_size, "p95_latency_ms", bt_json_real_or_null(r->p95_latency_ms),
                            "latency_ms", r->latency_ms, "queue_ms", r->queue_ms, "preprocess_ms",
                            r->preprocess_ms, "service_ms", r->service_ms, "decode_ms", j->decode_ms,
                            "polygons_ms", j->polygons_ms));
}

/* Of all pictures together: the mode is the standard path's where one of them needed it. */
static json_t *describe_all(const work *w) {
    const bt_segment_summary *s = w->summary;
    return joined(describe_run(w),
                  json_pack("{s:s, s:i, s:o, s:i, s:i, s:i}", "inference_mode",
                            s->fallbacks ? "standard_fallback" : "production_optimized", "batch_size",
                            s->batch_size, "p95_latency_ms", bt_json_real_or_null(s->p95_latency_ms),
                            "pictures", s->segmented, "failed", s->failed, "fallbacks", s->fallbacks));
}

/* ---- one picture ---- */

static bt_status read_picture(const work *w, job *j, bt_error *error) {
    int64_t start_ns = bt_clock_now_ns();
    if (!bt_text_is_utf8(j->file->name))
        return bt_fail(error, BT_INVALID, "%s: the name is not UTF-8, which JSON must be; rename it",
                       j->file->path);
    bt_status status = bt_picture_load(&j->picture, j->file->path, &w->wishes, error);
    if (status != BT_OK) return status;
    if (!w->options->notes_told) bt_picture_tell(&j->picture, w->options->log);
    j->decode_ms = bt_ms(bt_clock_now_ns() - start_ns);
    j->probabilities = malloc((size_t)j->picture.height * j->picture.width * sizeof *j->probabilities);
    if (j->probabilities) return BT_OK;
    return bt_no_memory(error, "%s: %d x %d pixels", j->file->path, j->picture.height, j->picture.width);
}

static bt_status find_polygons(const work *w, job *j, bt_error *error) {
    const bt_segment_settings *s = w->settings;
    const bt_request request = {.image = j->picture.rgb,
                                .height = j->picture.height,
                                .width = j->picture.width,
                                .model = w->options->model,
                                .probabilities = j->probabilities};
    bt_status status = bt_service_infer(w->service, &request, &j->result, error);
    if (status != BT_OK) return status;
    int64_t start_ns = bt_clock_now_ns();
    status = bt_polygons_find(&j->polygons, j->probabilities, j->picture.height, j->picture.width,
                              (float)s->threshold, s->min_area_px, error);
    j->polygons_ms = bt_ms(bt_clock_now_ns() - start_ns);
    return status;
}

static bt_status write_overlay(const work *w, job *j, bt_error *error) {
    char path[BT_PATH_SIZE];
    if (!w->options->outputs->overlay[0]) return BT_OK;
    bt_status status = bt_segment_overlay_path(path, w->options->outputs, j->file, error);
    if (status == BT_OK) status = bt_overlay_draw(j->picture.rgb, j->polygons, error);
    if (status == BT_OK)
        status = bt_png_save(path, j->picture.rgb, j->picture.height, j->picture.width, 3, error);
    return status;
}

static bt_status write_polygons(const work *w, job *j, bt_error *error) {
    char path[BT_PATH_SIZE];
    if (w->settings->format != BT_SEGMENT_FORMAT_JSON) {
        w->found[j->index] = j->polygons;
        return BT_OK;
    }
    bt_status status = bt_segment_output_path(path, w->options->outputs, j->file, error);
    if (status != BT_OK) return status;
    json_t *json = joined(bt_polygons_to_json(j->polygons),
                          json_pack("{s:s, s:o}", "image", j->file->name, "metadata", describe_job(w, j)));
    if (json && !path[0]) w->summary->printed = true; /* of one picture: of several each has a file */
    return bt_segment_write(json, path, w->options->out, error);
}

/* What was asked for first, then what shows it; one is not left out because the other could not
 * be written. */
static bt_status write_results(const work *w, job *j, bt_error *error) {
    bt_error cause;
    bt_status status = write_polygons(w, j, error);
    bt_keep_first(&status, error, write_overlay(w, j, &cause), &cause);
    return status;
}

/* ---- all pictures ---- */

static void add_to_summary(work *w, const job *j) {
    bt_segment_summary *s = w->summary;
    s->segmented++;
    s->fallbacks += strcmp(j->result.inference_mode, "standard_fallback") == 0;
    s->regions += j->polygons->count;
    if (j->result.batch_size > s->batch_size) s->batch_size = j->result.batch_size;
    s->p95_latency_ms = j->result.p95_latency_ms;
    w->pixels += (double)j->picture.height * j->picture.width;
    for (int i = 0; i < j->polygons->count; i++) {
        w->region_pixels += j->polygons->items[i].area_px;
        w->regions_confidence += j->polygons->items[i].confidence;
    }
}

static void note(work *w, const job *j, bt_status status, const bt_error *error) {
    const bt_segment_options *o = w->options;
    pthread_mutex_lock(&w->lock);
    if (status == BT_OK) {
        add_to_summary(w, j);
    } else {
        const bool worse = status == BT_NOT_WRITTEN && w->summary->failure.status != BT_NOT_WRITTEN;
        if (w->summary->failed++ == 0 || worse) w->summary->failure = *error;
        if (o->pictures->is_folder) bt_log_write(o->log, BT_LOG_ERROR, "%s", error->message);
    }
    w->done++;
    if (o->pictures->is_folder)
        bt_log_progress(o->log, bt_clock_now_ns(), (double)w->done / o->pictures->count, "%d of %d pictures",
                        w->done, o->pictures->count);
    pthread_mutex_unlock(&w->lock);
}

static bool is_stopped(const work *w) {
    return w->options->stop && *w->options->stop;
}

static void segment_one(work *w, int index) {
    job j = {.index = index, .file = &w->options->pictures->files[index]};
    bt_error error;
    bt_status status = read_picture(w, &j, &error);
    if (status == BT_OK) {
        status = find_polygons(w, &j, &error);
        if (status == BT_OK) status = write_results(w, &j, &error);
        if (status != BT_OK) bt_fail_at(&error, status, "%s", j.file->path);
    }
    note(w, &j, status, &error);
    if (w->found[index] != j.polygons) bt_polygons_close(&j.polygons);
    bt_picture_close(&j.picture);
    free(j.probabilities);
}

static void *segment_some(void *context) {
    work *w = context;
    int index;
    while (!is_stopped(w) && (index = atomic_fetch_add(&w->next, 1)) < w->options->pictures->count)
        segment_one(w, index);
    return NULL;
}

/* Two batches' worth: one that runs, one that waits. */
static int thread_count(const work *w) {
    const bt_served_model *served = bt_serving_model(w->service, 0);
    int64_t count = 2 * served->settings.batch_size * served->placement.count;
    if (count > served->settings.max_queue_size) count = served->settings.max_queue_size;
    if (count > w->options->pictures->count) count = w->options->pictures->count;
    return (int)(count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : count);
}

static void segment_all(work *w) {
    pthread_t threads[THREADS_MAX];
    int count = thread_count(w), started = 0;
    while (started < count - 1 && pthread_create(&threads[started], NULL, segment_some, w) == 0)
        started++;
    segment_some(w); /* this thread is one of them, and enough where no other could be had */
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}

static bt_status write_coco(const work *w, bt_error *error) {
    const bt_pictures *pictures = w->options->pictures;
    bt_coco_picture *list = calloc((size_t)pictures->count, sizeof *list);
    if (!list) return bt_no_memory(error, "a list of pictures");
    int count = 0;
    for (int i = 0; i < pictures->count; i++)
        if (w->found[i]) list[count++] = (bt_coco_picture){pictures->files[i].name, w->found[i]};
    json_t *json = bt_polygons_to_coco(list, count, w->settings->category,
                                       w->settings->format == BT_SEGMENT_FORMAT_COCO ? BT_COCO_OUTLINES
                                                                                     : BT_COCO_RUN_LENGTHS);
    free(list);
    if (!json || json_object_set_new(json, "metadata", describe_all(w))) {
        json_decref(json);
        return bt_no_memory(error, "the COCO data set");
    }
    w->summary->printed = !w->options->outputs->output[0];
    return bt_segment_write(json, w->options->outputs->output, w->options->out, error);
}

/* ---- the service ---- */

/* Says what a person should know of the sizes: that a demonstration chose the image's,
 * or nobody the batch's. */
static void warn_untuned(const work *w) {
    const bt_segment_settings *s = w->settings;
    const bt_config_model *entry = &w->entry;
    const bool of_file = entry->model_file[0] || s->service.model_file[0]; /* its size is its own */
    if (s->service.image_size == 0 && !of_file && strcmp(entry->workload, "cpu-demo") == 0)
        bt_log_write(w->options->log, BT_LOG_INFO,
                     "%s runs at %d px, for which a demonstration tuned it; --image-size 1024 shows more",
                     w->options->model, entry->image_size);
    if (s->service.batch_size > 0 || w->options->pictures->count == 1) return;
    if (w->untuned)
        bt_log_write(w->options->log, BT_LOG_INFO,
                     "%s is not tuned here: batches of one; `make optimize-batch` finds the best size",
                     w->options->model);
    else if (s->service.image_size > 0 && entry->image_size > 0 && entry->image_size != s->service.image_size)
        bt_log_write(w->options->log, BT_LOG_INFO,
                     "%s was tuned at %d px, not at %lld: whether batches of %d are best here is not known",
                     w->options->model, entry->image_size, (long long)s->service.image_size,
                     entry->optimal_batch_size);
}

static bt_status choose_config(work *w, bt_error *error) {
    const bt_segment_options *o = w->options;
    const bt_config_model *entry = o->config ? bt_config_find(o->config, o->model) : NULL;
    const bt_config *known = entry && !entry->unmeasurable ? o->config : NULL;
    if (!known) {
        bt_status status = bt_config_untuned(&w->untuned, o->model, error);
        if (status != BT_OK) return status;
        bt_cuda_fill_machine(&w->untuned->machine);
    }
    w->config = known ? *known : *w->untuned;
    w->entry = known ? *entry : w->untuned->models[0];
    w->config.models = &w->entry;
    w->config.model_count = 1;
    warn_untuned(w);
    size_t count;
    const bt_option *table = bt_segment_settings_table(&count);
    if (o->sources->of[bt_options_find(table, count, "path")] != BT_SOURCE_DEFAULT)
        w->entry.settings.path = o->settings->path;
    return BT_OK;
}

/* No batch is larger than there are pictures. Nothing is warmed up: it would take longer than a few pictures
 * do, the standard path's most of all. */
static bt_status start_service(work *w, bt_error *error) {
    const bt_segment_options *o = w->options;
    bt_service_settings settings;
    bt_option_sources sources;
    bt_segment_service_settings(o->settings, o->sources, &settings, &sources);
    if (settings.batch_size == 0) settings.batch_size = w->entry.optimal_batch_size;
    if (settings.batch_size > o->pictures->count) settings.batch_size = o->pictures->count;
    settings.warm_up = false;
    settings.watchdog_ms = WATCHDOG_MS;
    const char *model = o->model;
    bt_status status = bt_weights_narrow(settings.weights, model, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--weights");
    status = bt_by_model_narrow(settings.model_file, model, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--model-file");
    status = bt_serving_open(&w->service, &w->config, &model, 1, &settings, &sources, o->log, error);
    bt_program_waits(true); /* of this network there is nothing yet, and files of another are whole */
    if (status == BT_OK) status = bt_service_start(w->service, error);
    bt_program_waits(false);
    if (status == BT_OK) w->session = *bt_serving_session(w->service, 0);
    return status;
}

static void finish_summary(const work *w, double seconds) {
    bt_segment_summary *s = w->summary;
    s->seconds = seconds;
    s->pictures_per_s = s->segmented / seconds;
    s->area_share = w->pixels > 0 ? w->region_pixels / w->pixels : 0;
    s->mean_confidence = s->regions ? w->regions_confidence / (double)s->regions : NAN;
    snprintf(s->runs, sizeof s->runs, "%s at %d px, %s, %s on %s, weights %s", w->options->model,
             image_size(w), w->session.precision, w->session.backend, w->session.device, w->session.weights);
}

/* That every picture's mask is of one value is hardly what anybody wanted. */
static void warn_constant(const work *w) {
    const bt_segment_summary *s = w->summary;
    if (s->segmented < 2 || (w->region_pixels > 0 && w->region_pixels < w->pixels)) return;
    bt_log_write(
        w->options->log, BT_LOG_WARNING,
        "%s: the masks of all pictures are %s: are the weights, and the pictures, those that are meant?",
        w->options->model, w->region_pixels > 0 ? "full" : "empty");
}

bt_status bt_segment_pictures(bt_segment_summary *out, const bt_segment_options *options, bt_error *error) {
    const bt_segment_settings *s = options->settings;
    work w = {.options = options,
              .settings = s,
              .wishes = {.white = s->white, .page = (int)s->page},
              .lock = PTHREAD_MUTEX_INITIALIZER,
              .summary = out};
    *out = (bt_segment_summary){.p95_latency_ms = NAN};
    w.found = calloc((size_t)options->pictures->count, sizeof *w.found);
    bt_status status = w.found ? choose_config(&w, error) : bt_fail(error, BT_NO_MEMORY, "out of memory");
    if (status == BT_OK) status = start_service(&w, error);
    if (status == BT_OK) {
        int64_t start_ns = bt_clock_now_ns();
        segment_all(&w);
        finish_summary(&w, (double)(bt_clock_now_ns() - start_ns) / 1e9);
        warn_constant(&w);
        status = bt_service_stop(w.service, DRAIN_MS, error);
    }
    if (status == BT_OK && options->settings->format != BT_SEGMENT_FORMAT_JSON && out->segmented > 0)
        status = write_coco(&w, error);
    bt_service_close(&w.service);
    bt_config_close(&w.untuned);
    for (int i = 0; i < options->pictures->count && w.found; i++)
        bt_polygons_close(&w.found[i]);
    free(w.found);
    return status;
}
