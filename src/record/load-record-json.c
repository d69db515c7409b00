/* The load record's file form: the run, its models and its scenarios, whose parts are load-part-json.c's. */
#include <math.h>

#include "base/fields.h"
#include "base/json.h"
#include "record/load-record.h"
#include "record/parts.h"

#define KIND              "load"
#define ITEMS_MAX         4096
#define SCENARIO(type, m) BT_FIELD(type, bt_load_scenario, m)
#define MODEL(type, m)    BT_FIELD(type, bt_load_model, m)
#define RUN(type, m)      BT_FIELD(type, bt_load_record, m)

static const bt_field scenario_fields[] = {
    {SCENARIO(TEXT, name)},
    {SCENARIO(TEXT, title)},
    {SCENARIO(TEXT, shape)},
    {SCENARIO(AMOUNT, burstiness), .optional = true}, /* older records lack both */
    {SCENARIO(AMOUNT, ramp_from), .optional = true},
    {SCENARIO(AMOUNT, duration_s)},
    {SCENARIO(NUMBER, generator_p50_us)},
    {SCENARIO(NUMBER, generator_p99_us)},
    {SCENARIO(NUMBER, generator_max_us)},
    {SCENARIO(AMOUNT, canary_spread_percent)},
    {SCENARIO(AMOUNT, others_cores)},
    {BT_THROTTLING_MEMBERS(bt_load_scenario)},
    {SCENARIO(INTEGER, attempts)},
    {SCENARIO(INTEGER, looks), .optional = true},
    {SCENARIO(TEXT, disturbed)},
    {SCENARIO(SWITCH, judged)},
};

static const bt_field model_fields[] = {
    {MODEL(TEXT, model)},
    {MODEL(TEXT, title)},
    {MODEL(TEXT, device)},
    {MODEL(TEXT, backend)},
    {MODEL(TEXT, precision)},
    {MODEL(TEXT, weights)},
    {MODEL(INTEGER, image_size)},
    {MODEL(INTEGER, batch_size)},
    {MODEL(INTEGER, instances)},
    {MODEL(INTEGER, threads)},
    {MODEL(INTEGER, classes), .optional = true, .brief = true}, /* older records lack it */
    {MODEL(TEXT, places), .optional = true},                    /* older records have neither */
    {MODEL(AMOUNT, placed_rps), .optional = true},
    {MODEL(AMOUNT, p95_sla_ms), .optional = true}, /* older records have these three not */
    {MODEL(AMOUNT, max_queue_delay_ms), .optional = true},
    {MODEL(INTEGER, max_queue_size), .optional = true},
    {MODEL(SWITCH, tuned_here)},
    {MODEL(SWITCH, config_meets_sla)},
    {MODEL(SWITCH, weights_changed), .optional = true},
    {MODEL(AMOUNT, capacity_rps)},
    {MODEL(AMOUNT, recommended_rps)},
    {MODEL(INTEGER, largest_spike)},
    {MODEL(AMOUNT, standard_img_per_sec)},
    {MODEL(AMOUNT, standard_p50_ms)},
    {MODEL(AMOUNT, production_img_per_sec)},
    {MODEL(AMOUNT, speedup)},
    {MODEL(AMOUNT, start_s)},
    {MODEL(NUMBER, memory_mb)},
    {MODEL(TEXT, memory_kind)},
};

static const bt_field record_fields[] = {
    {RUN(TEXT, run_id)},          {RUN(TEXT, command)},
    {RUN(TEXT, started_at)},      {RUN(TEXT, finished_at)},
    {RUN(TEXT, workload)},        {RUN(TEXT, config_path)},
    {RUN(TEXT, config_run_id)},   {RUN(TEXT, config_generated_at)},
    {RUN(TEXT, machine_differs)}, {RUN(AMOUNT, testing_s)},
    {RUN(TEXT, verdict)},         {RUN(INTEGER, verdict_code), .minimum = 0, .maximum = 255},
    {RUN(TEXT, advice)},          {RUN(TEXT, images), .optional = true}, /* older records lack it */
};

static const bt_field endpoint_fields[] = {
    {BT_FIELD(TEXT, bt_load_endpoint, url)},
    {BT_FIELD(TEXT, bt_load_endpoint, name)},
    {BT_FIELD(TEXT, bt_load_endpoint, version)},
};

/* ---- writing ---- */

static json_t *write_endpoint(const void *item) {
    return bt_fields_to_json(BT_FIELDS(endpoint_fields), item);
}

/* Only a test of servers has them. */
static int write_endpoints(json_t *top, const bt_load_record *record) {
    if (record->endpoint_count == 0) return 0;
    return json_object_set_new(top, "endpoints",
                               bt_json_array_of(record->endpoints, sizeof *record->endpoints,
                                                record->endpoint_count, write_endpoint));
}

static json_t *write_scenario(const void *item) {
    const bt_load_scenario *scenario = item;
    json_t *object = bt_fields_to_json(BT_FIELDS(scenario_fields), scenario);
    if (object && bt_load_senders_write(object, &scenario->senders) == 0 &&
        json_object_set_new(object, "parts",
                            bt_json_array_of(scenario->parts, sizeof *scenario->parts, scenario->part_count,
                                             bt_load_part_to_json)) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *write_size(const void *item) {
    return json_integer(*(const int *)item);
}

static json_t *write_model(const void *item) {
    const bt_load_model *model = item;
    json_t *object = bt_fields_to_json(BT_FIELDS(model_fields), model);
    if (object &&
        json_object_set_new(
            object, "ladder",
            bt_json_array_of(model->ladder, sizeof *model->ladder, model->ladder_count, write_size)) == 0 &&
        bt_rate_curve_write(object, "predicted", &model->predicted) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static int write_settings(json_t *top, const bt_load_record *record) {
    size_t count;
    const bt_option *table = bt_load_settings_table(&count);
    return json_object_set_new(top, "settings", bt_options_write_json(table, count, &record->settings));
}

bt_status bt_load_record_to_json(const bt_load_record *record, json_t **out, bt_error *error) {
    json_t *top = json_pack("{s:i, s:s}", "schema_version", BT_LOAD_SCHEMA_VERSION, "kind", KIND);
    if (top && bt_fields_write(BT_FIELDS(record_fields), record, top) == 0 &&
        bt_fingerprint_write(top, &record->machine, &record->subject) == 0 &&
        write_settings(top, record) == 0 && write_endpoints(top, record) == 0 &&
        json_object_set_new(top, "models",
                            bt_json_array_of(record->models, sizeof *record->models, record->model_count,
                                             write_model)) == 0 &&
        json_object_set_new(top, "scenarios",
                            bt_json_array_of(record->scenarios, sizeof *record->scenarios,
                                             record->scenario_count, write_scenario)) == 0) {
        *out = top;
        return BT_OK;
    }
    json_decref(top);
    *out = NULL;
    return bt_no_memory(error, "writing a load record");
}

bt_status bt_load_record_save(const bt_load_record *record, const char *path, bt_error *error) {
    json_t *top;
    bt_status status = bt_load_record_to_json(record, &top, error);
    if (status != BT_OK) return status;
    status = bt_json_save(top, path, false, error);
    json_decref(top);
    return status;
}

/* ---- reading ---- */

/* The array `key`, of at most ITEMS_MAX items. */
static bt_status read_array(const json_t *object, const char *key, json_t **out, const char *where,
                            bt_error *error) {
    bt_status status = bt_json_array(object, key, out, where, error);
    if (status == BT_OK && json_array_size(*out) > ITEMS_MAX)
        return bt_fail(error, BT_PARSE, "%s: %s has %zu items, at most %d", where, key, json_array_size(*out),
                       ITEMS_MAX);
    return status;
}

static bt_status read_scenario(void *record, const json_t *object, const char *where, bt_error *error) {
    json_t *parts;
    bt_status status = read_array(object, "parts", &parts, where, error);
    if (status != BT_OK) return status;
    bt_load_scenario *scenario = bt_load_record_add(record, (int)json_array_size(parts));
    if (!scenario) return bt_no_memory(error, "reading %s", where);
    status = bt_fields_read(BT_FIELDS(scenario_fields), object, scenario, where, error);
    if (status == BT_OK) status = bt_load_senders_read(object, &scenario->senders, where, error);
    for (int i = 0; i < scenario->part_count && status == BT_OK; i++) {
        char here[BT_WHERE_SIZE];
        bt_where_item(here, where, "parts", (size_t)i);
        status = bt_load_part_from_json(json_array_get(parts, (size_t)i), &scenario->parts[i], here, error);
    }
    return status;
}

static bt_status read_model(const json_t *object, bt_load_model *model, const char *where, bt_error *error) {
    json_t *ladder;
    bt_status status = bt_fields_read(BT_FIELDS(model_fields), object, model, where, error);
    if (status == BT_OK) status = bt_json_array(object, "ladder", &ladder, where, error);
    if (status != BT_OK) return status;
    if (json_array_size(ladder) > BT_SIZES_MAX)
        return bt_fail(error, BT_PARSE, "%s: ladder has %zu sizes, at most %d", where,
                       json_array_size(ladder), BT_SIZES_MAX);
    for (size_t i = 0; i < json_array_size(ladder); i++) {
        json_int_t size = json_integer_value(json_array_get(ladder, i));
        if (size < 1 || size > BT_BATCH_MAX)
            return bt_fail(error, BT_PARSE, "%s: ladder[%zu] is no batch size", where, i);
        model->ladder[model->ladder_count++] = (int)size;
    }
    return bt_rate_curve_read(object, "predicted", &model->predicted, where, error);
}

static bt_status read_settings(const json_t *top, bt_load_record *record, const char *path, bt_error *error) {
    char where[BT_WHERE_SIZE];
    size_t count;
    const bt_option *table = bt_load_settings_table(&count);
    json_t *object;
    bt_status status = bt_json_object(top, "settings", &object, path, error);
    if (status != BT_OK) return status;
    bt_where_key(where, path, "settings");
    bt_options_default(table, count, &record->settings, &record->sources);
    return bt_options_read_json(table, count, object, BT_SOURCE_CONFIG, where, &record->settings,
                                &record->sources, error);
}

static bt_status read_models(const json_t *models, bt_load_record *record, const char *path,
                             bt_error *error) {
    char where[BT_WHERE_SIZE];
    bt_status status = BT_OK;
    for (size_t i = 0; i < json_array_size(models) && status == BT_OK; i++) {
        bt_load_model *model = &record->models[i];
        bt_where_item(where, path, "models", i);
        status = read_model(json_array_get(models, i), model, where, error);
        const double of_all_ms = record->settings.service.p95_sla_ms;
        if (isnan(model->p95_sla_ms) && of_all_ms > 0) model->p95_sla_ms = of_all_ms;
    }
    return status;
}

static bt_status read_endpoint(void *owner, const json_t *item, const char *where, bt_error *error) {
    bt_load_record *record = owner;
    return bt_fields_read(BT_FIELDS(endpoint_fields), item, &record->endpoints[record->endpoint_count++],
                          where, error);
}

static bt_status read_endpoints(const json_t *top, bt_load_record *record, const char *path,
                                bt_error *error) {
    if (!json_object_get(top, "endpoints")) return BT_OK;
    return bt_list_read(top, "endpoints", BT_LOAD_ENDPOINTS_MAX, read_endpoint, record, path, error);
}

static bt_status read_record(bt_load_record **out, const json_t *top, const char *path, bt_error *error) {
    json_t *models, *scenarios;
    bt_status status = bt_record_check_kind(top, KIND, BT_LOAD_SCHEMA_VERSION, path, error);
    if (status == BT_OK) status = read_array(top, "models", &models, path, error);
    if (status == BT_OK) status = read_array(top, "scenarios", &scenarios, path, error);
    if (status == BT_OK) status = bt_load_record_open(out, (int)json_array_size(models), error);
    if (status != BT_OK) return status;
    status = bt_fields_read(BT_FIELDS(record_fields), top, *out, path, error);
    if (status == BT_OK) status = bt_fingerprint_read(top, &(*out)->machine, &(*out)->subject, path, error);
    if (status == BT_OK) status = read_settings(top, *out, path, error);
    if (status == BT_OK) status = read_endpoints(top, *out, path, error);
    if (status == BT_OK) status = read_models(models, *out, path, error);
    if (status != BT_OK) return status;
    return bt_list_read(top, "scenarios", ITEMS_MAX, read_scenario, *out, path, error);
}

bt_status bt_load_record_from_json(bt_load_record **out, const json_t *top, const char *where,
                                   bt_error *error) {
    *out = NULL;
    bt_status status = read_record(out, top, where, error);
    if (status != BT_OK) bt_load_record_close(out);
    return status;
}

bt_status bt_load_record_load(bt_load_record **out, const char *path, bt_error *error) {
    json_t *top;
    *out = NULL;
    bt_status status = bt_json_load(&top, path, error);
    if (status != BT_OK) return status;
    status = bt_load_record_from_json(out, top, path, error);
    json_decref(top);
    return status;
}
