#include "golden-cases.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "inputs.h"

#define FOLDER "tests/golden/"

static bt_status read_logits(golden_case *one, const char *file_name, bt_error *error) {
    char path[256];
    snprintf(path, sizeof path, FOLDER "%s", file_name);
    FILE *file = fopen(path, "rb");
    size_t count = file ? fread(one->expected, sizeof *one->expected, one->pixels, file) : 0;
    if (file) fclose(file);
    if (count == one->pixels) return BT_OK;
    return bt_fail(error, BT_IO, "%s: run this in the repository's root", path);
}

static bt_status read_case(golden_case *one, const json_t *json, bt_error *error) {
    const json_t *shape = json_object_get(json, "input_shape");
    *one = (golden_case){0};
    snprintf(one->model, sizeof one->model, "%s", json_string_value(json_object_get(json, "model")));
    snprintf(one->input_name, sizeof one->input_name, "%s",
             json_string_value(json_object_get(json, "input_name")));
    one->seed = (uint64_t)json_integer_value(json_object_get(json, "seed"));
    snprintf(one->weights, sizeof one->weights, "counter:%llu", (unsigned long long)one->seed);
    one->batch_size = (int)json_integer_value(json_array_get(shape, 0));
    one->height = (int)json_integer_value(json_array_get(shape, 2));
    one->width = (int)json_integer_value(json_array_get(shape, 3));
    one->relative_error = json_real_value(json_object_get(json, "torch_f32_relative_error"));
    one->pixels = (size_t)one->batch_size * (size_t)one->height * (size_t)one->width;
    one->images = calloc(3 * one->pixels, sizeof *one->images);
    one->expected = calloc(one->pixels, sizeof *one->expected);
    one->logits = calloc(one->pixels, sizeof *one->logits);
    if (!one->images || !one->expected || !one->logits) return bt_no_memory(error, "%zu pixels", one->pixels);
    input_counter(one->images, 3 * one->pixels, one->input_name, one->seed);
    return read_logits(one, json_string_value(json_object_get(json, "logits")), error);
}

bt_status golden_read(golden_case cases[GOLDEN_CASES], bt_error *error) {
    json_error_t where;
    memset(cases, 0, GOLDEN_CASES * sizeof *cases);
    json_t *all = json_load_file(FOLDER "cases.json", 0, &where);
    if (!all)
        return bt_fail(error, BT_IO, FOLDER "cases.json: %s: run this in the repository's root", where.text);
    bt_status status = BT_OK;
    if (json_array_size(all) != GOLDEN_CASES)
        status = bt_fail(error, BT_PARSE, FOLDER "cases.json: %zu cases, %d are right", json_array_size(all),
                         GOLDEN_CASES);
    for (size_t i = 0; i < GOLDEN_CASES && status == BT_OK; i++)
        status = read_case(&cases[i], json_array_get(all, i), error);
    json_decref(all);
    return status;
}

void golden_free(golden_case cases[GOLDEN_CASES]) {
    for (int i = 0; i < GOLDEN_CASES; i++) {
        free(cases[i].images);
        free(cases[i].expected);
        free(cases[i].logits);
    }
}

bt_status golden_forward(golden_case *one, const golden_way *way, double *relative_error, bt_error *error) {
    const bt_session_options options = {
        .backend = way->backend,
        .model = one->model,
        .weights = one->weights,
        .device = way->device,
        .path = way->path,
        .threads = way->threads,
        .height = one->height,
        .width = one->width,
        .use_amp = way->use_amp,
        .use_channels_last = way->use_channels_last,
    };
    bt_session *session = NULL;
    memset(one->logits, 0xff, one->pixels * sizeof *one->logits); /* NaN, so that an unwritten one shows */
    bt_status status = bt_session_open(&session, &options, error);
    if (status == BT_OK) status = bt_session_prepare(session, one->batch_size, error);
    if (status == BT_OK) status = bt_session_run(session, one->batch_size, one->images, one->logits, error);
    bt_session_close(&session);
    for (size_t i = 0; i < one->pixels && status == BT_OK; i++)
        if (!isfinite(one->logits[i]))
            status =
                bt_fail(error, BT_BACKEND, "%s %s: logit %zu is no number", one->model, one->input_name, i);
    if (status == BT_OK) *relative_error = compare_relative_error(one->logits, one->expected, one->pixels);
    return status;
}
