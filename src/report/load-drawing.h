/* One picture of a load test while it is written: what the files that draw share. Only they include this.
 *
 * A picture is commands and data: each clause of a plot command names the next block of the data file, which
 * is written at the same time, so that the two cannot fall apart. */
#ifndef BT_REPORT_LOAD_DRAWING_H
#define BT_REPORT_LOAD_DRAWING_H

#include <stdbool.h>
#include <stdio.h>

#include "record/load-record.h"
#include "report/palette.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_LOAD_DRAWN_SCENARIOS 32    /* at most */
#define BT_LOAD_PAGE_WIDTH      860.0 /* pixels */

#define BT_LOAD_LINE(colour) "linewidth 1.5 linecolor rgb '" colour "'"
#define BT_LOAD_SLA_LINE     "lines linewidth 1.5 dashtype 2 linecolor rgb '" BT_COLOUR_LIMIT "' title 'SLA'"
#define BT_LOAD_BAND                                                                                         \
    "filledcurves fillcolor rgb '" BT_COLOUR_PREDICTED "' fillstyle transparent solid 0.15 noborder title "  \
    "'what the measured times allow'"
#define BT_LOAD_CURVE "lines linewidth 2 linecolor rgb '" BT_COLOUR_PREDICTED "' title 'P95 predicted, alone'"
#define BT_LOAD_FORESEEN                                                                                     \
    "lines linewidth 1.5 dashtype 3 linecolor rgb '" BT_COLOUR_PREDICTED "' title 'capacity predicted'"

/* One scenario's part of the model, of which something was answered. */
typedef struct bt_load_shown {
    const bt_load_scenario *scenario;
    const bt_load_part *part;
} bt_load_shown;

typedef struct bt_load_drawing {
    FILE *out, *data; /* commands, and the blocks of data that they name */
    int index;        /* of the next block of data that a command names */
    int clauses;      /* of the plot command, so far */
    const bt_load_record *record;
    const bt_load_model *model;
    bt_load_shown parts[BT_LOAD_DRAWN_SCENARIOS];
    int count;
    double sla_ms;
    double left; /* margin, as a share of the page: names of scenarios stand there */
} bt_load_drawing;

/* ---- the pictures (load-latency-panels.c, load-series-panel.c, load-batch-panels.c,
 * load-rates-panel.c, load-capacity-panel.c) ---- */

void bt_load_put_percentiles(bt_load_drawing *d);
void bt_load_put_scenarios(bt_load_drawing *d);
void bt_load_put_series(bt_load_drawing *d);
bool bt_load_series_is_drawn(const bt_load_drawing *d); /* where some scenario took two whole seconds */
void bt_load_put_batches(bt_load_drawing *d);
bool bt_load_batches_are_drawn(const bt_load_drawing *d); /* where batches were of different sizes */
void bt_load_put_split(bt_load_drawing *d);
void bt_load_put_rates(bt_load_drawing *d);
bool bt_load_rates_are_drawn(const bt_load_drawing *d); /* where a rate was sent, and a curve predicted */
void bt_load_put_capacity(bt_load_drawing *d);
bool bt_load_capacity_is_drawn(const bt_load_drawing *d); /* where several rates were tried */

/* ---- blocks of data, and the commands that draw them (load-drawing.c) ---- */

/* " 12.5" or " NaN". */
void bt_load_put_value(FILE *out, double value);
void bt_load_end_block(bt_load_drawing *d);
/* Starts the plot command, or its next clause; the caller prints the rest of it. */
void bt_load_next_clause(bt_load_drawing *d);
/* The clause that draws the next block of data. */
void bt_load_put_block(bt_load_drawing *d, const char *columns, const char *style);
void bt_load_end_plot(bt_load_drawing *d);
/* A block of two points. */
void bt_load_put_line_data(bt_load_drawing *d, double x1, double y1, double x2, double y2);

/* ---- what is predicted (load-rates-panel.c) ---- */

/* P95 against the rate with its band, which ends at `top`; and the capacity. Nothing of what is not known. */
void bt_load_put_curve(bt_load_drawing *d, double top);
void bt_load_put_foreseen(bt_load_drawing *d, double rate_rps, double top);

/* ---- what stands around a plot ---- */

/* The title, and below it what was tested. */
void bt_load_put_title(bt_load_drawing *d, const char *what);
/* Names of scenarios down the left, the first at `first`, each a step lower. */
void bt_load_put_rows(bt_load_drawing *d, double first);
/* The margin that these names need, as a share of the page. */
double bt_load_left_margin(const bt_load_drawing *d);
/* `style` in a scenario's colour, which is its own in every plot and for every model; `titled`: in the
 * legend, by its name. */
void bt_load_put_scenario_style(bt_load_drawing *d, const bt_load_shown *shown, const char *style,
                                bool titled);

/* Whether the SLA's line is near enough to what was measured to be drawn with it. */
bool bt_load_sla_is_near(const bt_load_drawing *d, double most_ms);
/* Its value in a corner, where it is not. */
void bt_load_put_far_sla(bt_load_drawing *d);

/* The largest of a number over the scenarios; 0 where none is known. */
double bt_load_most_of(const bt_load_drawing *d, double (*value)(const bt_load_part *part));
/* Whether that is so much larger than the usual scenario's that it would leave the others no room. */
bool bt_load_one_dwarfs(const bt_load_drawing *d, double (*value)(const bt_load_part *part));

#ifdef __cplusplus
}
#endif
#endif
