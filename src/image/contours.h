/* The borders of a mask's regions, through OpenCV, which is loaded when polygons are first asked for. */
#ifndef BT_IMAGE_CONTOURS_H
#define BT_IMAGE_CONTOURS_H

#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One border: its corners in the order in which it is walked, all of them pixels of the region. */
typedef struct bt_border {
    bt_ring ring;
    int parent; /* of a hole's border: the outline around it, by index; -1 for an outline */
} bt_border;

typedef struct bt_borders {
    const bt_border *items; /* in no particular order */
    int count;
    void *owner; /* what they lie in */
} bt_borders;

/* The borders of the regions of `mask` (height x width bytes, 0 outside): a region's pixels touch by side or
 * corner, a hole's by side. Reads `mask` only; any thread. BT_UNSUPPORTED where the library or its OpenCV is
 * not there (a failure is not remembered), BT_BACKEND with OpenCV's words, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_borders_find(bt_borders *out, const uint8_t *mask, int height, int width,
                                      bt_error *error);
void bt_borders_close(bt_borders *borders); /* leaves it empty; an empty one will do */

#ifdef __cplusplus
}
#endif
#endif
