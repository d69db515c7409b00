/* What a point of a tuning run looks like: the mark of each outcome, the ring of the chosen one, lines, and
 * the overview's legend that explains them. */
#include <math.h>

#include "base/text.h"
#include "report/gnuplot-script.h"
#include "report/layout.h"
#include "report/sweep-drawing.h"
#include "report/sweep-panels.h"

#define ADVICE_SIZE    310 /* bytes of the advice above an overview's legend: five lines */
#define ADVICE_COLUMNS 62

static const struct mark {
    const char *title, *colour, *shape; /* shape: gnuplot's point type */
} marks[BT_OUTCOME_COUNT] = {
    [BT_OUTCOME_MEASURED] = {"admissible", BT_COLOUR_MET, BT_MARK_MET},
    [BT_OUTCOME_OVER_SLA] = {"over the SLA", BT_COLOUR_BROKEN, BT_MARK_BROKEN},
    [BT_OUTCOME_UNDECIDED] = {"undecided", BT_COLOUR_NOT_SHOWN, BT_MARK_UNDECIDED},
    [BT_OUTCOME_OUT_OF_MEMORY] = {"out of memory", BT_COLOUR_MEMORY, "2"},
    [BT_OUTCOME_OVER_MEMORY] = {"over the memory reserve", BT_COLOUR_MEMORY, "5"},
    [BT_OUTCOME_PREDICTED_OVER_MEMORY] = {"predicted, not run", BT_COLOUR_MEMORY, "4"},
    [BT_OUTCOME_CRASHED] = {"crashed", BT_COLOUR_INK, "1"},
    [BT_OUTCOME_SKIPPED_DOMINATED] = {"unconfirmed", BT_COLOUR_NOT_SHOWN, BT_MARK_NOT_SHOWN},
    [BT_OUTCOME_MASK_DISAGREES] = {"masks differ", BT_COLOUR_INK, "11"},
};

const char *bt_sweep_outcome_title(bt_outcome outcome) {
    return marks[outcome].title;
}

/* ---- in a panel ---- */

static bool occurs(const bt_sweep_drawing *panel, int outcome) {
    for (int i = 0; i < panel->model->point_count; i++) {
        const bt_point *point = &panel->model->points[i];
        if ((int)point->outcome == outcome && bt_sweep_point_is_drawn(panel, point)) return true;
    }
    return false;
}

/* A size may be chosen for want of a better one, without proof. */
static const char *chosen_word(const bt_point *point) {
    return point->outcome == BT_OUTCOME_MEASURED ? "chosen" : "provisional";
}
static const char *ring_colour(const bt_point *point) {
    return point->outcome == BT_OUTCOME_MEASURED ? BT_COLOUR_INK : BT_COLOUR_NOT_SHOWN;
}

void bt_sweep_put_points(bt_sweep_drawing *panel) {
    const bt_model_record *model = panel->model;
    const char *x_column = panel->by_latency ? "5" : "1";
    for (int outcome = 0; outcome < BT_OUTCOME_COUNT; outcome++) {
        const struct mark *mark = &marks[outcome];
        if (!occurs(panel, outcome)) continue;
        bt_script_clause(panel->out, &panel->clauses);
        fprintf(panel->out,
                "data index 0 using %s:(strcol(2) eq '%s' ? column(%s) : NaN) with points pointtype %s "
                "pointsize 1.3 linewidth 1.5 linecolor rgb '%s' title '%s'",
                x_column, bt_outcome_name((bt_outcome)outcome), panel->y_column, mark->shape, mark->colour,
                mark->title);
    }
    if (model->chosen < 0 || !bt_sweep_point_is_drawn(panel, &model->points[model->chosen])) return;
    const bt_point *point = &model->points[model->chosen];
    bt_script_clause(panel->out, &panel->clauses);
    fprintf(panel->out,
            "data index 0 every ::%d::%d using %s:%s with points pointtype 6 pointsize 2.4 linewidth 2 "
            "linecolor rgb '%s' title '%s: batch %d'",
            model->chosen, model->chosen, x_column, panel->y_column, ring_colour(point), chosen_word(point),
            point->batch_size);
}

void bt_sweep_put_line(bt_sweep_drawing *panel, const char *what, const char *style, const char *title) {
    bt_script_clause(panel->out, &panel->clauses);
    fprintf(panel->out, "%s with lines %s ", what, style);
    if (title) {
        fputs("title ", panel->out);
        bt_script_string(panel->out, title);
    } else {
        fputs("notitle", panel->out);
    }
}

/* ---- the legend ---- */

/* Which marks the panels of an overview use. */
static bool used_anywhere(const bt_model_record *model, int outcome) {
    for (int i = 0; i < model->point_count; i++) {
        const bt_point *point = &model->points[i];
        if ((int)point->outcome == outcome &&
            (isfinite(bt_sweep_memory_mb(point)) || isfinite(point->p95_ms)))
            return true;
    }
    return false;
}

static void put_key(bt_sweep_drawing *panel, const char *style) {
    bt_script_clause(panel->out, &panel->clauses);
    fprintf(panel->out, "keyentry with %s", style);
}

static void put_keys_of_points(bt_sweep_drawing *panel) {
    const bt_model_record *model = panel->model;
    char style[160];
    for (int outcome = 0; outcome < BT_OUTCOME_COUNT; outcome++) {
        const struct mark *mark = &marks[outcome];
        if (!used_anywhere(model, outcome)) continue;
        snprintf(style, sizeof style,
                 "points pointtype %s pointsize 1.3 linewidth 1.5 linecolor rgb '%s' title '%s'", mark->shape,
                 mark->colour, mark->title);
        put_key(panel, style);
    }
    if (model->chosen < 0) return;
    const bt_point *point = &model->points[model->chosen];
    snprintf(style, sizeof style,
             "points pointtype 6 pointsize 2.4 linewidth 2 linecolor rgb '%s' title '%s'", ring_colour(point),
             chosen_word(point));
    put_key(panel, style);
}

static void put_keys_of_lines(bt_sweep_drawing *panel) {
    const bt_model_record *model = panel->model;
    if (bt_sweep_count(model, bt_sweep_on_front) > 0) put_key(panel, "lines " BT_SWEEP_FRONT_STYLE);
    if (bt_sweep_count(model, bt_sweep_has_bounds) > 0) put_key(panel, "vectors " BT_SWEEP_BAR_STYLE);
    if (bt_sweep_count(model, bt_sweep_is_open) > 0) put_key(panel, "vectors " BT_SWEEP_OPEN_STYLE);
    put_key(panel,
            "lines dashtype 3 linewidth 1.5 linecolor rgb '" BT_COLOUR_GREY "' title 'median service time'");
    put_key(panel, "lines dashtype 2 linewidth 1.5 linecolor rgb '" BT_COLOUR_GREY "' title 'memory fit'");
    fputc('\n', panel->out);
}

static void put_wrapped(FILE *out, const char *text, double from_top, int width) {
    char clean[ADVICE_SIZE];
    bt_layout_clean(text, clean, sizeof clean);
    const char *at = clean;
    for (int line = 0; *at; line++) {
        char part[BT_TEXT_SIZE];
        size_t bytes = bt_layout_line_bytes(at, width);
        snprintf(part, sizeof part, "%.*s", (int)bytes, at);
        fputs("set label ", out);
        bt_script_string(out, part);
        bt_text_print(out, " at graph 0, graph %.3f left font ',10'\n", from_top - 0.065 * line);
        at += bytes;
        while (*at == ' ')
            at++;
    }
}

void bt_sweep_panel_legend(FILE *out, const bt_record *record, const bt_model_record *model) {
    bt_sweep_drawing panel = {.out = out, .record = record, .model = model, .on_page = true};
    fputs("reset\nset encoding utf8\nunset border\nunset tics\nset xrange [0:1]\nset yrange [0:1]\n"
          "set tmargin 3\nset key at graph 0, graph 0.66 left top vertical Left reverse samplen 2 spacing "
          "1.2\n",
          out);
    put_wrapped(out, model->advice, 1.0, ADVICE_COLUMNS);
    bt_sweep_put_line(&panel, "-1", "linecolor rgb '" BT_COLOUR_GREY "'", NULL);
    put_keys_of_points(&panel);
    put_keys_of_lines(&panel);
}
