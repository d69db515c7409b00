/* A picture becomes the request that a model wants, and an answer is believed only as far as it fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "client/message.h"
#include "expect.h"
#include "image/normalize.h"

static const uint8_t picture[2 * 1 * 3] = {1, 2, 3, 4, 5, 6}; /* two rows of one pixel */

static const bt_remote_model bytes = {
    .name = "net", .input = "image", .pixels = BT_REMOTE_UINT8, .batched = true, .map = "mask"};

static bt_message made(const bt_remote_model *model, double timeout_ms) {
    bt_message message;
    bt_error error;
    must(bt_message_open(&message, model, picture, 2, 1, timeout_ms, &error), &error);
    return message;
}

static void a_picture_is_sent_as_it_is(void **state) {
    (void)state;
    static const char head[] =
        "{\"inputs\":[{\"name\":\"image\",\"datatype\":\"UINT8\",\"shape\":[1,2,1,3],\"parameters\":"
        "{\"binary_data_size\":6}}],\"parameters\":{\"binary_data_output\":true,\"timeout\":2500},"
        "\"outputs\":[{\"name\":\"mask\",\"parameters\":{\"binary_data\":true}}]}";
    bt_message message = made(&bytes, 2.5);
    assert_int_equal(message.json_size, sizeof head - 1);
    assert_memory_equal(message.body, head, sizeof head - 1);
    assert_int_equal(message.size, sizeof head - 1 + sizeof picture);
    assert_memory_equal(message.body + message.json_size, picture, sizeof picture);
    bt_message_close(&message);
}

/* By channels where the model has them first, without a batch where it has none. */
static void planes_of_bytes(void **state) {
    (void)state;
    static const uint8_t planes[] = {1, 4, 2, 5, 3, 6};
    bt_remote_model model = bytes;
    model.channels_first = true;
    model.batched = false;
    model.map[0] = '\0';
    bt_message message = made(&model, 0);
    assert_non_null(memmem(message.body, message.json_size, "\"shape\":[3,2,1]", 15));
    assert_null(memmem(message.body, message.json_size, "outputs", 7));
    assert_memory_equal(message.body + message.json_size, planes, sizeof planes);
    bt_message_close(&message);
}

static void normalised_floats(void **state) {
    (void)state;
    float planar[6], sent;
    bt_remote_model model = bytes;
    model.pixels = BT_REMOTE_FP32;
    bt_image_normalize(picture, 2, 1, NULL, planar);
    bt_message message = made(&model, 0); /* height x width x 3 */
    assert_non_null(memmem(message.body, message.json_size, "\"datatype\":\"FP32\",\"shape\":[1,2,1,3]", 35));
    memcpy(&sent, message.body + message.json_size + sizeof sent, sizeof sent);
    assert_true(sent == planar[2]); /* the first pixel's second channel */
    bt_message_close(&message);
    model.channels_first = true;
    message = made(&model, 0);
    assert_memory_equal(message.body + message.json_size, planar, sizeof planar);
    bt_message_close(&message);
}

static void another_size_is_refused(void **state) {
    (void)state;
    bt_message message;
    bt_error error;
    bt_remote_model model = bytes;
    model.height = model.width = 8;
    assert_int_equal(bt_message_open(&message, &model, picture, 2, 1, 0, &error), BT_INVALID);
    says(error.message, "net takes pictures of 8 x 8 (height x width), not 2 x 1");
}

/* ---- answers ---- */

#define OUTPUT(name, datatype, shape, size)                                                                  \
    "{\"name\":\"" name "\",\"datatype\":\"" datatype "\",\"shape\":[" shape                                 \
    "],\"parameters\":{\"binary_data_size\":" size "}}"
#define ANSWER(outputs) "{\"model_name\":\"net\",\"outputs\":[" outputs "]}"

/* An answer of that JSON and those bytes. */
static bt_status check(const bt_remote_model *model, const char *json, const char *tensors, size_t size,
                       bt_answer_times *times, bt_error *error) {
    char body[1024];
    const size_t json_size = strlen(json);
    bt_message message = made(model, 0);
    memcpy(body, json, json_size);
    memcpy(body + json_size, tensors, size);
    bt_status status =
        bt_answer_check(times, model, &message, (const uint8_t *)body, json_size + size, json_size, error);
    bt_message_close(&message);
    return status;
}

static void a_mask_is_of_zeros_and_ones(void **state) {
    (void)state;
    bt_answer_times times;
    bt_error error;
    must(check(&bytes, ANSWER(OUTPUT("mask", "UINT8", "1,2,1", "2")), "\1\0", 2, &times, &error), &error);
    assert_int_equal(check(&bytes, ANSWER(OUTPUT("mask", "UINT8", "1,2,1", "2")), "\1\2", 2, &times, &error),
                     BT_PARSE);
    says(error.message, "neither 0 nor 1");
}

static void labels_are_of_classes_or_of_none(void **state) {
    (void)state;
    bt_answer_times times;
    bt_error error;
    bt_remote_model model = bytes;
    strcpy(model.map, "labels");
    model.classes = 3;
    must(check(&model, ANSWER(OUTPUT("labels", "UINT8", "1,2,1", "2")), "\2\377", 2, &times, &error), &error);
    assert_int_equal(
        check(&model, ANSWER(OUTPUT("labels", "UINT8", "1,2,1", "2")), "\2\3", 2, &times, &error), BT_PARSE);
    says(error.message, "the labels have values that are none of the 3 classes");
    assert_int_equal(check(&model, ANSWER(OUTPUT("labels", "UINT8", "1,1,1", "1")), "\2", 1, &times, &error),
                     BT_PARSE);
    says(error.message, "the labels have 1 pixels where the picture has 2");
    assert_int_equal(check(&model, ANSWER(OUTPUT("mask", "UINT8", "1,2,1", "2")), "\1\0", 2, &times, &error),
                     BT_PARSE);
    says(error.message, "no output that was asked for");
}

static void what_this_server_tells_of_a_run_is_taken(void **state) {
    (void)state;
    bt_answer_times times;
    bt_error error;
    must(check(&bytes,
               "{\"parameters\":{\"inference_mode\":\"standard_fallback\",\"batch_size\":4,\"queue_ms\":1.5,"
               "\"preprocess_ms\":null,\"service_ms\":20},\"outputs\":[" OUTPUT("mask", "UINT8", "1,2,1",
                                                                                "2") "]}",
               "\1\0", 2, &times, &error),
         &error);
    assert_true(times.queue_ms == 1.5 && times.preprocess_ms == 0 && times.service_ms == 20);
    assert_int_equal(times.batch_size, 4);
    assert_true(times.fallback);
}

static void other_outputs_must_fit_their_shapes(void **state) {
    (void)state;
    bt_answer_times times;
    bt_error error;
    bt_remote_model model = bytes;
    model.map[0] = '\0';
    must(check(&model, ANSWER(OUTPUT("y", "FP32", "1,2", "8") "," OUTPUT("t", "BYTES", "1", "5")),
               "12345678\1\0\0\0x", 13, &times, &error),
         &error);
    assert_int_equal(times.batch_size, 0);
}

static void what_does_not_fit_is_told(void **state) {
    (void)state;
    static const refusal wrong[] = {
        {"[]", "is no JSON object"},
        {ANSWER(""), "no output that was asked for"},
        {ANSWER(OUTPUT("other", "UINT8", "2", "2")), "no output that was asked for"},
        {ANSWER(OUTPUT("mask", "UINT8", "1,1,1", "1")), "the mask has 1 pixels where the picture has 2"},
        {ANSWER(OUTPUT("mask", "UINT8", "1,2,1", "1")), "has 1 bytes where its shape has 2"},
        {ANSWER(OUTPUT("mask", "UINT8", "1,2,1", "3")), "has 3 bytes where its shape has 2"},
        {ANSWER(OUTPUT("y", "FP32", "1", "4") "," OUTPUT("mask", "UINT8", "1,2,1", "2")), "4 bytes"},
        {ANSWER(OUTPUT("mask", "UINT9", "1,2,1", "2")), "is no output"},
        {ANSWER(OUTPUT("mask", "UINT8", "4294967295,4294967295,4294967295", "2")), "is no output"},
        {"{}", "outputs"},
    };
    bt_answer_times times;
    bt_error error;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(check(&bytes, wrong[i].given, "\1\0", 2, &times, &error), BT_PARSE);
        refused_saying(&wrong[i], error.message);
    }
    assert_int_equal(check(&bytes, ANSWER(OUTPUT("mask", "UINT8", "1,2,1", "2")), "\1\0!", 3, &times, &error),
                     BT_PARSE);
    says(error.message, "1 bytes follow");
}

/* ---- refusals ---- */

static void refusals_are_told_apart(void **state) {
    (void)state;
    static const struct {
        int http_status;
        const char *words;
        bt_status status;
    } cases[] = {{503, "the queue is full (max_queue_size 2)", BT_QUEUE_FULL},
                 {503, "Exceeds maximum queue size", BT_QUEUE_FULL},
                 {429, "", BT_QUEUE_FULL},
                 {503, "Request timeout expired", BT_TIMEOUT},
                 {503, "the deadline could not be kept", BT_TIMEOUT},
                 {503, "models are being loaded", BT_BACKEND},
                 {500, "the queue is on fire", BT_BACKEND}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(bt_answer_refusal(cases[i].http_status, cases[i].words), cases[i].status);
}

static void an_error_is_one_line(void **state) {
    (void)state;
    char words[BT_ERROR_MESSAGE_SIZE];
    bt_answer_error((const uint8_t *)"{\"error\":\"no\\nmodel\"}", 21, words);
    assert_string_equal(words, "no model");
    bt_answer_error((const uint8_t *)"<html>\r\n", 8, words);
    assert_string_equal(words, "<html>  ");
    bt_answer_error(NULL, 0, words);
    assert_string_equal(words, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_is_sent_as_it_is),
        cmocka_unit_test(planes_of_bytes),
        cmocka_unit_test(normalised_floats),
        cmocka_unit_test(another_size_is_refused),
        cmocka_unit_test(a_mask_is_of_zeros_and_ones),
        cmocka_unit_test(labels_are_of_classes_or_of_none),
        cmocka_unit_test(what_this_server_tells_of_a_run_is_taken),
        cmocka_unit_test(other_outputs_must_fit_their_shapes),
        cmocka_unit_test(what_does_not_fit_is_told),
        cmocka_unit_test(refusals_are_told_apart),
        cmocka_unit_test(an_error_is_one_line),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
