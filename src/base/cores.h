/* How many cores there are for this process: the one answer, for whoever starts threads or copies.
 *
 * Two things limit it. The affinity mask (taskset, cpusets) says on which CPUs it may run; a control group's
 * quota (docker --cpus, a pod's limit, systemd's CPUQuota) says how much of their time it gets, and leaves
 * the mask as it is. Threads beyond the quota are no help: together they use up a period's share early, and
 * then all of them stand still until the next one. */
#ifndef BT_BASE_CORES_H
#define BT_BASE_CORES_H

#include <sched.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_cores {
    int count;      /* the smaller of both, a part of a CPU counts whole; at least 1 */
    int cpus;       /* that the affinity mask allows; 0 where the system does not tell */
    double quota;   /* CPUs' worth of time, where that is less than `cpus`; 0: none is */
    cpu_set_t mask; /* the CPUs themselves, of the first 1024; all of those where the system does not tell */
} bt_cores;

/* Of the calling thread, which may be bound to fewer CPUs than the process. Of all its groups and of those
 * around them, in v1 and v2, the tightest quota counts. Any thread; takes some 0.1 ms. */
bt_cores bt_cores_read(void);

/* bt_cores_read().count, for those who need no more. */
int bt_cores_count(void);

/* The process on a made-up machine, whose /proc and /sys lie under `root`; "" is bt_cores_read. */
bt_cores bt_cores_read_under(const char *root);

/* "1 core", "3 cores"; with a quota "1 core (a CPU quota of 0.5 on 2 CPUs)". */
#define BT_CORES_WORDS_SIZE 80
void bt_cores_words(const bt_cores *cores, char out[BT_CORES_WORDS_SIZE]);

/* What becomes of so many threads at a time, where they are more than there are cores; "" where they
 * are not. */
#define BT_CORES_EXCESS_SIZE 200
void bt_cores_excess(const bt_cores *cores, int threads, char out[BT_CORES_EXCESS_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
