/* The record's file form. Every flat part is a table of fields; what is left is the nesting. */
#include "record/sweep-record.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fields.h"
#include "base/json.h"
#include "base/text.h"
#include "record/parts.h"

#define KIND              "sweep"
#define MODELS_MAX        64
#define POINTS_MAX        BT_BATCH_MAX
#define COUNT(table)      (sizeof table / sizeof table[0])
#define NOT_NEGATIVE      .minimum = 0, .maximum = DBL_MAX
#define OPTIONAL          .optional = true /* records of before have it not */
#define A_COUNT           .minimum = 0, .maximum = INT_MAX
#define BATCH_SIZE        .minimum = 1, .maximum = BT_BATCH_MAX
#define POINT(type, m)    BT_FIELD(type, bt_point, m)
#define FIT(type, m)      BT_FIELD(type, bt_memory_fit, m)
#define DIVISION(type, m) BT_FIELD(type, bt_division, m)
#define MODEL(type, m)    BT_FIELD(type, bt_model_record, m)
#define RUN(type, m)      BT_FIELD(type, bt_record, m)

static const bt_field point_fields[] = {
    {POINT(INTEGER, batch_size), BATCH_SIZE},
    {POINT(TEXT, why)},
    {POINT(NUMBER, p50_ms), NOT_NEGATIVE},
    {POINT(NUMBER, p95_ms), NOT_NEGATIVE},
    {POINT(NUMBER, p95_lower_ms), NOT_NEGATIVE},
    {POINT(NUMBER, p95_upper_ms), NOT_NEGATIVE},
    {POINT(NUMBER, mean_ms), NOT_NEGATIVE},
    {POINT(NUMBER, throughput_imgs_per_sec), NOT_NEGATIVE},
    {POINT(NUMBER, efficiency), NOT_NEGATIVE},
    {POINT(NUMBER, effective_samples), NOT_NEGATIVE},
    {POINT(SWITCH, drifting)},
    {POINT(NUMBER, late_budget_ms), NOT_NEGATIVE},
    {POINT(NUMBER, memory_mb)},
    {POINT(NUMBER, memory_total_used_mb)},
    {POINT(NUMBER, memory_predicted_mb)},
    {POINT(NUMBER, logit_error), NOT_NEGATIVE},
    {POINT(NUMBER, mask_iou), .minimum = 0, .maximum = 1},
    {POINT(SWITCH, on_pareto_front)},
};

static const bt_field fit_fields[] = {
    {FIT(TEXT, precision)}, {FIT(NUMBER, base_mb)},    {FIT(NUMBER, per_image_mb)},
    {FIT(INTEGER, points)}, {FIT(BIG, largest_batch)},
};

static const bt_field division_fields[] = {
    {DIVISION(INTEGER, instances), A_COUNT},
    {DIVISION(INTEGER, threads), A_COUNT},
    {DIVISION(NUMBER, median_ms), NOT_NEGATIVE},
    {DIVISION(NUMBER, throughput_imgs_per_sec), NOT_NEGATIVE},
};

static const bt_field model_fields[] = {
    {MODEL(TEXT, model)},
    {MODEL(TEXT, title)},
    {MODEL(INTEGER, image_size)},
    {MODEL(TEXT, precision)},
    {MODEL(TEXT, precision_note)},
    {MODEL(TEXT, path_note), OPTIONAL},
    {MODEL(TEXT, output_note), OPTIONAL, .brief = true},
    {MODEL(INTEGER, instances), OPTIONAL, A_COUNT},
    {MODEL(INTEGER, threads)},
    {MODEL(TEXT, device)},
    {MODEL(TEXT, backend)},
    {MODEL(TEXT, backend_detail)},
    {MODEL(TEXT, weights_source)},
    {MODEL(TEXT, weights_path), OPTIONAL},
    {MODEL(TEXT, model_file), OPTIONAL},
    {MODEL(HASH, weights_hash)},
    {MODEL(SWITCH, trained_weights)},
    {MODEL(SWITCH, computes_masks)},
    {MODEL(SWITCH, meets_sla)},
    {MODEL(TEXT, reason), OPTIONAL},
    {MODEL(SWITCH, batching_pays)},
    {MODEL(NUMBER, reachable_sla_ms), NOT_NEGATIVE},
    {MODEL(NUMBER, speedup_over_single_image), NOT_NEGATIVE},
    {MODEL(NUMBER, capacity_rps), OPTIONAL, NOT_NEGATIVE},
    {MODEL(NUMBER, recommended_rps), OPTIONAL, NOT_NEGATIVE},
    {MODEL(NUMBER, predicted_p95_ms), OPTIONAL, NOT_NEGATIVE},
    {MODEL(TEXT, advice)},
    {MODEL(NUMBER, standard_median_ms), NOT_NEGATIVE},
    {MODEL(NUMBER, memory_total_mb)},
    {MODEL(SWITCH, device_memory)},
    {MODEL(INTEGER, full_size)},
    {MODEL(NUMBER, full_size_ms), NOT_NEGATIVE},
    {MODEL(NUMBER, measuring_s), NOT_NEGATIVE},
    {MODEL(INTEGER, turns), A_COUNT},
    {MODEL(INTEGER, disturbed_turns), A_COUNT},
    BT_THROTTLING_FIELDS(bt_model_record),
    {MODEL(SWITCH, interrupted)},
};

static const bt_field record_fields[] = {
    {RUN(TEXT, run_id)},
    {RUN(TEXT, command)},
    {RUN(TEXT, started_at)},
    {RUN(TEXT, finished_at)},
    {RUN(TEXT, workload)},
    {RUN(TEXT, images), OPTIONAL},
    {RUN(TEXT, verdict)},
    {RUN(INTEGER, verdict_code), .minimum = 0, .maximum = 255},
    {RUN(TEXT, previous_run)},
    {RUN(NUMBER, joint_memory_mb)},
    {RUN(NUMBER, joint_memory_limit_mb)},
    {RUN(SWITCH, joint_memory_fits)},
    {RUN(TEXT, joint_memory_note)},
    {RUN(NUMBER, measuring_s), NOT_NEGATIVE},
};

static const char *const source_names[] = {
    [BT_SOURCE_DEFAULT] = "default",
    [BT_SOURCE_PROFILE] = "profile",
    [BT_SOURCE_CONFIG] = "config",
    [BT_SOURCE_FLAG] = "flag",
};

/* ---- writing ---- */

static json_t *write_point(const void *item) {
    const bt_point *point = item;
    json_t *object = bt_fields_to_json(point_fields, COUNT(point_fields), point);
    if (object && json_object_set_new(object, "outcome", json_string(bt_outcome_name(point->outcome))) == 0 &&
        json_object_set_new(object, "samples_ms", bt_numbers_write(point->samples_ms, point->sample_count)) ==
            0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *write_division(const void *division) {
    return bt_fields_to_json(division_fields, COUNT(division_fields), division);
}

/* Verdicts are indexes in memory and batch sizes in the file, where people read them. */
static json_t *write_choice(const bt_model_record *model, int index) {
    if (index < 0 || index >= model->point_count) return json_null();
    return json_integer(model->points[index].batch_size);
}

static json_t *write_winners(const bt_model_record *model) {
    json_t *object = json_object();
    for (int i = 0; object && i < BT_OBJECTIVE_COUNT; i++) {
        const char *name = bt_objective_name((bt_objective)i);
        if (json_object_set_new(object, name, write_choice(model, model->winners[i])) == 0) continue;
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *write_model(const void *item) {
    const bt_model_record *model = item;
    json_t *object = bt_fields_to_json(model_fields, COUNT(model_fields), model);
    int failed = !object;
    failed = failed || json_object_set_new(object, "optimal_batch_size", write_choice(model, model->chosen));
    failed = failed || json_object_set_new(object, "choice", json_string(bt_model_choice(model)));
    failed = failed || json_object_set_new(object, "winners", write_winners(model));
    failed = failed ||
             json_object_set_new(object, "production_memory",
                                 bt_fields_to_json(fit_fields, COUNT(fit_fields), &model->production_memory));
    failed = failed ||
             json_object_set_new(object, "standard_memory",
                                 bt_fields_to_json(fit_fields, COUNT(fit_fields), &model->standard_memory));
    failed = failed || json_object_set_new(object, "divisions",
                                           bt_json_array_of(model->divisions, sizeof *model->divisions,
                                                            model->division_count, write_division));
    failed = failed || json_object_set_new(object, "points",
                                           bt_json_array_of(model->points, sizeof *model->points,
                                                            model->point_count, write_point));
    failed = failed ||
             json_object_set_new(object, "standard_samples_ms",
                                 bt_numbers_write(model->standard_samples_ms, model->standard_sample_count));
    if (!failed) return object;
    json_decref(object);
    return NULL;
}

static json_t *write_change(const void *words) {
    return bt_field_text(words);
}

/* Who set what, for settings that are not at their defaults by themselves. */
static json_t *write_sources(const bt_record *record) {
    json_t *object = json_object();
    for (size_t i = 0; object && i < bt_settings_count; i++) {
        bt_option_source source = record->sources.of[i];
        if (bt_settings_table[i].scope != BT_SCOPE_SETTING || source == BT_SOURCE_DEFAULT) continue;
        if (json_object_set_new(object, bt_settings_table[i].name, json_string(source_names[source])) == 0)
            continue;
        json_decref(object);
        return NULL;
    }
    return object;
}

bt_status bt_record_to_json(const bt_record *record, json_t **out, bt_error *error) {
    const int room = (int)COUNT(record->changes),
              changes = record->change_count < room ? record->change_count : room;
    json_t *top = json_object();
    int failed = !top;
    failed = failed || json_object_set_new(top, "schema_version", json_integer(BT_RECORD_SCHEMA_VERSION));
    failed = failed || json_object_set_new(top, "kind", json_string(KIND));
    failed = failed || bt_fields_write(record_fields, COUNT(record_fields), record, top);
    failed = failed || json_object_set_new(
                           top, "changes",
                           bt_json_array_of(record->changes, sizeof *record->changes, changes, write_change));
    failed = failed || json_object_set_new(top, "machine", bt_machine_to_json(&record->machine));
    failed = failed || json_object_set_new(top, "subject", bt_subject_to_json(&record->subject));
    failed = failed || json_object_set_new(
                           top, "settings",
                           bt_options_write_json(bt_settings_table, bt_settings_count, &record->settings));
    failed = failed || json_object_set_new(top, "settings_from", write_sources(record));
    failed = failed || json_object_set_new(top, "models",
                                           bt_json_array_of(record->models, sizeof *record->models,
                                                            record->model_count, write_model));
    *out = top;
    if (!failed) return BT_OK;
    json_decref(top);
    *out = NULL;
    return bt_no_memory(error, "writing the result record");
}

bt_status bt_record_save(const bt_record *record, const char *path, bt_error *error) {
    json_t *json;
    bt_status status = bt_record_to_json(record, &json, error);
    if (status != BT_OK) return bt_fail_at(error, status, "%s", path);
    status = bt_json_save(json, path, false, error);
    json_decref(json);
    return status;
}

/* ---- reading ---- */

static bt_status read_point(const json_t *object, bt_model_record *model, const char *where,
                            bt_error *error) {
    bt_point read = {.batch_size = 0};
    bt_status status = bt_fields_read(point_fields, COUNT(point_fields), object, &read, where, error);
    if (status != BT_OK) return status;
    char name[32];
    status = bt_json_text(object, "outcome", name, sizeof name, where, error);
    if (status != BT_OK) return status;
    if (!bt_outcome_find(name, &read.outcome))
        return bt_fail(error, BT_PARSE, "%s: outcome \"%s\" is none that is known", where, name);
    json_t *samples;
    status = bt_json_array(object, "samples_ms", &samples, where, error);
    if (status != BT_OK) return status;
    if (model->point_count > 0 && model->points[model->point_count - 1].batch_size >= read.batch_size)
        return bt_fail(error, BT_PARSE, "%s: batch_size %d does not come after the one before", where,
                       read.batch_size);
    bt_point *point = bt_record_add_point(model, read.batch_size);
    if (!point) return bt_no_memory(error, "%s", where);
    *point = read;
    return bt_numbers_read(samples, &point->samples_ms, &point->sample_count, "samples_ms", where, error);
}

static bt_status read_points(const json_t *object, bt_model_record *model, const char *where,
                             bt_error *error) {
    json_t *array;
    bt_status status = bt_json_array(object, "points", &array, where, error);
    size_t count = json_array_size(array);
    if (status == BT_OK && count > POINTS_MAX)
        status = bt_fail(error, BT_PARSE, "%s: points has %zu items, at most %d", where, count, POINTS_MAX);
    for (size_t i = 0; status == BT_OK && i < count; i++) {
        char here[BT_WHERE_SIZE];
        bt_where_item(here, where, "points", i);
        status = read_point(json_array_get(array, i), model, here, error);
    }
    return status;
}

/* Records from before there were any have none. */
static bt_status read_divisions(const json_t *object, bt_model_record *model, const char *where,
                                bt_error *error) {
    json_t *array = json_object_get(object, "divisions");
    model->division_count = 0;
    if (!array) return BT_OK;
    bt_status status = bt_json_array(object, "divisions", &array, where, error);
    if (status == BT_OK && json_array_size(array) > BT_DIVISIONS_MAX)
        status = bt_fail(error, BT_PARSE, "%s: divisions has %zu items, at most %d", where,
                         json_array_size(array), BT_DIVISIONS_MAX);
    for (size_t i = 0; status == BT_OK && i < json_array_size(array); i++) {
        char here[BT_WHERE_SIZE];
        bt_where_item(here, where, "divisions", i);
        status = bt_fields_read(division_fields, COUNT(division_fields), json_array_get(array, i),
                                &model->divisions[model->division_count++], here, error);
    }
    return status;
}

static bt_status read_choice(const json_t *object, const char *key, const bt_model_record *model, int *out,
                             const char *where, bt_error *error) {
    int64_t batch_size;
    *out = -1;
    if (json_is_null(json_object_get(object, key))) return BT_OK;
    bt_status status = bt_json_integer(object, key, 1, BT_BATCH_MAX, &batch_size, where, error);
    if (status != BT_OK) return status;
    for (int i = 0; i < model->point_count; i++)
        if (model->points[i].batch_size == batch_size) *out = i;
    if (*out >= 0) return BT_OK;
    return bt_fail(error, BT_PARSE, "%s: %s is batch size %lld, of which there is no point", where, key,
                   (long long)batch_size);
}

static bt_status read_verdicts(const json_t *object, bt_model_record *model, const char *where,
                               bt_error *error) {
    json_t *winners;
    char here[BT_WHERE_SIZE];
    bt_status status = read_choice(object, "optimal_batch_size", model, &model->chosen, where, error);
    if (status == BT_OK) status = bt_json_object(object, "winners", &winners, where, error);
    bt_where_key(here, where, "winners");
    for (int i = 0; status == BT_OK && i < BT_OBJECTIVE_COUNT; i++)
        status =
            read_choice(winners, bt_objective_name((bt_objective)i), model, &model->winners[i], here, error);
    return status;
}

static bt_status read_fit(const json_t *object, const char *key, bt_memory_fit *fit, const char *where,
                          bt_error *error) {
    char here[BT_WHERE_SIZE];
    json_t *part;
    bt_status status = bt_json_object(object, key, &part, where, error);
    if (status != BT_OK) return status;
    bt_where_key(here, where, key);
    return bt_fields_read(fit_fields, COUNT(fit_fields), part, fit, here, error);
}

static bt_status read_model(const json_t *object, bt_model_record *model, const char *where,
                            bt_error *error) {
    json_t *samples;
    bt_status status = bt_fields_read(model_fields, COUNT(model_fields), object, model, where, error);
    if (status == BT_OK) status = read_divisions(object, model, where, error);
    if (status == BT_OK) status = read_points(object, model, where, error);
    if (status == BT_OK) status = read_verdicts(object, model, where, error);
    if (status == BT_OK)
        status = read_fit(object, "production_memory", &model->production_memory, where, error);
    if (status == BT_OK) status = read_fit(object, "standard_memory", &model->standard_memory, where, error);
    if (status == BT_OK) status = bt_json_array(object, "standard_samples_ms", &samples, where, error);
    if (status != BT_OK) return status;
    return bt_numbers_read(samples, &model->standard_samples_ms, &model->standard_sample_count,
                           "standard_samples_ms", where, error);
}

static bt_status read_changes(const json_t *top, bt_record *record, const char *path, bt_error *error) {
    const size_t room = COUNT(record->changes);
    json_t *array;
    bt_status status = bt_json_array(top, "changes", &array, path, error);
    if (status != BT_OK) return status;
    size_t count = json_array_size(array);
    if (count > room)
        return bt_fail(error, BT_PARSE, "%s: changes has %zu items, at most %zu", path, count, room);
    for (size_t i = 0; i < count; i++) {
        const json_t *line = json_array_get(array, i);
        if (!json_is_string(line) || json_string_length(line) >= BT_TEXT_SIZE)
            return bt_fail(error, BT_PARSE, "%s: changes[%zu] is not a text of less than %d bytes", path, i,
                           BT_TEXT_SIZE);
        memcpy(record->changes[i], json_string_value(line), json_string_length(line) + 1);
    }
    record->change_count = (int)count;
    return BT_OK;
}

static bt_status read_sources(const json_t *top, bt_record *record, const char *where, bt_error *error) {
    json_t *object, *item;
    const char *key;
    bt_status status = bt_json_object(top, "settings_from", &object, where, error);
    if (status != BT_OK) return status;
    for (size_t i = 0; i < bt_settings_count; i++)
        record->sources.of[i] = BT_SOURCE_DEFAULT;
    json_object_foreach(object, key, item) {
        int index = bt_options_find(bt_settings_table, bt_settings_count, key);
        const char *name = json_string_value(item);
        size_t source = 0;
        while (name && source < COUNT(source_names) && strcmp(source_names[source], name) != 0)
            source++;
        if (index < 0 || !name || source == COUNT(source_names)) {
            char shown[BT_TEXT_QUOTE_SIZE];
            bt_text_quote(key, shown);
            return bt_fail(error, BT_PARSE, "%s: settings_from: %s is no setting or has no known source",
                           where, shown);
        }
        record->sources.of[index] = (bt_option_source)source;
    }
    return BT_OK;
}

static bt_status read_settings(const json_t *top, bt_record *record, const char *path, bt_error *error) {
    char where[BT_WHERE_SIZE];
    json_t *object;
    bt_status status = bt_json_object(top, "settings", &object, path, error);
    if (status != BT_OK) return status;
    bt_where_key(where, path, "settings");
    status = bt_options_read_json(bt_settings_table, bt_settings_count, object, BT_SOURCE_CONFIG, where,
                                  &record->settings, &record->sources, error);
    return status != BT_OK ? status : read_sources(top, record, path, error);
}

static bt_status read_fingerprint(const json_t *top, bt_record *record, const char *path, bt_error *error) {
    char where[BT_WHERE_SIZE];
    json_t *machine, *subject;
    bt_status status = bt_json_object(top, "machine", &machine, path, error);
    bt_where_key(where, path, "machine");
    if (status == BT_OK) status = bt_machine_from_json(machine, &record->machine, where, error);
    if (status == BT_OK) status = bt_json_object(top, "subject", &subject, path, error);
    bt_where_key(where, path, "subject");
    if (status == BT_OK) status = bt_subject_from_json(subject, &record->subject, where, error);
    return status;
}

static bt_status read_record(bt_record **out, const json_t *top, const char *path, bt_error *error) {
    json_t *models;
    bt_status status = bt_record_check_kind(top, KIND, BT_RECORD_SCHEMA_VERSION, path, error);
    if (status == BT_OK) status = bt_json_array(top, "models", &models, path, error);
    if (status != BT_OK) return status;
    if (json_array_size(models) > MODELS_MAX)
        return bt_fail(error, BT_PARSE, "%s: models has %zu items, at most %d", path, json_array_size(models),
                       MODELS_MAX);
    status = bt_record_open(out, (int)json_array_size(models), error);
    if (status != BT_OK) return status;
    bt_record *record = *out;
    status = bt_fields_read(record_fields, COUNT(record_fields), top, record, path, error);
    if (status == BT_OK) status = read_changes(top, record, path, error);
    if (status == BT_OK) status = read_fingerprint(top, record, path, error);
    if (status == BT_OK) status = read_settings(top, record, path, error);
    for (int i = 0; status == BT_OK && i < record->model_count; i++) {
        char where[BT_WHERE_SIZE];
        bt_where_item(where, path, "models", (size_t)i);
        status = read_model(json_array_get(models, (size_t)i), &record->models[i], where, error);
    }
    return status;
}

bt_status bt_record_from_json(bt_record **out, const json_t *top, const char *where, bt_error *error) {
    *out = NULL;
    bt_status status = read_record(out, top, where, error);
    if (status != BT_OK) bt_record_close(out);
    return status;
}

bt_status bt_record_load(bt_record **out, const char *path, bt_error *error) {
    json_t *top;
    *out = NULL;
    bt_status status = bt_json_load(&top, path, error);
    if (status != BT_OK) return status;
    status = bt_record_from_json(out, top, path, error);
    json_decref(top);
    return status;
}
