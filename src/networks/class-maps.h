/* Of a network's classes: which one a pixel has, and one mask of those that the model's description names.
 *
 * A session gives a plane for each class, classes x H x W a picture, of logits or probabilities. With softmax a pixel has
 * one class. With sigmoids it may have several, or none. */
#ifndef BT_NETWORKS_CLASS_MAPS_H
#define BT_NETWORKS_CLASS_MAPS_H

#include <stddef.h>
#include <stdint.h>

#include "image/resize.h"
#include "networks/model-map.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One picture's planes. */
typedef struct bt_class_maps {
    const float *planes; /* classes x pixels */
    int classes;
    size_t pixels;
    bt_image_output output;  /* what the numbers are */
    const bt_model_map *map; /* which of them make the mask; and whether they are sigmoids */
} bt_class_maps;

/* One map of all classes in the mask, in the numbers that the planes have: with p the probability of those together, p, or
 * its logit log(p / (1 - p)), which is what a network of one class gives. With sigmoids, the highest of them. `out` has
 * `pixels`. Any thread. */
void bt_class_maps_merge(const bt_class_maps *maps, float *out);

/* The class of each pixel: the first of the highest, as argmax has it. With sigmoids BT_LABEL_NONE where none is above
 * probability `threshold`. Any thread. */
void bt_class_maps_label(const bt_class_maps *maps, float threshold, uint8_t *labels);

/* Probabilities in place of the planes, which `planes` is, to be written: by softmax, or each by a sigmoid; what is
 * probabilities stays. Any thread. */
void bt_class_maps_to_probabilities(const bt_class_maps *maps, float *planes);

#ifdef __cplusplus
}
#endif
#endif
