/* A picture in another size: resized as a network's input is, and rounded to bytes. */
#include <stdbool.h>
#include <stdlib.h>

#include "image/resize.h"

static bt_status resize_picture(bt_picture *out, const bt_picture *from, bt_error *error) {
    static const bt_image_norm bytes = {.std = {1 / 255.0f, 1 / 255.0f, 1 / 255.0f}};
    const int side = from->height > from->width ? from->height : from->width;
    const size_t pixels = (size_t)out->height * (size_t)out->width;
    void *scratch = malloc(bt_image_scratch_bytes(side, out->height, out->width));
    float *planar = malloc(3 * pixels * sizeof *planar);
    out->rgb = malloc(3 * pixels);
    bool good = scratch && planar && out->rgb;
    if (good) {
        bt_image_prepare(from->rgb, from->height, from->width, &bytes, planar, out->height, out->width, 1,
                         scratch);
        for (size_t i = 0; i < pixels; i++)
            for (size_t c = 0; c < 3; c++)
                out->rgb[3 * i + c] = (uint8_t)(planar[c * pixels + i] + 0.5f);
    }
    free(scratch);
    free(planar);
    if (good) return BT_OK;
    return bt_no_memory(error, "%d x %d pixels", out->height, out->width);
}

bt_status bt_picture_resize(bt_picture *out, const bt_picture *from, int height, int width, bt_error *error) {
    *out = (bt_picture){0};
    if (height < 1 || width < 1 || height > BT_IMAGE_SIDE_MAX || width > BT_IMAGE_SIDE_MAX)
        return bt_fail(error, BT_INVALID, "a picture is 1 to %d pixels high and wide, not %d x %d",
                       BT_IMAGE_SIDE_MAX, height, width);
    out->height = height;
    out->width = width;
    bt_status status = resize_picture(out, from, error);
    if (status != BT_OK) bt_picture_close(out);
    return status;
}
