#include "report/load-drawing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/gnuplot-script.h"
#include "report/layout.h"

#define NAME_COLUMNS 26  /* of a scenario's name beside a plot */
#define LETTER       7.4 /* pixels: how wide a letter of such a name is, on average */

/* Above so many times the median scenario's, one scenario's number takes the axis for itself: the axis
 * becomes logarithmic, or its bar is broken off. Lower: that happens to runs whose scenarios merely differ.
 * Higher: the others are squeezed flat beside it. */
#define DWARFS 3.0

/* ---- blocks of data, and the commands that draw them ---- */

void bt_load_put_value(FILE *out, double value) {
    if (isfinite(value))
        bt_text_print(out, " %.6g", value);
    else
        fputs(" NaN", out);
}

void bt_load_end_block(bt_load_drawing *d) {
    fputs("\n\n", d->data);
}

void bt_load_next_clause(bt_load_drawing *d) {
    bt_script_clause(d->out, &d->clauses);
}

void bt_load_put_block(bt_load_drawing *d, const char *columns, const char *style) {
    bt_load_next_clause(d);
    fprintf(d->out, "data index %d using %s with %s", d->index++, columns, style);
}

void bt_load_end_plot(bt_load_drawing *d) {
    fputc('\n', d->out);
    d->clauses = 0;
}

/* ---- what stands around a plot ---- */

void bt_load_put_title(bt_load_drawing *d, const char *what) {
    char text[256], name[BT_NAME_SIZE];
    bt_layout_clean(d->model->title, name, sizeof name);
    snprintf(text, sizeof text, "%s: %s", name, what);
    fputs("set title ", d->out);
    bt_script_string(d->out, text);
    bt_text_format(text, sizeof text, "%d × %d px, batches of up to %d, SLA %g ms", d->model->image_size,
                   d->model->image_size, d->model->batch_size, d->sla_ms);
    fputs(" font ',14' offset 0,0.9\nset label 1 ", d->out);
    bt_script_string(d->out, text);
    fputs(" at graph 0.5, graph 1 center offset 0,0.8 font ',10' textcolor rgb '" BT_COLOUR_DARK "'\n",
          d->out);
}

/* A scenario's name, cut where it would take the picture's room. */
static void put_name(bt_load_drawing *d, const bt_load_shown *shown) {
    char name[BT_NAME_SIZE], cut[BT_NAME_SIZE + 8];
    bt_layout_clean(shown->scenario->title, name, sizeof name);
    bool fits = bt_layout_width(name) <= NAME_COLUMNS;
    size_t bytes = bt_layout_line_bytes(name, fits ? NAME_COLUMNS : NAME_COLUMNS - 1);
    snprintf(cut, sizeof cut, "%.*s%s", (int)bytes, name, fits ? "" : "…");
    bt_script_string(d->out, cut);
}

void bt_load_put_rows(bt_load_drawing *d, double first) {
    fputs("set ytics (", d->out);
    for (int i = 0; i < d->count; i++) {
        fputs(i ? ", " : "", d->out);
        put_name(d, &d->parts[i]);
        bt_text_print(d->out, " %g", first - i);
    }
    fputs(")\nunset grid\nset grid xtics linecolor rgb '" BT_COLOUR_GRID "' linetype 1\n", d->out);
}

double bt_load_left_margin(const bt_load_drawing *d) {
    int widest = 8;
    for (int i = 0; i < d->count; i++) {
        int width = bt_layout_width(d->parts[i].scenario->title);
        if (width > widest) widest = width;
    }
    return (24 + LETTER * (widest < NAME_COLUMNS ? widest : NAME_COLUMNS)) / BT_LOAD_PAGE_WIDTH;
}

/* No colour is a verdict's. A scenario of the user's own has the colour of its place, dashed. */
void bt_load_put_scenario_style(bt_load_drawing *d, const bt_load_shown *shown, const char *style,
                                bool titled) {
    static const char *const names[] = {"sustained",     "mixed", "burst",   "single",
                                        "largest-burst", "soak",  "capacity"};
    static const char *const colours[] = {"#0072B2", "#CC79A7", "#009E73", "#56B4E9",
                                          "#000000", "#9A9A9A", "#8A6D3B"};
    size_t count = sizeof names / sizeof *names, at = 0;
    while (at < count && strcmp(names[at], shown->scenario->name) != 0)
        at++;
    bool known = at < count;
    if (!known) at = (size_t)(shown - d->parts) % count;
    fprintf(d->out, "%s linewidth 2 dashtype %d linecolor rgb '%s' ", style, known ? 1 : 4, colours[at]);
    if (titled) {
        fputs("title ", d->out);
        put_name(d, shown);
    } else {
        fputs("notitle", d->out);
    }
}

bool bt_load_sla_is_near(const bt_load_drawing *d, double most_ms) {
    return d->sla_ms > 0 && d->sla_ms <= BT_FARTHEST_LINE * most_ms;
}

void bt_load_put_far_sla(bt_load_drawing *d) {
    bt_text_print(
        d->out,
        "set label 2 'SLA %g ms (beyond this range)' at graph 0.99, graph 0.96 right font ',10' textcolor "
        "rgb '" BT_COLOUR_LIMIT "'\n",
        d->sla_ms);
}

void bt_load_put_line_data(bt_load_drawing *d, double x1, double y1, double x2, double y2) {
    bt_text_print(d->data, "%.6g %.6g\n%.6g %.6g\n", x1, y1, x2, y2);
    bt_load_end_block(d);
}

double bt_load_most_of(const bt_load_drawing *d, double (*value)(const bt_load_part *part)) {
    double most = 0;
    for (int i = 0; i < d->count; i++)
        most = fmax(most, value(d->parts[i].part));
    return most;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool bt_load_one_dwarfs(const bt_load_drawing *d, double (*value)(const bt_load_part *part)) {
    double values[BT_LOAD_DRAWN_SCENARIOS];
    for (int i = 0; i < d->count; i++)
        values[i] = value(d->parts[i].part);
    qsort(values, (size_t)d->count, sizeof *values, ascending);
    return d->count > 1 && values[d->count - 1] > DWARFS * values[(d->count - 1) / 2];
}
