/* Regions of a probability map as polygons: what batchtune.h promises, and its JSON before it is text, for
 * programs that put more around it. */
#ifndef BT_IMAGE_POLYGONS_H
#define BT_IMAGE_POLYGONS_H

#include <jansson.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

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

/* Either as text. Takes `json` over, which may be NULL; BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_polygons_to_text(json_t *json, char **out, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
