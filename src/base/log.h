/* What a run says while it runs: to a terminal and to the run's log file, with different patience.
 *
 * The library has no global log: whoever runs something passes a bt_log down; NULL is a log that says
 * nothing. */
#ifndef BT_BASE_LOG_H
#define BT_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_log_level { BT_LOG_DETAIL, BT_LOG_INFO, BT_LOG_WARNING, BT_LOG_ERROR } bt_log_level;

typedef struct bt_log bt_log;

/* `terminal` (often stderr; may be NULL; stays the caller's) receives lines of at least `terminal_level`,
 * without a time; the file at `path` (may be NULL; appended to; its folder is there) receives every line with
 * a UTC time and level. BT_IO where the file cannot be opened. */
BT_MUST_USE bt_status bt_log_open(bt_log **out, FILE *terminal, bt_log_level terminal_level, const char *path,
                                  bt_error *error);
void bt_log_close(bt_log **log);

/* One line; control characters in it become spaces and what is longer than BT_LOG_LINE_SIZE is cut with
 * "...". Lines are whole: written by any number of threads they do not mix. On the terminal a warning starts
 * with "warning: " and an error with "error: "; on a tty what is wider than it goes on in a next line. A line
 * that cannot be written (a full disk) is lost: the run matters more than its log. */
#define BT_LOG_LINE_SIZE 1024

void bt_log_write(bt_log *log, bt_log_level level, const char *format, ...) BT_PRINTF(3, 4);

/* Progress of long work, on the same terminal: on a tty one line redrawn in place (bar, percent, ETA,
 * `text`), cleared before a log line and redrawn after it; elsewhere a plain line at first, at the end, and
 * when at least 10 s or 10 % have passed since the last. Never in the log file, and not on a terminal whose
 * level is above BT_LOG_INFO. `now_ns` is the caller's clock. `fraction` 0..1: 1 ends the work, and the next
 * call starts another; until then what is shown never falls. ETA from the fraction's rate since the start.
 * Cheap to call often: a tty is redrawn at most every 100 ms. */
void bt_log_progress(bt_log *log, int64_t now_ns, double fraction, const char *format, ...) BT_PRINTF(4, 5);

#ifdef __cplusplus
}
#endif
#endif
