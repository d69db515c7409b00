#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/text.h"

/* The number, in kB, on the line of a /proc file that starts with `key` ("VmRSS:"); in bytes, 0 where there
 * is none. */
static int64_t kilobytes_line(const char *path, const char *key) {
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    char line[256];
    int64_t bytes = 0;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, key, strlen(key)) == 0) {
            bytes = strtoll(line + strlen(key), NULL, 10) * 1024;
            break;
        }
    }
    fclose(file);
    return bytes;
}

static int64_t line_under(const char *root, const char *file, const char *key) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s", root, file);
    return kilobytes_line(path, key);
}

int64_t bt_memory_resident_bytes(void) {
    return kilobytes_line("/proc/self/status", "VmRSS:");
}

int64_t bt_memory_peak_bytes(void) {
    return kilobytes_line("/proc/self/status", "VmHWM:");
}

bt_status bt_memory_peak_reset(bt_error *error) {
    int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    /* 5 resets the peak and nothing else (proc(5)). */
    int failed = file < 0 || write(file, "5", 1) != 1 ? errno : 0;
    if (file >= 0) close(file);
    if (failed)
        return bt_fail(error, BT_UNSUPPORTED,
                       "cannot reset this process's peak memory (/proc/self/clear_refs): %s",
                       bt_text_system_error(failed));
    return BT_OK;
}

/* A limit file's number; INT64_MAX where the file is absent, says "max", or what version 1 says for it: the
 * largest multiple of a page. */
static int64_t read_limit(const char *path) {
    FILE *file = fopen(path, "re");
    if (!file) return INT64_MAX;
    int64_t limit = INT64_MAX;
    if (fscanf(file, "%" SCNd64, &limit) != 1 || limit <= 0 || limit > INT64_MAX / 2) limit = INT64_MAX;
    fclose(file);
    return limit;
}

/* Keeps the tightest limit of the groups that it is shown; one that is not there has none. */
static void tighten(const char *folder, int version, void *limit) {
    char path[PATH_MAX];
    const char *file = version == 2 ? "memory.max" : "memory.limit_in_bytes";
    if (snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path) return;
    int64_t here = read_limit(path);
    if (here < *(int64_t *)limit) *(int64_t *)limit = here;
}

int64_t bt_memory_limit_bytes_under(const char *root) {
    int64_t machine = line_under(root, "/proc/meminfo", "MemTotal:");
    int64_t group = INT64_MAX;
    bt_cgroup_walk(root, "memory", tighten, &group);
    return machine == 0 || group < machine ? (group == INT64_MAX ? 0 : group) : machine;
}

int64_t bt_memory_limit_bytes(void) {
    return bt_memory_limit_bytes_under("");
}

int64_t bt_memory_available_bytes_under(const char *root) {
    const int64_t limit = bt_memory_limit_bytes_under(root);
    const int64_t machine = line_under(root, "/proc/meminfo", "MemAvailable:");
    const int64_t held = line_under(root, "/proc/self/status", "VmRSS:");
    int64_t available = machine > 0 ? machine : INT64_MAX;
    if (limit > 0 && limit - held < available) available = limit > held ? limit - held : 0;
    return available;
}

int64_t bt_memory_available_bytes(void) {
    return bt_memory_available_bytes_under("");
}

const char *bt_memory_kind(bool device) {
    return device ? "device" : "process";
}
