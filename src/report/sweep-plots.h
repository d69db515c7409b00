/* Pictures of a tuning run: gnuplot scripts and data that stand by themselves, and their rendering.
 *
 * A plot is kept as three things: the numbers (one .dat file a model), the script that draws them, and the
 * pictures it makes (SVG and PNG). The scripts find data and pictures beside themselves, so anybody can
 * change one and run `gnuplot plots/hrnet-latency.gnuplot` from anywhere. Writing them needs no gnuplot;
 * rendering does, and says so where it is missing. Everything is drawn from the record alone. */
#ifndef BT_REPORT_SWEEP_PLOTS_H
#define BT_REPORT_SWEEP_PLOTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/files.h"
#include "record/sweep-record.h"
#include "report/gnuplot.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_sweep_plot {
    BT_SWEEP_PLOT_OVERVIEW,   /* those below on one page, with the legend and what was chosen */
    BT_SWEEP_PLOT_THROUGHPUT, /* images/s by batch size */
    BT_SWEEP_PLOT_LATENCY,    /* P95 with its bounds, and the SLA */
    BT_SWEEP_PLOT_EFFICIENCY, /* throughput / sqrt(batch size), the knee marked */
    BT_SWEEP_PLOT_MEMORY,     /* high-water mark, its fit, and what the reserve leaves */
    BT_SWEEP_PLOT_PARETO,     /* throughput against P95, the front connected */
    BT_SWEEP_PLOT_RATES,      /* predicted P95 against rate, where capacities were compared; on no overview */
    BT_SWEEP_PLOT_COUNT
} bt_sweep_plot;

/* "overview", "throughput", ...: part of the files' names; never NULL. */
const char *bt_sweep_plot_name(bt_sweep_plot plot);

/* Whether anything was measured that it shows; an overview always is, if only to say so. */
bool bt_sweep_plot_is_drawn(const bt_model_record *model, bt_sweep_plot plot);

/* The file "<model>-<plot>.<extension>" in `folder` ("" for the bare name). Characters of the model's name
 * that do not belong in a file's name become '_'. BT_INVALID where the path is too long. */
BT_MUST_USE bt_status bt_sweep_plot_path(char out[BT_PATH_SIZE], const char *folder, const char *model,
                                         bt_sweep_plot plot, const char *extension, bt_error *error);

/* Writes every model's data and the scripts of what is drawn into `folder`, which is made where it is not
 * there. Files that are there are replaced whole. BT_IO, BT_NO_MEMORY, BT_INVALID (a path too long). */
BT_MUST_USE bt_status bt_sweep_plots_write(const bt_record *record, const char *folder, bt_error *error);

/* Runs gnuplot on what bt_sweep_plots_write wrote, one process a model, each for at most `timeout_ns`; `said`
 * receives the warnings of the last one that had any (empty: none). Statuses as of bt_gnuplot_run:
 * BT_UNSUPPORTED where gnuplot is not installed. Blocks. */
BT_MUST_USE bt_status bt_sweep_plots_render(const bt_record *record, const char *folder, int64_t timeout_ns,
                                            char said[BT_GNUPLOT_SAID_SIZE], bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
