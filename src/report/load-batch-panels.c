/* How many requests of a load test ran together, and where the time of a request went. */
#include <math.h>
#include <stddef.h>

#include "base/text.h"
#include "report/gnuplot-script.h"
#include "report/layout.h"
#include "report/load-drawing.h"

/* ---- batches ---- */

static int sizes_that_ran(const bt_load_drawing *d, int *largest) {
    int sizes = 0;
    *largest = 1;
    for (int b = 0; b < BT_LOAD_BATCHES; b++) {
        bool ran = false;
        for (int i = 0; i < d->count; i++)
            ran |= d->parts[i].part->batches[b] > 0;
        sizes += ran;
        if (ran) *largest = b + 1;
    }
    return sizes;
}

bool bt_load_batches_are_drawn(const bt_load_drawing *d) {
    int largest;
    return sizes_that_ran(d, &largest) > 1;
}

void bt_load_put_batches(bt_load_drawing *d) {
    int most;
    sizes_that_ran(d, &most);
    bt_load_put_title(d, "how many requests ran together");
    bt_text_print(d->out,
                  "set xrange [0.5:%.1f]\nset yrange [0:112]\nset xlabel 'requests in a batch'\n"
                  "set ylabel 'share of requests (%%)'\nset tmargin 4\nset bmargin 9.5\n"
                  "set boxwidth %.4f\nset xtics %d\n",
                  most + 0.5, 0.8 / d->count, most > 16 ? (most + 15) / 16 : 1);
    for (int i = 0; i < d->count; i++) {
        const bt_load_part *part = d->parts[i].part;
        double shift = (i - (d->count - 1) / 2.0) * 0.8 / d->count;
        bt_load_next_clause(d);
        fprintf(d->out, "data index %d using 1:2 with ", d->index++);
        bt_load_put_scenario_style(d, &d->parts[i], "boxes fillstyle solid 0.85", true);
        for (int b = 0; b < most; b++)
            bt_text_print(d->data, "%.4f %.4f\n", b + 1 + shift,
                          100.0 * (double)part->batches[b] / fmax((double)part->ok, 1));
        bt_load_end_block(d);
    }
    bt_load_end_plot(d);
}

/* ---- where the mean latency goes ---- */

static double mean_of(const bt_load_part *part) {
    return part->latency.mean_ms;
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
static double bars_end(const bt_load_drawing *d) {
    double most = bt_load_most_of(d, mean_of), next = 0;
    if (!bt_load_one_dwarfs(d, mean_of)) return 1.06 * fmax(most, 1e-6);
    for (int i = 0; i < d->count; i++) {
        double mean = mean_of(d->parts[i].part);
        if (mean < most) next = fmax(next, mean);
    }
    return 1.5 * next;
}

/* "140.5 ms: queue 115.0, compute 25.4", on a bar that goes on beyond the axis. */
static void put_broken_bar(bt_load_drawing *d, int row, double end) {
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
void bt_load_put_split(bt_load_drawing *d) {
    double from[BT_LOAD_DRAWN_SCENARIOS] = {0}, end = bars_end(d);
    bt_load_put_title(d, "where the mean latency goes");
    bt_load_put_rows(d, 0);
    bt_text_print(d->out,
                  "set xrange [0:%.6g]\nset yrange [%.1f:0.6]\nset xlabel 'mean (ms)'\n"
                  "set lmargin at screen %.3f\nset tmargin 4\nset bmargin 7.5\n",
                  end, 0.4 - d->count, d->left);
    for (int i = 0; i < d->count; i++)
        if (mean_of(d->parts[i].part) > end) put_broken_bar(d, i, end);
    for (size_t s = 0; s < SHARES; s++) {
        bt_load_next_clause(d);
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
        bt_load_end_block(d);
    }
    bt_load_end_plot(d);
}
