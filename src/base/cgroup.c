#include "base/cgroup.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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

/* Lines of /proc/self/cgroup are "number:controllers:group"; v2's has number 0 and no controllers. */
void bt_cgroup_walk(const char *root, const char *controller, bt_cgroup_visit visit, void *data) {
    char path[PATH_MAX], line[PATH_MAX];
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    if (!file) return;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *group++ = '\0';
        if (controllers[1] == '\0') {
            snprintf(path, sizeof path, "%s/sys/fs/cgroup", root);
            walk_up(path, group, 2, visit, data);
        } else if (lists(controllers + 1, controller)) {
            snprintf(path, sizeof path, "%s/sys/fs/cgroup/%s", root, controller);
            walk_up(path, group, 1, visit, data);
        }
    }
    fclose(file);
}
