/* From a picture's bytes to a network's input. */
#ifndef BT_IMAGE_NORMALIZE_H
#define BT_IMAGE_NORMALIZE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ImageNet's per-channel mean and standard deviation, of values in [0, 1]. */
extern const float bt_image_mean[3], bt_image_std[3];

/* rgb (height x width x 3 bytes) to planar float32, 3 x height x width: (value / 255 - mean) / std. No
 * resizing. */
void bt_image_normalize(const uint8_t *rgb, int height, int width, float *planar);

#ifdef __cplusplus
}
#endif
#endif
