/* How wide a text for people may be, and its words laid out within that. */
#ifndef BT_BASE_TERMINAL_H
#define BT_BASE_TERMINAL_H

#include <stddef.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Columns that a text written to `out` may take: the terminal's, where `out` is one that says how wide it is;
 * else what the environment's COLUMNS asks for; else 100. A text in memory has 100. */
int bt_terminal_columns(FILE *out);

/* The same for prose, which nobody reads well in lines of more than 100 columns: --help. */
int bt_terminal_prose_columns(FILE *out);

/* Columns of a Markdown page's lines: those of docs/, which lint holds to 120. */
#define BT_MARKDOWN_COLUMNS 118

/* Writes `words` from column `indent` on, within `columns`, the first line being at `column` already, and
 * ends the line. White space in them is one blank. A word that is wider than the room is broken. Where less
 * than 24 columns would be left, the lines begin further to the left. */
void bt_terminal_wrap(FILE *out, const char *words, int column, int indent, int columns);

#ifdef __cplusplus
}
#endif
#endif
