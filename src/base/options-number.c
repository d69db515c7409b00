/* Types of options that are numbers: whole ones, others, durations. They have bounds; one without a default
 * may stay "not given", which is 0 whatever its bounds, "" as text and null in JSON. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/options-type.h"
#include "base/text.h"

#define WHOLE_HIGHEST 9007199254740992.0 /* 2^53 */

/* strtoll and bt_text_read_number alone would let "0x10", " 5", "nan" and "inf" pass. */
static bool is_decimal(const char *text) {
    return *text && text[strspn(text, "+-0123456789.eE")] == '\0';
}

/* `wrong` is what a value that is no `good` number is: "not a whole number". */
static bt_status check_json(const bt_option *option, const json_t *json, const char *shown, bool good,
                            const char *wrong, bt_error *error) {
    char text[32];
    if (json_is_null(json) && !option->initial) return BT_OK;
    snprintf(text, sizeof text, "text, %s", wrong);
    if (!good) return bt_option_refuse(option, shown, json_is_string(json) ? text : wrong, error);
    return bt_option_check_bounds(option, json_number_value(json), shown, error);
}

/* ---- whole numbers ---- */

static bt_status read_integer(const bt_option *option, const char *text, const char *shown,
                              bt_option_value *out, bt_error *error) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (!is_decimal(text) || *end || end == text)
        return bt_option_refuse(option, shown, "not a whole number", error);
    const bool too_large = errno == ERANGE;
    bt_status status = bt_option_check_bounds(option, (double)value, shown, error);
    if (status != BT_OK) return status;
    if (too_large) return bt_option_refuse(option, shown, "too large for 64 bits", error);
    out->integer = value;
    return BT_OK;
}

static bt_status read_json_integer(const bt_option *option, const json_t *json, const char *shown,
                                   bt_option_value *out, bt_error *error) {
    out->integer = json_integer_value(json); /* 0 for null */
    return check_json(option, json, shown, json_is_integer(json), "not a whole number", error);
}

static void show_integer(const bt_option *option, const bt_option_value *value,
                         char out[BT_OPTION_SHOWN_SIZE]) {
    if (value->integer == 0 && !option->initial) return;
    snprintf(out, BT_OPTION_SHOWN_SIZE, "%" PRId64, value->integer);
}

static json_t *write_json_integer(const bt_option_value *value) {
    return json_integer(value->integer);
}

const bt_option_type_row bt_option_integer_type = {.size = sizeof(int64_t),
                                                   .is_number = true,
                                                   .read = read_integer,
                                                   .read_json = read_json_integer,
                                                   .show = show_integer,
                                                   .write_json = write_json_integer};

/* ---- others ---- */

static bt_status read_number(const bt_option *option, const char *text, const char *shown,
                             bt_option_value *out, bt_error *error) {
    char *end;
    double value = bt_text_read_number(text, &end);
    if (!is_decimal(text) || *end || end == text)
        return bt_option_refuse(option, shown, "not a number", error);
    if (!isfinite(value)) return bt_option_refuse(option, shown, "too large a number", error);
    out->number = value;
    return bt_option_check_bounds(option, value, shown, error);
}

static bt_status read_json_number(const bt_option *option, const json_t *json, const char *shown,
                                  bt_option_value *out, bt_error *error) {
    out->number = json_number_value(json); /* 0 for null */
    return check_json(option, json, shown, json_is_number(json), "not a number", error);
}

static void show_number(const bt_option *option, const bt_option_value *value,
                        char out[BT_OPTION_SHOWN_SIZE]) {
    if (value->number == 0 && !option->initial) return;
    bt_text_number(value->number, out);
}

/* 100 rather than 100.0, as a person would type it. */
static json_t *write_json_number(const bt_option_value *value) {
    if (fabs(value->number) < WHOLE_HIGHEST && value->number == floor(value->number))
        return json_integer((json_int_t)value->number);
    return json_real(value->number);
}

const bt_option_type_row bt_option_number_type = {.size = sizeof(double),
                                                  .is_number = true,
                                                  .read = read_number,
                                                  .read_json = read_json_number,
                                                  .show = show_number,
                                                  .write_json = write_json_number};

/* ---- durations ---- */

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
static bt_status read_duration(const bt_option *option, const char *text, const char *shown,
                               bt_option_value *out, bt_error *error) {
    char amount[64];
    char *end;
    size_t digits = strspn(text, "+-0123456789.eE");
    int64_t scale = unit_ns(text + digits);
    snprintf(amount, sizeof amount, "%.*s", (int)digits, text);
    double value = bt_text_read_number(amount, &end);
    if (digits == 0 || digits >= sizeof amount || *end || !isfinite(value) || scale == 0)
        return bt_option_refuse(option, shown, "no duration: a number with ms, s, m or h", error);
    bt_status status = bt_option_check_bounds(option, value * (double)scale / 1e9, shown, error);
    if (status != BT_OK) return status;
    if (fabs(value) * (double)scale >= 9.2e18)
        return bt_option_refuse(option, shown, "too long a duration", error);
    bool whole = strspn(amount, "+-0123456789") == digits;
    out->integer = whole ? strtoll(amount, NULL, 10) * scale : (int64_t)llround(value * (double)scale);
    return BT_OK;
}

/* A bare number is seconds here as on the command line, so it goes the same way. */
static bt_status read_json_duration(const bt_option *option, const json_t *json, const char *shown,
                                    bt_option_value *out, bt_error *error) {
    char seconds[BT_NUMBER_TEXT_SIZE];
    out->integer = 0;
    if (json_is_null(json) && !option->initial) return BT_OK;
    if (json_is_string(json)) return read_duration(option, json_string_value(json), shown, out, error);
    if (!json_is_number(json))
        return bt_option_refuse(option, shown, "no duration: \"180s\" or a number of seconds", error);
    if (json_is_integer(json))
        snprintf(seconds, sizeof seconds, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
    else
        bt_text_number(json_real_value(json), seconds);
    return read_duration(option, seconds, shown, out, error);
}

/* In the largest unit that says it exactly, of those a person would type. */
static void show_duration(const bt_option *option, const bt_option_value *value,
                          char out[BT_OPTION_SHOWN_SIZE]) {
    static const char *const names[] = {"s", "ms", "us", "ns"};
    int64_t scale = BT_NS_PER_S;
    int i = 0;
    if (value->integer == 0 && !option->initial) return;
    for (; value->integer % scale; i++)
        scale /= 1000;
    snprintf(out, BT_OPTION_SHOWN_SIZE, "%" PRId64 "%s", value->integer / scale, names[i]);
}

const bt_option_type_row bt_option_duration_type = {.size = sizeof(int64_t),
                                                    .is_number = true,
                                                    .bounds_unit = "seconds",
                                                    .read = read_duration,
                                                    .read_json = read_json_duration,
                                                    .show = show_duration};
