/* A record's printed forms, in any format, to a stream or a file; and its pictures.
 *
 * What optimize-batch prints after a run and what render-report makes from an old record go through here, so
 * the two are the same to the letter. */
#ifndef BT_REPORT_SWEEP_PUBLISH_H
#define BT_REPORT_SWEEP_PUBLISH_H

#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "record/sweep-record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes a record to `out`. A page holds the pictures of the folder `plots`, a Markdown report shows them as
 * they are seen from the file `report` (a report that goes to a stream is taken to lie in the current folder:
 * "./report.md"); `plots` may be NULL. */
BT_MUST_USE bt_status bt_sweep_publish(const bt_record *record, bt_format format, const char *plots,
                                       const char *report, FILE *out, bt_error *error);

/* The same to a file, which is replaced whole or not at all. */
BT_MUST_USE bt_status bt_sweep_publish_file(const bt_record *record, bt_format format, const char *plots,
                                            const char *path, bt_error *error);

/* Writes scripts and data into `folder` and renders them. Where gnuplot is missing or complains, `log` gets a
 * line and the scripts and data are there all the same. */
BT_MUST_USE bt_status bt_sweep_publish_plots(const bt_record *record, const char *folder, bt_log *log,
                                             bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
