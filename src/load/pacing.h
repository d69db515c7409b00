/* Being on time: what a thread does that has to act at given moments, on a machine that may be busy all over.
 * Internal to load/. */
#ifndef BT_LOAD_PACING_H
#define BT_LOAD_PACING_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The longest sleep at a time, and so how soon a stop is seen. Raised, an interrupted test ends later;
 * lowered, the sending thread wakes for nothing more often. */
#define BT_PACER_NAP_NS (50 * BT_NS_PER_MS)

/* One thread's waiting, and what it has learned of this machine's sleeps. */
typedef struct bt_pacer {
    int64_t spin_max_ns;
    const volatile sig_atomic_t *stop; /* may be NULL */
    int64_t oversleep_ns;              /* how late sleeps have ended here at worst, of late; from 0 on */
} bt_pacer;

/* Waits for a moment as exactly as this machine lets: sleeps to shortly before it, and spins the rest. How
 * shortly follows from how late sleeps have ended. False: *stop was set meanwhile. */
bool bt_pacer_wait(bt_pacer *pacer, int64_t at_ns);

#ifdef __cplusplus
}
#endif
#endif
