/* Types of options that are words: switches, choices, text. */
#include <stdio.h>
#include <string.h>

#include "base/options-type.h"
#include "base/text.h"

static bt_status read_json_text(const bt_option *option, const json_t *json, const char *shown,
                                bt_option_value *out, bt_error *error) {
    return bt_option_read_json_text(option, json, shown, "not text", out, error);
}

/* ---- switches ---- */

static bt_status fail_switch(const char *shown, bt_error *error) {
    return bt_fail(error, BT_INVALID, "%s is neither true nor false", shown);
}

static bt_status read_switch(const bt_option *option, const char *text, const char *shown,
                             bt_option_value *out, bt_error *error) {
    (void)option;
    out->on = strcmp(text, "true") == 0;
    return out->on || strcmp(text, "false") == 0 ? BT_OK : fail_switch(shown, error);
}

static bt_status read_json_switch(const bt_option *option, const json_t *json, const char *shown,
                                  bt_option_value *out, bt_error *error) {
    (void)option;
    out->on = json_is_true(json);
    return json_is_boolean(json) ? BT_OK : fail_switch(shown, error);
}

static void show_switch(const bt_option *option, const bt_option_value *value,
                        char out[BT_OPTION_SHOWN_SIZE]) {
    (void)option;
    snprintf(out, BT_OPTION_SHOWN_SIZE, "%s", value->on ? "true" : "false");
}

static json_t *write_json_switch(const bt_option_value *value) {
    return json_boolean(value->on);
}

const bt_option_type_row bt_option_switch_type = {.size = sizeof(bool),
                                                  .read = read_switch,
                                                  .read_json = read_json_switch,
                                                  .show = show_switch,
                                                  .write_json = write_json_switch};

/* ---- choices ---- */

static bt_status read_choice(const bt_option *option, const char *text, const char *shown,
                             bt_option_value *out, bt_error *error) {
    char all[160] = "";
    size_t length, used = 0;
    for (int i = 0;; i++) {
        const char *choice = bt_option_choice(option, i, &length);
        if (!choice) break;
        if (strlen(text) == length && strncmp(text, choice, length) == 0) {
            out->choice = i;
            return BT_OK;
        }
        if (used >= sizeof all) continue;
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%.*s", i ? ", " : "", (int)length, choice);
    }
    return bt_fail(error, BT_INVALID, "%s is none of %s", shown, all);
}

static void show_choice(const bt_option *option, const bt_option_value *value,
                        char out[BT_OPTION_SHOWN_SIZE]) {
    size_t length = 0;
    const char *choice = bt_option_choice(option, value->choice, &length);
    snprintf(out, BT_OPTION_SHOWN_SIZE, "%.*s", (int)length, choice ? choice : "");
}

const bt_option_type_row bt_option_choice_type = {
    .size = sizeof(int), .read = read_choice, .read_json = read_json_text, .show = show_choice};

/* ---- text ---- */

static bt_status read_text(const bt_option *option, const char *text, const char *shown, bt_option_value *out,
                           bt_error *error) {
    size_t length = strlen(text);
    if (!length && !bt_option_may_be_empty(option)) return bt_option_refuse(option, shown, "empty", error);
    if (length >= BT_OPTION_TEXT_SIZE)
        return bt_fail(error, BT_INVALID, "the value is too long: %zu bytes, at most %d", length,
                       BT_OPTION_TEXT_SIZE - 1);
    if (!bt_text_is_utf8(text)) return bt_fail(error, BT_INVALID, "the value is not UTF-8 text");
    memcpy(out->text, text, length + 1);
    return BT_OK;
}

static void show_text(const bt_option *option, const bt_option_value *value, char out[BT_OPTION_SHOWN_SIZE]) {
    (void)option;
    snprintf(out, BT_OPTION_SHOWN_SIZE, "%s", value->text);
}

const bt_option_type_row bt_option_text_type = {
    .size = BT_OPTION_TEXT_SIZE, .read = read_text, .read_json = read_json_text, .show = show_text};
