/* A report's text, written as Markdown or as one self-contained HTML page.
 *
 * A report says what it has to say once, as headings, paragraphs, tables and pictures; how that looks is
 * decided here, so that two forms of one report cannot differ. Text is cleaned and escaped on its way out. A
 * document belongs to one thread. */
#ifndef BT_REPORT_DOCUMENT_H
#define BT_REPORT_DOCUMENT_H

#include <stdio.h>

#include "base/error.h"
#include "report/table.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_document_form { BT_DOCUMENT_MARKDOWN, BT_DOCUMENT_HTML } bt_document_form;

typedef enum bt_tone { BT_TONE_GOOD, BT_TONE_BAD, BT_TONE_UNSURE } bt_tone;

typedef struct bt_document {
    bt_document_form form;
    FILE *out;
    /* The pictures' folder: as a link in the Markdown needs it, or where they are read from into the page.
     * NULL: none. */
    const char *pictures;
    bool in_list;
    int picture_count;
    bt_error *error;
    bt_status status; /* the first failure; the calls after it do nothing */
} bt_document;

/* Begins a document with its title. */
void bt_document_begin(bt_document *document, const char *title);
/* Ends it: its status. */
BT_MUST_USE bt_status bt_document_end(bt_document *document);

void bt_document_heading(bt_document *document, int level, const char *text);
void bt_document_paragraph(bt_document *document, const char *format, ...) BT_PRINTF(2, 3); /* "": nothing */
/* A point of a list, "label: text"; nothing where the text is empty. */
void bt_document_item(bt_document *document, const char *label, const char *format, ...) BT_PRINTF(3, 4);
/* The one sentence that everybody reads. */
void bt_document_banner(bt_document *document, bt_tone tone, const char *text);
/* Something to be aware of. */
void bt_document_note(bt_document *document, const char *format, ...) BT_PRINTF(2, 3);
/* A shell line. */
void bt_document_code(bt_document *document, const char *text);
/* Writes and closes the table; one without a row is left out. */
void bt_document_table(bt_document *document, bt_table **table);
/* The SVG file `name` of the pictures' folder. In a page its drawing is put in whole, its identifiers made
 * the page's own; a picture that cannot be read is left out. */
void bt_document_picture(bt_document *document, const char *name, const char *caption);

#ifdef __cplusplus
}
#endif
#endif
