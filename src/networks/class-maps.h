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

/* The class of each pixel: the first of the highest, as argmax has it. With sigmoids BT_NO_LABEL where none is above
 * probability `threshold`. Any thread. */
void bt_class_maps_label(const bt_class_maps *maps, float threshold, uint8_t *labels);

/* Probabilities in place of the planes, which `planes` is, to be written: by softmax, or each by a sigmoid. The maps know
 * that they are some then, and what is probabilities stays. Any thread. */
void bt_class_maps_to_probabilities(bt_class_maps *maps, float *planes);

/* bt_class_maps_label in a picture's size, to_height x to_width: where that is not the planes' own, height x width, of
 * their probabilities, which are put in their place (bt_class_maps_to_probabilities) and resized (image/labels.h, which
 * says what `threads` and `scratch` are). Any thread. */
void bt_class_maps_label_picture(bt_class_maps *maps, float *planes, int height, int width, float threshold,
                                 uint8_t *labels, int to_height, int to_width, int threads, void *scratch);

#ifdef __cplusplus
}
#endif
#endif
