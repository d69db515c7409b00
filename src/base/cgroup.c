#include "base/cgroup.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* ---- groups ---- */

static void walk_up(const char *mount, const char *group, int version, bt_cgroup_visit visit, void *data) {
    char folder[PATH_MAX], rest[PATH_MAX];
    snprintf(rest, sizeof rest, "%s", group);
    for (;;) {
        char *slash = strrchr(rest, '/');
        if (slash && !slash[1]) *slash = '\0';
        if (snprintf(folder, sizeof folder, "%s%s", mount, rest) < (int)sizeof folder)
            visit(folder, version, data);
        slash = strrchr(rest, '/');
        if (!slash) return;
        *slash = '\0';
    }
}

/* Whether a comma-separated list of controllers names this one. */
static bool lists(const char *controllers, const char *controller) {
    for (const char *at = controllers; at; at = strchr(at, ',')) {
        at += *at == ',';
        size_t length = strcspn(at, ",");
        if (length == strlen(controller) && strncmp(at, controller, length) == 0) return true;
    }
    return false;
}

/* A namespace's reader sees what lies outside of it as "/..": how many levels up a path begins, and what
 * follows. */
static int levels_up(const char **path) {
    int levels = 0;
    for (; strncmp(*path, "/..", 3) == 0 && ((*path)[3] == '/' || (*path)[3] == '\0'); *path += 3)
        levels++;
    return levels;
}

/* What of `group` lies under a mount whose root is `from`; NULL where it does not, or where `hidden` levels,
 * whose names are not told, lie between the mount and the group. */
static const char *below(const char *group, const char *from, int *hidden) {
    const int up = levels_up(&group), from_up = levels_up(&from);
    const size_t length = strcmp(from, "/") == 0 ? 0 : strlen(from);
    *hidden = length == 0 && from_up > up ? from_up - up : 0;
    if (from_up != up || strncmp(group, from, length) != 0) return NULL;
    return group[length] == '/' || group[length] == '\0' ? group + length : NULL;
}

/* ---- a group without a name ---- */

#define FOLDERS_MAX 4096 /* that are looked into */

static bool holds_process(const char *folder, const char *rest, int process) {
    char path[PATH_MAX], line[32];
    bool found = false;
    if (snprintf(path, sizeof path, "%s%s/cgroup.procs", folder, rest) >= (int)sizeof path) return false;
    FILE *file = fopen(path, "re");
    if (!file) return false;
    while (!found && fgets(line, sizeof line, file))
        found = atoi(line) == process;
    fclose(file);
    return found;
}

/* Makes `folder` the one so many levels below it under which, at `rest`, the process is; false where
 * none is. */
static bool find_process(char folder[PATH_MAX], int levels, const char *rest, int process, int *left) {
    const size_t length = strlen(folder);
    if (levels == 0) return holds_process(folder, rest, process);
    DIR *groups = opendir(folder);
    bool found = false;
    if (!groups) return false;
    for (struct dirent *entry; !found && *left > 0 && (entry = readdir(groups));) {
        if (entry->d_name[0] == '.' || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)) continue;
        --*left;
        if (snprintf(folder + length, PATH_MAX - length, "/%s", entry->d_name) < (int)(PATH_MAX - length))
            found = find_process(folder, levels - 1, rest, process, left);
    }
    closedir(groups);
    if (!found) folder[length] = '\0';
    return found;
}

static int own_process(const char *root) {
    char path[PATH_MAX];
    int process = 0;
    snprintf(path, sizeof path, "%s/proc/self/stat", root);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    if (fscanf(file, "%d", &process) != 1) process = 0;
    fclose(file);
    return process;
}

/* ---- mounts ---- */

/* mountinfo writes blanks and backslashes of a path as a backslash and three octal digits (proc(5)). */
static void unescape(char *path) {
    char *out = path;
    for (const char *at = path; *at; out++) {
        bool escaped = at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' &&
                       at[3] >= '0' && at[3] <= '7';
        *out = escaped ? (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + at[3] - '0') : *at;
        at += escaped ? 4 : 1;
    }
    *out = '\0';
}

typedef struct mount {
    char *from, *at;   /* which part of the file system, and where it is mounted */
    char *type, *with; /* "cgroup2"; the file system's own options, among them v1's controllers */
} mount;

/* "31 23 0:28 /part /where rw,relatime shared:1 - cgroup cgroup rw,cpu,cpuacct", cut up in place: any number
 * of words may stand before the dash. */
static bool read_mount(char *line, mount *out) {
    char *rest, *word = strtok_r(line, " \n", &rest);
    *out = (mount){0};
    for (int i = 0; word && strcmp(word, "-") != 0; i++, word = strtok_r(NULL, " \n", &rest)) {
        if (i == 3) out->from = word;
        if (i == 4) out->at = word;
    }
    if (!word || !out->at) return false;
    out->type = strtok_r(NULL, " \n", &rest);
    if (!strtok_r(NULL, " \n", &rest)) return false;
    out->with = strtok_r(NULL, " \n", &rest);
    unescape(out->from);
    unescape(out->at);
    return out->with != NULL;
}

/* One hierarchy that the process has a group in. */
typedef struct hierarchy {
    const char *root, *controller, *group;
    int version;
    bt_cgroup_visit visit;
    void *data;
} hierarchy;

static bool is_of(const mount *m, const hierarchy *h) {
    if (h->version == 2) return strcmp(m->type, "cgroup2") == 0;
    return strcmp(m->type, "cgroup") == 0 && lists(m->with, h->controller);
}

/* The group's folder below a mount that begins so many levels above what has a name here. */
static bool walk_hidden(const hierarchy *h, const char *top, int hidden) {
    char folder[PATH_MAX], group[PATH_MAX];
    const char *rest = h->group;
    const int process = own_process(h->root);
    int left = FOLDERS_MAX;
    levels_up(&rest);
    if (strcmp(rest, "/") == 0) rest = "";
    snprintf(folder, sizeof folder, "%s", top);
    if (process <= 0 || !find_process(folder, hidden, rest, process, &left)) return false;
    if (snprintf(group, sizeof group, "%s%s", folder + strlen(top), rest) >= (int)sizeof group) return false;
    walk_up(top, group, h->version, h->visit, h->data);
    return true;
}

/* Walks every mount that the group lies under. Where none is, the first of the hierarchy's mounts is the
 * nearest that can be seen; false where there is not even one. */
static bool walk_mounts(const hierarchy *h) {
    char path[PATH_MAX], nearest[PATH_MAX] = "";
    bool found = false;
    char *line = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/proc/self/mountinfo", h->root);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    while (getline(&line, &size, file) > 0) {
        mount m;
        int hidden;
        if (!read_mount(line, &m) || !is_of(&m, h)) continue;
        const char *rest = below(h->group, m.from, &hidden);
        snprintf(path, sizeof path, "%s%s", h->root, m.at);
        if (rest) walk_up(path, rest, h->version, h->visit, h->data);
        const bool here = rest || (hidden > 0 && walk_hidden(h, path, hidden));
        if (!here && !*nearest) memcpy(nearest, path, sizeof nearest);
        found = found || here;
    }
    free(line);
    fclose(file);
    if (!found && *nearest) h->visit(nearest, h->version, h->data);
    return found || *nearest;
}

static void walk_hierarchy(const hierarchy *h) {
    char usual[PATH_MAX];
    if (walk_mounts(h)) return;
    snprintf(usual, sizeof usual, "%s/sys/fs/cgroup%s%s", h->root, h->version == 1 ? "/" : "",
             h->version == 1 ? h->controller : "");
    const char *group = h->group;
    walk_up(usual, levels_up(&group) > 0 ? "" : group, h->version, h->visit, h->data);
}

/* Lines of /proc/self/cgroup are "number:controllers:group"; v2's has number 0 and no controllers. */
void bt_cgroup_walk(const char *root, const char *controller, bt_cgroup_visit visit, void *data) {
    char path[PATH_MAX];
    char *line = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    if (!file) return;
    while (getline(&line, &size, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *group++ = '\0';
        hierarchy h = {root, controller, group, controllers[1] == '\0' ? 2 : 1, visit, data};
        if (h.version == 2 || lists(controllers + 1, controller)) walk_hierarchy(&h);
    }
    free(line);
    fclose(file);
}

/* ---- files ---- */

static FILE *open_file(const char *folder, const char *name) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return NULL;
    return fopen(path, "re");
}

/* A positive number at the start of `text`, 0 where there is none or one that no kernel would write: "max",
 * -1, text. `rest` is what follows it. */
static long long positive(const char *text, const char **rest) {
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    *rest = end;
    bool whole = end != text && (*end == '\0' || isspace_l((unsigned char)*end, bt_text_locale()));
    return whole && errno == 0 && number > 0 ? number : 0;
}

static long long positive_in(const char *folder, const char *name) {
    char line[64] = "";
    const char *rest;
    FILE *file = open_file(folder, name);
    if (!file) return 0;
    if (!fgets(line, sizeof line, file)) line[0] = '\0';
    fclose(file);
    return positive(line, &rest);
}

/* v2 writes "quota period" or "max period" into one file, v1 two files and -1 for no limit. */
double bt_cgroup_quota(const char *folder, int version) {
    long long quota = 0, period = 0;
    char line[64] = "";
    const char *rest = "";
    if (version == 2) {
        FILE *file = open_file(folder, "cpu.max");
        if (file && fgets(line, sizeof line, file)) quota = positive(line, &rest);
        if (quota > 0) period = positive(rest, &rest);
        if (file) fclose(file);
    } else {
        quota = positive_in(folder, "cpu.cfs_quota_us");
        period = positive_in(folder, "cpu.cfs_period_us");
    }
    return quota > 0 && period > 0 ? (double)quota / (double)period : INFINITY;
}

long long bt_cgroup_number(const char *folder, const char *name, const char *key) {
    char line[128];
    const char *rest;
    long long number = -1;
    const size_t length = strlen(key);
    FILE *file = open_file(folder, name);
    if (!file) return -1;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, key, length) != 0 || line[length] != ' ') continue;
        const long long read = positive(line + length + 1, &rest);
        if (read > 0 || line[length + 1] == '0') number = read;
        break;
    }
    fclose(file);
    return number;
}
