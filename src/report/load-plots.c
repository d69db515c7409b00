#include "report/load-plots.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/quantile.h"
#include "report/load-words.h"
#include "report/load.h"
#include "report/panels.h"
#include "report/plots.h"

/* Told apart by the colour-blind (Okabe and Ito, 2008), and by dashes in grey. */
static const char *const colours[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"};
#define COLOUR_COUNT ((int)(sizeof colours / sizeof *colours))
#define SLA_STYLE    "with lines linewidth 1.5 dashtype 2 linecolor rgb '#000000' title 'SLA'"
#define HISTOGRAM    40 /* bins */
#define SCENARIOS    32 /* drawn at most */

const char *bt_load_plot_name(bt_load_plot plot) {
    static const char *const names[BT_LOAD_PLOT_COUNT] = {"percentiles", "scenarios", "series", "batches",
                                                          "split"};
    return plot < BT_LOAD_PLOT_COUNT ? names[plot] : "unknown";
}

bt_status bt_load_plot_path(char out[BT_PATH_SIZE], const char *folder, const char *model, bt_load_plot plot,
                            const char *extension, bt_error *error) {
    char rest[64];
    snprintf(rest, sizeof rest, "-load-%s.%s", bt_load_plot_name(plot), extension);
    return bt_plot_file(out, folder, model, rest, error);
}

/* ---- what there is to draw ---- */

/* One scenario's part of the model, if anything of it was answered. */
typedef struct shown_part {
    const bt_load_scenario *scenario;
    const bt_load_part *part;
} shown_part;

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

bool bt_load_plot_is_drawn(const bt_load_record *record, const bt_load_model *model, bt_load_plot plot) {
    shown_part parts[SCENARIOS];
    int count = collect(record, model, parts);
    const shown_part *series = find_series(parts, count);
    return plot == BT_LOAD_PLOT_SERIES ? series && series->part->bin_count > 1 : count > 0;
}

/* ---- writing ---- */

typedef struct drawing {
    FILE *out, *data;
    int index; /* of the next block of data that a plot command names; blocks are written in that order */
    const bt_load_record *record;
    const bt_load_model *model;
    shown_part parts[SCENARIOS];
    int count;
    double sla_ms, top_ms; /* top_ms: of latency axes */
} drawing;

static void put_value(FILE *out, double value) {
    if (isfinite(value))
        fprintf(out, " %.6g", value);
    else
        fputs(" NaN", out);
}

static double top_of(const drawing *d) {
    double top_ms = d->sla_ms, most_ms = 0;
    for (int i = 0; i < d->count; i++) {
        most_ms = fmax(most_ms, d->parts[i].part->latency.max_ms);
        most_ms = fmax(most_ms, d->parts[i].part->predicted_p95_ms);
    }
    if (top_ms > 4 * most_ms)
        top_ms = most_ms; /* a far SLA would squeeze everything flat; its value is in the title */
    return 1.12 * fmax(fmax(top_ms, most_ms), 1e-3);
}

static void put_title(drawing *d, const char *what) {
    char title[256], sla[64];
    snprintf(sla, sizeof sla, "SLA %g ms", d->sla_ms);
    snprintf(title, sizeof title, "%s: %s (%d × %d px, batches of up to %d, %s)", d->model->title, what,
             d->model->image_size, d->model->image_size, d->model->batch_size, sla);
    fputs("set title ", d->out);
    bt_panel_string(d->out, title);
    fputs("\n", d->out);
}

static void end_block(drawing *d) {
    fputs("\n\n", d->data);
}

static void put_sla_line(drawing *d) {
    if (d->sla_ms <= d->top_ms) fprintf(d->out, ", data index %d using 1:2 " SLA_STYLE, d->index++);
}

static void put_sla_data(drawing *d, double from, double to) {
    if (d->sla_ms > d->top_ms) return;
    fprintf(d->data, "%.6g %.6g\n%.6g %.6g\n", from, d->sla_ms, to, d->sla_ms);
    end_block(d);
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
        fprintf(d->data, "%.6g %.6g\n", x, sorted[i]);
    }
    free(sorted);
    end_block(d);
}

static void put_histogram(drawing *d, const bt_load_part *part) {
    int bins[HISTOGRAM] = {0};
    for (int i = 0; i < part->latency_count; i++) {
        int bin = (int)(part->latencies_ms[i] / d->top_ms * HISTOGRAM);
        bins[bin < HISTOGRAM ? bin : HISTOGRAM - 1]++;
    }
    for (int i = 0; i < HISTOGRAM; i++)
        fprintf(d->data, "%.6g %.6g\n", (i + 0.5) / HISTOGRAM * d->top_ms,
                100.0 * bins[i] / part->latency_count);
    end_block(d);
}

static void put_clauses(drawing *d, const char *style, bool sla) {
    fputs("plot ", d->out);
    for (int i = 0; i < d->count; i++) {
        fprintf(d->out, "%sdata index %d using 1:2 %s linewidth 2 dashtype %d linecolor rgb '%s' title ",
                i ? ", " : "", d->index++, style, i / COLOUR_COUNT + 1, colours[i % COLOUR_COUNT]);
        bt_panel_string(d->out, d->parts[i].scenario->title);
    }
    if (sla) put_sla_line(d);
    fputc('\n', d->out);
}

static void put_percentiles(drawing *d) {
    static const struct {
        double p;
        const char *name; /* a format to gnuplot: its % are doubled */
    } ticks[] = {{0, "0"},        {0.5, "50 %%"},     {0.9, "90 %%"},      {0.95, "95 %%"},
                 {0.99, "99 %%"}, {0.999, "99.9 %%"}, {0.9999, "99.99 %%"}};
    double right = 2;
    for (int i = 0; i < d->count; i++)
        right = fmax(right, d->parts[i].part->latency_count);
    fputs("set multiplot layout 2,1 margins 0.09,0.80,0.08,0.95 spacing 0.15\n", d->out);
    put_title(d, "request latency by percentile");
    fprintf(d->out,
            "set logscale x\nset xrange [1:%.6g]\nset yrange [0:%.6g]\nset grid\nset key outside right top "
            "vertical\nset "
            "xtics (",
            right, d->top_ms);
    for (size_t i = 0; i < sizeof ticks / sizeof *ticks && 1 / (1 - ticks[i].p) <= right; i++)
        fprintf(d->out, "%s'%s' %.6g", i ? ", " : "", ticks[i].name, 1 / (1 - ticks[i].p));
    fputs(
        ")\nset xlabel 'share of requests that were as fast (axis: 1 / (1 - p))'\nset ylabel 'latency, ms'\n",
        d->out);
    put_clauses(d, "with lines", true);
    for (int i = 0; i < d->count; i++)
        put_curve(d, d->parts[i].part);
    put_sla_data(d, 1, right);
    fprintf(
        d->out,
        "unset logscale x\nset xtics auto\nset xrange [0:%.6g]\nset yrange [0:*]\n"
        "set title 'How latencies are distributed'\nset xlabel 'latency, ms'\nset ylabel '%% of requests'\n",
        d->top_ms);
    if (d->sla_ms <= d->top_ms)
        fprintf(d->out, "set arrow 1 from %.6g, graph 0 to %.6g, graph 1 nohead dashtype 2 linewidth 1.5\n",
                d->sla_ms, d->sla_ms);
    put_clauses(d, "with histeps", false);
    for (int i = 0; i < d->count; i++)
        put_histogram(d, d->parts[i].part);
    fputs("unset multiplot\n", d->out);
}

/* ---- scenarios ---- */

static void put_names(drawing *d) {
    fputs("set xtics (", d->out);
    for (int i = 0; i < d->count; i++) {
        fputs(i ? ", " : "", d->out);
        bt_panel_string(d->out, d->parts[i].scenario->title);
        fprintf(d->out, " %d", i);
    }
    fputs(")\n", d->out);
}

/* One percentile of each scenario, moved a little so that they stand side by side. */
static void put_dots(drawing *d, double shift, double (*value)(const bt_load_part *)) {
    for (int i = 0; i < d->count; i++) {
        fprintf(d->data, "%.3f", i + shift);
        put_value(d->data, value(d->parts[i].part));
        fputc('\n', d->data);
    }
    end_block(d);
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

static void put_scenarios(drawing *d) {
    put_title(d, "percentiles by scenario");
    put_names(d);
    fprintf(d->out,
            "set xrange [-0.6:%.1f]\nset yrange [0:%.6g]\nset grid ytics\nset ylabel 'latency, ms'\n"
            "set key outside right top vertical\n",
            d->count - 0.4, d->top_ms);
    fprintf(
        d->out,
        "plot data index %d using 1:2 with points pointtype 5 pointsize 1.2 linecolor rgb '#56B4E9' title "
        "'P50', "
        "data index %d using 1:2:3:4 with yerrorbars pointtype 7 pointsize 1.4 linewidth 1.5 linecolor rgb "
        "'#0072B2' title "
        "'P95, with its 95 %% bounds', "
        "data index %d using 1:2 with points pointtype 9 pointsize 1.3 linecolor rgb '#D55E00' title 'P99', "
        "data index %d using 1:2 with points pointtype 2 pointsize 1.3 linewidth 2 linecolor rgb '#009E73' "
        "title "
        "'P95 predicted'",
        d->index, d->index + 1, d->index + 2, d->index + 3);
    d->index += 4;
    put_sla_line(d);
    fputc('\n', d->out);
    put_dots(d, -0.15, p50_of);
    for (int i = 0; i < d->count; i++) {
        const bt_load_latency *l = &d->parts[i].part->latency;
        double upper = isfinite(l->p95_upper_ms) ? l->p95_upper_ms : p95_of(d->parts[i].part);
        double lower = isfinite(l->p95_lower_ms) ? l->p95_lower_ms : p95_of(d->parts[i].part);
        fprintf(d->data, "%d %.6g %.6g %.6g\n", i, l->p95_ms, lower, upper);
    }
    end_block(d);
    put_dots(d, 0.15, p99_of);
    put_dots(d, 0.3, predicted_of);
    put_sla_data(d, -0.6, d->count - 0.4);
}

/* ---- second by second ---- */

static void put_seconds(drawing *d, const bt_load_part *part, size_t offset) {
    for (int i = 0; i < part->bin_count; i++) {
        fprintf(d->data, "%d", i);
        put_value(d->data, *(const double *)(const void *)((const char *)&part->bins[i] + offset));
        fputc('\n', d->data);
    }
    end_block(d);
}

/* A stacked panel: name of its axis, then one curve for each (member, style). */
typedef struct curve {
    size_t offset;
    const char *style;
} curve;

static void put_stacked(drawing *d, const bt_load_part *part, const char *label, const curve *curves,
                        int count, bool sla) {
    fputs("set ylabel ", d->out);
    bt_panel_string(d->out, label);
    fputs("\nplot ", d->out);
    for (int i = 0; i < count; i++)
        fprintf(d->out, "%sdata index %d using 1:2 %s", i ? ", " : "", d->index++, curves[i].style);
    if (sla) put_sla_line(d);
    fputc('\n', d->out);
    for (int i = 0; i < count; i++)
        put_seconds(d, part, curves[i].offset);
    if (sla) put_sla_data(d, 0, part->bin_count);
}

#define BIN(member) offsetof(bt_load_bin, member)

static void put_series(drawing *d) {
    static const curve latency[] = {
        {BIN(max_ms), "with points pointtype 6 pointsize 0.5 linecolor rgb '#9A9A9A' title 'max'"},
        {BIN(p95_ms),
         "with linespoints pointtype 7 pointsize 0.4 linewidth 1.5 linecolor rgb '#D55E00' title 'P95'"},
        {BIN(p50_ms),
         "with linespoints pointtype 7 pointsize 0.4 linewidth 1.5 linecolor rgb '#0072B2' title 'P50'"},
    };
    static const curve rates[] = {
        {BIN(sent), "with steps linewidth 1.5 linecolor rgb '#9A9A9A' title 'sent'"},
        {BIN(answered), "with steps linewidth 1.5 linecolor rgb '#0072B2' title 'answered'"},
        {BIN(failed), "with impulses linewidth 2 linecolor rgb '#D55E00' title 'without a result'"},
    };
    static const curve queue[] = {
        {BIN(queue_max), "with steps linewidth 1 linecolor rgb '#9A9A9A' title 'most'"},
        {BIN(queue_mean), "with lines linewidth 1.5 linecolor rgb '#009E73' title 'mean'"},
    };
    static const curve machine[] = {
        {BIN(others_cores), "with impulses linewidth 2 linecolor rgb '#CC79A7' title 'other programs'"},
    };
    const shown_part *shown = find_series(d->parts, d->count);
    const bt_load_part *part = shown->part;
    char what[128];
    snprintf(what, sizeof what, "%s, second by second", shown->scenario->title);
    fprintf(d->out,
            "set multiplot layout 4,1 margins 0.10,0.80,0.08,0.94 spacing 0.035\nset grid\n"
            "set key outside right top vertical samplen 2\nset xrange [0:%d]\nset format x ''\n",
            part->bin_count);
    fprintf(d->out, "set yrange [0:%.6g]\n", 1.15 * d->top_ms);
    put_title(d, what);
    put_stacked(d, part, "latency, ms", latency, 3, true);
    fputs("unset title\nset yrange [0:1<*]\nset offsets 0, 0, graph 0.08, 0\n", d->out);
    put_stacked(d, part, "requests/s", rates, 3, false);
    put_stacked(d, part, "queue", queue, 2, false);
    fputs("set format x '%g'\nset xlabel 'seconds since the first request was to arrive'\n", d->out);
    put_stacked(d, part, "cores used", machine, 1, false);
    fputs("unset multiplot\n", d->out);
}

/* ---- batches and the split ---- */

static void put_batches(drawing *d) {
    int most = 1;
    for (int i = 0; i < d->count; i++)
        for (int b = 0; b < BT_LOAD_BATCHES; b++)
            if (d->parts[i].part->batches[b] > 0 && b + 1 > most) most = b + 1;
    put_title(d, "how many requests ran together");
    fprintf(d->out,
            "set xrange [0.5:%.1f]\nset yrange [0:112]\nset xlabel 'requests in a batch'\nset ylabel '%% of "
            "requests'\n"
            "set grid ytics\nset key outside right top vertical\nset style fill solid 0.85\n"
            "set boxwidth %.4f\nset xtics %d\n",
            most + 0.5, 0.8 / d->count, most > 16 ? (most + 15) / 16 : 1);
    fputs("plot ", d->out);
    for (int i = 0; i < d->count; i++) {
        fprintf(d->out, "%sdata index %d using 1:2 with boxes linecolor rgb '%s' title ", i ? ", " : "",
                d->index++, colours[i % COLOUR_COUNT]);
        bt_panel_string(d->out, d->parts[i].scenario->title);
    }
    fputc('\n', d->out);
    for (int i = 0; i < d->count; i++) {
        const bt_load_part *part = d->parts[i].part;
        double shift = (i - (d->count - 1) / 2.0) * 0.8 / d->count;
        for (int b = 0; b < most; b++)
            fprintf(d->data, "%.4f %.4f\n", b + 1 + shift,
                    100.0 * (double)part->batches[b] / (double)part->ok);
        end_block(d);
    }
}

/* Bars lie: a box for each share, from where the one before it ended. */
static void put_split(drawing *d) {
    static const struct {
        const char *title, *colour;
        size_t offset;
    } shares[] = {
        {"sent late", "#9A9A9A", offsetof(bt_load_part, slip_mean_ms)},
        {"queue", "#E69F00", offsetof(bt_load_part, queue_mean_ms)},
        {"preprocess", "#009E73", offsetof(bt_load_part, preprocess_mean_ms)},
        {"compute", "#0072B2", offsetof(bt_load_part, service_mean_ms)},
    };
    double from[SCENARIOS] = {0}, right = 1e-6;
    for (int i = 0; i < d->count; i++)
        right = fmax(right, d->parts[i].part->latency.mean_ms);
    put_title(d, "where the mean latency goes");
    fputs("set ytics (", d->out);
    for (int i = 0; i < d->count; i++) {
        fputs(i ? ", " : "", d->out);
        bt_panel_string(d->out, d->parts[i].scenario->title);
        fprintf(d->out, " %d", -i);
    }
    fprintf(d->out,
            ")\nset xrange [0:%.6g]\nset yrange [%.1f:0.6]\nset xlabel 'mean, ms'\nset grid xtics\n"
            "set key outside right top vertical\nset style fill solid 0.9\nplot ",
            1.06 * right, 0.4 - d->count);
    for (size_t s = 0; s < sizeof shares / sizeof *shares; s++)
        fprintf(d->out, "%sdata index %d using 1:2:3:4:5:6 with boxxyerror linecolor rgb '%s' title '%s'",
                s ? ", " : "", d->index++, shares[s].colour, shares[s].title);
    fputc('\n', d->out);
    for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
        for (int i = 0; i < d->count; i++) {
            double value = *(const double *)(const void *)((const char *)d->parts[i].part + shares[s].offset);
            if (!(value > 0)) value = 0;
            fprintf(d->data, "%.6g %d %.6g %.6g %.2f %.2f\n", from[i] + value / 2, -i, from[i],
                    from[i] + value, -i - 0.3, -i + 0.3);
            from[i] += value;
        }
        end_block(d);
    }
}

/* ---- scripts ---- */

static void put_script(FILE *out, FILE *data, const bt_load_record *record, const bt_load_model *model,
                       bt_load_plot plot) {
    static void (*const drawers[BT_LOAD_PLOT_COUNT])(drawing *) = {put_percentiles, put_scenarios, put_series,
                                                                   put_batches, put_split};
    static const char *const sizes[BT_LOAD_PLOT_COUNT] = {"860,900", "860,520", "860,900", "860,500",
                                                          "860,460"};
    char stem[BT_PATH_SIZE];
    bt_error ignored;
    drawing d = {.out = out,
                 .data = data,
                 .record = record,
                 .model = model,
                 .sla_ms = record->settings.service.p95_sla_ms};
    d.count = collect(record, model, d.parts);
    d.top_ms = top_of(&d);
    if (bt_load_plot_path(stem, "", model->model, plot, "", &ignored) != BT_OK) return;
    stem[strlen(stem) - 1] = '\0'; /* the point of the extension */
    bt_plot_prologue(out, stem, stem, sizes[plot]);
    drawers[plot](&d);
    fputs("unset output\nreset\n}\n", out);
}

static bt_status replace(const char *folder, const bt_load_model *model, bt_load_plot plot,
                         const char *extension, const char *text, size_t size, bt_error *error) {
    char path[BT_PATH_SIZE];
    bt_status status = bt_load_plot_path(path, folder, model->model, plot, extension, error);
    return status == BT_OK ? bt_file_replace(path, text, size, false, error) : status;
}

/* The script, and its data beside it. */
static bt_status write_one(const bt_load_record *record, const bt_load_model *model, bt_load_plot plot,
                           const char *folder, bt_error *error) {
    char *script = NULL, *rows = NULL;
    size_t script_size = 0, rows_size = 0;
    bt_status status = BT_OK;
    FILE *out = open_memstream(&script, &script_size), *data = open_memstream(&rows, &rows_size);
    if (out && data) put_script(out, data, record, model, plot);
    bool written = out && data;
    if (out && fclose(out) != 0) written = false;
    if (data && fclose(data) != 0) written = false;
    if (!written) status = bt_fail(error, BT_NO_MEMORY, "%s: no memory to write plots", folder);
    if (status == BT_OK) status = replace(folder, model, plot, "gnuplot", script, script_size, error);
    if (status == BT_OK) status = replace(folder, model, plot, "dat", rows, rows_size, error);
    free(script);
    free(rows);
    return status;
}

bt_status bt_load_plots_write(const bt_load_record *record, const char *folder, bt_error *error) {
    bt_status status = bt_folder_make(folder, error);
    for (int i = 0; i < record->model_count; i++)
        for (int plot = 0; plot < BT_LOAD_PLOT_COUNT && status == BT_OK; plot++)
            if (bt_load_plot_is_drawn(record, &record->models[i], (bt_load_plot)plot))
                status = write_one(record, &record->models[i], (bt_load_plot)plot, folder, error);
    return status;
}

bt_status bt_load_plots_render(const bt_load_record *record, const char *folder, int64_t timeout_ns,
                               char said[BT_GNUPLOT_SAID_SIZE], bt_error *error) {
    bt_status status = BT_OK;
    said[0] = '\0';
    for (int i = 0; i < record->model_count && status == BT_OK; i++) {
        const bt_load_model *model = &record->models[i];
        char names[BT_LOAD_PLOT_COUNT][BT_PATH_SIZE], now[BT_GNUPLOT_SAID_SIZE];
        const char *scripts[BT_LOAD_PLOT_COUNT];
        int count = 0;
        for (int plot = 0; plot < BT_LOAD_PLOT_COUNT && status == BT_OK; plot++) {
            if (!bt_load_plot_is_drawn(record, model, (bt_load_plot)plot)) continue;
            status = bt_load_plot_path(names[count], ".", model->model, (bt_load_plot)plot, "gnuplot", error);
            scripts[count] = names[count];
            count++;
        }
        if (status != BT_OK || count == 0) continue;
        status = bt_gnuplot_run(folder, scripts, count, timeout_ns, now, error);
        if (now[0]) memcpy(said, now, sizeof now);
    }
    return status;
}
