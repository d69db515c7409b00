#include "report/sweep-panels.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "report/gnuplot-script.h"
#include "report/layout.h"
#include "report/palette.h"

#define FRONT_STYLE "linewidth 1.5 linecolor rgb '" BT_COLOUR_MET "' title 'Pareto front'"
#define BAR_STYLE                                                                                            \
    "heads size graph 0.008,90 linewidth 1.5 linecolor rgb '" BT_COLOUR_INK                                  \
    "' title 'P95 bounds, 95 % one-sided'"
#define OPEN_STYLE                                                                                           \
    BT_OPEN_ARROW " linewidth 1.5 linecolor rgb '" BT_COLOUR_INK "' title 'upper bound unknown'"

/* A line that lies further above the data than this would squeeze them flat: it is named instead. */
#define FARTHEST_LINE 2.5
#define HEADROOM      1.14
#define ARROW_LENGTH  0.11 /* of an arrow that says "may be any higher", as a share of the axis */
#define PARETO_ROOM   1.08 /* more, where batch sizes stand above points and the SLA's name above them */

#define ADVICE_SIZE 310 /* five lines above an overview's legend */

/* A letter's width as a share of the axis. */
#define LETTER         0.010
#define LETTER_ON_PAGE 0.017

typedef struct marker {
    const char *title, *colour, *shape; /* shape: gnuplot's point type */
} marker;

static const marker markers[BT_OUTCOME_COUNT] = {
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

/* One panel while it is written. */
typedef struct drawing {
    FILE *out;
    const bt_record *record;
    const bt_model_record *model;
    const char *y_column;                     /* of the data file */
    double (*y_value)(const bt_point *point); /* the same number */
    bool on_page, by_latency;                 /* by_latency: the x axis is P95, not the batch size */
    double top;                               /* of the y axis */
    int clauses;                              /* of the plot command, so far */
} drawing;

static double throughput_of(const bt_point *point) {
    return point->throughput_imgs_per_sec;
}
static double p95_of(const bt_point *point) {
    return point->p95_ms;
}
static double efficiency_of(const bt_point *point) {
    return point->efficiency;
}
static double memory_of(const bt_point *point) {
    return isfinite(point->memory_mb) ? point->memory_mb : point->memory_predicted_mb;
}

/* What each plot shows of a point. */
static const struct {
    const char *column;
    double (*value)(const bt_point *point);
    bool by_latency;
} shown[BT_SWEEP_PLOT_COUNT] = {
    [BT_SWEEP_PLOT_OVERVIEW] = {"", NULL, false},
    [BT_SWEEP_PLOT_THROUGHPUT] = {"8", throughput_of, false},
    [BT_SWEEP_PLOT_LATENCY] = {"5", p95_of, false},
    [BT_SWEEP_PLOT_EFFICIENCY] = {"9", efficiency_of, false},
    [BT_SWEEP_PLOT_MEMORY] = {"10", memory_of, false},
    [BT_SWEEP_PLOT_PARETO] = {"8", throughput_of, true},
};

void bt_sweep_panel_subject(const bt_record *record, const bt_model_record *model, char *out, size_t size) {
    char device[72], precision[sizeof model->precision];
    bool on_cpu = strcasecmp_l(model->device, "cpu", bt_text_locale()) == 0 && record->machine.cpu[0];
    bt_layout_clean(on_cpu ? record->machine.cpu : model->device, device, sizeof device);
    bt_layout_clean(model->precision, precision, sizeof precision);
    bt_text_upper(precision);
    bool computes = strcmp(model->precision, "none") != 0;
    snprintf(out, size, "%s%s%s, %d × %d px%s", device, computes ? ", " : "", computes ? precision : "",
             model->image_size, model->image_size,
             strcmp(record->workload, "cpu-demo") == 0 ? " (CPU demonstration profile)" : "");
}

bool bt_sweep_panel_is_drawn(const bt_model_record *model, bt_sweep_plot plot) {
    for (int i = 0; i < model->point_count && shown[plot].value; i++) {
        const bt_point *point = &model->points[i];
        if (isfinite(shown[plot].value(point)) && (!shown[plot].by_latency || isfinite(point->p95_ms)))
            return true;
    }
    return false;
}

/* A point with no finite number on either axis cannot be drawn. */
static bool is_drawn(const drawing *panel, const bt_point *point) {
    return isfinite(panel->y_value(point)) && (!panel->by_latency || isfinite(point->p95_ms));
}

static double largest(const bt_model_record *model, double (*value)(const bt_point *)) {
    double most = 0;
    for (int i = 0; i < model->point_count; i++)
        most = fmax(most, value(&model->points[i]));
    return isfinite(most) ? most : 0;
}

static double largest_p95_or_bound(const bt_point *point) {
    return fmax(point->p95_ms, point->p95_upper_ms);
}

static void put_number(FILE *out, double value) {
    if (isfinite(value))
        bt_text_print(out, " %12.6g", value);
    else
        fprintf(out, " %12s", "NaN");
}

static int by_p95(const void *a, const void *b) {
    double left = (*(const bt_point *const *)a)->p95_ms, right = (*(const bt_point *const *)b)->p95_ms;
    return (left > right) - (left < right);
}

static bool on_front(const bt_point *point) {
    return point->on_pareto_front && isfinite(point->p95_ms) && isfinite(point->throughput_imgs_per_sec);
}

static bool has_bounds(const bt_point *point) {
    return isfinite(point->p95_lower_ms) && isfinite(point->p95_upper_ms);
}

/* Timed, and yet nobody knows how slow it may be. */
static bool is_open(const bt_point *point) {
    return isfinite(point->p95_ms) && !isfinite(point->p95_upper_ms);
}

static int count_points(const bt_model_record *model, bool (*holds)(const bt_point *point)) {
    int count = 0;
    for (int i = 0; i < model->point_count; i++)
        count += holds(&model->points[i]);
    return count;
}

static void put_bounds(FILE *out, const bt_model_record *model) {
    fputs("\n\n# bounds\n", out);
    for (int i = 0; i < model->point_count; i++) {
        const bt_point *point = &model->points[i];
        if (!has_bounds(point)) continue;
        fprintf(out, "%5d", point->batch_size);
        put_number(out, point->p95_lower_ms);
        put_number(out, point->p95_upper_ms);
        fputc('\n', out);
    }
    fputs("\n\n# open\n", out);
    for (int i = 0; i < model->point_count; i++) {
        const bt_point *point = &model->points[i];
        if (!is_open(point)) continue;
        fprintf(out, "%5d", point->batch_size);
        put_number(out, point->p95_ms);
        fputc('\n', out);
    }
}

static void put_front(FILE *out, const bt_model_record *model) {
    int count = 0;
    const bt_point **front = malloc((size_t)model->point_count * sizeof *front + 1);
    if (!front) return;
    for (int i = 0; i < model->point_count; i++)
        if (on_front(&model->points[i])) front[count++] = &model->points[i];
    qsort(front, (size_t)count, sizeof *front, by_p95);
    fprintf(out, "\n\n# front\n");
    for (int i = 0; i < count; i++) {
        fprintf(out, "%5d", front[i]->batch_size);
        put_number(out, front[i]->p95_ms);
        put_number(out, front[i]->throughput_imgs_per_sec);
        fputc('\n', out);
    }
    free(front);
}

void bt_sweep_panel_data(FILE *out, const bt_record *record, const bt_model_record *model) {
    char title[BT_NAME_SIZE], subject[256], run[64];
    bt_layout_clean(model->title, title, sizeof title);
    bt_layout_clean(record->run_id, run, sizeof run);
    bt_sweep_panel_subject(record, model, subject, sizeof subject);
    fprintf(out, "# %s on %s; run %s\n", title, subject, run);
    fprintf(
        out,
        "# 1 batch_size, 2 outcome, 3 samples, 4 p50_ms, 5 p95_ms, 6 p95_lower_ms, 7 p95_upper_ms,\n"
        "# 8 throughput_imgs_per_sec, 9 efficiency, 10 memory_mb (MiB; predicted where not run)\n"
        "# then \"bounds\": batch_size, p95_lower_ms, p95_upper_ms, where both exist; \"open\": batch_size,\n"
        "# p95_ms, where the upper one does not; and \"front\", the Pareto front by rising P95: batch_size,\n"
        "# p95_ms, throughput_imgs_per_sec\n");
    for (int i = 0; i < model->point_count; i++) {
        const bt_point *point = &model->points[i];
        fprintf(out, "%5d %-22s %5d", point->batch_size, bt_outcome_name(point->outcome),
                point->sample_count);
        const double numbers[] = {point->p50_ms,       point->p95_ms,        point->p95_lower_ms,
                                  point->p95_upper_ms, throughput_of(point), point->efficiency,
                                  memory_of(point)};
        for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++)
            put_number(out, numbers[n]);
        fputc('\n', out);
    }
    put_bounds(out, model);
    put_front(out, model);
}

/* Starts the plot command, or its next part; the caller prints the part itself. */
static void next_clause(drawing *panel) {
    fputs(panel->clauses++ == 0 ? "plot " : ", \\\n     ", panel->out);
}

/* A panel's title; on a page of its own, what was measured stands below it. */
static void put_title(const drawing *panel, const char *what) {
    char title[160], name[BT_NAME_SIZE], subject[256];
    bt_layout_clean(panel->model->title, name, sizeof name);
    if (panel->on_page)
        snprintf(title, sizeof title, "%c%s", toupper_l((unsigned char)what[0], bt_text_locale()), what + 1);
    else
        snprintf(title, sizeof title, "%s: %s", name, what);
    fputs("set title ", panel->out);
    bt_script_string(panel->out, title);
    fprintf(panel->out, " font ',%d' offset 0,%s\n", panel->on_page ? 11 : 14,
            panel->on_page ? "-0.3" : "0.9");
    if (panel->on_page) return;
    bt_sweep_panel_subject(panel->record, panel->model, subject, sizeof subject);
    fputs("set label ", panel->out);
    bt_script_string(panel->out, subject);
    fprintf(panel->out,
            " at graph 0.5, graph 1 center offset 0,0.8 font ',10' textcolor rgb '" BT_COLOUR_DARK "'\n");
}

/* "not shown: 16 (out of memory), 32 (...)" below the axis, since a gap says nothing. */
static void put_x_label(const drawing *panel, const char *label) {
    char left_out[400] = "";
    size_t used = 0;
    for (int i = 0; i < panel->model->point_count && used < sizeof left_out; i++) {
        const bt_point *point = &panel->model->points[i];
        if (is_drawn(panel, point)) continue;
        used += (size_t)snprintf(left_out + used, sizeof left_out - used, "%s%d (%s)", used ? ", " : "",
                                 point->batch_size, markers[point->outcome].title);
    }
    fputs("set xlabel ", panel->out);
    bt_script_string(panel->out, label);
    if (left_out[0]) {
        char clean[110];
        bt_layout_clean(left_out, clean, panel->on_page ? 60 : sizeof clean);
        fputs(" . \"\\nnot shown: \" . ", panel->out);
        bt_script_string(panel->out, clean);
    }
    fputc('\n', panel->out);
}

/* Ticks at the measured sizes, on a logarithm of base 2; of labels that would touch, the later gives way. */
static void put_batch_axis(const drawing *panel) {
    const bt_model_record *model = panel->model;
    double first = model->point_count ? model->points[0].batch_size : 1;
    double last = model->point_count ? model->points[model->point_count - 1].batch_size : 1;
    double span = fmax(log2(last / first), 1);
    double low = first * exp2(-0.06 * span), high = last * exp2(0.06 * span);
    if (first == last) {
        low = first / 2;
        high = first * 2;
    }
    bt_text_print(panel->out, "set logscale x 2\nset xrange [%.6g:%.6g]\nset xtics (", low, high);
    double nearest = panel->on_page ? 0.06 : 0.035, labelled = -1e9;
    for (int i = 0; i < model->point_count; i++) {
        double at = log2(model->points[i].batch_size) / span;
        bool fits = at - labelled >= nearest;
        if (fits) labelled = at;
        char label[16] = "";
        if (fits) snprintf(label, sizeof label, "%d", model->points[i].batch_size);
        fprintf(panel->out, "%s'%s' %d", i ? ", " : "", label, model->points[i].batch_size);
    }
    fputs(")\n", panel->out);
}

/* A share of the x axis, 0..1, at which a point stands. */
static double x_share(const drawing *panel, const bt_point *point) {
    const bt_model_record *model = panel->model;
    double first = model->points[0].batch_size, last = model->points[model->point_count - 1].batch_size;
    return last > first ? log2(point->batch_size / first) / log2(last / first) : 0.5;
}

/* Whether a label that starts at one end of the axis, above or below a line at `level`, would cover a point.
 */
static bool label_is_free(const drawing *panel, double level, const char *text, bool left, bool above) {
    double width = 0.04 + bt_layout_width(text) * (panel->on_page ? LETTER_ON_PAGE : LETTER),
           height = 0.1 * panel->top;
    for (int i = 0; i < panel->model->point_count; i++) {
        const bt_point *point = &panel->model->points[i];
        double x = x_share(panel, point), y = panel->y_value(point);
        bool beside = left ? x > width : x < 1 - width;
        bool outside = above ? y < level - 0.02 * panel->top || y > level + height
                             : y > level + 0.02 * panel->top || y < level - height;
        if (isfinite(y) && !beside && !outside) return false;
    }
    return true;
}

/* A horizontal line, its text where no point is; a line far above the data is only named. */
static void put_level(drawing *panel, double level, const char *colour, const char *text) {
    if (!isfinite(level)) return;
    if (level > panel->top) {
        char said[200];
        snprintf(said, sizeof said, "%s (above this range)", text);
        fputs("set label ", panel->out);
        bt_script_string(panel->out, said);
        fprintf(panel->out, " at graph 0.02, graph 0.95 left font ',10' textcolor rgb '%s'\n", colour);
        return;
    }
    bool left = true, above = true;
    for (int choice = 0; choice < 4; choice++) {
        left = choice % 2 == 0;
        above = choice < 2;
        if (label_is_free(panel, level, text, left, above)) break;
        left = above = true;
    }
    bt_text_print(panel->out,
                  "set arrow from graph 0, first %.6g to graph 1, first %.6g nohead back linecolor rgb '%s' "
                  "linewidth 1.5 dashtype 2\nset label ",
                  level, level, colour);
    bt_script_string(panel->out, text);
    bt_text_print(panel->out, " at graph %s, first %.6g %s offset 0,%s font ',10' textcolor rgb '%s' boxed\n",
                  left ? "0.02" : "0.98", level, left ? "left" : "right", above ? "0.75" : "-0.8", colour);
}

/* The y axis from 0, with room above the data; `level` is a line that should be seen, NaN where none. */
static void put_y_axis(drawing *panel, const char *label, double most, double level) {
    if (level <= FARTHEST_LINE * most) most = fmax(most, level);
    panel->top = most > 0 ? HEADROOM * most : 1;
    fputs("set ylabel ", panel->out);
    bt_script_string(panel->out, label);
    bt_text_print(panel->out, "\nset yrange [0:%.6g]\n", panel->top);
}

static bool occurs(const drawing *panel, int outcome) {
    for (int i = 0; i < panel->model->point_count; i++) {
        const bt_point *point = &panel->model->points[i];
        if ((int)point->outcome == outcome && is_drawn(panel, point)) return true;
    }
    return false;
}

/* The points of each outcome that occurs, with its marker. */
static void put_outcomes(drawing *panel, const char *x_column) {
    for (int outcome = 0; outcome < BT_OUTCOME_COUNT; outcome++) {
        const marker *look = &markers[outcome];
        if (!occurs(panel, outcome)) continue;
        next_clause(panel);
        fprintf(panel->out,
                "data index 0 using %s:(strcol(2) eq '%s' ? column(%s) : NaN) with points pointtype %s "
                "pointsize 1.3 linewidth 1.5 linecolor rgb '%s' title '%s'",
                x_column, bt_outcome_name((bt_outcome)outcome), panel->y_column, look->shape, look->colour,
                look->title);
    }
}

/* A size may be chosen for want of a better one, without proof. */
static const char *chosen_word(const bt_point *point) {
    return point->outcome == BT_OUTCOME_MEASURED ? "chosen" : "provisional";
}
static const char *ring_colour(const bt_point *point) {
    return point->outcome == BT_OUTCOME_MEASURED ? BT_COLOUR_INK : BT_COLOUR_NOT_SHOWN;
}

/* All points: by outcome, and a ring around the chosen one. */
static void put_markers(drawing *panel, const char *x_column) {
    const bt_model_record *model = panel->model;
    put_outcomes(panel, x_column);
    if (model->chosen < 0 || !is_drawn(panel, &model->points[model->chosen])) return;
    const bt_point *point = &model->points[model->chosen];
    next_clause(panel);
    fprintf(panel->out,
            "data index 0 every ::%d::%d using %s:%s with points pointtype 6 pointsize 2.4 linewidth 2 "
            "linecolor rgb '%s' title '%s: batch %d'",
            model->chosen, model->chosen, x_column, panel->y_column, ring_colour(point), chosen_word(point),
            point->batch_size);
}

static void put_line(drawing *panel, const char *what, const char *style, const char *title) {
    next_clause(panel);
    fprintf(panel->out, "%s with lines %s ", what, style);
    if (title) {
        fputs("title ", panel->out);
        bt_script_string(panel->out, title);
    } else {
        fputs("notitle", panel->out);
    }
}

static void draw_throughput(drawing *panel) {
    double single = panel->model->standard_median_ms > 0 ? 1e3 / panel->model->standard_median_ms : NAN;
    char words[120], number[32];
    snprintf(words, sizeof words, "standard path, one image at a time: %s images/s",
             bt_layout_number(single, number, sizeof number));
    put_title(panel, "throughput by batch size");
    put_x_label(panel, "batch size (images)");
    put_batch_axis(panel);
    put_y_axis(panel, "throughput (images/s)", largest(panel->model, throughput_of), single);
    put_level(panel, single, BT_COLOUR_DARK, words);
    put_line(panel, "data index 0 using 1:8", "linecolor rgb '" BT_COLOUR_GREY "'", NULL);
    put_markers(panel, "1");
}

static void draw_latency(drawing *panel) {
    const bt_model_record *model = panel->model;
    double sla_ms = panel->record->settings.p95_sla_ms;
    bool medians = false;
    for (int i = 0; i < model->point_count; i++)
        medians |= isfinite(model->points[i].p50_ms);
    char words[64];
    bt_text_format(words, sizeof words, "P95 SLA %g ms", sla_ms);
    put_title(panel, "P95 service time by batch size");
    put_x_label(panel, "batch size (images)");
    put_batch_axis(panel);
    put_y_axis(panel, "service time of a batch (ms)", largest(model, largest_p95_or_bound), sla_ms);
    put_level(panel, sla_ms, BT_COLOUR_LIMIT, words);
    if (medians)
        put_line(panel, "data index 0 using 1:4",
                 "linecolor rgb '" BT_COLOUR_GREY "' dashtype 3 linewidth 1.5", "median");
    put_markers(panel, "1");
    if (count_points(model, has_bounds) > 0) {
        next_clause(panel);
        fputs("data index 'bounds' using 1:2:(0):($3 - $2) with vectors " BAR_STYLE, panel->out);
    }
    if (count_points(model, is_open) > 0) {
        next_clause(panel);
        bt_text_print(panel->out, "data index 'open' using 1:2:(0):(%.6g) with vectors " OPEN_STYLE,
                      ARROW_LENGTH * panel->top);
    }
}

static void draw_efficiency(drawing *panel) {
    const bt_model_record *model = panel->model;
    int knee = model->winners[BT_OBJECTIVE_EFFICIENCY];
    put_title(panel, "efficiency by batch size");
    put_x_label(panel, "batch size (images)");
    put_batch_axis(panel);
    put_y_axis(panel, "efficiency (images/s per √batch)", largest(model, efficiency_of), NAN);
    if (knee >= 0) {
        int size = model->points[knee].batch_size;
        bool right = x_share(panel, &model->points[knee]) > 0.5;
        fprintf(
            panel->out,
            "set arrow from first %d, graph 0 to first %d, graph 1 nohead back linecolor rgb '" BT_COLOUR_MET
            "' dashtype 3\nset label 'knee: batch %d' at first %d, graph 0.05 %s offset %d,0 font ',10' "
            "textcolor rgb '" BT_COLOUR_MET "'\n",
            size, size, size, size, right ? "right" : "left", right ? -1 : 1);
    }
    put_line(panel, "data index 0 using 1:9", "linecolor rgb '" BT_COLOUR_GREY "'", NULL);
    put_markers(panel, "1");
}

/* What the reserve leaves for this model: the rest of the device or process uses some of it too. */
static double memory_left_mb(const drawing *panel) {
    const bt_model_record *model = panel->model;
    double others = 0;
    for (int i = 0; i < model->point_count; i++)
        others = fmax(others, model->points[i].memory_total_used_mb - model->points[i].memory_mb);
    return model->memory_total_mb * (1 - panel->record->settings.memory_reserve_percent / 100) - others;
}

static void draw_memory(drawing *panel) {
    const bt_memory_fit *fit = &panel->model->production_memory;
    double left_mb = memory_left_mb(panel);
    char words[160], formula[96], function[96], one[32], slope[32];
    bt_text_format(words, sizeof words, "limit with %g %% reserve: %.0f MiB",
                   panel->record->settings.memory_reserve_percent, left_mb);
    snprintf(formula, sizeof formula, "fit: %s MiB for one, %s for each further",
             bt_layout_number(fit->base_mb + fit->per_image_mb, one, sizeof one),
             bt_layout_number(fit->per_image_mb, slope, sizeof slope));
    bt_text_format(function, sizeof function, "%.9g + %.9g * x", fit->base_mb, fit->per_image_mb);
    put_title(panel, "memory by batch size");
    put_x_label(panel, "batch size (images)");
    put_batch_axis(panel);
    put_y_axis(panel, "high-water mark of the model (MiB)", largest(panel->model, memory_of), left_mb);
    put_level(panel, left_mb, BT_COLOUR_LIMIT, words);
    if (isfinite(fit->base_mb) && isfinite(fit->per_image_mb))
        put_line(panel, function, "linecolor rgb '" BT_COLOUR_GREY "' dashtype 2 linewidth 1.5", formula);
    put_markers(panel, "1");
}

/* The batch size beside each point: below it to the right, where a front that rises and bends leaves room;
 * above it to the left where the one before, or the SLA's line, stands too near. */
static void put_size_labels(const drawing *panel, double right, double sla_ms) {
    const bt_point *before = NULL;
    bool was_above = true;
    for (int i = 0; i < panel->model->point_count; i++) {
        const bt_point *point = &panel->model->points[i];
        if (!is_drawn(panel, point)) continue;
        bool near = before && fabs(point->p95_ms - before->p95_ms) < 0.05 * right &&
                    fabs(throughput_of(point) - throughput_of(before)) < 0.07 * panel->top;
        bool on_line = sla_ms >= point->p95_ms && sla_ms - point->p95_ms < 0.05 * right;
        bool above = on_line || (near && !was_above);
        bt_text_print(panel->out,
                      "set label '%d' at first %.6g, first %.6g %s offset %s font ',10' textcolor rgb '%s'\n",
                      point->batch_size, point->p95_ms, throughput_of(point), above ? "right" : "left",
                      above ? "-0.7,0.7" : "0.9,-0.7",
                      point->outcome == BT_OUTCOME_MEASURED ? BT_COLOUR_INK : BT_COLOUR_DARK);
        before = point;
        was_above = above;
    }
}

static void draw_pareto(drawing *panel) {
    const bt_model_record *model = panel->model;
    double sla_ms = panel->record->settings.p95_sla_ms, right = largest(model, p95_of);
    bool sla_seen = sla_ms <= FARTHEST_LINE * right;
    if (sla_seen) right = fmax(right, sla_ms);
    right = right > 0 ? 1.08 * right : 1;
    put_title(panel, "throughput against P95 (numbers: batch size)");
    put_x_label(panel, "P95 service time of a batch (ms)");
    bt_text_print(panel->out, "set xrange [0:%.6g]\nset xtics auto\n", right);
    put_y_axis(panel, "throughput (images/s)", PARETO_ROOM * largest(model, throughput_of), NAN);
    if (sla_seen)
        bt_text_print(
            panel->out,
            "set arrow from first %.6g, graph 0 to first %.6g, graph 1 nohead back linecolor rgb "
            "'" BT_COLOUR_LIMIT "' linewidth 1.5 dashtype 2\n"
            "set label 'P95 SLA %g ms' at first %.6g, graph 0.95 %s offset %s,0 font ',10' textcolor rgb "
            "'" BT_COLOUR_LIMIT "'\n",
            sla_ms, sla_ms, sla_ms, sla_ms, sla_ms > right / 2 ? "right" : "left",
            sla_ms > right / 2 ? "-0.7" : "0.7");
    else
        bt_text_print(
            panel->out,
            "set label 'P95 SLA %g ms (right of this range)' at graph 0.98, graph 0.95 right font ',10' "
            "textcolor rgb '" BT_COLOUR_LIMIT "'\n",
            sla_ms);
    put_size_labels(panel, right, sla_ms);
    if (count_points(model, on_front) > 0) {
        next_clause(panel);
        fputs("data index 'front' using 2:3 with lines " FRONT_STYLE, panel->out);
    }
    put_markers(panel, "5");
}

void bt_sweep_panel_write(FILE *out, const bt_record *record, const bt_model_record *model,
                          bt_sweep_plot plot, bool on_page) {
    drawing panel = {.out = out,
                     .record = record,
                     .model = model,
                     .on_page = on_page,
                     .y_column = shown[plot].column,
                     .y_value = shown[plot].value,
                     .by_latency = shown[plot].by_latency};
    fputs("reset\n" BT_OPEN_AXES, out);
    fputs(on_page ? "set key off\nset bmargin 4.4\n" : BT_KEY_BELOW "set tmargin 4\nset bmargin 9.5\n", out);
    switch (plot) {
    case BT_SWEEP_PLOT_THROUGHPUT:
        draw_throughput(&panel);
        break;
    case BT_SWEEP_PLOT_LATENCY:
        draw_latency(&panel);
        break;
    case BT_SWEEP_PLOT_EFFICIENCY:
        draw_efficiency(&panel);
        break;
    case BT_SWEEP_PLOT_MEMORY:
        draw_memory(&panel);
        break;
    case BT_SWEEP_PLOT_PARETO:
        draw_pareto(&panel);
        break;
    case BT_SWEEP_PLOT_OVERVIEW:
    case BT_SWEEP_PLOT_COUNT:
        break;
    }
    fputc('\n', out);
}

/* Which markers the five panels use. */
static bool used_anywhere(const bt_model_record *model, int outcome) {
    for (int i = 0; i < model->point_count; i++) {
        const bt_point *point = &model->points[i];
        if ((int)point->outcome == outcome && (isfinite(memory_of(point)) || isfinite(point->p95_ms)))
            return true;
    }
    return false;
}

static void put_key(drawing *panel, const char *style, const char *title) {
    next_clause(panel);
    fprintf(panel->out, "keyentry with %s title '%s'", style, title);
}

static void put_legend_keys(drawing *panel) {
    const bt_model_record *model = panel->model;
    put_line(panel, "-1", "linecolor rgb '" BT_COLOUR_GREY "'", NULL);
    for (int outcome = 0; outcome < BT_OUTCOME_COUNT; outcome++) {
        char style[96];
        const marker *look = &markers[outcome];
        if (!used_anywhere(model, outcome)) continue;
        snprintf(style, sizeof style, "points pointtype %s pointsize 1.3 linewidth 1.5 linecolor rgb '%s'",
                 look->shape, look->colour);
        put_key(panel, style, look->title);
    }
    if (model->chosen >= 0) {
        char style[96];
        const bt_point *point = &model->points[model->chosen];
        snprintf(style, sizeof style, "points pointtype 6 pointsize 2.4 linewidth 2 linecolor rgb '%s'",
                 ring_colour(point));
        put_key(panel, style, chosen_word(point));
    }
    if (count_points(model, on_front) > 0)
        put_key(panel, "lines linewidth 1.5 linecolor rgb '" BT_COLOUR_MET "'", "Pareto front");
    if (count_points(model, has_bounds) > 0) {
        next_clause(panel);
        fputs("keyentry with vectors " BAR_STYLE, panel->out);
    }
    if (count_points(model, is_open) > 0) {
        next_clause(panel);
        fputs("keyentry with vectors " OPEN_STYLE, panel->out);
    }
    put_key(panel, "lines dashtype 3 linewidth 1.5 linecolor rgb '" BT_COLOUR_GREY "'",
            "median service time");
    put_key(panel, "lines dashtype 2 linewidth 1.5 linecolor rgb '" BT_COLOUR_GREY "'", "memory fit");
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
    drawing panel = {.out = out, .record = record, .model = model, .on_page = true};
    fputs("reset\nset encoding utf8\nunset border\nunset tics\nset xrange [0:1]\nset yrange [0:1]\n"
          "set tmargin 3\nset key at graph 0, graph 0.66 left top vertical Left reverse samplen 2 spacing "
          "1.2\n",
          out);
    put_wrapped(out, model->advice, 1.0, 62);
    put_legend_keys(&panel);
}

void bt_sweep_panel_nothing(FILE *out, const bt_model_record *model) {
    char said[BT_NAME_SIZE + 64], name[BT_NAME_SIZE];
    bt_layout_clean(model->title[0] ? model->title : model->model, name, sizeof name);
    snprintf(said, sizeof said, "%s: no batch size was measured, so there is nothing to draw.", name);
    fputs(
        "reset\nset encoding utf8\nunset border\nunset tics\nunset key\nset xrange [0:1]\nset yrange [0:1]\n"
        "set label ",
        out);
    bt_script_string(out, said);
    fputs(" at graph 0.5, graph 0.5 center textcolor rgb '" BT_COLOUR_DARK "'\nplot -1 notitle\n", out);
}
