#include "http/infer-input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "http/base64.h"
#include "image/decode.h"
#include "image/resize.h"
#include "image/tensor.h"

#define PLACE      "inputs: " BT_INFER_INPUT
#define DIMS_MAX   8
#define SHAPE_SIZE 96

typedef struct tensor {
    const json_t *data;   /* NULL where it is binary */
    bt_numbers numbers;   /* at NULL where they are no numbers in JSON */
    const uint8_t *bytes; /* where they are binary, or have been read */
    size_t size;
    int64_t shape[DIMS_MAX];
    int dims;
} tensor;

/* ---- pictures ---- */

static bt_status add(bt_infer_request *out, const bt_infer_picture *picture, bt_error *error) {
    bt_infer_picture *grown =
        bt_array_grow(out->pictures, (size_t)out->count, 1, &out->room, sizeof *out->pictures);
    if (!grown) return bt_no_memory(error, "a request's pictures");
    out->pictures = grown;
    grown[out->count] = *picture;
    grown[out->count++].offset = out->pixels;
    out->pixels += (size_t)picture->height * (size_t)picture->width;
    return BT_OK;
}

/* What a picture takes while it is decoded; what it takes then is the request's. */
typedef struct decoding {
    bt_account *account;
    size_t bytes;
} decoding;

static bt_status may_take(void *context, size_t bytes, bt_error *error) {
    decoding *d = context;
    bt_status status = bt_account_take(d->account, bytes, error);
    if (status == BT_OK) d->bytes = bytes;
    return status;
}

static bt_status decode(bt_picture *out, const bt_infer_request *request, const void *bytes, size_t size,
                        bt_error *error) {
    char name[64];
    decoding d = {.account = request->account};
    const bt_picture_wishes wishes = {.may_take = may_take, .context = &d};
    snprintf(name, sizeof name, PLACE "[%d]", request->count);
    bt_status status = bt_picture_decode(out, bytes, size, name, &wishes, error);
    if (status == BT_OK) d.bytes -= 3 * (size_t)out->height * (size_t)out->width;
    bt_account_give(d.account, d.bytes);
    return status;
}

bt_status bt_infer_input_file(bt_infer_request *out, const void *bytes, size_t size, bt_error *error) {
    bt_picture picture;
    bt_status status = decode(&picture, out, bytes, size, error);
    if (status != BT_OK) return status;
    if (out->pixels + (size_t)picture.height * (size_t)picture.width > BT_PICTURE_PIXELS_MAX) {
        status = bt_fail(error, BT_INVALID,
                         PLACE ": the pictures of one request have more than %d pixels: send fewer at a time",
                         BT_PICTURE_PIXELS_MAX);
    } else {
        status =
            add(out,
                &(bt_infer_picture){
                    .rgb = picture.rgb, .own = picture.rgb, .height = picture.height, .width = picture.width},
                error);
    }
    if (status == BT_OK) picture.rgb = NULL; /* the request's now */
    bt_picture_close(&picture);
    return status;
}

/* ---- what a tensor says of itself ---- */

static void shape_words(char out[SHAPE_SIZE], const tensor *t) {
    out[0] = '\0';
    for (int i = 0; i < t->dims; i++)
        bt_text_append(out, SHAPE_SIZE, "%s%lld", i ? "," : "", (long long)t->shape[i]);
}

static bt_status read_shape(tensor *t, const json_t *input, bt_error *error) {
    const json_t *shape = json_object_get(input, "shape");
    const size_t count = json_array_size(shape);
    if (!json_is_array(shape) || count == 0 || count > DIMS_MAX)
        return bt_fail(error, BT_PARSE, PLACE ": shape: an array of numbers, as [1,512,512,3] is");
    for (size_t i = 0; i < count; i++) {
        const json_t *dim = json_array_get(shape, i);
        if (!json_is_integer(dim) || json_integer_value(dim) < 1 || json_integer_value(dim) > INT32_MAX)
            return bt_fail(error, BT_PARSE, PLACE ": shape: each number is whole and above 0");
        t->shape[t->dims++] = json_integer_value(dim);
    }
    return BT_OK;
}

/* Takes the tensor's bytes from what follows the JSON. */
static bt_status read_binary(tensor *t, const json_t *size, bt_infer_binary *binary, bt_error *error) {
    const json_int_t wanted = json_integer_value(size);
    if (!json_is_integer(size) || wanted < 0)
        return bt_fail(error, BT_PARSE, PLACE ": binary_data_size: a number of bytes");
    if ((uint64_t)wanted > binary->size)
        return bt_fail(error, BT_PARSE, PLACE ": binary_data_size is %lld, but %zu bytes follow the JSON",
                       (long long)wanted, binary->size);
    t->bytes = binary->bytes;
    t->size = (size_t)wanted;
    binary->bytes += wanted;
    binary->size -= (size_t)wanted;
    return BT_OK;
}

static bt_status read_place(tensor *t, const json_t *input, bt_infer_binary *binary, bt_error *error) {
    const json_t *parameters = json_object_get(input, "parameters");
    const json_t *size = json_object_get(parameters, "binary_data_size");
    t->data = json_object_get(input, "data");
    if (json_object_get(parameters, "shared_memory_region"))
        return bt_fail(error, BT_UNSUPPORTED,
                       PLACE ": shared memory is not taken: send data with the request");
    if (!t->data == !size)
        return bt_fail(error, BT_PARSE,
                       PLACE ": either data, or parameters.binary_data_size and bytes behind the JSON");
    if (size) return read_binary(t, size, binary, error);
    t->numbers = binary->numbers;
    if (json_is_null(t->data) && t->numbers.at) return BT_OK;
    return json_is_array(t->data) ? BT_OK : bt_fail(error, BT_PARSE, PLACE ": data: an array");
}

static bt_status check_count(const tensor *t, const bt_infer_limits *limits, bt_error *error) {
    char shape[SHAPE_SIZE];
    shape_words(shape, t);
    if (t->shape[0] <= limits->pictures) return BT_OK;
    return bt_fail(error, BT_INVALID, PLACE ": shape [%s]: at most %d pictures in one request", shape,
                   limits->pictures);
}

/* That as many numbers came as the shape says. */
static bt_status check_numbers(const tensor *t, size_t wanted, size_t value_bytes, bt_error *error) {
    char shape[SHAPE_SIZE];
    const size_t each = t->data ? 1 : value_bytes; /* size counts bytes where they are binary */
    shape_words(shape, t);
    if (t->size == wanted * each) return BT_OK;
    return bt_fail(error, BT_INVALID, PLACE ": shape [%s] has %zu %s, and %zu came", shape, wanted * each,
                   each > 1 ? "bytes" : "numbers", t->size);
}

/* Numbers in JSON: bytes, or floats. How they nest is not looked at, only how many there are. A shape cannot ask for
 * more memory than its JSON has. */
static bt_status read_numbers(bt_infer_request *out, tensor *t, size_t wanted, size_t value_bytes,
                              bt_error *error) {
    const size_t most = bt_numbers_most(t->numbers), room = wanted < most ? wanted : most;
    if (!t->numbers.at) return bt_fail(error, BT_PARSE, PLACE ": data: an array of numbers");
    out->numbers = malloc(room * value_bytes);
    if (!out->numbers) return bt_no_memory(error, "a request's pictures");
    bt_status status = value_bytes == 1
                           ? bt_numbers_read_uint8(out->numbers, room, &t->size, t->numbers, error)
                           : bt_numbers_read_fp32(out->numbers, room, &t->size, t->numbers, error);
    t->bytes = out->numbers;
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, PLACE);
}

/* What came behind the JSON is read where it lies. */
static bt_status take_numbers(bt_infer_request *out, tensor *t, size_t wanted, size_t value_bytes,
                              bt_error *error) {
    bt_status status = t->data ? read_numbers(out, t, wanted, value_bytes, error) : BT_OK;
    return status == BT_OK ? check_numbers(t, wanted, value_bytes, error) : status;
}

/* ---- UINT8 ---- */

static bt_status check_pixels(const tensor *t, const bt_infer_limits *limits, bt_error *error) {
    char shape[SHAPE_SIZE];
    shape_words(shape, t);
    if (t->dims != 4 || t->shape[3] != 3)
        return bt_fail(error, BT_INVALID,
                       PLACE ": shape [%s]: UINT8 pictures are [N,height,width,3], RGB as they are", shape);
    if (t->shape[1] > BT_IMAGE_SIDE_MAX || t->shape[2] > BT_IMAGE_SIDE_MAX)
        return bt_fail(error, BT_INVALID, PLACE ": shape [%s]: each side has 1 to %d pixels", shape,
                       BT_IMAGE_SIDE_MAX);
    return check_count(t, limits, error);
}

static bt_status read_pixels(bt_infer_request *out, tensor *t, const bt_infer_limits *limits,
                             bt_error *error) {
    bt_status status = check_pixels(t, limits, error);
    if (status != BT_OK) return status;
    const int count = (int)t->shape[0], height = (int)t->shape[1], width = (int)t->shape[2];
    const size_t each = (size_t)height * (size_t)width * 3;
    status = take_numbers(out, t, each * (size_t)count, 1, error);
    for (int i = 0; i < count && status == BT_OK; i++)
        status = add(
            out, &(bt_infer_picture){.rgb = t->bytes + (size_t)i * each, .height = height, .width = width},
            error);
    return status;
}

/* ---- FP32, FP16 ---- */

/* Of the network's size: what would resize it does so with pictures of bytes. */
static bt_status check_ready(const tensor *t, const bt_infer_limits *limits, const char *datatype,
                             bt_error *error) {
    char shape[SHAPE_SIZE];
    shape_words(shape, t);
    if (t->dims != 4 || t->shape[1] != 3 || t->shape[2] != limits->height || t->shape[3] != limits->width)
        return bt_fail(error, BT_INVALID,
                       PLACE
                       ": shape [%s]: %s tensors are [N,3,%d,%d] here, normalised for the network; send "
                       "pictures of other sizes as UINT8 or files",
                       shape, datatype, limits->height, limits->width);
    return check_count(t, limits, error);
}

static bt_status read_ready(bt_infer_request *out, tensor *t, bt_tensor_type type,
                            const bt_infer_limits *limits, bt_error *error) {
    const bool half = type == BT_TENSOR_FP16;
    bt_status status = check_ready(t, limits, half ? "FP16" : "FP32", error);
    if (status != BT_OK) return status;
    if (half && t->data)
        return bt_fail(error, BT_INVALID,
                       PLACE
                       ": data: FP16 has no numbers in JSON: send it binary (binary_data_size), or FP32");
    const size_t values = 3 * (size_t)limits->height * (size_t)limits->width;
    const size_t value_bytes = bt_tensor_value_bytes(type);
    status = take_numbers(out, t, values * (size_t)t->shape[0], value_bytes, error);
    for (int64_t i = 0; i < t->shape[0] && status == BT_OK; i++)
        status = add(out,
                     &(bt_infer_picture){.tensor = t->bytes + (size_t)i * values * value_bytes,
                                         .tensor_type = type,
                                         .height = limits->height,
                                         .width = limits->width},
                     error);
    return status;
}

/* ---- BYTES ---- */

static bt_status check_files(const tensor *t, const bt_infer_limits *limits, bt_error *error) {
    char shape[SHAPE_SIZE];
    shape_words(shape, t);
    if (t->dims > 2 || (t->dims == 2 && t->shape[1] != 1))
        return bt_fail(error, BT_INVALID, PLACE ": shape [%s]: BYTES are N picture files, [N] or [N,1]",
                       shape);
    return check_count(t, limits, error);
}

/* Elements of a binary BYTES tensor: a length in four bytes, little-endian, before each. */
static bt_status read_elements(bt_infer_request *out, const tensor *t, bt_error *error) {
    const uint8_t *at = t->bytes;
    size_t left = t->size;
    for (int64_t i = 0; i < t->shape[0]; i++) {
        if (left < 4)
            return bt_fail(error, BT_PARSE, PLACE ": element %lld of %lld is missing", (long long)i,
                           (long long)t->shape[0]);
        const uint32_t size = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        at += 4;
        left -= 4;
        if (size > left)
            return bt_fail(error, BT_PARSE,
                           PLACE ": element %lld says that it has %u bytes, and %zu are left", (long long)i,
                           size, left);
        bt_status status = bt_infer_input_file(out, at, size, error);
        if (status != BT_OK) return status;
        at += size;
        left -= size;
    }
    if (left == 0) return BT_OK;
    return bt_fail(error, BT_PARSE, PLACE ": %zu bytes follow the last of %lld elements", left,
                   (long long)t->shape[0]);
}

static bt_status read_text(bt_infer_request *out, const json_t *text, bt_error *error) {
    const size_t length = json_string_length(text);
    uint8_t *bytes = malloc(bt_base64_room(length));
    if (!bytes) return bt_no_memory(error, "a request's pictures");
    const int64_t size = bt_base64_read(bytes, json_string_value(text), length);
    bt_status status =
        size >= 0
            ? bt_infer_input_file(out, bytes, (size_t)size, error)
            : bt_fail(error, BT_PARSE, PLACE ": data: text %d is no base64 of a picture file", out->count);
    free(bytes);
    return status;
}

/* Texts, in one array or each in its own, as the shape [N,1] has them. */
static bt_status read_texts(bt_infer_request *out, const tensor *t, bt_error *error) {
    bt_status status = BT_OK;
    if (!json_is_array(t->data))
        return bt_fail(error, BT_PARSE, PLACE ": data: texts, each a picture file in base64");
    if (json_array_size(t->data) != (size_t)t->shape[0])
        return bt_fail(error, BT_INVALID, PLACE ": data: the shape says %lld texts, and %zu came",
                       (long long)t->shape[0], json_array_size(t->data));
    for (size_t i = 0; i < json_array_size(t->data) && status == BT_OK; i++) {
        const json_t *text = json_array_get(t->data, i);
        if (json_array_size(text) == 1) text = json_array_get(text, 0);
        status = json_is_string(text)
                     ? read_text(out, text, error)
                     : bt_fail(error, BT_PARSE, PLACE ": data: each is a text, a picture file in base64");
    }
    return status;
}

static bt_status read_files(bt_infer_request *out, const tensor *t, const bt_infer_limits *limits,
                            bt_error *error) {
    bt_status status = check_files(t, limits, error);
    if (status != BT_OK) return status;
    return t->data ? read_texts(out, t, error) : read_elements(out, t, error);
}

static bt_status read_values(bt_infer_request *out, tensor *t, const char *datatype,
                             const bt_infer_limits *limits, bt_error *error) {
    char quoted[BT_TEXT_QUOTE_SIZE];
    if (!datatype) datatype = "";
    if (strcmp(datatype, "UINT8") == 0) return read_pixels(out, t, limits, error);
    if (strcmp(datatype, "FP32") == 0) return read_ready(out, t, BT_TENSOR_FP32, limits, error);
    if (strcmp(datatype, "FP16") == 0) return read_ready(out, t, BT_TENSOR_FP16, limits, error);
    if (strcmp(datatype, "BYTES") == 0) return read_files(out, t, limits, error);
    bt_text_quote(datatype, quoted);
    return bt_fail(error, BT_UNSUPPORTED,
                   PLACE ": datatype %s is not taken: send UINT8 [N,height,width,3], BYTES [N] (PNG, JPEG, "
                         "TIFF), or FP32 or FP16 [N,3,%d,%d]",
                   quoted, limits->height, limits->width);
}

bt_status bt_infer_input_read(bt_infer_request *out, const json_t *input, bt_infer_binary *binary,
                              const bt_infer_limits *limits, bt_error *error) {
    tensor t = {.data = NULL};
    char quoted[BT_TEXT_QUOTE_SIZE];
    const char *name = json_string_value(json_object_get(input, "name"));
    if (!name || strcmp(name, BT_INFER_INPUT) != 0) {
        bt_text_quote(name ? name : "", quoted);
        return bt_fail(error, BT_INVALID, "inputs: no input is called %s: it is \"" BT_INFER_INPUT "\"",
                       quoted);
    }
    bt_status status = read_shape(&t, input, error);
    if (status == BT_OK) status = read_place(&t, input, binary, error);
    if (status != BT_OK) return status;
    return read_values(out, &t, json_string_value(json_object_get(input, "datatype")), limits, error);
}
