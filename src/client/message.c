#include "client/message.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fields.h"
#include "base/json.h"
#include "base/text.h"
#include "image/normalize.h"

/* ---- requests ---- */

static json_t *shape_of(const bt_remote_model *model, int height, int width) {
    json_t *shape = json_array();
    bool made = shape && (!model->batched || json_array_append_new(shape, json_integer(1)) == 0);
    if (made && model->channels_first) made = json_array_append_new(shape, json_integer(3)) == 0;
    if (made) made = json_array_append_new(shape, json_integer(height)) == 0;
    if (made) made = json_array_append_new(shape, json_integer(width)) == 0;
    if (made && !model->channels_first) made = json_array_append_new(shape, json_integer(3)) == 0;
    if (made) return shape;
    json_decref(shape);
    return NULL;
}

/* Every output in binary; labels or the mask alone where there are any. */
static bool ask_outputs(json_t *top, const bt_remote_model *model, double timeout_ms) {
    json_t *parameters = json_object_get(top, "parameters");
    if (timeout_ms > 0 &&
        json_object_set_new(parameters, "timeout", json_integer((json_int_t)(timeout_ms * 1e3))) != 0)
        return false;
    if (!model->map[0]) return true;
    return json_object_set_new(
               top, "outputs",
               json_pack("[{s:s, s:{s:b}}]", "name", model->map, "parameters", "binary_data", 1)) == 0;
}

static char *write_head(const bt_remote_model *model, int height, int width, size_t tensor_size,
                        double timeout_ms) {
    json_t *top = json_pack("{s:[{s:s, s:s, s:o, s:{s:I}}], s:{s:b}}", "inputs", "name", model->input,
                            "datatype", model->pixels == BT_REMOTE_UINT8 ? "UINT8" : "FP32", "shape",
                            shape_of(model, height, width), "parameters", "binary_data_size",
                            (json_int_t)tensor_size, "parameters", "binary_data_output", 1);
    char *text = top && ask_outputs(top, model, timeout_ms) ? bt_json_dump(top, JSON_COMPACT) : NULL;
    json_decref(top);
    return text;
}

/* Planes of bytes out of pixels. */
static void write_planes(const uint8_t *rgb, size_t pixels, uint8_t *planar) {
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            planar[c * pixels + i] = rgb[3 * i + c];
}

static bt_status write_floats(const bt_remote_model *model, const uint8_t *rgb, int height, int width,
                              uint8_t *out, bt_error *error) {
    const size_t pixels = (size_t)height * (size_t)width;
    float *planar = malloc(3 * pixels * sizeof *planar);
    if (!planar) return bt_no_memory(error, "a request of %d x %d", height, width);
    bt_image_normalize(rgb, height, width, NULL, planar);
    if (model->channels_first) memcpy(out, planar, 3 * pixels * sizeof *planar);
    for (size_t i = 0; i < pixels && !model->channels_first; i++)
        for (size_t c = 0; c < 3; c++)
            memcpy(out + (3 * i + c) * sizeof *planar, &planar[c * pixels + i], sizeof *planar);
    free(planar);
    return BT_OK;
}

static bt_status write_tensor(const bt_remote_model *model, const uint8_t *rgb, int height, int width,
                              uint8_t *out, bt_error *error) {
    const size_t pixels = (size_t)height * (size_t)width;
    if (model->pixels == BT_REMOTE_FP32) return write_floats(model, rgb, height, width, out, error);
    if (model->channels_first)
        write_planes(rgb, pixels, out);
    else
        memcpy(out, rgb, 3 * pixels);
    return BT_OK;
}

static bt_status check_size(const bt_remote_model *model, int height, int width, bt_error *error) {
    const bool fits =
        (model->height == 0 || model->height == height) && (model->width == 0 || model->width == width);
    if (fits) return BT_OK;
    return bt_fail(error, BT_INVALID, "%s takes pictures of %d x %d (height x width), not %d x %d",
                   model->name, model->height, model->width, height, width);
}

bt_status bt_message_open(bt_message *out, const bt_remote_model *model, const uint8_t *rgb, int height,
                          int width, double timeout_ms, bt_error *error) {
    const size_t pixels = (size_t)height * (size_t)width;
    const size_t tensor_size = 3 * pixels * (model->pixels == BT_REMOTE_FP32 ? sizeof(float) : 1);
    *out = (bt_message){.height = height, .width = width};
    bt_status status = check_size(model, height, width, error);
    if (status != BT_OK) return status;
    char *head = write_head(model, height, width, tensor_size, timeout_ms);
    if (head) {
        out->json_size = strlen(head);
        out->size = out->json_size + tensor_size;
        out->body = malloc(out->size);
    }
    if (out->body) {
        memcpy(out->body, head, out->json_size);
        status = write_tensor(model, rgb, height, width, out->body + out->json_size, error);
    } else {
        status = bt_no_memory(error, "a request of %d x %d", height, width);
    }
    free(head);
    if (status != BT_OK) bt_message_close(out);
    return status;
}

void bt_message_close(bt_message *message) {
    free(message->body);
    *message = (bt_message){0};
}

/* ---- answers ---- */

static const struct {
    const char *datatype;
    size_t size; /* of an element; 0: it says so itself */
} datatypes[] = {{"BOOL", 1}, {"UINT8", 1}, {"UINT16", 2}, {"UINT32", 4}, {"UINT64", 8},
                 {"INT8", 1}, {"INT16", 2}, {"INT32", 4},  {"INT64", 8},  {"FP16", 2},
                 {"BF16", 2}, {"FP32", 4},  {"FP64", 8},   {"BYTES", 0}};

static bool element_size(const char *datatype, size_t *out) {
    for (size_t i = 0; i < sizeof datatypes / sizeof *datatypes; i++)
        if (strcmp(datatypes[i].datatype, datatype) == 0) {
            *out = datatypes[i].size;
            return true;
        }
    return false;
}

/* How many elements a shape has; false where it is none. */
static bool elements_of(const json_t *shape, size_t *out) {
    size_t i;
    const json_t *side;
    *out = 1;
    if (!json_is_array(shape)) return false;
    json_array_foreach(shape, i, side) {
        const json_int_t length = json_integer_value(side);
        if (!json_is_integer(side) || length < 0 || length > (json_int_t)UINT32_MAX) return false;
        if (length > 0 && *out > SIZE_MAX / 16 / (size_t)length) return false;
        *out *= (size_t)length;
    }
    return true;
}

/* Eight bytes at a time: an answer is checked on the thread that receives the others. */
static bool is_mask(const uint8_t *bytes, size_t count) {
    uint64_t all = 0, word;
    size_t i = 0;
    for (; i + sizeof word <= count; i += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        all |= word;
    }
    for (; i < count; i++)
        all |= bytes[i];
    return (all & ~UINT64_C(0x0101010101010101)) == 0;
}

/* Without a branch, for the same reason. */
static bool are_labels(const uint8_t *bytes, size_t count, int classes) {
    int others = 0;
    for (size_t i = 0; i < count; i++)
        others |= (bytes[i] >= classes) & (bytes[i] != BT_NO_LABEL);
    return others == 0;
}

/* One answer being read. */
typedef struct reading {
    const bt_remote_model *model;
    const bt_message *message;
    const uint8_t *tensors; /* what is left of them */
    size_t left;
    bool found; /* what was asked for */
} reading;

static bt_status check_map(const reading *r, const uint8_t *bytes, size_t elements, bt_error *error) {
    const size_t pixels = (size_t)r->message->height * (size_t)r->message->width;
    const int classes = r->model->classes;
    if (elements != pixels)
        return bt_fail(error, BT_PARSE, "the %s %zu pixels where the picture has %zu",
                       classes > 0 ? "labels have" : "mask has", elements, pixels);
    if (bytes && classes == 0 && !is_mask(bytes, pixels))
        return bt_fail(error, BT_PARSE, "the mask has values that are neither 0 nor 1");
    if (bytes && classes > 0 && !are_labels(bytes, pixels, classes))
        return bt_fail(error, BT_PARSE, "the labels have values that are none of the %d classes", classes);
    return BT_OK;
}

/* An output's bytes among the tensors; NULL where it stands in JSON. */
static bt_status take_tensor(reading *r, const json_t *output, const char *name, size_t wanted,
                             const uint8_t **out, bt_error *error) {
    const json_t *size = json_object_get(json_object_get(output, "parameters"), "binary_data_size");
    const json_t *data = json_object_get(output, "data");
    *out = NULL;
    if (!size && json_is_array(data)) return BT_OK;
    const json_int_t told = json_integer_value(size);
    if (!json_is_integer(size) || told < 0 || (uint64_t)told > r->left ||
        (wanted > 0 && (size_t)told != wanted))
        return bt_fail(error, BT_PARSE,
                       "output \"%.64s\" has %lld bytes where its shape has %zu and %zu are there", name,
                       (long long)told, wanted, r->left);
    *out = r->tensors;
    r->tensors += told;
    r->left -= (size_t)told;
    return BT_OK;
}

static bt_status read_output(void *owner, const json_t *item, const char *where, bt_error *error) {
    reading *r = owner;
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *datatype = json_string_value(json_object_get(item, "datatype"));
    const uint8_t *bytes;
    size_t elements, size;
    if (!name || !datatype || !element_size(datatype, &size) ||
        !elements_of(json_object_get(item, "shape"), &elements))
        return bt_fail(error, BT_PARSE, "%s is no output: it has a name, a datatype and a shape", where);
    bt_status status = take_tensor(r, item, name, size * elements, &bytes, error);
    if (status != BT_OK) return status;
    const bool map = r->model->map[0] && strcmp(name, r->model->map) == 0;
    r->found = r->found || map || !r->model->map[0];
    return map ? check_map(r, bytes, elements, error) : BT_OK;
}

static double milliseconds(const json_t *parameters, const char *key) {
    const double ms = json_number_value(json_object_get(parameters, key)); /* 0 of what is none */
    return ms > 0 && isfinite(ms) ? ms : 0;
}

static void take_times(bt_answer_times *out, const json_t *top) {
    const json_t *parameters = json_object_get(top, "parameters");
    const char *mode = json_string_value(json_object_get(parameters, "inference_mode"));
    const json_int_t batch = json_integer_value(json_object_get(parameters, "batch_size"));
    if (!mode) return;
    *out = (bt_answer_times){.queue_ms = milliseconds(parameters, "queue_ms"),
                             .preprocess_ms = milliseconds(parameters, "preprocess_ms"),
                             .service_ms = milliseconds(parameters, "service_ms"),
                             .batch_size = batch > 0 && batch <= INT16_MAX ? (int)batch : 0,
                             .fallback = strcmp(mode, "standard_fallback") == 0};
}

bt_status bt_answer_check(bt_answer_times *out, const bt_remote_model *model, const bt_message *message,
                          const uint8_t *body, size_t size, size_t json_size, bt_error *error) {
    json_error_t at;
    *out = (bt_answer_times){0};
    if (json_size > size) return bt_fail(error, BT_PARSE, "the answer is shorter than its head says");
    const size_t head = json_size > 0 ? json_size : size;
    json_t *top = bt_json_parse((const char *)body, head, &at);
    if (!json_is_object(top)) {
        json_decref(top);
        return bt_fail(error, BT_PARSE, "the answer is no JSON object");
    }
    reading r = {.model = model, .message = message, .tensors = body + head, .left = size - head};
    bt_status status = bt_list_read(top, "outputs", 64, read_output, &r, "the answer", error);
    if (status == BT_OK && !r.found)
        status = bt_fail(error, BT_PARSE, "the answer has no output that was asked for");
    if (status == BT_OK && r.left > 0)
        status = bt_fail(error, BT_PARSE, "%zu bytes follow the answer", r.left);
    if (status == BT_OK) take_times(out, top);
    json_decref(top);
    return status;
}

/* ---- refusals ---- */

void bt_answer_error(const uint8_t *body, size_t size, char out[BT_ERROR_MESSAGE_SIZE]) {
    json_error_t at;
    json_t *top = bt_json_parse((const char *)body, size, &at);
    const char *words = json_string_value(json_object_get(top, "error"));
    const char *text = words ? words : (const char *)body;
    const size_t length = words ? strlen(words) : size;
    snprintf(out, BT_ERROR_MESSAGE_SIZE, "%.*s", (int)(length < 200 ? length : 200), text ? text : "");
    for (char *at_byte = out; *at_byte; at_byte++)
        if (bt_text_is_control(*at_byte)) *at_byte = ' ';
    json_decref(top);
}

static bool says(const char *words, const char *wanted) {
    const size_t length = strlen(wanted);
    for (; *words; words++)
        if (strncasecmp_l(words, wanted, length, bt_text_locale()) == 0) return true;
    return false;
}

bt_status bt_answer_refusal(int http_status, const char *words) {
    static const char *const deadline[] = {"timeout", "timed out", "deadline", "expired"};
    if (http_status == 429) return BT_QUEUE_FULL;
    if (http_status != 503) return BT_BACKEND;
    for (size_t i = 0; i < sizeof deadline / sizeof *deadline; i++)
        if (says(words, deadline[i])) return BT_TIMEOUT;
    return says(words, "queue") ? BT_QUEUE_FULL : BT_BACKEND;
}
