/* One scenario of a load test second by second: latency, rates, the queue and what other programs took. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/text.h"
#include "report/layout.h"
#include "report/load-drawing.h"

/* The axis of cores ends at least here: less than a tenth of a core is the noise of any machine, and would
 * be blown up into something to worry about. */
#define LEAST_CORES 0.1

/* The scenario whose seconds say most: the longest with random or replayed arrivals, else the longest. */
static const bt_load_shown *find_series(const bt_load_drawing *d) {
    const bt_load_shown *best = NULL;
    for (int i = 0; i < d->count; i++) {
        bool open = d->parts[i].part->clients == 0 && d->parts[i].part->burst_size == 0;
        bool best_open = best && best->part->clients == 0 && best->part->burst_size == 0;
        if (!best || (open && !best_open) ||
            (open == best_open && d->parts[i].part->bin_count > best->part->bin_count))
            best = &d->parts[i];
    }
    return best;
}

/* The last second of a series ends when the load does, somewhere within it: what it counted is not a rate. */
static int whole_seconds(const bt_load_part *part) {
    return part->bin_count - 1;
}

bool bt_load_series_is_drawn(const bt_load_drawing *d) {
    return whole_seconds(find_series(d)->part) > 1;
}

static void put_key(bt_load_drawing *d, const char *style) {
    bt_load_next_clause(d);
    fprintf(d->out, "keyentry with %s", style);
}

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

/* A curve of a panel: steps go on to the end of the last whole second, points stand in the middle of
 * theirs. */
typedef struct curve {
    size_t offset;
    const char *style;
} curve;

static void put_seconds(bt_load_drawing *d, const bt_load_part *part, const curve *drawn) {
    bool steps = strncmp(drawn->style, "steps", 5) == 0;
    int seconds = whole_seconds(part);
    for (int i = 0; i < seconds + steps; i++) {
        bt_text_print(d->data, "%g", i + (steps ? 0 : 0.5));
        bt_load_put_value(d->data, bin_value(part, i < seconds ? i : seconds - 1, drawn->offset));
        fputc('\n', d->data);
    }
    bt_load_end_block(d);
}

static void put_panel(bt_load_drawing *d, const bt_load_part *part, const char *label, double top,
                      const curve *curves, int count) {
    bt_text_print(d->out, "set ylabel '%s'\nset yrange [0:%.6g]\n", label, top);
    for (int i = 0; i < count; i++) {
        bt_load_put_block(d, "1:2", curves[i].style);
        put_seconds(d, part, &curves[i]);
    }
}

#define BIN(member)   offsetof(bt_load_bin, member)
#define POINTS(shape) "linespoints pointtype " shape " pointsize 0.5 "
/* All styles of the series, so that the one legend below can show what each panel draws. */
#define P50_STYLE POINTS("5") BT_LOAD_LINE(BT_COLOUR_P50) " title 'P50'"
#define P95_STYLE POINTS("7") BT_LOAD_LINE(BT_COLOUR_P95) " title 'P95'"
#define MAX_STYLE                                                                                            \
    "points pointtype 8 pointsize 0.9 linewidth 1 linecolor rgb '" BT_COLOUR_MAX "' title 'slowest'"
#define SENT_STYLE     "steps linewidth 3 linecolor rgb '" BT_COLOUR_GREY "' title 'sent'"
#define ANSWERED_STYLE "steps linewidth 1.2 linecolor rgb '" BT_COLOUR_INK "' title 'answered'"
#define FAILED_STYLE   "impulses linewidth 4 linecolor rgb '" BT_COLOUR_BROKEN "' title 'without a result'"
#define MOST_STYLE     "steps linewidth 1 linecolor rgb '" BT_COLOUR_QUEUE "' title 'waiting, most'"
#define MEAN_STYLE     POINTS("13") BT_LOAD_LINE(BT_COLOUR_QUEUE) " title 'waiting, on average'"
#define OTHERS_STYLE   "impulses linewidth 4 linecolor rgb '" BT_COLOUR_P50 "' title 'other programs'"

static void put_latency_panel(bt_load_drawing *d, const bt_load_part *part) {
    static const curve curves[] = {
        {BIN(p50_ms), P50_STYLE}, {BIN(p95_ms), P95_STYLE}, {BIN(max_ms), MAX_STYLE}};
    double most_ms = fmax(most_in(part, BIN(max_ms)), 1e-3);
    bool sla = bt_load_sla_is_near(d, most_ms);
    if (!sla) bt_load_put_far_sla(d);
    put_panel(d, part, "latency (ms)", 1.15 * (sla ? fmax(most_ms, d->sla_ms) : most_ms), curves, 3);
    if (sla) {
        bt_load_put_block(d, "1:2", BT_LOAD_SLA_LINE);
        bt_load_put_line_data(d, 0, d->sla_ms, whole_seconds(part), d->sla_ms);
    }
    bt_load_end_plot(d);
    fputs("unset title\nunset label 1\nunset label 2\n", d->out);
}

static void put_series_legend(bt_load_drawing *d) {
    static const char *const styles[] = {P50_STYLE,        P95_STYLE,  MAX_STYLE,
                                         BT_LOAD_SLA_LINE, SENT_STYLE, ANSWERED_STYLE,
                                         FAILED_STYLE,     MOST_STYLE, MEAN_STYLE};
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++)
        put_key(d, styles[i]);
}

void bt_load_put_series(bt_load_drawing *d) {
    static const curve rates[] = {
        {BIN(sent), SENT_STYLE}, {BIN(answered), ANSWERED_STYLE}, {BIN(failed), FAILED_STYLE}};
    static const curve queue[] = {{BIN(queue_max), MOST_STYLE}, {BIN(queue_mean), MEAN_STYLE}};
    static const curve others[] = {{BIN(others_cores), OTHERS_STYLE}};
    const bt_load_shown *shown = find_series(d);
    const bt_load_part *part = shown->part;
    char what[128], title[BT_NAME_SIZE];
    bt_layout_clean(shown->scenario->title, title, sizeof title);
    snprintf(what, sizeof what, "%s, second by second", title);
    fprintf(d->out,
            "set multiplot layout 4,1 margins 0.09,0.97,0.165,0.93 spacing 0.035\nset key off\n"
            "set xrange [0:%d]\nset format x ''\n",
            whole_seconds(part));
    bt_load_put_title(d, what);
    put_latency_panel(d, part);
    put_panel(d, part, "requests/s",
              1.15 * fmax(fmax(most_in(part, BIN(sent)), most_in(part, BIN(answered))), 1), rates, 3);
    bt_load_end_plot(d);
    put_panel(d, part, "requests waiting", 1.15 * fmax(most_in(part, BIN(queue_max)), 1), queue, 2);
    bt_load_end_plot(d);
    fputs("set format x '%g'\nset xlabel 'seconds since the first request was to arrive'\n" BT_KEY_BELOW
          "set key maxcols 5\n",
          d->out);
    put_panel(d, part, "cores used", 1.15 * fmax(most_in(part, BIN(others_cores)), LEAST_CORES), others, 1);
    put_series_legend(d);
    bt_load_end_plot(d);
    fputs("unset multiplot\n", d->out);
}
