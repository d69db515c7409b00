#include "record/explanation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fields.h"
#include "base/json.h"

#define SCHEMA_VERSION 1

/* ---- opening ---- */

static void empty(bt_explained_model *model) {
    *model = (bt_explained_model){.gain = NAN,
                                  .fixed_ms = NAN,
                                  .image_ms = NAN,
                                  .fixed_share = NAN,
                                  .bent_percent = NAN,
                                  .prepare_ms = NAN,
                                  .deliver_ms = NAN,
                                  .pause_ms = NAN,
                                  .after_pause_ms = NAN,
                                  .capacity_rps = NAN,
                                  .p95_sla_ms = NAN,
                                  .max_queue_delay_ms = NAN};
}

bt_status bt_explanation_open(bt_explanation **out, const char *source, const char *path, int model_count,
                              bt_error *error) {
    bt_explanation *made = *out = calloc(1, sizeof *made);
    if (made) made->models = calloc((size_t)model_count + 1, sizeof *made->models);
    if (!made || !made->models) {
        bt_explanation_close(out);
        return bt_no_memory(error, "an explanation");
    }
    made->source = source;
    made->model_count = model_count;
    snprintf(made->path, sizeof made->path, "%s", path);
    for (int i = 0; i < model_count; i++)
        empty(&made->models[i]);
    return BT_OK;
}

void bt_explanation_close(bt_explanation **explanation) {
    if (!explanation || !*explanation) return;
    for (int i = 0; i < (*explanation)->model_count; i++) {
        free((*explanation)->models[i].sizes);
        free((*explanation)->models[i].loads);
    }
    free((*explanation)->models);
    free(*explanation);
    *explanation = NULL;
}

bt_status bt_explained_model_room(bt_explained_model *model, int sizes, int loads, bt_error *error) {
    model->sizes = calloc((size_t)sizes + 1, sizeof *model->sizes);
    model->loads = calloc((size_t)loads + 1, sizeof *model->loads);
    if (!model->sizes || !model->loads) return bt_no_memory(error, "an explanation of %s", model->model);
    for (int i = 0; i < sizes; i++)
        model->sizes[i] = (bt_explained_size){.run_ms = NAN,
                                              .line_ms = NAN,
                                              .image_ms = NAN,
                                              .imgs_per_sec = NAN,
                                              .filled = NAN,
                                              .capacity_rps = NAN};
    for (int i = 0; i < loads; i++)
        model->loads[i] = (bt_explained_load){.rate_rps = NAN,
                                              .mean_ms = NAN,
                                              .p95_ms = NAN,
                                              .predicted_p95_ms = NAN,
                                              .mean_batch_size = NAN,
                                              .utilisation = NAN};
    model->size_count = sizes;
    model->load_count = loads;
    return BT_OK;
}

/* ---- names ---- */

const char *bt_pays_name(bt_pays verdict) {
    static const char *const names[] = {"unknown", "pays", "hardly_pays", "does_not_pay"};
    return names[verdict];
}

const char *bt_pays_cause_name(bt_pays_cause cause) {
    static const char *const names[] = {"unknown",   "launch",  "unfilled", "saturated",
                                        "preparing", "waiting", "running",  "late"};
    return names[cause];
}

double bt_explained_rest_ms(const bt_explained_load *load) {
    double rest_ms = load->mean_ms;
    for (int i = 0; i < load->part_count; i++)
        if (isfinite(load->parts[i].mean_ms)) rest_ms -= load->parts[i].mean_ms;
    return rest_ms > 0 ? rest_ms : 0;
}

/* ---- JSON ---- */

static const bt_field size_fields[] = {
    {BT_FIELD(INTEGER, bt_explained_size, batch_size)},  {BT_FIELD(NUMBER, bt_explained_size, run_ms)},
    {BT_FIELD(NUMBER, bt_explained_size, line_ms)},      {BT_FIELD(NUMBER, bt_explained_size, image_ms)},
    {BT_FIELD(NUMBER, bt_explained_size, imgs_per_sec)}, {BT_FIELD(NUMBER, bt_explained_size, filled)},
    {BT_FIELD(NUMBER, bt_explained_size, capacity_rps)},
};

static const bt_field part_fields[] = {
    {BT_FIELD(TEXT, bt_explained_part, name)},
    {BT_FIELD(NUMBER, bt_explained_part, mean_ms)},
    {BT_FIELD(NUMBER, bt_explained_part, p95_ms)},
};

static const bt_field load_fields[] = {
    {BT_FIELD(TEXT, bt_explained_load, title)},
    {BT_FIELD(SWITCH, bt_explained_load, predicted)},
    {BT_FIELD(NUMBER, bt_explained_load, rate_rps)},
    {BT_FIELD(NUMBER, bt_explained_load, mean_ms)},
    {BT_FIELD(NUMBER, bt_explained_load, p95_ms)},
    {BT_FIELD(NUMBER, bt_explained_load, predicted_p95_ms)},
    {BT_FIELD(NUMBER, bt_explained_load, mean_batch_size)},
    {BT_FIELD(INTEGER, bt_explained_load, max_batch_size)},
    {BT_FIELD(NUMBER, bt_explained_load, utilisation)},
    {BT_FIELD(TEXT, bt_explained_load, why)},
};

static const bt_field change_fields[] = {
    {BT_FIELD(TEXT, bt_explained_change, what)},
    {BT_FIELD(NUMBER, bt_explained_change, capacity_rps)},
    {BT_FIELD(NUMBER, bt_explained_change, p95_ms)},
};

static const bt_field model_fields[] = {
    {BT_FIELD(TEXT, bt_explained_model, model)},
    {BT_FIELD(TEXT, bt_explained_model, subject)},
    {BT_FIELD(TEXT, bt_explained_model, why)},
    {BT_FIELD(NUMBER, bt_explained_model, gain)},
    {BT_FIELD(INTEGER, bt_explained_model, batch_size)},
    {BT_FIELD(NUMBER, bt_explained_model, fixed_ms)},
    {BT_FIELD(NUMBER, bt_explained_model, image_ms)},
    {BT_FIELD(NUMBER, bt_explained_model, fixed_share)},
    {BT_FIELD(INTEGER, bt_explained_model, bent_at)},
    {BT_FIELD(NUMBER, bt_explained_model, bent_percent)},
    {BT_FIELD(INTEGER, bt_explained_model, filled_at)},
    {BT_FIELD(NUMBER, bt_explained_model, prepare_ms)},
    {BT_FIELD(NUMBER, bt_explained_model, deliver_ms)},
    {BT_FIELD(NUMBER, bt_explained_model, pause_ms)},
    {BT_FIELD(NUMBER, bt_explained_model, after_pause_ms)},
    {BT_FIELD(NUMBER, bt_explained_model, capacity_rps)},
    {BT_FIELD(NUMBER, bt_explained_model, p95_sla_ms)},
    {BT_FIELD(NUMBER, bt_explained_model, max_queue_delay_ms)},
};

static json_t *size_to_json(const void *item) {
    return bt_fields_to_json(BT_FIELDS(size_fields), item);
}

static json_t *part_to_json(const void *item) {
    return bt_fields_to_json(BT_FIELDS(part_fields), item);
}

static json_t *change_to_json(const void *item) {
    return bt_fields_to_json(BT_FIELDS(change_fields), item);
}

/* The object, or NULL where something of it failed. */
static json_t *whole(json_t *object, int failed) {
    if (!failed) return object;
    json_decref(object);
    return NULL;
}

static json_t *load_to_json(const void *item) {
    const bt_explained_load *load = item;
    json_t *object = bt_fields_to_json(BT_FIELDS(load_fields), load);
    int failed = json_object_set_new(object, "cause", json_string(bt_pays_cause_name(load->cause)));
    failed = failed || json_object_set_new(object, "parts",
                                           bt_json_array_of(load->parts, sizeof *load->parts,
                                                            load->part_count, part_to_json));
    failed =
        failed || json_object_set_new(object, "rest_ms", bt_json_real_or_null(bt_explained_rest_ms(load)));
    return whole(object, failed);
}

static json_t *model_to_json(const void *item) {
    const bt_explained_model *model = item;
    json_t *object = bt_fields_to_json(BT_FIELDS(model_fields), model);
    int failed = json_object_set_new(object, "verdict", json_string(bt_pays_name(model->verdict)));
    failed = failed || json_object_set_new(object, "cause", json_string(bt_pays_cause_name(model->cause)));
    failed = failed || json_object_set_new(object, "sizes",
                                           bt_json_array_of(model->sizes, sizeof *model->sizes,
                                                            model->size_count, size_to_json));
    failed = failed || json_object_set_new(object, "loads",
                                           bt_json_array_of(model->loads, sizeof *model->loads,
                                                            model->load_count, load_to_json));
    failed = failed || json_object_set_new(object, "changes",
                                           bt_json_array_of(model->changes, sizeof *model->changes,
                                                            model->change_count, change_to_json));
    return whole(object, failed);
}

bt_status bt_explanation_to_json(const bt_explanation *explanation, json_t **out, bt_error *error) {
    json_t *top = json_pack("{s:s, s:i, s:s}", "kind", "explanation", "schema_version", SCHEMA_VERSION,
                            "explained", explanation->source);
    int failed = json_object_set_new(top, "file", bt_field_text(explanation->path));
    failed = failed || json_object_set_new(top, "models",
                                           bt_json_array_of(explanation->models, sizeof *explanation->models,
                                                            explanation->model_count, model_to_json));
    *out = whole(top, failed);
    return *out ? BT_OK : bt_no_memory(error, "an explanation");
}
