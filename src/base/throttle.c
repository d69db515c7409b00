#include "base/throttle.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/cgroup.h"
#include "base/text.h"

/* The share of periods cut short from which times are said to be about the quota rather than the program.
 * Raising it lets a P95 pass whose slowest runs were all cut short: 5 % of them suffice for that. Lowering it
 * warns of a period or two, which no percentile shows. */
#define MATTERS_SHARE 0.05

/* v1 counts nanoseconds, v2 microseconds. */
static void note_group(const char *folder, int version, void *data) {
    bt_throttle_mark *mark = data;
    const double quota = bt_cgroup_quota(folder, version);
    const long long periods = bt_cgroup_number(folder, "cpu.stat", "nr_periods");
    const long long throttled = bt_cgroup_number(folder, "cpu.stat", "nr_throttled");
    if (isinf(quota) || periods < 0 || throttled < 0 || mark->count == BT_THROTTLE_GROUPS_MAX) return;
    const long long time =
        bt_cgroup_number(folder, "cpu.stat", version == 2 ? "throttled_usec" : "throttled_time");
    const int unit_ns = version == 2 ? 1000 : 1;
    mark->groups[mark->count].quota_cpus = quota;
    mark->groups[mark->count].periods = periods;
    mark->groups[mark->count].throttled = throttled;
    mark->groups[mark->count].throttled_ns = time > 0 && time < INT64_MAX / unit_ns ? time * unit_ns : 0;
    mark->count++;
}

bt_throttle_mark bt_throttle_now_under(const char *root) {
    bt_throttle_mark mark = {.count = 0};
    bt_cgroup_walk(root, "cpu", note_group, &mark);
    return mark;
}

bt_throttle_mark bt_throttle_now(void) {
    return bt_throttle_now_under("");
}

bt_throttling bt_throttle_between(const bt_throttle_mark *before, const bt_throttle_mark *after) {
    bt_throttling most = {0};
    for (int i = 0; before->count == after->count && i < after->count; i++) {
        const bt_throttling here = {
            .quota_cpus = after->groups[i].quota_cpus,
            .quota_periods = after->groups[i].periods - before->groups[i].periods,
            .throttled_periods = after->groups[i].throttled - before->groups[i].throttled,
            .throttled_s = (double)(after->groups[i].throttled_ns - before->groups[i].throttled_ns) / 1e9};
        if (here.quota_periods < 0 || here.throttled_periods < 0 || here.throttled_s < 0)
            return (bt_throttling){0}; /* other groups: the process was moved */
        if (i == 0 || here.throttled_periods > most.throttled_periods) most = here;
    }
    return most;
}

bt_throttling bt_throttle_since(const bt_throttle_mark *before) {
    const bt_throttle_mark now = bt_throttle_now();
    return bt_throttle_between(before, &now);
}

void bt_throttling_add(bt_throttling *sum, const bt_throttling *more) {
    if (more->quota_cpus > 0) sum->quota_cpus = more->quota_cpus;
    sum->quota_periods += more->quota_periods;
    sum->throttled_periods += more->throttled_periods;
    sum->throttled_s += more->throttled_s;
}

bool bt_throttling_matters(const bt_throttling *throttling) {
    return (double)throttling->throttled_periods > MATTERS_SHARE * (double)throttling->quota_periods;
}

void bt_throttling_words(const bt_throttling *throttling, char out[BT_THROTTLING_WORDS_SIZE]) {
    out[0] = '\0';
    if (throttling->throttled_periods == 0) return;
    bt_text_format(out, BT_THROTTLING_WORDS_SIZE,
                   "the CPU quota of %.3g throttled %" PRId64 " of %" PRId64 " periods",
                   throttling->quota_cpus, throttling->throttled_periods, throttling->quota_periods);
}
