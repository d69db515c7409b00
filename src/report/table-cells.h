/* What is inside a table: for the files that write one. Only they include this. */
#ifndef BT_REPORT_TABLE_CELLS_H
#define BT_REPORT_TABLE_CELLS_H

#include <stddef.h>

#include "report/table.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_TABLE_CELL_SIZE 1200 /* bytes of a cell's text: what is longer is cut */

typedef struct bt_table_cell {
    char *text; /* NULL: unknown */
    char *link; /* NULL: none */
} bt_table_cell;

struct bt_table {
    bt_column *columns;
    int column_count;
    bt_table_cell *cells;
    size_t cell_count, cell_room;
    bool out_of_memory;
};

/* BT_INVALID where the last row is not full, BT_NO_MEMORY where a cell could not be kept. */
BT_MUST_USE bt_status bt_table_check_whole(const bt_table *table, bt_error *error);
/* BT_NOT_WRITTEN where `out` failed. */
BT_MUST_USE bt_status bt_table_check_written(FILE *out, bt_error *error);

/* The cell's text, or BT_UNKNOWN_TEXT. */
const char *bt_table_shown(const bt_table_cell *cell);

#ifdef __cplusplus
}
#endif
#endif
