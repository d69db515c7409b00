/* The instances of a model that a point is measured with: several that run at the same time, each in a thread of its
 * own on cores of its own, or just one.
 *
 * While a batch is timed, every other instance runs one too: that is what a batch takes in a service whose queue never
 * empties, and what divides by the number of instances into its throughput. A single instance runs in the calling
 * thread, so that nothing but the forward pass is in its figures. A team belongs to one thread. */
#ifndef BT_TUNE_TEAM_H
#define BT_TUNE_TEAM_H

#include "backend/backend.h"
#include "base/error.h"
#include "settings/placement.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_team bt_team;

/* Opens `instances` sessions (at most BT_INSTANCES_MAX); options->threads is each one's. More than one takes
 * a CPU that has cores for all of them. BT_INVALID where it has not, BT_NO_MEMORY, or what bt_session_open
 * fails with. */
BT_MUST_USE bt_status bt_team_open(bt_team **out, const bt_session_options *options, int instances,
                                   bt_error *error);
/* Likewise, with a thread for a single instance too, so that it may run while the caller's does something else. */
BT_MUST_USE bt_status bt_team_open_apart(bt_team **out, const bt_session_options *options, int instances,
                                         bt_error *error);
void bt_team_close(bt_team **team); /* NULL-safe; nulls */

/* The first instance's: to describe it, and to ask for memory, which on a CPU is the whole process's. */
bt_session *bt_team_session(const bt_team *team);

/* Every instance prepares batches of `batch_size`; a run gives `values` numbers for an image. */
BT_MUST_USE bt_status bt_team_prepare(bt_team *team, int batch_size, size_t values, bt_error *error);

/* Times forward passes of a prepared size, all instances at a time, until there are `runs` durations in
 * samples_ms, in rounds. Everybody reads the same `images`, or, where sessions take pictures, runs on blank ones that
 * were sent before; the first instance writes `logits`. */
BT_MUST_USE bt_status bt_team_time(bt_team *team, int batch_size, int runs, const float *images,
                                   float *logits, double *samples_ms, bt_error *error);

/* One untimed pass of the first instance alone. */
BT_MUST_USE bt_status bt_team_run(bt_team *team, int batch_size, const float *images, float *logits,
                                  bt_error *error);

/* Where its instances are. */
const bt_placement *bt_team_placement(const bt_team *team);

/* One timed pass of one instance as a service runs it that takes turns with others on its cores: it then gives its
 * threads back. Of a prepared size. */
BT_MUST_USE bt_status bt_team_turn(bt_team *team, int index, int batch_size, const float *images,
                                   float *logits, double *took_ms, bt_error *error);

/* From now on these instances (a bit each) of a team that is apart, or has several, run one pass after another, until
 * bt_team_rest; that says how it went. In between nothing else may be asked of the team. */
void bt_team_keep_busy(bt_team *team, unsigned which, int batch_size, const float *images, float *logits);
BT_MUST_USE bt_status bt_team_rest(bt_team *team, unsigned which, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
