/* What a load test's latencies were: by percentile, how often each came, and scenario by scenario. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "measure/quantile.h"
#include "report/gnuplot-script.h"
#include "report/load-drawing.h"

/* A distribution is drawn with so many steps. More: ragged where requests are few. Fewer: two latencies that
 * a machine keeps apart, as those of two batch sizes, run into one. */
#define BINS 90
/* How long the arrow of an unknown upper bound is, as a share of the axis. */
#define ARROW_LENGTH 0.07

#define POINT(mark, colour) "points pointtype " mark " pointsize 1.3 " BT_LOAD_LINE(colour)

/* Bars between bounds, and the arrow of an unknown one. */
#define BAR  "vectors heads size graph 0.008,90 " BT_LOAD_LINE(BT_COLOUR_INK) " title 'P95 bounds'"
#define OPEN "vectors " BT_OPEN_ARROW " " BT_LOAD_LINE(BT_COLOUR_INK) " title 'upper bound unknown'"

static double max_of(const bt_load_part *part) {
    return part->latency.max_ms;
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
static latency_axis fit_axis(const bt_load_drawing *d, double (*most)(const bt_load_part *part)) {
    latency_axis axis = {.logarithmic = bt_load_one_dwarfs(d, p99_of)};
    double most_ms = fmax(fmax(bt_load_most_of(d, most), bt_load_most_of(d, predicted_of)), 1e-3),
           least_ms = INFINITY;
    for (int i = 0; i < d->count; i++) {
        const bt_load_part *part = d->parts[i].part;
        if (isfinite(part->latency.p95_upper_ms)) most_ms = fmax(most_ms, part->latency.p95_upper_ms);
        least_ms = fmin(least_ms, fmin(least_of(part), predicted_of(part)));
    }
    axis.has_sla = bt_load_sla_is_near(d, most_ms);
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
static void put_latency_axis(bt_load_drawing *d, const latency_axis *axis, const char *name) {
    static const double steps[] = {1, 2, 5};
    bt_text_print(d->out, "set %srange [%.6g:%.6g]\nset %slabel 'latency (ms%s)'\n", name, axis->low,
                  axis->high, name, axis->logarithmic ? ", logarithmic" : "");
    if (!axis->has_sla) bt_load_put_far_sla(d);
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
static void put_curve(bt_load_drawing *d, const bt_load_part *part) {
    double *sorted = sorted_latencies(part);
    double last = 0;
    for (int i = 0; sorted && i < part->latency_count; i++) {
        double x = (double)part->latency_count / (part->latency_count - i);
        if (i + 1 < part->latency_count && x < 1.01 * last) continue;
        last = x;
        bt_text_print(d->data, "%.6g %.6g\n", x, sorted[i]);
    }
    free(sorted);
    bt_load_end_block(d);
}

/* The share axis is stretched towards its end, where promises are broken. */
static double put_share_axis(bt_load_drawing *d) {
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

static void put_curves(bt_load_drawing *d, const latency_axis *axis) {
    bt_load_put_title(d, "latency within which a share of requests was answered");
    double right = put_share_axis(d);
    put_latency_axis(d, axis, "y");
    for (int i = 0; i < d->count; i++) {
        bt_load_next_clause(d);
        fprintf(d->out, "data index %d using 1:2 with ", d->index++);
        bt_load_put_scenario_style(d, &d->parts[i], "lines", true);
        put_curve(d, d->parts[i].part);
    }
    if (axis->has_sla) {
        bt_load_put_block(d, "1:2", BT_LOAD_SLA_LINE);
        bt_load_put_line_data(d, 1, d->sla_ms, right, d->sla_ms);
    }
    bt_load_end_plot(d);
}

/* A distribution that stands on its row, as high as the row is where it is densest. */
static void put_ridge(bt_load_drawing *d, const bt_load_part *part, double base, const latency_axis *axis) {
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
    bt_load_end_block(d);
}

/* One below the other: laid over each other, outlines are a tangle. */
static void put_ridges(bt_load_drawing *d, const latency_axis *axis) {
    fputs("unset logscale\nunset label 1\nunset ylabel\nset xtics auto\nset key off\n"
          "set title 'how often each latency came (each row to its own height)' font ',11' offset 0,-0.3\n",
          d->out);
    bt_load_put_rows(d, -0.6);
    put_latency_axis(d, axis, "x");
    bt_text_print(d->out, "unset label 2\nset yrange [%g:0.3]\n", -d->count - 0.1);
    for (int i = 0; i < d->count; i++) {
        bt_load_next_clause(d);
        fprintf(d->out, "data index %d using 1:2:3 with ", d->index++);
        bt_load_put_scenario_style(d, &d->parts[i], "filledcurves fillstyle solid 0.8", false);
        put_ridge(d, d->parts[i].part, -i - 1, axis);
    }
    if (axis->has_sla) {
        bt_load_put_block(d, "1:2", BT_LOAD_SLA_LINE);
        bt_load_put_line_data(d, d->sla_ms, -d->count - 0.1, d->sla_ms, 0.3);
    }
    bt_load_end_plot(d);
}

void bt_load_put_percentiles(bt_load_drawing *d) {
    latency_axis axis = fit_axis(d, max_of);
    bt_text_print(d->out, "set multiplot layout 2,1 margins %.3f,0.97,0.16,0.93 spacing 0.17\n", d->left);
    put_curves(d, &axis);
    put_ridges(d, &axis);
    fputs("unset multiplot\n", d->out);
}

/* ---- scenarios ---- */

/* One percentile of each scenario, moved a little up or down so that they do not hide each other. */
static void put_dots(bt_load_drawing *d, double shift, double (*value)(const bt_load_part *)) {
    for (int i = 0; i < d->count; i++) {
        bt_load_put_value(d->data, value(d->parts[i].part));
        bt_text_print(d->data, " %.3f\n", shift - i);
    }
    bt_load_end_block(d);
}

/* The mark of each verdict; the words are those of the tables. */
static const struct {
    const char *style, *title;
} marks[] = {
    {POINT(BT_MARK_MET, BT_COLOUR_MET), "P95, met"},
    {POINT(BT_MARK_BROKEN, BT_COLOUR_BROKEN), "P95, broken"},
    {POINT(BT_MARK_NOT_SHOWN, BT_COLOUR_NOT_SHOWN), "P95, not shown"},
};
#define MARKS ((int)(sizeof marks / sizeof *marks))

static int mark_of(const bt_load_part *part) {
    return part->verdict == BT_LOAD_MET ? 0 : part->verdict == BT_LOAD_BROKEN ? 1 : 2;
}

static void put_p95(bt_load_drawing *d, double shift) {
    for (int mark = 0; mark < MARKS; mark++) {
        char style[160];
        int found = 0;
        for (int i = 0; i < d->count; i++) {
            if (mark_of(d->parts[i].part) != mark) continue;
            found++;
            bt_load_put_value(d->data, p95_of(d->parts[i].part));
            bt_text_print(d->data, " %.3f\n", shift - i);
        }
        if (found == 0) continue;
        bt_load_end_block(d);
        snprintf(style, sizeof style, "%s title '%s'", marks[mark].style, marks[mark].title);
        bt_load_put_block(d, "1:2", style);
    }
}

/* Bars between the bounds; an arrow to the right where nobody knows how far it goes. */
static void put_bounds(bt_load_drawing *d, double shift, const latency_axis *axis) {
    int bars = 0, open = 0;
    for (int i = 0; i < d->count; i++) {
        const bt_load_latency *l = &d->parts[i].part->latency;
        if (!isfinite(l->p95_lower_ms) || !isfinite(l->p95_upper_ms)) continue;
        bars++;
        bt_text_print(d->data, "%.6g %.3f %.6g 0\n", l->p95_lower_ms, shift - i,
                      l->p95_upper_ms - l->p95_lower_ms);
    }
    if (bars > 0) {
        bt_load_end_block(d);
        bt_load_put_block(d, "1:2:3:4", BAR);
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
    bt_load_end_block(d);
    bt_load_put_block(d, "1:2:3:4", OPEN);
}

void bt_load_put_scenarios(bt_load_drawing *d) {
    latency_axis axis = fit_axis(d, p99_of);
    double bottom = 0.4 - d->count;
    bt_load_put_title(d, "latency by scenario");
    bt_load_put_rows(d, 0);
    put_latency_axis(d, &axis, "x");
    bt_text_print(d->out,
                  "set yrange [%.1f:0.6]\nset lmargin at screen %.3f\nset tmargin 4\nset bmargin 9.5\n",
                  bottom, d->left);
    if (axis.has_sla) {
        bt_load_put_block(d, "1:2", BT_LOAD_SLA_LINE);
        bt_load_put_line_data(d, d->sla_ms, bottom, d->sla_ms, 0.6);
    }
    bt_load_put_block(d, "1:2", POINT("5", BT_COLOUR_P50) " title 'P50'");
    put_dots(d, 0.24, p50_of);
    put_bounds(d, 0.08, &axis);
    put_p95(d, 0.08);
    bt_load_put_block(d, "1:2", POINT("11", BT_COLOUR_P99) " title 'P99'");
    put_dots(d, -0.08, p99_of);
    bt_load_put_block(d, "1:2", POINT(BT_MARK_PREDICTED, BT_COLOUR_PREDICTED) " title 'P95 predicted'");
    put_dots(d, -0.24, predicted_of);
    bt_load_end_plot(d);
}
