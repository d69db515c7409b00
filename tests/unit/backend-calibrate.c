/* A calibration is made of pictures, opens a session, and is refused in one line where it is not for what runs; whatever
 * goes wrong while it is made leaves no file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/calibrate.h"
#include "demo-session.h"
#include "expect.h"
#include "inputs.h"
#include "kernels/cpu.h"
#include "scratch.h"

enum { SIDE = 64, PICTURES = 3, PIXELS = SIDE * SIDE };

static const char path[] = "hrnet.calibration.json";
static float images[PICTURES * 3 * PIXELS], logits[PIXELS];
static bt_calibration *made; /* HRNet's, on all pictures, and written to `path` */

static bool is_possible(void) {
    return bt_cpu_best_level() >= BT_CPU_AVX2;
}

static bt_session_options production(const char *model) {
    bt_session_options options = demo_session("plan", model, BT_PATH_PRODUCTION, SIDE);
    options.threads = 1;
    options.use_channels_last = true;
    options.precision = BT_PRECISION_INT8;
    options.calibration = path;
    return options;
}

/* Of the first `count` pictures, to `to`. */
static bt_status calibrate(bt_calibration **out, const bt_session_options *session, int count, const char *to,
                           bt_error *error) {
    const bt_calibrate_options options = {
        .session = session, .images = images, .count = count, .source = "drawn"};
    return bt_calibrate(out, to, &options, error);
}

static void what_is_written_is_what_was_found(void **state) {
    (void)state;
    if (!is_possible()) skip();
    bt_error error;
    bt_calibration *read;
    must(bt_calibration_load(&read, path, &error), &error);
    assert_string_equal(read->model, "hrnet");
    assert_string_equal(read->source, "drawn");
    assert_int_equal(read->height, SIDE);
    assert_int_equal(read->width, SIDE);
    assert_int_equal(read->pictures, PICTURES - 1); /* one was held out */
    assert_true(read->mask_iou == made->mask_iou && read->mask_iou_least == made->mask_iou_least);
    assert_true(read->mask_iou > 0.5 && read->mask_iou <= 1 && read->mask_iou_least <= read->mask_iou);
    assert_int_equal(read->tensor_count, made->tensor_count);
    assert_true(read->tensor_count > 100);
    bt_calibration_close(&read);
}

static void expect_runs(const bt_session_options *options) {
    bt_error error;
    bt_session *session = open_session(*options);
    assert_string_equal(bt_session_describe(session)->precision, "int8");
    must(bt_session_run(session, 1, images, logits, &error), &error);
    for (int p = 0; p < PIXELS; p++)
        assert_true(isfinite(logits[p]));
    bt_session_close(&session);
}

static void a_session_opens_with_it_and_says_so(void **state) {
    (void)state;
    if (!is_possible()) skip();
    bt_error error;
    bt_session_options options = production("hrnet");
    expect_runs(&options);
    options = production("cbam_resunet");
    options.calibration = "cbam_resunet.calibration.json";
    must(calibrate(NULL, &options, 2, options.calibration, &error), &error);
    expect_runs(&options);
}

/* ---- several classes ---- */

enum { CLASSES = 3 };

static const char three_classes[] =
    "title Three\n"
    "a = conv(image) channels=16 kernel=3 bias=yes weights=a activation=relu\n"
    "b = conv(a) channels=16 kernel=3 bias=yes weights=b activation=relu\n"
    "c = conv(b) channels=16 kernel=3 bias=yes weights=c activation=relu\n"
    "logits = conv(c) channels=3 kernel=1 bias=yes weights=d\n"
    "output logits\n";

static void label_last_picture(const bt_session_options *options, int *labels) {
    static float planes[CLASSES * PIXELS];
    bt_error error;
    bt_session *session = open_session(*options);
    assert_int_equal(bt_session_describe(session)->classes, CLASSES);
    must(bt_session_run(session, 1, images + (size_t)(PICTURES - 1) * 3 * PIXELS, planes, &error), &error);
    bt_session_close(&session);
    for (int p = 0; p < PIXELS; p++) {
        labels[p] = 0;
        for (int c = 1; c < CLASSES; c++)
            if (planes[c * PIXELS + p] > planes[labels[p] * PIXELS + p]) labels[p] = c;
    }
}

/* The last picture is held out: how far its labels agree is what the calibration says of itself. */
static void of_several_classes_the_labels_are_compared(void **state) {
    (void)state;
    if (!is_possible()) skip();
    static int exact[PIXELS], bytes[PIXELS];
    bt_error error;
    bt_calibration *calibration;
    put("three.list", three_classes);
    bt_session_options options = production("three");
    options.model_file = "three.list";
    options.weights = "counter:5";
    options.calibration = "three.calibration.json";
    must(calibrate(&calibration, &options, PICTURES, options.calibration, &error), &error);
    label_last_picture(&options, bytes);
    options.precision = BT_PRECISION_FP32;
    options.calibration = NULL;
    label_last_picture(&options, exact);
    double sum = 0;
    int seen = 0, differ = 0;
    for (int c = 0; c < CLASSES; c++) {
        int both = 0, either = 0;
        for (int p = 0; p < PIXELS; p++) {
            both += exact[p] == c && bytes[p] == c;
            either += exact[p] == c || bytes[p] == c;
        }
        if (either > 0) sum += (double)both / either;
        seen += either > 0;
    }
    for (int p = 0; p < PIXELS; p++)
        differ += exact[p] != bytes[p];
    assert_true(seen > 1 && differ > 0);
    assert_true(fabs(calibration->mask_iou - sum / seen) < 1e-9);
    assert_true(calibration->mask_iou > 0.9);
    bt_calibration_close(&calibration);
}

/* ---- a session that must not open ---- */

static void expect_refused(bt_session_options options, bt_status wanted, const char *words) {
    bt_error error = {BT_OK, ""};
    bt_session *session = NULL;
    const bt_status status = bt_session_open(&session, &options, &error);
    if (status != wanted) fail_msg("%s: %s: %s", words, bt_status_name(status), error.message);
    assert_null(session);
    says(error.message, words);
    assert_null(strchr(error.message, '\n'));
}

static void a_session_refuses_what_is_not_for_it_in_one_line(void **state) {
    (void)state;
    if (!is_possible()) skip();
    expect_refused(production("cbam_resunet"), BT_INVALID,
                   "hrnet.calibration.json: a calibration of hrnet, not of");
    bt_session_options options = production("hrnet");
    options.width = 2 * SIDE;
    expect_refused(options, BT_INVALID, "hrnet.calibration.json: a calibration for 64 x 64 pixels");
    options = production("hrnet");
    options.weights = "counter:1";
    expect_refused(options, BT_INVALID, "hrnet.calibration.json: a calibration of other weights");
    options = production("hrnet");
    options.calibration = "absent.json";
    expect_refused(options, BT_IO, "absent.json");
    options.calibration = NULL;
    expect_refused(options, BT_INVALID, "INT8 wants a calibration of hrnet");
    options.calibration = "";
    expect_refused(options, BT_INVALID, "INT8 wants a calibration of hrnet");
    put("damaged.json", "{\"kind\": \"calibration\", ");
    options.calibration = "damaged.json";
    expect_refused(options, BT_PARSE, "damaged.json");
}

/* ---- what cannot be calibrated ---- */

static void expect_uncalibrated(const bt_session_options *session, int count, const char *to,
                                bt_status wanted, const char *words) {
    bt_error error = {BT_OK, ""};
    bt_calibration *calibration = NULL;
    const int before = files_here();
    const bt_status status = calibrate(&calibration, session, count, to, &error);
    if (status != wanted) fail_msg("%s: %s: %s", words, bt_status_name(status), error.message);
    says(error.message, words);
    assert_null(strchr(error.message, '\n'));
    assert_null(calibration);
    assert_int_equal(files_here(), before);
}

static void where_there_is_no_int8_nothing_is_calibrated(void **state) {
    (void)state;
    bt_session_options options = production("hrnet");
    options.device = "cuda";
    expect_uncalibrated(&options, PICTURES, "new.json", BT_UNSUPPORTED, "INT8 is the CPU's: on cuda");
    options.device = NULL;
    expect_uncalibrated(&options, PICTURES, "new.json", BT_UNSUPPORTED, "INT8 is the CPU's");
    options = production("mine");
    options.model_file = "mine.pt2";
    expect_uncalibrated(&options, PICTURES, "new.json", BT_UNSUPPORTED, "mine is a file of its own");
    options = production("hrnet");
    options.path = BT_PATH_STANDARD;
    expect_uncalibrated(&options, PICTURES, "new.json", BT_UNSUPPORTED, "the production path's");
    options.path = BT_PATH_PLAIN;
    expect_uncalibrated(&options, PICTURES, "new.json", BT_UNSUPPORTED, "the production path's");
    bt_error error;
    options = production("hrnet");
    const bt_status status = bt_calibrate_check(&options, &error);
    assert_int_equal(status, is_possible() ? BT_OK : BT_UNSUPPORTED);
}

static void fewer_than_two_pictures_are_refused(void **state) {
    (void)state;
    if (!is_possible()) skip();
    const bt_session_options options = production("hrnet");
    for (int count = 0; count < 2; count++)
        expect_uncalibrated(&options, count, "new.json", BT_INVALID, "two pictures at least");
}

static void what_fails_leaves_no_file(void **state) {
    (void)state;
    if (!is_possible()) skip();
    bt_session_options options = production("hrnet");
    expect_uncalibrated(&options, 2, "there/new.json", BT_IO, "there");
    options.weights = "absent.pth";
    expect_uncalibrated(&options, 2, "new.json", BT_INVALID, "absent.pth");
    options = production("nonesuch");
    expect_uncalibrated(&options, 2, "new.json", BT_INVALID, "nonesuch");
    options = production("hrnet");
    options.width = SIDE + 1;
    expect_uncalibrated(&options, 2, "new.json", BT_INVALID, "HRNet");
}

/* Good pictures that follow must not hide it. */
static void a_picture_that_is_no_number_calibrates_nothing(void **state) {
    (void)state;
    if (!is_possible()) skip();
    const bt_session_options options = production("hrnet");
    const float kept = images[5];
    images[5] = NAN;
    expect_uncalibrated(&options, PICTURES, "new.json", BT_INVALID, "an activation became no number");
    images[5] = kept;
}

static void calibrating_stops_when_it_is_told_to(void **state) {
    (void)state;
    if (!is_possible()) skip();
    static const volatile sig_atomic_t stop = 1;
    const bt_session_options session = production("hrnet");
    const bt_calibrate_options options = {
        .session = &session, .images = images, .count = PICTURES, .source = "drawn", .stop = &stop};
    bt_error error;
    bt_calibration *calibration = NULL;
    const int before = files_here();
    assert_int_equal(bt_calibrate(&calibration, "new.json", &options, &error), BT_CLOSED);
    says(error.message, "given up");
    assert_null(calibration);
    assert_int_equal(files_here(), before);
}

static int set_up(void **state) {
    bt_error error;
    if (bt_scratch_enter(state)) return -1;
    must(input_spheroids(images, NULL, 4, PICTURES, SIDE, SIDE, &error), &error);
    const bt_session_options session = production("hrnet");
    if (is_possible()) must(calibrate(&made, &session, PICTURES, path, &error), &error);
    return 0;
}

static int tear_down(void **state) {
    bt_calibration_close(&made);
    return bt_scratch_leave(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_what_was_found),
        cmocka_unit_test(a_session_opens_with_it_and_says_so),
        cmocka_unit_test(of_several_classes_the_labels_are_compared),
        cmocka_unit_test(a_session_refuses_what_is_not_for_it_in_one_line),
        cmocka_unit_test(where_there_is_no_int8_nothing_is_calibrated),
        cmocka_unit_test(fewer_than_two_pictures_are_refused),
        cmocka_unit_test(what_fails_leaves_no_file),
        cmocka_unit_test(a_picture_that_is_no_number_calibrates_nothing),
        cmocka_unit_test(calibrating_stops_when_it_is_told_to),
    };
    return cmocka_run_group_tests_name("backend/calibrate", tests, set_up, tear_down);
}
