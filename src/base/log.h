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

/* `terminal` (often stderr; may be NULL) receives lines of at least `terminal_level`, without a time; the
 * file at `path` (may be NULL; appended to) receives every line with a UTC time and level. Lines are whole:
 * written by any number of threads they do not mix. */
BT_MUST_USE bt_status bt_log_open(bt_log **out, FILE *terminal, bt_log_level terminal_level, const char *path,
                                  bt_error *error);
void bt_log_close(bt_log **log);

void bt_log_write(bt_log *log, bt_log_level level, const char *format, ...) BT_PRINTF(3, 4);

/* Progress of long work, on the same terminal: on a tty one line redrawn in place (bar, percent, ETA,
 * `text`), cleared before a log line and redrawn after it; elsewhere a plain line when at least 10 s or 10 %
 * have passed since the last. `now_ns` is the caller's clock. `fraction` 0..1 (1 ends the line); ETA from the
 * fraction's rate so far. */
void bt_log_progress(bt_log *log, int64_t now_ns, double fraction, const char *format, ...) BT_PRINTF(4, 5);

#ifdef __cplusplus
}
#endif
#endif
