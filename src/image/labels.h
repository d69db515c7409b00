/* Probabilities of several classes to the class of each pixel, in a picture of another size. */
#ifndef BT_IMAGE_LABELS_H
#define BT_IMAGE_LABELS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Each class's plane of `planes` (classes x height x width, probabilities) is resized as bt_image_mask does; labels
 * (to_height x to_width) receives the first class of the highest, or `none` where no probability is above `least`. Class
 * numbers are below 256. Rows are shared among at most `threads` of OpenMP's; allocates nothing: `scratch` is of
 * bt_image_scratch_bytes. Any thread. */
void bt_image_labels(const float *planes, int classes, int height, int width, float least, uint8_t none,
                     uint8_t *labels, int to_height, int to_width, int threads, void *scratch);

#ifdef __cplusplus
}
#endif
#endif
