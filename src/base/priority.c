#include "base/priority.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

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
