/* The images that are sent: pictures that were given, or drawn ones, which a seed makes alike wherever they go. */
#ifndef BT_LOAD_IMAGES_H
#define BT_LOAD_IMAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_INPUTS_MAX 64

/* One image that is sent. */
typedef struct bt_load_image {
    int height, width;  /* pixels */
    const uint8_t *rgb; /* height x width x 3 bytes, borrowed as long as the target is open; NULL: drawn */
} bt_load_image;

/* The images that one stream sends. */
typedef struct bt_load_images {
    const char *model; /* borrowed */
    bt_load_image inputs[BT_INPUTS_MAX];
    int input_count;
    bool standard_path; /* of a service */
} bt_load_images;

/* A stream's images, all of them there. */
typedef struct bt_drawn_images {
    bt_load_images images;         /* whose inputs all have their pixels */
    uint8_t *drawn[BT_INPUTS_MAX]; /* owned; NULL where an image was given */
} bt_drawn_images;

/* Draws every image that is not given, by `seed`. BT_INVALID where there is none or too many, BT_NO_MEMORY. *out
 * is the caller's to close, after a failure too. */
BT_MUST_USE bt_status bt_drawn_images_open(bt_drawn_images *out, const bt_load_images *images, uint64_t seed,
                                           bt_error *error);
void bt_drawn_images_close(bt_drawn_images *images); /* may be called twice */

#ifdef __cplusplus
}
#endif
#endif
