/* Sleeping on a word of memory: the system call beneath condition variables, without their lock.
 *
 * Whoever waits reads the word first, then what it stands for, and sleeps only while the word is still what
 * it was; whoever changes something changes the word after it, and wakes. */
#ifndef BT_BASE_FUTEX_H
#define BT_BASE_FUTEX_H

#include <stdint.h>

#include "base/atomic.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sleeps while *word is `seen`, until somebody wakes it or the monotonic clock shows `until_ns` (INT64_MAX:
 * no end). May return early for no reason. */
void bt_futex_wait(atomic_uint *word, unsigned seen, int64_t until_ns);
/* Spins until *word is not `seen` any more, but at most for so long: cheaper than sleeping where the wait is
 * short. */
void bt_futex_spin(atomic_uint *word, unsigned seen, int64_t spin_ns);
void bt_futex_wake(atomic_uint *word, int count);
/* Counts the word up and wakes all who sleep on it. */
void bt_futex_signal(atomic_uint *word);

#ifdef __cplusplus
}
#endif
#endif
