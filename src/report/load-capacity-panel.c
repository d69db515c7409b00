/* A search for a capacity: P95 against the rate with the SLA, and what was served at it. */
#include <math.h>

#include "base/text.h"
#include "report/gnuplot-script.h"
#include "report/load-drawing.h"
#include "report/load-words.h"

/* The axis of P95 ends at so many SLAs: what is above is told by an arrow. Higher, the crossing is squeezed flat
 * by runs that were overloaded. */
#define TOP_SLAS 2.0

#define POINT(mark, colour) "points pointtype " mark " pointsize 1.3 " BT_LOAD_LINE(colour)
#define MET                 POINT(BT_MARK_MET, BT_COLOUR_MET) " title 'P95, met'"
#define BROKEN              POINT(BT_MARK_BROKEN, BT_COLOUR_BROKEN) " title 'P95, broken'"
#define NOT_SHOWN           POINT(BT_MARK_NOT_SHOWN, BT_COLOUR_NOT_SHOWN) " title 'P95, not shown'"
#define BAR                 "vectors heads size graph 0.006,90 " BT_LOAD_LINE(BT_COLOUR_INK) " title 'P95 bounds'"
#define ABOVE               "vectors " BT_OPEN_ARROW " " BT_LOAD_LINE(BT_COLOUR_BROKEN) " title 'P95, beyond this range'"
#define FOUND               "lines linewidth 1.5 dashtype 4 linecolor rgb '" BT_COLOUR_INK "' title 'capacity found'"
#define ASKED               "lines linewidth 1.5 linecolor rgb '" BT_COLOUR_GREY "' title 'asked for'"
#define SERVED              "linespoints pointtype 5 pointsize 0.8 " BT_LOAD_LINE(BT_COLOUR_P50) " title 'served'"
#define WITHIN                                                                                               \
    "linespoints pointtype 7 pointsize 1.1 linewidth 2 linecolor rgb '" BT_COLOUR_P95                        \
    "' title 'served within the SLA'"

/* The runs that have a rate and figures to draw, by rate. */
typedef struct drawn {
    const bt_load_capacity *capacity;
    const bt_rate_run *runs[BT_RATE_RUNS_MAX];
    int count;
    double left, right, top; /* of the axes */
} drawn;

static void add_run(drawn *r, const bt_rate_run *run) {
    int at = r->count++;
    while (at > 0 && r->runs[at - 1]->rate_rps > run->rate_rps) {
        r->runs[at] = r->runs[at - 1];
        at--;
    }
    r->runs[at] = run;
}

static drawn runs_of(const bt_load_drawing *d) {
    drawn r = {0};
    const bt_load_part *part = bt_load_search_of(d->record, d->model);
    if (!part) return r;
    r.capacity = &part->capacity;
    for (int i = 0; i < r.capacity->run_count; i++) {
        const bt_rate_run *run = &r.capacity->runs[i];
        const bool known = run->word != BT_RATE_DISTURBED && run->word != BT_RATE_LATE;
        if (run->rate_rps > 0 && known && run->p95_ms > 0) add_run(&r, run); /* NaN: one at a time */
    }
    if (r.count == 0) return r;
    r.left = 0.9 * r.runs[0]->rate_rps;
    r.right = 1.05 * fmax(r.runs[r.count - 1]->rate_rps, r.capacity->predicted_rps);
    for (int i = 0; i < r.count; i++)
        r.top = fmax(r.top, 1.1 * r.runs[i]->p95_ms);
    r.top = fmin(fmax(r.top, 1.3 * d->sla_ms), TOP_SLAS * d->sla_ms);
    return r;
}

bool bt_load_capacity_is_drawn(const bt_load_drawing *d) {
    return runs_of(d).count > 1;
}

static void put_upright(bt_load_drawing *d, double rate_rps, double top, const char *style) {
    if (!(rate_rps > 0)) return;
    bt_load_put_block(d, "1:2", style);
    bt_load_put_line_data(d, rate_rps, 0, rate_rps, top);
}

static void put_bounds(bt_load_drawing *d, const drawn *r) {
    int bars = 0;
    for (int i = 0; i < r->count; i++) {
        const bt_rate_run *run = r->runs[i];
        if (run->p95_ms > r->top || !isfinite(run->p95_lower_ms) || !isfinite(run->p95_upper_ms)) continue;
        if (bars++ == 0) bt_load_put_block(d, "1:2:3:4", BAR);
        bt_text_print(d->data, "%.6g %.6g 0 %.6g\n", run->rate_rps, run->p95_lower_ms,
                      fmin(run->p95_upper_ms, r->top) - run->p95_lower_ms);
    }
    if (bars > 0) bt_load_end_block(d);
}

static void put_points(bt_load_drawing *d, const drawn *r, bt_rate_word word, const char *style) {
    int points = 0;
    for (int i = 0; i < r->count; i++) {
        if (r->runs[i]->word != word || r->runs[i]->p95_ms > r->top) continue;
        if (points++ == 0) bt_load_put_block(d, "1:2", style);
        bt_text_print(d->data, "%.6g %.6g\n", r->runs[i]->rate_rps, r->runs[i]->p95_ms);
    }
    if (points > 0) bt_load_end_block(d);
}

static void put_above(bt_load_drawing *d, const drawn *r) {
    int arrows = 0;
    for (int i = 0; i < r->count; i++) {
        if (r->runs[i]->p95_ms <= r->top) continue;
        if (arrows++ == 0) bt_load_put_block(d, "1:2:3:4", ABOVE);
        bt_text_print(d->data, "%.6g %.6g 0 %.6g\n", r->runs[i]->rate_rps, 0.9 * r->top, 0.09 * r->top);
    }
    if (arrows > 0) bt_load_end_block(d);
}

static void put_latency(bt_load_drawing *d, const drawn *r) {
    bt_load_put_title(d, "P95 against the rate");
    bt_text_print(d->out, "set ylabel 'P95 latency (ms)'\nset yrange [0:%.6g]\n", r->top);
    bt_load_put_block(d, "1:2", BT_LOAD_SLA_LINE);
    bt_load_put_line_data(d, r->left, d->sla_ms, r->right, d->sla_ms);
    bt_load_put_curve(d, r->top);
    bt_load_put_foreseen(d, r->capacity->predicted_rps, r->top);
    put_upright(d, r->capacity->estimate_rps, r->top, FOUND);
    put_bounds(d, r);
    put_points(d, r, BT_RATE_MET, MET);
    put_points(d, r, BT_RATE_BROKEN, BROKEN);
    put_points(d, r, BT_RATE_NOT_SHOWN, NOT_SHOWN);
    put_above(d, r);
    bt_load_end_plot(d);
    fputs("unset title\nunset label 1\n", d->out);
}

static void put_rates(bt_load_drawing *d, const drawn *r, bool within, const char *style) {
    bt_load_put_block(d, "1:2", style);
    for (int i = 0; i < r->count; i++) {
        bt_text_print(d->data, "%.6g", r->runs[i]->rate_rps);
        bt_load_put_value(d->data, within ? r->runs[i]->goodput_rps : r->runs[i]->throughput_rps);
        fputc('\n', d->data);
    }
    bt_load_end_block(d);
}

/* One legend for both, below: it stands with the second. */
static void put_legend(bt_load_drawing *d) {
    static const char *const styles[] = {
        BT_LOAD_SLA_LINE, BT_LOAD_BAND, BT_LOAD_CURVE, BT_LOAD_FORESEEN, BAR, MET, NOT_SHOWN, BROKEN, ABOVE};
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        bt_load_next_clause(d);
        fprintf(d->out, "keyentry with %s", styles[i]);
    }
}

static void put_goodput(bt_load_drawing *d, const drawn *r) {
    bt_text_print(d->out,
                  BT_KEY_BELOW
                  "set ylabel 'results/s'\nset yrange [0:%.6g]\nset xlabel 'requests/s asked for'\n",
                  r->right);
    bt_load_put_block(d, "1:2", ASKED);
    bt_load_put_line_data(d, r->left, r->left, r->right, r->right);
    put_upright(d, r->capacity->estimate_rps, r->right, FOUND);
    put_rates(d, r, false, SERVED);
    put_rates(d, r, true, WITHIN);
    put_legend(d);
    bt_load_end_plot(d);
}

void bt_load_put_capacity(bt_load_drawing *d) {
    const drawn r = runs_of(d);
    bt_text_print(d->out,
                  "set multiplot layout 2,1 margins 0.09,0.97,0.25,0.92 spacing 0.06\nset key off\n"
                  "set xrange [%.6g:%.6g]\n",
                  r.left, r.right);
    put_latency(d, &r);
    put_goodput(d, &r);
    fputs("unset multiplot\n", d->out);
}
