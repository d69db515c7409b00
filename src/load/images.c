#include "load/images.h"

#include <stdlib.h>
#include <string.h>

#include "image/spheroids.h"

#define DRAWN_LEAST 16 /* pixels: smaller images are cut out of one of this side */

static int at_least(int side) {
    return side < DRAWN_LEAST ? DRAWN_LEAST : side;
}

static bt_status draw(uint8_t **out, uint64_t seed, int index, int height, int width, bt_error *error) {
    const int tall = at_least(height), wide = at_least(width);
    uint8_t *image = malloc(3 * (size_t)tall * (size_t)wide);
    if (!image) return bt_no_memory(error, "an image of %d x %d", height, width);
    *out = image;
    bt_status status = bt_spheroids_draw(seed, (uint64_t)index, tall, wide, image, NULL, error);
    for (int y = 1; y < height && wide > width; y++)
        memmove(image + 3 * (size_t)y * (size_t)width, image + 3 * (size_t)y * (size_t)wide,
                3 * (size_t)width);
    return status;
}

bt_status bt_drawn_images_open(bt_drawn_images *out, const bt_load_images *images, uint64_t seed,
                               bt_error *error) {
    *out = (bt_drawn_images){.images = *images};
    if (images->input_count < 1 || images->input_count > BT_INPUTS_MAX)
        return bt_fail(error, BT_INVALID, "a stream has 1 to %d images", BT_INPUTS_MAX);
    bt_status status = BT_OK;
    for (int i = 0; i < images->input_count && status == BT_OK; i++) {
        bt_load_image *input = &out->images.inputs[i];
        if (input->rgb) continue;
        status = draw(&out->drawn[i], seed, i, input->height, input->width, error);
        input->rgb = out->drawn[i];
    }
    return status;
}

void bt_drawn_images_close(bt_drawn_images *images) {
    for (int i = 0; i < BT_INPUTS_MAX; i++) {
        free(images->drawn[i]);
        images->drawn[i] = NULL;
    }
}
