/* Predicted P95 against the rate, and on top of it what random arrivals at a rate really took: whether the
 * simulator knows this service is seen at a glance. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "report/gnuplot-script.h"
#include "report/load-drawing.h"

/* The axis of P95 ends at so many SLAs: a curve goes up without end where its queue does. */
#define TOP_SLAS 1.5

/* A curve is of Poisson arrivals at one rate at a model that has its device to itself: bursts, ramps, closed loops and
 * models that ran beside others have no place on it. */
static bool has_place(const bt_load_shown *shown) {
    return strcmp(shown->scenario->shape, "poisson") == 0 && shown->scenario->part_count == 1 &&
           shown->part->rate_rps > 0 && shown->part->capacity.run_count == 0 &&
           shown->part->latency.p95_ms > 0;
}

static bool is_known(const bt_rate_point *point) {
    return point->p95_ms > 0;
}

bool bt_load_rates_are_drawn(const bt_load_drawing *d) {
    for (int i = 0; i < d->count; i++)
        if (has_place(&d->parts[i])) return d->model->predicted.count > 1;
    return false;
}

void bt_load_put_curve(bt_load_drawing *d, double top) {
    const bt_rate_curve *curve = &d->model->predicted;
    if (curve->count == 0) return;
    bt_load_put_block(d, "1:2:3", BT_LOAD_BAND);
    for (int i = 0; i < curve->count; i++)
        if (is_known(&curve->points[i]))
            bt_text_print(d->data, "%.6g %.6g %.6g\n", curve->points[i].rate_rps,
                          fmin(curve->points[i].p95_lower_ms, top), fmin(curve->points[i].p95_upper_ms, top));
    bt_load_end_block(d);
    bt_load_put_block(d, "1:2", BT_LOAD_CURVE);
    for (int i = 0; i < curve->count; i++)
        if (is_known(&curve->points[i]))
            bt_text_print(d->data, "%.6g %.6g\n", curve->points[i].rate_rps, curve->points[i].p95_ms);
    bt_load_end_block(d);
}

void bt_load_put_foreseen(bt_load_drawing *d, double rate_rps, double top) {
    if (!(rate_rps > 0)) return;
    bt_load_put_block(d, "1:2", BT_LOAD_FORESEEN);
    bt_load_put_line_data(d, rate_rps, 0, rate_rps, top);
}

/* P95 with its bounds; one that is above the axis stands at its end. */
static void put_point(bt_load_drawing *d, const bt_load_shown *shown, double top) {
    const bt_load_latency *latency = &shown->part->latency;
    const double low_ms = isfinite(latency->p95_lower_ms) ? latency->p95_lower_ms : latency->p95_ms;
    const double high_ms = isfinite(latency->p95_upper_ms) ? latency->p95_upper_ms : latency->p95_ms;
    bt_load_next_clause(d);
    fprintf(d->out, "data index %d using 1:2:3:4 with ", d->index++);
    bt_load_put_scenario_style(d, shown, "yerrorbars pointtype 7 pointsize 1.3", true);
    bt_text_print(d->data, "%.6g %.6g %.6g %.6g\n", shown->part->rate_rps, fmin(latency->p95_ms, top),
                  fmin(low_ms, top), fmin(high_ms, top));
    bt_load_end_block(d);
}

/* As far as anything that is drawn: the curve up to the capacity and a little beyond, and every point. */
static double right_of(const bt_load_drawing *d) {
    const bt_rate_curve *curve = &d->model->predicted;
    double right = curve->points[curve->count - 1].rate_rps;
    for (int i = 0; i < d->count; i++)
        if (has_place(&d->parts[i])) right = fmax(right, 1.05 * d->parts[i].part->rate_rps);
    return right;
}

void bt_load_put_rates(bt_load_drawing *d) {
    const double top = TOP_SLAS * d->sla_ms, right = right_of(d);
    bt_load_put_title(d, "P95 against the rate, predicted and measured");
    bt_text_print(d->out,
                  "set tmargin 4\nset bmargin 9.5\nset xlabel 'requests/s (Poisson arrivals)'\nset ylabel "
                  "'P95 latency (ms)'\nset xrange [0:%.6g]\nset yrange [0:%.6g]\n",
                  right, top);
    bt_load_put_curve(d, top);
    bt_load_put_block(d, "1:2", BT_LOAD_SLA_LINE);
    bt_load_put_line_data(d, 0, d->sla_ms, right, d->sla_ms);
    bt_load_put_foreseen(d, d->model->capacity_rps, top);
    for (int i = 0; i < d->count; i++)
        if (has_place(&d->parts[i])) put_point(d, &d->parts[i], top);
    bt_load_end_plot(d);
}
