/* What a trial sends: drawn images, or a folder's pictures, in the sizes asked for. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "image/folder.h"
#include "image/resize.h"
#include "prove/trial-state.h"

/* Different images of each size. Raised, a test takes longer to begin and more memory; at 1, the service's
 * caches would hold the only image, which no user's requests are. */
#define IMAGES 8

/* A folder's pictures, decoded, at most. Raised, more of a large folder is sent; lowered, a test leaves more
 * memory to the service. */
#define PICTURES_BYTES_MAX ((size_t)1 << 30)

/* "128,256:2": sides and their weights. */
static bt_status read_sides(bt_trial *t, bt_error *error) {
    const char *at = t->settings->image_sizes;
    while (*at) {
        char *end;
        long side = strtol(at, &end, 10);
        double weight = 1;
        if (end != at && *end == ':') weight = bt_text_read_number(end + 1, &end);
        if (end == at || (*end && *end != ',') || side < 1 || side > 16384 || !(weight > 0) ||
            !isfinite(weight) || t->side_count * IMAGES >= BT_INPUTS_MAX)
            return bt_fail(error, BT_INVALID,
                           "--image-sizes: \"%.100s\" is no list such as 512,1024:3 of at most %d",
                           t->settings->image_sizes, BT_INPUTS_MAX / IMAGES);
        t->sides[t->side_count] = (int)side;
        t->side_weights[t->side_count++] = weight;
        at = *end == ',' ? end + 1 : end;
    }
    return BT_OK;
}

static bt_status load(bt_trial *t, const bt_picture_folder *folder, int index, bt_picture *out,
                      bt_error *error) {
    const bt_picture_wishes wishes = {.white = t->settings->white, .page = (int)t->settings->page};
    return bt_picture_folder_load(folder, index, &wishes, out, error);
}

/* The pictures of a folder, each in its own size: all, as far as there is room for them. */
static bt_status load_pictures(bt_trial *t, const bt_picture_folder *folder, bt_error *error) {
    size_t bytes = 0;
    for (int i = 0; i < folder->count; i++) {
        bt_picture *picture = &t->pictures[i];
        bt_status status = load(t, folder, i, picture, error);
        if (status != BT_OK) return status;
        bytes += 3 * (size_t)picture->height * (size_t)picture->width;
        if (bytes > PICTURES_BYTES_MAX && i > 0) {
            bt_picture_close(picture);
            bt_log_write(t->options->log, BT_LOG_WARNING,
                         "--images: the first %d fill the room; %d are not sent", i, folder->found - i);
            return BT_OK;
        }
        bt_picture_tell(picture, t->options->log);
        t->picture_weights[t->picture_count++] = 1;
    }
    return BT_OK;
}

/* The same in the sizes that were asked for, with their weights: IMAGES of each size. */
static bt_status load_resized(bt_trial *t, const bt_picture_folder *folder, bt_error *error) {
    for (int i = 0; i < t->side_count * IMAGES; i++) {
        bt_picture picture;
        bt_status status = load(t, folder, i % IMAGES % folder->count, &picture, error);
        if (i < folder->count) bt_picture_tell(&picture, t->options->log);
        if (status == BT_OK)
            status = bt_picture_resize(&t->pictures[i], &picture, t->sides[i / IMAGES], t->sides[i / IMAGES],
                                       error);
        bt_picture_close(&picture);
        if (status != BT_OK) return status;
        t->picture_weights[t->picture_count++] = t->side_weights[i / IMAGES];
    }
    return BT_OK;
}

static bt_status read_pictures(bt_trial *t, bt_error *error) {
    const char *path = t->settings->images;
    bt_picture_folder *folder;
    if (!path[0]) return BT_OK;
    bt_status status = bt_picture_folder_open(&folder, path, t->side_count ? IMAGES : BT_INPUTS_MAX, error);
    if (status == BT_OK) {
        if (folder->skipped[0])
            bt_log_write(t->options->log, BT_LOG_WARNING, "--images: passed over: %s", folder->skipped);
        status = t->side_count ? load_resized(t, folder, error) : load_pictures(t, folder, error);
        bt_picture_folder_close(&folder);
    }
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "--images");
}

bt_load_images bt_trial_inputs(const bt_trial *t, int model, double weights[BT_INPUTS_MAX]) {
    bt_load_images stream = {.model = t->names[model]};
    const bt_trial_model *own = &t->models[model];
    const int sizes = t->side_count > 0 ? t->side_count : 1;
    for (int i = 0; i < t->picture_count; i++) {
        const bt_picture *picture = &t->pictures[i];
        weights[i] = t->picture_weights[i];
        stream.inputs[stream.input_count++] = (bt_load_image){picture->height, picture->width, picture->rgb};
    }
    for (int i = 0; i < sizes * IMAGES && t->picture_count == 0; i++) {
        const int side = t->side_count > 0 ? t->sides[i / IMAGES] : 0;
        weights[i] = t->side_count > 0 ? t->side_weights[i / IMAGES] : 1;
        stream.inputs[stream.input_count++] =
            (bt_load_image){side > 0 ? side : own->height, side > 0 ? side : own->width, NULL};
    }
    return stream;
}

void bt_trial_describe_images(const bt_trial *t, char words[BT_TEXT_SIZE]) {
    int used =
        snprintf(words, BT_TEXT_SIZE, "%s%.200s", t->picture_count ? "pictures of " : "synthetic spheroids",
                 t->picture_count ? t->settings->images : "");
    if (t->side_count > 0)
        snprintf(words + used, BT_TEXT_SIZE - (size_t)used, ", %.200s px", t->settings->image_sizes);
    else if (t->picture_count > 0)
        snprintf(words + used, BT_TEXT_SIZE - (size_t)used, ", %d, each in its own size", t->picture_count);
}

bt_status bt_trial_read_images(bt_trial *t, bt_error *error) {
    bt_status status = read_sides(t, error);
    return status == BT_OK ? read_pictures(t, error) : status;
}
