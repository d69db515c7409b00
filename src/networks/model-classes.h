/* What people call a model's classes, and in which colours they are drawn: what its JSON file says, and where it says
 * nothing, numbers and colours that are told apart. */
#ifndef BT_NETWORKS_MODEL_CLASSES_H
#define BT_NETWORKS_MODEL_CLASSES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/options.h"
#include "networks/model-map.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_model_class {
    char name[BT_NAME_SIZE]; /* UTF-8; "": not said */
    bool coloured;           /* `rgb` was said */
    uint8_t rgb[3];
} bt_model_class;

typedef struct bt_model_classes {
    bt_model_class of[BT_MODEL_CLASSES_MAX];
} bt_model_classes;

/* Its name, or "class 3"; of a class beyond BT_MODEL_CLASSES_MAX, that. */
void bt_model_class_name(char out[BT_NAME_SIZE], const bt_model_classes *classes, int number);

/* Its colour. Unless it was said: black of the first of several, then eight that people of any colour vision tell apart
 * (Okabe and Ito, 2008), then further hues. */
void bt_model_class_colour(uint8_t rgb[3], const bt_model_classes *classes, int number);

#ifdef __cplusplus
}
#endif
#endif
