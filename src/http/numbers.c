#include "http/numbers.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

typedef struct text {
    const char *at, *end;
} text;

static bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* The next character that is no space; '\0' at the end. */
static char peek(text *t) {
    while (t->at < t->end && is_space(*t->at))
        t->at++;
    return t->at < t->end ? *t->at : '\0';
}

static bool take(text *t, char wanted) {
    if (peek(t) != wanted) return false;
    t->at++;
    return true;
}

/* ---- finding the array: damage is somebody else's to tell, but must not lead astray ---- */

/* Passes over a string, whose inside *out receives, escapes as they stand. */
static bool pass_string(text *t, text *out) {
    if (!take(t, '"')) return false;
    out->at = t->at;
    while (t->at < t->end && *t->at != '"')
        t->at += *t->at == '\\' ? 2 : 1;
    if (t->at >= t->end) return false;
    out->end = t->at++;
    return true;
}

/* Passes over a value; in an array or object also over what is none. */
static bool pass_value(text *t) {
    size_t depth = 0;
    text ignored;
    do {
        const char c = peek(t);
        if (c == '\0') return false;
        if (c == '"') {
            if (!pass_string(t, &ignored)) return false;
            continue;
        }
        if (depth == 0 && strchr(",:]}", c)) return false;
        t->at++;
        if (c == '[' || c == '{') depth++;
        if (c == ']' || c == '}') depth--;
        const bool word = depth == 0 && c != ']' && c != '}';
        while (word && t->at < t->end && !is_space(*t->at) && !strchr(",:]}", *t->at))
            t->at++;
    } while (depth > 0);
    return true;
}

/* From before an object to before the value of its member `name`. */
static bool enter_member(text *t, const char *name) {
    text key;
    if (!take(t, '{')) return false;
    do {
        if (!pass_string(t, &key) || !take(t, ':')) return false;
        if ((size_t)(key.end - key.at) == strlen(name) && memcmp(key.at, name, strlen(name)) == 0)
            return true;
        if (!pass_value(t)) return false;
    } while (take(t, ','));
    return false;
}

bt_numbers bt_numbers_find(const char *json, size_t length) {
    text t = {json, json + length};
    if (!enter_member(&t, "inputs") || !take(&t, '[') || !enter_member(&t, "data") || peek(&t) != '[')
        return (bt_numbers){NULL, 0};
    const char *from = t.at;
    while (take(&t, '['))
        continue;
    const char first = peek(&t);
    t.at = from;
    if (first == '"' || first == '{' || !pass_value(&t)) return (bt_numbers){NULL, 0};
    return (bt_numbers){from, (size_t)(t.at - from)};
}

char *bt_numbers_cut(const char *json, size_t length, bt_numbers numbers, size_t *out_length) {
    static const char instead[] = "null";
    const size_t before = (size_t)(numbers.at - json), behind = length - before - numbers.length;
    char *out = malloc(length - numbers.length + sizeof instead);
    if (!out) return NULL;
    memcpy(out, json, before);
    memcpy(out + before, instead, sizeof instead - 1);
    memcpy(out + before + sizeof instead - 1, numbers.at + numbers.length, behind);
    *out_length = before + sizeof instead - 1 + behind;
    return out;
}

/* ---- one number ---- */

/* What JSON's grammar takes as a number from `at` on; NULL: none. */
static const char *end_of_number(const char *at, const char *end) {
    if (at < end && *at == '-') at++;
    if (at == end || !is_digit(*at)) return NULL;
    if (*at++ != '0')
        while (at < end && is_digit(*at))
            at++;
    if (at < end && *at == '.') {
        if (++at == end || !is_digit(*at)) return NULL;
        while (at < end && is_digit(*at))
            at++;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        if (++at < end && (*at == '+' || *at == '-')) at++;
        if (at == end || !is_digit(*at)) return NULL;
        while (at < end && is_digit(*at))
            at++;
    }
    return at;
}

static bool read_uint8(text *t, void *out) {
    unsigned value = 0;
    const char *from = t->at;
    while (t->at < t->end && t->at - from < 3 && is_digit(*t->at))
        value = value * 10 + (unsigned)(*t->at++ - '0');
    if (t->at == from || value > 255 || (*from == '0' && t->at - from > 1)) return false;
    if (out) *(uint8_t *)out = (uint8_t)value;
    return true;
}

static bool take_word(text *t, const char *word) {
    const size_t length = strlen(word);
    if ((size_t)(t->end - t->at) < length || memcmp(t->at, word, length) != 0) return false;
    t->at += length;
    return true;
}

/* Up to 15 digits and a power of ten that a double holds exactly: one rounding, so the nearest double. false where
 * there is more to it. */
static bool read_short(const char *at, const char *end, double *out) {
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                  1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
    const bool negative = *at == '-';
    int64_t digits = 0;
    int behind_dot = 0;
    bool dot = false;
    at += negative;
    if (end - at > 17) return false;
    while (at < end && *at == '0') /* they count for nothing */
        at++;
    if (end - at > 16) return false;
    for (; at < end; at++) {
        if (*at == 'e' || *at == 'E') return false;
        if (*at == '.') {
            dot = true;
            continue;
        }
        digits = digits * 10 + (*at - '0');
        behind_dot += dot;
    }
    if (digits > (int64_t)1 << 53) return false;
    const double value = (double)digits / tens[behind_dot];
    *out = negative ? -value : value;
    return true;
}

static float to_float(double value) {
    if (value > (double)FLT_MAX || value < (double)-FLT_MAX) return value > 0 ? INFINITY : -INFINITY;
    return (float)value;
}

/* What follows it is a comma, a bracket or a space, at which reading stops. */
static bool read_fp32(text *t, void *out) {
    const char *end = end_of_number(t->at, t->end);
    double value = NAN;
    if (end) {
        if (end == t->end || !(is_space(*end) || *end == ',' || *end == ']')) return false;
        if (!read_short(t->at, end, &value)) value = bt_text_read_number(t->at, NULL);
        t->at = end;
    } else if (take_word(t, "-Infinity")) {
        value = -INFINITY;
    } else if (take_word(t, "Infinity")) {
        value = INFINITY;
    } else if (!take_word(t, "NaN") && !take_word(t, "null")) {
        return false;
    }
    if (out) *(float *)out = to_float(value);
    return true;
}

/* ---- the array ---- */

typedef struct type {
    const char *name;
    size_t size;
    bool (*read)(text *t, void *out); /* one number; `out` NULL: nowhere */
} type;

static bt_status fail_number(const type *as, size_t index, bt_error *error) {
    return bt_fail(error, BT_PARSE, "data: number %zu is none of %s", index, as->name);
}

/* One number, and that nothing of it is left. */
static bt_status read_number(text *t, const type *as, void *out, size_t room, size_t *count,
                             bt_error *error) {
    void *to = *count < room ? (char *)out + *count * as->size : NULL;
    if (!as->read(t, to)) return fail_number(as, *count, error);
    const char next = peek(t);
    if (next != ',' && next != ']') return fail_number(as, *count, error);
    (*count)++;
    return BT_OK;
}

/* Values with commas between them; an array may be empty. */
static bt_status read_all(const type *as, void *out, size_t room, size_t *count, bt_numbers numbers,
                          bt_error *error) {
    text t = {numbers.at, numbers.at + numbers.length};
    size_t depth = 0;
    bool empty = false; /* the array that was begun last */
    *count = 0;
    do {
        if (take(&t, '[')) {
            depth++;
            empty = true;
            if (peek(&t) != ']') continue;
        } else if (depth > 0) {
            bt_status status = read_number(&t, as, out, room, count, error);
            if (status != BT_OK) return status;
        }
        while (depth > 0 && take(&t, ']'))
            depth--;
        empty = false;
    } while (depth > 0 && (empty || take(&t, ',')));
    if (depth == 0 && numbers.length > 0 && peek(&t) == '\0' && t.at == t.end) return BT_OK;
    return bt_fail(error, BT_PARSE,
                   "data: behind %zu numbers something is wrong with its commas and brackets", *count);
}

bt_status bt_numbers_read_uint8(uint8_t *out, size_t room, size_t *count, bt_numbers numbers,
                                bt_error *error) {
    static const type uint8 = {"UINT8's, 0 to 255", 1, read_uint8};
    return read_all(&uint8, out, room, count, numbers, error);
}

bt_status bt_numbers_read_fp32(float *out, size_t room, size_t *count, bt_numbers numbers, bt_error *error) {
    static const type fp32 = {"FP32's", sizeof(float), read_fp32};
    return read_all(&fp32, out, room, count, numbers, error);
}
