/* The drawings of a tuning run: what each plot shows, as gnuplot commands, and the numbers behind it.
 *
 * A panel is a plot without its page: sweep-plots.c puts one on a page of its own, or five on an overview.
 * All ranges are computed here, so that gnuplot is never asked to guess one from data that may be empty. */
#ifndef BT_REPORT_SWEEP_PANELS_H
#define BT_REPORT_SWEEP_PANELS_H

#include <stdbool.h>
#include <stdio.h>

#include "record/sweep-record.h"
#include "report/sweep-plots.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The data of a model: one row a point, then the named blocks "bounds", "open" and "front". */
void bt_sweep_panel_data(FILE *out, const bt_record *record, const bt_model_record *model);

/* The commands of one panel, which expect the variable `data` to hold the data file's path. `on_page`: the
 * panel is one of several, its legend is elsewhere and its title short. Not for BT_SWEEP_PLOT_OVERVIEW. */
void bt_sweep_panel_write(FILE *out, const bt_record *record, const bt_model_record *model,
                          bt_sweep_plot plot, bool on_page);

/* Whether any point has what a panel shows; what has none is not drawn. */
bool bt_sweep_panel_is_drawn(const bt_model_record *model, bt_sweep_plot plot);

/* In place of an overview of nothing: a sentence. */
void bt_sweep_panel_nothing(FILE *out, const bt_model_record *model);

/* The last place of an overview: the legend of the others, what was chosen and the advice. */
void bt_sweep_panel_legend(FILE *out, const bt_record *record, const bt_model_record *model);

/* "Some CPU, BF16, 128 × 128 px" into `out`. */
void bt_sweep_panel_subject(const bt_record *record, const bt_model_record *model, char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
