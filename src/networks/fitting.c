#include "networks/fitting.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* torchvision's segmentation networks call the map that counts so, and a second one "aux". */
#define USUAL_NAME "out"

#define SHAPE_SIZE   96
#define NONE         (-1)
#define MULTIPLE_MAX 256 /* that images are padded to, in a remedy */

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

/* A tensor as a map. */
typedef struct view {
    bool channels_last; /* N x H x W x classes */
    int64_t classes, height, width;
} view;

/* N x H x W is of one class. False where it has not the dimensions of a map. */
static bool look(view *out, const bt_given *given, const bt_given_for *images, bool channels_last) {
    const int64_t *dims = given->dims;
    *out = (view){.classes = 1, .height = dims[1], .width = dims[2]};
    if (given->rank == 4 && channels_last)
        *out = (view){.channels_last = true, .classes = dims[3], .height = dims[1], .width = dims[2]};
    else if (given->rank == 4)
        *out = (view){.classes = dims[1], .height = dims[2], .width = dims[3]};
    return (given->rank == 3 || given->rank == 4) && dims[0] == images->batch_size && out->classes >= 1 &&
           out->classes <= BT_MODEL_CLASSES_MAX && out->height > 0 && out->width > 0;
}

/* As large as the images, or smaller by one whole factor. */
static bool fits(view *out, const bt_given *given, const bt_given_for *images, bool channels_last) {
    return look(out, given, images, channels_last) && images->height % out->height == 0 &&
           images->width % out->width == 0 && images->height / out->height == images->width / out->width;
}

/* In the layout that is said, or else in the other: there is a map in one at most, but for odd sizes. */
static bool fits_somehow(view *out, const bt_model_map *map, const bt_given *given,
                         const bt_given_for *images) {
    return fits(out, given, images, map->channels_last) || fits(out, given, images, !map->channels_last);
}

static bool is_said(const bt_model_map *map) {
    return map->tensor[0] || map->tensor_number >= 0;
}

static int first_that_fits(const bt_model_map *map, const bt_given *given, int count,
                           const bt_given_for *images) {
    view ignored;
    for (int i = 0; i < count; i++)
        if (fits(&ignored, &given[i], images, map->channels_last)) return i;
    for (int i = 0; i < count; i++)
        if (fits(&ignored, &given[i], images, !map->channels_last)) return i;
    return NONE;
}

/* NONE where there is no such tensor, or none that fits. */
static int find(const bt_model_map *map, const bt_given *given, int count, const bt_given_for *images) {
    if (map->tensor_number >= 0) return map->tensor_number < count ? map->tensor_number : NONE;
    for (int i = 0; i < count; i++)
        if (strcmp(given[i].name, map->tensor[0] ? map->tensor : USUAL_NAME) == 0) return i;
    return map->tensor[0] ? NONE : first_that_fits(map, given, count, images);
}

/* ---- what would make it fit ---- */

/* Whether a network that only knows multiples would give so many for a side: of a map as large as its images or, with a
 * stride, smaller by it. */
static bool is_rounded(int64_t given, int side, int multiple, bool strided) {
    if (strided) return given == side / multiple || given == (side + multiple - 1) / multiple;
    return given == side - side % multiple;
}

/* The multiple to which images would have to be padded for a tensor to be a map; 0 where that would not help. */
static int multiple_wanted(const bt_model_map *map, const bt_given *given, const bt_given_for *images) {
    view seen;
    if (map->pad_to_multiple > 1 || !look(&seen, given, images, map->channels_last)) return 0;
    for (int multiple = 2; multiple <= MULTIPLE_MAX; multiple *= 2)
        for (int strided = 0; strided < 2; strided++)
            if (is_rounded(seen.height, images->height, multiple, strided) &&
                is_rounded(seen.width, images->width, multiple, strided))
                return multiple;
    return 0;
}

static bt_status fail_shapes(const bt_model_map *map, const bt_given *given, int count,
                             const bt_given_for *images, bt_error *error) {
    char shapes[SHAPE_SIZE] = "", one[SHAPE_SIZE], wanted[SHAPE_SIZE], remedy[SHAPE_SIZE] = "";
    for (int i = 0; i < count; i++) {
        const int multiple = multiple_wanted(map, &given[i], images);
        write_shape(one, &given[i]);
        bt_text_append(shapes, sizeof shapes, "%s%s", i ? ", " : "", one);
        if (multiple > 0 && remedy[0] == '\0')
            snprintf(remedy, sizeof remedy, ": {\"pad_to_multiple\": %d} in its JSON file may make it so",
                     multiple);
    }
    write_images(wanted, images);
    return bt_fail(
        error, BT_INVALID,
        "%s: gives %s for images of %s; N x classes x H x W is wanted, H and W those of the images or "
        "smaller by one whole factor%s",
        images->file, count ? shapes : "nothing", wanted, remedy);
}

static bt_status fail_absent(const bt_model_map *map, const bt_given *given, int count,
                             const bt_given_for *images, bt_error *error) {
    char all[SHAPE_SIZE] = "", one[SHAPE_SIZE], wanted[BT_NAME_SIZE + 2], remedy[SHAPE_SIZE] = "";
    const int other = first_that_fits(map, given, count, images);
    for (int i = 0; i < count; i++) {
        write_called(one, given, i);
        bt_text_append(all, sizeof all, "%s%s", i ? ", " : "", one);
    }
    snprintf(wanted, sizeof wanted, map->tensor[0] ? "\"%s\"" : "%s", map->tensor);
    if (!map->tensor[0]) snprintf(wanted, sizeof wanted, "%d", map->tensor_number);
    if (other != NONE) write_called(remedy, given, other);
    return bt_fail(error, BT_INVALID, "%s: gives no tensor %s; there is %s; %s%s%s", images->file, wanted,
                   all, other == NONE ? "none of them is a map" : "{\"output\": ", remedy,
                   other == NONE ? "" : "} in its JSON file would do");
}

/* What was found out, and nobody has said. */
static void tell(bt_fitted *out, const bt_model_map *map, const bt_given *given, int count) {
    char called[SHAPE_SIZE];
    write_called(called, given, out->tensor);
    if (!is_said(map) && count > 1)
        bt_text_append_clause(out->found, sizeof out->found, "of its %d tensors %s is taken (\"output\": %s)",
                              count, called, called);
    if (out->channels_last != map->channels_last && given[out->tensor].rank == 4)
        bt_text_append_clause(out->found, sizeof out->found, "its map is %s",
                              out->channels_last ? "N x H x W x classes" : "N x classes x H x W");
    if (out->factor > 1 && map->stride == 0)
        bt_text_append_clause(out->found, sizeof out->found, "its map is smaller by %d and is enlarged",
                              out->factor);
}

static bt_status choose(bt_fitted *out, const bt_model_map *map, const bt_given *given, int count,
                        const bt_given_for *images, bt_error *error) {
    view seen;
    const int chosen = find(map, given, count, images);
    if (chosen == NONE && is_said(map)) return fail_absent(map, given, count, images, error);
    if (chosen == NONE) return fail_shapes(map, given, count, images, error);
    if (!fits_somehow(&seen, map, &given[chosen], images))
        return fail_shapes(map, &given[chosen], 1, images, error);
    if (!given[chosen].floating)
        return bt_fail(error, BT_INVALID, "%s: gives numbers of type %s; floating-point logits are wanted",
                       images->file, given[chosen].type);
    out->tensor = chosen;
    out->channels_last = seen.channels_last;
    out->classes = (int)seen.classes;
    out->factor = (int)(images->height / seen.height);
    if (map->stride > 0 && map->stride != out->factor)
        return bt_fail(error, BT_INVALID, "%s: its map is smaller by %d; its JSON file's \"stride\" says %d",
                       images->file, out->factor, map->stride);
    tell(out, map, given, count);
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

bt_status bt_model_map_check(const bt_model_map *map, int count, const char *file, bt_error *error) {
    const int last = last_named(map), most = map->sigmoid ? BT_NO_LABEL : BT_MODEL_CLASSES_MAX;
    int masked = 0;
    if (count > most)
        return bt_fail(error, BT_INVALID, "%s: gives %d classes; %d are the most%s", file, count, most,
                       map->sigmoid ? " with sigmoids" : "");
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
    return BT_OK;
}

static bt_status check_classes(bt_fitted *out, const bt_model_map *map, const char *file, bt_error *error) {
    const int count = out->classes;
    bt_status status = bt_model_map_check(map, count, file, error);
    if (status == BT_OK && last_named(map) == NONE && (count > 1 || map->class_count > 1))
        bt_text_append_clause(out->found, sizeof out->found,
                              "gives %d classes: its mask is where %s (\"mask\" says which)", count,
                              map->sigmoid ? "any of them is" : "it is not the first");
    return status;
}

bt_status bt_model_fit(bt_fitted *out, const bt_model_map *map, const bt_given *given, int count,
                       const bt_given_for *images, bt_error *error) {
    memset(out, 0, sizeof *out);
    bt_status status = choose(out, map, given, count, images, error);
    return status == BT_OK ? check_classes(out, map, images->file, error) : status;
}
