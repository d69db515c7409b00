/* One option's value apart from where it is kept: from typed text, from JSON, back to text. Only the options
 * modules include this; everybody else goes through base/options.h. */
#ifndef BT_BASE_OPTIONS_VALUE_H
#define BT_BASE_OPTIONS_VALUE_H

#include "base/options.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef union bt_option_value {
    bool on;
    int64_t integer; /* of a duration: nanoseconds */
    double number;
    int choice;
    char text[BT_OPTION_TEXT_SIZE];
    bt_names names;
    bt_sizes sizes;
} bt_option_value;

/* Room for any value as text: the longest are 16 names of 63 bytes. */
#define BT_OPTION_SHOWN_SIZE (BT_NAMES_MAX * BT_NAME_SIZE + 1)

/* Reads what a person typed. The message of a failure (BT_INVALID) starts with the value in quotes and names
 * no flag: the caller knows where it stood. */
BT_MUST_USE bt_status bt_option_value_read(const bt_option *option, const char *text, bt_option_value *out,
                                           bt_error *error);

/* Reads what stood in a JSON file; otherwise the same. */
BT_MUST_USE bt_status bt_option_value_read_json(const bt_option *option, const json_t *json,
                                                bt_option_value *out, bt_error *error);

/* The value as it would be typed; a number that was not given is "". */
void bt_option_value_show(const bt_option *option, const bt_option_value *value,
                          char out[BT_OPTION_SHOWN_SIZE]);

/* The value as JSON, a new reference; NULL when memory is short. */
json_t *bt_option_value_write_json(const bt_option *option, const bt_option_value *value);

void bt_option_value_load(const bt_option *option, const void *values, bt_option_value *out);
void bt_option_value_store(const bt_option *option, const bt_option_value *value, void *values);

/* ---- what an option says of itself (options-words.c) ---- */

/* "milliseconds" and "ms" for a name that ends in "_ms", and so on; "" where the name tells no unit, and for
 * durations, which are typed with theirs. */
const char *bt_option_unit_words(const bt_option *option);
const char *bt_option_unit_symbol(const bt_option *option);

/* "above 0", "1..100", "at least 1"; "" without bounds. Bounds of 1e15 and more are as good as none. */
#define BT_OPTION_BOUNDS_SIZE 96
void bt_option_bounds(const bt_option *option, char out[BT_OPTION_BOUNDS_SIZE]);

/* The `index`-th of the option's choices and its length, or NULL past the last. */
const char *bt_option_choice(const bt_option *option, int index, size_t *length);

/* "p95_sla_ms" is "p95-sla-ms" on the command line. Names are shorter than BT_NAME_SIZE. */
void bt_option_flag(const char *name, char out[BT_NAME_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
