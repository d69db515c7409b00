/* Which pixels make a region, and which regions count: of one map of probabilities those above a threshold, of a map of
 * labels those of the same class. Internal to image/: polygons.c has their borders followed.
 *
 * A region is a set of runs, the rows' unbroken pieces: runs that touch are joined by union-find. That takes memory by
 * what there is to see, not by the pixel. */
#ifndef BT_IMAGE_REGIONS_H
#define BT_IMAGE_REGIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/polygons.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is looked at. */
typedef struct bt_region_map {
    int height, width;
    double min_area_px;
    /* height x width; with labels class_count such planes, or NULL: they are not known */
    const float *probabilities;
    float threshold;             /* without labels */
    const uint8_t *labels;       /* height x width; NULL: there is one map */
    int class_count;             /* 1 without labels */
    bool wanted[BT_CLASSES_MAX]; /* of labels: whose pixels make regions */
} bt_region_map;

typedef struct bt_region_run {
    int row, begin, end;
    uint32_t region; /* its region's number */
} bt_region_run;

typedef struct bt_region {
    int64_t pixels;
    double sum;                   /* of probabilities */
    int left, top, right, bottom; /* the last two past the end */
    int run_count;
    int class_number;
    int index; /* among those that count, or -1: too small */
} bt_region;

typedef struct bt_regions {
    bt_region_run *runs; /* row by row, each from the left */
    size_t run_count, run_room;
    size_t *rows;     /* height + 1: where each row's runs begin */
    bt_region *items; /* by their topmost pixel and of that row the leftmost */
    uint32_t count;
    int kept; /* that count */
    size_t kept_runs;
} bt_regions;

/* Finds them. BT_INVALID for a value that is no probability, or no label, and where it is; BT_NO_MEMORY. The caller closes
 * *out, also after a failure. */
BT_MUST_USE bt_status bt_regions_find(bt_regions *out, const bt_region_map *map, bt_error *error);
void bt_regions_close(bt_regions *regions);

/* That memory ran out: BT_NO_MEMORY. */
bt_status bt_regions_fail_memory(const bt_region_map *map, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
