/* The files of a record's pictures: their names, the way to them from a report, and gnuplot at work on
 * them. */
#ifndef BT_REPORT_PLOT_FILES_H
#define BT_REPORT_PLOT_FILES_H

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "report/gnuplot.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "<model><rest>" in `folder` ("" for the bare name). Characters of the model's name that do not belong in a
 * file's name become '_'. BT_INVALID where the path is too long. */
BT_MUST_USE bt_status bt_plot_file(char out[BT_PATH_SIZE], const char *folder, const char *model,
                                   const char *rest, bt_error *error);

/* The way from a report at `report` to the pictures in `folder`, as a link in it needs it ("../../plots", "."
 * for the same folder; "" where `folder` is NULL). The report's folder and `folder` must be there: BT_IO
 * names what is not. */
BT_MUST_USE bt_status bt_plots_seen_from(char out[BT_PATH_SIZE], const char *folder, const char *report,
                                         bt_error *error);

#define BT_PLOT_SCRIPTS_MAX 8

/* The scripts of one model, named relative to their folder ("./hrnet-latency.gnuplot": a name that starts
 * with a dash must not be read as an option). */
typedef struct bt_plot_scripts {
    char names[BT_PLOT_SCRIPTS_MAX][BT_PATH_SIZE];
    int count;
} bt_plot_scripts;

/* Has one gnuplot draw them all, if there are any; errors as of bt_gnuplot_run. `said` is left as it was
 * where gnuplot says nothing. */
BT_MUST_USE bt_status bt_plot_scripts_run(const bt_plot_scripts *scripts, const char *folder,
                                          int64_t timeout_ns, char said[BT_GNUPLOT_SAID_SIZE],
                                          bt_error *error);

/* gnuplot is given so long for the pictures of one model. A picture takes about 0.2 s; longer than this, and
 * it waits for something that will not come. A run that has measured for minutes can wait for it. */
#define BT_PLOT_TIMEOUT_NS (60 * BT_NS_PER_S)

/* What became of drawing a record's pictures. */
typedef struct bt_plot_drawing {
    bt_status status;
    bt_error error; /* of that status */
    char said[BT_GNUPLOT_SAID_SIZE];
} bt_plot_drawing;

/* A gnuplot that is missing, fails or complains is a warning in `log` and no failure: scripts and data are
 * there all the same. Memory that ran out is a failure: BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_plot_drawing_end(const bt_plot_drawing *drawing, bt_log *log, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
