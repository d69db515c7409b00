#include "report/table.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "report/layout.h"

#define GAP       2 /* columns of white space between two cells */
#define NARROWEST 16
#define CELL_SIZE 1200

struct bt_table {
    bt_column *columns;
    int column_count;
    char **cells; /* NULL: unknown */
    size_t cell_count, cell_room;
    bool out_of_memory;
};

bt_status bt_table_open(bt_table **out, const bt_column *columns, int column_count, bt_error *error) {
    *out = NULL;
    if (column_count < 1) return bt_fail(error, BT_INVALID, "a table needs at least one column");
    bt_table *table = calloc(1, sizeof *table);
    if (!table) return bt_fail(error, BT_NO_MEMORY, "no memory for a table");
    table->columns = malloc((size_t)column_count * sizeof *columns);
    if (!table->columns) {
        free(table);
        return bt_fail(error, BT_NO_MEMORY, "no memory for a table of %d columns", column_count);
    }
    memcpy(table->columns, columns, (size_t)column_count * sizeof *columns);
    table->column_count = column_count;
    *out = table;
    return BT_OK;
}

void bt_table_close(bt_table **table) {
    if (!table || !*table) return;
    for (size_t i = 0; i < (*table)->cell_count; i++)
        free((*table)->cells[i]);
    free((*table)->cells);
    free((*table)->columns);
    free(*table);
    *table = NULL;
}

/* Takes over `cell`, which is NULL for an unknown one. */
static void add_cell(bt_table *table, char *cell) {
    if (table->cell_count == table->cell_room) {
        size_t room = table->cell_room ? 2 * table->cell_room : 64;
        char **cells = realloc(table->cells, room * sizeof *cells);
        if (!cells) {
            table->out_of_memory = true;
            free(cell);
            return;
        }
        table->cells = cells;
        table->cell_room = room;
    }
    table->cells[table->cell_count++] = cell;
}

void bt_table_text(bt_table *table, const char *format, ...) {
    char raw[CELL_SIZE], clean[CELL_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(raw, sizeof raw, format, arguments);
    va_end(arguments);
    bt_layout_clean(raw, clean, sizeof clean);
    char *cell = strdup(clean);
    if (!cell) table->out_of_memory = true;
    add_cell(table, cell);
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

static bt_status check_whole(const bt_table *table, bt_error *error) {
    if (table->out_of_memory) return bt_fail(error, BT_NO_MEMORY, "no memory for a table's cells");
    if (table->cell_count % (size_t)table->column_count != 0)
        return bt_fail(error, BT_INVALID, "a table's last row has %zu of %d cells",
                       table->cell_count % (size_t)table->column_count, table->column_count);
    return BT_OK;
}

static bt_status check_written(FILE *out, bt_error *error) {
    return ferror(out) ? bt_fail(error, BT_IO, "a table could not be written") : BT_OK;
}

static const char *shown(const char *cell) {
    return cell ? cell : BT_UNKNOWN_TEXT;
}

static int column_width(const bt_table *table, int column) {
    int width = bt_layout_width(table->columns[column].name);
    for (size_t i = (size_t)column; i < table->cell_count; i += (size_t)table->column_count) {
        int cell = bt_layout_width(shown(table->cells[i]));
        if (cell > width) width = cell;
    }
    return width;
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

/* One row; a text in the last column goes on below itself. */
static void put_row(FILE *out, const bt_table *table, char *const *cells, const int *widths, int margin) {
    int last = table->column_count - 1, last_start = margin, owed = margin;
    for (int i = 0; i < last; i++) {
        put_cell(out, &owed, shown(cells[i]), widths[i], table->columns[i].number);
        last_start += widths[i] + GAP;
    }
    const char *text = shown(cells[last]);
    for (;;) {
        size_t bytes = bt_layout_line_bytes(text, widths[last]);
        char line[CELL_SIZE];
        snprintf(line, sizeof line, "%.*s", (int)bytes, text);
        put_cell(out, &owed, line, widths[last], table->columns[last].number);
        fputc('\n', out);
        text += bytes;
        while (*text == ' ')
            text++;
        if (!*text) return;
        owed = last_start;
    }
}

static void put_header(FILE *out, const bt_table *table, const int *widths, int margin) {
    int owed = margin;
    for (int i = 0; i < table->column_count; i++)
        put_cell(out, &owed, table->columns[i].name, widths[i], table->columns[i].number);
    fprintf(out, "\n%*s", margin, "");
    for (int i = 0; i < table->column_count; i++) {
        for (int dash = 0; dash < widths[i]; dash++)
            fputs("─", out);
        if (i + 1 < table->column_count) fprintf(out, "%*s", GAP, "");
    }
    fputc('\n', out);
}

bt_status bt_table_write_text(const bt_table *table, int margin, int width, FILE *out, bt_error *error) {
    bt_status status = check_whole(table, error);
    if (status) return status;
    int *widths = malloc((size_t)table->column_count * sizeof *widths);
    if (!widths) return bt_fail(error, BT_NO_MEMORY, "no memory for a table's layout");
    int left = width - margin;
    for (int i = 0; i < table->column_count; i++) {
        widths[i] = column_width(table, i);
        if (i + 1 < table->column_count) left -= widths[i] + GAP;
    }
    int *last = &widths[table->column_count - 1];
    if (left < NARROWEST) left = NARROWEST;
    if (*last > left && !table->columns[table->column_count - 1].number) *last = left;
    put_header(out, table, widths, margin);
    for (size_t i = 0; i < table->cell_count; i += (size_t)table->column_count)
        put_row(out, table, table->cells + i, widths, margin);
    free(widths);
    return check_written(out, error);
}

/* At the start of a line, some characters begin a heading, a list or a quotation. An underscore within a word
 * means nothing to GitHub's Markdown; escaped, it would only hurt the eye. */
static bool means_something(const char *text, size_t at) {
    if (at == 0 && strchr("#>-+~", text[at])) return true;
    if (text[at] != '_') return strchr("\\`*[]<|", text[at]) != NULL;
    return at == 0 || !isalnum((unsigned char)text[at - 1]) || !isalnum((unsigned char)text[at + 1]);
}

void bt_xml_attribute(FILE *out, const char *name, const char *value) {
    fprintf(out, " %s=\"", name);
    bt_html_text(out, value);
    fputc('"', out);
}

void bt_markdown_text(FILE *out, const char *text) {
    char clean[CELL_SIZE];
    bt_layout_clean(text, clean, sizeof clean);
    for (size_t i = 0; clean[i]; i++) {
        if (means_something(clean, i)) fputc('\\', out);
        fputc(clean[i], out);
    }
}

bt_status bt_table_write_markdown(const bt_table *table, FILE *out, bt_error *error) {
    bt_status status = check_whole(table, error);
    if (status) return status;
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
        bt_markdown_text(out, shown(table->cells[i]));
        fputs((i + 1) % (size_t)table->column_count ? " " : " |\n", out);
    }
    return check_written(out, error);
}

void bt_html_text(FILE *out, const char *text) {
    char clean[CELL_SIZE];
    bt_layout_clean(text, clean, sizeof clean);
    for (const char *at = clean; *at; at++) {
        switch (*at) {
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
        default:
            fputc(*at, out);
        }
    }
}

static void put_html_cell(FILE *out, const char *tag, bool number, const char *text) {
    fprintf(out, "<%s%s>", tag, number ? " class=\"number\"" : "");
    bt_html_text(out, text);
    fprintf(out, "</%s>", tag);
}

bt_status bt_table_write_html(const bt_table *table, FILE *out, bt_error *error) {
    bt_status status = check_whole(table, error);
    if (status) return status;
    fputs("<div class=\"wide\"><table>\n<thead><tr>", out);
    for (int i = 0; i < table->column_count; i++)
        put_html_cell(out, "th", table->columns[i].number, table->columns[i].name);
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t column = i % (size_t)table->column_count;
        if (column == 0) fputs("<tr>", out);
        put_html_cell(out, "td", table->columns[column].number, shown(table->cells[i]));
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
    if (status) return status;
    for (int i = 0; i < table->column_count; i++) {
        if (i) fputc(',', out);
        put_csv_field(out, table->columns[i].name);
    }
    fputc('\n', out);
    for (size_t i = 0; i < table->cell_count; i++) {
        put_csv_field(out, table->cells[i] ? table->cells[i] : "");
        fputc((i + 1) % (size_t)table->column_count ? ',' : '\n', out);
    }
    return check_written(out, error);
}
