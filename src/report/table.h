/* One table of cells, written as aligned text, Markdown or CSV.
 *
 * A report fills the cells once; how they are laid out is decided when they are written, so the three forms
 * cannot disagree. Cells are filled row by row, left to right. A failed allocation is remembered and told by
 * the writer, which keeps the filling free of checks. A table belongs to one thread. */
#ifndef BT_REPORT_TABLE_H
#define BT_REPORT_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_column {
    const char *name; /* borrowed: must outlive the table */
    bool number;      /* right-aligned */
} bt_column;

typedef struct bt_table bt_table;

/* An empty table; the columns are copied, their names are not. The caller owns it. */
BT_MUST_USE bt_status bt_table_open(bt_table **out, const bt_column *columns, int column_count,
                                    bt_error *error);
void bt_table_close(bt_table **table); /* NULL-safe; nulls */

/* The next cell. The text is cleaned (report/layout.h). */
void bt_table_text(bt_table *table, const char *format, ...) BT_PRINTF(2, 3);
/* The next cell, in a page a link to the file `path`, relative to it; elsewhere the text alone. */
void bt_table_link(bt_table *table, const char *path, const char *text);
/* The next cell, with that many decimals; unknown where `value` is not finite. */
void bt_table_number(bt_table *table, double value, int decimals);
/* The next cell, with nine significant digits, for CSV that other programs read. */
void bt_table_exact(bt_table *table, double value);
/* The next cell is unknown: "–" in text and Markdown, nothing in CSV. */
void bt_table_unknown(bt_table *table);

bool bt_table_is_empty(const bt_table *table); /* it has no row, and lost none for want of memory */

/* Writers. BT_INVALID where the last row is not full, BT_NO_MEMORY where a cell could not be kept,
 * BT_NOT_WRITTEN where `out` fails.
 *
 * Text: columns as wide as their widest cell, two spaces apart, each line after `margin` spaces, a line below
 * the header. Where that is more than `width` columns, texts wrap by words, the widest column first; columns
 * that do not fit even so follow below, beside the first one again. Where that makes more than two tables of
 * one, each row is a card: what it is about, and a line "name  value" for each other column. No line is
 * longer than `width` (taken to leave at least BT_TABLE_NARROWEST for the table). */
#define BT_TABLE_NARROWEST 16
BT_MUST_USE bt_status bt_table_write_text(const bt_table *table, int margin, int width, FILE *out,
                                          bt_error *error);
/* The same from the left edge, as wide as the terminal that `out` is; the table is closed. `status` came of
 * making it, and is returned where it is not BT_OK. */
BT_MUST_USE bt_status bt_table_print(bt_table **table, bt_status status, FILE *out, bt_error *error);
/* GitHub's Markdown table, its special characters escaped. */
BT_MUST_USE bt_status bt_table_write_markdown(const bt_table *table, FILE *out, bt_error *error);
/* RFC 4180, with line feeds; the header row holds the columns' names. */
BT_MUST_USE bt_status bt_table_write_csv(const bt_table *table, FILE *out, bt_error *error);

/* An HTML table; numbers are of the class "number", long texts of the class "sentence", and each cell says
 * in "data-column" what its column is called. */
BT_MUST_USE bt_status bt_table_write_html(const bt_table *table, FILE *out, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
