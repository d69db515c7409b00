/* One model's sweep, carried out: its steps go to the probe (or come from the journal), what they bring goes into its
 * record, and what is under way is told. tune/sweep.h decides the steps. */
#ifndef BT_TUNE_SWEEP_MODEL_H
#define BT_TUNE_SWEEP_MODEL_H

#include "tune/probe.h"
#include "tune/sweep.h"
#include "tune/tuning.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The sweep of a model whose session is known: what the session told goes into its record, and warnings to the log.
 * BT_NO_MEMORY, or what bt_resolve_sizes fails with. */
BT_MUST_USE bt_status bt_sweep_model_open(bt_sweep **out, const bt_tuning *t, int instances,
                                          const bt_worker_facts *facts, double time_budget_s,
                                          bt_error *error);

/* Sweeps a model whose session is known, on so many instances, and times what is around its runs. A model that cannot
 * be asked any more ends with what it has, and a tuning that is to stop, too. BT_NO_MEMORY, or what bt_resolve_sizes,
 * bt_sweep_open and bt_replay_step fail with. */
BT_MUST_USE bt_status bt_sweep_model(const bt_tuning *t, bt_probe *probe, int instances,
                                     const bt_worker_facts *facts, double time_budget_s, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
