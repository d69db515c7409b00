#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
                       strerror(failed));
    return BT_OK;
}

/* A limit file's number; INT64_MAX where the file is absent or says "max". */
static int64_t read_limit(const char *path) {
    FILE *file = fopen(path, "re");
    if (!file) return INT64_MAX;
    int64_t limit = INT64_MAX;
    if (fscanf(file, "%" SCNd64, &limit) != 1 || limit <= 0) limit = INT64_MAX;
    fclose(file);
    return limit;
}

/* The tightest limit of the group `group` ("/a/b") under `mount` and of its parents up to the mount itself. A
 * container often sees its own group as the mount's root while /proc names it from outside, so that a group
 * which is not there is no fault: its existing parents still count. */
static int64_t tightest(const char *mount, const char *group, const char *limit_file) {
    char path[PATH_MAX], walk[PATH_MAX];
    int64_t limit = INT64_MAX;
    snprintf(walk, sizeof walk, "%s", group);
    for (;;) {
        char *slash = strrchr(walk, '/');
        if (slash && !slash[1]) *slash = '\0';
        if (snprintf(path, sizeof path, "%s%s/%s", mount, walk, limit_file) < (int)sizeof path) {
            int64_t here = read_limit(path);
            if (here < limit) limit = here;
        }
        slash = strrchr(walk, '/');
        if (!slash) return limit;
        *slash = '\0';
    }
}

/* Whether a comma-separated list of controllers names the memory controller. */
static int lists_memory(const char *controllers) {
    for (const char *at = controllers; at; at = strchr(at, ',')) {
        at += *at == ',';
        size_t length = strcspn(at, ",");
        if (length == strlen("memory") && strncmp(at, "memory", length) == 0) return 1;
    }
    return 0;
}

/* Lines of /proc/self/cgroup are "number:controllers:group"; v2's has number 0 and no controllers. */
static int64_t group_limit(const char *root) {
    char path[PATH_MAX], line[PATH_MAX];
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    if (!file) return INT64_MAX;
    int64_t limit = INT64_MAX;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *group++ = '\0';
        int64_t here = INT64_MAX;
        if (controllers[1] == '\0') {
            snprintf(path, sizeof path, "%s/sys/fs/cgroup", root);
            here = tightest(path, group, "memory.max");
        } else if (lists_memory(controllers + 1)) {
            snprintf(path, sizeof path, "%s/sys/fs/cgroup/memory", root);
            here = tightest(path, group, "memory.limit_in_bytes");
        }
        if (here < limit) limit = here;
    }
    fclose(file);
    return limit;
}

int64_t bt_memory_limit_bytes_under(const char *root) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    int64_t machine = kilobytes_line(path, "MemTotal:");
    int64_t group = group_limit(root);
    return machine == 0 || group < machine ? (group == INT64_MAX ? 0 : group) : machine;
}

int64_t bt_memory_limit_bytes(void) {
    return bt_memory_limit_bytes_under("");
}
