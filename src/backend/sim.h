/* The simulated backend: a batch of b takes tau0 + alpha * b of real time and computes nothing.
 *
 * It lets every command be tried in a second without a runtime, and lets tests plant what a real device does
 * only on a bad day: noise, running out of memory, failing now and then, dying. A session is named by a
 * specification such as "sim:tau0_ms=4,alpha_ms=2,noise=0"; bt_sim_help lists the keys. Logits are left as
 * the caller has them, unless `echo` or `faults` ask for more. */
#ifndef BT_BACKEND_SIM_H
#define BT_BACKEND_SIM_H

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes one line a key: name, meaning and default, from the table that parsing uses. */
void bt_sim_help(FILE *out);

/* MiB that each simulated device has; NaN for a specification that is wrong. */
double bt_sim_memory_total_mb(const char *specification);

#ifdef __cplusplus
}
#endif
#endif
