#include "report/layout.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/terminal.h"
#include "base/text.h"

#define PARAGRAPH_SIZE 4096

/* Where fewer columns than this are left beside a label, its text goes below it, indented by so much. Higher:
 * labels stand alone on terminals that have room. Lower: a column of single words at the right edge. */
#define FEWEST_COLUMNS 20
#define NARROW_INDENT  4

/* The length in bytes of the UTF-8 character at `text`, and its code point; 0 where the bytes are no
 * character (stray continuation, overlong form, surrogate, cut off). */
static size_t decode(const char *text, uint32_t *code) {
    const unsigned char *bytes = (const unsigned char *)text;
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = bytes[0] < 0x80             ? 1
                    : (bytes[0] & 0xE0) == 0xC0 ? 2
                    : (bytes[0] & 0xF0) == 0xE0 ? 3
                    : (bytes[0] & 0xF8) == 0xF0 ? 4
                                                : 0;
    if (length == 0) return 0;
    *code = length == 1 ? bytes[0] : bytes[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80) return 0;
        *code = *code << 6 | (bytes[i] & 0x3Fu);
    }
    bool surrogate = *code >= 0xD800 && *code <= 0xDFFF;
    if (*code < smallest[length] || *code > 0x10FFFF || surrogate) return 0;
    return length;
}

/* After Unicode's East Asian Width and general categories, in the few ranges that names really hold. */
static int columns_of(uint32_t code) {
    bool combining = (code >= 0x0300 && code <= 0x036F) || (code >= 0x200B && code <= 0x200F) ||
                     (code >= 0xFE00 && code <= 0xFE0F);
    bool wide = (code >= 0x1100 && code <= 0x115F) || (code >= 0x2E80 && code <= 0xA4CF) ||
                (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0xF900 && code <= 0xFAFF) ||
                (code >= 0xFE30 && code <= 0xFE6F) || (code >= 0xFF00 && code <= 0xFF60) ||
                (code >= 0x1F300 && code <= 0x1FAFF) || (code >= 0x20000 && code <= 0x3FFFD);
    return combining ? 0 : wide ? 2 : 1;
}

/* One character's bytes and columns; a byte that is no UTF-8 stands for itself. */
static size_t step(const char *text, int *columns) {
    uint32_t code = 0;
    size_t bytes = decode(text, &code);
    *columns = bytes ? columns_of(code) : 1;
    return bytes ? bytes : 1;
}

int bt_layout_width(const char *text) {
    int width = 0;
    while (*text) {
        int columns;
        text += step(text, &columns);
        width += columns;
    }
    return width;
}

static bool is_blank(const char *text, size_t bytes, uint32_t code) {
    return bytes == 1 && ((unsigned char)*text <= ' ' || code == 0x7F);
}

void bt_layout_clean(const char *text, char *out, size_t size) {
    static const char cut[] = "…";
    size_t used = 0, fits_before_cut = 0;
    bool blank_due = false;
    for (; text && *text;) {
        uint32_t code = 0;
        size_t bytes = decode(text, &code);
        bool control = code >= 0x80 && code < 0xA0;
        if (bytes && (is_blank(text, bytes, code) || control)) {
            blank_due = used > 0;
            text += bytes;
            continue;
        }
        const char *put = bytes ? text : "?";
        size_t needed = (bytes ? bytes : 1) + blank_due;
        if (used + needed + 1 > size) {
            memcpy(out + fits_before_cut, cut, sizeof cut);
            return;
        }
        if (blank_due) out[used++] = ' ';
        memcpy(out + used, put, needed - blank_due);
        used += needed - blank_due;
        blank_due = false;
        if (used + sizeof cut <= size) fits_before_cut = used;
        text += bytes ? bytes : 1;
    }
    out[used] = '\0';
}

size_t bt_layout_line_bytes(const char *text, int width) {
    size_t at = 0, last_space = 0;
    int used = 0;
    while (text[at]) {
        int columns;
        size_t bytes = step(text + at, &columns);
        if (text[at] == ' ') last_space = at;
        if (used + columns > width && at > 0) return last_space ? last_space : at;
        used += columns;
        at += bytes;
    }
    return at;
}

/* `text`, whose first line begins where the line is by now, the others at column `indent`. */
static void put_lines(FILE *out, int indent, int width, const char *text) {
    for (;;) {
        size_t bytes = bt_layout_line_bytes(text, width - indent);
        fprintf(out, "%.*s\n", (int)bytes, text);
        text += bytes;
        while (*text == ' ')
            text++;
        if (!*text) return;
        fprintf(out, "%*s", indent, "");
    }
}

void bt_layout_indented(FILE *out, const char *label, int start, int indent, int width, const char *raw) {
    char clean[PARAGRAPH_SIZE], name[PARAGRAPH_SIZE];
    bt_layout_clean(raw, clean, sizeof clean);
    bt_layout_clean(label, name, sizeof name);
    const int label_end = start + bt_layout_width(name), below = start + NARROW_INDENT;
    const bool fits = indent + bt_layout_width(clean) <= width && label_end <= indent;
    if (!*name && !fits && width - indent < FEWEST_COLUMNS && below < indent) indent = below;
    if (*name && !fits && (label_end > indent || width - indent < FEWEST_COLUMNS)) {
        fprintf(out, "%*s", start, "");
        put_lines(out, start, width, name);
        if (!*clean) return;
        indent = indent < below ? indent : below;
        fprintf(out, "%*s", indent, "");
    } else {
        const int gap = *clean && *name ? indent - label_end : 0;
        fprintf(out, "%*s%s%*s", *name ? start : indent, "", name, gap, "");
    }
    put_lines(out, indent, width, clean);
}

void bt_layout_paragraph(FILE *out, const char *label, int indent, int width, const char *raw) {
    const size_t blanks = strspn(label, " ");
    bt_layout_indented(out, label + blanks, (int)blanks, indent, width, raw);
}

void bt_layout_field(FILE *out, const char *label, int indent, const char *text) {
    if (text[0]) bt_layout_paragraph(out, label, indent, bt_terminal_columns(out), text);
}

int bt_layout_decimals(double value) {
    double size = fabs(value);
    return size >= 1000 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
}

const char *bt_layout_number(double value, char *out, size_t size) {
    if (isfinite(value))
        bt_text_format(out, size, "%.*f", bt_layout_decimals(value), value);
    else
        snprintf(out, size, "%s", BT_UNKNOWN_TEXT);
    return out;
}
