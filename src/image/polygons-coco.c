/* Polygons as a COCO data set. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "base/version.h"
#include "image/pixel-edges.h"
#include "image/polygons.h"

/* ---- masks ---- */

static json_t *outline_to_json(const bt_polygon *p) {
    bt_ring line;
    json_t *list = json_array();
    bool good = bt_edges_line(&line, p);
    for (int i = 0; i < line.count && good; i++)
        good = json_array_append_new(list, json_integer(line.points[i].x)) == 0 &&
               json_array_append_new(list, json_integer(line.points[i].y)) == 0;
    free((void *)line.points);
    if (good) return json_pack("[o]", list);
    json_decref(list);
    return NULL;
}

#define DIGITS_MAX 7 /* of a count, or of a difference of two */

/* A number as digits of 5 bits from the lowest on, each a character from '0': the sixth bit says that more
 * follow, and the last digit's fifth is the sign. */
static char *write_number(char *text, int64_t number) {
    bool more = true;
    while (more) {
        int digit = (int)(number & 31);
        number >>= 5;
        more = number != (digit & 16 ? -1 : 0);
        *text++ = (char)('0' + digit + (more ? 32 : 0));
    }
    return text;
}

/* COCO's text of run lengths: from the fourth on, each less the one two before, which tends to be like it. */
static char *compress(const bt_column_runs *runs) {
    char *text = malloc(runs->count * DIGITS_MAX + 1), *end = text;
    if (!text) return NULL;
    for (size_t i = 0; i < runs->count; i++) {
        int64_t before = i > 2 ? runs->counts[i - 2] : 0;
        end = write_number(end, runs->counts[i] - before);
    }
    *end = '\0';
    return text;
}

static json_t *run_lengths_to_json(const bt_polygon *p, int height, int width) {
    bt_column_runs runs;
    char *text = bt_edges_column_runs(&runs, p, height, width) ? compress(&runs) : NULL;
    json_t *json = text ? json_pack("{s:[i,i], s:s}", "size", height, width, "counts", text) : NULL;
    free(text);
    free(runs.counts);
    return json;
}

/* ---- the data set ---- */

/* What its categories are: one, or a network's classes. */
typedef struct categories {
    const char *only;        /* NULL: classes */
    const bt_class *classes; /* those that are not left out, numbered from 1 in their order */
    int class_count;
    int ids[BT_CLASSES_MAX]; /* of each class */
    bt_coco_masks masks;
} categories;

static void number_categories(categories *c) {
    for (int i = 0, id = 0; i < c->class_count; i++)
        c->ids[i] = c->classes[i].left_out ? 0 : ++id;
}

static json_t *category_to_json(int id, const char *name) {
    return json_pack("{s:i, s:s, s:s}", "id", id, "name", name, "supercategory", "");
}

static json_t *categories_to_json(const categories *c) {
    json_t *list = json_array();
    bool good = c->only ? json_array_append_new(list, category_to_json(1, c->only)) == 0 : list != NULL;
    for (int i = 0; i < c->class_count && good; i++)
        good = c->ids[i] == 0 ||
               json_array_append_new(list, category_to_json(c->ids[i], c->classes[i].name)) == 0;
    if (good) return list;
    json_decref(list);
    return NULL;
}

static int add_annotations(json_t *annotations, const bt_polygons *polygons, int image_id,
                           const categories *c) {
    for (int i = 0; i < polygons->count; i++) {
        const bt_polygon *p = &polygons->items[i];
        json_t *mask = c->masks == BT_COCO_OUTLINES
                           ? outline_to_json(p)
                           : run_lengths_to_json(p, polygons->height, polygons->width);
        json_t *item =
            json_pack("{s:I, s:i, s:i, s:o, s:f, s:[i,i,i,i], s:i, s:f}", "id",
                      (json_int_t)json_array_size(annotations) + 1, "image_id", image_id, "category_id",
                      c->ids[c->only ? 0 : p->class_number], "segmentation", mask, "area", p->area_px, "bbox",
                      p->x, p->y, p->width, p->height, "iscrowd", 0, "score", p->confidence);
        if (json_array_append_new(annotations, item) != 0) return -1;
    }
    return 0;
}

/* What readers look for beside the regions: pycocotools copies `info` without asking whether it is there. */
static json_t *begin_data_set(const categories *c) {
    return json_pack("{s:{s:s, s:s}, s:[], s:o}", "info", "description",
                     c->masks == BT_COCO_OUTLINES ? "segmented by batchtune, outlines along the pixels' edges"
                                                  : "segmented by batchtune, run-length masks",
                     "version", bt_version(), "licenses", "categories", categories_to_json(c));
}

static json_t *to_coco(const bt_coco_picture *pictures, int count, const categories *c) {
    json_t *coco = begin_data_set(c), *images = json_array(), *annotations = json_array();
    int failed = !coco;
    for (int i = 0; i < count && !failed; i++) {
        const bt_polygons *polygons = pictures[i].polygons;
        json_t *image = json_pack("{s:i, s:s, s:i, s:i}", "id", i + 1, "file_name", pictures[i].file_name,
                                  "height", polygons->height, "width", polygons->width);
        failed = json_array_append_new(images, image) != 0 ||
                 add_annotations(annotations, polygons, i + 1, c) != 0;
    }
    failed |=
        json_object_set_new(coco, "images", images) | json_object_set_new(coco, "annotations", annotations);
    if (!failed) return coco;
    json_decref(coco);
    return NULL;
}

json_t *bt_polygons_to_coco(const bt_coco_picture *pictures, int count, const char *category,
                            bt_coco_masks masks) {
    return to_coco(pictures, count, &(categories){.only = category, .ids = {1}, .masks = masks});
}

json_t *bt_polygons_classes_to_coco(const bt_coco_picture *pictures, int count, const bt_class *classes,
                                    int class_count, bt_coco_masks masks) {
    categories c = {.classes = classes, .class_count = class_count, .masks = masks};
    number_categories(&c);
    return to_coco(pictures, count, &c);
}

/* ---- as text ---- */

static bt_status check_name(const char *name, const char *what, bt_error *error) {
    if (!name) return bt_fail(error, BT_INVALID, "COCO: the %s is missing", what);
    char quoted[BT_TEXT_QUOTE_SIZE];
    bt_text_quote(name, quoted);
    return bt_text_is_utf8(name) ? BT_OK
                                 : bt_fail(error, BT_INVALID, "COCO: the %s %s is not UTF-8", what, quoted);
}

static bt_status check_picture(const bt_coco_picture *picture, int number, bt_error *error) {
    const bt_polygons *polygons = picture->polygons;
    if (!polygons) return bt_fail(error, BT_INVALID, "COCO: picture %d has no polygons", number);
    for (int i = 0; i < polygons->count; i++)
        if (polygons->items[i].run_count < 1)
            return bt_fail(error, BT_INVALID, "COCO: polygon %d of picture %d has no runs of pixels", i + 1,
                           number);
    return check_name(picture->file_name, "picture's name", error);
}

static bt_status check_pictures(const bt_coco_picture *pictures, int count, char **out, bt_error *error) {
    if (!out || count < 0 || (count > 0 && !pictures))
        return bt_fail(error, BT_INVALID, "there are no pictures, or no place for text");
    *out = NULL;
    bt_status status = BT_OK;
    for (int i = 0; i < count && status == BT_OK; i++)
        status = check_picture(&pictures[i], i + 1, error);
    return status;
}

static bt_status write_coco(const bt_coco_picture *pictures, int count, const char *category,
                            bt_coco_masks masks, char **out, bt_error *error) {
    bt_status status = check_pictures(pictures, count, out, error);
    if (status == BT_OK) status = check_name(category, "category", error);
    return status == BT_OK
               ? bt_polygons_to_text(bt_polygons_to_coco(pictures, count, category, masks), out, error)
               : status;
}

bt_status bt_polygons_coco(const bt_coco_picture *pictures, int count, const char *category, char **out,
                           bt_error *error) {
    return write_coco(pictures, count, category, BT_COCO_OUTLINES, out, error);
}

bt_status bt_polygons_coco_rle(const bt_coco_picture *pictures, int count, const char *category, char **out,
                               bt_error *error) {
    return write_coco(pictures, count, category, BT_COCO_RUN_LENGTHS, out, error);
}

bt_status bt_polygons_coco_classes(const bt_coco_picture *pictures, int count, const bt_class *classes,
                                   int class_count, bool run_lengths, char **out, bt_error *error) {
    const bt_coco_masks masks = run_lengths ? BT_COCO_RUN_LENGTHS : BT_COCO_OUTLINES;
    bt_status status = check_pictures(pictures, count, out, error);
    if (status == BT_OK) status = bt_classes_check(classes, class_count, error);
    for (int i = 0; i < count && status == BT_OK; i++) {
        status = bt_classes_check_polygons(classes, class_count, pictures[i].polygons, error);
        if (status != BT_OK) status = bt_fail_at(error, status, "COCO: picture %d", i + 1);
    }
    if (status != BT_OK) return status;
    json_t *coco = bt_polygons_classes_to_coco(pictures, count, classes, class_count, masks);
    return bt_polygons_to_text(coco, out, error);
}
