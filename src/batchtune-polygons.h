/* Regions of what a service gave, as polygons: found in probabilities, or by class in labels, and written as JSON or as a
 * COCO data set. batchtune.h includes this. */
#ifndef BATCHTUNE_POLYGONS_H
#define BATCHTUNE_POLYGONS_H

#include "batchtune.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A pixel: x to the right and y down, both from 0. */
typedef struct bt_pixel {
    int32_t x, y;
} bt_pixel;

/* A closed line from pixel centre to pixel centre; the last point is joined to the first. Only corners are
 * kept. A line of one pixel's width is walked there and back, and a single pixel is one point. */
typedef struct bt_ring {
    const bt_pixel *points;
    int count;
} bt_ring;

/* A row's unbroken piece of a region: its pixels in row y from `begin` to before `end`. */
typedef struct bt_pixel_run {
    int32_t y, begin, end;
} bt_pixel_run;

/* One region: pixels above the threshold, or of the same label, that touch each other, by a side or a corner. */
typedef struct bt_polygon {
    bt_ring outline;      /* through the region's own outermost pixels */
    const bt_ring *holes; /* through the region's own pixels around each hole, the other way round */
    int hole_count;
    double area_px;           /* its pixels, those in holes not counted */
    double confidence;        /* the mean probability of its pixels, in (0, 1] */
    int x, y, width, height;  /* the smallest box that holds its pixels */
    const bt_pixel_run *runs; /* its pixels, row by row from the top, each row from the left */
    int run_count;
    int class_number; /* of bt_polygons_find_classes: its label; else 0 */
} bt_polygon;

/* The regions of one picture, by their topmost pixel and of that row the leftmost. A region inside another's
 * hole is one of its own. */
typedef struct bt_polygons {
    int height, width; /* of the picture, pixels */
    int count;
    const bt_polygon *items;
} bt_polygons;

/* Finds the regions of `probabilities` (height x width, as bt_request's) that are above `threshold` (in
 * (0, 1); 0: 0.5) and have at least `min_area_px` pixels (0 keeps all). Works on the caller's thread, some
 * 10 ms and 2 MB for 1024 x 1024, and needs no service. The caller closes *out. BT_INVALID for a wrong size,
 * threshold or area, and for a value that is no probability (the message says where), BT_UNSUPPORTED where
 * libbatchtune_contours.so or the OpenCV that it needs is not there, BT_BACKEND where OpenCV fails,
 * BT_NO_MEMORY. */
BT_API BT_MUST_USE bt_status bt_polygons_find(bt_polygons **out, const float *probabilities, int height,
                                              int width, float threshold, double min_area_px,
                                              bt_error *error);

/* A class of a network that tells several apart; bt_service_class says what it is called. */
typedef struct bt_class {
    const char *name; /* UTF-8; what finds polygons does not read it */
    uint8_t rgb[3];   /* red, green and blue, 0..255, for who draws it */
    bool left_out;    /* its pixels make no regions, as a background's do not */
} bt_class;

/* Finds the regions of `labels` (height x width, as bt_request's): pixels of the same label that touch each other, of
 * `class_count` (1..256) classes, those left out and BT_NO_LABEL passed over. `classes` has as many; NULL: number 0 is
 * left out. Regions of two classes may touch, and do not overlap: with sigmoids, where classes may, a pixel's label is
 * the likeliest of them (bt_polygons_find takes one class's plane by itself). They come by their topmost pixel and of
 * that row the leftmost, whatever their class. A region's confidence is the mean of its own class's probability, of
 * `class_probabilities` (class_count x height x width, as bt_request's; NULL: not known, and each confidence is 1).
 *
 * Works on the caller's thread, some 10 ms for 1024 x 1024 and one more for each class that is there; takes a byte a
 * pixel besides what it returns, and needs no service. The caller closes *out. BT_INVALID for a wrong size, number of
 * classes or area, for a label that no class has, and for a value in a region that is no probability (the message says
 * where); else as bt_polygons_find. */
BT_API BT_MUST_USE bt_status bt_polygons_find_classes(bt_polygons **out, const uint8_t *labels,
                                                      const float *class_probabilities,
                                                      const bt_class *classes, int class_count, int height,
                                                      int width, double min_area_px, bt_error *error);

/* Frees what either returned. NULL-safe; nulls. */
BT_API void bt_polygons_close(bt_polygons **polygons);

/* As JSON: {"height": ..., "width": ..., "polygons": [{"type": "external", "points": [[x, y], ...],
 * "holes": [[[x, y], ...], ...], "area": ..., "confidence": ..., "bbox": [x, y, width, height]}, ...]}. A new
 * string, to be freed by bt_free. BT_NO_MEMORY. */
BT_API BT_MUST_USE bt_status bt_polygons_json(const bt_polygons *polygons, char **out, bt_error *error);

/* The same of several classes: each polygon has "class": its class's name, and "class_number", too. BT_INVALID for a class
 * without a name or with one that is not UTF-8, and for a polygon of none of `classes`, or of one that is left out;
 * BT_NO_MEMORY. */
BT_API BT_MUST_USE bt_status bt_polygons_json_classes(const bt_polygons *polygons, const bt_class *classes,
                                                      int class_count, char **out, bt_error *error);

/* A picture of a COCO data set. */
typedef struct bt_coco_picture {
    const char *file_name; /* UTF-8 */
    const bt_polygons *polygons;
} bt_coco_picture;

/* As one COCO data set (info, images, annotations, categories) of `count` pictures and one category
 * ("spheroid", say). Pictures and annotations are numbered from 1; an annotation's `area` and `score` are the
 * polygon's area_px and confidence, its `bbox` the polygon's box.
 *
 * `segmentation` is one list of points along the pixels' edges, not through their centres as the polygons'
 * own: the pixel x, y lies between x, y and x + 1, y + 1. pycocotools, and whatever else fills a list by
 * which pixels' centres are inside, gets exactly the region's pixels. COCO knows no holes, and takes several
 * lists of one annotation for their union: so each hole is tied to the outline by a cut of no width that is
 * walked there and back. What fills such a list leaves the holes open, and an annotator can go on editing it.
 *
 * A new string, to be freed by bt_free. BT_INVALID for a name that is not UTF-8 and for a polygon without
 * runs (the outline and holes are not looked at), BT_NO_MEMORY. */
BT_API BT_MUST_USE bt_status bt_polygons_coco(const bt_coco_picture *pictures, int count,
                                              const char *category, char **out, bt_error *error);

/* The same with run-length masks: `segmentation` is {"size": [height, width], "counts": text}, the compressed form
 * of pycocotools. `iscrowd` stays 0. Errors as bt_polygons_coco. */
BT_API BT_MUST_USE bt_status bt_polygons_coco_rle(const bt_coco_picture *pictures, int count,
                                                  const char *category, char **out, bt_error *error);

/* Either of the two with a category for each class that is not left out: their ids count from 1, in the classes' order.
 * Errors as bt_polygons_coco, and as bt_polygons_json_classes. */
BT_API BT_MUST_USE bt_status bt_polygons_coco_classes(const bt_coco_picture *pictures, int count,
                                                      const bt_class *classes, int class_count,
                                                      bool run_lengths, char **out, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
