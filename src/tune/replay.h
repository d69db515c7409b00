/* Each question of a run is answered by its journal, where an earlier try left the answer, else by what other ranks have
 * measured, else by a worker.
 *
 * What a worker answers is journaled before anybody relies on it, so that a run that is cut off goes on with the
 * same answers in the same order, and so decides the same. Four questions are asked: what a session is, what a
 * turn of the contest took, what came of a step of the sweep, and of one beside another model. BT_PARSE where the journal answers another
 * question than the one that is asked; BT_IO and BT_NO_MEMORY of the journal. */
#ifndef BT_TUNE_REPLAY_H
#define BT_TUNE_REPLAY_H

#include "tune/contest.h"
#include "tune/tuning.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the model's session is, and what it took to open it. One model that cannot be opened gets a reason in its
 * record, and BT_OK; where no other would fare better, it is an error (as of bt_probe_start). */
BT_MUST_USE bt_status bt_replay_facts(const bt_tuning *tuning, bt_probe *probe, bt_worker_facts *facts,
                                      double *elapsed_s, bt_error *error);

/* A turn of the contest. That a contender cannot be had is a result; that the first cannot, for a reason that the
 * caller must put right, is an error. After a stop, BT_OK with a result that means nothing. */
BT_MUST_USE bt_status bt_replay_turn(const bt_tuning *tuning, bt_probe *probe, const bt_contest_turn *turn,
                                     bt_step_result *result, bt_error *error);

/* A step of the model beside the one called `neighbour`, which the probe opened too. That it fails, whyever, is a result:
 * both were tuned. After a stop as above. */
BT_MUST_USE bt_status bt_replay_pair(const bt_tuning *tuning, bt_probe *probe, const char *neighbour,
                                     const bt_step *step, bt_step_result *result, bt_error *error);

/* A step of the sweep. `why` is not empty where the model cannot be had any more: its part of the run ends. */
BT_MUST_USE bt_status bt_replay_step(const bt_tuning *tuning, bt_probe *probe, const bt_step *step,
                                     bt_step_result *result, char why[BT_TEXT_SIZE], bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
