/* How pictures go into a user's network, and class maps, which masks, labels and polygons are made of, come out.
 *
 * Pictures are handed over as N x 3 x H x W floats; a network may want them otherwise. It may give several tensors, of
 * several classes, smaller than its pictures. One tensor is taken, and each of its classes is a plane of what a session
 * gives; class-maps.h makes masks and labels of them. */
#ifndef BT_NETWORKS_MODEL_MAP_H
#define BT_NETWORKS_MODEL_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/options.h"

/* ADE20K, the largest that is common, has 150. */
#define BT_MODEL_CLASSES_MAX 256
#define BT_MODEL_NOTE_SIZE   256

/* What numbers go in. */
typedef enum bt_model_dtype { BT_MODEL_FLOAT32, BT_MODEL_FLOAT16, BT_MODEL_UINT8 } bt_model_dtype;

typedef struct bt_model_map {
    int channels;       /* that a picture goes in with: 3, or 1, their mean; 0: found out */
    bool channels_last; /* N x H x W x C goes in, and comes out unless that only fits as N x C x H x W */
    bt_model_dtype dtype;
    int pad_to_multiple; /* pictures' last row and column are repeated until height and width are multiples; 0: they are not */
    int stride;                /* the map is smaller by this; 0: not said */
    char tensor[BT_NAME_SIZE]; /* of a dictionary; "": not said */
    int tensor_number;         /* of several, from 0; -1: not said */
    int class_count;           /* 0: as many as come */
    bool sigmoid;              /* classes may overlap, each with a sigmoid of its own; else one softmax */
    bool in_mask[BT_MODEL_CLASSES_MAX]; /* none: all but the first, which is the background */
} bt_model_map;

/* The height or width that a picture's `side` goes in with. */
static inline int bt_model_map_padded(const bt_model_map *map, int side) {
    const int multiple = map->pad_to_multiple > 1 ? map->pad_to_multiple : 1;
    return (side + multiple - 1) / multiple * multiple;
}

/* Whether images go in as N x H x W x C, by their second and fourth dimension (0 or less: any): where the second may be
 * channels it is, unless the JSON file says otherwise. */
static inline bool bt_model_map_is_last(const bt_model_map *map, int64_t second, int64_t fourth) {
    return map->channels_last || (second != 1 && second != 3 && (fourth == 1 || fourth == 3));
}

#endif
