#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "inputs.h"

/* OpenMP's barriers are futexes of its own that ThreadSanitizer cannot see. */
#if defined(__SANITIZE_THREAD__)
#define THREADS 1
#else
#define THREADS 0 /* all */
#endif

static void read_logits(golden_case *one, const char *file_name) {
    char path[256];
    snprintf(path, sizeof path, "tests/golden/%s", file_name);
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s: run the test in the repository's root", path);
    assert_int_equal(fread(one->expected, sizeof *one->expected, one->pixels, file), one->pixels);
    fclose(file);
}

static golden_case read_case(const json_t *json) {
    golden_case one = {0};
    const json_t *shape = json_object_get(json, "input_shape");
    snprintf(one.model, sizeof one.model, "%s", json_string_value(json_object_get(json, "model")));
    snprintf(one.input_name, sizeof one.input_name, "%s",
             json_string_value(json_object_get(json, "input_name")));
    one.seed = (uint64_t)json_integer_value(json_object_get(json, "seed"));
    snprintf(one.weights, sizeof one.weights, "counter:%llu", (unsigned long long)one.seed);
    one.batch_size = (int)json_integer_value(json_array_get(shape, 0));
    one.height = (int)json_integer_value(json_array_get(shape, 2));
    one.width = (int)json_integer_value(json_array_get(shape, 3));
    one.relative_error = json_real_value(json_object_get(json, "torch_f32_relative_error"));
    one.pixels = (size_t)one.batch_size * (size_t)one.height * (size_t)one.width;
    one.images = calloc(3 * one.pixels, sizeof *one.images);
    one.expected = calloc(one.pixels, sizeof *one.expected);
    one.logits = calloc(one.pixels, sizeof *one.logits);
    input_counter(one.images, 3 * one.pixels, one.input_name, one.seed);
    read_logits(&one, json_string_value(json_object_get(json, "logits")));
    return one;
}

static void free_case(golden_case *one) {
    free(one->images);
    free(one->expected);
    free(one->logits);
}

double golden_run(golden_case *one, const char *backend, bt_path path, bool use_amp, bool use_channels_last) {
    bt_session_options options = {
        .backend = backend,
        .model = one->model,
        .weights = one->weights,
        .device = "cpu",
        .path = path,
        .threads = THREADS,
        .height = one->height,
        .width = one->width,
        .use_amp = use_amp,
        .use_channels_last = use_channels_last,
    };
    bt_session *session = NULL;
    bt_error error = {0};
    if (bt_session_open(&session, &options, &error) != BT_OK) fail_msg("%s", error.message);
    memset(one->logits, 0xff, one->pixels * sizeof *one->logits); /* NaN, so that an unwritten one shows */
    if (bt_session_run(session, one->batch_size, one->images, one->logits, &error) != BT_OK)
        fail_msg("%s", error.message);
    bt_session_close(&session);
    for (size_t i = 0; i < one->pixels; i++)
        assert_true(isfinite(one->logits[i]));
    return compare_relative_error(one->logits, one->expected, one->pixels);
}

void golden_each(void (*check)(golden_case *one)) {
    json_error_t where;
    json_t *cases = json_load_file("tests/golden/cases.json", 0, &where);
    if (!cases) fail_msg("tests/golden/cases.json: %s: run the test in the repository's root", where.text);
    assert_int_equal(json_array_size(cases), 4);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        golden_case one = read_case(json_array_get(cases, i));
        check(&one);
        free_case(&one);
    }
    json_decref(cases);
}

void golden_within_fp32(golden_case *one, const char *backend, bt_path path, bool use_channels_last) {
    double error = golden_run(one, backend, path, false, use_channels_last), limit = 10 * one->relative_error;
    if (!(error <= limit))
        fail_msg("%s %s: relative error %g, at most %g is right", one->model, one->input_name, error, limit);
}
