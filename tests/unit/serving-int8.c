/* A service in INT8, by a config and the calibration beside it: its masks are a little different, its standard path's
 * are FP32's to the bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/calibrate.h"
#include "batchtune.h"
#include "demo-session.h"
#include "expect.h"
#include "image/spheroids.h"
#include "inputs.h"
#include "scratch.h"
#include "serving/serving.h"

#define SIDE     64
#define PICTURES 4

#define CONFIG(precision)                                                                                    \
    "{\"schema_version\": 1, \"settings\": {\"backend\": \"plan\", \"device\": \"cpu\", \"threads\": 1, "    \
    "\"weights\": \"demo\"}, \"configurations\": {\"cbam_resunet\": {\"optimal_batch_size\": 1, "            \
    "\"image_size\": 64, \"precision\": \"" precision                                                        \
    "\", \"precision_reason\": \"it won\", \"calibration\": \"ranges.json\"}}}"

static bool can; /* calibrate: this machine has INT8 */
static uint8_t picture[SIDE * SIDE * 3];

static bool calibrate(void) {
    static float images[PICTURES * 3 * SIDE * SIDE];
    bt_session_options session = demo_session("plan", "cbam_resunet", BT_PATH_PRODUCTION, SIDE);
    session.threads = 1;
    const bt_calibrate_options options = {
        .session = &session, .images = images, .count = PICTURES, .source = "synthetic"};
    bt_error error;
    if (bt_calibrate_check(&session, &error) != BT_OK) return false;
    must(input_spheroids(images, NULL, 1, PICTURES, SIDE, SIDE, &error), &error);
    must(bt_spheroids_draw(2, 0, SIDE, SIDE, picture, NULL, &error), &error);
    must(bt_calibrate(NULL, "kept/ranges.json", &options, &error), &error);
    return true;
}

static bt_status open_service(bt_service **out, const char *config, bt_error *error) {
    bt_scratch_put("kept", "config.json", config);
    return bt_service_open(out, &(bt_service_options){.config = "kept/config.json"}, error);
}

/* What the picture's pixels are, by one path of a service of that config. */
static void infer(const char *config, bool standard, float *probabilities, char precision[8]) {
    bt_service *service;
    bt_model_facts facts;
    bt_result result;
    bt_error error;
    const bt_request request = {.image = picture,
                                .height = SIDE,
                                .width = SIDE,
                                .model = "cbam_resunet",
                                .probabilities = probabilities,
                                .standard_path = standard};
    must(open_service(&service, config, &error), &error);
    must(bt_service_start(service, &error), &error);
    assert_int_equal(bt_service_models(service, &facts, 1), 1);
    memcpy(precision, facts.precision, sizeof facts.precision);
    must(bt_service_infer(service, &request, &result, &error), &error);
    assert_string_equal(result.inference_mode, standard ? "standard_fallback" : "production_optimized");
    must(bt_service_stop(service, 10000, &error), &error);
    bt_service_close(&service);
}

static void int8_serves_and_its_standard_path_is_exact(void **state) {
    (void)state;
    if (!can) skip();
    static float int8[SIDE * SIDE], fallback[SIDE * SIDE], fp32[SIDE * SIDE];
    char precision[8];
    infer(CONFIG("int8"), false, int8, precision);
    assert_string_equal(precision, "int8");
    infer(CONFIG("int8"), true, fallback, precision);
    infer(CONFIG("fp32"), true, fp32, precision);
    assert_string_equal(precision, "fp32");
    assert_memory_equal(fallback, fp32, sizeof fp32);
    assert_memory_not_equal(int8, fp32, sizeof fp32); /* else it was not INT8 that answered */
    int both = 0, either = 0;
    for (int i = 0; i < SIDE * SIDE; i++) {
        both += int8[i] > 0.5f && fp32[i] > 0.5f;
        either += int8[i] > 0.5f || fp32[i] > 0.5f;
    }
    assert_true(either > 0 && both >= 0.9 * either);
}

/* The share of values that saturate in two runs of a service of that config on one picture; *log receives what it
 * said, the caller's. */
static double saturated(const char *text, const uint8_t *image, char **log) {
    const char *model = "cbam_resunet";
    const bt_request request = {.image = image, .height = SIDE, .width = SIDE, .model = model};
    bt_service_settings given;
    bt_option_sources sources;
    bt_service *service;
    bt_config *config;
    bt_metrics metrics;
    bt_error error;
    bt_log *lines;
    size_t size;
    FILE *out = open_memstream(log, &size);
    bt_options_default(bt_service_settings_table, bt_service_settings_count, &given, &sources);
    given.warm_up = false;   /* on grey pictures, which count too */
    given.watchdog_ms = 6e5; /* nobody knows yet how long a run takes here */
    bt_scratch_put("kept", "config.json", text);
    must(bt_config_load(&config, "kept/config.json", &error), &error);
    must(bt_log_open(&lines, out, BT_LOG_WARNING, NULL, &error), &error);
    must(bt_serving_open(&service, config, &model, 1, &given, &sources, lines, &error), &error);
    must(bt_service_start(service, &error), &error);
    for (int i = 0; i < 2; i++)
        must(bt_service_infer(service, &request, NULL, &error), &error);
    must(bt_service_metrics(service, model, &metrics, &error), &error);
    must(bt_service_stop(service, 10000, &error), &error);
    bt_service_close(&service);
    bt_config_close(&config);
    bt_log_close(&lines);
    fclose(out);
    return metrics.saturated_fraction;
}

static void pictures_unlike_those_of_the_calibration_are_told_once(void **state) {
    (void)state;
    static const char words[] = "of INT8's activations lie beyond the calibrated range";
    static uint8_t stripes[SIDE * SIDE * 3];
    char *log;
    if (!can) skip();
    for (int i = 0; i < SIDE * SIDE * 3; i++)
        stripes[i] = i / 3 % 2 ? 255 : 0;
    assert_true(saturated(CONFIG("int8"), picture, &log) < 0.001);
    assert_null(strstr(log, words));
    free(log);
    assert_true(saturated(CONFIG("int8"), stripes, &log) > 0.002);
    says(log, words);
    assert_null(strstr(strstr(log, words) + 1, words));
    free(log);
    assert_true(isnan(saturated(CONFIG("fp32"), stripes, &log)));
    assert_string_equal(log, "");
    free(log);
}

static void a_calibration_of_another_size_is_refused(void **state) {
    (void)state;
    if (!can) skip();
    bt_service *service;
    bt_error error;
    bt_scratch_put("kept", "config.json", CONFIG("int8"));
    must(bt_service_open(&service,
                         &(bt_service_options){.config = "kept/config.json", .settings = "image_size=96"},
                         &error),
         &error);
    assert_int_equal(bt_service_start(service, &error), BT_INVALID);
    says(error.message, "ranges.json: a calibration for 64 x 64 pixels, not for 96 x 96: tune again");
    bt_service_close(&service);
}

static void a_calibration_that_was_left_behind_is_named(void **state) {
    (void)state;
    if (!can) skip();
    bt_service *service;
    bt_error error;
    assert_int_equal(unlink("kept/ranges.json"), 0);
    assert_int_equal(open_service(&service, CONFIG("int8"), &error), BT_IO);
    says(error.message, "kept/ranges.json: there is no such file, and INT8 wants it: tune cbam_resunet here");
}

static int set_up(void **state) {
    if (bt_scratch_enter(state) != 0) return -1;
    bt_scratch_put("kept", "config.json", "{}"); /* and with it the folder */
    can = calibrate();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(int8_serves_and_its_standard_path_is_exact),
        cmocka_unit_test(pictures_unlike_those_of_the_calibration_are_told_once),
        cmocka_unit_test(a_calibration_of_another_size_is_refused),
        cmocka_unit_test(a_calibration_that_was_left_behind_is_named), /* last: it takes the file away */
    };
    return cmocka_run_group_tests_name("serving-int8", tests, set_up, bt_scratch_leave);
}
