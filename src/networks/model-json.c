#include "networks/model-json.h"

#include <stdio.h>
#include <string.h>

#include "base/fields.h"
#include "base/json.h"

const char *const bt_model_json_keys[] = {
    "input_size", "channels", "layout",  "dtype",      "scale", "mean",   "std", "pad_to_multiple",
    "output",     "outputs",  "classes", "activation", "mask",  "stride", NULL};

#define SCALE_USUAL (1 / 255.0) /* of a byte */

/* One of two words; `usual` is not said. */
static bt_status read_word(const json_t *object, const char *key, const char *usual, const char *other,
                           bool *is_other, const char *where, bt_error *error) {
    const json_t *said = json_object_get(object, key);
    const char *text = said ? json_string_value(said) : usual;
    *is_other = text && strcmp(text, other) == 0;
    if (*is_other || (text && strcmp(text, usual) == 0)) return BT_OK;
    return bt_fail(error, BT_PARSE, "%s: %s is \"%s\" or \"%s\"", where, key, usual, other);
}

/* ---- what goes in ---- */

/* Three numbers, one a channel; one number where there is one channel. */
static bt_status read_channels(const json_t *object, const char *key, double minimum, int channels,
                               float out[3], const char *where, bt_error *error) {
    json_t *array;
    if (!json_object_get(object, key)) return BT_OK;
    bt_status status = bt_json_array(object, key, &array, where, error);
    if (status != BT_OK) return status;
    const size_t count = json_array_size(array);
    if (count != 3 && !(count == 1 && channels == 1))
        return bt_fail(error, BT_PARSE, "%s: %s has %zu numbers; 3 are wanted, of red, green and blue%s",
                       where, key, count, count == 1 ? ", or \"channels\": 1 beside it" : "");
    for (size_t i = 0; i < 3; i++) {
        const json_t *item = json_array_get(array, count == 3 ? i : 0);
        const double value = json_number_value(item);
        if (!json_is_number(item) || value < minimum || value > 1000)
            return bt_fail(error, BT_PARSE, "%s: %s[%zu] is no number from %g to 1000", where, key, i,
                           minimum);
        out[i] = (float)value;
    }
    return BT_OK;
}

/* {"from": 256, "to": 2048, "step": 32} */
static bt_status read_range(bt_model_sizes *sizes, const json_t *json, const char *where, bt_error *error) {
    static const char *const keys[] = {"from", "to", "step", NULL};
    int64_t from, to, step = 1;
    bt_status status = bt_fields_refuse_unknown(NULL, 0, keys, json, where, error);
    if (status == BT_OK) status = bt_json_integer(json, "from", 1, BT_IMAGE_SIDE_MAX, &from, where, error);
    if (status == BT_OK) status = bt_json_integer(json, "to", from, BT_IMAGE_SIDE_MAX, &to, where, error);
    if (status == BT_OK && json_object_get(json, "step"))
        status = bt_json_integer(json, "step", 1, BT_IMAGE_SIDE_MAX, &step, where, error);
    if (status == BT_OK) *sizes = (bt_model_sizes){.from = (int)from, .to = (int)to, .step = (int)step};
    return status;
}

/* [256, 512, 1024] */
static bt_status read_list(bt_model_sizes *sizes, const json_t *array, const char *where, bt_error *error) {
    const size_t count = json_array_size(array);
    if (count < 1 || count > BT_SIZES_MAX)
        return bt_fail(error, BT_PARSE, "%s: input_size lists %zu sizes; 1 to %d are possible", where, count,
                       BT_SIZES_MAX);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(array, i);
        const json_int_t side = json_integer_value(item);
        if (!json_is_integer(item) || side < 1 || side > BT_IMAGE_SIDE_MAX)
            return bt_fail(error, BT_PARSE, "%s: input_size[%zu] is no whole number from 1 to %d", where, i,
                           BT_IMAGE_SIDE_MAX);
        sizes->listed[sizes->count++] = (int)side;
    }
    return BT_OK;
}

/* One number is where to begin; a list or a range leaves no other. */
static bt_status read_sizes(bt_model *model, const json_t *json, const char *where, bt_error *error) {
    const json_t *said = json_object_get(json, "input_size");
    char place[BT_WHERE_SIZE];
    int64_t size = 0;
    bt_status status = BT_OK;
    bt_where_key(place, where, "input_size");
    if (json_is_object(said))
        status = read_range(&model->sizes, said, place, error);
    else if (json_is_array(said))
        status = read_list(&model->sizes, said, where, error);
    else if (said && !json_is_integer(said))
        status =
            bt_fail(error, BT_PARSE,
                    "%s: input_size is one size, several, as [256, 512], or {\"from\": 256, \"to\": 2048, "
                    "\"step\": 32}",
                    where);
    else if (said)
        status = bt_json_integer(json, "input_size", 1, BT_IMAGE_SIDE_MAX, &size, where, error);
    const bt_model_sizes *sizes = &model->sizes;
    model->input_size = sizes->count > 0 ? sizes->listed[0] : sizes->step > 0 ? sizes->from : (int)size;
    return status;
}

static bt_status read_number_of_channels(bt_model *model, const json_t *json, const char *where,
                                         bt_error *error) {
    int64_t channels = 0;
    bt_status status = BT_OK;
    if (json_object_get(json, "channels"))
        status = bt_json_integer(json, "channels", 1, 4096, &channels, where, error);
    if (status == BT_OK && channels != 0 && channels != 1 && channels != 3)
        status = bt_fail(
            error, BT_PARSE,
            "%s: channels is 3, of red, green and blue, or 1, their mean; export a network of %d inside one "
            "that makes them of 3",
            where, (int)channels);
    model->map.channels = (int)channels;
    return status;
}

/* ((byte * scale) - mean) / std, in the terms of who normalises: mean and std are of bytes / 255. */
static void fold_scale(bt_image_norm *norm, double scale) {
    for (int c = 0; c < 3; c++) {
        norm->mean[c] = (float)(norm->mean[c] * SCALE_USUAL / scale);
        norm->std[c] = (float)(norm->std[c] * SCALE_USUAL / scale);
    }
}

/* Who says what bytes are multiplied by leaves nothing to ImageNet. */
static bt_status read_norm(bt_model *model, const json_t *json, const char *where, bt_error *error) {
    static const bt_image_norm none = {.mean = {0, 0, 0}, .std = {1, 1, 1}};
    const bool bytes = model->map.dtype == BT_MODEL_UINT8;
    double scale = bytes ? 1 : SCALE_USUAL;
    bt_status status = BT_OK;
    if (bytes &&
        (json_object_get(json, "scale") || json_object_get(json, "mean") || json_object_get(json, "std")))
        return bt_fail(error, BT_PARSE,
                       "%s: dtype \"uint8\" takes bytes as they are: leave scale, mean and std out", where);
    if (json_object_get(json, "scale"))
        status = bt_json_number(json, "scale", 1e-6, 1000, &scale, where, error);
    const bool scaled = bytes || json_object_get(json, "scale");
    if (scaled) model->norm = none;
    if (status == BT_OK)
        status = read_channels(json, "mean", -1000, model->map.channels, model->norm.mean, where, error);
    if (status == BT_OK)
        status = read_channels(json, "std", 1e-6, model->map.channels, model->norm.std, where, error);
    if (status == BT_OK && scaled) fold_scale(&model->norm, scale);
    return status;
}

static bt_status read_dtype(bt_model_dtype *out, const json_t *json, const char *where, bt_error *error) {
    static const char *const names[] = {"float32", "float16", "uint8"}; /* as bt_model_dtype */
    const json_t *said = json_object_get(json, "dtype");
    for (int i = 0; said && i < 3; i++)
        if (json_is_string(said) && strcmp(json_string_value(said), names[i]) == 0) {
            *out = (bt_model_dtype)i;
            return BT_OK;
        }
    return said ? bt_fail(error, BT_PARSE, "%s: dtype is \"float32\", \"float16\" or \"uint8\"", where)
                : BT_OK;
}

/* A small whole number; 0 where it is not said. */
static bt_status read_factor(int *out, const char *key, int most, const json_t *json, const char *where,
                             bt_error *error) {
    int64_t value = 0;
    bt_status status = BT_OK;
    if (json_object_get(json, key)) status = bt_json_integer(json, key, 1, most, &value, where, error);
    *out = (int)value;
    return status;
}

static bt_status read_input(bt_model *model, const json_t *json, const char *where, bt_error *error) {
    bt_model_map *map = &model->map;
    bt_status status = read_sizes(model, json, where, error);
    if (status == BT_OK) status = read_number_of_channels(model, json, where, error);
    if (status == BT_OK)
        status = read_word(json, "layout", "NCHW", "NHWC", &map->channels_last, where, error);
    if (status == BT_OK) status = read_dtype(&map->dtype, json, where, error);
    if (status == BT_OK) status = read_norm(model, json, where, error);
    return status == BT_OK ? read_factor(&map->pad_to_multiple, "pad_to_multiple", 1024, json, where, error)
                           : status;
}

/* ---- what comes out ---- */

/* Which tensor; or, as before there were several, what its numbers are. */
static bt_status read_tensor(bt_model *model, const json_t *json, const char *where, bt_error *error) {
    const json_t *said = json_object_get(json, "output");
    const char *text = json_string_value(said);
    bt_model_map *map = &model->map;
    if (!said) return BT_OK;
    if (json_is_integer(said) && json_integer_value(said) >= 0 && json_integer_value(said) < 1000) {
        map->tensor_number = (int)json_integer_value(said);
        return BT_OK;
    }
    if (!text || text[0] == '\0' || strlen(text) >= sizeof map->tensor)
        return bt_fail(
            error, BT_PARSE,
            "%s: output is the name of one tensor of a dictionary, as \"out\", or a number from 0, or "
            "\"logits\" or \"probabilities\"",
            where);
    if (strcmp(text, "probabilities") == 0)
        model->output = BT_OUTPUT_PROBABILITIES;
    else if (strcmp(text, "logits") != 0)
        memcpy(map->tensor, text, strlen(text) + 1);
    return BT_OK;
}

/* "#ff8800" */
static bool read_colour(uint8_t rgb[3], const json_t *said) {
    const char *text = json_string_value(said);
    unsigned red, green, blue;
    char more;
    if (!text || strlen(text) != 7 || strspn(text + 1, "0123456789abcdefABCDEF") != 6 ||
        sscanf(text, "#%2x%2x%2x%c", &red, &green, &blue, &more) != 3)
        return false;
    memcpy(rgb, (uint8_t[]){(uint8_t)red, (uint8_t)green, (uint8_t)blue}, 3);
    return true;
}

/* "cell", or {"name": "cell", "color": "#ff8800"} */
static bt_status read_class(bt_model_class *out, const json_t *item, int number, const char *where,
                            bt_error *error) {
    const json_t *name = json_is_object(item) ? json_object_get(item, "name") : item;
    const json_t *colour = json_object_get(item, "color");
    const char *text = json_string_value(name);
    if (!text || text[0] == '\0' || strlen(text) >= sizeof out->name)
        return bt_fail(
            error, BT_PARSE,
            "%s: classes[%d] is no name of 1 to %zu bytes, nor {\"name\": ..., \"color\": \"#rrggbb\"}",
            where, number, sizeof out->name - 1);
    if (json_object_size(item) > (colour ? 2u : 1u))
        return bt_fail(error, BT_PARSE, "%s: classes[%d] has other keys than name and color", where, number);
    out->coloured = colour && read_colour(out->rgb, colour);
    if (colour && !out->coloured)
        return bt_fail(error, BT_PARSE, "%s: classes[%d]: color is written like \"#ff8800\"", where, number);
    snprintf(out->name, sizeof out->name, "%s", text);
    return BT_OK;
}

static bt_status read_classes(bt_model *model, const json_t *json, const char *where, bt_error *error) {
    bt_model_map *map = &model->map;
    bt_model_class *classes = model->classes.of;
    json_t *array;
    if (!json_object_get(json, "classes")) return BT_OK;
    bt_status status = bt_json_array(json, "classes", &array, where, error);
    if (status != BT_OK) return status;
    map->class_count = (int)json_array_size(array);
    if (json_array_size(array) < 1 || json_array_size(array) > BT_MODEL_CLASSES_MAX)
        return bt_fail(error, BT_PARSE, "%s: classes has %zu names; 1 to %d are possible", where,
                       json_array_size(array), BT_MODEL_CLASSES_MAX);
    for (int i = 0; i < map->class_count; i++) {
        status = read_class(&classes[i], json_array_get(array, (size_t)i), i, where, error);
        if (status != BT_OK) return status;
        for (int j = 0; j < i; j++)
            if (strcmp(classes[i].name, classes[j].name) == 0)
                return bt_fail(error, BT_PARSE, "%s: classes[%d] and [%d] are both \"%.60s\"", where, j, i,
                               classes[i].name);
    }
    return BT_OK;
}

/* A class by its name or number; -1 where there is none. */
static int find_class(const bt_model *model, const json_t *item) {
    const bt_model_map *map = &model->map;
    const int most = map->class_count > 0 ? map->class_count : BT_MODEL_CLASSES_MAX;
    if (json_is_integer(item))
        return json_integer_value(item) >= 0 && json_integer_value(item) < most
                   ? (int)json_integer_value(item)
                   : -1;
    for (int i = 0; i < map->class_count && json_is_string(item); i++)
        if (strcmp(json_string_value(item), model->classes.of[i].name) == 0) return i;
    return -1;
}

/* One class, or a list of them. */
static bt_status read_mask(bt_model *model, const json_t *json, const char *where, bt_error *error) {
    bt_model_map *map = &model->map;
    const json_t *said = json_object_get(json, "mask");
    const size_t count = json_is_array(said) ? json_array_size(said) : 1;
    int chosen = 0;
    if (!said) return BT_OK;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_is_array(said) ? json_array_get(said, i) : said;
        const int class = find_class(model, item);
        const char *name = json_string_value(item);
        if (class < 0)
            return bt_fail(error, BT_PARSE,
                           "%s: mask names %s%.60s%s, which is no class: it takes names of \"classes\", or "
                           "numbers from 0",
                           where, name ? "\"" : "what", name ? name : " is neither name nor number",
                           name ? "\"" : "");
        chosen += !map->in_mask[class];
        map->in_mask[class] = true;
    }
    if (chosen == 0 || (chosen == map->class_count && !map->sigmoid))
        return bt_fail(error, BT_PARSE, "%s: mask has %s of the classes; some must be in it, and some not",
                       where, chosen == 0 ? "none" : "all");
    return BT_OK;
}

static bt_status read_output(bt_model *model, const json_t *json, const char *where, bt_error *error) {
    bool probabilities = false;
    bt_status status = read_tensor(model, json, where, error);
    if (status == BT_OK)
        status = read_word(json, "outputs", "logits", "probabilities", &probabilities, where, error);
    if (probabilities) model->output = BT_OUTPUT_PROBABILITIES;
    if (status == BT_OK)
        status = read_word(json, "activation", "softmax", "sigmoid", &model->map.sigmoid, where, error);
    if (status == BT_OK) status = read_factor(&model->map.stride, "stride", 64, json, where, error);
    if (status == BT_OK) status = read_classes(model, json, where, error);
    return status == BT_OK ? read_mask(model, json, where, error) : status;
}

bt_status bt_model_json_read(bt_model *model, const json_t *json, const char *where, bt_error *error) {
    bt_status status = bt_fields_refuse_unknown(NULL, 0, bt_model_json_keys, json, where, error);
    if (status == BT_OK) status = read_input(model, json, where, error);
    return status == BT_OK ? read_output(model, json, where, error) : status;
}
