/* How a CPU's cores are shared out among copies of a model: several of few threads each, or one of all.
 *
 * Several serve more where a network's operations are too small to keep all cores busy together; one answers
 * sooner. The ways are compared by batches of one, all copies busy, before any model is swept, and the sweeps
 * measure the chosen one only. Pure; what competes for each of them is tune/contenders.h's. */
#ifndef BT_TUNE_DIVISIONS_H
#define BT_TUNE_DIVISIONS_H

#include "base/cores.h"
#include "base/error.h"
#include "record/sweep-record.h"
#include "settings/tuning.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What settings.instances and settings.threads leave to choose from on these cores, fewest instances first;
 * nothing is measured yet. Who asks for instances may have as many as there are CPUs, whatever a quota leaves
 * of them. One way only on a GPU, for a simulated backend, and where instances are given. Returns how many
 * (at least 1). BT_INVALID where the cores do not do for what was asked. */
BT_MUST_USE bt_status bt_divisions_list(const bt_settings *settings, const bt_cores *cores,
                                        bt_division out[BT_DIVISIONS_MAX], int *count, bt_error *error);

/* Images a second, of so many instances whose batches of one take so long. */
double bt_division_throughput(int instances, double median_ms);

/* Notes what batches of one took; NaN: not measured. */
void bt_division_note(bt_division *division, double median_ms);

/* The one to sweep, the same for all models of a run, since they will share the cores: by objective latency
 * the one that answers soonest, otherwise the one that serves most, by the geometric mean over the models; of
 * those within 5 % of it the one of fewest instances, which needs least memory. One at which a model's median
 * is above the SLA counts only where there is no other. `of[m]` are model m's, `count` of them each. The
 * first where nothing was measured. */
int bt_divisions_choose(const bt_division *const *of, int models, int count, const bt_settings *settings);

#ifdef __cplusplus
}
#endif
#endif
