#include "settings/by-model.h"

#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "base/text.h"
#include "settings/weights-source.h"

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
#define SHOWN           60 /* characters of a name in a message */

/* "hrnet=FILE": a part of the setting. */
typedef struct part {
    const char *name, *value;
    int name_length, value_length;
} part;

/* The length of a name that stands before "=", 0 for none. */
static int name_length(const char *text) {
    const size_t length = strspn(text, NAME_CHARACTERS);
    return text[length] == '=' ? (int)length : 0;
}

bool bt_by_model_is_map(const char *setting) {
    return name_length(setting) > 0;
}

static bool ends_part(const char *at) {
    return *at == '\0' || ((*at == ',' || *at == ';') && (at[1] == '\0' || name_length(at + 1) > 0));
}

/* A place within the file may stand behind it, as in weights. */
static bool names_file(const char *text, size_t length) {
    char path[BT_PATH_SIZE], file[BT_PATH_SIZE];
    bt_error no_file;
    if (length >= sizeof path || bt_path_join(path, &no_file, "%.*s", (int)length, text) != BT_OK)
        return false;
    const char *place = bt_weights_source_split(file, path);
    return !strpbrk(place, ",;=") && bt_file_check_regular(file, &no_file) == BT_OK;
}

bool bt_by_model_is_file(const char *setting) {
    return names_file(setting, strlen(setting));
}

/* Where the value ends that begins here: where the next part begins, unless going on to a later one, or to
 * the end, gives the name of a file that is there. */
static const char *end_of_value(const char *value) {
    const char *end = value, *first;
    while (!ends_part(end))
        end++;
    first = end;
    for (const char *later = value + strlen(value); later > first; later--)
        if (ends_part(later) && names_file(value, (size_t)(later - value))) return later;
    return first;
}

/* Takes the first part off *rest; false at the end. */
static bool next_part(const char **rest, part *out) {
    const char *at = *rest;
    if (*at == '\0') return false;
    *out = (part){.name = at, .name_length = name_length(at)};
    out->value = at + out->name_length + 1;
    const char *end = end_of_value(out->value);
    out->value_length = (int)(end - out->value);
    *rest = *end != '\0' ? end + 1 : end;
    return true;
}

static bool is_of(const part *one, const char *model) {
    return strlen(model) == (size_t)one->name_length && strncmp(one->name, model, strlen(model)) == 0;
}

static int shown(const part *one) {
    return one->name_length > SHOWN ? SHOWN : one->name_length;
}

bt_status bt_by_model_find(char out[BT_OPTION_TEXT_SIZE], const char *setting, const char *model,
                           bt_error *error) {
    part one;
    bool found = false;
    out[0] = '\0';
    for (const char *rest = setting; bt_by_model_is_map(setting) && next_part(&rest, &one);) {
        if (one.value_length == 0)
            return bt_fail(error, BT_INVALID, "\"%.*s=\" names nothing", shown(&one), one.name);
        if (!is_of(&one, model)) continue;
        if (found) return bt_fail(error, BT_INVALID, "%.64s is named twice", model);
        found = true;
        snprintf(out, BT_OPTION_TEXT_SIZE, "%.*s", one.value_length, one.value);
    }
    return BT_OK;
}

bt_status bt_by_model_narrow(char setting[BT_OPTION_TEXT_SIZE], const char *model, bt_error *error) {
    char own[BT_OPTION_TEXT_SIZE];
    if (!bt_by_model_is_map(setting)) return BT_OK;
    bt_status status = bt_by_model_find(own, setting, model, error);
    if (status != BT_OK) return status;
    const size_t before =
        own[0] ? strlen(model) + 1 : 0; /* "NAME=": it was in the setting, so that it fits */
    if (before > 0) memmove(setting, model, before - 1);
    if (before > 0) setting[before - 1] = '=';
    memcpy(setting + before, own, strlen(own) + 1);
    return BT_OK;
}

bt_status bt_by_model_names(bt_names *out, const char *setting, bt_error *error) {
    part one;
    out->count = 0;
    for (const char *rest = setting; bt_by_model_is_map(setting) && next_part(&rest, &one);) {
        if (one.name_length >= BT_NAME_SIZE)
            return bt_fail(error, BT_INVALID, "\"%.*s...\": a model's name has at most %d characters",
                           shown(&one), one.name, BT_NAME_SIZE - 1);
        if (out->count == BT_NAMES_MAX)
            return bt_fail(error, BT_INVALID, "names more than %d models", BT_NAMES_MAX);
        snprintf(out->names[out->count++], BT_NAME_SIZE, "%.*s", one.name_length, one.name);
    }
    return BT_OK;
}

bt_status bt_by_model_check_names(const char *setting, const char *const *models, int model_count,
                                  bt_error *error) {
    part one;
    for (const char *rest = setting; bt_by_model_is_map(setting) && next_part(&rest, &one);) {
        char known[160] = "";
        bool found = false;
        for (int i = 0; i < model_count; i++) {
            bt_text_append(known, sizeof known, "%s%s", i ? ", " : "", models[i]);
            found |= is_of(&one, models[i]);
        }
        if (!found)
            return bt_fail(error, BT_INVALID, "\"%.*s\" is no model here; there is %s", shown(&one), one.name,
                           known);
    }
    return BT_OK;
}
