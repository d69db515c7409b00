/* Did a CPU quota stop this process while something was measured?
 *
 * A control group with a quota gets so much time a period (100 ms, most often); once that is used up all its
 * threads stand still until the next. A stop of half a period is long against most promises, and looks like a
 * slow program or a busy machine to whoever does not ask. The kernel counts such periods. */
#ifndef BT_BASE_THROTTLE_H
#define BT_BASE_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What came of a time. All 0: no quota. */
typedef struct bt_throttling {
    double quota_cpus;                        /* of the group that was throttled most */
    int64_t quota_periods, throttled_periods; /* in which it ran, and in which it was stopped */
    double throttled_s;                       /* that its CPUs stood still, all together */
} bt_throttling;

/* A moment: take one before, and ask about the time since. */
#define BT_THROTTLE_GROUPS_MAX 16
typedef struct bt_throttle_mark {
    int count;
    struct {
        double quota_cpus;
        int64_t periods, throttled, throttled_ns;
    } groups[BT_THROTTLE_GROUPS_MAX]; /* those with a quota that this process is in, from the innermost out */
} bt_throttle_mark;

bt_throttle_mark bt_throttle_now(void);

/* Of several groups with a quota, the one that was throttled most. All 0 where there is none, or where they
 * are others than before. */
bt_throttling bt_throttle_since(const bt_throttle_mark *before);

/* The same on a made-up machine, whose /proc and /sys lie under `root`. */
bt_throttle_mark bt_throttle_now_under(const char *root);
bt_throttling bt_throttle_between(const bt_throttle_mark *before, const bt_throttle_mark *after);

void bt_throttling_add(bt_throttling *sum, const bt_throttling *more);

/* Whether it was stopped in so many periods that figures show it: more than one in twenty, since a promise is
 * of a 95th percentile. */
bool bt_throttling_matters(const bt_throttling *throttling);

/* "the CPU quota of 1 throttled 629 of 693 periods"; "" where it throttled none. */
#define BT_THROTTLING_WORDS_SIZE 128
void bt_throttling_words(const bt_throttling *throttling, char out[BT_THROTTLING_WORDS_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
