/* The load record's file form. Flat parts are tables of fields; the seconds of a scenario are arrays side by
 * side, one a field, so that a long test stays a small file. */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fields.h"
#include "base/json.h"
#include "record/load-record.h"
#include "record/parts.h"

#define KIND              "load"
#define ITEMS_MAX         4096
#define BINS_MAX          1000000
#define COUNT(table)      (sizeof table / sizeof table[0])
#define A_COUNT           .minimum = 0, .maximum = INT_MAX
#define NOT_NEGATIVE      .minimum = 0, .maximum = DBL_MAX
#define LATENCY(m)        BT_FIELD(NUMBER, bt_load_latency, m), NOT_NEGATIVE
#define PART(type, m)     BT_FIELD(type, bt_load_part, m)
#define SCENARIO(type, m) BT_FIELD(type, bt_load_scenario, m)
#define MODEL(type, m)    BT_FIELD(type, bt_load_model, m)
#define RUN(type, m)      BT_FIELD(type, bt_load_record, m)

static const bt_field latency_fields[] = {
    {LATENCY(mean_ms)},      {LATENCY(p50_ms)},          {LATENCY(p90_ms)}, {LATENCY(p95_ms)},
    {LATENCY(p99_ms)},       {LATENCY(p999_ms)},         {LATENCY(max_ms)}, {LATENCY(p95_lower_ms)},
    {LATENCY(p95_upper_ms)}, {LATENCY(effective_count)},
};

static const bt_field part_fields[] = {
    {PART(TEXT, model)},
    {PART(TEXT, cause)},
    {PART(TEXT, remedy)},
    {PART(NUMBER, rate_rps), NOT_NEGATIVE},
    {PART(INTEGER, burst_size), A_COUNT},
    {PART(INTEGER, clients), A_COUNT},
    {PART(BIG, sent)},
    {PART(BIG, ok)},
    {PART(BIG, rejected_full)},
    {PART(BIG, rejected_deadline)},
    {PART(BIG, expired)},
    {PART(BIG, cancelled)},
    {PART(BIG, failed)},
    {PART(BIG, lost)},
    {PART(BIG, fallback)},
    {PART(NUMBER, actual_p95_ms), NOT_NEGATIVE},
    {PART(NUMBER, queue_mean_ms), NOT_NEGATIVE},
    {PART(NUMBER, preprocess_mean_ms), NOT_NEGATIVE},
    {PART(NUMBER, service_mean_ms), NOT_NEGATIVE},
    {PART(NUMBER, slip_mean_ms)},
    {PART(NUMBER, queue_p95_ms), NOT_NEGATIVE},
    {PART(NUMBER, service_p95_ms), NOT_NEGATIVE},
    {PART(NUMBER, throughput_rps), NOT_NEGATIVE},
    {PART(NUMBER, predicted_p95_ms), NOT_NEGATIVE},
    {PART(NUMBER, predicted_p50_ms), NOT_NEGATIVE},
    {PART(NUMBER, predicted_throughput_rps), NOT_NEGATIVE},
    {PART(NUMBER, mean_batch_size), NOT_NEGATIVE},
    {PART(BIG, latency_step), .minimum = 1, .maximum = 9e15},
};

static const bt_field scenario_fields[] = {
    {SCENARIO(TEXT, name)},
    {SCENARIO(TEXT, title)},
    {SCENARIO(TEXT, shape)},
    {SCENARIO(NUMBER, duration_s), NOT_NEGATIVE},
    {SCENARIO(NUMBER, generator_p50_us)},
    {SCENARIO(NUMBER, generator_p99_us)},
    {SCENARIO(NUMBER, generator_max_us)},
    {SCENARIO(NUMBER, canary_spread_percent), NOT_NEGATIVE},
    {SCENARIO(NUMBER, others_cores), NOT_NEGATIVE},
    BT_THROTTLING_FIELDS(bt_load_scenario),
    {SCENARIO(INTEGER, attempts), A_COUNT},
    {SCENARIO(INTEGER, looks), A_COUNT, .optional = true},
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
    {MODEL(INTEGER, image_size), A_COUNT},
    {MODEL(INTEGER, batch_size), A_COUNT},
    {MODEL(INTEGER, instances), A_COUNT},
    {MODEL(INTEGER, threads), A_COUNT},
    {MODEL(NUMBER, p95_sla_ms), NOT_NEGATIVE, .optional = true}, /* older records have these three not */
    {MODEL(NUMBER, max_queue_delay_ms), NOT_NEGATIVE, .optional = true},
    {MODEL(INTEGER, max_queue_size), A_COUNT, .optional = true},
    {MODEL(SWITCH, tuned_here)},
    {MODEL(SWITCH, config_meets_sla)},
    {MODEL(SWITCH, weights_changed), .optional = true},
    {MODEL(NUMBER, capacity_rps), NOT_NEGATIVE},
    {MODEL(NUMBER, recommended_rps), NOT_NEGATIVE},
    {MODEL(INTEGER, largest_spike), A_COUNT},
    {MODEL(NUMBER, standard_img_per_sec), NOT_NEGATIVE},
    {MODEL(NUMBER, standard_p50_ms), NOT_NEGATIVE},
    {MODEL(NUMBER, production_img_per_sec), NOT_NEGATIVE},
    {MODEL(NUMBER, speedup), NOT_NEGATIVE},
    {MODEL(NUMBER, start_s), NOT_NEGATIVE},
    {MODEL(NUMBER, memory_mb)},
    {MODEL(TEXT, memory_kind)},
};

static const bt_field record_fields[] = {
    {RUN(TEXT, run_id)},          {RUN(TEXT, command)},
    {RUN(TEXT, started_at)},      {RUN(TEXT, finished_at)},
    {RUN(TEXT, workload)},        {RUN(TEXT, config_path)},
    {RUN(TEXT, config_run_id)},   {RUN(TEXT, config_generated_at)},
    {RUN(TEXT, machine_differs)}, {RUN(NUMBER, testing_s), NOT_NEGATIVE},
    {RUN(TEXT, verdict)},         {RUN(INTEGER, verdict_code), .minimum = 0, .maximum = 255},
    {RUN(TEXT, advice)},          {RUN(TEXT, images), .optional = true}, /* records of before have it not */
};

/* A second's fields, each an array of its own in the file. */
static const struct {
    const char *key;
    size_t offset;
} bin_fields[] = {
    {"sent", offsetof(bt_load_bin, sent)},
    {"answered", offsetof(bt_load_bin, answered)},
    {"failed", offsetof(bt_load_bin, failed)},
    {"p50_ms", offsetof(bt_load_bin, p50_ms)},
    {"p95_ms", offsetof(bt_load_bin, p95_ms)},
    {"max_ms", offsetof(bt_load_bin, max_ms)},
    {"queue_mean", offsetof(bt_load_bin, queue_mean)},
    {"queue_max", offsetof(bt_load_bin, queue_max)},
    {"canary_ms", offsetof(bt_load_bin, canary_ms)},
    {"others_cores", offsetof(bt_load_bin, others_cores)},
};

/* ---- writing ---- */

static double *bin_value(bt_load_bin *bin, size_t field) {
    return (double *)(void *)((char *)bin + bin_fields[field].offset);
}

static json_t *write_bins(const bt_load_part *part) {
    json_t *object = json_object();
    for (size_t f = 0; object && f < COUNT(bin_fields); f++) {
        json_t *array = json_array();
        for (int i = 0; array && i < part->bin_count; i++) {
            double value = *bin_value(&part->bins[i], f);
            if (json_array_append_new(array, isfinite(value) ? json_real(value) : json_null()) != 0) break;
        }
        bool whole = array && (int)json_array_size(array) == part->bin_count;
        if (!whole) json_decref(array);
        if (whole && json_object_set_new(object, bin_fields[f].key, array) == 0) continue;
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *write_runs(const void *item) {
    return json_integer(*(const int64_t *)item);
}

/* Trailing zeros say nothing. */
static json_t *write_batches(const bt_load_part *part) {
    int count = BT_LOAD_BATCHES;
    while (count > 0 && part->batches[count - 1] == 0)
        count--;
    return bt_json_array_of(part->batches, sizeof *part->batches, count, write_runs);
}

static json_t *write_part(const void *item) {
    const bt_load_part *part = item;
    json_t *object = bt_fields_to_json(part_fields, COUNT(part_fields), part);
    if (object &&
        json_object_set_new(object, "verdict", json_string(bt_load_verdict_name(part->verdict))) == 0 &&
        json_object_set_new(object, "latency",
                            bt_fields_to_json(latency_fields, COUNT(latency_fields), &part->latency)) == 0 &&
        json_object_set_new(object, "batches", write_batches(part)) == 0 &&
        json_object_set_new(object, "latencies_ms",
                            bt_numbers_write(part->latencies_ms, part->latency_count)) == 0 &&
        json_object_set_new(object, "seconds", write_bins(part)) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *write_scenario(const void *item) {
    const bt_load_scenario *scenario = item;
    json_t *object = bt_fields_to_json(scenario_fields, COUNT(scenario_fields), scenario);
    if (object && json_object_set_new(object, "parts",
                                      bt_json_array_of(scenario->parts, sizeof *scenario->parts,
                                                       scenario->part_count, write_part)) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *write_size(const void *item) {
    return json_integer(*(const int *)item);
}

static json_t *write_model(const void *item) {
    const bt_load_model *model = item;
    json_t *object = bt_fields_to_json(model_fields, COUNT(model_fields), model);
    if (object && json_object_set_new(object, "ladder",
                                      bt_json_array_of(model->ladder, sizeof *model->ladder,
                                                       model->ladder_count, write_size)) == 0)
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
    if (top && bt_fields_write(record_fields, COUNT(record_fields), record, top) == 0 &&
        json_object_set_new(top, "machine", bt_machine_to_json(&record->machine)) == 0 &&
        json_object_set_new(top, "subject", bt_subject_to_json(&record->subject)) == 0 &&
        write_settings(top, record) == 0 &&
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

static bt_status read_column(const json_t *object, size_t field, bt_load_part *part, const char *where,
                             bt_error *error) {
    json_t *array;
    bt_status status = bt_json_array(object, bin_fields[field].key, &array, where, error);
    if (status != BT_OK) return status;
    if (json_array_size(array) != (size_t)part->bin_count)
        return bt_fail(error, BT_PARSE, "%s: %s has %zu items, sent has %d", where, bin_fields[field].key,
                       json_array_size(array), part->bin_count);
    for (int i = 0; i < part->bin_count; i++) {
        const json_t *item = json_array_get(array, (size_t)i);
        if (!json_is_number(item) && !json_is_null(item))
            return bt_fail(error, BT_PARSE, "%s: %s[%d] is neither a number nor null", where,
                           bin_fields[field].key, i);
        *bin_value(&part->bins[i], field) = json_is_null(item) ? NAN : json_number_value(item);
    }
    return BT_OK;
}

static bt_status read_bins(const json_t *object, bt_load_part *part, const char *parent, bt_error *error) {
    char where[BT_WHERE_SIZE];
    json_t *seconds, *sent;
    bt_status status = bt_json_object(object, "seconds", &seconds, parent, error);
    bt_where_key(where, parent, "seconds");
    if (status == BT_OK) status = bt_json_array(seconds, bin_fields[0].key, &sent, where, error);
    if (status != BT_OK) return status;
    size_t count = json_array_size(sent);
    if (count > BINS_MAX)
        return bt_fail(error, BT_PARSE, "%s: sent has %zu items, at most %d", where, count, BINS_MAX);
    if (count == 0) return BT_OK;
    part->bins = calloc(count, sizeof *part->bins);
    if (!part->bins) return bt_no_memory(error, "reading %s", where);
    part->bin_count = (int)count;
    for (size_t f = 0; f < COUNT(bin_fields) && status == BT_OK; f++)
        status = read_column(seconds, f, part, where, error);
    return status;
}

static bt_status read_batches(const json_t *object, bt_load_part *part, const char *where, bt_error *error) {
    json_t *array;
    bt_status status = bt_json_array(object, "batches", &array, where, error);
    if (status != BT_OK) return status;
    if (json_array_size(array) > BT_LOAD_BATCHES)
        return bt_fail(error, BT_PARSE, "%s: batches has %zu items, at most %d", where,
                       json_array_size(array), BT_LOAD_BATCHES);
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        if (!json_is_integer(item) || json_integer_value(item) < 0)
            return bt_fail(error, BT_PARSE, "%s: batches[%zu] is no count", where, i);
        part->batches[i] = json_integer_value(item);
    }
    return BT_OK;
}

/* Older files knew more words for what was not shown. */
static bool is_not_shown(const char *name) {
    static const char *const old[] = {"unsure", "untrusted", "not_run"};
    for (size_t i = 0; i < COUNT(old); i++)
        if (strcmp(name, old[i]) == 0) return true;
    return false;
}

static bt_status read_verdict(const json_t *object, bt_load_verdict *out, const char *where,
                              bt_error *error) {
    char name[32];
    bt_status status = bt_json_text(object, "verdict", name, sizeof name, where, error);
    for (int v = 0; v < BT_LOAD_VERDICT_COUNT && status == BT_OK; v++)
        if (strcmp(bt_load_verdict_name((bt_load_verdict)v), name) == 0) {
            *out = (bt_load_verdict)v;
            return BT_OK;
        }
    if (status != BT_OK) return status;
    *out = BT_LOAD_NOT_SHOWN;
    if (is_not_shown(name)) return BT_OK;
    return bt_fail(error, BT_PARSE, "%s: verdict \"%s\" is none of met, broken, not_shown", where, name);
}

static bt_status read_part(const json_t *object, bt_load_part *part, const char *where, bt_error *error) {
    char here[BT_WHERE_SIZE];
    json_t *latency, *latencies;
    bt_status status = bt_fields_read(part_fields, COUNT(part_fields), object, part, where, error);
    if (status == BT_OK) status = read_verdict(object, &part->verdict, where, error);
    if (status == BT_OK) status = bt_json_object(object, "latency", &latency, where, error);
    bt_where_key(here, where, "latency");
    if (status == BT_OK)
        status = bt_fields_read(latency_fields, COUNT(latency_fields), latency, &part->latency, here, error);
    if (status == BT_OK) status = read_batches(object, part, where, error);
    if (status == BT_OK) status = bt_json_array(object, "latencies_ms", &latencies, where, error);
    if (status == BT_OK)
        status = bt_numbers_read(latencies, &part->latencies_ms, &part->latency_count, "latencies_ms", where,
                                 error);
    return status == BT_OK ? read_bins(object, part, where, error) : status;
}

/* The array `key`, of at most ITEMS_MAX items. */
static bt_status read_array(const json_t *object, const char *key, json_t **out, const char *where,
                            bt_error *error) {
    bt_status status = bt_json_array(object, key, out, where, error);
    if (status == BT_OK && json_array_size(*out) > ITEMS_MAX)
        return bt_fail(error, BT_PARSE, "%s: %s has %zu items, at most %d", where, key, json_array_size(*out),
                       ITEMS_MAX);
    return status;
}

static bt_status read_scenario(const json_t *object, bt_load_record *record, const char *where,
                               bt_error *error) {
    json_t *parts;
    bt_status status = read_array(object, "parts", &parts, where, error);
    if (status != BT_OK) return status;
    bt_load_scenario *scenario = bt_load_record_add(record, (int)json_array_size(parts));
    if (!scenario) return bt_no_memory(error, "reading %s", where);
    status = bt_fields_read(scenario_fields, COUNT(scenario_fields), object, scenario, where, error);
    for (int i = 0; i < scenario->part_count && status == BT_OK; i++) {
        char here[BT_WHERE_SIZE];
        bt_where_item(here, where, "parts", (size_t)i);
        status = read_part(json_array_get(parts, (size_t)i), &scenario->parts[i], here, error);
    }
    return status;
}

static bt_status read_model(const json_t *object, bt_load_model *model, const char *where, bt_error *error) {
    json_t *ladder;
    bt_status status = bt_fields_read(model_fields, COUNT(model_fields), object, model, where, error);
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
    return BT_OK;
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

static bt_status read_fingerprint(const json_t *top, bt_load_record *record, const char *path,
                                  bt_error *error) {
    char where[BT_WHERE_SIZE];
    json_t *machine, *subject;
    bt_status status = bt_json_object(top, "machine", &machine, path, error);
    bt_where_key(where, path, "machine");
    if (status == BT_OK) status = bt_machine_from_json(machine, &record->machine, where, error);
    if (status == BT_OK) status = bt_json_object(top, "subject", &subject, path, error);
    bt_where_key(where, path, "subject");
    return status == BT_OK ? bt_subject_from_json(subject, &record->subject, where, error) : status;
}

static bt_status read_items(const json_t *models, const json_t *scenarios, bt_load_record *record,
                            const char *path, bt_error *error) {
    char where[BT_WHERE_SIZE];
    bt_status status = BT_OK;
    for (size_t i = 0; i < json_array_size(models) && status == BT_OK; i++) {
        bt_load_model *model = &record->models[i];
        bt_where_item(where, path, "models", i);
        status = read_model(json_array_get(models, i), model, where, error);
        const double of_all_ms = record->settings.service.p95_sla_ms;
        if (isnan(model->p95_sla_ms) && of_all_ms > 0) model->p95_sla_ms = of_all_ms;
    }
    for (size_t i = 0; i < json_array_size(scenarios) && status == BT_OK; i++) {
        bt_where_item(where, path, "scenarios", i);
        status = read_scenario(json_array_get(scenarios, i), record, where, error);
    }
    return status;
}

static bt_status read_record(bt_load_record **out, const json_t *top, const char *path, bt_error *error) {
    json_t *models, *scenarios;
    bt_status status = bt_record_check_kind(top, KIND, BT_LOAD_SCHEMA_VERSION, path, error);
    if (status == BT_OK) status = read_array(top, "models", &models, path, error);
    if (status == BT_OK) status = read_array(top, "scenarios", &scenarios, path, error);
    if (status == BT_OK) status = bt_load_record_open(out, (int)json_array_size(models), error);
    if (status != BT_OK) return status;
    status = bt_fields_read(record_fields, COUNT(record_fields), top, *out, path, error);
    if (status == BT_OK) status = read_fingerprint(top, *out, path, error);
    if (status == BT_OK) status = read_settings(top, *out, path, error);
    return status == BT_OK ? read_items(models, scenarios, *out, path, error) : status;
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
