#include "base/options.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/options-type.h"
#include "base/text.h"

int bt_options_find(const bt_option *table, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0) return (int)i;
    return -1;
}

void bt_options_default(const bt_option *table, size_t count, void *values, bt_option_sources *sources) {
    assert(count <= BT_OPTIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        bt_option_value value;
        bt_error error = {BT_OK, ""};
        memset(&value, 0, sizeof value);
        if (table[i].initial && *table[i].initial)
            error.status = bt_option_value_read(&table[i], table[i].initial, &value, &error);
        assert(!error.status && "a default in the options table does not parse");
        assert(strlen(table[i].name) < BT_NAME_SIZE - 6); /* room for "--no-" */
        bt_option_value_store(&table[i], &value, values);
        sources->of[i] = BT_SOURCE_DEFAULT;
    }
}

void bt_option_copy(const bt_option *option, const void *from, void *to) {
    bt_option_value value;
    bt_option_value_load(option, from, &value);
    bt_option_value_store(option, &value, to);
}

static void store(const bt_option *table, size_t index, const bt_option_value *value, bt_option_source source,
                  void *values, bt_option_sources *sources) {
    if (source < sources->of[index]) return;
    bt_option_value_store(&table[index], value, values);
    sources->of[index] = source;
}

/* ---- the command line ---- */

typedef struct command_line {
    const bt_option *table;
    size_t count;
    int argc, next;
    char **argv;
    void *values;
    bt_option_sources *sources;
} command_line;

/* Suggests among what is typed: the flags, "--help", "--version" and switches' "--no-" forms. */
static bt_status refuse_flag(const command_line *line, const char *flag, bt_error *error) {
    char names[BT_OPTIONS_MAX * 2 + 2][BT_NAME_SIZE + 5];
    const char *pointers[BT_OPTIONS_MAX * 2 + 2];
    char shown[BT_TEXT_QUOTE_SIZE];
    size_t known = 0;
    strcpy(names[known++], "--help");
    strcpy(names[known++], "--version");
    for (size_t i = 0; i < line->count; i++) {
        strcpy(names[known], "--");
        bt_option_flag(line->table[i].name, names[known++] + 2);
        if (line->table[i].type != BT_OPTION_SWITCH) continue;
        strcpy(names[known], "--no-");
        bt_option_flag(line->table[i].name, names[known++] + 5);
    }
    for (size_t i = 0; i < known; i++)
        pointers[i] = names[i];
    const char *nearest = bt_text_nearest(flag, pointers, known);
    bt_text_quote(flag, shown);
    shown[strlen(shown) - 1] = '\0'; /* flags are shown without quotes */
    if (nearest) return bt_fail(error, BT_INVALID, "%s is no option; did you mean %s?", shown + 1, nearest);
    return bt_fail(error, BT_INVALID, "%s is no option; --help lists them", shown + 1);
}

/* The option that `flag` ("--name", "--no-name") is about, or -1. */
static int find_flag(const command_line *line, const char *flag, bool *negated) {
    char spelled[BT_NAME_SIZE];
    for (size_t i = 0; i < line->count; i++) {
        bt_option_flag(line->table[i].name, spelled);
        *negated = false;
        if (strcmp(flag + 2, spelled) == 0) return (int)i;
        *negated = true;
        if (strncmp(flag, "--no-", 5) == 0 && strcmp(flag + 5, spelled) == 0) return (int)i;
    }
    return -1;
}

/* The value of a flag that takes one. The next argument is not it when it is itself a flag: "--output
 * --quiet" forgot something, while "--batches -3" is a bad value and "--output=--odd" is meant. */
static const char *value_of(command_line *line, const char *attached) {
    if (attached) return attached;
    if (line->next >= line->argc || strncmp(line->argv[line->next], "--", 2) == 0) return NULL;
    return line->argv[line->next++];
}

static bt_status read_switch(command_line *line, size_t index, const char *flag, bool negated,
                             const char *attached, bt_error *error) {
    bt_option_value value = {.on = !negated};
    if (attached && negated)
        return bt_fail(error, BT_INVALID, "%s: takes no value (it is the opposite of %s%s)", flag, "--",
                       flag + 5);
    if (attached) {
        bt_status status = bt_option_value_read(&line->table[index], attached, &value, error);
        if (status != BT_OK) return bt_fail_at(error, status, "%s", flag);
    }
    store(line->table, index, &value, BT_SOURCE_FLAG, line->values, line->sources);
    return BT_OK;
}

static bt_status read_flag(command_line *line, const char *argument, bt_error *error) {
    char flag[BT_TEXT_QUOTE_SIZE + BT_NAME_SIZE];
    size_t length = strcspn(argument, "=");
    const char *attached = argument[length] ? argument + length + 1 : NULL;
    if (length >= sizeof flag) return refuse_flag(line, argument, error);
    memcpy(flag, argument, length);
    flag[length] = '\0';
    bool negated = false;
    int index = flag[1] == '-' ? find_flag(line, flag, &negated) : -1;
    if (index < 0) return refuse_flag(line, flag, error);
    const bt_option *option = &line->table[index];
    if (option->type == BT_OPTION_SWITCH)
        return read_switch(line, (size_t)index, flag, negated, attached, error);
    const char *hint = option->placeholder ? option->placeholder
                       : option->choices   ? option->choices
                                           : "VALUE";
    if (negated)
        return bt_fail(error, BT_INVALID, "%s: only switches have a --no- form; --%s takes a value (%s)",
                       flag, flag + 5, hint);
    const char *text = value_of(line, attached);
    if (!text) return bt_fail(error, BT_INVALID, "%s: the value is missing (%s %s)", flag, flag, hint);
    bt_option_value value;
    bt_status status = bt_option_value_read(option, text, &value, error);
    if (status != BT_OK) return bt_fail_at(error, status, "%s", flag);
    store(line->table, (size_t)index, &value, BT_SOURCE_FLAG, line->values, line->sources);
    return BT_OK;
}

static bt_status add_operand(const char *argument, const char **operands, int operands_max, int *count,
                             bt_error *error) {
    char shown[BT_TEXT_QUOTE_SIZE];
    bt_text_quote(argument, shown);
    if (*count < operands_max) {
        operands[(*count)++] = argument;
        return BT_OK;
    }
    if (operands_max == 0)
        return bt_fail(error, BT_INVALID, "%s: not expected; options start with \"--\", see --help", shown);
    return bt_fail(error, BT_INVALID, "%s: one argument too many (at most %d)", shown, operands_max);
}

bt_status bt_options_parse(const bt_option *table, size_t count, int argc, char **argv, void *values,
                           bt_option_sources *sources, const char **operands, int operands_max,
                           int *operand_count, bt_options_request *request, bt_error *error) {
    command_line line = {table, count, argc, 1, argv, values, sources};
    bool only_operands = false;
    int found = 0;
    bt_status status = BT_OK;
    *request = BT_REQUEST_RUN;
    while (status == BT_OK && *request == BT_REQUEST_RUN && line.next < argc) {
        const char *argument = argv[line.next++];
        if (only_operands || argument[0] != '-' || !argument[1])
            status = add_operand(argument, operands, operands_max, &found, error);
        else if (strcmp(argument, "--") == 0)
            only_operands = true;
        else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0)
            *request = BT_REQUEST_HELP;
        else if (strcmp(argument, "--help=markdown") == 0)
            *request = BT_REQUEST_HELP_MARKDOWN;
        else if (strcmp(argument, "--version") == 0)
            *request = BT_REQUEST_VERSION;
        else
            status = read_flag(&line, argument, error);
    }
    if (operand_count) *operand_count = found;
    return status;
}

/* ---- JSON and pairs ---- */

/* Both name settings only: a flag about one run has no place in a file. */
static bt_status refuse_key(const bt_option *table, size_t count, const char *key, const char *where,
                            bt_status status, bt_error *error) {
    const char *names[BT_OPTIONS_MAX];
    char shown[BT_TEXT_QUOTE_SIZE], flag[BT_NAME_SIZE];
    size_t known = 0;
    int index = bt_options_find(table, count, key);
    if (index >= 0) {
        bt_option_flag(key, flag);
        return bt_fail(error, status, "%s: %s is no setting, only a flag (--%s)", where, key, flag);
    }
    for (size_t i = 0; i < count; i++)
        if (table[i].scope == BT_SCOPE_SETTING) names[known++] = table[i].name;
    const char *nearest = bt_text_nearest(key, names, known);
    bt_text_quote(key, shown);
    shown[strlen(shown) - 1] = '\0'; /* keys are shown without quotes */
    if (nearest)
        return bt_fail(error, status, "%s: %s is no setting; did you mean %s?", where, shown + 1, nearest);
    return bt_fail(error, status, "%s: %s is no setting; --help lists them", where, shown + 1);
}

static int find_setting(const bt_option *table, size_t count, const char *key) {
    int index = bt_options_find(table, count, key);
    return index >= 0 && table[index].scope == BT_SCOPE_SETTING ? index : -1;
}

bt_status bt_options_read_json(const bt_option *table, size_t count, const json_t *object,
                               bt_option_source source, const char *where, void *values,
                               bt_option_sources *sources, bt_error *error) {
    const char *key;
    json_t *item;
    if (!json_is_object(object)) return bt_fail(error, BT_PARSE, "%s: is no JSON object of settings", where);
    json_object_foreach((json_t *)object, key, item) {
        if (*key == '$' || *key == '_') continue;
        int index = find_setting(table, count, key);
        if (index < 0) return refuse_key(table, count, key, where, BT_PARSE, error);
        bt_option_value value;
        bt_error said;
        if (bt_option_value_read_json(&table[index], item, &value, &said))
            return bt_fail(error, BT_PARSE, "%s: %s: %s", where, key, said.message);
        store(table, (size_t)index, &value, source, values, sources);
    }
    return BT_OK;
}

/* Where the value that starts at `text` ends: at a comma, but a list goes on until the next "key=". */
static size_t value_length(const bt_option *option, const char *text) {
    size_t length = strcspn(text, ",");
    while (bt_option_type_of(option)->is_list && text[length]) {
        size_t part = strcspn(text + length + 1, ",=");
        if (text[length + 1 + part] == '=') break;
        length += 1 + part;
    }
    return length;
}

/* Takes a value out of its double quotes, where each "" is one; returns where it ended, or NULL where it is
 * not in quotes that end before a comma or the text. */
static char *unquote(char *text) {
    if (*text != '"') return NULL;
    char *to = text, *at = text + 1;
    for (; *at && (*at != '"' || at[1] == '"'); at++)
        at += *at == '"';
    if (*at != '"' || (at[1] != ',' && at[1] != '\0')) return NULL;
    for (char *from = text + 1; from < at; from++) {
        from += *from == '"';
        *to++ = *from;
    }
    *to = '\0';
    return at + 1;
}

/* Reads one "key=value" and moves on past the comma behind it, or to NULL after the last. */
static bt_status read_pair(const bt_option *table, size_t count, char **rest, const char *where, void *values,
                           bt_option_sources *sources, bt_error *error) {
    char *key = *rest, *text = key + strcspn(key, "=,");
    char shown[BT_TEXT_QUOTE_SIZE];
    if (*text != '=' || text == key) {
        key[strcspn(key, ",")] = '\0';
        bt_text_quote(key, shown);
        return bt_fail(error, BT_INVALID, "%s: %s is not key=value", where, shown);
    }
    *text++ = '\0';
    int index = find_setting(table, count, key);
    if (index < 0) return refuse_key(table, count, key, where, BT_INVALID, error);
    char *end = unquote(text);
    if (!end) end = text + value_length(&table[index], text);
    *rest = *end ? end + 1 : NULL;
    *end = '\0';
    bt_option_value value;
    bt_error said;
    if (bt_option_value_read(&table[index], text, &value, &said))
        return bt_fail(error, BT_INVALID, "%s: %s: %s", where, key, said.message);
    store(table, (size_t)index, &value, BT_SOURCE_FLAG, values, sources);
    return BT_OK;
}

bt_status bt_options_read_pairs(const bt_option *table, size_t count, const char *pairs, const char *where,
                                void *values, bt_option_sources *sources, bt_error *error) {
    if (!*pairs) return BT_OK;
    char *copy = strdup(pairs);
    if (!copy) return bt_no_memory(error, "%s", where);
    char *rest = copy;
    bt_status status = BT_OK;
    while (status == BT_OK && rest)
        status = read_pair(table, count, &rest, where, values, sources, error);
    free(copy);
    return status;
}

json_t *bt_options_write_json(const bt_option *table, size_t count, const void *values) {
    json_t *object = json_object();
    for (size_t i = 0; object && i < count; i++) {
        if (table[i].scope != BT_SCOPE_SETTING) continue;
        bt_option_value value;
        bt_option_value_load(&table[i], values, &value);
        if (json_object_set_new(object, table[i].name, bt_option_value_write_json(&table[i], &value)) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}
