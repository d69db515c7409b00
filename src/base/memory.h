/* What memory this process uses and what it may use, as the kernel counts it.
 *
 * A model on a CPU has no allocator that could be asked for its peak: the honest figure is the process's
 * resident size against the smaller of the machine's memory and the control group's limit, since that is what
 * the kernel kills by. Everything here reads /proc and /sys; nothing is guessed, and what cannot be read is
 * 0. */
#ifndef BT_BASE_MEMORY_H
#define BT_BASE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of this process that are in memory now (VmRSS). The kernel counts in batches, so on a machine of many
 * cores it may be a few megabytes off. 0 where /proc cannot be read. */
int64_t bt_memory_resident_bytes(void);

/* The most that were since the process began or since the last successful bt_memory_peak_reset (VmHWM). */
int64_t bt_memory_peak_bytes(void);

/* Starts the peak anew from what is resident now. BT_UNSUPPORTED where the kernel does not let it be written
 * (/proc/self/clear_refs): the peak then still counts from the process's start. */
BT_MUST_USE bt_status bt_memory_peak_reset(bt_error *error);

/* What this process may use at most: the machine's memory, or the tightest limit among its control groups and
 * their parents (v1 and v2) where that is less. 0 where /proc cannot be read. */
int64_t bt_memory_limit_bytes(void);

/* The same, reading `root`/proc and `root`/sys in place of /proc and /sys: so that a test can lay out any
 * machine. */
int64_t bt_memory_limit_bytes_under(const char *root);

/* What it may take on top of what it holds, as far as can be told: what the machine has to give, or what is left of that
 * limit where this is less. INT64_MAX where /proc cannot be read: whoever asks is not stopped by that. */
int64_t bt_memory_available_bytes(void);
int64_t bt_memory_available_bytes_under(const char *root);

/* Whose memory a figure is, as records and reports name it: "device" (a GPU) or "process". */
const char *bt_memory_kind(bool device);

#ifdef __cplusplus
}
#endif
#endif
