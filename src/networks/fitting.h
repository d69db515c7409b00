/* Which of the tensors that a user's network gives is its map, and how that lies over the pictures: decided here, once,
 * for every runtime that runs such files. A runtime describes what came out of a run, and is told what to take and by how
 * much to enlarge it; what the model's JSON file does not say is found out so, and told. */
#ifndef BT_NETWORKS_FITTING_H
#define BT_NETWORKS_FITTING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "networks/model-map.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_GIVEN_MAX  64 /* tensors of one network that are looked at */
#define BT_GIVEN_RANK 8

/* One tensor that a network gave. */
typedef struct bt_given {
    const char *name; /* a dictionary's key or a graph's name; "" for none */
    const char *type; /* of its numbers, for people */
    bool floating;
    int rank; /* dims beyond BT_GIVEN_RANK are left out */
    int64_t dims[BT_GIVEN_RANK];
} bt_given;

/* A run's images as they went in, padded where they are, and whose they are. */
typedef struct bt_given_for {
    const char *file; /* its name, which messages begin with */
    int batch_size, channels, height, width;
} bt_given_for;

typedef struct bt_fitted {
    int tensor;         /* the one of them that is the map: N x classes x H x W, or N x H x W of one class */
    bool channels_last; /* no: it is N x H x W x classes */
    int classes;        /* its planes, 1 ... BT_MODEL_CLASSES_MAX */
    int factor;         /* the pictures are so much larger; 1: as large */
    char found[BT_MODEL_NOTE_SIZE]; /* what nobody had said; "" where all was said, or is as usual */
} bt_fitted;

/* Chooses. BT_INVALID in one line: nothing fits (the shapes that came, what is wanted, and what in the JSON file would
 * make it fit where anything would), the tensor, classes or stride that the map names are not there. Any thread. */
typedef bt_status bt_model_fitter(bt_fitted *out, const bt_model_map *map, const bt_given *given, int count,
                                  const bt_given_for *images, bt_error *error);
BT_MUST_USE bt_model_fitter bt_model_fit;

/* Whether a network that gives so many classes is as its description has it. BT_INVALID in one line, which begins with
 * `file`: too many, others than are named, or a mask that has none of them, or all. Any thread. */
BT_MUST_USE bt_status bt_model_map_check(const bt_model_map *map, int classes, const char *file,
                                         bt_error *error);

/* Whether a class of so many belongs to the mask: all but the first do where nobody said, and with sigmoids all. */
bool bt_model_map_masks(const bt_model_map *map, int class_number, int classes);

#ifdef __cplusplus
}
#endif
#endif
