#include "base/futex.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

void bt_futex_wait(atomic_uint *word, unsigned seen, int64_t until_ns) {
    struct timespec until = {.tv_sec = until_ns / BT_NS_PER_S, .tv_nsec = until_ns % BT_NS_PER_S};
    /* the bitset form takes an absolute time of the monotonic clock */
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, seen, until_ns == INT64_MAX ? NULL : &until, NULL,
            FUTEX_BITSET_MATCH_ANY);
}

void bt_futex_spin(atomic_uint *word, unsigned seen, int64_t spin_ns) {
    if (spin_ns <= 0) return;
    const int64_t until_ns = bt_clock_now_ns() + spin_ns;
    while (atomic_load_explicit(word, memory_order_acquire) == seen && bt_clock_now_ns() < until_ns) {
    }
}

void bt_futex_wake(atomic_uint *word, int count) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

void bt_futex_signal(atomic_uint *word) {
    atomic_fetch_add(word, 1);
    bt_futex_wake(word, INT32_MAX);
}
