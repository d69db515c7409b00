#include "report/markup.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "report/layout.h"

#define TEXT_SIZE  1200 /* bytes of one text: what is longer is cut */
#define OPTION_MAX 32

/* ---- HTML and XML ---- */

/* The bytes of the code that starts with the mark at `text`, without its marks; 0 where it is no code. */
static size_t code_bytes(const char *text) {
    const char *end = text[0] == '`' ? strchr(text + 1, '`') : NULL;
    return end ? (size_t)(end - text) - 1 : 0;
}

static void put_html_char(FILE *out, char letter) {
    static const struct {
        char letter;
        const char *entity;
    } entities[] = {{'&', "&amp;"},  {'<', "&lt;"},   {'>', "&gt;"},
                    {'"', "&quot;"}, {'\'', "&#39;"}, {'`', "&#96;"}};
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
        if (letter == entities[i].letter) {
            fputs(entities[i].entity, out);
            return;
        }
    fputc(letter, out);
}

void bt_html_text(FILE *out, const char *text) {
    char clean[TEXT_SIZE];
    bt_layout_clean(text, clean, sizeof clean);
    for (const char *at = clean; *at; at++)
        put_html_char(out, *at);
}

/* The bytes of the option that starts there, "--max-queue-delay-ms"; 0 where none does, or one so long that a
 * phone has no room for it on a line. */
static size_t option_bytes(const char *text) {
    size_t bytes = 2;
    if (strncmp(text, "--", 2) != 0 || !bt_text_is_alphanumeric(text[2])) return 0;
    while (bt_text_is_alphanumeric(text[bytes]) ||
           (text[bytes] == '-' && bt_text_is_alphanumeric(text[bytes + 1])))
        bytes++;
    return bytes <= OPTION_MAX ? bytes : 0;
}

/* `bytes` of words. An option is not broken after its hyphens: whoever copies it needs it whole. */
static void put_html_words(FILE *out, const char *text, size_t bytes, const char *option_tag) {
    for (size_t i = 0; i < bytes; i++) {
        const bool begins = i == 0 || !(bt_text_is_alphanumeric(text[i - 1]) || text[i - 1] == '-');
        const size_t option = begins ? option_bytes(text + i) : 0;
        if (option == 0) {
            put_html_char(out, text[i]);
            continue;
        }
        fprintf(out, "<%s class=\"option\">%.*s</%s>", option_tag, (int)option, text + i, option_tag);
        i += option - 1;
    }
}

void bt_html_words(FILE *out, const char *text) {
    char clean[TEXT_SIZE];
    bt_layout_clean(text, clean, sizeof clean);
    for (const char *at = clean; *at;) {
        const size_t code = code_bytes(at), words = strcspn(at + 1, "`") + 1;
        if (code > 0) {
            fputs("<code>", out);
            put_html_words(out, at + 1, code, "span");
            fputs("</code>", out);
        } else {
            put_html_words(out, at, words, "code");
        }
        at += code > 0 ? code + 2 : words;
    }
}

void bt_xml_attribute(FILE *out, const char *name, const char *value) {
    fprintf(out, " %s=\"", name);
    bt_html_text(out, value);
    fputc('"', out);
}

/* ---- Markdown ---- */

/* At the start of a line, some characters begin a heading, a list or a quotation. An underscore within a word
 * means nothing to GitHub's Markdown; escaped, it would only hurt the eye. */
static bool means_something(const char *text, size_t at) {
    if (at == 0 && strchr("#>-+~", text[at])) return true;
    if (text[at] != '_') return strchr("\\`*[]<|", text[at]) != NULL;
    return at == 0 || !bt_text_is_alphanumeric(text[at - 1]) || !bt_text_is_alphanumeric(text[at + 1]);
}

void bt_markdown_text(FILE *out, const char *text) {
    char clean[TEXT_SIZE];
    bt_layout_clean(text, clean, sizeof clean);
    for (size_t i = 0; clean[i]; i++) {
        size_t code = code_bytes(clean + i);
        if (code > 0) { /* stands as it is, within its marks */
            fwrite(clean + i, 1, code + 2, out);
            i += code + 1;
            continue;
        }
        if (means_something(clean, i)) fputc('\\', out);
        fputc(clean[i], out);
    }
}
