#include "base/busy.h"

#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

/* CPU time that the process's CPUs spent at anything but idling, s; NaN where the kernel does not tell. Those that it may
 * not run on do not disturb it. */
static double all_seconds(void) {
    cpu_set_t own;
    const bool bound = sched_getaffinity(getpid(), sizeof own, &own) == 0;
    FILE *stat = fopen("/proc/stat", "re");
    char line[512];
    double ticks = 0;
    int found = 0;
    while (stat && fgets(line, sizeof line, stat)) {
        long long user, nice, system, idle, iowait, irq, softirq, steal;
        int cpu;
        if (line[0] != 'c' || line[3] < '0' || line[3] > '9') continue; /* the first line is all of them */
        if (sscanf(line, "cpu%d %lld %lld %lld %lld %lld %lld %lld %lld", &cpu, &user, &nice, &system, &idle,
                   &iowait, &irq, &softirq, &steal) != 9)
            continue;
        if (bound && cpu >= 0 && cpu < CPU_SETSIZE && !CPU_ISSET((size_t)cpu, &own)) continue;
        ticks += (double)(user + nice + system + irq + softirq + steal);
        found++;
    }
    if (stat) fclose(stat);
    return found > 0 ? ticks / (double)sysconf(_SC_CLK_TCK) : NAN;
}

static double own_seconds(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return NAN;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

bt_busy bt_busy_now(void) {
    return (bt_busy){.wall_ns = bt_clock_now_ns(), .all_s = all_seconds(), .own_s = own_seconds()};
}

double bt_busy_others_since(const bt_busy *before) {
    bt_busy now = bt_busy_now();
    int64_t wall_ns = now.wall_ns - before->wall_ns;
    if (wall_ns < BT_BUSY_SHORTEST_NS) return NAN;
    double others_s = (now.all_s - before->all_s) - (now.own_s - before->own_s);
    return isnan(others_s) ? NAN : fmax(others_s, 0) / ((double)wall_ns / 1e9);
}
