/* The whole of a tuning run: from settings to a scored record.
 *
 * Ties the pieces together and decides nothing itself: tune/resolve.h says what is tuned, tune/choose.h in
 * which precision and how many instances, the sweep what to measure next; the probe measures, tune/replay.h asks the journal
 * first, and scoring judges. What is written beside the journal (record, config, plots, report) is the
 * caller's business. */
#ifndef BT_TUNE_OPTIMIZE_H
#define BT_TUNE_OPTIMIZE_H

#include <signal.h>

#include "backend/resolved-model.h"
#include "base/error.h"
#include "base/log.h"
#include "record/sweep-record.h"
#include "tune/run.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Starts the run's folder and journal, or finds the one to resume (see bt_run_open). */
BT_MUST_USE bt_status bt_optimize_open_run(bt_run **out, const bt_settings *settings,
                                           const bt_machine *machine, bt_error *error);

typedef struct bt_crew bt_crew; /* tune/crew.h */

typedef struct bt_optimize_options {
    const bt_settings *settings;     /* resolved, as the next two: by bt_resolve_settings */
    const bt_resolved_model *models; /* in the settings' order */
    const char *images;
    const bt_option_sources *sources;
    const bt_machine *machine;
    const char *command;        /* the shell line that repeats the run */
    const char *worker_program; /* path of probe-worker */
    bt_run *run;
    const char *folder;                /* where `run` is NULL: of the run that this process measures for */
    bt_crew *crew;                     /* ranks that measure, too; NULL: none */
    bt_log *log;                       /* may be NULL */
    const volatile sig_atomic_t *stop; /* set by a signal handler: stop cleanly; may be NULL */
} bt_optimize_options;

/* Measures and scores. The record is the caller's; after a stop it holds what was measured, with
 * `interrupted` set in the models concerned. Errors: those of bt_session_open (nothing can be measured),
 * BT_IO of the journal, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_optimize(bt_record **out, const bt_optimize_options *options, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
