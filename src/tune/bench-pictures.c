#include "tune/bench-pictures.h"

#include <stdlib.h>
#include <string.h>

#include "image/folder.h"
#include "image/resize.h"
#include "image/spheroids.h"

static size_t values(const bt_open_order *order) {
    return 3 * (size_t)order->height * (size_t)order->width;
}

static bt_status draw(bt_picture *out, const bt_open_order *order, int index, bt_error *error) {
    *out = (bt_picture){.rgb = malloc(values(order)), .height = order->height, .width = order->width};
    if (!out->rgb) return bt_no_memory(error, "an image");
    bt_status status = bt_spheroids_draw((uint64_t)order->seed, (uint64_t)index, order->height, order->width,
                                         out->rgb, NULL, error);
    if (status != BT_OK) bt_picture_close(out);
    return status;
}

/* Picture number `index`; `folder` NULL: it is drawn. */
static bt_status take(bt_picture *out, const bt_open_order *order, const bt_picture_folder *folder, int index,
                      bt_error *error) {
    const bt_picture_wishes wishes = {.white = order->white, .page = order->page};
    if (!folder) return draw(out, order, index, error);
    return bt_picture_folder_load(folder, index % folder->count, &wishes, out, error);
}

/* The order's folder, where it has one; `most` pictures of it are wanted. */
static bt_status open_folder(bt_picture_folder **out, const bt_open_order *order, int most, bt_error *error) {
    *out = NULL;
    return order->images[0] ? bt_picture_folder_open(out, order->images, most, error) : BT_OK;
}

bt_status bt_bench_pictures(float *out, const bt_open_order *order, const bt_image_norm *norm, int first,
                            int count, bt_error *error) {
    const int height = order->height, width = order->width;
    bt_picture_folder *folder;
    bt_status status = open_folder(&folder, order, first + count, error);
    if (status != BT_OK) return status;
    void *scratch = malloc(bt_image_scratch_bytes(BT_IMAGE_SIDE_MAX, height, width));
    if (!scratch) status = bt_no_memory(error, "an image");
    for (int i = 0; i < count && status == BT_OK; i++) { /* one at a time */
        bt_picture picture;
        status = take(&picture, order, folder, first + i, error);
        if (status != BT_OK) break;
        bt_image_prepare(picture.rgb, picture.height, picture.width, norm, out + (size_t)i * values(order),
                         height, width, 1, scratch);
        bt_picture_close(&picture);
    }
    free(scratch);
    bt_picture_folder_close(&folder);
    return status;
}

/* Written to, so that it has memory of its own to be read from. */
static bt_status make_grey(bt_picture *out, const bt_open_order *order, bt_error *error) {
    *out = (bt_picture){.rgb = malloc(values(order)), .height = order->height, .width = order->width};
    if (!out->rgb) return bt_no_memory(error, "an image");
    memset(out->rgb, 127, values(order));
    return BT_OK;
}

bt_status bt_bench_raw_pictures(bt_picture *out, const bt_open_order *order, int count, bt_error *error) {
    bt_picture_folder *folder;
    bt_status status = open_folder(&folder, order, count, error);
    if (status != BT_OK) return status;
    for (int i = 0; i < count && status == BT_OK; i++)
        status = folder ? take(&out[i], order, folder, i, error) : make_grey(&out[i], order, error);
    bt_picture_folder_close(&folder);
    return status;
}

float *bt_bench_logits(const char *path, size_t values, size_t most) {
    bt_error ignored;
    char *bytes = NULL;
    size_t size = 0;
    if (!path[0] || !bt_file_exists(path) ||
        bt_file_read(path, most * sizeof(float), &bytes, &size, &ignored) != BT_OK)
        return NULL;
    if (size >= values * sizeof(float)) return (float *)(void *)bytes;
    free(bytes);
    return NULL;
}
