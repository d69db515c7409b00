/* Polygons as JSON of their own, and as a COCO data set. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "image/polygons.h"

#define TEXT_FLAGS       (JSON_COMPACT | JSON_REAL_PRECISION(9))
#define COCO_CORNERS_MIN 3 /* readers take a list of two points for a box */

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

/* ---- COCO ---- */

/* Corners as a chain, into which holes can be tied wherever they are nearest. */
typedef struct corner {
    bt_pixel at;
    size_t next;
} corner;

static int64_t distance_between(bt_pixel a, bt_pixel b) {
    int64_t x = a.x - b.x, y = a.y - b.y;
    return x * x + y * y;
}

static size_t nearest(const corner *corners, size_t count, bt_pixel to) {
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (distance_between(corners[i].at, to) < distance_between(corners[best].at, to)) best = i;
    return best;
}

/* Appends a ring's corners in a row; returns how many there are now. */
static size_t append(corner *corners, size_t count, const bt_ring *ring) {
    for (int i = 0; i < ring->count; i++, count++)
        corners[count] = (corner){ring->points[i], count + 1};
    return count;
}

/* The chain leaves at the corner nearest to the hole's first, walks around the hole, and comes back the same
 * way. */
static size_t tie(corner *corners, size_t count, const bt_ring *hole) {
    size_t leave = nearest(corners, count, hole->points[0]), begin = count, onwards = corners[leave].next;
    count = append(corners, count, hole);
    corners[count] = (corner){hole->points[0], count + 1};
    count++;
    corners[count] = (corner){corners[leave].at, onwards};
    corners[leave].next = begin;
    return count + 1;
}

static size_t chain_length(const bt_polygon *p) {
    size_t count = (size_t)p->outline.count;
    for (int i = 0; i < p->hole_count; i++)
        count += (size_t)p->holes[i].count + 2;
    return count;
}

static int add_point(json_t *list, bt_pixel at) {
    return json_array_append_new(list, json_integer(at.x)) | json_array_append_new(list, json_integer(at.y));
}

/* The chain as COCO's flat list. */
static json_t *chain_to_json(const corner *corners, size_t count) {
    json_t *list = json_array();
    int failed = 0;
    size_t at = 0;
    for (size_t i = 0; i < count && !failed; i++, at = corners[at].next)
        failed = add_point(list, corners[at].at);
    for (size_t i = count; i < COCO_CORNERS_MIN && !failed; i++)
        failed = add_point(list, corners[count - 1].at);
    if (!failed) return list;
    json_decref(list);
    return NULL;
}

static json_t *segmentation_of(const bt_polygon *p) {
    size_t length = chain_length(p);
    corner *corners = malloc(length * sizeof *corners);
    if (!corners) return NULL;
    size_t count = append(corners, 0, &p->outline);
    corners[count - 1].next = 0;
    for (int i = 0; i < p->hole_count; i++)
        count = tie(corners, count, &p->holes[i]);
    json_t *list = chain_to_json(corners, count);
    free(corners);
    return list;
}

static int add_annotations(json_t *annotations, const bt_polygons *polygons, int image_id) {
    for (int i = 0; i < polygons->count; i++) {
        const bt_polygon *p = &polygons->items[i];
        json_t *item = json_pack("{s:I, s:i, s:i, s:[o], s:f, s:o, s:i, s:f}", "id",
                                 (json_int_t)json_array_size(annotations) + 1, "image_id", image_id,
                                 "category_id", 1, "segmentation", segmentation_of(p), "area", p->area_px,
                                 "bbox", box_to_json(p), "iscrowd", 0, "score", p->confidence);
        if (json_array_append_new(annotations, item) != 0) return -1;
    }
    return 0;
}

json_t *bt_polygons_to_coco(const bt_coco_picture *pictures, int count, const char *category) {
    json_t *images = json_array(), *annotations = json_array();
    int failed = 0;
    for (int i = 0; i < count && !failed; i++) {
        const bt_polygons *polygons = pictures[i].polygons;
        json_t *image = json_pack("{s:i, s:s, s:i, s:i}", "id", i + 1, "file_name", pictures[i].file_name,
                                  "height", polygons->height, "width", polygons->width);
        failed =
            json_array_append_new(images, image) != 0 || add_annotations(annotations, polygons, i + 1) != 0;
    }
    json_t *categories = json_pack("[{s:i, s:s, s:s}]", "id", 1, "name", category, "supercategory", "");
    if (!failed)
        return json_pack("{s:o, s:o, s:o}", "images", images, "annotations", annotations, "categories",
                         categories);
    json_decref(images);
    json_decref(annotations);
    json_decref(categories);
    return NULL;
}

/* ---- as text ---- */

static bt_status write_text(json_t *json, char **out, bt_error *error) {
    *out = json ? bt_json_dump(json, TEXT_FLAGS) : NULL;
    json_decref(json);
    return *out ? BT_OK : bt_fail(error, BT_NO_MEMORY, "out of memory for polygons as JSON");
}

bt_status bt_polygons_json(const bt_polygons *polygons, char **out, bt_error *error) {
    if (!out || !polygons) return bt_fail(error, BT_INVALID, "there are no polygons, or no place for text");
    return write_text(bt_polygons_to_json(polygons), out, error);
}

static bt_status check_name(const char *name, const char *what, bt_error *error) {
    if (!name) return bt_fail(error, BT_INVALID, "COCO: the %s is missing", what);
    char quoted[BT_TEXT_QUOTE_SIZE];
    bt_text_quote(name, quoted);
    return bt_text_is_utf8(name) ? BT_OK
                                 : bt_fail(error, BT_INVALID, "COCO: the %s %s is not UTF-8", what, quoted);
}

bt_status bt_polygons_coco(const bt_coco_picture *pictures, int count, const char *category, char **out,
                           bt_error *error) {
    if (!out || count < 0 || (count > 0 && !pictures))
        return bt_fail(error, BT_INVALID, "there are no pictures, or no place for text");
    *out = NULL;
    bt_status status = check_name(category, "category", error);
    for (int i = 0; i < count && status == BT_OK; i++) {
        status = check_name(pictures[i].file_name, "picture's name", error);
        if (status == BT_OK && !pictures[i].polygons)
            status = bt_fail(error, BT_INVALID, "COCO: picture %d has no polygons", i + 1);
    }
    return status == BT_OK ? write_text(bt_polygons_to_coco(pictures, count, category), out, error) : status;
}
