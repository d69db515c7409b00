/* A table for other programs: Markdown, HTML and CSV. */
#include <string.h>

#include "base/text.h"
#include "report/layout.h"
#include "report/markup.h"
#include "report/table-cells.h"

/* A text that is wider gets a line of its own where the page is narrow. Lower: cards of many short lines.
 * Higher: two texts beside each other, each a word wide, on a phone. */
#define LONG_CELL 28

bt_status bt_table_write_markdown(const bt_table *table, FILE *out, bt_error *error) {
    bt_status status = bt_table_check_whole(table, error);
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
        bt_markdown_text(out, bt_table_shown(&table->cells[i]));
        fputs((i + 1) % (size_t)table->column_count ? " " : " |\n", out);
    }
    return bt_table_check_written(out, error);
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
static void put_html_cell(FILE *out, const bt_column *column, const bt_table_cell *cell) {
    const char *text = bt_table_shown(cell);
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
    bt_status status = bt_table_check_whole(table, error);
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
    return bt_table_check_written(out, error);
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
    bt_status status = bt_table_check_whole(table, error);
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
    return bt_table_check_written(out, error);
}
