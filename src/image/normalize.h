/* From a picture's bytes to a network's input. */
#ifndef BT_IMAGE_NORMALIZE_H
#define BT_IMAGE_NORMALIZE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a network's input was normalised by in its training: per-channel mean and standard deviation (above 0)
 * of values in [0, 1]. */
typedef struct bt_image_norm {
    float mean[3], std[3];
} bt_image_norm;

/* ImageNet's: what both networks of this house take, and what NULL stands for below. */
extern const bt_image_norm bt_image_imagenet;

/* rgb (height x width x 3 bytes) to planar float32, 3 x height x width: (value / 255 - mean) / std. `norm`
 * may be NULL. No resizing, one thread. */
void bt_image_normalize(const uint8_t *rgb, int height, int width, const bt_image_norm *norm, float *planar);

/* For those who do a part of it: value * scale[c] + offset[c] is a byte of channel c normalised, and pixels
 * [from, to) of `pixels` so written to their three planes. */
void bt_image_norm_factors(const bt_image_norm *norm, float scale[3], float offset[3]);
void bt_image_normalize_pixels(const uint8_t *rgb, size_t pixels, size_t from, size_t to,
                               const float scale[3], const float offset[3], float *planar);

#ifdef __cplusplus
}
#endif
#endif
