#include "report/sweep-panels.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "report/gnuplot-script.h"
#include "report/layout.h"
#include "report/palette.h"
#include "report/sweep-drawing.h"

/* How long the arrow of an unknown upper bound is, as a share of the axis. */
#define ARROW_LENGTH 0.11
/* More of the y axis where batch sizes stand above points and the SLA's name above them. */
#define PARETO_ROOM 1.08

/* ---- what is shown of a point ---- */

static double p95_or_bound_ms(const bt_point *point) {
    return fmax(point->p95_ms, point->p95_upper_ms);
}
static double throughput_with_labels(const bt_point *point) {
    return PARETO_ROOM * point->throughput_imgs_per_sec;
}

/* ---- what the panels say beside their points ---- */

static double sla_ms(const bt_sweep_drawing *panel) {
    return panel->record->settings.p95_sla_ms;
}

/* The standard path's images/s, one image at a time. */
static double standard_throughput(const bt_sweep_drawing *panel) {
    return panel->model->standard_median_ms > 0 ? 1e3 / panel->model->standard_median_ms : NAN;
}

static void label_standard_path(bt_sweep_drawing *panel, double throughput) {
    char words[120], number[32];
    snprintf(words, sizeof words, "standard path, one image at a time: %s images/s",
             bt_layout_number(throughput, number, sizeof number));
    bt_sweep_put_level(panel, throughput, BT_COLOUR_DARK, words);
}

static void label_sla(bt_sweep_drawing *panel, double limit_ms) {
    char words[64];
    bt_text_format(words, sizeof words, "P95 SLA %g ms", limit_ms);
    bt_sweep_put_level(panel, limit_ms, BT_COLOUR_LIMIT, words);
}

static void label_memory_limit(bt_sweep_drawing *panel, double left_mb) {
    char words[160];
    bt_text_format(words, sizeof words, "limit with %g %% reserve: %.0f MiB",
                   panel->record->settings.memory_reserve_percent, left_mb);
    bt_sweep_put_level(panel, left_mb, BT_COLOUR_LIMIT, words);
}

/* A vertical line at the batch size of the highest efficiency. */
static void label_knee(bt_sweep_drawing *panel, double none) {
    const bt_model_record *model = panel->model;
    int knee = model->winners[BT_OBJECTIVE_EFFICIENCY];
    (void)none;
    if (knee < 0) return;
    int size = model->points[knee].batch_size;
    bool right = bt_sweep_x_share(panel, &model->points[knee]) > 0.5;
    fprintf(panel->out,
            "set arrow from first %d, graph 0 to first %d, graph 1 nohead back linecolor rgb '" BT_COLOUR_MET
            "' dashtype 3\nset label 'knee: batch %d' at first %d, graph 0.05 %s offset %d,0 font ',10' "
            "textcolor rgb '" BT_COLOUR_MET "'\n",
            size, size, size, size, right ? "right" : "left", right ? -1 : 1);
}

/* The SLA as a vertical line, and batch sizes beside their points. */
static void label_front(bt_sweep_drawing *panel, double none) {
    const double limit_ms = sla_ms(panel);
    const bool on_right = limit_ms > panel->right / 2;
    (void)none;
    if (limit_ms <= panel->right)
        bt_text_print(
            panel->out,
            "set arrow from first %.6g, graph 0 to first %.6g, graph 1 nohead back linecolor rgb "
            "'" BT_COLOUR_LIMIT "' linewidth 1.5 dashtype 2\n"
            "set label 'P95 SLA %g ms' at first %.6g, graph 0.95 %s offset %s,0 font ',10' textcolor rgb "
            "'" BT_COLOUR_LIMIT "'\n",
            limit_ms, limit_ms, limit_ms, limit_ms, on_right ? "right" : "left", on_right ? "-0.7" : "0.7");
    else
        bt_text_print(
            panel->out,
            "set label 'P95 SLA %g ms (right of this range)' at graph 0.98, graph 0.95 right font ',10' "
            "textcolor rgb '" BT_COLOUR_LIMIT "'\n",
            limit_ms);
    bt_sweep_put_size_labels(panel);
}

/* What the reserve leaves for this model: the rest of the device or process uses some of it too. */
static double memory_left_mb(const bt_sweep_drawing *panel) {
    const bt_model_record *model = panel->model;
    double others = 0;
    for (int i = 0; i < model->point_count; i++)
        others = fmax(others, model->points[i].memory_total_used_mb - model->points[i].memory_mb);
    return model->memory_total_mb * (1 - panel->record->settings.memory_reserve_percent / 100) - others;
}

/* ---- the lines that the panels draw ---- */

static void draw_throughput(bt_sweep_drawing *panel) {
    bt_sweep_put_line(panel, "data index 0 using 1:8", "linecolor rgb '" BT_COLOUR_GREY "'", NULL);
}

static void draw_efficiency(bt_sweep_drawing *panel) {
    bt_sweep_put_line(panel, "data index 0 using 1:9", "linecolor rgb '" BT_COLOUR_GREY "'", NULL);
}

static void draw_median(bt_sweep_drawing *panel) {
    bool known = false;
    for (int i = 0; i < panel->model->point_count; i++)
        known |= isfinite(panel->model->points[i].p50_ms);
    if (known)
        bt_sweep_put_line(panel, "data index 0 using 1:4",
                          "linecolor rgb '" BT_COLOUR_GREY "' dashtype 3 linewidth 1.5", "median");
}

static void draw_bounds(bt_sweep_drawing *panel) {
    if (bt_sweep_count(panel->model, bt_sweep_has_bounds) > 0) {
        bt_script_clause(panel->out, &panel->clauses);
        fputs("data index 'bounds' using 1:2:(0):($3 - $2) with vectors " BT_SWEEP_BAR_STYLE, panel->out);
    }
    if (bt_sweep_count(panel->model, bt_sweep_is_open) > 0) {
        bt_script_clause(panel->out, &panel->clauses);
        bt_text_print(panel->out, "data index 'open' using 1:2:(0):(%.6g) with vectors " BT_SWEEP_OPEN_STYLE,
                      ARROW_LENGTH * panel->top);
    }
}

static void draw_memory_fit(bt_sweep_drawing *panel) {
    const bt_memory_fit *fit = &panel->model->production_memory;
    char title[96], function[96], one[32], slope[32];
    if (!isfinite(fit->base_mb) || !isfinite(fit->per_image_mb)) return;
    snprintf(title, sizeof title, "fit: %s MiB for one, %s for each further",
             bt_layout_number(fit->base_mb + fit->per_image_mb, one, sizeof one),
             bt_layout_number(fit->per_image_mb, slope, sizeof slope));
    bt_text_format(function, sizeof function, "%.9g + %.9g * x", fit->base_mb, fit->per_image_mb);
    bt_sweep_put_line(panel, function, "linecolor rgb '" BT_COLOUR_GREY "' dashtype 2 linewidth 1.5", title);
}

static void draw_front(bt_sweep_drawing *panel) {
    if (bt_sweep_count(panel->model, bt_sweep_on_front) == 0) return;
    bt_script_clause(panel->out, &panel->clauses);
    fputs("data index 'front' using 2:3 with lines " BT_SWEEP_FRONT_STYLE, panel->out);
}

/* ---- the panels ---- */

static const struct axis {
    const char *label;
    void (*put)(bt_sweep_drawing *panel);
    bool by_latency; /* what it shows: P95, or the batch size */
} by_batch_size = {"batch size (images)", bt_sweep_put_batch_axis, false},
  by_service_time = {"P95 service time of a batch (ms)", bt_sweep_put_latency_axis, true};

/* Everything that sets one panel apart from the others. To add one: a name in bt_sweep_plot, a row here. */
static const struct panel {
    const char *title;
    const struct axis *x;
    const char *y_label;
    const char *y_column;                                 /* of the data file */
    double (*y_value)(const bt_point *point);             /* the same number */
    double (*y_reach)(const bt_point *point);             /* as high as the y axis must go for a point */
    double (*level)(const bt_sweep_drawing *panel);       /* of a line that it should show too, if any */
    void (*label)(bt_sweep_drawing *panel, double level); /* what stands beside the points */
    void (*draw_below)(bt_sweep_drawing *panel);          /* lines below the points, if any */
    void (*draw_above)(bt_sweep_drawing *panel);          /* and above them */
} panels[BT_SWEEP_PLOT_COUNT] = {
    [BT_SWEEP_PLOT_THROUGHPUT] = {.title = "throughput by batch size",
                                  .x = &by_batch_size,
                                  .y_label = "throughput (images/s)",
                                  .y_column = "8",
                                  .y_value = bt_sweep_throughput,
                                  .y_reach = bt_sweep_throughput,
                                  .level = standard_throughput,
                                  .label = label_standard_path,
                                  .draw_below = draw_throughput},
    [BT_SWEEP_PLOT_LATENCY] = {.title = "P95 service time by batch size",
                               .x = &by_batch_size,
                               .y_label = "service time of a batch (ms)",
                               .y_column = "5",
                               .y_value = bt_sweep_p95_ms,
                               .y_reach = p95_or_bound_ms,
                               .level = sla_ms,
                               .label = label_sla,
                               .draw_below = draw_median,
                               .draw_above = draw_bounds},
    [BT_SWEEP_PLOT_EFFICIENCY] = {.title = "efficiency by batch size",
                                  .x = &by_batch_size,
                                  .y_label = "efficiency (images/s per √batch)",
                                  .y_column = "9",
                                  .y_value = bt_sweep_efficiency,
                                  .y_reach = bt_sweep_efficiency,
                                  .label = label_knee,
                                  .draw_below = draw_efficiency},
    [BT_SWEEP_PLOT_MEMORY] = {.title = "memory by batch size",
                              .x = &by_batch_size,
                              .y_label = "high-water mark of the model (MiB)",
                              .y_column = "10",
                              .y_value = bt_sweep_memory_mb,
                              .y_reach = bt_sweep_memory_mb,
                              .level = memory_left_mb,
                              .label = label_memory_limit,
                              .draw_below = draw_memory_fit},
    [BT_SWEEP_PLOT_PARETO] = {.title = "throughput against P95 (numbers: batch size)",
                              .x = &by_service_time,
                              .y_label = "throughput (images/s)",
                              .y_column = "8",
                              .y_value = bt_sweep_throughput,
                              .y_reach = throughput_with_labels,
                              .label = label_front,
                              .draw_below = draw_front},
};

static bt_sweep_drawing begin(FILE *out, const bt_record *record, const bt_model_record *model,
                              const struct panel *kind) {
    return (bt_sweep_drawing){.out = out,
                              .record = record,
                              .model = model,
                              .y_column = kind->y_column,
                              .y_value = kind->y_value,
                              .by_latency = kind->x->by_latency};
}

bool bt_sweep_panel_is_drawn(const bt_model_record *model, bt_sweep_plot plot) {
    if (!panels[plot].y_value) return false;
    const bt_sweep_drawing panel = begin(NULL, NULL, model, &panels[plot]);
    for (int i = 0; i < model->point_count; i++)
        if (bt_sweep_point_is_drawn(&panel, &model->points[i])) return true;
    return false;
}

void bt_sweep_panel_write(FILE *out, const bt_record *record, const bt_model_record *model,
                          bt_sweep_plot plot, bool on_page) {
    const struct panel *kind = &panels[plot];
    bt_sweep_drawing panel = begin(out, record, model, kind);
    const double level = kind->level ? kind->level(&panel) : NAN;
    panel.on_page = on_page;
    fputs("reset\n" BT_OPEN_AXES, out);
    fputs(on_page ? "set key off\nset bmargin 4.4\n" : BT_KEY_BELOW "set tmargin 4\nset bmargin 9.5\n", out);
    bt_sweep_put_title(&panel, kind->title);
    bt_sweep_put_x_label(&panel, kind->x->label);
    kind->x->put(&panel);
    bt_sweep_put_y_axis(&panel, kind->y_label, bt_sweep_largest(model, kind->y_reach), level);
    kind->label(&panel, level);
    if (kind->draw_below) kind->draw_below(&panel);
    bt_sweep_put_points(&panel);
    if (kind->draw_above) kind->draw_above(&panel);
    fputc('\n', out);
}

void bt_sweep_panel_nothing(FILE *out, const bt_model_record *model) {
    char label[BT_NAME_SIZE + 64], name[BT_NAME_SIZE];
    bt_layout_clean(model->title[0] ? model->title : model->model, name, sizeof name);
    snprintf(label, sizeof label, "%s: no batch size was measured, so there is nothing to draw.", name);
    fputs(
        "reset\nset encoding utf8\nunset border\nunset tics\nunset key\nset xrange [0:1]\nset yrange [0:1]\n"
        "set label ",
        out);
    bt_script_string(out, label);
    fputs(" at graph 0.5, graph 0.5 center textcolor rgb '" BT_COLOUR_DARK "'\nplot -1 notitle\n", out);
}
