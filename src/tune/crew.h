/* The ranks that measure for one run: rank 0's side, which deals, and the others', who are told.
 *
 * Rank 0 foresees what the run will ask (tune/foresight.h), deals it to whoever is free, itself included (tune/dealing.h),
 * and merges what comes back into the pool, in the run's folder (ranks.jsonl). Then the run goes its usual way and finds
 * its answers there. Whatever is not there, for whatever reason, it measures itself: a rank that dies costs its own step's
 * time, and no more. */
#ifndef BT_TUNE_CREW_H
#define BT_TUNE_CREW_H

#include "ranks/ranks.h"
#include "tune/optimize.h"
#include "tune/pool.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Rank 0: `ranks` must outlive it. `folder` is the run's. Other ranks have said that they are ready, or do so while work is
 * dealt. BT_IO, BT_PARSE and BT_NO_MEMORY of the pool. */
BT_MUST_USE bt_status bt_crew_open(bt_crew **out, bt_ranks *ranks, const char *folder, bt_error *error);
void bt_crew_close(bt_crew **crew); /* NULL-safe; nulls */

/* Rank 0: has all that can be foreseen measured, of every model in its way and with so much time for each. It returns
 * early where the options' stop is set. BT_IO and BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_crew_measure(bt_crew *crew, const bt_optimize_options *options,
                                      const bt_contender *ways, double time_budget_s, bt_error *error);

/* What was measured; NULL of no crew. */
bt_pool *bt_crew_pool(bt_crew *crew);

/* Rank 0, in the end and whatever happened: tells the others that it is over. Returns whether all of them are there to
 * hear it, for bt_ranks_close. */
bool bt_crew_dismiss(bt_ranks *ranks);

/* Any other rank: measures what rank 0 says until it says goodbye, is gone, or `options->stop` is set. The options are
 * those of the same command line, resolved here; where that failed, `trouble` says why, and nothing is measured. *all_alive
 * is for bt_ranks_close. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_crew_serve(bt_ranks *ranks, const bt_optimize_options *options, const char *trouble,
                                    bool *all_alive, bt_error *error);

/* What this process may run on, where several ranks of its host share the same CPUs: its own slice of them, for whatever
 * is started from now on. Returns how many CPUs that is; 0 where there are more ranks than CPUs, and this is one of those
 * that are left over. */
int bt_crew_take_slice(const bt_ranks *ranks);

/* The device that `device` ("auto", "cpu", "cuda:2") stands for on this rank: of several of a host, each has the next GPU.
 * "auto" stays what it is where there is no GPU. */
void bt_crew_take_device(const bt_ranks *ranks, char *device, size_t size, bool has_gpu);

#ifdef __cplusplus
}
#endif
#endif
