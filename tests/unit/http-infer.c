/* An inference request becomes pictures, in JSON and in binary; what is wrong with one is told with what would
 * be right; and what the service answers becomes bytes that clients read. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/text.h"
#include "expect.h"
#include "http/infer.h"

static const bt_infer_limits limits = {.pictures = 4, .polygons = true, .height = 1, .width = 2};

static bt_status read_text(bt_infer_request *request, const char *json, bt_error *error) {
    return bt_infer_request_read(request, json, strlen(json), BT_INFER_ALL_JSON, &limits, error);
}

/* A body of JSON and `size` bytes behind it; the caller frees *body once the request is closed. */
static bt_status read_binary(bt_infer_request *request, const char *json, const void *bytes, size_t size,
                             uint8_t **body, bt_error *error) {
    const size_t length = strlen(json);
    *body = malloc(length + size);
    assert_non_null(*body);
    memcpy(*body, json, length);
    memcpy(*body + length, bytes, size);
    return bt_infer_request_read(request, *body, length + size, (int64_t)length, &limits, error);
}

#define IMAGE(rest)  "{\"inputs\": [{\"name\": \"image\", " rest "}]}"
#define PIXELS(rest) IMAGE("\"datatype\": \"UINT8\", \"shape\": [1,1,2,3], " rest)
#define DATA         "\"data\": [1,2,3,4,5,6]"

/* ---- pictures ---- */

static void numbers_become_a_picture(void **state) {
    (void)state;
    static const uint8_t wanted[] = {1, 2, 3, 4, 5, 255};
    static const char *const datas[] = {"\"data\": [1,2,3,4,5,255]", "\"data\": [[[[1,2,3],[4,5,255]]]]"};
    for (size_t i = 0; i < sizeof datas / sizeof *datas; i++) {
        char text[256];
        bt_infer_request request;
        bt_error error;
        snprintf(text, sizeof text, PIXELS("%s"), datas[i]);
        must(read_text(&request, text, &error), &error);
        assert_int_equal(request.count, 1);
        assert_int_equal(request.pictures[0].height, 1);
        assert_int_equal(request.pictures[0].width, 2);
        assert_memory_equal(request.pictures[0].rgb, wanted, sizeof wanted);
        assert_null(request.id);
        bt_infer_request_close(&request);
    }
}

/* More than a tree of them could hold: 36 MB of text. */
static void many_numbers_are_read(void **state) {
    (void)state;
    const size_t count = (size_t)4 * 1500 * 1000 * 3;
    char *text = malloc(2 * count + 256);
    bt_infer_request request;
    bt_error error;
    assert_non_null(text);
    size_t at =
        (size_t)sprintf(text, "{\"inputs\": [{\"name\": \"image\", \"datatype\": \"UINT8\", \"shape\": "
                              "[4,1500,1000,3], \"data\": [");
    for (size_t i = 0; i < count; i++, at += 2)
        memcpy(text + at, i % 2 ? "7," : "3,", 2);
    strcpy(text + at - 1, "]}], \"outputs\": [{\"name\": \"polygons\"}]}");
    must(read_text(&request, text, &error), &error);
    free(text);
    assert_int_equal(request.count, 4);
    assert_int_equal(request.pictures[3].rgb[0], 3);
    assert_int_equal(request.pictures[3].rgb[(size_t)1500 * 1000 * 3 - 1], 7);
    bt_infer_request_close(&request);
}

/* Files, much JSON, and letters that may stand for others: for whoever has other connections to look after. */
static void what_may_take_long_is_told(void **state) {
    (void)state;
    static const char quick[] = PIXELS(DATA), file[] = IMAGE("\"datatype\": \"BYTES\""),
                      escaped[] = IMAGE("\"datatype\": \"B\\u0059TES\"");
    char *much = calloc(100000, 1);
    assert_non_null(much);
    assert_false(bt_infer_is_slow(quick, sizeof quick - 1, BT_INFER_ALL_JSON));
    assert_false(bt_infer_is_slow(quick, sizeof quick - 1, 9999));
    assert_true(bt_infer_is_slow(quick, sizeof quick - 1, 0));
    assert_true(bt_infer_is_slow(file, sizeof file - 1, BT_INFER_ALL_JSON));
    assert_true(bt_infer_is_slow(escaped, sizeof escaped - 1, BT_INFER_ALL_JSON));
    assert_true(bt_infer_is_slow(much, 100000, BT_INFER_ALL_JSON));
    assert_false(bt_infer_is_slow(much, 100000, 2)); /* binary numbers are read where they lie */
    free(much);
}

/* Not even copied. */
static void bytes_become_pictures(void **state) {
    (void)state;
    uint8_t pixels[2 * 2 * 1 * 3], *body;
    bt_infer_request request;
    bt_error error;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(200 + i);
    must(read_binary(&request,
                     IMAGE("\"datatype\": \"UINT8\", \"shape\": [2,2,1,3], \"parameters\": "
                           "{\"binary_data_size\": 12}"),
                     pixels, sizeof pixels, &body, &error),
         &error);
    assert_int_equal(request.count, 2);
    assert_int_equal(request.pixels, 4);
    assert_int_equal(request.pictures[1].offset, 2);
    assert_memory_equal(request.pictures[1].rgb, pixels + 6, 6);
    assert_true(request.pictures[0].rgb > body && request.pictures[0].rgb < body + 200);
    bt_infer_request_close(&request);
    free(body);
}

static void numbers_become_a_tensor(void **state) {
    (void)state;
    bt_infer_request request;
    bt_error error;
    float values[6];
    must(read_text(&request,
                   IMAGE("\"datatype\": \"FP32\", \"shape\": [1,3,1,2], \"data\": "
                         "[[0.5,-2],[3e38,NaN],[-Infinity,null]]"),
                   &error),
         &error);
    assert_int_equal(request.count, 1);
    assert_int_equal(request.pixels, 2);
    assert_null(request.pictures[0].rgb);
    assert_int_equal(request.pictures[0].tensor_type, BT_TENSOR_FP32);
    assert_int_equal(request.pictures[0].height, 1);
    assert_int_equal(request.pictures[0].width, 2);
    memcpy(values, request.pictures[0].tensor, sizeof values);
    assert_true(values[0] == 0.5F && values[1] == -2 && values[2] == 3e38F && isnan(values[3]));
    assert_true(isinf(values[4]) && values[4] < 0 && isnan(values[5]));
    bt_infer_request_close(&request);
}

/* Wherever they lie behind the JSON: not even copied, and whatever their bits say. */
static void bytes_become_tensors(void **state) {
    (void)state;
    static const char *const texts[] = {
        IMAGE("\"datatype\": \"FP32\", \"shape\": [2,3,1,2], \"parameters\": {\"binary_data_size\": 48}"),
        IMAGE("\"datatype\": \"FP16\", \"shape\": [2,3,1,2], \"parameters\": {\"binary_data_size\": 24}")};
    uint8_t bytes[48], *body;
    memset(bytes, 0xFF, sizeof bytes); /* NaN */
    for (int type = BT_TENSOR_FP32; type <= BT_TENSOR_FP16; type++) {
        const size_t size = type == BT_TENSOR_FP32 ? 48 : 24;
        bt_infer_request request;
        bt_error error;
        must(read_binary(&request, texts[type], bytes, size, &body, &error), &error);
        assert_int_equal(request.count, 2);
        assert_int_equal(request.pictures[1].tensor_type, type);
        assert_int_equal(request.pictures[1].offset, 2);
        assert_ptr_equal(request.pictures[0].tensor, body + strlen(texts[type]));
        assert_ptr_equal(request.pictures[1].tensor, body + strlen(texts[type]) + size / 2);
        bt_infer_request_close(&request);
        free(body);
    }
}

/* Appends a file with its length before it. */
static size_t append_file(uint8_t *out, size_t at, const char *path) {
    char *bytes;
    size_t size;
    bt_error error;
    must(bt_file_read(path, 100000, &bytes, &size, &error), &error);
    for (int byte = 0; byte < 4; byte++)
        out[at++] = (uint8_t)(size >> (8 * byte));
    memcpy(out + at, bytes, size);
    free(bytes);
    return at + size;
}

static void files_become_pictures(void **state) {
    (void)state;
    static uint8_t files[300000];
    uint8_t *body;
    char json[256];
    bt_infer_request request;
    bt_error error;
    size_t size = append_file(files, 0, "tests/images/rgb-8.png");
    size = append_file(files, size, "tests/images/rgb-444.jpg");
    size = append_file(files, size, "tests/images/rgb-8.tif");
    snprintf(json, sizeof json,
             "{\"inputs\": [{\"name\": \"image\", \"datatype\": \"BYTES\", \"shape\": [3,1], \"parameters\": "
             "{\"binary_data_size\": %zu}}], \"outputs\": [{\"name\": \"polygons\"}]}",
             size);
    must(read_binary(&request, json, files, size, &body, &error), &error);
    assert_int_equal(request.count, 3);
    assert_int_equal(request.pictures[0].height, 19);
    assert_int_equal(request.pictures[0].width, 27);
    /* a PNG and a TIFF of one picture */
    assert_memory_equal(request.pictures[0].rgb, request.pictures[2].rgb, 19 * 27 * 3);
    bt_infer_request_close(&request);
    free(body);
}

/* Of a model of one class: what tells classes apart has to be asked for. */
#define USUAL_OUTPUTS (BT_INFER_OUTPUTS - 2)

/* One row without JSON, and all outputs in binary. */
static void a_raw_body_is_a_file(void **state) {
    (void)state;
    static uint8_t file[100000];
    bt_infer_request request;
    bt_error error;
    const size_t end = append_file(file, 0, "tests/images/rgb-8.png");
    must(bt_infer_request_read(&request, file + 4, end - 4, 0, &limits, &error), &error);
    assert_int_equal(request.count, 1);
    assert_int_equal(request.output_count, USUAL_OUTPUTS);
    for (int i = 0; i < USUAL_OUTPUTS; i++)
        assert_true(request.outputs[i].binary);
    bt_infer_request_close(&request);
    assert_int_equal(bt_infer_request_read(&request, "no picture", 10, 0, &limits, &error), BT_PARSE);
    says(error.message, "inputs: image[0]");
}

/* The smallest PNG there is, in base64: one white pixel. */
#define WHITE "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="

static void base64_becomes_pictures(void **state) {
    (void)state;
    static const char *const texts[] = {
        IMAGE("\"datatype\": \"BYTES\", \"shape\": [2], \"data\": [\"" WHITE "\", \"" WHITE "\"]"),
        IMAGE("\"datatype\": \"BYTES\", \"shape\": [2,1], \"data\": [[\"" WHITE "\"], [\"" WHITE "\"]]")};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        bt_infer_request request;
        bt_error error;
        must(read_text(&request, texts[i], &error), &error);
        assert_int_equal(request.count, 2);
        assert_int_equal(request.pictures[1].width, 1);
        assert_int_equal(request.pictures[1].rgb[2], 255);
        bt_infer_request_close(&request);
    }
}

/* ---- what is asked for ---- */

static void parameters_are_taken(void **state) {
    (void)state;
    bt_infer_request request;
    bt_error error;
    must(read_text(
             &request,
             "{\"id\": \"\", \"parameters\": {\"threshold\": 0.25, \"timeout\": 1500, \"min_area_px\": 9, "
             "\"binary_data_output\": true, \"sequence_id\": 7, \"own\": {}, \"priority\": 1}, "
             "\"unknown\": 1, \"outputs\": [{\"name\": \"polygons\", \"parameters\": {\"binary_data\": "
             "false}}, {\"name\": \"mask\"}], \"inputs\": [{\"name\": \"image\", \"datatype\": \"UINT8\", "
             "\"shape\": [1,1,2,3], " DATA "}]}",
             &error),
         &error);
    assert_string_equal(request.id, ""); /* perf_analyzer's */
    assert_true(request.threshold == 0.25F && request.timeout_ms == 1.5 && request.min_area_px == 9);
    assert_int_equal(request.priority, 1);
    assert_int_equal(request.output_count, 2);
    assert_int_equal(request.outputs[0].output, BT_INFER_POLYGONS);
    assert_false(request.outputs[0].binary);
    assert_int_equal(request.outputs[1].output, BT_INFER_MASK);
    assert_true(request.outputs[1].binary);
    assert_true(bt_infer_wants(&request, BT_INFER_MASK));
    assert_false(bt_infer_wants(&request, BT_INFER_PROBABILITIES));
    bt_infer_request_close(&request);
}

static void null_is_as_good_as_absent(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{\"id\": null, \"parameters\": null, \"inputs\": [{\"name\": \"image\", \"datatype\": \"UINT8\", "
        "\"shape\": [1,1,2,3], " DATA "}]}",
        "{\"parameters\": {\"threshold\": null, \"timeout_ms\": null}, \"inputs\": [{\"name\": \"image\", "
        "\"datatype\": \"UINT8\", \"shape\": [1,1,2,3], " DATA "}]}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        bt_infer_request request;
        bt_error error;
        must(read_text(&request, texts[i], &error), &error);
        assert_null(request.id);
        assert_true(request.threshold == 0 && request.timeout_ms == 0);
        bt_infer_request_close(&request);
    }
}

static void outputs_are_all_that_there_are(void **state) {
    (void)state;
    const bt_infer_limits without = {.pictures = 4, .polygons = false, .height = 1, .width = 2};
    static const char text[] = PIXELS(DATA);
    bt_infer_request request;
    bt_error error;
    must(read_text(&request, text, &error), &error);
    assert_int_equal(request.output_count, USUAL_OUTPUTS);
    assert_false(request.outputs[0].binary);
    bt_infer_request_close(&request);
    must(bt_infer_request_read(&request, text, strlen(text), -1, &without, &error), &error);
    assert_int_equal(request.output_count, USUAL_OUTPUTS - 1);
    assert_false(bt_infer_wants(&request, BT_INFER_POLYGONS));
    bt_infer_request_close(&request);
}

static const bt_infer_limits of_three = {
    .pictures = 4, .polygons = true, .height = 1, .width = 2, .classes = 3};

/* Probabilities of a hundred classes would be too much for whoever names nothing. */
static void labels_come_where_there_are_classes(void **state) {
    (void)state;
    static const char text[] = PIXELS(DATA);
    bt_infer_request request;
    bt_error error;
    must(bt_infer_request_read(&request, text, strlen(text), -1, &of_three, &error), &error);
    assert_true(bt_infer_wants(&request, BT_INFER_LABELS));
    assert_false(bt_infer_wants(&request, BT_INFER_CLASS_PROBABILITIES));
    assert_int_equal(bt_infer_values(&request, BT_INFER_LABELS), 2);
    assert_int_equal(bt_infer_values(&request, BT_INFER_CLASS_PROBABILITIES), 6);
    bt_infer_request_close(&request);
}

/* ---- what is refused ---- */

#define TENSOR(type, shape, rest) IMAGE("\"datatype\": \"" type "\", \"shape\": " shape ", " rest)
#define WITH(member)                                                                                         \
    "{" member ", \"inputs\": [{\"name\": \"image\", \"datatype\": \"UINT8\", \"shape\": [1,1,2,3], " DATA   \
    "}]}"

static void what_is_wrong_is_told(void **state) {
    (void)state;
    static const refusal refusals[] = {
        {"", "the request: "},
        {"{\"inputs\": [", "the request: "},
        {"[1]", "the request: "},
        {"{}", "inputs: an array of one input, \"image\""},
        {"{\"inputs\": {}}", "inputs: an array of one input, \"image\""},
        {"{\"inputs\": [{}, {}]}", "inputs: an array of one input, \"image\""},
        {"{\"inputs\": [7]}", "no input is called \"\": it is \"image\""},
        {"{\"inputs\": [{\"name\": \"input\"}]}", "no input is called \"input\": it is \"image\""},
        {IMAGE("\"datatype\": \"UINT8\""), "shape: an array of numbers, as [1,512,512,3] is"},
        {TENSOR("UINT8", "[]", DATA), "shape: an array of numbers"},
        {TENSOR("UINT8", "[1,0,2,3]", DATA), "shape: each number is whole and above 0"},
        {TENSOR("UINT8", "[1,1.0,2,3]", DATA), "shape: each number is whole and above 0"},
        {TENSOR("UINT8", "[1,1,99999999999,3]", DATA), "shape: each number is whole and above 0"},
        {TENSOR("UINT8", "[1,3,1,2]", DATA), "shape [1,3,1,2]: UINT8 pictures are [N,height,width,3]"},
        {TENSOR("UINT8", "[1,2,3]", DATA), "shape [1,2,3]: UINT8 pictures are [N,height,width,3]"},
        {TENSOR("UINT8", "[5,1,2,3]", DATA), "shape [5,1,2,3]: at most 4 pictures in one request"},
        {TENSOR("UINT8", "[1,16385,1,3]", DATA), "each side has 1 to 16384 pixels"},
        {TENSOR("UINT8", "[1,16384,16384,3]", DATA), "has 805306368 numbers, and 6 came"},
        {TENSOR("UINT8", "[1,1,1,3]", DATA), "shape [1,1,1,3] has 3 numbers, and 6 came"},
        {TENSOR("UINT8", "[1,2,2,3]", DATA), "shape [1,2,2,3] has 12 numbers, and 6 came"},
        {PIXELS("\"data\": [1,2,3,4,5,300]"), "data: number 5 is none of UINT8's, 0 to 255"},
        {PIXELS("\"data\": [1,-2,3,4,5,6]"), "data: number 1 is none of UINT8's, 0 to 255"},
        {PIXELS("\"data\": [1,2,3.0,4,5,6]"), "data: number 2 is none of UINT8's, 0 to 255"},
        {PIXELS("\"data\": [1,2,3,4,5,\"6\"]"), "data: number 5 is none of UINT8's, 0 to 255"},
        {PIXELS("\"data\": 1"), "data: an array"},
        {PIXELS("\"data\": null"), "data: an array"},
        {PIXELS("\"data\": [\"6\"]"), "data: an array of numbers"},
        {PIXELS("\"data\": [1,2,3,4,5,NaN]"), "data: number 5 is none of UINT8's"},
        {PIXELS("\"data\": [1,2,3,4,5,6"), "the request: "},
        {PIXELS("\"datb\": 1"), "either data, or parameters.binary_data_size"},
        {PIXELS(DATA ", \"parameters\": {\"binary_data_size\": 6}"), "either data, or"},
        {PIXELS("\"parameters\": {\"binary_data_size\": 6}"), "binary_data_size is 6, but 0 bytes follow"},
        {PIXELS("\"parameters\": {\"binary_data_size\": -6}"), "binary_data_size: a number of bytes"},
        {PIXELS("\"parameters\": {\"shared_memory_region\": \"a\"}"), "shared memory is not taken"},
        {TENSOR("FP64", "[1,3,1,2]", DATA), "datatype \"FP64\" is not taken: send UINT8 [N,height,width,3], "
                                            "BYTES [N] (PNG, JPEG, TIFF), or FP32 or "
                                            "FP16 [N,3,1,2]"},
        {TENSOR("BF16", "[1,3,1,2]", DATA), "datatype \"BF16\" is not taken"},
        {TENSOR("FP16", "[1,3,1,2]", DATA), "data: FP16 has no numbers in JSON: send it binary"},
        {TENSOR("FP32", "[1,1,2,3]", DATA), "shape [1,1,2,3]: FP32 tensors are [N,3,1,2] here, normalised "
                                            "for the network; send pictures of other "
                                            "sizes as UINT8 or files"},
        {TENSOR("FP32", "[3,1,2]", DATA), "shape [3,1,2]: FP32 tensors are [N,3,1,2] here"},
        {TENSOR("FP16", "[1,3,1,3]", DATA), "shape [1,3,1,3]: FP16 tensors are [N,3,1,2] here"},
        {TENSOR("FP32", "[5,3,1,2]", DATA), "shape [5,3,1,2]: at most 4 pictures in one request"},
        {TENSOR("FP32", "[2,3,1,2]", DATA), "shape [2,3,1,2] has 12 numbers, and 6 came"},
        {TENSOR("FP32", "[1,3,1,2]", "\"data\": [1,2,3,4,5,\"6\"]"), "data: number 5 is none of FP32's"},
        {TENSOR("BYTES", "[1,2]", "\"data\": [\"\"]"),
         "shape [1,2]: BYTES are N picture files, [N] or [N,1]"},
        {TENSOR("BYTES", "[5]", "\"data\": [\"\"]"), "at most 4 pictures"},
        {TENSOR("BYTES", "[2]", "\"data\": [\"\"]"), "data: the shape says 2 texts, and 1 came"},
        {TENSOR("BYTES", "[1]", "\"data\": [1]"), "data: texts, each a picture file in base64"},
        {TENSOR("BYTES", "[1]", "\"data\": [[\"\", \"\"]]"),
         "data: each is a text, a picture file in base64"},
        {TENSOR("BYTES", "[1]", "\"data\": [\"a b\"]"), "data: text 0 is no base64 of a picture file"},
        {TENSOR("BYTES", "[1]", "\"data\": [\"Zm9v\"]"), "inputs: image[0]"},
        {WITH("\"id\": 7"), "id: a text"},
        {WITH("\"parameters\": 7"), "parameters: an object"},
        {WITH("\"parameters\": {\"threshold\": 0}"), "threshold: a probability between 0 and 1"},
        {WITH("\"parameters\": {\"threshold\": 1}"), "threshold: a probability between 0 and 1"},
        {WITH("\"parameters\": {\"threshold\": \"high\"}"), "threshold"},
        {WITH("\"parameters\": {\"timeout_ms\": -1}"), "timeout_ms"},
        {WITH("\"parameters\": {\"priority\": 4}"), "priority: 1 goes first, 3 last, and 0 is 2"},
        {WITH("\"parameters\": {\"priority\": \"high\"}"), "priority: 1 goes first"},
        {WITH("\"parameters\": {\"binary_data_output\": 1}"), "binary_data_output"},
        {WITH("\"outputs\": {}"), "outputs: an array"},
        {WITH("\"outputs\": [{\"name\": \"scores\"}]"),
         "no output is called \"scores\": ask for mask, probabilities, labels, class_probabilities, polygons "
         "or "
         "logits"},
        {WITH("\"outputs\": [{\"name\": \"mask\"}, {\"name\": \"mask\"}]"), "mask is asked for twice"},
        {WITH("\"outputs\": [{\"name\": \"mask\", \"parameters\": {\"classification\": 3}}]"),
         "mask: neither classification nor shared memory is offered"},
        {WITH("\"outputs\": [{\"name\": \"mask\", \"parameters\": {\"binary_data\": 3}}]"), "binary_data"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        bt_infer_request request;
        bt_error error;
        assert_int_not_equal(read_text(&request, refusals[i].given, &error), BT_OK);
        refused_saying(&refusals[i], error.message);
        assert_null(request.pictures);
    }
}

#define BINARY(type, shape, size)                                                                            \
    IMAGE("\"datatype\": \"" type "\", \"shape\": " shape ", \"parameters\": {\"binary_data_size\": " size   \
          "}")

static void lying_lengths_are_refused(void **state) {
    (void)state;
    static const uint8_t bytes[8] = {0, 0, 0, 0, 200, 0, 0, 0};
    static const refusal refusals[] = {
        {BINARY("UINT8", "[1,1,1,3]", "9"), "binary_data_size is 9, but 8 bytes follow the JSON"},
        {BINARY("UINT8", "[1,1,1,3]", "8"), "shape [1,1,1,3] has 3 numbers, and 8 came"},
        {BINARY("UINT8", "[1,1,1,3]", "3"), "5 bytes follow what the input's binary_data_size says"},
        {BINARY("UINT8", "[1,1,1,3]", "18446744073709551615"), "the request: "},
        {BINARY("FP32", "[1,3,1,2]", "8"), "shape [1,3,1,2] has 24 bytes, and 8 came"},
        {BINARY("FP16", "[1,3,1,2]", "8"), "shape [1,3,1,2] has 12 bytes, and 8 came"},
        {BINARY("UINT8", "[1,1,1,3]", "\"3\""), "binary_data_size: a number of bytes"},
        {BINARY("BYTES", "[1]", "3"), "element 0 of 1 is missing"},
        {BINARY("BYTES", "[1]", "8"), "inputs: image[0]"}, /* an empty file */
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        bt_infer_request request;
        uint8_t *body;
        bt_error error;
        assert_int_not_equal(read_binary(&request, refusals[i].given, bytes, sizeof bytes, &body, &error),
                             BT_OK);
        refused_saying(&refusals[i], error.message);
        free(body);
    }
    bt_infer_request request;
    uint8_t *body;
    bt_error error;
    assert_int_equal(read_binary(&request, BINARY("BYTES", "[1]", "4"), bytes + 4, 4, &body, &error),
                     BT_PARSE);
    says(error.message, "element 0 says that it has 200 bytes, and 0 are left");
    free(body);
    assert_int_equal(bt_infer_request_read(&request, "{}", 2, 3, &limits, &error), BT_PARSE);
    says(error.message, "Inference-Header-Content-Length is 3, but the body has 2 bytes");
    assert_int_equal(bt_infer_request_read(&request, NULL, 0, BT_INFER_ALL_JSON, &limits, &error), BT_PARSE);
    says(error.message, "the request: has no body");
    assert_int_equal(bt_infer_request_read(&request, NULL, 0, 0, &limits, &error), BT_PARSE);
    says(error.message, "the request: has no body");
}

/* What takes much of memory or time for few bytes. */
static void requests_that_ask_too_much_are_refused(void **state) {
    (void)state;
    const size_t objects = BT_INFER_OBJECTS_MAX + 1;
    char *text = malloc(3 * objects + 16);
    bt_infer_request request;
    bt_error error;
    size_t at = (size_t)sprintf(text, "{\"x\":[{}");
    for (size_t i = 2; i < objects; i++)
        at += (size_t)sprintf(text + at, ",{}");
    strcpy(text + at, "]}");
    assert_int_equal(read_text(&request, text, &error), BT_INVALID);
    says(error.message, "has 1001 objects, and at most 1000 are read");
    free(text);

    text = malloc(2 * (size_t)BT_INFER_VALUES_MAX + 32);
    at = (size_t)sprintf(text, "{\"x\":[0");
    for (int i = 0; i <= BT_INFER_VALUES_MAX; i++)
        at += (size_t)sprintf(text + at, ",0");
    strcpy(text + at, "]}");
    assert_int_equal(read_text(&request, text, &error), BT_INVALID);
    says(error.message, "more than 65536 values beside the input's numbers");
    free(text);

    const size_t pixels = BT_INFER_TEXT_PIXELS_MAX + 2048;
    uint8_t *bytes = calloc(pixels, 3), *body;
    char json[256];
    snprintf(json, sizeof json,
             IMAGE("\"datatype\": \"UINT8\", \"shape\": [1,2048,%zu,3], \"parameters\": "
                   "{\"binary_data_size\": %zu}"),
             pixels / 2048, 3 * pixels);
    assert_int_equal(read_binary(&request, json, bytes, 3 * pixels, &body, &error), BT_INVALID);
    says(error.message, "outputs: mask: 2099200 pixels are too many for JSON, 2097152 at most");
    free(body);
    free(bytes);
}

#define TWO_PIXELS                                                                                           \
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAAAAADRSSBWAAAAC0lEQVR4nGP4zwAAAgEBADK6K5IAAAAASUVORK5CYII="
#define TWO_SIZES                                                                                            \
    "\"inputs\": [{\"name\": \"image\", \"datatype\": \"BYTES\", \"shape\": [2], \"data\": [\"" WHITE        \
    "\", \"" TWO_PIXELS "\"]}]}"

/* No tensor holds masks of several sizes; texts do. */
static void sizes_may_differ_only_without_masks(void **state) {
    (void)state;
    bt_infer_request request;
    bt_error error;
    assert_int_equal(read_text(&request, "{" TWO_SIZES, &error), BT_INVALID);
    says(error.message, "pictures of 1 x 1 and 2 x 1 in one request");
    says(error.message, "ask for polygons or logits alone");
    must(read_text(&request, "{\"outputs\": [{\"name\": \"polygons\"}, {\"name\": \"logits\"}], " TWO_SIZES,
                   &error),
         &error);
    assert_int_equal(request.pixels, 3);
    bt_infer_request_close(&request);
    assert_int_equal(read_text(&request, "{\"outputs\": [{\"name\": \"labels\"}], " TWO_SIZES, &error),
                     BT_INVALID);
    assert_int_equal(
        read_text(&request, "{\"outputs\": [{\"name\": \"class_probabilities\"}], " TWO_SIZES, &error),
        BT_INVALID);
}

/* ---- answers ---- */

static bt_infer_request two_pictures(bool binary) {
    char text[512];
    bt_infer_request request;
    bt_error error;
    snprintf(text, sizeof text,
             "{\"id\": \"a\\\"b\", \"parameters\": {\"binary_data_output\": %s}, \"inputs\": [{\"name\": "
             "\"image\", "
             "\"datatype\": \"UINT8\", \"shape\": [2,1,2,3], \"data\": [1,2,3,4,5,6,7,8,9,10,11,12]}]}",
             binary ? "true" : "false");
    must(read_text(&request, text, &error), &error);
    return request;
}

static const uint8_t masks[] = {0, 1, 1, 0};
static const float probabilities[] = {0.25F, 0.75F, 1.0F / 3, NAN};
static char *const polygons[] = {(char *)"{\"a\": 1}", (char *)"{}"};
static const bt_result results[] = {
    {.inference_mode = "production_optimized", .batch_size = 2, .queue_ms = 3, .p95_latency_ms = NAN},
    {.inference_mode = "standard_fallback", .batch_size = 1, .queue_ms = 7, .p95_latency_ms = 9}};
static const float logits[] = {-1.5F, 2, INFINITY, NAN};
static const bt_infer_results answers = {
    .masks = masks, .probabilities = probabilities, .polygons = polygons, .logits = logits, .of = results};

static json_t *outputs_of(const bt_infer_response *response, json_t **top) {
    json_error_t at;
    *top = bt_json_parse(response->body, response->header_length, &at);
    assert_non_null(*top);
    assert_string_equal(json_string_value(json_object_get(*top, "model_name")), "hrnet");
    assert_string_equal(json_string_value(json_object_get(*top, "model_version")), "1");
    json_t *outputs = json_object_get(*top, "outputs");
    assert_int_equal(json_array_size(outputs), 4);
    return outputs;
}

static void answers_are_json(void **state) {
    (void)state;
    bt_infer_request request = two_pictures(false);
    bt_infer_response response;
    bt_error error;
    json_t *top;
    must(bt_infer_response_write(&response, &request, "hrnet", &answers, &error), &error);
    assert_false(response.binary);
    assert_int_equal(response.header_length, response.size);
    json_t *outputs = outputs_of(&response, &top);
    assert_string_equal(json_string_value(json_object_get(top, "id")), "a\"b");
    const json_t *parameters = json_object_get(top, "parameters");
    assert_string_equal(json_string_value(json_object_get(parameters, "inference_mode")),
                        "standard_fallback");
    assert_int_equal(json_integer_value(json_object_get(parameters, "batch_size")), 2);
    assert_true(json_real_value(json_object_get(parameters, "queue_ms")) == 7);
    assert_true(json_real_value(json_object_get(parameters, "p95_latency_ms")) == 9);
    says(response.body, "{\"name\":\"mask\",\"datatype\":\"UINT8\",\"shape\":[2,1,2],\"data\":[0,1,1,0]}");
    says(response.body, "\"datatype\":\"FP32\",\"shape\":[2,1,2],\"data\":[0.25,0.75,0.333333343,null]}");
    says(response.body,
         "{\"name\":\"logits\",\"datatype\":\"FP32\",\"shape\":[2,1,1,2],\"data\":[-1.5,2,null,null]}");
    const json_t *data = json_object_get(json_array_get(outputs, 2), "data");
    assert_string_equal(json_string_value(json_array_get(data, 0)), polygons[0]);
    json_decref(top);
    free(response.body);
    bt_infer_request_close(&request);
}

static void answers_are_binary(void **state) {
    (void)state;
    static const char elements[] = "\x08\0\0\0{\"a\": 1}\x02\0\0\0{}";
    bt_infer_request request = two_pictures(true);
    bt_infer_response response;
    bt_error error;
    json_t *top;
    must(bt_infer_response_write(&response, &request, "hrnet", &answers, &error), &error);
    assert_true(response.binary);
    json_t *outputs = outputs_of(&response, &top);
    static const int sizes[] = {4, 16, sizeof elements - 1, 16};
    for (size_t i = 0; i < 4; i++) {
        const json_t *parameters = json_object_get(json_array_get(outputs, i), "parameters");
        assert_int_equal(json_integer_value(json_object_get(parameters, "binary_data_size")), sizes[i]);
        assert_null(json_object_get(json_array_get(outputs, i), "data"));
    }
    json_decref(top);
    assert_int_equal(response.size, response.header_length + 4 + 16 + sizeof elements - 1 + 16);
    const char *at = response.body + response.header_length;
    assert_memory_equal(at, masks, sizeof masks);
    assert_memory_equal(at + 4, probabilities, sizeof probabilities);
    assert_memory_equal(at + 20, elements, sizeof elements - 1);
    assert_memory_equal(at + 20 + sizeof elements - 1, logits, sizeof logits);
    free(response.body);
    bt_infer_request_close(&request);
}

/* Two pictures of one pixel each, of three classes: a plane of each class, picture by picture. */
static void classes_are_answered(void **state) {
    (void)state;
    static const char text[] =
        "{\"outputs\": [{\"name\": \"labels\"}, {\"name\": \"class_probabilities\", \"parameters\": "
        "{\"binary_data\": true}}], \"inputs\": [{\"name\": \"image\", \"datatype\": \"UINT8\", "
        "\"shape\": [2,1,1,3], \"data\": [1,2,3,4,5,6]}]}";
    static const uint8_t labels[] = {2, 255};
    static const float planes[] = {0.125F, 0.25F, 0.625F, 0.5F, 0.25F, 0.25F};
    const bt_infer_results of_classes = {.labels = labels, .class_probabilities = planes, .of = results};
    bt_infer_request request;
    bt_infer_response response;
    bt_error error;
    must(bt_infer_request_read(&request, text, strlen(text), -1, &of_three, &error), &error);
    must(bt_infer_response_write(&response, &request, "net", &of_classes, &error), &error);
    says(response.body, "{\"name\":\"labels\",\"datatype\":\"UINT8\",\"shape\":[2,1,1],\"data\":[2,255]}");
    says(response.body,
         "{\"name\":\"class_probabilities\",\"datatype\":\"FP32\",\"shape\":[2,3,1,1],\"parameters\":"
         "{\"binary_data_size\":24}}");
    assert_int_equal(response.size, response.header_length + sizeof planes);
    assert_memory_equal(response.body + response.header_length, planes, sizeof planes);
    free(response.body);
    bt_infer_request_close(&request);
}

/* Its one plane. */
static void a_model_of_one_class_has_a_plane(void **state) {
    (void)state;
    bt_infer_request request;
    bt_infer_response response;
    bt_error error;
    const bt_infer_results of_one = {.class_probabilities = probabilities, .of = results};
    must(read_text(&request,
                   "{\"outputs\": [{\"name\": \"class_probabilities\"}], \"inputs\": [{\"name\": \"image\", "
                   "\"datatype\": \"UINT8\", \"shape\": [1,1,2,3], " DATA "}]}",
                   &error),
         &error);
    must(bt_infer_response_write(&response, &request, "net", &of_one, &error), &error);
    says(response.body, "\"shape\":[1,1,1,2],\"data\":[0.25,0.75]}");
    free(response.body);
    bt_infer_request_close(&request);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_become_a_picture),
        cmocka_unit_test(many_numbers_are_read),
        cmocka_unit_test(what_may_take_long_is_told),
        cmocka_unit_test(bytes_become_pictures),
        cmocka_unit_test(numbers_become_a_tensor),
        cmocka_unit_test(bytes_become_tensors),
        cmocka_unit_test(files_become_pictures),
        cmocka_unit_test(a_raw_body_is_a_file),
        cmocka_unit_test(base64_becomes_pictures),
        cmocka_unit_test(parameters_are_taken),
        cmocka_unit_test(null_is_as_good_as_absent),
        cmocka_unit_test(outputs_are_all_that_there_are),
        cmocka_unit_test(labels_come_where_there_are_classes),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(lying_lengths_are_refused),
        cmocka_unit_test(requests_that_ask_too_much_are_refused),
        cmocka_unit_test(sizes_may_differ_only_without_masks),
        cmocka_unit_test(answers_are_json),
        cmocka_unit_test(answers_are_binary),
        cmocka_unit_test(classes_are_answered),
        cmocka_unit_test(a_model_of_one_class_has_a_plane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
