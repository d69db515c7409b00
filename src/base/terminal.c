#include "base/terminal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

#define USUAL_COLUMNS  100
#define FEWEST_COLUMNS 20
#define MOST_COLUMNS   1000
#define LEAST_ROOM     24 /* of words beside something */
#define LEAST_INDENT   4
#define WHITE          " \t\n"

int bt_terminal_columns(FILE *out) {
    struct winsize window = {0};
    int file = fileno(out); /* -1 for memory */
    if (file < 0) return USUAL_COLUMNS;
    long columns = isatty(file) && ioctl(file, TIOCGWINSZ, &window) == 0 ? window.ws_col : 0;
    const char *variable = getenv("COLUMNS");
    if (columns == 0 && variable) columns = strtol(variable, NULL, 10);
    if (columns <= 0 || columns > MOST_COLUMNS) return USUAL_COLUMNS;
    return columns < FEWEST_COLUMNS ? FEWEST_COLUMNS : (int)columns;
}

int bt_terminal_prose_columns(FILE *out) {
    const int columns = bt_terminal_columns(out);
    return columns < USUAL_COLUMNS ? columns : USUAL_COLUMNS;
}

/* How many of a word's bytes fit into `room` columns; all of them, mostly. */
static size_t part_of(const char *word, size_t length, int room) {
    while (length > 1 && (int)bt_text_columns(word, length) > room)
        length = bt_text_fit(word, length - 1);
    return length;
}

void bt_terminal_wrap(FILE *out, const char *words, int column, int indent, int columns) {
    bool fresh = true; /* no word on this line yet */
    if (indent > LEAST_INDENT && columns - indent < LEAST_ROOM) indent = LEAST_INDENT;
    for (words += strspn(words, WHITE); *words; words += strspn(words, WHITE)) {
        size_t length = strcspn(words, WHITE);
        if (!fresh && column + 1 + (int)bt_text_columns(words, length) > columns) {
            fputc('\n', out);
            column = 0;
            fresh = true;
        }
        if (column > indent && fresh) {
            fputc('\n', out);
            column = 0;
        }
        if (fresh) length = part_of(words, length, columns - indent);
        if (column < indent) column += fprintf(out, "%*s", indent - column, "");
        fprintf(out, "%s%.*s", fresh ? "" : " ", (int)length, words);
        column += (int)bt_text_columns(words, length) + !fresh;
        fresh = false;
        words += length;
    }
    fputc('\n', out);
}
