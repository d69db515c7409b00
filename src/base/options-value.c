/* One option's value, by the table of types. */
#include "base/options-value.h"

#include <string.h>

#include "base/options-type.h"
#include "base/text.h"

bt_status bt_option_value_read(const bt_option *option, const char *text, bt_option_value *out,
                               bt_error *error) {
    char shown[BT_TEXT_QUOTE_SIZE];
    bt_text_quote(text, shown);
    return bt_option_type_of(option)->read(option, text, shown, out, error);
}

bt_status bt_option_value_read_json(const bt_option *option, const json_t *json, bt_option_value *out,
                                    bt_error *error) {
    char shown[BT_TEXT_QUOTE_SIZE];
    bt_option_show_json(json, shown);
    return bt_option_type_of(option)->read_json(option, json, shown, out, error);
}

bt_status bt_option_read_json_text(const bt_option *option, const json_t *json, const char *shown,
                                   const char *wrong, bt_option_value *out, bt_error *error) {
    if (json_is_string(json)) return bt_option_value_read(option, json_string_value(json), out, error);
    return bt_option_refuse(option, shown, wrong, error);
}

void bt_option_value_show(const bt_option *option, const bt_option_value *value,
                          char out[BT_OPTION_SHOWN_SIZE]) {
    out[0] = '\0';
    bt_option_type_of(option)->show(option, value, out);
}

json_t *bt_option_value_write_json(const bt_option *option, const bt_option_value *value) {
    const bt_option_type_row *type = bt_option_type_of(option);
    char shown[BT_OPTION_SHOWN_SIZE];
    bt_option_value_show(option, value, shown);
    if (type->is_number && !*shown) return json_null(); /* not given */
    return type->write_json ? type->write_json(value) : json_string(shown);
}

/* ---- the program's struct ---- */

void bt_option_value_load(const bt_option *option, const void *values, bt_option_value *out) {
    memcpy(out, (const char *)values + option->offset, bt_option_type_of(option)->size);
}

void bt_option_value_store(const bt_option *option, const bt_option_value *value, void *values) {
    memcpy((char *)values + option->offset, value, bt_option_type_of(option)->size);
}
