#include "record/weights-setting.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

/* "hrnet=FILE": a part of the setting. */
typedef struct part {
    const char *name, *source;
    int name_length, source_length;
} part;

/* The length of a name that stands before "=", 0 for none. */
static int name_length(const char *text) {
    const size_t length = strspn(text, NAME_CHARACTERS);
    return text[length] == '=' ? (int)length : 0;
}

static bool is_map(const char *setting) {
    return name_length(setting) > 0;
}

/* Takes the first part off *rest; false at the end. A comma ends a part only where another name follows. */
static bool next_part(const char **rest, part *out) {
    const char *at = *rest;
    if (*at == '\0') return false;
    *out = (part){.name = at, .name_length = name_length(at)};
    out->source = at + out->name_length + 1;
    const char *end = out->source;
    while (*end != '\0' && !(*end == ',' && (end[1] == '\0' || name_length(end + 1) > 0)))
        end++;
    out->source_length = (int)(end - out->source);
    *rest = *end == ',' ? end + 1 : end;
    return true;
}

static bool is_of(const part *one, const char *model) {
    return strlen(model) == (size_t)one->name_length && strncmp(one->name, model, strlen(model)) == 0;
}

bt_status bt_weights_of(char out[BT_OPTION_TEXT_SIZE], const char *setting, const char *model,
                        bt_error *error) {
    part one;
    bool found = false;
    snprintf(out, BT_OPTION_TEXT_SIZE, "%s", is_map(setting) ? "demo" : setting);
    for (const char *rest = setting; is_map(setting) && next_part(&rest, &one);) {
        if (one.source_length == 0)
            return bt_fail(error, BT_INVALID, "weights: \"%.*s=\" names no source", one.name_length,
                           one.name);
        if (!is_of(&one, model)) continue;
        if (found) return bt_fail(error, BT_INVALID, "weights: %.64s is named twice", model);
        found = true;
        snprintf(out, BT_OPTION_TEXT_SIZE, "%.*s", one.source_length, one.source);
    }
    return BT_OK;
}

bt_status bt_weights_check_names(const char *setting, const char *const *models, int model_count,
                                 bt_error *error) {
    part one;
    for (const char *rest = setting; is_map(setting) && next_part(&rest, &one);) {
        char known[160] = "";
        bool found = false;
        for (int i = 0; i < model_count; i++) {
            const size_t used = strlen(known);
            snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", models[i]);
            found |= is_of(&one, models[i]);
        }
        if (!found)
            return bt_fail(error, BT_INVALID, "weights: \"%.*s\" is no model here; there is %s",
                           one.name_length > 60 ? 60 : one.name_length, one.name, known);
    }
    return BT_OK;
}
