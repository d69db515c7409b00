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

static json_t *to_json(const bt_polygons *polygons, json_t *list) {
    return json_pack("{s:i, s:i, s:o}", "height", polygons->height, "width", polygons->width, "polygons",
                     list);
}

json_t *bt_polygons_to_json(const bt_polygons *polygons) {
    return to_json(polygons, bt_json_array_of(polygons->items, sizeof *polygons->items, polygons->count,
                                              polygon_to_json));
}

json_t *bt_polygons_classes_to_json(const bt_polygons *polygons, const bt_class *classes) {
    json_t *list = json_array();
    bool good = list != NULL;
    for (int i = 0; i < polygons->count && good; i++) {
        const bt_polygon *p = &polygons->items[i];
        json_t *one = polygon_to_json(p);
        good = json_array_append_new(list, one) == 0 &&
               json_object_set_new(one, "class", json_string(classes[p->class_number].name)) == 0 &&
               json_object_set_new(one, "class_number", json_integer(p->class_number)) == 0;
    }
    if (good) return to_json(polygons, list);
    json_decref(list);
    return NULL;
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

bt_status bt_polygons_json_classes(const bt_polygons *polygons, const bt_class *classes, int class_count,
                                   char **out, bt_error *error) {
    if (!out || !polygons) return bt_fail(error, BT_INVALID, "there are no polygons, or no place for text");
    *out = NULL;
    bt_status status = bt_classes_check(classes, class_count, error);
    if (status == BT_OK) status = bt_classes_check_polygons(classes, class_count, polygons, error);
    return status == BT_OK ? bt_polygons_to_text(bt_polygons_classes_to_json(polygons, classes), out, error)
                           : status;
}
