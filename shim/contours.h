/* OpenCV's findContours behind plain C: what src/image/contours.c loads with dlopen.
 *
 * A library of its own, so that whoever wants no polygons needs no OpenCV. It follows borders and nothing
 * else: which pixels make a region, and which regions count, is decided in src/image/polygons.c. OpenCV,
 * where it fails, writes a line to standard error besides.
 *
 * Bump BT_CONTOURS_ABI when a function, or a struct of image/contours.h, changes shape. */
#ifndef BT_SHIM_CONTOURS_H
#define BT_SHIM_CONTOURS_H

#include <stdint.h>

#include "image/contours.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_CONTOURS_ABI 1

/* bt_borders_find and bt_borders_close (its owner set). BT_UNSUPPORTED where `abi` is not this header's. */
BT_API bt_status bt_contours_find(int abi, const uint8_t *mask, int height, int width, bt_borders *out,
                                  bt_error *error);
BT_API void bt_contours_free(bt_borders *borders);

typedef bt_status (*bt_contours_find_function)(int abi, const uint8_t *mask, int height, int width,
                                               bt_borders *out, bt_error *error);
typedef void (*bt_contours_free_function)(bt_borders *borders);

#ifdef __cplusplus
}
#endif
#endif
