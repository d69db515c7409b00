#include "base/text.h"

#include <ctype.h>
#include <dlfcn.h>
#include <fnmatch.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 64

/* newlocale gives its own constant for all of "C", without asking for memory (in glibc and musl alike). */
locale_t bt_text_locale(void) {
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

int bt_text_format_list(char *out, size_t size, const char *format, va_list arguments) {
    locale_t before = uselocale(bt_text_locale());
    int length = vsnprintf(out, size, format, arguments);
    uselocale(before);
    return length;
}

int bt_text_format(char *out, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = bt_text_format_list(out, size, format, arguments);
    va_end(arguments);
    return length;
}

void bt_text_append(char *out, size_t size, const char *format, ...) {
    const size_t used = strlen(out);
    va_list arguments;
    if (used >= size) return;
    va_start(arguments, format);
    bt_text_format_list(out + used, size - used, format, arguments);
    va_end(arguments);
}

void bt_text_append_clause(char *out, size_t size, const char *format, ...) {
    const size_t used = strlen(out), joint = used > 0 ? 2 : 0;
    va_list arguments;
    if (used + joint >= size) return;
    memcpy(out + used, "; ", joint);
    va_start(arguments, format);
    bt_text_format_list(out + used + joint, size - used - joint, format, arguments);
    va_end(arguments);
}

int bt_text_print_list(FILE *out, const char *format, va_list arguments) {
    locale_t before = uselocale(bt_text_locale());
    int length = vfprintf(out, format, arguments);
    uselocale(before);
    return length;
}

int bt_text_print(FILE *out, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = bt_text_print_list(out, format, arguments);
    va_end(arguments);
    return length;
}

double bt_text_read_number(const char *text, char **end) {
    return strtod_l(text, end, bt_text_locale());
}

bool bt_text_is_alphanumeric(char byte) {
    return isalnum_l((unsigned char)byte, bt_text_locale());
}

bool bt_text_is_control(char byte) {
    return iscntrl_l((unsigned char)byte, bt_text_locale());
}

bool bt_text_ends_with(const char *text, const char *ending) {
    const size_t length = strlen(text), end = strlen(ending);
    return length >= end && strcmp(text + length - end, ending) == 0;
}

void bt_text_upper(char *text) {
    for (; *text; text++)
        *text = (char)toupper_l((unsigned char)*text, bt_text_locale());
}

bool bt_text_fits(const char *pattern, const char *text) {
    locale_t before = uselocale(bt_text_locale());
    bool fits = fnmatch(pattern, text, 0) == 0;
    uselocale(before);
    return fits;
}

const char *bt_text_system_error(int code) {
    return strerror_l(code, bt_text_locale());
}

const char *bt_text_load_error(void) {
    locale_t before = uselocale(bt_text_locale());
    const char *error = dlerror();
    uselocale(before);
    return error;
}

void bt_text_number(double value, char out[BT_NUMBER_TEXT_SIZE]) {
    for (int digits = 15; digits <= 17; digits++) {
        bt_text_format(out, BT_NUMBER_TEXT_SIZE, "%.*g", digits, value);
        if (bt_text_read_number(out, NULL) == value) return;
    }
}

static bool continues(char byte) {
    return ((unsigned char)byte & 0xC0) == 0x80;
}

size_t bt_text_fit(const char *text, size_t size) {
    size_t length = strnlen(text, size + 1);
    if (length <= size) return length;
    while (size > 0 && continues(text[size]))
        size--;
    return size;
}

size_t bt_text_columns(const char *text, size_t size) {
    size_t columns = 0;
    for (size_t i = 0; i < size && text[i]; i++)
        columns += !continues(text[i]);
    return columns;
}

void bt_text_quote(const char *text, char out[BT_TEXT_QUOTE_SIZE]) {
    const size_t room = BT_TEXT_QUOTE_SIZE - sizeof "\"...\"";
    size_t length = bt_text_fit(text, room);
    snprintf(out, BT_TEXT_QUOTE_SIZE, "\"%.*s%s\"", (int)length, text, text[length] ? "..." : "");
    for (char *c = out; *c; c++)
        if (bt_text_is_control(*c)) *c = '?';
}

void bt_text_shell_word(const char *word, FILE *out) {
    const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%";
    if (*word && word[strspn(word, plain)] == '\0') {
        fputs(word, out);
        return;
    }
    fputc('\'', out);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", out);
        else
            fputc(*word, out);
    fputc('\'', out);
}

static char folded(char c) {
    return c == '-' ? '_' : (char)tolower_l((unsigned char)c, bt_text_locale());
}

static int smallest(int a, int b, int c) {
    int least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edits between two words of at most WORD_MAX letters, a swap of neighbours counting as one ("optimal string
 * alignment"). Three rows of the usual table are enough. */
static int edits(const char *from, size_t from_length, const char *to, size_t to_length) {
    int rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= to_length; j++)
        rows[0][j] = (int)j;
    for (size_t i = 1; i <= from_length; i++) {
        int *row = rows[i % 3], *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= to_length; j++) {
            char a = folded(from[i - 1]), b = folded(to[j - 1]);
            row[j] = smallest(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b));
            bool swapped = i > 1 && j > 1 && a == folded(to[j - 2]) && b == folded(from[i - 2]);
            if (swapped && two_above[j - 2] + 1 < row[j]) row[j] = two_above[j - 2] + 1;
        }
    }
    return rows[from_length % 3][to_length];
}

static bool begins(const char *word, size_t length, const char *name) {
    for (size_t i = 0; i < length; i++)
        if (folded(word[i]) != folded(name[i])) return false;
    return true;
}

const char *bt_text_nearest(const char *word, const char *const *names, size_t count) {
    const char *nearest = NULL;
    int least = WORD_MAX;
    size_t length = strlen(word);
    if (length > WORD_MAX) return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t name_length = strlen(names[i]);
        if (name_length > WORD_MAX) continue;
        size_t longer = name_length > length ? name_length : length;
        int apart = edits(word, length, names[i], name_length);
        bool unfinished = length >= 3 && length < name_length && begins(word, length, names[i]);
        if (apart < least && (apart <= (int)longer / 3 || unfinished)) {
            least = apart;
            nearest = names[i];
        }
    }
    return nearest;
}

bool bt_text_is_utf8(const char *text) {
    const unsigned char *byte = (const unsigned char *)text;
    while (*byte) {
        int more = *byte < 0x80 ? 0 : *byte >> 5 == 6 ? 1 : *byte >> 4 == 14 ? 2 : *byte >> 3 == 30 ? 3 : -1;
        if (more < 0) return false;
        uint32_t code = more == 0 ? *byte : *byte & (0x3Fu >> more);
        byte++;
        for (int i = 0; i < more; i++, byte++) {
            if (!continues((char)*byte)) return false;
            code = code << 6 | (*byte & 0x3Fu);
        }
        static const uint32_t lowest[] = {0, 0x80, 0x800, 0x10000}; /* a longer form than needed is refused */
        if (code < lowest[more] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
    }
    return true;
}

void bt_text_seconds(double seconds, char out[BT_NUMBER_TEXT_SIZE]) {
    long long whole = (long long)(seconds + 0.5);
    if (whole < 60)
        snprintf(out, BT_NUMBER_TEXT_SIZE, "%lld s", whole);
    else if (whole < 3600)
        snprintf(out, BT_NUMBER_TEXT_SIZE, "%lld min %02lld s", whole / 60, whole % 60);
    else
        snprintf(out, BT_NUMBER_TEXT_SIZE, "%lld h %02lld min", whole / 3600, whole / 60 % 60);
}
