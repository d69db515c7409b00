#include "base/quick-lock.h"

#include <stdbool.h>

#include "base/clock.h"

/* Between two tries, which take the lock's memory from its holder: few at first, since most holds are short. */
#define PAUSES_FIRST 8
#define PAUSES_MOST  128

static void pause_for(int pauses) {
    for (int i = 0; i < pauses; i++) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#else
        __asm__ volatile("" ::: "memory");
#endif
    }
}

static bool look(pthread_mutex_t *lock, int64_t until_ns) {
    int pauses = PAUSES_FIRST;
    do {
        pause_for(pauses);
        if (pthread_mutex_trylock(lock) == 0) return true;
        if (pauses < PAUSES_MOST) pauses *= 2;
    } while (bt_clock_now_ns() < until_ns);
    return false;
}

void bt_quick_lock(pthread_mutex_t *lock, int64_t look_ns) {
    if (pthread_mutex_trylock(lock) == 0) return;
    if (look_ns > 0 && look(lock, bt_clock_now_ns() + look_ns)) return;
    pthread_mutex_lock(lock);
}
