#include "base/busy.h"

#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

/* CPU time that all cores spent at anything but idling, s; NaN where the kernel does not tell. */
static double all_seconds(void) {
    FILE *stat = fopen("/proc/stat", "re");
    if (!stat) return NAN;
    long long user, nice, system, idle, iowait, irq, softirq, steal;
    int count = fscanf(stat, "cpu %lld %lld %lld %lld %lld %lld %lld %lld", &user, &nice, &system, &idle,
                       &iowait, &irq, &softirq, &steal);
    fclose(stat);
    if (count != 8) return NAN;
    return (double)(user + nice + system + irq + softirq + steal) / (double)sysconf(_SC_CLK_TCK);
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
