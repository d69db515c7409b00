#include "export/yaml.h"

#include <stdarg.h>
#include <string.h>

#include "base/text.h"

/* The bytes at `text` that YAML takes for the end of a line, or refuses, though they are a character of UTF-8, and which
 * character that is; 0: any other. */
static int odd_bytes(const char *text, unsigned *code) {
    const unsigned char *at = (const unsigned char *)text;
    *code = at[0];
    if (at[0] < 0x20 || at[0] == 0x7f) return 1;
    if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) {
        *code = at[1];
        return 2;
    }
    if ((at[0] & 0xf0) != 0xe0 || at[1] == 0 || at[2] == 0) return 0;
    *code = (at[0] & 0x0fu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
    return *code == 0x2028 || *code == 0x2029 || *code == 0xfeff || *code >= 0xfffe ? 3 : 0;
}

/* Writes each line, and the newline that a format's last one may lack, behind `indent` columns; an empty one without. */
static void put_lines(const bt_yaml *yaml, const char *text) {
    while (*text) {
        const size_t length = strcspn(text, "\n");
        fprintf(yaml->out, "%*s%.*s\n", length > 0 ? yaml->indent : 0, "", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

void bt_yaml_put(const bt_yaml *yaml, const char *format, ...) {
    char text[BT_YAML_LINES_SIZE];
    va_list arguments;
    va_start(arguments, format);
    bt_text_format_list(text, sizeof text, format, arguments);
    va_end(arguments);
    put_lines(yaml, text);
}

const char *bt_yaml_quote(const char *text, char out[BT_YAML_QUOTED_SIZE]) {
    size_t used = 0;
    unsigned code;
    out[used++] = '"';
    while (*text && used + 8 < BT_YAML_QUOTED_SIZE) {
        const int odd = odd_bytes(text, &code);
        if (odd > 0) {
            used += (size_t)snprintf(out + used, 7, "\\u%04x", code);
            text += odd;
            continue;
        }
        if (*text == '"' || *text == '\\') out[used++] = '\\';
        out[used++] = *text++;
    }
    out[used++] = '"';
    out[used] = '\0';
    return out;
}

void bt_yaml_json(const bt_yaml *yaml, const char *key, const char *text) {
    unsigned code;
    bool begins = true;
    fprintf(yaml->out, "%*s%s: |\n", yaml->indent, "", key);
    while (*text) {
        if (begins) fprintf(yaml->out, "%*s", yaml->indent + 2, "");
        begins = *text == '\n';
        const int odd = begins ? 0 : odd_bytes(text, &code);
        if (odd > 0)
            fprintf(yaml->out, "\\u%04x", code);
        else
            fputc(*text, yaml->out);
        text += odd > 0 ? odd : 1;
    }
}
