/* How wide the columns of a text table are, and which of them stand beside each other. Only table-text.c
 * asks.
 *
 * Columns are as wide as their widest cell where there is room for all; else texts are narrowed, the widest
 * first, and columns that have no room even then go into a second block below the first. */
#ifndef BT_REPORT_TABLE_WIDTHS_H
#define BT_REPORT_TABLE_WIDTHS_H

#include "report/table-cells.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_TABLE_GAP 2 /* columns of white space between two cells */

/* What a column wants, and what it can be narrowed to before words break. */
typedef struct bt_column_shape {
    int width, least;
} bt_column_shape;

/* A number stays whole; a long word of a text may break; a text takes three lines at most, as long as that
 * does not take a longer line than people like to read. */
bt_column_shape bt_table_shape_of(const bt_table *table, int column);

/* How many columns say what a row is about: the first, and the one after it where the first has no name. */
int bt_table_key_columns(const bt_table *table);

/* Some columns of a table, which stand beside each other. */
typedef struct bt_table_block {
    int *columns, *widths, count;
} bt_table_block;

/* Takes the block's columns from `next` on: as many as `room` holds when all are as narrow as they may be,
 * and at least one, beside those that say what a row is about. Returns the next block's first. */
int bt_table_fill_block(bt_table_block *block, const bt_table *table, const bt_column_shape *shapes, int next,
                        int room);

/* Narrows the widest columns until the block fits: words stay whole as long as that is possible at all. */
void bt_table_narrow_block(bt_table_block *block, const bt_column_shape *shapes, int room);

/* How many blocks, one below the other, hold all columns. */
int bt_table_count_blocks(bt_table_block *block, const bt_table *table, const bt_column_shape *shapes,
                          int room);

#ifdef __cplusplus
}
#endif
#endif
