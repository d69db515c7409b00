#include "load/pacing.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A spin begins this much before sleeps have been seen to end late. Raised, more of a core goes into
 * spinning; lowered, a sleep a little later than all before it makes a late send. */
#define SPIN_LEAST_NS (5 * BT_NS_PER_US)

/* One part in so many of the time between sends may be spun, though no more than SPIN_MOST_NS at once. With a
 * larger share sends are on time on worse machines, but the sender takes from the service what it
 * measures. */
#define SPIN_SHARE   25
#define SPIN_MOST_NS (5 * BT_NS_PER_MS)

/* ---- waiting ---- */

bool bt_pacer_wait(bt_pacer *pacer, int64_t at_ns) {
    int64_t most_ns = pacer->spin_max_ns;
    int64_t share_ns = (at_ns - bt_clock_now_ns()) / SPIN_SHARE;
    if (share_ns > SPIN_MOST_NS) share_ns = SPIN_MOST_NS;
    if (share_ns > most_ns) most_ns = share_ns;
    for (;;) {
        if (pacer->stop && *pacer->stop) return false;
        int64_t now_ns = bt_clock_now_ns();
        int64_t margin_ns = pacer->oversleep_ns + pacer->oversleep_ns / 4 + SPIN_LEAST_NS;
        if (margin_ns > most_ns) margin_ns = most_ns;
        if (at_ns - now_ns <= margin_ns) break;
        int64_t wake_ns = at_ns - margin_ns;
        bool last = wake_ns - now_ns <= BT_PACER_NAP_NS;
        bt_clock_sleep_until_ns(last ? wake_ns : now_ns + BT_PACER_NAP_NS);
        if (last) {
            int64_t late_ns = bt_clock_now_ns() - wake_ns;
            pacer->oversleep_ns -= pacer->oversleep_ns / 16; /* the worst of late, which fades */
            if (late_ns > pacer->oversleep_ns) pacer->oversleep_ns = late_ns;
        }
    }
    while (bt_clock_now_ns() < at_ns) {
    }
    return true;
}

/* ---- priority ---- */

/* The kernel's struct sched_attr (sched_setattr(2)), first version: its header and libc's exclude each
 * other. */
typedef struct kernel_sched_attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice_value;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
} kernel_sched_attributes;

/* Asks for time slices of 0.1 ms: since Linux 6.12 who asks for short ones gets a core before the running
 * thread's own has passed (about 3 ms otherwise). Older kernels ignore it. */
static bool ask_for_short_slices(int nice_value) {
    kernel_sched_attributes attributes = {.size = sizeof attributes,
                                          .policy = SCHED_OTHER,
                                          .nice_value = nice_value,
                                          .runtime_ns = 100 * BT_NS_PER_US};
    return syscall(SYS_sched_setattr, 0, &attributes, 0) == 0;
}

void bt_raise_priority(bt_thread_priority *before) {
    const struct sched_param least = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};
    before->policy = sched_getscheduler(0);
    before->nice_value = getpriority(PRIO_PROCESS, 0);
    (void)!sched_getparam(0, &before->param);
    prctl(PR_SET_TIMERSLACK, 1UL);
    if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &least) == 0) return;
    if (!ask_for_short_slices(-20)) (void)ask_for_short_slices(before->nice_value);
}

void bt_restore_priority(const bt_thread_priority *before) {
    (void)!sched_setscheduler(0, before->policy, &before->param);
    (void)!setpriority(PRIO_PROCESS, 0, before->nice_value);
    prctl(PR_SET_TIMERSLACK, 0UL); /* as when the thread began */
}
