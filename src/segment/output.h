/* Where the results of segmenting go, and what is written there. */
#ifndef BT_SEGMENT_OUTPUT_H
#define BT_SEGMENT_OUTPUT_H

#include <stdio.h>

#include "image/polygons.h"
#include "segment/pictures.h"
#include "settings/segmentation.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One network's outputs. Without a folder of pictures all are files; `output` may be "" (standard output),
 * `overlay` and `labels` too (none). */
typedef struct bt_segment_outputs {
    char output[BT_PATH_SIZE], overlay[BT_PATH_SIZE], labels[BT_PATH_SIZE];
    bool output_is_folder, drawings_in_folders;
    bool is_geojson; /* files of polygons in a folder end so */
    char page[16];   /* "-page2" behind the names in a folder where a page was asked for; else "" */
    char suffix[BT_NAME_SIZE + 1]; /* "-hrnet" behind the names where there are several networks; else "" */
} bt_segment_outputs;

/* Resolves where `model`'s results go, and makes the folders. BT_INVALID where the settings do not fit the
 * pictures (the message names the flag), an output would replace a picture, or overlays would lie among the
 * pictures; BT_IO where something cannot be written. */
BT_MUST_USE bt_status bt_segment_outputs_resolve(bt_segment_outputs *out, const bt_segment_settings *settings,
                                                 const bt_pictures *pictures, const char *model,
                                                 bt_error *error);

/* The file for one picture's polygons ("": standard output), for its overlay, and for its labels. */
BT_MUST_USE bt_status bt_segment_output_path(char path[BT_PATH_SIZE], const bt_segment_outputs *outputs,
                                             const bt_picture_file *picture, bt_error *error);
BT_MUST_USE bt_status bt_segment_overlay_path(char path[BT_PATH_SIZE], const bt_segment_outputs *outputs,
                                              const bt_picture_file *picture, bt_error *error);
BT_MUST_USE bt_status bt_segment_labels_path(char path[BT_PATH_SIZE], const bt_segment_outputs *outputs,
                                             const bt_picture_file *picture, bt_error *error);

/* Writes `json` (taken over; NULL: memory was short) to `path`, or where that is "" to `out` in one line, and
 * at once; whether `out` took it its owner asks. */
BT_MUST_USE bt_status bt_segment_write(json_t *json, const char *path, FILE *out, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
