#include "base/clock.h"

#include <errno.h>
#include <time.h>

int64_t bt_clock_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * BT_NS_PER_S + now.tv_nsec;
}

void bt_clock_sleep_until_ns(int64_t wake_ns) {
    if (wake_ns <= 0) return;
    struct timespec wake = {.tv_sec = wake_ns / BT_NS_PER_S, .tv_nsec = wake_ns % BT_NS_PER_S};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL) == EINTR) {
    }
}

void bt_clock_utc(char out[32]) {
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}
