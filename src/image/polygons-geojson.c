/* Polygons as GeoJSON (RFC 7946), as QuPath and map libraries read it. Its coordinates are pixels' corners, and not
 * degrees; y is down. */
#include "base/json.h"
#include "image/pixel-edges.h"
#include "image/polygons.h"

static json_t *point_to_json(const void *item) {
    const bt_pixel *at = item;
    return json_pack("[i,i]", at->x, at->y);
}

/* A ring ends where it began. */
static json_t *ring_to_json(const bt_ring *ring) {
    json_t *json = bt_json_array_of(ring->points, sizeof *ring->points, ring->count, point_to_json);
    if (json && json_array_append_new(json, point_to_json(&ring->points[0])) == 0) return json;
    json_decref(json);
    return NULL;
}

/* The parts: of each its outline, then its holes. */
static json_t *parts_to_json(const bt_edge_rings *rings) {
    json_t *parts = json_array(), *part = NULL;
    bool good = parts != NULL;
    for (int i = 0; i < rings->count && good; i++) {
        if (i == 0 || rings->items[i].part != rings->items[i - 1].part) {
            part = json_array();
            good = json_array_append_new(parts, part) == 0;
        }
        good = good && json_array_append_new(part, ring_to_json(&rings->items[i].line)) == 0;
    }
    if (good) return parts;
    json_decref(parts);
    return NULL;
}

static json_t *geometry_to_json(const bt_polygon *p) {
    bt_edge_rings rings;
    json_t *parts = bt_edges_rings(&rings, p) ? parts_to_json(&rings) : NULL;
    bt_edges_rings_close(&rings);
    if (json_array_size(parts) != 1)
        return parts ? json_pack("{s:s, s:o}", "type", "MultiPolygon", "coordinates", parts) : NULL;
    json_t *only = json_incref(json_array_get(parts, 0));
    json_decref(parts);
    return json_pack("{s:s, s:o}", "type", "Polygon", "coordinates", only);
}

/* The box goes from corner to corner, as the rings do. `classification` is taken over. */
static json_t *feature_to_json(const bt_polygon *p, json_t *classification) {
    return json_pack("{s:s, s:[i,i,i,i], s:o, s:{s:s, s:o, s:f, s:f}}", "type", "Feature", "bbox", p->x, p->y,
                     p->x + p->width, p->y + p->height, "geometry", geometry_to_json(p), "properties",
                     "objectType", "detection", "classification", classification, "area", p->area_px,
                     "confidence", p->confidence);
}

static json_t *class_to_json(const bt_class *one) {
    return json_pack("{s:s, s:[i,i,i]}", "name", one->name, "color", one->rgb[0], one->rgb[1], one->rgb[2]);
}

/* Of one category without `classes`, else of these. */
static json_t *collect(const bt_polygons *polygons, const char *category, const bt_class *classes) {
    json_t *features = json_array();
    bool good = features != NULL;
    for (int i = 0; i < polygons->count && good; i++) {
        const bt_polygon *p = &polygons->items[i];
        json_t *classification =
            classes ? class_to_json(&classes[p->class_number]) : json_pack("{s:s}", "name", category);
        good = json_array_append_new(features, feature_to_json(p, classification)) == 0;
    }
    if (good) return json_pack("{s:s, s:o}", "type", "FeatureCollection", "features", features);
    json_decref(features);
    return NULL;
}

json_t *bt_polygons_to_geojson(const bt_polygons *polygons, const char *category) {
    return collect(polygons, category, NULL);
}

json_t *bt_polygons_classes_to_geojson(const bt_polygons *polygons, const bt_class *classes) {
    return collect(polygons, NULL, classes);
}
