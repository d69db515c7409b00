/* The golden cases as a test's checks: whatever goes wrong fails the test. */
#ifndef BT_TESTS_GOLDEN_H
#define BT_TESTS_GOLDEN_H

#include "golden-cases.h"

/* Calls `check` for each of the cases. */
void golden_each(void (*check)(golden_case *one));

/* Runs a case on the CPU and gives the relative error of its logits. */
double golden_run(golden_case *one, const char *backend, bt_path path, bool use_amp, bool use_channels_last);

/* The same, without AMP: fails the test where the error is above ten times that of libtorch's own FP32
 * forward. */
void golden_within_fp32(golden_case *one, const char *backend, bt_path path, bool use_channels_last);

#endif
