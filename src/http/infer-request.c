/* What a request asks for: its id, its parameters, its outputs. Pictures are infer-input.c's. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "batching/batcher.h"
#include "http/infer-input.h"

const bt_infer_tensor bt_infer_outputs[BT_INFER_OUTPUTS] = {
    [BT_INFER_MASK] = {"mask", "UINT8", {-1, -1}, 2},
    [BT_INFER_PROBABILITIES] = {"probabilities", "FP32", {-1, -1}, 2},
    [BT_INFER_LABELS] = {"labels", "UINT8", {-1, -1}, 2},
    [BT_INFER_CLASS_PROBABILITIES] = {"class_probabilities", "FP32", {-1, -1, -1}, 3},
    [BT_INFER_POLYGONS] = {"polygons", "BYTES", {1}, 1},
    [BT_INFER_LOGITS] = {"logits", "FP32", {1, -1, -1}, 3},
};

bool bt_infer_wants(const bt_infer_request *request, bt_infer_output output) {
    for (int i = 0; i < request->output_count; i++)
        if (request->outputs[i].output == output) return true;
    return false;
}

bool bt_infer_is_bytes(bt_infer_output output) {
    return output == BT_INFER_MASK || output == BT_INFER_LABELS;
}

size_t bt_infer_values(const bt_infer_request *request, bt_infer_output output) {
    if (output == BT_INFER_POLYGONS) return 0;
    if (output == BT_INFER_CLASS_PROBABILITIES) return request->pixels * (size_t)request->classes;
    if (output != BT_INFER_LOGITS) return request->pixels;
    return (size_t)request->count * (size_t)request->input_height * (size_t)request->input_width;
}

/* ---- parameters ---- */

/* An absent or null one leaves *out as it is. */
static bt_status read_number(const json_t *parameters, const char *key, double minimum, double maximum,
                             double *out, bt_error *error) {
    const json_t *value = json_object_get(parameters, key);
    if (!value || json_is_null(value)) return BT_OK;
    return bt_json_number(parameters, key, minimum, maximum, out, "parameters", error);
}

static bt_status read_switch(const json_t *parameters, const char *key, bool *out, const char *where,
                             bt_error *error) {
    if (!json_object_get(parameters, key)) return BT_OK;
    return bt_json_boolean(parameters, key, out, where, error);
}

#define DAY_MS 86400000.0

/* Triton's: 1 is the highest, and 0 as good as none. */
static bt_status read_priority(bt_infer_request *out, const json_t *parameters, bt_error *error) {
    const json_t *value = json_object_get(parameters, "priority");
    if (!value || json_is_null(value)) return BT_OK;
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > BT_PRIORITIES)
        return bt_fail(error, BT_INVALID, "parameters: priority: 1 goes first, %d last, and 0 is %d",
                       BT_PRIORITIES, BT_PRIORITY_USUAL);
    out->priority = (int)json_integer_value(value);
    return BT_OK;
}

/* Triton's `timeout` is in microseconds, and 0 is none. */
static bt_status read_parameters(bt_infer_request *out, const json_t *top, bool *binary, bt_error *error) {
    const json_t *parameters = json_object_get(top, "parameters");
    double threshold = 0, timeout_us = 0;
    if (!parameters || json_is_null(parameters)) return BT_OK;
    if (!json_is_object(parameters)) return bt_fail(error, BT_PARSE, "parameters: an object");
    bt_status status = read_number(parameters, "threshold", 0, 1, &threshold, error);
    if (status == BT_OK) status = read_number(parameters, "timeout", 0, DAY_MS * 1e3, &timeout_us, error);
    if (status == BT_OK) out->timeout_ms = timeout_us / 1e3;
    if (status == BT_OK) status = read_number(parameters, "timeout_ms", 0, DAY_MS, &out->timeout_ms, error);
    if (status == BT_OK)
        status = read_number(parameters, "min_area_px", 0, 268435456, &out->min_area_px, error);
    if (status == BT_OK) status = read_priority(out, parameters, error);
    if (status == BT_OK) status = read_switch(parameters, "binary_data_output", binary, "parameters", error);
    if (status != BT_OK) return status;
    out->threshold = (float)threshold;
    if (json_is_number(json_object_get(parameters, "threshold")) &&
        !(out->threshold > 0 && out->threshold < 1))
        return bt_fail(error, BT_INVALID, "parameters: threshold: a probability between 0 and 1");
    return BT_OK;
}

static bt_status read_id(bt_infer_request *out, const json_t *top, bt_error *error) {
    const json_t *id = json_object_get(top, "id");
    if (!id || json_is_null(id)) return BT_OK;
    if (!json_is_string(id)) return bt_fail(error, BT_PARSE, "id: a text");
    out->id = strdup(json_string_value(id));
    return out->id ? BT_OK : bt_no_memory(error, "a request's id");
}

/* ---- outputs ---- */

static void want(bt_infer_request *out, int output, bool binary) {
    out->outputs[out->output_count].output = (bt_infer_output)output;
    out->outputs[out->output_count++].binary = binary;
}

/* Whether it comes to whoever names none. */
static bool is_usual(int output, const bt_infer_limits *limits) {
    if (output == BT_INFER_POLYGONS) return limits->polygons;
    if (output == BT_INFER_LABELS) return limits->classes > 1;
    return output != BT_INFER_CLASS_PROBABILITIES;
}

static void want_all(bt_infer_request *out, bool binary, const bt_infer_limits *limits) {
    for (int i = 0; i < BT_INFER_OUTPUTS; i++)
        if (is_usual(i, limits)) want(out, i, binary);
}

static bt_status find_output(int *out, const json_t *output, bt_error *error) {
    char quoted[BT_TEXT_QUOTE_SIZE];
    const char *name = json_string_value(json_object_get(output, "name"));
    for (int i = 0; name && i < BT_INFER_OUTPUTS; i++)
        if (strcmp(name, bt_infer_outputs[i].name) == 0) {
            *out = i;
            return BT_OK;
        }
    bt_text_quote(name ? name : "", quoted);
    return bt_fail(
        error, BT_INVALID,
        "outputs: no output is called %s: ask for mask, probabilities, labels, class_probabilities, "
        "polygons or logits",
        quoted);
}

static bt_status read_output(bt_infer_request *out, const json_t *output, bool binary,
                             const bt_infer_limits *limits, bt_error *error) {
    const json_t *parameters = json_object_get(output, "parameters");
    int index = 0;
    bt_status status = find_output(&index, output, error);
    if (status == BT_OK) status = read_switch(parameters, "binary_data", &binary, "outputs", error);
    if (status != BT_OK) return status;
    const char *name = bt_infer_outputs[index].name;
    if (bt_infer_wants(out, (bt_infer_output)index))
        return bt_fail(error, BT_INVALID, "outputs: %s is asked for twice", name);
    if (index == BT_INFER_POLYGONS && !limits->polygons)
        return bt_fail(
            error, BT_UNSUPPORTED,
            "outputs: polygons cannot be found here: libbatchtune_contours.so or OpenCV is not there");
    if (json_object_get(parameters, "classification") || json_object_get(parameters, "shared_memory_region"))
        return bt_fail(error, BT_UNSUPPORTED,
                       "outputs: %s: neither classification nor shared memory is offered", name);
    want(out, index, binary);
    return BT_OK;
}

static bt_status read_outputs(bt_infer_request *out, const json_t *top, bool binary,
                              const bt_infer_limits *limits, bt_error *error) {
    const json_t *outputs = json_object_get(top, "outputs");
    bt_status status = BT_OK;
    if (outputs && !json_is_array(outputs)) return bt_fail(error, BT_PARSE, "outputs: an array");
    for (size_t i = 0; i < json_array_size(outputs) && status == BT_OK; i++)
        status = read_output(out, json_array_get(outputs, i), binary, limits, error);
    if (json_array_size(outputs) == 0) want_all(out, binary, limits);
    return status;
}

/* ---- the whole ---- */

/* Masks of pictures of several sizes are no tensor. */
static bt_status check_sizes(const bt_infer_request *request, bt_error *error) {
    bool maps = false;
    for (int i = 0; i < request->output_count; i++)
        maps |=
            request->outputs[i].output != BT_INFER_POLYGONS && request->outputs[i].output != BT_INFER_LOGITS;
    if (!maps) return BT_OK;
    const bt_infer_picture *first = &request->pictures[0];
    for (int i = 1; i < request->count; i++) {
        const bt_infer_picture *p = &request->pictures[i];
        if (p->height != first->height || p->width != first->width)
            return bt_fail(
                error, BT_INVALID,
                "pictures of %d x %d and %d x %d in one request: their masks are no tensor; ask for "
                "polygons or logits alone, or send them one by one",
                first->width, first->height, p->width, p->height);
    }
    return BT_OK;
}

/* Numbers as text take a thread some hundred nanoseconds each, during which it serves nobody else. */
static bt_status check_text(const bt_infer_request *request, bt_error *error) {
    for (int i = 0; i < request->output_count; i++) {
        const bt_infer_output output = request->outputs[i].output;
        const size_t values = bt_infer_values(request, output);
        if (request->outputs[i].binary || values <= BT_INFER_TEXT_PIXELS_MAX) continue;
        return bt_fail(error, BT_INVALID,
                       "outputs: %s: %zu pixels are too many for JSON, %d at most: ask for it in binary "
                       "(binary_data), or for polygons alone",
                       bt_infer_outputs[output].name, values, BT_INFER_TEXT_PIXELS_MAX);
    }
    return BT_OK;
}

static bt_status read_json(bt_infer_request *out, const json_t *top, bt_infer_binary *binary,
                           const bt_infer_limits *limits, bt_error *error) {
    bool binary_outputs = false;
    const json_t *inputs = json_object_get(top, "inputs");
    bt_status status = read_id(out, top, error);
    if (status == BT_OK) status = read_parameters(out, top, &binary_outputs, error);
    if (status == BT_OK) status = read_outputs(out, top, binary_outputs, limits, error);
    if (status == BT_OK && json_array_size(inputs) != 1)
        status = bt_fail(error, BT_PARSE, "inputs: an array of one input, \"" BT_INFER_INPUT "\"");
    if (status == BT_OK) status = bt_infer_input_read(out, json_array_get(inputs, 0), binary, limits, error);
    if (status != BT_OK) return status;
    if (binary->size > 0)
        return bt_fail(error, BT_PARSE, "%zu bytes follow what the input's binary_data_size says",
                       binary->size);
    status = check_sizes(out, error);
    return status == BT_OK ? check_text(out, error) : status;
}

/* A request has a handful of objects and values, and each takes much memory for its few letters. */
static bt_status check_values(const char *text, size_t length, bt_error *error) {
    int objects = 0, values = 0;
    for (size_t i = 0; i < length; i++) {
        objects += text[i] == '{';
        values += text[i] == ',' || text[i] == '[';
        if (values > BT_INFER_VALUES_MAX)
            return bt_fail(error, BT_INVALID,
                           "the request: has more than %d values beside the input's numbers",
                           BT_INFER_VALUES_MAX);
    }
    if (objects <= BT_INFER_OBJECTS_MAX) return BT_OK;
    return bt_fail(error, BT_INVALID, "the request: has %d objects, and at most %d are read", objects,
                   BT_INFER_OBJECTS_MAX);
}

static bt_status parse_rest(json_t **out, const char *text, size_t length, bt_error *error) {
    bt_status status = check_values(text, length, error);
    return status == BT_OK ? bt_json_from_text(out, text, length, "the request", error) : status;
}

/* A tree of all but the input's numbers. */
static bt_status parse(json_t **out, const char *text, size_t length, bt_numbers *numbers, bt_error *error) {
    size_t rest_length;
    *numbers = bt_numbers_find(text, length);
    if (!numbers->at) return parse_rest(out, text, length, error);
    char *rest = bt_numbers_cut(text, length, *numbers, &rest_length);
    if (!rest) return bt_no_memory(error, "a request");
    bt_status status = parse_rest(out, rest, rest_length, error);
    free(rest);
    return status;
}

/* Bytes of JSON that are read in some hundred microseconds, whatever they say. */
#define QUICK_JSON 65536

/* Of each byte of longer JSON, while a tree of it, texts' files and numbers are made. */
#define TREE_BYTES 4

/* What numbers take at most that were read from JSON, once the tree is gone. */
static size_t kept_bytes(const bt_infer_request *request, size_t length) {
    const size_t floats = request->pixels * 3 * sizeof(float), most = length / 2 * sizeof(float);
    if (!request->numbers) return 0;
    return floats < most ? floats : most;
}

static bt_status read_body(bt_infer_request *out, const uint8_t *body, size_t size, int64_t header_length,
                           const bt_infer_limits *limits, bt_error *error) {
    json_t *top;
    if (size == 0) return bt_fail(error, BT_PARSE, "the request: has no body");
    if (header_length == 0) {
        want_all(out, true, limits);
        return bt_infer_input_file(out, body, size, error);
    }
    const size_t length = header_length < 0 ? size : (size_t)header_length;
    if (length > size)
        return bt_fail(error, BT_PARSE, "Inference-Header-Content-Length is %zu, but the body has %zu bytes",
                       length, size);
    bt_infer_binary binary = {.bytes = body + length, .size = size - length};
    const size_t tree_bytes = length > QUICK_JSON ? TREE_BYTES * length : 0;
    bt_status status = bt_account_take(limits->account, tree_bytes, error);
    if (status != BT_OK) return status;
    status = parse(&top, (const char *)body, length, &binary.numbers, error);
    if (status != BT_OK) return status;
    status = read_json(out, top, &binary, limits, error);
    json_decref(top);
    bt_account_give(limits->account, tree_bytes - (tree_bytes > 0 ? kept_bytes(out, length) : 0));
    return status;
}

bool bt_infer_is_slow(const void *body, size_t size, int64_t header_length) {
    const size_t length = header_length < 0 || (size_t)header_length > size ? size : (size_t)header_length;
    if (length == 0 || length > QUICK_JSON) return true;
    return memmem(body, length, "BYTES", 5) != NULL || memchr(body, '\\', length) != NULL;
}

bt_status bt_infer_request_read(bt_infer_request *out, const void *body, size_t size, int64_t header_length,
                                const bt_infer_limits *limits, bt_error *error) {
    *out = (bt_infer_request){.account = limits->account,
                              .input_height = limits->height,
                              .input_width = limits->width,
                              .classes = limits->classes > 1 ? limits->classes : 1};
    bt_status status = read_body(out, body, size, header_length, limits, error);
    if (status != BT_OK) bt_infer_request_close(out);
    return status;
}

void bt_infer_request_close(bt_infer_request *request) {
    for (int i = 0; i < request->count; i++)
        free(request->pictures[i].own);
    free(request->pictures);
    free(request->numbers);
    free(request->id);
    *request = (bt_infer_request){0};
}
