#include "segment/segment.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "image/encode.h"
#include "image/overlay.h"
#include "segment/state.h"

/* Threads that decode and write pictures. Raised, large batches on many instances stay full; each one takes
 * the memory of a picture. */
#define THREADS_MAX 64

/* How long the last answers are waited for: all have been by then, unless a run hangs. */
#define DRAIN_MS 60000.0

/* ---- one picture ---- */

static bt_status read_picture(bt_segment_work *w, bt_segment_job *j, bt_error *error) {
    int64_t start_ns = bt_clock_now_ns();
    if (!bt_text_is_utf8(j->file->name))
        return bt_fail(error, BT_INVALID, "%s: the name is not UTF-8, which JSON must be; rename it",
                       j->file->path);
    bt_status status = bt_picture_load(&j->picture, j->file->path, &w->wishes, error);
    if (status != BT_OK) return status;
    if (!w->options->notes_told) bt_picture_tell(&j->picture, w->options->log);
    j->decode_ms = bt_ms(bt_clock_now_ns() - start_ns);
    return bt_segment_make_room(w, j, error);
}

static bt_status find_polygons(const bt_segment_work *w, bt_segment_job *j, bt_error *error) {
    const bt_request request = {.image = j->picture.rgb,
                                .height = j->picture.height,
                                .width = j->picture.width,
                                .model = w->options->model,
                                .threshold = (float)w->settings->threshold,
                                .probabilities = j->probabilities,
                                .labels = j->labels,
                                .class_probabilities = j->class_probabilities};
    bt_status status = bt_service_infer(w->service, &request, &j->result, error);
    if (status != BT_OK) return status;
    int64_t start_ns = bt_clock_now_ns();
    status = bt_segment_find_polygons(w, j, error);
    j->polygons_ms = bt_ms(bt_clock_now_ns() - start_ns);
    return status;
}

static bt_status write_overlay(const bt_segment_work *w, bt_segment_job *j, bt_error *error) {
    char path[BT_PATH_SIZE];
    if (!w->options->outputs->overlay[0]) return BT_OK;
    bt_status status = bt_segment_overlay_path(path, w->options->outputs, j->file, error);
    if (status == BT_OK)
        status = w->classes.count > 1 ? bt_overlay_draw_classes(j->picture.rgb, j->polygons, w->classes.of,
                                                                w->classes.count, error)
                                      : bt_overlay_draw(j->picture.rgb, j->polygons, error);
    if (status == BT_OK)
        status = bt_png_save(path, j->picture.rgb, j->picture.height, j->picture.width, 3, error);
    return status;
}

static json_t *polygons_to_json(const bt_segment_work *w, const bt_polygons *polygons) {
    const bool by_class = w->classes.count > 1;
    if (w->settings->format == BT_SEGMENT_FORMAT_GEOJSON)
        return by_class ? bt_polygons_classes_to_geojson(polygons, w->classes.of)
                        : bt_polygons_to_geojson(polygons, w->settings->category);
    return by_class ? bt_polygons_classes_to_json(polygons, w->classes.of) : bt_polygons_to_json(polygons);
}

static bt_status write_polygons(const bt_segment_work *w, bt_segment_job *j, bt_error *error) {
    char path[BT_PATH_SIZE];
    if (bt_segment_format_is_coco(w->settings->format)) {
        w->found[j->index] = j->polygons;
        return BT_OK;
    }
    bt_status status = bt_segment_output_path(path, w->options->outputs, j->file, error);
    if (status != BT_OK) return status;
    json_t *json = bt_segment_joined(
        polygons_to_json(w, j->polygons),
        json_pack("{s:s, s:o}", "image", j->file->name, "metadata", bt_segment_describe_job(w, j)));
    if (json && !path[0]) w->summary->printed = true; /* of one picture: of several each has a file */
    return bt_segment_write(json, path, w->options->out, error);
}

/* What was asked for first, then what shows it; one is not left out because the other could not
 * be written. */
static bt_status write_results(const bt_segment_work *w, bt_segment_job *j, bt_error *error) {
    bt_error cause;
    bt_status status = write_polygons(w, j, error);
    bt_keep_first(&status, error, bt_segment_write_labels(w, j, &cause), &cause);
    bt_keep_first(&status, error, write_overlay(w, j, &cause), &cause);
    return status;
}

/* ---- all pictures ---- */

static void add_to_summary(bt_segment_work *w, const bt_segment_job *j) {
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
        w->class_regions[j->polygons->items[i].class_number]++;
    }
    for (int c = 0; c < BT_CLASSES_MAX; c++)
        w->class_pixels[c] += j->class_pixels[c];
}

static void note(bt_segment_work *w, const bt_segment_job *j, bt_status status, const bt_error *error) {
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

static bool is_stopped(const bt_segment_work *w) {
    return w->options->stop && *w->options->stop;
}

static void segment_one(bt_segment_work *w, int index) {
    bt_segment_job j = {.index = index, .file = &w->options->pictures->files[index]};
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
    bt_segment_give_room(w, &j);
}

static void *segment_some(void *context) {
    bt_segment_work *w = context;
    int index;
    while (!is_stopped(w) && (index = atomic_fetch_add(&w->next, 1)) < w->options->pictures->count)
        segment_one(w, index);
    return NULL;
}

/* Two batches' worth: one that runs, one that waits. */
static int thread_count(const bt_segment_work *w) {
    const bt_served_model *served = bt_serving_model(w->service, 0);
    int64_t count = 2 * served->settings.batch_size * served->placement.count;
    if (count > served->settings.max_queue_size) count = served->settings.max_queue_size;
    if (count > w->options->pictures->count) count = w->options->pictures->count;
    return (int)(count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : count);
}

static void segment_all(bt_segment_work *w) {
    pthread_t threads[THREADS_MAX];
    int count = thread_count(w), started = 0;
    while (started < count - 1 && pthread_create(&threads[started], NULL, segment_some, w) == 0)
        started++;
    segment_some(w); /* this thread is one of them, and enough where no other could be had */
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}

static bt_status write_coco(const bt_segment_work *w, bt_error *error) {
    const bt_pictures *pictures = w->options->pictures;
    bt_coco_picture *list = calloc((size_t)pictures->count, sizeof *list);
    if (!list) return bt_no_memory(error, "a list of pictures");
    int count = 0;
    for (int i = 0; i < pictures->count; i++)
        if (w->found[i]) list[count++] = (bt_coco_picture){pictures->files[i].name, w->found[i]};
    const bt_coco_masks masks =
        w->settings->format == BT_SEGMENT_FORMAT_COCO ? BT_COCO_OUTLINES : BT_COCO_RUN_LENGTHS;
    json_t *json = w->classes.count > 1
                       ? bt_polygons_classes_to_coco(list, count, w->classes.of, w->classes.count, masks)
                       : bt_polygons_to_coco(list, count, w->settings->category, masks);
    free(list);
    if (!json || json_object_set_new(json, "metadata", bt_segment_describe_all(w))) {
        json_decref(json);
        return bt_no_memory(error, "the COCO data set");
    }
    w->summary->printed = !w->options->outputs->output[0];
    return bt_segment_write(json, w->options->outputs->output, w->options->out, error);
}

/* ---- all of it ---- */

static void finish_summary(const bt_segment_work *w, double seconds) {
    bt_segment_summary *s = w->summary;
    s->seconds = seconds;
    s->pictures_per_s = s->segmented / seconds;
    s->area_share = w->pixels > 0 ? w->region_pixels / w->pixels : 0;
    s->mean_confidence = s->regions ? w->regions_confidence / (double)s->regions : NAN;
    snprintf(s->runs, sizeof s->runs, "%s at %d px, %s, %s on %s, weights %s", w->options->model,
             bt_segment_image_size(w), w->session.precision, w->session.backend, w->session.device,
             w->session.weights);
    bt_segment_tell_classes(s->by_class, sizeof s->by_class, w);
}

/* That every picture's mask is of one value is hardly what anybody wanted. */
static void warn_constant(const bt_segment_work *w) {
    const bt_segment_summary *s = w->summary;
    if (s->segmented < 2 || (w->region_pixels > 0 && w->region_pixels < w->pixels)) return;
    bt_log_write(
        w->options->log, BT_LOG_WARNING,
        "%s: the masks of all pictures are %s: are the weights, and the pictures, those that are meant?",
        w->options->model, w->region_pixels > 0 ? "full" : "empty");
}

bt_status bt_segment_pictures(bt_segment_summary *out, const bt_segment_options *options, bt_error *error) {
    const bt_segment_settings *s = options->settings;
    bt_segment_work w = {.options = options,
                         .settings = s,
                         .wishes = {.white = s->white, .page = (int)s->page},
                         .lock = PTHREAD_MUTEX_INITIALIZER,
                         .less = PTHREAD_COND_INITIALIZER,
                         .summary = out};
    *out = (bt_segment_summary){.p95_latency_ms = NAN};
    w.found = calloc((size_t)options->pictures->count, sizeof *w.found);
    bt_status status =
        w.found ? bt_segment_choose_config(&w, error) : bt_no_memory(error, "a list of pictures");
    if (status == BT_OK) status = bt_segment_start_service(&w, error);
    if (status == BT_OK) {
        bt_segment_find_classes(&w);
        int64_t start_ns = bt_clock_now_ns();
        segment_all(&w);
        finish_summary(&w, (double)(bt_clock_now_ns() - start_ns) / 1e9);
        warn_constant(&w);
        status = bt_service_stop(w.service, DRAIN_MS, error);
    }
    if (status == BT_OK && bt_segment_format_is_coco(options->settings->format) && out->segmented > 0)
        status = write_coco(&w, error);
    bt_service_close(&w.service);
    bt_config_close(&w.untuned);
    for (int i = 0; i < options->pictures->count && w.found; i++)
        bt_polygons_close(&w.found[i]);
    free(w.found);
    return status;
}
