#include "tune/bench-pictures.h"

#include <stdlib.h>

#include "image/folder.h"
#include "image/resize.h"
#include "image/spheroids.h"

static size_t values(const bt_open_order *order) {
    return 3 * (size_t)order->height * (size_t)order->width;
}

static bt_status draw(float *out, const bt_open_order *order, const bt_image_norm *norm, int first, int count,
                      bt_error *error) {
    const int height = order->height, width = order->width;
    uint8_t *rgb = malloc(values(order));
    if (!rgb) return bt_no_memory(error, "an image");
    bt_status status = BT_OK;
    for (int i = 0; i < count && status == BT_OK; i++) {
        status =
            bt_spheroids_draw((uint64_t)order->seed, (uint64_t)(first + i), height, width, rgb, NULL, error);
        if (status == BT_OK) bt_image_normalize(rgb, height, width, norm, out + (size_t)i * values(order));
    }
    free(rgb);
    return status;
}

static bt_status load(float *out, const bt_open_order *order, const bt_image_norm *norm, int first, int count,
                      bt_error *error) {
    const int height = order->height, width = order->width;
    const bt_picture_wishes wishes = {.white = order->white, .page = order->page};
    bt_picture_folder *folder;
    bt_status status = bt_picture_folder_open(&folder, order->images, first + count, error);
    if (status != BT_OK) return status;
    void *scratch = malloc(bt_image_scratch_bytes(BT_IMAGE_SIDE_MAX, height, width));
    if (!scratch) status = bt_no_memory(error, "an image");
    for (int i = 0; i < count && status == BT_OK; i++) { /* one at a time */
        bt_picture picture;
        status = bt_picture_folder_load(folder, (first + i) % folder->count, &wishes, &picture, error);
        if (status == BT_OK)
            bt_image_prepare(picture.rgb, picture.height, picture.width, norm,
                             out + (size_t)i * values(order), height, width, 1, scratch);
        bt_picture_close(&picture);
    }
    free(scratch);
    bt_picture_folder_close(&folder);
    return status;
}

bt_status bt_bench_pictures(float *out, const bt_open_order *order, const bt_image_norm *norm, int first,
                            int count, bt_error *error) {
    return order->images[0] ? load(out, order, norm, first, count, error)
                            : draw(out, order, norm, first, count, error);
}
