/* Synthetic bright-field micrographs of spheroids, with the mask that is true of them: the default load, and
 * what the demo weights are trained and judged on. Drawn, not stored: image i of a seed is the same on every
 * machine. */
#ifndef BT_IMAGE_SPHEROIDS_H
#define BT_IMAGE_SPHEROIDS_H

#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Draws image `index` of `seed` at height x width pixels: `rgb` receives height x width x 3 bytes,
 * interleaved, `mask` (may be NULL) height x width bytes, 1 inside a spheroid and 0 elsewhere (its holes
 * too). The scene: uneven illumination, spheroids with a dark rim, textured body and bright halo, some
 * touching, some with holes, debris that is not part of the mask, sensor noise. Both arrays are the caller's.
 * Any thread. BT_INVALID for a size outside 16..16384, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_spheroids_draw(uint64_t seed, uint64_t index, int height, int width, uint8_t *rgb,
                                        uint8_t *mask, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
