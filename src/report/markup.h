/* Text as HTML, XML and Markdown hold it: what means something to them is escaped.
 *
 * What a report prints comes from outside (names of models, paths, reasons), so nothing is written into a
 * page but through here. All texts are cleaned first (report/layout.h). */
#ifndef BT_REPORT_MARKUP_H
#define BT_REPORT_MARKUP_H

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* `text` with the characters escaped that mean something in HTML or XML. */
void bt_html_text(FILE *out, const char *text);
/* The same, but what stands between two backticks becomes code, and options ("--seed") are not broken. */
void bt_html_words(FILE *out, const char *text);
/* ` name="value"` of an XML element. */
void bt_xml_attribute(FILE *out, const char *name, const char *value);

/* `text` with the characters escaped that mean something in Markdown, but for code between two backticks. */
void bt_markdown_text(FILE *out, const char *text);

#ifdef __cplusplus
}
#endif
#endif
