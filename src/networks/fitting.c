#include "networks/fitting.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* torchvision's segmentation networks call the map that counts so, and a second one "aux". */
#define USUAL_NAME "out"

#define SHAPE_SIZE 96
#define NONE       (-1)

/* ---- how things are called ---- */

/* "1 x 3 x 64 x 64" */
static void write_shape(char out[SHAPE_SIZE], const bt_given *given) {
    snprintf(out, SHAPE_SIZE, "%s", given->rank ? "" : "one number");
    for (int i = 0; i < given->rank && i < BT_GIVEN_RANK; i++)
        bt_text_append(out, SHAPE_SIZE, "%s%lld", i ? " x " : "", (long long)given->dims[i]);
}

static void write_images(char out[SHAPE_SIZE], const bt_given_for *images) {
    snprintf(out, SHAPE_SIZE, "%d x %d x %d x %d", images->batch_size, images->channels, images->height,
             images->width);
}

static void write_called(char out[SHAPE_SIZE], const bt_given *given, int index) {
    if (given[index].name[0])
        snprintf(out, SHAPE_SIZE, "\"%.64s\"", given[index].name);
    else
        snprintf(out, SHAPE_SIZE, "%d", index);
}

/* ---- which tensor ---- */

/* As four: N x H x W is N x 1 x H x W. False where it is neither. */
static bool with_planes(int64_t out[4], const bt_given *given) {
    if (given->rank == 4) memcpy(out, given->dims, 4 * sizeof *out);
    if (given->rank == 3)
        memcpy(out, (int64_t[]){given->dims[0], 1, given->dims[1], given->dims[2]}, 4 * sizeof *out);
    return given->rank == 3 || given->rank == 4;
}

/* N x classes x H x W, or smaller by one whole factor. */
static bool fits(const bt_given *given, const bt_given_for *images, int64_t dims[4]) {
    if (!with_planes(dims, given) || dims[0] != images->batch_size || dims[1] < 1 ||
        dims[1] > BT_MODEL_CLASSES_MAX)
        return false;
    return dims[2] > 0 && dims[3] > 0 && images->height % dims[2] == 0 && images->width % dims[3] == 0 &&
           images->height / dims[2] == images->width / dims[3];
}

static bool is_said(const bt_model_map *map) {
    return map->tensor[0] || map->tensor_number >= 0;
}

/* NONE where there is no such tensor, or none that fits. */
static int find(const bt_model_map *map, const bt_given *given, int count, const bt_given_for *images) {
    int64_t dims[4];
    if (map->tensor_number >= 0) return map->tensor_number < count ? map->tensor_number : NONE;
    for (int i = 0; i < count; i++)
        if (strcmp(given[i].name, map->tensor[0] ? map->tensor : USUAL_NAME) == 0) return i;
    for (int i = 0; i < count && !map->tensor[0]; i++)
        if (fits(&given[i], images, dims)) return i;
    return NONE;
}

static bt_status fail_shapes(const bt_given *given, int count, const bt_given_for *images, bt_error *error) {
    char shapes[SHAPE_SIZE] = "", one[SHAPE_SIZE], wanted[SHAPE_SIZE];
    for (int i = 0; i < count; i++) {
        write_shape(one, &given[i]);
        bt_text_append(shapes, sizeof shapes, "%s%s", i ? ", " : "", one);
    }
    write_images(wanted, images);
    return bt_fail(
        error, BT_INVALID,
        "%s: gives %s for images of %s; N x classes x H x W is wanted, H and W those of the images or "
        "smaller by one whole factor",
        images->file, count ? shapes : "nothing", wanted);
}

static bt_status fail_absent(const bt_model_map *map, const bt_given *given, int count, const char *file,
                             bt_error *error) {
    char all[SHAPE_SIZE] = "", one[SHAPE_SIZE], wanted[BT_NAME_SIZE + 2];
    for (int i = 0; i < count; i++) {
        write_called(one, given, i);
        bt_text_append(all, sizeof all, "%s%s", i ? ", " : "", one);
    }
    snprintf(wanted, sizeof wanted, map->tensor[0] ? "\"%s\"" : "%s", map->tensor);
    if (!map->tensor[0]) snprintf(wanted, sizeof wanted, "%d", map->tensor_number);
    return bt_fail(error, BT_INVALID,
                   "%s: gives no tensor %s; there is %s, one of which its JSON file can name: \"output\"",
                   file, wanted, all);
}

static bt_status choose(bt_fitted *out, const bt_model_map *map, const bt_given *given, int count,
                        const bt_given_for *images, bt_error *error) {
    char called[SHAPE_SIZE];
    int64_t dims[4];
    const int chosen = find(map, given, count, images);
    if (chosen == NONE && is_said(map)) return fail_absent(map, given, count, images->file, error);
    if (chosen == NONE) return fail_shapes(given, count, images, error);
    if (!fits(&given[chosen], images, dims)) return fail_shapes(&given[chosen], 1, images, error);
    if (!given[chosen].floating)
        return bt_fail(error, BT_INVALID, "%s: gives numbers of type %s; floating-point logits are wanted",
                       images->file, given[chosen].type);
    out->tensor = chosen;
    out->classes = (int)dims[1];
    out->factor = (int)(images->height / dims[2]);
    write_called(called, given, chosen);
    if (!is_said(map) && count > 1)
        bt_text_append_clause(out->found, sizeof out->found, "of its %d tensors %s is taken (\"output\": %s)",
                              count, called, called);
    if (out->factor > 1)
        bt_text_append_clause(out->found, sizeof out->found, "its map is smaller by %d and is enlarged",
                              out->factor);
    return BT_OK;
}

/* ---- of which classes ---- */

/* The highest that is named, or NONE. */
static int last_named(const bt_model_map *map) {
    for (int i = BT_MODEL_CLASSES_MAX - 1; i >= 0; i--)
        if (map->in_mask[i]) return i;
    return NONE;
}

bool bt_model_map_masks(const bt_model_map *map, int class_number, int classes) {
    if (last_named(map) != NONE) return map->in_mask[class_number];
    return map->sigmoid || classes == 1 || class_number > 0;
}

static bt_status check_classes(bt_fitted *out, const bt_model_map *map, const char *file, bt_error *error) {
    const int count = out->classes, last = last_named(map);
    int masked = 0;
    if (count == 1 && map->class_count <= 1 && last <= 0) return BT_OK;
    if (last >= count)
        return bt_fail(error, BT_INVALID,
                       "%s: gives %d classes; its JSON file's \"mask\" has number %d, and they count from 0",
                       file, count, last);
    if (map->class_count > 0 && map->class_count != count)
        return bt_fail(error, BT_INVALID, "%s: gives %d classes; its JSON file names %d", file, count,
                       map->class_count);
    for (int i = 0; i < count; i++)
        masked += bt_model_map_masks(map, i, count);
    if (masked == count && !map->sigmoid)
        return bt_fail(error, BT_INVALID,
                       "%s: gives %d classes, all of which \"mask\" has: some must not be in it", file,
                       count);
    if (last == NONE)
        bt_text_append_clause(out->found, sizeof out->found,
                              "gives %d classes: its mask is where %s (\"mask\" says which)", count,
                              map->sigmoid ? "any of them is" : "it is not the first");
    return BT_OK;
}

bt_status bt_model_fit(bt_fitted *out, const bt_model_map *map, const bt_given *given, int count,
                       const bt_given_for *images, bt_error *error) {
    memset(out, 0, sizeof *out);
    bt_status status = choose(out, map, given, count, images, error);
    return status == BT_OK ? check_classes(out, map, images->file, error) : status;
}
