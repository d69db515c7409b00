/* How class maps, which masks, labels and polygons are made of, come out of what a user's network gives.
 *
 * A network may give several tensors, of several classes, smaller than its pictures. One tensor is taken, and each of its
 * classes is a plane of what a session gives; class-maps.h makes masks and labels of them. */
#ifndef BT_NETWORKS_MODEL_MAP_H
#define BT_NETWORKS_MODEL_MAP_H

#include <stdbool.h>

#include "base/options.h"

/* ADE20K, the largest that is common, has 150. */
#define BT_MODEL_CLASSES_MAX 256
#define BT_MODEL_NOTE_SIZE   256

typedef struct bt_model_map {
    int channels;              /* that a picture goes in with: 3, or 1, their mean; 0: found out */
    char tensor[BT_NAME_SIZE]; /* of a dictionary; "": not said */
    int tensor_number;         /* of several, from 0; -1: not said */
    int class_count;           /* 0: as many as come */
    bool sigmoid;              /* classes may overlap, each with a sigmoid of its own; else one softmax */
    bool in_mask[BT_MODEL_CLASSES_MAX]; /* none: all but the first, which is the background */
} bt_model_map;

#endif
