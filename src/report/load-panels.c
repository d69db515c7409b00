#include "report/load-panels.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "measure/quantile.h"
#include "report/gnuplot-script.h"
#include "report/layout.h"
#include "report/load-words.h"
#include "report/palette.h"

#define SCENARIOS    32 /* drawn at most */
#define BINS         90 /* of a distribution */
#define NAME_COLUMNS 26 /* of a scenario's name beside a plot */
#define PAGE_WIDTH   860.0
#define LETTER       7.4 /* pixels */
#define ROW_HEIGHT   52

/* A line further off than this would squeeze what was measured flat: it is named instead. */
#define FARTHEST_LINE 2.5
#define ARROW_LENGTH  0.07 /* of an arrow that says "may be any higher", as a share of the axis */
/* Above so many times the usual, one scenario would squeeze the others flat. */
#define DWARFS 3.0

#define LINE(colour)        "linewidth 1.5 linecolor rgb '" colour "'"
#define POINT(mark, colour) "points pointtype " mark " pointsize 1.3 " LINE(colour)
#define SLA_LINE            "lines linewidth 1.5 dashtype 2 linecolor rgb '" BT_COLOUR_LIMIT "' title 'SLA'"
#define BAR                 "vectors heads size graph 0.008,90 " LINE(BT_COLOUR_INK) " title 'P95 bounds'"
#define OPEN                "vectors " BT_OPEN_ARROW " " LINE(BT_COLOUR_INK) " title 'upper bound unknown'"

/* One scenario's part of the model, if anything of it was answered. */
typedef struct shown_part {
    const bt_load_scenario *scenario;
    const bt_load_part *part;
} shown_part;

typedef struct drawing {
    FILE *out, *data;
    int index;   /* of the next block of data that a command names */
    int clauses; /* of the plot command, so far */
    const bt_load_record *record;
    const bt_load_model *model;
    shown_part parts[SCENARIOS];
    int count;
    double sla_ms;
    double left; /* margin, as a share of the page: names stand there */
} drawing;

/* ---- what there is to draw ---- */

static int collect(const bt_load_record *record, const bt_load_model *model, shown_part out[SCENARIOS]) {
    int count = 0;
    for (int i = 0; i < record->scenario_count && count < SCENARIOS; i++) {
        const bt_load_part *part = bt_load_part_of(&record->scenarios[i], model->model);
        if (part && part->latency_count > 0) out[count++] = (shown_part){&record->scenarios[i], part};
    }
    return count;
}

/* The scenario whose seconds are worth looking at: the longest with random or replayed arrivals, else the
 * longest. */
static const shown_part *find_series(const shown_part *parts, int count) {
    const shown_part *best = NULL;
    for (int i = 0; i < count; i++) {
        bool open = parts[i].part->clients == 0 && parts[i].part->burst_size == 0;
        bool best_open = best && best->part->clients == 0 && best->part->burst_size == 0;
        if (!best || (open && !best_open) ||
            (open == best_open && parts[i].part->bin_count > best->part->bin_count))
            best = &parts[i];
    }
    return best;
}

/* The last second of a series ends when the load does, somewhere within it: what it counted is not a rate. */
static int whole_seconds(const bt_load_part *part) {
    return part->bin_count - 1;
}

static int sizes_that_ran(const shown_part *parts, int count, int *largest) {
    int sizes = 0;
    *largest = 1;
    for (int b = 0; b < BT_LOAD_BATCHES; b++) {
        bool ran = false;
        for (int i = 0; i < count; i++)
            ran |= parts[i].part->batches[b] > 0;
        sizes += ran;
        if (ran) *largest = b + 1;
    }
    return sizes;
}

bool bt_load_panel_is_drawn(const bt_load_record *record, const bt_load_model *model, bt_load_plot plot) {
    shown_part parts[SCENARIOS];
    int largest, count = collect(record, model, parts);
    if (count == 0) return false;
    if (plot == BT_LOAD_PLOT_SERIES) return whole_seconds(find_series(parts, count)->part) > 1;
    return plot != BT_LOAD_PLOT_BATCHES || sizes_that_ran(parts, count, &largest) > 1;
}

/* ---- writing ---- */

static void put_value(FILE *out, double value) {
    if (isfinite(value))
        bt_text_print(out, " %.6g", value);
    else
        fputs(" NaN", out);
}

static void end_block(drawing *d) {
    fputs("\n\n", d->data);
}

/* Starts the plot command, or its next part; the caller prints the rest of it. */
static void next_clause(drawing *d) {
    fputs(d->clauses++ == 0 ? "plot " : ", \\\n     ", d->out);
}

/* The next part of the plot command, which draws the next block of data. */
static void put_block(drawing *d, const char *columns, const char *style) {
    next_clause(d);
    fprintf(d->out, "data index %d using %s with %s", d->index++, columns, style);
}

static void put_key(drawing *d, const char *style) {
    next_clause(d);
    fprintf(d->out, "keyentry with %s", style);
}

static void end_plot(drawing *d) {
    fputc('\n', d->out);
    d->clauses = 0;
}

/* The title, and below it what was tested. */
static void put_title(drawing *d, const char *what) {
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
static void put_name(drawing *d, const shown_part *shown) {
    char name[BT_NAME_SIZE], cut[BT_NAME_SIZE + 8];
    bt_layout_clean(shown->scenario->title, name, sizeof name);
    bool fits = bt_layout_width(name) <= NAME_COLUMNS;
    size_t bytes = bt_layout_line_bytes(name, fits ? NAME_COLUMNS : NAME_COLUMNS - 1);
    snprintf(cut, sizeof cut, "%.*s%s", (int)bytes, name, fits ? "" : "…");
    bt_script_string(d->out, cut);
}

/* Names of scenarios down the left, the first at `first`, each a step lower. */
static void put_rows(drawing *d, double first) {
    fputs("set ytics (", d->out);
    for (int i = 0; i < d->count; i++) {
        fputs(i ? ", " : "", d->out);
        put_name(d, &d->parts[i]);
        bt_text_print(d->out, " %g", first - i);
    }
    fputs(")\nunset grid\nset grid xtics linecolor rgb '" BT_COLOUR_GRID "' linetype 1\n", d->out);
}

static double left_margin(const drawing *d) {
    int widest = 8;
    for (int i = 0; i < d->count; i++) {
        int width = bt_layout_width(d->parts[i].scenario->title);
        if (width > widest) widest = width;
    }
    return (24 + LETTER * (widest < NAME_COLUMNS ? widest : NAME_COLUMNS)) / PAGE_WIDTH;
}

/* A scenario's colour is its own in every plot and for every model; none is a verdict's. */
static void put_scenario_style(drawing *d, const shown_part *shown, const char *style, bool titled) {
    static const char *const names[] = {"sustained", "mixed", "burst", "single", "largest-burst", "soak"};
    static const char *const colours[] = {"#0072B2", "#CC79A7", "#009E73", "#56B4E9", "#000000", "#9A9A9A"};
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

/* Whether the SLA's line is near enough to what was measured to be drawn with it. */
static bool sla_is_near(const drawing *d, double most_ms) {
    return d->sla_ms > 0 && d->sla_ms <= FARTHEST_LINE * most_ms;
}

/* The SLA beside an axis that ends at `most_ms`: its value, since its line is not there. */
static void put_far_sla(drawing *d) {
    bt_text_print(
        d->out,
        "set label 2 'SLA %g ms (beyond this range)' at graph 0.99, graph 0.96 right font ',10' textcolor "
        "rgb '" BT_COLOUR_LIMIT "'\n",
        d->sla_ms);
}

static void put_line_data(drawing *d, double x1, double y1, double x2, double y2) {
    bt_text_print(d->data, "%.6g %.6g\n%.6g %.6g\n", x1, y1, x2, y2);
    end_block(d);
}

static double most_of(const drawing *d, double (*value)(const bt_load_part *part)) {
    double most = 0;
    for (int i = 0; i < d->count; i++)
        most = fmax(most, value(d->parts[i].part));
    return most;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Whether the largest of a number leaves the usual scenario no room. */
static bool one_dwarfs(const drawing *d, double (*value)(const bt_load_part *part)) {
    double values[SCENARIOS];
    for (int i = 0; i < d->count; i++)
        values[i] = value(d->parts[i].part);
    qsort(values, (size_t)d->count, sizeof *values, ascending);
    return d->count > 1 && values[d->count - 1] > DWARFS * values[(d->count - 1) / 2];
}

static double max_of(const bt_load_part *part) {
    return part->latency.max_ms;
}
static double mean_of(const bt_load_part *part) {
    return part->latency.mean_ms;
}
/* The least that was kept of a part. */
static double least_of(const bt_load_part *part) {
    double least = INFINITY;
    for (int i = 0; i < part->latency_count; i++)
        least = fmin(least, part->latencies_ms[i]);
    return least;
}
static double p50_of(const bt_load_part *part) {
    return part->latency.p50_ms;
}
static double p95_of(const bt_load_part *part) {
    return part->latency.p95_ms;
}
static double p99_of(const bt_load_part *part) {
    return part->latency.p99_ms;
}
static double predicted_of(const bt_load_part *part) {
    return part->predicted_p95_ms;
}

/* ---- the axis of latencies ---- */

/* From 0, or logarithmic where one scenario would leave the others no room. */
typedef struct latency_axis {
    double low, high;
    bool logarithmic, has_sla; /* has_sla: its line is near enough to what was measured to be drawn */
} latency_axis;

/* `most`: what is drawn of a part that takes the most. */
static latency_axis fit_axis(const drawing *d, double (*most)(const bt_load_part *part)) {
    latency_axis axis = {.logarithmic = one_dwarfs(d, p99_of)};
    double most_ms = fmax(fmax(most_of(d, most), most_of(d, predicted_of)), 1e-3), least_ms = INFINITY;
    for (int i = 0; i < d->count; i++) {
        const bt_load_part *part = d->parts[i].part;
        if (isfinite(part->latency.p95_upper_ms)) most_ms = fmax(most_ms, part->latency.p95_upper_ms);
        least_ms = fmin(least_ms, fmin(least_of(part), predicted_of(part)));
    }
    axis.has_sla = sla_is_near(d, most_ms);
    if (axis.has_sla) most_ms = fmax(most_ms, d->sla_ms);
    if (!(least_ms > 0)) axis.logarithmic = false;
    axis.low = axis.logarithmic ? least_ms / 1.25 : 0;
    axis.high = (axis.logarithmic ? 1.3 : 1.12) * most_ms;
    return axis;
}

/* The latency that far along the axis, 0..1. */
static double latency_at(const latency_axis *axis, double share) {
    return axis->logarithmic ? axis->low * pow(axis->high / axis->low, share)
                             : axis->low + share * (axis->high - axis->low);
}

/* Where a latency stands on it. */
static double share_at(const latency_axis *axis, double ms) {
    if (!axis->logarithmic) return (ms - axis->low) / (axis->high - axis->low);
    return ms > axis->low ? log(ms / axis->low) / log(axis->high / axis->low) : 0;
}

/* As gnuplot's axis `name`: "x", "y". On a logarithm, ticks that can be read. */
static void put_latency_axis(drawing *d, const latency_axis *axis, const char *name) {
    static const double steps[] = {1, 2, 5};
    bt_text_print(d->out, "set %srange [%.6g:%.6g]\nset %slabel 'latency (ms%s)'\n", name, axis->low,
                  axis->high, name, axis->logarithmic ? ", logarithmic" : "");
    if (!axis->has_sla) put_far_sla(d);
    if (!axis->logarithmic) return;
    fprintf(d->out, "set logscale %s\nset %stics (", name, name);
    int put = 0;
    for (int power = (int)floor(log10(axis->low)); power <= (int)ceil(log10(axis->high)); power++)
        for (int s = 0; s < 3; s++) {
            double at = steps[s] * pow(10, power);
            if (at >= axis->low && at <= axis->high)
                bt_text_print(d->out, "%s'%g' %.6g", put++ ? ", " : "", at, at);
        }
    fputs(")\n", d->out);
}

/* ---- percentiles ---- */

static double *sorted_latencies(const bt_load_part *part) {
    double *sorted = malloc((size_t)part->latency_count * sizeof *sorted);
    if (!sorted) return NULL;
    memcpy(sorted, part->latencies_ms, (size_t)part->latency_count * sizeof *sorted);
    bt_sort(sorted, (size_t)part->latency_count);
    return sorted;
}

/* One row a sample (of many, some hundred along the curve): 1 / (1 - p) and the latency. The last has no p of
 * its own. */
static void put_curve(drawing *d, const bt_load_part *part) {
    double *sorted = sorted_latencies(part);
    double last = 0;
    for (int i = 0; sorted && i < part->latency_count; i++) {
        double x = (double)part->latency_count / (part->latency_count - i);
        if (i + 1 < part->latency_count && x < 1.01 * last) continue;
        last = x;
        bt_text_print(d->data, "%.6g %.6g\n", x, sorted[i]);
    }
    free(sorted);
    end_block(d);
}

/* The share axis is stretched towards its end, where promises are broken. */
static double put_share_axis(drawing *d) {
    static const struct {
        double p;
        const char *name; /* a format to gnuplot: its % are doubled */
    } ticks[] = {{0, "0"},        {0.5, "50 %%"},     {0.9, "90 %%"},      {0.95, "95 %%"},
                 {0.99, "99 %%"}, {0.999, "99.9 %%"}, {0.9999, "99.99 %%"}};
    double right = 2;
    for (int i = 0; i < d->count; i++)
        right = fmax(right, d->parts[i].part->latency_count);
    bt_text_print(d->out, "set logscale x\nset xrange [1:%.6g]\nset xtics (", right);
    for (size_t i = 0; i < sizeof ticks / sizeof *ticks && 1 / (1 - ticks[i].p) <= right; i++)
        bt_text_print(d->out, "%s'%s' %.6g", i ? ", " : "", ticks[i].name, 1 / (1 - ticks[i].p));
    fputs(")\nset xlabel 'share of requests'\n", d->out);
    return right;
}

static void put_curves(drawing *d, const latency_axis *axis) {
    put_title(d, "latency within which a share of requests was answered");
    double right = put_share_axis(d);
    put_latency_axis(d, axis, "y");
    for (int i = 0; i < d->count; i++) {
        next_clause(d);
        fprintf(d->out, "data index %d using 1:2 with ", d->index++);
        put_scenario_style(d, &d->parts[i], "lines", true);
        put_curve(d, d->parts[i].part);
    }
    if (axis->has_sla) {
        put_block(d, "1:2", SLA_LINE);
        put_line_data(d, 1, d->sla_ms, right, d->sla_ms);
    }
    end_plot(d);
}

/* A distribution that stands on its row, as high as the row is where it is densest. */
static void put_ridge(drawing *d, const bt_load_part *part, double base, const latency_axis *axis) {
    int bins[BINS] = {0}, densest = 1;
    for (int i = 0; i < part->latency_count; i++) {
        int bin = (int)(share_at(axis, part->latencies_ms[i]) * BINS);
        bin = bin < 0 ? 0 : bin < BINS ? bin : BINS - 1;
        if (++bins[bin] > densest) densest = bins[bin];
    }
    for (int i = 0; i < BINS; i++) {
        double height = base + 0.8 * bins[i] / densest;
        bt_text_print(d->data, "%.6g %g %.6g\n%.6g %g %.6g\n", latency_at(axis, (double)i / BINS), base,
                      height, latency_at(axis, (i + 1.0) / BINS), base, height);
    }
    end_block(d);
}

/* One below the other: laid over each other, outlines are a tangle. */
static void put_ridges(drawing *d, const latency_axis *axis) {
    fputs("unset logscale\nunset label 1\nunset ylabel\nset xtics auto\nset key off\n"
          "set title 'how often each latency came (each row to its own height)' font ',11' offset 0,-0.3\n",
          d->out);
    put_rows(d, -0.6);
    put_latency_axis(d, axis, "x");
    bt_text_print(d->out, "unset label 2\nset yrange [%g:0.3]\n", -d->count - 0.1);
    for (int i = 0; i < d->count; i++) {
        next_clause(d);
        fprintf(d->out, "data index %d using 1:2:3 with ", d->index++);
        put_scenario_style(d, &d->parts[i], "filledcurves fillstyle solid 0.8", false);
        put_ridge(d, d->parts[i].part, -i - 1, axis);
    }
    if (axis->has_sla) {
        put_block(d, "1:2", SLA_LINE);
        put_line_data(d, d->sla_ms, -d->count - 0.1, d->sla_ms, 0.3);
    }
    end_plot(d);
}

static void put_percentiles(drawing *d) {
    latency_axis axis = fit_axis(d, max_of);
    bt_text_print(d->out, "set multiplot layout 2,1 margins %.3f,0.97,0.16,0.93 spacing 0.17\n", d->left);
    put_curves(d, &axis);
    put_ridges(d, &axis);
    fputs("unset multiplot\n", d->out);
}

/* ---- scenarios ---- */

/* One percentile of each scenario, moved a little up or down so that they do not hide each other. */
static void put_dots(drawing *d, double shift, double (*value)(const bt_load_part *)) {
    for (int i = 0; i < d->count; i++) {
        put_value(d->data, value(d->parts[i].part));
        bt_text_print(d->data, " %.3f\n", shift - i);
    }
    end_block(d);
}

/* What a verdict looks like; the words are those of the tables. */
static const struct {
    const char *style, *title;
} looks[] = {
    {POINT(BT_MARK_MET, BT_COLOUR_MET), "P95, met"},
    {POINT(BT_MARK_BROKEN, BT_COLOUR_BROKEN), "P95, broken"},
    {POINT(BT_MARK_NOT_SHOWN, BT_COLOUR_NOT_SHOWN), "P95, not shown"},
};
#define LOOKS ((int)(sizeof looks / sizeof *looks))

static int look_of(const bt_load_part *part) {
    return part->verdict == BT_LOAD_MET ? 0 : part->verdict == BT_LOAD_BROKEN ? 1 : 2;
}

static void put_p95(drawing *d, double shift) {
    for (int look = 0; look < LOOKS; look++) {
        char style[160];
        int found = 0;
        for (int i = 0; i < d->count; i++) {
            if (look_of(d->parts[i].part) != look) continue;
            found++;
            put_value(d->data, p95_of(d->parts[i].part));
            bt_text_print(d->data, " %.3f\n", shift - i);
        }
        if (found == 0) continue;
        end_block(d);
        snprintf(style, sizeof style, "%s title '%s'", looks[look].style, looks[look].title);
        put_block(d, "1:2", style);
    }
}

/* Bars between the bounds; an arrow to the right where nobody knows how far it goes. */
static void put_bounds(drawing *d, double shift, const latency_axis *axis) {
    int bars = 0, open = 0;
    for (int i = 0; i < d->count; i++) {
        const bt_load_latency *l = &d->parts[i].part->latency;
        if (!isfinite(l->p95_lower_ms) || !isfinite(l->p95_upper_ms)) continue;
        bars++;
        bt_text_print(d->data, "%.6g %.3f %.6g 0\n", l->p95_lower_ms, shift - i,
                      l->p95_upper_ms - l->p95_lower_ms);
    }
    if (bars > 0) {
        end_block(d);
        put_block(d, "1:2:3:4", BAR);
    }
    for (int i = 0; i < d->count; i++) {
        const bt_load_latency *l = &d->parts[i].part->latency;
        if (!isfinite(l->p95_ms) || isfinite(l->p95_upper_ms)) continue;
        open++;
        double start_ms = isfinite(l->p95_lower_ms) ? l->p95_lower_ms : l->p95_ms;
        double end_ms = latency_at(axis, share_at(axis, l->p95_ms) + ARROW_LENGTH);
        bt_text_print(d->data, "%.6g %.3f %.6g 0\n", start_ms, shift - i, end_ms - start_ms);
    }
    if (open == 0) return;
    end_block(d);
    put_block(d, "1:2:3:4", OPEN);
}

static void put_scenarios(drawing *d) {
    latency_axis axis = fit_axis(d, p99_of);
    double bottom = 0.4 - d->count;
    put_title(d, "latency by scenario");
    put_rows(d, 0);
    put_latency_axis(d, &axis, "x");
    bt_text_print(d->out,
                  "set yrange [%.1f:0.6]\nset lmargin at screen %.3f\nset tmargin 4\nset bmargin 9.5\n",
                  bottom, d->left);
    if (axis.has_sla) {
        put_block(d, "1:2", SLA_LINE);
        put_line_data(d, d->sla_ms, bottom, d->sla_ms, 0.6);
    }
    put_block(d, "1:2", POINT("5", BT_COLOUR_P50) " title 'P50'");
    put_dots(d, 0.24, p50_of);
    put_bounds(d, 0.08, &axis);
    put_p95(d, 0.08);
    put_block(d, "1:2", POINT("11", BT_COLOUR_P99) " title 'P99'");
    put_dots(d, -0.08, p99_of);
    put_block(d, "1:2", POINT(BT_MARK_PREDICTED, BT_COLOUR_PREDICTED) " title 'P95 predicted'");
    put_dots(d, -0.24, predicted_of);
    end_plot(d);
}

/* ---- second by second ---- */

/* A number of each second: `offset` in bt_load_bin. */
static double bin_value(const bt_load_part *part, int second, size_t offset) {
    return *(const double *)(const void *)((const char *)&part->bins[second] + offset);
}

static double most_in(const bt_load_part *part, size_t offset) {
    double most = 0;
    for (int i = 0; i < whole_seconds(part); i++)
        most = fmax(most, bin_value(part, i, offset));
    return most;
}

/* A curve of a panel: steps go on to the end of the last whole second, points stand in the middle of theirs.
 */
typedef struct curve {
    size_t offset;
    const char *style;
} curve;

static void put_seconds(drawing *d, const bt_load_part *part, const curve *drawn) {
    bool steps = strncmp(drawn->style, "steps", 5) == 0;
    int seconds = whole_seconds(part);
    for (int i = 0; i < seconds + steps; i++) {
        bt_text_print(d->data, "%g", i + (steps ? 0 : 0.5));
        put_value(d->data, bin_value(part, i < seconds ? i : seconds - 1, drawn->offset));
        fputc('\n', d->data);
    }
    end_block(d);
}

static void put_panel(drawing *d, const bt_load_part *part, const char *label, double top,
                      const curve *curves, int count) {
    bt_text_print(d->out, "set ylabel '%s'\nset yrange [0:%.6g]\n", label, top);
    for (int i = 0; i < count; i++) {
        put_block(d, "1:2", curves[i].style);
        put_seconds(d, part, &curves[i]);
    }
}

#define BIN(member)   offsetof(bt_load_bin, member)
#define POINTS(shape) "linespoints pointtype " shape " pointsize 0.5 "
/* All styles of the series, so that the one legend below can show what each panel draws. */
#define P50_STYLE POINTS("5") LINE(BT_COLOUR_P50) " title 'P50'"
#define P95_STYLE POINTS("7") LINE(BT_COLOUR_P95) " title 'P95'"
#define MAX_STYLE                                                                                            \
    "points pointtype 8 pointsize 0.9 linewidth 1 linecolor rgb '" BT_COLOUR_MAX "' title 'slowest'"
#define SENT_STYLE     "steps linewidth 3 linecolor rgb '" BT_COLOUR_GREY "' title 'sent'"
#define ANSWERED_STYLE "steps linewidth 1.2 linecolor rgb '" BT_COLOUR_INK "' title 'answered'"
#define FAILED_STYLE   "impulses linewidth 4 linecolor rgb '" BT_COLOUR_BROKEN "' title 'without a result'"
#define MOST_STYLE     "steps linewidth 1 linecolor rgb '" BT_COLOUR_QUEUE "' title 'waiting, most'"
#define MEAN_STYLE     POINTS("13") LINE(BT_COLOUR_QUEUE) " title 'waiting, on average'"
#define OTHERS_STYLE   "impulses linewidth 4 linecolor rgb '" BT_COLOUR_P50 "' title 'other programs'"

static void put_latency_panel(drawing *d, const bt_load_part *part) {
    static const curve curves[] = {
        {BIN(p50_ms), P50_STYLE}, {BIN(p95_ms), P95_STYLE}, {BIN(max_ms), MAX_STYLE}};
    double most_ms = fmax(most_in(part, BIN(max_ms)), 1e-3);
    bool sla = sla_is_near(d, most_ms);
    if (!sla) put_far_sla(d);
    put_panel(d, part, "latency (ms)", 1.15 * (sla ? fmax(most_ms, d->sla_ms) : most_ms), curves, 3);
    if (sla) {
        put_block(d, "1:2", SLA_LINE);
        put_line_data(d, 0, d->sla_ms, whole_seconds(part), d->sla_ms);
    }
    end_plot(d);
    fputs("unset title\nunset label 1\nunset label 2\n", d->out);
}

static void put_series_legend(drawing *d) {
    static const char *const styles[] = {P50_STYLE,      P95_STYLE,    MAX_STYLE,  SLA_LINE,  SENT_STYLE,
                                         ANSWERED_STYLE, FAILED_STYLE, MOST_STYLE, MEAN_STYLE};
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++)
        put_key(d, styles[i]);
}

static void put_series(drawing *d) {
    static const curve rates[] = {
        {BIN(sent), SENT_STYLE}, {BIN(answered), ANSWERED_STYLE}, {BIN(failed), FAILED_STYLE}};
    static const curve queue[] = {{BIN(queue_max), MOST_STYLE}, {BIN(queue_mean), MEAN_STYLE}};
    static const curve others[] = {{BIN(others_cores), OTHERS_STYLE}};
    const shown_part *shown = find_series(d->parts, d->count);
    const bt_load_part *part = shown->part;
    char what[128], title[BT_NAME_SIZE];
    bt_layout_clean(shown->scenario->title, title, sizeof title);
    snprintf(what, sizeof what, "%s, second by second", title);
    fprintf(d->out,
            "set multiplot layout 4,1 margins 0.09,0.97,0.165,0.93 spacing 0.035\nset key off\n"
            "set xrange [0:%d]\nset format x ''\n",
            whole_seconds(part));
    put_title(d, what);
    put_latency_panel(d, part);
    put_panel(d, part, "requests/s",
              1.15 * fmax(fmax(most_in(part, BIN(sent)), most_in(part, BIN(answered))), 1), rates, 3);
    end_plot(d);
    put_panel(d, part, "requests waiting", 1.15 * fmax(most_in(part, BIN(queue_max)), 1), queue, 2);
    end_plot(d);
    fputs("set format x '%g'\nset xlabel 'seconds since the first request was to arrive'\n" BT_KEY_BELOW
          "set key maxcols 5\n",
          d->out);
    /* less than a tenth of a core is the noise of any machine, not to be blown up */
    put_panel(d, part, "cores used", 1.15 * fmax(most_in(part, BIN(others_cores)), 0.1), others, 1);
    put_series_legend(d);
    end_plot(d);
    fputs("unset multiplot\n", d->out);
}

/* ---- batches and the split ---- */

static void put_batches(drawing *d) {
    int most;
    sizes_that_ran(d->parts, d->count, &most);
    put_title(d, "how many requests ran together");
    bt_text_print(d->out,
                  "set xrange [0.5:%.1f]\nset yrange [0:112]\nset xlabel 'requests in a batch'\n"
                  "set ylabel 'share of requests (%%)'\nset tmargin 4\nset bmargin 9.5\n"
                  "set boxwidth %.4f\nset xtics %d\n",
                  most + 0.5, 0.8 / d->count, most > 16 ? (most + 15) / 16 : 1);
    for (int i = 0; i < d->count; i++) {
        const bt_load_part *part = d->parts[i].part;
        double shift = (i - (d->count - 1) / 2.0) * 0.8 / d->count;
        next_clause(d);
        fprintf(d->out, "data index %d using 1:2 with ", d->index++);
        put_scenario_style(d, &d->parts[i], "boxes fillstyle solid 0.85", true);
        for (int b = 0; b < most; b++)
            bt_text_print(d->data, "%.4f %.4f\n", b + 1 + shift,
                          100.0 * (double)part->batches[b] / fmax((double)part->ok, 1));
        end_block(d);
    }
    end_plot(d);
}

/* Where the time of a request goes. */
static const struct {
    const char *title, *colour;
    size_t offset;
} shares[] = {
    {"sent late", BT_COLOUR_LATE, offsetof(bt_load_part, slip_mean_ms)},
    {"queue", BT_COLOUR_QUEUE, offsetof(bt_load_part, queue_mean_ms)},
    {"preprocess", BT_COLOUR_PREPROCESS, offsetof(bt_load_part, preprocess_mean_ms)},
    {"compute", BT_COLOUR_COMPUTE, offsetof(bt_load_part, service_mean_ms)},
};
#define SHARES (sizeof shares / sizeof *shares)

static double share_of(const bt_load_part *part, size_t share) {
    double value = *(const double *)(const void *)((const char *)part + shares[share].offset);
    return value > 0 ? value : 0;
}

/* Where the axis of bars ends: at the longest; where that would leave the others no room, after the longest
 * of the others, and what is longer is broken off and told. */
static double bars_end(const drawing *d) {
    double most = most_of(d, mean_of), next = 0;
    if (!one_dwarfs(d, mean_of)) return 1.06 * fmax(most, 1e-6);
    for (int i = 0; i < d->count; i++) {
        double mean = mean_of(d->parts[i].part);
        if (mean < most) next = fmax(next, mean);
    }
    return 1.5 * next;
}

/* "140.5 ms: queue 115.0, compute 25.4", on a bar that goes on beyond the axis. */
static void put_broken_bar(drawing *d, int row, double end) {
    const bt_load_part *part = d->parts[row].part;
    char words[256], number[32];
    int used =
        snprintf(words, sizeof words, "%s ms in all", bt_layout_number(mean_of(part), number, sizeof number));
    for (size_t s = 0; s < SHARES; s++)
        if (share_of(part, s) >= 0.05 * mean_of(part))
            used += snprintf(words + used, sizeof words - (size_t)used, ", %s %s", shares[s].title,
                             bt_layout_number(share_of(part, s), number, sizeof number));
    fputs("set label ", d->out);
    bt_script_string(d->out, words);
    bt_text_print(d->out,
                  " at first %.6g, first %d right offset -2.2,0 front boxed\n"
                  "set arrow from first %.6g, first %d to first %.6g, first %d front " BT_OPEN_ARROW
                  " linewidth 2 linecolor rgb '" BT_COLOUR_INK "'\n",
                  end, -row, 0.97 * end, -row, end, -row);
}

/* Bars lie: a box for each share, from where the one before it ended. */
static void put_split(drawing *d) {
    double from[SCENARIOS] = {0}, end = bars_end(d);
    put_title(d, "where the mean latency goes");
    put_rows(d, 0);
    bt_text_print(d->out,
                  "set xrange [0:%.6g]\nset yrange [%.1f:0.6]\nset xlabel 'mean (ms)'\n"
                  "set lmargin at screen %.3f\nset tmargin 4\nset bmargin 7.5\n",
                  end, 0.4 - d->count, d->left);
    for (int i = 0; i < d->count; i++)
        if (mean_of(d->parts[i].part) > end) put_broken_bar(d, i, end);
    for (size_t s = 0; s < SHARES; s++) {
        next_clause(d);
        fprintf(d->out,
                "data index %d using 1:2:3:4:5:6 with boxxyerror fillstyle solid 0.9 linecolor rgb '%s' "
                "title '%s'",
                d->index++, shares[s].colour, shares[s].title);
        for (int i = 0; i < d->count; i++) {
            double value = share_of(d->parts[i].part, s), to = fmin(from[i] + value, end);
            bt_text_print(d->data, "%.6g %d %.6g %.6g %.2f %.2f\n", (from[i] + to) / 2, -i, from[i], to,
                          -i - 0.3, -i + 0.3);
            from[i] = to;
        }
        end_block(d);
    }
    end_plot(d);
}

/* ---- one plot ---- */

void bt_load_panel_size(const bt_load_record *record, const bt_load_model *model, bt_load_plot plot,
                        char out[32]) {
    shown_part parts[SCENARIOS];
    int rows = collect(record, model, parts), height = 900;
    if (plot == BT_LOAD_PLOT_SCENARIOS || plot == BT_LOAD_PLOT_SPLIT) height = 270 + ROW_HEIGHT * rows;
    if (plot == BT_LOAD_PLOT_BATCHES) height = 520;
    bt_text_format(out, 32, "%.0f,%d", PAGE_WIDTH, height);
}

void bt_load_panel_write(FILE *out, FILE *data, const bt_load_record *record, const bt_load_model *model,
                         bt_load_plot plot) {
    static void (*const drawers[BT_LOAD_PLOT_COUNT])(drawing *) = {put_percentiles, put_scenarios, put_series,
                                                                   put_batches, put_split};
    drawing d = {.out = out,
                 .data = data,
                 .record = record,
                 .model = model,
                 .sla_ms = bt_load_record_sla_ms(record, model->model)};
    d.count = collect(record, model, d.parts);
    d.left = left_margin(&d);
    fputs("reset\n" BT_OPEN_AXES BT_KEY_BELOW, out);
    drawers[plot](&d);
}
