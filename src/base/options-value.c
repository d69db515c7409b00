#include "base/options-value.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define SIZE_HIGHEST  BT_BATCH_MAX
#define SHOWN_BOUND   1e15
#define HINT_SIZE     256
#define WHOLE_HIGHEST 9007199254740992.0 /* 2^53 */

/* ---- what an option says about itself ---- */

static const struct {
    const char *ending, *words, *symbol;
} units[] = {
    {"_ms", "milliseconds", "ms"}, {"_us", "microseconds", "us"}, {"_seconds", "seconds", "s"},
    {"_days", "days", "days"},     {"_percent", "percent", "%"},  {"_bytes", "bytes", "bytes"},
    {"_mb", "MB", "MB"},           {"_gb", "GB", "GB"},           {"_rps", "requests/s", "requests/s"}};

/* The row of `units` that the option's name ends in, or -1. A duration is typed with its unit. */
static int unit_row(const bt_option *option) {
    size_t length = strlen(option->name);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t ending = strlen(units[i].ending);
        if (length > ending && strcmp(option->name + length - ending, units[i].ending) == 0)
            return option->type == BT_OPTION_DURATION ? -1 : (int)i;
    }
    return -1;
}

const char *bt_option_unit_words(const bt_option *option) {
    int row = unit_row(option);
    return row < 0 ? "" : units[row].words;
}

const char *bt_option_unit_symbol(const bt_option *option) {
    int row = unit_row(option);
    return row < 0 ? "" : units[row].symbol;
}

static bool is_bounded(const bt_option *option) {
    return option->minimum != 0 || option->maximum != 0;
}

void bt_option_bounds(const bt_option *option, char out[BT_OPTION_BOUNDS_SIZE]) {
    char low[BT_NUMBER_TEXT_SIZE], high[BT_NUMBER_TEXT_SIZE];
    bool floor = is_bounded(option) && option->minimum > -SHOWN_BOUND;
    bool ceiling = is_bounded(option) && option->maximum < SHOWN_BOUND;
    bt_text_number(option->minimum, low);
    bt_text_number(option->maximum, high);
    out[0] = '\0';
    if (floor && ceiling && !option->above_minimum)
        snprintf(out, BT_OPTION_BOUNDS_SIZE, "%s..%s", low, high);
    else if (floor && ceiling)
        snprintf(out, BT_OPTION_BOUNDS_SIZE, "above %s, at most %s", low, high);
    else if (floor)
        snprintf(out, BT_OPTION_BOUNDS_SIZE, "%s %s", option->above_minimum ? "above" : "at least", low);
    else if (ceiling)
        snprintf(out, BT_OPTION_BOUNDS_SIZE, "at most %s", high);
}

const char *bt_option_choice(const bt_option *option, int index, size_t *length) {
    const char *choice = option->choices;
    for (; choice; index--) {
        *length = strcspn(choice, "|");
        if (index == 0) return choice;
        choice = choice[*length] ? choice + *length + 1 : NULL;
    }
    return NULL;
}

void bt_option_flag(const char *name, char out[BT_NAME_SIZE]) {
    snprintf(out, BT_NAME_SIZE, "%s", name);
    for (char *c = out; *c; c++)
        if (*c == '_') *c = '-';
}

/* A number without a default may stay "not given", which is 0 whatever its bounds. */
static bool may_be_absent(const bt_option *option) {
    return !option->initial && (option->type == BT_OPTION_INTEGER || option->type == BT_OPTION_NUMBER ||
                                option->type == BT_OPTION_DURATION);
}

static bool may_be_empty(const bt_option *option) {
    return !option->initial || !*option->initial;
}

/* ---- refusing, with what would be right ---- */

/* " (above 0, at most 1000 milliseconds, e.g. 100)", of the parts that there are. */
static void put_hint(const bt_option *option, bool with_bounds, char out[HINT_SIZE]) {
    char bounds[BT_OPTION_BOUNDS_SIZE] = "";
    const char *unit = bt_option_unit_words(option);
    if (with_bounds) bt_option_bounds(option, bounds);
    if (*bounds && option->type == BT_OPTION_DURATION) unit = "seconds"; /* which its bounds are in */
    bool example = option->initial && *option->initial;
    out[0] = '\0';
    if (!*bounds && !*unit && !example) return;
    snprintf(out, HINT_SIZE, " (%s%s%s%s%s%.64s)", bounds, *bounds && *unit ? " " : "", unit,
             (*bounds || *unit) && example ? ", " : "", example ? "e.g. " : "",
             example ? option->initial : "");
}

/* `shown` is the value as the person gave it, in quotes where that is how it stood. */
static bt_status refuse(const bt_option *option, const char *shown, const char *why, bt_error *error) {
    char hint[HINT_SIZE];
    put_hint(option, true, hint);
    return bt_fail(error, BT_INVALID, "%s is %s%s", shown, why, hint);
}

static bt_status check_bounds(const bt_option *option, double value, const char *shown, bt_error *error) {
    char bound[BT_NUMBER_TEXT_SIZE], hint[HINT_SIZE];
    if (!is_bounded(option)) return BT_OK;
    const char *why = NULL;
    if (value > option->maximum)
        why = "above";
    else if (value < option->minimum)
        why = option->above_minimum ? "not above" : "below";
    else if (value == option->minimum && option->above_minimum)
        why = "not above";
    if (!why) return BT_OK;
    bt_text_number(value > option->maximum ? option->maximum : option->minimum, bound);
    put_hint(option, false, hint);
    return bt_fail(error, BT_INVALID, "%s is %s %s%s%s", shown, why, bound,
                   option->type == BT_OPTION_DURATION ? " seconds" : "", hint);
}

/* ---- reading one value from text ---- */

/* bt_text_read_number and strtoll alone would let "0x10", " 5", "nan" and "inf" pass. */
static bool looks_decimal(const char *text) {
    return *text && text[strspn(text, "+-0123456789.eE")] == '\0';
}

static bt_status read_switch(const char *text, const char *shown, bool *out, bt_error *error) {
    *out = strcmp(text, "true") == 0;
    if (*out || strcmp(text, "false") == 0) return BT_OK;
    return bt_fail(error, BT_INVALID, "%s is neither true nor false", shown);
}

static bt_status read_integer(const bt_option *option, const char *text, const char *shown, int64_t *out,
                              bt_error *error) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (!looks_decimal(text) || *end || end == text)
        return refuse(option, shown, "not a whole number", error);
    bt_status status = check_bounds(option, (double)value, shown, error);
    if (status != BT_OK) return status;
    if (errno == ERANGE) return refuse(option, shown, "too large for 64 bits", error);
    *out = value;
    return BT_OK;
}

static bt_status read_number(const bt_option *option, const char *text, const char *shown, double *out,
                             bt_error *error) {
    char *end;
    double value = bt_text_read_number(text, &end);
    if (!looks_decimal(text) || *end || end == text) return refuse(option, shown, "not a number", error);
    if (!isfinite(value)) return refuse(option, shown, "too large a number", error);
    bt_status status = check_bounds(option, value, shown, error);
    if (status != BT_OK) return status;
    *out = value;
    return BT_OK;
}

static int64_t unit_ns(const char *unit) {
    static const struct {
        const char *name;
        int64_t ns;
    } scales[] = {{"", BT_NS_PER_S},
                  {"s", BT_NS_PER_S},
                  {"ms", BT_NS_PER_MS},
                  {"us", BT_NS_PER_US},
                  {"ns", 1},
                  {"m", 60 * BT_NS_PER_S},
                  {"min", 60 * BT_NS_PER_S},
                  {"h", 3600 * BT_NS_PER_S},
                  {"d", 86400 * BT_NS_PER_S}};
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++)
        if (strcmp(unit, scales[i].name) == 0) return scales[i].ns;
    return 0;
}

/* Whole amounts are multiplied as integers: a double would lose nanoseconds past 104 days. */
static bt_status read_duration(const bt_option *option, const char *text, const char *shown, int64_t *out,
                               bt_error *error) {
    char amount[64];
    char *end;
    size_t digits = strspn(text, "+-0123456789.eE");
    int64_t scale = unit_ns(text + digits);
    snprintf(amount, sizeof amount, "%.*s", (int)digits, text);
    double value = bt_text_read_number(amount, &end);
    if (digits == 0 || digits >= sizeof amount || *end || !isfinite(value) || scale == 0)
        return refuse(option, shown, "no duration: a number with ms, s, m or h", error);
    bt_status status = check_bounds(option, value * (double)scale / 1e9, shown, error);
    if (status != BT_OK) return status;
    if (fabs(value) * (double)scale >= 9.2e18) return refuse(option, shown, "too long a duration", error);
    bool whole = strspn(amount, "+-0123456789") == digits;
    *out = whole ? strtoll(amount, NULL, 10) * scale : (int64_t)llround(value * (double)scale);
    return BT_OK;
}

static bt_status read_choice(const bt_option *option, const char *text, const char *shown, int *out,
                             bt_error *error) {
    char all[160] = "";
    size_t length, used = 0;
    for (int i = 0;; i++) {
        const char *choice = bt_option_choice(option, i, &length);
        if (!choice) break;
        if (strlen(text) == length && strncmp(text, choice, length) == 0) {
            *out = i;
            return BT_OK;
        }
        if (used < sizeof all)
            used +=
                (size_t)snprintf(all + used, sizeof all - used, "%s%.*s", i ? ", " : "", (int)length, choice);
    }
    return bt_fail(error, BT_INVALID, "%s is none of %s", shown, all);
}

static bt_status read_text(const bt_option *option, const char *text, char out[BT_OPTION_TEXT_SIZE],
                           bt_error *error) {
    size_t length = strlen(text);
    if (!length && !may_be_empty(option)) return refuse(option, "\"\"", "empty", error);
    if (length >= BT_OPTION_TEXT_SIZE)
        return bt_fail(error, BT_INVALID, "the value is too long: %zu bytes, at most %d", length,
                       BT_OPTION_TEXT_SIZE - 1);
    if (!bt_text_is_utf8(text)) return bt_fail(error, BT_INVALID, "the value is not UTF-8 text");
    memcpy(out, text, length + 1);
    return BT_OK;
}

/* ---- lists ---- */

/* The next part of a list, cut at the comma, without the spaces around it; false past the last. */
static bool next_part(const char **rest, char part[BT_OPTION_TEXT_SIZE]) {
    const char *from = *rest;
    if (!from) return false;
    size_t length = strcspn(from, ",");
    *rest = from[length] ? from + length + 1 : NULL;
    for (; length && *from == ' '; length--)
        from++;
    while (length && from[length - 1] == ' ')
        length--;
    snprintf(part, BT_OPTION_TEXT_SIZE, "%.*s", (int)(length < INT16_MAX ? length : INT16_MAX), from);
    return true;
}

/* A repeated name counts once, where it stood first. */
static bt_status add_name(const bt_option *option, const char *name, bt_names *names, bt_error *error) {
    char shown[BT_TEXT_QUOTE_SIZE];
    bt_text_quote(name, shown);
    if (!*name) return refuse(option, "a name", "empty", error);
    if (strlen(name) >= BT_NAME_SIZE)
        return bt_fail(error, BT_INVALID, "%s is too long a name (at most %d bytes)", shown,
                       BT_NAME_SIZE - 1);
    if (strchr(name, ',')) return bt_fail(error, BT_INVALID, "%s: a name cannot hold a comma", shown);
    if (!bt_text_is_utf8(name)) return bt_fail(error, BT_INVALID, "a name is not UTF-8 text");
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->names[i], name) == 0) return BT_OK;
    if (names->count == BT_NAMES_MAX) return bt_fail(error, BT_INVALID, "more than %d names", BT_NAMES_MAX);
    strcpy(names->names[names->count++], name);
    return BT_OK;
}

static bt_status read_names(const bt_option *option, const char *text, bt_names *out, bt_error *error) {
    char part[BT_OPTION_TEXT_SIZE];
    bt_status status = BT_OK;
    memset(out, 0, sizeof *out);
    if (!*text && may_be_empty(option)) return BT_OK;
    while (status == BT_OK && next_part(&text, part))
        status = add_name(option, part, out, error);
    return status;
}

/* Keeps the list ascending and without repeats while it grows. */
static bt_status add_size(int64_t size, const char *shown, bt_sizes *sizes, bt_error *error) {
    if (size < 1 || size > SIZE_HIGHEST)
        return bt_fail(error, BT_INVALID, "%s is not a batch size (1..%d, e.g. 1,2,4 or auto)", shown,
                       SIZE_HIGHEST);
    int at = 0;
    while (at < sizes->count && sizes->sizes[at] < size)
        at++;
    if (at < sizes->count && sizes->sizes[at] == size) return BT_OK;
    if (sizes->count == BT_SIZES_MAX)
        return bt_fail(error, BT_INVALID, "more than %d batch sizes", BT_SIZES_MAX);
    memmove(&sizes->sizes[at + 1], &sizes->sizes[at], (size_t)(sizes->count - at) * sizeof sizes->sizes[0]);
    sizes->sizes[at] = (int)size;
    sizes->count++;
    return BT_OK;
}

static bt_status read_sizes(const char *text, bt_sizes *out, bt_error *error) {
    char part[BT_OPTION_TEXT_SIZE], shown[BT_TEXT_QUOTE_SIZE];
    bt_status status = BT_OK;
    memset(out, 0, sizeof *out);
    if (strcmp(text, "auto") == 0) return BT_OK;
    while (status == BT_OK && next_part(&text, part)) {
        bool digits = *part && part[strspn(part, "0123456789")] == '\0' && strlen(part) < 18;
        bt_text_quote(part, shown);
        status = add_size(digits ? strtoll(part, NULL, 10) : 0, shown, out, error);
    }
    return status;
}

bt_status bt_option_value_read(const bt_option *option, const char *text, bt_option_value *out,
                               bt_error *error) {
    char shown[BT_TEXT_QUOTE_SIZE];
    bt_text_quote(text, shown);
    switch (option->type) {
    case BT_OPTION_SWITCH:
        return read_switch(text, shown, &out->on, error);
    case BT_OPTION_INTEGER:
        return read_integer(option, text, shown, &out->integer, error);
    case BT_OPTION_NUMBER:
        return read_number(option, text, shown, &out->number, error);
    case BT_OPTION_DURATION:
        return read_duration(option, text, shown, &out->integer, error);
    case BT_OPTION_CHOICE:
        return read_choice(option, text, shown, &out->choice, error);
    case BT_OPTION_TEXT:
        return read_text(option, text, out->text, error);
    case BT_OPTION_NAMES:
        return read_names(option, text, &out->names, error);
    case BT_OPTION_SIZES:
        return read_sizes(text, &out->sizes, error);
    }
    return bt_fail(error, BT_INVALID, "%s has no known type", option->name);
}

/* ---- reading one value from JSON ---- */

/* As it stands in the file, cut. */
static void show_json(const json_t *json, char out[BT_TEXT_QUOTE_SIZE]) {
    if (json_is_string(json)) {
        bt_text_quote(json_string_value(json), out);
        return;
    }
    char all[256];
    size_t size = bt_json_dump_into(json, all, sizeof all - 1,
                                    JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    if (size == 0 || size >= sizeof all) {
        snprintf(out, BT_TEXT_QUOTE_SIZE, "%s", json_is_array(json) ? "an array" : "an object");
        return;
    }
    all[size] = '\0';
    size_t fits = bt_text_fit(all, BT_TEXT_QUOTE_SIZE - 4);
    snprintf(out, BT_TEXT_QUOTE_SIZE, "%.*s%s", (int)fits, all, all[fits] ? "..." : "");
}

static bt_status read_json_names(const bt_option *option, const json_t *array, bt_names *out,
                                 bt_error *error) {
    bt_status status = BT_OK;
    memset(out, 0, sizeof *out);
    if (json_array_size(array) == 0 && !may_be_empty(option))
        return refuse(option, "the list", "empty", error);
    for (size_t i = 0; status == BT_OK && i < json_array_size(array); i++) {
        const json_t *name = json_array_get(array, i);
        char shown[BT_TEXT_QUOTE_SIZE];
        show_json(name, shown);
        status = json_is_string(name) ? add_name(option, json_string_value(name), out, error)
                                      : bt_fail(error, BT_INVALID, "%s is no text, but names are", shown);
    }
    return status;
}

static bt_status read_json_sizes(const json_t *array, bt_sizes *out, bt_error *error) {
    bt_status status = BT_OK;
    memset(out, 0, sizeof *out);
    if (json_array_size(array) == 0)
        return bt_fail(error, BT_INVALID, "the list is empty (e.g. [1, 2, 4] or \"auto\")");
    for (size_t i = 0; status == BT_OK && i < json_array_size(array); i++) {
        const json_t *size = json_array_get(array, i);
        char shown[BT_TEXT_QUOTE_SIZE];
        show_json(size, shown);
        status = add_size(json_is_integer(size) ? json_integer_value(size) : 0, shown, out, error);
    }
    return status;
}

static bt_status read_json_number(const bt_option *option, const json_t *json, bt_option_value *out,
                                  bt_error *error) {
    char shown[BT_TEXT_QUOTE_SIZE];
    show_json(json, shown);
    bool whole = option->type == BT_OPTION_INTEGER;
    if (json_is_null(json) && may_be_absent(option)) {
        memset(out, 0, sizeof *out);
        return BT_OK;
    }
    if (json_is_string(json))
        return refuse(option, shown, whole ? "text, not a whole number" : "text, not a number", error);
    if (whole && !json_is_integer(json)) return refuse(option, shown, "not a whole number", error);
    if (!json_is_number(json)) return refuse(option, shown, "not a number", error);
    bt_status status = check_bounds(option, json_number_value(json), shown, error);
    if (status != BT_OK) return status;
    if (whole)
        out->integer = json_integer_value(json);
    else
        out->number = json_number_value(json);
    return BT_OK;
}

/* A bare number is seconds here as on the command line, so it goes the same way. */
static bt_status read_json_duration(const bt_option *option, const json_t *json, bt_option_value *out,
                                    bt_error *error) {
    char shown[BT_TEXT_QUOTE_SIZE];
    show_json(json, shown);
    if (json_is_null(json) && may_be_absent(option)) {
        out->integer = 0;
        return BT_OK;
    }
    if (json_is_string(json))
        return read_duration(option, json_string_value(json), shown, &out->integer, error);
    if (!json_is_number(json))
        return refuse(option, shown, "no duration: \"180s\" or a number of seconds", error);
    char seconds[BT_NUMBER_TEXT_SIZE];
    if (json_is_integer(json))
        snprintf(seconds, sizeof seconds, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
    else
        bt_text_number(json_real_value(json), seconds);
    return read_duration(option, seconds, shown, &out->integer, error);
}

bt_status bt_option_value_read_json(const bt_option *option, const json_t *json, bt_option_value *out,
                                    bt_error *error) {
    char shown[BT_TEXT_QUOTE_SIZE];
    show_json(json, shown);
    switch (option->type) {
    case BT_OPTION_SWITCH:
        out->on = json_is_true(json);
        return json_is_boolean(json) ? BT_OK
                                     : bt_fail(error, BT_INVALID, "%s is neither true nor false", shown);
    case BT_OPTION_INTEGER:
    case BT_OPTION_NUMBER:
        return read_json_number(option, json, out, error);
    case BT_OPTION_DURATION:
        return read_json_duration(option, json, out, error);
    case BT_OPTION_NAMES:
        if (json_is_array(json)) return read_json_names(option, json, &out->names, error);
        break;
    case BT_OPTION_SIZES:
        if (json_is_array(json)) return read_json_sizes(json, &out->sizes, error);
        break;
    case BT_OPTION_CHOICE:
    case BT_OPTION_TEXT:
        break;
    }
    if (json_is_string(json)) return bt_option_value_read(option, json_string_value(json), out, error);
    return refuse(option, shown,
                  option->type == BT_OPTION_SIZES   ? "neither a list of sizes nor \"auto\""
                  : option->type == BT_OPTION_NAMES ? "neither a list of names nor text"
                                                    : "not text",
                  error);
}

/* ---- giving a value back ---- */

/* In the largest unit that says it exactly, of those a person would type. */
static void show_duration(int64_t ns, char out[BT_OPTION_SHOWN_SIZE]) {
    static const char *const names[] = {"s", "ms", "us", "ns"};
    int64_t scale = BT_NS_PER_S;
    int i = 0;
    for (; ns % scale; i++)
        scale /= 1000;
    snprintf(out, BT_OPTION_SHOWN_SIZE, "%" PRId64 "%s", ns / scale, names[i]);
}

static void show_sizes(const bt_sizes *sizes, char out[BT_OPTION_SHOWN_SIZE]) {
    size_t used = 0;
    snprintf(out, BT_OPTION_SHOWN_SIZE, "auto");
    for (int i = 0; i < sizes->count; i++)
        used +=
            (size_t)snprintf(out + used, BT_OPTION_SHOWN_SIZE - used, "%s%d", i ? "," : "", sizes->sizes[i]);
}

static void show_names(const bt_names *names, char out[BT_OPTION_SHOWN_SIZE]) {
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < names->count; i++)
        used +=
            (size_t)snprintf(out + used, BT_OPTION_SHOWN_SIZE - used, "%s%s", i ? "," : "", names->names[i]);
}

static bool is_absent(const bt_option *option, const bt_option_value *value) {
    if (!may_be_absent(option)) return false;
    return option->type == BT_OPTION_NUMBER ? value->number == 0 : value->integer == 0;
}

void bt_option_value_show(const bt_option *option, const bt_option_value *value,
                          char out[BT_OPTION_SHOWN_SIZE]) {
    size_t length = 0;
    const char *choice;
    out[0] = '\0';
    if (is_absent(option, value)) return;
    switch (option->type) {
    case BT_OPTION_SWITCH:
        snprintf(out, BT_OPTION_SHOWN_SIZE, "%s", value->on ? "true" : "false");
        break;
    case BT_OPTION_INTEGER:
        snprintf(out, BT_OPTION_SHOWN_SIZE, "%" PRId64, value->integer);
        break;
    case BT_OPTION_NUMBER:
        bt_text_number(value->number, out);
        break;
    case BT_OPTION_DURATION:
        show_duration(value->integer, out);
        break;
    case BT_OPTION_CHOICE:
        choice = bt_option_choice(option, value->choice, &length);
        snprintf(out, BT_OPTION_SHOWN_SIZE, "%.*s", (int)length, choice ? choice : "");
        break;
    case BT_OPTION_TEXT:
        snprintf(out, BT_OPTION_SHOWN_SIZE, "%s", value->text);
        break;
    case BT_OPTION_NAMES:
        show_names(&value->names, out);
        break;
    case BT_OPTION_SIZES:
        show_sizes(&value->sizes, out);
        break;
    }
}

/* `json` is taken over; an item that could not be made (NULL) makes the array NULL too. */
static json_t *append(json_t *array, json_t *item) {
    if (array && json_array_append_new(array, item) == 0) return array;
    json_decref(array);
    return NULL;
}

json_t *bt_option_value_write_json(const bt_option *option, const bt_option_value *value) {
    char shown[BT_OPTION_SHOWN_SIZE];
    json_t *array = NULL;
    if (is_absent(option, value)) return json_null();
    switch (option->type) {
    case BT_OPTION_SWITCH:
        return json_boolean(value->on);
    case BT_OPTION_INTEGER:
        return json_integer(value->integer);
    case BT_OPTION_NUMBER: /* 100 rather than 100.0, as a person would type it */
        if (fabs(value->number) < WHOLE_HIGHEST && value->number == floor(value->number))
            return json_integer((json_int_t)value->number);
        return json_real(value->number);
    case BT_OPTION_NAMES:
        array = json_array();
        for (int i = 0; array && i < value->names.count; i++)
            array = append(array, json_string(value->names.names[i]));
        return array;
    case BT_OPTION_SIZES:
        if (value->sizes.count == 0) return json_string("auto");
        array = json_array();
        for (int i = 0; array && i < value->sizes.count; i++)
            array = append(array, json_integer(value->sizes.sizes[i]));
        return array;
    case BT_OPTION_DURATION:
    case BT_OPTION_CHOICE:
    case BT_OPTION_TEXT:
        break;
    }
    bt_option_value_show(option, value, shown);
    return json_string(shown);
}

/* ---- the program's struct ---- */

static size_t size_of(const bt_option *option) {
    static const size_t sizes[] = {
        [BT_OPTION_SWITCH] = sizeof(bool),    [BT_OPTION_INTEGER] = sizeof(int64_t),
        [BT_OPTION_NUMBER] = sizeof(double),  [BT_OPTION_DURATION] = sizeof(int64_t),
        [BT_OPTION_CHOICE] = sizeof(int),     [BT_OPTION_TEXT] = BT_OPTION_TEXT_SIZE,
        [BT_OPTION_NAMES] = sizeof(bt_names), [BT_OPTION_SIZES] = sizeof(bt_sizes)};
    return sizes[option->type];
}

void bt_option_value_load(const bt_option *option, const void *values, bt_option_value *out) {
    memcpy(out, (const char *)values + option->offset, size_of(option));
}

void bt_option_value_store(const bt_option *option, const bt_option_value *value, void *values) {
    memcpy((char *)values + option->offset, value, size_of(option));
}
