/* Whether a CPU gains by BF16: measured, since no flag tells.
 *
 * CPUs with the same instructions differ: on some a BF16 product does twice an FP32 product's work in its time, on
 * others no more, and the conversions come on top. So one convolution of a shape that is frequent in the networks is
 * run in both, by turns, when a session first has to choose for itself; the tuner does not ask here, it races whole
 * networks. */
#ifndef BT_PLAN_PAYS_H
#define BT_PLAN_PAYS_H

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How many times as fast as in FP32 the convolution runs in BF16, in one thread: below 1 it is slower. Measured
 * at the first call, some 10 ms, and remembered for the process; any thread. The CPU has AVX512-BF16
 * (kernels/cpu.h). BT_UNSUPPORTED where there is no oneDNN to measure with, BT_BACKEND, BT_NO_MEMORY: nothing is
 * remembered then. */
BT_MUST_USE bt_status bt_bf16_speed(double *out, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
