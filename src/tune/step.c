#include "tune/step.h"

#include <math.h>
#include <string.h>

#include "base/fields.h"
#include "base/json.h"
#include "base/options.h"
#include "record/parts.h"

static const char *const step_names[] = {
    [BT_STEP_DONE] = "done",
    [BT_STEP_MEMORY] = "warming up",
    [BT_STEP_MEASURE] = "measuring",
    [BT_STEP_AGREEMENT] = "comparing masks of",
    [BT_STEP_STANDARD] = "measuring the standard path at",
    [BT_STEP_FRESH_MEMORY] = "taking the memory of",
    [BT_STEP_STANDARD_MEMORY] = "taking the standard path's memory at",
    [BT_STEP_FULL_SIZE] = "timing one full-size image at",
    [BT_STEP_CALIBRATE] = "calibrating INT8 by",
    [BT_STEP_REFERENCE] = "computing masks to compare with of",
    [BT_STEP_PREPARE] = "timing the preparing of pictures at",
    [BT_STEP_DELIVER] = "timing the delivering of masks at",
    [BT_STEP_IDLE] = "timing runs after pauses at",
    [BT_STEP_BESIDE] = "timing runs beside another model's at",
    [BT_STEP_TURNS] = "timing turns with another model at",
    [BT_STEP_MASKS] = "comparing a contender's masks of",
};

const char *bt_step_name(bt_step_kind kind) {
    return step_names[kind];
}

/* What the JSON form calls the kinds. */
static const char *const step_keys[] = {
    [BT_STEP_DONE] = "done",
    [BT_STEP_MEMORY] = "memory",
    [BT_STEP_MEASURE] = "measure",
    [BT_STEP_AGREEMENT] = "agreement",
    [BT_STEP_STANDARD] = "standard",
    [BT_STEP_FRESH_MEMORY] = "fresh_memory",
    [BT_STEP_STANDARD_MEMORY] = "standard_memory",
    [BT_STEP_FULL_SIZE] = "full_size",
    [BT_STEP_CALIBRATE] = "calibrate",
    [BT_STEP_REFERENCE] = "reference",
    [BT_STEP_PREPARE] = "prepare",
    [BT_STEP_DELIVER] = "deliver",
    [BT_STEP_IDLE] = "idle",
    [BT_STEP_BESIDE] = "beside",
    [BT_STEP_TURNS] = "turns",
    [BT_STEP_MASKS] = "masks",
};

#define STEP_KINDS (int)(sizeof step_keys / sizeof step_keys[0])

bt_step_result bt_step_result_empty(void) {
    return (bt_step_result){.memory_mb = NAN,
                            .memory_total_used_mb = NAN,
                            .memory_device_mb = NAN,
                            .logit_error = NAN,
                            .mask_iou = NAN,
                            .output_least = NAN,
                            .output_most = NAN,
                            .mask_share = NAN,
                            .mask_iou_least = NAN,
                            .elapsed_s = 0};
}

bool bt_step_equal(const bt_step *a, const bt_step *b) {
    return a->kind == b->kind && a->batch_size == b->batch_size && a->runs == b->runs;
}

json_t *bt_step_to_json(const bt_step *step) {
    return json_pack("{s:s, s:i, s:i}", "kind", step_keys[step->kind], "batch_size", step->batch_size, "runs",
                     step->runs);
}

bt_status bt_step_from_json(const json_t *json, bt_step *step, const char *where, bt_error *error) {
    char kind[32];
    int64_t batch_size, runs;
    bt_status status = bt_json_text(json, "kind", kind, sizeof kind, where, error);
    if (status == BT_OK)
        status = bt_json_integer(json, "batch_size", 0, BT_BATCH_MAX, &batch_size, where, error);
    if (status == BT_OK) status = bt_json_integer(json, "runs", 0, BT_MAX_TURN_SAMPLES, &runs, where, error);
    if (status != BT_OK) return status;
    *step = (bt_step){.batch_size = (int)batch_size, .runs = (int)runs};
    for (int i = 0; i < STEP_KINDS; i++) {
        if (strcmp(kind, step_keys[i]) != 0) continue;
        step->kind = (bt_step_kind)i;
        return BT_OK;
    }
    return bt_fail(error, BT_PARSE, "%s: \"%s\" is no kind of step", where, kind);
}

/* What a step did not measure is NaN, which is null; journals of before lack what was not measured yet then. */
static const bt_field result_fields[] = {
    {BT_FIELD(INTEGER, bt_step_result, status), .minimum = BT_OK, .maximum = BT_UNSUPPORTED},
    {BT_FIELD(TEXT, bt_step_result, message)},
    {BT_FIELD(NUMBER, bt_step_result, memory_mb), .optional = true},
    {BT_FIELD(NUMBER, bt_step_result, memory_total_used_mb), .optional = true},
    {BT_FIELD(NUMBER, bt_step_result, memory_device_mb), .optional = true},
    {BT_FIELD(NUMBER, bt_step_result, logit_error), .optional = true},
    {BT_FIELD(NUMBER, bt_step_result, mask_iou), .optional = true},
    {BT_FIELD(NUMBER, bt_step_result, output_least), .optional = true},
    {BT_FIELD(NUMBER, bt_step_result, output_most), .optional = true},
    {BT_FIELD(NUMBER, bt_step_result, mask_share), .optional = true},
    {BT_FIELD(NUMBER, bt_step_result, mask_iou_least), .optional = true},
    {BT_FIELD(INTEGER, bt_step_result, beside), .optional = true, .brief = true},
    {BT_FIELD(SWITCH, bt_step_result, disturbed)},
    {BT_FIELD(NUMBER, bt_step_result, elapsed_s), .minimum = 0, .maximum = 1e9},
    {BT_THROTTLING_MEMBERS(bt_step_result)},
};

#define RESULT_FIELDS (sizeof result_fields / sizeof *result_fields)

json_t *bt_step_result_to_json(const bt_step_result *result) {
    json_t *json = bt_fields_to_json(result_fields, RESULT_FIELDS, result);
    json_t *samples = bt_numbers_write(result->samples_ms, result->sample_count);
    if (json && samples && json_object_set(json, "samples_ms", samples) == 0) {
        json_decref(samples);
        return json;
    }
    json_decref(samples);
    json_decref(json);
    return NULL;
}

static bt_status samples_from_json(const json_t *json, bt_step_result *result, const char *where,
                                   bt_error *error) {
    json_t *samples;
    bt_status status = bt_json_array(json, "samples_ms", &samples, where, error);
    if (status != BT_OK) return status;
    if (json_array_size(samples) > BT_MAX_TURN_SAMPLES)
        return bt_fail(error, BT_PARSE, "%s: more than %d samples in one step", where, BT_MAX_TURN_SAMPLES);
    result->sample_count = (int)json_array_size(samples);
    for (int i = 0; i < result->sample_count; i++) {
        const json_t *sample = json_array_get(samples, (size_t)i);
        result->samples_ms[i] = json_number_value(sample);
        if (!json_is_number(sample) || !(result->samples_ms[i] >= 0))
            return bt_fail(error, BT_PARSE, "%s: samples_ms[%d] is no duration", where, i);
    }
    return BT_OK;
}

bt_status bt_step_result_from_json(const json_t *json, bt_step_result *result, const char *where,
                                   bt_error *error) {
    *result = bt_step_result_empty();
    bt_status status = bt_fields_read(result_fields, RESULT_FIELDS, json, result, where, error);
    /* Every step took some time: null, which stands for what was not measured, is no value here. */
    if (status == BT_OK) status = bt_json_number(json, "elapsed_s", 0, 1e9, &result->elapsed_s, where, error);
    return status == BT_OK ? samples_from_json(json, result, where, error) : status;
}
