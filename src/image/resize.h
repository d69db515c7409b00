/* Pictures of any size to a network's input, and its output back to the picture's size. */
#ifndef BT_IMAGE_RESIZE_H
#define BT_IMAGE_RESIZE_H

#include <stddef.h>
#include <stdint.h>

#include "image/decode.h"
#include "image/normalize.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_IMAGE_SIDE_MAX    16384 /* pixels */
#define BT_IMAGE_THREADS_MAX 16

/* Working room, in bytes, that the functions below need for a picture of at most `side` pixels each way and a
 * network's input of height x width. What is not needed is not touched. */
size_t bt_image_scratch_bytes(int side, int height, int width);

/* Both functions share their rows among OpenMP's threads, the calling thread's pool: at most `threads` and
 * BT_IMAGE_THREADS_MAX of them, fewer where there is too little to do. The result does not depend on how
 * many. They allocate nothing and may run in any thread with a scratch of its own. */

/* rgb (from_height x from_width x 3 bytes) to planar float32, 3 x height x width, normalised as
 * bt_image_normalize does (`norm` NULL: ImageNet's). Resized bilinearly with half-pixel centres, and
 * antialiased where it shrinks (each output pixel then weighs all the input it covers by a triangle): what
 * torch's interpolate(mode="bilinear", align_corners=False, antialias=True) and Pillow's BILINEAR compute, in
 * float, before any rounding to bytes. Equal sizes are only normalised. */
void bt_image_prepare(const uint8_t *rgb, int from_height, int from_width, const bt_image_norm *norm,
                      float *planar, int height, int width, int threads, void *scratch);

/* What a network's numbers are. */
typedef enum bt_image_output {
    BT_OUTPUT_LOGITS,       /* a sigmoid makes probabilities of them */
    BT_OUTPUT_PROBABILITIES /* it is in the network already; what rounding put outside [0, 1] is put back */
} bt_image_output;

/* A network's output (height x width) to a mask (1 where the probability is above `threshold`) and
 * probabilities of to_height x to_width; either may be NULL. The sigmoid of logits is taken first, then
 * resized likewise, then thresholded. */
void bt_image_mask(const float *output, bt_image_output kind, int height, int width, float threshold,
                   uint8_t *mask, float *probabilities, int to_height, int to_width, int threads,
                   void *scratch);

/* A picture in another size, resized as bt_image_prepare does and rounded to bytes. *out is the caller's,
 * to be closed; empty on failure. One thread. BT_INVALID for sides outside 1..BT_IMAGE_SIDE_MAX,
 * BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_picture_resize(bt_picture *out, const bt_picture *from, int height, int width,
                                        bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
