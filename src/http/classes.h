/* What a model of several classes calls them, and in which colours they are drawn, for the documents and pictures that tell
 * of it. */
#ifndef BT_HTTP_CLASSES_H
#define BT_HTTP_CLASSES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "batchtune.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_HTTP_CLASSES_MAX 256

typedef struct bt_http_class {
    char name[64]; /* UTF-8 */
    uint8_t rgb[3];
    double share;  /* of a picture's pixels; NaN: of no picture */
    bool left_out; /* makes no polygons */
} bt_http_class;

typedef struct bt_http_classes {
    int count;
    bt_http_class of[BT_HTTP_CLASSES_MAX];
} bt_http_classes;

/* Those of a model, by its facts; *out is NULL where it has one, else the caller's, to be freed by free. Any thread.
 * BT_NO_MEMORY; BT_INVALID for a model that the service has not. */
BT_MUST_USE bt_status bt_http_classes_read(bt_http_classes **out, bt_service *service,
                                           const bt_model_facts *facts, bt_error *error);

/* Whether more than one makes polygons, which then are made of labels; else of the one mask. NULL: false. */
bool bt_http_classes_several(const bt_http_classes *classes);

/* As polygons' functions take them; the names are those of `classes`. */
void bt_http_classes_list(bt_class out[BT_HTTP_CLASSES_MAX], const bt_http_classes *classes);

/* Notes which share of a picture's pixels each class has: of `labels` that are none's (BT_NO_LABEL), no class. */
void bt_http_classes_share(bt_http_classes *classes, const uint8_t *labels, size_t pixels);

/* [{"name": "cell", "color": "#e69f00", "share": 0.25}, ...], as a model's JSON file names them; the share where it is
 * known. A new reference; NULL where memory is short. */
json_t *bt_http_classes_to_json(const bt_http_classes *classes);

/* A picture of labels as PNG, whose pixels are the classes' numbers, and whose palette has their colours: white is no
 * class. Without `classes` (NULL) 0 is black and all else white. *out is malloc'ed, the caller's. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_http_classes_png(uint8_t **out, size_t *size, const bt_http_classes *classes,
                                          const uint8_t *labels, int height, int width, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
