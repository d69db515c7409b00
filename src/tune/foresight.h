/* What a run's sweeps will ask, found out ahead: the same sweeps, run on what the ranks have measured so far, and asked
 * for what comes next (tune/sweep.h, bt_sweep_ahead).
 *
 * All models' sweeps go on side by side, and what each is about to ask is dealt to ranks. The run itself then asks the
 * same in its own order, and finds its answers in the pool; where it asks anything else, it measures that itself. Pure but
 * for the pool. */
#ifndef BT_TUNE_FORESIGHT_H
#define BT_TUNE_FORESIGHT_H

#include "tune/pool.h"
#include "tune/sweep.h"
#include "tune/tuning.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_foresight bt_foresight;

/* Of every model of the options, each run in its way, with so much time for each. They, and the pool, must outlive it.
 * BT_NO_MEMORY, or what bt_resolve_models fails with. */
BT_MUST_USE bt_status bt_foresight_open(bt_foresight **out, const bt_optimize_options *options,
                                        const bt_contender *ways, bt_pool *pool, double time_budget_s,
                                        bt_error *error);
void bt_foresight_close(bt_foresight **foresight);

/* Goes on as far as the pool's answers lead. BT_NO_MEMORY, or what bt_sweep_model_open fails with. */
BT_MUST_USE bt_status bt_foresight_advance(bt_foresight *foresight, bt_error *error);

/* What is wanted of a model, soonest first, as of bt_sweep_ahead; 0 where nothing is left to ask. */
int bt_foresight_wishes(const bt_foresight *foresight, int model, bt_parcel *out, int room);

/* Whether that step is what the model's sweep cannot go on without. */
bool bt_foresight_needs(const bt_foresight *foresight, int model, const bt_step *step);

/* Nobody can measure the model: nothing more is wanted of it. */
void bt_foresight_give_up(bt_foresight *foresight, int model);

const char *bt_foresight_model(const bt_foresight *foresight, int model);
int bt_foresight_models(const bt_foresight *foresight);

/* How far all are, 0..1. */
double bt_foresight_progress(bt_foresight *foresight);

#ifdef __cplusplus
}
#endif
#endif
