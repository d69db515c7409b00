/* One run's folder under results/, and the way back into one that was cut off.
 *
 * Everything a run leaves lies in results/<run id>/: journal, log, record, report. The journal's first line
 * is a header that says what was asked; a run whose journal lacks the closing line was cut off and can be
 * resumed by the same command: its lines are handed out again in order, and new ones are appended behind
 * them. */
#ifndef BT_TUNE_RUN_H
#define BT_TUNE_RUN_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_run bt_run;

/* Makes a folder results/<UTC time>-<kind> and starts its journal with `header`; with `resume`, goes on with
 * the newest cut-off run of that kind under `results` instead, where there is one. BT_INVALID where that
 * run's header differs from `header` (the message names the first difference), BT_CLOSED where another
 * process is at it, BT_IO, BT_PARSE. `header` is borrowed. */
BT_MUST_USE bt_status bt_run_open(bt_run **out, const char *results, const char *kind, const json_t *header,
                                  bool resume, bt_error *error);
void bt_run_close(bt_run **run);

const char *bt_run_id(const bt_run *run);
const char *bt_run_folder(const bt_run *run);
/* How many journal lines of an earlier try are left to be handed out. */
int bt_run_lines_left(const bt_run *run);

/* The next line of the earlier try (borrowed), or NULL when they are used up. */
const json_t *bt_run_replay(bt_run *run);

/* Appends a line (takes over the reference). */
BT_MUST_USE bt_status bt_run_append(bt_run *run, json_t *line, bt_error *error);

/* Writes the closing line: this run cannot be resumed any more. */
BT_MUST_USE bt_status bt_run_finish(bt_run *run, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
