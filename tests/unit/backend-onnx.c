/* What ONNX Runtime says, as a line for people; the numbers that go in and come out; maps enlarged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/onnx-library.h"
#include "backend/onnx-values.h"
#include "base/half.h"
#include "expect.h"
#include "image/enlarge.h"

static void what_it_says_becomes_a_line(void **state) {
    (void)state;
    /* As ONNX Runtime 1.32.0 says it. */
    static const refusal cases[] = {
        {"Load model from cut.onnx failed:Protobuf parsing failed.", "Protobuf parsing failed"},
        {"Load model from x.onnx failed:This is an invalid model. In Node, (\"\", Nonsense, \"\", -1) : "
         "(\"x\": tensor(float),) -> "
         "(\"y\": tensor(float),) , Error No Op registered for Nonsense with domain_version of 17",
         "No Op registered for Nonsense with domain_version of 17"},
        {"Load model from later.onnx failed:/onnxruntime_src/onnxruntime/core/graph/model_load_utils.h:46 "
         "void "
         "onnxruntime::f(const std::x<y>&, bool) ONNX Runtime only *guarantees* support for models stamped "
         "with official "
         "released onnx opset versions. Opset 999 is under development and support for this is limited. "
         "Current official "
         "support for domain ai.onnx is till opset 28.\n",
         "its operators are of opset 999, this ONNX Runtime's of 28 at most: export it with that"},
        {"Non-zero status code returned while running Reshape node. Name:'' Status Message: "
         "/onnxruntime_src/onnxruntime/core/providers/cpu/tensor/reshape_helper.h:91 onnxruntime::R::R(const "
         "T&, "
         "std::function<void()>, bool) const input_shape_size == requested_shape_size was false. Input "
         "shape:{2,3}",
         "input_shape_size == requested_shape_size was false. Input shape:{2,3}"},
        {"Got invalid dimensions for input: x for the following indices\n index: 3 Got: 48 Expected: 32\n "
         "Please fix it.",
         "Got invalid dimensions for input: x for the following indices index: 3 Got: 48 Expected: 32 Please "
         "fix it"},
        {"", ""},
        {"/no/parenthesis", "/no/parenthesis"},
        {"/open.cc:1 f(", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char words[300], few[8];
        bt_onnx_words(words, sizeof words, cases[i].given);
        assert_string_equal(words, cases[i].message);
        bt_onnx_words(few, sizeof few, cases[i].given);
        assert_true(strlen(few) < sizeof few);
    }
}

static void images_go_in_as_the_network_takes_them(void **state) {
    (void)state;
    const bt_image_norm norm = {.mean = {0.5f, 0.25f, 0}, .std = {0.5f, 2, 1}};
    enum { PIXELS = 3 };
    const uint8_t pictures[2][3 * PIXELS] = {{0, 128, 255, 1, 2, 3, 30, 60, 90}, {9, 8, 7, 6, 5, 4, 3, 2, 1}};
    float images[2][3 * PIXELS];
    for (size_t n = 0; n < 2; n++)
        for (size_t i = 0; i < 3 * PIXELS; i++)
            images[n][i] = ((float)pictures[n][i] / 255 - norm.mean[i / PIXELS]) / norm.std[i / PIXELS];
    uint8_t bytes[2][3 * PIXELS], grey_bytes[2][PIXELS];
    bt_onnx_put_images(bytes, BT_ONNX_UINT8, 3, images[0], 2, PIXELS, &norm);
    assert_memory_equal(bytes, pictures, sizeof bytes); /* the pictures as they were */
    bt_onnx_put_images(grey_bytes, BT_ONNX_UINT8, 1, images[0], 2, PIXELS, &norm);
    assert_int_equal(grey_bytes[0][0], 10);
    assert_int_equal(grey_bytes[0][1], 63);
    assert_int_equal(grey_bytes[1][2], 4);
    float grey[2][PIXELS];
    bt_onnx_put_images(grey, BT_ONNX_FLOAT, 1, images[0], 2, PIXELS, &norm);
    for (size_t n = 0; n < 2; n++)
        for (size_t i = 0; i < PIXELS; i++)
            assert_true(
                fabsf(grey[n][i] - (images[n][i] + images[n][PIXELS + i] + images[n][2 * PIXELS + i]) / 3) <
                1e-6f);
    uint16_t halves[2][3 * PIXELS];
    float back[2][3 * PIXELS];
    bt_onnx_put_images(halves, BT_ONNX_FLOAT16, 3, images[0], 2, PIXELS, &norm);
    bt_onnx_take_values(back[0], halves, BT_ONNX_FLOAT16, 2 * 3 * PIXELS);
    for (size_t i = 0; i < 3 * PIXELS; i++)
        assert_true(back[1][i] == bt_half_value(bt_half_bits(images[1][i])));
}

static void numbers_of_each_floating_type_come_out(void **state) {
    (void)state;
    const float wanted[] = {0, -1.5f, 1024, 0.25f};
    const double doubles[] = {0, -1.5, 1024, 0.25};
    uint16_t halves[4], bfloats[4];
    float out[4];
    for (size_t i = 0; i < 4; i++) {
        halves[i] = bt_half_bits(wanted[i]);
        bfloats[i] = bt_bfloat_bits(wanted[i]);
    }
    const struct {
        bt_onnx_type type;
        const void *values;
        size_t bytes;
    } cases[] = {{BT_ONNX_FLOAT, wanted, 4},
                 {BT_ONNX_DOUBLE, doubles, 8},
                 {BT_ONNX_FLOAT16, halves, 2},
                 {BT_ONNX_BFLOAT16, bfloats, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memset(out, 1, sizeof out);
        bt_onnx_take_values(out, cases[i].values, cases[i].type, 4);
        assert_memory_equal(out, wanted, sizeof out);
        assert_int_equal(bt_onnx_value_bytes(cases[i].type), cases[i].bytes);
    }
    assert_int_equal(bt_onnx_value_bytes(BT_ONNX_INT64), 0);
}

/* Two planes of 2 x 2, doubled: what torch.nn.functional.interpolate(scale_factor=2, mode="bilinear") gives. */
static void a_smaller_map_is_enlarged_between_the_centres_of_pixels(void **state) {
    (void)state;
    static const float planes[2][4] = {{0, 4, 8, 12}, {1, 1, 1, 1}};
    static const float wanted[16] = {0, 1, 3, 4, 2, 3, 5, 6, 6, 7, 9, 10, 8, 9, 11, 12};
    float out[2][16];
    double scratch[64];
    assert_true(bt_image_enlarge_bytes(2, 2, 2, 2) <= sizeof scratch);
#ifdef __SANITIZE_THREAD__ /* OpenMP's barriers are futexes of its own that it cannot see */
    const int most = 1;
#else
    const int most = 3;
#endif
    for (int threads = 1; threads <= most; threads++) {
        memset(out, 0, sizeof out);
        bt_image_enlarge(planes[0], 2, 2, 2, 2, out[0], threads, scratch);
        for (size_t i = 0; i < 16; i++)
            assert_true(fabsf(out[0][i] - wanted[i]) < 1e-5f && fabsf(out[1][i] - 1) < 1e-6f);
    }
}

static void a_built_in_network_is_not_its_own(void **state) {
    (void)state;
    bt_error error = {0};
    bt_session *session;
    const bt_session_options options = {
        .backend = "onnx", .model = "hrnet", .weights = "demo", .device = "cpu", .height = 64, .width = 64};
    assert_int_equal(bt_session_open(&session, &options, &error), BT_UNSUPPORTED);
    assert_string_equal(error.message,
                        "hrnet is no ONNX file, which ONNX Runtime wants: give --backend torch or plan");
    assert_int_equal(bt_backend_check("onnx:fast=1", &error), BT_INVALID);
    assert_int_equal(bt_backend_check("onnx", &error), BT_OK);
    assert_false(bt_backend_simulates("onnx"));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_says_becomes_a_line),
        cmocka_unit_test(images_go_in_as_the_network_takes_them),
        cmocka_unit_test(numbers_of_each_floating_type_come_out),
        cmocka_unit_test(a_smaller_map_is_enlarged_between_the_centres_of_pixels),
        cmocka_unit_test(a_built_in_network_is_not_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
