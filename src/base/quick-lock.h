/* Taking a lock whose holders are quick: looks for it a while before sleeping.
 *
 * A thread that sleeps on a lock has to be woken, which costs both sides a system call and the sleeper the time until it
 * runs again: on a virtual machine a hundred microseconds, for a lock that was held for two. And once one sleeps,
 * each holder after it pays for waking the next. glibc's adaptive mutex looks too, but only about as long as it had to before:
 * one hold that is longer than usual, and it sleeps. */
#ifndef BT_BASE_QUICK_LOCK_H
#define BT_BASE_QUICK_LOCK_H

#include <pthread.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Locks, after looking for at most `look_ns`: 0 where there is one core, on which the holder cannot go on meanwhile. */
void bt_quick_lock(pthread_mutex_t *lock, int64_t look_ns);

#ifdef __cplusplus
}
#endif
#endif
