/* Maps that a network gives smaller than its pictures, by a whole factor, in the pictures' size. */
#ifndef BT_IMAGE_ENLARGE_H
#define BT_IMAGE_ENLARGE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Working room for it, in bytes. */
size_t bt_image_enlarge_bytes(int count, int height, int width, int factor);

/* `count` planes of height x width to as many, `factor` times as high and wide: bilinear between the centres of pixels, as
 * torch's interpolate(mode="bilinear", align_corners=False). Rows are shared among OpenMP's threads, at most `threads`. It
 * allocates nothing. */
void bt_image_enlarge(const float *planes, int count, int height, int width, int factor, float *out,
                      int threads, void *scratch);

#ifdef __cplusplus
}
#endif
#endif
