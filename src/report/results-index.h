/* One page over a folder of results: every run with its date, kind, verdict and models, a link to its page
 * and the line that repeats it.
 *
 * The page (index.html) is made of the records that lie in the folder, whoever wrote them, so it can be made
 * again at any time and nothing depends on it. A record may be large: what the page needs of it is kept in
 * index.json, and read again only when the record's file has changed, so that a run more costs as little
 * among a thousand as among ten. Both files are replaced whole. Of two runs that end within the same
 * milliseconds the earlier page may win; the next run mends it. */
#ifndef BT_REPORT_RESULTS_INDEX_H
#define BT_REPORT_RESULTS_INDEX_H

#include "base/error.h"
#include "base/log.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Makes the page of the folder `results` anew: of RUN/record.json in each folder, and of *.json beside them
 * (records and verdicts of perf-gate). A record that cannot be read is listed as such; other folders and
 * files are left out. BT_IO, BT_NO_MEMORY, BT_INVALID (a path too long; a folder without a run and without a
 * page). */
BT_MUST_USE bt_status bt_results_index_write(const char *results, bt_error *error);

/* The same after a run, which succeeded whether or not its page can be linked: a failure is a warning in
 * `log`. */
void bt_results_index_refresh(const char *results, bt_log *log);

/* Likewise after writing the file `path`, if the folder that it lies in has such a page. */
void bt_results_index_refresh_beside(const char *path, bt_log *log);

#ifdef __cplusplus
}
#endif
#endif
