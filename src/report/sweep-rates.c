#include "report/sweep-rates.h"

#include <math.h>

#include "base/text.h"
#include "report/gnuplot-script.h"
#include "report/palette.h"
#include "report/sweep-drawing.h"

/* The y axis ends at so many times the SLA. Higher: the curves' walls take the picture; lower: where a curve crosses the
 * SLA cannot be seen. */
#define Y_REACH 1.5
#define X_REACH 1.12 /* and the x axis at so many times the highest capacity, or the rate that is expected */

/* Curves beside the chosen one's: as many as can be told apart. */
static const char *const colours[] = {"#56B4E9", "#CC79A7", "#0072B2", "#E69F00", "#404040", "#9A9A9A"};
#define OTHERS ((int)(sizeof colours / sizeof *colours))

static bool has_curve(const bt_point *point) {
    return point->predicted.count > 0;
}

static double capacity_of(const bt_point *point) {
    return point->capacity_rps;
}

bool bt_sweep_rates_are_drawn(const bt_model_record *model) {
    return model->chosen >= 0 && bt_sweep_count(model, has_curve) > 0;
}

/* ---- data ---- */

void bt_sweep_rates_data(FILE *out, const bt_model_record *model) {
    if (bt_sweep_count(model, has_curve) == 0) return;
    fputs("\n\n# predicted, a block for each batch size: 1 requests/s, 2 p50_ms, 3 p95_ms, 4 p99_ms, 5 "
          "p95_lower_ms,\n"
          "# 6 p95_upper_ms, 7 lost_share, 8 mean_batch_size, 9 utilisation\n",
          out);
    for (int i = 0; i < model->point_count; i++) {
        const bt_rate_curve *curve = &model->points[i].predicted;
        if (curve->count == 0) continue;
        fprintf(out, "\n\n# rates%d\n", model->points[i].batch_size);
        for (int k = 0; k < curve->count; k++) {
            const bt_rate_point *p = &curve->points[k];
            bt_text_print(out, "%.6g %.6g %.6g %.6g %.6g %.6g %.6g %.6g %.6g\n", p->rate_rps, p->p50_ms,
                          p->p95_ms, p->p99_ms, p->p95_lower_ms, p->p95_upper_ms, p->lost_share,
                          p->mean_batch_size, p->utilisation);
        }
    }
}

/* ---- the picture ---- */

static void put_axes(bt_sweep_drawing *panel) {
    const bt_model_record *model = panel->model;
    double most_rps = bt_sweep_largest(model, capacity_of);
    if (model->rate_rps > 0) most_rps = fmax(most_rps, model->rate_rps);
    if (!(most_rps > 0)) most_rps = model->points[model->chosen].predicted.points[0].rate_rps * 20;
    panel->right = X_REACH * most_rps;
    panel->top = Y_REACH * panel->record->settings.p95_sla_ms;
    bt_text_print(
        panel->out,
        "set xlabel 'requests/s (Poisson arrivals)'\nset ylabel 'P95 of a request, waiting included (ms)'\n"
        "set xrange [0:%.6g]\nset yrange [0:%.6g]\n",
        panel->right, panel->top);
}

static void put_levels(bt_sweep_drawing *panel) {
    const double sla_ms = panel->record->settings.p95_sla_ms, rate_rps = panel->model->rate_rps;
    bt_text_print(
        panel->out,
        "set arrow from graph 0, first %.6g to graph 1, first %.6g nohead back linecolor rgb "
        "'" BT_COLOUR_LIMIT "' linewidth 1.5 dashtype 2\n"
        "set label 'P95 SLA %g ms' at graph 0.02, first %.6g left offset 0,0.75 font ',10' textcolor rgb "
        "'" BT_COLOUR_LIMIT "' boxed\n",
        sla_ms, sla_ms, sla_ms, sla_ms);
    if (!(rate_rps > 0)) return;
    bt_text_print(
        panel->out,
        "set arrow from first %.6g, graph 0 to first %.6g, graph 1 nohead back linecolor rgb "
        "'" BT_COLOUR_DARK "' linewidth 1.5 dashtype 3\n"
        "set label 'expected: %g requests/s' at first %.6g, graph 0.96 %s offset %s,0 font ',10' textcolor "
        "rgb '" BT_COLOUR_DARK "' boxed\n",
        rate_rps, rate_rps, rate_rps, rate_rps, rate_rps > panel->right / 2 ? "right" : "left",
        rate_rps > panel->right / 2 ? "-0.7" : "0.7");
}

/* A size's curve, and where it meets the SLA. */
static void put_curve(bt_sweep_drawing *panel, const bt_point *point, const char *colour, double width) {
    bt_script_clause(panel->out, &panel->clauses);
    bt_text_print(panel->out,
                  "data index 'rates%d' using 1:3 with lines linewidth %g linecolor rgb '%s' title 'up to "
                  "%d, delay %g ms: %.3g req/s'",
                  point->batch_size, width, colour, point->batch_size, point->best_delay_ms,
                  point->capacity_rps);
    if (!(point->capacity_rps > 0)) return;
    bt_script_clause(panel->out, &panel->clauses);
    bt_text_print(panel->out,
                  "'+' every ::0::0 using (%.6g):(%.6g) with points pointtype " BT_MARK_MET
                  " pointsize 1 linecolor rgb '%s' notitle",
                  point->capacity_rps, panel->record->settings.p95_sla_ms, colour);
}

static void put_band(bt_sweep_drawing *panel, const bt_point *point) {
    bt_script_clause(panel->out, &panel->clauses);
    bt_text_print(panel->out,
                  "data index 'rates%d' using 1:5:6 with filledcurves fillcolor rgb '" BT_COLOUR_PREDICTED
                  "' fillstyle transparent solid 0.18 noborder title 'what the samples of batch %d allow'",
                  point->batch_size, point->batch_size);
}

void bt_sweep_rates_write(FILE *out, const bt_record *record, const bt_model_record *model) {
    bt_sweep_drawing panel = {.out = out, .record = record, .model = model};
    const bt_point *chosen = &model->points[model->chosen];
    int others = 0;
    fputs("reset\n" BT_OPEN_AXES BT_KEY_BELOW "set key maxcols 2\nset tmargin 4\nset bmargin 10\n", out);
    bt_sweep_put_title(&panel, "predicted P95 against rate");
    put_axes(&panel);
    put_levels(&panel);
    if (has_curve(chosen)) put_band(&panel, chosen);
    for (int i = 0; i < model->point_count && others < OTHERS; i++)
        if (has_curve(&model->points[i]) && i != model->chosen)
            put_curve(&panel, &model->points[i], colours[others++], 1.5);
    if (has_curve(chosen)) put_curve(&panel, chosen, BT_COLOUR_PREDICTED, 3);
    fputc('\n', out);
}
