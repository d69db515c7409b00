#include "report/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "report/layout.h"
#include "report/table-cells.h"

bt_status bt_table_open(bt_table **out, const bt_column *columns, int column_count, bt_error *error) {
    *out = NULL;
    if (column_count < 1) return bt_fail(error, BT_INVALID, "a table needs at least one column");
    bt_table *table = calloc(1, sizeof *table);
    if (!table) return bt_no_memory(error, "a table");
    table->columns = malloc((size_t)column_count * sizeof *columns);
    if (!table->columns) {
        free(table);
        return bt_no_memory(error, "a table of %d columns", column_count);
    }
    memcpy(table->columns, columns, (size_t)column_count * sizeof *columns);
    table->column_count = column_count;
    *out = table;
    return BT_OK;
}

void bt_table_close(bt_table **table) {
    if (!table || !*table) return;
    for (size_t i = 0; i < (*table)->cell_count; i++) {
        free((*table)->cells[i].text);
        free((*table)->cells[i].link);
    }
    free((*table)->cells);
    free((*table)->columns);
    free(*table);
    *table = NULL;
}

/* Takes over `text`, which is NULL for an unknown one. */
static void add_cell(bt_table *table, char *text) {
    bt_table_cell *cells =
        bt_array_grow(table->cells, table->cell_count, 1, &table->cell_room, sizeof *cells);
    if (!cells) {
        table->out_of_memory = true;
        free(text);
        return;
    }
    table->cells = cells;
    table->cells[table->cell_count++] = (bt_table_cell){text, NULL};
}

static void add_clean(bt_table *table, const char *raw) {
    char clean[BT_TABLE_CELL_SIZE];
    bt_layout_clean(raw, clean, sizeof clean);
    char *text = strdup(clean);
    if (!text) table->out_of_memory = true;
    add_cell(table, text);
}

void bt_table_text(bt_table *table, const char *format, ...) {
    char raw[BT_TABLE_CELL_SIZE];
    va_list arguments;
    va_start(arguments, format);
    bt_text_format_list(raw, sizeof raw, format, arguments);
    va_end(arguments);
    add_clean(table, raw);
}

void bt_table_link(bt_table *table, const char *path, const char *text) {
    add_clean(table, text);
    if (table->out_of_memory) return;
    bt_table_cell *cell = &table->cells[table->cell_count - 1];
    cell->link = strdup(path);
    if (!cell->link) table->out_of_memory = true;
}

void bt_table_number(bt_table *table, double value, int decimals) {
    if (isfinite(value))
        bt_table_text(table, "%.*f", decimals, value);
    else
        bt_table_unknown(table);
}

void bt_table_exact(bt_table *table, double value) {
    if (isfinite(value))
        bt_table_text(table, "%.9g", value);
    else
        bt_table_unknown(table);
}

void bt_table_unknown(bt_table *table) {
    add_cell(table, NULL);
}

bool bt_table_is_empty(const bt_table *table) {
    return table->cell_count == 0 && !table->out_of_memory;
}

bt_status bt_table_check_whole(const bt_table *table, bt_error *error) {
    if (table->out_of_memory) return bt_no_memory(error, "a table's cells");
    if (table->cell_count % (size_t)table->column_count != 0)
        return bt_fail(error, BT_INVALID, "a table's last row has %zu of %d cells",
                       table->cell_count % (size_t)table->column_count, table->column_count);
    return BT_OK;
}

bt_status bt_table_check_written(FILE *out, bt_error *error) {
    return ferror(out) ? bt_fail(error, BT_NOT_WRITTEN, "a table could not be written") : BT_OK;
}

const char *bt_table_shown(const bt_table_cell *cell) {
    return cell->text ? cell->text : BT_UNKNOWN_TEXT;
}
