/* Ways of sharing the cores out, timed against each other: batches of one, a worker each, by turns, so that a
 * slow spell of the machine falls on all of them. What they are and which one wins is tune/divisions.h's. */
#ifndef BT_TUNE_CONTEST_H
#define BT_TUNE_CONTEST_H

#include "base/error.h"
#include "base/log.h"
#include "record/record.h"
#include "tune/probe.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Times each of `count` divisions with the probe options of the same index and notes what it took. One of
 * several instances that fails stays unmeasured, with a line in the log; where the single instance fails that
 * is the error, as of bt_probe_run. A turn during which others used the cores comes again, once for each
 * round. Ends early, with BT_OK, where options->stop is set. */
BT_MUST_USE bt_status bt_contest_run(bt_division *divisions, const bt_probe_options *options, int count,
                                     const char *title, bt_log *log, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
