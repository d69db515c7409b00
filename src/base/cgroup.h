/* The process's control groups: the limits of a container are theirs, not the machine's. */
#ifndef BT_BASE_CGROUP_H
#define BT_BASE_CGROUP_H

#ifdef __cplusplus
extern "C" {
#endif

/* `folder` is one group's, under the mount; `version` is 1 or 2. */
typedef void (*bt_cgroup_visit)(const char *folder, int version, void *data);

/* Calls `visit` for the groups that `controller` ("memory", "cpu") counts this process in, and for their
 * parents up to the mount, in v1 and v2. `root` comes before /proc and /sys ("" for the real ones), so that a
 * test can lay out any machine. A container often sees its own group as the mount's root while /proc names it
 * from outside: folders may therefore not exist. */
void bt_cgroup_walk(const char *root, const char *controller, bt_cgroup_visit visit, void *data);

#ifdef __cplusplus
}
#endif
#endif
