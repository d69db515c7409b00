/* P95 against rate: what a tuned model is predicted to do at each of several rates, and how sure that is.
 *
 * Points of one curve, and curves of several models, are of the same arrivals stretched (simulate/rates.h), so that
 * they can be laid over each other.
 *
 * The band is what the measured samples allow: the same simulation with every quantile of every time at its own lower
 * and upper bound. A share p of few samples may stand for a true share as far off as Wilson's score interval says, at
 * 95 % on each side. All bounds at once are farther off than chance usually puts them, so the band is a wide one; it
 * knows nothing of what was not sampled: a machine that is slower tomorrow. The config keeps at most
 * BT_CONFIG_QUANTILES of a size's samples, and the band is that of so many, or of as many blocks of runs that depend
 * on each other as they make. */
#ifndef BT_SIMULATE_CURVE_H
#define BT_SIMULATE_CURVE_H

#include "record/rate-curve.h"
#include "simulate/tuned-model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* From a twentieth of `capacity_rps` to a fifth beyond it; where that is not above 0, of what the ladder could serve
 * at best. Rates that are too low to be simulated (simulate/rates.h) are left out. The same arguments give the same
 * curve. A tenth of a second or a few. BT_INVALID, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_curve_predict(bt_rate_curve *out, const bt_tuned_model *model, int instances,
                                       double capacity_rps, uint64_t seed, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
