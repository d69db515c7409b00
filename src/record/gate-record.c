#include "record/gate-record.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/fields.h"
#include "base/json.h"
#include "record/parts.h"

#define KIND        "gate"
#define SAMPLES_MAX 10000000

static const bt_field record_fields[] = {
    {BT_FIELD(TEXT, bt_gate_record, started_at)},
    {BT_FIELD(TEXT, bt_gate_record, command)},
    {BT_FIELD(TEXT, bt_gate_record, settings)},
    {BT_FIELD(TEXT, bt_gate_record, partial), .optional = true, .brief = true},
    {BT_THROTTLING_MEMBERS(bt_gate_record)},
};

static const bt_field series_fields[] = {
    {BT_FIELD(TEXT, bt_gate_series, metric)},
    {BT_FIELD(TEXT, bt_gate_series, unit)},
    {BT_FIELD(TEXT, bt_gate_series, work)},
    {BT_FIELD(TEXT, bt_gate_series, conditions), .optional = true, .brief = true},
    {BT_FIELD(NUMBER, bt_gate_series, quantile), .minimum = DBL_MIN, .maximum = 1},
    {BT_FIELD(SWITCH, bt_gate_series, minor), .optional = true, .brief = true},
};

static const bt_field promise_fields[] = {
    {BT_FIELD(TEXT, bt_gate_promise, name)},
    {BT_FIELD(TEXT, bt_gate_promise, word)},
    {BT_FIELD(NUMBER, bt_gate_promise, sla_ms), .optional = true, .brief = true},
    {BT_FIELD(TEXT, bt_gate_promise, work), .optional = true, .brief = true},
    {BT_FIELD(TEXT, bt_gate_promise, conditions), .optional = true, .brief = true},
};

/* ---- holding ---- */

bt_status bt_gate_record_open(bt_gate_record **out, bt_error *error) {
    *out = calloc(1, sizeof **out);
    return *out ? BT_OK : bt_no_memory(error, "a gate's record");
}

void bt_gate_record_close(bt_gate_record **record) {
    if (!record || !*record) return;
    for (int i = 0; i < (*record)->series_count; i++) {
        free((*record)->series[i].samples);
        free((*record)->series[i].turns);
    }
    free((*record)->series);
    free((*record)->promises);
    free(*record);
    *record = NULL;
}

static int find(const bt_gate_record *record, const char *metric) {
    for (int i = 0; i < record->series_count; i++)
        if (strcmp(record->series[i].metric, metric) == 0) return i;
    return -1;
}

const bt_gate_series *bt_gate_series_find(const bt_gate_record *record, const char *metric) {
    int i = find(record, metric);
    return i < 0 ? NULL : &record->series[i];
}

bt_gate_series *bt_gate_series_add(bt_gate_record *record, const char *metric, const char *unit,
                                   const char *work, double quantile) {
    int i = find(record, metric);
    if (i >= 0) return &record->series[i];
    if (record->series_count >= BT_METRICS_MAX) return NULL;
    bt_gate_series *grown =
        bt_array_grow(record->series, (size_t)record->series_count, 1, NULL, sizeof *grown);
    if (!grown) return NULL;
    record->series = grown;
    bt_gate_series *series = &grown[record->series_count++];
    *series = (bt_gate_series){.quantile = quantile};
    snprintf(series->metric, sizeof series->metric, "%s", metric);
    snprintf(series->unit, sizeof series->unit, "%s", unit);
    snprintf(series->work, sizeof series->work, "%s", work);
    return series;
}

bt_status bt_gate_samples_add(bt_gate_series *series, const double *samples, int count, bool turn,
                              bt_error *error) {
    if (count <= 0) return BT_OK;
    if (count > SAMPLES_MAX - series->sample_count)
        return bt_fail(error, BT_INVALID, "%s: more than %d samples", series->metric, SAMPLES_MAX);
    const size_t so_far = (size_t)series->sample_count;
    double *grown = bt_array_grow(series->samples, so_far, (size_t)count, NULL, sizeof *grown);
    if (!grown) return bt_no_memory(error, "%d samples of %s", count, series->metric);
    series->samples = grown;
    if (turn) {
        int *turns = bt_array_grow(series->turns, (size_t)series->turn_count, 1, NULL, sizeof *turns);
        if (!turns) return bt_no_memory(error, "%d samples of %s", count, series->metric);
        series->turns = turns;
        turns[series->turn_count++] = count;
    }
    memcpy(grown + so_far, samples, (size_t)count * sizeof *samples);
    series->sample_count += count;
    return BT_OK;
}

bt_status bt_gate_promise_add(bt_gate_record *record, const bt_gate_promise *promise, bt_error *error) {
    bt_gate_promise *grown =
        bt_array_grow(record->promises, (size_t)record->promise_count, 1, NULL, sizeof *grown);
    if (!grown) return bt_no_memory(error, "a promise");
    record->promises = grown;
    grown[record->promise_count++] = *promise;
    return BT_OK;
}

bt_status bt_gate_record_merge(bt_gate_record *record, const bt_gate_record *turn, bt_error *error) {
    for (int i = 0; i < turn->series_count; i++) {
        const bt_gate_series *from = &turn->series[i];
        bt_gate_series *into =
            bt_gate_series_add(record, from->metric, from->unit, from->work, from->quantile);
        if (!into) return bt_no_memory(error, "metric %s", from->metric);
        if (into->sample_count == 0) memcpy(into->conditions, from->conditions, sizeof into->conditions);
        if (strcmp(into->unit, from->unit) != 0 || strcmp(into->work, from->work) != 0 ||
            strcmp(into->conditions, from->conditions) != 0)
            return bt_fail(error, BT_INVALID, "%s: was %s of %s %s, and now is %s of %s %s", from->metric,
                           into->unit, into->work, into->conditions, from->unit, from->work,
                           from->conditions);
        bt_status status = bt_gate_samples_add(into, from->samples, from->sample_count, true, error);
        if (status != BT_OK) return status;
    }
    return BT_OK;
}

/* ---- writing ---- */

static json_t *write_turns(const bt_gate_series *series) {
    json_t *array = json_array();
    const double *at = series->samples;
    for (int i = 0; array && i < series->turn_count; at += series->turns[i++])
        if (json_array_append_new(array, bt_numbers_write(at, series->turns[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *write_series(const void *item) {
    const bt_gate_series *series = item;
    json_t *object = bt_fields_to_json(BT_FIELDS(series_fields), series);
    bool turns = series->turn_count > 0;
    if (object && json_object_set_new(object, turns ? "turns" : "samples",
                                      turns ? write_turns(series)
                                            : bt_numbers_write(series->samples, series->sample_count)) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *write_promise(const void *promise) {
    return bt_fields_to_json(BT_FIELDS(promise_fields), promise);
}

bt_status bt_gate_record_to_json(const bt_gate_record *record, json_t **out, bt_error *error) {
    json_t *top = json_pack("{s:i, s:s}", "schema_version", BT_GATE_SCHEMA_VERSION, "kind", KIND);
    if (top && bt_fields_write(BT_FIELDS(record_fields), record, top) == 0 &&
        bt_fingerprint_write(top, &record->machine, &record->subject) == 0 &&
        json_object_set_new(top, "promises",
                            bt_json_array_of(record->promises, sizeof *record->promises,
                                             record->promise_count, write_promise)) == 0 &&
        json_object_set_new(top, "metrics",
                            bt_json_array_of(record->series, sizeof *record->series, record->series_count,
                                             write_series)) == 0) {
        *out = top;
        return BT_OK;
    }
    json_decref(top);
    return bt_no_memory(error, "a gate's record");
}

bt_status bt_gate_record_save(const bt_gate_record *record, const char *path, bt_error *error) {
    json_t *json;
    bt_status status = bt_gate_record_to_json(record, &json, error);
    if (status != BT_OK) return status;
    status = bt_json_save(json, path, record->partial[0] != '\0', error);
    json_decref(json);
    return status;
}

/* ---- reading ---- */

static bt_status read_samples(bt_gate_series *series, const json_t *array, bool turn, const char *where,
                              bt_error *error) {
    double *values;
    int count;
    if (!json_is_array(array)) return bt_fail(error, BT_PARSE, "%s: a turn is an array of numbers", where);
    bt_status status = bt_numbers_read(array, &values, &count, turn ? "turns" : "samples", where, error);
    if (status != BT_OK) return status;
    status = bt_gate_samples_add(series, values, count, turn, error);
    free(values);
    return status;
}

static bt_status read_promise(void *record, const json_t *object, const char *where, bt_error *error) {
    bt_gate_promise promise = {.sla_ms = NAN};
    bt_status status = bt_fields_read(BT_FIELDS(promise_fields), object, &promise, where, error);
    return status == BT_OK ? bt_gate_promise_add(record, &promise, error) : status;
}

static bt_status read_series(void *owner, const json_t *object, const char *where, bt_error *error) {
    bt_gate_record *record = owner;
    bt_gate_series read = {0};
    json_t *turns = json_object_get(object, "turns"), *samples;
    bt_status status = bt_fields_read(BT_FIELDS(series_fields), object, &read, where, error);
    if (status != BT_OK) return status;
    if (!read.metric[0]) return bt_fail(error, BT_PARSE, "%s: metric is empty", where);
    if (!(read.quantile > 0)) return bt_fail(error, BT_PARSE, "%s: quantile is null", where);
    if (find(record, read.metric) >= 0)
        return bt_fail(error, BT_PARSE, "%s: a second metric is called %s", where, read.metric);
    if (record->series_count >= BT_METRICS_MAX)
        return bt_fail(error, BT_PARSE, "%s: more than %d metrics", where, BT_METRICS_MAX);
    bt_gate_series *series = bt_gate_series_add(record, read.metric, read.unit, read.work, read.quantile);
    if (!series) return bt_no_memory(error, "%s", where);
    series->minor = read.minor;
    memcpy(series->conditions, read.conditions, sizeof series->conditions);
    if (turns && !json_is_array(turns)) return bt_fail(error, BT_PARSE, "%s: turns is no array", where);
    for (size_t i = 0; status == BT_OK && i < json_array_size(turns); i++)
        status = read_samples(series, json_array_get(turns, i), true, where, error);
    if (turns) return status;
    status = bt_json_array(object, "samples", &samples, where, error);
    return status == BT_OK ? read_samples(series, samples, false, where, error) : status;
}

static bt_status read_all(bt_gate_record *record, const json_t *top, const char *where, bt_error *error) {
    bt_status status = bt_record_check_kind(top, KIND, BT_GATE_SCHEMA_VERSION, where, error);
    if (status == BT_OK) status = bt_fields_read(BT_FIELDS(record_fields), top, record, where, error);
    if (status == BT_OK) status = bt_fingerprint_read(top, &record->machine, &record->subject, where, error);
    if (status == BT_OK) status = bt_list_read(top, "promises", SIZE_MAX, read_promise, record, where, error);
    return status == BT_OK ? bt_list_read(top, "metrics", SIZE_MAX, read_series, record, where, error)
                           : status;
}

bt_status bt_gate_record_from_json(bt_gate_record **out, const json_t *top, const char *where,
                                   bt_error *error) {
    bt_status status = bt_gate_record_open(out, error);
    if (status == BT_OK) status = read_all(*out, top, where, error);
    if (status != BT_OK) bt_gate_record_close(out);
    return status;
}

bt_status bt_gate_record_load(bt_gate_record **out, const char *path, bt_error *error) {
    json_t *top;
    *out = NULL;
    bt_status status = bt_json_load(&top, path, error);
    if (status != BT_OK) return status;
    status = bt_gate_record_from_json(out, top, path, error);
    json_decref(top);
    return status;
}
