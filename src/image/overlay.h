/* Polygons drawn over their picture, so that a person can judge them at a glance: regions tinted, outlines
 * yellow, holes orange, each line with a dark seam that sets it off from bright ground, and each region's
 * confidence in percent where there is room for it. Of several classes each has its own colour, and their names stand in
 * a corner. Lines and letters grow with the picture. */
#ifndef BT_IMAGE_OVERLAY_H
#define BT_IMAGE_OVERLAY_H

#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Draws over `rgb` (height x width x 3 bytes, those of `polygons`), in place; the same for the same input.
 * Takes a byte a pixel while it works. Any thread. BT_NO_MEMORY: nothing is drawn then. */
BT_MUST_USE bt_status bt_overlay_draw(uint8_t *rgb, const bt_polygons *polygons, bt_error *error);

/* The same in the classes' colours. A line darker than most grounds has a bright seam. Names of other letters than ASCII's
 * stand there as "class 3", and long ones are cut. BT_INVALID for classes without names, and polygons of others. */
BT_MUST_USE bt_status bt_overlay_draw_classes(uint8_t *rgb, const bt_polygons *polygons,
                                              const bt_class *classes, int class_count, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
