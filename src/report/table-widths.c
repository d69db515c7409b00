#include "report/table-widths.h"

#include <stdio.h>
#include <string.h>

#include "report/layout.h"

/* A word of a text breaks within itself where it is longer: less breaks paths and names that people copy,
 * more lets one of them take the room of the other columns. */
#define LONG_WORD 14
/* A text is narrowed to so many lines a cell, unless a line would then be shorter than it need be to be read
 * with ease. More lines: less of a table goes below it, and its rows are higher. */
#define LINES     3
#define LONG_LINE 24
#define NARROWEST 2 /* columns: a wide character */

static int larger(int a, int b) {
    return a > b ? a : b;
}

static int longest_word(const char *text) {
    int longest = 0;
    while (*text) {
        char word[BT_TABLE_CELL_SIZE];
        size_t bytes = strcspn(text, " ");
        snprintf(word, sizeof word, "%.*s", (int)bytes, text);
        longest = larger(longest, bt_layout_width(word));
        text += bytes + strspn(text + bytes, " ");
    }
    return longest;
}

bt_column_shape bt_table_shape_of(const bt_table *table, int column) {
    const bt_column *header = &table->columns[column];
    bt_column_shape shape = {bt_layout_width(header->name), longest_word(header->name)};
    for (size_t i = (size_t)column; i < table->cell_count; i += (size_t)table->column_count) {
        const char *cell = bt_table_shown(&table->cells[i]);
        int word = header->number ? bt_layout_width(cell) : longest_word(cell);
        shape.width = larger(shape.width, bt_layout_width(cell));
        shape.least = larger(shape.least, !header->number && word > LONG_WORD ? LONG_WORD : word);
    }
    int line = shape.width / LINES;
    if (!header->number) shape.least = larger(shape.least, line < LONG_LINE ? line : LONG_LINE);
    return shape;
}

int bt_table_key_columns(const bt_table *table) {
    return table->column_count > 1 && !table->columns[0].name[0] ? 2 : 1;
}

static void block_add(bt_table_block *block, const bt_column_shape *shapes, int column) {
    block->columns[block->count] = column;
    block->widths[block->count++] = shapes[column].width;
}

static int block_width(const bt_table_block *block) {
    int width = (block->count - 1) * BT_TABLE_GAP;
    for (int i = 0; i < block->count; i++)
        width += block->widths[i];
    return width;
}

int bt_table_fill_block(bt_table_block *block, const bt_table *table, const bt_column_shape *shapes, int next,
                        int room) {
    int keys = bt_table_key_columns(table), used = -BT_TABLE_GAP, first = larger(next, keys);
    block->count = 0;
    for (int i = 0; i < keys; i++) {
        block_add(block, shapes, i);
        used += BT_TABLE_GAP + shapes[i].least;
    }
    for (next = first; next < table->column_count; next++) {
        used += BT_TABLE_GAP + shapes[next].least;
        if (used > room && next > first) break;
        block_add(block, shapes, next);
    }
    return next;
}

void bt_table_narrow_block(bt_table_block *block, const bt_column_shape *shapes, int room) {
    for (int over = block_width(block) - room; over > 0; over--) {
        int widest = -1, breaking = 0;
        for (int i = 0; i < block->count; i++) {
            if (block->widths[i] > block->widths[breaking]) breaking = i;
            if (block->widths[i] <= larger(shapes[block->columns[i]].least, NARROWEST)) continue;
            if (widest < 0 || block->widths[i] > block->widths[widest]) widest = i;
        }
        int narrowed = widest < 0 ? breaking : widest;
        if (block->widths[narrowed] <= NARROWEST) return;
        block->widths[narrowed]--;
    }
}

int bt_table_count_blocks(bt_table_block *block, const bt_table *table, const bt_column_shape *shapes,
                          int room) {
    int count = 0;
    for (int next = 0; next < table->column_count; count++)
        next = bt_table_fill_block(block, table, shapes, next, room);
    return count;
}
