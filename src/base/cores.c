#include "base/cores.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cgroup.h"
#include "base/text.h"

#define CPUS_MAX (1 << 20) /* a mask of 128 KiB; kernels of today end at 8192 */

static void set_all(cpu_set_t *mask) {
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        CPU_SET(cpu, mask);
}

/* The kernel refuses a mask that is too short for the CPUs that the machine could have, so that it grows. */
static bool ask_kernel(bt_cores *out) {
    for (int room = CPU_SETSIZE; room <= CPUS_MAX; room *= 2) {
        const size_t size = CPU_ALLOC_SIZE(room);
        cpu_set_t *mask = CPU_ALLOC(room);
        if (!mask) return false;
        const bool told = sched_getaffinity(0, size, mask) == 0;
        if (told) {
            out->cpus = CPU_COUNT_S(size, mask);
            memcpy(&out->mask, mask, sizeof out->mask);
        }
        CPU_FREE(mask);
        if (told) return true;
    }
    return false;
}

/* Counts a list like "0-3,8", as far as it is one. */
static void count_list(const char *list, bt_cores *out) {
    while (*list) {
        char *end;
        long first = strtol(list, &end, 10), last = first;
        if (end == list) return;
        if (*end == '-') last = strtol(end + 1, &end, 10);
        for (long cpu = first; cpu <= last && last < CPUS_MAX; cpu++, out->cpus++)
            if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET((size_t)cpu, &out->mask);
        list = end + (*end == ',');
    }
}

static bool read_status(const char *root, bt_cores *out) {
    static const char key[] = "Cpus_allowed_list:";
    char path[PATH_MAX], line[8192];
    snprintf(path, sizeof path, "%s/proc/self/status", root);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, key, sizeof key - 1) != 0) continue;
        count_list(line + sizeof key - 1, out);
        break;
    }
    fclose(file);
    return out->cpus > 0;
}

static void tighten(const char *folder, int version, void *quota) {
    *(double *)quota = fmin(*(double *)quota, bt_cgroup_quota(folder, version));
}

bt_cores bt_cores_read_under(const char *root) {
    bt_cores cores = {.count = 1};
    double quota = INFINITY;
    CPU_ZERO(&cores.mask);
    if (!(*root ? read_status(root, &cores) : ask_kernel(&cores))) set_all(&cores.mask);
    bt_cgroup_walk(root, "cpu", tighten, &quota);
    if (cores.cpus > 0) cores.count = cores.cpus;
    if (quota < cores.cpus) {
        cores.quota = quota;
        cores.count = (int)ceil(quota);
    }
    return cores;
}

bt_cores bt_cores_read(void) {
    return bt_cores_read_under("");
}

int bt_cores_count(void) {
    return bt_cores_read().count;
}

void bt_cores_words(const bt_cores *cores, char out[BT_CORES_WORDS_SIZE]) {
    int used = snprintf(out, BT_CORES_WORDS_SIZE, "%d core%s", cores->count, cores->count == 1 ? "" : "s");
    if (cores->quota > 0)
        bt_text_format(out + used, BT_CORES_WORDS_SIZE - (size_t)used, " (a CPU quota of %.3g on %d CPUs)",
                       cores->quota, cores->cpus);
}

void bt_cores_excess(const bt_cores *cores, int threads, char out[BT_CORES_EXCESS_SIZE]) {
    char words[BT_CORES_WORDS_SIZE];
    out[0] = '\0';
    if (threads <= cores->count) return;
    bt_cores_words(cores, words);
    snprintf(out, BT_CORES_EXCESS_SIZE, "%d threads on %s: %s", threads, words,
             cores->quota > 0 ? "they will stand still together once the quota is used up"
                              : "they will wait for each other");
}
