#include "report/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "report/layout.h"

#define GAP         2 /* columns of white space between two cells */
#define LONG_WORD   14
#define LONG_LINE   24
#define LONG_CELL   28 /* of a page: a cell that gets a line of its own on a narrow screen */
#define LINES       3
#define NARROWEST   2 /* of a column: a wide character */
#define MOST_BLOCKS 2 /* one below the other: of more nobody sees a row any longer */
#define CARD_INDENT 2
#define CELL_SIZE   1200

typedef struct table_cell {
    char *text; /* NULL: unknown */
    char *link; /* NULL: none */
} table_cell;

struct bt_table {
    bt_column *columns;
    int column_count;
    table_cell *cells;
    size_t cell_count, cell_room;
    bool out_of_memory;
};

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
    table_cell *cells = bt_array_grow(table->cells, table->cell_count, 1, &table->cell_room, sizeof *cells);
    if (!cells) {
        table->out_of_memory = true;
        free(text);
        return;
    }
    table->cells = cells;
    table->cells[table->cell_count++] = (table_cell){text, NULL};
}

static void add_clean(bt_table *table, const char *raw) {
    char clean[CELL_SIZE];
    bt_layout_clean(raw, clean, sizeof clean);
    char *text = strdup(clean);
    if (!text) table->out_of_memory = true;
    add_cell(table, text);
}

void bt_table_text(bt_table *table, const char *format, ...) {
    char raw[CELL_SIZE];
    va_list arguments;
    va_start(arguments, format);
    bt_text_format_list(raw, sizeof raw, format, arguments);
    va_end(arguments);
    add_clean(table, raw);
}

void bt_table_link(bt_table *table, const char *path, const char *text) {
    add_clean(table, text);
    if (table->out_of_memory) return;
    table_cell *cell = &table->cells[table->cell_count - 1];
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

static bt_status check_whole(const bt_table *table, bt_error *error) {
    if (table->out_of_memory) return bt_no_memory(error, "a table's cells");
    if (table->cell_count % (size_t)table->column_count != 0)
        return bt_fail(error, BT_INVALID, "a table's last row has %zu of %d cells",
                       table->cell_count % (size_t)table->column_count, table->column_count);
    return BT_OK;
}

static bt_status check_written(FILE *out, bt_error *error) {
    return ferror(out) ? bt_fail(error, BT_NOT_WRITTEN, "a table could not be written") : BT_OK;
}

static const char *shown(const table_cell *cell) {
    return cell->text ? cell->text : BT_UNKNOWN_TEXT;
}

/* ---- aligned text ---- */

/* Where a column of a text table stands. */
typedef struct column_shape {
    int width, least; /* least: what it can be narrowed to before words break */
} column_shape;

static int larger(int a, int b) {
    return a > b ? a : b;
}

static int longest_word(const char *text) {
    int longest = 0;
    while (*text) {
        char word[CELL_SIZE];
        size_t bytes = strcspn(text, " ");
        snprintf(word, sizeof word, "%.*s", (int)bytes, text);
        longest = larger(longest, bt_layout_width(word));
        text += bytes + strspn(text + bytes, " ");
    }
    return longest;
}

/* A number stays whole; a word of a text may break where it is longer than LONG_WORD; a text takes LINES
 * lines at most, as long as that leaves a line of no more than LONG_LINE. */
static column_shape shape_of(const bt_table *table, int column) {
    const bt_column *header = &table->columns[column];
    column_shape shape = {bt_layout_width(header->name), longest_word(header->name)};
    for (size_t i = (size_t)column; i < table->cell_count; i += (size_t)table->column_count) {
        const char *cell = shown(&table->cells[i]);
        int word = header->number ? bt_layout_width(cell) : longest_word(cell);
        shape.width = larger(shape.width, bt_layout_width(cell));
        shape.least = larger(shape.least, !header->number && word > LONG_WORD ? LONG_WORD : word);
    }
    int line = shape.width / LINES;
    if (!header->number) shape.least = larger(shape.least, line < LONG_LINE ? line : LONG_LINE);
    return shape;
}

/* The columns that say what a row is about: the first, and the one after it where the first has no name. */
static int key_columns(const bt_table *table) {
    return table->column_count > 1 && !table->columns[0].name[0] ? 2 : 1;
}

/* Some columns of a table, which stand beside each other. */
typedef struct table_block {
    int *columns, *widths, count;
} table_block;

static void block_add(table_block *block, const column_shape *shapes, int column) {
    block->columns[block->count] = column;
    block->widths[block->count++] = shapes[column].width;
}

static int block_width(const table_block *block) {
    int width = (block->count - 1) * GAP;
    for (int i = 0; i < block->count; i++)
        width += block->widths[i];
    return width;
}

/* Takes the block's columns from `next` on: as many as `room` columns hold when all are as narrow as they
 * may be, and at least one. Returns the next block's first. */
static int fill_block(table_block *block, const bt_table *table, const column_shape *shapes, int next,
                      int room) {
    int keys = key_columns(table), used = -GAP, first = larger(next, keys);
    block->count = 0;
    for (int i = 0; i < keys; i++) {
        block_add(block, shapes, i);
        used += GAP + shapes[i].least;
    }
    for (next = first; next < table->column_count; next++) {
        used += GAP + shapes[next].least;
        if (used > room && next > first) break;
        block_add(block, shapes, next);
    }
    return next;
}

/* Narrows the widest columns until the block fits: words stay whole as long as that is possible at all. */
static void narrow_block(table_block *block, const column_shape *shapes, int room) {
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

/* White space that is owed before the next visible cell: so none is left at a line's end. */
static void put_cell(FILE *out, int *owed, const char *text, int width, bool number) {
    int missing = width - bt_layout_width(text);
    if (number) *owed += missing;
    if (*text) {
        fprintf(out, "%*s%s", *owed, "", text);
        *owed = 0;
    }
    if (!number) *owed += missing;
    *owed += GAP;
}

/* One row, whose texts go on below themselves. `rest`: room for a pointer a column. */
static void put_row(FILE *out, const bt_table *table, const table_block *block, const char **rest,
                    int margin) {
    bool more = true;
    while (more) {
        int owed = margin;
        more = false;
        for (int i = 0; i < block->count; i++) {
            char line[CELL_SIZE];
            size_t bytes = bt_layout_line_bytes(rest[i], block->widths[i]);
            snprintf(line, sizeof line, "%.*s", (int)bytes, rest[i]);
            put_cell(out, &owed, line, block->widths[i], table->columns[block->columns[i]].number);
            rest[i] += bytes + strspn(rest[i] + bytes, " ");
            more |= *rest[i] != '\0';
        }
        fputc('\n', out);
    }
}

static void put_rule(FILE *out, const table_block *block, int margin) {
    fprintf(out, "%*s", margin, "");
    for (int i = 0; i < block->count; i++) {
        for (int dash = 0; dash < block->widths[i]; dash++)
            fputs("─", out);
        if (i + 1 < block->count) fprintf(out, "%*s", GAP, "");
    }
    fputc('\n', out);
}

static void put_block(FILE *out, const bt_table *table, const table_block *block, const char **rest,
                      int margin) {
    for (int i = 0; i < block->count; i++)
        rest[i] = table->columns[block->columns[i]].name;
    put_row(out, table, block, rest, margin);
    put_rule(out, block, margin);
    for (size_t row = 0; row < table->cell_count; row += (size_t)table->column_count) {
        for (int i = 0; i < block->count; i++)
            rest[i] = shown(&table->cells[row + (size_t)block->columns[i]]);
        put_row(out, table, block, rest, margin);
    }
}

/* How many tables, one below the other, hold all columns. */
static int count_blocks(table_block *block, const bt_table *table, const column_shape *shapes, int room) {
    int count = 0;
    for (int next = 0; next < table->column_count; count++)
        next = fill_block(block, table, shapes, next, room);
    return count;
}

static void put_blocks(FILE *out, const bt_table *table, table_block *block, const column_shape *shapes,
                       int room, const char **rest, int margin) {
    for (int next = 0; next < table->column_count;) {
        if (next > 0) fputc('\n', out);
        next = fill_block(block, table, shapes, next, room);
        narrow_block(block, shapes, room);
        put_block(out, table, block, rest, margin);
    }
}

/* ---- cards: a row as lines of a name and a value ---- */

/* What the row is about: "→• batch 1". A number's name goes before it, a text speaks for itself. */
static void put_title(FILE *out, const bt_table *table, const table_cell *cells, int margin, int width) {
    char title[2 * CELL_SIZE] = "";
    for (int i = 0; i < key_columns(table); i++) {
        const char *name = table->columns[i].number ? table->columns[i].name : "", *text = shown(&cells[i]);
        const size_t used = strlen(title);
        snprintf(title + used, sizeof title - used, "%s%s%s%s", used && *text ? " " : "", name,
                 *name && *text ? " " : "", text);
    }
    bt_layout_indented(out, "", margin, margin, width, title);
}

static void put_card(FILE *out, const bt_table *table, const table_cell *cells, int names, int margin,
                     int width) {
    const int indent = margin + CARD_INDENT;
    put_title(out, table, cells, margin, width);
    for (int i = key_columns(table); i < table->column_count; i++)
        bt_layout_indented(out, table->columns[i].name, indent, indent + names + GAP, width,
                           shown(&cells[i]));
}

static void put_cards(FILE *out, const bt_table *table, int margin, int width) {
    int names = 0;
    for (int i = key_columns(table); i < table->column_count; i++)
        names = larger(names, bt_layout_width(table->columns[i].name));
    for (size_t row = 0; row < table->cell_count; row += (size_t)table->column_count) {
        if (row > 0) fputc('\n', out);
        put_card(out, table, table->cells + row, names, margin, width);
    }
}

bt_status bt_table_write_text(const bt_table *table, int margin, int width, FILE *out, bt_error *error) {
    bt_status status = check_whole(table, error);
    if (status != BT_OK) return status;
    size_t columns = (size_t)table->column_count;
    int room = larger(width - margin, BT_TABLE_NARROWEST);
    column_shape *shapes = malloc(columns * sizeof *shapes);
    int *numbers = malloc(2 * columns * sizeof *numbers);
    const char **rest = malloc(columns * sizeof *rest);
    if (shapes && numbers && rest) {
        table_block block = {.columns = numbers, .widths = numbers + columns};
        for (int i = 0; i < table->column_count; i++)
            shapes[i] = shape_of(table, i);
        if (table->cell_count == 0 || count_blocks(&block, table, shapes, room) <= MOST_BLOCKS)
            put_blocks(out, table, &block, shapes, room, rest, margin);
        else
            put_cards(out, table, margin, margin + room);
        status = check_written(out, error);
    } else {
        status = bt_no_memory(error, "a table's layout");
    }
    free(shapes);
    free(numbers);
    free(rest);
    return status;
}

/* At the start of a line, some characters begin a heading, a list or a quotation. An underscore within a word
 * means nothing to GitHub's Markdown; escaped, it would only hurt the eye. */
static bool means_something(const char *text, size_t at) {
    if (at == 0 && strchr("#>-+~", text[at])) return true;
    if (text[at] != '_') return strchr("\\`*[]<|", text[at]) != NULL;
    return at == 0 || !bt_text_is_alphanumeric(text[at - 1]) || !bt_text_is_alphanumeric(text[at + 1]);
}

void bt_xml_attribute(FILE *out, const char *name, const char *value) {
    fprintf(out, " %s=\"", name);
    bt_html_text(out, value);
    fputc('"', out);
}

/* The bytes of the code that starts with the mark at `text`, without its marks; 0 where it is no code. */
static size_t code_bytes(const char *text) {
    const char *end = text[0] == '`' ? strchr(text + 1, '`') : NULL;
    return end ? (size_t)(end - text) - 1 : 0;
}

void bt_markdown_text(FILE *out, const char *text) {
    char clean[CELL_SIZE];
    bt_layout_clean(text, clean, sizeof clean);
    for (size_t i = 0; clean[i]; i++) {
        size_t code = code_bytes(clean + i);
        if (code > 0) { /* stands as it is, within its marks */
            fwrite(clean + i, 1, code + 2, out);
            i += code + 1;
            continue;
        }
        if (means_something(clean, i)) fputc('\\', out);
        fputc(clean[i], out);
    }
}

bt_status bt_table_write_markdown(const bt_table *table, FILE *out, bt_error *error) {
    bt_status status = check_whole(table, error);
    if (status != BT_OK) return status;
    for (int i = 0; i < table->column_count; i++) {
        fputs(i == 0 ? "| " : " | ", out);
        bt_markdown_text(out, table->columns[i].name);
    }
    fputs(" |\n", out);
    for (int i = 0; i < table->column_count; i++)
        fputs(table->columns[i].number ? "| ---: " : "| --- ", out);
    fputs("|\n", out);
    for (size_t i = 0; i < table->cell_count; i++) {
        fputs("| ", out);
        bt_markdown_text(out, shown(&table->cells[i]));
        fputs((i + 1) % (size_t)table->column_count ? " " : " |\n", out);
    }
    return check_written(out, error);
}

static void put_html_char(FILE *out, char letter) {
    switch (letter) {
    case '&':
        fputs("&amp;", out);
        break;
    case '<':
        fputs("&lt;", out);
        break;
    case '>':
        fputs("&gt;", out);
        break;
    case '"':
        fputs("&quot;", out);
        break;
    case '\'':
        fputs("&#39;", out);
        break;
    case '`':
        fputs("&#96;", out);
        break;
    default:
        fputc(letter, out);
    }
}

void bt_html_text(FILE *out, const char *text) {
    char clean[CELL_SIZE];
    bt_layout_clean(text, clean, sizeof clean);
    for (const char *at = clean; *at; at++)
        put_html_char(out, *at);
}

void bt_html_words(FILE *out, const char *text) {
    char clean[CELL_SIZE];
    bt_layout_clean(text, clean, sizeof clean);
    for (const char *at = clean; *at; at++) {
        size_t code = code_bytes(at);
        if (code == 0) {
            put_html_char(out, *at);
            continue;
        }
        fputs("<code>", out);
        for (size_t i = 1; i <= code; i++)
            put_html_char(out, at[i]);
        fputs("</code>", out);
        at += code + 1;
    }
}

/* A path as a relative address: whatever it is called, it names no scheme and ends no attribute. */
static void put_address(FILE *out, const char *path) {
    for (; *path; path++)
        if (bt_text_is_alphanumeric(*path) || strchr("/._-", *path))
            fputc(*path, out);
        else
            fprintf(out, "%%%02X", (unsigned char)*path);
}

/* On a narrow screen a row becomes a card, where each cell carries its column's name. */
static void put_html_cell(FILE *out, const bt_column *column, const table_cell *cell) {
    const char *text = shown(cell);
    bool sentence = !column->number && bt_layout_width(text) > LONG_CELL;
    fputs("<td", out);
    if (column->number || sentence) fprintf(out, " class=\"%s\"", column->number ? "number" : "sentence");
    if (column->name[0]) bt_xml_attribute(out, "data-column", column->name);
    fputc('>', out);
    if (cell->link) {
        fputs("<a href=\"", out);
        put_address(out, cell->link);
        fputs("\">", out);
    }
    bt_html_words(out, text);
    fputs(cell->link ? "</a></td>" : "</td>", out);
}

bt_status bt_table_write_html(const bt_table *table, FILE *out, bt_error *error) {
    bt_status status = check_whole(table, error);
    if (status != BT_OK) return status;
    fputs("<div class=\"wide\"><table>\n<thead><tr>", out);
    for (int i = 0; i < table->column_count; i++) {
        fputs(table->columns[i].number ? "<th class=\"number\">" : "<th>", out);
        bt_html_words(out, table->columns[i].name);
        fputs("</th>", out);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t column = i % (size_t)table->column_count;
        if (column == 0) fputs("<tr>", out);
        put_html_cell(out, &table->columns[column], &table->cells[i]);
        if (column + 1 == (size_t)table->column_count) fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
    return check_written(out, error);
}

static void put_csv_field(FILE *out, const char *text) {
    if (!strpbrk(text, ",\"\n\r")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

bt_status bt_table_write_csv(const bt_table *table, FILE *out, bt_error *error) {
    bt_status status = check_whole(table, error);
    if (status != BT_OK) return status;
    for (int i = 0; i < table->column_count; i++) {
        if (i) fputc(',', out);
        put_csv_field(out, table->columns[i].name);
    }
    fputc('\n', out);
    for (size_t i = 0; i < table->cell_count; i++) {
        put_csv_field(out, table->cells[i].text ? table->cells[i].text : "");
        fputc((i + 1) % (size_t)table->column_count ? ',' : '\n', out);
    }
    return check_written(out, error);
}
