/* Polygons as JSON of their own. Its points are pixels, and its lines run through their centres: what OpenCV
 * gives and draws. COCO's readers take lines otherwise: see polygons-coco.c. */
#include "base/json.h"
#include "image/polygons.h"

#define TEXT_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(9))

static json_t *point_to_json(const void *item) {
    const bt_pixel *at = item;
    return json_pack("[i,i]", at->x, at->y);
}

static json_t *ring_to_json(const void *item) {
    const bt_ring *ring = item;
    return bt_json_array_of(ring->points, sizeof *ring->points, ring->count, point_to_json);
}

static json_t *box_to_json(const bt_polygon *p) {
    return json_pack("[i,i,i,i]", p->x, p->y, p->width, p->height);
}

static json_t *polygon_to_json(const void *item) {
    const bt_polygon *p = item;
    return json_pack("{s:s, s:o, s:o, s:f, s:f, s:o}", "type", "external", "points",
                     ring_to_json(&p->outline), "holes",
                     bt_json_array_of(p->holes, sizeof *p->holes, p->hole_count, ring_to_json), "area",
                     p->area_px, "confidence", p->confidence, "bbox", box_to_json(p));
}

json_t *bt_polygons_to_json(const bt_polygons *polygons) {
    return json_pack(
        "{s:i, s:i, s:o}", "height", polygons->height, "width", polygons->width, "polygons",
        bt_json_array_of(polygons->items, sizeof *polygons->items, polygons->count, polygon_to_json));
}

/* ---- as text ---- */

bt_status bt_polygons_to_text(json_t *json, char **out, bt_error *error) {
    *out = json ? bt_json_dump(json, TEXT_FLAGS) : NULL;
    json_decref(json);
    return *out ? BT_OK : bt_no_memory(error, "polygons as JSON");
}

bt_status bt_polygons_json(const bt_polygons *polygons, char **out, bt_error *error) {
    if (!out || !polygons) return bt_fail(error, BT_INVALID, "there are no polygons, or no place for text");
    return bt_polygons_to_text(bt_polygons_to_json(polygons), out, error);
}
