/* Regions of a probability map as polygons: what batchtune.h promises, and its JSON before it is text, for
 * programs that put more around it. */
#ifndef BT_IMAGE_POLYGONS_H
#define BT_IMAGE_POLYGONS_H

#include <jansson.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_CLASSES_MAX 256 /* that labels tell apart */

#define BT_POLYGONS_THRESHOLD 0.5f /* of a request, and here, that names none */

/* How a COCO data set tells which pixels a region has: bt_polygons_coco's way, or bt_polygons_coco_rle's. */
typedef enum bt_coco_masks { BT_COCO_OUTLINES, BT_COCO_RUN_LENGTHS } bt_coco_masks;

/* The objects that bt_polygons_json, bt_polygons_coco and bt_polygons_coco_rle write. New references; NULL
 * when memory is short or, of COCO, a name is not UTF-8. */
json_t *bt_polygons_to_json(const bt_polygons *polygons);
json_t *bt_polygons_to_coco(const bt_coco_picture *pictures, int count, const char *category,
                            bt_coco_masks masks);

/* A GeoJSON FeatureCollection, a Feature for each region, along the pixels' edges: closed simple rings, and a MultiPolygon
 * where a region touches itself by a corner. A new reference; NULL as above. */
json_t *bt_polygons_to_geojson(const bt_polygons *polygons, const char *category);

/* That its regions are of that class: for a network of which one class alone is wanted. */
void bt_polygons_set_class(bt_polygons *polygons, int class_number);

/* The same of polygons of several classes, of which `classes` tells; both must have passed the checks below. */
json_t *bt_polygons_classes_to_json(const bt_polygons *polygons, const bt_class *classes);
json_t *bt_polygons_classes_to_coco(const bt_coco_picture *pictures, int count, const bt_class *classes,
                                    int class_count, bt_coco_masks masks);
json_t *bt_polygons_classes_to_geojson(const bt_polygons *polygons, const bt_class *classes);

/* Whether a list of classes is one, with a name for each; and whether polygons are of these, none of one that is left out.
 * BT_INVALID says what is wrong. */
BT_MUST_USE bt_status bt_classes_check(const bt_class *classes, int class_count, bt_error *error);
BT_MUST_USE bt_status bt_classes_check_polygons(const bt_class *classes, int class_count,
                                                const bt_polygons *polygons, bt_error *error);

/* The classes of which there are polygons, in order; returns how many. Their numbers are below BT_CLASSES_MAX. */
int bt_classes_seen(int numbers[BT_CLASSES_MAX], const bt_polygons *polygons);

/* Either as text. Takes `json` over, which may be NULL; BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_polygons_to_text(json_t *json, char **out, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
