/* A model's classes in what is answered: their names and colours, the share of a picture that each has, and the picture of
 * their labels. */
#ifndef BT_HTTP_CLASSES_H
#define BT_HTTP_CLASSES_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "networks/class-list.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_http_classes {
    bt_class_list list;
    double shares[BT_MODEL_CLASSES_MAX]; /* of a picture's pixels; NaN: of no picture */
} bt_http_classes;

/* Those of a model of `count` classes; *out is NULL where that is one, else the caller's, to be freed by free. Any
 * thread. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_http_classes_open(bt_http_classes **out, const bt_model *model, int count,
                                           bt_error *error);

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
