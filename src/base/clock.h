/* Time, in int64_t nanoseconds. Only the outermost loops read a clock; decisions take the time as an
 * argument, so that a simulator can drive the same code. */
#ifndef BT_BASE_CLOCK_H
#define BT_BASE_CLOCK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BT_NS_PER_US 1000LL
#define BT_NS_PER_MS 1000000LL
#define BT_NS_PER_S  1000000000LL

/* CLOCK_MONOTONIC; never goes back; its zero means nothing. */
int64_t bt_clock_now_ns(void);

/* Sleeps until the monotonic clock shows `wake_ns`; returns at once where that is past. A signal does not cut
 * it short. */
void bt_clock_sleep_until_ns(int64_t wake_ns);

/* Wall-clock UTC in ISO 8601, "2026-01-31T12:34:56Z". */
void bt_clock_utc(char out[32]);

/* Nanoseconds to milliseconds: for options and reports only. */
static inline double bt_ms(int64_t duration_ns) {
    return (double)duration_ns / 1e6;
}

#ifdef __cplusplus
}
#endif
#endif
