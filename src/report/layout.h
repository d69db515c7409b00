/* Text for people: how wide it is on a terminal, and where its lines break.
 *
 * What a report prints comes from outside (names of models and devices, reasons, commands), so it is cleaned
 * once, here, before it is laid out: one line, valid UTF-8, no control characters. All is pure and may be
 * called from any thread. */
#ifndef BT_REPORT_LAYOUT_H
#define BT_REPORT_LAYOUT_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_UNKNOWN_TEXT "–" /* what is printed for a number that is not known */

/* Terminal columns that `text` takes: 2 for East Asian wide characters, 0 for combining marks, else 1. (Names
 * of models and devices are anybody's; base/text.h, for the program's own words, counts one a character.) */
int bt_layout_width(const char *text);

/* Copies `text` into `out` of `size` bytes (at least 4) as one line of valid UTF-8: runs of white space and
 * control characters become one space, bytes that are no UTF-8 become '?'. What does not fit is cut between
 * characters and ends in "…". `text` may be NULL, which gives "". */
void bt_layout_clean(const char *text, char *out, size_t size);

/* The number of bytes of `text` that go on a line of `width` columns: up to a space if there is one, never
 * zero for a text that is not empty, never through a character. */
size_t bt_layout_line_bytes(const char *text, int width);

/* Prints `text` at column `indent`, behind `label`, which stands at column `start` ("": none), and wraps it
 * there at `width` columns; or below the label, where there is too little room beside it. Both are cleaned.
 * No line is wider than `width` where that leaves `indent` a few columns; none ends in white space but the
 * label's own. */
void bt_layout_indented(FILE *out, const char *label, int start, int indent, int width, const char *text);

/* Prints `text` after `label` as a paragraph: the label stands at the left, the text starts at column
 * `indent` and wraps there at `width` columns, or below the label where that leaves it too few; cleaned as
 * above, at most some 4000 bytes. Ends with a newline. */
void bt_layout_paragraph(FILE *out, const char *label, int indent, int width, const char *text);

/* The same, as wide as the terminal that `out` is; nothing where the text is empty. */
void bt_layout_field(FILE *out, const char *label, int indent, const char *text);

/* `value` with enough decimals for three significant digits (none above 1000), BT_UNKNOWN_TEXT where it is
 * not finite. Returns out. */
const char *bt_layout_number(double value, char *out, size_t size);

/* The decimals that show `value` with three significant digits: 0 from 1000 on, 1 from 10, 2 from 1, else
 * 3. */
int bt_layout_decimals(double value);

#ifdef __cplusplus
}
#endif
#endif
