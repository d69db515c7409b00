/* Types of options that are lists: names, batch sizes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options-type.h"
#include "base/text.h"

bool bt_names_have(const bt_names *names, const char *name) {
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->names[i], name) == 0) return true;
    return false;
}

bool bt_names_want(const bt_names *names, const char *name) {
    return !names || names->count == 0 || bt_names_have(names, name);
}

typedef bt_status add_part(const bt_option *option, const char *part, bt_option_value *out, bt_error *error);
typedef bt_status add_item(const bt_option *option, const json_t *item, bt_option_value *out,
                           bt_error *error);

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

static bt_status add_parts(const bt_option *option, const char *text, add_part *add, bt_option_value *out,
                           bt_error *error) {
    char part[BT_OPTION_TEXT_SIZE];
    bt_status status = BT_OK;
    while (status == BT_OK && next_part(&text, part))
        status = add(option, part, out, error);
    return status;
}

static bt_status add_items(const bt_option *option, const json_t *array, add_item *add, bt_option_value *out,
                           bt_error *error) {
    bt_status status = BT_OK;
    for (size_t i = 0; i < json_array_size(array) && status == BT_OK; i++)
        status = add(option, json_array_get(array, i), out, error);
    return status;
}

/* "a,b" and then "c" is "a,b,c"; there is room. */
static void show_part(const char *part, char out[BT_OPTION_SHOWN_SIZE]) {
    bt_text_append(out, BT_OPTION_SHOWN_SIZE, "%s%s", *out ? "," : "", part);
}

/* `json` is taken over; an item that could not be made (NULL) makes the array NULL too. */
static json_t *append(json_t *array, json_t *item) {
    if (array && json_array_append_new(array, item) == 0) return array;
    json_decref(array);
    return NULL;
}

/* ---- names ---- */

/* A repeated name counts once, where it stood first. */
static bt_status add_name(const bt_option *option, const char *name, bt_option_value *out, bt_error *error) {
    bt_names *names = &out->names;
    char shown[BT_TEXT_QUOTE_SIZE];
    bt_text_quote(name, shown);
    if (!*name) return bt_option_refuse(option, "a name", "empty", error);
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

static bt_status add_json_name(const bt_option *option, const json_t *name, bt_option_value *out,
                               bt_error *error) {
    char shown[BT_TEXT_QUOTE_SIZE];
    bt_option_show_json(name, shown);
    return json_is_string(name) ? add_name(option, json_string_value(name), out, error)
                                : bt_fail(error, BT_INVALID, "%s is no text, but names are", shown);
}

static bt_status read_names(const bt_option *option, const char *text, const char *shown,
                            bt_option_value *out, bt_error *error) {
    (void)shown; /* the message is about one name */
    memset(&out->names, 0, sizeof out->names);
    if (!*text && bt_option_may_be_empty(option)) return BT_OK;
    return add_parts(option, text, add_name, out, error);
}

static bt_status read_json_names(const bt_option *option, const json_t *json, const char *shown,
                                 bt_option_value *out, bt_error *error) {
    if (!json_is_array(json))
        return bt_option_read_json_text(option, json, shown, "neither a list of names nor text", out, error);
    memset(&out->names, 0, sizeof out->names);
    if (json_array_size(json) == 0 && !bt_option_may_be_empty(option))
        return bt_option_refuse(option, "the list", "empty", error);
    return add_items(option, json, add_json_name, out, error);
}

static void show_names(const bt_option *option, const bt_option_value *value,
                       char out[BT_OPTION_SHOWN_SIZE]) {
    (void)option;
    for (int i = 0; i < value->names.count; i++)
        show_part(value->names.names[i], out);
}

static json_t *write_json_names(const bt_option_value *value) {
    json_t *array = json_array();
    for (int i = 0; array && i < value->names.count; i++)
        array = append(array, json_string(value->names.names[i]));
    return array;
}

const bt_option_type_row bt_option_names_type = {.size = sizeof(bt_names),
                                                 .is_list = true,
                                                 .read = read_names,
                                                 .read_json = read_json_names,
                                                 .show = show_names,
                                                 .write_json = write_json_names};

/* ---- batch sizes ---- */

/* Keeps the list ascending and without repeats while it grows. */
static bt_status insert_size(int64_t size, const char *shown, bt_sizes *sizes, bt_error *error) {
    if (size < 1 || size > BT_BATCH_MAX)
        return bt_fail(error, BT_INVALID, "%s is not a batch size (1..%d, e.g. 1,2,4 or auto)", shown,
                       BT_BATCH_MAX);
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

static bt_status add_size(const bt_option *option, const char *part, bt_option_value *out, bt_error *error) {
    (void)option;
    char shown[BT_TEXT_QUOTE_SIZE];
    bool digits = *part && part[strspn(part, "0123456789")] == '\0' && strlen(part) < 18;
    bt_text_quote(part, shown);
    return insert_size(digits ? strtoll(part, NULL, 10) : 0, shown, &out->sizes, error);
}

static bt_status add_json_size(const bt_option *option, const json_t *size, bt_option_value *out,
                               bt_error *error) {
    (void)option;
    char shown[BT_TEXT_QUOTE_SIZE];
    bt_option_show_json(size, shown);
    return insert_size(json_is_integer(size) ? json_integer_value(size) : 0, shown, &out->sizes, error);
}

static bt_status read_sizes(const bt_option *option, const char *text, const char *shown,
                            bt_option_value *out, bt_error *error) {
    (void)shown; /* the message is about one size */
    memset(&out->sizes, 0, sizeof out->sizes);
    return strcmp(text, "auto") == 0 ? BT_OK : add_parts(option, text, add_size, out, error);
}

static bt_status read_json_sizes(const bt_option *option, const json_t *json, const char *shown,
                                 bt_option_value *out, bt_error *error) {
    static const char wrong[] = "neither a list of sizes nor \"auto\"";
    if (!json_is_array(json)) return bt_option_read_json_text(option, json, shown, wrong, out, error);
    memset(&out->sizes, 0, sizeof out->sizes);
    if (json_array_size(json) == 0)
        return bt_fail(error, BT_INVALID, "the list is empty (e.g. [1, 2, 4] or \"auto\")");
    return add_items(option, json, add_json_size, out, error);
}

static void show_sizes(const bt_option *option, const bt_option_value *value,
                       char out[BT_OPTION_SHOWN_SIZE]) {
    (void)option;
    if (value->sizes.count == 0) show_part("auto", out);
    for (int i = 0; i < value->sizes.count; i++) {
        char size[16];
        snprintf(size, sizeof size, "%d", value->sizes.sizes[i]);
        show_part(size, out);
    }
}

static json_t *write_json_sizes(const bt_option_value *value) {
    if (value->sizes.count == 0) return json_string("auto");
    json_t *array = json_array();
    for (int i = 0; array && i < value->sizes.count; i++)
        array = append(array, json_integer(value->sizes.sizes[i]));
    return array;
}

const bt_option_type_row bt_option_sizes_type = {.size = sizeof(bt_sizes),
                                                 .is_list = true,
                                                 .unset = "auto",
                                                 .read = read_sizes,
                                                 .read_json = read_json_sizes,
                                                 .show = show_sizes,
                                                 .write_json = write_json_sizes};
