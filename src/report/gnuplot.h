/* Runs gnuplot on scripts that are already on disk.
 *
 * Plots are a convenience: a machine without gnuplot must still tune. So a missing gnuplot has a status of
 * its own, a gnuplot that hangs is stopped, and no shell stands between (names of files need no quoting). */
#ifndef BT_REPORT_GNUPLOT_H
#define BT_REPORT_GNUPLOT_H

#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_GNUPLOT_SAID_SIZE 1024

/* Runs `gnuplot` (found by PATH, without the user's own start-up file) once, in `folder`, on `count` scripts
 * named relative to it, one after the other. Waits until it is done; after `timeout_ns` it and what it
 * started are killed. `said` receives the end of what it printed (warnings; empty when all is well). Blocks;
 * safe in any thread, as long as nobody else reaps this process's children.
 *
 * BT_UNSUPPORTED where gnuplot is not installed (the message names the remedy), BT_TIMEOUT, BT_IO with
 * gnuplot's last words where a script fails. */
BT_MUST_USE bt_status bt_gnuplot_run(const char *folder, const char *const *scripts, int count,
                                     int64_t timeout_ns, char said[BT_GNUPLOT_SAID_SIZE], bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
