/* The sweep record's file form: the run. Its models are sweep-model-json.c's. */
#include "record/sweep-record.h"

#include <stdio.h>
#include <string.h>

#include "base/fields.h"
#include "base/json.h"
#include "base/text.h"
#include "record/parts.h"

#define KIND         "sweep"
#define COUNT(table) (sizeof table / sizeof table[0])
#define OPTIONAL     .optional = true /* older records lack it */
#define RUN(type, m) BT_FIELD(type, bt_record, m)

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
    {RUN(AMOUNT, measuring_s)},
};

static const char *const source_names[] = {
    [BT_SOURCE_DEFAULT] = "default",
    [BT_SOURCE_PROFILE] = "profile",
    [BT_SOURCE_CONFIG] = "config",
    [BT_SOURCE_FLAG] = "flag",
};

/* ---- writing ---- */

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
    failed = failed || bt_fields_write(BT_FIELDS(record_fields), record, top);
    failed = failed || json_object_set_new(
                           top, "changes",
                           bt_json_array_of(record->changes, sizeof *record->changes, changes, write_change));
    failed = failed || bt_fingerprint_write(top, &record->machine, &record->subject);
    failed = failed || json_object_set_new(
                           top, "settings",
                           bt_options_write_json(bt_settings_table, bt_settings_count, &record->settings));
    failed = failed || json_object_set_new(top, "settings_from", write_sources(record));
    failed = failed || json_object_set_new(top, "models",
                                           bt_json_array_of(record->models, sizeof *record->models,
                                                            record->model_count, bt_model_record_to_json));
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

static bt_status read_record(bt_record **out, const json_t *top, const char *path, bt_error *error) {
    json_t *models;
    bt_status status = bt_record_check_kind(top, KIND, BT_RECORD_SCHEMA_VERSION, path, error);
    if (status == BT_OK) status = bt_json_array(top, "models", &models, path, error);
    if (status != BT_OK) return status;
    if (json_array_size(models) > BT_MODELS_MAX)
        return bt_fail(error, BT_PARSE, "%s: models has %zu items, at most %d", path, json_array_size(models),
                       BT_MODELS_MAX);
    status = bt_record_open(out, (int)json_array_size(models), error);
    if (status != BT_OK) return status;
    bt_record *record = *out;
    status = bt_fields_read(BT_FIELDS(record_fields), top, record, path, error);
    if (status == BT_OK) status = read_changes(top, record, path, error);
    if (status == BT_OK) status = bt_fingerprint_read(top, &record->machine, &record->subject, path, error);
    if (status == BT_OK) status = read_settings(top, record, path, error);
    for (int i = 0; status == BT_OK && i < record->model_count; i++) {
        char where[BT_WHERE_SIZE];
        bt_where_item(where, path, "models", (size_t)i);
        status =
            bt_model_record_from_json(json_array_get(models, (size_t)i), &record->models[i], where, error);
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
