/* What there is by class of networks that tell several apart: regions, shares of the picture, the map of labels. */
#include <stdlib.h>

#include "base/json.h"
#include "base/text.h"
#include "image/encode.h"
#include "segment/state.h"

/* ---- which there are ---- */

void bt_segment_find_classes(bt_segment_work *w) {
    bt_class_list_make(&w->classes, &bt_serving_model(w->service, 0)->resolved.model, w->session.classes);
    w->only_class = bt_class_list_only(&w->classes);
}

/* ---- of one picture ---- */

/* A picture is not begun while the planes of others take this much with its own: a class's is four bytes a pixel, and
 * many classes of many large pictures would take all memory. A single picture has what it needs. */
#define PLANES_BYTES_MAX (INT64_C(2) << 30)

static void wait_for_others(bt_segment_work *w, bt_segment_job *j, size_t bytes) {
    pthread_mutex_lock(&w->lock);
    while (w->planes_bytes > 0 && w->planes_bytes + (int64_t)bytes > PLANES_BYTES_MAX)
        pthread_cond_wait(&w->less, &w->lock);
    j->planes_bytes = (int64_t)bytes;
    w->planes_bytes += j->planes_bytes;
    pthread_mutex_unlock(&w->lock);
}

bt_status bt_segment_make_room(bt_segment_work *w, bt_segment_job *j, bt_error *error) {
    const size_t pixels = (size_t)j->picture.height * (size_t)j->picture.width;
    const bool several = w->only_class == BT_CLASSES_SEVERAL;
    const bool labelled = w->classes.count > 1 || w->options->outputs->labels[0];
    const size_t bytes = (several ? (size_t)w->classes.count : 1) * pixels * sizeof(float);
    if (several) wait_for_others(w, j, bytes);
    float *planes = malloc(bytes);
    *(several ? &j->class_probabilities : &j->probabilities) = planes;
    if (labelled) j->labels = malloc(pixels);
    if (planes && (j->labels || !labelled)) return BT_OK;
    return bt_no_memory(error, "%s: %d x %d pixels", j->file->path, j->picture.height, j->picture.width);
}

void bt_segment_give_room(bt_segment_work *w, bt_segment_job *j) {
    free(j->probabilities);
    free(j->class_probabilities);
    free(j->labels);
    pthread_mutex_lock(&w->lock);
    w->planes_bytes -= j->planes_bytes;
    pthread_cond_broadcast(&w->less);
    pthread_mutex_unlock(&w->lock);
}

static void count_labels(const bt_segment_work *w, bt_segment_job *j) {
    const size_t pixels = (size_t)j->picture.height * (size_t)j->picture.width;
    for (size_t i = 0; i < pixels && w->classes.count > 1; i++)
        j->class_pixels[j->labels[i]]++;
}

bt_status bt_segment_find_polygons(const bt_segment_work *w, bt_segment_job *j, bt_error *error) {
    const bt_segment_settings *s = w->settings;
    const int height = j->picture.height, width = j->picture.width;
    count_labels(w, j);
    if (w->only_class == BT_CLASSES_SEVERAL)
        return bt_polygons_find_classes(&j->polygons, j->labels, j->class_probabilities, w->classes.of,
                                        w->classes.count, height, width, s->min_area_px, error);
    bt_status status = bt_polygons_find(&j->polygons, j->probabilities, height, width, (float)s->threshold,
                                        s->min_area_px, error);
    if (status == BT_OK) bt_polygons_set_class(j->polygons, w->only_class);
    return status;
}

bt_status bt_segment_write_labels(const bt_segment_work *w, const bt_segment_job *j, bt_error *error) {
    char path[BT_PATH_SIZE];
    if (!w->options->outputs->labels[0]) return BT_OK;
    bt_status status = bt_segment_labels_path(path, w->options->outputs, j->file, error);
    if (status != BT_OK) return status;
    return bt_png_save(path, j->labels, j->picture.height, j->picture.width, 1, error);
}

/* ---- in words ---- */

static json_t *describe_class(const bt_class *one, int number, double share) {
    char colour[BT_COLOUR_TEXT_SIZE];
    bt_class_colour_text(colour, one);
    return json_pack("{s:i, s:s, s:s, s:b, s:f}", "number", number, "name", one->name, "color", colour,
                     "polygons", !one->left_out, "share", share);
}

json_t *bt_segment_describe_classes(const bt_segment_work *w, const int64_t *class_pixels, double pixels) {
    if (w->classes.count == 1) return json_object();
    json_t *list = json_array();
    bool good = list != NULL;
    for (int c = 0; c < w->classes.count && good; c++) {
        const double share = pixels > 0 ? (double)class_pixels[c] / pixels : 0;
        good = json_array_append_new(list, describe_class(&w->classes.of[c], c, share)) == 0;
    }
    if (good) return json_pack("{s:o}", "classes", list);
    json_decref(list);
    return NULL;
}

void bt_segment_tell_classes(char *out, size_t size, const bt_segment_work *w) {
    out[0] = '\0';
    if (w->only_class != BT_CLASSES_SEVERAL) return;
    for (int c = 0; c < w->classes.count; c++)
        if (w->class_regions[c] > 0)
            bt_text_append(out, size, "%s%lld %s", out[0] ? ", " : " (", (long long)w->class_regions[c],
                           w->classes.of[c].name);
    if (out[0]) bt_text_append(out, size, ")");
}
