#include "base/json.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/text.h"

/* More than a record or config holds. jansson takes several times a text's size in memory: raising it lets a
 * file that was named by mistake take the machine's; lowering it refuses the records of long runs. */
#define FILE_LIMIT   (256u << 20)
#define LINE_COLUMNS 100

/* ---- reading ---- */

static json_t *parse_text(const char *text, size_t size, size_t flags, json_error_t *at) {
    locale_t before = uselocale(bt_text_locale());
    json_t *json = json_loadb(text, size, flags, at);
    uselocale(before);
    return json;
}

json_t *bt_json_parse(const char *text, size_t size, json_error_t *at) {
    return parse_text(text, size, JSON_REJECT_DUPLICATES, at);
}

static bt_status parse(json_t **out, const char *bytes, size_t size, size_t flags, const char *path,
                       bt_error *error) {
    json_error_t cause;
    *out = parse_text(bytes, size, JSON_REJECT_DUPLICATES | flags, &cause);
    if (!*out && cause.line < 0) /* jansson's sign for it: a fault without a place */
        return bt_no_memory(error, "%s", path);
    if (!*out)
        return bt_fail(error, BT_PARSE, "%s: line %d, column %d: %s", path, cause.line, cause.column,
                       cause.text);
    if (json_is_object(*out)) return BT_OK;
    json_decref(*out);
    *out = NULL;
    return bt_fail(error, BT_PARSE, "%s: is a JSON array, but an object { ... } is wanted", path);
}

bt_status bt_json_from_text(json_t **out, const char *text, size_t size, const char *where, bt_error *error) {
    return parse(out, text, size, 0, where, error);
}

static bt_status load(json_t **out, const char *path, size_t flags, bt_error *error) {
    char *bytes = NULL;
    size_t size;
    *out = NULL;
    bt_status status = bt_file_read(path, FILE_LIMIT, &bytes, &size, error);
    if (status == BT_OK) status = parse(out, bytes, size, flags, path, error);
    free(bytes);
    return status;
}

bt_status bt_json_load(json_t **out, const char *path, bt_error *error) {
    return load(out, path, 0, error);
}

bt_status bt_json_load_with_reals(json_t **out, const char *path, bt_error *error) {
    return load(out, path, JSON_DECODE_INT_AS_REAL, error);
}

static const char *kind(const json_t *json) {
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "text";
    case JSON_INTEGER:
        return "a whole number";
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "null";
    }
    return "unknown";
}

static bt_status wrong_kind(const json_t *item, const char *key, const char *wanted, const char *where,
                            bt_error *error) {
    if (!item) return bt_fail(error, BT_PARSE, "%s: %s is missing (%s)", where, key, wanted);
    return bt_fail(error, BT_PARSE, "%s: %s is %s, not %s", where, key, kind(item), wanted);
}

bt_status bt_json_number(const json_t *object, const char *key, double minimum, double maximum, double *out,
                         const char *where, bt_error *error) {
    const json_t *item = json_object_get(object, key);
    if (!json_is_number(item)) return wrong_kind(item, key, "a number", where, error);
    double value = json_number_value(item);
    if (value < minimum || value > maximum) {
        char shown[BT_NUMBER_TEXT_SIZE], bound[BT_NUMBER_TEXT_SIZE];
        bt_text_number(value, shown);
        bt_text_number(value < minimum ? minimum : maximum, bound);
        return bt_fail(error, BT_PARSE, "%s: %s is %s, %s %s", where, key, shown,
                       value < minimum ? "below" : "above", bound);
    }
    *out = value;
    return BT_OK;
}

bt_status bt_json_integer(const json_t *object, const char *key, int64_t minimum, int64_t maximum,
                          int64_t *out, const char *where, bt_error *error) {
    const json_t *item = json_object_get(object, key);
    if (!json_is_integer(item)) return wrong_kind(item, key, "a whole number", where, error);
    int64_t value = json_integer_value(item);
    if (value < minimum || value > maximum)
        return bt_fail(error, BT_PARSE, "%s: %s is %lld, %s %lld", where, key, (long long)value,
                       value < minimum ? "below" : "above", (long long)(value < minimum ? minimum : maximum));
    *out = value;
    return BT_OK;
}

bt_status bt_json_boolean(const json_t *object, const char *key, bool *out, const char *where,
                          bt_error *error) {
    const json_t *item = json_object_get(object, key);
    if (!json_is_boolean(item)) return wrong_kind(item, key, "true or false", where, error);
    *out = json_is_true(item);
    return BT_OK;
}

bt_status bt_json_text(const json_t *object, const char *key, char *out, size_t size, const char *where,
                       bt_error *error) {
    const json_t *item = json_object_get(object, key);
    if (!json_is_string(item)) return wrong_kind(item, key, "text", where, error);
    size_t length = json_string_length(item);
    if (length >= size)
        return bt_fail(error, BT_PARSE, "%s: %s is too long: %zu bytes, at most %zu", where, key, length,
                       size ? size - 1 : 0);
    memcpy(out, json_string_value(item), length + 1);
    return BT_OK;
}

bt_status bt_json_optional_text(const json_t *object, const char *key, const char *otherwise, char *out,
                                size_t size, const char *where, bt_error *error) {
    const json_t *item = json_object_get(object, key);
    if (item && !json_is_null(item)) return bt_json_text(object, key, out, size, where, error);
    size_t length = strlen(otherwise);
    if (length >= size)
        return bt_fail(error, BT_PARSE, "%s: %s's default is too long: %zu bytes", where, key, length);
    memcpy(out, otherwise, length + 1);
    return BT_OK;
}

bt_status bt_json_array(const json_t *object, const char *key, json_t **out, const char *where,
                        bt_error *error) {
    *out = json_object_get(object, key);
    if (json_is_array(*out)) return BT_OK;
    bt_status status = wrong_kind(*out, key, "an array", where, error);
    *out = NULL;
    return status;
}

bt_status bt_json_object(const json_t *object, const char *key, json_t **out, const char *where,
                         bt_error *error) {
    *out = json_object_get(object, key);
    if (json_is_object(*out)) return BT_OK;
    bt_status status = wrong_kind(*out, key, "an object", where, error);
    *out = NULL;
    return status;
}

/* ---- writing ---- */

json_t *bt_json_array_of(const void *items, size_t size, int count, json_t *(*write)(const void *item)) {
    json_t *array = json_array();
    for (int i = 0; array && i < count; i++) {
        if (json_array_append_new(array, write((const char *)items + (size_t)i * size)) == 0) continue;
        json_decref(array);
        return NULL;
    }
    return array;
}

json_t *bt_json_real_or_null(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

/* jansson's text made pleasant to read, in place: every step writes no more than it read. `column` is where
 * the next character of the tidied text stands on its line. */
typedef struct tidying {
    const char *from;
    char *to;
    size_t column;
} tidying;

static void copy(tidying *text, size_t size) {
    memmove(text->to, text->from, size);
    text->from += size;
    text->to += size;
    text->column += size;
}

static size_t string_length(const char *from) {
    size_t length = 1;
    while (from[length] != '"')
        length += from[length] == '\\' ? 2 : 1;
    return length + 1;
}

/* jansson writes 17 digits, which tell a double exactly; most are told by fewer: 0.10000000000000001
 * is 0.1. */
static void tidy_number(tidying *text) {
    size_t length = strspn(text->from, "+-0123456789.eE");
    char shortest[BT_NUMBER_TEXT_SIZE], original[64];
    bool real = memchr(text->from, '.', length) || memchr(text->from, 'e', length);
    if (real && length < sizeof original) {
        memcpy(original, text->from, length);
        original[length] = '\0';
        bt_text_number(bt_text_read_number(original, NULL), shortest);
        size_t size = strlen(shortest);
        if (size < length && strpbrk(shortest, ".e")) { /* else it would read back as an integer */
            memcpy(text->to, shortest, size);
            text->to += size;
            text->from += length;
            text->column += size;
            return;
        }
    }
    copy(text, length);
}

/* Whether the array that opens here holds no other array or object. */
static bool is_flat(const char *from) {
    for (from++; *from != ']'; from += *from == '"' ? string_length(from) : 1)
        if (*from == '[' || *from == '{') return false;
    return true;
}

/* A line's end and the next one's indentation. In a flat array most of them go, so that numbers stand side by
 * side. */
static void tidy_break(tidying *text, bool flat) {
    size_t length = strspn(text->from, "\n ");
    if (flat && text->column < LINE_COLUMNS) {
        bool between = text->to[-1] == ',';
        text->from += length;
        if (between) *text->to++ = ' ';
        text->column += between;
        return;
    }
    copy(text, length);
    text->column = length - 1;
}

/* Tidies `bytes` of NUL-terminated JSON as jansson indents it; returns the new length. */
static size_t tidy(char *bytes) {
    tidying text = {bytes, bytes, 0};
    bool flat = false;
    while (*text.from) {
        if (*text.from == '"') {
            copy(&text, string_length(text.from));
        } else if (*text.from == '\n') {
            tidy_break(&text, flat);
        } else if (*text.from == '-' || isdigit((unsigned char)*text.from)) {
            tidy_number(&text);
        } else {
            if (*text.from == '[') flat = is_flat(text.from);
            if (*text.from == ']') flat = false;
            copy(&text, 1);
        }
    }
    *text.to++ = '\n';
    return (size_t)(text.to - bytes);
}

size_t bt_json_dump_into(const json_t *json, char *out, size_t size, size_t flags) {
    locale_t before = uselocale(bt_text_locale());
    size_t length = json_dumpb(json, out, size, flags);
    uselocale(before);
    return length;
}

char *bt_json_dump(const json_t *json, size_t flags) {
    size_t size = bt_json_dump_into(json, NULL, 0, flags);
    char *text = size ? malloc(size + 2) : NULL;
    if (text && bt_json_dump_into(json, text, size, flags) == size) {
        text[size] = '\0';
        return text;
    }
    free(text);
    return NULL;
}

bt_status bt_json_write(const json_t *json, size_t flags, FILE *out, bt_error *error) {
    char *text = bt_json_dump(json, flags);
    if (!text) return bt_no_memory(error, "writing JSON");
    bool written = fputs(text, out) != EOF && fputc('\n', out) != EOF;
    free(text);
    return written ? BT_OK : bt_fail(error, BT_NOT_WRITTEN, "the JSON could not be written");
}

char *bt_json_file_text(const json_t *json, size_t *size) {
    char *text = bt_json_dump(json, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    if (!text) return NULL;
    *size = tidy(text); /* which adds a newline */
    text[*size] = '\0';
    return text;
}

bt_status bt_json_save(const json_t *json, const char *path, bool keep_backup, bt_error *error) {
    size_t size;
    char *text = bt_json_file_text(json, &size);
    if (!text) return bt_no_memory(error, "writing %s", path);
    bt_status status = bt_file_replace(path, text, size, keep_backup, error);
    free(text);
    return status;
}
