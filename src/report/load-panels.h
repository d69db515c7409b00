/* The drawings of a load test: what each plot shows, as gnuplot commands, and the numbers behind it.
 *
 * load-plots.c puts each on a page and on disk. Everything that a command names is in the data file, in
 * blocks in the order in which the commands name them; all ranges are computed here, none by gnuplot. */
#ifndef BT_REPORT_LOAD_PANELS_H
#define BT_REPORT_LOAD_PANELS_H

#include <stdbool.h>
#include <stdio.h>

#include "record/load-record.h"
#include "report/load-plots.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether the record holds anything to draw in it; a plot that could say only one thing (all requests ran
 * alone) is not drawn. */
bool bt_load_panel_is_drawn(const bt_load_record *record, const bt_load_model *model, bt_load_plot plot);

/* "860,520": the size of its page in pixels. */
void bt_load_panel_size(const bt_load_record *record, const bt_load_model *model, bt_load_plot plot,
                        char out[32]);

/* The commands, which expect the variable `data` to hold the data file's path, and the data. Only where
 * bt_load_panel_is_drawn. */
void bt_load_panel_write(FILE *out, FILE *data, const bt_load_record *record, const bt_load_model *model,
                         bt_load_plot plot);

#ifdef __cplusplus
}
#endif
#endif
