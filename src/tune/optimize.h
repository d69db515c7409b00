/* The whole of a tuning run: from settings to a scored record.
 *
 * Ties the pieces together and decides nothing itself: the sweep says what to measure, the probe measures,
 * the journal remembers, scoring judges. What is written beside the journal (record, config, plots, report)
 * is the caller's business. */
#ifndef BT_TUNE_OPTIMIZE_H
#define BT_TUNE_OPTIMIZE_H

#include <signal.h>

#include "base/error.h"
#include "base/log.h"
#include "record/sweep-record.h"
#include "tune/run.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Checks what can be checked before anything is measured (known models, model files that are what they should
 * be, sizes that they take, a backend specification that parses) and fills in what "auto" stands for on
 * `machine`: the device and the image size; and the models, where only model files are given. Where a model
 * file brings a size of its own over a profile's, the profile's counts as the default. `images` becomes what
 * a report says of the pictures, which are all decoded for that, and whose notes go to `log`. BT_INVALID or
 * BT_PARSE names the flag. */
BT_MUST_USE bt_status bt_optimize_resolve(bt_settings *settings, bt_option_sources *sources,
                                          const bt_machine *machine, char images[BT_TEXT_SIZE], bt_log *log,
                                          bt_error *error);

/* Whether the networks would really run on a CPU: asked for, or by "auto" on a machine without a GPU.
 * Settings as given. */
bool bt_optimize_on_cpu(const bt_settings *settings, const bt_machine *machine);

/* "production" on a GPU, "cpu-demo" on a CPU, "simulated" for a simulated backend; of resolved settings. */
const char *bt_optimize_workload(const bt_settings *settings);

/* Starts the run's folder and journal, or finds the one to resume (see bt_run_open). */
BT_MUST_USE bt_status bt_optimize_open_run(bt_run **out, const bt_settings *settings,
                                           const bt_machine *machine, bt_error *error);

typedef struct bt_optimize_options {
    const bt_settings *settings; /* resolved */
    const bt_option_sources *sources;
    const bt_machine *machine;
    const char *images;         /* as bt_optimize_resolve has it */
    const char *command;        /* the shell line that repeats the run */
    const char *worker_program; /* path of probe-worker */
    bt_run *run;
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
