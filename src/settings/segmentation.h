/* What segment-image is asked to do: the rows of the service's table that matter to somebody with pictures,
 * and its own. */
#ifndef BT_SETTINGS_SEGMENTATION_H
#define BT_SETTINGS_SEGMENTATION_H

#include "base/options.h"
#include "settings/service.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_segment_format {
    BT_SEGMENT_FORMAT_JSON,
    BT_SEGMENT_FORMAT_COCO, /* one data set of all pictures, as the next */
    BT_SEGMENT_FORMAT_COCO_RLE,
    BT_SEGMENT_FORMAT_GEOJSON /* of each picture, as JSON */
} bt_segment_format;

/* Whether all pictures go into one file. */
static inline bool bt_segment_format_is_coco(int format) {
    return format == BT_SEGMENT_FORMAT_COCO || format == BT_SEGMENT_FORMAT_COCO_RLE;
}

typedef struct bt_segment_settings {
    bt_service_settings service; /* first: rows of its table are rows of this one */
    bt_names models;
    int path; /* bt_path, of the production lanes */
    double threshold, min_area_px;
    char category[BT_OPTION_TEXT_SIZE]; /* COCO's name of what is segmented */
    /* this one run */
    char image[BT_OPTION_TEXT_SIZE];   /* a picture, or a folder of pictures */
    double white;                      /* the stored value that is white; 0: what a picture says */
    int64_t page;                      /* of a TIFF file, from 1; 0: the first */
    char output[BT_OPTION_TEXT_SIZE];  /* a file, or a folder; "": standard output */
    char overlay[BT_OPTION_TEXT_SIZE]; /* likewise; "": none */
    char labels[BT_OPTION_TEXT_SIZE];  /* likewise */
    int format;                        /* bt_segment_format */
    char config[BT_OPTION_TEXT_SIZE];  /* "": the usual one where there is one */
    bool quiet;
} bt_segment_settings;

/* The whole table; `count` receives its length. Made at the first call, constant after; any thread. */
const bt_option *bt_segment_settings_table(size_t *count);

/* Where model files are given and no models, those are what segments. BT_INVALID for a file or weights of a
 * model that does not, or a setting that is none. */
BT_MUST_USE bt_status bt_segment_resolve_models(bt_segment_settings *settings,
                                                const bt_option_sources *sources, bt_error *error);

/* The service's settings in full, those that have no row here at their defaults, and who set them. */
void bt_segment_service_settings(const bt_segment_settings *settings, const bt_option_sources *sources,
                                 bt_service_settings *service, bt_option_sources *service_sources);

#ifdef __cplusplus
}
#endif
#endif
