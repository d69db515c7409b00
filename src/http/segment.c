#include "http/segment.h"

#include <stdio.h>
#include <string.h>

#include "base/fields.h"
#include "base/json.h"
#include "base/text.h"
#include "batching/batcher.h"
#include "http/media.h"
#include "image/encode.h"
#include "image/polygons.h"
#include "settings/rows.h"

const char *const bt_segment_types[BT_SEGMENT_FORMS] = {
    [BT_SEGMENT_JSON] = "application/json",
    [BT_SEGMENT_GEOJSON] = "application/geo+json",
    [BT_SEGMENT_COCO] = "application/vnd.coco+json",
    [BT_SEGMENT_COCO_RLE] = "application/vnd.coco-rle+json",
    [BT_SEGMENT_MASK] = "image/png",
};

/* ---- what is asked ---- */

bt_status bt_segment_choose(bt_segment_form *out, const char *accept, bool polygons, bt_error *error) {
    const int first = polygons ? 0 : BT_SEGMENT_MASK, count = BT_SEGMENT_FORMS - first;
    const int chosen = bt_media_choose(accept, bt_segment_types + first, count);
    char quoted[BT_TEXT_QUOTE_SIZE], there_are[256] = "";
    *out = (bt_segment_form)(first + (chosen < 0 ? 0 : chosen));
    if (chosen >= 0) return BT_OK;
    for (int i = first; i < BT_SEGMENT_FORMS; i++)
        bt_text_append(there_are, sizeof there_are, "%s%s", i > first ? ", " : "", bt_segment_types[i]);
    bt_text_quote(accept, quoted);
    return bt_fail(
        error, BT_UNSUPPORTED, "Accept: %s is none of the forms that there are: %s%s", quoted, there_are,
        polygons ? "" : "; polygons cannot be found here, without libbatchtune_contours.so and OpenCV");
}

#define ROW(type, member) BT_ROW(type, bt_segment_query, member)
#define DAY_MS            86400000.0

static const bt_option rows[] = {
    {ROW(NUMBER, threshold), .initial = "0.5", BT_ABOVE(0, 0.9999)},
    {ROW(NUMBER, min_area_px), .initial = "0", BT_BOUNDS(0, 268435456)},
    {ROW(NUMBER, timeout_ms), .initial = "0", BT_BOUNDS(0, DAY_MS)},
    {ROW(INTEGER, priority), .initial = "0", BT_BOUNDS(0, BT_PRIORITIES)},
    {ROW(CHOICE, png), .choices = "auto|mask|labels"}, /* as bt_segment_png_kind */
    {ROW(TEXT, category), .initial = "spheroid"},
    {ROW(TEXT, file_name), .initial = "picture"},
};
#define ROW_COUNT (sizeof rows / sizeof *rows)

void bt_segment_query_default(bt_segment_query *out) {
    bt_option_sources sources;
    bt_options_default(rows, ROW_COUNT, out, &sources);
}

/* Names go into JSON, which has no other letters. */
static bt_status set_text(char out[BT_OPTION_TEXT_SIZE], const char *key, const char *value,
                          bt_error *error) {
    const size_t length = strlen(value);
    if (length == 0 || length >= BT_OPTION_TEXT_SIZE || !bt_text_is_utf8(value))
        return bt_fail(error, BT_INVALID, "query: %s: a text in UTF-8, of 1 to %d bytes", key,
                       BT_OPTION_TEXT_SIZE - 1);
    memcpy(out, value, length + 1);
    return BT_OK;
}

bt_status bt_segment_query_set(bt_segment_query *query, const char *key, const char *value, bt_error *error) {
    char pair[128];
    bt_option_sources none = {{BT_SOURCE_DEFAULT}};
    if (!value) value = "";
    if (strcmp(key, "category") == 0) return set_text(query->category, key, value, error);
    if (strcmp(key, "file_name") == 0) return set_text(query->file_name, key, value, error);
    const int size = snprintf(pair, sizeof pair, "%s=%s", key, value);
    if (size >= (int)sizeof pair || strpbrk(pair, ",\""))
        return bt_fail(error, BT_INVALID, "query: %.40s: a number", key);
    return bt_options_read_pairs(rows, ROW_COUNT, pair, "query", query, &none, error);
}

static void want(bt_infer_request *out, bt_infer_output output) {
    out->outputs[out->output_count].output = output;
    out->outputs[out->output_count++].binary = true; /* no numbers are written as text */
}

static void want_form(bt_infer_request *out, const bt_segment_query *query, bt_segment_form form) {
    const bool several = out->classes > 1;
    out->output_count = 0;
    if (form == BT_SEGMENT_MASK) {
        const bool labels = query->png == BT_SEGMENT_PNG_AUTO ? several : query->png == BT_SEGMENT_PNG_LABELS;
        want(out, labels ? BT_INFER_LABELS : BT_INFER_MASK);
        return;
    }
    want(out, BT_INFER_POLYGONS);
    if (several) want(out, BT_INFER_LABELS);
}

bt_status bt_segment_request_read(bt_infer_request *out, const void *body, size_t size,
                                  const bt_segment_query *query, bt_segment_form form,
                                  const bt_infer_limits *limits, bt_error *error) {
    bt_status status = bt_infer_request_read(out, body, size, 0, limits, error);
    if (status != BT_OK) return status;
    out->threshold = (float)query->threshold;
    out->timeout_ms = query->timeout_ms;
    out->min_area_px = query->min_area_px;
    out->priority = (int)query->priority;
    want_form(out, query, form);
    return BT_OK;
}

/* ---- what is answered ---- */

static json_t *describe(const bt_result *r) {
    return json_pack("{s:s, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "inference_mode", r->inference_mode,
                     "batch_size", r->batch_size, "input_height", r->input_height, "input_width",
                     r->input_width, "queue_ms", bt_json_real_or_null(r->queue_ms), "preprocess_ms",
                     bt_json_real_or_null(r->preprocess_ms), "service_ms",
                     bt_json_real_or_null(r->service_ms), "latency_ms", bt_json_real_or_null(r->latency_ms),
                     "p95_latency_ms", bt_json_real_or_null(r->p95_latency_ms));
}

static json_t *metadata_of(const bt_segment_facts *facts, const char *outlines) {
    json_t *json = describe(facts->result);
    const bt_segment_query *q = facts->query;
    json_t *asked = json_pack("{s:s, s:f, s:f, s:s}", "model", facts->model, "threshold", q->threshold,
                              "min_area_px", q->min_area_px, "outlines", outlines);
    bool good = json && asked && json_object_update(json, asked) == 0;
    if (good && facts->classes)
        good = json_object_set_new(json, "classes", bt_http_classes_to_json(facts->classes)) == 0;
    if (good && facts->id && facts->id[0])
        good = json_object_set_new(json, "id", bt_field_text(facts->id)) == 0;
    json_decref(asked);
    if (good) return json;
    json_decref(json);
    return NULL;
}

/* Puts `metadata` into `at`, a part of `whole`. All are taken over; NULL where memory is short. */
static json_t *with_metadata(json_t *whole, json_t *at, json_t *metadata) {
    if (whole && metadata && json_object_set_new(at, "metadata", metadata) == 0) return whole;
    if (!whole) json_decref(metadata);
    json_decref(whole);
    return NULL;
}

/* A COCO data set has a place for what its maker says of it. `classes`: NULL of a model of one. */
static json_t *coco_of(const bt_polygons *polygons, const bt_segment_facts *facts, const bt_class *classes,
                       bt_coco_masks masks) {
    const bt_coco_picture picture = {facts->query->file_name, polygons};
    json_t *whole = classes
                        ? bt_polygons_classes_to_coco(&picture, 1, classes, facts->classes->list.count, masks)
                        : bt_polygons_to_coco(&picture, 1, facts->query->category, masks);
    return with_metadata(
        whole, json_object_get(whole, "info"),
        metadata_of(facts, masks == BT_COCO_OUTLINES ? "along pixel edges" : "none: run-length masks"));
}

static json_t *document_of(bt_segment_form form, const bt_polygons *polygons, const bt_segment_facts *facts) {
    const bt_class *classes = facts->classes ? facts->classes->list.of : NULL;
    json_t *whole;
    switch (form) {
    case BT_SEGMENT_GEOJSON:
        whole = classes ? bt_polygons_classes_to_geojson(polygons, classes)
                        : bt_polygons_to_geojson(polygons, facts->query->category);
        return with_metadata(whole, whole, metadata_of(facts, "along pixel edges"));
    case BT_SEGMENT_COCO:
        return coco_of(polygons, facts, classes, BT_COCO_OUTLINES);
    case BT_SEGMENT_COCO_RLE:
        return coco_of(polygons, facts, classes, BT_COCO_RUN_LENGTHS);
    default:
        whole = classes ? bt_polygons_classes_to_json(polygons, classes) : bt_polygons_to_json(polygons);
        return with_metadata(whole, whole, metadata_of(facts, "through pixel centres"));
    }
}

bt_status bt_segment_text(char **out, bt_segment_form form, const bt_polygons *polygons,
                          const bt_segment_facts *facts, bt_error *error) {
    return bt_polygons_to_text(document_of(form, polygons, facts), out, error);
}

/* Readers take 1 for black. */
bt_status bt_segment_png(uint8_t **out, size_t *size, uint8_t *mask, int height, int width, bt_error *error) {
    const size_t pixels = (size_t)height * (size_t)width;
    for (size_t i = 0; i < pixels; i++)
        mask[i] = (uint8_t)(mask[i] * 255);
    return bt_png_encode(mask, height, width, 1, out, size, error);
}
