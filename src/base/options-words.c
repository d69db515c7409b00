/* What an option says of itself, in --help and in messages: its unit, bounds, choices and flag; and how a
 * value is refused, with what would be right. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/options-type.h"
#include "base/text.h"

#define SHOWN_BOUND 1e15 /* bounds from here on are as good as none */
#define HINT_SIZE   256

/* ---- units, bounds, choices, flags ---- */

static const struct {
    const char *ending, *words, *symbol;
} units[] = {
    {"_ms", "milliseconds", "ms"}, {"_us", "microseconds", "us"}, {"_seconds", "seconds", "s"},
    {"_days", "days", "days"},     {"_percent", "percent", "%"},  {"_bytes", "bytes", "bytes"},
    {"_mb", "MB", "MB"},           {"_gb", "GB", "GB"},           {"_rps", "requests/s", "requests/s"}};

/* The row of `units` that the option's name ends in; -1 where there is none, or values bring theirs. */
static int unit_row(const bt_option *option) {
    size_t length = strlen(option->name);
    if (bt_option_type_of(option)->bounds_unit) return -1;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t ending = strlen(units[i].ending);
        if (length > ending && strcmp(option->name + length - ending, units[i].ending) == 0) return (int)i;
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

bool bt_option_may_be_empty(const bt_option *option) {
    return !option->initial || !*option->initial;
}

/* ---- refusing a value ---- */

/* " (above 0, at most 1000 milliseconds, e.g. 100)", of the parts that there are. */
static void put_hint(const bt_option *option, bool with_bounds, char out[HINT_SIZE]) {
    char bounds[BT_OPTION_BOUNDS_SIZE] = "";
    const char *unit = bt_option_unit_words(option), *bounds_unit = bt_option_type_of(option)->bounds_unit;
    if (with_bounds) bt_option_bounds(option, bounds);
    if (*bounds && bounds_unit) unit = bounds_unit;
    bool example = option->initial && *option->initial;
    out[0] = '\0';
    if (!*bounds && !*unit && !example) return;
    snprintf(out, HINT_SIZE, " (%s%s%s%s%s%.64s)", bounds, *bounds && *unit ? " " : "", unit,
             (*bounds || *unit) && example ? ", " : "", example ? "e.g. " : "",
             example ? option->initial : "");
}

bt_status bt_option_refuse(const bt_option *option, const char *shown, const char *why, bt_error *error) {
    char hint[HINT_SIZE];
    put_hint(option, true, hint);
    return bt_fail(error, BT_INVALID, "%s is %s%s", shown, why, hint);
}

bt_status bt_option_check_bounds(const bt_option *option, double value, const char *shown, bt_error *error) {
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
    const char *unit = bt_option_type_of(option)->bounds_unit;
    return bt_fail(error, BT_INVALID, "%s is %s %s%s%s%s", shown, why, bound, unit ? " " : "",
                   unit ? unit : "", hint);
}

void bt_option_show_json(const json_t *json, char out[BT_TEXT_QUOTE_SIZE]) {
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
