/* What segmenting is made of, shared by the files that do it: segment.c takes pictures by turns, serve.c has
 * the service that runs them, metadata.c what is said beside the polygons. Internal to segment/. */
#ifndef BT_SEGMENT_STATE_H
#define BT_SEGMENT_STATE_H

#include <jansson.h>
#include <pthread.h>

#include "base/atomic.h"
#include "image/decode.h"
#include "networks/class-list.h"
#include "segment/segment.h"
#include "serving/serving.h"

/* One network's work on all pictures. */
typedef struct bt_segment_work {
    const bt_segment_options *options;
    const bt_segment_settings *settings;
    bt_picture_wishes wishes;
    bt_config *untuned; /* owned; where the config does not know the model */
    bt_config config;   /* what is served: a copy, nothing of it owned, of one model */
    bt_config_model entry;
    bt_service *service;
    bt_session_info session;
    bt_class_list classes; /* of a network of one map, one */
    int only_class;        /* which all regions are of, or BT_CLASSES_SEVERAL */
    bt_polygons **found;   /* of each picture, kept for COCO's one file */
    atomic_int next;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t less;  /* planes_bytes is less than it was */
    int64_t planes_bytes; /* of classes, of the pictures under way */
    bt_segment_summary *summary;
    double regions_confidence, pixels, region_pixels;
    int64_t class_regions[BT_CLASSES_MAX],
        class_pixels[BT_CLASSES_MAX]; /* these where there are several classes */
    int done;
} bt_segment_work;

/* One picture under way. */
typedef struct bt_segment_job {
    int index;
    const bt_picture_file *file;
    bt_picture picture;
    /* what is asked of the service; NULL: not this */
    float *probabilities, *class_probabilities;
    uint8_t *labels;
    int64_t planes_bytes;
    int64_t class_pixels[BT_CLASSES_MAX]; /* where there are several classes */
    bt_polygons *polygons;
    bt_result result;
    double decode_ms, polygons_ms;
} bt_segment_job;

static inline int bt_segment_image_size(const bt_segment_work *w) {
    return (int)bt_serving_model(w->service, 0)->settings.image_size;
}

/* ---- metadata.c ---- */

/* `more`'s members put into `json`, which is returned. Both are taken over; NULL where either is, or memory
 * is short. */
json_t *bt_segment_joined(json_t *json, json_t *more);
/* What is said of one picture, and of all of them together; NULL where memory is short. */
json_t *bt_segment_describe_job(const bt_segment_work *w, const bt_segment_job *j);
json_t *bt_segment_describe_all(const bt_segment_work *w);

/* ---- classes.c ---- */

/* Which classes the started service's network tells apart. */
void bt_segment_find_classes(bt_segment_work *w);
/* Room for what is asked of the service for a picture: waits while other pictures' classes have much of the memory.
 * BT_NO_MEMORY. Given back in any case. */
BT_MUST_USE bt_status bt_segment_make_room(bt_segment_work *w, bt_segment_job *j, bt_error *error);
void bt_segment_give_room(bt_segment_work *w, bt_segment_job *j);
/* Of what the service gave. Errors as bt_polygons_find has them. */
BT_MUST_USE bt_status bt_segment_find_polygons(const bt_segment_work *w, bt_segment_job *j, bt_error *error);
/* The map of labels, where it is asked for. */
BT_MUST_USE bt_status bt_segment_write_labels(const bt_segment_work *w, const bt_segment_job *j,
                                              bt_error *error);
/* {"classes": [...]}, of a network of one map {}: each class's share is of `pixels`. NULL where memory is short. */
json_t *bt_segment_describe_classes(const bt_segment_work *w, const int64_t *class_pixels, double pixels);
/* How many regions of each class there are, " (8 cell, 4 border)"; "" where they are of one. */
void bt_segment_tell_classes(char *out, size_t size, const bt_segment_work *w);

/* ---- serve.c ---- */

/* Chooses what is served of the config, or what to do without one. */
BT_MUST_USE bt_status bt_segment_choose_config(bt_segment_work *w, bt_error *error);
/* Starts the service of that: no batch is larger than there are pictures. */
BT_MUST_USE bt_status bt_segment_start_service(bt_segment_work *w, bt_error *error);

#endif
