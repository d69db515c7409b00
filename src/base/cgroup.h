/* The process's control groups: the limits of a container are theirs, not the machine's. */
#ifndef BT_BASE_CGROUP_H
#define BT_BASE_CGROUP_H

#ifdef __cplusplus
extern "C" {
#endif

/* `folder` is one group's, under the mount; `version` is 1 or 2. */
typedef void (*bt_cgroup_visit)(const char *folder, int version, void *data);

/* Calls `visit` for the groups that `controller` ("memory", "cpu") counts this process in, and for their
 * parents up to the mount, in v1 and v2 and where both are. `root` comes before /proc and /sys ("" for the
 * real ones), so that a test can lay out any machine. Mounts are found by /proc/self/mountinfo, wherever they
 * are and whatever controllers share one. A container often sees a part of the hierarchy, whose name /proc
 * tells from outside, or not at all: then the mount itself is the nearest group that can be seen. Folders may
 * not exist, and one that is mounted twice may be visited twice. */
void bt_cgroup_walk(const char *root, const char *controller, bt_cgroup_visit visit, void *data);

/* How many CPUs' worth of time a group of the controller "cpu" may use (0.5: half of each period); INFINITY
 * where it has no limit or none that can be read. */
double bt_cgroup_quota(const char *folder, int version);

/* The number on the line `key` of one of a group's files ("nr_throttled" of "cpu.stat"); -1 where there is
 * none. */
long long bt_cgroup_number(const char *folder, const char *file, const char *key);

#ifdef __cplusplus
}
#endif
#endif
