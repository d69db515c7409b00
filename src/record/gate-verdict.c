#include "record/gate-verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/fields.h"
#include "base/json.h"
#include "record/parts.h"

#define KIND         "gate-verdict"
#define ROW(type, m) BT_FIELD(type, bt_gate_row, m)
#define TOP(type, m) BT_FIELD(type, bt_gate_verdict, m)
#define A_CHANCE     .minimum = 0, .maximum = 1

static const bt_field row_fields[] = {
    {ROW(TEXT, metric)},
    {ROW(TEXT, unit)},
    {ROW(TEXT, work)},
    {ROW(TEXT, why)},
    {ROW(NUMBER, quantile), A_CHANCE},
    {ROW(NUMBER, before)},
    {ROW(NUMBER, now)},
    {ROW(NUMBER, slowdown_percent)},
    {ROW(NUMBER, lower_percent)},
    {ROW(NUMBER, upper_percent)},
    {ROW(NUMBER, tolerance_percent)},
    {ROW(NUMBER, declared_percent)},
    {ROW(TEXT, reason)},
    {ROW(SWITCH, minor)},
    {ROW(SWITCH, like)},
    {ROW(SWITCH, paired)},
    {ROW(NUMBER, p_slower), A_CHANCE},
    {ROW(NUMBER, p_same), A_CHANCE},
    {ROW(NUMBER, p_faster), A_CHANCE},
};

static const bt_field kept_fields[] = {
    {BT_FIELD(TEXT, bt_gate_kept, name)},
    {BT_FIELD(TEXT, bt_gate_kept, before)},
    {BT_FIELD(TEXT, bt_gate_kept, now)},
    {BT_FIELD(NUMBER, bt_gate_kept, before_sla_ms), .optional = true},
    {BT_FIELD(NUMBER, bt_gate_kept, now_sla_ms), .optional = true},
    {BT_FIELD(TEXT, bt_gate_kept, why), .optional = true},
};

static const bt_field top_fields[] = {
    {TOP(TEXT, started_at)},
    {TOP(TEXT, command)},
    {TOP(TEXT, before_name)},
    {TOP(TEXT, now_name)},
    {TOP(TEXT, machine_differs)},
    {TOP(TEXT, subject_differs)},
    {TOP(TEXT, unmeasurable)},
    {TOP(TEXT, profile)},
    {TOP(TEXT, note)},
    {TOP(NUMBER, error_percent)},
    {TOP(NUMBER, measuring_s)},
    {TOP(INTEGER, pairs)},
    {TOP(INTEGER, looks)},
    {TOP(SWITCH, identical)},
    {TOP(TEXT, on_inconclusive)},
    {TOP(TEXT, why)},
    {TOP(INTEGER, verdict_code), .minimum = 0, .maximum = 255},
};

static const char *const word_names[BT_GATE_WORD_COUNT] = {
    [BT_GATE_FASTER] = "faster",
    [BT_GATE_SAME] = "same",
    [BT_GATE_SLOWER] = "slower",
    [BT_GATE_DECLARED] = "declared",
    [BT_GATE_INCONCLUSIVE] = "inconclusive",
    [BT_GATE_INCOMPARABLE] = "incomparable",
    [BT_GATE_NEW] = "new",
};

const char *bt_gate_word_name(bt_gate_word word) {
    return (unsigned)word < BT_GATE_WORD_COUNT ? word_names[word] : "unknown";
}

/* ---- holding ---- */

bt_status bt_gate_verdict_open(bt_gate_verdict **out, bt_error *error) {
    *out = calloc(1, sizeof **out);
    if (!*out) return bt_no_memory(error, "a gate's verdict");
    (*out)->verdict = BT_GATE_INCONCLUSIVE;
    (*out)->error_percent = (*out)->measuring_s = NAN;
    return BT_OK;
}

void bt_gate_verdict_close(bt_gate_verdict **verdict) {
    if (!verdict || !*verdict) return;
    for (int i = 0; i < (*verdict)->row_count; i++) {
        free((*verdict)->rows[i].before_values);
        free((*verdict)->rows[i].now_values);
    }
    free((*verdict)->rows);
    free((*verdict)->promises);
    free(*verdict);
    *verdict = NULL;
}

bt_gate_row *bt_gate_row_add(bt_gate_verdict *verdict, const char *metric, const char *unit, const char *work,
                             double quantile) {
    bt_gate_row *grown = bt_array_grow(verdict->rows, (size_t)verdict->row_count, 1, NULL, sizeof *grown);
    if (!grown) return NULL;
    verdict->rows = grown;
    bt_gate_row *row = &grown[verdict->row_count++];
    *row = (bt_gate_row){.verdict = BT_GATE_INCONCLUSIVE,
                         .quantile = quantile,
                         .before = NAN,
                         .now = NAN,
                         .slowdown_percent = NAN,
                         .lower_percent = NAN,
                         .upper_percent = NAN,
                         .tolerance_percent = NAN,
                         .declared_percent = NAN,
                         .p_slower = 1,
                         .p_same = 1,
                         .p_faster = 1};
    snprintf(row->metric, sizeof row->metric, "%s", metric);
    snprintf(row->unit, sizeof row->unit, "%s", unit);
    snprintf(row->work, sizeof row->work, "%s", work);
    return row;
}

bt_gate_row *bt_gate_row_find(bt_gate_verdict *verdict, const char *metric) {
    for (int i = 0; i < verdict->row_count; i++)
        if (strcmp(verdict->rows[i].metric, metric) == 0) return &verdict->rows[i];
    return NULL;
}

bt_status bt_gate_row_value(bt_gate_row *row, bool now, double value, bt_error *error) {
    double **values = now ? &row->now_values : &row->before_values;
    int *count = now ? &row->now_count : &row->before_count;
    double *grown = bt_array_grow(*values, (size_t)*count, 1, NULL, sizeof *grown);
    if (!grown) return bt_no_memory(error, "a value of %s", row->metric);
    *values = grown;
    grown[(*count)++] = value;
    return BT_OK;
}

bt_status bt_gate_kept_add(bt_gate_verdict *verdict, const bt_gate_kept *kept, bt_error *error) {
    bt_gate_kept *grown =
        bt_array_grow(verdict->promises, (size_t)verdict->promise_count, 1, NULL, sizeof *grown);
    if (!grown) return bt_no_memory(error, "a promise");
    verdict->promises = grown;
    grown[verdict->promise_count++] = *kept;
    return BT_OK;
}

/* ---- writing ---- */

static json_t *write_row(const void *item) {
    const bt_gate_row *row = item;
    json_t *object = bt_fields_to_json(BT_FIELDS(row_fields), row);
    if (object && json_object_set_new(object, "verdict", json_string(bt_gate_word_name(row->verdict))) == 0 &&
        json_object_set_new(object, "before_values",
                            bt_numbers_write(row->before_values, row->before_count)) == 0 &&
        json_object_set_new(object, "now_values", bt_numbers_write(row->now_values, row->now_count)) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *write_promise(const void *item) {
    const bt_gate_kept *kept = item;
    json_t *object = bt_fields_to_json(BT_FIELDS(kept_fields), kept);
    if (object && json_object_set_new(object, "verdict", json_string(bt_gate_word_name(kept->verdict))) == 0)
        return object;
    json_decref(object);
    return NULL;
}

bt_status bt_gate_verdict_to_json(const bt_gate_verdict *verdict, json_t **out, bt_error *error) {
    json_t *top = json_pack("{s:i, s:s, s:s}", "schema_version", BT_GATE_VERDICT_SCHEMA_VERSION, "kind", KIND,
                            "verdict", bt_gate_word_name(verdict->verdict));
    if (top && bt_fields_write(BT_FIELDS(top_fields), verdict, top) == 0 &&
        json_object_set_new(top, "promises",
                            bt_json_array_of(verdict->promises, sizeof *verdict->promises,
                                             verdict->promise_count, write_promise)) == 0 &&
        json_object_set_new(
            top, "metrics",
            bt_json_array_of(verdict->rows, sizeof *verdict->rows, verdict->row_count, write_row)) == 0) {
        *out = top;
        return BT_OK;
    }
    json_decref(top);
    return bt_no_memory(error, "a gate's verdict");
}

bt_status bt_gate_verdict_save(const bt_gate_verdict *verdict, const char *path, bt_error *error) {
    json_t *json;
    bt_status status = bt_gate_verdict_to_json(verdict, &json, error);
    if (status != BT_OK) return status;
    status = bt_json_save(json, path, false, error);
    json_decref(json);
    return status;
}

/* ---- reading ---- */

static bt_status read_word(const json_t *object, bt_gate_word *out, const char *where, bt_error *error) {
    char text[32];
    bt_status status = bt_json_text(object, "verdict", text, sizeof text, where, error);
    if (status != BT_OK) return status;
    for (int i = 0; i < BT_GATE_WORD_COUNT; i++)
        if (strcmp(word_names[i], text) == 0) {
            *out = (bt_gate_word)i;
            return BT_OK;
        }
    return bt_fail(error, BT_PARSE, "%s: verdict is \"%s\", which is none", where, text);
}

static bt_status read_values(const json_t *object, const char *key, double **out, int *count,
                             const char *where, bt_error *error) {
    json_t *array;
    bt_status status = bt_json_array(object, key, &array, where, error);
    return status == BT_OK ? bt_numbers_read(array, out, count, key, where, error) : status;
}

static bt_status read_row(void *verdict, const json_t *object, const char *where, bt_error *error) {
    bt_gate_row *row = bt_gate_row_add(verdict, "", "", "", NAN);
    if (!row) return bt_no_memory(error, "%s", where);
    bt_status status = bt_fields_read(BT_FIELDS(row_fields), object, row, where, error);
    if (status == BT_OK) status = read_word(object, &row->verdict, where, error);
    if (status == BT_OK)
        status = read_values(object, "before_values", &row->before_values, &row->before_count, where, error);
    if (status == BT_OK)
        status = read_values(object, "now_values", &row->now_values, &row->now_count, where, error);
    return status;
}

/* Older verdicts say of a promise only whether it is newly broken. */
static bt_status read_kept(void *verdict, const json_t *object, const char *where, bt_error *error) {
    bt_gate_kept kept = {.before_sla_ms = NAN, .now_sla_ms = NAN, .verdict = BT_GATE_SAME};
    bool newly_broken = false, older = !json_object_get(object, "verdict");
    bt_status status = bt_fields_read(BT_FIELDS(kept_fields), object, &kept, where, error);
    if (status == BT_OK && !older) status = read_word(object, &kept.verdict, where, error);
    if (status == BT_OK && older)
        status = bt_json_boolean(object, "newly_broken", &newly_broken, where, error);
    if (newly_broken) kept.verdict = BT_GATE_SLOWER;
    return status == BT_OK ? bt_gate_kept_add(verdict, &kept, error) : status;
}

static bt_status read_all(bt_gate_verdict *verdict, const json_t *top, const char *where, bt_error *error) {
    bt_status status = bt_record_check_kind(top, KIND, BT_GATE_VERDICT_SCHEMA_VERSION, where, error);
    if (status == BT_OK) status = bt_fields_read(BT_FIELDS(top_fields), top, verdict, where, error);
    if (status == BT_OK) status = read_word(top, &verdict->verdict, where, error);
    if (status == BT_OK) status = bt_list_read(top, "promises", SIZE_MAX, read_kept, verdict, where, error);
    return status == BT_OK ? bt_list_read(top, "metrics", SIZE_MAX, read_row, verdict, where, error) : status;
}

bt_status bt_gate_verdict_load(bt_gate_verdict **out, const char *path, bt_error *error) {
    json_t *top;
    *out = NULL;
    bt_status status = bt_json_load(&top, path, error);
    if (status != BT_OK) return status;
    status = bt_gate_verdict_open(out, error);
    if (status == BT_OK) status = read_all(*out, top, path, error);
    if (status != BT_OK) bt_gate_verdict_close(out);
    json_decref(top);
    return status;
}
