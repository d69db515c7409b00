#include "record/calibration.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/fields.h"
#include "base/json.h"
#include "base/random.h"
#include "record/parts.h"

#define KIND         "calibration"
#define TENSORS_MOST 100000

/* Digits that a range keeps: a byte is a 255th of it. */
#define DIGITS 5

static const bt_field fields[] = {
    {BT_FIELD(TEXT, bt_calibration, model)},
    {BT_FIELD(HASH, bt_calibration, weights_hash)},
    {BT_FIELD(INTEGER, bt_calibration, height), .minimum = 1, .maximum = 16384},
    {BT_FIELD(INTEGER, bt_calibration, width), .minimum = 1, .maximum = 16384},
    {BT_FIELD(INTEGER, bt_calibration, pictures), .minimum = 1, .maximum = 1e9},
    {BT_FIELD(TEXT, bt_calibration, floats)},
    {BT_FIELD(TEXT, bt_calibration, source), .optional = true},
    {BT_FIELD(NUMBER, bt_calibration, mask_iou), .optional = true},
    {BT_FIELD(NUMBER, bt_calibration, mask_iou_least), .optional = true},
};

/* Beside the numbers, what says that they are whole. */
typedef struct seal {
    uint64_t numbers_hash;
} seal;
static const bt_field seal_fields[] = {{BT_FIELD(HASH, seal, numbers_hash)}};

static const bt_field tensor_fields[] = {
    {BT_FIELD(INTEGER, bt_calibrated_tensor, tensor), .maximum = 1e9},
    {BT_FIELD(SWITCH, bt_calibrated_tensor, wide), .optional = true, .brief = true},
};

/* ---- holding ---- */

bt_status bt_calibration_open(bt_calibration **out, bt_error *error) {
    *out = calloc(1, sizeof **out);
    if (!*out) return bt_no_memory(error, "a calibration");
    (*out)->mask_iou = (*out)->mask_iou_least = NAN;
    return BT_OK;
}

void bt_calibration_close(bt_calibration **calibration) {
    if (!calibration || !*calibration) return;
    for (int i = 0; i < (*calibration)->tensor_count; i++)
        free((*calibration)->tensors[i].ranges);
    free((*calibration)->tensors);
    free(*calibration);
    *calibration = NULL;
}

/* `ranges` becomes the calibration's. */
static bt_status append(bt_calibration *c, bt_calibrated_tensor tensor, bt_error *error) {
    bt_calibrated_tensor *grown =
        bt_array_grow(c->tensors, (size_t)c->tensor_count, 1, &c->tensor_room, sizeof *grown);
    if (!grown) return bt_no_memory(error, "a calibration");
    c->tensors = grown;
    grown[c->tensor_count++] = tensor;
    return BT_OK;
}

static double rounded(double range) {
    const double step = pow(10, floor(log10(range)) - (DIGITS - 1));
    return range > 0 ? round(range / step) * step : 0;
}

bt_status bt_calibration_add(bt_calibration *c, int tensor, const float *ranges, int channels,
                             bt_error *error) {
    double *copy = malloc((size_t)channels * sizeof *copy);
    if (!copy) return bt_no_memory(error, "a calibration");
    for (int i = 0; i < channels; i++)
        copy[i] = rounded((double)ranges[i]);
    bt_status status =
        append(c, (bt_calibrated_tensor){.tensor = tensor, .channels = channels, .ranges = copy}, error);
    if (status != BT_OK) free(copy);
    return status;
}

static int compare_numbers(const void *key, const void *item) {
    const int number = *(const int *)key, other = ((const bt_calibrated_tensor *)item)->tensor;
    return (number > other) - (number < other);
}

bt_calibrated_tensor *bt_calibration_find(const bt_calibration *c, int tensor) {
    if (c->tensor_count == 0) return NULL;
    return bsearch(&tensor, c->tensors, (size_t)c->tensor_count, sizeof *c->tensors, compare_numbers);
}

/* Over every tensor's number, whether it is wide, and its ranges. */
static uint64_t hash_numbers(const bt_calibration *c) {
    uint64_t hash = BT_FNV_START;
    for (int i = 0; i < c->tensor_count; i++) {
        const bt_calibrated_tensor *t = &c->tensors[i];
        const int about[] = {t->tensor, t->wide, t->channels};
        hash = bt_fnv1a64(hash, about, sizeof about);
        hash = bt_fnv1a64(hash, t->ranges, (size_t)t->channels * sizeof *t->ranges);
    }
    return hash;
}

/* ---- writing ---- */

static json_t *write_tensor(const void *item) {
    const bt_calibrated_tensor *tensor = item;
    json_t *object = bt_fields_to_json(BT_FIELDS(tensor_fields), tensor);
    if (object &&
        json_object_set_new(object, "ranges", bt_numbers_write(tensor->ranges, tensor->channels)) == 0)
        return object;
    json_decref(object);
    return NULL;
}

bt_status bt_calibration_save(const bt_calibration *c, const char *path, bt_error *error) {
    const seal whole = {hash_numbers(c)};
    json_t *top = json_pack("{s:i, s:s}", "schema_version", BT_CALIBRATION_SCHEMA_VERSION, "kind", KIND);
    bt_status status = BT_OK;
    if (!top || bt_fields_write(BT_FIELDS(fields), c, top) != 0 ||
        bt_fields_write(BT_FIELDS(seal_fields), &whole, top) != 0 ||
        json_object_set_new(
            top, "tensors",
            bt_json_array_of(c->tensors, sizeof *c->tensors, c->tensor_count, write_tensor)) != 0)
        status = bt_no_memory(error, "a calibration");
    if (status == BT_OK) status = bt_json_save(top, path, false, error);
    json_decref(top);
    return status;
}

/* ---- reading ---- */

static bt_status read_tensor(void *owner, const json_t *object, const char *where, bt_error *error) {
    bt_calibration *c = owner;
    bt_calibrated_tensor read = {0};
    json_t *ranges;
    bt_status status = bt_fields_read(BT_FIELDS(tensor_fields), object, &read, where, error);
    if (status == BT_OK) status = bt_json_array(object, "ranges", &ranges, where, error);
    if (status != BT_OK) return status;
    if (c->tensor_count > 0 && read.tensor <= c->tensors[c->tensor_count - 1].tensor)
        return bt_fail(error, BT_PARSE, "%s: tensor %d does not come after the one before", where,
                       read.tensor);
    status = bt_numbers_read(ranges, &read.ranges, &read.channels, "ranges", where, error);
    for (int i = 0; i < read.channels && status == BT_OK; i++)
        if (!(read.ranges[i] >= FLT_MIN) || !(read.ranges[i] <= FLT_MAX))
            status = bt_fail(error, BT_PARSE, "%s: a range is %g, and must be above 0 and fit a float", where,
                             read.ranges[i]);
    if (status == BT_OK) status = append(c, read, error);
    if (status != BT_OK) free(read.ranges);
    return status;
}

static bt_status read_all(bt_calibration *c, const json_t *top, const char *path, bt_error *error) {
    seal whole = {0};
    bt_status status = bt_record_check_kind(top, KIND, BT_CALIBRATION_SCHEMA_VERSION, path, error);
    if (status == BT_OK) status = bt_fields_read(BT_FIELDS(fields), top, c, path, error);
    if (status == BT_OK) status = bt_fields_read(BT_FIELDS(seal_fields), top, &whole, path, error);
    if (status == BT_OK) status = bt_list_read(top, "tensors", TENSORS_MOST, read_tensor, c, path, error);
    if (status == BT_OK && hash_numbers(c) != whole.numbers_hash)
        status = bt_fail(error, BT_PARSE, "%s: damaged: its numbers are not those that were written", path);
    return status;
}

bt_status bt_calibration_load(bt_calibration **out, const char *path, bt_error *error) {
    json_t *top;
    *out = NULL;
    bt_status status = bt_json_load(&top, path, error);
    if (status != BT_OK) return status;
    status = bt_calibration_open(out, error);
    if (status == BT_OK) status = read_all(*out, top, path, error);
    if (status != BT_OK) bt_calibration_close(out);
    json_decref(top);
    return status;
}

bt_status bt_calibration_check(const bt_calibration *c, const char *path, const char *model,
                               uint64_t weights_hash, int height, int width, bt_error *error) {
    if (strcmp(c->model, model) != 0)
        return bt_fail(error, BT_INVALID, "%s: a calibration of %s, not of %.60s: tune again", path, c->model,
                       model);
    if (c->height != height || c->width != width)
        return bt_fail(error, BT_INVALID, "%s: a calibration for %d x %d pixels, not for %d x %d: tune again",
                       path, c->width, c->height, width, height);
    if (c->weights_hash != weights_hash)
        return bt_fail(error, BT_INVALID, "%s: a calibration of other weights than %.60s has now: tune again",
                       path, model);
    return BT_OK;
}
