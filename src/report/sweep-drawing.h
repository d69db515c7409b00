/* One panel of a tuning run while it is written: what the files that draw share. Only they include this.
 *
 * sweep-panels.c says what each panel shows, sweep-points.c which numbers, sweep-layout.c where things stand in
 * it, sweep-marks.c what a point looks like. */
#ifndef BT_REPORT_SWEEP_DRAWING_H
#define BT_REPORT_SWEEP_DRAWING_H

#include <stdbool.h>
#include <stdio.h>

#include "record/sweep-record.h"
#include "report/palette.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_sweep_drawing {
    FILE *out;
    const bt_record *record;
    const bt_model_record *model;
    const char *y_column;                     /* of the data file */
    double (*y_value)(const bt_point *point); /* the same number */
    bool by_latency;                          /* the x axis is P95, not the batch size */
    bool on_page;                             /* one of several: its legend is elsewhere, its title short */
    double right, top;                        /* where the x axis (by latency) and the y axis end */
    int clauses;                              /* of the plot command, so far */
} bt_sweep_drawing;

/* ---- what is shown of a point; NaN where it is not known (sweep-points.c) ---- */

double bt_sweep_throughput(const bt_point *point);
double bt_sweep_p95_ms(const bt_point *point);
double bt_sweep_efficiency(const bt_point *point);
double bt_sweep_memory_mb(const bt_point *point); /* measured, or else predicted */

/* Whether a point has a number on both axes. */
bool bt_sweep_point_is_drawn(const bt_sweep_drawing *panel, const bt_point *point);

/* The largest of a number over a model's points; 0 where none is known. */
double bt_sweep_largest(const bt_model_record *model, double (*value)(const bt_point *point));

/* What a point may be, and how many of a model's are. */
bool bt_sweep_on_front(const bt_point *point);
bool bt_sweep_has_bounds(const bt_point *point); /* of its P95, both */
bool bt_sweep_is_open(const bt_point *point);    /* timed, and its P95 has no upper bound */
int bt_sweep_count(const bt_model_record *model, bool (*holds)(const bt_point *point));

/* ---- where things stand (sweep-layout.c) ---- */

/* The title; on a page of its own, what was measured stands below it. */
void bt_sweep_put_title(const bt_sweep_drawing *panel, const char *title);
/* The x axis' name, and below it the batch sizes that are not shown: a gap says nothing. */
void bt_sweep_put_x_label(const bt_sweep_drawing *panel, const char *label);
/* The x axis of batch sizes, and that of latencies, which sets panel->right. */
void bt_sweep_put_batch_axis(bt_sweep_drawing *panel);
void bt_sweep_put_latency_axis(bt_sweep_drawing *panel);
/* The y axis from 0, with room above `most`; `level` is a line that should be seen, NaN where none. */
void bt_sweep_put_y_axis(bt_sweep_drawing *panel, const char *label, double most, double level);
/* A horizontal line, its text where no point is; a line far above the data is only named. */
void bt_sweep_put_level(const bt_sweep_drawing *panel, double level, const char *colour, const char *text);
/* A share of the axis of batch sizes, 0..1, at which a point stands. */
double bt_sweep_x_share(const bt_sweep_drawing *panel, const bt_point *point);
/* The batch size beside each point of an axis of latencies. */
void bt_sweep_put_size_labels(const bt_sweep_drawing *panel);

/* ---- what a point looks like (sweep-marks.c) ---- */

#define BT_SWEEP_FRONT_STYLE "linewidth 1.5 linecolor rgb '" BT_COLOUR_MET "' title 'Pareto front'"
#define BT_SWEEP_BAR_STYLE                                                                                   \
    "heads size graph 0.008,90 linewidth 1.5 linecolor rgb '" BT_COLOUR_INK                                  \
    "' title 'P95 bounds, 95 % one-sided'"
#define BT_SWEEP_OPEN_STYLE                                                                                  \
    BT_OPEN_ARROW " linewidth 1.5 linecolor rgb '" BT_COLOUR_INK "' title 'upper bound unknown'"

/* The word of an outcome in legends: "admissible", "over the SLA". */
const char *bt_sweep_outcome_title(bt_outcome outcome);

/* The clauses that draw all points, each outcome with its mark, and a ring around the chosen one. */
void bt_sweep_put_points(bt_sweep_drawing *panel);

/* A clause that draws a line; `title` NULL: it is not in the legend. */
void bt_sweep_put_line(bt_sweep_drawing *panel, const char *what, const char *style, const char *title);

#ifdef __cplusplus
}
#endif
#endif
