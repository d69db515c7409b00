/* A table as aligned text for a terminal; where that would be too many blocks, a card a row. */
#include <stdlib.h>
#include <string.h>

#include "base/terminal.h"
#include "base/text.h"
#include "report/layout.h"
#include "report/table-widths.h"

/* A table that needs more blocks, one below the other, becomes cards. Higher: tables on narrow terminals in
 * which nobody follows a row any longer. At 1, a terminal of usual width shows cards where a second block of
 * two columns would do. */
#define MOST_BLOCKS 2
#define CARD_INDENT 2

static int larger(int a, int b) {
    return a > b ? a : b;
}

/* ---- blocks of columns ---- */

/* White space that is owed before the next visible cell: so none is left at a line's end. */
static void put_cell(FILE *out, int *owed, const char *text, int width, bool number) {
    int missing = width - bt_layout_width(text);
    if (number) *owed += missing;
    if (*text) {
        fprintf(out, "%*s%s", *owed, "", text);
        *owed = 0;
    }
    if (!number) *owed += missing;
    *owed += BT_TABLE_GAP;
}

/* One row, whose texts go on below themselves. `rest`: room for a pointer a column. */
static void put_row(FILE *out, const bt_table *table, const bt_table_block *block, const char **rest,
                    int margin) {
    bool more = true;
    while (more) {
        int owed = margin;
        more = false;
        for (int i = 0; i < block->count; i++) {
            char line[BT_TABLE_CELL_SIZE];
            size_t bytes = bt_layout_line_bytes(rest[i], block->widths[i]);
            snprintf(line, sizeof line, "%.*s", (int)bytes, rest[i]);
            put_cell(out, &owed, line, block->widths[i], table->columns[block->columns[i]].number);
            rest[i] += bytes + strspn(rest[i] + bytes, " ");
            more |= *rest[i] != '\0';
        }
        fputc('\n', out);
    }
}

static void put_rule(FILE *out, const bt_table_block *block, int margin) {
    fprintf(out, "%*s", margin, "");
    for (int i = 0; i < block->count; i++) {
        for (int dash = 0; dash < block->widths[i]; dash++)
            fputs("─", out);
        if (i + 1 < block->count) fprintf(out, "%*s", BT_TABLE_GAP, "");
    }
    fputc('\n', out);
}

static void put_block(FILE *out, const bt_table *table, const bt_table_block *block, const char **rest,
                      int margin) {
    for (int i = 0; i < block->count; i++)
        rest[i] = table->columns[block->columns[i]].name;
    put_row(out, table, block, rest, margin);
    put_rule(out, block, margin);
    for (size_t row = 0; row < table->cell_count; row += (size_t)table->column_count) {
        for (int i = 0; i < block->count; i++)
            rest[i] = bt_table_shown(&table->cells[row + (size_t)block->columns[i]]);
        put_row(out, table, block, rest, margin);
    }
}

static void put_blocks(FILE *out, const bt_table *table, bt_table_block *block, const bt_column_shape *shapes,
                       int room, const char **rest, int margin) {
    for (int next = 0; next < table->column_count;) {
        if (next > 0) fputc('\n', out);
        next = bt_table_fill_block(block, table, shapes, next, room);
        bt_table_narrow_block(block, shapes, room);
        put_block(out, table, block, rest, margin);
    }
}

/* ---- cards: a row as lines of a name and a value ---- */

/* What the row is about: "→• batch 1". A number's name goes before it, a text speaks for itself. */
static void put_title(FILE *out, const bt_table *table, const bt_table_cell *cells, int margin, int width) {
    char title[2 * BT_TABLE_CELL_SIZE] = "";
    for (int i = 0; i < bt_table_key_columns(table); i++) {
        const char *name = table->columns[i].number ? table->columns[i].name : "",
                   *text = bt_table_shown(&cells[i]);
        bt_text_append(title, sizeof title, "%s%s%s%s", *title && *text ? " " : "", name,
                       *name && *text ? " " : "", text);
    }
    bt_layout_indented(out, "", margin, margin, width, title);
}

static void put_card(FILE *out, const bt_table *table, const bt_table_cell *cells, int names, int margin,
                     int width) {
    const int indent = margin + CARD_INDENT;
    put_title(out, table, cells, margin, width);
    for (int i = bt_table_key_columns(table); i < table->column_count; i++)
        bt_layout_indented(out, table->columns[i].name, indent, indent + names + BT_TABLE_GAP, width,
                           bt_table_shown(&cells[i]));
}

static void put_cards(FILE *out, const bt_table *table, int margin, int width) {
    int names = 0;
    for (int i = bt_table_key_columns(table); i < table->column_count; i++)
        names = larger(names, bt_layout_width(table->columns[i].name));
    for (size_t row = 0; row < table->cell_count; row += (size_t)table->column_count) {
        if (row > 0) fputc('\n', out);
        put_card(out, table, table->cells + row, names, margin, width);
    }
}

bt_status bt_table_write_text(const bt_table *table, int margin, int width, FILE *out, bt_error *error) {
    bt_status status = bt_table_check_whole(table, error);
    if (status != BT_OK) return status;
    size_t columns = (size_t)table->column_count;
    int room = larger(width - margin, BT_TABLE_NARROWEST);
    bt_column_shape *shapes = malloc(columns * sizeof *shapes);
    int *numbers = malloc(2 * columns * sizeof *numbers);
    const char **rest = malloc(columns * sizeof *rest);
    if (shapes && numbers && rest) {
        bt_table_block block = {.columns = numbers, .widths = numbers + columns};
        for (int i = 0; i < table->column_count; i++)
            shapes[i] = bt_table_shape_of(table, i);
        if (table->cell_count == 0 || bt_table_count_blocks(&block, table, shapes, room) <= MOST_BLOCKS)
            put_blocks(out, table, &block, shapes, room, rest, margin);
        else
            put_cards(out, table, margin, margin + room);
        status = bt_table_check_written(out, error);
    } else {
        status = bt_no_memory(error, "a table's layout");
    }
    free(shapes);
    free(numbers);
    free(rest);
    return status;
}

bt_status bt_table_print(bt_table **table, bt_status status, FILE *out, bt_error *error) {
    if (status == BT_OK) status = bt_table_write_text(*table, 0, bt_terminal_columns(out), out, error);
    bt_table_close(table);
    return status;
}
