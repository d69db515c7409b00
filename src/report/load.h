/* A load test for people and for CI: the summary, the SLA compliance report, the pictures.
 *
 * All forms are made of one load record and say the same things in the same words (load-words.h). */
#ifndef BT_REPORT_LOAD_H
#define BT_REPORT_LOAD_H

#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "record/load-record.h"
#include "report/gnuplot.h"

#ifdef __cplusplus
extern "C" {
#endif

/* For a terminal, within its width: for each model "HRNet Summary:" and a line a scenario
 * ("  Burst Load: P95=85.7ms ✓"), cause and remedy beside each ✗, then the figures as tables. BT_NO_MEMORY,
 * BT_NOT_WRITTEN where `out` fails. */
BT_MUST_USE bt_status bt_load_report_table(const bt_load_record *record, FILE *out, bt_error *error);

/* The SLA compliance report as Markdown. `pictures` as for bt_sweep_report_markdown: the folder of the plots
 * as seen from where the report will lie; NULL leaves them out. */
BT_MUST_USE bt_status bt_load_report_markdown(const bt_load_record *record, const char *pictures, FILE *out,
                                              bt_error *error);

/* The same as one self-contained HTML page: style and pictures (SVG files of the folder `plots`, read now;
 * what is not there is left out; NULL: none) are inside it. */
BT_MUST_USE bt_status bt_load_report_html(const bt_load_record *record, const char *plots, FILE *out,
                                          bt_error *error);

/* JUnit XML: a test suite a model, a test case a scenario; broken is a failure, not shown an error,
 * what is not judged skipped. */
BT_MUST_USE bt_status bt_load_report_junit(const bt_load_record *record, FILE *out, bt_error *error);

/* In any format; the others' arguments. `report` as for bt_sweep_publish. */
BT_MUST_USE bt_status bt_load_publish(const bt_load_record *record, bt_load_format format, const char *plots,
                                      const char *report, FILE *out, bt_error *error);
BT_MUST_USE bt_status bt_load_publish_file(const bt_load_record *record, bt_load_format format,
                                           const char *plots, const char *path, bt_error *error);

/* gnuplot scripts and data for every plot into `folder`; then rendered to SVG and PNG beside them. As
 * bt_sweep_plots_write, bt_sweep_plots_render and bt_sweep_publish_plots. */
BT_MUST_USE bt_status bt_load_plots_write(const bt_load_record *record, const char *folder, bt_error *error);
BT_MUST_USE bt_status bt_load_plots_render(const bt_load_record *record, const char *folder,
                                           int64_t timeout_ns, char said[BT_GNUPLOT_SAID_SIZE],
                                           bt_error *error);
BT_MUST_USE bt_status bt_load_publish_plots(const bt_load_record *record, const char *folder, bt_log *log,
                                            bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
