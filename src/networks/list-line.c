#include "networks/list-line.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

void bt_list_fail(bt_list *list, const char *format, ...) {
    char message[400];
    va_list arguments;
    if (list->status != BT_OK) return;
    va_start(arguments, format);
    bt_text_format_list(message, sizeof message, format, arguments);
    va_end(arguments);
    list->status = bt_fail(list->error, BT_PARSE, "%s:%d: %s", list->file, list->line, message);
}

/* ---- tensors ---- */

static int lowest_multiple(int a, int b) {
    int x = a, y = b;
    while (y != 0) {
        const int rest = x % y;
        x = y;
        y = rest;
    }
    return a / x * b;
}

void bt_list_note(bt_list *list, const char *name, int up, int down) {
    const int number = list->network->tensor_count - 1;
    if (list->status != BT_OK) return;
    bt_list_tensor *grown =
        bt_array_grow(list->tensors, (size_t)number, 1, &list->tensor_room, sizeof *grown);
    if (!grown) {
        list->status = bt_no_memory(list->error, "reading %s", list->file);
        return;
    }
    list->tensors = grown;
    grown[number] = (bt_list_tensor){.line = list->line, .up = up, .down = down};
    memcpy(grown[number].name, name, strlen(name) + 1);
    list->multiple = list->multiple == 0 ? down : lowest_multiple(list->multiple, down);
    if (list->multiple > BT_LIST_MULTIPLE_MOST)
        bt_list_fail(list, "images would have to be multiples of %d, which is beyond %d", list->multiple,
                     BT_LIST_MULTIPLE_MOST);
}

void bt_list_done(bt_list *list, const bt_list_line *line, int up, int down) {
    if (list->status == BT_OK) list->status = list->builder.status;
    bt_list_note(list, line->output, up, down);
}

static int find(const bt_list *list, const char *name, size_t length) {
    for (int i = 0; i < list->network->tensor_count; i++)
        if (strncmp(list->tensors[i].name, name, length) == 0 && list->tensors[i].name[length] == '\0')
            return i;
    return BT_NO_TENSOR;
}

int bt_list_find(bt_list *list, const char *name, size_t length) {
    char quoted[BT_TEXT_QUOTE_SIZE], copy[BT_LIST_NAME_SIZE];
    if (list->status != BT_OK) return BT_NO_TENSOR;
    const int tensor = length < BT_LIST_NAME_SIZE ? find(list, name, length) : BT_NO_TENSOR;
    if (tensor == BT_NO_TENSOR) {
        bt_text_format(copy, sizeof copy, "%.*s", (int)(length < sizeof copy ? length : sizeof copy - 1),
                       name);
        bt_text_quote(copy, quoted);
        bt_list_fail(list, "there is no %s above; the picture is \"image\"", quoted);
    }
    return tensor;
}

/* ---- a line ---- */

static char *skip_blanks(char *text) {
    return text + strspn(text, " \t");
}

/* Cuts the name that `text` begins with, and gives what follows it; NULL where it is none. */
static char *cut_name(bt_list *list, char **name, char *text, const char *what) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    char quoted[BT_TEXT_QUOTE_SIZE];
    const size_t length = strspn(text, letters);
    *name = text;
    if (length > 0 && length < BT_LIST_NAME_SIZE) return text + length;
    bt_text_quote(text, quoted);
    bt_list_fail(list, "%s where %s is expected: up to %d letters, digits, _ . and -", quoted, what,
                 BT_LIST_NAME_SIZE - 1);
    return NULL;
}

/* The inputs between the brackets; what follows them, or NULL. */
static char *read_inputs(bt_list_line *line, bt_list *list, char *text) {
    for (char *name;;) {
        text = cut_name(list, &name, skip_blanks(text), "an input's name");
        if (!text) return NULL;
        if (line->input_count == BT_MAX_INPUTS) {
            bt_list_fail(list, "an operation has at most %d inputs", BT_MAX_INPUTS);
            return NULL;
        }
        line->inputs[line->input_count++] = bt_list_find(list, name, (size_t)(text - name));
        text = skip_blanks(text);
        if (*text == ')') return text + 1;
        if (*text != ',') {
            bt_list_fail(list, "a \",\" or \")\" is missing behind an input's name");
            return NULL;
        }
        text++;
    }
}

static void read_keys(bt_list_line *line, bt_list *list, char *text) {
    char quoted[BT_TEXT_QUOTE_SIZE];
    while (*(text = skip_blanks(text)) != '\0') {
        char *word = text, *equals;
        text += strcspn(text, " \t");
        if (*text != '\0') *text++ = '\0';
        equals = strchr(word, '=');
        if (!equals || equals == word || equals[1] == '\0') {
            bt_text_quote(word, quoted);
            bt_list_fail(list, "%s where KEY=VALUE is expected", quoted);
            return;
        }
        *equals = '\0';
        if (line->key_count == BT_LIST_KEYS) {
            bt_list_fail(list, "a line has at most %d keys", BT_LIST_KEYS);
            return;
        }
        for (int i = 0; i < line->key_count; i++)
            if (strcmp(line->keys[i].name, word) == 0) bt_list_fail(list, "a key stands twice");
        line->keys[line->key_count].name = word;
        line->keys[line->key_count++].value = equals + 1;
    }
}

bool bt_list_line_read(bt_list_line *line, bt_list *list, char *text) {
    *line = (bt_list_line){0};
    char *end = cut_name(list, &line->output, text, "\"title\", \"output\" or a tensor's name"), *operation,
         *rest;
    if (!end) return false;
    operation = skip_blanks(end);
    if (*operation != '=') {
        bt_list_fail(list, "a line is \"NAME = OPERATION(INPUT, ...) KEY=VALUE ...\"");
        return false;
    }
    *end = '\0';
    operation = skip_blanks(operation + 1);
    end = cut_name(list, &line->operation, operation, "an operation");
    if (!end) return false;
    rest = skip_blanks(end);
    if (*rest != '(') {
        bt_list_fail(list, "an operation's inputs stand in brackets: \"conv(image)\"");
        return false;
    }
    *end = '\0';
    rest = read_inputs(line, list, rest + 1);
    if (rest) read_keys(line, list, rest);
    if (list->status == BT_OK && find(list, line->output, strlen(line->output)) != BT_NO_TENSOR)
        bt_list_fail(list, "\"%s\" is there already: each line writes a name of its own", line->output);
    return list->status == BT_OK;
}

/* ---- what keys say ---- */

/* The value of a key, which counts as known from now on; NULL where it is not there. */
static const char *value_of(bt_list_line *line, const char *key) {
    if (line->known_count < BT_LIST_KEYS) line->known[line->known_count++] = key;
    for (int i = 0; i < line->key_count; i++)
        if (strcmp(line->keys[i].name, key) == 0) {
            line->keys[i].used = true;
            return line->keys[i].value;
        }
    return NULL;
}

const char *bt_list_text(bt_list *list, bt_list_line *line, const char *key, bool needed) {
    const char *value = value_of(line, key);
    if (!value && needed) bt_list_fail(list, "%s wants %s=...", line->operation, key);
    return value;
}

int bt_list_number(bt_list *list, bt_list_line *line, const char *key, int otherwise, int least, int most) {
    const char *value = bt_list_text(list, line, key, otherwise == BT_LIST_NEEDED);
    char *end, quoted[BT_TEXT_QUOTE_SIZE];
    if (!value) return otherwise == BT_LIST_NEEDED ? least : otherwise;
    errno = 0;
    const long number = strtol(value, &end, 10);
    if (*value >= '0' && *value <= '9' && *end == '\0' && errno == 0 && number >= least && number <= most)
        return (int)number;
    bt_text_quote(value, quoted);
    bt_list_fail(list, "%s=%s: a whole number from %d to %d is right", key, quoted, least, most);
    return least;
}

double bt_list_fraction(bt_list *list, bt_list_line *line, const char *key, double otherwise, double least,
                        double most) {
    const char *value = value_of(line, key);
    char *end, quoted[BT_TEXT_QUOTE_SIZE];
    if (!value) return otherwise;
    const double number = bt_text_read_number(value, &end);
    if (end != value && *end == '\0' && number >= least && number <= most) return number;
    bt_text_quote(value, quoted);
    bt_list_fail(list, "%s=%s: a number from %g to %g is right", key, quoted, least, most);
    return least;
}

static void fail_word(bt_list *list, const char *key, const char *value, const char *const *words,
                      size_t count) {
    char quoted[BT_TEXT_QUOTE_SIZE], known[160] = "";
    for (size_t i = 0; i < count; i++)
        bt_text_append(known, sizeof known, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " or ", words[i]);
    bt_text_quote(value, quoted);
    bt_list_fail(list, "%s=%s: %s is right", key, quoted, known);
}

int bt_list_word(bt_list *list, bt_list_line *line, const char *key, const char *const *words, size_t count) {
    const char *value = value_of(line, key);
    if (!value) return 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(value, words[i]) == 0) return (int)i;
    fail_word(list, key, value, words, count);
    return 0;
}

void bt_list_check_keys(bt_list *list, const bt_list_line *line) {
    for (int i = 0; i < line->key_count && list->status == BT_OK; i++) {
        if (line->keys[i].used) continue;
        char quoted[BT_TEXT_QUOTE_SIZE], known[200] = "";
        for (int k = 0; k < line->known_count; k++)
            bt_text_append(known, sizeof known, "%s%s", k ? ", " : "", line->known[k]);
        bt_text_quote(line->keys[i].name, quoted);
        bt_list_fail(list, "%s knows no key %s: it has %s", line->operation, quoted, *known ? known : "none");
    }
}
