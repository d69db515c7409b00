/* What a type of option is: how its value is read from typed text and from JSON, and given back as either.
 *
 * A new type is a constant of bt_option_type (base/options.h), a member of bt_option_value and one row: a
 * bt_option_type_row beside the functions that it names, listed in options-type.c. Command lines, files of
 * settings, records and --help then know it. Only the options modules include this; everybody else goes
 * through base/options.h. */
#ifndef BT_BASE_OPTIONS_TYPE_H
#define BT_BASE_OPTIONS_TYPE_H

#include "base/options-value.h"
#include "base/text.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_option_type_row {
    size_t size;    /* of the value in the program's struct */
    bool is_number; /* has bounds; without a default it may stay "not given" */
    bool is_list;   /* parts between commas */
    /* What its bounds are in, where values are typed with their unit; NULL elsewhere. */
    const char *bounds_unit;
    /* How --help names the value that it has without a default; NULL: not at all. */
    const char *unset;

    /* As bt_option_value_read. `shown` is the text as messages quote it. */
    bt_status (*read)(const bt_option *option, const char *text, const char *shown, bt_option_value *out,
                      bt_error *error);
    bt_status (*read_json)(const bt_option *option, const json_t *json, const char *shown,
                           bt_option_value *out, bt_error *error);

    /* As bt_option_value_show; `out` is "" before. */
    void (*show)(const bt_option *option, const bt_option_value *value, char out[BT_OPTION_SHOWN_SIZE]);

    /* A new reference, NULL when memory is short. Where this is NULL, the JSON is what `show` gives. */
    json_t *(*write_json)(const bt_option_value *value);
} bt_option_type_row;

/* options-number.c, options-text.c, options-list.c */
extern const bt_option_type_row bt_option_integer_type, bt_option_number_type, bt_option_duration_type;
extern const bt_option_type_row bt_option_switch_type, bt_option_choice_type, bt_option_text_type;
extern const bt_option_type_row bt_option_names_type, bt_option_sizes_type;

/* The row of the option's type. */
const bt_option_type_row *bt_option_type_of(const bt_option *option);

/* For a `read_json`: JSON text is read as if it were typed; all else is refused as `wrong` ("not text"). */
bt_status bt_option_read_json_text(const bt_option *option, const json_t *json, const char *shown,
                                   const char *wrong, bt_option_value *out, bt_error *error);

/* ---- what messages say (options-words.c) ---- */

/* A text or list that has no default, or an empty one. */
bool bt_option_may_be_empty(const bt_option *option);

/* "`shown` is `why`", with what would be right behind it; returns BT_INVALID. */
bt_status bt_option_refuse(const bt_option *option, const char *shown, const char *why, bt_error *error);

/* BT_INVALID for a value outside the option's bounds. */
bt_status bt_option_check_bounds(const bt_option *option, double value, const char *shown, bt_error *error);

/* A value as it stands in a JSON file, cut. */
void bt_option_show_json(const json_t *json, char out[BT_TEXT_QUOTE_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
