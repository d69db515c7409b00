/* Proves a tuned config under load: scenarios through the real service, or through servers on the network, judged
 * against the promise.
 *
 * The driver behind `test-production`. Which scenarios run, at what rates and for how long is planned first,
 * purely (plan.h); each is simulated on its very schedule, then sent for real; what came back is summed up
 * and judged, purely (judge.h), into the load record that reports are made of. */
#ifndef BT_PROVE_TRIAL_H
#define BT_PROVE_TRIAL_H

#include <signal.h>

#include "base/error.h"
#include "base/log.h"
#include "load/spread.h"
#include "record/config.h"
#include "record/load-record.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_trial_options {
    const bt_load_settings *settings;
    const bt_option_sources *sources;
    const bt_config *config; /* NULL where servers are tested (settings->endpoint) and none was given */
    const bt_machine *machine;
    const char *command; /* the shell line that repeats it */
    const char *run_id;
    bt_log *log; /* progress and warnings; may be NULL */
    /* Others who send with this process (settings->mpi); NULL: there are none. */
    bt_spread *spread;
    /* Not 0: the scenario under way is drained and kept, the others are not run. */
    const volatile sig_atomic_t *stop;
} bt_trial_options;

/* What can be refused before anything is loaded: scenarios, models and rates that there are not, addresses that are
 * none, settings that are a server's own. BT_INVALID. */
BT_MUST_USE bt_status bt_trial_check(const bt_load_settings *settings, const bt_option_sources *sources,
                                     const bt_config *config, bt_error *error);

/* Runs everything and returns a record with verdict and verdict_code: 0 every judged part met; 3 one broken;
 * 4 one unsure or untrusted and none broken; 130 interrupted. BT_INVALID for options that no run could follow
 * (an unknown scenario or model, a rate that is no number), errors of the service's start; what fails later
 * is a verdict in the record, not a status. Blocks for minutes. The caller closes the record. */
BT_MUST_USE bt_status bt_trial_run(bt_load_record **out, const bt_trial_options *options, bt_error *error);

/* The part of another rank than 0 in a trial of servers: sends what rank 0 deals out (load/spread.h), until that has no
 * more. `unable`: what has failed already, which rank 0 is told; NULL: nothing has. What fails here is rank 0's to tell,
 * but for BT_CLOSED: it is gone. *all_alive as for bt_spread_serve. */
BT_MUST_USE bt_status bt_trial_assist(const bt_trial_options *options, bt_ranks *ranks,
                                      const bt_error *unable, bool *all_alive, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
