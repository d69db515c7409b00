/* Pictures to polygons through the service: what segment-image does.
 *
 * So many threads as fill two batches take pictures by turns: each decodes one, has it served, finds its
 * polygons and writes them, while the others' pictures wait in the queue and make a batch. A picture that
 * cannot be read or segmented is told and counted; the others go on. */
#ifndef BT_SEGMENT_SEGMENT_H
#define BT_SEGMENT_SEGMENT_H

#include <signal.h>

#include "base/log.h"
#include "record/config.h"
#include "segment/output.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_segment_options {
    const bt_segment_settings *settings;
    const bt_option_sources *sources;
    const bt_config *config; /* NULL: there is none; of a model that it does not know nothing is taken */
    const bt_pictures *pictures;
    const bt_segment_outputs *outputs;
    const char *model;
    FILE *out;                         /* for polygons without a file */
    bt_log *log;                       /* may be NULL: progress, and each picture's failure and notes */
    bool notes_told;                   /* they were, of these pictures, by another network's run */
    const volatile sig_atomic_t *stop; /* once it is set no further picture is begun; may be NULL */
} bt_segment_options;

typedef struct bt_segment_summary {
    int segmented, failed, fallbacks;
    int64_t regions;
    char by_class[512];     /* of regions of several classes: " (8 cell, 4 border)"; else "" */
    double area_share;      /* of the pictures' pixels */
    double mean_confidence; /* of regions; NaN without one */
    double seconds, pictures_per_s;
    double p95_latency_ms; /* as the service's metrics have it at the end; NaN without an answer */
    int batch_size;        /* the largest that was formed */
    bt_error failure;      /* the first picture's that failed; or the first that could not be written */
    bool printed;          /* `out` has polygons, though perhaps not all of them */
    char runs[320];        /* "HRNet at 1024 px, bf16, plan on cpu: ..., weights demo" */
} bt_segment_summary;

/* Segments every picture with one network and writes what settings ask for. Returns BT_OK where the service
 * did its part, however many pictures failed; else nothing was written, or (of COCO's one file) it could not
 * be. Whether `out` took what was printed its owner asks. */
BT_MUST_USE bt_status bt_segment_pictures(bt_segment_summary *out, const bt_segment_options *options,
                                          bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
