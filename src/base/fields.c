#include "base/fields.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define KEYS_MAX 64

/* ---- writing ---- */

json_t *bt_field_text(const char *text) {
    if (bt_text_is_utf8(text)) return json_string(text);
    char *plain = strdup(text);
    if (!plain) return NULL;
    for (char *at = plain; *at; at++)
        if ((unsigned char)*at >= 0x80) *at = '?';
    json_t *json = json_string(plain);
    free(plain);
    return json;
}

static json_t *write_hash(uint64_t hash) {
    return json_sprintf("%016" PRIx64, hash);
}

static json_t *write_field(const bt_field *field, const void *member) {
    switch (field->type) {
    case BT_FIELD_TEXT:
        return bt_field_text((const char *)member);
    case BT_FIELD_NUMBER:
    case BT_FIELD_AMOUNT:
        return bt_json_real_or_null(*(const double *)member);
    case BT_FIELD_INTEGER:
        return json_integer(*(const int *)member);
    case BT_FIELD_BIG:
        return json_integer(*(const int64_t *)member);
    case BT_FIELD_SWITCH:
        return json_boolean(*(const bool *)member);
    case BT_FIELD_HASH:
        return write_hash(*(const uint64_t *)member);
    case BT_FIELD_OBJECT:
        return bt_fields_to_json(field->members, field->member_count, member);
    case BT_FIELD_MEMBERS: /* has no key */
        break;
    }
    return NULL;
}

static bool is_empty(const bt_field *field, const void *member) {
    switch (field->type) {
    case BT_FIELD_TEXT:
        return !*(const char *)member;
    case BT_FIELD_NUMBER:
    case BT_FIELD_AMOUNT:
        return !isfinite(*(const double *)member);
    case BT_FIELD_INTEGER:
        return *(const int *)member == 0;
    case BT_FIELD_BIG:
        return *(const int64_t *)member == 0;
    case BT_FIELD_SWITCH:
        return !*(const bool *)member;
    case BT_FIELD_HASH:
        return *(const uint64_t *)member == 0;
    case BT_FIELD_OBJECT:
    case BT_FIELD_MEMBERS:
        break;
    }
    return false;
}

int bt_fields_write(const bt_field *fields, size_t count, const void *values, json_t *object) {
    for (size_t i = 0; i < count; i++) {
        const void *member = (const char *)values + fields[i].offset;
        if (fields[i].brief && is_empty(&fields[i], member)) continue;
        const bool beside = fields[i].type == BT_FIELD_MEMBERS;
        if (beside ? bt_fields_write(fields[i].members, fields[i].member_count, member, object)
                   : json_object_set_new(object, fields[i].key, write_field(&fields[i], member)))
            return -1;
    }
    return 0;
}

json_t *bt_fields_to_json(const bt_field *fields, size_t count, const void *values) {
    json_t *object = json_object();
    if (object && bt_fields_write(fields, count, values, object) == 0) return object;
    json_decref(object);
    return NULL;
}

static json_t *write_value(const void *value) {
    return bt_json_real_or_null(*(const double *)value);
}

json_t *bt_numbers_write(const double *values, int count) {
    return bt_json_array_of(values, sizeof *values, count, write_value);
}

/* ---- reading ---- */

static bool bounded(const bt_field *field) {
    return field->minimum != 0 || field->maximum != 0;
}

static bt_status read_number(const bt_field *field, const json_t *object, double *out, const char *where,
                             bt_error *error) {
    if (json_is_null(json_object_get(object, field->key))) {
        *out = NAN;
        return BT_OK;
    }
    double low = bounded(field) ? field->minimum : field->type == BT_FIELD_AMOUNT ? 0 : -INFINITY;
    double high = bounded(field) ? field->maximum : INFINITY;
    return bt_json_number(object, field->key, low, high, out, where, error);
}

static bt_status read_integer(const bt_field *field, const json_t *object, void *member, const char *where,
                              bt_error *error) {
    bool small = field->type == BT_FIELD_INTEGER;
    int64_t value = 0, low = 0, high = small ? INT_MAX : INT64_MAX;
    if (bounded(field)) low = (int64_t)field->minimum, high = (int64_t)field->maximum;
    bt_status status = bt_json_integer(object, field->key, low, high, &value, where, error);
    if (status != BT_OK) return status;
    if (small)
        *(int *)member = (int)value;
    else
        *(int64_t *)member = value;
    return BT_OK;
}

static bt_status read_hash(const bt_field *field, const json_t *object, uint64_t *out, const char *where,
                           bt_error *error) {
    char text[32];
    bt_status status = bt_json_text(object, field->key, text, sizeof text, where, error);
    if (status != BT_OK) return status;
    if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
        return bt_fail(error, BT_PARSE, "%s: %s is not 16 hexadecimal digits", where, field->key);
    *out = strtoull(text, NULL, 16);
    return BT_OK;
}

static bt_status read_object(const bt_field *field, const json_t *object, void *member, const char *where,
                             bt_error *error) {
    char here[BT_WHERE_SIZE];
    json_t *part;
    bt_status status = bt_json_object(object, field->key, &part, where, error);
    if (status != BT_OK) return status;
    bt_where_key(here, where, field->key);
    return bt_fields_read(field->members, field->member_count, part, member, here, error);
}

static bt_status read_field(const bt_field *field, const json_t *object, void *member, const char *where,
                            bt_error *error) {
    switch (field->type) {
    case BT_FIELD_TEXT:
        return bt_json_text(object, field->key, (char *)member, field->size, where, error);
    case BT_FIELD_NUMBER:
    case BT_FIELD_AMOUNT:
        return read_number(field, object, (double *)member, where, error);
    case BT_FIELD_INTEGER:
    case BT_FIELD_BIG:
        return read_integer(field, object, member, where, error);
    case BT_FIELD_SWITCH:
        return bt_json_boolean(object, field->key, (bool *)member, where, error);
    case BT_FIELD_HASH:
        return read_hash(field, object, (uint64_t *)member, where, error);
    case BT_FIELD_OBJECT:
        return read_object(field, object, member, where, error);
    case BT_FIELD_MEMBERS:
        return bt_fields_read(field->members, field->member_count, object, member, where, error);
    }
    return BT_OK;
}

bt_status bt_fields_read(const bt_field *fields, size_t count, const json_t *object, void *values,
                         const char *where, bt_error *error) {
    if (!json_is_object(object)) return bt_fail(error, BT_PARSE, "%s is not an object", where);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_object_get(object, fields[i].key);
        if (fields[i].optional && (!item || json_is_null(item))) continue;
        bt_status status = read_field(&fields[i], object, (char *)values + fields[i].offset, where, error);
        if (status != BT_OK) return status;
    }
    return BT_OK;
}

/* Adds the fields' keys to the `count` of `keys`; returns how many there are then. */
static size_t collect_keys(const bt_field *fields, size_t field_count, const char *keys[KEYS_MAX],
                           size_t count) {
    for (size_t i = 0; i < field_count && count < KEYS_MAX; i++)
        if (fields[i].type == BT_FIELD_MEMBERS)
            count = collect_keys(fields[i].members, fields[i].member_count, keys, count);
        else
            keys[count++] = fields[i].key;
    return count;
}

bt_status bt_fields_refuse_unknown(const bt_field *fields, size_t count, const char *const *others,
                                   const json_t *object, const char *where, bt_error *error) {
    const char *known[KEYS_MAX], *key;
    size_t total = collect_keys(fields, count, known, 0);
    json_t *item;
    for (; *others && total < KEYS_MAX; others++)
        known[total++] = *others;
    json_object_foreach((json_t *)object, key, item) {
        size_t i = 0;
        if (*key == '$' || *key == '_') continue;
        while (i < total && strcmp(known[i], key) != 0)
            i++;
        if (i < total) continue;
        char shown[BT_TEXT_QUOTE_SIZE];
        const char *nearest = bt_text_nearest(key, known, total);
        bt_text_quote(key, shown);
        if (nearest)
            return bt_fail(error, BT_PARSE, "%s: unknown key %s; did you mean \"%s\"?", where, shown,
                           nearest);
        return bt_fail(error, BT_PARSE, "%s: unknown key %s", where, shown);
    }
    return BT_OK;
}

bt_status bt_list_read(const json_t *object, const char *key, size_t most, bt_item_reader *read, void *owner,
                       const char *where, bt_error *error) {
    json_t *array;
    char place[BT_WHERE_SIZE];
    bt_status status = bt_json_array(object, key, &array, where, error);
    const size_t count = status == BT_OK ? json_array_size(array) : 0;
    if (count > most)
        return bt_fail(error, BT_PARSE, "%s: %s has %zu items, at most %zu", where, key, count, most);
    for (size_t i = 0; i < count && status == BT_OK; i++) {
        bt_where_item(place, where, key, i);
        status = read(owner, json_array_get(array, i), place, error);
    }
    return status;
}

bt_status bt_numbers_read(const json_t *array, double **out, int *count, const char *name, const char *where,
                          bt_error *error) {
    size_t size = json_array_size(array);
    *out = NULL;
    *count = 0;
    if (size == 0) return BT_OK;
    double *values = size > INT_MAX ? NULL : (double *)malloc(size * sizeof *values);
    if (!values) return bt_no_memory(error, "%zu numbers of %s", size, where);
    for (size_t i = 0; i < size; i++) {
        const json_t *item = json_array_get(array, i);
        values[i] = json_number_value(item);
        if (json_is_number(item) && values[i] >= 0) continue;
        free(values);
        return bt_fail(error, BT_PARSE, "%s: %s[%zu] is not a number of at least 0", where, name, i);
    }
    *out = values;
    *count = (int)size;
    return BT_OK;
}

/* ---- places ---- */

void bt_where_key(char out[BT_WHERE_SIZE], const char *parent, const char *key) {
    const char *joint = strstr(parent, ": ") ? "." : ": ";
    snprintf(out, BT_WHERE_SIZE, "%s%s%s", parent, joint, key);
}

void bt_where_item(char out[BT_WHERE_SIZE], const char *parent, const char *key, size_t index) {
    const char *joint = strstr(parent, ": ") ? "." : ": ";
    snprintf(out, BT_WHERE_SIZE, "%s%s%s[%zu]", parent, joint, key, index);
}
