#include "report/document.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/text.h"
#include "report/layout.h"
#include "report/markup.h"
#include "report/palette.h"

#define LINE_SIZE   2048
#define PICTURE_MAX (16 << 20) /* bytes of one SVG */

/* Readable on a phone, in the dark and on paper; no file or address beyond the page is needed. */
static const char style[] =
    ":root{color-scheme:light "
    "dark;--ink:#1c2126;--soft:#5b6670;--line:#d5dbe0;--paper:#fff;--shade:#f4f6f8;" BT_PAGE_COLOURS "}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e4e8eb;--soft:#9aa5ae;--line:#39424a;--paper:#14181c;"
    "--shade:#1d2328;" BT_PAGE_COLOURS_DARK "}}\n"
    "body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}\n"
    "main{max-width:72rem;margin:0 auto;padding:2rem 1.25rem 4rem}\n"
    "h1{font-size:1.7rem;line-height:1.2;margin:0 0 1rem}h2{font-size:1.3rem;margin:2.5rem 0 .5rem;"
    "border-bottom:1px solid var(--line);padding-bottom:.25rem}h3{font-size:1.05rem;margin:1.75rem 0 .4rem}\n"
    "p,ul{margin:.6rem 0}li{margin:.2rem 0}\n"
    ".banner{padding:.8rem 1rem;border-radius:.4rem;font-size:1.1rem;font-weight:600;margin:1rem 0}\n"
    ".good{background:var(--goodback);color:var(--good)}.bad{background:var(--badback);color:var(--bad)}"
    ".unsure{background:var(--unsureback);color:var(--unsure)}\n"
    ".note{border-left:.25rem solid var(--unsure);padding:.1rem 0 .1rem .9rem;color:var(--soft);margin:.8rem "
    "0}\n"
    ".wide{overflow-x:auto;margin:.8rem 0}table{border-collapse:collapse;font-size:.92rem;"
    "font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.3rem .55rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}\n"
    "th{background:var(--shade);font-weight:600;vertical-align:bottom}.number{text-align:right}td.number{"
    "white-space:nowrap}\n"
    "figure{margin:1.2rem 0}figure svg{width:100%;height:auto;background:#fff;border:1px solid var(--line);"
    "border-radius:.3rem}figcaption{color:var(--soft);font-size:.9rem}\n"
    "pre{background:var(--shade);padding:.7rem .9rem;border-radius:.3rem;overflow-x:auto;font-size:.88rem}\n"
    "code{background:var(--shade);padding:.05rem .3rem;border-radius:.2rem;font-size:.9em}"
    "li,p,code,td a{overflow-wrap:anywhere}.option{white-space:nowrap}a{color:inherit}"
    ".sentence{min-width:14rem}\n"
    /* on a phone a row is a card, and a picture is not shrunk until nobody can read it */
    "@media(max-width:44rem){main{padding:1rem .9rem 3rem}.wide{overflow-x:visible}table,tbody{display:block}"
    "thead{display:none}tr{display:flex;flex-wrap:wrap;gap:.05rem 1rem;padding:.55rem 0;border-bottom:1px "
    "solid var(--line)}td,td.number{display:block;border:0;padding:0;text-align:left;white-space:normal;"
    "overflow-wrap:anywhere}td[data-column]::before{content:attr(data-column)\" \";color:var(--soft);"
    "font-size:.88em;font-weight:400}td:first-child{font-weight:600}td[data-column]:first-child,.sentence{"
    "min-width:0;flex-basis:100%}td:empty{display:none}figure{overflow-x:auto}figure svg{min-width:36rem}}\n"
    "@media print{main{max-width:none;padding:0}figure,table,h2,h3{break-inside:avoid}}\n";

static bool html(const bt_document *d) {
    return d->form == BT_DOCUMENT_HTML;
}

static void put(bt_document *d, const char *text) {
    if (html(d))
        bt_html_words(d->out, text);
    else
        bt_markdown_text(d->out, text);
}

static void end_list(bt_document *d) {
    if (d->in_list) fputs(html(d) ? "</ul>\n" : "\n", d->out);
    d->in_list = false;
}

void bt_document_begin(bt_document *d, const char *title) {
    d->status = BT_OK;
    d->in_list = false;
    d->picture_count = 0;
    if (html(d)) {
        fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
              "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
              d->out);
        bt_html_text(d->out, title);
        fprintf(d->out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n", style);
    }
    bt_document_heading(d, 1, title);
}

bt_status bt_document_end(bt_document *d) {
    end_list(d);
    if (html(d)) fputs("</main>\n</body>\n</html>\n", d->out);
    if (d->status == BT_OK && ferror(d->out))
        d->status = bt_fail(d->error, BT_NOT_WRITTEN, "the report could not be written");
    return d->status;
}

void bt_document_heading(bt_document *d, int level, const char *text) {
    end_list(d);
    if (html(d)) {
        fprintf(d->out, "<h%d>", level);
        put(d, text);
        fprintf(d->out, "</h%d>\n", level);
    } else {
        fprintf(d->out, "%.*s ", level, "######");
        put(d, text);
        fputs("\n\n", d->out);
    }
}

/* A paragraph between `open` and its end in a page, behind `mark` in Markdown; nothing where it is empty. */
static void put_paragraph(bt_document *d, const char *open, const char *mark, const char *format,
                          va_list arguments) {
    char line[LINE_SIZE];
    bt_text_format_list(line, sizeof line, format, arguments);
    if (!line[0]) return;
    end_list(d);
    fputs(html(d) ? open : mark, d->out);
    put(d, line);
    fputs(html(d) ? "</p>\n" : "\n\n", d->out);
}

void bt_document_paragraph(bt_document *d, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    put_paragraph(d, "<p>", "", format, arguments);
    va_end(arguments);
}

void bt_document_note(bt_document *d, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    put_paragraph(d, "<p class=\"note\">", "> ", format, arguments);
    va_end(arguments);
}

void bt_document_banner(bt_document *d, bt_tone tone, const char *text) {
    static const char *const classes[] = {"good", "bad", "unsure"};
    end_list(d);
    if (html(d))
        fprintf(d->out, "<p class=\"banner %s\">", classes[tone]);
    else
        fputs("**", d->out);
    put(d, text);
    fputs(html(d) ? "</p>\n" : "**\n\n", d->out);
}

void bt_document_item(bt_document *d, const char *label, const char *format, ...) {
    char line[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    bt_text_format_list(line, sizeof line, format, arguments);
    va_end(arguments);
    if (!line[0]) return;
    if (!d->in_list && html(d)) fputs("<ul>\n", d->out);
    d->in_list = true;
    fputs(html(d) ? "<li><strong>" : "- **", d->out);
    put(d, label);
    fputs(html(d) ? "</strong>: " : "**: ", d->out);
    put(d, line);
    fputs(html(d) ? "</li>\n" : "\n", d->out);
}

void bt_document_code(bt_document *d, const char *text) {
    char clean[LINE_SIZE];
    end_list(d);
    if (html(d)) {
        fputs("<pre>", d->out);
        bt_html_text(d->out, text);
        fputs("</pre>\n", d->out);
        return;
    }
    bt_layout_clean(text, clean, sizeof clean);
    fprintf(d->out, "~~~sh\n%s\n~~~\n\n", clean); /* one line: it cannot close the fence */
}

void bt_document_table(bt_document *d, bt_table **table) {
    end_list(d);
    bool put = d->status == BT_OK && !bt_table_is_empty(*table);
    if (put)
        d->status = html(d) ? bt_table_write_html(*table, d->out, d->error)
                            : bt_table_write_markdown(*table, d->out, d->error);
    if (put && !html(d)) fputc('\n', d->out);
    bt_table_close(table);
}

/* ---- pictures ---- */

/* Whether `text` starts with `word`. */
static bool starts(const char *text, const char *word) {
    return strncmp(text, word, strlen(word)) == 0;
}

/* Puts an SVG's drawing into the page. What comes before its element is left out, and so are scripts. Its
 * identifiers get the picture's number, since those of several pictures would meet. */
static void put_svg(bt_document *d, const char *svg) {
    static const char *const places[] = {" id=\"", " id='", "href=\"#", "href='#", "url(#"};
    const char *at = strstr(svg, "<svg");
    while (at && *at) {
        if (starts(at, "<script")) {
            at = strstr(at, "</script>");
            at = at ? at + strlen("</script>") : NULL;
            continue;
        }
        size_t length = 0;
        for (size_t i = 0; i < sizeof places / sizeof *places; i++)
            if (starts(at, places[i])) length = strlen(places[i]);
        if (length > 0) {
            fprintf(d->out, "%.*sp%d-", (int)length, at, d->picture_count);
            at += length;
        } else {
            fputc(*at++, d->out);
        }
    }
}

static void put_link(bt_document *d, const char *name, const char *caption) {
    fputs("![", d->out);
    put(d, caption);
    fputs("](<", d->out);
    for (const char *part = d->pictures; part; part = part == name ? NULL : name) {
        for (const char *at = part; *at; at++)
            if (strchr("<>\\", *at) || (unsigned char)*at < ' ')
                fprintf(d->out, "%%%02X", (unsigned char)*at);
            else
                fputc(*at, d->out);
        if (part != name) fputc('/', d->out);
    }
    fputs(">)\n\n", d->out);
}

void bt_document_picture(bt_document *d, const char *name, const char *caption) {
    char path[BT_PATH_SIZE], *svg;
    size_t size;
    bt_error ignored;
    if (!d->pictures) return;
    end_list(d);
    if (!html(d)) {
        put_link(d, name, caption);
        return;
    }
    if (bt_path_join(path, &ignored, "%s/%s", d->pictures, name) != BT_OK ||
        bt_file_check_regular(path, &ignored) != BT_OK ||
        bt_file_read(path, PICTURE_MAX, &svg, &size, &ignored) != BT_OK)
        return;
    d->picture_count++;
    fputs("<figure>\n", d->out);
    put_svg(d, svg);
    fputs("\n<figcaption>", d->out);
    put(d, caption);
    fputs("</figcaption>\n</figure>\n", d->out);
    free(svg);
}
